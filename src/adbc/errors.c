/* errors.c: the driver's entry points and its errors. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adbc/driver.h"

static void release_error(struct AdbcError *error) {
    free(error->message);
    error->message = NULL;
    error->release = NULL;
}

static AdbcStatusCode status_of(tarn_code code) {
    switch (code) {
    case TARN_OK: return ADBC_STATUS_OK;
    case TARN_NOTFOUND: return ADBC_STATUS_NOT_FOUND;
    case TARN_EXISTS: return ADBC_STATUS_ALREADY_EXISTS;
    case TARN_INVALID: return ADBC_STATUS_INVALID_ARGUMENT;
    case TARN_DENIED: return ADBC_STATUS_UNAUTHORIZED;
    case TARN_UNSUPPORTED: return ADBC_STATUS_NOT_IMPLEMENTED;
    case TARN_CONSTRAINT: return ADBC_STATUS_INTEGRITY;
    case TARN_CORRUPT: return ADBC_STATUS_INVALID_DATA;
    case TARN_IO: return ADBC_STATUS_IO;
    case TARN_TIMEOUT: return ADBC_STATUS_TIMEOUT;
    case TARN_CANCELLED: return ADBC_STATUS_CANCELLED;
    case TARN_CONFLICT: return ADBC_STATUS_INVALID_STATE;
    default: return ADBC_STATUS_INTERNAL;
    }
}

/* The vendor's code is Tarn's; it is not the one that announces fields of ADBC 1.1. */
static AdbcStatusCode give(struct AdbcError *out, tarn_code code, const char *sqlstate, const char *message,
                           const char *hint) {
    if (!out) return status_of(code);
    if (out->release) out->release(out);
    size_t size = strlen(message) + strlen(hint) + 64;
    out->message = malloc(size);
    if (!out->message) abort();
    snprintf(out->message, size, "%s: %s%s%s", tarn_code_name(code), message, *hint ? "\nhint: " : "", hint);
    out->vendor_code = code;
    memcpy(out->sqlstate, sqlstate, sizeof out->sqlstate);
    out->release = release_error;
    return status_of(code);
}

AdbcStatusCode tarn_adbc_error(struct AdbcError *out, const tarn_error *error) {
    return give(out, error->code, error->sqlstate, error->message, error->hint);
}

AdbcStatusCode tarn_adbc_fail(struct AdbcError *out, tarn_code code, const char *format, ...) {
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return give(out, code, code == TARN_UNSUPPORTED ? "0A000" : "HY000", message, "");
}

void tarn_adbc_keep(char **slot, const char *value) {
    char *copy = value ? strdup(value) : NULL;
    if (value && !copy) abort();
    free(*slot);
    *slot = copy;
}

static AdbcStatusCode release_driver(struct AdbcDriver *driver, struct AdbcError *error) {
    (void)error;
    driver->release = NULL;
    return ADBC_STATUS_OK;
}

AdbcStatusCode AdbcDriverTarnInit(int version, void *driver, struct AdbcError *error) {
    if (version != ADBC_VERSION_1_0_0 && version != ADBC_VERSION_1_1_0)
        return tarn_adbc_fail(error, TARN_UNSUPPORTED, "ADBC version %d: this driver speaks 1.0 and 1.1", version);
    struct AdbcDriver *d = driver;
    memset(d, 0, version == ADBC_VERSION_1_0_0 ? offsetof(struct AdbcDriver, ErrorGetDetailCount) : sizeof *d);
    d->release = release_driver;
    tarn_adbc_fill_connection(d, version);
    tarn_adbc_fill_statement(d, version);
    return ADBC_STATUS_OK;
}

AdbcStatusCode AdbcDriverInit(int version, void *driver, struct AdbcError *error) {
    return AdbcDriverTarnInit(version, driver, error);
}
