/* SPDX-License-Identifier: MIT
 *
 * Rows that go into a matrix product, in the form that the product reads:
 *
 *   F32    float32 [rows, stride]
 *   BF16   bfloat16 [rows, stride]
 *   BYTES  8 bits, value + 128, [rows, stride], each group of QUANT_GROUP values of a row with a
 *          scale of its own: scales [rows, groups]
 *
 * A struct rows is a view: the memory is floats_open()'s or anybody's, 64-byte aligned, and has
 * rows_floats() floats. Strides are in elements. Between width and stride are zeros (128 for
 * BYTES), written with each row, because products read whole groups of 2 or 4.
 */
#ifndef FOVEA_TENSOR_ROWS_H
#define FOVEA_TENSOR_ROWS_H

#include "tensor/precision.h"

#include <stddef.h>
#include <stdint.h>

enum element { ELEMENT_F32, ELEMENT_BF16, ELEMENT_BYTES };

struct rows {
    void *data;
    float *scales; /* BYTES */
    enum element element;
    int width, groups;
    size_t stride;
};

/* What a product of this precision (not AUTO) reads. */
enum element rows_element(enum precision);

/* Floats of memory for `count` rows. */
size_t rows_floats(enum element, size_t count, int width);

/* A view of memory that has space for `count` rows. */
struct rows rows_view(float *memory, enum element, size_t count, int width);

/* The same without its first rows. */
struct rows rows_from(const struct rows *, size_t first);

static inline struct rows rows_of_floats(const float *x, int width)
{
    return (struct rows){.data = (void *)(uintptr_t)x,
                         .element = ELEMENT_F32,
                         .width = width,
                         .stride = (size_t)width};
}

#endif
