/* delta.h: the Delta Lake format's own structures, shared by the files of this folder. "1.x" in comments are sections
 * of PROTOCOL.md's digest.
 *
 * A snapshot is opened from its protocol and metadata alone where a checksum file gives them; its files are loaded by
 * the first call that needs them, under its lock, and do not change afterwards. */
#ifndef TARN_FORMAT_DELTA_DELTA_H
#define TARN_FORMAT_DELTA_DELTA_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/time.h"
#include "codec/json.h"
#include "codec/json_tree.h"
#include "codec/jsonw.h"
#include "format/delta/actions.h"

#define TARN_DELTA_LOG "_delta_log/"
#define TARN_DELTA_FILE_SIZE "delta.targetFileSize"
#define TARN_DELTA_COMPRESSION "delta.parquet.compression.codec"
#define TARN_DELTA_COMPACTED ".compacted.json"

typedef struct tarn_delta_snapshot tarn_delta_snapshot;

/* log.c: which files of _delta_log make up a version (1.2). */
typedef enum tarn_delta_ckpt {
    TARN_DELTA_NO_CKPT,
    TARN_DELTA_CKPT_CLASSIC,
    TARN_DELTA_CKPT_PARTS,
    TARN_DELTA_CKPT_V2
} tarn_delta_ckpt;

typedef struct tarn_delta_commit {
    int64_t version, mtime_ms, size;
    int64_t span; /* a compaction: how many commits before `version` it stands for too; 0: a commit */
} tarn_delta_commit;

typedef struct tarn_delta_log {
    int64_t version;                     /* what was asked for */
    TARN_VEC(tarn_delta_commit) commits; /* after the checkpoint, ascending, without gaps; some may be compactions */
    tarn_delta_ckpt ckpt;
    int64_t ckpt_version; /* -1: none */
    TARN_VEC(const char *) ckpt_keys;
    int64_t ckpt_bytes;  /* of these; 0: not known */
    int64_t crc_version; /* newest checksum in [checkpoint, version]; -1: none */
    int64_t mtime_ms;    /* of the newest commit, or checkpoint where that is gone */
} tarn_delta_log;

const char *tarn_delta_commit_key(tarn_arena *arena, const tarn_delta_commit *commit);
const char *tarn_delta_version_key(tarn_arena *arena, int64_t version, const char *suffix);
/* Whether the key is a commit, checkpoint, checksum or compaction of some version. */
bool tarn_delta_is_log_file(const char *key);
/* Whether the key is a checkpoint that may have sidecars. */
bool tarn_delta_may_have_sidecars(const char *key, tarn_delta_ckpt *kind);
/* What makes up `version`, or the latest one (-1), compactions in place of the commits they stand for, but for the
 * newest, which is read itself. NOTFOUND names the versions there are. */
TARN_MUST tarn_code tarn_delta_log_find(tarn_cx *cx, tarn_store *store, tarn_arena *arena, int64_t version,
                                        tarn_delta_log *out);
/* The commits after `from`, up to `version` (-1: all). CORRUPT where one is missing. */
TARN_MUST tarn_code tarn_delta_log_after(tarn_cx *cx, tarn_store *store, tarn_arena *arena, int64_t from,
                                         int64_t version, tarn_delta_log *out);
/* All commits there are, ascending, with monotone times (1.2 [S]); gaps are left to the caller. */
TARN_MUST tarn_code tarn_delta_log_commits(tarn_cx *cx, tarn_store *store, tarn_arena *arena, tarn_delta_log *out);
/* The newest version not after ts_us; `meta`, when it asks for in-commit timestamps, decides by them (1.9). */
TARN_MUST tarn_code tarn_delta_log_at(tarn_cx *cx, tarn_store *store, const tarn_delta_meta *meta, int64_t ts_us,
                                      int64_t *version);

TARN_MUST tarn_code tarn_delta_read_hint(tarn_cx *cx, tarn_arena *arena, tarn_str json, int64_t *version);
TARN_MUST tarn_code tarn_delta_commit_ict(tarn_cx *cx, tarn_store *store, tarn_arena *arena, int64_t version,
                                          int64_t *out);

/* action.c: one action of a commit. Slices point into the text read. */
typedef enum tarn_delta_kind {
    TARN_DELTA_OTHER, /* unknown: ignored (1.1) */
    TARN_DELTA_ADD,
    TARN_DELTA_REMOVE,
    TARN_DELTA_PROTOCOL,
    TARN_DELTA_METADATA,
    TARN_DELTA_TXN,
    TARN_DELTA_DOMAIN,
    TARN_DELTA_COMMIT_INFO,
    TARN_DELTA_CDC,
    TARN_DELTA_SIDECAR
} tarn_delta_kind;

typedef struct tarn_delta_action {
    tarn_delta_kind kind;
    tarn_str path; /* add, remove, cdc, sidecar: decoded and made canonical */
    int64_t size, mtime_ms, deleted_ms;
    bool data_change;
    tarn_str partition, stats; /* JSON; .p NULL: absent */
    bool has_dv;
    tarn_delta_dv dv;
    tarn_str rest; /* members of no meaning here, as JSON text */
    tarn_delta_protocol protocol;
    tarn_delta_meta meta;
    tarn_delta_txn txn;
    tarn_delta_domain domain;
    tarn_str info; /* commitInfo: the object's JSON */
    int64_t ict;   /* commitInfo.inCommitTimestamp, or -1 */
} tarn_delta_action;

typedef tarn_code tarn_delta_action_fn(tarn_cx *cx, void *state, const tarn_delta_action *action);

/* Parses one action (an object with one member). What is said of files points into `line` or `scratch`; the rest is
 * copied to `arena`. */
TARN_MUST tarn_code tarn_delta_action_parse(tarn_cx *cx, tarn_arena *arena, tarn_arena *scratch, tarn_str line,
                                            tarn_delta_action *out);
/* The members of an add, remove, cdc or sidecar; out->kind says which. */
TARN_MUST tarn_code tarn_delta_read_file(tarn_cx *cx, tarn_json *r, tarn_arena *scratch, tarn_delta_action *out);
/* Each action of a commit's text, last line first: so the first one seen of a key is the one in force (a compaction's
 * from its beginning). What is said of
 * files is gone when the callback returns; the rest lives in `arena`. Errors name the file and the byte. */
TARN_MUST tarn_code tarn_delta_actions(tarn_cx *cx, tarn_arena *arena, tarn_str text, const char *key,
                                       tarn_delta_action_fn *fn, void *state);
/* Reads a commit and walks its actions. */
TARN_MUST tarn_code tarn_delta_commit_walk(tarn_cx *cx, tarn_store *store, tarn_arena *arena, const char *key,
                                           tarn_delta_action_fn *fn, void *state);
/* A path of the log as a key below the root or an absolute one: decoded once, file: taken off (1.2). CORRUPT where it
 * climbs out of the table. */
TARN_MUST tarn_code tarn_delta_path_decode(tarn_cx *cx, tarn_arena *arena, tarn_str uri, tarn_str *out);
void tarn_delta_path_encode(tarn_buf *out, tarn_str path);
/* Reads the objects as they stand in commits and checksums; strings are copied to the arena. */
TARN_MUST tarn_code tarn_delta_read_protocol(tarn_cx *cx, tarn_arena *arena, tarn_str json, tarn_delta_protocol *out);
TARN_MUST tarn_code tarn_delta_read_meta(tarn_cx *cx, tarn_arena *arena, tarn_str json, tarn_delta_meta *out);
const char *tarn_delta_conf(const tarn_delta_meta *meta, const char *name);
bool tarn_delta_conf_true(const tarn_delta_meta *meta, const char *name);
int64_t tarn_delta_conf_int(const tarn_delta_meta *meta, const char *name, int64_t missing);
int64_t tarn_delta_conf_interval_ms(const tarn_delta_meta *meta, const char *name, int64_t missing);

/* protocol.c */
bool tarn_delta_has_feature(const tarn_delta_protocol *p, const char *name);
TARN_MUST tarn_code tarn_delta_protocol_readable(tarn_cx *cx, const tarn_delta_protocol *p);
/* Why the table cannot be written, or NULL. */
const char *tarn_delta_read_only(tarn_arena *arena, const tarn_delta_protocol *p, const tarn_delta_meta *meta,
                                 const tarn_schema *schema);
/* Adds a feature: by version number where that is enough, else by name. */
TARN_MUST tarn_code tarn_delta_enable(tarn_cx *cx, tarn_arena *arena, tarn_delta_protocol *p, const char *name);

/* schema.c: schemaString and model schemas (1.10). `mapping`: whether ids and physical names are honoured (1.8). */
typedef enum tarn_delta_mapping { TARN_DELTA_MAP_NONE, TARN_DELTA_MAP_NAME, TARN_DELTA_MAP_ID } tarn_delta_mapping;

TARN_MUST tarn_code tarn_delta_schema_parse(tarn_cx *cx, tarn_arena *arena, const char *json,
                                            tarn_delta_mapping mapping, tarn_schema **out);
TARN_MUST tarn_code tarn_delta_schema_print(tarn_cx *cx, const tarn_schema *schema, tarn_buf *out);
const char *tarn_delta_physical(const tarn_field *field);
/* "decimal(10,2)", "long". */
void tarn_delta_primitive(tarn_buf *out, const tarn_type *type);

/* values.c: one value as partitionValues and stats spell it (1.10). */
bool tarn_delta_partition_parse(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *out);
/* The member's text; false for null. */
bool tarn_delta_partition_print(tarn_buf *out, const tarn_value *value);
/* The whole object, by physical names. */
TARN_MUST tarn_code tarn_delta_partition_values(tarn_cx *cx, tarn_arena *arena, tarn_str json,
                                                const tarn_schema *schema, const tarn_partition_field *fields, size_t n,
                                                const tarn_value **out);

/* Text as in stats, where "" is a value. */
bool tarn_delta_value_parse(tarn_str text, const tarn_type *type, tarn_arena *arena, tarn_value *out);

#endif
