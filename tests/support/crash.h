/* crash.h: a table behind a store that fails at a chosen call, and the loop over all calls, as crash tests need them.
 */
#ifndef TARN_SUPPORT_CRASH_H
#define TARN_SUPPORT_CRASH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/commit.h"
#include "store/fault.h"
#include "table/upkeep.h"

typedef struct crash_fixture {
    tarn_conf *conf;
    tarn_engine *engine;
    char dir[64];
} crash_fixture;

/* *state is a crash_fixture. Failures after a commit are logged, and expected: only errors are shown. */
int crash_setup(void **state);
int crash_teardown(void **state);

/* One run: a table of its own behind a store that can fail. */
typedef struct crash_lake {
    tarn_cx cx;
    tarn_conn *conn;
    tarn_store *plain, *store;
    tarn_fault *fault;
    tarn_table table, truth; /* the same table through the failing store, and past it */
} crash_lake;

/* No table is there yet. Below tests/support/with_s3.py it lies on its server. */
void crash_lake_open(crash_fixture *f, crash_lake *l, const char *name, const char *format);
void crash_lake_close(crash_lake *l);
/* The test fails where the code is not TARN_OK. */
void crash_must(crash_lake *l, tarn_code code);
/* Makes the table, with one column: id BIGINT. *fresh: NULL, or its first version. */
void crash_create(crash_lake *l, tarn_change *create, tarn_snapshot **fresh);
/* What the change does, and the rows of the query, in one commit. */
TARN_MUST tarn_code crash_commit_rows(crash_lake *l, const tarn_table *table, tarn_snapshot *base, tarn_change *change,
                                      const char *select);
/* One expression over all rows of a version, as text. */
const char *crash_select(crash_lake *l, tarn_snapshot *s, const char *expression);

/* Runs what is tested with that fault at its nth call, in a table of that name, and looks at what became of it. True
 * when it ran through without meeting the fault. */
typedef bool crash_run(void *what, const char *name, tarn_fault_kind kind, int nth);

/* At call 1, 2, 3, …, until there is none, with each kind of fault. */
void crash_every_call(crash_run *run, void *what, const char *name);

#endif
