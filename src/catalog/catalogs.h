/* catalogs.h: the implementations of catalogs there are. */
#ifndef TARN_CATALOG_CATALOGS_H
#define TARN_CATALOG_CATALOGS_H

#include "catalog/catalog.h"

/* sqlite.c: <root>/.tarn/catalog.db. */
TARN_MUST tarn_code tarn_catalog_sqlite_open(tarn_cx *cx, const char *root, tarn_catalog **out);

#endif
