/* SPDX-License-Identifier: MIT
 *
 * Several indexers of one library (store_claims.h), as stores of one process, and as processes that
 * are stopped. A lease of one second stands for the two minutes of a library in use: whatever takes
 * longer here stands for a step that takes longer there.
 *
 * Needs a server's URL in $FOVEA_TEST_POSTGRES (cluster.sh run).
 */
#include "fixture.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASE "1"
enum { LEASE_MS = 1000, FILES = 6 };

static const char *const files[FILES] = {"/p/0", "/p/1", "/p/2", "/p/3", "/p/4", "/p/5"};

struct two {
    char location[1024];
    struct store *a, *b;
    int64_t model;
};

static void sleep_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

static int setup(void **state)
{
    static int number;
    struct err err;
    struct two *t = calloc(1, sizeof *t);
    assert_non_null(t);
    snprintf(t->location, sizeof t->location, "%s&schema=claims_%ld_%d",
             getenv("FOVEA_TEST_POSTGRES"), (long)getpid(), ++number);
    assert_ok(store_open(&t->a, t->location, STORE_WRITE, &err));
    assert_ok(store_open(&t->b, t->location, STORE_WRITE, &err));
    assert_ok(store_model_use(t->a, "ViT-T/test", "f00d", DIM, &t->model, &err));
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct two *t = *state;
    store_close(t->a);
    store_close(t->b);
    free(t);
    return 0;
}

static void join(struct store *store, struct two *t)
{
    struct err err;
    assert_ok(store_index_join(store, &err));
    assert_ok(store_claims_offer(store, t->model, files, FILES, &err));
}

/* How many of the files from `from` on are what they are expected to be, after taking `most`. */
static int take(struct store *store, struct two *t, int from, size_t most, enum claim expected)
{
    struct err err;
    enum claim claims[FILES];
    int n = 0;
    assert_ok(store_claims_take(store, t->model, files + from, (size_t)(FILES - from), most, claims,
                                &err));
    for (int i = 0; i < FILES - from; i++)
        n += claims[i] == expected;
    return n;
}

static bool has(struct store *store, int64_t model, int content)
{
    struct err err;
    bool answer;
    struct photo_hash hash = content_hash(content);
    assert_ok(store_has_embedding(store, model, &hash, &answer, &err));
    return answer;
}

/* --- who is alive ------------------------------------------------------------------------- */

static void test_slow_steps_keep_their_claims(void **state)
{
    struct two *t = *state;
    struct err err;
    join(t->a, t);
    assert_int_equal(take(t->a, t, 0, 2, CLAIM_MINE), 2);
    const struct store_progress progress = {.found = 40, .todo = FILES, .done = 3, .failed = 1};
    store_claims_progress(t->a, &progress);
    sleep_ms(LEASE_MS * 5 / 2); /* a asks nothing of its store */
    join(t->b, t);              /* removes the dead, and what they have left */
    assert_int_equal(take(t->b, t, 0, FILES, CLAIM_TAKEN), 2);
    struct store_indexer *list;
    size_t count;
    assert_ok(store_indexers(t->b, &list, &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(list[0].pid, getpid());
    assert_int_equal(list[0].in_hand, 2);
    assert_int_equal(list[1].in_hand, FILES - 2);
    assert_true(list[0].silent_s >= 0 && list[0].silent_s < LEASE_MS * 1e-3);
    assert_memory_equal(&list[0].so_far, &progress, sizeof progress);
    free(list);
    assert_int_equal(take(t->a, t, 2, 1, CLAIM_TAKEN), FILES - 2);
    store_index_unlock(t->b);
    assert_int_equal(take(t->a, t, 2, FILES, CLAIM_MINE), FILES - 2);
}

/* Started as "sleeper LOCATION MODEL": says a byte when it has claimed two files, and after it was
 * stopped and continued, that it was told. */
static int sleeper(const char *location, int64_t model)
{
    struct store *store;
    struct err err;
    enum claim claims[FILES];
    char byte;
    int code = 1;
    if (store_open(&store, location, STORE_WRITE, &err) != OK ||
        store_index_join(store, &err) != OK ||
        store_claims_offer(store, model, files, FILES, &err) != OK ||
        store_claims_take(store, model, files, FILES, 2, claims, &err) != OK)
        goto out;
    code = claims[0] == CLAIM_MINE && claims[1] == CLAIM_MINE && claims[2] == CLAIM_FREE ? 0 : 2;
    if (code != 0 || write(1, "c", 1) != 1 || read(0, &byte, 1) != 1)
        goto out;
    code = 3; /* the others have cleared what was offered: nothing of it may count as done */
    if (store_claims_take(store, model, files + 2, FILES - 2, 1, claims, &err) != OK)
        goto out;
    for (int i = 0; i < FILES - 2; i++)
        if (claims[i] != CLAIM_LOST)
            goto out;
    code = 4;
    if (store_claims_offer(store, model, files + 2, FILES - 2, &err) != OK ||
        store_claims_take(store, model, files + 2, FILES - 2, FILES, claims, &err) != OK)
        goto out;
    code = claims[0] == CLAIM_TAKEN && claims[1] == CLAIM_MINE ? 0 : 5;
out:
    if (code != 0)
        fprintf(stderr, "sleeper: %d: %s\n", code, err.text);
    store_close(store);
    return code;
}

struct child {
    pid_t pid;
    int to, from;
};

static struct child start_sleeper(const struct two *t)
{
    char model[24];
    int to[2], from[2];
    struct child child;
    snprintf(model, sizeof model, "%lld", (long long)t->model);
    char *argv[] = {(char *)"self", (char *)"sleeper", (char *)t->location, model, NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    assert_int_equal(posix_spawn(&child.pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    child.to = to[1];
    child.from = from[0];
    return child;
}

/* A machine that was asleep for longer than the lease: others have its files, and it learns that.
 */
static void test_a_sleeper_learns_that_it_was_taken_for_dead(void **state)
{
    struct two *t = *state;
    char byte;
    int status;
    struct child child = start_sleeper(t);
    assert_int_equal(read(child.from, &byte, 1), 1);
    kill(child.pid, SIGSTOP);
    join(t->a, t);
    assert_int_equal(take(t->a, t, 0, 0, CLAIM_TAKEN), 2);
    sleep_ms(LEASE_MS * 3 / 2);
    assert_int_equal(take(t->a, t, 0, 3, CLAIM_MINE), 3); /* its heartbeat has removed the dead */
    kill(child.pid, SIGCONT);
    assert_int_equal(write(child.to, "g", 1), 1);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(child.to);
    close(child.from);
}

/* A role that may have one connection: the run says itself that it is alive. */
static void test_without_a_second_connection(void **state)
{
    struct two *t = *state;
    struct err err;
    struct store *narrow;
    char command[2048], location[2048];
    const char *schema = strstr(t->location, "schema=") + 7;
    snprintf(
        command, sizeof command,
        "psql -XAtq -v ON_ERROR_STOP=1 -d '%s' -c 'CREATE ROLE narrow LOGIN CONNECTION LIMIT 1'"
        " -c 'GRANT ALL ON SCHEMA %s TO narrow' -c 'GRANT ALL ON ALL TABLES IN SCHEMA %s TO"
        " narrow' -c 'GRANT ALL ON ALL SEQUENCES IN SCHEMA %s TO narrow'",
        getenv("FOVEA_TEST_POSTGRES"), schema, schema, schema);
    assert_int_equal(system(command), 0);
    snprintf(location, sizeof location, "%s&user=narrow", t->location);
    assert_ok(store_open(&narrow, location, STORE_WRITE, &err));
    join(narrow, t);
    assert_int_equal(take(narrow, t, 0, 2, CLAIM_MINE), 2);
    for (int i = 0; i < 10; i++) {
        const struct store_progress progress = {.done = i};
        sleep_ms(LEASE_MS / 4);
        store_claims_progress(narrow, &progress);
    }
    join(t->b, t);
    assert_int_equal(take(t->b, t, 0, 0, CLAIM_TAKEN), 2);
    store_close(narrow);
}

/* --- what others count on ----------------------------------------------------------------- */

static void test_sweep_beside_another(void **state)
{
    struct two *t = *state;
    struct err err;
    uint16_t v[DIM];
    char *path = (char *)files[0];
    put(t->a, t->model, result_of(files[0], 0, v));
    join(t->a, t);
    join(t->b, t);
    put(t->b, t->model, result_of(files[1], 1, v));
    assert_ok(store_forget_paths(t->a, &path, 1, &err));
    assert_ok(store_sweep(t->a, &err));
    assert_true(has(t->b, t->model, 0)); /* who was told so may count on it */
    put(t->b, t->model, result_of(files[2], 0, NULL));
    put(t->b, t->model, result_of(files[2], 2, v)); /* and goes again */
    store_index_unlock(t->a);
    assert_true(has(t->b, t->model, 0));
    assert_ok(store_sweep(t->b, &err)); /* the last one */
    assert_false(has(t->b, t->model, 0));
    assert_true(has(t->b, t->model, 1));
    assert_true(has(t->b, t->model, 2));
}

/* More than go in one transaction. */
static void test_sweep_of_many(void **state)
{
    struct two *t = *state;
    struct err err;
    enum { MANY = 2500, BATCH = 250 };
    static char names[MANY][16];
    static uint16_t vectors[BATCH][DIM];
    static char *paths[MANY];
    for (int i = 0; i < MANY; i += BATCH) {
        struct store_result results[BATCH];
        for (int k = 0; k < BATCH; k++) {
            snprintf(names[i + k], sizeof names[0], "/m/%06d", i + k);
            paths[i + k] = names[i + k];
            results[k] = result_of(names[i + k], i + k, vectors[k]);
        }
        assert_ok(store_put_results(t->a, t->model, results, BATCH, &err));
    }
    assert_ok(store_index_join(t->a, &err));
    assert_ok(store_forget_paths(t->a, paths, MANY, &err));
    struct store_matrix m;
    assert_ok(store_matrix_load(t->b, t->model, &m, &err));
    assert_int_equal(m.count, 0);
    store_matrix_free(&m);
    assert_true(has(t->b, t->model, 0) && has(t->b, t->model, MANY - 1));
    assert_ok(store_sweep(t->a, &err));
    for (int i = 0; i < MANY; i += 99)
        assert_false(has(t->b, t->model, i));
    assert_false(has(t->b, t->model, MANY - 1));
}

static bool knows(struct store *store, const char *path)
{
    struct err err;
    int64_t id;
    enum status status = store_photo_find(store, path, &id, &err);
    assert_true(status == OK || status == ERR_NOT_FOUND);
    return status == OK;
}

/* What a run finds to be gone may have come again since it looked. */
static void test_forgetting_what_another_has_recorded_since(void **state)
{
    struct two *t = *state;
    struct err err;
    uint16_t v[DIM];
    char *paths[] = {(char *)files[0], (char *)files[1]};
    put(t->b, t->model, result_of(files[1], 1, v));
    join(t->a, t);
    join(t->b, t);
    put(t->b, t->model, result_of(files[0], 0, v));
    assert_ok(store_forget_paths(t->a, paths, 2, &err));
    assert_true(knows(t->b, files[0]));
    assert_false(knows(t->b, files[1]));
    store_index_unlock(t->a);
    assert_ok(store_index_join(t->a, &err));
    assert_ok(store_forget_paths(t->a, paths, 2, &err));
    assert_false(knows(t->b, files[0]));
}

/* Who wants the library alone is told who is at it, and nobody joins meanwhile. */
static void test_alone(void **state)
{
    struct two *t = *state;
    struct err err;
    join(t->a, t);
    assert_fails(store_index_lock(t->b, &err), ERR_BUSY, "process");
    store_index_unlock(t->a);
    assert_ok(store_index_lock(t->b, &err));
    assert_fails(store_index_join(t->a, &err), ERR_BUSY, "process");
    store_index_unlock(t->b);
    join(t->a, t);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "sleeper") == 0)
        return sleeper(argv[2], atoll(argv[3]));
    if (!getenv("FOVEA_TEST_POSTGRES")) {
        printf("skipped: $FOVEA_TEST_POSTGRES names no server\n");
        return 77;
    }
    setenv("FOVEA_POSTGRES_LEASE", LEASE, 1);
    const struct CMUnitTest tests[] = {
        TEST(test_slow_steps_keep_their_claims),
        TEST(test_a_sleeper_learns_that_it_was_taken_for_dead),
        TEST(test_without_a_second_connection),
        TEST(test_sweep_beside_another),
        TEST(test_sweep_of_many),
        TEST(test_forgetting_what_another_has_recorded_since),
        TEST(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
