/* SPDX-License-Identifier: MIT
 *
 * Pictures of a small world: what is in one is decided first (a scene), then it is painted, and the
 * captions say what was decided. The world holds what fovea's default categories are about: night
 * skies, wild land, motion, cities, seas, falling water, and mixtures of two of them.
 *
 * A scene is a function of its seed, at any size. With one build of the program the bytes are, too;
 * compilers differ in the order in which they take numbers from a seed, and in rounding.
 */
#ifndef FOVEA_SCENE_SCENE_H
#define FOVEA_SCENE_SCENE_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order of data/categories.json. */
enum scene_category {
    CATEGORY_STARS,
    CATEGORY_LAND,
    CATEGORY_MOTION,
    CATEGORY_CITY,
    CATEGORY_SEA,
    CATEGORY_FALLS,
    CATEGORY_COUNT,
    CATEGORY_NONE = CATEGORY_COUNT
};

/* "Starlit Wonders", … */
const char *scene_category_name(enum scene_category);

enum scene_kind {
    /* night skies */
    KIND_STARRY_LAND,
    KIND_MILKY_WAY,
    KIND_DEEP_SKY,
    /* wild land */
    KIND_MOUNTAINS,
    KIND_HILLS,
    KIND_FOREST,
    KIND_VALLEY,
    KIND_CANYON,
    /* motion */
    KIND_TRAFFIC,
    KIND_PANNING,
    KIND_TRAIN,
    KIND_SPARKS,
    KIND_CAROUSEL,
    KIND_MOVED_TREES,
    /* cities */
    KIND_SKYLINE,
    KIND_STREET,
    KIND_CITY_ABOVE,
    /* seas */
    KIND_SEA,
    KIND_BEACH,
    KIND_COAST,
    /* falling water */
    KIND_WATERFALL,
    KIND_RAPIDS,
    KIND_CASCADE,
    KIND_PLAIN_COUNT,
    /* two categories at once */
    KIND_STAR_TRAILS = KIND_PLAIN_COUNT,
    KIND_CITY_STARS,
    KIND_SEA_STARS,
    KIND_SEA_CITY,
    KIND_CITY_TRAFFIC,
    KIND_FALL_IN_LAND,
    KIND_FALL_STARS,
    KIND_SILKY_SEA,
    KIND_WILD_COAST,
    KIND_COUNT
};

enum scene_hour {
    HOUR_NIGHT,
    HOUR_DUSK,
    HOUR_SUNSET,
    HOUR_DAWN,
    HOUR_GOLDEN,
    HOUR_DAY,
    HOUR_OVERCAST,
    HOUR_STORM,
    HOUR_COUNT
};

/* What else can be seen. */
enum scene_fact {
    FACT_MOON,
    FACT_MILKY_WAY,
    FACT_TRAILS,
    FACT_AURORA,
    FACT_METEOR,
    FACT_TENT,
    FACT_SNOW,
    FACT_LAKE,
    FACT_FOREST,
    FACT_PINES,
    FACT_FOG,
    FACT_AUTUMN,
    FACT_FLOWERS,
    FACT_RIVER,
    FACT_LONE_TREE,
    FACT_RED_ROCK,
    FACT_DUNES,
    FACT_CLOUDS,
    FACT_SUN,
    FACT_ROCKS,
    FACT_CLIFF,
    FACT_LIGHTHOUSE,
    FACT_BOAT,
    FACT_ISLAND,
    FACT_BIG_WAVES,
    FACT_CALM,
    FACT_SAND,
    FACT_FOAM,
    FACT_REFLECTION,
    FACT_BRIDGE,
    FACT_WHEEL,
    FACT_NEON,
    FACT_WET,
    FACT_TOWERS,
    FACT_CAR,
    FACT_BUS,
    FACT_CURVE,
    FACT_RED,
    FACT_BLUE,
    FACT_PINK,
    FACT_PURPLE,
    FACT_GREEN,
    FACT_YELLOW,
    FACT_TALL,
    FACT_TIERS,
    FACT_TWIN,
    FACT_MOSS,
    FACT_POOL,
    FACT_MOUNTAINS,
    FACT_HILLS,
    FACT_CITY_LIGHTS,
    FACT_COUNT
};

struct scene {
    uint64_t seed;
    enum scene_kind kind;
    enum scene_hour hour;
    enum scene_category category, second; /* second: CATEGORY_NONE unless two are mixed */
    uint64_t facts;                       /* bit per enum scene_fact */
    float aspect;                         /* width : height */
};

static inline bool scene_has(const struct scene *scene, enum scene_fact fact)
{
    return scene->facts >> fact & 1;
}

/* What the seed decides. mixed: the part of scenes with two categories, 0..1. */
void scene_plan(struct scene *out, uint64_t seed, float mixed);

/* Pixels of a picture whose shorter side has `side`. */
void scene_size(const struct scene *, int side, int *width, int *height);

/* rgb: [height, width, 3]. Any number of threads. */
MUST_USE enum status scene_paint(const struct scene *, int width, int height, uint8_t *rgb,
                                 struct err *err);

/* In what a caption told, beside the facts: a category (shifted by its number), what kind of scene
 * it is, and the hour. */
#define SCENE_TOLD_CATEGORY (UINT64_C(1) << 52)
#define SCENE_TOLD_KIND (UINT64_C(1) << 62)
#define SCENE_TOLD_HOUR (UINT64_C(1) << 63)

/* Appends a caption in ordinary English; `variant` chooses among many for the same scene. Each is
 * true, few say everything. *told: the facts that it speaks of (may be NULL). */
void scene_caption(const struct scene *, unsigned variant, struct str *out, uint64_t *told);

/* "waterfall", "star-trails": for file names and tables. */
const char *scene_kind_name(enum scene_kind);
const char *scene_hour_name(enum scene_hour);
const char *scene_fact_name(enum scene_fact);

#endif
