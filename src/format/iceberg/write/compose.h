/* compose.h: what is at hand while a version of a table is made. For compose.c and list.c only. */
#ifndef TARN_FORMAT_ICEBERG_WRITE_COMPOSE_H
#define TARN_FORMAT_ICEBERG_WRITE_COMPOSE_H

#include "format/iceberg/write/manifest.h"

enum { TARN_ICEBERG_EDITS_MAX = 40 };

typedef struct tarn_iceberg_composing {
    tarn_cx *cx;
    const tarn_table *table;
    struct tarn_iceberg_snapshot *base; /* NULL: a new table */
    const tarn_change *change;
    tarn_iceberg_plan plan;
    tarn_iceberg_writing w;
    int64_t now_ms, parent, next_row_id, first_row_id;
    tarn_iceberg_edit edits[TARN_ICEBERG_EDITS_MAX];
    size_t n_edits;
    tarn_iceberg_counts counts;
    tarn_map removed;  /* by recorded path: data files that go */
    tarn_map marked;   /* by recorded path: data files whose deleted rows are written anew */
    tarn_map unmarked; /* by path and place: delete files that go */
    tarn_map touched;  /* partitions */
    tarn_map reaching; /* names of delete files that stay when others are dropped */
    bool drops;
} tarn_iceberg_composing;

/* list.c: writes the manifests of the version and the list of them; *path as it is recorded in the snapshot. Rows that
 * have no ids yet get theirs. */
TARN_MUST tarn_code tarn_iceberg_compose_list(tarn_iceberg_composing *c, const char **path);

#endif
