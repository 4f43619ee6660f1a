/* SPDX-License-Identifier: MIT
 *
 * A job is a function, its context and a count of items. `ticket` holds the job's number in its
 * high half and the next item in its low half; an item is taken by a compare-and-swap on both, so
 * that a thread that comes late, with an old job in hand, takes nothing of the new one. While the
 * job itself is exchanged the low half is CLOSED: a thread that has read the old ticket and then
 * something of the new job fails in its compare-and-swap. Whoever finishes an item counts it in
 * `finished`; the caller waits for the last of them and for no thread as such.
 *
 * Sleeping. A thread first says that it sleeps, then looks once more; a waker first changes what is
 * looked at, then looks for sleepers. Both in sequentially consistent order: one of them sees the
 * other.
 */
#include "base/team.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    SPINS = 1000,
    CLOSED = INT32_MAX, /* an item that no job has */
};

struct member {
    struct team *team;
    int lane;
    pthread_t thread;
};

struct team {
    int threads, started;
    _Atomic uint64_t ticket;
    _Atomic(void (*)(void *, int, int)) work;
    _Atomic(void *) context;
    atomic_int count, finished;

    pthread_mutex_t lock;
    pthread_cond_t has_job, is_done;
    atomic_int sleepers; /* members in has_job */
    atomic_bool waiting; /* the caller in is_done */
    bool stop;           /* guarded by lock */
    struct member members[];
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static uint32_t job_of(uint64_t ticket)
{
    return (uint32_t)(ticket >> 32);
}

/* Items of the job at hand, until there is none left. */
static void take_items(struct team *t, int lane)
{
    uint64_t ticket = atomic_load(&t->ticket);
    const uint32_t job = job_of(ticket);
    void (*work)(void *, int, int) = atomic_load(&t->work);
    void *context = atomic_load(&t->context);
    const int count = atomic_load(&t->count);
    while (job_of(ticket) == job && (int)(uint32_t)ticket < count) {
        if (!atomic_compare_exchange_weak(&t->ticket, &ticket, ticket + 1))
            continue; /* ticket has been read anew */
        work(context, (int)(uint32_t)ticket, lane);
        if (atomic_fetch_add(&t->finished, 1) + 1 == count && atomic_load(&t->waiting)) {
            pthread_mutex_lock(&t->lock);
            pthread_cond_signal(&t->is_done);
            pthread_mutex_unlock(&t->lock);
        }
        ticket = atomic_load(&t->ticket);
    }
}

/* Waits for another job than `job`; false at the end. */
static bool wait_for_job(struct team *t, uint32_t job)
{
    for (int i = 0; i < SPINS; i++) {
        if (job_of(atomic_load(&t->ticket)) != job)
            return true;
        relax();
    }
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->sleepers, 1);
    while (!t->stop && job_of(atomic_load(&t->ticket)) == job)
        pthread_cond_wait(&t->has_job, &t->lock);
    atomic_fetch_sub(&t->sleepers, 1);
    bool more = job_of(atomic_load(&t->ticket)) != job;
    pthread_mutex_unlock(&t->lock);
    return more;
}

static void *member_main(void *arg)
{
    const struct member *m = arg;
    struct team *t = m->team;
    uint32_t job = 0;
    while (wait_for_job(t, job)) {
        job = job_of(atomic_load(&t->ticket));
        take_items(t, m->lane);
    }
    return NULL;
}

enum status team_open(struct team **out, int threads, struct err *err)
{
    assert(threads > 0);
    size_t bytes = sizeof(struct team) + (size_t)threads * sizeof(struct member);
    struct team *t = calloc(1, bytes);
    *out = NULL;
    if (!t)
        return err_no_memory(err, "threads", bytes);
    t->threads = threads;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->has_job, NULL);
    pthread_cond_init(&t->is_done, NULL);
    for (int i = 1; i < threads; i++) {
        t->members[i] = (struct member){.team = t, .lane = i};
        int why = pthread_create(&t->members[i].thread, NULL, member_main, &t->members[i]);
        if (why != 0) {
            team_close(t);
            return err_errno(err, why, "cannot start a thread");
        }
        t->started++;
    }
    *out = t;
    return OK;
}

void team_close(struct team *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_broadcast(&t->has_job);
    pthread_mutex_unlock(&t->lock);
    for (int i = 1; i <= t->started; i++)
        pthread_join(t->members[i].thread, NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->has_job);
    pthread_cond_destroy(&t->is_done);
    free(t);
}

int team_threads(const struct team *t)
{
    return t->threads;
}

static void wait_for_items(struct team *t)
{
    const int count = atomic_load(&t->count);
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&t->finished) == count)
            return;
        relax();
    }
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->waiting, true);
    while (atomic_load(&t->finished) != count)
        pthread_cond_wait(&t->is_done, &t->lock);
    atomic_store(&t->waiting, false);
    pthread_mutex_unlock(&t->lock);
}

void team_run(struct team *t, int count, void (*work)(void *context, int item, int lane),
              void *context)
{
    if (t->threads == 1 || count <= 1) {
        for (int i = 0; i < count; i++)
            work(context, i, 0);
        return;
    }
    const uint32_t last = job_of(atomic_load(&t->ticket)), job = last + 1;
    atomic_store(&t->ticket, (uint64_t)last << 32 | CLOSED);
    atomic_store(&t->work, work);
    atomic_store(&t->context, context);
    atomic_store(&t->count, count);
    atomic_store(&t->finished, 0);
    atomic_store(&t->ticket, (uint64_t)(job ? job : 1) << 32);
    if (atomic_load(&t->sleepers) > 0) {
        pthread_mutex_lock(&t->lock);
        pthread_cond_broadcast(&t->has_job);
        pthread_mutex_unlock(&t->lock);
    }
    take_items(t, 0);
    wait_for_items(t);
}
