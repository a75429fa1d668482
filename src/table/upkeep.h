/* upkeep.h: OPTIMIZE, VACUUM and RESTORE, for every format. */
#ifndef TARN_TABLE_UPKEEP_H
#define TARN_TABLE_UPKEEP_H

#include "sql/parse.h"
#include "table/scan.h"
#include "table/write.h"

typedef struct tarn_optimize_spec {
    const tarn_expr *where;    /* on partition columns; NULL: all */
    const char *const *zorder; /* columns; none: bin-packing of small files */
    size_t n_zorder;
    const char *order;          /* SQL after ORDER BY: files chosen are written anew in this order; NULL: none */
    int64_t file_size;          /* target; 0: what the table or the setting optimize.file_size says */
    bool purge;                 /* the files with deleted rows, and no others, are written anew without them (REORG) */
    bool choose;                /* files are chosen by what follows, for bin-packing as for an order */
    bool all;                   /* whatever they are like */
    int64_t size_min, size_max; /* smaller or larger ones; 0: than three quarters of the target, or nine fifths */
    int64_t files_min;          /* so many of a partition, if together they are less than file_size */
    int64_t deletes_max;        /* those with as many delete files or more */
    double deleted_max;         /* or such a share of their rows */
    int64_t commits_max;        /* the work is committed in so many parts at most; 0 or 1: in one */
} tarn_optimize_spec;

typedef struct tarn_optimize_result {
    int64_t files_before, files_after, bytes_before, bytes_after, files_removed, files_added, bytes_removed, partitions,
        files_failed; /* of parts that others came before */
} tarn_optimize_result;

/* Rewrites partition by partition and commits once, or in parts; does nothing (and commits nothing) when nothing gets better. */
TARN_MUST tarn_code tarn_optimize(tarn_cx *cx, tarn_conn *conn, const tarn_table *table, tarn_snapshot *base,
                                  const tarn_optimize_spec *spec, tarn_optimize_result *out);

/* Marks the deleted rows anew of files that have `files_min` delete files or more, or one that is for others too, if
 * they may hold rows for which `where` (NULL: all) is true. A delete file of many is for all of them: they are done
 * together. Nothing to gain: nothing is committed. */
TARN_MUST tarn_code tarn_remark_rows(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, const tarn_expr *where,
                                     int64_t files_min, tarn_remark *out);

/* Drops marks of deleted rows that reach no row any more: *n of them. */
TARN_MUST tarn_code tarn_drop_marks(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, int64_t *n);

/* What becomes of files that are needed by a path which differs from theirs in its scheme or bucket alone. */
typedef enum tarn_mismatch { TARN_MISMATCH_ERROR, TARN_MISMATCH_IGNORE, TARN_MISMATCH_DELETE } tarn_mismatch;

typedef struct tarn_vacuum_spec {
    int64_t retention_ms;     /* -1: the table's own */
    int64_t retention_ms_min; /* less is INVALID while vacuum.retention_check is on; -1: the table's own */
    const char *below;        /* a folder below the root: only what is in it; NULL: all */
    tarn_mismatch mismatch;
    const tarn_option_pairs *schemes, *authorities; /* "a,b" to "c": names of one and the same; NULL: none */
    bool dry;
} tarn_vacuum_spec;

/* Gives each key that is (or, dry, would be) removed to `each`. Files younger than the retention are never touched, nor
 * those whose names begin with _ or . (but _change_data). */
TARN_MUST tarn_code tarn_vacuum(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot,
                                const tarn_vacuum_spec *spec, void (*each)(void *state, const char *key, int64_t size),
                                void *state);

typedef struct tarn_expire_result {
    int64_t files[TARN_FILE_KINDS]; /* removed, or, dry, that would be */
} tarn_expire_result;

/* Removes the files that only versions needed which `before` knows and `after`, the table as it is later, does not.
 * Files outside of the table's folder stay: they may be others' too. */
TARN_MUST tarn_code tarn_expire_files(tarn_cx *cx, const tarn_table *table, tarn_snapshot *before, tarn_snapshot *after,
                                      bool dry, tarn_expire_result *out);

/* Puts the table back to what `past` was, as a new version. NOTFOUND when data files of `past` are gone (names one). */
TARN_MUST tarn_code tarn_restore(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_snapshot *past,
                                 tarn_change *change);

#endif
