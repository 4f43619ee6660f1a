/* SPDX-License-Identifier: MIT
 *
 * What is in a scene: a table of kinds, each with its hours and with what may be seen there. Facts
 * are drawn independently, then those that cannot be true together are put right.
 */
#include "scene/scene.h"
#include "scene/kinds.h"
#include "scene/paint.h"

#include <math.h>

#define BIT(x) (UINT64_C(1) << (x))
#define DARK (BIT(HOUR_NIGHT))
#define EVENING (BIT(HOUR_NIGHT) | BIT(HOUR_DUSK))
#define DAYLIGHT                                                                                   \
    (BIT(HOUR_SUNSET) | BIT(HOUR_DAWN) | BIT(HOUR_GOLDEN) | BIT(HOUR_DAY) | BIT(HOUR_OVERCAST) |   \
     BIT(HOUR_STORM))
#define PLAIN_DAY (BIT(HOUR_GOLDEN) | BIT(HOUR_DAY) | BIT(HOUR_OVERCAST) | BIT(HOUR_DAWN))
#define SEA_HOURS (DAYLIGHT | BIT(HOUR_DUSK) | BIT(HOUR_NIGHT))

const struct kind scene_kinds[KIND_COUNT] = {
    [KIND_STARRY_LAND] = {"starry-land",
                          CATEGORY_STARS,
                          CATEGORY_NONE,
                          paint_night,
                          DARK,
                          0,
                          {{FACT_MILKY_WAY, .35f},
                           {FACT_MOUNTAINS, .6f},
                           {FACT_PINES, .5f},
                           {FACT_LAKE, .35f},
                           {FACT_MOON, .25f},
                           {FACT_METEOR, .15f},
                           {FACT_TENT, .2f},
                           {FACT_LONE_TREE, .25f},
                           {FACT_AURORA, .15f},
                           {FACT_DUNES, .12f}},
                          {0}},
    [KIND_MILKY_WAY] = {"milky-way",
                        CATEGORY_STARS,
                        CATEGORY_NONE,
                        paint_night,
                        DARK,
                        BIT(FACT_MILKY_WAY),
                        {{FACT_PINES, .4f}, {FACT_METEOR, .2f}, {FACT_MOUNTAINS, .3f}},
                        {0}},
    [KIND_DEEP_SKY] = {"deep-sky",
                       CATEGORY_STARS,
                       CATEGORY_NONE,
                       paint_night,
                       DARK,
                       0,
                       {{0, 0}},
                       {FACT_PURPLE, FACT_BLUE, FACT_COUNT}},
    [KIND_MOUNTAINS] = {"mountains",
                        CATEGORY_LAND,
                        CATEGORY_NONE,
                        paint_mountains,
                        DAYLIGHT,
                        BIT(FACT_MOUNTAINS),
                        {{FACT_SNOW, .55f},
                         {FACT_LAKE, .4f},
                         {FACT_FOREST, .5f},
                         {FACT_FOG, .25f},
                         {FACT_CLOUDS, .4f},
                         {FACT_FLOWERS, .3f},
                         {FACT_AUTUMN, .2f},
                         {FACT_ROCKS, .35f},
                         {FACT_SUN, .35f}},
                        {FACT_PINK, FACT_PURPLE, FACT_COUNT, FACT_COUNT, FACT_COUNT}},
    [KIND_HILLS] = {"hills",
                    CATEGORY_LAND,
                    CATEGORY_NONE,
                    paint_hills,
                    DAYLIGHT,
                    BIT(FACT_HILLS),
                    {{FACT_LONE_TREE, .4f},
                     {FACT_FLOWERS, .4f},
                     {FACT_FOG, .25f},
                     {FACT_FOREST, .3f},
                     {FACT_CLOUDS, .45f},
                     {FACT_AUTUMN, .15f},
                     {FACT_SUN, .3f}},
                    {FACT_RED, FACT_YELLOW, FACT_BLUE, FACT_PURPLE}},
    [KIND_FOREST] = {"forest",
                     CATEGORY_LAND,
                     CATEGORY_NONE,
                     paint_forest,
                     DAYLIGHT,
                     BIT(FACT_FOREST),
                     {{FACT_FOG, .55f}, {FACT_AUTUMN, .35f}, {FACT_CLOUDS, .2f}},
                     {0}},
    [KIND_VALLEY] = {"valley",
                     CATEGORY_LAND,
                     CATEGORY_NONE,
                     paint_valley,
                     DAYLIGHT,
                     BIT(FACT_RIVER) | BIT(FACT_MOUNTAINS),
                     {{FACT_SNOW, .5f},
                      {FACT_FOREST, .6f},
                      {FACT_FLOWERS, .25f},
                      {FACT_CLOUDS, .45f},
                      {FACT_AUTUMN, .2f},
                      {FACT_FOG, .15f},
                      {FACT_SUN, .2f}},
                     {0}},
    [KIND_CANYON] = {"canyon",
                     CATEGORY_LAND,
                     CATEGORY_NONE,
                     paint_canyon,
                     DAYLIGHT & ~BIT(HOUR_STORM),
                     0,
                     {{FACT_CLOUDS, .4f}, {FACT_SUN, .25f}},
                     {FACT_RED_ROCK, FACT_RED_ROCK, FACT_DUNES}},
    [KIND_TRAFFIC] = {"traffic",
                      CATEGORY_MOTION,
                      CATEGORY_NONE,
                      paint_traffic,
                      EVENING,
                      0,
                      {{FACT_CURVE, .55f}, {FACT_MOUNTAINS, .35f}, {FACT_PINES, .3f}},
                      {0}},
    [KIND_PANNING] = {"panning",
                      CATEGORY_MOTION,
                      CATEGORY_NONE,
                      paint_panning,
                      DAYLIGHT | BIT(HOUR_DUSK),
                      0,
                      {{0, 0}},
                      {FACT_RED, FACT_BLUE, FACT_YELLOW, FACT_GREEN, FACT_COUNT}},
    [KIND_TRAIN] = {"train",
                    CATEGORY_MOTION,
                    CATEGORY_NONE,
                    paint_train,
                    BIT(HOUR_NIGHT) | BIT(HOUR_DAY) | BIT(HOUR_OVERCAST),
                    0,
                    {{0, 0}},
                    {FACT_RED, FACT_BLUE, FACT_GREEN, FACT_YELLOW, FACT_COUNT}},
    [KIND_SPARKS] = {"sparks",
                     CATEGORY_MOTION,
                     CATEGORY_NONE,
                     paint_sparks,
                     EVENING,
                     0,
                     {{FACT_MOUNTAINS, .3f}},
                     {0}},
    [KIND_CAROUSEL] = {"carousel",
                       CATEGORY_MOTION,
                       CATEGORY_NONE,
                       paint_carousel,
                       EVENING,
                       BIT(FACT_WHEEL),
                       {{0, 0}},
                       {FACT_PINK, FACT_BLUE, FACT_PURPLE, FACT_GREEN, FACT_YELLOW}},
    [KIND_MOVED_TREES] = {"moved-trees",
                          CATEGORY_MOTION,
                          CATEGORY_NONE,
                          paint_moved_trees,
                          PLAIN_DAY,
                          BIT(FACT_FOREST),
                          {{FACT_AUTUMN, .4f}},
                          {0}},
    [KIND_SKYLINE] = {"skyline",
                      CATEGORY_CITY,
                      CATEGORY_NONE,
                      paint_skyline,
                      EVENING,
                      0,
                      {{FACT_REFLECTION, .55f},
                       {FACT_TOWERS, .6f},
                       {FACT_BRIDGE, .35f},
                       {FACT_WHEEL, .2f},
                       {FACT_MOON, .2f},
                       {FACT_MOUNTAINS, .15f},
                       {FACT_CLOUDS, .3f}},
                      {FACT_PURPLE, FACT_PINK, FACT_COUNT, FACT_COUNT}},
    [KIND_STREET] = {"street",
                     CATEGORY_CITY,
                     CATEGORY_NONE,
                     paint_street,
                     EVENING,
                     0,
                     {{FACT_NEON, .75f}, {FACT_WET, .5f}, {FACT_CAR, .45f}},
                     {FACT_PINK, FACT_BLUE, FACT_GREEN, FACT_PURPLE, FACT_RED, FACT_COUNT}},
    [KIND_CITY_ABOVE] = {"city-above",
                         CATEGORY_CITY,
                         CATEGORY_NONE,
                         paint_city_above,
                         EVENING,
                         0,
                         {{FACT_TOWERS, .5f}, {FACT_MOUNTAINS, .35f}},
                         {0}},
    [KIND_SEA] = {"sea",
                  CATEGORY_SEA,
                  CATEGORY_NONE,
                  paint_sea,
                  SEA_HOURS & ~BIT(HOUR_NIGHT),
                  0,
                  {{FACT_SUN, .55f},
                   {FACT_CLOUDS, .45f},
                   {FACT_BOAT, .3f},
                   {FACT_ISLAND, .2f},
                   {FACT_BIG_WAVES, .3f},
                   {FACT_CALM, .35f},
                   {FACT_ROCKS, .15f}},
                  {FACT_PINK, FACT_PURPLE, FACT_COUNT, FACT_COUNT}},
    [KIND_BEACH] = {"beach",
                    CATEGORY_SEA,
                    CATEGORY_NONE,
                    paint_beach,
                    SEA_HOURS & ~BIT(HOUR_NIGHT),
                    BIT(FACT_SAND) | BIT(FACT_FOAM),
                    {{FACT_SUN, .45f},
                     {FACT_CLOUDS, .45f},
                     {FACT_BOAT, .2f},
                     {FACT_ISLAND, .2f},
                     {FACT_ROCKS, .3f},
                     {FACT_CALM, .3f},
                     {FACT_BIG_WAVES, .2f}},
                    {FACT_PINK, FACT_PURPLE, FACT_COUNT, FACT_COUNT}},
    [KIND_COAST] = {"coast",
                    CATEGORY_SEA,
                    CATEGORY_NONE,
                    paint_coast,
                    SEA_HOURS & ~BIT(HOUR_NIGHT),
                    BIT(FACT_ROCKS),
                    {{FACT_CLIFF, .6f},
                     {FACT_LIGHTHOUSE, .4f},
                     {FACT_SUN, .35f},
                     {FACT_CLOUDS, .4f},
                     {FACT_BIG_WAVES, .4f},
                     {FACT_BOAT, .15f}},
                    {FACT_PINK, FACT_COUNT, FACT_COUNT}},
    [KIND_WATERFALL] = {"waterfall",
                        CATEGORY_FALLS,
                        CATEGORY_NONE,
                        paint_waterfall,
                        PLAIN_DAY,
                        0,
                        {{FACT_TALL, .5f},
                         {FACT_FOREST, .6f},
                         {FACT_TIERS, .3f},
                         {FACT_TWIN, .2f},
                         {FACT_MOSS, .5f},
                         {FACT_POOL, .5f},
                         {FACT_AUTUMN, .2f}},
                        {0}},
    [KIND_RAPIDS] =
        {"rapids",
         CATEGORY_FALLS,
         CATEGORY_NONE,
         paint_rapids,
         PLAIN_DAY,
         BIT(FACT_RIVER) | BIT(FACT_ROCKS),
         {{FACT_FOREST, .65f}, {FACT_MOUNTAINS, .35f}, {FACT_MOSS, .35f}, {FACT_AUTUMN, .25f}},
         {0}},
    [KIND_CASCADE] = {"cascade",
                      CATEGORY_FALLS,
                      CATEGORY_NONE,
                      paint_cascade,
                      PLAIN_DAY,
                      BIT(FACT_ROCKS) | BIT(FACT_TIERS),
                      {{FACT_MOSS, .6f}, {FACT_AUTUMN, .25f}},
                      {0}},
    [KIND_STAR_TRAILS] = {"star-trails",
                          CATEGORY_STARS,
                          CATEGORY_MOTION,
                          paint_night,
                          DARK,
                          BIT(FACT_TRAILS),
                          {{FACT_MOUNTAINS, .55f},
                           {FACT_PINES, .45f},
                           {FACT_LAKE, .3f},
                           {FACT_LONE_TREE, .25f},
                           {FACT_TENT, .15f}},
                          {0}},
    [KIND_CITY_STARS] = {"city-stars",
                         CATEGORY_CITY,
                         CATEGORY_STARS,
                         paint_skyline,
                         DARK,
                         0,
                         {{FACT_MILKY_WAY, .4f}, {FACT_TOWERS, .5f}},
                         {0}},
    [KIND_SEA_STARS] = {"sea-stars",
                        CATEGORY_SEA,
                        CATEGORY_STARS,
                        paint_sea,
                        DARK,
                        0,
                        {{FACT_MILKY_WAY, .5f},
                         {FACT_MOON, .25f},
                         {FACT_ROCKS, .35f},
                         {FACT_ISLAND, .25f},
                         {FACT_CALM, .5f}},
                        {0}},
    [KIND_SEA_CITY] = {"sea-city",
                       CATEGORY_SEA,
                       CATEGORY_CITY,
                       paint_sea,
                       BIT(HOUR_DUSK) | BIT(HOUR_SUNSET) | BIT(HOUR_NIGHT),
                       BIT(FACT_CITY_LIGHTS),
                       {{FACT_CLOUDS, .35f}, {FACT_BOAT, .3f}, {FACT_ROCKS, .2f}, {FACT_MOON, .3f}},
                       {FACT_PURPLE, FACT_COUNT, FACT_COUNT}},
    [KIND_CITY_TRAFFIC] = {"city-traffic",
                           CATEGORY_MOTION,
                           CATEGORY_CITY,
                           paint_traffic,
                           EVENING,
                           0,
                           {{FACT_CURVE, .5f}, {FACT_CLOUDS, .2f}},
                           {0}},
    [KIND_FALL_IN_LAND] =
        {"fall-in-land",
         CATEGORY_FALLS,
         CATEGORY_LAND,
         paint_waterfall,
         PLAIN_DAY,
         BIT(FACT_MOUNTAINS),
         {{FACT_FOREST, .6f}, {FACT_SNOW, .4f}, {FACT_FLOWERS, .3f}, {FACT_CLOUDS, .4f}},
         {0}},
    [KIND_FALL_STARS] =
        {"fall-stars",
         CATEGORY_FALLS,
         CATEGORY_STARS,
         paint_waterfall,
         DARK,
         0,
         {{FACT_MILKY_WAY, .5f}, {FACT_FOREST, .5f}, {FACT_POOL, .4f}, {FACT_MOON, .2f}},
         {0}},
    [KIND_SILKY_SEA] = {"silky-sea",
                        CATEGORY_SEA,
                        CATEGORY_MOTION,
                        paint_sea,
                        DAYLIGHT | BIT(HOUR_DUSK),
                        BIT(FACT_CLOUDS),
                        {{FACT_ROCKS, .7f}, {FACT_ISLAND, .2f}, {FACT_SUN, .2f}},
                        {FACT_PINK, FACT_COUNT, FACT_COUNT}},
    [KIND_WILD_COAST] =
        {"wild-coast",
         CATEGORY_SEA,
         CATEGORY_LAND,
         paint_coast,
         SEA_HOURS & ~BIT(HOUR_NIGHT) & ~BIT(HOUR_DUSK),
         BIT(FACT_HILLS) | BIT(FACT_MOUNTAINS),
         {{FACT_CLOUDS, .45f}, {FACT_ROCKS, .4f}, {FACT_SUN, .2f}, {FACT_BIG_WAVES, .25f}},
         {0}},
};

const char *scene_category_name(enum scene_category category)
{
    static const char *const names[] = {"Starlit Wonders", "Wild Horizons",  "Time in Motion",
                                        "Urban Glow",      "Ocean Whispers", "Liquid Cascades"};
    return category < CATEGORY_COUNT ? names[category] : "";
}

const char *scene_kind_name(enum scene_kind kind)
{
    return scene_kinds[kind].name;
}

const char *scene_hour_name(enum scene_hour hour)
{
    static const char *const names[] = {"night",  "dusk", "sunset",   "dawn",
                                        "golden", "day",  "overcast", "storm"};
    return names[hour];
}

const char *scene_fact_name(enum scene_fact fact)
{
    static const char *const names[FACT_COUNT] = {
        "moon",       "milky-way",  "trails", "aurora",    "meteor", "tent",    "snow",
        "lake",       "forest",     "pines",  "fog",       "autumn", "flowers", "river",
        "lone-tree",  "red-rock",   "dunes",  "clouds",    "sun",    "rocks",   "cliff",
        "lighthouse", "boat",       "island", "big-waves", "calm",   "sand",    "foam",
        "reflection", "bridge",     "wheel",  "neon",      "wet",    "towers",  "car",
        "bus",        "curve",      "red",    "blue",      "pink",   "purple",  "green",
        "yellow",     "tall",       "tiers",  "twin",      "moss",   "pool",    "mountains",
        "hills",      "city-lights"};
    return names[fact];
}

static void drop_unless(struct scene *s, bool keep, uint64_t facts)
{
    if (!keep)
        s->facts &= ~facts;
}

/* What cannot be seen together, or not at that hour. */
static void make_consistent(struct scene *s)
{
    bool night = s->hour == HOUR_NIGHT;
    bool low_sun = s->hour == HOUR_SUNSET || s->hour == HOUR_DAWN || s->hour == HOUR_GOLDEN;
    bool dyed = s->hour == HOUR_DUSK || s->hour == HOUR_DAWN || s->hour == HOUR_SUNSET;
    bool sky_colours =
        s->kind == KIND_MOUNTAINS || s->category == CATEGORY_SEA || s->kind == KIND_SKYLINE;
    drop_unless(s, low_sun, BIT(FACT_SUN));
    drop_unless(s, !night, BIT(FACT_CLOUDS));
    drop_unless(s, night, BIT(FACT_MOON));
    drop_unless(s, !sky_colours || dyed, BIT(FACT_PINK) | BIT(FACT_PURPLE));
    drop_unless(s, !scene_has(s, FACT_MILKY_WAY), BIT(FACT_MOON) | BIT(FACT_AURORA));
    drop_unless(s, !scene_has(s, FACT_LAKE),
                BIT(FACT_TENT) | BIT(FACT_LONE_TREE) | BIT(FACT_DUNES) | BIT(FACT_FLOWERS));
    drop_unless(s, s->kind != KIND_MOUNTAINS || scene_has(s, FACT_LAKE), BIT(FACT_ROCKS));
    drop_unless(s, !scene_has(s, FACT_DUNES), BIT(FACT_PINES) | BIT(FACT_MOUNTAINS));
    drop_unless(s, !scene_has(s, FACT_BIG_WAVES), BIT(FACT_CALM));
    drop_unless(s, !scene_has(s, FACT_TIERS), BIT(FACT_TWIN));
    drop_unless(s, scene_has(s, FACT_REFLECTION), BIT(FACT_BRIDGE));
    drop_unless(s, s->kind != KIND_HILLS || scene_has(s, FACT_FLOWERS),
                BIT(FACT_RED) | BIT(FACT_YELLOW) | BIT(FACT_BLUE) | BIT(FACT_PURPLE));
    drop_unless(s, s->kind != KIND_STREET || scene_has(s, FACT_NEON),
                BIT(FACT_RED) | BIT(FACT_GREEN) | BIT(FACT_BLUE) | BIT(FACT_PURPLE) |
                    BIT(FACT_PINK));
    drop_unless(s, !scene_has(s, FACT_AUTUMN), BIT(FACT_FLOWERS));
    if (s->kind == KIND_HILLS && !scene_has(s, FACT_FLOWERS))
        drop_unless(s, false, BIT(FACT_RED) | BIT(FACT_YELLOW) | BIT(FACT_BLUE) | BIT(FACT_PURPLE));
}

static enum scene_hour pick_hour(uint64_t hours, struct random *r)
{
    int count = 0;
    for (int h = 0; h < HOUR_COUNT; h++)
        count += hours >> h & 1;
    int pick = random_below(r, count);
    for (int h = 0; h < HOUR_COUNT; h++)
        if (hours >> h & 1 && pick-- == 0)
            return (enum scene_hour)h;
    return HOUR_DAY;
}

static void draw_facts(struct scene *s, const struct kind *kind, struct random *r)
{
    s->facts = kind->always;
    for (size_t i = 0; i < KIND_CHANCES; i++)
        if (random_chance(r, kind->chances[i].probability))
            s->facts |= BIT(kind->chances[i].fact);
    int choices = 0;
    while (choices < KIND_CHOICES && kind->one_of[choices] != 0)
        choices++;
    enum scene_fact pick = choices ? kind->one_of[random_below(r, choices)] : FACT_COUNT;
    if (pick != FACT_COUNT)
        s->facts |= BIT(pick);
    if (kind == &scene_kinds[KIND_PANNING])
        s->facts |= random_chance(r, 0.4f) ? BIT(FACT_BUS) : BIT(FACT_CAR);
}

void scene_plan(struct scene *out, uint64_t seed, float mixed)
{
    static const float aspects[] = {1.5f,   1.5f, 1.5f,  1.333f, 1.333f,
                                    1.778f, 1.0f, 0.75f, 0.667f, 0.8f};
    struct random r = random_new(seed, 1);
    *out = (struct scene){.seed = seed};
    if (random_chance(&r, mixed)) {
        out->kind =
            (enum scene_kind)(KIND_PLAIN_COUNT + random_below(&r, KIND_COUNT - KIND_PLAIN_COUNT));
    } else { /* each category as often as the others */
        enum scene_category category = (enum scene_category)random_below(&r, CATEGORY_COUNT);
        do
            out->kind = (enum scene_kind)random_below(&r, KIND_PLAIN_COUNT);
        while (scene_kinds[out->kind].category != category);
    }
    const struct kind *kind = &scene_kinds[out->kind];
    out->category = kind->category;
    out->second = kind->second;
    out->hour = pick_hour(kind->hours, &r);
    out->aspect = aspects[random_below(&r, 10)];
    draw_facts(out, kind, &r);
    make_consistent(out);
}

void scene_size(const struct scene *scene, int side, int *width, int *height)
{
    *width = scene->aspect >= 1 ? (int)lroundf((float)side * scene->aspect) : side;
    *height = scene->aspect >= 1 ? side : (int)lroundf((float)side / scene->aspect);
}

/* Each camera and each hand at the computer has its own idea of contrast and colour. */
static struct develop develop_of(const struct scene *scene)
{
    struct random r = random_new(scene->seed, 2);
    bool dark = scene->hour == HOUR_NIGHT || scene->hour == HOUR_DUSK;
    float stops = random_range(&r, -0.35f, 0.35f);
    float base = scene->hour == HOUR_NIGHT ? 1.9f : dark ? 1.35f : 0.85f;
    return (struct develop){.exposure = base * exp2f(stops),
                            .contrast = random_range(&r, 0.95f, 1.4f),
                            .saturation = random_range(&r, 0.95f, 1.35f),
                            .warmth = 0.06f * random_normal(&r) * 0.6f,
                            .vignette = random_range(&r, 0, 0.35f),
                            .grain =
                                dark ? random_range(&r, 0.8f, 3.2f) : random_range(&r, 0.3f, 1.6f),
                            .seed = scene->seed};
}

enum status scene_paint(const struct scene *scene, int width, int height, uint8_t *rgb,
                        struct err *err)
{
    struct canvas canvas;
    enum status status = canvas_open(&canvas, width, height, err);
    if (status != OK)
        return status;
    scene_kinds[scene->kind].paint(&canvas, scene);
    const struct develop develop = develop_of(scene);
    canvas_develop(&canvas, &develop, rgb);
    canvas_close(&canvas);
    return OK;
}
