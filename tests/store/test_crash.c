/* SPDX-License-Identifier: MIT
 *
 * A library survives what happens to processes and disks: a writer killed at random moments loses
 * at most the batch in flight, and a full disk loses nothing that was there.
 *
 * Writers run in child processes, forked while this one has nothing open. Batch b holds the
 * contents BATCH * b and following, so that the library's state after any number of batches is
 * known.
 */
#include "fixture.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 32 };

struct writer {
    struct store *store;
    int64_t model;
};

static enum status writer_open(struct writer *w, const char *library, struct err *err)
{
    enum status status = store_open(&w->store, library, STORE_WRITE, err);
    if (status == OK)
        status = store_index_lock(w->store, err);
    if (status == OK)
        status = store_model_use(w->store, "ViT-T/test", "f00d", DIM, &w->model, err);
    return status;
}

static enum status writer_put(struct writer *w, int batch, struct err *err)
{
    static char paths[BATCH][32];
    static uint16_t vectors[BATCH][DIM];
    struct store_result results[BATCH];
    for (int i = 0; i < BATCH; i++) {
        int content = batch * BATCH + i;
        snprintf(paths[i], sizeof paths[i], "/p/%07d.jpg", content);
        results[i] = result_of(paths[i], content, vectors[i]);
    }
    return store_put_results(w->store, w->model, results, BATCH, err);
}

/* "ok" from SQLite's own check, and no row that points nowhere. */
static void check_integrity(const char *library)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(library, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The library holds whole batches, every one of them right; gives their number. */
static int check_batches(const char *library)
{
    struct err err;
    struct writer w;
    struct store_matrix m;
    struct store_summary summary;
    check_integrity(library);
    assert_ok(writer_open(&w, library, &err)); /* the lock is free again, too */
    assert_ok(store_summarize(w.store, &summary, &err));
    assert_ok(store_matrix_load(w.store, w.model, &m, &err));
    assert_int_equal(m.count % BATCH, 0);
    assert_int_equal(summary.photos, m.count);
    assert_int_equal(summary.files, m.count);
    for (size_t i = 0; i < m.count; i++) {
        uint16_t expected[DIM];
        char path[32];
        snprintf(path, sizeof path, "/p/%07d.jpg", (int)i);
        content_vector((int)i, DIM, expected);
        assert_string_equal(m.paths[i], path);
        assert_memory_equal(m.vectors + i * DIM, expected, sizeof expected);
    }
    int batches = (int)(m.count / BATCH);
    store_matrix_free(&m);
    store_close(w.store);
    return batches;
}

/* --- kill -9 ------------------------------------------------------------------------------ */

/* Writes batches from `next` on until it is killed, and reports each that is done. With `reopen` it
 * opens and closes the library around each, so that the kill hits that as well. */
static void write_until_killed(const char *library, int next, bool reopen, int report)
{
    struct err err;
    struct writer w = {0};
    for (;; next++) {
        if (!w.store && writer_open(&w, library, &err) != OK)
            _exit(1);
        if (writer_put(&w, next, &err) != OK)
            _exit(2);
        if (write(report, &next, sizeof next) != sizeof next)
            _exit(3);
        if (reopen) {
            store_close(w.store);
            w.store = NULL;
        }
    }
}

static int kill_round(const char *library, int batches, int round)
{
    int report[2], done = batches, last;
    assert_int_equal(pipe(report), 0);
    pid_t child = fork();
    if (child == 0)
        write_until_killed(library, batches, round % 2, report[1]);
    close(report[1]);
    /* Some are killed while they begin, the others when they have got somewhere. */
    if (round % 3 > 0 && read(report[0], &last, sizeof last) == sizeof last)
        done = last + 1;
    usleep(random_below(30000));
    assert_int_equal(kill(child, SIGKILL), 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(report[0], &last, sizeof last) == sizeof last)
        done = last + 1;
    close(report[0]);
    int found = check_batches(library);
    /* Everything that was reported, and at most the one that was committed just before the kill. */
    assert_true(found == done || found == done + 1);
    return found;
}

static void test_killed_writer(void **state)
{
    char *dir = scratch_make();
    char library[4096];
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    random_start();
    int batches = 0;
    for (int round = 0; round < 30; round++)
        batches = kill_round(library, batches, round);
    print_message("%d batches survived 30 kills\n", batches);
    assert_true(batches >= 20);
    scratch_remove(dir);
}

/* --- full disk ---------------------------------------------------------------------------- */

static bool says_full(enum status status, const struct err *err)
{
    if (status == ERR_IO && strstr(err->text, "free some space") && strstr(err->text, "library"))
        return true;
    print_error("status %d: %s\n", (int)status, err->text);
    return false;
}

/* Writes batches until one fails; it must fail for lack of space. Gives the number of the first
 * that failed, -1 if it was for another reason or none failed. */
static int fill(struct writer *w, int batch)
{
    struct err err;
    for (int end = batch + 10000; batch < end; batch++) {
        enum status status = writer_put(w, batch, &err);
        if (status != OK)
            return says_full(status, &err) ? batch : -1;
    }
    return -1;
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(90);
    limit.rlim_cur = bytes;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(91);
}

/* With the limit in force, nothing more goes in; without it, the same handle goes on. */
static int child_limited(const char *library)
{
    struct err err;
    struct writer w = {0};
    signal(SIGXFSZ, SIG_IGN);
    if (writer_open(&w, library, &err) != OK)
        return 1;
    set_file_limit(1 << 20);
    int failed = fill(&w, 0);
    if (failed <= 0)
        return 2;
    if (fill(&w, failed) != failed)
        return 3; /* again, on the same handle */
    set_file_limit(RLIM_INFINITY);
    for (int i = 0; i < 3; i++)
        if (writer_put(&w, failed + i, &err) != OK)
            return 4;
    store_close(w.store);
    return 0;
}

static void run_child(int (*child)(const char *), const char *argument, int *result)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(argument));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    *result = WEXITSTATUS(status);
}

static void test_file_size_limit(void **state)
{
    char *dir = scratch_make();
    char library[4096];
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    int result;
    run_child(child_limited, library, &result);
    assert_int_equal(result, 0);
    assert_true(check_batches(library) > 3);
    scratch_remove(dir);
}

/* No room even for a new library, and then there is. */
static int child_no_room_to_begin(const char *library)
{
    struct err err;
    struct writer w = {0};
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(20000);
    if (!says_full(store_open(&w.store, library, STORE_WRITE, &err), &err))
        return 1;
    set_file_limit(RLIM_INFINITY);
    if (writer_open(&w, library, &err) != OK)
        return print_error("%s\n", err.text), 2;
    if (writer_put(&w, 0, &err) != OK)
        return 3;
    store_close(w.store);
    return 0;
}

static void test_no_room_to_begin(void **state)
{
    char *dir = scratch_make();
    char library[4096];
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    int result;
    run_child(child_no_room_to_begin, library, &result);
    assert_int_equal(result, 0);
    assert_int_equal(check_batches(library), 1);
    scratch_remove(dir);
}

enum { CANNOT_MOUNT = 77 };

/* A real full disk: a small tmpfs that only this process sees. The first try to go on happens while
 * it is still full, then a ballast is removed. */
static int child_small_disk(const char *dir)
{
    struct err err;
    struct writer w = {0};
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return CANNOT_MOUNT;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir, "tmpfs", 0, "size=4m") != 0)
        return CANNOT_MOUNT;
    static char zeros[1 << 20];
    write_text(at(dir, "ballast"), zeros, sizeof zeros);
    char library[4096];
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    if (writer_open(&w, library, &err) != OK)
        return 1;
    int failed = fill(&w, 0);
    if (failed <= 0)
        return 2;
    store_close(w.store);
    w.store = NULL;
    enum status status = writer_open(&w, library, &err);
    if (status != OK && !says_full(status, &err))
        return 3;
    store_close(w.store);
    w.store = NULL;
    if (unlink(at(dir, "ballast")) != 0)
        return 4;
    int found = check_batches(library);
    if (found != failed && found != failed + 1)
        return 5;
    if (writer_open(&w, library, &err) != OK || writer_put(&w, found, &err) != OK)
        return 6;
    store_close(w.store);
    return check_batches(library) == found + 1 ? 0 : 7;
}

static void test_small_disk(void **state)
{
    char *dir = scratch_make();
    int result;
    run_child(child_small_disk, dir, &result);
    scratch_remove(dir);
    if (result == CANNOT_MOUNT) {
        print_message("cannot mount a tmpfs here: skipped\n");
        skip();
    }
    assert_int_equal(result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_writer),
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_no_room_to_begin),
        cmocka_unit_test(test_small_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
