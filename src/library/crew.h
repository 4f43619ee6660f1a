/* SPDX-License-Identifier: MIT
 *
 * One function on several threads at once, and how long the last of them took. For measuring what
 * all cores together do; the indexing pipeline has its own workers.
 */
#ifndef FOVEA_LIBRARY_CREW_H
#define FOVEA_LIBRARY_CREW_H

#include "base/status.h"

enum { CREW_MAX = 256 };

/* worker: 0 .. threads - 1, at most CREW_MAX of them. ERR_INTERNAL if the threads cannot be
 * started; those that were have then ended. */
MUST_USE enum status crew_run(int threads, void (*work)(void *context, int worker), void *context,
                              double *seconds, struct err *err);

#endif
