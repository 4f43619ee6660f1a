/* SPDX-License-Identifier: MIT
 *
 * Looking into a forward pass: a session calls the tap with what it has computed so far. For tests
 * that compare layer by layer; costs nothing while it is not set.
 */
#ifndef FOVEA_CLIP_TAP_H
#define FOVEA_CLIP_TAP_H

#include "tensor/tensor.h"

struct session;

struct tap_stage {
    const char *tower; /* "visual" or "text" */
    int block;         /* 0 … layers - 1; -1: what goes into block 0 */
    /* x: rows of [width]. Sequence s has the rows first_query .. first_query + queries - 1: every
     * token of a picture, a text's tokens up to its end token; after the last block, where only
     * the pooled token is computed, that one. */
    const float *x;
    int width;
    const struct sequence *sequences;
    int count;
};

struct tap {
    void (*see)(void *context, const struct tap_stage *);
    void *context;
};

/* A zeroed tap switches it off. */
void session_set_tap(struct session *, struct tap);

#endif
