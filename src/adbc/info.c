/* info.c: what the driver says of itself: pairs of a code and a value of its own type, as a dense union. */
#include <stdlib.h>

#include "adbc/driver.h"
#include "codec/arrow.h"

enum { STRING_VALUE, BOOL_VALUE, INT64_VALUE, BITMASK_VALUE, LIST_VALUE, MAP_VALUE, N_KINDS };
enum { DEPTH_NODES = 16 };

typedef struct info {
    uint32_t code;
    int8_t kind;
    const char *text;
    int64_t number;
} info;

static const info infos[] = {
    {0, STRING_VALUE, "Tarn", 0},
    {1, STRING_VALUE, TARN_VERSION, 0},
    {3, BOOL_VALUE, NULL, 1},
    {4, BOOL_VALUE, NULL, 0},
    {100, STRING_VALUE, "ADBC driver of Tarn", 0},
    {101, STRING_VALUE, TARN_VERSION, 0},
    {103, INT64_VALUE, NULL, ADBC_VERSION_1_1_0},
};
enum { N_INFOS = sizeof infos / sizeof *infos };

/* The whole batch in one piece of memory. */
typedef struct info_batch {
    struct ArrowArray nodes[DEPTH_NODES], *pointers[DEPTH_NODES];
    const void *buffers[DEPTH_NODES][3];
    size_t n_nodes, n_pointers;
    uint32_t codes[N_INFOS];
    int8_t kinds[N_INFOS];
    int32_t places[N_INFOS], ends[N_INFOS + 1], zero[2];
    int64_t numbers[N_INFOS];
    uint8_t bools[(N_INFOS + 7) / 8];
    char text[512];
} info_batch;

typedef struct field {
    const char *format, *name;
    int64_t flags;
    int n_children;
} field;

/* Depth first. */
static const field fields[] = {
    {"+s", "", 0, 2},
    {"I", "info_name", 0, 0},
    {"+ud:0,1,2,3,4,5", "info_value", ARROW_FLAG_NULLABLE, 6},
    {"u", "string_value", ARROW_FLAG_NULLABLE, 0},
    {"b", "bool_value", ARROW_FLAG_NULLABLE, 0},
    {"l", "int64_value", ARROW_FLAG_NULLABLE, 0},
    {"i", "int32_bitmask", ARROW_FLAG_NULLABLE, 0},
    {"+l", "string_list", ARROW_FLAG_NULLABLE, 1},
    {"u", "item", ARROW_FLAG_NULLABLE, 0},
    {"+m", "int32_to_int32_list_map", ARROW_FLAG_NULLABLE, 1},
    {"+s", "entries", 0, 2},
    {"i", "key", 0, 0},
    {"+l", "value", ARROW_FLAG_NULLABLE, 1},
    {"i", "item", ARROW_FLAG_NULLABLE, 0},
};

typedef struct info_schema {
    struct ArrowSchema nodes[DEPTH_NODES], *pointers[DEPTH_NODES];
    size_t n_nodes, n_pointers;
} info_schema;

static void release_child_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_child(struct ArrowArray *array) { array->release = NULL; }

static void release_schema(struct ArrowSchema *schema) {
    free(schema->private_data);
    schema->release = NULL;
}

static void release_batch(struct ArrowArray *array) {
    free(array->private_data);
    array->release = NULL;
}

static struct ArrowSchema *add_field(info_schema *s) {
    const field *f = &fields[s->n_nodes];
    struct ArrowSchema *node = &s->nodes[s->n_nodes++], **children = &s->pointers[s->n_pointers];
    s->n_pointers += (size_t)f->n_children;
    *node = (struct ArrowSchema){.format = f->format,
                                 .name = f->name,
                                 .flags = f->flags,
                                 .n_children = f->n_children,
                                 .children = children,
                                 .release = release_child_schema};
    for (int i = 0; i < f->n_children; i++) children[i] = add_field(s);
    return node;
}

/* An array of no rows but what its caller fills in. */
static struct ArrowArray *add_array(info_batch *b) {
    const field *f = &fields[b->n_nodes];
    const void **buffers = b->buffers[b->n_nodes];
    struct ArrowArray *node = &b->nodes[b->n_nodes++], **children = &b->pointers[b->n_pointers];
    b->n_pointers += (size_t)f->n_children;
    buffers[1] = b->zero;
    buffers[2] = b->text;
    bool has_one = strcmp(f->format, "+s") == 0;
    *node = (struct ArrowArray){.n_buffers = has_one               ? 1
                                             : f->format[0] == 'u' ? 3
                                                                   : 2,
                                .buffers = buffers,
                                .n_children = f->n_children,
                                .children = children,
                                .release = release_child};
    for (int i = 0; i < f->n_children; i++) children[i] = add_array(b);
    return node;
}

static bool is_wanted(uint32_t code, const uint32_t *codes, size_t n) {
    for (size_t i = 0; codes && i < n; i++)
        if (codes[i] == code) return true;
    return !codes;
}

/* Each kind's values lie in its own child, in the order of the rows. */
static void fill(info_batch *b, const uint32_t *codes, size_t n) {
    struct ArrowArray *root = add_array(b), *value = root->children[1];
    size_t text = 0;
    for (size_t i = 0; i < N_INFOS; i++) {
        if (!is_wanted(infos[i].code, codes, n)) continue;
        struct ArrowArray *child = value->children[infos[i].kind];
        int64_t row = root->length++, place = child->length++;
        b->codes[row] = infos[i].code;
        b->kinds[row] = infos[i].kind;
        b->places[row] = (int32_t)place;
        if (infos[i].kind == STRING_VALUE) {
            size_t length = strlen(infos[i].text);
            memcpy(b->text + text, infos[i].text, length);
            b->ends[place + 1] = (int32_t)(text += length);
        } else if (infos[i].kind == BOOL_VALUE) {
            b->bools[place / 8] |= (uint8_t)(infos[i].number << place % 8);
        } else {
            b->numbers[place] = infos[i].number;
        }
    }
    root->children[0]->length = value->length = root->length;
    root->children[0]->buffers[1] = b->codes;
    value->buffers[0] = b->kinds;
    value->buffers[1] = b->places;
    value->children[STRING_VALUE]->buffers[1] = b->ends;
    value->children[BOOL_VALUE]->buffers[1] = b->bools;
    value->children[INT64_VALUE]->buffers[1] = b->numbers;
    root->release = release_batch;
    root->private_data = b;
}

AdbcStatusCode tarn_adbc_info(struct AdbcConnection *c, const uint32_t *codes, size_t n, struct ArrowArrayStream *out,
                              struct AdbcError *error) {
    (void)c;
    info_schema *schema = calloc(1, sizeof *schema);
    info_batch *batch = calloc(1, sizeof *batch);
    if (!schema || !batch) {
        free(schema);
        free(batch);
        return tarn_adbc_fail(error, TARN_NOMEM, "out of memory");
    }
    struct ArrowSchema root = *add_field(schema);
    root.release = release_schema;
    root.private_data = schema;
    fill(batch, codes, n);
    struct ArrowArray rows = batch->nodes[0];
    tarn_adbc_one_batch(&root, &rows, out);
    return ADBC_STATUS_OK;
}
