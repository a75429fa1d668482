/* commit_test.c: the commit loop over Delta: what is written, races, the conflict matrix of 1.11, and what is refused.
 */
#include "format/commit.h"
#include "format/delta/delta_test.h"
#include "store/fault.h"

static tarn_schema *schema_of(bench *b, int n) {
    static const tarn_kind KINDS[] = {TARN_INT64, TARN_STRING, TARN_TIMESTAMP, TARN_FLOAT64};
    static const char *const NAMES[] = {"id", "p", "ts", "f"};
    tarn_type *s = tarn_type_new(b->cx.arena, TARN_STRUCT);
    s->fields = TARN_NEW_ARRAY(b->cx.arena, tarn_field, (size_t)n);
    s->n_fields = (size_t)n;
    for (int i = 0; i < n; i++)
        s->fields[i] =
            (tarn_field){.name = NAMES[i], .type = tarn_type_new(b->cx.arena, KINDS[i]), .nullable = true, .id = -1};
    return s;
}

static void add(bench *b, tarn_change *c, const char *path, const char *p) {
    tarn_value *v = TARN_NEW(b->cx.arena, tarn_value);
    *v = (tarn_value){.kind = TARN_STRING, .null = !p, .s = tarn_str_of(p ? p : "")};
    put(b, path, "data");
    *TARN_PUSH(b->cx.arena, &c->adds) = (tarn_add){.path = path, .size = 4, .rows = 10, .mtime_ms = 1, .partition = v};
}

static tarn_snapshot *create(bench *b) {
    static const tarn_partition_by by[] = {{.column = "p"}};
    tarn_change c = {.operation = "CREATE TABLE",
                     .create = true,
                     .schema = schema_of(b, 4),
                     .partition_by = by,
                     .n_partition_by = 1};
    tarn_snapshot *s = NULL;
    if (tarn_format_delta.prepare(&b->cx, &b->table, NULL, &c) != TARN_OK ||
        tarn_commit(&b->cx, &b->table, NULL, &c, &s) != TARN_OK)
        fail_msg("%s", b->cx.error.message);
    return s;
}

static tarn_code commit_on(bench *b, tarn_snapshot **s, tarn_change *c) {
    tarn_snapshot *next = NULL;
    tarn_clear_error(&b->cx);
    tarn_code code = tarn_format_delta.prepare(&b->cx, &b->table, *s, c);
    if (code == TARN_OK) code = tarn_commit(&b->cx, &b->table, *s, c, &next);
    if (code == TARN_OK) {
        tarn_snapshot_release(*s);
        *s = next;
    }
    return code;
}

static const char *read_commit(bench *b, int version) {
    tarn_str text;
    const char *key = tarn_delta_version_key(b->cx.arena, version, ".json");
    assert_int_equal(tarn_store_read(&b->cx, b->store, key, 1 << 20, b->cx.arena, &text), TARN_OK);
    return text.p;
}

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("\"%s\" is not in %s", part, text);
}

static void writes_what_spark_reads(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    tarn_snapshot *s = create(&b);
    assert_has(read_commit(&b, 0),
               "{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[\"deletionVectors\"]");
    assert_has(read_commit(&b, 0), "\"delta.enableDeletionVectors\":\"true\"");
    tarn_change c = {.operation = "WRITE", .blind_append = true, .app_id = "job", .app_version = 3};
    tarn_change_parameter(b.cx.arena, &c, "mode", "\"Append\"");
    tarn_change_metric(b.cx.arena, &c, "numFiles", 1);
    add(&b, &c, "p=a%2Fb c/part-1.parquet", "a/b c");
    tarn_leaf_stats stats[] = {
        {.path = "id",
         .bounds = {.min = {.kind = TARN_INT64, .i = -5},
                    .max = {.kind = TARN_INT64, .i = 7},
                    .has_min = true,
                    .has_max = true,
                    .nulls = 1}},
        {.path = "ts",
         .bounds = {.min = {.kind = TARN_TIMESTAMP, .i = -1},
                    .max = {.kind = TARN_TIMESTAMP, .i = 1500999},
                    .has_min = true,
                    .has_max = true,
                    .nulls = 0}},
        {.path = "f",
         .bounds = {.max = {.kind = TARN_FLOAT64, .f = 2.5}, .has_max = true, .maybe_nan = true, .nulls = -1}},
    };
    c.adds.at[0].stats = stats;
    c.adds.at[0].n_stats = 3;
    assert_int_equal(commit_on(&b, &s, &c), TARN_OK);
    const char *text = read_commit(&b, 1);
    assert_has(text, "{\"commitInfo\":{\"timestamp\":");
    assert_has(
        text,
        "\"operationParameters\":{\"mode\":\"Append\"},\"readVersion\":0,\"isolationLevel\":\"WriteSerializable\","
        "\"isBlindAppend\":true");
    assert_has(text, "\"engineInfo\":\"Tarn/" TARN_VERSION "\",\"txnId\":\"");
    assert_has(text, "\"path\":\"p=a%252Fb%20c/part-1.parquet\",\"partitionValues\":{\"p\":\"a/b c\"}");
    assert_has(text,
               "{\\\"numRecords\\\":10,\\\"minValues\\\":{\\\"id\\\":-5,\\\"ts\\\":\\\"1969-12-31T23:59:59.999Z\\\"},"
               "\\\"maxValues\\\":{\\\"id\\\":7,\\\"ts\\\":\\\"1970-01-01T00:00:01.500Z\\\"},\\\"nullCount\\\":{"
               "\\\"id\\\":1,\\\"ts\\\":0}}");
    assert_has(text, "{\"txn\":{\"appId\":\"job\",\"version\":3,");
    tarn_snapshot *again = must_open(&b, -1);
    assert_string_equal(paths(&b, again, NULL), paths(&b, s, NULL));
    tarn_value at = {.kind = TARN_TIMESTAMP, .i = 1500999}, late = {.kind = TARN_TIMESTAMP, .i = 1501000};
    assert_string_equal(paths(&b, again, tarn_expr_cmp(b.cx.arena, TARN_EXPR_EQ, 2, &at)), "p=a%2Fb c/part-1.parquet");
    assert_string_equal(paths(&b, again, tarn_expr_cmp(b.cx.arena, TARN_EXPR_EQ, 2, &late)), "");
    tarn_snapshot_release(again);
    assert_int_equal(commit_on(&b, &s, &c), TARN_EXISTS); /* the same application transaction */
    tarn_snapshot_release(s);
    bench_close(&b);
}

/* ---- 1.11's table: a change prepared on version 1, a winner that came first */

typedef enum who { INSERT, UPDATE, OPTIMIZE, METADATA, READ_APPEND, N_WHO } who;

static void fill(bench *b, tarn_change *c, who w, tarn_snapshot *s, size_t file, const char *path) {
    tarn_file_list list = {0};
    assert_int_equal(tarn_snapshot_files(&b->cx, s, NULL, &list), TARN_OK);
    const tarn_file *f = list.files.at[file];
    tarn_expr *reads = tarn_expr_cmp(b->cx.arena, TARN_EXPR_EQ, 1, &f->partition[0]);
    *c = (tarn_change){.operation = w == INSERT     ? "WRITE"
                                    : w == OPTIMIZE ? "OPTIMIZE"
                                    : w == METADATA ? "SET TBLPROPERTIES"
                                                    : "UPDATE"};
    c->blind_append = w == INSERT;
    c->no_data_change = w == OPTIMIZE;
    if (w == METADATA) tarn_change_property(b->cx.arena, c, "x", "y");
    if (w == UPDATE || w == OPTIMIZE) *TARN_PUSH(b->cx.arena, &c->removes) = f;
    if (w == UPDATE || w == READ_APPEND) *TARN_PUSH(b->cx.arena, &c->reads) = reads;
    if (w != METADATA) add(b, c, path, file ? "y" : "x");
}

/* Ours on file 0 (p = x); the winner on file 0 or file 1 (p = y). */
static tarn_code race(who ours, who winner, size_t winner_file, bool serializable) {
    bench b;
    bench_open(&b);
    put_commit(&b, 0, serializable ? PROTOCOL META_WITH("\"delta.isolationLevel\":\"Serializable\"") : PROTOCOL META);
    put_commit(&b, 1, ADD("a", "x") ADD("b", "y"));
    tarn_snapshot *s = must_open(&b, -1), *other = must_open(&b, -1);
    tarn_change mine, theirs;
    fill(&b, &mine, ours, s, 0, "mine");
    fill(&b, &theirs, winner, other, winner_file, "theirs");
    assert_int_equal(commit_on(&b, &other, &theirs), TARN_OK);
    tarn_code code = commit_on(&b, &s, &mine);
    if (code == TARN_CONFLICT) assert_has(b.cx.error.message, "version 2 (");
    if (code == TARN_OK) {
        assert_int_equal(s->version, 3);
        tarn_snapshot *again = must_open(&b, -1);
        assert_string_equal(paths(&b, s, NULL), paths(&b, again, NULL));
        tarn_snapshot_release(again);
    }
    tarn_snapshot_release(s);
    tarn_snapshot_release(other);
    bench_close(&b);
    return code;
}

static void conflict_matrix(void **state) {
    (void)state;
    /* [ours][winner]: o = goes through, c = conflict; first the same partition and file, then another's. */
    static const char *const WS[N_WHO][2] = {[INSERT] = {"ooocc"},
                                             [UPDATE] = {"occcc"},
                                             [OPTIMIZE] = {"occc"},
                                             [METADATA] = {"ooocc"},
                                             [READ_APPEND] = {"occcc"}};
    for (who ours = INSERT; ours < N_WHO; ours++) {
        for (who winner = INSERT; winner <= METADATA; winner++) {
            if (ours == METADATA) continue;
            char want = WS[ours][0][winner];
            tarn_code code = race(ours, winner, 0, false);
            if ((code == TARN_OK) != (want == 'o')) fail_msg("%d over %d: %s", ours, winner, tarn_code_name(code));
            if (winner == METADATA) continue;
            assert_int_equal(race(ours, winner, 1, false), TARN_OK); /* another partition, another file */
        }
    }
    assert_int_equal(race(INSERT, UPDATE, 0, true), TARN_OK);
    assert_int_equal(race(UPDATE, INSERT, 0, true), TARN_CONFLICT);
    assert_int_equal(race(UPDATE, INSERT, 1, true), TARN_OK);
    assert_int_equal(race(READ_APPEND, INSERT, 0, true), TARN_CONFLICT);
    assert_int_equal(race(OPTIMIZE, INSERT, 0, true), TARN_OK);
    assert_int_equal(race(METADATA, INSERT, 0, false), TARN_OK);
}

static void settles_what_is_unknown(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    tarn_snapshot *s = create(&b);
    tarn_store *faulty = NULL;
    tarn_fault *fault = NULL;
    tarn_store_fault(b.store, &faulty, &fault);
    tarn_table table = b.table;
    table.store = faulty;
    tarn_change c = {.operation = "WRITE", .blind_append = true}, d = c;
    add(&b, &c, "one", "x");
    tarn_fault_plan plan = {.kind = TARN_FAULT_AMBIGUOUS, .call = TARN_FAULT_PUT, .nth = 1};
    tarn_fault_set(fault, &plan);
    tarn_snapshot *after = NULL;
    assert_int_equal(tarn_commit(&b.cx, &table, s, &c, &after), TARN_OK); /* it was there after all */
    assert_int_equal(after->version, 1);
    tarn_snapshot_release(after);
    add(&b, &d, "two", "x");
    plan.kind = TARN_FAULT_FAIL;
    plan.times = -1;
    tarn_fault_set(fault, &plan);
    after = NULL;
    assert_int_equal(tarn_commit(&b.cx, &table, s, &d, &after), TARN_IO);
    assert_null(after);
    tarn_snapshot_release(s);
    s = must_open(&b, -1);
    assert_string_equal(paths(&b, s, NULL), "one");
    tarn_snapshot_release(s);
    tarn_store_close(faulty);
    bench_close(&b);
}

static void alter(bench *b, tarn_snapshot **s, const char *name, const char *value) {
    tarn_change c = {.operation = "SET TBLPROPERTIES"};
    tarn_change_property(b->cx.arena, &c, name, value);
    if (commit_on(b, s, &c) != TARN_OK) fail_msg("%s = %s: %s", name, value, b->cx.error.message);
}

static void metadata_and_protocol(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    assert_int_equal(
        tarn_conf_set(&b.cx, b.conf, TARN_LIT("delta.default_deletion_vectors"), TARN_LIT("false"), TARN_FROM_SET),
        TARN_OK);
    tarn_snapshot *s = create(&b);
    assert_has(read_commit(&b, 0), "{\"minReaderVersion\":1,\"minWriterVersion\":2}");
    tarn_change check = {.operation = "ADD CONSTRAINT"};
    *TARN_PUSH(b.cx.arena, &check.checks) = (tarn_pair){"positive", "id > 0"};
    assert_int_equal(commit_on(&b, &s, &check), TARN_OK);
    assert_int_equal(s->n_checks, 1);
    assert_string_equal(s->checks[0].value, "id > 0");
    assert_int_equal(tarn_delta_of(s)->protocol.writer, 3);
    tarn_change rename = {.operation = "RENAME COLUMN", .schema = tarn_type_copy(b.cx.arena, s->schema)};
    ((tarn_type *)(uintptr_t)rename.schema)->fields[0].name = "key";
    assert_int_equal(commit_on(&b, &s, &rename), TARN_UNSUPPORTED);
    assert_has(b.cx.error.hint, "'delta.columnMapping.mode' = 'name'");
    alter(&b, &s, "delta.columnMapping.mode", "name");
    assert_int_equal(tarn_delta_of(s)->protocol.reader, 2);
    assert_int_equal(tarn_delta_of(s)->protocol.writer, 5);
    assert_string_equal(s->schema->fields[0].physical, "id");
    assert_int_equal(s->schema->fields[3].id, 4);
    rename = (tarn_change){.operation = "RENAME COLUMN", .schema = tarn_type_copy(b.cx.arena, s->schema)};
    ((tarn_type *)(uintptr_t)rename.schema)->fields[0].name = "key";
    assert_int_equal(commit_on(&b, &s, &rename), TARN_OK);
    assert_string_equal(s->schema->fields[0].name, "key");
    assert_string_equal(s->schema->fields[0].physical, "id");
    alter(&b, &s, "delta.enableDeletionVectors", "true");
    assert_int_equal(tarn_delta_of(s)->protocol.reader, 3);
    assert_true(tarn_delta_has_feature(&tarn_delta_of(s)->protocol, "columnMapping"));
    assert_true(tarn_delta_has_feature(&tarn_delta_of(s)->protocol, "checkConstraints"));
    alter(&b, &s, "delta.feature.timestampNtz", "supported");
    assert_null(tarn_snapshot_property(s, "delta.feature.timestampNtz"));
    alter(&b, &s, "delta.enableInCommitTimestamps", "true");
    assert_non_null(tarn_snapshot_property(s, "delta.inCommitTimestampEnablementVersion"));
    alter(&b, &s, "delta.appendOnly", "true");
    assert_null(s->read_only);
    tarn_snapshot *again = must_open(&b, -1);
    assert_int_equal(again->version, s->version);
    assert_true(tarn_type_eq(again->schema, s->schema));
    tarn_snapshot_release(again);
    tarn_snapshot_release(s);
    bench_close(&b);
}

/* A change that marks rows [from, to) of the snapshot's only file. */
static tarn_change marking(bench *b, tarn_snapshot *s, uint64_t from, uint64_t to) {
    tarn_change c = {.operation = "DELETE", .by_row = true};
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = tarn_roaring64_new();
    tarn_file_list list = {0};
    assert_int_equal(tarn_snapshot_files(&b->cx, s, NULL, &list), TARN_OK);
    assert_int_equal(list.files.n, 1);
    for (uint64_t row = from; row < to; row++) tarn_roaring64_add(rows, row);
    tarn_row_deletes item = {.file = list.files.at[0], .rows = rows};
    assert_int_equal(tarn_format_delta.write_deletes(&b->cx, s, &item, 1, &c), TARN_OK);
    *TARN_PUSH(b->cx.arena, &c.adds) = (tarn_add){.from = item.file, .deletes = item.descriptor};
    *TARN_PUSH(b->cx.arena, &c.reads) = tarn_expr_new(b->cx.arena, TARN_EXPR_TRUE);
    return c;
}

/* "0 2 3": the rows marked in the only file of the table as it is opened anew; "-": there is no file. */
static const char *marked(bench *b) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) s = must_open(b, -1);
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = NULL;
    tarn_auto_buf out = TARN_BUF(4096);
    tarn_file_list list = {0};
    assert_int_equal(tarn_snapshot_files(&b->cx, s, NULL, &list), TARN_OK);
    if (!list.files.n) return "-";
    assert_int_equal(tarn_format_delta.deleted(&b->cx, s, list.files.at[0], &rows), TARN_OK);
    assert_int_equal(list.files.at[0]->deletes->rows, tarn_roaring64_cardinality(rows));
    for (uint64_t row = 0; row < 10; row++)
        if (tarn_roaring64_contains(rows, row)) tarn_buf_printf(&out, "%s%d", out.n ? " " : "", (int)row);
    return tarn_buf_take(&out, b->cx.arena);
}

static tarn_snapshot *one_file(bench *b) {
    tarn_snapshot *s = create(b);
    tarn_change c = {.operation = "WRITE", .blind_append = true};
    add(b, &c, "one", "x");
    assert_int_equal(commit_on(b, &s, &c), TARN_OK);
    return s;
}

static void row_deletes(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    tarn_snapshot *s = one_file(&b);
    tarn_change c = marking(&b, s, 3, 4);
    assert_int_equal(c.written.n, 1);
    assert_int_equal(commit_on(&b, &s, &c), TARN_OK);
    assert_has(read_commit(&b, 2), "\"storageType\":\"u\"");
    assert_has(read_commit(&b, 2), "\"offset\":1,");
    assert_has(read_commit(&b, 2), "\\\"tightBounds\\\":false");
    assert_string_equal(marked(&b), "3");
    assert_int_equal(
        tarn_conf_set(&b.cx, b.conf, TARN_LIT("delta.inline_vector_bytes"), TARN_LIT("200"), TARN_FROM_SET), TARN_OK);
    c = marking(&b, s, 4, 6); /* adds to the first */
    assert_int_equal(c.written.n, 0);
    assert_int_equal(commit_on(&b, &s, &c), TARN_OK);
    assert_has(read_commit(&b, 3), "\"storageType\":\"i\"");
    assert_string_equal(marked(&b), "3 4 5");
    tarn_snapshot_release(s);
    bench_close(&b);
}

/* Two writers on different rows of a file both commit; on one row the second has lost. */
static void unites_rows(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    tarn_snapshot *s = one_file(&b), *old = tarn_snapshot_retain(s);
    tarn_change first = marking(&b, s, 0, 2), other = marking(&b, s, 5, 6), same = marking(&b, s, 1, 3),
                rest = marking(&b, s, 2, 5), last = marking(&b, s, 6, 10), whole = {.operation = "DELETE"};
    tarn_file_list list = {0};
    assert_int_equal(tarn_snapshot_files(&b.cx, s, NULL, &list), TARN_OK);
    *TARN_PUSH(b.cx.arena, &whole.removes) = list.files.at[0];
    whole.by_row = true;
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &first, NULL), TARN_OK);
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &other, NULL), TARN_OK);
    assert_string_equal(marked(&b), "0 1 5");
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &same, NULL), TARN_CONFLICT);
    assert_has(b.cx.error.message, "deleted rows that this change deletes or updates too");
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &whole, NULL), TARN_CONFLICT);
    assert_has(b.cx.error.message, "removed a file that this change removes too");
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &rest, NULL), TARN_OK);
    assert_string_equal(marked(&b), "0 1 2 3 4 5");
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &last, NULL), TARN_OK); /* together they leave no row */
    assert_string_equal(marked(&b), "-");
    tarn_snapshot_release(old);
    tarn_snapshot_release(s);
    bench_close(&b);
}

/* Where rows come back, or the isolation asks for whole files, the file decides. */
static void unites_no_others(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    tarn_snapshot *s = one_file(&b);
    tarn_change c = marking(&b, s, 0, 2);
    assert_int_equal(commit_on(&b, &s, &c), TARN_OK);
    tarn_snapshot *old = tarn_snapshot_retain(s);
    tarn_change next = marking(&b, s, 5, 6), one_more = marking(&b, s, 6, 7), unsure = marking(&b, s, 7, 8);
    unsure.by_row = false;
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &one_more, NULL), TARN_OK);
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &unsure, NULL), TARN_CONFLICT);
    tarn_snapshot *past = must_open(&b, 1);
    tarn_file_list was = {0}, is = {0};
    tarn_snapshot *now = must_open(&b, -1);
    assert_int_equal(tarn_snapshot_files(&b.cx, past, NULL, &was), TARN_OK);
    assert_int_equal(tarn_snapshot_files(&b.cx, now, NULL, &is), TARN_OK);
    tarn_change restore = {.operation = "RESTORE", .read_all = true};
    *TARN_PUSH(b.cx.arena, &restore.removes) = is.files.at[0];
    *TARN_PUSH(b.cx.arena, &restore.adds) = (tarn_add){.path = "one", .from = was.files.at[0]};
    assert_int_equal(tarn_commit(&b.cx, &b.table, now, &restore, NULL), TARN_OK);
    assert_int_equal(tarn_commit(&b.cx, &b.table, old, &next, NULL), TARN_CONFLICT);
    tarn_snapshot_release(now);
    tarn_snapshot_release(past);
    tarn_snapshot_release(old);
    tarn_snapshot_release(s);
    s = must_open(&b, -1);
    alter(&b, &s, "delta.isolationLevel", "Serializable");
    tarn_change left = marking(&b, s, 0, 1), right = marking(&b, s, 1, 2);
    assert_int_equal(tarn_commit(&b.cx, &b.table, s, &left, NULL), TARN_OK);
    assert_int_equal(tarn_commit(&b.cx, &b.table, s, &right, NULL), TARN_CONFLICT);
    tarn_snapshot_release(s);
    bench_close(&b);
}

/* An append to a table with very many files does not read them. */
static void appends_unread(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    tarn_snapshot *s = one_file(&b);
    tarn_snapshot_release(s);
    const char *key = tarn_delta_version_key(b.cx.arena, 1, ".crc");
    tarn_str text;
    assert_int_equal(tarn_store_read(&b.cx, b.store, key, 1 << 20, b.cx.arena, &text), TARN_OK);
    const char *count = strstr(text.p, "\"numFiles\":1,");
    assert_non_null(count);
    put(&b, key, tarn_printf(&b.cx, "%.*s\"numFiles\":20000,%s", (int)(count - text.p), text.p, count + 13));
    s = must_open(&b, -1);
    for (int i = 1; i <= 2; i++) {
        tarn_change c = {.operation = "WRITE", .blind_append = true, .app_id = "job", .app_version = i};
        add(&b, &c, tarn_printf(&b.cx, "more-%d", i), "y");
        assert_int_equal(commit_on(&b, &s, &c), TARN_OK);
        assert_false(tarn_delta_of(s)->loaded);
        assert_int_equal(tarn_delta_of(s)->crc_files, 20000 + i);
        assert_int_equal(tarn_delta_of(s)->crc_bytes, 4 + 4 * i);
    }
    tarn_snapshot *again = must_open(&b, -1);
    assert_int_equal(tarn_delta_of(again)->crc_files, 20002); /* its checksum was written, too */
    assert_int_equal(tarn_delta_of(again)->txns.at[0].version, 2);
    tarn_file_list ours = {0}, theirs = {0};
    assert_int_equal(tarn_snapshot_files(&b.cx, s, NULL, &ours), TARN_OK);
    assert_int_equal(tarn_snapshot_files(&b.cx, again, NULL, &theirs), TARN_OK);
    assert_true(ours.files.n == 3 && theirs.files.n == 3);
    tarn_snapshot_release(again);
    tarn_snapshot_release(s);
    bench_close(&b);
}

static void refusals(void **state) {
    (void)state;
    bench b;
    bench_open(&b);
    tarn_snapshot *s = create(&b);
    tarn_change c = {.operation = "WRITE", .blind_append = true};
    add(&b, &c, "one", NULL);
    assert_int_equal(commit_on(&b, &s, &c), TARN_OK);
    assert_has(read_commit(&b, 1), "\"partitionValues\":{\"p\":null}");
    alter(&b, &s, "delta.appendOnly", "true");
    tarn_file_list list = {0};
    assert_int_equal(tarn_snapshot_files(&b.cx, s, NULL, &list), TARN_OK);
    tarn_change d = {.operation = "DELETE"};
    *TARN_PUSH(b.cx.arena, &d.removes) = list.files.at[0];
    assert_int_equal(commit_on(&b, &s, &d), TARN_CONSTRAINT);
    tarn_change row_ids = {.operation = "SET TBLPROPERTIES"};
    tarn_change_property(b.cx.arena, &row_ids, "delta.enableRowTracking", "true");
    assert_int_equal(commit_on(&b, &s, &row_ids), TARN_UNSUPPORTED);
    tarn_change twice = {.operation = "CREATE TABLE", .create = true, .schema = schema_of(&b, 2)};
    assert_int_equal(tarn_commit(&b.cx, &b.table, NULL, &twice, NULL), TARN_CONFLICT);
    tarn_snapshot_release(s);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_spark_reads),
        cmocka_unit_test(conflict_matrix),
        cmocka_unit_test(settles_what_is_unknown),
        cmocka_unit_test(metadata_and_protocol),
        cmocka_unit_test(row_deletes),
        cmocka_unit_test(unites_rows),
        cmocka_unit_test(unites_no_others),
        cmocka_unit_test(appends_unread),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
