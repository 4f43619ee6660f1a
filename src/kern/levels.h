/* SPDX-License-Identifier: MIT
 *
 * Inside the room: the table writers, one per instruction set, and what their attention kernels
 * agree on so that one scratch size fits all of them.
 */
#ifndef FOVEA_KERN_LEVELS_H
#define FOVEA_KERN_LEVELS_H

#include "kern/kernels.h"

/* Upper bounds over all levels of the attention kernel's tile: query rows, floats of a vector, and
 * keys of a packed panel. */
#define ATTENTION_ROWS_MAX 8
#define ATTENTION_VECTOR_MAX 16
#define ATTENTION_PANEL_MAX 64

/* What is smaller than this in a whole group is quantised to 0: 127 / x has to be a float. */
#define QUANTIZE_LEAST 1e-36f

/* Each overwrites the entries it has; the reference writes all of them. */
void kernels_init_reference(struct kernels *);
void kernels_init_reference_products(struct kernels *); /* its second half */
void kernels_init_avx2(struct kernels *);
void kernels_init_avx512(struct kernels *);
void kernels_init_avx512vnni(struct kernels *); /* product_q8, dot_i8_rows */
void kernels_init_avx512bf16(struct kernels *); /* product_bf16, attention_bf16 */
void kernels_init_neon(struct kernels *);

#endif
