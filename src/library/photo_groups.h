/* SPDX-License-Identifier: MIT
 *
 * The natural groups of a library: photographs that are alike, found without categories, each group
 * named by phrases of the vocabulary that ships with the program (data/vocabulary.txt) and shown by
 * its most typical photographs. Outliers belong to no group.
 *
 * How: the neighbour graph is laid out by UMAP in a few dimensions and clustered by density
 * (HDBSCAN) at three granularities. Kept in the library; made anew when the photographs have
 * changed. The phrases' vectors are kept, too, so that naming needs the model once.
 */
#ifndef FOVEA_LIBRARY_PHOTO_GROUPS_H
#define FOVEA_LIBRARY_PHOTO_GROUPS_H

#include "base/status.h"
#include "map/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;
struct snapshot;
struct store;

enum granularity { GROUPS_FINE, GROUPS_MEDIUM, GROUPS_COARSE, GRANULARITIES };
extern const char *const granularities[]; /* "fine", "medium", "coarse", NULL */

enum { GROUP_NAMES = 3, GROUP_TYPICAL = 6 };

struct photo_groups_options {
    enum granularity granularity;
    uint64_t seed; /* 42 */
    bool remake;
    int threads;                   /* 0: all cores */
    const struct map_watch *watch; /* may be NULL */
};
extern const struct photo_groups_options photo_groups_defaults;

struct photo_group {
    size_t size;
    const char *names[GROUP_NAMES]; /* the best first; NULL: no (more) names */
    size_t typical[GROUP_TYPICAL];  /* rows, the most typical first */
    size_t typical_count;
};

struct photo_groups {
    struct photo_group *items; /* [count], the largest first */
    size_t count;
    int *of;           /* [rows] a row's group, or -1 */
    float *typicality; /* [rows] cosine to the group's centre; of an outlier 0 */
    size_t rows, outliers;
    char *text; /* owns the names */
};

/* `model` (may be NULL) encodes the vocabulary where its vectors are not kept yet; without either
 * the groups have no names. `store` as of photo_map_get(). */
MUST_USE enum status photo_groups_get(struct photo_groups *out, const struct snapshot *,
                                      struct store *, struct model *model,
                                      const struct photo_groups_options *, struct err *err);
void photo_groups_free(struct photo_groups *); /* NULL-safe */

/* Whether naming needs no model: the vocabulary's vectors are kept. */
MUST_USE enum status photo_groups_named(struct store *, int64_t model_id, int dim, bool *named,
                                        struct err *err);

#endif
