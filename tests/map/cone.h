/* SPDX-License-Identifier: MIT
 *
 * Vectors as CLIP gives them, from a seed: unit vectors in a narrow cone, classes of uneven size,
 * some points between two classes (../shared/golden/make_map_golden.py, cone()).
 */
#ifndef FOVEA_TESTS_MAP_CONE_H
#define FOVEA_TESTS_MAP_CONE_H

#include <stddef.h>
#include <stdint.h>

/* vectors: [n, dim] to be freed with free(); labels: [n], or NULL. NULL without memory. */
float *cone_make(size_t n, int dim, int classes, uint64_t seed, int *labels);

#endif
