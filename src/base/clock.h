/* SPDX-License-Identifier: MIT */
#ifndef FOVEA_BASE_CLOCK_H
#define FOVEA_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Seconds on a clock that only goes forward; for measuring. */
static inline double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Wall-clock seconds since 1970-01-01 UTC. */
static inline int64_t clock_unix(void)
{
    return (int64_t)time(NULL);
}

#endif
