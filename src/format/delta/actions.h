/* actions.h: what the actions of a Delta log say (1.3), as structs. */
#ifndef TARN_FORMAT_DELTA_ACTIONS_H
#define TARN_FORMAT_DELTA_ACTIONS_H

#include "format/format.h"

typedef struct tarn_delta_protocol {
    int reader, writer;
    const char *const *reader_features, *const *writer_features;
    size_t n_reader_features, n_writer_features;
} tarn_delta_protocol;

typedef struct tarn_delta_meta {
    const char *id, *name, *description, *schema; /* schema: the JSON text */
    const char *format;                           /* JSON text of the member "format" */
    const char *const *partition_columns;         /* logical names */
    size_t n_partition_columns;
    const tarn_pair *configuration;
    size_t n_configuration;
    int64_t created_ms; /* -1: absent */
} tarn_delta_meta;

typedef struct tarn_delta_txn {
    const char *app_id;
    int64_t version, last_updated; /* -1: absent */
} tarn_delta_txn;

typedef struct tarn_delta_domain {
    const char *domain, *configuration;
    bool removed;
} tarn_delta_domain;

/* A deletion vector's descriptor. */
typedef struct tarn_delta_dv {
    tarn_deletes deletes; /* .where is this struct */
    char storage;         /* 'u' relative, 'i' inline, 'p' absolute */
    tarn_str where;       /* pathOrInlineDv */
    int64_t offset;       /* -1: absent */
    int64_t size, cardinality;
} tarn_delta_dv;

/* One distinct set of partition values; files share it. */
typedef struct tarn_delta_tuple {
    tarn_str json; /* the member partitionValues */
    const tarn_value *values;
} tarn_delta_tuple;

typedef struct tarn_delta_file {
    tarn_file file;    /* first: a tarn_file of this format is one of these */
    const char *stats; /* JSON; NULL: none */
    const char *rest;  /* further members of the add as JSON text: "tags":{…},"baseRowId":1; NULL: none */
    uint32_t n_stats, tuple;
} tarn_delta_file;

static inline tarn_str tarn_delta_stats_of(const tarn_delta_file *f) { return (tarn_str){f->stats, f->n_stats}; }
/* 4 GB of them are as good as none. */
static inline void tarn_delta_set_stats(tarn_delta_file *f, tarn_str stats) {
    bool fit = stats.n <= UINT32_MAX;
    f->stats = fit ? stats.p : NULL;
    f->n_stats = fit ? (uint32_t)stats.n : 0;
}

typedef struct tarn_delta_tombstone {
    tarn_str path; /* decoded */
    const tarn_delta_dv *dv;
    int64_t deleted_ms; /* -1: absent */
    int64_t size;       /* -1: absent */
    tarn_str partition; /* JSON; .p NULL: absent */
    const char *rest;
    bool data_change;
} tarn_delta_tombstone;

#endif
