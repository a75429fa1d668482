/* local.h: what the two files of the local store share. */
#ifndef TARN_STORE_LOCAL_H
#define TARN_STORE_LOCAL_H

#include <sys/stat.h>

#include "store/store.h"

#define TARN_LOCAL_TEMP_PREFIX ".tarn-"
#define TARN_LOCAL_TEMP_SUFFIX ".tmp"

/* The etag is made of inode, size and time: every put makes a new inode, with a time of its own. */
void tarn_local_fill_stat(const struct stat *st, tarn_stat *out);
/* The callback `list` of the driver. */
TARN_MUST tarn_code tarn_local_list(tarn_cx *cx, tarn_store *store, const tarn_list_spec *spec, tarn_arena *arena,
                                    tarn_entry_list *out);

#endif
