/* SPDX-License-Identifier: MIT
 *
 * See knn_internal.h. A list is an array and insertion moves its tail: k is small, and nearly every
 * candidate is turned away by one comparison.
 */
#include "map/knn_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status knn_lists_open(struct knn_lists *out, size_t count, int k, struct err *err)
{
    size_t cells = count * (size_t)k;
    *out = (struct knn_lists){.count = count, .k = k};
    out->scores = malloc((cells + 1) * sizeof *out->scores);
    out->ids = malloc((cells + 1) * sizeof *out->ids);
    out->reached = malloc((count + 1) * sizeof *out->reached);
    if (!out->scores || !out->ids || !out->reached) {
        knn_lists_close(out);
        return err_no_memory(err, "the neighbour graph", cells * 8);
    }
    for (size_t i = 0; i < cells; i++) {
        out->scores[i] = -INFINITY;
        out->ids[i] = KNN_NONE;
    }
    for (size_t i = 0; i < count; i++)
        out->reached[i] = -INFINITY;
    return OK;
}

void knn_lists_close(struct knn_lists *l)
{
    free(l->scores);
    free(l->ids);
    free(l->reached);
    *l = (struct knn_lists){0};
}

bool knn_lists_offer(struct knn_lists *l, size_t row, float score, uint32_t id)
{
    int k = l->k, at = k;
    float *scores = l->scores + row * (size_t)k;
    uint32_t *ids = l->ids + row * (size_t)k;
    while (at > 0 && (score > scores[at - 1] || (score == scores[at - 1] && id < ids[at - 1])))
        at--;
    if (at == k || (at > 0 && scores[at - 1] == score && ids[at - 1] == id))
        return false;
    size_t tail = (size_t)(k - 1 - at);
    memmove(scores + at + 1, scores + at, tail * sizeof *scores);
    memmove(ids + at + 1, ids + at, tail * sizeof *ids);
    scores[at] = score;
    ids[at] = id;
    l->reached[row] = scores[k - 1];
    return true;
}

void knn_lists_finish(struct knn_lists *l, struct knn_graph *out)
{
    size_t cells = l->count * (size_t)l->k;
    for (size_t i = 0; i < cells; i++)
        l->scores[i] = fminf(fmaxf(1 - l->scores[i], 0), 2);
    *out = (struct knn_graph){.count = l->count, .k = l->k, .ids = l->ids, .distances = l->scores};
    free(l->reached);
    *l = (struct knn_lists){0};
}
