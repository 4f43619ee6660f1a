/* SPDX-License-Identifier: MIT
 *
 * The parts of make-seeds. `put` writes one seed of a fuzzer's.
 */
#ifndef FOVEA_TESTS_FUZZ_MAKE_SEEDS_H
#define FOVEA_TESTS_FUZZ_MAKE_SEEDS_H

#include <stddef.h>

typedef void seed_put(const char *folder, const char *name, const void *data, size_t size);

void make_picture_seeds(seed_put *put);
void make_decoder_seeds(seed_put *put);

#endif
