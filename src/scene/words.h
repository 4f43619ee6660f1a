/* SPDX-License-Identifier: MIT
 *
 * The words that captions are put together from. Internal to the scene room.
 */
#ifndef FOVEA_SCENE_WORDS_H
#define FOVEA_SCENE_WORDS_H

#include "scene/scene.h"

#include <stddef.h>

/* Said only where all of `needs` can be seen, and at one of `hours` (0: any). */
struct phrase {
    const char *text;
    uint64_t needs, hours;
};

struct phrases {
    const struct phrase *items;
    size_t count;
};

/* What the whole is: "a waterfall in a forest". */
struct phrases words_subjects(enum scene_kind);
/* What a whole category is called: "water falling in nature". */
struct phrases words_general(enum scene_category);
/* What one fact is called, after "with": "snowy peaks". Some facts have none. */
struct phrases words_details(enum scene_fact, enum scene_kind);
/* "at dusk" */
struct phrases words_times(enum scene_hour);

#endif
