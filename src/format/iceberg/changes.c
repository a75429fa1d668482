/* changes.c: what the snapshots in a version's past did to rows: each is compared with the one before it, by the
 * manifests that only one of both has (1.5, 1.8). */
#include "format/iceberg/deletes.h"
#include "format/iceberg/write/write.h"

typedef struct feed {
    tarn_cx *cx;
    tarn_iceberg_snapshot *end;
    tarn_arena *arena;
    tarn_changed_files *out;
    const tarn_iceberg_version *version; /* of the commit under way */
    tarn_snapshot *before, *after;       /* of it */
} feed;

static void done_feed(feed *f) {
    tarn_snapshot_release(f->before);
    tarn_snapshot_release(f->after);
}

static int64_t number_of(const tarn_iceberg_version *v) { return v->sequence > 0 ? v->sequence : v->id; }

/* `rows` is taken over; NULL: all that are not deleted. */
static void give(feed *f, bool inserted, const tarn_file *file, tarn_roaring64 *rows) {
    *TARN_PUSH(f->arena, f->out) = (tarn_changed_file){.kind = inserted ? TARN_ROWS_INSERTED : TARN_ROWS_DELETED,
                                                       .version = number_of(f->version),
                                                       .timestamp_us = f->version->timestamp_ms * 1000,
                                                       .of = tarn_snapshot_retain(inserted ? f->after : f->before),
                                                       .file = file,
                                                       .rows = rows};
}

typedef struct file_list {
    TARN_VEC(const tarn_file *) files;
} file_list;

/* Live files of manifests of `s`, data or deletes, that `other` does not have. */
static tarn_code differing(tarn_cx *cx, tarn_iceberg_snapshot *s, tarn_iceberg_snapshot *other, bool deletes,
                           file_list *out) {
    tarn_map there = {0};
    TRY(tarn_iceberg_list(cx, s));
    TRY(tarn_iceberg_list(cx, other));
    for (size_t i = 0; i < other->n_slots; i++) tarn_map_put(&there, cx->arena, other->slots[i].manifest->path, other);
    for (size_t i = deletes ? s->n_data : 0; i < (deletes ? s->n_slots : s->n_data); i++) {
        if (tarn_map_get(&there, s->slots[i].manifest->path)) continue;
        TRY(tarn_check(cx));
        TRY(tarn_iceberg_load(cx, s, i, i + 1));
        for (size_t k = 0; k < s->slots[i].files.n; k++)
            *TARN_PUSH(cx->arena, &out->files) = &s->slots[i].files.at[k]->file;
    }
    return TARN_OK;
}

static tarn_str delete_key(tarn_cx *cx, const tarn_file *file) {
    tarn_iceberg_entry e;
    tarn_iceberg_entry_of(file->entry, &e);
    return tarn_iceberg_delete_name(cx, &e);
}

/* Whether delete files came or went: a manifest that was only written anew has the same ones. */
static tarn_code deletes_changed(feed *f, bool *changed) {
    file_list was = {0}, is = {0};
    tarn_map old = {0};
    TRY(differing(f->cx, tarn_iceberg_of(f->before), tarn_iceberg_of(f->after), true, &was));
    TRY(differing(f->cx, tarn_iceberg_of(f->after), tarn_iceberg_of(f->before), true, &is));
    *changed = was.files.n != is.files.n;
    for (size_t i = 0; i < was.files.n; i++)
        tarn_map_put(&old, f->cx->arena, delete_key(f->cx, was.files.at[i]), f);
    for (size_t i = 0; i < is.files.n && !*changed; i++)
        *changed = !tarn_map_get(&old, delete_key(f->cx, is.files.at[i]));
    return TARN_OK;
}

/* The files of one side that may have changed, with their deletes. */
static tarn_code list_side(feed *f, bool after, bool all, file_list *out) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(after ? f->after : f->before),
                          *other = tarn_iceberg_of(after ? f->before : f->after);
    tarn_file_list list = {0};
    if (!all) {
        TRY(differing(f->cx, s, other, false, out));
        return tarn_iceberg_find_deletes(f->cx, s, out->files.at, out->files.n);
    }
    TRY(tarn_iceberg_files(f->cx, &s->base, NULL, &list));
    out->files.at = list.files.at;
    out->files.n = list.files.n;
    return TARN_OK;
}

static tarn_code positions_of(tarn_cx *cx, tarn_snapshot *s, const tarn_file *file, tarn_roaring64 **out) {
    if (file->deletes) return tarn_iceberg_deleted(cx, s, file, out);
    *out = tarn_roaring64_new();
    return TARN_OK;
}

static void give_rest(feed *f, bool inserted, const tarn_file *file, const tarn_roaring64 *rows,
                      const tarn_roaring64 *less) {
    tarn_roaring64 *rest = tarn_roaring64_copy(rows);
    tarn_roaring64_and_not(rest, less);
    if (tarn_roaring64_is_empty(rest))
        tarn_roaring64_free(rest);
    else
        give(f, inserted, file, rest);
}

/* A file that stayed. Which rows were deleted by value is known when the file is read: as it was and as it is then. */
static tarn_code compare(feed *f, const tarn_file *was, const tarn_file *is) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) before = NULL;
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) after = NULL;
    if (!tarn_iceberg_same_keys(was, is)) {
        give(f, false, was, NULL);
        give(f, true, is, NULL);
        return TARN_OK;
    }
    if (tarn_iceberg_same_positions(was, is)) return TARN_OK;
    TRY(positions_of(f->cx, f->before, was, &before));
    TRY(positions_of(f->cx, f->after, is, &after));
    give_rest(f, false, was, after, before);
    give_rest(f, true, is, before, after);
    return TARN_OK;
}

static tarn_code compare_all(feed *f) {
    file_list was = {0}, is = {0};
    tarn_map old = {0};
    bool all;
    TRY(deletes_changed(f, &all));
    TRY(list_side(f, false, all, &was));
    TRY(list_side(f, true, all, &is));
    for (size_t i = 0; i < was.files.n; i++)
        tarn_map_put(&old, f->cx->arena, was.files.at[i]->path, (void *)(uintptr_t)was.files.at[i]);
    for (size_t i = 0; i < is.files.n; i++) {
        const tarn_file *then = tarn_map_get(&old, is.files.at[i]->path);
        if (!then) give(f, true, is.files.at[i], NULL);
        if (then) TRY(compare(f, then, is.files.at[i]));
        if (then) tarn_map_put(&old, f->cx->arena, then->path, NULL);
    }
    for (size_t i = 0; i < was.files.n; i++)
        if (tarn_map_get(&old, was.files.at[i]->path)) give(f, false, was.files.at[i], NULL);
    return TARN_OK;
}

/* Where a commit both took rows away and brought some, rows may have been copied. */
static void note_rewritten(feed *f, size_t first) {
    bool came = false, went = false;
    for (size_t i = first; i < f->out->n; i++) {
        came = came || f->out->at[i].kind == TARN_ROWS_INSERTED;
        went = went || f->out->at[i].kind == TARN_ROWS_DELETED;
    }
    for (size_t i = first; i < f->out->n; i++) f->out->at[i].rewritten = came && went;
}

/* `parent` NULL: there was nothing before. A "replace" changed no rows, whatever it wrote (1.9). */
static tarn_code give_commit(feed *f, const tarn_iceberg_version *parent, const tarn_iceberg_version *version) {
    const char *operation = tarn_iceberg_summary(f->cx, version, "operation");
    size_t first = f->out->n;
    int64_t limit = tarn_conf_int(f->cx->conf, TARN_LIMIT_FILES);
    if (operation && !strcmp(operation, "replace")) return TARN_OK;
    tarn_snapshot_release(f->before);
    f->before = f->after;
    f->after = NULL;
    if (!f->before || tarn_iceberg_of(f->before)->version != parent) {
        tarn_snapshot_release(f->before);
        f->before = NULL;
        TRY(tarn_iceberg_open_like(f->cx, f->end, parent, &f->before));
    }
    TRY(tarn_iceberg_open_like(f->cx, f->end, version, &f->after));
    f->version = version;
    TRY(tarn_prefix(f->cx, compare_all(f), "version %lld", (long long)number_of(version)));
    note_rewritten(f, first);
    if (f->out->n > (size_t)limit)
        return tarn_hint(f->cx,
                         tarn_fail(f->cx, TARN_LIMIT, "the change feed spans more than %lld files", (long long)limit),
                         "ask for fewer versions at a time, or raise limit.files");
    return TARN_OK;
}

/* The snapshots from the newest one back, as far as they are there. */
typedef struct past {
    const tarn_iceberg_version **versions;
    size_t n;
    bool whole; /* the last one has none before it */
} past;

static bool begins_by(const tarn_iceberg_version *v, const tarn_at *from) {
    return from->kind == TARN_AT_TIMESTAMP ? v->timestamp_ms * 1000 >= from->timestamp_us
                                           : v->id == from->version || v->sequence >= from->version;
}

static bool is_id(const past *p, int64_t version) {
    for (size_t i = 0; i < p->n; i++)
        if (p->versions[i]->id == version) return true;
    return false;
}

/* How many of the past's versions the feed has. By id: up to that one; else by sequence number or time. */
static tarn_code count_wanted(feed *f, const past *p, const tarn_at *from, size_t *out) {
    const tarn_iceberg_snapshot *end = f->end;
    bool version = from->kind == TARN_AT_VERSION, id = version && is_id(p, from->version);
    size_t n = 0, there = p->whole ? p->n : p->n - 1;
    while (n < p->n) {
        const tarn_iceberg_version *v = p->versions[n];
        if (id ? n && p->versions[n - 1]->id == from->version : !begins_by(v, from)) break;
        n++;
    }
    if (!version && from->kind != TARN_AT_TIMESTAMP)
        return tarn_fail(f->cx, TARN_INVALID, "a change feed begins at a version or a time");
    if (version && !id && tarn_iceberg_version_find(&end->meta, from->version))
        return tarn_fail(f->cx, TARN_NOTFOUND, "snapshot %lld is not in the past of version %lld, where the feed ends",
                         (long long)from->version, (long long)end->base.version);
    if (version && !id && from->version > end->base.version)
        return tarn_fail(f->cx, TARN_NOTFOUND,
                         "the change feed would begin at version %lld, after version %lld where it ends",
                         (long long)from->version, (long long)end->base.version);
    if (version && n > there)
        return tarn_fail(f->cx, TARN_NOTFOUND,
                         "the snapshots from version %lld on are not there any more: the first whose changes can be "
                         "told is %lld",
                         (long long)from->version,
                         (long long)(there ? number_of(p->versions[there - 1]) : end->base.version + 1));
    *out = n < there ? n : there;
    return TARN_OK;
}

tarn_code tarn_iceberg_changes(tarn_cx *cx, tarn_snapshot *end, const tarn_at *from, tarn_arena *arena,
                               tarn_changed_files *out) {
    tarn_auto(feed, done_feed) f = {.cx = cx, .end = tarn_iceberg_of(end), .arena = arena, .out = out};
    past p = {0};
    size_t n = 0;
    TRY(tarn_iceberg_past(cx, f.end, &p.versions, &p.n));
    p.whole = !p.n || p.versions[p.n - 1]->parent < 0;
    TRY(count_wanted(&f, &p, from, &n));
    for (size_t i = n; i-- > 0;) {
        TRY(tarn_check(cx));
        TRY(give_commit(&f, i + 1 < p.n ? p.versions[i + 1] : NULL, p.versions[i]));
    }
    return TARN_OK;
}

tarn_code tarn_iceberg_like(tarn_cx *cx, tarn_snapshot *snapshot, tarn_snapshot *like, tarn_snapshot **out) {
    tarn_iceberg_snapshot *s = tarn_iceberg_of(snapshot), *l = tarn_iceberg_of(like);
    const tarn_iceberg_version *version = s->version ? tarn_iceberg_version_find(&l->meta, s->version->id) : NULL;
    if (s->version && !version)
        return tarn_fail(cx, TARN_NOTFOUND, "version %lld is not there any more", (long long)snapshot->version);
    return tarn_iceberg_open_like(cx, l, version, out);
}
