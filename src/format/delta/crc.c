/* crc.c: version checksums (1.6): read as a short cut to protocol, metadata and counts, written after each commit. */
#include "format/delta/write/write.h"

enum { CRC_MAX = 256 << 20 };

typedef struct crc {
    tarn_delta_protocol protocol;
    tarn_delta_meta meta;
    bool has_protocol, has_meta, has_txns, has_domains;
    int64_t files, bytes, ict;
    TARN_VEC(tarn_delta_txn) txns;
    TARN_VEC(tarn_delta_domain) domains;
} crc;

/* The elements of setTransactions and domainMetadata, each wrapped as the action it is. */
static tarn_code read_states(tarn_cx *cx, tarn_arena *arena, tarn_json *r, const char *kind, crc *out) {
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    TRY(tarn_json_expect_array(cx, r));
    for (bool more;;) {
        tarn_str raw;
        tarn_delta_action a;
        TRY(tarn_json_element(cx, r, &more));
        if (!more) return TARN_OK;
        TRY(tarn_json_raw(cx, r, &raw));
        char *line = tarn_arena_printf(scratch, "{\"%s\":%.*s}", kind, (int)raw.n, raw.p);
        TRY(tarn_delta_action_parse(cx, arena, scratch, tarn_str_of(line), &a));
        if (a.kind == TARN_DELTA_TXN) *TARN_PUSH(arena, &out->txns) = a.txn;
        if (a.kind == TARN_DELTA_DOMAIN) *TARN_PUSH(arena, &out->domains) = a.domain;
    }
}

static tarn_code parse(tarn_cx *cx, tarn_arena *arena, tarn_str text, crc *out) {
    tarn_json r;
    tarn_json_init(&r, text, TARN_JSON_DEPTH);
    TRY(tarn_json_next(cx, &r));
    TRY(tarn_json_expect_object(cx, &r));
    for (bool more;;) {
        tarn_str key, raw;
        TRY(tarn_json_field(cx, &r, &key, &more));
        if (!more) return TARN_OK;
        if (r.kind == TARN_JSON_NULL)
            TRY(tarn_json_skip(cx, &r));
        else if (tarn_str_is(key, "numFiles"))
            TRY(tarn_json_int(cx, &r, &out->files));
        else if (tarn_str_is(key, "tableSizeBytes"))
            TRY(tarn_json_int(cx, &r, &out->bytes));
        else if (tarn_str_is(key, "inCommitTimestampOpt"))
            TRY(tarn_json_int(cx, &r, &out->ict));
        else if (tarn_str_is(key, "protocol")) {
            TRY(tarn_json_raw(cx, &r, &raw));
            TRY(tarn_delta_read_protocol(cx, arena, raw, &out->protocol));
            out->has_protocol = true;
        } else if (tarn_str_is(key, "metadata")) {
            TRY(tarn_json_raw(cx, &r, &raw));
            TRY(tarn_delta_read_meta(cx, arena, raw, &out->meta));
            out->has_meta = true;
        } else if (tarn_str_is(key, "setTransactions")) {
            TRY(read_states(cx, arena, &r, "txn", out));
            out->has_txns = true;
        } else if (tarn_str_is(key, "domainMetadata")) {
            TRY(read_states(cx, arena, &r, "domainMetadata", out));
            out->has_domains = true;
        } else
            TRY(tarn_json_skip(cx, &r));
    }
}

bool tarn_delta_crc_read(tarn_cx *cx, tarn_delta_snapshot *s, int64_t version, bool *protocol, bool *meta) {
    tarn_auto(tarn_arena *, tarn_arena_freep) scratch = tarn_arena_new();
    const char *key = tarn_delta_version_key(scratch, version, ".crc");
    tarn_str text;
    crc c = {.files = -1, .bytes = -1, .ict = -1};
    if (tarn_store_read(cx, s->base.table->store, key, CRC_MAX, scratch, &text) != TARN_OK ||
        parse(cx, s->base.arena, text, &c) != TARN_OK || !c.has_protocol || !c.has_meta) {
        tarn_clear_error(cx); /* a checksum only saves work */
        return false;
    }
    if (!*protocol) s->protocol = c.protocol;
    if (!*meta) s->meta = c.meta;
    *protocol = *meta = true;
    for (size_t i = 0; i < c.txns.n; i++) tarn_delta_add_txn(s, &c.txns.at[i]);
    for (size_t i = 0; i < c.domains.n; i++) tarn_delta_add_domain(s, &c.domains.at[i]);
    s->states_complete = c.has_txns && c.has_domains;
    if (version == s->base.version) {
        s->ict_ms = c.ict;
        s->crc_files = c.files;
        s->crc_bytes = c.bytes;
    }
    return true;
}

/* Histogram: 0, 1 to 9, 10 to 99, … 10^7 to 2^31 - 2, and more. */
static void write_deletes(tarn_jsonw *w, const tarn_delta_snapshot *s) {
    int64_t vectors = 0, rows = 0, bins[10] = {0};
    for (size_t i = 0; i < s->n_files; i++) {
        const tarn_deletes *d = s->files[i].file.deletes;
        int64_t n = d ? d->rows : 0;
        int bin = 0;
        for (int64_t rest = n; rest > 0 && bin < 8; rest /= 10) bin++;
        bins[n >= INT32_MAX ? 9 : bin]++;
        vectors += d != NULL;
        rows += n;
    }
    tarn_jsonw_key(w, "numDeletedRecordsOpt"), tarn_jsonw_int(w, rows);
    tarn_jsonw_key(w, "numDeletionVectorsOpt"), tarn_jsonw_int(w, vectors);
    tarn_jsonw_key(w, "deletedRecordCountsHistogramOpt");
    tarn_jsonw_begin_object(w);
    tarn_jsonw_key(w, "deletedRecordCounts");
    tarn_jsonw_begin_array(w);
    for (int i = 0; i < 10; i++) tarn_jsonw_int(w, bins[i]);
    tarn_jsonw_end_array(w);
    tarn_jsonw_end_object(w);
}

static void write_states(tarn_jsonw *w, const tarn_delta_snapshot *s) {
    tarn_jsonw_key(w, "setTransactions");
    tarn_jsonw_begin_array(w);
    for (size_t i = 0; i < s->txns.n; i++) tarn_delta_write_txn(w, &s->txns.at[i]);
    tarn_jsonw_end_array(w);
    tarn_jsonw_key(w, "domainMetadata");
    tarn_jsonw_begin_array(w);
    for (size_t i = 0; i < s->domains.n; i++)
        if (!s->domains.at[i].removed) tarn_delta_write_domain(w, &s->domains.at[i]);
    tarn_jsonw_end_array(w);
}

tarn_code tarn_delta_crc_write(tarn_cx *cx, tarn_delta_snapshot *s) {
    tarn_auto_buf text = TARN_BUF(CRC_MAX);
    tarn_jsonw w = TARN_JSONW(&text);
    bool loaded = !tarn_delta_unread(s);
    tarn_jsonw_begin_object(&w);
    tarn_jsonw_key(&w, "tableSizeBytes"), tarn_jsonw_int(&w, loaded ? s->bytes : s->crc_bytes);
    tarn_jsonw_key(&w, "numFiles"), tarn_jsonw_int(&w, loaded ? (int64_t)s->n_files : s->crc_files);
    tarn_jsonw_key(&w, "numMetadata"), tarn_jsonw_int(&w, 1);
    tarn_jsonw_key(&w, "numProtocol"), tarn_jsonw_int(&w, 1);
    if (s->ict_ms >= 0) tarn_jsonw_key(&w, "inCommitTimestampOpt"), tarn_jsonw_int(&w, s->ict_ms);
    if (loaded && tarn_delta_has_feature(&s->protocol, "deletionVectors")) write_deletes(&w, s);
    write_states(&w, s);
    tarn_jsonw_key(&w, "metadata");
    tarn_delta_write_meta(&w, &s->meta);
    tarn_jsonw_key(&w, "protocol");
    tarn_delta_write_protocol(&w, &s->protocol);
    tarn_jsonw_end_object(&w);
    if (!tarn_buf_ok(&text)) return tarn_fail(cx, TARN_LIMIT, "the checksum is too large");
    const char *key = tarn_delta_version_key(cx->arena, s->base.version, ".crc");
    tarn_code code =
        tarn_store_put(cx, s->base.table->store, key, (tarn_str){text.data, text.n}, TARN_PUT_ABSENT, NULL, NULL);
    if (code == TARN_EXISTS) tarn_clear_error(cx), code = TARN_OK; /* 1.6: never overwritten */
    return code;
}
