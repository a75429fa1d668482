/* catalogs.h: the implementations of catalogs there are. */
#ifndef TARN_CATALOG_CATALOGS_H
#define TARN_CATALOG_CATALOGS_H

#include "catalog/catalog.h"

/* sqlite.c: <root>/.tarn/catalog.db. */
TARN_MUST tarn_code tarn_catalog_sqlite_open(tarn_cx *cx, const char *root, tarn_catalog **out);
/* object.c: the object .tarn/catalog.json of any store that can put by etag; retains the store. */
TARN_MUST tarn_code tarn_catalog_object_open(tarn_cx *cx, tarn_store *root, tarn_catalog **out);

#endif
