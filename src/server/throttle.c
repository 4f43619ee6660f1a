/* SPDX-License-Identifier: MIT
 *
 * See throttle.h. The table is searched from end to end: it is small, and only tokens cause it.
 */
#include "server/throttle.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

void throttle_open(struct throttle *t)
{
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
}

void throttle_close(struct throttle *t)
{
    pthread_mutex_destroy(&t->lock);
}

struct peer throttle_peer(const struct sockaddr *address)
{
    struct peer peer = {{0}};
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        peer.bytes[0] = 4;
        memcpy(peer.bytes + 12, &v4->sin_addr, 4);
    } else if (address && address->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        const bool mapped = IN6_IS_ADDR_V4MAPPED(v6);
        peer.bytes[0] = mapped ? 4 : 6;
        if (mapped)
            memcpy(peer.bytes + 12, v6->s6_addr + 12, 4);
        else
            memcpy(peer.bytes + 8, v6->s6_addr, 8);
    }
    return peer;
}

static bool is_stale(const struct throttled *e, double now_s)
{
    return e->wrong == 0 || now_s - e->last_s > THROTTLE_FORGET_S;
}

/* Its own entry, a free one (which *is_new), or that of all others. */
static struct throttled *find(struct throttle *t, const struct peer *peer, double now_s,
                              bool *is_new)
{
    struct throttled *free_one = NULL;
    *is_new = false;
    for (size_t i = 0; i < THROTTLE_ADDRESSES; i++) {
        struct throttled *e = &t->table[i];
        if (is_stale(e, now_s))
            free_one = e;
        else if (memcmp(&e->peer, peer, sizeof *peer) == 0)
            return e;
    }
    if (is_stale(&t->others, now_s))
        t->others.wrong = 0;
    *is_new = free_one != NULL;
    return free_one ? free_one : &t->others;
}

static void note_wrong(struct throttled *e, double now_s)
{
    double pause_s = 0;
    e->wrong++;
    e->last_s = now_s;
    if (e->wrong > THROTTLE_FREE) {
        const int doublings = e->wrong - THROTTLE_FREE - 1;
        pause_s = doublings < 6 ? (double)(1 << doublings) : THROTTLE_PAUSE_MAX_S;
    }
    e->until_s = now_s + pause_s;
    if (e->wrong > 1000)
        e->wrong = 1000;
}

double throttle_try(struct throttle *t, const struct peer *peer, double now_s,
                    bool (*right)(const void *context), const void *context, bool *was_right)
{
    bool is_new;
    *was_right = false;
    pthread_mutex_lock(&t->lock);
    struct throttled *e = find(t, peer, now_s, &is_new);
    const double wait_s = !is_new && e->wrong > 0 && e->until_s > now_s ? e->until_s - now_s : 0;
    if (wait_s == 0) {
        *was_right = right(context);
        if (!*was_right) {
            if (is_new)
                *e = (struct throttled){.peer = *peer};
            note_wrong(e, now_s);
        } else if (!is_new && e != &t->others) {
            e->wrong = 0;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return wait_s;
}
