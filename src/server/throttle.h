/* SPDX-License-Identifier: MIT
 *
 * Slows whoever guesses tokens, by address. The first few wrong tokens of an address cost nothing
 * (people mistype); after that each costs a pause, twice as long as the last, up to a minute, in
 * which no token from there is looked at, right or wrong. Otherwise many guesses at once would all
 * be looked at. A right one, or a quarter of an hour, makes an address new again.
 *
 * The table is bounded. While it is full of addresses that have been guessing lately, those that
 * are not in it share one entry: a swarm slows itself, and cannot make the table forget.
 *
 * Any thread.
 */
#ifndef FOVEA_SERVER_THROTTLE_H
#define FOVEA_SERVER_THROTTLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IPv4 address, or the network (64 bits) of an IPv6 one: whoever has one address of it has all.
 */
struct peer {
    uint8_t bytes[16];
};

enum {
    THROTTLE_ADDRESSES = 256,
    THROTTLE_FREE = 5, /* wrong tokens without a pause */
    THROTTLE_PAUSE_MAX_S = 60,
    THROTTLE_FORGET_S = 15 * 60, /* since the last wrong one */
};

struct throttle {
    pthread_mutex_t lock;
    struct throttled {
        struct peer peer;
        int wrong; /* 0: this place is free */
        double last_s, until_s;
    } table[THROTTLE_ADDRESSES], others;
};

struct sockaddr;

void throttle_open(struct throttle *);
void throttle_close(struct throttle *);
struct peer throttle_peer(const struct sockaddr *); /* NULL, or a Unix socket: all zero */

/* Seconds until a token from there is looked at; 0: now. With 0, `right` is called with the context
 * under the lock, and what it says is taken into account and put into *was_right. */
double throttle_try(struct throttle *, const struct peer *, double now_s,
                    bool (*right)(const void *context), const void *context, bool *was_right);

#endif
