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
        cmocka_unit_test(test_comes_and_goes),
    };
    return cmocka_run_group_tests_name("team", tests, NULL, NULL);
}
