/* metadata_test.c: metadata files of all versions, what is refused, schemas with defaults, and recorded paths. */
#include "format/iceberg/metadata.h"

#include "codec/compress.h"
#include "support/cx_fixture.h"

#define SCHEMA                                                                                                         \
    "{\"type\":\"struct\",\"schema-id\":3,\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"}]" \
    "}"
#define PARTITION "\"last-partition-id\":1000,"
#define HEAD \
    "{\"format-version\":2,\"location\":\"s3://b/t\",\"table-uuid\":\"u\",\"last-sequence-number\":7," PARTITION
#define BODY                                                                                                           \
    "\"schemas\":[" SCHEMA "],\"current-schema-id\":3,\"default-spec-id\":1,\"partition-specs\":["                     \
    "{\"spec-id\":0,\"fields\":[]},{\"spec-id\":1,\"fields\":[{\"source-id\":1,\"field-id\":1000,\"name\":\"b\","      \
    "\"transform\":\"bucket[16]\"}]}]"

static tarn_code parse(tarn_cx *cx, const char *text, tarn_iceberg_metadata *m) {
    return tarn_iceberg_metadata_parse(cx, cx->arena, tarn_str_of(text), m);
}

static void test_whole(void **state) {
    tarn_cx *cx = *state;
    tarn_iceberg_metadata m;
    const char *text = HEAD BODY
        ",\"properties\":{\"a\":\"1\"},\"current-snapshot-id\":9007199254740993,\"snapshots\":[{\"snapshot-id\":5,"
        "\"sequence-number\":6,\"timestamp-ms\":100,\"manifest-list\":\"x\\/"
        "y\",\"summary\":{\"operation\":\"append\"}},"
        "{\"snapshot-id\":9007199254740993,\"parent-snapshot-id\":5,\"sequence-number\":7,\"timestamp-ms\":200,"
        "\"schema-id\":3,\"manifest-list\":\"z\"}],\"refs\":{\"old\":{\"snapshot-id\":5,\"type\":\"tag\"}},"
        "\"snapshot-log\":[{\"timestamp-ms\":100,\"snapshot-id\":5}],\"metadata-log\":[{\"timestamp-ms\":1,"
        "\"metadata-file\":\"m\"}],\"what-is-this\":[{}]}";
    assert_int_equal(parse(cx, text, &m), TARN_OK);
    assert_int_equal(m.versions.n, 2);
    assert_true(m.snapshot_id == INT64_C(9007199254740993)); /* no double holds it */
    assert_int_equal(tarn_iceberg_version_find(&m, m.snapshot_id)->parent, 5);
    assert_string_equal(tarn_iceberg_summary(cx, &m.versions.at[0], "operation"), "append");
    assert_null(tarn_iceberg_summary(cx, &m.versions.at[1], "operation"));
    assert_false(tarn_iceberg_ref_find(&m, "old")->branch);
    assert_true(tarn_iceberg_ref_find(&m, "main")->snapshot_id == m.snapshot_id); /* implied */
    const tarn_iceberg_spec *spec = tarn_iceberg_spec_find(&m, 1);
    assert_true(spec->fields[0].transform == TARN_BUCKET && spec->fields[0].param == 16);
    assert_string_equal(m.metadata_log.at[0].file, "m");
    assert_string_equal(tarn_iceberg_property(&m, "a"), "1");
}

static void test_version_1(void **state) {
    tarn_cx *cx = *state;
    tarn_iceberg_metadata m;
    tarn_schema *schema;
    const char *text =
        "{\"format-version\":1,\"location\":\"t\",\"schema\":" SCHEMA ",\"partition-spec\":[{\"source-id\":1,"
        "\"name\":\"p\",\"transform\":\"identity\"}],\"current-snapshot-id\":-1}";
    assert_int_equal(parse(cx, text, &m), TARN_OK);
    assert_true(m.snapshot_id == -1 && m.last_sequence == 0 && m.refs.n == 0);
    assert_int_equal(m.specs.at[0].fields[0].field_id, 1000);
    assert_int_equal(m.last_partition_id, 1000); /* counted */
    assert_int_equal(tarn_iceberg_schema_by_id(cx, cx->arena, &m, m.schema_id, &schema), TARN_OK);
    assert_string_equal(schema->fields[0].name, "id");
}

static void test_refused(void **state) {
    static const struct {
        const char *text;
        tarn_code code;
    } bad[] = {{"", TARN_CORRUPT},
               {"[]", TARN_CORRUPT},
               {"{\"format-version\":4,\"location\":\"t\"," BODY "}", TARN_UNSUPPORTED},
               {"{\"location\":\"t\"," BODY "}", TARN_CORRUPT},
               {"{\"format-version\":2," BODY "}", TARN_CORRUPT},
               {HEAD "\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}]}", TARN_CORRUPT},
               {HEAD "\"schemas\":[" SCHEMA "],\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}]}", TARN_CORRUPT},
               {HEAD "\"schemas\":[" SCHEMA "],\"current-schema-id\":3,\"partition-spec\":[]}", TARN_CORRUPT},
               {HEAD "\"schema\":" SCHEMA ",\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}]}", TARN_CORRUPT},
               {"{\"format-version\":2,\"location\":\"t\"," BODY "}", TARN_CORRUPT}, /* no last-partition-id */
               {"{\"format-version\":1,\"location\":\"t\",\"partition-spec\":[],\"schemas\":[" SCHEMA "]}",
                TARN_CORRUPT},
               {HEAD BODY ",\"current-snapshot-id\":5}", TARN_CORRUPT},
               {HEAD BODY ",\"snapshots\":[{}]}", TARN_CORRUPT},
               {HEAD BODY ",\"snapshots\":[{\"snapshot-id\":1,\"timestamp-ms\":9223372036854775807}]}", TARN_CORRUPT},
               {HEAD BODY ",\"current-schema-id\":99999999999}", TARN_CORRUPT},
               {HEAD BODY "} x", TARN_CORRUPT}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tarn_iceberg_metadata m;
        assert_int_equal(parse(*state, bad[i].text, &m), bad[i].code);
    }
}

static const tarn_schema *schema_of(tarn_cx *cx, const char *fields) {
    tarn_schema *schema = NULL;
    const char *text = tarn_printf(cx, "{\"type\":\"struct\",\"fields\":[%s]}", fields);
    tarn_code code = tarn_iceberg_schema_parse(cx, cx->arena, tarn_str_of(text), &schema);
    if (code != TARN_OK) fail_msg("%s", cx->error.message);
    return schema;
}

static void test_types(void **state) {
    tarn_cx *cx = *state;
    const tarn_schema *s = schema_of(
        cx,
        "{\"id\":1,\"name\":\"d\",\"type\":\"decimal( 9 , 2 )\",\"doc\":\"money\"},{\"id\":2,\"name\":\"f\","
        "\"type\":\"fixed[ 16 ]\"},{\"id\":3,\"name\":\"m\",\"type\":{\"type\":\"map\",\"key-id\":4,\"key\":\"string\","
        "\"value-id\":5,\"value-required\":true,\"value\":{\"type\":\"struct\",\"fields\":[{\"id\":6,\"name\":\"x\","
        "\"type\":\"timestamptz_ns\"}]}}},{\"id\":7,\"name\":\"l\",\"type\":{\"type\":\"list\",\"element-id\":8,"
        "\"element\":\"uuid\"}},{\"id\":9,\"name\":\"u\",\"type\":\"unknown\"}");
    int column = -1;
    assert_true(s->fields[0].type->precision == 9 && s->fields[0].type->scale == 2);
    assert_string_equal(s->fields[0].comment, "money");
    assert_true(s->fields[1].type->kind == TARN_FIXED && s->fields[1].type->precision == 16);
    assert_string_equal(tarn_iceberg_field(s, 6, &column)->name, "x");
    assert_int_equal(column, 2);
    assert_true(tarn_iceberg_field(s, 8, NULL)->type->kind == TARN_UUID);
    assert_null(tarn_iceberg_field(s, 10, NULL));
    static const char *const bad[] = {"\"decimal(39,1)\"",
                                      "\"decimal(9)\"",
                                      "\"decimal(9,2\"",
                                      "\"fixed[x]\"",
                                      "\"varchar\"",
                                      "{\"type\":\"list\",\"element\":\"int\"}",
                                      "5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tarn_schema *schema;
        const char *text =
            tarn_printf(cx, "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":%s}]}", bad[i]);
        assert_int_equal(tarn_iceberg_schema_parse(cx, cx->arena, tarn_str_of(text), &schema), TARN_CORRUPT);
    }
}

static void test_defaults(void **state) {
    const tarn_schema *s = schema_of(
        *state,
        "{\"id\":1,\"name\":\"a\",\"type\":\"string\",\"initial-default\":\"it's\"},{\"id\":2,\"name\":\"b\",\"type\":"
        "\"binary\",\"initial-default\":\"00ff\"},{\"id\":3,\"name\":\"c\",\"type\":\"date\",\"write-default\":"
        "\"2017-11-16\"},{\"id\":4,\"name\":\"s\",\"type\":{\"type\":\"struct\",\"fields\":[{\"id\":5,\"name\":\"x\","
        "\"type\":\"int\",\"initial-default\":34}]},\"initial-default\":{}}");
    assert_string_equal(s->fields[0].initial_sql, "'it''s'");
    assert_string_equal(s->fields[1].initial_sql, "CAST('\\x00\\xff' AS BLOB)");
    assert_null(s->fields[2].initial_sql);
    assert_string_equal(s->fields[2].default_sql, "CAST('2017-11-16' AS DATE)");
    assert_string_equal(s->fields[3].initial_sql, "struct_pack(\"x\" := CAST(CAST('34' AS INTEGER) AS INTEGER))");
}

static void test_paths(void **state) {
    static const char *const cases[][3] = {{"s3://b/t", "s3a://b/t/data/x", "data/x"},
                                           {"s3://b/t", "s3://b/t2/data/x", "s3://b/t2/data/x"},
                                           {"file:/a/t/", "/a/t/data/x", "data/x"},
                                           {"/a/t", "file:///a/t//x", "x"},
                                           {"/a/t", "file:///b/x", "/b/x"},
                                           {"./t", "t/metadata/x", "metadata/x"},
                                           {"hdfs://h:1/t", "hdfs://h:1/t/x", "x"},
                                           {"hdfs://h:1/t", "hdfs://g:1/t/x", "hdfs://g:1/t/x"}};
    tarn_cx *cx = *state;
    tarn_str out;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tarn_iceberg_path(cx, cases[i][0], tarn_str_of(cases[i][1]), &out), TARN_OK);
        assert_true(tarn_str_is(out, cases[i][2]));
    }
    assert_int_equal(tarn_iceberg_path(cx, "/a", TARN_LIT("/a/../etc/passwd"), &out), TARN_INVALID);
    assert_int_equal(tarn_iceberg_path(cx, "/a", TARN_LIT(""), &out), TARN_CORRUPT);
    assert_int_equal(tarn_iceberg_path(cx, "/a", (tarn_str){NULL, 0}, &out), TARN_CORRUPT);
    size_t root;
    assert_true(tarn_iceberg_names_file(TARN_LIT("/a/t/metadata/v1.metadata.json"), &root) && root == 4);
    assert_true(tarn_iceberg_names_file(TARN_LIT("s3://b/x/00001-u.gz.metadata.json"), &root) && root == 8);
    assert_false(tarn_iceberg_names_file(TARN_LIT("/a/t/metadata"), &root));
}

static void put(tarn_cx *cx, tarn_store *store, const char *key, const char *text) {
    assert_int_equal(tarn_store_put(cx, store, key, tarn_str_of(text), TARN_PUT_ALWAYS, NULL, NULL), TARN_OK);
}

static void located(tarn_cx *cx, tarn_store *store, const char *want) {
    const char *key = NULL;
    assert_int_equal(tarn_iceberg_locate(cx, store, cx->arena, &key), TARN_OK);
    assert_string_equal(key, want);
}

static void test_locate(void **state) {
    tarn_cx *cx = *state;
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    const char *key = NULL;
    assert_int_equal(tarn_store_open(cx, "mem://locate", &store), TARN_OK);
    assert_int_equal(tarn_iceberg_locate(cx, store, cx->arena, &key), TARN_NOTFOUND);
    put(cx, store, "metadata/v9.metadata.json", "{}");
    put(cx, store, "metadata/v10.gz.metadata.json", "{}");
    put(cx, store, "metadata/.v11.metadata.json.crc", "");
    put(cx, store, "metadata/snap-99.avro", "");
    located(cx, store, "metadata/v10.gz.metadata.json");
    put(cx, store, "metadata/version-hint.text", "9\n"); /* old: v10 came after it */
    located(cx, store, "metadata/v10.gz.metadata.json");
    put(cx, store, "metadata/version-hint.text", "7");
    located(cx, store, "metadata/v10.gz.metadata.json");
    put(cx, store, "metadata/00011-aa.metadata.json", "{}");
    put(cx, store, "metadata/version-hint.text", "../../etc");
    located(cx, store, "metadata/00011-aa.metadata.json");
    put(cx, store, "metadata/1-bb.metadata.json", "{}");
    put(cx, store, "metadata/version-hint.text", "1-bb");
    located(cx, store, "metadata/1-bb.metadata.json");
}

static void test_gzip(void **state) {
    tarn_cx *cx = *state;
    tarn_auto(tarn_store *, tarn_store_closep) store = NULL;
    tarn_auto_buf packed = TARN_BUF(1000);
    tarn_str text;
    assert_int_equal(tarn_store_open(cx, "mem://gzip", &store), TARN_OK);
    assert_int_equal(tarn_compress(cx, TARN_GZIP, TARN_LIT("{\"a\":1}"), &packed), TARN_OK);
    assert_int_equal(tarn_store_put(cx, store, "x", (tarn_str){packed.data, packed.n}, TARN_PUT_ALWAYS, NULL, NULL),
                     TARN_OK);
    assert_int_equal(tarn_iceberg_read_metadata(cx, store, "x", cx->arena, &text), TARN_OK);
    assert_true(tarn_str_is(text, "{\"a\":1}"));
}

#define VIEW(versions)                                                                                                 \
    "{\"view-uuid\":\"u\",\"format-version\":1,\"location\":\"s3://b/v\",\"properties\":{\"comment\":\"c\"},"          \
    "\"current-version-id\":2,\"schemas\":[" SCHEMA "],\"versions\":[" versions "]}"
#define VERSION(id, schema, queries)                                                                                  \
    "{\"version-id\":" id ",\"timestamp-ms\":1,\"schema-id\":" schema ",\"summary\":{},\"default-catalog\":\"c\","     \
    "\"default-namespace\":[\"a\",\"b\"],\"representations\":[" queries "]}"
#define QUERY(dialect, sql) "{\"type\":\"sql\",\"dialect\":\"" dialect "\",\"sql\":\"" sql "\"}"

static tarn_code parse_view(tarn_cx *cx, const char *text, tarn_view *view) {
    return tarn_iceberg_view_parse(cx, cx->arena, tarn_str_of(text), view);
}

static void test_view(void **state) {
    tarn_cx *cx = *state;
    tarn_view view;
    const char *text = VIEW(VERSION("1", "3", QUERY("duckdb", "old")) "," VERSION(
        "2", "3", QUERY("hive", "h") "," QUERY("trino", "t") "," QUERY("Spark", "s") ",{\"type\":\"plan\"}"));
    assert_int_equal(parse_view(cx, text, &view), TARN_OK);
    assert_string_equal(view.sql, "s"); /* of the current version, the dialect nearest to ours */
    assert_string_equal(view.dialect, "Spark");
    assert_string_equal(view.default_catalog, "c");
    assert_string_equal(view.default_schema, "a.b");
    assert_string_equal(view.comment, "c");
    assert_int_equal(view.columns->n_fields, 1);
    assert_int_equal(parse_view(cx, VIEW(VERSION("2", "3", QUERY("impala", "i"))), &view), TARN_OK);
    assert_string_equal(view.dialect, "impala"); /* better than none */
}

static void test_bad_views(void **state) {
    tarn_cx *cx = *state;
    tarn_view view;
    const struct {
        const char *text, *message;
    } bad[] = {
        {VIEW(VERSION("1", "3", QUERY("spark", "s"))), "its current-version-id 2 is not there"},
        {VIEW(VERSION("2", "4", QUERY("spark", "s"))), "its version's schema-id 4 is not there"},
        {VIEW(VERSION("2", "3", QUERY("spark", "s") "," QUERY("SPARK", "t"))), "two queries in the dialect SPARK"},
        {VIEW(VERSION("2", "3", "")), "it has no query in SQL"},
        {VIEW(VERSION("2", "3", "{\"type\":\"sql\",\"sql\":\"s\"}")), "representation 1 has no sql or dialect"},
        {"{\"format-version\":1}", "it has no view-uuid"},
        {"{\"format-version\":1,\"view-uuid\":\"u\",\"location\":\"l\"}", "its current-version-id is not there"},
        {"[]", "it has no format-version"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse_view(cx, bad[i].text, &view), TARN_CORRUPT);
        assert_string_equal(cx->error.message, bad[i].message);
        tarn_clear_error(cx);
    }
    assert_int_equal(parse_view(cx, "{\"format-version\":2}", &view), TARN_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_version_1, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_refused, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_types, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_defaults, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_paths, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_locate, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_gzip, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_view, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(test_bad_views, cx_setup, cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
