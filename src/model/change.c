/* change.c: filling in a change set. */
#include "model/change.h"

#include <stdio.h>

static void push_pair(tarn_arena *arena, tarn_pair pair, tarn_pair *slot) {
    slot->name = tarn_arena_strdup(arena, pair.name);
    slot->value = pair.value ? tarn_arena_strdup(arena, pair.value) : NULL;
}

void tarn_change_mark(tarn_arena *arena, tarn_change *change, const tarn_file *file, const void *deletes) {
    *TARN_PUSH(arena, &change->adds) = (tarn_add){.path = tarn_arena_strndup(arena, file->path.p, file->path.n),
                                                  .size = file->size,
                                                  .rows = file->rows,
                                                  .mtime_ms = file->mtime_ms,
                                                  .partition = file->partition,
                                                  .from = file,
                                                  .deletes = deletes};
}

void tarn_change_parameter(tarn_arena *arena, tarn_change *change, const char *name, const char *json) {
    push_pair(arena, (tarn_pair){name, json}, TARN_PUSH(arena, &change->parameters));
}

void tarn_change_metric(tarn_arena *arena, tarn_change *change, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    push_pair(arena, (tarn_pair){name, text}, TARN_PUSH(arena, &change->metrics));
}

void tarn_change_property(tarn_arena *arena, tarn_change *change, const char *name, const char *value) {
    push_pair(arena, (tarn_pair){name, value}, TARN_PUSH(arena, &change->properties));
}

bool tarn_change_takes_rows(const tarn_change *change) {
    for (size_t i = 0; i < change->adds.n; i++)
        if (change->adds.at[i].from && change->adds.at[i].deletes) return true;
    return change->removes.n > 0;
}
