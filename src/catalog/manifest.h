/* manifest.h: a catalog in memory, with the schema and the queries of sqlite.c, that is read from one JSON text and
 * written as one. For object.c, which keeps that text in a store. The text:
 *
 *     {"version": 1, "sequence": 17, "changes": ["id of change 17", "id of change 16", ...], "next_id": 5,
 *      "catalogs": [{"name", "created_ms"}, ...], "schemas": [{"catalog", "name", "comment", "created_ms"}, ...],
 *      "entries": [{"id", "kind": "table" or "view", "catalog", "schema", "name", "format", "location", "managed",
 * "sql", "default_catalog", "default_schema", "comment", "created_ms", "dropped_ms", "pointer"}, ...], "settings": {name: value,
 * ...}}
 *
 * What is null is left out; fields that are not known are kept as they are. */
#ifndef TARN_CATALOG_MANIFEST_H
#define TARN_CATALOG_MANIFEST_H

#include "catalog/catalog.h"

/* The catalog of a new warehouse. Used by one thread at a time. */
TARN_MUST tarn_code tarn_manifest_new(tarn_cx *cx, tarn_catalog **out);
/* CORRUPT when it is no manifest, UNSUPPORTED when it is a newer one; the catalog is then as it was. */
TARN_MUST tarn_code tarn_manifest_load(tarn_cx *cx, tarn_catalog *catalog, const char *json);
/* A change lies between begin and end. Write, at its end, gives it an id and the next number in the sequence. */
TARN_MUST tarn_code tarn_manifest_begin(tarn_cx *cx, tarn_catalog *catalog);
TARN_MUST tarn_code tarn_manifest_write(tarn_cx *cx, tarn_catalog *catalog, const char *change, const char **json);
void tarn_manifest_end(tarn_catalog *catalog, bool keep);
TARN_MUST tarn_code tarn_manifest_sequence(tarn_cx *cx, tarn_catalog *catalog, int64_t *out);
/* Whether a change that was to follow `sequence` is in it. The newest changes are known by id: IO when it may have been
 * one before those. */
TARN_MUST tarn_code tarn_manifest_has(tarn_cx *cx, tarn_catalog *catalog, const char *change, int64_t sequence,
                                      bool *out);

#endif
