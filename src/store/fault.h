/* fault.h: a store around a store that fails on purpose, for tests of what follows a failure. */
#ifndef TARN_STORE_FAULT_H
#define TARN_STORE_FAULT_H

#include "store/store.h"

typedef enum tarn_fault_call {
    TARN_FAULT_ANY,
    TARN_FAULT_GET,
    TARN_FAULT_PUT,
    TARN_FAULT_LIST,
    TARN_FAULT_HEAD,
    TARN_FAULT_REMOVE,
    TARN_FAULT_COPY,
    TARN_FAULT_SYNC,
    TARN_FAULT_CALLS
} tarn_fault_call;

typedef enum tarn_fault_kind {
    TARN_FAULT_FAIL,      /* `code` instead of the call */
    TARN_FAULT_AMBIGUOUS, /* the call is done, and `code` reported where it went well */
    TARN_FAULT_TEAR,  /* put: half of the bytes stay behind as a temporary file, then the machine is down; others: as
                         CRASH_BEFORE */
    TARN_FAULT_DELAY, /* the call is done `delay_ms` later */
    TARN_FAULT_CRASH_BEFORE, /* the machine is down before the call */
    TARN_FAULT_CRASH_AFTER   /* the machine is down after the call, whose answer is lost */
} tarn_fault_kind;

typedef struct tarn_fault_plan {
    tarn_fault_kind kind;
    tarn_fault_call call;
    int64_t nth;    /* 1: the next such call from now on */
    int64_t times;  /* so many calls from there; 0: one; -1: all */
    tarn_code code; /* FAIL, AMBIGUOUS; TARN_OK: IO */
    int64_t delay_ms;
} tarn_fault_plan;

typedef struct tarn_fault tarn_fault;

/* Wraps `inner` (takes its own reference). The handle lives as long as the store. */
void tarn_store_fault(tarn_store *inner, tarn_store **store, tarn_fault **fault);
/* One plan at a time; NULL: none. Counting starts anew. */
void tarn_fault_set(tarn_fault *fault, const tarn_fault_plan *plan);
/* Calls so far, failed ones included; TARN_FAULT_ANY: all. A crash test stops at call 1, 2, 3 … of what a run without a
 * plan counted. */
int64_t tarn_fault_count(tarn_fault *fault, tarn_fault_call call);
bool tarn_fault_is_down(tarn_fault *fault);

typedef enum tarn_fault_loss { TARN_FAULT_REMOVED, TARN_FAULT_EMPTIED } tarn_fault_loss;

/* From now on files below `prefix` that come into being around the store (DuckDB's) are lost in a crash unless they
 * were synced. */
TARN_MUST tarn_code tarn_fault_watch(tarn_cx *cx, tarn_fault *fault, const char *prefix);
/* The machine goes down: what was watched and not durable is lost, and every call fails with IO until
 * tarn_fault_restart. */
TARN_MUST tarn_code tarn_fault_crash(tarn_cx *cx, tarn_fault *fault, tarn_fault_loss loss);
/* Up again, without a plan. */
void tarn_fault_restart(tarn_fault *fault);

#endif
