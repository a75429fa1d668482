/* manifest.c: writes manifests of new files, and the lists of manifests. */
#include "format/iceberg/write/manifest.h"

#include <stdio.h>

#include "codec/bytes.h"
#include "codec/jsonw.h"
#include "codec/parquet_positions.h"
#include "format/iceberg/deletes.h"
#include "model/transform.h"

/* Field ids from here on are not those of columns (1.2). */
enum { MANIFEST_MAX = 1 << 30, NAME_MAX = 256, RESERVED_ID = 2147483448 };

/* An optional value: its branch of ["null", T], then the value. */
static void put_some(tarn_buf *b) { tarn_avro_put_long(b, 1); }
static void put_none(tarn_buf *b) { tarn_avro_put_long(b, 0); }

static void put_optional(tarn_buf *b, int64_t v) {
    if (v < 0) {
        put_none(b);
        return;
    }
    put_some(b);
    tarn_avro_put_long(b, v);
}

/* 1.5: letters that names in Avro cannot have are written as _x and their code. */
static const char *avro_name(tarn_cx *cx, const char *name) {
    tarn_auto_buf out = TARN_BUF(1 << 16);
    for (const char *p = name; *p; p++) {
        bool digit = *p >= '0' && *p <= '9';
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
        if (digit && p == name) tarn_buf_putc(&out, '_');
        if (letter || digit)
            tarn_buf_putc(&out, *p);
        else
            tarn_buf_printf(&out, "_x%X", (unsigned char)*p);
    }
    const char *made = tarn_buf_take(&out, cx->arena);
    return made ? made : "_";
}

/* The fewest bytes of two's complement that hold so many digits. */
static int decimal_bytes(int precision) {
    unsigned __int128 most = 1;
    int bytes = 1;
    for (int i = 0; i < precision && i < 38; i++) most *= 10;
    while (bytes < 16 && most - 1 > ((unsigned __int128)1 << (8 * bytes - 1)) - 1) bytes++;
    return bytes;
}

/* 1.15: how partition values of a type lie in Avro. */
static void put_avro_type(tarn_buf *out, const tarn_type *type, const char *name) {
    static const char micros[] = "{\"type\": \"long\", \"logicalType\": \"timestamp-micros\", \"adjust-to-utc\": %s}";
    static const char nanos[] = "{\"type\": \"long\", \"logicalType\": \"timestamp-nanos\", \"adjust-to-utc\": %s}";
    switch (type->kind) {
    case TARN_BOOL: tarn_buf_puts(out, "\"boolean\""); break;
    case TARN_INT8:
    case TARN_INT16:
    case TARN_INT32: tarn_buf_puts(out, "\"int\""); break;
    case TARN_DATE: tarn_buf_puts(out, "{\"type\": \"int\", \"logicalType\": \"date\"}"); break;
    case TARN_INT64: tarn_buf_puts(out, "\"long\""); break;
    case TARN_TIME: tarn_buf_puts(out, "{\"type\": \"long\", \"logicalType\": \"time-micros\"}"); break;
    case TARN_TIMESTAMP: tarn_buf_printf(out, micros, "true"); break;
    case TARN_TIMESTAMP_NTZ: tarn_buf_printf(out, micros, "false"); break;
    case TARN_TIMESTAMP_NS: tarn_buf_printf(out, nanos, "true"); break;
    case TARN_TIMESTAMP_NTZ_NS: tarn_buf_printf(out, nanos, "false"); break;
    case TARN_FLOAT32: tarn_buf_puts(out, "\"float\""); break;
    case TARN_FLOAT64: tarn_buf_puts(out, "\"double\""); break;
    case TARN_DECIMAL:
        tarn_buf_printf(out,
                        "{\"type\": \"fixed\", \"name\": \"decimal_%d_%d_%s\", \"size\": %d, \"logicalType\": "
                        "\"decimal\", \"precision\": %d, \"scale\": %d}",
                        type->precision, type->scale, name, decimal_bytes(type->precision), type->precision,
                        type->scale);
        break;
    case TARN_UUID:
        tarn_buf_printf(
            out, "{\"type\": \"fixed\", \"name\": \"uuid_fixed_%s\", \"size\": 16, \"logicalType\": \"uuid\"}", name);
        break;
    case TARN_STRING: tarn_buf_puts(out, "\"string\""); break;
    default: tarn_buf_puts(out, "\"bytes\"");
    }
}

/* A partition value as its field's type has it (put_avro_type). */
static void put_value(tarn_buf *b, const tarn_value *v, const tarn_type *type) {
    put_some(b);
    switch (type->kind) {
    case TARN_BOOL: tarn_avro_put_bool(b, v->b); break;
    case TARN_FLOAT32: tarn_avro_put_float(b, (float)v->f); break;
    case TARN_FLOAT64: tarn_avro_put_double(b, v->f); break;
    case TARN_DECIMAL:
        for (int i = decimal_bytes(type->precision); i-- > 0;)
            tarn_buf_putc(b, (char)((unsigned __int128)v->dec >> (8 * i)));
        break;
    case TARN_UUID: tarn_buf_add(b, v->s.p, v->s.n); break;
    case TARN_STRING:
    case TARN_BINARY:
    case TARN_FIXED: tarn_avro_put_str(b, v->s); break;
    default: tarn_avro_put_long(b, v->i);
    }
}

/* The type of a partition field's values. */
static const tarn_type *partition_type(tarn_cx *cx, const tarn_schema *schema, const tarn_iceberg_spec_field *f) {
    const tarn_field *field = tarn_iceberg_field(schema, f->source_id, NULL);
    const tarn_type *source = field ? field->type : f->source;
    if (!source) return NULL;
    tarn_type *type = tarn_type_copy(cx->arena, source);
    type->kind = tarn_transform_kind(f->transform, source->kind);
    return type;
}

/* "null" or T, by default null. */
static void put_field(tarn_buf *out, int id, const char *name, const char *type, bool optional) {
    tarn_buf_printf(out, ", {\"name\": \"%s\", \"type\": %s%s%s, \"field-id\": %d%s}", name,
                    optional ? "[\"null\", " : "", type, optional ? "]" : "", id,
                    optional ? ", \"default\": null" : "");
}

static void put_map(tarn_buf *out, int id, const char *name, int key, int value, const char *type) {
    char text[512];
    snprintf(text, sizeof text,
             "{\"type\": \"array\", \"logicalType\": \"map\", \"items\": {\"type\": \"record\", \"name\": \"k%d_v%d\", "
             "\"fields\": [{\"name\": \"key\", \"type\": \"int\", \"field-id\": %d}, {\"name\": \"value\", \"type\": "
             "\"%s\", \"field-id\": %d}]}}",
             key, value, key, type, value);
    put_field(out, id, name, text, true);
}

static tarn_code put_partition_record(tarn_cx *cx, const tarn_schema *schema, const tarn_iceberg_spec *spec,
                                      tarn_buf *out) {
    tarn_buf_puts(out,
                  ", {\"name\": \"partition\", \"type\": {\"type\": \"record\", \"name\": \"r102\", \"fields\": [");
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_iceberg_spec_field *f = &spec->fields[i];
        const tarn_type *type = partition_type(cx, schema, f);
        if (!type)
            return tarn_fail(cx, TARN_CORRUPT, "partition field %s is made of column id %d, which is not there",
                             f->name, f->source_id);
        const char *name = avro_name(cx, f->name);
        tarn_buf_printf(out, "%s{\"name\": \"%s\", ", i ? ", " : "", name);
        if (strcmp(name, f->name)) {
            tarn_jsonw w = TARN_JSONW(out);
            tarn_buf_puts(out, "\"iceberg-field-name\": ");
            tarn_jsonw_text(&w, f->name);
            tarn_buf_puts(out, ", ");
        }
        tarn_buf_puts(out, "\"type\": [\"null\", ");
        put_avro_type(out, type, name);
        tarn_buf_printf(out, "], \"default\": null, \"field-id\": %d}", f->field_id);
    }
    tarn_buf_puts(out, "]}, \"field-id\": 102}");
    return TARN_OK;
}

/* The records of a manifest of this format version (1.5). */
static tarn_code entry_schema(tarn_cx *cx, const tarn_iceberg_writing *w, const tarn_schema *schema,
                              const tarn_iceberg_spec *spec, tarn_buf *out) {
    bool later = w->format_version >= 2;
    tarn_buf_puts(out,
                  "{\"type\": \"record\", \"name\": \"manifest_entry\", \"fields\": [{\"name\": \"status\", \"type\": "
                  "\"int\", \"field-id\": 0}");
    put_field(out, 1, "snapshot_id", "\"long\"", later);
    if (later) put_field(out, 3, "sequence_number", "\"long\"", true);
    if (later) put_field(out, 4, "file_sequence_number", "\"long\"", true);
    tarn_buf_puts(out,
                  ", {\"name\": \"data_file\", \"field-id\": 2, \"type\": {\"type\": \"record\", \"name\": \"r2\", "
                  "\"fields\": [");
    if (later) tarn_buf_puts(out, "{\"name\": \"content\", \"type\": \"int\", \"field-id\": 134}, ");
    tarn_buf_puts(out, "{\"name\": \"file_path\", \"type\": \"string\", \"field-id\": 100}");
    put_field(out, 101, "file_format", "\"string\"", false);
    TRY(put_partition_record(cx, schema, spec, out));
    put_field(out, 103, "record_count", "\"long\"", false);
    put_field(out, 104, "file_size_in_bytes", "\"long\"", false);
    if (!later) put_field(out, 105, "block_size_in_bytes", "\"long\"", false);
    put_map(out, 108, "column_sizes", 117, 118, "long");
    put_map(out, 109, "value_counts", 119, 120, "long");
    put_map(out, 110, "null_value_counts", 121, 122, "long");
    put_map(out, 137, "nan_value_counts", 138, 139, "long");
    put_map(out, 125, "lower_bounds", 126, 127, "bytes");
    put_map(out, 128, "upper_bounds", 129, 130, "bytes");
    put_field(out, 140, "sort_order_id", "\"int\"", true);
    if (w->format_version >= 3) put_field(out, 142, "first_row_id", "\"long\"", true);
    if (later) put_field(out, 143, "referenced_data_file", "\"string\"", true);
    if (w->format_version >= 3) put_field(out, 144, "content_offset", "\"long\"", true);
    if (w->format_version >= 3) put_field(out, 145, "content_size_in_bytes", "\"long\"", true);
    tarn_buf_puts(out, "]}}]}");
    return tarn_buf_ok(out) ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "the partition spec is too large for a manifest");
}

/* Columns of the table, not those that only row lineage needs. */
static bool counted(const tarn_leaf_stats *s) {
    return s->field->id >= 0 && s->field->id < RESERVED_ID && s->bounds.rows >= 0;
}

/* A position delete file, not a vector: its columns are none of the table's. */
static bool has_positions(const tarn_iceberg_listed *f) {
    return f->content == TARN_ICEBERG_POSITIONS && f->referenced && f->offset < 0;
}

/* A map of what is known of both columns. */
static void put_position_counts(tarn_buf *b, int64_t n) {
    put_some(b), tarn_avro_put_long(b, 2);
    tarn_avro_put_long(b, TARN_POSITIONS_ROW_ID), tarn_avro_put_long(b, n);
    tarn_avro_put_long(b, TARN_POSITIONS_PATH_ID), tarn_avro_put_long(b, n);
    tarn_avro_put_long(b, 0);
}

/* The path is never cut: readers that do not know referenced_data_file tell the data file by its bounds (1.8). */
static void put_position_bounds(tarn_buf *b, const tarn_iceberg_listed *f, int64_t position) {
    char bytes[8];
    tarn_le64(bytes, (uint64_t)position);
    put_some(b), tarn_avro_put_long(b, 2);
    tarn_avro_put_long(b, TARN_POSITIONS_ROW_ID), tarn_avro_put_str(b, (tarn_str){bytes, sizeof bytes});
    tarn_avro_put_long(b, TARN_POSITIONS_PATH_ID), tarn_avro_put_str(b, tarn_str_of(f->referenced));
    tarn_avro_put_long(b, 0);
}

typedef enum count_kind { SIZES, VALUES, NULLS, NANS } count_kind;

/* -1: not known. Whether there are NaN is, not how many. */
static int64_t count_of(const tarn_leaf_stats *s, count_kind kind) {
    bool floats = s->field->type->kind == TARN_FLOAT32 || s->field->type->kind == TARN_FLOAT64;
    if (!counted(s)) return -1;
    switch (kind) {
    case SIZES: return s->size > 0 ? s->size : -1;
    case VALUES: return s->values > 0 ? s->values : s->bounds.rows;
    case NULLS: return s->bounds.nulls;
    case NANS: return floats && !s->bounds.maybe_nan ? 0 : -1;
    }
    return -1;
}

static void put_counts(tarn_buf *b, const tarn_iceberg_listed *f, count_kind kind) {
    int64_t n = 0;
    if (has_positions(f) && (kind == VALUES || kind == NULLS))
        return put_position_counts(b, kind == NULLS ? 0 : f->rows);
    for (size_t i = 0; i < f->n_stats; i++) n += count_of(&f->stats[i], kind) >= 0;
    if (!n) {
        put_none(b);
        return;
    }
    put_some(b);
    tarn_avro_put_long(b, n);
    for (size_t i = 0; i < f->n_stats; i++) {
        int64_t count = count_of(&f->stats[i], kind);
        if (count < 0) continue;
        tarn_avro_put_long(b, f->stats[i].field->id);
        tarn_avro_put_long(b, count);
    }
    tarn_avro_put_long(b, 0);
}

/* NaN is in no bound (1.6), and which values are beside it is not known: none then. */
static bool bound_of(tarn_buf *out, const tarn_leaf_stats *s, bool upper) {
    const tarn_bounds *b = &s->bounds;
    bool nested = strchr(s->path, '.') && s->field->id < 0;
    if (nested || s->field->id < 0 || s->field->id >= RESERVED_ID || !(upper ? b->has_max : b->has_min)) return false;
    tarn_buf_clear(out);
    return tarn_iceberg_encode_bound(out, upper ? &b->max : &b->min, s->field->type, upper);
}

static void put_bounds(tarn_buf *b, const tarn_iceberg_listed *f, bool upper) {
    tarn_auto_buf bytes = TARN_BUF(1 << 20);
    int64_t n = 0;
    if (has_positions(f)) return put_position_bounds(b, f, upper ? f->last : f->first);
    for (size_t i = 0; i < f->n_stats; i++) n += bound_of(&bytes, &f->stats[i], upper);
    if (!n) {
        put_none(b);
        return;
    }
    put_some(b);
    tarn_avro_put_long(b, n);
    for (size_t i = 0; i < f->n_stats; i++) {
        if (!bound_of(&bytes, &f->stats[i], upper)) continue;
        tarn_avro_put_long(b, f->stats[i].field->id);
        tarn_avro_put_str(b, (tarn_str){bytes.data ? bytes.data : "", bytes.n});
    }
    tarn_avro_put_long(b, 0);
}

static const char *recorded(tarn_cx *cx, const tarn_iceberg_writing *w, const char *key) {
    bool absolute = key[0] == '/' || strstr(key, "://");
    return absolute ? key : tarn_printf(cx, "%s/%s", w->root, key);
}

static void put_entry(tarn_cx *cx, const tarn_iceberg_writing *w, const tarn_schema *schema,
                      const tarn_iceberg_spec *spec, const tarn_iceberg_listed *f, tarn_buf *b) {
    bool later = w->format_version >= 2, third = w->format_version >= 3;
    tarn_avro_put_long(b, TARN_ICEBERG_ADDED);
    if (later) put_some(b);
    tarn_avro_put_long(b, w->snapshot_id);
    if (later) put_optional(b, f->sequence);
    if (later) put_none(b); /* the file's own sequence number is always the manifest's */
    if (later) tarn_avro_put_long(b, f->content);
    tarn_avro_put_str(b, tarn_str_of(recorded(cx, w, f->path)));
    tarn_avro_put_str(b, tarn_str_of(f->format));
    for (size_t i = 0; i < spec->n_fields; i++) {
        const tarn_value *v = f->partition ? &f->partition[i] : NULL;
        if (!v || v->null)
            put_none(b);
        else
            put_value(b, v, partition_type(cx, schema, &spec->fields[i]));
    }
    tarn_avro_put_long(b, f->rows);
    tarn_avro_put_long(b, f->size);
    if (!later) tarn_avro_put_long(b, 67108864); /* 1.5: what version 1 asks for and nobody reads */
    put_counts(b, f, SIZES);
    put_counts(b, f, VALUES);
    put_counts(b, f, NULLS);
    put_counts(b, f, NANS);
    put_bounds(b, f, false);
    put_bounds(b, f, true);
    put_optional(b, f->sort_order > 0 ? f->sort_order : -1);
    if (third) put_optional(b, f->first_row_id); /* null: the manifest's count on */
    if (later && f->referenced) put_some(b), tarn_avro_put_str(b, tarn_str_of(f->referenced));
    if (later && !f->referenced) put_none(b);
    if (third) put_optional(b, f->offset);
    if (third) put_optional(b, f->length);
}

static tarn_str encode_end(tarn_cx *cx, const tarn_value *v, const tarn_type *type) {
    tarn_auto_buf bytes = TARN_BUF(1 << 24);
    if (!v || !tarn_iceberg_encode(&bytes, v, type)) return (tarn_str){0};
    return (tarn_str){tarn_arena_strndup(cx->arena, bytes.data ? bytes.data : "", bytes.n), bytes.n};
}

void tarn_iceberg_summarize(tarn_cx *cx, const tarn_type *const *types, size_t n_fields,
                            const tarn_value *const *partitions, size_t n, tarn_iceberg_manifest *out) {
    tarn_iceberg_range *ranges = TARN_NEW_ARRAY(cx->arena, tarn_iceberg_range, n_fields);
    for (size_t i = 0; i < n_fields; i++) {
        const tarn_type *type = types[i];
        const tarn_value *low = NULL, *high = NULL;
        bool ok, is_float = type && (type->kind == TARN_FLOAT32 || type->kind == TARN_FLOAT64);
        for (size_t k = 0; k < n; k++) {
            const tarn_value *v = partitions[k] && type ? &partitions[k][i] : NULL;
            if (!v || v->null) {
                ranges[i].null = true;
            } else if (is_float && v->f != v->f) {
                ranges[i].nan = true;
            } else {
                if (!low || tarn_value_cmp(v, low, &ok) < 0) low = v;
                if (!high || tarn_value_cmp(v, high, &ok) > 0) high = v;
            }
        }
        ranges[i].low = encode_end(cx, low, type);
        ranges[i].high = encode_end(cx, high, type);
    }
    out->ranges = ranges;
    out->n_ranges = n_fields;
}

static void summarize(tarn_cx *cx, const tarn_schema *schema, const tarn_iceberg_spec *spec,
                      const tarn_iceberg_listed *files, size_t n, tarn_iceberg_manifest *out) {
    const tarn_type **types = TARN_NEW_ARRAY(cx->arena, const tarn_type *, spec->n_fields);
    const tarn_value **partitions = TARN_NEW_ARRAY(cx->arena, const tarn_value *, n);
    for (size_t i = 0; i < spec->n_fields; i++) types[i] = partition_type(cx, schema, &spec->fields[i]);
    for (size_t i = 0; i < n; i++) partitions[i] = files[i].partition;
    tarn_iceberg_summarize(cx, types, spec->n_fields, partitions, n, out);
}

tarn_code tarn_iceberg_manifest_store(tarn_cx *cx, tarn_iceberg_writing *w, tarn_str bytes,
                                      tarn_iceberg_manifest *out) {
    const char *key = tarn_printf(cx, "metadata/%s-m%d.avro", w->id, w->files++);
    *TARN_PUSH(cx->arena, &w->written) = key;
    TRY(tarn_store_put(cx, w->table->store, key, bytes, TARN_PUT_NEW, NULL, NULL));
    out->path = tarn_str_of(recorded(cx, w, key));
    out->length = (int64_t)bytes.n;
    return TARN_OK;
}

static tarn_code spec_json(tarn_cx *cx, const tarn_iceberg_spec *spec, const char **out) {
    tarn_auto_buf json = TARN_BUF(1 << 20);
    tarn_iceberg_spec_print(spec, &json);
    *out = tarn_buf_take(&json, cx->arena);
    return *out ? TARN_OK : tarn_fail(cx, TARN_LIMIT, "the partition spec is too large");
}

tarn_code tarn_iceberg_manifest_write(tarn_cx *cx, tarn_iceberg_writing *w, const tarn_schema *schema,
                                      int32_t schema_id, const tarn_iceberg_spec *spec, bool deletes,
                                      const tarn_iceberg_listed *files, size_t n, tarn_iceberg_manifest *out) {
    tarn_auto_buf json = TARN_BUF(16 << 20), types = TARN_BUF(16 << 20), file = TARN_BUF(MANIFEST_MAX);
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) avro = {0};
    const char *spec_text;
    TRY(entry_schema(cx, w, schema, spec, &types));
    TRY(tarn_iceberg_schema_print(cx, schema, schema_id, w->format_version, &json));
    TRY(spec_json(cx, spec, &spec_text));
    const tarn_avro_meta meta[] = {{TARN_LIT("schema"), {json.data, json.n}},
                                   {TARN_LIT("schema-id"), tarn_str_of(tarn_printf(cx, "%d", schema_id))},
                                   {TARN_LIT("partition-spec"), tarn_str_of(spec_text)},
                                   {TARN_LIT("partition-spec-id"), tarn_str_of(tarn_printf(cx, "%d", spec->id))},
                                   {TARN_LIT("format-version"), tarn_str_of(tarn_printf(cx, "%d", w->format_version))},
                                   {TARN_LIT("content"), tarn_str_of(deletes ? "deletes" : "data")}};
    TRY(tarn_avro_write_begin(cx, &avro, &file, (tarn_str){types.data, types.n}, meta, sizeof meta / sizeof *meta,
                              TARN_AVRO_DEFLATE));
    tarn_iceberg_manifest m = {.spec_id = spec->id,
                               .deletes = deletes,
                               .sequence = w->sequence,
                               .min_sequence = w->sequence,
                               .added_snapshot_id = w->snapshot_id,
                               .added_files = (int64_t)n,
                               .first_row_id = -1};
    for (size_t i = 0; i < n; i++) {
        put_entry(cx, w, schema, spec, &files[i], &avro.block);
        TRY(tarn_avro_write_row(cx, &avro));
        m.added_rows += files[i].rows;
        if (files[i].sequence >= 0 && files[i].sequence < m.min_sequence) m.min_sequence = files[i].sequence;
    }
    TRY(tarn_avro_write_end(cx, &avro));
    TRY(tarn_iceberg_manifest_store(cx, w, (tarn_str){file.data, file.n}, &m));
    summarize(cx, schema, spec, files, n, &m);
    *out = m;
    return TARN_OK;
}

static void list_schema(const tarn_iceberg_writing *w, tarn_buf *out) {
    bool later = w->format_version >= 2;
    static const char ranges[] =
        "{\"type\": \"array\", \"element-id\": 508, \"items\": {\"type\": \"record\", \"name\": \"r508\", \"fields\": ["
        "{\"name\": \"contains_null\", \"type\": \"boolean\", \"field-id\": 509}, "
        "{\"name\": \"contains_nan\", \"type\": [\"null\", \"boolean\"], \"default\": null, \"field-id\": 518}, "
        "{\"name\": \"lower_bound\", \"type\": [\"null\", \"bytes\"], \"default\": null, \"field-id\": 510}, "
        "{\"name\": \"upper_bound\", \"type\": [\"null\", \"bytes\"], \"default\": null, \"field-id\": 511}]}}";
    tarn_buf_puts(out, "{\"type\": \"record\", \"name\": \"manifest_file\", \"fields\": [{\"name\": \"manifest_path\", "
                       "\"type\": \"string\", \"field-id\": 500}");
    put_field(out, 501, "manifest_length", "\"long\"", false);
    put_field(out, 502, "partition_spec_id", "\"int\"", false);
    if (later) put_field(out, 517, "content", "\"int\"", false);
    if (later) put_field(out, 515, "sequence_number", "\"long\"", false);
    if (later) put_field(out, 516, "min_sequence_number", "\"long\"", false);
    put_field(out, 503, "added_snapshot_id", "\"long\"", false);
    put_field(out, 504, "added_files_count", "\"int\"", !later);
    put_field(out, 505, "existing_files_count", "\"int\"", !later);
    put_field(out, 506, "deleted_files_count", "\"int\"", !later);
    if (!later) put_field(out, 507, "partitions", ranges, true);
    put_field(out, 512, "added_rows_count", "\"long\"", !later);
    put_field(out, 513, "existing_rows_count", "\"long\"", !later);
    put_field(out, 514, "deleted_rows_count", "\"long\"", !later);
    if (later) put_field(out, 507, "partitions", ranges, true);
    if (w->format_version >= 3) put_field(out, 520, "first_row_id", "\"long\"", true);
    tarn_buf_puts(out, "]}");
}

static void put_ranges(tarn_buf *b, const tarn_iceberg_manifest *m) {
    if (!m->n_ranges) {
        put_none(b);
        return;
    }
    put_some(b);
    tarn_avro_put_long(b, (int64_t)m->n_ranges);
    for (size_t i = 0; i < m->n_ranges; i++) {
        const tarn_iceberg_range *r = &m->ranges[i];
        tarn_avro_put_bool(b, r->null);
        put_some(b);
        tarn_avro_put_bool(b, r->nan);
        for (int upper = 0; upper < 2; upper++) {
            tarn_str bound = upper ? r->high : r->low;
            if (!bound.p) {
                put_none(b);
                continue;
            }
            put_some(b);
            tarn_avro_put_str(b, bound);
        }
    }
    tarn_avro_put_long(b, 0);
}

/* In version 1 the counts may be unknown, in later ones not: unknown is then taken for "some". */
static void put_count(tarn_buf *b, int64_t v, bool later) {
    if (later)
        tarn_avro_put_long(b, v < 0 ? 1 : v);
    else
        put_optional(b, v);
}

static void put_manifest(tarn_buf *b, const tarn_iceberg_writing *w, const tarn_iceberg_manifest *m) {
    bool later = w->format_version >= 2;
    const int64_t files[] = {m->added_files, m->existing_files, m->deleted_files};
    const int64_t rows[] = {m->added_rows, m->existing_rows, m->deleted_rows};
    tarn_avro_put_str(b, m->path);
    tarn_avro_put_long(b, m->length);
    tarn_avro_put_long(b, m->spec_id);
    if (later) tarn_avro_put_long(b, m->deletes);
    if (later) tarn_avro_put_long(b, m->sequence);
    if (later) tarn_avro_put_long(b, m->min_sequence);
    tarn_avro_put_long(b, m->added_snapshot_id);
    for (int i = 0; i < 3; i++) put_count(b, files[i], later);
    if (!later) put_ranges(b, m);
    for (int i = 0; i < 3; i++) put_count(b, rows[i], later);
    if (later) put_ranges(b, m);
    if (w->format_version >= 3) put_optional(b, m->first_row_id);
}

tarn_code tarn_iceberg_list_write(tarn_cx *cx, tarn_iceberg_writing *w, int64_t parent,
                                  const tarn_iceberg_manifest *manifests, size_t n, const char **path) {
    tarn_auto_buf types = TARN_BUF(1 << 16), file = TARN_BUF(MANIFEST_MAX);
    tarn_auto(tarn_avro_writer, tarn_avro_writer_done) avro = {0};
    const char *key = tarn_printf(cx, "metadata/snap-%lld-1-%s.avro", (long long)w->snapshot_id, w->id);
    const tarn_avro_meta meta[] = {
        {TARN_LIT("snapshot-id"), tarn_str_of(tarn_printf(cx, "%lld", (long long)w->snapshot_id))},
        {TARN_LIT("parent-snapshot-id"), tarn_str_of(parent < 0 ? "null" : tarn_printf(cx, "%lld", (long long)parent))},
        {TARN_LIT("sequence-number"), tarn_str_of(tarn_printf(cx, "%lld", (long long)w->sequence))},
        {TARN_LIT("format-version"), tarn_str_of(tarn_printf(cx, "%d", w->format_version))}};
    list_schema(w, &types);
    TRY(tarn_avro_write_begin(cx, &avro, &file, (tarn_str){types.data, types.n}, meta, sizeof meta / sizeof *meta,
                              TARN_AVRO_DEFLATE));
    for (size_t i = 0; i < n; i++) {
        put_manifest(&avro.block, w, &manifests[i]);
        TRY(tarn_avro_write_row(cx, &avro));
    }
    TRY(tarn_avro_write_end(cx, &avro));
    *TARN_PUSH(cx->arena, &w->written) = key;
    TRY(tarn_store_put(cx, w->table->store, key, (tarn_str){file.data, file.n}, TARN_PUT_NEW, NULL, NULL));
    *path = recorded(cx, w, key);
    return TARN_OK;
}
