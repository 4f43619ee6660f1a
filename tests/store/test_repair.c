/* SPDX-License-Identifier: MIT
 *
 * Damaged libraries and what a repair makes of them: sound again, right in everything it kept, the
 * damaged file beside it, byte for byte. Other processes are forked while nothing is open.
 */
#include "fixture.h"

#include "store/migrations.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PHOTOS = 1500, PAGE = 16384 };

static char *dir;
static char library[4096], original[4096];
static int pages; /* of the original */

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;
    char *text = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
    sqlite3_close(db);
}

static char *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

/* Photos with sidecars, labels, decisions and an artifact. */
static int setup(void **state)
{
    struct err err;
    struct store *store;
    int64_t model;
    static char paths[PHOTOS][32];
    static struct store_result results[PHOTOS];
    static uint16_t vectors[PHOTOS][DIM];
    dir = scratch_make();
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    snprintf(original, sizeof original, "%s", at(dir, "original"));
    assert_ok(store_open(&store, original, STORE_WRITE, &err));
    assert_ok(store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err));
    for (int i = 0; i < PHOTOS; i += 50) {
        for (int j = i; j < i + 50; j++) {
            snprintf(paths[j], sizeof paths[j], "/p/%05d", j * 7 % PHOTOS);
            results[j] = result_of(paths[j], j * 7 % PHOTOS, vectors[j]);
        }
        assert_ok(store_put_results(store, model, results + i, 50, &err));
    }
    put(store, model, failure_of("/q/bad", "why"));
    assert_ok(store_artifact_put(store, model, "map", paths, sizeof paths, &err));
    for (int i = 0; i < 20; i++) {
        struct photo_hash a = content_hash(i), b = content_hash(i + 1);
        assert_ok(store_decision_put(store, &a, &b, DECISION_DUPLICATE, &err));
    }
    store_close(store);
    execute(original, "INSERT INTO label_sets VALUES (1, 1, 'default', '{}', 0);"
                      "INSERT INTO categories VALUES (1, 0, 'one'), (1, 1, 'two');"
                      "INSERT INTO labels SELECT 1, id, id % 2, 0.5, 0.5, 0, zeroblob(8), x''"
                      "  FROM photos");
    struct stat st;
    assert_int_equal(stat(original, &st), 0);
    pages = (int)(st.st_size / PAGE);
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(dir);
    return 0;
}

static void remove_all_but(const char *keep)
{
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, keep) != 0)
            unlink(at(dir, entry->d_name));
    closedir(stream);
}

/* The original with these bytes in these places. */
static void damage(const int *page, int count, uint32_t bytes)
{
    size_t size;
    remove_all_but("original");
    char *data = slurp(original, &size);
    for (int i = 0; i < count; i++)
        for (uint32_t k = 0; k < bytes; k++)
            data[(size_t)page[i] * PAGE + k] = (char)(0xa5 ^ k);
    write_text(library, data, size);
    free(data);
}

/* Sound, and every vector is its photo's. Gives the number of vectors. */
static int check_sound(const char *path)
{
    struct err err;
    struct store_health health;
    struct store *store;
    struct store_matrix m = {0};
    assert_ok(store_check(path, &health, &err));
    if (health.problems > 0)
        fail_msg("after the repair: %s", health.first);
    assert_ok(store_open(&store, path, STORE_WRITE, &err));
    struct store_model *models;
    size_t count;
    assert_ok(store_models(store, &models, &count, &err));
    if (count > 0)
        assert_ok(store_matrix_load(store, models[0].id, &m, &err));
    for (size_t i = 0; i < m.count; i++) {
        uint16_t expected[DIM];
        content_vector(atoi(m.paths[i] + 3), DIM, expected);
        assert_memory_equal(m.vectors + i * DIM, expected, sizeof expected);
    }
    int vectors = (int)m.count;
    free(models);
    store_matrix_free(&m);
    store_close(store);
    return vectors;
}

static void test_a_sound_library_is_left_alone(void **state)
{
    struct err err;
    struct store_health health;
    struct store_repair repair;
    size_t before_size, after_size;
    damage(NULL, 0, 0);
    char *before = slurp(library, &before_size);
    assert_ok(store_check(library, &health, &err));
    assert_int_equal(health.problems, 0);
    assert_int_equal(health.schema_version, library_migrations.count);
    assert_ok(store_repair(library, &repair, &err));
    assert_false(repair.needed);
    assert_null(repair.kept);
    char *after = slurp(library, &after_size);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, before_size);
    free(before);
    free(after);
    assert_int_equal(count_entries(dir), 2);
}

/* Pages in turn, each one with FOVEA_TEST_LONG=1, else in random steps: the first two levels of
 * every tree are among them. */
static void test_each_page(void **state)
{
    const bool every_one = getenv("FOVEA_TEST_LONG") != NULL;
    int most_lost = 0, unreadable = 0, damaged_pages = 0;
    random_start();
    for (int page = 1; page < pages; page += every_one ? 1 : 1 + (int)random_below(3)) {
        struct err err;
        struct store_health health;
        struct store_repair repair;
        damage(&page, 1, 512);
        damaged_pages++;
        size_t size, kept_size;
        char *damaged = slurp(library, &size);
        assert_ok(store_check(library, &health, &err));
        enum status status = store_repair(library, &repair, &err);
        if (status == ERR_FORMAT) {
            assert_non_null(strstr(err.text, "backup"));
            unreadable++;
            free(damaged);
            continue;
        }
        if (status != OK)
            fail_msg("page %d: %s", page, err.text);
        assert_int_equal(repair.needed, health.problems > 0);
        if (repair.needed) {
            char *kept = slurp(repair.kept, &kept_size);
            assert_int_equal(size, kept_size);
            assert_memory_equal(damaged, kept, size);
            free(kept);
            int vectors = check_sound(library);
            assert_true(repair.saved[STORE_KEPT_VECTORS] >= vectors);
            if (PHOTOS - vectors > most_lost)
                most_lost = PHOTOS - vectors;
            /* A leaf holds at most 300 rows of anything here; interior pages can hide more. */
            int64_t lost = 0;
            for (int k = 0; k < STORE_KEPT_KINDS; k++)
                lost += repair.lost[k];
            assert_true(vectors == PHOTOS || lost > 0);
        }
        store_repair_free(&repair);
        free(damaged);
    }
    print_message("%d of %d pages damaged in turn: at most %d of %d vectors lost, %d times nothing "
                  "could be read\n",
                  damaged_pages, pages - 1, most_lost, PHOTOS, unreadable);
    assert_true(unreadable <= 2);
}

/* Damage to a leaf of vectors costs the vectors on it. */
static void test_leaf_of_vectors(void **state)
{
    struct err err;
    struct store_repair repair;
    size_t size;
    char *data = slurp(original, &size);
    uint16_t vector[DIM];
    content_vector(PHOTOS / 2, DIM, vector);
    char *found = memmem(data, size, vector, sizeof vector);
    assert_non_null(found);
    int page = (int)((found - data) / PAGE);
    free(data);
    damage(&page, 1, PAGE);
    assert_ok(store_repair(library, &repair, &err));
    assert_true(repair.needed);
    assert_int_equal(repair.saved[STORE_KEPT_PHOTOS], PHOTOS);
    assert_int_equal(repair.saved[STORE_KEPT_FILES], PHOTOS + 1);
    assert_int_equal(repair.saved[STORE_KEPT_LABELS], PHOTOS);
    assert_int_equal(repair.saved[STORE_KEPT_DECISIONS], 20);
    assert_int_equal(repair.saved[STORE_KEPT_VECTORS] + repair.lost[STORE_KEPT_VECTORS], PHOTOS);
    int vectors = check_sound(library);
    assert_int_equal(vectors, repair.saved[STORE_KEPT_VECTORS]);
    assert_true(vectors > PHOTOS * 7 / 10 && vectors < PHOTOS);
    /* What is lost is what the next index run makes. */
    struct store *store;
    struct store_summary summary;
    assert_ok(store_open(&store, library, STORE_READ, &err));
    assert_ok(store_summarize(store, &summary, &err));
    assert_int_equal(summary.photos, PHOTOS);
    store_close(store);
    store_repair_free(&repair);
}

static void test_random_damage(void **state)
{
    const int rounds = getenv("FOVEA_TEST_LONG") ? 400 : 24;
    int repaired = 0;
    random_start();
    for (int round = 0; round < rounds; round++) {
        struct err err;
        struct store_repair repair;
        size_t size;
        remove_all_but("original");
        char *data = slurp(original, &size);
        for (uint32_t i = 1 + random_below(30); i > 0; i--) {
            uint32_t offset = PAGE + random_below((uint32_t)size - PAGE);
            if (random_below(2))
                offset = offset / PAGE * PAGE + random_below(64);
            data[offset] = (char)random_below(256);
        }
        if (round % 8 == 7) /* its end is missing */
            size -= random_below((uint32_t)size / 2);
        write_text(library, data, size);
        free(data);
        enum status status = store_repair(library, &repair, &err);
        if (status != OK && status != ERR_FORMAT)
            fail_msg("round %d: status %d, %s", round, (int)status, err.text);
        if (status == OK && repair.needed) {
            struct store_health health;
            assert_ok(store_check(library, &health, &err));
            assert_int_equal(health.problems, 0);
            repaired++;
        }
        store_repair_free(&repair);
    }
    assert_true(repaired > rounds / 2);
}

static void test_rows_that_point_nowhere(void **state)
{
    struct err err;
    struct store_health health;
    struct store_repair repair;
    damage(NULL, 0, 0);
    execute(library, "PRAGMA foreign_keys = OFF; DELETE FROM photos WHERE id = 5;"
                     "DELETE FROM categories WHERE position = 0");
    assert_ok(store_check(library, &health, &err));
    assert_true(health.problems > 0);
    assert_non_null(strstr(health.first, "points to nothing"));
    assert_ok(store_repair(library, &repair, &err));
    assert_int_equal(check_sound(library), PHOTOS - 1);
    assert_int_equal(repair.lost[STORE_KEPT_LABELS], PHOTOS); /* their set is not whole */
    store_repair_free(&repair);
}

/* What a killed writer had committed and is still in the log. */
static void test_log_counts(void **state)
{
    int page = pages - 1;
    damage(&page, 1, 100);
    pid_t child = fork();
    if (child == 0) {
        struct err err;
        struct store *store;
        int64_t model;
        if (store_open(&store, library, STORE_WRITE, &err) != OK ||
            store_model_use(store, "ViT-T/test", "f00d", DIM, &model, &err) != OK)
            _exit(1);
        struct photo_hash a = content_hash(100), b = content_hash(200);
        if (store_decision_put(store, &a, &b, DECISION_DUPLICATE, &err) != OK)
            _exit(2);
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct err err;
    struct store_repair repair;
    assert_ok(store_repair(library, &repair, &err));
    assert_int_equal(repair.saved[STORE_KEPT_DECISIONS], 21);
    check_sound(library);
    store_repair_free(&repair);
}

static void test_from_version_1(void **state)
{
    struct err err;
    sqlite3 *db;
    struct store_repair repair;
    struct store *store;
    const struct migrations one = {library_migrations.sql, 1};
    remove_all_but("original");
    assert_int_equal(sqlite3_open(library, &db), SQLITE_OK);
    assert_ok(migrations_apply(db, library, &one, &err));
    sqlite3_close(db);
    execute(library, "INSERT INTO models VALUES (1, 'f00d', 'm', 4, 1);"
                     "INSERT INTO photos VALUES (7, randomblob(16), 20, 10, 'jpeg');"
                     "INSERT INTO files VALUES (CAST('/p/a' AS BLOB), 1, 2, 7, NULL),"
                     "  (CAST('/p/b' AS BLOB), 1, 2, 8, NULL);"
                     "INSERT INTO embeddings VALUES (1, 7, zeroblob(8));"
                     "INSERT INTO classifications VALUES (1, '{}', 1234);"
                     "INSERT INTO categories VALUES (1, 0, 'x');"
                     "INSERT INTO labels VALUES (1, 7, 0, 0.75, 0.5, 1, zeroblob(4))");
    assert_ok(store_repair(library, &repair, &err));
    assert_true(repair.needed);
    assert_int_equal(repair.lost[STORE_KEPT_FILES], 1);
    assert_int_equal(repair.saved[STORE_KEPT_LABELS], 1);
    store_repair_free(&repair);
    assert_ok(store_open(&store, library, STORE_READ, &err));
    store_close(store);
}

static void test_refused(void **state)
{
    struct err err;
    struct store_repair repair;
    struct store *store;
    assert_fails(store_repair(at(dir, "nowhere"), &repair, &err), ERR_NOT_FOUND, "nowhere");
    assert_fails(store_repair(dir, &repair, &err), ERR_ARGUMENT, "regular");
    write_text(library, "my diary, my diary, my diary\n", 29);
    assert_fails(store_repair(library, &repair, &err), ERR_FORMAT, "not a fovea library");
    damage(NULL, 0, 0);
    execute(library, "PRAGMA user_version = 4711");
    assert_fails(store_repair(library, &repair, &err), ERR_UNSUPPORTED, "newer");
    damage(NULL, 0, 0);
    assert_ok(store_open(&store, library, STORE_WRITE, &err));
    assert_ok(store_index_lock(store, &err));
    assert_fails(store_repair(library, &repair, &err), ERR_BUSY, "wait");
    store_close(store);
}

/* Killed at any moment, the name leads to the damaged library or to the repaired one, and the next
 * repair finishes. */
static void test_killed_repair(void **state)
{
    const int rounds = getenv("FOVEA_TEST_LONG") ? 200 : 10;
    random_start();
    int done = 0;
    for (int round = 0; round < rounds; round++) {
        struct err err;
        struct store_repair repair;
        int page = pages - 2;
        damage(&page, 1, 512);
        pid_t child = fork();
        if (child == 0)
            _exit(store_repair(library, &repair, &err) != OK);
        usleep(random_below(150000));
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        done += WIFEXITED(status);
        assert_ok(store_repair(library, &repair, &err));
        store_repair_free(&repair);
        assert_true(check_sound(library) > 0);
    }
    print_message("%d of %d repairs had ended before the kill\n", done, rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_library_is_left_alone),
        cmocka_unit_test(test_leaf_of_vectors),
        cmocka_unit_test(test_rows_that_point_nowhere),
        cmocka_unit_test(test_log_counts),
        cmocka_unit_test(test_from_version_1),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_each_page),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_killed_repair),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
