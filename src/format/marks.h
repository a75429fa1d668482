/* marks.h: rows that a change marks as deleted in files, held against those that others have marked there since: for
 * rebase of formats with TARN_CAN_ROW_DELETES. */
#ifndef TARN_FORMAT_MARKS_H
#define TARN_FORMAT_MARKS_H

#include "base/map.h"
#include "format/format.h"

/* A file that the change marks rows of: an add with `from` and `deletes`. */
typedef struct tarn_mark {
    size_t add;           /* its place in change->adds */
    tarn_roaring64 *rows; /* that the change adds to those of its base; NULL: not read yet */
    const tarn_file *now; /* the file as others have left it; NULL: nobody has touched it */
    int64_t deleted;      /* with `now`: its deleted rows, ours among them */
} tarn_mark;

typedef struct tarn_marks {
    tarn_map by_path;
    TARN_VEC(tarn_mark *) list;
} tarn_marks;

/* In cx->arena, but for the rows. */
void tarn_marks_of(tarn_cx *cx, const tarn_change *change, tarn_marks *out);
void tarn_marks_done(tarn_marks *marks);
/* Notes that others have left the file as `now`, with the rows `theirs` deleted; *apart: none of ours is among them. */
TARN_MUST tarn_code tarn_mark_meet(tarn_cx *cx, tarn_snapshot *base, const tarn_change *change, tarn_mark *mark,
                                   const tarn_file *now, const tarn_roaring64 *theirs, bool *apart);
/* Makes the change mark their rows and ours in files others have touched, which are files of `on`; a file that is left
 * without rows is removed instead. */
TARN_MUST tarn_code tarn_marks_unite(tarn_cx *cx, tarn_snapshot *on, const tarn_marks *marks, tarn_change *change);

#endif
