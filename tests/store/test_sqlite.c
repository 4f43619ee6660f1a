/* SPDX-License-Identifier: MIT
 *
 * What is particular to a library in an SQLite file: which files are taken for one, what lies
 * beside it, read-only places, damage, and the migrations. Other processes are forked only while
 * this one has nothing open.
 */
#include "fixture.h"

#include "store/index_lock.h"
#include "store/migrations.h"

#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char *dir;
    char library[4096];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->dir = scratch_make();
    assert_int_equal(chmod(p->dir, 0755), 0);
    snprintf(p->library, sizeof p->library, "%s", at(p->dir, "library.fovea"));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    assert_int_equal(chmod(p->dir, 0755), 0);
    scratch_remove(p->dir);
    free(p);
    return 0;
}

/* A library with `photos` photos. */
static void make_library(const char *path, int photos)
{
    struct err err;
    struct store *store;
    int64_t model;
    assert_ok(store_open(&store, path, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err));
    for (int i = 0; i < photos; i++) {
        char name[32];
        uint16_t v[DIM];
        snprintf(name, sizeof name, "/p/%04d.jpg", i);
        put(store, model, result_of(name, i, v));
    }
    store_close(store);
}

/* Opens, reads everything, closes. */
static enum status read_library(const char *path, size_t *photos, struct err *err)
{
    struct store *store;
    int64_t model;
    struct store_matrix matrix = {0};
    enum status status = store_open(&store, path, STORE_READ, err);
    if (status == OK)
        status = store_model_use(store, "ViT-T/test", "f00d", DIM, &model, err);
    if (status == OK)
        status = store_matrix_load(store, model, &matrix, err);
    *photos = matrix.count;
    store_matrix_free(&matrix);
    store_close(store);
    return status;
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;
    char *text = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
    sqlite3_close(db);
}

struct bytes {
    char *data;
    size_t size;
};

static struct bytes slurp(const char *path)
{
    struct bytes bytes = {0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    bytes.size = (size_t)ftell(file);
    rewind(file);
    bytes.data = malloc(bytes.size + 1);
    assert_int_equal(fread(bytes.data, 1, bytes.size, file), bytes.size);
    fclose(file);
    return bytes;
}

/* Both modes refuse the library, with this status and text, and leave everything as it is. */
static void assert_refused(const struct place *p, enum status status, const char *part)
{
    struct err err;
    struct store *store;
    struct bytes before = slurp(p->library);
    int entries = count_entries(p->dir);
    assert_fails(store_open(&store, p->library, STORE_READ, &err), status, part);
    assert_fails(store_open(&store, p->library, STORE_WRITE, &err), status, part);
    assert_fails(store_open(&store, p->library, STORE_WRITE, &err), status, p->library);
    struct bytes after = slurp(p->library);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    assert_int_equal(count_entries(p->dir), entries);
    free(before.data);
    free(after.data);
}

/* --- which files -------------------------------------------------------------------------- */

static void test_foreign_files_are_left_alone(void **state)
{
    struct place *p = *state;
    char big[200000];
    memset(big, 'x', sizeof big);
    write_text(p->library, "my diary\n", 9);
    assert_refused(p, ERR_FORMAT, "not a fovea library");
    write_text(p->library, big, sizeof big);
    assert_refused(p, ERR_FORMAT, "not a fovea library");
    write_text(p->library, "SQLite format 3", 16); /* and no more */
    assert_refused(p, ERR_FORMAT, "not a fovea library");
    unlink(p->library);
    execute(p->library, "CREATE TABLE photos (id)");
    assert_refused(p, ERR_FORMAT, "another program");
    execute(p->library, "PRAGMA application_id = 12345");
    assert_refused(p, ERR_FORMAT, "another program");
    execute(p->library, "PRAGMA journal_mode = WAL");
    assert_refused(p, ERR_FORMAT, "another program");
}

static void test_missing_and_empty(void **state)
{
    struct place *p = *state;
    struct err err;
    struct store *store;
    size_t photos;
    assert_fails(store_open(&store, p->library, STORE_READ, &err), ERR_NOT_FOUND, "index");
    assert_int_equal(count_entries(p->dir), 0);
    write_text(p->library, "", 0);
    assert_fails(store_open(&store, p->library, STORE_READ, &err), ERR_NOT_FOUND, "empty");
    make_library(p->library, 2);
    assert_ok(read_library(p->library, &photos, &err));
    assert_int_equal(photos, 2);

    assert_fails(store_open(&store, p->dir, STORE_WRITE, &err), ERR_ARGUMENT, "folder");
    assert_fails(store_open(&store, "/dev/null", STORE_WRITE, &err), ERR_ARGUMENT, "regular");
    assert_fails(store_open(&store, at(p->library, "x"), STORE_WRITE, &err), ERR_IO, p->library);
}

static void test_special_names_are_files(void **state)
{
    struct place *p = *state;
    static const char *const names[] = {":memory:", "file:x?mode=memory", "%41",
                                        "-x",       "a b\n\xff",          "?immutable=1"};
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(p->dir), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct stat st;
        struct err err;
        size_t photos;
        make_library(names[i], 1);
        assert_int_equal(stat(at(p->dir, names[i]), &st), 0);
        execute(at(p->dir, names[i]), "PRAGMA journal_mode = WAL");
        assert_ok(read_library(names[i], &photos, &err));
        assert_int_equal(photos, 1);
    }
    assert_int_equal(chdir(before), 0);
}

static void test_newer_and_older(void **state)
{
    struct place *p = *state;
    struct err err;
    struct store *store;
    char sql[64], mine[16];
    make_library(p->library, 1);
    execute(p->library, "PRAGMA user_version = 4711");
    assert_refused(p, ERR_UNSUPPORTED, "4711");
    snprintf(mine, sizeof mine, "up to %d", library_migrations.count);
    assert_refused(p, ERR_UNSUPPORTED, mine);
    execute(p->library, "PRAGMA user_version = -1");
    assert_fails(store_open(&store, p->library, STORE_READ, &err), ERR_UNSUPPORTED, "-1");
    assert_fails(store_open(&store, p->library, STORE_WRITE, &err), ERR_UNSUPPORTED, "-1");
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", library_migrations.count - 1);
    execute(p->library, sql);
    assert_fails(store_open(&store, p->library, STORE_READ, &err), ERR_UNSUPPORTED, "older");
}

/* Several processes open a new library at the same moment. */
static void test_made_once(void **state)
{
    struct place *p = *state;
    enum { PROCESSES = 4 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct err err;
            struct store *store;
            enum status status = store_open(&store, p->library, STORE_WRITE, &err);
            if (status != OK)
                print_error("%s\n", err.text);
            store_close(store);
            _exit(status != OK);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    make_library(p->library, 3);
    size_t photos;
    struct err err;
    assert_ok(read_library(p->library, &photos, &err));
    assert_int_equal(photos, 3);
}

/* --- what lies beside it ------------------------------------------------------------------ */

static void test_one_file_at_rest(void **state)
{
    struct place *p = *state;
    struct err err;
    struct store *writer, *reader;
    size_t photos;
    make_library(p->library, 3);
    assert_int_equal(count_entries(p->dir), 1);
    assert_ok(read_library(p->library, &photos, &err));
    assert_int_equal(count_entries(p->dir), 1);

    assert_ok(store_open(&writer, p->library, STORE_WRITE, &err));
    assert_ok(store_index_lock(writer, &err));
    store_close(writer);
    assert_int_equal(count_entries(p->dir), 1);

    /* A reader that stays open keeps the log alive; the next writer clears up. */
    assert_ok(store_open(&writer, p->library, STORE_WRITE, &err));
    assert_ok(store_open(&reader, p->library, STORE_READ, &err));
    struct store_summary summary;
    assert_ok(store_summarize(reader, &summary, &err));
    store_close(writer);
    assert_ok(store_summarize(reader, &summary, &err));
    assert_int_equal(summary.photos, 3);
    store_close(reader);
    make_library(p->library, 4);
    assert_int_equal(count_entries(p->dir), 1);
}

static void test_lock_follows_links(void **state)
{
    struct place *p = *state;
    struct err err;
    struct store *a, *b;
    make_library(p->library, 1);
    assert_int_equal(mkdir(at(p->dir, "sub"), 0755), 0);
    assert_int_equal(symlink(p->library, at(p->dir, "sub/link")), 0);
    assert_ok(store_open(&a, p->library, STORE_WRITE, &err));
    assert_ok(store_open(&b, at(p->dir, "sub/link"), STORE_WRITE, &err));
    assert_ok(store_index_lock(a, &err));
    assert_fails(store_index_lock(b, &err), ERR_BUSY, "wait");
    store_close(b);
    store_close(a);
}

/* The lock file comes and goes, and processes that have opened it before it went must not take it
 * for the lock: as tight a race as there can be. */
static int race_for_lock(const char *library, atomic_int *inside, int rounds)
{
    while (rounds > 0) {
        struct err err;
        struct index_lock *lock;
        enum status status = index_lock_open(&lock, library, "indexing", &err);
        if (status == ERR_BUSY) {
            sched_yield();
            continue;
        }
        if (status != OK || atomic_fetch_add(inside, 1) != 0)
            return 1;
        sched_yield();
        if (atomic_fetch_sub(inside, 1) != 1)
            return 2;
        index_lock_close(lock);
        rounds--;
    }
    return 0;
}

static void test_lock_file_comes_and_goes(void **state)
{
    struct place *p = *state;
    enum { PROCESSES = 4, ROUNDS = 1500 };
    atomic_int *inside =
        mmap(NULL, sizeof *inside, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(inside != MAP_FAILED);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(race_for_lock(p->library, inside, ROUNDS));
    }
    int failed = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        failed += status != 0;
    }
    munmap(inside, sizeof *inside);
    assert_int_equal(failed, 0);
    assert_int_equal(count_entries(p->dir), 0);
}

/* --- read-only places --------------------------------------------------------------------- */

/* Runs `check` in a process without root's rights; it gives 0, or the number of its failure. */
static void assert_unprivileged(int (*check)(const struct place *), const struct place *p)
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit(check(p));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int reads_three(const struct place *p)
{
    struct err err;
    size_t photos;
    enum status status = read_library(p->library, &photos, &err);
    if (status != OK)
        print_error("%s\n", err.text);
    return status != OK ? 1 : photos != 3 ? 2 : 0;
}

static int cannot_write(const struct place *p)
{
    struct err err;
    struct store *store;
    if (store_open(&store, p->library, STORE_WRITE, &err) != ERR_IO)
        return 1;
    if (!strstr(err.text, p->library) || !strstr(err.text, "read-only"))
        return print_error("%s\n", err.text), 2;
    return 0;
}

static int log_cannot_be_read(const struct place *p)
{
    struct err err;
    size_t photos;
    if (read_library(p->library, &photos, &err) != ERR_IO)
        return 1;
    return strstr(err.text, "library.fovea-wal") && strstr(err.text, "copy") ? 0 : 2;
}

static void test_read_only_folder(void **state)
{
    struct place *p = *state;
    make_library(p->library, 3);
    assert_int_equal(chmod(p->dir, 0555), 0);
    assert_unprivileged(reads_three, p);
    assert_unprivileged(cannot_write, p);
    assert_int_equal(chmod(p->library, 0666), 0); /* the folder alone forbids it */
    assert_unprivileged(cannot_write, p);
    assert_int_equal(count_entries(p->dir), 1);

    /* In write-ahead mode, but with nothing in the log: a copy of an open library. */
    assert_int_equal(chmod(p->dir, 0755), 0);
    execute(p->library, "PRAGMA journal_mode = WAL");
    assert_int_equal(count_entries(p->dir), 1);
    assert_int_equal(chmod(p->dir, 0555), 0);
    assert_unprivileged(reads_three, p);
    assert_int_equal(count_entries(p->dir), 1);
}

static void test_read_only_folder_with_a_log(void **state)
{
    struct place *p = *state;
    pid_t child = fork();
    if (child == 0) { /* ends without closing: the log stays */
        struct err err;
        struct store *store;
        int64_t model;
        if (store_open(&store, p->library, STORE_WRITE, &err) == OK &&
            store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err) == OK)
            _exit(0);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(unlink(at(p->dir, "library.fovea-shm")), 0);
    assert_int_equal(chmod(p->dir, 0555), 0);
    assert_unprivileged(log_cannot_be_read, p);
    assert_int_equal(chmod(p->dir, 0755), 0);
    make_library(p->library, 3); /* where it can be written, it goes on from the log */
    assert_int_equal(reads_three(p), 0);
}

/* --- damage ------------------------------------------------------------------------------- */

/* What is read of photos, sets and artifacts. */
static void exercise_photos(struct store *store, const struct store_matrix *matrix)
{
    struct err err;
    struct store_facts facts;
    struct store_matrix updated;
    struct store_label_set *sets;
    struct store_decision *decisions;
    int64_t *ids;
    size_t count;
    void *bytes;
    if (store_facts_load(store, matrix, &facts, &err) == OK)
        store_facts_free(&facts);
    struct store_matrix half = *matrix;
    half.count /= 2;
    if (store_matrix_update(store, 1, &half, &updated, &err) == OK)
        store_matrix_free(&updated);
    if (store_photo_ids(store, &ids, &count, &err) == OK) {
        for (size_t i = 0; i < count && i < 5; i++) {
            struct store_photo photo;
            if (store_photo_load(store, ids[i], &photo, &err) == OK)
                store_photo_free(&photo);
        }
        free(ids);
    }
    if (store_label_sets(store, 1, &sets, &count, &err) == OK)
        store_label_sets_free(sets, count);
    if (store_decisions(store, &decisions, &count, &err) == OK)
        free(decisions);
    if (store_artifact_get(store, 1, "map", &bytes, &count, &err) == OK)
        free(bytes);
}

/* Uses every verb that reads, and some that write, on a library that may hold anything. */
static void exercise(const char *path)
{
    struct err err;
    struct store *store;
    if (store_open(&store, path, STORE_WRITE, &err) != OK)
        return;
    struct store_model *models;
    struct store_failure *failures;
    struct store_summary summary;
    struct store_matrix matrix;
    struct store_labels labels;
    char **paths;
    size_t count, path_count;
    uint16_t v[DIM];
    struct store_result r = result_of("/p/0001.jpg", 1, v), added = result_of("/new", 77777, v);
    enum file_state file_state;
    bool has;
    (void)!store_summarize(store, &summary, &err);
    if (store_failures(store, &failures, &count, &err) == OK)
        free(failures);
    if (store_matrix_load(store, 1, &matrix, &err) == OK) {
        if (store_labels_load(store, 1, NULL, &matrix, &labels, &err) == OK)
            store_labels_free(&labels);
        exercise_photos(store, &matrix);
        store_matrix_free(&matrix);
    }
    if (store_models(store, &models, &count, &err) == OK)
        free(models);
    (void)!store_file_state(store, 1, &r.file, &file_state, &err);
    (void)!store_has_embedding(store, 1, &r.hash, &has, &err);
    (void)!store_put_results(store, 1, &added, 1, &err);
    if (store_paths_under(store, "/", &paths, &path_count, &err) == OK) {
        (void)!store_forget_paths(store, paths, path_count < 3 ? path_count : 3, &err);
        free(paths);
    }
    store_close(store);
}

static void test_damaged_libraries(void **state)
{
    struct place *p = *state;
    make_library(p->library, 60);
    execute(p->library,
            "INSERT INTO label_sets VALUES (1, 1, 'default', '{}', 0);"
            "INSERT INTO categories VALUES (1, 0, 'one'), (1, 1, 'two');"
            "INSERT INTO labels SELECT 1, id, id % 2, 0.5, 0.5, 0, x'00000000',"
            "  iif(id % 3, x'', x'01000000') FROM photos;"
            "INSERT INTO sidecars (path, sidecar, size_bytes, mtime_ns, has_meta, camera)"
            "  SELECT path, x'2f78', 5, 5, 1, 'c' || path FROM files WHERE photo_id % 3 = 0;"
            "INSERT INTO decisions SELECT a.hash, b.hash, 1, 0 FROM photos a, photos b"
            "  WHERE a.id < 9 AND b.id < 9 AND a.hash < b.hash;"
            "INSERT INTO artifacts VALUES (1, 1, 'map', 100000);"
            "INSERT INTO artifact_chunks VALUES (1, 0, zeroblob(60000)), (1, 1, zeroblob(40000))");
    struct bytes good = slurp(p->library), bad = slurp(p->library);
    random_start();
    for (int round = 0; round < 150; round++) {
        memcpy(bad.data, good.data, good.size);
        size_t size = good.size;
        if (round % 5 == 4)
            size = random_below((uint32_t)size);
        for (uint32_t i = random_below(40); i > 0; i--) {
            /* Most bytes are empty space: hit the pages' heads and the header often. */
            uint32_t offset = random_below((uint32_t)good.size);
            if (random_below(2))
                offset = offset / 16384 * 16384 + random_below(64);
            bad.data[offset] = (char)random_below(256);
        }
        memcpy(bad.data + 68, good.data + 68, 4); /* else it is merely foreign */
        write_text(p->library, bad.data, size);
        exercise(p->library);
        unlink(at(p->dir, "library.fovea-journal"));
        unlink(at(p->dir, "library.fovea-wal"));
        unlink(at(p->dir, "library.fovea-shm"));
    }
    free(good.data);
    free(bad.data);
}

static void test_damage_is_named(void **state)
{
    struct place *p = *state;
    struct err err;
    size_t photos;
    make_library(p->library, 10);
    execute(p->library, "UPDATE embeddings SET vector = x'0000' WHERE photo_id = 5");
    assert_fails(read_library(p->library, &photos, &err), ERR_FORMAT, "wrong size");
    execute(p->library, "UPDATE embeddings SET vector = zeroblob(48);"
                        "UPDATE files SET path = x'2f610062' WHERE photo_id = 5");
    assert_fails(read_library(p->library, &photos, &err), ERR_FORMAT, "NUL");
    struct bytes bytes = slurp(p->library);
    memset(bytes.data + 16384, 0xa5, bytes.size - 16384);
    write_text(p->library, bytes.data, bytes.size);
    free(bytes.data);
    assert_fails(read_library(p->library, &photos, &err), ERR_FORMAT, "damaged");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_foreign_files_are_left_alone),
        TEST(test_missing_and_empty),
        TEST(test_special_names_are_files),
        TEST(test_newer_and_older),
        TEST(test_one_file_at_rest),
        TEST(test_lock_follows_links),
        TEST(test_lock_file_comes_and_goes),
        TEST(test_read_only_folder),
        TEST(test_read_only_folder_with_a_log),
        TEST(test_damaged_libraries),
        TEST(test_damage_is_named),
        TEST(test_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
