/* SPDX-License-Identifier: MIT
 *
 * How close the exact scan comes to the speed at which this machine reads memory, and whether it is
 * exact: on vectors that are made up to lie as CLIP's do (bench_vectors.h), in a matrix of any
 * size.
 *
 * Reading, the scan by bytes and the scan by vectors take turns, so that noise hits them alike. All
 * threads read the same memory that the scan reads. The answers of many queries are compared, row
 * by row and bit by bit, with a scan that is written down plainly: every score in float32, the best
 * ten.
 */
#ifndef FOVEA_LIBRARY_BENCH_SCAN_H
#define FOVEA_LIBRARY_BENCH_SCAN_H

#include "base/status.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_SCAN_TOP = 10, BENCH_SCAN_MANY = 10000 };

struct bench_scan_options {
    size_t rows;
    int dim, threads; /* 0: one per core */
    size_t queries;   /* whose answers are compared */
    double seconds;   /* how long to measure, at least */
    uint64_t seed;
    const atomic_bool *cancel; /* or NULL */
};

struct bench_scan {
    size_t rows, queries;
    const char *cpu; /* the kernels' level */
    int dim, threads, rounds;
    double make_seconds; /* of the matrix in bytes, from the vectors */
    double vectors_bytes, matrix_bytes, scratch_bytes; /* memory; scratch: of one scan */
    double read_seconds, read_bytes;                   /* of the fastest round */
    double bytes_seconds, bytes_bytes; /* the scan by bytes: time, and what it reads */
    double vectors_seconds;            /* the scan by vectors */
    double bytes_ratio, vectors_ratio; /* of reading speed; medians of the rounds */
    double many_seconds;               /* the best BENCH_SCAN_MANY by bytes, the fastest */
    double rescored, many_rescored;    /* rows read in float16 by one scan, the mean */
    double error;                      /* of a row's bytes, as a part of its length; the mean */
    size_t same;     /* queries whose best ten are the float32 scan's: rows and scores */
    size_t same_f32; /* … whose rows are those of the vectors before they became float16 */
};

/* ERR_CANCELLED after `cancel`; ERR_MEMORY. */
MUST_USE enum status bench_scan(const struct bench_scan_options *, struct bench_scan *out,
                                struct err *err);

#endif
