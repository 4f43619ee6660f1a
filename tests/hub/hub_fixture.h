/* SPDX-License-Identifier: MIT
 *
 * What the tests of the network share: one fake hub per process, a repository of random files, an
 * empty models folder for each test.
 */
#ifndef FOVEA_TESTS_HUB_FIXTURE_H
#define FOVEA_TESTS_HUB_FIXTURE_H

#include "fake_hub.h"

#include "base/status.h"
#include "hub/fetch.h"
#include "hub/pull.h"

#include <stddef.h>

extern struct fake_hub *hub;
extern char scratch[64];    /* scratch/served is the hub's root, scratch/models the models folder */
extern char notes[1 << 16]; /* every note since the test's begin, a line each */

int fixture_open(void **state); /* of the group */
int fixture_close(void **state);
int fixture_begin(void **state); /* of each test */

/* A file of `size` random bytes at scratch/PATH. Another seed, other bytes. */
void fixture_make(const char *path, size_t size, unsigned seed);
void fixture_write(const char *path, const char *text);
bool fixture_exists(const char *path);
/* The files at scratch/A and scratch/B are the same, each byte changed by `version`. */
void fixture_expect_same(const char *a, const char *b, int version);

void fixture_note(void *context, const char *text);

/* Resolves, pulls, and checks that the model is here then. *out may be NULL. */
enum status fixture_pull(const char *name, const struct pull_options *, struct err *err);
/* One file by its address, to scratch/models/PATH. */
enum status fixture_fetch(const char *url, const char *path, const char *hash_begin,
                          const struct retry_limits *, struct fetch_result *, struct err *err);

#endif
