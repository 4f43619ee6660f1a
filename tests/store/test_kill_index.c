/* SPDX-License-Identifier: MIT
 *
 * test-kill-index FOVEA: `fovea index` itself is killed (SIGKILL) at random moments, again and
 * again: while it starts, while it makes the library, between and within its batches, while it
 * ends. The photographs are painted, the model is the one that ships. After each kill:
 *
 *   - integrity_check and foreign_key_check find nothing
 *   - every photo that was acknowledged (an event line of --json with "event":"photo" was read
 *     from the pipe) is in the library, in this run and in all later ones
 *   - no photo is embedded twice without need: a run reports as embedded ("known":false) only
 *     photos whose vector was not in the library when the run began. What a kill may cost is what
 *     was computed and not yet committed, and that is not in the library.
 *
 * When a run comes to its end alive, the library must be the one that an undisturbed run makes:
 * the same paths, the same vectors. Then the next round begins with an empty one.
 *
 * 15 kills; FOVEA_TEST_LONG=1: 200.
 */
#include "fixture.h"
#include "plain_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PICTURES = 240, LINE = 8192, KILLS_SHORT = 15, KILLS_LONG = 200 };

static const char *fovea;
static char *dir;
static char pictures[4096], library[4096], reference[4096];

struct totals {
    int kills, runs, cycles;
    long acknowledged, embedded, untold; /* untold: committed by a run that was killed before it
                                            could say so */
    int while_starting;                  /* kills before the first acknowledged photo of a run */
};

/* --- the library -------------------------------------------------------------------------- */

/* The only model's matrix; empty where there is no library, or no model in it yet. */
static void load(const char *path, struct store_matrix *m)
{
    struct err err;
    struct store *store;
    struct store_model *models;
    size_t count;
    *m = (struct store_matrix){0};
    if (access(path, F_OK) != 0)
        return;
    enum status status = store_open(&store, path, STORE_WRITE, &err); /* finishes what was begun */
    assert_ok(status);
    assert_ok(store_models(store, &models, &count, &err));
    assert_true(count <= 1);
    if (count == 1)
        assert_ok(store_matrix_load(store, models[0].id, m, &err));
    free(models);
    store_close(store);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool holds(const struct store_matrix *m, char *path)
{
    return m->count > 0 && bsearch(&path, m->paths, m->count, sizeof path, compare_paths);
}

static double half(uint16_t h)
{
    int exponent = h >> 10 & 31;
    double value = exponent ? ldexp(1024 + (h & 1023), exponent - 25) : ldexp(h & 1023, -24);
    return h & 0x8000 ? -value : value;
}

/* The last bits may depend on what else was in a batch (ARCHITECTURE.md): not more. */
static void assert_same(const struct store_matrix *m, const struct store_matrix *expected)
{
    assert_int_equal(m->count, expected->count);
    for (size_t i = 0; i < m->count; i++) {
        double xy = 0, xx = 0, yy = 0;
        assert_string_equal(m->paths[i], expected->paths[i]);
        for (int d = 0; d < m->dim; d++) {
            double x = half(m->vectors[i * (size_t)m->dim + (size_t)d]);
            double y = half(expected->vectors[i * (size_t)m->dim + (size_t)d]);
            xy += x * y, xx += x * x, yy += y * y;
        }
        if (xy < 0.99999 * sqrt(xx * yy))
            fail_msg("%s: cosine %.6f to an undisturbed run's", m->paths[i], xy / sqrt(xx * yy));
    }
}

/* --- runs --------------------------------------------------------------------------------- */

struct run {
    pid_t pid;
    FILE *events;
};

static void start(struct run *run, char *const *argv)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, at(dir, "errors"),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    assert_int_equal(posix_spawn(&run->pid, fovea, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    run->events = fdopen(ends[0], "r");
    assert_non_null(run->events);
}

static void start_index(struct run *run, const char *into)
{
    char *argv[] = {(char *)"fovea",     (char *)"index",  pictures,
                    (char *)"--library", (char *)into,     (char *)"--model",
                    (char *)"demo",      (char *)"--json", NULL};
    start(run, argv);
}

/* The wait status. */
static int finish(struct run *run)
{
    int status;
    fclose(run->events);
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
    return status;
}

/* The path of a whole line that acknowledges a photo, in place, or NULL. Painted pictures have
 * names that JSON leaves as they are. */
static char *acknowledged(char *line, bool *known)
{
    static const char begin[] = "{\"event\":\"photo\",\"path\":\"";
    size_t size = strlen(line);
    if (size == 0 || line[size - 1] != '\n' || strncmp(line, begin, sizeof begin - 1) != 0)
        return NULL;
    char *path = line + sizeof begin - 1, *end = strchr(path, '"');
    assert_non_null(end);
    *end = '\0';
    *known = strncmp(end + 1, ",\"known\":true", 13) == 0;
    return path;
}

static void sleep_us(long us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

struct acknowledgements {
    char *paths[PICTURES * 2];
    size_t count;
};

/* One run on `library`, killed after `lines` event lines (-1: after none is waited for) and a
 * further moment. Every photo that it tells of as embedded must not have been in `before`. */
static bool run_and_kill(int lines, long us, const struct store_matrix *before,
                         struct acknowledgements *acks, struct totals *totals)
{
    struct run run;
    char line[LINE];
    long first = totals->acknowledged;
    start_index(&run, library);
    bool waiting = true;
    while (waiting || !feof(run.events)) {
        if (waiting && lines-- <= 0) {
            sleep_us(us);
            kill(run.pid, SIGKILL); /* it may have ended already */
            waiting = false;
        }
        if (!fgets(line, sizeof line, run.events)) {
            if (waiting) /* it came to its end */
                waiting = false;
            break;
        }
        bool known;
        char *path = acknowledged(line, &known);
        if (!path)
            continue;
        if (!known && holds(before, path))
            fail_msg("%s was embedded again", path);
        totals->acknowledged++;
        totals->embedded += !known;
        assert_true(acks->count < sizeof acks->paths / sizeof acks->paths[0]);
        acks->paths[acks->count++] = strdup(path);
    }
    int status = finish(&run);
    totals->runs++;
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    assert_true(killed || status == 0);
    totals->kills += killed;
    totals->while_starting += killed && totals->acknowledged == first;
    return killed;
}

static void prepare(void)
{
    struct run run;
    char count[16], line[LINE];
    snprintf(count, sizeof count, "%d", PICTURES);
    char *paint[] = {
        (char *)"fovea",      (char *)"demo", (char *)"--only-pictures", (char *)"--out", pictures,
        (char *)"--pictures", count,          (char *)"--side",          (char *)"48",    NULL};
    start(&run, paint);
    while (fgets(line, sizeof line, run.events))
        ;
    assert_int_equal(finish(&run), 0);
    start_index(&run, reference);
    while (fgets(line, sizeof line, run.events))
        ;
    assert_int_equal(finish(&run), 0);
}

static void begin_anew(struct acknowledgements *acks)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s%s", library, suffixes[i]);
        unlink(path);
    }
    while (acks->count > 0)
        free(acks->paths[--acks->count]);
}

static void test_killed_index(void **state)
{
    int kills = getenv("FOVEA_TEST_LONG") ? KILLS_LONG : KILLS_SHORT;
    static struct acknowledgements acks;
    struct totals totals = {0};
    struct store_matrix expected, before = {0}, after;
    random_start();
    prepare();
    load(reference, &expected);
    assert_true(expected.count > PICTURES * 9 / 10); /* some are copies of others */
    while (totals.kills < kills) {
        /* A third dies within its start, the others somewhere in the work or at its end. */
        int lines = random_below(3) == 0 ? 0 : 1 + (int)random_below(PICTURES / 3);
        long told = totals.acknowledged;
        bool killed = run_and_kill(lines, (long)random_below(lines == 0 ? 120000 : 8000), &before,
                                   &acks, &totals);
        if (access(library, F_OK) == 0) {
            assert_answers(library, "PRAGMA integrity_check", "ok");
            assert_answers(library, "PRAGMA foreign_key_check", NULL);
        }
        load(library, &after);
        for (size_t i = 0; i < before.count; i++)
            assert_true(holds(&after, before.paths[i]));
        struct err err;
        struct store *store;
        if (acks.count > 0) {
            assert_ok(store_open(&store, library, STORE_READ, &err));
            for (size_t i = 0; i < acks.count; i++) {
                int64_t id;
                assert_ok(store_photo_find(store, acks.paths[i], &id, &err));
            }
            store_close(store);
        }
        long grown = (long)(after.count - before.count), said = totals.acknowledged - told;
        totals.untold += grown > said ? grown - said : 0;
        store_matrix_free(&before);
        before = after;
        if (!killed) {
            assert_same(&after, &expected);
            begin_anew(&acks);
            store_matrix_free(&before);
            totals.cycles++;
        }
    }
    /* And the last one is finished. */
    while (run_and_kill(1 << 30, 0, &before, &acks, &totals))
        ;
    load(library, &after);
    assert_same(&after, &expected);
    store_matrix_free(&after);
    store_matrix_free(&before);
    store_matrix_free(&expected);
    begin_anew(&acks);
    print_message(
        "%d kills (%d before a run's first photo) in %d runs, %d libraries finished; %ld "
        "photos acknowledged, %ld of them embedded, at least %ld committed and not told\n",
        totals.kills, totals.while_starting, totals.runs, totals.cycles + 1, totals.acknowledged,
        totals.embedded, totals.untold);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    fovea = argv[1];
    dir = scratch_make();
    snprintf(pictures, sizeof pictures, "%s", at(dir, "pictures"));
    snprintf(library, sizeof library, "%s", at(dir, "library.fovea"));
    snprintf(reference, sizeof reference, "%s", at(dir, "reference.fovea"));
    setenv("XDG_CACHE_HOME", at(dir, "cache"), 1);
    setenv("XDG_DATA_HOME", at(dir, "data"), 1);
    setenv("HF_HUB_OFFLINE", "1", 1);
    unsetenv("FOVEA_LIBRARY");
    unsetenv("FOVEA_MODEL");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_index)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(dir);
    return failed;
}
