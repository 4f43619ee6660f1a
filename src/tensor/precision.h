/* SPDX-License-Identifier: MIT
 *
 * In which numbers a model's matrix products are computed.
 */
#ifndef FOVEA_TENSOR_PRECISION_H
#define FOVEA_TENSOR_PRECISION_H

enum precision {
    PRECISION_AUTO, /* bf16 where the CPU has instructions for it, else f32 */
    PRECISION_F32,
    PRECISION_BF16, /* weights and activations bfloat16, sums float32 */
    PRECISION_INT8, /* weights 8 bits with a scale per output, activations 8 bits with a scale per
                       token and 512 channels; what little is sensitive is bf16 */
    PRECISION_COUNT,
};

/* "auto", "f32", "bf16", "int8", then NULL: what a user writes, in the order of the enum. */
extern const char *const precision_names[PRECISION_COUNT + 1];

#endif
