/* SPDX-License-Identifier: MIT
 *
 * Backups: of one moment while another process writes, whole or not at all when they are killed,
 * never over what is no backup. Other processes are forked while nothing is open.
 */
#include "fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 8 };

struct place {
    char *dir;
    char library[4096], backup[4096];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->dir = scratch_make();
    snprintf(p->library, sizeof p->library, "%s", at(p->dir, "library.fovea"));
    snprintf(p->backup, sizeof p->backup, "%s", at(p->dir, "there/backup.db"));
    if (mkdir(at(p->dir, "there"), 0777) != 0)
        fail_msg("cannot make the folder");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    scratch_remove(p->dir);
    free(p);
    return 0;
}

static enum status put_batch(struct store *store, int64_t model, int batch, struct err *err)
{
    static uint16_t v[BATCH][DIM];
    char paths[BATCH][32];
    struct store_result results[BATCH];
    for (int i = 0; i < BATCH; i++) {
        snprintf(paths[i], sizeof paths[i], "/p/%06d", batch * BATCH + i);
        results[i] = result_of(paths[i], batch * BATCH + i, v[i]);
    }
    return store_put_results(store, model, results, BATCH, err);
}

static void make_library(const char *path, int batches)
{
    struct err err;
    struct store *store;
    int64_t model;
    assert_ok(store_open(&store, path, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err));
    for (int i = 0; i < batches; i++)
        assert_ok(put_batch(store, model, i, &err));
    store_close(store);
}

/* Whole batches, all of them right; one file without anything beside it. Gives their number. */
static int check_library(const char *path)
{
    struct err err;
    struct store *store;
    struct store_matrix m;
    struct stat st;
    char beside[4200];
    snprintf(beside, sizeof beside, "%s-wal", path);
    assert_int_not_equal(stat(beside, &st), 0);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    assert_ok(store_open(&store, path, STORE_READ, &err));
    assert_ok(store_matrix_load(store, 1, &m, &err));
    assert_int_equal(m.count % BATCH, 0);
    for (size_t i = 0; i < m.count; i++) {
        uint16_t expected[DIM];
        content_vector((int)i, DIM, expected);
        assert_memory_equal(m.vectors + i * DIM, expected, sizeof expected);
    }
    int batches = (int)(m.count / BATCH);
    store_matrix_free(&m);
    store_close(store);
    return batches;
}

static void back_up(const char *library, const char *backup)
{
    struct err err;
    struct store *store;
    assert_ok(store_open(&store, library, STORE_READ, &err));
    assert_ok(store_backup(store, backup, &err));
    store_close(store);
}

static void test_backup(void **state)
{
    struct place *p = *state;
    make_library(p->library, 3);
    back_up(p->library, p->backup); /* makes the folder, too */
    assert_int_equal(check_library(p->backup), 3);
    assert_int_equal(count_entries(at(p->dir, "there")), 1);
    make_library(p->library, 5);
    back_up(p->library, p->backup); /* in the place of the older one */
    assert_int_equal(check_library(p->backup), 5);
    assert_int_equal(count_entries(at(p->dir, "there")), 1);
}

static void test_refused(void **state)
{
    struct place *p = *state;
    struct err err;
    struct store *store;
    make_library(p->library, 1);
    write_text(at(p->dir, "diary"),
               "dear diary, dear diary, dear diary, dear diary, dear diary, "
               "dear diary, dear diary",
               80);
    assert_int_equal(symlink(p->library, at(p->dir, "link")), 0);
    assert_ok(store_open(&store, p->library, STORE_WRITE, &err));
    assert_fails(store_backup(store, at(p->dir, "diary"), &err), ERR_ARGUMENT, "no backup");
    assert_fails(store_backup(store, at(p->dir, "away/b.db"), &err), ERR_NOT_FOUND, "not there");
    assert_fails(store_backup(store, p->library, &err), ERR_ARGUMENT, "itself");
    assert_fails(store_backup(store, at(p->dir, "link"), &err), ERR_ARGUMENT, "itself");
    assert_fails(store_backup(store, p->dir, &err), ERR_ARGUMENT, "regular");
    assert_fails(store_backup(store, "", &err), ERR_ARGUMENT, "empty");
    assert_fails(store_backup(store, at(p->dir, "diary/x"), &err), ERR_IO, "diary");
    store_close(store);
    struct stat st;
    assert_int_equal(stat(at(p->dir, "diary"), &st), 0);
    assert_int_equal(st.st_size, 80);
    assert_int_equal(check_library(p->library), 1);
}

static _Noreturn void write_on(const char *library, int next)
{
    struct err err;
    struct store *store;
    int64_t model;
    if (store_open(&store, library, STORE_WRITE, &err) != OK ||
        store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err) != OK)
        _exit(1);
    for (;; next++)
        if (put_batch(store, model, next, &err) != OK)
            _exit(2);
}

static void end(pid_t child)
{
    int status;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* Each backup is a later moment of the library. */
static void test_while_another_writes(void **state)
{
    struct place *p = *state;
    make_library(p->library, 1);
    pid_t child = fork();
    if (child == 0)
        write_on(p->library, 1);
    int last = 1;
    for (int i = 0; i < 10; i++) {
        usleep(5000);
        back_up(p->library, p->backup);
        int batches = check_library(p->backup);
        assert_true(batches >= last);
        last = batches;
    }
    end(child);
    assert_true(last > 1);
    print_message("%d batches in the last of 10 backups\n", last);
}

/* Killed at any moment: what is under the name is a whole backup, and the next one is made. */
static void test_killed(void **state)
{
    struct place *p = *state;
    random_start();
    make_library(p->library, 300);
    back_up(p->library, p->backup);
    for (int round = 0; round < 25; round++) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                back_up(p->library, p->backup);
        usleep(random_below(15000));
        end(child);
        assert_int_equal(check_library(p->backup), 300);
    }
    back_up(p->library, p->backup);
    assert_int_equal(check_library(p->backup), 300);
    assert_int_equal(count_entries(at(p->dir, "there")), 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_backup),
        TEST(test_refused),
        TEST(test_while_another_writes),
        TEST(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
