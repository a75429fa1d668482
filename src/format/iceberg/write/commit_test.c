/* commit_test.c: commits of Iceberg tables: races over rows of one file, and answers that are lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "format/commit.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"
#include "store/fault.h"

extern const tarn_format tarn_format_iceberg;

/* The pointer of a catalog with one table; `lost`: the next answer to a swap. */
typedef struct pointer {
    const char *key;
    enum { KEPT, LOST_AFTER, LOST_BEFORE } lost;
    int swaps;
} pointer;

typedef struct bench {
    tarn_conf *conf;
    tarn_cx cx;
    tarn_store *inner, *store;
    tarn_fault *fault;
    tarn_table table;
    tarn_committer committer;
    pointer pointer;
    int serial;
} bench;

static tarn_code load(tarn_cx *cx, void *state, const char **key) {
    (void)cx;
    *key = ((pointer *)state)->key;
    return TARN_OK;
}

static tarn_code swap(tarn_cx *cx, const tarn_step *steps, size_t n) {
    assert_int_equal(n, 1);
    pointer *p = steps[0].state;
    p->swaps++;
    bool same = p->key && steps[0].from ? !strcmp(p->key, steps[0].from) : p->key == steps[0].from;
    int lost = p->lost;
    p->lost = KEPT;
    if (lost == LOST_BEFORE) return tarn_fail(cx, TARN_IO, "the catalog is gone");
    if (!same) return tarn_fail(cx, TARN_EXISTS, "another writer was first");
    p->key = tarn_arena_strdup(cx->arena, steps[0].to);
    return lost == LOST_AFTER ? tarn_fail(cx, TARN_IO, "the catalog is gone") : TARN_OK;
}

static void ok(bench *b, tarn_code code) {
    if (code != TARN_OK) fail_msg("%s: %s", tarn_code_name(code), b->cx.error.message);
}

static void bench_open(bench *b, bool catalog) {
    static int serial;
    char uri[64];
    *b = (bench){0};
    snprintf(uri, sizeof uri, "mem://iceberg-%d", serial++);
    b->conf = tarn_conf_defaults();
    tarn_cx_init(&b->cx, b->conf);
    ok(b, tarn_store_open(&b->cx, uri, &b->inner));
    tarn_store_fault(b->inner, &b->store, &b->fault);
    b->committer = (tarn_committer){&b->pointer, load, swap};
    b->table = (tarn_table){.format = &tarn_format_iceberg,
                            .store = b->store,
                            .location = "mem",
                            .committer = catalog ? &b->committer : NULL};
}

static void bench_close(bench *b) {
    tarn_store_close(b->store);
    tarn_store_close(b->inner);
    tarn_cx_done(&b->cx);
    tarn_conf_free(b->conf);
}

static tarn_snapshot *create(bench *b, const char *version) {
    tarn_type *schema = tarn_type_new(b->cx.arena, TARN_STRUCT);
    tarn_snapshot *s = NULL;
    schema->fields = TARN_NEW(b->cx.arena, tarn_field);
    schema->n_fields = 1;
    schema->fields[0] =
        (tarn_field){.name = "id", .type = tarn_type_new(b->cx.arena, TARN_INT64), .nullable = true, .id = -1};
    tarn_change c = {.operation = "CREATE TABLE", .create = true, .schema = schema};
    tarn_change_property(b->cx.arena, &c, "format-version", version);
    tarn_change_property(b->cx.arena, &c, "write.delete.mode", "merge-on-read");
    ok(b, tarn_commit(&b->cx, &b->table, NULL, &c, &s));
    return s;
}

static void add(bench *b, tarn_change *c) {
    const char *path = tarn_printf(&b->cx, "data/%d.parquet", b->serial++);
    ok(b, tarn_store_put(&b->cx, b->store, path, TARN_LIT("data"), TARN_PUT_ALWAYS, NULL, NULL));
    *TARN_PUSH(b->cx.arena, &c->adds) = (tarn_add){.path = path, .size = 4, .rows = 10, .mtime_ms = 1};
}

static tarn_snapshot *append(bench *b, tarn_snapshot *base) {
    tarn_change c = {.operation = "WRITE", .blind_append = true};
    tarn_snapshot *s = NULL;
    add(b, &c);
    ok(b, tarn_commit(&b->cx, &b->table, base, &c, &s));
    return s;
}

static tarn_snapshot *newest(bench *b) {
    tarn_snapshot *s = NULL;
    ok(b, tarn_table_open(&b->cx, &b->table, NULL, NULL, &s));
    return s;
}

static const tarn_file *only_file(bench *b, tarn_snapshot *s) {
    tarn_file_list list = {0};
    ok(b, tarn_snapshot_files(&b->cx, s, NULL, &list));
    assert_int_equal(list.files.n, 1);
    return list.files.at[0];
}

/* A statement that judged rows by themselves, and marks those from `from` to `to` of the table's only file. */
static void mark(bench *b, tarn_snapshot *base, uint64_t from, uint64_t to, tarn_change *c) {
    const tarn_file *file = only_file(b, base);
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = tarn_roaring64_new();
    tarn_roaring64_add_range(rows, from, to);
    tarn_row_deletes item = {.file = file, .rows = rows};
    *c = (tarn_change){.operation = "DELETE", .by_row = true, .read_all = true};
    ok(b, tarn_format_iceberg.write_deletes(&b->cx, base, &item, 1, c));
    *TARN_PUSH(b->cx.arena, &c->adds) = (tarn_add){.path = tarn_arena_strndup(b->cx.arena, file->path.p, file->path.n),
                                                   .size = file->size,
                                                   .rows = file->rows,
                                                   .from = file,
                                                   .deletes = item.descriptor};
}

static void delete_rows(bench *b, tarn_snapshot *base, uint64_t from, uint64_t to) {
    tarn_change c;
    mark(b, base, from, to, &c);
    ok(b, tarn_commit(&b->cx, &b->table, base, &c, NULL));
}

static uint64_t deleted(bench *b, tarn_snapshot *s) {
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) rows = NULL;
    const tarn_file *file = only_file(b, s);
    if (!file->deletes) return 0;
    ok(b, tarn_format_iceberg.deleted(&b->cx, s, file, &rows));
    return tarn_roaring64_cardinality(rows);
}

/* Each lost race rests on what the one before it left. */
static void rows_of_one_file_are_united(void **state) {
    (void)state;
    bench b;
    bench_open(&b, true);
    tarn_snapshot *empty = create(&b, "3"), *base = append(&b, empty), *first = NULL, *second = NULL;
    tarn_change c, again;
    mark(&b, base, 0, 2, &c);
    ok(&b, tarn_table_prepare(&b.cx, &b.table, base, &c));
    delete_rows(&b, base, 2, 4);
    ok(&b, tarn_format_iceberg.rebase(&b.cx, &b.table, base, &c, &first));
    delete_rows(&b, base, 4, 5); /* a race itself: rows 2 and 3 are gone in what it meets */
    ok(&b, tarn_format_iceberg.rebase(&b.cx, &b.table, first, &c, &second));
    tarn_snapshot_release(first);
    ok(&b, tarn_commit(&b.cx, &b.table, second, &c, NULL));
    tarn_snapshot *s = newest(&b);
    assert_int_equal(deleted(&b, s), 5);
    /* The same row; and all that are left. */
    mark(&b, base, 4, 6, &again);
    assert_int_equal(tarn_commit(&b.cx, &b.table, base, &again, NULL), TARN_CONFLICT);
    assert_non_null(strstr(b.cx.error.message, "deleted rows that this change deletes or updates too"));
    delete_rows(&b, base, 5, 10);
    tarn_file_list list = {0};
    tarn_snapshot *last = newest(&b);
    ok(&b, tarn_snapshot_files(&b.cx, last, NULL, &list));
    assert_int_equal(list.files.n, 0);
    tarn_snapshot *all[] = {empty, base, second, s, last};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) tarn_snapshot_release(all[i]);
    bench_close(&b);
}

static void add_to(bench *b, tarn_change *c, int64_t partition) {
    tarn_value *value = TARN_NEW(b->cx.arena, tarn_value);
    *value = (tarn_value){.kind = TARN_INT64, .i = partition};
    add(b, c);
    c->adds.at[c->adds.n - 1].partition = value;
}

/* A statement on `base` that replaces the files of a partition, and says so; `name` NULL: of the table. */
static void overwrite(bench *b, tarn_snapshot *base, int64_t partition, const char *name) {
    tarn_change c = {.operation = "WRITE", .read_all = true};
    tarn_file_list list = {0};
    ok(b, tarn_snapshot_files(&b->cx, base, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++)
        if (list.files.at[i]->partition[0].i == partition) *TARN_PUSH(b->cx.arena, &c.removes) = list.files.at[i];
    add_to(b, &c, partition);
    *TARN_PUSH(b->cx.arena, &c.notes) = (tarn_pair){"replace-partitions", "true"};
    c.staged = name;
    ok(b, tarn_commit(&b->cx, &b->table, base, &c, NULL));
}

static tarn_code publish(bench *b, const char *name) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) base = newest(b);
    tarn_pick pick = {.version = -1, .staged = name};
    tarn_change c = {0};
    tarn_code code = tarn_snapshot_pick(&b->cx, base, &pick, &c);
    if (code == TARN_OK) code = tarn_commit(&b->cx, &b->table, base, &c, NULL);
    tarn_snapshot_release(pick.from);
    return code;
}

/* The keys of the table's files, but for their folder. */
static const char *names(bench *b) {
    tarn_auto(tarn_snapshot *, tarn_snapshot_releasep) s = newest(b);
    tarn_file_list list = {0};
    const char *all = "";
    ok(b, tarn_snapshot_files(&b->cx, s, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++)
        all = tarn_printf(&b->cx, "%s%d%c", all, list.files.at[i]->path.p[5] - '0', i + 1 < list.files.n ? ' ' : 0);
    return all;
}

/* Partitions that a staged commit replaced are replaced once, and only as it saw them. */
static void replaced_partitions_are_picked(void **state) {
    (void)state;
    bench b;
    bench_open(&b, true);
    tarn_snapshot *all[5] = {create(&b, "2")};
    tarn_change by = {.operation = "ALTER TABLE", .repartition = true, .n_partition_by = 1};
    by.partition_by = &(tarn_partition_by){.column = "id"};
    ok(&b, tarn_commit(&b.cx, &b.table, all[0], &by, &all[1]));
    overwrite(&b, all[1], 1, NULL); /* file 0 */
    all[2] = newest(&b);
    overwrite(&b, all[2], 2, NULL); /* 1 */
    all[3] = newest(&b);
    overwrite(&b, all[3], 1, "first");  /* 2 in place of 0 */
    overwrite(&b, all[3], 1, "second"); /* 3 in place of 0 */
    overwrite(&b, all[3], 2, "third");  /* 4 in place of 1 */
    assert_string_equal(names(&b), "1 0");
    tarn_change more = {.operation = "WRITE", .blind_append = true};
    add_to(&b, &more, 2); /* 5: what is staged is not on top of the newest any more */
    ok(&b, tarn_commit(&b.cx, &b.table, all[3], &more, &all[4]));
    ok(&b, publish(&b, "first"));
    assert_string_equal(names(&b), "2 5 1");
    assert_int_equal(publish(&b, "first"), TARN_INVALID);
    assert_non_null(strstr(b.cx.error.message, "picked already"));
    assert_int_equal(publish(&b, "second"), TARN_INVALID);
    assert_non_null(strstr(b.cx.error.message, "it replaces data/0.parquet, which was removed since"));
    assert_int_equal(publish(&b, "third"), TARN_INVALID);
    assert_non_null(strstr(b.cx.error.message, "a partition to which data/5.parquet was added since"));
    assert_string_equal(names(&b), "2 5 1");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) tarn_snapshot_release(all[i]);
    bench_close(&b);
}

/* Files that were there before are taken in once, whoever is first, and however their path is spelled. */
static void found_files_are_taken_in_once(void **state) {
    (void)state;
    static const char *const paths[] = {"/elsewhere/a.parquet", "file:///elsewhere/a.parquet", "/elsewhere/b.parquet"};
    bench b;
    bench_open(&b, true);
    tarn_snapshot *base = create(&b, "2");
    for (int i = 0; i < 3; i++) {
        tarn_change c = {.operation = "ADD FILES", .blind_append = true, .distinct = true, .by_name = true};
        *TARN_PUSH(b.cx.arena, &c.adds) = (tarn_add){.path = paths[i], .size = 4, .rows = 1, .found = true};
        assert_int_equal(tarn_commit(&b.cx, &b.table, base, &c, NULL), i == 1 ? TARN_CONFLICT : TARN_OK);
        if (i == 1) assert_non_null(strstr(b.cx.error.message, "added files that this change may add too"));
    }
    tarn_snapshot_release(base);
    bench_close(&b);
}

static void add_column(bench *b, tarn_snapshot *base) {
    tarn_type *schema = tarn_type_copy(b->cx.arena, base->schema);
    tarn_field *fields = TARN_NEW_ARRAY(b->cx.arena, tarn_field, schema->n_fields + 1);
    memcpy(fields, schema->fields, schema->n_fields * sizeof *fields);
    fields[schema->n_fields++] =
        (tarn_field){.name = "more", .type = tarn_type_new(b->cx.arena, TARN_STRING), .nullable = true, .id = -1};
    schema->fields = fields;
    tarn_change c = {.operation = "ADD COLUMNS", .schema = schema};
    ok(b, tarn_commit(&b->cx, &b->table, base, &c, NULL));
}

/* Rows that are only written anew do not mind a column that has come meanwhile; what was read to be changed does. */
static void rewrites_stand_beside_new_columns(void **state) {
    (void)state;
    for (int changes = 0; changes < 2; changes++) {
        bench b;
        bench_open(&b, true);
        tarn_snapshot *empty = create(&b, "2"), *base = append(&b, empty);
        tarn_change c = {.operation = "OPTIMIZE", .no_data_change = !changes, .read_all = changes};
        *TARN_PUSH(b.cx.arena, &c.removes) = only_file(&b, base);
        add(&b, &c);
        add_column(&b, base);
        assert_int_equal(tarn_commit(&b.cx, &b.table, base, &c, NULL), changes ? TARN_CONFLICT : TARN_OK);
        assert_string_equal(names(&b), changes ? "0" : "1");
        tarn_snapshot_release(base);
        tarn_snapshot_release(empty);
        bench_close(&b);
    }
}

/* A commit whose answer is lost stands where its metadata is the newest, and is told of as failed where it is not. */
static void lost_answers_of_a_catalog(void **state) {
    (void)state;
    for (int lost = LOST_AFTER; lost <= LOST_BEFORE; lost++) {
        bench b;
        bench_open(&b, true);
        tarn_snapshot *base = create(&b, "2"), *after = NULL;
        tarn_change c = {.operation = "WRITE", .blind_append = true};
        add(&b, &c);
        b.pointer.lost = lost;
        int swaps = b.pointer.swaps;
        tarn_code code = tarn_commit(&b.cx, &b.table, base, &c, &after);
        assert_int_equal(b.pointer.swaps, swaps + 1); /* never made a second time */
        assert_int_equal(code, lost == LOST_AFTER ? TARN_OK : TARN_IO);
        if (code != TARN_OK) assert_false(tarn_commit_refused(code)); /* its files stay */
        tarn_snapshot *s = newest(&b);
        tarn_file_list list = {0};
        ok(&b, tarn_snapshot_files(&b.cx, s, NULL, &list));
        assert_int_equal(list.files.n, lost == LOST_AFTER ? 1 : 0);
        tarn_snapshot_release(s);
        tarn_snapshot_release(after);
        tarn_snapshot_release(base);
        bench_close(&b);
    }
}

/* Without a catalog the name of the metadata file decides: each write of one commit in turn loses its answer. */
static void lost_answers_of_a_store(void **state) {
    (void)state;
    for (int nth = 1;; nth++) {
        bench b;
        bench_open(&b, false);
        tarn_snapshot *base = create(&b, "2"), *after = NULL;
        tarn_change c = {.operation = "WRITE", .blind_append = true};
        add(&b, &c);
        tarn_fault_plan plan = {.kind = TARN_FAULT_AMBIGUOUS, .call = TARN_FAULT_PUT, .nth = nth, .code = TARN_IO};
        tarn_fault_set(b.fault, &plan);
        tarn_code code = tarn_commit(&b.cx, &b.table, base, &c, &after);
        bool all = tarn_fault_count(b.fault, TARN_FAULT_PUT) < nth;
        tarn_fault_set(b.fault, NULL);
        tarn_snapshot *s = newest(&b);
        tarn_file_list list = {0};
        ok(&b, tarn_snapshot_files(&b.cx, s, NULL, &list));
        assert_int_equal(list.files.n, code == TARN_OK ? 1 : 0);
        if (code != TARN_OK) assert_false(tarn_commit_refused(code));
        tarn_snapshot_release(s);
        tarn_snapshot_release(after);
        tarn_snapshot_release(base);
        bench_close(&b);
        if (!all) continue;
        assert_true(nth > 4); /* manifest, manifest list, metadata, hint */
        return;
    }
}

static size_t count_metadata(bench *b) {
    tarn_list_spec spec = {.prefix = "metadata/", .max = 100};
    tarn_entry_list list = {0};
    ok(b, tarn_store_list(&b->cx, b->store, &spec, b->cx.arena, &list));
    return list.n;
}

/* Whoever is second leaves nothing of his first try behind, and nothing of the winner's is taken away. */
static void lost_races_leave_nothing(void **state) {
    (void)state;
    for (int catalog = 0; catalog < 2; catalog++) {
        bench b;
        bench_open(&b, catalog);
        tarn_snapshot *base = create(&b, "2"), *first = append(&b, base), *second = append(&b, base), *s = newest(&b);
        tarn_file_list list = {0};
        ok(&b, tarn_snapshot_files(&b.cx, s, NULL, &list));
        assert_int_equal(list.files.n, 2);
        assert_int_equal(count_metadata(&b), 3 + 2 + 2 + !catalog); /* metadata, lists, manifests, hint */
        tarn_snapshot *all[] = {base, first, second, s};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) tarn_snapshot_release(all[i]);
        bench_close(&b);
    }
}

/* Nobody can see whether the commit stands: it is not made a second time. */
static void unseen_commits_are_not_repeated(void **state) {
    (void)state;
    bench b;
    bench_open(&b, false);
    tarn_snapshot *base = create(&b, "2"), *first = append(&b, base), *after = NULL;
    tarn_change c = {.operation = "WRITE", .blind_append = true};
    add(&b, &c);
    ok(&b, tarn_table_prepare(&b.cx, &b.table, base, &c));
    tarn_fault_plan plan = {.kind = TARN_FAULT_FAIL, .call = TARN_FAULT_GET, .nth = 1, .times = -1, .code = TARN_IO};
    tarn_fault_set(b.fault, &plan);
    assert_int_equal(tarn_commit(&b.cx, &b.table, base, &c, &after), TARN_IO);
    tarn_fault_set(b.fault, NULL);
    tarn_snapshot *s = newest(&b);
    assert_int_equal(s->version, first->version);
    tarn_snapshot *all[] = {base, first, s};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) tarn_snapshot_release(all[i]);
    bench_close(&b);
}

static int64_t first_row_id(const tarn_file *file) { return ((const tarn_iceberg_file *)file->entry)->first_row_id; }

static tarn_snapshot *append_files(bench *b, tarn_snapshot *base, int n) {
    tarn_change c = {.operation = "WRITE", .blind_append = true};
    tarn_snapshot *s = NULL;
    for (int i = 0; i < n; i++) add(b, &c);
    ok(b, tarn_commit(&b->cx, &b->table, base, &c, &s));
    tarn_snapshot_release(base);
    return s;
}

static tarn_snapshot *remove_file(bench *b, tarn_snapshot *base, const char *path) {
    tarn_change c = {.operation = "DELETE", .read_all = true};
    tarn_file_list list = {0};
    tarn_snapshot *s = NULL;
    ok(b, tarn_snapshot_files(&b->cx, base, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++)
        if (tarn_str_is(list.files.at[i]->path, path)) *TARN_PUSH(b->cx.arena, &c.removes) = list.files.at[i];
    assert_int_equal(c.removes.n, 1);
    ok(b, tarn_commit(&b->cx, &b->table, base, &c, &s));
    tarn_snapshot_release(base);
    return s;
}

/* "data/1.parquet 10, data/2.parquet 20" */
static const char *row_ids(bench *b, tarn_snapshot *s) {
    tarn_file_list list = {0};
    const char *all = "";
    ok(b, tarn_snapshot_files(&b->cx, s, NULL, &list));
    for (size_t i = 0; i < list.files.n; i++)
        all = tarn_printf(&b->cx, "%s%s%.*s %lld", all, *all ? ", " : "", (int)list.files.at[i]->path.n,
                          list.files.at[i]->path.p, (long long)first_row_id(list.files.at[i]));
    return all;
}

/* Rows keep their ids whatever goes before them in their manifest, which may be one of an older format version. */
static void rows_keep_their_ids(void **state) {
    (void)state;
    for (int upgraded = 0; upgraded < 2; upgraded++) {
        bench b;
        bench_open(&b, true);
        tarn_snapshot *s = append_files(&b, create(&b, upgraded ? "2" : "3"), 3);
        if (upgraded) {
            assert_string_equal(row_ids(&b, s), "data/0.parquet -1, data/1.parquet -1, data/2.parquet -1");
            tarn_change c = {.operation = "SET TBLPROPERTIES"};
            tarn_snapshot *next = NULL;
            tarn_change_property(b.cx.arena, &c, "format-version", "3");
            ok(&b, tarn_commit(&b.cx, &b.table, s, &c, &next));
            tarn_snapshot_release(s);
            s = append_files(&b, next, 1); /* ids for all there are */
            s = remove_file(&b, s, "data/3.parquet");
        }
        int64_t first = upgraded ? 10 : 0; /* the newest manifest is listed first */
        assert_int_equal(tarn_iceberg_of(s)->meta.next_row_id, upgraded ? 40 : 30);
        s = remove_file(&b, s, "data/0.parquet");
        assert_string_equal(row_ids(&b, s), tarn_printf(&b.cx, "data/1.parquet %lld, data/2.parquet %lld",
                                                        (long long)first + 10, (long long)first + 20));
        s = remove_file(&b, s, "data/1.parquet");
        assert_string_equal(row_ids(&b, s), tarn_printf(&b.cx, "data/2.parquet %lld", (long long)first + 20));
        s = append_files(&b, s, 1);
        assert_int_equal(tarn_iceberg_of(s)->meta.next_row_id, upgraded ? 50 : 40);
        assert_int_equal(tarn_iceberg_of(s)->version->first_row_id, upgraded ? 40 : 30);
        assert_int_equal(tarn_iceberg_of(s)->version->added_rows, 10);
        tarn_snapshot_release(s);
        bench_close(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_file_are_united),
        cmocka_unit_test(replaced_partitions_are_picked),
        cmocka_unit_test(rewrites_stand_beside_new_columns),
        cmocka_unit_test(found_files_are_taken_in_once),
        cmocka_unit_test(lost_answers_of_a_catalog),
        cmocka_unit_test(lost_answers_of_a_store),
        cmocka_unit_test(rows_keep_their_ids),
        cmocka_unit_test(lost_races_leave_nothing),
        cmocka_unit_test(unseen_commits_are_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
