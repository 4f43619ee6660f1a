/* SPDX-License-Identifier: MIT
 *
 * See snapshot.h. Everything is read between store_read_begin() and store_read_end(), so that it is
 * of one moment whoever writes meanwhile; the bytes for the scan are made afterwards, from memory.
 *
 * The public struct is the first member of the private one; casts from one to the other are in
 * one place, at the references.
 */
#include "library/snapshot.h"

#include "base/cpu.h"
#include "search/bytes_matrix.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct snapshot_private {
    struct snapshot public;
    atomic_long references;
    struct kernels kernels;
    struct store_matrix matrix;
    struct store_facts facts;
    struct store_labels *sets; /* [set_count], the one written last first */
    size_t set_count;
    struct store_labels unlabelled; /* where there is no set */
    struct bytes_matrix *bytes;
    size_t *table; /* [mask + 1] row + 1 by photo id, open addressing; 0: free */
    size_t mask;
};

/* --- rows --------------------------------------------------------------------------------- */

static size_t slot_of(const struct snapshot_private *p, int64_t photo_id)
{
    uint64_t z = (uint64_t)photo_id * 0x9e3779b97f4a7c15u;
    return (size_t)(z ^ z >> 32) & p->mask;
}

static enum status make_table(struct snapshot_private *p, struct err *err)
{
    size_t size = 16;
    while (size < 2 * p->matrix.count)
        size *= 2;
    p->mask = size - 1;
    p->table = calloc(size, sizeof *p->table);
    if (!p->table)
        return err_no_memory(err, "the library's photos", size * sizeof *p->table);
    for (size_t row = 0; row < p->matrix.count; row++) {
        size_t slot = slot_of(p, p->matrix.photo_ids[row]);
        while (p->table[slot])
            slot = (slot + 1) & p->mask;
        p->table[slot] = row + 1;
    }
    return OK;
}

size_t snapshot_row_of(const struct snapshot *snapshot, int64_t photo_id)
{
    const struct snapshot_private *p = snapshot->private;
    for (size_t slot = slot_of(p, photo_id); p->table[slot]; slot = (slot + 1) & p->mask)
        if (p->matrix.photo_ids[p->table[slot] - 1] == photo_id)
            return p->table[slot] - 1;
    return SNAPSHOT_NO_ROW;
}

size_t snapshot_row_at(const struct snapshot *snapshot, const char *path)
{
    size_t low = 0, high = snapshot->matrix->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(snapshot->matrix->paths[middle], path);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SNAPSHOT_NO_ROW;
}

const struct store_labels *snapshot_labels(const struct snapshot *snapshot, const char *set)
{
    const struct snapshot_private *p = snapshot->private;
    if (!set)
        return snapshot->labels;
    for (size_t i = 0; i < p->set_count; i++)
        if (strcmp(p->sets[i].set, set) == 0)
            return &p->sets[i];
    return NULL;
}

const char *snapshot_set_name(const struct snapshot *snapshot, size_t number)
{
    const struct snapshot_private *p = snapshot->private;
    return number < p->set_count ? p->sets[number].set : NULL;
}

/* --- reading ------------------------------------------------------------------------------ */

static enum status load_sets(struct snapshot_private *p, struct store *store, int64_t model_id,
                             struct err *err)
{
    struct store_label_set *sets = NULL;
    size_t count = 0;
    enum status status = store_label_sets(store, model_id, &sets, &count, err);
    if (status == OK) {
        p->sets = calloc(count ? count : 1, sizeof *p->sets);
        if (!p->sets)
            status = err_no_memory(err, "the library's labels", count * sizeof *p->sets);
    }
    for (; status == OK && p->set_count < count; p->set_count++)
        status = store_labels_load(store, model_id, sets[p->set_count].name, &p->matrix,
                                   &p->sets[p->set_count], err);
    if (status == OK && count == 0)
        status = store_labels_load(store, model_id, NULL, &p->matrix, &p->unlabelled, err);
    store_label_sets_free(sets, count);
    return status;
}

static enum status load(struct snapshot_private *p, struct store *store, int64_t model_id,
                        const struct snapshot *previous, bool rows_only, struct err *err)
{
    enum status status =
        rows_only  ? store_rows_load(store, model_id, &p->matrix, err)
        : previous ? store_matrix_update(store, model_id, previous->matrix, &p->matrix, err)
                   : store_matrix_load(store, model_id, &p->matrix, err);
    if (status == OK)
        status = store_facts_load(store, &p->matrix, &p->facts, err);
    if (status == OK)
        status = load_sets(p, store, model_id, err);
    return status == OK ? make_table(p, err) : status;
}

static enum status make_bytes(struct snapshot_private *p, enum snapshot_bytes want, struct err *err)
{
    if (want != SNAPSHOT_BYTES_AUTO || p->matrix.count < SNAPSHOT_BYTES_FROM)
        return OK;
    return bytes_matrix_make(&p->bytes, &p->kernels, p->matrix.vectors, p->matrix.count,
                             p->matrix.dim, 0, err);
}

static void destroy(struct snapshot_private *p)
{
    if (p->public.store)
        store_read_end(p->public.store);
    for (size_t i = 0; i < p->set_count; i++)
        store_labels_free(&p->sets[i]);
    free(p->sets);
    store_labels_free(&p->unlabelled);
    store_facts_free(&p->facts);
    store_matrix_free(&p->matrix);
    bytes_matrix_free(p->bytes);
    free(p->table);
    free(p);
}

static void publish(struct snapshot_private *p, int64_t model_id, int64_t revision)
{
    p->public = (struct snapshot){
        .model_id = model_id,
        .revision = revision,
        .matrix = &p->matrix,
        .facts = &p->facts,
        .labels = p->set_count ? &p->sets[0] : &p->unlabelled,
        .bytes = p->bytes,
        .kernels = &p->kernels,
        .private = p,
    };
    atomic_init(&p->references, 1);
}

static enum status make(struct snapshot_private *p, struct store *store, int64_t model_id,
                        const struct snapshot *previous, enum snapshot_bytes want, struct err *err)
{
    unsigned flags;
    enum status status = cpu_flags(&flags, err);
    if (status != OK)
        return status;
    kernels_init(&p->kernels, flags);
    const bool rows_only = want == SNAPSHOT_ROWS && store_searches(store);
    status = load(p, store, model_id, previous, rows_only, err);
    return status == OK ? make_bytes(p, want, err) : status;
}

enum status snapshot_open(const struct snapshot **out, struct store *store, int64_t model_id,
                          enum snapshot_bytes want, const struct snapshot *previous,
                          struct err *err)
{
    int64_t revision;
    *out = NULL;
    enum status status = store_read_begin(store, err);
    if (status != OK)
        return status;
    status = store_revision(store, &revision, err);
    if (status == OK && previous && previous->revision == revision) {
        store_read_end(store);
        *out = snapshot_ref(previous);
        return OK;
    }
    struct snapshot_private *p = status == OK ? calloc(1, sizeof *p) : NULL;
    if (status == OK && !p)
        status = err_no_memory(err, "the library", sizeof *p);
    if (status == OK)
        status = make(p, store, model_id, previous, want, err);
    const bool held = status == OK && want == SNAPSHOT_ROWS && store_searches(store);
    if (!held)
        store_read_end(store);
    if (status == OK) {
        publish(p, model_id, revision);
        p->public.store = held ? store : NULL;
        *out = &p->public;
    } else if (p) {
        destroy(p);
    }
    return status;
}

/* --- references --------------------------------------------------------------------------- */

const struct snapshot *snapshot_ref(const struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->private->references, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_unref(const struct snapshot *snapshot)
{
    if (snapshot &&
        atomic_fetch_sub_explicit(&snapshot->private->references, 1, memory_order_acq_rel) == 1)
        destroy(snapshot->private);
}
