/* SPDX-License-Identifier: MIT
 *
 * Stochastic gradient descent whose order is fixed although several threads work on it.
 *
 * The vertices are dealt out to BLOCKS blocks at random. An edge belongs to the pair of blocks that
 * its ends are in, and an epoch is a tournament: in each round every block meets one other (in the
 * last, itself), and a pair that meets has all its edges sampled by one thread, one after the
 * other, both ends moving at once. Nobody else has these vertices in that round. What repels is
 * drawn from all vertices, whose positions are read as they were when the epoch began. So the
 * result depends on the number of blocks, which is fixed, and not on the threads.
 *
 * That both ends move is what the tournament is for. Gathering the moves of each vertex by itself
 * is simpler, but was measured to tear groups apart while the rate is high: on the digits the
 * silhouette fell from 0.66, which umap-learn and this reach, to 0.4.
 *
 * An edge of weight w is sampled every max(w) / w epochs, and stands in the rows of both its ends,
 * each of which repels its own negative samples: umap-learn's schedule. Random numbers are keyed
 * by (seed, edge, epoch).
 */
#include "map/layout.h"
#include "map/layout_steps.h"

#include "map/random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS = 16,        /* even; half as many threads have work */
    BLOCKS_FROM = 1000, /* vertices; fewer are one block, and one thread's work */
    REPORTS = 50,       /* of progress */
};

struct edge {
    uint32_t head, tail; /* places of the vertices in the dealt order */
    uint32_t share;      /* weight / max(w) as a fraction of 2^32 */
};

struct meeting {       /* a pair of blocks */
    size_t first, end; /* its edges */
};

struct tournament {
    struct layout_steps steps;
    size_t count, blocks;
    int dim;
    uint32_t *vertices; /* [count] the dealt order */
    uint32_t *places;   /* [count] a vertex's place in it */
    float *positions;   /* [count, dim] in the dealt order */
    float *before;      /* the same when the epoch began; with one block, `positions` itself */
    struct edge *edges; /* by meeting */
    struct meeting *meetings; /* [blocks, blocks], of which those with a <= b are used */
    int negatives;
    uint64_t key; /* of the epoch */
    uint32_t epoch;
    size_t round;
};

/* --- an epoch -----------------------------------------------------------------------------------
 */

static inline void sample_edge(const struct tournament *t, const struct edge *e, size_t number,
                               int dim)
{
    size_t width = (size_t)dim;
    struct chance chance = {chance_mix(t->key ^ number)};
    float *head = t->positions + e->head * width, *tail = t->positions + e->tail * width;
    const float *others[STEPS_NEGATIVES_MAX];
    float step[LAYOUT_DIM_MAX] = {0};
    for (int i = 0; i < t->negatives; i++) {
        size_t other = chance_below(&chance, (uint32_t)t->count);
        others[i] = other == e->head ? head : t->before + other * width;
    }
    steps_sample(&t->steps, head, tail, others, t->negatives, step, dim);
    for (int d = 0; d < dim; d++)
        tail[d] -= step[d];
}

static inline void play_edges(const struct tournament *t, const struct meeting *m, int dim)
{
    for (size_t i = m->first; i < m->end; i++)
        if (steps_is_due(t->edges[i].share, t->epoch))
            sample_edge(t, &t->edges[i], i, dim);
}

/* Who meets whom: the circle method. Block `blocks - 1` stays, the others go round. */
static void pair_of(const struct tournament *t, size_t item, size_t *a, size_t *b)
{
    size_t others = t->blocks - 1;
    if (t->round == others) { /* each with itself */
        *a = *b = item;
        return;
    }
    size_t x = item == 0 ? others : (t->round + item) % others;
    size_t y = item == 0 ? t->round : (t->round + others - item) % others;
    *a = x < y ? x : y;
    *b = x < y ? y : x;
}

static void play(void *context, int item, int lane)
{
    const struct tournament *t = context;
    size_t a, b;
    (void)lane;
    pair_of(t, (size_t)item, &a, &b);
    const struct meeting *m = &t->meetings[a * t->blocks + b];
    if (t->dim == 3) /* the dimensions that are used most have their loops unrolled */
        play_edges(t, m, 3);
    else if (t->dim == 2)
        play_edges(t, m, 2);
    else
        play_edges(t, m, t->dim);
}

static void run_epoch(struct tournament *t, struct team *team)
{
    if (t->blocks > 1)
        memcpy(t->before, t->positions, t->count * (size_t)t->dim * sizeof *t->before);
    for (t->round = 0; t->round < t->blocks; t->round++) {
        team_run(team, (int)(t->round == t->blocks - 1 ? t->blocks : t->blocks / 2), play, t);
    }
}

/* --- before the first ----------------------------------------------------------------------------
 */

static void deal(struct tournament *t, uint64_t seed)
{
    struct chance chance = chance_at(seed, CHANCE_DEAL, 0, 0);
    for (size_t i = 0; i < t->count; i++)
        t->vertices[i] = (uint32_t)i;
    for (size_t i = t->count; i > 1 && t->blocks > 1; i--) {
        size_t j = chance_below(&chance, (uint32_t)i);
        uint32_t swap = t->vertices[i - 1];
        t->vertices[i - 1] = t->vertices[j];
        t->vertices[j] = swap;
    }
    for (size_t i = 0; i < t->count; i++)
        t->places[t->vertices[i]] = (uint32_t)i;
}

static size_t meeting_of(const struct tournament *t, size_t head, size_t tail)
{
    size_t a = head * t->blocks / t->count, b = tail * t->blocks / t->count;
    return a < b ? a * t->blocks + b : b * t->blocks + a;
}

/* Edges that are never sampled are left out. The rest by meeting: counted, then put there. */
static void sort_edges(struct tournament *t, const struct sparse *graph, int epochs)
{
    float most = 0;
    for (size_t e = 0; e < graph->starts[t->count]; e++)
        most = graph->weights[e] > most ? graph->weights[e] : most;
    size_t meetings = t->blocks * t->blocks;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t place = 0; place < t->count; place++) {
            size_t row = t->vertices[place];
            for (size_t e = graph->starts[row]; e < graph->starts[row + 1]; e++) {
                uint32_t share = steps_share(graph->weights[e], most, epochs);
                size_t tail = t->places[graph->ids[e]];
                struct meeting *m = &t->meetings[meeting_of(t, place, tail)];
                if (share && pass)
                    t->edges[m->end] = (struct edge){(uint32_t)place, (uint32_t)tail, share};
                m->end += share != 0;
            }
        }
        for (size_t i = 0, used = 0; i < meetings && !pass; i++) {
            size_t size = t->meetings[i].end;
            t->meetings[i] = (struct meeting){used, used};
            used += size;
        }
    }
}

static enum status tournament_open(struct tournament *t, const struct sparse *graph,
                                   const struct layout_options *options, struct err *err)
{
    size_t cells = t->count * (size_t)t->dim, edges = graph->starts[t->count];
    t->blocks = t->count >= BLOCKS_FROM ? BLOCKS : 1;
    t->vertices = malloc((t->count + 1) * sizeof *t->vertices);
    t->places = malloc((t->count + 1) * sizeof *t->places);
    t->positions = malloc((cells + 1) * sizeof *t->positions);
    t->before = t->blocks > 1 ? malloc(cells * sizeof *t->before) : t->positions;
    t->edges = malloc((edges + 1) * sizeof *t->edges);
    t->meetings = calloc(t->blocks * t->blocks, sizeof *t->meetings);
    if (!t->vertices || !t->places || !t->positions || !t->before || !t->edges || !t->meetings)
        return err_no_memory(err, "the layout", edges * sizeof *t->edges);
    deal(t, options->seed);
    sort_edges(t, graph, options->epochs);
    return OK;
}

static void tournament_close(struct tournament *t)
{
    if (t->before != t->positions)
        free(t->before);
    free(t->vertices);
    free(t->places);
    free(t->positions);
    free(t->edges);
    free(t->meetings);
}

enum status layout_run(float *positions, int dim, const struct sparse *graph,
                       const struct layout_options *options, struct team *team,
                       const struct map_watch *watch, struct err *err)
{
    size_t width = (size_t)dim;
    struct tournament t = {.steps = steps_of(options),
                           .count = graph->count,
                           .dim = dim,
                           .negatives = options->negatives};
    assert(dim >= 1 && dim <= LAYOUT_DIM_MAX && options->negatives % 2 == 1 &&
           options->negatives <= STEPS_NEGATIVES_MAX);
    if (graph->count == 0)
        return OK;
    enum status status = tournament_open(&t, graph, options, err);
    for (size_t i = 0; i < t.count && status == OK; i++)
        memcpy(t.positions + i * width, positions + t.vertices[i] * width, width * sizeof(float));
    for (int epoch = 0; epoch < options->epochs && status == OK; epoch++) {
        t.epoch = (uint32_t)epoch;
        t.key = chance_at(options->seed, CHANCE_NEGATIVE, 0, (uint64_t)epoch).state;
        t.steps.rate = (float)(options->rate * (1 - (double)epoch / options->epochs));
        if (epoch % (options->epochs / REPORTS + 1) == 0)
            status = map_watch_report(watch, "layout", (size_t)epoch, (size_t)options->epochs, err);
        if (status == OK)
            run_epoch(&t, team);
    }
    for (size_t i = 0; i < t.count && status == OK; i++)
        memcpy(positions + t.vertices[i] * width, t.positions + i * width, width * sizeof(float));
    tournament_close(&t);
    return status;
}
