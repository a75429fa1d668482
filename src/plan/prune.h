/* prune.h: which files the references of a bound query need. */
#ifndef TARN_PLAN_PRUNE_H
#define TARN_PLAN_PRUNE_H

#include "plan/bind.h"

/* Fills filter and files of every planned->refs. */
TARN_MUST tarn_code tarn_prune_refs(tarn_cx *cx, const tarn_binding *binding);

#endif
