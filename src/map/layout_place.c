/* SPDX-License-Identifier: MIT
 *
 * New points among fixed ones (layout.h): each moves by itself, so each is one thread's work from
 * the first epoch to the last. Random numbers are keyed by (seed, point, epoch).
 */
#include "map/layout.h"
#include "map/layout_steps.h"

#include "map/random.h"

#include <assert.h>
#include <string.h>

enum { ITEM = 32 };

struct placing {
    const struct layout_options *options;
    const struct layout_arrows *arrows;
    const float *fixed;
    size_t fixed_count;
    float *positions;
    int dim;
    float most;
};

static void place_epoch(const struct placing *p, const struct layout_steps *steps, size_t point,
                        int epoch, float *y)
{
    size_t k = (size_t)p->arrows->k, dim = (size_t)p->dim;
    struct chance chance = chance_at(p->options->seed, CHANCE_TRANSFORM, point, (uint64_t)epoch);
    for (size_t e = point * k; e < (point + 1) * k; e++) {
        uint32_t share = steps_share(p->arrows->weights[e], p->most, p->options->epochs);
        if (!steps_is_due(share, (uint32_t)epoch))
            continue;
        const float *others[STEPS_NEGATIVES_MAX];
        float step[LAYOUT_DIM_MAX] = {0};
        for (int i = 0; i < p->options->negatives; i++)
            others[i] = p->fixed + chance_below(&chance, (uint32_t)p->fixed_count) * dim;
        steps_sample(steps, y, p->fixed + p->arrows->ids[e] * dim, others, p->options->negatives,
                     step, p->dim);
    }
}

static void place_item(void *context, int item, int lane)
{
    const struct placing *p = context;
    size_t first = (size_t)item * ITEM, dim = (size_t)p->dim;
    (void)lane;
    for (size_t i = first; i < first + ITEM && i < p->arrows->count; i++) {
        struct layout_steps steps = steps_of(p->options);
        for (int epoch = 0; epoch < p->options->epochs; epoch++) {
            steps.rate = (float)(p->options->rate * (1 - (double)epoch / p->options->epochs));
            place_epoch(p, &steps, i, epoch, p->positions + i * dim);
        }
    }
}

void layout_place(float *positions, int dim, const struct layout_arrows *arrows, const float *fixed,
                  size_t fixed_count, const struct layout_options *options, struct team *team)
{
    struct placing p = {options, arrows, fixed, fixed_count, positions, dim, 0};
    assert(dim >= 1 && dim <= LAYOUT_DIM_MAX && fixed_count > 0 && options->negatives % 2 == 1 &&
           options->negatives <= STEPS_NEGATIVES_MAX);
    for (size_t e = 0; e < arrows->count * (size_t)arrows->k; e++)
        p.most = fmaxf(p.most, arrows->weights[e]);
    team_run(team, (int)((arrows->count + ITEM - 1) / ITEM), place_item, &p);
}
