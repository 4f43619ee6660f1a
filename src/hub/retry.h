/* SPDX-License-Identifier: MIT
 *
 * When a request that failed is made again, and after how long: what a network does by itself (a
 * cut connection, a server that is busy) is tried again with a pause that doubles, or that the
 * server asked for; what somebody has to do something about (a wrong name, no access) is not.
 */
#ifndef FOVEA_HUB_RETRY_H
#define FOVEA_HUB_RETRY_H

#include "hub/http.h"

struct retry_limits {
    struct http_limits http;
    int tries;           /* in a row without progress */
    double first_wait_s; /* doubles with each failure in a row */
    double max_wait_s;
    double max_retry_after_s; /* a server that asks for more is not waited for */
    double hurry;             /* factor on every pause; 1 except in tests */
    int64_t progress_bytes;   /* so many new bytes are progress: the count of tries begins anew */
};

/* The limits of everyday use. FOVEA_HUB_HURRY (for tests) shortens the pauses. */
void retry_limits_default(struct retry_limits *);

struct retry {
    const struct retry_limits *limits;
    void (*note)(void *context, const char *text); /* "… trying again in 4 s"; NULL: nobody */
    void *context;
    int failures; /* in a row */
    bool reached; /* some server has answered: a later loss of the network may pass */
};

/* Whether a request that ended so may go better another time. */
bool retry_may_help(const struct retry *, const struct http_answer *, enum http_failure);

/* After a request. OK: the pause is over, make it again. Anything else: give up; the status is that
 * of *err. progressed: bytes received by this attempt. For a code that is no success, *err must
 * already say so. */
MUST_USE enum status retry_after(struct retry *, const struct http_answer *, enum http_failure,
                                 int64_t progressed, struct err *err);

#endif
