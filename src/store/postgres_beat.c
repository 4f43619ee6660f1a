/* SPDX-License-Identifier: MIT
 *
 * An indexer's heartbeat, and who has none any more (postgres_claims.c).
 *
 * A step of an index run may take longer than the others would wait for a sign of life: a huge
 * picture, a slow disk, a model that is loaded. So the sign is given by a thread, on a connection
 * of its own (libpq's are one thread's), for as long as the process lives and is joined. It writes
 * when it was last there and how far the run is, and which session it has, so that the others see
 * at once when that is gone; then it removes the dead.
 *
 * It never makes the row: one that is missing was removed by somebody who took this indexer for
 * dead (a machine that slept), and the run itself has to learn that its claims are gone.
 *
 * Where the thread gets no connection (a role may have few), the run gives the sign itself, as
 * often as it tells how far it is.
 *
 * When the server is away, it tries to connect again every second; it never waits for a lock for
 * longer than two, so that a run ends when it is told to.
 */
#include "store/postgres.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_SECONDS 5.0
#define RETRY_SECONDS 1.0

struct postgres_beat {
    struct postgres_store hand; /* the thread's own; URL and schema are the indexer's */
    int64_t indexer_id;
    double lease;
    pthread_t thread;
    pthread_cond_t wake;
    pthread_mutex_t lock; /* guards what follows */
    bool stop;
    double heard; /* the last beat, on clock_seconds() */
    struct store_progress progress;
};

double postgres_lease(void)
{
    const char *said = getenv("FOVEA_POSTGRES_LEASE");
    double seconds = said ? atof(said) : 0;
    return seconds > 0 && seconds < STORE_LEASE_SECONDS ? seconds : STORE_LEASE_SECONDS;
}

double postgres_grace(void)
{
    double lease = postgres_lease();
    return lease < STORE_GRACE_SECONDS ? lease : STORE_GRACE_SECONDS;
}

enum status postgres_reap(struct postgres_store *s, int64_t but, struct err *err)
{
    struct pg q = pg_start(s, PG_INDEXER_REAP,
                           "DELETE FROM indexers WHERE id IN (SELECT id FROM indexers"
                           "  WHERE id <> $3 AND NOT " POSTGRES_ALIVE " FOR UPDATE SKIP LOCKED)");
    pg_real(&q, postgres_lease());
    pg_real(&q, postgres_grace());
    pg_int(&q, but);
    return pg_run(&q, err);
}

/* --- one beat ----------------------------------------------------------------------------- */

static enum status write_beat(struct postgres_store *s, int64_t id, const struct store_progress *so,
                              struct err *err)
{
    struct pg q =
        pg_start(s, PG_INDEXER_BEAT,
                 "UPDATE indexers SET seen_at = clock_timestamp(),"
                 "  backend_pid = pg_backend_pid(), backend_start = (SELECT a.backend_start"
                 "   FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()),"
                 "  found = $2, todo = $3, done = $4, failed = $5 WHERE id = $1");
    pg_int(&q, id);
    pg_int(&q, so->found);
    pg_int(&q, so->todo);
    pg_int(&q, so->done);
    pg_int(&q, so->failed);
    return pg_run(&q, err);
}

static enum status beat(struct postgres_store *s, int64_t id, const struct store_progress *progress,
                        struct err *err)
{
    enum status status = pg_begin_quiet_write(s, err);
    if (status != OK)
        return status;
    status = pg_exec(s, "SET LOCAL lock_timeout = '2s'", err);
    if (status == OK)
        status = write_beat(s, id, progress, err);
    if (status == OK)
        status = postgres_reap(s, id, err);
    return pg_finish(s, status, err);
}

static bool beat_once(struct postgres_store *s, int64_t id, const struct store_progress *progress)
{
    struct pg_tries tries = {0};
    struct err ignored; /* the run itself meets the same */
    enum status status;
    do
        status = beat(s, id, progress, &ignored);
    while (pg_again(s, &tries, &status, &ignored));
    return status == OK;
}

/* --- the thread --------------------------------------------------------------------------- */

/* With the lock held. */
static void wait_a_while(struct postgres_beat *b, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    while (!b->stop && pthread_cond_timedwait(&b->wake, &b->lock, &until) == 0)
        ;
}

static void *run(void *context)
{
    struct postgres_beat *b = context;
    const double most = b->lease / 4;
    pthread_mutex_lock(&b->lock);
    while (!b->stop) {
        const struct store_progress progress = b->progress;
        pthread_mutex_unlock(&b->lock);
        bool done = beat_once(&b->hand, b->indexer_id, &progress);
        double pause = done ? BEAT_SECONDS : RETRY_SECONDS;
        pthread_mutex_lock(&b->lock);
        if (done)
            b->heard = clock_seconds();
        wait_a_while(b, pause < most ? pause : most);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void free_beat(struct postgres_beat *b)
{
    postgres_disconnect(&b->hand);
    free(b->hand.label);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* Signals are the program's, which waits for them in threads of its own. */
static int start_thread(struct postgres_beat *b)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&b->thread, NULL, run, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

enum status postgres_beat_start(struct postgres_store *s, struct err *err)
{
    struct postgres_beat *b = calloc(1, sizeof *b);
    if (!b)
        return err_no_memory(err, "the indexer's heartbeat", sizeof *b);
    b->hand.base = (struct store){.ops = s->base.ops, .mode = s->base.mode};
    b->hand.options = s->options;
    b->hand.schema = s->schema;
    b->hand.label = strdup(s->label);
    b->hand.patience = RETRY_SECONDS / 2;
    b->indexer_id = s->indexer_id;
    b->lease = postgres_lease();
    b->heard = clock_seconds();
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&b->lock, NULL);
    int code = b->hand.label ? start_thread(b) : ENOMEM;
    if (code != 0) {
        free_beat(b);
        return err_errno(err, code, "cannot start the indexer's heartbeat");
    }
    s->beat = b;
    return OK;
}

void postgres_beat_tell(struct postgres_store *s, const struct store_progress *progress)
{
    struct postgres_beat *b = s->beat;
    double now = clock_seconds();
    pthread_mutex_lock(&b->lock);
    b->progress = *progress;
    bool silent = now - b->heard > b->lease / 4;
    if (silent)
        b->heard = now;
    pthread_mutex_unlock(&b->lock);
    if (silent)
        (void)beat_once(s, b->indexer_id, progress);
}

void postgres_beat_stop(struct postgres_store *s)
{
    struct postgres_beat *b = s->beat;
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    free_beat(b);
    s->beat = NULL;
}
