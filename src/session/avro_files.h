/* avro_files.h: Avro files as a source of rows: read_avro('path'), avro.`path`. */
#ifndef TARN_SESSION_AVRO_FILES_H
#define TARN_SESSION_AVRO_FILES_H

#include "session/session.h"

/* Files, globs (*, ?, [ab], ** for any number of folders) and folders (all *.avro in them that neither they nor a
 * folder above hides with '_' or '.'); absolute, of any store. NOTFOUND when one of them has no files. */
TARN_MUST tarn_code tarn_session_avro(tarn_cx *cx, const char *const *paths, size_t n, tarn_relation *out);
/* The same for the text of a call, read_avro('path') or read_avro(['path', …]). */
TARN_MUST tarn_code tarn_session_read_avro(tarn_cx *cx, tarn_str call, tarn_relation *out);

#endif
