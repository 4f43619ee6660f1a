/* SPDX-License-Identifier: MIT
 *
 * Where pictures are decoded: in this process, or in children that may do nothing else.
 *
 * Decoders are half a million lines of C and C++ that read what strangers made. A child (this
 * program, started anew with one argument) loads what it needs, gives up files, network, programs
 * and other processes (confine.h), and then decodes what it is handed, one picture after the other.
 * The file's bytes go to it and the pixels come back through memory that both map; what it says
 * about them is checked before it is believed. Metadata and sidecars are read there, too. A child
 * that crashes, runs into a limit or takes too long costs the picture that it was at; the next
 * picture gets a new one.
 *
 * After decoder_open() everything that decodes (image_decode() and all above it) goes through the
 * children: one for each thread that is decoding, started when the first is needed, kept for the
 * next picture, gone by itself when nothing came for half a minute. What a flaw in a decoder can
 * still do, and how that is tested, is in SECURITY.md.
 */
#ifndef FOVEA_IMAGE_DECODER_H
#define FOVEA_IMAGE_DECODER_H

#include "image/image.h"
#include "meta/photo_meta.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum decoder_mode {
    DECODER_HERE,     /* in this process */
    DECODER_CHILD,    /* in children, confined as far as this system can; here where it cannot */
    DECODER_CONFINED, /* in children; an error where they cannot be confined wholly */
};

struct decoder_options {
    enum decoder_mode mode;
    int64_t memory_bytes; /* that decoding one picture may take, beside its pixels; 0: default */
    int cpu_s;            /* and how long, in processor's time of all its threads; 0: default */
    int wall_s;           /* and by the clock; 0: default */
};

#define DECODER_DEFAULT_MEMORY_BYTES ((int64_t)4 << 30)
#define DECODER_DEFAULT_CPU_S 120
#define DECODER_DEFAULT_WALL_S 600

/* After image_room_open(), before any thread decodes; image_room_close() ends it. Starts nothing
 * yet. ERR_UNSUPPORTED: DECODER_CONFINED where that is not to be had. */
MUST_USE enum status decoder_open(const struct decoder_options *, struct err *err);

/* False: this system has nothing to confine them by, and every mode but DECODER_CONFINED decodes
 * here. */
bool decoder_can_be_confined(void);

/* What the children are; for doctor. Starts one to ask it. */
struct decoder_state {
    bool child;       /* false: this process decodes */
    bool seccomp;     /* … confined by it */
    int landlock_abi; /* … and by this version of it; 0: the kernel has none */
};
MUST_USE enum status decoder_describe(struct decoder_state *, struct err *err);

/* --- the child's side ---------------------------------------------------------------------- */

/* A program that calls decoder_open() looks first of all whether it was started as a child
 * (argc == 2 and argv[1] is this), and then returns from main() what decoder_child_main() does. */
#define DECODER_CHILD_ARGUMENT "decode-for-parent"

/* image_read_here() but for tests that put a flaw in its place. */
typedef enum status decoder_function(struct image *, struct photo_meta *, const void *content,
                                     size_t size, const struct image_options *, struct err *err);
int decoder_child_main(decoder_function *);

#endif
