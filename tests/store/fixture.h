/* SPDX-License-Identifier: MIT
 *
 * What the store's tests share: scratch folders, contents with their hashes and vectors, and random
 * numbers from a printed seed. Content n stands for a photograph whose hash, size and vector follow
 * from n.
 */
#ifndef FOVEA_TESTS_STORE_FIXTURE_H
#define FOVEA_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#define DIM 24 /* of the tests' model */

/* Fails the test with the error's text. */
#define assert_ok(call) assert_ok_at((call), &err, #call, __FILE__, __LINE__)
void assert_ok_at(enum status, const struct err *, const char *call, const char *file, int line);
/* The call failed with this status, and its text holds `part`. */
#define assert_fails(call, expected, part)                                                         \
    assert_fails_at((call), (expected), &err, (part), #call, __FILE__, __LINE__)
void assert_fails_at(enum status, enum status expected, const struct err *, const char *part,
                     const char *call, const char *file, int line);

/* A new folder, freed and removed by scratch_remove(): in $TMPDIR, else in memory where that can be
 * (the tests commit thousands of times, each with its fsync()), else in /tmp. */
char *scratch_make(void);
void scratch_remove(char *dir);
/* dir/name in a static buffer; four calls until it is used again. */
const char *at(const char *dir, const char *name);
void write_text(const char *path, const void *data, size_t size);
/* Names in the folder, without . and .. */
int count_entries(const char *dir);

/* splitmix64 from the seed in FOVEA_TEST_SEED, or from the clock; printed by random_start(). */
void random_start(void);
uint32_t random_below(uint32_t limit);

struct photo_hash content_hash(int content);
void content_vector(int content, int dim, uint16_t *vector); /* [dim] */

/* Its embedded metadata; some of it is not told. In a static buffer, good for 64 calls. */
const struct photo_meta *content_meta(int content);

/* The result of indexing content n at `path`, with metadata and perceptual hash; its vector goes to
 * `vector` [DIM], unless NULL. */
struct store_result result_of(const char *path, int content, uint16_t *vector);
struct store_result failure_of(const char *path, const char *reason);
/* Puts one result. */
void put(struct store *, int64_t model_id, struct store_result);

#endif
