/* manifests.c: the manifests of a snapshot, or of all, as rows. */
#include "format/iceberg/tables/tables.h"

enum { TEXT_MAX = 1 << 20 };

static void put_bound(const tarn_iceberg_spec_field *field, const tarn_type *type, tarn_str bytes, tarn_rowset *rows) {
    tarn_auto_buf text = TARN_BUF(TEXT_MAX);
    tarn_value v;
    if (!type || !bytes.p || !tarn_iceberg_value(bytes, type, &v)) return tarn_rowset_null(rows);
    tarn_transform_text(&text, field->transform, &v);
    tarn_rowset_str(rows, (tarn_str){text.n ? text.data : "", text.n});
}

static void put_ranges(const tarn_iceberg_snapshot *s, const tarn_iceberg_manifest *m, tarn_rowset *rows) {
    const tarn_iceberg_spec_use *use = tarn_iceberg_spec_use_of(s, m->spec_id);
    tarn_rowset_enter(rows);
    for (size_t i = 0; use && i < m->n_ranges && i < use->spec->n_fields; i++) {
        const tarn_iceberg_range *r = &m->ranges[i];
        tarn_rowset_enter(rows);
        tarn_rowset_int(rows, r->null);
        tarn_rowset_int(rows, r->nan);
        put_bound(&use->spec->fields[i], use->results[i], r->low, rows);
        put_bound(&use->spec->fields[i], use->results[i], r->high, rows);
    }
    tarn_rowset_leave(rows);
}

static void put_manifest(const tarn_iceberg_snapshot *s, const tarn_iceberg_manifest *m, int64_t of,
                         tarn_rowset *rows) {
    const int64_t files[] = {m->added_files, m->existing_files, m->deleted_files};
    const int64_t counts[] = {m->added_rows, m->existing_rows, m->deleted_rows};
    tarn_rowset_int(rows, m->deletes);
    tarn_rowset_str(rows, m->path);
    tarn_rowset_int(rows, m->length);
    tarn_tell_known(rows, m->spec_id);
    tarn_tell_known(rows, m->added_snapshot_id);
    for (int k = 0; k < 3; k++) tarn_tell_known(rows, m->deletes ? 0 : files[k]);
    for (int k = 0; k < 3; k++) tarn_tell_known(rows, m->deletes ? files[k] : 0);
    put_ranges(s, m, rows);
    if (of >= 0) tarn_rowset_int(rows, of);
    for (int k = 0; k < 3; k++) tarn_tell_known(rows, counts[k]);
    tarn_rowset_int(rows, m->sequence);
    tarn_rowset_int(rows, m->min_sequence);
    tarn_tell_known(rows, m->first_row_id);
}

static tarn_code put_all(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_rowset *rows) {
    for (size_t i = 0; i < s->meta.versions.n; i++) {
        const tarn_iceberg_version *v = &s->meta.versions.at[i];
        tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
        tarn_iceberg_manifests list = {0};
        TRY(tarn_check(cx));
        TRY(tarn_iceberg_manifests_read(cx, arena, s->base.table->store, &s->meta, v, &list));
        for (size_t k = 0; k < list.n; k++) put_manifest(s, &list.at[k], v->id, rows);
    }
    return TARN_OK;
}

tarn_code tarn_tell_manifests(tarn_cx *cx, tarn_iceberg_snapshot *s, int told, tarn_rowset **out) {
    static const tarn_rowset_column first[] = {{"content", "i"},
                                               {"path", "u"},
                                               {"length", "l"},
                                               {"partition_spec_id", "i"},
                                               {"added_snapshot_id", "l"},
                                               {"added_data_files_count", "i"},
                                               {"existing_data_files_count", "i"},
                                               {"deleted_data_files_count", "i"},
                                               {"added_delete_files_count", "i"},
                                               {"existing_delete_files_count", "i"},
                                               {"deleted_delete_files_count", "i"},
                                               {"partition_summaries", "+l"},
                                               {"item", "+s"},
                                               {"contains_null", "b"},
                                               {"contains_nan", "b"},
                                               {"lower_bound", "u"},
                                               {"upper_bound", "u"},
                                               {NULL, NULL},
                                               {"reference_snapshot_id", "l"},
                                               {"added_rows_count", "l"},
                                               {"existing_rows_count", "l"},
                                               {"deleted_rows_count", "l"},
                                               {"sequence_number", "l"},
                                               {"min_sequence_number", "l"},
                                               {"first_row_id", "l"}};
    tarn_iceberg_columns columns = {0};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if ((told & TARN_TELL_ALL) || !first[i].name || strcmp(first[i].name, "reference_snapshot_id"))
            *TARN_PUSH(cx->arena, &columns) = first[i];
    tarn_rowset *rows = tarn_rowset_new(columns.at, columns.n);
    tarn_code code = told & TARN_TELL_ALL ? put_all(cx, s, rows) : tarn_iceberg_list(cx, s);
    if (code != TARN_OK) {
        tarn_rowset_free(rows);
        return code;
    }
    for (size_t i = 0; !(told & TARN_TELL_ALL) && i < s->n_slots; i++) put_manifest(s, s->slots[i].manifest, -1, rows);
    *out = rows;
    return TARN_OK;
}
