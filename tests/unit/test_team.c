/* SPDX-License-Identifier: MIT
 *
 * A team does every item once, on lanes that do not meet, job after job, with fast and slow items,
 * with more threads than cores, and with pauses that put its threads to sleep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/team.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* A sanitizer sees a race that did no harm, and needs no half a million of tries. */
#ifdef __has_feature
#define SANITIZED (__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
#else
#define SANITIZED 0
#endif
enum { ITEMS = 1000, LANES = 8 };

struct job {
    int times[ITEMS]; /* each written by whoever has the item, read when all are done */
    atomic_int in_lane[LANES], met;
    int slow; /* every that many items sleeps; 0: none */
};

static void work(void *context, int item, int lane)
{
    struct job *job = context;
    if (atomic_fetch_add(&job->in_lane[lane], 1) != 0)
        atomic_fetch_add(&job->met, 1);
    job->times[item]++;
    if (job->slow && item % job->slow == 0)
        usleep(100);
    atomic_fetch_sub(&job->in_lane[lane], 1);
}

static void run(struct team *team, int count, int slow)
{
    static struct job job;
    memset(job.times, 0, sizeof job.times);
    job.slow = slow;
    team_run(team, count, work, &job);
    assert_int_equal(job.met, 0);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(job.times[i], i < count);
}

static void test_items(void **state)
{
    static const int counts[] = {0, 1, 2, 3, 7, 8, 9, 100, ITEMS};
    for (int threads = 1; threads <= LANES; threads++) {
        struct team *team;
        struct err err;
        assert_int_equal(team_open(&team, threads, &err), OK);
        assert_int_equal(team_threads(team), threads);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            run(team, counts[i], 0);
            run(team, counts[i], 50);
        }
        team_close(team);
    }
    team_close(NULL);
}

static void test_many_jobs(void **state)
{
    struct team *team;
    struct err err;
    assert_int_equal(team_open(&team, 4, &err), OK);
    for (int i = 0; i < 3000; i++) {
        run(team, i % 13, 0);
        if (i % 100 == 0)
            usleep(3000); /* they fall asleep */
    }
    team_close(team);
}

struct small_job {
    int count;
    atomic_int times[32];
    atomic_int *wrong;
};

static void small_work(void *context, int item, int lane)
{
    struct small_job *job = context;
    if (item >= job->count || atomic_fetch_add(&job->times[item], 1) != 0)
        atomic_store(job->wrong, 1);
}

/* Jobs of other sizes one right after the other, two of them in turn: a thread that comes late to
 * one finds the next one in the making, and may take nothing of it. */
static void test_late_threads(void **state)
{
    enum { JOBS = SANITIZED ? 50000 : 500000 };
    for (int threads = 2; threads <= LANES; threads *= 2) {
        struct team *team;
        struct err err;
        atomic_int wrong = 0;
        struct small_job jobs[2] = {{.wrong = &wrong}, {.wrong = &wrong}};
        assert_int_equal(team_open(&team, threads, &err), OK);
        for (int i = 0; i < JOBS && !wrong; i++) {
            struct small_job *job = &jobs[i % 2];
            memset(job->times, 0, sizeof job->times);
            job->count = 2 + (int)(i * 7LL % 31);
            team_run(team, job->count, small_work, job);
        }
        team_close(team);
        assert_int_equal(wrong, 0);
    }
}

static void test_comes_and_goes(void **state)
{
    for (int i = 0; i < 200; i++) {
        struct team *team;
        struct err err;
        assert_int_equal(team_open(&team, 1 + i % 4, &err), OK);
        if (i % 3)
            run(team, i % 7, 0);
        team_close(team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_many_jobs),
        cmocka_unit_test(test_late_threads),
        cmocka_unit_test(test_comes_and_goes),
    };
    return cmocka_run_group_tests_name("team", tests, NULL, NULL);
}
