/* driver_test.c: the driver through its own table of functions, as a driver manager calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adbc/driver.h"
#include "codec/arrow.h"
#include "support/folder.h"

typedef struct fixture {
    char dir[64];
    struct AdbcDriver driver;
    struct AdbcDatabase database;
    struct AdbcConnection connection;
    struct AdbcError error;
} fixture;

static void must(fixture *f, AdbcStatusCode status) {
    if (status != ADBC_STATUS_OK) fail_msg("%d: %s", status, f->error.message ? f->error.message : "no message");
}

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    struct AdbcDriver *d = &f->driver;
    test_folder("tarn adbc", f->dir, sizeof f->dir);
    must(f, AdbcDriverInit(ADBC_VERSION_1_1_0, d, &f->error));
    must(f, d->DatabaseNew(&f->database, &f->error));
    must(f, d->DatabaseSetOption(&f->database, "uri", f->dir, &f->error));
    must(f, d->DatabaseSetOption(&f->database, "threads", "1", &f->error));
    must(f, d->DatabaseInit(&f->database, &f->error));
    must(f, d->ConnectionNew(&f->connection, &f->error));
    must(f, d->ConnectionInit(&f->connection, &f->database, &f->error));
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    must(f, f->driver.ConnectionRelease(&f->connection, &f->error));
    must(f, f->driver.DatabaseRelease(&f->database, &f->error));
    must(f, f->driver.release(&f->driver, &f->error));
    if (f->error.release) f->error.release(&f->error);
    test_folder_remove(f->dir);
    free(f);
    return 0;
}

/* n = 0, 1, …; s = a text. */
static void make_rows(int64_t n, struct ArrowArrayStream *out) {
    static const tarn_rowset_column columns[] = {{"n", "l"}, {"s", "u"}};
    tarn_cx cx = {0};
    tarn_rowset *rows = tarn_rowset_new(columns, 2);
    for (int64_t i = 0; i < n; i++) {
        tarn_rowset_int(rows, i);
        tarn_rowset_text(rows, "text");
    }
    assert_int_equal(tarn_rowset_stream(&cx, &rows, out), TARN_OK);
}

/* Takes a stream to its end: the rows in it. */
static int64_t count_rows(struct ArrowArrayStream *stream) {
    int64_t rows = 0;
    for (struct ArrowArray batch = {0};; tarn_array_release(&batch)) {
        assert_int_equal(stream->get_next(stream, &batch), 0);
        if (!batch.release) break;
        rows += batch.length;
    }
    stream->release(stream);
    return rows;
}

static AdbcStatusCode execute(fixture *f, const char *sql, struct ArrowArrayStream *bound, bool query, int64_t *rows) {
    struct AdbcStatement s = {0};
    struct ArrowArrayStream out = {0};
    must(f, f->driver.StatementNew(&f->connection, &s, &f->error));
    must(f, f->driver.StatementSetSqlQuery(&s, sql, &f->error));
    if (bound) must(f, f->driver.StatementBindStream(&s, bound, &f->error));
    AdbcStatusCode status = f->driver.StatementExecuteQuery(&s, query ? &out : NULL, rows, &f->error);
    if (status == ADBC_STATUS_OK && query) *rows = count_rows(&out);
    must(f, f->driver.StatementRelease(&s, &f->error));
    return status;
}

static void statements_run(void **state) {
    fixture *f = *state;
    struct ArrowArrayStream bound;
    int64_t rows = 0;
    must(f, execute(f, "CREATE TABLE t (n BIGINT, s STRING)", NULL, false, &rows));
    make_rows(100, &bound);
    must(f, execute(f, "INSERT INTO t VALUES (?, ?)", &bound, false, &rows));
    assert_int_equal(rows, 100);
    make_rows(3, &bound);
    must(f, execute(f, "DELETE FROM t WHERE n = ? AND s = ?", &bound, false, &rows));
    assert_int_equal(rows, 3);
    make_rows(1, &bound);
    must(f, execute(f, "SELECT * FROM t WHERE n > ? AND s = ?", &bound, true, &rows));
    assert_int_equal(rows, 97);
    make_rows(2, &bound);
    assert_int_equal(execute(f, "SELECT ?, ?", &bound, true, &rows), ADBC_STATUS_NOT_IMPLEMENTED);
    make_rows(1, &bound);
    assert_int_equal(execute(f, "SELECT ?", &bound, true, &rows), ADBC_STATUS_INVALID_ARGUMENT);
    assert_int_equal(execute(f, "SELECT * FROM nope", NULL, true, &rows), ADBC_STATUS_NOT_FOUND);
    assert_memory_equal(f->error.sqlstate, "42P01", 5);
}

static void a_batch_is_ingested(void **state) {
    fixture *f = *state;
    struct AdbcStatement s = {0};
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    int64_t rows = 0;
    make_rows(10, &stream);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &batch), 0);
    stream.release(&stream);
    must(f, f->driver.StatementNew(&f->connection, &s, &f->error));
    must(f, f->driver.StatementSetOption(&s, "adbc.ingest.target_table", "new \"table\"", &f->error));
    assert_int_equal(f->driver.StatementExecuteQuery(&s, NULL, &rows, &f->error), ADBC_STATUS_INVALID_STATE);
    must(f, f->driver.StatementBind(&s, &batch, &schema, &f->error));
    must(f, f->driver.StatementExecuteQuery(&s, NULL, &rows, &f->error));
    assert_int_equal(rows, 10);
    assert_int_equal(f->driver.StatementSetOption(&s, "adbc.ingest.mode", "sideways", &f->error),
                     ADBC_STATUS_INVALID_ARGUMENT);
    must(f, f->driver.StatementRelease(&s, &f->error));
    must(f, f->driver.ConnectionGetTableSchema(&f->connection, NULL, NULL, "new \"table\"", &schema, &f->error));
    assert_int_equal(schema.n_children, 2);
    schema.release(&schema);
    must(f, f->driver.ConnectionGetObjects(&f->connection, ADBC_DEPTH_ALL, NULL, NULL, NULL, NULL, "n%", &stream,
                                           &f->error));
    assert_int_equal(count_rows(&stream), 1);
}

static void infos_are_chosen(void **state) {
    fixture *f = *state;
    static const uint32_t wanted[] = {103, 0, 77};
    struct ArrowArrayStream stream;
    must(f, f->driver.ConnectionGetInfo(&f->connection, wanted, 3, &stream, &f->error));
    assert_int_equal(count_rows(&stream), 2);
    must(f, f->driver.ConnectionGetInfo(&f->connection, NULL, 0, &stream, &f->error));
    assert_int_equal(count_rows(&stream), 7);
}

static void inserts_are_recognised(void **state) {
    static const struct {
        const char *sql;
        int64_t columns;
        bool is;
    } cases[] = {
        {"INSERT INTO t VALUES (?, ?)", 2, true},
        {" insert into t(a)\nvalues(?) ; ", 1, true},
        {"INSERT INTO t (a) VALUES (?, ?)", 3, false},
        {"INSERT INTO t VALUES (?, 1)", 1, false},
        {"INSERT INTO t VALUES (?), (?)", 2, false},
        {"INSERT INTO t VALUES (upper(?))", 1, false},
        {"SELECT * FROM (VALUES (?))", 1, false},
        {"INSERT INTO t SELECT f(?)", 1, false},
        {"VALUES (?)", 1, false},
        {"(?)", 1, false},
        {")", 1, false},
        {"", 0, false},
        {"?)", 1, false},
        {"INSERT INTO tVALUES (?)", 1, false},
        {"INSERT INTO t VALUES ()", 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t head = tarn_adbc_insert_head(cases[i].sql, cases[i].columns);
        if ((head > 0) != cases[i].is) fail_msg("%s", cases[i].sql);
    }
}

static void other_versions_are_refused(void **state) {
    fixture *f = *state;
    struct AdbcDriver old;
    memset(&old, 0xee, sizeof old);
    must(f, AdbcDriverTarnInit(ADBC_VERSION_1_0_0, &old, &f->error));
    assert_int_equal(((unsigned char *)&old)[offsetof(struct AdbcDriver, ErrorGetDetailCount)], 0xee);
    assert_int_equal(AdbcDriverInit(42, &old, &f->error), ADBC_STATUS_NOT_IMPLEMENTED);
    assert_int_equal(AdbcDriverInit(42, &old, NULL), ADBC_STATUS_NOT_IMPLEMENTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statements_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_is_ingested, set_up, tear_down),
        cmocka_unit_test_setup_teardown(infos_are_chosen, set_up, tear_down),
        cmocka_unit_test(inserts_are_recognised),
        cmocka_unit_test_setup_teardown(other_versions_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
