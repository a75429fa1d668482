/* information.h: information_schema of the lake: what tools ask for to find tables and columns. */
#ifndef TARN_SESSION_INFORMATION_H
#define TARN_SESSION_INFORMATION_H

#include "session/session.h"

/* The rows of information_schema.tables, columns or schemata (a catalog's name may stand before it), over all catalogs.
 * *out stays NULL when the name is none of these. */
TARN_MUST tarn_code tarn_information_rows(tarn_cx *cx, tarn_session *s, const tarn_name *name, tarn_rowset **out);

#endif
