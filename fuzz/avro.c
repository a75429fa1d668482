/* avro.c: fuzz target: any bytes as an Avro file; every value is entered, skipped once more, and made a row of Arrow
 * batches. */
#include <stdlib.h>

#include "codec/avro.h"
#include "codec/avro_arrow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH = 64 };

static void walk(tarn_avro_cursor *c, const tarn_avro_type *type, int depth) {
    type = tarn_avro_enter(c, type);
    int64_t number;
    double real;
    bool truth;
    tarn_str text;
    if (!type) return;
    if (depth > DEPTH) return tarn_avro_skip(c, type);
    if (type->kind == TARN_AVRO_RECORD) {
        for (size_t i = 0; i < type->n_fields && !c->wrong; i++) walk(c, type->fields[i].type, depth + 1);
    } else if (type->kind == TARN_AVRO_ARRAY || type->kind == TARN_AVRO_MAP) {
        for (int64_t left = 0; tarn_avro_item(c, type, &left);) {
            if (type->kind == TARN_AVRO_MAP) tarn_avro_bytes(c);
            walk(c, type->items, depth + 1);
        }
    } else if (type->kind == TARN_AVRO_INT || type->kind == TARN_AVRO_LONG) {
        tarn_avro_get_long(c, type, &number);
    } else if (type->kind == TARN_AVRO_FLOAT || type->kind == TARN_AVRO_DOUBLE) {
        tarn_avro_get_double(c, type, &real);
    } else if (type->kind == TARN_AVRO_BOOLEAN) {
        tarn_avro_get_bool(c, type, &truth);
    } else {
        tarn_avro_get_str(c, type, &text);
    }
}

static tarn_code read_all(tarn_cx *cx, tarn_str bytes) {
    tarn_auto(tarn_avro_reader, tarn_avro_reader_done) reader = {0};
    TRY(tarn_avro_open(cx, cx->arena, bytes, &reader));
    reader.space.max = 1 << 22;
    for (;;) {
        tarn_avro_cursor c;
        int64_t rows;
        TRY(tarn_avro_next_block(cx, &reader, &c, &rows));
        if (rows == 0) return TARN_OK;
        tarn_avro_cursor again = c;
        for (int64_t row = 0; row < rows && row < 1000; row++) {
            walk(&c, reader.header->type, 0);
            tarn_avro_skip(&again, reader.header->type);

            if (c.wrong || again.wrong) break;
        }
        TRY(tarn_avro_check(cx, &c));
    }
}

static tarn_code read_range(tarn_cx *cx, void *state, size_t file, uint64_t offset, size_t n, tarn_buf *out) {
    const tarn_str *bytes = state;
    (void)cx;
    (void)file;
    if (n) tarn_buf_add(out, bytes->p + offset, n);
    return TARN_OK;
}

static void stream_all(tarn_cx *cx, tarn_str bytes) {
    tarn_auto(struct ArrowArrayStream, tarn_stream_release) stream = {0};
    tarn_auto(struct ArrowSchema, tarn_schema_release) schema = {0};
    uint64_t size = bytes.n;
    const char *name = "fuzz";
    tarn_avro_files files = {.names = &name, .sizes = &size, .n = 1, .read = read_range, .state = &bytes};
    if (tarn_avro_stream(cx, &files, &stream) != TARN_OK || stream.get_schema(&stream, &schema) != 0) return;
    for (int i = 0; i < 10; i++) {
        tarn_auto(struct ArrowArray, tarn_array_release) batch = {0};
        if (stream.get_next(&stream, &batch) != 0 || !batch.release) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    if (read_all(&cx, (tarn_str){(const char *)data, size}) == TARN_OK && size < 4) abort();
    tarn_clear_error(&cx);
    stream_all(&cx, (tarn_str){(const char *)data, size});
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
