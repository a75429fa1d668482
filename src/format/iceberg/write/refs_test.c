/* refs_test.c: which snapshots and names of them an expiry keeps (1.11), by the age each of them has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/time.h"
#include "format/iceberg/iceberg.h"
#include "format/iceberg/write/write.h"

static const int64_t day = 86400000;

/* 1 to 4 are the table's, 5 and 6 come from 3, 7 and 8 are of no branch; how many hours old each is. */
static const struct {
    int id, parent, hours;
} snapshots[] = {{1, -1, 240}, {2, 1, 192}, {3, 2, 144}, {8, 1, 216}, {5, 3, 132}, {4, 3, 96}, {7, 3, 48}, {6, 5, 24}};

/* Of main, branch b at 6 and tag v at 1: their limits as members of JSON. */
typedef struct a_case {
    const char *main, *b, *v, *properties;
    int64_t older_than_hours; /* -1: not said */
    int64_t retain;
    const char *kept, *refs;
} a_case;

static const a_case cases[] = {
    /* Five days, one of each branch; what is young stays though no name leads to it. */
    {"", "", "", "", -1, -1, "1 4 6 7", "main b v"},
    {"", "", "", "'history.expire.max-snapshot-age-ms': '604800000'", -1, -1, "1 3 4 5 6 7", "main b v"},
    {"", "", "", "'history.expire.min-snapshots-to-keep': '3'", -1, -1, "1 2 3 4 5 6 7", "main b v"},
    {"", "", "", "'history.expire.min-snapshots-to-keep': '0'", 0, -1, "1 4 6", "main b v"},
    /* The call's own words come before the table's, a branch's before both. */
    {"", "", "", "'history.expire.min-snapshots-to-keep': '3'", -1, 2, "1 3 4 5 6 7", "main b v"},
    {"", "", "", "'history.expire.max-snapshot-age-ms': '604800000'", 100, -1, "1 4 6 7", "main b v"},
    {"", ", 'min-snapshots-to-keep': 2", "", "", -1, -1, "1 4 5 6 7", "main b v"},
    {"", ", 'min-snapshots-to-keep': 1", "", "", -1, 2, "1 3 4 6 7", "main b v"},
    {", 'min-snapshots-to-keep': 9", "", "", "", -1, -1, "1 2 3 4 6 7", "main b v"},
    {"", ", 'max-snapshot-age-ms': 604800000", "", "", 0, -1, "1 3 4 5 6", "main b v"},
    {"", ", 'max-snapshot-age-ms': 1, 'min-snapshots-to-keep': 2", "", "", 240, -1, "1 2 3 4 5 6 7 8", "main b v"},
    {", 'max-snapshot-age-ms': 1", "", "", "", 200, -1, "1 2 3 4 5 6 7", "main b v"},
    /* What is exactly as old as that is not older. */
    {"", "", "", "", 144, -1, "1 3 4 5 6 7", "main b v"},
    /* Names have an age too, but main; what only they kept is then like what never had one. */
    {"", "", "", "'history.expire.max-ref-age-ms': '172800000'", -1, -1, "4 6 7", "main b"},
    {"", "", ", 'max-ref-age-ms': 864000001", "'history.expire.max-ref-age-ms': '172800000'", -1, -1, "1 4 6 7",
     "main b v"},
    {"", ", 'max-ref-age-ms': 1000", "", "", -1, -1, "1 4 6 7", "main v"},
    {"", ", 'max-ref-age-ms': 1000, 'min-snapshots-to-keep': 9", "", "", 12, -1, "1 4", "main v"},
    {", 'max-ref-age-ms': 1", "", "", "'history.expire.max-ref-age-ms': '0'", 0, -1, "4", "main"},
};

static char *metadata(tarn_cx *cx, const a_case *c, int64_t now) {
    tarn_auto_buf text = TARN_BUF(1 << 16);
    tarn_buf_puts(&text, "{'format-version': 2, 'table-uuid': 'u', 'location': '/t', 'last-sequence-number': 8, "
                         "'last-updated-ms': 0, 'last-column-id': 1, 'current-schema-id': 0, 'schemas': [{'type': "
                         "'struct', 'schema-id': 0, 'fields': [{'id': 1, 'name': 'a', 'required': false, 'type': "
                         "'int'}]}], 'default-spec-id': 0, 'partition-specs': [{'spec-id': 0, 'fields': []}], "
                         "'last-partition-id': 999, 'current-snapshot-id': 4, 'snapshots': [");
    for (size_t i = 0; i < sizeof snapshots / sizeof *snapshots; i++)
        tarn_buf_printf(&text,
                        "%s{'snapshot-id': %d, 'parent-snapshot-id': %d, 'sequence-number': %d, 'timestamp-ms': %lld, "
                        "'manifest-list': 'l'}",
                        i ? ", " : "", snapshots[i].id, snapshots[i].parent, snapshots[i].id,
                        (long long)(now - snapshots[i].hours * day / 24));
    tarn_buf_printf(&text,
                    "], 'refs': {'main': {'snapshot-id': 4, 'type': 'branch'%s}, 'b': {'snapshot-id': 6, 'type': "
                    "'branch'%s}, 'v': {'snapshot-id': 1, 'type': 'tag'%s}, 'lost': {'snapshot-id': 99, 'type': "
                    "'tag'}}, 'properties': {%s}}",
                    c->main, c->b, c->v, c->properties);
    char *out = tarn_buf_take(&text, cx->arena);
    for (char *p = out; *p; p++)
        if (*p == '\'') *p = '"';
    return out;
}

static void check_case(tarn_cx *cx, const a_case *c) {
    int64_t now = tarn_now_ms(cx) + 1000; /* the clock goes on: ages are a second short */
    tarn_iceberg_snapshot *base = TARN_NEW(cx->arena, tarn_iceberg_snapshot);
    tarn_expiry expiry = {.older_than_ms = c->older_than_hours < 0 ? -1 : now - c->older_than_hours * day / 24,
                          .retain = c->retain};
    tarn_change change = {.expire = &expiry};
    tarn_iceberg_plan plan = {0};
    char kept[100] = "", refs[100] = "";
    assert_int_equal(tarn_iceberg_metadata_parse(cx, cx->arena, tarn_str_of(metadata(cx, c, now)), &base->meta), 0);
    for (size_t i = 0; i < base->meta.properties.n; i++)
        *TARN_PUSH(cx->arena, &plan.properties) = base->meta.properties.at[i];
    assert_int_equal(tarn_iceberg_plan_refs(cx, base, &change, &plan), TARN_OK);
    for (int id = 1, n = 0; id <= 8; id++) {
        const tarn_iceberg_version *v = tarn_iceberg_version_find(&base->meta, id);
        if (plan.kept[v - base->meta.versions.at])
            n += snprintf(kept + n, sizeof kept - (size_t)n, "%s%d", n ? " " : "", id);
    }
    for (size_t i = 0, n = 0; i < plan.refs.n; i++)
        n += (size_t)snprintf(refs + n, sizeof refs - n, "%s%s", n ? " " : "", plan.refs.at[i].name);
    assert_string_equal(kept, c->kept);
    assert_string_equal(refs, c->refs);
    assert_int_equal(plan.head, 4);
}

static void expiry_keeps_what_it_should(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tarn_conf *conf = tarn_conf_defaults();
        tarn_cx cx;
        tarn_cx_init(&cx, conf);
        check_case(&cx, &cases[i]);
        tarn_cx_done(&cx);
        tarn_conf_free(conf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(expiry_keeps_what_it_should)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
