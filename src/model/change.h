/* change.h: the change set: everything one commit does to one table. Every write of Tarn is one of these through
 * format/commit.c. */
#ifndef TARN_MODEL_CHANGE_H
#define TARN_MODEL_CHANGE_H

#include "model/file.h"
#include "model/transform.h"

/* A data file written for this change; durable before the change is committed. */
typedef struct tarn_add {
    const char *path; /* key below the table's root, not encoded */
    int64_t size, rows, mtime_ms;
    const tarn_value *partition;
    bool sorted; /* its rows are in the table's order */
    bool found;  /* was there before the change, and stays when it fails */
    const tarn_leaf_stats *stats;
    size_t n_stats;
    const tarn_file
        *from; /* re-adds this file of the base (RESTORE, new deletes): its entry is kept but for what is set here */
    const void *deletes; /* the format's descriptor of deleted rows; NULL: none, or as in `from`. With `from`: the file
                            as it was is replaced, without being among the removes */
} tarn_add;

typedef struct tarn_pair {
    const char *name, *value; /* value NULL: unset */
} tarn_pair;

/* A table's step from one metadata file to the next, of a format that leaves the newest one to a catalog. */
typedef struct tarn_step {
    void *state;           /* the committer's */
    const char *from, *to; /* keys; from NULL: the table is new */
} tarn_step;

typedef TARN_VEC(tarn_step) tarn_steps;

/* A name for a version of the table: a branch or tag that is made, moved or dropped. "main" is the table itself. */
typedef struct tarn_ref_change {
    const char *name;
    bool branch;          /* else a tag */
    bool create, replace; /* may be new; may be there. Neither: it is dropped */
    bool lenient;         /* IF [NOT] EXISTS */
    int64_t version;      /* where it points, as VERSION AS OF says it; -1: `to`, `before_ms` or the newest one */
    const char *to;       /* where this branch or tag points; NULL: see above */
    int64_t before_ms;    /* the newest version in its past that is older; -1: see above */
    bool back, forward;   /* only to a version of its past; only to one whose past holds it */
    int64_t ref_age_ms_max, snapshot_age_ms_max, snapshots_min; /* retention; -1: as it is */
    int64_t was_id, now_id; /* out, of prepare: the format's ids of where it pointed and will point; -1: nowhere */
} tarn_ref_change;

/* Versions that are forgotten. */
typedef struct tarn_expiry {
    int64_t older_than_ms, retain; /* -1: as the table has it */
    const int64_t *ids;            /* these go too, as VERSION AS OF says them */
    size_t n_ids;
    bool clean;                      /* schemas and partition specs that no remaining version needs go too */
    int64_t versions, refs, cleaned; /* out, of prepare: how many go */
} tarn_expiry;

/* The lists of a table's files, written anew: as few as may be, the files in the order of their partitions. */
typedef struct tarn_regroup {
    int64_t spec;            /* of partitioning, by its number in the table; -1: all */
    int64_t written, before; /* out: how many lists it became, of how many. prepare: what may be */
} tarn_regroup;

/* Rows that were marked as deleted are marked anew, in fewer files: those of the change's adds. */
typedef struct tarn_remark {
    int64_t until; /* marks of so old a version that are for several data files go: the adds are all of those;
                      -1: they stay */
    bool drop; /* marks that no row of the table is reached by go: all there are, whatever the adds */
    int64_t files_removed, bytes_removed, files_added, bytes_added; /* out, of the commit */
} tarn_remark;

typedef struct tarn_change {
    const char *operation; /* as Delta names them: WRITE, MERGE, DELETE, OPTIMIZE, CREATE TABLE AS SELECT, … */
    TARN_VEC(tarn_pair) parameters; /* for the history; values as JSON text */
    TARN_VEC(tarn_pair) metrics;    /* numOutputRows, …; values as decimal text */
    TARN_VEC(tarn_add) adds;
    TARN_VEC(const tarn_file *) removes; /* files of the base */
    TARN_VEC(const char *) written;      /* keys of what was written besides the adds' files: row deletes */
    TARN_VEC(tarn_add) recorded;         /* files of all rows it touched, with what became of each; none: adds and
                                            removes tell it */
    bool no_data_change;                 /* the rows are the same before and after (OPTIMIZE) */
    bool by_name;                        /* columns in files of the adds are found by the names they have now */

    bool create, replace;                  /* the table does not exist yet; is replaced as a whole, history kept */
    const tarn_schema *schema;             /* NULL: as it is */
    const tarn_partition_by *partition_by; /* with create/replace/schema/repartition; NULL: as it is */
    size_t n_partition_by;
    bool repartition; /* files to come are partitioned so; those that are there stay as they are */
    const tarn_sort_by *sort_by;
    size_t n_sort_by;
    bool resort;                    /* rows of files to come are in this order; none: in any */
    TARN_VEC(tarn_pair) properties; /* set, or unset */
    TARN_VEC(tarn_pair) checks;     /* CHECK constraints: name and SQL; value NULL drops one */
    const char *comment;            /* the table's; NULL: as it is */

    TARN_VEC(tarn_ref_change) refs; /* with nothing else in the change */
    tarn_expiry *expire;            /* the same; NULL: nothing is forgotten */

    tarn_regroup *regroup; /* with nothing else in the change; NULL: not */
    tarn_remark *remark;   /* the same, but for its adds */

    const void *restored; /* a tarn_snapshot: the rows after the change are those of this older version; adds and
                             removes say the same */

    const void *picked; /* a tarn_snapshot: what its commit added is added once more; the adds say the same */
    const char *staged; /* its rows are in no newest version, but wait under this name to be picked; NULL: not so */
    TARN_VEC(tarn_pair) notes; /* what a format that keeps a record of each commit writes there besides */

    const char *commit_id; /* tells this change from all others, in every try; made by tarn_commit */
    const char *app_id;    /* idempotence: (app_id, app_version) commits once; a repeat is EXISTS */
    int64_t app_version;

    void *format_state;   /* the format's own, made by its prepare */
    tarn_steps *together; /* not published yet: the step is kept here, to be made with others; NULL: at once */

    /* What the change rests on, for conflicts with others' commits. */
    bool blind_append;                 /* reads nothing of the table */
    bool distinct;                     /* but that its adds are not there yet */
    bool read_all;                     /* depends on every row */
    TARN_VEC(const tarn_expr *) reads; /* else on the rows that match any of these */
    TARN_VEC(const tarn_file *) read_files;
    bool by_row; /* each row it takes away was judged by itself, so that others' deletes of other rows do not matter */
} tarn_change;

/* Whether rows that were there before go: with their files, or marked in them. */
bool tarn_change_takes_rows(const tarn_change *change);
/* A file of the base stays with these deleted rows in place of those it had. */
void tarn_change_mark(tarn_arena *arena, tarn_change *change, const tarn_file *file, const void *deletes);
void tarn_change_parameter(tarn_arena *arena, tarn_change *change, const char *name, const char *json);
void tarn_change_metric(tarn_arena *arena, tarn_change *change, const char *name, int64_t value);
void tarn_change_property(tarn_arena *arena, tarn_change *change, const char *name, const char *value);

#endif
