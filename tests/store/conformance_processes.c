/* SPDX-License-Identifier: MIT
 *
 * Conformance: several processes, the index lock.
 */
#include "conformance.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the index lock ----------------------------------------------------------------------- */

/* A process that was forked must not use, nor open, what its parent has open in SQLite. So other
 * processes are either this program started anew, or forked while nothing is open. */

int try_lock(const char *location, const char *holder)
{
    struct store *store;
    struct err err;
    char part[32];
    snprintf(part, sizeof part, "process %s ", holder);
    if (store_open(&store, location, STORE_WRITE, &err) != OK)
        return 2;
    enum status status = store_index_lock(store, &err);
    store_close(store);
    if (status == OK)
        return 0;
    return status == ERR_BUSY && strstr(err.text, part) && strstr(err.text, "wait") ? 1 : 3;
}

static int try_lock_elsewhere(const char *location, long holder)
{
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", holder);
    char *argv[] = {(char *)"self", (char *)"try-lock", (char *)location, pid, NULL};
    pid_t child;
    int status;
    assert_int_equal(posix_spawn(&child, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_index_lock(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_int_equal(try_lock_elsewhere(f->location, 0), 0);
    assert_ok(store_index_lock(f->store, &err));
    assert_ok(store_index_lock(f->store, &err)); /* held already */
    assert_int_equal(try_lock_elsewhere(f->location, getpid()), 1);
    struct store *second;
    assert_ok(store_open(&second, f->location, STORE_WRITE, &err));
    assert_fails(store_index_lock(second, &err), ERR_BUSY, "wait");
    store_close(second);
    assert_int_equal(try_lock_elsewhere(f->location, getpid()), 1);
    store_index_unlock(f->store);
    store_index_unlock(f->store);
    assert_int_equal(try_lock_elsewhere(f->location, 0), 0);
}

/* Processes that take the lock at the same time: two are never inside together. Each adds one to a
 * number in a file, slowly; a lost update would show. */
static int add_under_lock(const char *location, const char *counter, int rounds)
{
    struct store *store;
    struct err err;
    if (store_open(&store, location, STORE_WRITE, &err) != OK)
        return 1;
    while (rounds > 0) {
        if (store_index_lock(store, &err) != OK) {
            usleep(100);
            continue;
        }
        int value = -1;
        FILE *file = fopen(counter, "r");
        if (!file || fscanf(file, "%d", &value) != 1)
            return 2;
        fclose(file);
        usleep(200);
        file = fopen(counter, "w");
        if (!file || fprintf(file, "%d\n", value + 1) < 0 || fclose(file) != 0)
            return 3;
        store_index_unlock(store);
        rounds--;
    }
    store_close(store);
    return 0;
}

static void test_index_lock_excludes(void **state)
{
    struct fixture *f = *state;
    enum { PROCESSES = 3, ROUNDS = 40 };
    char counter[4096];
    snprintf(counter, sizeof counter, "%s", at(f->dir, "counter"));
    write_text(counter, "0\n", 2);
    store_close(f->store);
    f->store = NULL;
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(add_under_lock(f->location, counter, ROUNDS));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    char text[16] = "";
    FILE *file = fopen(counter, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_int_equal(atoi(text), PROCESSES * ROUNDS);
}

enum { EACH = 60 };

static int write_each(const char *location, const char *folder)
{
    for (int i = 0; i < EACH; i++) {
        struct store *store;
        struct err err;
        char path[32];
        uint16_t v[DIM];
        int64_t model;
        snprintf(path, sizeof path, "/%s/%03d", folder, i);
        struct store_result r = result_of(path, i, v); /* the same contents in both */
        if (store_open(&store, location, STORE_WRITE, &err) != OK)
            return 1;
        if (store_model_use(store, folder, "f00d", DIM, &model, &err) != OK)
            return 2;
        if (store_put_results(store, model, &r, 1, &err) != OK)
            return 3;
        store_close(store);
    }
    return 0;
}

/* Two processes write at the same time, without the index lock, and open and close the library all
 * the while: nothing is lost. */
static void test_two_writers(void **state)
{
    struct fixture *f = *state;
    struct err err;
    store_close(f->store);
    f->store = NULL;
    pid_t child = fork();
    if (child == 0)
        _exit(write_each(f->location, "child"));
    assert_int_equal(write_each(f->location, "parent"), 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(store_open(&f->store, f->location, STORE_WRITE, &err));
    assert_int_equal(summary_of(f->store).files, 2 * EACH);
    assert_int_equal(summary_of(f->store).photos, EACH);
}

int conformance_processes(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_index_lock),
        TEST(test_index_lock_excludes),
        TEST(test_two_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
