/* partition.h: the partitions of rows that are written: as columns of the SELECT, and as values of each file; and their
 * order. */
#ifndef TARN_TABLE_PARTITION_H
#define TARN_TABLE_PARTITION_H

#include "table/write.h"

/* What a relation with the table's columns is called in SQL made here. */
#define TARN_ROWS "_tarn_p"

typedef struct tarn_partition_columns {
    const char **names; /* columns of the select by which the writer splits, one per target->partition_by */
    bool apart;         /* they are beside the table's columns: files do not hold them */
} tarn_partition_columns;

/* INVALID, UNSUPPORTED: the target cannot be written by its partitions. */
TARN_MUST tarn_code tarn_partition_plan(tarn_cx *cx, const tarn_target *target, tarn_partition_columns *out);
/* Where they are apart: ", <expression> AS <name>" for each, of a relation with the table's columns. */
TARN_MUST tarn_code tarn_partition_select(tarn_cx *cx, const tarn_target *target, const tarn_partition_columns *columns,
                                          tarn_buf *out);
/* The table's order as what stands after ORDER BY, of the same relation; left empty: none. */
TARN_MUST tarn_code tarn_order_select(tarn_cx *cx, const tarn_target *target, tarn_buf *out);
/* The values of a file that was written. */
TARN_MUST tarn_code tarn_partition_read(tarn_cx *cx, const tarn_target *target, const tarn_written_file *file,
                                        tarn_add *add);

#endif
