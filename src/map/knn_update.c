/* SPDX-License-Identifier: MIT
 *
 * The graph after photographs came and went. Rows fall into two kinds: those that keep all their
 * neighbours can only gain new rows, and are compared with these; the new ones, and those that lost
 * a neighbour, look among all. So m changes among n rows cost about 2 m n cosines instead of n²
 * / 2.
 */
#include "map/knn.h"
#include "map/knn_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct change {
    uint32_t *now;   /* [old count] an old row's row now, or KNN_NEW where it is gone */
    uint32_t *again; /* rows whose neighbours are looked for among all */
    uint32_t *kept;  /* rows that keep theirs, and look among the new ones */
    uint32_t *arrived;
    size_t again_count, kept_count, arrived_count;
};

static void change_close(struct change *c)
{
    free(c->now);
    free(c->again);
    free(c->kept);
    free(c->arrived);
    *c = (struct change){0};
}

/* Whether every neighbour that the row had is still there. */
static bool still_whole(const struct change *c, const struct knn_graph *old, size_t row, int k)
{
    if (old->k < k)
        return false;
    for (int n = 0; n < k; n++)
        if (c->now[old->ids[row * (size_t)old->k + (size_t)n]] == KNN_NEW)
            return false;
    return true;
}

static enum status change_open(struct change *c, const struct knn_graph *old,
                               const uint32_t *old_row, size_t count, int k, struct err *err)
{
    *c = (struct change){.now = malloc((old->count + 1) * sizeof *c->now),
                         .again = malloc((count + 1) * sizeof *c->again),
                         .kept = malloc((count + 1) * sizeof *c->kept),
                         .arrived = malloc((count + 1) * sizeof *c->arrived)};
    if (!c->now || !c->again || !c->kept || !c->arrived) {
        change_close(c);
        return err_no_memory(err, "the neighbour graph", count * 3 * sizeof *c->kept);
    }
    for (size_t i = 0; i < old->count; i++)
        c->now[i] = KNN_NEW;
    for (size_t i = 0; i < count; i++)
        if (old_row[i] != KNN_NEW)
            c->now[old_row[i]] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        bool is_new = old_row[i] == KNN_NEW;
        if (is_new)
            c->arrived[c->arrived_count++] = (uint32_t)i;
        if (is_new || !still_whole(c, old, old_row[i], k))
            c->again[c->again_count++] = (uint32_t)i;
        else
            c->kept[c->kept_count++] = (uint32_t)i;
    }
    return OK;
}

/* The lists of the rows that keep theirs: old neighbours under their new numbers. */
static void take_over(struct knn_lists *lists, const struct change *c, const struct knn_graph *old,
                      const uint32_t *old_row)
{
    for (size_t i = 0; i < c->kept_count; i++) {
        size_t from = (size_t)old_row[c->kept[i]] * (size_t)old->k;
        for (int n = 0; n < lists->k; n++)
            knn_lists_offer(lists, i, 1 - old->distances[from + (size_t)n],
                            c->now[old->ids[from + (size_t)n]]);
    }
}

static void copy_lists(struct knn_lists *to, const uint32_t *rows, const struct knn_lists *from)
{
    size_t k = (size_t)to->k;
    for (size_t i = 0; i < from->count; i++) {
        memcpy(to->ids + rows[i] * k, from->ids + i * k, k * sizeof *to->ids);
        memcpy(to->scores + rows[i] * k, from->scores + i * k, k * sizeof *to->scores);
    }
}

static enum status update_lists(struct knn_lists *all, const struct change *c,
                                const struct map_vectors *v, const struct knn_graph *old,
                                const uint32_t *old_row, struct team *team,
                                const struct map_watch *watch, struct err *err)
{
    struct knn_lists again, kept = {0};
    struct knn_pairs pairs = {.rows = v, .columns = v, .same = true};
    enum status status = knn_lists_open(&again, c->again_count, all->k, err);
    if (status == OK)
        status = knn_lists_open(&kept, c->kept_count, all->k, err);
    if (status == OK) {
        pairs.row_ids = c->again;
        pairs.row_count = c->again_count;
        pairs.column_count = v->count;
        pairs.lists = &again;
        status = knn_run_pairs(&pairs, team, watch, err);
    }
    if (status == OK) {
        take_over(&kept, c, old, old_row);
        pairs.row_ids = c->kept;
        pairs.row_count = c->kept_count;
        pairs.column_ids = c->arrived;
        pairs.column_count = c->arrived_count;
        pairs.lists = &kept;
        status = knn_run_pairs(&pairs, team, watch, err);
    }
    if (status == OK) {
        copy_lists(all, c->again, &again);
        copy_lists(all, c->kept, &kept);
    }
    knn_lists_close(&again);
    knn_lists_close(&kept);
    return status;
}

enum status knn_update(struct knn_graph *out, const struct map_vectors *v,
                       const struct knn_graph *old, const uint32_t *old_row, struct team *team,
                       const struct map_watch *watch, struct err *err)
{
    struct change change;
    struct knn_lists lists = {0};
    int k = old->k;
    *out = (struct knn_graph){0};
    assert(v->count >= 2);
    if ((size_t)k > v->count - 1)
        k = (int)(v->count - 1);
    enum status status = change_open(&change, old, old_row, v->count, k, err);
    if (status != OK)
        return status;
    status = knn_lists_open(&lists, v->count, k, err);
    if (status == OK)
        status = update_lists(&lists, &change, v, old, old_row, team, watch, err);
    if (status == OK)
        knn_lists_finish(&lists, out);
    knn_lists_close(&lists);
    change_close(&change);
    return status;
}
