/* SPDX-License-Identifier: MIT
 *
 * Captions: a subject, up to three details, perhaps the hour, in one of several orders. All of it
 * is true of the scene; `told` says what of it was said.
 */
#include "scene/random.h"
#include "scene/scene.h"
#include "scene/words.h"

#include <stdio.h>
#include <string.h>

enum { DETAILS_MAX = 3, TEXT_MAX = 160 };

struct telling {
    const struct scene *scene;
    struct random random;
    uint64_t told;
    char subject[TEXT_MAX];
    const char *details[DETAILS_MAX];
    int detail_count;
    const char *time; /* NULL: not told */
};

static bool fits(const struct scene *s, const struct phrase *p)
{
    return (p->needs & ~s->facts) == 0 && (p->hours == 0 || (p->hours >> s->hour & 1));
}

/* One that fits; those that say more are preferred twice. NULL if there is none. */
static const struct phrase *pick(struct telling *t, struct phrases list)
{
    const struct phrase *best = NULL;
    for (int tries = 0, found = 0; tries < 60 && found < 2 && list.count > 0; tries++) {
        const struct phrase *p = &list.items[random_below(&t->random, (int)list.count)];
        if (!fits(t->scene, p))
            continue;
        found++;
        if (!best || (p->needs && !best->needs))
            best = p;
    }
    return best;
}

static void tell_subject(struct telling *t)
{
    const struct scene *s = t->scene;
    bool general = random_chance(&t->random, s->second == CATEGORY_NONE ? 0.2f : 0.35f);
    const struct phrase *p = NULL;
    if (general) {
        bool other = s->second != CATEGORY_NONE && random_chance(&t->random, 0.5f);
        enum scene_category category = other ? s->second : s->category;
        p = pick(t, words_general(category));
        t->told |= SCENE_TOLD_CATEGORY << category;
    }
    if (!p)
        p = pick(t, words_subjects(s->kind));
    if (p) {
        t->told |= p->needs;
        snprintf(t->subject, sizeof t->subject, "%s", p->text);
    }
    if (p && !general)
        t->told |= SCENE_TOLD_KIND;
}

/* What the subject has said already is not said again. */
static void tell_details(struct telling *t, int most)
{
    int start = random_below(&t->random, FACT_COUNT);
    for (int i = 0; i < FACT_COUNT && t->detail_count < most; i++) {
        enum scene_fact fact = (enum scene_fact)((start + i * 7) % FACT_COUNT);
        if (!scene_has(t->scene, fact) || (t->told >> fact & 1))
            continue;
        const struct phrase *p = pick(t, words_details(fact, t->scene->kind));
        if (!p || strstr(t->subject, p->text))
            continue;
        t->details[t->detail_count++] = p->text;
        t->told |= UINT64_C(1) << fact;
    }
}

static void put_details(const struct telling *t, struct str *out)
{
    for (int i = 0; i < t->detail_count; i++)
        str_format(out, "%s%s",
                   i == 0                     ? ""
                   : i + 1 == t->detail_count ? " and "
                                              : ", ",
                   t->details[i]);
}

static void put_time(const struct telling *t, struct str *out)
{
    if (t->time)
        str_format(out, " %s", t->time);
}

static void put_words(struct telling *t, struct str *out)
{
    static const char *const openings[] = {
        "a photo of ", "a picture of ", "a photograph of ",      "an image of ",
        "a shot of ",  "a view of ",    "a beautiful photo of ", "photo of "};
    int order = random_below(&t->random, 6);
    if (order != 3 && order != 4 && random_chance(&t->random, 0.45f))
        str_put(out, openings[random_below(&t->random, 8)]);
    if (order == 3 && t->time) { /* "at dusk, the sea with a boat" */
        str_format(out, "%s, %s", t->time, t->subject);
        if (t->detail_count)
            str_put(out, " with ");
        put_details(t, out);
    } else if (order == 4 && t->detail_count) { /* "a boat, the sea, at dusk" */
        put_details(t, out);
        str_format(out, ", %s", t->subject);
        if (t->time)
            str_format(out, ", %s", t->time);
    } else if (order == 5) { /* "the sea, a boat and rocks at dusk" */
        str_put(out, t->subject);
        if (t->detail_count)
            str_put(out, ", ");
        put_details(t, out);
        put_time(t, out);
    } else if (order % 2) { /* "the sea at dusk with a boat" */
        str_put(out, t->subject);
        put_time(t, out);
        if (t->detail_count)
            str_put(out, " with ");
        put_details(t, out);
    } else { /* "the sea with a boat at dusk" */
        str_put(out, t->subject);
        if (t->detail_count)
            str_put(out, " with ");
        put_details(t, out);
        put_time(t, out);
    }
}

void scene_caption(const struct scene *scene, unsigned variant, struct str *out, uint64_t *told)
{
    struct telling t = {.scene = scene, .random = random_new(scene->seed, 1000 + variant)};
    static const int counts[] = {0, 1, 1, 2, 2, 3};
    tell_subject(&t);
    tell_details(&t, counts[random_below(&t.random, 6)]);
    if (random_chance(&t.random, 0.6f)) {
        const struct phrase *p = pick(&t, words_times(scene->hour));
        t.time = p ? p->text : NULL;
        t.told |= SCENE_TOLD_HOUR;
    }
    put_words(&t, out);
    if (told)
        *told = t.told;
}
