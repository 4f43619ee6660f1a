/* SPDX-License-Identifier: MIT
 *
 * See rows.h.
 */
#include "tensor/rows.h"

#include "kern/kernels.h"

#include <assert.h>

const char *const precision_names[] = {"auto", "f32", "bf16", "int8", NULL};

enum { BYTES_UNIT = 64 }; /* what a row of BYTES is padded to, and rows of the others in bytes */

static size_t element_bytes(enum element element)
{
    return element == ELEMENT_F32 ? 4 : element == ELEMENT_BF16 ? 2 : 1;
}

static size_t stride_of(enum element element, int width)
{
    size_t unit = element == ELEMENT_F32 ? 1 : 4; /* float32 rows are dense */
    return ((size_t)width + unit - 1) / unit * unit;
}

static int groups_of(enum element element, int width)
{
    return element == ELEMENT_BYTES ? (width + QUANT_GROUP - 1) / QUANT_GROUP : 0;
}

static size_t data_floats(enum element element, size_t count, int width)
{
    size_t bytes = count * stride_of(element, width) * element_bytes(element);
    return (bytes + BYTES_UNIT - 1) / BYTES_UNIT * BYTES_UNIT / sizeof(float);
}

enum element rows_element(enum precision precision)
{
    assert(precision != PRECISION_AUTO);
    return precision == PRECISION_INT8   ? ELEMENT_BYTES
           : precision == PRECISION_BF16 ? ELEMENT_BF16
                                         : ELEMENT_F32;
}

size_t rows_floats(enum element element, size_t count, int width)
{
    return data_floats(element, count, width) + count * (size_t)groups_of(element, width);
}

struct rows rows_view(float *memory, enum element element, size_t count, int width)
{
    struct rows r = {.data = memory,
                     .element = element,
                     .width = width,
                     .groups = groups_of(element, width),
                     .stride = stride_of(element, width)};
    if (r.groups)
        r.scales = memory + data_floats(element, count, width);
    return r;
}

struct rows rows_from(const struct rows *r, size_t first)
{
    struct rows rest = *r;
    rest.data = (char *)r->data + first * r->stride * element_bytes(r->element);
    rest.scales = r->scales ? r->scales + first * (size_t)r->groups : NULL;
    return rest;
}
