/* marks.c: unites the rows that two changes mark as deleted in one file, where they are different ones. */
#include "format/marks.h"

void tarn_marks_of(tarn_cx *cx, const tarn_change *change, tarn_marks *out) {
    *out = (tarn_marks){0};
    for (size_t i = 0; i < change->adds.n; i++) {
        const tarn_add *add = &change->adds.at[i];
        if (!add->from || !add->deletes) continue;
        tarn_mark *m = TARN_NEW(cx->arena, tarn_mark);
        m->add = i;
        *TARN_PUSH(cx->arena, &out->list) = m;
        tarn_map_put(&out->by_path, cx->arena, add->from->path, m);
    }
}

void tarn_marks_done(tarn_marks *marks) {
    for (size_t i = 0; i < marks->list.n; i++) tarn_roaring64_free(marks->list.at[i]->rows);
}

static tarn_code read_own(tarn_cx *cx, tarn_snapshot *base, const tarn_add *add, tarn_roaring64 **out) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) all = NULL;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) before = NULL;
    TRY(base->format->marked(cx, base, add, &all));
    if (add->from->deletes) TRY(base->format->deleted(cx, base, add->from, &before));
    if (before) tarn_roaring64_and_not(all, before);
    *out = all;
    all = NULL;
    return TARN_OK;
}

tarn_code tarn_mark_meet(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, tarn_mark *mark,
                         const tarn_file *now, const tarn_roaring64 *theirs, bool *apart) {
    if (!mark->rows) TRY(read_own(cx, base, &change->adds.at[mark->add], &mark->rows));
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rest = tarn_roaring64_copy(mark->rows);
    tarn_roaring64_and_not(rest, theirs);
    uint64_t ours = tarn_roaring64_cardinality(mark->rows);
    *apart = tarn_roaring64_cardinality(rest) == ours;
    mark->now = now;
    mark->deleted = (int64_t)(tarn_roaring64_cardinality(theirs) + ours);
    return TARN_OK;
}

tarn_code tarn_marks_unite(tarn_cx *cx, tarn_snapshot *on, const tarn_marks *marks, tarn_change *change) {
    tarn_row_deletes *items = TARN_NEW_ARRAY(cx->arena, tarn_row_deletes, marks->list.n);
    bool *empty = TARN_NEW_ARRAY(cx->arena, bool, change->adds.n);
    size_t n = 0, left = 0;
    for (size_t i = 0; i < marks->list.n; i++) {
        tarn_mark *m = marks->list.at[i];
        if (!m->now) continue;
        empty[m->add] = m->deleted >= m->now->rows;
        change->adds.at[m->add].from = m->now;
        if (!empty[m->add]) items[n++] = (tarn_row_deletes){.file = m->now, .rows = m->rows};
    }
    if (n) TRY(on->format->write_deletes(cx, on, items, n, change));
    n = 0;
    for (size_t i = 0; i < marks->list.n; i++) {
        const tarn_mark *m = marks->list.at[i];
        if (m->now && !empty[m->add]) change->adds.at[m->add].deletes = items[n++].descriptor;
    }
    for (size_t i = 0; i < change->adds.n; i++) {
        if (empty[i])
            *TARN_PUSH(cx->arena, &change->removes) = change->adds.at[i].from;
        else
            change->adds.at[left++] = change->adds.at[i];
    }
    change->adds.n = left;
    return TARN_OK;
}
