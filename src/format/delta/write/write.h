/* write.h: the writing side of the Delta format: what a change becomes, whether it is still true, and what follows it.
 */
#ifndef TARN_FORMAT_DELTA_WRITE_WRITE_H
#define TARN_FORMAT_DELTA_WRITE_WRITE_H

#include "format/delta/snapshot.h"
#include "format/property.h"

/* prepare.c: what a change makes of protocol and metadata. */
typedef struct tarn_delta_plan {
    tarn_delta_protocol protocol;
    tarn_delta_meta meta;
    const tarn_schema *schema; /* after the change; the base's own where it is the same */
    tarn_delta_mapping mapping;
    bool protocol_changed, meta_changed;
} tarn_delta_plan;

TARN_MUST tarn_code tarn_delta_plan_change(tarn_cx *cx, tarn_arena *arena, const tarn_delta_snapshot *base,
                                           const tarn_change *change, tarn_delta_plan *plan);
/* Sets a property of the table, or (value NULL) unsets it. */
void tarn_delta_plan_set(tarn_arena *arena, tarn_delta_plan *plan, const char *name, const char *value);
TARN_MUST tarn_code tarn_delta_prepare(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change);

/* rebase.c */
TARN_MUST tarn_code tarn_delta_rebase(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                                      tarn_snapshot **fresh);

/* stats.c: members of an add. */
void tarn_delta_write_stats(tarn_jsonw *w, const tarn_delta_plan *plan, const tarn_add *add);
/* What a file's statistics become when rows of it are deleted: bounds are wide, and numRecords is mandatory (1.7). */
void tarn_delta_write_wide_stats(tarn_jsonw *w, tarn_str stats, int64_t rows);

/* commit.c */
void tarn_delta_write_protocol(tarn_jsonw *w, const tarn_delta_protocol *p);
void tarn_delta_write_meta(tarn_jsonw *w, const tarn_delta_meta *m);
void tarn_delta_write_txn(tarn_jsonw *w, const tarn_delta_txn *t);
void tarn_delta_write_domain(tarn_jsonw *w, const tarn_delta_domain *d);
void tarn_delta_write_dv(tarn_jsonw *w, const tarn_delta_dv *dv);
TARN_MUST tarn_code tarn_delta_commit_publish(tarn_cx *cx, const tarn_table *table, tarn_snapshot *base,
                                              const tarn_change *change, int64_t *version);
TARN_MUST tarn_code tarn_delta_apply(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, int64_t version,
                                     tarn_snapshot **out);

/* maintain.c */
void tarn_delta_maintain(tarn_cx *cx, const tarn_table *table, tarn_snapshot *snapshot);
TARN_MUST tarn_code tarn_delta_checkpoint_write(tarn_cx *cx, tarn_delta_snapshot *s);
TARN_MUST tarn_code tarn_delta_log_clean(tarn_cx *cx, tarn_delta_snapshot *s);
TARN_MUST tarn_code tarn_delta_needed(tarn_cx *cx, tarn_snapshot *snapshot, int64_t retention_ms,
                                      void (*keep)(void *state, tarn_str key), void *state);
int64_t tarn_delta_retention_ms(tarn_snapshot *snapshot);

#endif
