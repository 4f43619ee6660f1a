/* SPDX-License-Identifier: MIT
 *
 * The conformance suite: the contract of store.h, for every kind of store. What its files share.
 */
#ifndef FOVEA_TESTS_STORE_CONFORMANCE_H
#define FOVEA_TESTS_STORE_CONFORMANCE_H

#include "fixture.h"

#include <stdbool.h>

/* A kind of store, and where its libraries are for one test. */
struct kind {
    const char *name;
    void (*place)(const char *dir, char *location, size_t size);
};
extern const struct kind postgres_kind; /* conformance_postgres.c */

/* An open library with one model; every test gets an empty one. */
struct fixture {
    char *dir;
    char location[4096];
    struct store *store;
    int64_t model;
};

int conformance_setup(void **state);
int conformance_teardown(void **state);
#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, conformance_setup, conformance_teardown)

enum file_state state_of(struct store *, int64_t model, const struct store_file *);
bool has(struct store *, int64_t model, int content);
struct store_summary summary_of(struct store *);

/* The matrix has exactly these rows: path and content, in this order. */
struct row {
    const char *path;
    int content;
};
void assert_matrix(struct store *, int64_t model, const struct row *, size_t count);
#define ROWS(...)                                                                                  \
    (const struct row[]){__VA_ARGS__}, sizeof(struct row[]){__VA_ARGS__} / sizeof(struct row)

/* The groups; each returns the number of tests that failed. */
int conformance_index(void);
int conformance_contents(void);
int conformance_paths(void);
int conformance_photos(void);
int conformance_models(void);
int conformance_labels(void);
int conformance_batches(void);
int conformance_processes(void);

/* The program started as "try-lock LOCATION HOLDER": 0 if it gets the lock, 1 if that is busy and
 * the text names the holder. */
int try_lock(const char *location, const char *holder);

#endif
