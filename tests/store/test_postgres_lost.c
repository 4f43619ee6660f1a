/* SPDX-License-Identifier: MIT
 *
 * Connections that are lost in the middle of a batch lose nothing and duplicate nothing: each batch
 * raises the library's revision by one, so a batch that was recorded twice, or not, shows.
 *
 * A proxy on a socket of its own stands between the store and the server. It is told at which
 * message of the store's to cut, and whether the message still arrives (then the server's answer is
 * what is lost: the COMMIT has happened, and the store cannot know).
 *
 * Needs a server's URL in $FOVEA_TEST_POSTGRES (cluster.sh run).
 */
#include "fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --- the proxy ---------------------------------------------------------------------------- */

enum cut { CUT_NEVER, CUT_BEFORE, CUT_AFTER }; /* the message arrives */

struct proxy {
    char server[108], listens[108]; /* sockets */
    int listener;
    pthread_t thread;
    atomic_bool stop;
    _Atomic enum cut cut;
    const char *_Atomic word; /* in the message at which to cut; NULL: any */
    atomic_int after;         /* so many messages with the word pass first */
    atomic_int cuts;          /* that were made */
};

static int socket_to(const char *path, bool listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const struct sockaddr *to = (const struct sockaddr *)(const void *)&address;
    if (listens ? bind(fd, to, sizeof address) != 0 || listen(fd, 8) != 0
                : connect(fd, to, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const char *bytes, ssize_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, (size_t)size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= sent;
    }
    return true;
}

static bool is_to_be_cut(struct proxy *p, const char *bytes, ssize_t size)
{
    const char *word = p->word;
    if (p->cut == CUT_NEVER || (word && !memmem(bytes, (size_t)size, word, strlen(word))))
        return false;
    return atomic_fetch_sub(&p->after, 1) <= 0;
}

/* From one end to the other, once; false: it is over. */
static bool pass(struct proxy *p, int from, int to, bool of_store)
{
    static char bytes[1 << 16]; /* of the one thread */
    ssize_t size = recv(from, bytes, sizeof bytes, 0);
    if (size <= 0)
        return false;
    if (!of_store || !is_to_be_cut(p, bytes, size))
        return send_all(to, bytes, size);
    if (p->cut == CUT_AFTER && send_all(to, bytes, size)) {
        struct pollfd answer = {to, POLLIN, 0};
        poll(&answer, 1, 10000); /* it has been done; nobody reads it */
    }
    p->cut = CUT_NEVER;
    p->cuts++;
    return false;
}

static void serve(struct proxy *p, int store)
{
    int server = socket_to(p->server, false);
    bool goes_on = server >= 0;
    while (goes_on && !p->stop) {
        struct pollfd ends[] = {{store, POLLIN, 0}, {server, POLLIN, 0}};
        if (poll(ends, 2, 100) <= 0)
            continue;
        if (ends[0].revents)
            goes_on = pass(p, store, server, true);
        if (goes_on && ends[1].revents)
            goes_on = pass(p, server, store, false);
    }
    close(store);
    if (server >= 0)
        close(server);
}

static void *run_proxy(void *context)
{
    struct proxy *p = context;
    while (!p->stop) {
        struct pollfd one = {p->listener, POLLIN, 0};
        if (poll(&one, 1, 100) <= 0)
            continue;
        int store = accept(p->listener, NULL, NULL);
        if (store >= 0)
            serve(p, store); /* one at a time: the store has one connection */
    }
    return NULL;
}

/* --- the tests ---------------------------------------------------------------------------- */

struct lost {
    char *dir;
    struct proxy proxy;
    struct store *store;
    int64_t model;
};

static int setup(void **state)
{
    static int number;
    struct err err;
    const char *url = getenv("FOVEA_TEST_POSTGRES"), *host = strstr(url, "host=");
    struct lost *l = calloc(1, sizeof *l);
    assert_non_null(l);
    assert_non_null(host);
    int length = (int)strcspn(host + 5, "&");
    l->dir = scratch_make();
    struct proxy *p = &l->proxy;
    snprintf(p->server, sizeof p->server, "%.*s/.s.PGSQL.5432", length, host + 5);
    snprintf(p->listens, sizeof p->listens, "%s/.s.PGSQL.5432", l->dir);
    p->listener = socket_to(p->listens, true);
    assert_true(p->listener >= 0);
    assert_int_equal(pthread_create(&p->thread, NULL, run_proxy, p), 0);
    char through[1024];
    snprintf(through, sizeof through, "%.*shost=%s%s&schema=lost_%ld_%d", (int)(host - url), url,
             l->dir, host + 5 + length, (long)getpid(), ++number);
    assert_ok(store_open(&l->store, through, STORE_WRITE, &err));
    assert_ok(store_model_use(l->store, "ViT-T/test", "f00d", DIM, &l->model, &err));
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    struct lost *l = *state;
    store_close(l->store);
    l->proxy.stop = true;
    pthread_join(l->proxy.thread, NULL);
    close(l->proxy.listener);
    scratch_remove(l->dir);
    free(l);
    return 0;
}

static int64_t revision_of(struct store *store)
{
    struct err err;
    int64_t revision;
    assert_ok(store_revision(store, &revision, &err));
    return revision;
}

enum { BATCH = 8 };

static void put_batch(struct lost *l, int batch)
{
    struct err err;
    char paths[BATCH][32];
    uint16_t v[BATCH][DIM];
    struct store_result results[BATCH];
    for (int i = 0; i < BATCH; i++) {
        snprintf(paths[i], sizeof paths[i], "/p/%06d", batch * BATCH + i);
        results[i] = result_of(paths[i], batch * BATCH + i, v[i]);
    }
    assert_ok(store_put_results(l->store, l->model, results, BATCH, &err));
}

static void check_batches(struct lost *l, int batches)
{
    struct err err;
    struct store_matrix m;
    assert_ok(store_matrix_load(l->store, l->model, &m, &err));
    assert_int_equal(m.count, batches * BATCH);
    for (int i = 0; i < batches * BATCH; i++) {
        uint16_t expected[DIM];
        content_vector(i, DIM, expected);
        assert_memory_equal(m.vectors + (size_t)i * DIM, expected, sizeof expected);
    }
    store_matrix_free(&m);
}

static void cut_at(struct proxy *p, enum cut cut, const char *word, int after)
{
    p->word = word;
    p->after = after;
    p->cut = cut;
}

/* With the last byte of its length before it: BEGIN names the isolation level READ COMMITTED. */
#define THE_COMMIT                                                                                 \
    "\x0b"                                                                                         \
    "COMMIT"

/* At the COMMIT, whose answer is lost in two ways: it was done, or it never arrived. */
static void test_commit_without_an_answer(void **state)
{
    struct lost *l = *state;
    enum { BATCHES = 12 };
    int64_t before = revision_of(l->store);
    for (int i = 0; i < BATCHES; i++) {
        cut_at(&l->proxy, i % 2 ? CUT_BEFORE : CUT_AFTER, THE_COMMIT, 0);
        put_batch(l, i);
        assert_true(revision_of(l->store) == before + i + 1);
    }
    assert_int_equal(l->proxy.cuts, BATCHES);
    check_batches(l, BATCHES);
}

/* At each message of a batch in turn. */
static void test_every_message(void **state)
{
    struct lost *l = *state;
    int64_t before = revision_of(l->store);
    int batches = 0;
    for (int at = 0; l->proxy.cuts == batches; at++) {
        cut_at(&l->proxy, at % 2 ? CUT_BEFORE : CUT_AFTER, NULL, at);
        put_batch(l, batches++);
        l->proxy.cut = CUT_NEVER;
        assert_true(revision_of(l->store) == before + batches);
        assert_true(at < 1000);
    }
    assert_true(l->proxy.cuts > 8); /* a batch has more messages than that */
    check_batches(l, batches);
}

/* Reading goes on as well, and visits each path once. */
static enum status count_path(void *context, const struct store_known *known, struct err *err)
{
    int *count = context;
    char expected[32];
    snprintf(expected, sizeof expected, "/p/%06d", (*count)++);
    assert_string_equal(known->path, expected);
    return OK;
}

static void test_reading(void **state)
{
    struct lost *l = *state;
    enum { BATCHES = 20 };
    for (int i = 0; i < BATCHES; i++)
        put_batch(l, i);
    for (int at = 0; at < 8; at++) {
        struct err err;
        int count = 0;
        cut_at(&l->proxy, at % 2 ? CUT_BEFORE : CUT_AFTER, NULL, at);
        check_batches(l, BATCHES);
        assert_ok(store_known_visit(l->store, l->model, "", count_path, &count, &err));
        assert_int_equal(count, BATCHES * BATCH);
    }
}

/* What is held for reading cannot go on: that is said, and after the end all is well again. */
static void test_held(void **state)
{
    struct lost *l = *state;
    struct err err;
    struct store_matrix m;
    int64_t revision;
    put_batch(l, 0);
    assert_ok(store_read_begin(l->store, &err));
    cut_at(&l->proxy, CUT_BEFORE, NULL, 0);
    assert_fails(store_revision(l->store, &revision, &err), ERR_IO, "lost");
    assert_fails(store_matrix_load(l->store, l->model, &m, &err), ERR_IO, "lost");
    store_read_end(l->store);
    check_batches(l, 1);
}

/* The right to index is held on the new connection as on the old one. */
static void test_index_lock(void **state)
{
    struct lost *l = *state;
    struct err err;
    assert_ok(store_index_lock(l->store, &err));
    cut_at(&l->proxy, CUT_BEFORE, NULL, 1);
    put_batch(l, 0);
    assert_int_equal(l->proxy.cuts, 1);
    assert_true(store_is_indexing(l->store));
    store_index_unlock(l->store);
    assert_false(store_is_indexing(l->store));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    if (!getenv("FOVEA_TEST_POSTGRES")) {
        printf("skipped: $FOVEA_TEST_POSTGRES names no server\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(test_commit_without_an_answer),
        TEST(test_every_message),
        TEST(test_reading),
        TEST(test_held),
        TEST(test_index_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
