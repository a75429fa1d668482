/* cmd_doctor.c: tarn doctor: tries each part of the installation and says which one fails. */
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

const char cmd_doctor_usage[] =
    "tarn doctor\n"
    "Tries the parts of this installation: the library, DuckDB, a table written and read in a throw-away warehouse,\n"
    "and the warehouse itself (nothing in it is changed; a folder that is not there yet is not made). Exit code 1 when something does not work.\n";

typedef struct visit {
    const cli_globals *g;
    char folder[64]; /* throw-away */
    tarn_lake *lake;
    tarn_session *session;
    struct timespec start;
    int failures;
} visit;

static void begin(visit *v) { clock_gettime(CLOCK_MONOTONIC, &v->start); }

static void report(visit *v, const char *what, const char *detail, const tarn_error *error) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double ms = (double)(now.tv_sec - v->start.tv_sec) * 1e3 + (double)(now.tv_nsec - v->start.tv_nsec) / 1e6;
    printf("%-6s  %-9s  %7.1f ms  %s\n", error ? "FAILED" : "ok", what, ms, detail);
    fflush(stdout);
    if (!error) return;
    cli_fail(error);
    v->failures++;
}

static void check_library(visit *v) {
    tarn_error error;
    cli_auto_buf text = {0};
    int abi = tarn_abi_version();
    begin(v);
    cli_printf(&text, "%s, ABI %d", TARN_VERSION, abi);
    if (abi == TARN_ABI) return report(v, "tarn", cli_text(&text), NULL);
    cli_error(&error, TARN_UNSUPPORTED, "libtarn has ABI %d, this binary needs %d; install both from one build", abi,
              TARN_ABI);
    report(v, "tarn", cli_text(&text), &error);
}

static bool check_temp(visit *v) {
    const char *temp = getenv("TMPDIR");
    tarn_error error;
    begin(v);
    temp = temp && *temp && strlen(temp) < 32 ? temp : "/tmp";
    snprintf(v->folder, sizeof v->folder, "%s/tarn-doctor-XXXXXX", temp);
    if (mkdtemp(v->folder)) return report(v, "temp", temp, NULL), true;
    cli_error(&error, TARN_IO, "cannot make a folder in %s: %s", temp, strerrordesc_np(errno));
    report(v, "temp", temp, &error);
    return false;
}

static void keep_first(void *state, const cli_row *row) {
    cli_buf *text = state;
    if (!text->n && row->n) cli_puts(text, row->cells[0]);
}

static bool check_sql(visit *v, const char *what, const char *const *statements) {
    tarn_error error = {.size = sizeof error};
    cli_auto_buf text = {0};
    tarn_code code = TARN_OK;
    begin(v);
    for (; *statements && code == TARN_OK; statements++) {
        text.n = 0;
        code = cli_each_row(v->session, *statements, keep_first, &text, &error);
    }
    report(v, what, code == TARN_OK ? cli_text(&text) : "", code == TARN_OK ? NULL : &error);
    return code == TARN_OK;
}

static bool open_lake(visit *v, const char *what, const char *warehouse) {
    cli_globals g = *v->g;
    tarn_error error = {.size = sizeof error};
    begin(v);
    g.warehouse = warehouse;
    tarn_code code = cli_open(&g, &v->lake, &error);
    if (code == TARN_OK) code = tarn_session_open(v->lake, NULL, &v->session, &error);
    report(v, what, warehouse, code == TARN_OK ? NULL : &error);
    return code == TARN_OK;
}

static void close_lake(visit *v) {
    tarn_session_close(v->session);
    tarn_close(v->lake);
    v->session = NULL;
    v->lake = NULL;
}

static void check_engine(visit *v) {
    static const char *const duckdb[] = {"SELECT 'DuckDB ' || version()", NULL};
    static const char *const table[] = {"CREATE TABLE doctor AS SELECT i FROM range(1000) t(i)",
                                        "SELECT count(*) || ' rows written and read' FROM doctor", NULL};
    if (open_lake(v, "catalog", v->folder) && check_sql(v, "engine", duckdb)) check_sql(v, "table", table);
    close_lake(v);
}

/* Opening would create it, so one that is missing is only told of. */
static void check_warehouse(visit *v) {
    static const char *const tables[] = {"SHOW TABLES", NULL};
    const char *warehouse = v->g->warehouse;
    struct stat st;
    tarn_error error;
    begin(v);
    bool folder = !strstr(warehouse, "://");
    if (folder && stat(warehouse, &st) != 0)
        return report(v, "warehouse", "not there yet; the first command creates it", NULL);
    if (folder && access(warehouse, W_OK | X_OK) != 0) {
        cli_error(&error, TARN_DENIED, "warehouse %s: %s", warehouse, strerrordesc_np(errno));
        return report(v, "warehouse", warehouse, &error);
    }
    if (open_lake(v, "warehouse", warehouse)) check_sql(v, "tables", tables);
    close_lake(v);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

int cmd_doctor(const cli_globals *g, int argc, char **argv) {
    visit v = {.g = g};
    if (argc > 1) return cli_unknown("doctor", argv[1]);
    check_library(&v);
    if (check_temp(&v)) {
        check_engine(&v);
        nftw(v.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    check_warehouse(&v);
    if (v.failures)
        printf("%d problem%s\n", v.failures, v.failures == 1 ? "" : "s");
    else
        puts("sound");
    return v.failures ? CLI_FAILED : CLI_DONE;
}
