/* log.c: lists _delta_log and picks the checkpoint and the commits that make up a version. */
#include <stdio.h>
#include <stdlib.h>

#include "format/delta/delta.h"

enum { HINT_MAX = 64 << 20, VERSION_DIGITS = 20 };

/* What a name in the log folder says. */
typedef enum name_kind {
    NAME_OTHER,
    NAME_COMMIT,
    NAME_COMPACTED,
    NAME_CRC,
    NAME_CLASSIC,
    NAME_PART,
    NAME_V2
} name_kind;

typedef struct log_name {
    name_kind kind;
    int64_t version, to; /* COMPACTED: from version to `to` */
    int64_t part, parts;
} log_name;

static bool take_number(tarn_str *s, size_t digits, int64_t *out) {
    if (s->n < digits) return false;
    int64_t v = 0;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s->p[i] - '0', &v)) return false;
    }
    s->p += digits;
    s->n -= digits;
    *out = v;
    return true;
}

static bool take_text(tarn_str *s, const char *text) {
    size_t n = strlen(text);
    if (s->n < n || memcmp(s->p, text, n) != 0) return false;
    s->p += n;
    s->n -= n;
    return true;
}

static log_name parse_name(tarn_str s) {
    log_name name = {NAME_OTHER, 0, 0, 0, 0};
    if (!take_number(&s, VERSION_DIGITS, &name.version)) return name;
    if (tarn_str_is(s, ".json")) {
        name.kind = NAME_COMMIT;
    } else if (tarn_str_is(s, ".crc")) {
        name.kind = NAME_CRC;
    } else if (tarn_str_is(s, ".checkpoint.parquet")) {
        name.kind = NAME_CLASSIC;
    } else if (take_text(&s, ".checkpoint.")) {
        tarn_str rest = s;
        if (take_number(&rest, 10, &name.part) && take_text(&rest, ".") && take_number(&rest, 10, &name.parts) &&
            tarn_str_is(rest, ".parquet") && name.part >= 1 && name.part <= name.parts)
            name.kind = NAME_PART;
        else if ((s.n == 36 + 5 && tarn_str_ends(s, ".json")) || (s.n == 36 + 8 && tarn_str_ends(s, ".parquet")))
            name.kind = NAME_V2;
    } else if (take_text(&s, ".") && take_number(&s, VERSION_DIGITS, &name.to) &&
               tarn_str_is(s, TARN_DELTA_COMPACTED) && name.to > name.version) {
        name.kind = NAME_COMPACTED;
    }
    return name;
}

const char *tarn_delta_version_key(tarn_arena *arena, int64_t version, const char *suffix) {
    return tarn_arena_printf(arena, TARN_DELTA_LOG "%020lld%s", (long long)version, suffix);
}

const char *tarn_delta_commit_key(tarn_arena *arena, const tarn_delta_commit *commit) {
    if (commit->span)
        return tarn_arena_printf(arena, TARN_DELTA_LOG "%020lld.%020lld" TARN_DELTA_COMPACTED,
                                 (long long)(commit->version - commit->span), (long long)commit->version);
    return tarn_delta_version_key(arena, commit->version, ".json");
}

static tarn_code list_log(tarn_cx *cx, tarn_store *store, tarn_arena *arena, int64_t from, bool with_stat,
                          tarn_entry_list *out) {
    tarn_list_spec spec = {
        .prefix = TARN_DELTA_LOG,
        .start_after = from > 0 ? tarn_delta_version_key(arena, from, "") : NULL,
        .max = (size_t)tarn_conf_int(cx->conf, TARN_LIMIT_LOG_FILES),
        .with_stat = with_stat,
    };
    return tarn_store_list(cx, store, &spec, arena, out);
}

static log_name entry_name(const tarn_entry *e) {
    size_t prefix = sizeof TARN_DELTA_LOG - 1;
    tarn_str key = tarn_str_of(e->key);
    if (e->is_folder || key.n <= prefix) return (log_name){NAME_OTHER, 0, 0, 0, 0};
    return parse_name((tarn_str){key.p + prefix, key.n - prefix});
}

bool tarn_delta_is_log_file(const char *key) {
    tarn_entry e = {.key = key};
    return entry_name(&e).kind != NAME_OTHER;
}

bool tarn_delta_may_have_sidecars(const char *key, tarn_delta_ckpt *kind) {
    tarn_entry e = {.key = key};
    name_kind is = entry_name(&e).kind;
    *kind = is == NAME_V2 ? TARN_DELTA_CKPT_V2 : TARN_DELTA_CKPT_CLASSIC;
    return is == NAME_V2 || is == NAME_CLASSIC;
}

/* The better of two complete checkpoints of one version (1.2 [S]): V2, then parts (more first), then single. */
typedef struct candidate {
    int64_t version, parts;
    tarn_delta_ckpt kind;
    size_t first, n; /* entries */
} candidate;

static bool better(const candidate *a, const candidate *b) {
    if (a->version != b->version) return a->version > b->version;
    if (a->kind != b->kind) return a->kind > b->kind;
    return a->parts > b->parts;
}

/* Parts of one split lie next to each other in the listing only when sorted by (parts, part): they are counted instead.
 */
static bool parts_complete(const tarn_entry_list *list, size_t at, const log_name *first, size_t *n) {
    int64_t found = 0;
    size_t end = at;
    for (size_t i = at; i < list->n; i++) {
        log_name name = entry_name(&list->at[i]);
        if (name.kind != NAME_OTHER && name.version != first->version) break;
        if (name.kind == NAME_PART && name.parts == first->parts) {
            if (name.part != found + 1) return false;
            found++;
            end = i + 1;
        }
    }
    *n = end - at;
    return found == first->parts;
}

static candidate best_checkpoint(const tarn_entry_list *list, int64_t version) {
    candidate best = {.version = -1};
    for (size_t i = 0; i < list->n; i++) {
        log_name name = entry_name(&list->at[i]);
        if (version >= 0 && name.version > version) continue;
        candidate c = {.version = name.version, .first = i, .n = 1};
        if (name.kind == NAME_CLASSIC) {
            c.kind = TARN_DELTA_CKPT_CLASSIC;
        } else if (name.kind == NAME_V2) {
            c.kind = TARN_DELTA_CKPT_V2;
        } else if (name.kind == NAME_PART && name.part == 1 && parts_complete(list, i, &name, &c.n)) {
            c.kind = TARN_DELTA_CKPT_PARTS;
            c.parts = name.parts;
        } else {
            continue;
        }
        if (better(&c, &best)) best = c;
    }
    return best;
}

static void take_checkpoint(tarn_arena *arena, const tarn_entry_list *list, const candidate *c, tarn_delta_log *log) {
    log->ckpt = c->version < 0 ? TARN_DELTA_NO_CKPT : c->kind;
    log->ckpt_version = c->version;
    for (size_t i = c->first; c->version >= 0 && i < c->first + c->n; i++) {
        log_name name = entry_name(&list->at[i]);
        if (c->kind == TARN_DELTA_CKPT_PARTS && (name.kind != NAME_PART || name.parts != c->parts)) continue;
        *TARN_PUSH(arena, &log->ckpt_keys) = list->at[i].key;
        if (list->at[i].size > 0) log->ckpt_bytes += list->at[i].size;
        log->mtime_ms = list->at[i].mtime_ms;
    }
}

static tarn_code gap(tarn_cx *cx, int64_t missing) {
    return tarn_fail(cx, TARN_CORRUPT, "versions not contiguous: %lld is missing", (long long)missing);
}

static tarn_code take_commits(tarn_cx *cx, tarn_arena *arena, const tarn_entry_list *list, int64_t after,
                              int64_t version, tarn_delta_log *log) {
    int64_t next = after + 1;
    for (size_t i = 0; i < list->n; i++) {
        log_name name = entry_name(&list->at[i]);
        if (name.kind != NAME_COMMIT || name.version < next || name.version > version) continue;
        if (name.version != next) return gap(cx, next);
        *TARN_PUSH(arena, &log->commits) =
            (tarn_delta_commit){.version = next, .mtime_ms = list->at[i].mtime_ms, .size = list->at[i].size};
        log->mtime_ms = list->at[i].mtime_ms;
        next++;
    }
    return next <= version ? gap(cx, next) : TARN_OK;
}

/* The largest compaction that begins with a commit, ends before the last, and is no longer than what it stands for. */
static tarn_delta_commit longest_compaction(const tarn_entry_list *list, size_t *at, const tarn_delta_log *log,
                                            size_t first) {
    tarn_delta_commit best = log->commits.at[first];
    int64_t from = best.version, bytes = 0;
    size_t i = first;
    for (; *at < list->n; (*at)++) { /* both lists ascend, and compactions of one start by their ends */
        const tarn_entry *e = &list->at[*at];
        log_name name = entry_name(e);
        if (name.kind == NAME_OTHER) continue;
        if (name.version > from) break;
        if (name.kind != NAME_COMPACTED || name.version < from || name.to >= log->version) continue;
        while (i < log->commits.n && log->commits.at[i].version <= name.to) bytes += log->commits.at[i++].size;
        if (e->size <= bytes)
            best = (tarn_delta_commit){
                .version = name.to, .mtime_ms = e->mtime_ms, .size = e->size, .span = name.to - from};
    }
    return best;
}

/* Compactions are reconciled commits (1.1): each takes the place of its own. */
static void use_compactions(const tarn_entry_list *list, tarn_delta_log *log) {
    size_t at = 0, n = 0;
    for (size_t i = 0; i < log->commits.n;) {
        tarn_delta_commit c = longest_compaction(list, &at, log, i);
        i += (size_t)c.span + 1;
        log->commits.at[n++] = c;
    }
    log->commits.n = n;
}

static tarn_code no_version(tarn_cx *cx, const tarn_entry_list *list, int64_t version, int64_t newest) {
    int64_t oldest = -1;
    for (size_t i = 0; i < list->n && oldest < 0; i++) {
        log_name name = entry_name(&list->at[i]);
        bool start = (name.kind == NAME_COMMIT && name.version == 0) || name.kind == NAME_CLASSIC ||
                     name.kind == NAME_V2 || name.kind == NAME_PART;
        if (start) oldest = name.version;
    }
    if (newest < 0 || oldest < 0)
        return tarn_fail(cx, TARN_NOTFOUND, "there is no table: its _delta_log has no commit");
    return tarn_fail(cx, TARN_NOTFOUND, "version %lld does not exist; there are versions %lld to %lld",
                     (long long)version, (long long)oldest, (long long)newest);
}

static tarn_code assemble(tarn_cx *cx, tarn_arena *arena, const tarn_entry_list *list, int64_t version,
                          tarn_delta_log *out) {
    int64_t newest = -1;
    bool have = version < 0;
    for (size_t i = 0; i < list->n; i++) {
        log_name name = entry_name(&list->at[i]);
        if (name.kind == NAME_OTHER || name.kind == NAME_CRC || name.kind == NAME_COMPACTED) continue;
        if (name.kind == NAME_PART) continue; /* one part does not make a version */
        if (name.version > newest) newest = name.version;
        if (name.version == version) have = true;
    }
    candidate ckpt = best_checkpoint(list, version);
    if (ckpt.version > newest) newest = ckpt.version;
    if (ckpt.version == version) have = true;
    if (newest < 0 || !have) return no_version(cx, list, version, newest);
    tarn_delta_log log = {.version = version < 0 ? newest : version, .crc_version = -1, .mtime_ms = -1};
    take_checkpoint(arena, list, &ckpt, &log);
    if (log.ckpt_version < 0 && version >= 0) {
        bool first = false;
        for (size_t i = 0; i < list->n && !first; i++)
            first = entry_name(&list->at[i]).kind == NAME_COMMIT && entry_name(&list->at[i]).version == 0;
        if (!first && log.version != 0) return no_version(cx, list, version, newest);
    }
    TRY(take_commits(cx, arena, list, log.ckpt_version, log.version, &log));
    use_compactions(list, &log);
    for (size_t i = 0; i < list->n; i++) {
        log_name name = entry_name(&list->at[i]);
        if (name.kind == NAME_CRC && name.version <= log.version && name.version >= log.ckpt_version)
            log.crc_version = name.version;
        if (name.kind == NAME_COMMIT && name.version == log.version) log.mtime_ms = list->at[i].mtime_ms;
    }
    *out = log;
    return TARN_OK;
}

/* The hint may be missing, stale or garbage (1.2): whatever it says, it only saves listing. */
static int64_t read_hint(tarn_cx *cx, tarn_store *store) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    tarn_str text;
    int64_t version = -1;
    if (tarn_store_read(cx, store, TARN_DELTA_LOG "_last_checkpoint", HINT_MAX, arena, &text) != TARN_OK ||
        tarn_delta_read_hint(cx, arena, text, &version) != TARN_OK || version < 0) {
        tarn_clear_error(cx);
        return -1;
    }
    return version;
}

tarn_code tarn_delta_log_find(tarn_cx *cx, tarn_store *store, tarn_arena *arena, int64_t version, tarn_delta_log *out) {
    tarn_entry_list list = {0};
    int64_t hint = read_hint(cx, store);
    if (hint > 0 && (version < 0 || version >= hint)) {
        TRY(list_log(cx, store, arena, hint, true, &list));
        tarn_code code = TARN_NOTFOUND;
        if (best_checkpoint(&list, version).version >= 0) code = assemble(cx, arena, &list, version, out);
        if (code != TARN_NOTFOUND) return code;
        tarn_clear_error(cx); /* which versions there are takes the whole list to say */
        list = (tarn_entry_list){0};
    }
    TRY(list_log(cx, store, arena, 0, true, &list));
    return assemble(cx, arena, &list, version, out);
}

tarn_code tarn_delta_log_after(tarn_cx *cx, tarn_store *store, tarn_arena *arena, int64_t from, int64_t version,
                               tarn_delta_log *out) {
    tarn_entry_list list = {0};
    TRY(list_log(cx, store, arena, from, true, &list));
    tarn_delta_log log = {.version = version, .ckpt_version = -1, .crc_version = -1, .mtime_ms = -1};
    int64_t newest = from;
    for (size_t i = 0; i < list.n; i++) {
        log_name name = entry_name(&list.at[i]);
        if (name.kind == NAME_COMMIT && name.version > newest && (version < 0 || name.version <= version))
            newest = name.version;
    }
    if (version >= 0 && newest < version)
        return tarn_fail(cx, TARN_NOTFOUND, "version %lld does not exist", (long long)version);
    log.version = newest;
    TRY(take_commits(cx, arena, &list, from, newest, &log));
    *out = log;
    return TARN_OK;
}

tarn_code tarn_delta_log_commits(tarn_cx *cx, tarn_store *store, tarn_arena *arena, tarn_delta_log *out) {
    tarn_entry_list list = {0};
    TRY(list_log(cx, store, arena, 0, true, &list));
    tarn_delta_log log = {.version = -1, .ckpt_version = -1, .crc_version = -1, .mtime_ms = -1};
    for (size_t i = 0; i < list.n; i++) {
        log_name name = entry_name(&list.at[i]);
        if (name.kind != NAME_COMMIT) continue;
        int64_t mtime = list.at[i].mtime_ms;
        if (log.commits.n && mtime <= log.mtime_ms) mtime = log.mtime_ms + 1;
        *TARN_PUSH(arena, &log.commits) =
            (tarn_delta_commit){.version = name.version, .mtime_ms = mtime, .size = list.at[i].size};
        log.version = name.version;
        log.mtime_ms = mtime;
    }
    *out = log;
    return TARN_OK;
}

static tarn_code ict_of(tarn_cx *cx, tarn_store *store, const tarn_delta_commit *c, int64_t *out) {
    tarn_auto(tarn_arena *, tarn_arena_freep) arena = tarn_arena_new();
    return tarn_delta_commit_ict(cx, store, arena, c->version, out);
}

tarn_code tarn_delta_log_at(tarn_cx *cx, tarn_store *store, const tarn_delta_meta *meta, int64_t ts_us,
                            int64_t *version) {
    tarn_delta_log log = {0};
    TRY(tarn_delta_log_commits(cx, store, cx->arena, &log));
    int64_t ts = ts_us >= 0 ? ts_us / 1000 : -((-ts_us + 999) / 1000);
    size_t lo = 0, hi = log.commits.n;
    bool ict = tarn_delta_conf_true(meta, "delta.enableInCommitTimestamps");
    if (ict) {
        /* 1.9: only the side of the enablement that holds the instant is searched. */
        int64_t since = tarn_delta_conf_int(meta, "delta.inCommitTimestampEnablementVersion", 0);
        int64_t since_ts = tarn_delta_conf_int(meta, "delta.inCommitTimestampEnablementTimestamp", INT64_MIN);
        size_t border = 0;
        while (border < log.commits.n && log.commits.at[border].version < since) border++;
        ict = ts >= since_ts;
        if (ict)
            lo = border;
        else
            hi = border;
    }
    size_t first = lo;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int64_t at = log.commits.at[mid].mtime_ms;
        if (ict) TRY(ict_of(cx, store, &log.commits.at[mid], &at));
        if (at <= ts)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == first && (first == 0 || ict)) {
        if (log.commits.n == 0) return tarn_fail(cx, TARN_NOTFOUND, "there are no commits to travel to");
        char text[TARN_TIME_TEXT];
        tarn_format_timestamp(log.commits.at[0].mtime_ms * 1000, ' ', 3, "+00", text);
        return tarn_fail(cx, TARN_NOTFOUND, "nothing is as old as that; the first version there is, %lld, is of %s",
                         (long long)log.commits.at[0].version, text);
    }
    *version = log.commits.at[lo - 1].version;
    return TARN_OK;
}
