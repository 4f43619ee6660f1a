/* SPDX-License-Identifier: MIT
 *
 * One file from the network to its place: requests (http.h), again where that helps (retry.h), into
 * a part that survives (part.h), verified, renamed.
 */
#ifndef FOVEA_HUB_FETCH_H
#define FOVEA_HUB_FETCH_H

#include "base/progress.h"
#include "hub/http.h"
#include "hub/part.h"
#include "hub/retry.h"

/* How a run of requests is made and watched. */
struct fetch {
    struct http *http;
    const struct retry_limits *limits;
    const char *token;           /* for hub files; NULL: none */
    enum progress_mode progress; /* of the bar of each file */
    /* One line for the user: a pause, a wait for another process. NULL: nobody. */
    void (*note)(void *context, const char *text);
    void *context;
};

/* Turns an answer that is no success into an error: 401, 403, 404, …; `what` is what was asked for
 * ("apple/DFN5B-CLIP-ViT-H-14"). ERR_NOT_FOUND for a 404, else ERR_IO. */
enum status fetch_refusal(const struct http_answer *, const char *what, bool with_token,
                          struct err *err);

/* Asks for the headers only. OK with any answer that is no reason to try again; look at its code.
 * On an error *unreached says that no server could be reached at all. */
MUST_USE enum status fetch_probe(const struct fetch *, const char *url, bool stop_at_other_host,
                                 struct http_answer *, bool *unreached, struct err *err);

struct fetch_file {
    const char *url;
    const char *path;  /* where it goes; its folder exists */
    const char *label; /* "open_clip_model.safetensors" */
    const char *what;  /* for fetch_refusal() */
    bool on_hub;       /* gets the token */
    struct part_identity known;
    const char *sha256_begin; /* first digits of the hash, where the whole is not known; NULL */
    int64_t limit_bytes;      /* refused when larger */
};

struct fetch_result {
    int64_t size;
    char sha256[65];
    bool verified; /* the hash, or its first digits, were known beforehand */
    bool was_here; /* nothing was transferred (then the hash is not known) */
};

MUST_USE enum status fetch_run(const struct fetch *, const struct fetch_file *,
                               struct fetch_result *, struct err *err);

#endif
