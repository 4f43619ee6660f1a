/* SPDX-License-Identifier: MIT
 *
 * Photographs that repeat each other, in four tiers, the narrowest first. What each means exactly,
 * and how well it finds what it is to find, is in docs/duplicates.md.
 *
 *   same-bytes     one content in several files
 *   same-picture   one exposure in several forms: resized, recompressed, converted, turned
 *   same-moment    several exposures of one moment (a burst), or a RAW file and the picture that
 *                  belongs to it
 *   similar        the model sees much the same; says nothing of how it came about
 *
 * Groups are stars, not chains: each member repeats the one to keep, directly. A photograph is in
 * one group of a tier at most, and of each group only the one to keep takes part in the wider
 * tiers: a burst of which one frame has a small copy is a group of the two, and a group of the
 * frames.
 *
 * Nothing is ever deleted, here or elsewhere. What a person decided about two photographs
 * (store_decision_put()) holds: "not duplicates" are in no group together, "duplicates" are the
 * same picture, whatever the measures say.
 */
#ifndef FOVEA_LIBRARY_DUPLICATES_H
#define FOVEA_LIBRARY_DUPLICATES_H

#include "base/status.h"
#include "library/filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct store;

enum duplicate_tier {
    DUPLICATE_SAME_BYTES,
    DUPLICATE_SAME_PICTURE,
    DUPLICATE_SAME_MOMENT,
    DUPLICATE_SIMILAR,
    DUPLICATE_TIERS,
};
extern const char *const duplicate_tier_names[DUPLICATE_TIERS + 1]; /* "same-bytes" ..., NULL */

#define DUPLICATE_TIER(tier) (1u << (tier))
/* Without `similar`, which compares every pair of vectors. */
#define DUPLICATE_TIERS_USUAL                                                                      \
    (DUPLICATE_TIER(DUPLICATE_SAME_BYTES) | DUPLICATE_TIER(DUPLICATE_SAME_PICTURE) |               \
     DUPLICATE_TIER(DUPLICATE_SAME_MOMENT))
#define DUPLICATE_TIERS_ALL (DUPLICATE_TIERS_USUAL | DUPLICATE_TIER(DUPLICATE_SIMILAR))

#define DUPLICATE_SIMILAR_COSINE 0.95f
#define DUPLICATE_MOMENT_SECONDS 10

struct duplicate_options {
    unsigned tiers;                      /* DUPLICATE_TIER(...) | ...; which groups to give */
    const struct filter *filter;         /* only photographs that pass it; NULL: all */
    float similar_cosine;                /* 0: DUPLICATE_SIMILAR_COSINE */
    int moment_seconds;                  /* from the one to keep; 0: DUPLICATE_MOMENT_SECONDS */
    int threads;                         /* 0: all cores */
    bool (*is_cancelled)(void *context); /* asked now and then; NULL: never */
    void *context;
};

struct duplicate_member {
    size_t row; /* of the snapshot */
    int64_t photo_id;
    const char *path; /* the photo's first; in a group of the same bytes this copy's */
    int64_t size_bytes, mtime_ns;
    float score;     /* cosine with the one to keep; 1 for itself */
    int distance;    /* bits in which the perceptual hashes differ, after turning; -1: unknown */
    bool turned;     /* rotated or mirrored against the one to keep */
    bool is_decided; /* here because a person said so */
};

struct duplicate_group {
    enum duplicate_tier tier;
    struct duplicate_member *members; /* [count], the one to keep first, then the nearest first */
    size_t count;                     /* at least 2 */
    char reason[96];                  /* why that one: "more pixels (6000 x 4000)" */
    int64_t reclaim_bytes;            /* of the files of all other members */
};

struct duplicate_groups {
    struct duplicate_group *groups; /* [count], by tier, then the most bytes to reclaim first */
    size_t count;
    size_t per_tier[DUPLICATE_TIERS];
    void *private; /* owns members and paths */
};

/* The snapshot has to outlive *out. The store tells the decisions and the paths of copies. What
 * filter_apply() says; ERR_CANCELLED; ERR_MEMORY. */
MUST_USE enum status duplicates_find(struct duplicate_groups *out, const struct snapshot *,
                                     struct store *, const struct duplicate_options *,
                                     struct err *err);
void duplicates_free(struct duplicate_groups *); /* NULL-safe; zeroed is fine */

#endif
