/* s3_test.c: what became of conditional puts whose answers were lost, hostile answers, parts, errors that say what to
 * do. */
#include "store/s3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/server.h"

/* One request of the script: how it must begin, and what it gets. */
typedef struct step {
    const char *request; /* "PUT /bucket/…"; NULL: anything */
    int status;          /* 0: the connection is closed without an answer; -1: with half of one */
    const char *headers; /* "@" stands for the mark of the newest conditional put */
    const char *body;
} step;

typedef struct fixture {
    tarn_cx cx;
    tarn_counters counters;
    tarn_server *server;
    tarn_store *store;
    const step *steps;
    int n_steps;
    atomic_int wrong; /* 1 + the first step that got another request */
    char mark[64];
} fixture;

static void take_mark(fixture *f, const char *request) {
    const char *mark = strstr(request, TARN_S3_MARK ": ");
    if (mark) snprintf(f->mark, sizeof f->mark, "%.36s", mark + strlen(TARN_S3_MARK ": "));
}

static tarn_reply play(void *state, int nth, const char *request, tarn_buf *out) {
    fixture *f = state;
    const step *s = nth < f->n_steps ? &f->steps[nth] : NULL;
    take_mark(f, request);
    if (!s || (s->request && strncmp(request, s->request, strlen(s->request)) != 0)) {
        if (!atomic_load(&f->wrong)) atomic_store(&f->wrong, nth + 1);
        tarn_server_answer(out, 418, "", "");
        return TARN_REPLY_SEND;
    }
    if (s->status < 0) tarn_buf_puts(out, "HTTP/1.1 200 x\r\nContent-Length: 99\r\n\r\nhalf");
    if (s->status <= 0) return TARN_REPLY_CLOSE;
    tarn_auto_buf headers = TARN_BUF(1000);
    tarn_buf_puts(&headers, "");
    for (const char *c = s->headers; c && *c; c++)
        *c == '@' ? tarn_buf_puts(&headers, f->mark) : tarn_buf_putc(&headers, *c);
    tarn_server_answer(out, s->status, headers.data, s->body ? s->body : "");
    return TARN_REPLY_SEND;
}

static void zeros(void *state, void *out, size_t n) {
    (void)state;
    memset(out, 0, n);
}

static void set(fixture *f, const char *name, const char *value) {
    assert_int_equal(tarn_conf_set(&f->cx, f->cx.conf, tarn_str_of(name), tarn_str_of(value), TARN_FROM_SET), TARN_OK);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    tarn_cx_init(&f->cx, tarn_conf_defaults());
    f->cx.counters = &f->counters;
    f->cx.random = zeros;
    f->server = tarn_server_start(play, f);
    set(f, "s3.endpoint", tarn_printf(&f->cx, "http://127.0.0.1:%d", tarn_server_port(f->server)));
    set(f, "s3.access_key_id", "KEY");
    set(f, "s3.secret_access_key", "hushhush");
    set(f, "http.retries", "2");
    assert_int_equal(tarn_store_open(&f->cx, "s3a://bucket/a//b", &f->store), TARN_INVALID);
    assert_int_equal(tarn_store_open(&f->cx, "s3a://bucket/a b/", &f->store), TARN_OK);
    assert_string_equal(tarn_store_uri(f->store), "s3://bucket/a b");
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    tarn_store_close(f->store);
    tarn_server_stop(f->server);
    tarn_conf_free(f->cx.conf);
    tarn_cx_done(&f->cx);
    free(f);
    return 0;
}

#define script(f, ...)                                                                                                 \
    const step steps[] = {__VA_ARGS__};                                                                                \
    (f)->steps = steps;                                                                                                \
    (f)->n_steps = sizeof steps / sizeof *steps

static void assert_played(fixture *f, tarn_code got, tarn_code wanted) {
    if (atomic_load(&f->wrong)) fail_msg("request %d is another than the script's", atomic_load(&f->wrong));
    if (got != wanted) fail_msg("code %d, not %d: %s", (int)got, (int)wanted, f->cx.error.message);
    assert_int_equal(tarn_server_requests(f->server), f->n_steps);
    assert_null(strstr(f->cx.error.message, "hushhush"));
}

static tarn_code put(fixture *f, tarn_when when, tarn_stat *stat) {
    return tarn_store_put(&f->cx, f->store, "k", TARN_LIT("bytes"), when, when == TARN_PUT_MATCH ? "old" : NULL, stat);
}

#define PUT "PUT /bucket/a%20b/k "
#define HEAD "HEAD /bucket/a%20b/k "
#define OURS "ETag: \"new\"\r\n" TARN_S3_MARK ": @\r\n"
#define OTHERS "ETag: \"other\"\r\n" TARN_S3_MARK ": 00000000-0000-4000-8000-000000000001\r\n"

static void test_absent_won(void **state) {
    fixture *f = *state;
    tarn_stat stat = {0};
    script(f, {PUT, 0, NULL, NULL}, {PUT, 412, NULL, NULL}, {HEAD, 200, OURS, NULL});
    assert_played(f, put(f, TARN_PUT_ABSENT, &stat), TARN_OK);
    assert_string_equal(stat.etag, "new");
    assert_int_equal(stat.size, 5);
}

static void test_absent_won_after_error(void **state) {
    fixture *f = *state;
    script(f, {PUT, 500, NULL, NULL}, {PUT, 503, NULL, NULL}, {PUT, -1, NULL, NULL}, {HEAD, 200, OURS, NULL});
    assert_played(f, put(f, TARN_PUT_ABSENT, NULL), TARN_OK);
}

static void test_absent_lost(void **state) {
    fixture *f = *state;
    script(f, {PUT, 0, NULL, NULL}, {PUT, 412, NULL, NULL}, {HEAD, 200, OTHERS, NULL});
    assert_played(f, put(f, TARN_PUT_ABSENT, NULL), TARN_EXISTS);
}

static void test_absent_plainly_lost(void **state) {
    fixture *f = *state;
    script(f, {PUT, 412, NULL, NULL});
    assert_played(f, put(f, TARN_PUT_ABSENT, NULL), TARN_EXISTS);
}

static void test_absent_unknown(void **state) {
    fixture *f = *state;
    script(f, {PUT, 0, NULL, NULL}, {PUT, 0, NULL, NULL}, {PUT, 0, NULL, NULL}, {HEAD, 404, NULL, NULL});
    assert_played(f, put(f, TARN_PUT_ABSENT, NULL), TARN_IO);
}

static void test_match_won(void **state) {
    fixture *f = *state;
    tarn_stat stat = {0};
    script(f, {PUT, 503, NULL, NULL}, {PUT, 412, NULL, NULL}, {HEAD, 200, OURS, NULL});
    assert_played(f, put(f, TARN_PUT_MATCH, &stat), TARN_OK);
    assert_string_equal(stat.etag, "new");
}

/* Another one may have replaced ours since: not known is not lost. */
static void test_match_unknown(void **state) {
    fixture *f = *state;
    script(f, {PUT, 0, NULL, NULL}, {PUT, 412, NULL, NULL}, {HEAD, 200, OTHERS, NULL});
    assert_played(f, put(f, TARN_PUT_MATCH, NULL), TARN_IO);
}

static void test_match_lost(void **state) {
    fixture *f = *state;
    script(f, {PUT, 409, NULL, NULL}, {PUT, 404, NULL, NULL}, {HEAD, 404, NULL, NULL}, {PUT, 404, NULL, NULL},
           {PUT, 412, NULL, NULL});
    assert_int_equal(put(f, TARN_PUT_MATCH, NULL), TARN_IO);
    assert_int_equal(put(f, TARN_PUT_MATCH, NULL), TARN_CONFLICT);
    assert_played(f, put(f, TARN_PUT_MATCH, NULL), TARN_CONFLICT);
}

#define LIST(truncated, ...)                                                                                           \
    "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" truncated "</IsTruncated>" __VA_ARGS__           \
    "</ListBucketResult>"
#define KEY(k) "<Contents><Key>a+b/" k "</Key><Size>1</Size><ETag>&quot;e&quot;</ETag></Contents>"

static tarn_code list(fixture *f, tarn_entry_list *out) {
    const tarn_list_spec spec = {.recursive = true, .max = 100};
    return tarn_store_list(&f->cx, f->store, &spec, f->cx.arena, out);
}

static void test_list(void **state) {
    fixture *f = *state;
    tarn_entry_list out;
    script(f,
           {"GET /bucket?encoding-type=url&list-type=2&max-keys=1000&prefix=a%20b%2F HTTP", 200, NULL,
            LIST("true", "<NextContinuationToken>t/+=</NextContinuationToken>" KEY("") KEY("a%2Bb") KEY("c+d%25")
                             KEY("folder/") KEY("x//y"))},
           {"GET /bucket?continuation-token=t%2F%2B%3D&encoding-type=url&", 200, NULL,
            LIST("false", KEY("z/..") KEY("z%C3%A9"))});
    assert_played(f, list(f, &out), TARN_OK);
    assert_int_equal(out.n, 3);
    assert_string_equal(out.at[0].key, "a+b");
    assert_string_equal(out.at[1].key, "c d%");
    assert_string_equal(out.at[2].key, "z\xc3\xa9");
    assert_string_equal(out.at[2].etag, "e");
}

static void test_bad_lists(void **state) {
    fixture *f = *state;
    tarn_entry_list out;
    script(f, {"GET", 200, NULL, LIST("true", KEY("b"))}, {"GET", 200, NULL, "<Other/>"},
           {"GET", 200, NULL, "<ListBucketResult>"},
           {"GET", 200, NULL, LIST("false", "<Contents><Key>other/b</Key></Contents>")},
           {"GET", 200, NULL, LIST("false", "<Contents><Size>1</Size></Contents>")},
           {"GET", 200, NULL, LIST("false", "<Contents><Key>a+b/x%</Key></Contents>")},
           {"GET", 200, NULL, LIST("true", "<NextContinuationToken>t</NextContinuationToken>" KEY("b"))},
           {"GET", 200, NULL, LIST("false", KEY("a"))});
    for (int i = 0; i < 6; i++) assert_int_equal(list(f, &out), TARN_CORRUPT);
    assert_played(f, list(f, &out), TARN_UNSUPPORTED);
}

static void test_errors(void **state) {
    fixture *f = *state;
    tarn_stat stat;
    tarn_str text;
    script(
        f,
        {"GET", 403, NULL,
         "<Error><Code>SignatureDoesNotMatch</Code><Message>no\nmatch</Message><StringToSign>x</StringToSign></Error>"},
        {"HEAD", 403, NULL, NULL}, {"HEAD", 301, "x-amz-bucket-region: eu-west-9\r\n", NULL},
        {"GET", 404, NULL, "<Error><Code>NoSuchBucket</Code></Error>"}, {"GET", 501, NULL, "not XML"});
    assert_int_equal(tarn_store_read(&f->cx, f->store, "k", 10, f->cx.arena, &text), TARN_DENIED);
    assert_non_null(strstr(f->cx.error.message, "SignatureDoesNotMatch: no match"));
    assert_non_null(strstr(f->cx.error.hint, "secret"));
    assert_int_equal(tarn_store_head(&f->cx, f->store, "k", &stat), TARN_DENIED);
    assert_int_equal(tarn_store_head(&f->cx, f->store, "k", &stat), TARN_INVALID);
    assert_non_null(strstr(f->cx.error.hint, "eu-west-9"));
    assert_int_equal(tarn_store_read(&f->cx, f->store, "k", 10, f->cx.arena, &text), TARN_NOTFOUND);
    assert_non_null(strstr(f->cx.error.message, "no bucket bucket"));
    assert_played(f, tarn_store_read(&f->cx, f->store, "k", 10, f->cx.arena, &text), TARN_UNSUPPORTED);
}

static void test_no_keys(void **state) {
    fixture *f = *state;
    tarn_stat stat;
    script(f, {"HEAD", 403, NULL, NULL});
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    unsetenv("AWS_ACCESS_KEY_ID");
    set(f, "s3.access_key_id", "");
    tarn_store_close(f->store);
    f->store = NULL;
    assert_int_equal(tarn_store_open(&f->cx, "s3://bucket", &f->store), TARN_OK);
    assert_played(f, tarn_store_head(&f->cx, f->store, "k", &stat), TARN_DENIED);
    assert_non_null(strstr(f->cx.error.hint, "AWS_ACCESS_KEY_ID"));
}

/* A server without ranges, one that sends too little, and one that is right. */
static void test_ranges(void **state) {
    fixture *f = *state;
    tarn_auto_buf out = TARN_BUF(100);
    const tarn_range range = {2, 3, NULL};
    script(f, {"GET", 200, "", "0123456789"}, {"GET", 206, "Content-Range: bytes 2-3/4\r\n", "23"},
           {"GET", 206, "Content-Range: bytes 2-4/10\r\nETag: \"e\"\r\n", "234"});
    assert_int_equal(tarn_store_get(&f->cx, f->store, "k", &range, &out, NULL), TARN_OK);
    assert_string_equal(out.data, "234");
    assert_int_equal(tarn_store_get(&f->cx, f->store, "k", &range, &out, NULL), TARN_CORRUPT);
    tarn_stat stat;
    assert_played(f, tarn_store_get(&f->cx, f->store, "k", &range, &out, &stat), TARN_OK);
    assert_string_equal(out.data, "234234");
    assert_int_equal(stat.size, 10);
}

#define UPLOAD "<InitiateMultipartUploadResult><UploadId>a/b+c</UploadId></InitiateMultipartUploadResult>"
#define PART(n) "PUT /bucket/a%20b/k?partNumber=" #n "&uploadId=a%2Fb%2Bc "

static tarn_code put_large(fixture *f, tarn_stat *stat) {
    enum { SIZE = (5 << 20) + 1 };
    char *bytes = calloc(1, SIZE);
    set(f, "s3.part_size", "5MiB");
    tarn_code code = tarn_store_put(&f->cx, f->store, "k", (tarn_str){bytes, SIZE}, TARN_PUT_ALWAYS, NULL, stat);
    free(bytes);
    return code;
}

static void test_parts(void **state) {
    fixture *f = *state;
    tarn_stat stat;
    script(f, {"POST /bucket/a%20b/k?uploads= ", 200, NULL, UPLOAD}, {PART(1), 200, "ETag: \"one\"\r\n", NULL},
           {PART(2), 200, "ETag: \"two\"\r\n", NULL},
           {"POST /bucket/a%20b/k?uploadId=a%2Fb%2Bc ", 200, NULL,
            "<CompleteMultipartUploadResult><ETag>&quot;x-2&quot;</ETag></CompleteMultipartUploadResult>"});
    assert_played(f, put_large(f, &stat), TARN_OK);
    assert_string_equal(stat.etag, "x-2");
    assert_int_equal(stat.size, (5 << 20) + 1);
}

static void test_failed_parts(void **state) {
    fixture *f = *state;
    tarn_stat stat;
    script(f, {"POST", 200, NULL, UPLOAD}, {PART(1), 200, "ETag: \"one\"\r\n", NULL},
           {PART(2), 200, "ETag: \"two\"\r\n", NULL},
           {"POST", 200, NULL, "<Error><Code>InternalError</Code><Message>half-way</Message></Error>"},
           {"DELETE /bucket/a%20b/k?uploadId=a%2Fb%2Bc ", 204, NULL, NULL});
    assert_played(f, put_large(f, &stat), TARN_IO);
    assert_non_null(strstr(f->cx.error.message, "half-way"));
}

static void test_remove(void **state) {
    fixture *f = *state;
    const char *const keys[] = {"a", "b\x01", "c<&>"};
    script(f, {"DELETE /bucket/a%20b/b%01 ", 404, NULL, "<Error><Code>NoSuchKey</Code></Error>"},
           {"POST /bucket?delete= ", 200, NULL,
            "<DeleteResult><Error><Key>a b/a</Key><Code>NoSuchKey</Code></Error><Error><Key>a b/c&lt;&amp;&gt;</Key>"
            "<Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"},
           {"DELETE /bucket/a%20b/a ", 204, NULL, NULL});
    assert_int_equal(tarn_store_remove(&f->cx, f->store, keys, 3), TARN_DENIED);
    assert_non_null(strstr(f->cx.error.message, "c<&>"));
    assert_played(f, tarn_store_remove(&f->cx, f->store, keys, 1), TARN_OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_absent_won),     CASE(test_absent_won_after_error),
        CASE(test_absent_lost),    CASE(test_absent_plainly_lost),
        CASE(test_absent_unknown), CASE(test_match_won),
        CASE(test_match_unknown),  CASE(test_match_lost),
        CASE(test_list),           CASE(test_bad_lists),
        CASE(test_errors),         CASE(test_no_keys),
        CASE(test_ranges),         CASE(test_parts),
        CASE(test_failed_parts),   CASE(test_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
