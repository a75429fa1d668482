/* records.h: what a format tells of a table besides its snapshots, and what it is given besides changes. */
#ifndef TARN_FORMAT_RECORDS_H
#define TARN_FORMAT_RECORDS_H

#include "codec/roaring64.h"
#include "format/snapshot.h"

/* One commit, newest first. JSON texts as the format keeps them; NULL: not recorded. */
typedef struct tarn_history_entry {
    int64_t version, timestamp_ms;
    const char *operation, *parameters, *metrics, *user, *engine, *isolation, *message;
    int64_t read_version; /* -1: not recorded */
    int blind_append;     /* -1: not recorded */
} tarn_history_entry;

/* What DESCRIBE DETAIL says beyond the snapshot. */
typedef struct tarn_detail {
    int64_t files, bytes; /* -1: unknown */
    TARN_VEC(const char *) features;
    TARN_VEC(tarn_pair) more; /* minReaderVersion and the like */
} tarn_detail;

/* Rows that one commit brought or took away: all live rows of a file, or just some. */
typedef struct tarn_changed_file {
    enum { TARN_ROWS_INSERTED, TARN_ROWS_DELETED, TARN_ROWS_RECORDED } kind; /* RECORDED: column _change_type says it */
    int64_t version, timestamp_us;                                           /* of the commit */
    bool rewritten;    /* rows that stayed are among them too, as deleted and inserted again */
    tarn_snapshot *of; /* of which it is a file; retained for whom it is given to */
    const tarn_file *file;
    tarn_roaring64 *rows; /* only these; owned; NULL: all that are not deleted */
} tarn_changed_file;

typedef TARN_VEC(tarn_changed_file) tarn_changed_files;

/* Rows of one file to be marked as deleted. */
typedef struct tarn_row_deletes {
    const tarn_file *file; /* of known row count */
    const tarn_roaring64 *rows;
    const void *descriptor; /* out: for tarn_add.deletes, in cx->arena */
} tarn_row_deletes;

/* A view as metadata files of a format keep it. */
typedef struct tarn_view {
    const tarn_schema *columns;
    const char *sql, *dialect;                    /* the nearest to ours of those there are */
    const char *default_catalog, *default_schema; /* where its names are looked up; NULL: where the view is */
    const char *comment;                          /* NULL: none */
} tarn_view;

/* A version that another one came from, by the format's own id. */
typedef struct tarn_ancestor {
    int64_t id, timestamp_ms;
} tarn_ancestor;

/* A commit that is to be made once more, on top of another version. */
typedef struct tarn_pick {
    int64_t version;     /* as VERSION AS OF has it; -1: the one staged as `staged` */
    const char *staged;  /* the name under which a writer left a version for others to publish */
    int64_t id;          /* out: the format's own */
    tarn_snapshot *from; /* out: held by the caller until the change is committed; NULL: it is not needed */
} tarn_pick;

#endif
