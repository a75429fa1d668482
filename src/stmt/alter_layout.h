/* alter_layout.h: the part of ALTER TABLE that says how files are laid out. */
#ifndef TARN_STMT_ALTER_LAYOUT_H
#define TARN_STMT_ALTER_LAYOUT_H

#include "stmt/stmts.h"

typedef struct tarn_layout {
    enum {
        TARN_LAYOUT_ADD,
        TARN_LAYOUT_DROP,
        TARN_LAYOUT_REPLACE,
        TARN_LAYOUT_SPEC,
        TARN_LAYOUT_ORDER,
        TARN_LAYOUT_KEY
    } kind;
    tarn_partition_item old, item; /* old: the one that goes */
    tarn_table_def spec;           /* partition_by: all there will be; or what the order is made of */
    TARN_VEC(tarn_sort_by) orders; /* one per item: its direction */
    TARN_VEC(tarn_name) keys;      /* columns */
    bool unset;                    /* they are no keys any more */
    const char *distribution;      /* how engines are to spread rows over their writers */
} tarn_layout;

/* *found false: the clause at the cursor is another one, and nothing was consumed. */
TARN_MUST tarn_code tarn_layout_parse(tarn_cx *cx, tarn_cursor *c, tarn_layout *out, bool *found);
TARN_MUST tarn_code tarn_layout_apply(tarn_cx *cx, const tarn_layout *layout, const tarn_snapshot *base,
                                      tarn_change *change);

#endif
