/* adbc.h: the ABI of ADBC 1.1 (Arrow Database Connectivity) as far as a driver fills it: the layout is that standard's.
 */
#ifndef TARN_ADBC_ADBC_H
#define TARN_ADBC_ADBC_H

#include "tarn.h"

typedef uint8_t AdbcStatusCode;

enum {
    ADBC_STATUS_OK,
    ADBC_STATUS_UNKNOWN,
    ADBC_STATUS_NOT_IMPLEMENTED,
    ADBC_STATUS_NOT_FOUND,
    ADBC_STATUS_ALREADY_EXISTS,
    ADBC_STATUS_INVALID_ARGUMENT,
    ADBC_STATUS_INVALID_STATE,
    ADBC_STATUS_INVALID_DATA,
    ADBC_STATUS_INTEGRITY,
    ADBC_STATUS_INTERNAL,
    ADBC_STATUS_IO,
    ADBC_STATUS_CANCELLED,
    ADBC_STATUS_TIMEOUT,
    ADBC_STATUS_UNAUTHENTICATED,
    ADBC_STATUS_UNAUTHORIZED
};

enum { ADBC_VERSION_1_0_0 = 1000000, ADBC_VERSION_1_1_0 = 1001000 };
enum { ADBC_DEPTH_ALL, ADBC_DEPTH_CATALOGS, ADBC_DEPTH_SCHEMAS, ADBC_DEPTH_TABLES };

struct AdbcDriver;
struct AdbcPartitions;
struct AdbcErrorDetail;

/* The two last fields are there only when the caller set vendor_code to INT32_MIN. */
struct AdbcError {
    char *message;
    int32_t vendor_code;
    char sqlstate[5];
    void (*release)(struct AdbcError *);
    void *private_data;
    struct AdbcDriver *private_driver;
};

struct AdbcDatabase {
    void *private_data;
    struct AdbcDriver *private_driver;
};
struct AdbcConnection {
    void *private_data;
    struct AdbcDriver *private_driver;
};
struct AdbcStatement {
    void *private_data;
    struct AdbcDriver *private_driver;
};

/* The functions Tarn does not have stay NULL: a driver manager answers for them. Their types are only as wide as a
 * pointer needs. */
typedef AdbcStatusCode adbc_database_fn(struct AdbcDatabase *, struct AdbcError *);
typedef AdbcStatusCode adbc_connection_fn(struct AdbcConnection *, struct AdbcError *);
typedef AdbcStatusCode adbc_statement_fn(struct AdbcStatement *, struct AdbcError *);
typedef void adbc_absent_fn(void);

struct AdbcDriver {
    void *private_data;
    void *private_manager;
    AdbcStatusCode (*release)(struct AdbcDriver *, struct AdbcError *);
    adbc_database_fn *DatabaseInit, *DatabaseNew;
    AdbcStatusCode (*DatabaseSetOption)(struct AdbcDatabase *, const char *, const char *, struct AdbcError *);
    adbc_database_fn *DatabaseRelease;
    adbc_connection_fn *ConnectionCommit;
    AdbcStatusCode (*ConnectionGetInfo)(struct AdbcConnection *, const uint32_t *, size_t, struct ArrowArrayStream *,
                                        struct AdbcError *);
    AdbcStatusCode (*ConnectionGetObjects)(struct AdbcConnection *, int depth, const char *catalog, const char *schema,
                                           const char *table, const char **types, const char *column,
                                           struct ArrowArrayStream *, struct AdbcError *);
    AdbcStatusCode (*ConnectionGetTableSchema)(struct AdbcConnection *, const char *catalog, const char *schema,
                                               const char *table, struct ArrowSchema *, struct AdbcError *);
    AdbcStatusCode (*ConnectionGetTableTypes)(struct AdbcConnection *, struct ArrowArrayStream *, struct AdbcError *);
    AdbcStatusCode (*ConnectionInit)(struct AdbcConnection *, struct AdbcDatabase *, struct AdbcError *);
    adbc_connection_fn *ConnectionNew;
    AdbcStatusCode (*ConnectionSetOption)(struct AdbcConnection *, const char *, const char *, struct AdbcError *);
    adbc_absent_fn *ConnectionReadPartition;
    adbc_connection_fn *ConnectionRelease, *ConnectionRollback;
    AdbcStatusCode (*StatementBind)(struct AdbcStatement *, struct ArrowArray *, struct ArrowSchema *,
                                    struct AdbcError *);
    AdbcStatusCode (*StatementBindStream)(struct AdbcStatement *, struct ArrowArrayStream *, struct AdbcError *);
    AdbcStatusCode (*StatementExecuteQuery)(struct AdbcStatement *, struct ArrowArrayStream *, int64_t *,
                                            struct AdbcError *);
    adbc_absent_fn *StatementExecutePartitions, *StatementGetParameterSchema;
    AdbcStatusCode (*StatementNew)(struct AdbcConnection *, struct AdbcStatement *, struct AdbcError *);
    adbc_statement_fn *StatementPrepare, *StatementRelease;
    AdbcStatusCode (*StatementSetOption)(struct AdbcStatement *, const char *, const char *, struct AdbcError *);
    AdbcStatusCode (*StatementSetSqlQuery)(struct AdbcStatement *, const char *, struct AdbcError *);
    adbc_absent_fn *StatementSetSubstraitPlan;
    /* From here on since 1.1. */
    adbc_absent_fn *ErrorGetDetailCount, *ErrorGetDetail, *ErrorFromArrayStream;
    adbc_absent_fn *DatabaseGetOption, *DatabaseGetOptionBytes, *DatabaseGetOptionDouble, *DatabaseGetOptionInt;
    adbc_absent_fn *DatabaseSetOptionBytes, *DatabaseSetOptionDouble, *DatabaseSetOptionInt;
    adbc_connection_fn *ConnectionCancel;
    AdbcStatusCode (*ConnectionGetOption)(struct AdbcConnection *, const char *, char *, size_t *, struct AdbcError *);
    adbc_absent_fn *ConnectionGetOptionBytes, *ConnectionGetOptionDouble, *ConnectionGetOptionInt;
    adbc_absent_fn *ConnectionGetStatistics, *ConnectionGetStatisticNames;
    adbc_absent_fn *ConnectionSetOptionBytes, *ConnectionSetOptionDouble, *ConnectionSetOptionInt;
    adbc_statement_fn *StatementCancel;
    AdbcStatusCode (*StatementExecuteSchema)(struct AdbcStatement *, struct ArrowSchema *, struct AdbcError *);
    adbc_absent_fn *StatementGetOption, *StatementGetOptionBytes, *StatementGetOptionDouble, *StatementGetOptionInt;
    adbc_absent_fn *StatementSetOptionBytes, *StatementSetOptionDouble, *StatementSetOptionInt;
};

/* What a driver manager looks for in the library; `driver` is a struct AdbcDriver as long as `version` says. */
TARN_API AdbcStatusCode AdbcDriverInit(int version, void *driver, struct AdbcError *error);
TARN_API AdbcStatusCode AdbcDriverTarnInit(int version, void *driver, struct AdbcError *error);

#endif
