/* protocol.c: Delta's protocol versions and table features: what can be read, what can be written, and what a change
 * needs. */
#include "format/delta/delta.h"

#include <stdio.h>

/* How far a feature is supported here. */
enum {
    READ = 1 << 0,      /* data is read rightly with it */
    WRITE = 1 << 1,     /* and written; see IF_UNUSED */
    READERS = 1 << 2,   /* readers have to know it: it stands in both lists */
    IF_UNUSED = 1 << 3, /* written only while the table does not use it; see feature_active */
};

typedef struct feature {
    const char *name;
    int flags;
    int legacy_reader, legacy_writer; /* protocol versions that imply it; 0: none */
} feature;

/* PROTOCOL.md "Valid Feature Names in Table Features". */
static const feature FEATURES[] = {
    {"appendOnly", READ | WRITE, 0, 2},
    {"invariants", READ | WRITE, 0, 2},
    {"checkConstraints", READ | WRITE, 0, 3},
    {"changeDataFeed", READ | WRITE, 0, 4},
    {"generatedColumns", READ | WRITE, 0, 4},
    {"columnMapping", READ | WRITE | READERS, 2, 5},
    {"identityColumns", READ | WRITE, 0, 6},
    {"allowColumnDefaults", READ | WRITE, 0, 0},
    {"domainMetadata", READ | WRITE, 0, 0},
    {"inCommitTimestamp", READ | WRITE, 0, 0},
    {"clustering", READ | WRITE, 0, 0},
    {"rowTracking", READ | WRITE | IF_UNUSED, 0, 0},
    {"checkpointProtection", READ, 0, 0},
    {"icebergCompatV1", READ | IF_UNUSED, 0, 0},
    {"icebergCompatV2", READ | IF_UNUSED, 0, 0},
    {"icebergCompatV3", READ | IF_UNUSED, 0, 0},
    {"deletionVectors", READ | WRITE | READERS, 0, 0},
    {"timestampNtz", READ | WRITE | READERS, 0, 0},
    {"v2Checkpoint", READ | WRITE | READERS, 0, 0},
    {"vacuumProtocolCheck", READ | WRITE | READERS, 0, 0},
    {"typeWidening", READ | WRITE | READERS, 0, 0},
    {"typeWidening-preview", READ | WRITE | READERS, 0, 0},
    {"variantType", READ | READERS, 0, 0},
    {"variantType-preview", READ | READERS, 0, 0},
    {"variantShredding", READ | READERS, 0, 0},
    {"variantShredding-preview", READ | READERS, 0, 0},
};

enum { N_FEATURES = sizeof FEATURES / sizeof FEATURES[0] };

static const feature *feature_find(const char *name) {
    for (size_t i = 0; i < N_FEATURES; i++)
        if (!strcmp(FEATURES[i].name, name)) return &FEATURES[i];
    return NULL;
}

static bool listed(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], name)) return true;
    return false;
}

bool tarn_delta_has_feature(const tarn_delta_protocol *p, const char *name) {
    if (p->writer >= 7) return listed(p->writer_features, p->n_writer_features, name);
    const feature *f = feature_find(name);
    return f && f->legacy_writer && p->writer >= f->legacy_writer &&
           (!f->legacy_reader || p->reader >= f->legacy_reader);
}

tarn_code tarn_delta_protocol_readable(tarn_cx *cx, const tarn_delta_protocol *p) {
    if (p->reader < 1 || p->writer < 1)
        return tarn_fail(cx, TARN_CORRUPT, "protocol (%d, %d) is not valid", p->reader, p->writer);
    if (p->reader > 3)
        return tarn_fail(cx, TARN_UNSUPPORTED, "reader version %d is not supported; Tarn reads up to 3", p->reader);
    if (p->reader == 3 && p->writer < 7)
        return tarn_fail(cx, TARN_CORRUPT, "protocol (3, %d) is not valid: reader version 3 needs writer version 7",
                         p->writer);
    for (size_t i = 0; p->reader == 3 && i < p->n_reader_features; i++) {
        const char *name = p->reader_features[i];
        const feature *f = feature_find(name);
        /* Delta 4.0 development builds wrote this one for tables whose commits only a catalog knows. */
        bool catalog = !strncmp(name, "catalog", 7) || !strncmp(name, "coordinatedCommits", 18);
        if (!f || !(f->flags & READ))
            return tarn_fail(cx, TARN_UNSUPPORTED, "reader feature \"%s\" is not supported; %s", name,
                             catalog ? "open the table through the catalog that manages it"
                                     : "read it with the engine that wrote it, or drop the feature there");
    }
    return TARN_OK;
}

static bool property_true(const tarn_delta_meta *meta, const char *name) {
    const char *v = tarn_delta_conf(meta, name);
    return v && tarn_str_ieq(tarn_str_of(v), TARN_LIT("true"));
}

/* Whether a field says that it counts, and cannot: it is no BIGINT column, or its numbers are no numbers. */
static bool strange_identity(const tarn_type *type, bool inner) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const tarn_field *f = &type->fields[i];
        for (size_t k = 0; (inner || !f->identity) && k < f->n_meta; k++)
            if (!strcmp(f->meta[k].key, "delta.identity.start")) return true;
        if (strange_identity(f->type, true)) return true;
    }
    return false;
}

/* Whether a feature that is listed is in use, for those that can be written only while they are not. */
static bool feature_active(const char *name, const tarn_delta_meta *meta) {
    if (!strcmp(name, "rowTracking")) return !property_true(meta, "delta.rowTrackingSuspended");
    if (!strncmp(name, "icebergCompatV", 14)) {
        char property[64];
        snprintf(property, sizeof property, "delta.enableIcebergCompatV%s", name + 14);
        return property_true(meta, property);
    }
    return false;
}

/* Why the table cannot be written, or NULL. */
const char *tarn_delta_read_only(tarn_arena *arena, const tarn_delta_protocol *p, const tarn_delta_meta *meta,
                                 const tarn_schema *schema) {
    if (p->writer > 7) return tarn_arena_printf(arena, "writer version %d is not supported", p->writer);
    for (size_t i = 0; p->writer == 7 && i < p->n_writer_features; i++) {
        const char *name = p->writer_features[i];
        const feature *f = feature_find(name);
        if (f && (f->flags & WRITE) && !((f->flags & IF_UNUSED) && feature_active(name, meta))) continue;
        if (f && !(f->flags & WRITE) && (f->flags & IF_UNUSED) && !feature_active(name, meta)) continue;
        return tarn_arena_printf(arena, "writer feature \"%s\" is not supported", name);
    }
    if (strange_identity(schema, false)) return "an identity column is none that counts";
    return NULL;
}

static void add_name(tarn_arena *arena, const char *const **names, size_t *n, const char *name) {
    if (listed(*names, *n, name)) return;
    const char **more = TARN_NEW_ARRAY(arena, const char *, *n + 1);
    if (*n) memcpy(more, *names, *n * sizeof *more);
    more[(*n)++] = name;
    *names = more;
}

/* From version numbers to lists: everything the old versions implied stays (PROTOCOL.md "Table Features for New and
 * Existing Tables"). */
static void spell_out(tarn_arena *arena, tarn_delta_protocol *p, bool readers) {
    tarn_delta_protocol old = *p;
    if (p->writer < 7) {
        p->writer = 7;
        for (size_t i = 0; i < N_FEATURES; i++)
            if (tarn_delta_has_feature(&old, FEATURES[i].name))
                add_name(arena, &p->writer_features, &p->n_writer_features, FEATURES[i].name);
    }
    if (readers && p->reader < 3) {
        for (size_t i = 0; i < N_FEATURES; i++)
            if ((FEATURES[i].flags & READERS) && tarn_delta_has_feature(&old, FEATURES[i].name))
                add_name(arena, &p->reader_features, &p->n_reader_features, FEATURES[i].name);
        p->reader = 3;
    }
}

tarn_code tarn_delta_enable(tarn_cx *cx, tarn_arena *arena, tarn_delta_protocol *p, const char *name) {
    const feature *f = feature_find(name);
    if (!f || !(f->flags & WRITE))
        return tarn_fail(cx, TARN_UNSUPPORTED, "table feature \"%s\" is not supported for writing", name);
    if (tarn_delta_has_feature(p, name)) return TARN_OK;
    bool legacy = f->legacy_writer && p->writer < 7 && p->reader < 3;
    if (legacy) {
        if (p->writer < f->legacy_writer) p->writer = f->legacy_writer;
        if (p->reader < f->legacy_reader) p->reader = f->legacy_reader;
        return TARN_OK;
    }
    spell_out(arena, p, (f->flags & READERS) != 0);
    add_name(arena, &p->writer_features, &p->n_writer_features, f->name);
    if (f->flags & READERS) add_name(arena, &p->reader_features, &p->n_reader_features, f->name);
    if (!strcmp(name, "rowTracking") || !strcmp(name, "clustering"))
        return tarn_delta_enable(cx, arena, p, "domainMetadata");
    return TARN_OK;
}
