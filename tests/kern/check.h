/* SPDX-License-Identifier: MIT
 *
 * What the checks of the kernels share: a seeded generator, buffers that notice every access
 * outside of them, and the count of failures.
 *
 * A fenced buffer ends at a page that may not be touched, so that reading or writing one byte too
 * far is a crash in every build. Its start is as unaligned as its size makes it; `slack` moves it
 * away from the fence by that many bytes, for other alignments. The bytes around it hold a pattern
 * that fence_free() verifies.
 */
#ifndef FOVEA_TESTS_KERN_CHECK_H
#define FOVEA_TESTS_KERN_CHECK_H

#include "kern/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check {
    struct kernels kernels, reference;
    const char *level, *kernel; /* of the running test */
    uint64_t random;
    bool verbose;
    long done, failed;
};

/* Counts; at most the first 20 failures of a run are printed. */
void check_that(struct check *, bool good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A measured figure, printed with --verbose. */
void check_note(struct check *, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint32_t random_bits(struct check *);
double random_uniform(struct check *, double low, double high);
double random_normal(struct check *);

void *fence_new(size_t size_bytes, size_t slack_bytes);
void fence_free(struct check *, void *);
float *fence_normal(struct check *, size_t n, size_t slack_bytes); /* filled with N(0, 1) */

/* Both NaN, or the same bits. */
bool floats_same(const float *a, const float *b, size_t n);

/* The maximum, NaN if one of them is: fmax() would let a NaN pass. */
double larger(double a, double b);

/* Sizes around every vector width and unroll, and some large odd ones. */
extern const size_t check_sizes[];
extern const size_t check_size_count;

void check_convert(struct check *);     /* float16 and bfloat16 */
void check_elementwise(struct check *); /* add, scale, the three GELUs */
void check_rows(struct check *);        /* dot, dot_f16_rows, layernorm, softmax */
void check_attention(struct check *);
void check_products(struct check *); /* of panels; bfloat16, bytes, attention over bfloat16 */

/* Prints timings of every level in `have`. */
void bench_kernels(unsigned have);

#endif
