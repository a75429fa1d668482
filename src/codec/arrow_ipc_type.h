/* arrow_ipc_type.h: what an Arrow C format string means for the IPC writer. Only for arrow_ipc*.c. */
#ifndef TARN_CODEC_ARROW_IPC_TYPE_H
#define TARN_CODEC_ARROW_IPC_TYPE_H

#include "base/cx.h"
#include "codec/flatbuf.h"

/* Which buffers an array has; LIST, FIXED_LIST and STRUCT have children. */
typedef enum tarn_ipc_layout {
    TARN_IPC_NULL,
    TARN_IPC_BITS,
    TARN_IPC_FIXED,
    TARN_IPC_TEXT,
    TARN_IPC_LIST,
    TARN_IPC_FIXED_LIST,
    TARN_IPC_STRUCT
} tarn_ipc_layout;

typedef struct tarn_ipc_type {
    tarn_ipc_layout layout;
    int64_t width;            /* FIXED: bytes; TEXT, LIST: bytes of an offset; FIXED_LIST: elements */
    unsigned char union_type; /* Schema.fbs, union Type */
    int index_bytes;          /* not 0: a dictionary of TEXT, written out value by value */
    int unit, bits, precision, scale;
    bool is_signed; /* of maps: keys are sorted */
    tarn_str zone;
} tarn_ipc_type;

TARN_MUST tarn_code tarn_ipc_type_of(tarn_cx *cx, const struct ArrowSchema *schema, tarn_ipc_type *out);
/* The type's table of Schema.fbs. */
tarn_flatref tarn_ipc_put_type(tarn_flatbuf *b, const tarn_ipc_type *type);

#endif
