/* file.c: groups of files that are read alike. */
#include "model/file.h"

void tarn_group_widen(tarn_arena *arena, tarn_file_group *group, const tarn_column_map *more, size_t n) {
    size_t own = group->n_columns;
    tarn_column_map *columns = TARN_NEW_ARRAY(arena, tarn_column_map, own + n + group->n_extra);
    if (own) memcpy(columns, group->columns, own * sizeof *columns);
    if (n) memcpy(columns + own, more, n * sizeof *columns);
    if (group->n_extra) memcpy(columns + own + n, group->columns + own, group->n_extra * sizeof *columns);
    tarn_key_deletes *deletes = TARN_NEW_ARRAY(arena, tarn_key_deletes, group->n_key_deletes);
    for (size_t i = 0; i < group->n_key_deletes; i++) {
        const tarn_key_deletes *from = &group->key_deletes[i];
        tarn_key *keys = TARN_NEW_ARRAY(arena, tarn_key, from->n_keys);
        for (size_t k = 0; k < from->n_keys; k++) {
            keys[k] = from->keys[k];
            if (keys[k].data_column >= own) keys[k].data_column += n;
        }
        deletes[i] = (tarn_key_deletes){from->files, keys, from->n_keys};
    }
    group->columns = columns;
    group->n_columns = own + n;
    group->key_deletes = deletes;
}
