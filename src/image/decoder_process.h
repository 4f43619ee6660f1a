/* SPDX-License-Identifier: MIT
 *
 * One decoding child, from its parent's side: started, asked, ended. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_DECODER_PROCESS_H
#define FOVEA_IMAGE_DECODER_PROCESS_H

#include "image/decoder.h"
#include "image/decoder_wire.h"

#include <sys/types.h>

struct decoder {
    pid_t pid; /* 0: ended */
    int socket, memory;
    uint8_t *input;        /* [DECODER_INPUT_BYTES] */
    const uint8_t *output; /* [output_bytes] */
    uint64_t output_bytes;
    uint64_t input_used, output_used; /* by the last picture */
    bool used;                        /* it has answered before */
    struct decoder_hello hello;
    struct decoder *next; /* of those that have nothing to do */
};

/* Returns when the child is confined. ERR_IO, ERR_MEMORY. The options are whole (no defaults). */
MUST_USE enum status decoder_start(struct decoder **out, const struct decoder_options *,
                                   uint64_t output_bytes, struct err *err);
/* Kills it, waits for it; NULL-safe. */
void decoder_end(struct decoder *);
/* True if it has ended by itself. */
bool decoder_is_gone(struct decoder *);

/* OK: *reply is what the child said, unchecked. Else the child is of no use any more, *err says
 * why, and *again is whether trying again in a new one makes sense: not after a limit. */
MUST_USE enum status decoder_ask(struct decoder *, const struct decoder_options *,
                                 const struct decoder_request *, const void *content,
                                 struct decoder_reply *reply, bool *again, struct err *err);

/* Gives back memory that only a large picture needed. */
void decoder_trim(struct decoder *);

#endif
