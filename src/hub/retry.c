/* SPDX-License-Identifier: MIT
 *
 * See retry.h.
 */
#include "hub/retry.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void retry_limits_default(struct retry_limits *limits)
{
    *limits = (struct retry_limits){
        .http = {.connect_ms = 30000, .low_speed_bytes = 1000, .low_speed_s = 30},
        .tries = 8,
        .first_wait_s = 1,
        .max_wait_s = 60,
        .max_retry_after_s = 600,
        .hurry = 1,
        .progress_bytes = 1 << 20,
    };
    const char *hurry = getenv("FOVEA_HUB_HURRY");
    double factor = hurry ? strtod(hurry, NULL) : 1;
    if (factor > 0 && factor < 1) {
        limits->hurry = factor;
        limits->http.low_speed_s = 3;
        limits->progress_bytes = 1;
    }
}

bool retry_may_help(const struct retry *r, const struct http_answer *answer,
                    enum http_failure failure)
{
    switch (failure) {
    case HTTP_FAILED_NOT:
        break;
    case HTTP_FAILED_BROKEN:
        return true;
    case HTTP_FAILED_RESOLVE:
    case HTTP_FAILED_CONNECT:
        return r->reached;
    default:
        return false;
    }
    switch (answer->code) {
    case 408: /* request timeout */
    case 416: /* the part that is here is longer than the file: it has been emptied */
    case 425: /* too early */
    case 429: /* too many requests */
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    case 403: /* of a CDN: the signed address has expired; the hub gives a new one */
        return answer->hops > 0;
    default:
        return false;
    }
}

static void sleep_for(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* Up to a quarter more, so that many clients that were cut off together do not return together. */
static double jitter(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return seconds * (1 + 0.25 * (double)(t.tv_nsec / 1000 % 1000) / 1000);
}

enum status retry_after(struct retry *r, const struct http_answer *answer,
                        enum http_failure failure, int64_t progressed, struct err *err)
{
    const struct retry_limits *limits = r->limits;
    bool passes = retry_may_help(r, answer, failure);
    if (failure == HTTP_FAILED_NOT || progressed > 0)
        r->reached = true;
    if (!passes)
        return err->status;
    r->failures = progressed >= limits->progress_bytes ? 1 : r->failures + 1;
    if (r->failures >= limits->tries)
        return err_set(err, err->status, "%.900s; gave up after %d tries", err->text,
                       limits->tries);
    double wait = jitter(limits->first_wait_s * ldexp(1, r->failures - 1));
    if (wait > limits->max_wait_s)
        wait = limits->max_wait_s;
    double asked = failure == HTTP_FAILED_NOT ? (double)answer->retry_after_s : 0;
    if (asked > limits->max_retry_after_s)
        return err_set(err, err->status, "%.900s; it asks to come back in %.0f minutes", err->text,
                       ceil(asked / 60));
    if (asked > wait)
        wait = asked;
    if (r->note) {
        char text[ERR_TEXT_MAX];
        snprintf(text, sizeof text, "%.900s; trying again in %.0f s", err->text, ceil(wait));
        r->note(r->context, text);
    }
    sleep_for(wait * limits->hurry);
    return OK;
}
