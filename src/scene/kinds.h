/* SPDX-License-Identifier: MIT
 *
 * The table of kinds of scenes. Internal to the scene room.
 */
#ifndef FOVEA_SCENE_KINDS_H
#define FOVEA_SCENE_KINDS_H

#include "scene/paint.h"
#include "scene/scene.h"

enum { KIND_CHANCES = 10, KIND_CHOICES = 6 };

struct kind {
    const char *name;
    enum scene_category category, second;
    paint_function *paint;
    uint64_t hours;  /* bit per enum scene_hour */
    uint64_t always; /* facts */
    struct {
        enum scene_fact fact;
        float probability;
    } chances[KIND_CHANCES];
    enum scene_fact one_of[KIND_CHOICES]; /* FACT_COUNT: none of them; the moon (0) ends the list */
};

extern const struct kind scene_kinds[KIND_COUNT];

#endif
