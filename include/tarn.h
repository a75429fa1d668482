/* tarn.h: the public C API of Tarn. Open a lake, open sessions on it, run SQL, take the rows as an Arrow C stream.
 *
 * Ownership: every handle is freed by its own *_close; NULL is allowed there, and the order does not matter: what an
 * open result or stream needs lives until it is closed. Strings returned by Tarn belong to the handle they came from
 * and live as long as it does. Strings passed in are copied before the call returns. Threads: a tarn_lake may be shared
 * by any number of threads; a tarn_session and its results belong to one thread at a time, except tarn_cancel and
 * tarn_progress, which any thread may call. A handle opened before fork() is refused after it, and closing it there
 * does nothing. Errors: functions that can fail return a tarn_code and fill the tarn_error they are given (which may be
 * NULL). Outputs are untouched on failure. Structs start with their size, so that fields can be added: set `size` to
 * sizeof before the call. */
#ifndef TARN_H
#define TARN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised by every change of this file; functions and values are only added. */
#define TARN_ABI 2
#define TARN_VERSION "0.1.0"

#if defined(TARN_BUILD)
#define TARN_API __attribute__((visibility("default")))
#else
#define TARN_API
#endif

/* The Arrow C data and stream interfaces (their own ABI, repeated here as that specification asks). */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

typedef enum tarn_code {
    TARN_OK = 0,
    TARN_NOTFOUND,    /* a table, file, version or name does not exist */
    TARN_EXISTS,      /* it is there already */
    TARN_CONFLICT,    /* another writer got there first; running it again may help */
    TARN_INVALID,     /* the statement or an argument is wrong */
    TARN_DENIED,      /* this principal may not */
    TARN_UNSUPPORTED, /* understood, but Tarn or the table's format cannot do it */
    TARN_CONSTRAINT,  /* rows break NOT NULL, CHECK, or a MERGE rule */
    TARN_LIMIT,       /* a limit was passed; the message names the setting */
    TARN_CORRUPT,     /* stored data is damaged or breaks its format's rules */
    TARN_IO,          /* the disk or the network failed */
    TARN_NOMEM,       /* out of memory */
    TARN_TIMEOUT,     /* the deadline passed */
    TARN_CANCELLED,   /* tarn_cancel was called */
    TARN_INTERNAL     /* a bug in Tarn */
} tarn_code;

typedef struct tarn_error {
    size_t size;
    tarn_code code;
    char sqlstate[6];   /* five characters, as in SQL:2016 and PostgreSQL */
    int retry_may_help; /* 1: the same call may succeed later */
    int line, column;   /* 1-based place in the caller's SQL text; 0 when there is none */
    char message[2048]; /* one line; names the thing and what to do */
    char hint[512];     /* a further line, or "" */
} tarn_error;

typedef struct tarn_lake tarn_lake;
typedef struct tarn_session tarn_session;
typedef struct tarn_result tarn_result;

typedef struct tarn_options {
    size_t size;
    const char *uri;             /* the warehouse: a folder (created when missing) or an object-store prefix */
    const char *const *settings; /* name, value, name, value, …, NULL; the highest precedence ("flag") */
} tarn_options;

typedef enum tarn_param_type {
    TARN_PARAM_NULL,
    TARN_PARAM_BOOL,
    TARN_PARAM_INT,
    TARN_PARAM_DOUBLE,
    TARN_PARAM_TEXT,
    TARN_PARAM_BLOB,
    TARN_PARAM_DATE,      /* i: days since 1970-01-01 */
    TARN_PARAM_TIME,      /* i: µs of the day */
    TARN_PARAM_TIMESTAMP, /* i: µs since 1970, without a zone */
    TARN_PARAM_INSTANT,   /* i: µs since 1970 UTC */
    TARN_PARAM_DECIMAL,   /* data: its text, as -12.50; at most 38 digits */
    TARN_PARAM_UUID       /* data: 16 bytes */
} tarn_param_type;

/* One bound parameter: by `name` ($name) or, where name is NULL, by position ($1 or ?). */
typedef struct tarn_param {
    const char *name;
    tarn_param_type type;
    int64_t i; /* BOOL, INT, and what counts days or µs */
    double d;
    const void *data; /* TEXT, BLOB, DECIMAL, UUID: `n` bytes */
    size_t n;
} tarn_param;

/* The number TARN_ABI the library was built with. */
TARN_API int tarn_abi_version(void);
/* "NOTFOUND" and so on; never NULL. */
TARN_API const char *tarn_code_name(tarn_code code);

/* Opens the warehouse at options->uri, creating it when it is missing. Cheap: DuckDB is loaded by the first statement
 * that needs it. */
TARN_API tarn_code tarn_open(const tarn_options *options, tarn_lake **out, tarn_error *error);
TARN_API void tarn_close(tarn_lake *lake);

/* A session runs one statement at a time as `principal` (NULL: the owner of the warehouse). */
TARN_API tarn_code tarn_session_open(tarn_lake *lake, const char *principal, tarn_session **out, tarn_error *error);
TARN_API void tarn_session_close(tarn_session *session);

/* Bytes of the first statement in sql[0..n), with its semicolon; 0: the text ends before the statement does (an open
 * quote, or no semicolon and `final` is 0). Leading blanks and comments belong to the statement. */
TARN_API size_t tarn_statement_length(const char *sql, size_t n, int final);

/* Runs one statement. A result that has rows streams them: later statements of the session do not disturb it. */
TARN_API tarn_code tarn_query(tarn_session *session, const char *sql, const tarn_param *params, size_t n_params,
                              tarn_result **out, tarn_error *error);
/* Runs one statement and writes its rows to a Parquet file at `path` (replaced when there). */
TARN_API tarn_code tarn_query_to_parquet(tarn_session *session, const char *sql, const tarn_param *params,
                                         size_t n_params, const char *path, tarn_error *error);
/* The columns; the caller releases them. */
TARN_API tarn_code tarn_result_schema(tarn_result *result, struct ArrowSchema *out, tarn_error *error);
/* Looks at the first batch without taking it: it stays the result's, and tarn_result_stream gives it again. NULL when
 * there are no rows. */
TARN_API tarn_code tarn_result_peek(tarn_result *result, const struct ArrowArray **out, tarn_error *error);
/* Moves the rows out; the stream outlives the result. Once per result. Where reading it fails, the stream's last error
 * is "CODE: message". */
TARN_API tarn_code tarn_result_stream(tarn_result *result, struct ArrowArrayStream *out, tarn_error *error);
/* 1 when the statement is a query or shows something, 0 when it only did something (its one-row report is still
 * streamed). */
TARN_API int tarn_result_is_query(const tarn_result *result);
TARN_API void tarn_result_close(tarn_result *result);
/* Writes the rows of any stream to a file, pipe or blocking socket as an Arrow IPC stream
 * (application/vnd.apache.arrow.stream). The stream stays the caller's. UNSUPPORTED for unions, run ends and views. */
TARN_API tarn_code tarn_stream_to_ipc(struct ArrowArrayStream *stream, int fd, tarn_error *error);

/* ROWS OF THE CALLER. Gives `out` a stream of what `name` means, anew for each place a statement reads it: a source
 * that can be read only once fails the second time. It is called by the thread that runs the statement; the stream may
 * be read by another one and is released before the statement's call returns. NOTFOUND: there is no such name; any
 * other failure is the statement's, with error->message. */
typedef tarn_code tarn_rows_fn(void *state, const char *name, struct ArrowArrayStream *out, tarn_error *error);
/* From now on the one-part name (without case) stands for the caller's rows where the session's statements read it: in
 * SELECT, INSERT … SELECT, MERGE … USING, CREATE TABLE … AS; not inside views. A name that is a table of the current
 * schema too is refused as ambiguous; WITH names come first. Registered again, it is replaced; `open` NULL forgets it
 * (a name that is not registered too). */
TARN_API tarn_code tarn_session_register(tarn_session *session, const char *name, tarn_rows_fn *open, void *state,
                                         tarn_error *error);
/* Asked for one-part names that nothing else knows; `open` NULL: nobody. */
TARN_API void tarn_session_on_missing(tarn_session *session, tarn_rows_fn *open, void *state);

/* Stops the statement that runs now, from any thread or a signal handler; it ends with TARN_CANCELLED. Nothing to stop
 * is fine. */
TARN_API void tarn_cancel(tarn_session *session);
/* 0..100, or -1 when unknown; from any thread. */
TARN_API double tarn_progress(tarn_session *session);

#ifdef __cplusplus
}
#endif
#endif
