/* write_into.h: rows into a folder of a table whose partition is known: what compact.c needs beyond write.h. */
#ifndef TARN_TABLE_WRITE_INTO_H
#define TARN_TABLE_WRITE_INTO_H

#include "table/write.h"

typedef struct tarn_partition_folder {
    const char *folder;       /* key below the table's root, "" the root */
    const tarn_value *values; /* of all files written, one per partition column */
    int64_t file_size;        /* cut at about this; 0: one file */
    bool ordered;             /* the select has an order of its own */
} tarn_partition_folder;

/* As tarn_write_files, for rows of one partition. Row groups follow the select's order but for a few that end early and
 * change places. */
TARN_MUST tarn_code tarn_write_into(tarn_cx *cx, tarn_conn *conn, const tarn_target *target, const char *select,
                                    const tarn_partition_folder *into, tarn_change *change, int64_t *rows);

#endif
