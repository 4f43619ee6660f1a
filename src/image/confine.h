/* SPDX-License-Identifier: MIT
 *
 * A process that gives up what it may do, for good. Internal to the image room: the decoding child
 * (decoder_child.c) calls it when everything is loaded and before it has seen a byte of a picture.
 *
 * What is left: reading and writing the files that are open, memory that is not executable, threads
 * of its own, the clock. What is gone, each by two independent means where the kernel has them: the
 * file system (Landlock, seccomp), other files (no number is left, seccomp), the network (seccomp;
 * TCP, by Landlock from ABI 4), other processes (seccomp; signals, by Landlock from ABI 6), other
 * programs (seccomp, no_new_privs).
 */
#ifndef FOVEA_IMAGE_CONFINE_H
#define FOVEA_IMAGE_CONFINE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct confine_limits {
    uint64_t memory_bytes; /* of address space beyond what the process has now; 0: no limit */
    int open_files;        /* no file gets this number or a higher one */
};

/* What the kernel gave. */
struct confinement {
    bool seccomp;
    int landlock_abi; /* 0: this kernel has none */
    int threads;      /* when it was asked for; Landlock binds only the calling one */
};

/* False where it was never written for: not Linux, or another processor. */
bool confine_possible(void);

/* Resource limits, no_new_privs, Landlock, then seccomp. Call once, with one thread. A kernel
 * without Landlock or seccomp is not an error: *out says what was had. ERR_INTERNAL: something that
 * never fails did. */
MUST_USE enum status confine_self(const struct confine_limits *, struct confinement *out,
                                  struct err *err);

#endif
