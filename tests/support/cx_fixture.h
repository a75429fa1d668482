/* cx_fixture.h: the fixture of tests that need no more than a context with default settings: *state is a tarn_cx. */
#ifndef TARN_SUPPORT_CX_FIXTURE_H
#define TARN_SUPPORT_CX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cx.h"

static inline int cx_setup(void **state) {
    tarn_cx *cx = calloc(1, sizeof *cx);
    tarn_cx_init(cx, tarn_conf_defaults());
    *state = cx;
    return 0;
}

static inline int cx_teardown(void **state) {
    tarn_cx *cx = *state;
    tarn_conf_free(cx->conf);
    tarn_cx_done(cx);
    free(cx);
    return 0;
}

#endif
