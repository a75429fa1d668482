/* snapshot.h: an open version of a Delta table: its files, their statistics, and what it is read from. */
#ifndef TARN_FORMAT_DELTA_SNAPSHOT_H
#define TARN_FORMAT_DELTA_SNAPSHOT_H

#include "format/delta/delta.h"

/* Memory that file entries point into, shared by the snapshots made from one another. */
typedef struct tarn_delta_mem {
    tarn_arena *arena;
    char *chunk; /* unaligned text is packed here */
    size_t chunk_left;
    atomic_int refs;
} tarn_delta_mem;

tarn_delta_mem *tarn_delta_mem_new(void);
void tarn_delta_mem_release(tarn_delta_mem *mem);
tarn_str tarn_delta_mem_str(tarn_delta_mem *mem, tarn_str s);

/* replay.c: reconciliation, newest first (1.2). */
typedef struct tarn_delta_replay {
    tarn_arena *arena; /* of the tables below; gone when the snapshot is loaded */
    tarn_delta_mem *mem;
    uint64_t *slots; /* hash (32 bits), index into files or, with the top bit, into removed; 0: free */
    size_t n_slots, used;
    tarn_delta_file *files; /* malloc */
    size_t n_files, cap_files;
    size_t n_recent; /* those from commits; the rest are the base's */
    TARN_VEC(tarn_delta_tombstone) removed;
    TARN_VEC(tarn_delta_tuple) tuples;
    tarn_map tuple_ids; /* JSON: index + 1 */
    int64_t limit;
} tarn_delta_replay;

tarn_delta_replay *tarn_delta_replay_new(tarn_cx *cx);
void tarn_delta_replay_free(tarn_delta_replay *r);
/* An add or remove of a commit: kept unless a newer action of its key was seen. */
TARN_MUST tarn_code tarn_delta_replay_action(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *action);
/* An add of the checkpoint: probed, not remembered. */
TARN_MUST tarn_code tarn_delta_replay_base_add(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *action);
/* A remove of the checkpoint, for the tombstones. */
TARN_MUST tarn_code tarn_delta_replay_base_remove(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_action *action);
/* All files of an older snapshot. Called before the first action, to know its tuples; and after the last, to take its
 * files. */
void tarn_delta_replay_base_tuples(tarn_delta_replay *r, const tarn_delta_tuple *tuples, size_t n);
TARN_MUST tarn_code tarn_delta_replay_base_files(tarn_cx *cx, tarn_delta_replay *r, const tarn_delta_file *files,
                                                 size_t n);
/* Puts the files in the order they were added. */
void tarn_delta_replay_order(tarn_delta_replay *r);
/* Keeps the files of the checkpoint that may match, and those of `recent`, the replay of the commits after it, in order
 * and complete; counts all. */
TARN_MUST tarn_code tarn_delta_replay_matching(tarn_cx *cx, tarn_delta_replay *r, tarn_delta_snapshot *s,
                                               const tarn_delta_replay *recent, const tarn_expr *where,
                                               tarn_file_list *out);

/* snapshot.c */
typedef struct tarn_delta_stats tarn_delta_stats;

struct tarn_delta_snapshot {
    tarn_snapshot base;
    tarn_delta_protocol protocol;
    tarn_delta_meta meta;
    tarn_delta_mapping mapping;
    int64_t ict_ms; /* -1: none */
    tarn_delta_log log;
    TARN_VEC(tarn_delta_txn) txns; /* the newest of each application, of what was read */
    TARN_VEC(tarn_delta_domain) domains;
    bool states_complete;         /* txns and domains are all there are */
    int64_t crc_files, crc_bytes; /* what the checksum says; -1: nothing */
    pthread_mutex_t lock;         /* over all that follows, until loaded */
    bool loaded;
    tarn_delta_replay *replay;
    tarn_delta_file *files;
    size_t n_files;
    int64_t bytes;
    const tarn_delta_tuple *tuples;
    size_t n_tuples;
    TARN_VEC(tarn_delta_mem *) mems;
    TARN_VEC(tarn_delta_replay *) peeks; /* files found without keeping all */
    int n_peeks;                         /* those of older snapshots are counted too */
    tarn_delta_stats *stats;
    atomic_int narrow; /* questions after few files of many */
};

static inline tarn_delta_snapshot *tarn_delta_of(tarn_snapshot *snapshot) { return (tarn_delta_snapshot *)snapshot; }

TARN_MUST tarn_code tarn_delta_load(tarn_cx *cx, tarn_delta_snapshot *s);
/* The files that may match, out of a large checkpoint, without keeping the others: for the first questions after a
 * snapshot, as it may be the only ones. *done is false when all files are to be loaded. */
TARN_MUST tarn_code tarn_delta_peek(tarn_cx *cx, tarn_delta_snapshot *s, const tarn_expr *where, tarn_file_list *out,
                                    bool *done);
/* How many files there are; about, while they are not loaded. */
TARN_MUST tarn_code tarn_delta_count(tarn_cx *cx, tarn_snapshot *snapshot, int64_t *files);
TARN_MUST tarn_code tarn_delta_open(tarn_cx *cx, const tarn_table *table, const tarn_at *at, tarn_snapshot *prev,
                                    tarn_snapshot **out);
/* `prev` (NULL: nothing) with the text of one more commit on it. mtime_ms -1: not known. */
TARN_MUST tarn_code tarn_delta_append(tarn_cx *cx, const tarn_table *table, tarn_delta_snapshot *prev, int64_t version,
                                      int64_t mtime_ms, tarn_str commit, tarn_snapshot **out);
/* Whether the files of so large a snapshot have not been read; its count and bytes are known from its checksum. */
bool tarn_delta_unread(tarn_delta_snapshot *s);
/* `prev`, which is unread, with a published commit on it that only adds new files: unread too. */
TARN_MUST tarn_code tarn_delta_append_unread(tarn_cx *cx, tarn_delta_snapshot *prev, const tarn_change *change,
                                             int64_t version, tarn_str commit, tarn_snapshot **out);
void tarn_delta_free(tarn_snapshot *snapshot);

/* commits.c: what the walk over the commits fills. */
typedef struct tarn_delta_walk {
    tarn_delta_snapshot *s;
    tarn_delta_replay *replay; /* NULL: file actions are not wanted */
    int64_t version;           /* of the commit at hand */
    bool protocol, meta, kept;
} tarn_delta_walk;

/* The text of one commit. What is kept of it outlives the text in the snapshot's arena; nothing else of it does. */
TARN_MUST tarn_code tarn_delta_walk_commit(tarn_cx *cx, tarn_delta_walk *w, int64_t version, const char *key,
                                           tarn_str text);
TARN_MUST tarn_code tarn_delta_walk_log(tarn_cx *cx, tarn_delta_walk *w, const tarn_delta_log *log);
/* NULL: the application has committed nothing that was read. */
const tarn_delta_txn *tarn_delta_find_txn(const tarn_delta_snapshot *s, const char *app_id);
/* Unless a newer one is there. */
void tarn_delta_add_txn(tarn_delta_snapshot *s, const tarn_delta_txn *txn);
void tarn_delta_add_domain(tarn_delta_snapshot *s, const tarn_delta_domain *domain);

/* stats.c */
void tarn_delta_stats_free(tarn_delta_stats *stats);
/* numRecords, or -1. */
int64_t tarn_delta_stats_rows(tarn_cx *cx, tarn_str stats);
TARN_MUST tarn_code tarn_delta_files(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_expr *where, tarn_file_list *out);
void tarn_delta_bounds(tarn_snapshot *snapshot, const tarn_file *file, int column, const char *path, tarn_bounds *out);
TARN_MUST tarn_code tarn_delta_groups(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *const *files, size_t n,
                                      tarn_file_group **out, size_t *n_out);
/* Tests files one by one: by their partition values alone, or by all that is known of them. */
typedef struct tarn_delta_tester tarn_delta_tester;
tarn_delta_tester *tarn_delta_tester_new(const tarn_delta_snapshot *s, const tarn_expr *where);
void tarn_delta_tester_free(tarn_delta_tester *t);
static inline void tarn_delta_tester_freep(tarn_delta_tester **t) { tarn_delta_tester_free(*t); }
bool tarn_delta_test_partition(const tarn_delta_tester *t, const tarn_delta_file *file);
bool tarn_delta_test_file(tarn_cx *cx, tarn_delta_tester *t, const tarn_delta_file *file);
/* For a file that is not of the snapshot: a winner's. */
bool tarn_delta_file_may_match(tarn_cx *cx, const tarn_delta_snapshot *s, const tarn_delta_file *file,
                               const tarn_expr *where);

/* checkpoint_read.c */
TARN_MUST tarn_code tarn_delta_checkpoint_states(tarn_cx *cx, tarn_delta_snapshot *s, bool *protocol, bool *meta);
/* Its adds or its removes, from the top files and the sidecars. */
TARN_MUST tarn_code tarn_delta_checkpoint_files(tarn_cx *cx, tarn_delta_snapshot *s, tarn_delta_kind kind,
                                                tarn_delta_action_fn *fn, void *state);

/* Adds the keys of the sidecars that a checkpoint refers to. */
TARN_MUST tarn_code tarn_delta_checkpoint_sidecars(tarn_cx *cx, const tarn_delta_snapshot *s, tarn_delta_ckpt kind,
                                                   const char *key, tarn_map *out);

/* crc.c. Reading sets what is not found yet; false when there is nothing to be had. */
bool tarn_delta_crc_read(tarn_cx *cx, tarn_delta_snapshot *s, int64_t version, bool *protocol, bool *meta);
TARN_MUST tarn_code tarn_delta_crc_write(tarn_cx *cx, tarn_delta_snapshot *s);

/* dv.c */
TARN_MUST tarn_code tarn_delta_deleted(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_file *file,
                                       tarn_roaring64 **out);
bool tarn_delta_marks_rows(const tarn_snapshot *snapshot, const tarn_change *change);
TARN_MUST tarn_code tarn_delta_write_deletes(tarn_cx *cx, tarn_snapshot *snapshot, tarn_row_deletes *items, size_t n,
                                             tarn_change *change);
/* See the callback of the same name. */
tarn_code tarn_delta_marked(tarn_cx *cx, tarn_snapshot *snapshot, const tarn_add *add, tarn_roaring64 **out);
/* The key of the file it lies in; NULL for an inline one, absolute where it is so. */
TARN_MUST tarn_code tarn_delta_dv_key(tarn_cx *cx, tarn_arena *arena, const tarn_delta_dv *dv, const char **out);

/* history.c */
/* *in_commit: its time is one of the commit itself (1.9), not only of its writer's clock. */
TARN_MUST tarn_code tarn_delta_history_entry(tarn_cx *cx, tarn_arena *arena, tarn_str info, tarn_history_entry *out,
                                             bool *in_commit);
TARN_MUST tarn_code tarn_delta_history(tarn_cx *cx, const tarn_table *table, const char *ref, int64_t limit,
                                       tarn_history_entry **out, size_t *n);
TARN_MUST tarn_code tarn_delta_detail(tarn_cx *cx, tarn_snapshot *snapshot, tarn_detail *out);

#endif
