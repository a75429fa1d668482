/* roaring64.c: fuzz target: any bytes as a 64-bit roaring bitmap; what is taken must be usable and survive writing. */
#include "codec/roaring64.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) abort();
}

static void use_bitmap(tarn_cx *cx, tarn_roaring64 *b) {
    uint64_t values[64], max = 0;
    size_t n = tarn_roaring64_values(b, 0, values, 64);
    require((n == 0) == tarn_roaring64_is_empty(b) && tarn_roaring64_max(b, &max) == (n > 0));
    for (size_t i = 0; i < n; i++) require(tarn_roaring64_contains(b, values[i]) && values[i] <= max);
    for (int optimized = 0; optimized < 2; optimized++) {
        tarn_auto_buf bytes = TARN_BUF(1 << 26);
        tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) back = NULL;
        tarn_roaring64_serialize(b, &bytes);
        require(tarn_roaring64_deserialize(cx, (tarn_str){bytes.data, bytes.n}, &back) == TARN_OK &&
                tarn_roaring64_equals(b, back));
        tarn_roaring64_optimize(b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tarn_conf *conf = tarn_conf_defaults();
    tarn_cx cx;
    tarn_cx_init(&cx, conf);
    tarn_auto(tarn_roaring64 *, tarn_roaring64_freep) b = NULL;
    if (tarn_roaring64_deserialize(&cx, (tarn_str){(const char *)data, size}, &b) == TARN_OK) use_bitmap(&cx, b);
    tarn_cx_done(&cx);
    tarn_conf_free(conf);
    return 0;
}
