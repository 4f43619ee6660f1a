/* SPDX-License-Identifier: MIT
 *
 * A damaged library: the bytes are an SQLite file, or else a list of changes to a sound one that is
 * made at the start: two bytes of a place (in units of 8 bytes), a count, the bytes. A first byte
 * of 'c' cuts the file at the first place.
 *
 * The check reads through it; every verb that reads, a search in it, and some that write work or
 * say in a line why not; what was repaired is sound and can be used.
 */
#include "fuzz.h"
#include "rig.h"

#include "base/file.h"
#include "library/find.h"
#include "library/snapshot.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct file_bytes sound;

/* Pages of 512 bytes: more of them, and small inputs reach all. */
static void make_small_pages(const char *path)
{
    sqlite3 *db;
    FUZZ_CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_exec(db, "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM", NULL,
                            NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct store *store;
    struct err err = {0};
    FUZZ_CHECK_OK(store_open(&store, rig_path("sound"), STORE_WRITE, &err), &err);
    rig_fill(store);
    store_close(store);
    make_small_pages(rig_path("sound"));
    FUZZ_CHECK_OK(file_read(&sound, rig_path("sound"), 1 << 24, &err), &err);
    return 0;
}

/* The damaged file, to be freed. */
static uint8_t *damage(struct fuzz_input in, size_t *size)
{
    if (in.size >= 16 && memcmp(in.data, "SQLite format 3", 16) == 0)
        return fuzz_take_rest(&in, size);
    uint8_t *file = malloc(sound.size);
    bool cut = fuzz_take_byte(&in) == 'c';
    FUZZ_CHECK(file);
    memcpy(file, sound.data, sound.size);
    *size = sound.size;
    while (in.size >= 3) {
        size_t at = (size_t)fuzz_take_byte(&in) << 8;
        at = (at | fuzz_take_byte(&in)) * 8 % sound.size;
        size_t count = fuzz_take_byte(&in) % 64;
        if (cut) {
            *size = at;
            cut = false;
        }
        for (size_t i = 0; i < count && in.size && at + i < sound.size; i++)
            file[at + i] = fuzz_take_byte(&in);
    }
    return file;
}

static void remove_all(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[32];
        snprintf(name, sizeof name, "library%s", suffixes[i]);
        unlink(rig_path(name));
    }
}

static bool told(enum status status, const struct err *err)
{
    if (status != OK)
        fuzz_check_error(status, err);
    return status == OK;
}

static void search_in(struct store *store, int64_t model)
{
    const struct snapshot *s;
    struct find_answer answer = {0};
    struct err err = {0};
    if (!told(snapshot_open(&s, store, model, SNAPSHOT_BYTES_AUTO, NULL, &err), &err))
        return;
    float *query = calloc((size_t)s->matrix->dim + 1, sizeof *query);
    FUZZ_CHECK(query);
    query[0] = 1;
    const struct find_request request = {
        .query = query, .limit = 5, .floor_mode = FIND_FLOOR_AUTO, .unique = true, .threads = 1};
    if (told(find(&answer, s, &request, &err), &err))
        for (size_t i = 0; i < answer.count; i++)
            FUZZ_CHECK(answer.hits[i].row < s->matrix->count && answer.hits[i].score <= 1);
    find_answer_free(&answer);
    free(query);
    snapshot_unref(s);
}

static void read_photos(struct store *store)
{
    int64_t *ids;
    size_t count;
    struct err err = {0};
    if (!told(store_photo_ids(store, &ids, &count, &err), &err))
        return;
    for (size_t i = 0; i < count && i < 4; i++) {
        struct store_photo photo;
        if (told(store_photo_load(store, ids[i], &photo, &err), &err))
            store_photo_free(&photo);
    }
    free(ids);
}

static void read_lists(struct store *store, int64_t model)
{
    struct err err = {0};
    size_t count;
    struct store_failure *failures;
    struct store_decision *decisions;
    struct store_label_set *sets;
    struct store_saved_set *saved;
    struct store_place *places;
    struct store_summary summary;
    char **paths;
    void *bytes;
    if (told(store_failures(store, &failures, &count, &err), &err))
        free(failures);
    if (told(store_decisions(store, &decisions, &count, &err), &err))
        free(decisions);
    if (told(store_label_sets(store, model, &sets, &count, &err), &err))
        store_label_sets_free(sets, count);
    if (told(store_saved_sets(store, &saved, &count, &err), &err))
        store_saved_sets_free(saved, count);
    if (told(store_places(store, &places, &count, &err), &err))
        free(places);
    if (told(store_paths_under(store, "/p", &paths, &count, &err), &err))
        free(paths);
    if (told(store_artifact_get(store, model, "map", &bytes, &count, &err), &err))
        free(bytes);
    told(store_summarize(store, &summary, &err), &err);
}

static void read_all(enum store_mode mode)
{
    struct store *store;
    struct store_model *models;
    struct err err = {0};
    size_t count;
    if (!told(store_open(&store, rig_path("library"), mode, &err), &err))
        return;
    if (told(store_models(store, &models, &count, &err), &err)) {
        int64_t model = count ? models[0].id : 1;
        read_lists(store, model);
        read_photos(store);
        search_in(store, model);
        free(models);
    }
    if (mode == STORE_WRITE)
        told(store_saved_set_put(store, "new", "{\"a\":[\"b\"]}", &err), &err);
    if (mode == STORE_WRITE)
        told(store_sweep(store, &err), &err);
    store_close(store);
}

static void repair(void)
{
    struct store_health health;
    struct store_repair repaired = {0};
    struct err err = {0};
    if (told(store_repair(rig_path("library"), &repaired, &err), &err)) {
        FUZZ_CHECK_OK(store_check(rig_path("library"), &health, &err), &err);
        FUZZ_CHECK(health.problems == 0);
        struct store *store;
        FUZZ_CHECK_OK(store_open(&store, rig_path("library"), STORE_WRITE, &err), &err);
        store_close(store);
        if (repaired.kept)
            unlink(repaired.kept);
    }
    store_repair_free(&repaired);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct store_health health;
    struct err err = {0};
    uint8_t *file = damage(in, &size);
    remove_all();
    rig_write("library", file, size);
    told(store_check(rig_path("library"), &health, &err), &err);
    read_all(STORE_READ);
    repair();
    remove_all();
    rig_write("library", file, size);
    read_all(STORE_WRITE);
    remove_all();
    free(file);
    return 0;
}
