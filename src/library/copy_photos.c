/* SPDX-License-Identifier: MIT
 *
 * The photographs, in batches: what the source says of them, what the target does, and what of it
 * is put. A photo of which they say the same costs reading it twice; so a copy that goes on after
 * it was cut off is a comparison up to where it got.
 *
 * A photo whose vectors are of one model is put with it in one verb. Of further models the vectors
 * follow in verbs of their own, labels last.
 */
#include "library/copy_private.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct batch {
    struct copy *copy;
    size_t first, count;                      /* of the copy's ids */
    struct store_photo photos[2][COPY_BATCH]; /* by side */
    uint16_t **vectors[2];                    /* [model_count] of [COPY_BATCH, dim] */
    bool *has[2];                             /* [model_count, COPY_BATCH] */
    bool differs[COPY_BATCH];                 /* what is to be put */
    struct store_result results[COPY_PUT];    /* of the verb to come */
    struct store_sidecar sidecars[COPY_PUT];  /* [result_count] theirs */
    size_t result_count;
    struct str records[2]; /* scratch */
};

static bool has_vector(const struct batch *b, enum copy_side side, size_t model, size_t i)
{
    return b->has[side][model * COPY_BATCH + i];
}

static const uint16_t *vector(const struct batch *b, enum copy_side side, size_t model, size_t i)
{
    return b->vectors[side][model] + i * (size_t)b->copy->models[model].model.dim;
}

static size_t vector_bytes(const struct batch *b, size_t model)
{
    return (size_t)b->copy->models[model].model.dim * sizeof(uint16_t);
}

/* --- reading ------------------------------------------------------------------------------ */

static enum status load_side(struct batch *b, enum copy_side side, struct err *err)
{
    struct copy *c = b->copy;
    const int64_t *ids = c->ids[side] + b->first;
    enum status status = store_photos_load(c->stores[side], ids, b->count, b->photos[side], err);
    for (size_t m = 0; status == OK && m < c->model_count; m++)
        status = store_vectors_load(c->stores[side], c->models[m].ids[side], ids, b->count,
                                    b->vectors[side][m], b->has[side] + m * COPY_BATCH, err);
    return status;
}

static enum status find_in_target(struct batch *b, struct err *err)
{
    struct photo_hash hashes[COPY_BATCH];
    for (size_t i = 0; i < b->count; i++)
        hashes[i] = b->photos[COPY_FROM][i].hash;
    return store_photos_find(b->copy->stores[COPY_TO], hashes, b->count,
                             b->copy->ids[COPY_TO] + b->first, err);
}

static void clear(struct batch *b)
{
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < COPY_BATCH; i++)
            store_photo_free(&b->photos[side][i]);
    memset(b->differs, 0, sizeof b->differs);
}

/* --- comparing ---------------------------------------------------------------------------- */

/* The checksum of one photograph: its record, then its vectors by the order of the models. */
static void add_checksum(struct batch *b, const struct str *record, size_t i)
{
    XXH128_hash_t sum = XXH3_128bits(record->data, record->size);
    uint64_t *total = b->copy->report->checksum;
    for (size_t m = 0; m < b->copy->model_count; m++) {
        if (!has_vector(b, COPY_FROM, m, i))
            continue;
        const char *fingerprint = b->copy->models[m].model.fingerprint;
        uint64_t seed = XXH3_64bits(fingerprint, strlen(fingerprint));
        XXH128_hash_t v = XXH3_128bits_withSeed(vector(b, COPY_FROM, m, i), vector_bytes(b, m),
                                                seed ^ sum.high64);
        total[0] += v.low64;
        total[1] += v.high64;
    }
    total[0] += sum.low64;
    total[1] += sum.high64;
}

static bool same_vectors(const struct batch *b, size_t i)
{
    for (size_t m = 0; m < b->copy->model_count; m++)
        if (has_vector(b, COPY_FROM, m, i) &&
            (!has_vector(b, COPY_TO, m, i) ||
             memcmp(vector(b, COPY_FROM, m, i), vector(b, COPY_TO, m, i), vector_bytes(b, m)) != 0))
            return false;
    return true;
}

static enum status compare_photo(struct batch *b, size_t i, struct err *err)
{
    struct copy *c = b->copy;
    const struct store_photo *from = &b->photos[COPY_FROM][i];
    for (int side = 0; side < 2; side++) {
        str_clear(&b->records[side]);
        copy_record(&b->records[side], c, (enum copy_side)side, &b->photos[side][i], from);
        if (!str_ok(&b->records[side]))
            return err_no_memory(err, "a photograph's record", b->records[side].size);
    }
    b->differs[i] = b->records[0].size != b->records[1].size ||
                    memcmp(b->records[0].data, b->records[1].data, b->records[0].size) != 0 ||
                    !same_vectors(b, i);
    if (!c->verifying)
        return OK;
    add_checksum(b, &b->records[COPY_FROM], i);
    if (b->differs[i])
        copy_differs(c, "the photograph", from->paths[0].path);
    return OK;
}

static void count_photo(struct batch *b, size_t i)
{
    struct copy_report *r = b->copy->report;
    r->photos.total++;
    r->photos.copied += b->differs[i];
    r->files += (int64_t)b->photos[COPY_FROM][i].path_count;
    r->labels.total += (int64_t)b->photos[COPY_FROM][i].label_count;
    for (size_t m = 0; m < b->copy->model_count; m++)
        r->vectors.total += has_vector(b, COPY_FROM, m, i);
}

/* --- putting ------------------------------------------------------------------------------ */

static enum status flush(struct batch *b, int64_t model_id, struct err *err)
{
    enum status status =
        store_put_results(b->copy->stores[COPY_TO], model_id, b->results, b->result_count, err);
    b->result_count = 0;
    return status;
}

static enum status put_path(struct batch *b, int64_t model_id, size_t i, size_t path,
                            const uint16_t *values, struct err *err)
{
    const struct store_photo *photo = &b->photos[COPY_FROM][i];
    const struct store_photo_path *p = &photo->paths[path];
    struct store_sidecar *sidecar = &b->sidecars[b->result_count];
    *sidecar = (struct store_sidecar){p->sidecar, p->sidecar_size_bytes, p->sidecar_mtime_ns,
                                      p->sidecar_meta};
    struct store_result *r = &b->results[b->result_count++];
    *r = (struct store_result){
        .file = {.path = p->path, .size_bytes = p->size_bytes, .mtime_ns = p->mtime_ns},
        .hash = photo->hash,
        .width = photo->width,
        .height = photo->height,
        .vector = values,
        .meta = photo->has_meta ? &photo->embedded : NULL,
        .phash = photo->phash,
        .has_phash = photo->has_phash,
        .sidecar = p->sidecar ? sidecar : NULL,
    };
    memcpy(r->format, photo->format, sizeof r->format);
    b->copy->report->vectors.copied += values != NULL;
    return b->result_count == COPY_PUT ? flush(b, model_id, err) : OK;
}

/* The first model of which the photo has a vector; model_count: none. */
static size_t first_model(const struct batch *b, size_t i)
{
    size_t m = 0;
    while (m < b->copy->model_count && !has_vector(b, COPY_FROM, m, i))
        m++;
    return m;
}

/* All paths of the photos whose first model this is, and the vectors of the others. */
static enum status put_model(struct batch *b, size_t m, struct err *err)
{
    struct copy *c = b->copy;
    const int64_t model_id = m < c->model_count ? c->models[m].ids[COPY_TO] : 0;
    enum status status = OK;
    for (size_t i = 0; status == OK && i < b->count; i++) {
        if (!b->differs[i])
            continue;
        const bool first = first_model(b, i) == m;
        const bool lacks =
            m < c->model_count && has_vector(b, COPY_FROM, m, i) && !has_vector(b, COPY_TO, m, i);
        const size_t paths = first ? b->photos[COPY_FROM][i].path_count : lacks;
        for (size_t p = 0; status == OK && p < paths; p++)
            status = put_path(b, model_id, i, p,
                              p == 0 && lacks ? vector(b, COPY_FROM, m, i) : NULL, err);
    }
    return status == OK ? flush(b, model_id, err) : status;
}

static int category_index(const struct store_label_set *set, const char *name)
{
    for (size_t i = 0; i < set->category_count; i++)
        if (strcmp(set->categories[i], name) == 0)
            return (int)i;
    return -1; /* which the store refuses */
}

/* also: [also_count] room for the indices */
static struct store_label label_of(const struct store_photo_label *l,
                                   const struct store_label_set *set, int64_t photo_id, int *also)
{
    for (size_t i = 0; i < l->also_count; i++)
        also[i] = category_index(set, l->also[i]);
    return (struct store_label){photo_id,     l->category,      l->confidence, l->margin,
                                l->uncertain, l->probabilities, also,          l->also_count};
}

static enum status put_set(struct batch *b, const struct copy_model *model,
                           const struct store_label_set *set, struct err *err)
{
    struct copy *c = b->copy;
    struct store_label labels[COPY_BATCH];
    size_t count = 0;
    int *also = malloc(COPY_BATCH * set->category_count * sizeof *also);
    if (!also)
        return err_no_memory(err, "the labels", COPY_BATCH * set->category_count * sizeof *also);
    enum status status = OK;
    for (size_t i = 0; status == OK && i < b->count; i++) {
        const struct store_photo_label *l =
            b->differs[i]
                ? copy_label_of(&b->photos[COPY_FROM][i], model->ids[COPY_FROM], set->name)
                : NULL;
        if (!l)
            continue;
        if (l->category_count != set->category_count || l->also_count > set->category_count)
            status = err_set(err, ERR_FORMAT, "%s: its label of \"%s\" does not fit the set",
                             b->photos[COPY_FROM][i].paths[0].path, set->name);
        else
            labels[count] =
                label_of(l, set, c->ids[COPY_TO][b->first + i], also + count * set->category_count);
        count++;
    }
    const struct store_set target = {set->name, set->json, (const char *const *)set->categories,
                                     set->category_count, set->made_at};
    if (status == OK && count > 0)
        status =
            store_labels_add(c->stores[COPY_TO], model->ids[COPY_TO], &target, labels, count, err);
    c->report->labels.copied += (int64_t)count;
    free(also);
    return status;
}

static enum status put(struct batch *b, struct err *err)
{
    const struct copy *c = b->copy;
    enum status status = OK;
    for (size_t m = 0; status == OK && m <= c->model_count; m++)
        status = put_model(b, m, err);
    if (status == OK)
        status = find_in_target(b, err);
    for (size_t m = 0; status == OK && m < c->model_count; m++)
        for (size_t s = 0; status == OK && s < c->models[m].set_count; s++)
            status = put_set(b, &c->models[m], &c->models[m].sets[s], err);
    return status;
}

/* --- the batches -------------------------------------------------------------------------- */

static enum status go_through(struct batch *b, struct err *err)
{
    struct copy *c = b->copy;
    bool any = false;
    enum status status = load_side(b, COPY_FROM, err);
    if (status == OK)
        status = find_in_target(b, err);
    if (status == OK)
        status = load_side(b, COPY_TO, err);
    for (size_t i = 0; status == OK && i < b->count; i++) {
        if (b->photos[COPY_FROM][i].path_count == 0)
            return err_set(err, ERR_INTERNAL, "a photograph went from a library that is held");
        status = compare_photo(b, i, err);
        any = any || b->differs[i];
        if (!c->verifying)
            count_photo(b, i);
    }
    return status == OK && any && !c->verifying ? put(b, err) : status;
}

static enum status open_batch(struct batch **out, struct copy *c, struct err *err)
{
    struct batch *b = *out = calloc(1, sizeof *b);
    if (!b)
        return err_no_memory(err, "a batch of photographs", sizeof *b);
    b->copy = c;
    for (int side = 0; side < 2; side++) {
        b->records[side] = str_new(SIZE_MAX / 4);
        b->vectors[side] = calloc(c->model_count + 1, sizeof *b->vectors[side]);
        b->has[side] = calloc((c->model_count + 1) * COPY_BATCH, sizeof *b->has[side]);
        if (!b->vectors[side] || !b->has[side])
            return err_no_memory(err, "a batch of vectors", c->model_count);
        for (size_t m = 0; m < c->model_count; m++) {
            b->vectors[side][m] = malloc(COPY_BATCH * vector_bytes(b, m));
            if (!b->vectors[side][m])
                return err_no_memory(err, "a batch of vectors", COPY_BATCH * vector_bytes(b, m));
        }
    }
    return OK;
}

static void close_batch(struct batch *b)
{
    if (!b)
        return;
    clear(b);
    for (int side = 0; side < 2; side++) {
        for (size_t m = 0; b->vectors[side] && m < b->copy->model_count; m++)
            free(b->vectors[side][m]);
        free(b->vectors[side]);
        free(b->has[side]);
        str_free(&b->records[side]);
    }
    free(b);
}

enum status copy_photos(struct copy *c, struct err *err)
{
    struct batch *b;
    enum status status = open_batch(&b, c, err);
    for (size_t at = 0; status == OK && at < c->id_count; at += b->count) {
        b->first = at;
        b->count = c->id_count - at < COPY_BATCH ? c->id_count - at : COPY_BATCH;
        status = go_through(b, err);
        clear(b);
        if (status == OK && c->options->progress)
            c->options->progress(c->options->user, c->verifying ? COPY_VERIFY : COPY_PHOTOS,
                                 at + b->count, c->id_count);
    }
    close_batch(b);
    return status;
}
