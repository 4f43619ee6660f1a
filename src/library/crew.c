/* SPDX-License-Identifier: MIT
 *
 * See crew.h.
 */
#include "library/crew.h"

#include "base/clock.h"

#include <pthread.h>

struct hand {
    void (*work)(void *context, int worker);
    void *context;
    int worker;
    pthread_t thread;
};

static void *hand_main(void *arg)
{
    struct hand *hand = arg;
    hand->work(hand->context, hand->worker);
    return NULL;
}

enum status crew_run(int threads, void (*work)(void *context, int worker), void *context,
                     double *seconds, struct err *err)
{
    struct hand hands[CREW_MAX];
    int wanted = threads < CREW_MAX ? threads : CREW_MAX, started = 0;
    double start = clock_seconds();
    for (; started < wanted; started++) {
        hands[started] = (struct hand){.work = work, .context = context, .worker = started};
        if (pthread_create(&hands[started].thread, NULL, hand_main, &hands[started]) != 0)
            break;
    }
    for (int i = 0; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    *seconds = clock_seconds() - start;
    return started == wanted ? OK : err_set(err, ERR_INTERNAL, "cannot start %d threads", wanted);
}
