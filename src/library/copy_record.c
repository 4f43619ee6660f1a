/* SPDX-License-Identifier: MIT
 *
 * What a store knows of a photograph, as bytes: numbers as they lie in memory, texts with their
 * NUL, lists with their length. No number of the store's own (ids of photos, models, sets) is in
 * it: models stand there by fingerprint, labels in the order of fingerprint and name of the set. So
 * the same photograph gives the same bytes in any store.
 *
 * What the source was never told (metadata that was not read, a hash that was not made) the target
 * may know: it is left out of both.
 */
#include "library/copy_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_int(struct str *out, int64_t value)
{
    str_append(out, &value, sizeof value);
}

/* All that is no number is the same. */
static void put_real(struct str *out, double value)
{
    if (isnan(value))
        value = (double)NAN;
    str_append(out, &value, sizeof value);
}

static void put_text(struct str *out, const char *text)
{
    put_int(out, text ? (int64_t)strlen(text) : -1);
    if (text)
        str_put(out, text);
}

static void put_meta(struct str *out, const struct photo_meta *m)
{
    put_int(out, m->taken_ms);
    put_int(out, m->offset_min);
    put_text(out, m->camera);
    put_text(out, m->lens);
    put_real(out, m->exposure_s);
    put_real(out, m->f_number);
    put_real(out, m->focal_mm);
    put_real(out, m->focal35_mm);
    put_int(out, m->iso);
    put_real(out, m->latitude);
    put_real(out, m->longitude);
    put_real(out, m->altitude_m);
    put_int(out, m->rating);
    put_text(out, m->keywords);
}

/* --- paths -------------------------------------------------------------------------------- */

static const struct store_photo_path *path_of(const struct store_photo *photo, const char *path)
{
    for (size_t i = 0; i < photo->path_count; i++)
        if (strcmp(photo->paths[i].path, path) == 0)
            return &photo->paths[i];
    return NULL;
}

static void put_path(struct str *out, const struct store_photo_path *p)
{
    put_text(out, p ? p->path : NULL);
    if (!p)
        return;
    put_int(out, p->size_bytes);
    put_int(out, p->mtime_ns);
    put_text(out, p->sidecar);
    if (!p->sidecar)
        return;
    put_int(out, p->sidecar_size_bytes);
    put_int(out, p->sidecar_mtime_ns);
    put_int(out, p->sidecar_meta != NULL);
    if (p->sidecar_meta)
        put_meta(out, p->sidecar_meta);
}

/* --- labels ------------------------------------------------------------------------------- */

const struct store_photo_label *copy_label_of(const struct store_photo *photo, int64_t model_id,
                                              const char *set)
{
    for (size_t i = 0; i < photo->label_count; i++)
        if (photo->labels[i].model_id == model_id && strcmp(photo->labels[i].set, set) == 0)
            return &photo->labels[i];
    return NULL;
}

static void put_label(struct str *out, const struct store_photo_label *l)
{
    put_int(out, l != NULL);
    if (!l)
        return;
    put_text(out, l->category);
    put_int(out, (int64_t)l->also_count);
    for (size_t i = 0; i < l->also_count; i++)
        put_text(out, l->also[i]);
    put_real(out, l->confidence);
    put_real(out, l->margin);
    put_int(out, l->uncertain);
    put_int(out, (int64_t)l->category_count);
    for (size_t i = 0; i < l->category_count; i++)
        put_real(out, (double)l->probabilities[i]);
}

struct label_key {
    const char *fingerprint, *set;
    const struct copy_model *model;
};

static int compare_keys(const void *a, const void *b)
{
    const struct label_key *x = a, *y = b;
    int order = strcmp(x->fingerprint, y->fingerprint);
    return order ? order : strcmp(x->set, y->set);
}

static void put_labels(struct str *out, const struct copy *c, enum copy_side side,
                       const struct store_photo *photo, const struct store_photo *like)
{
    struct label_key *keys = calloc(like->label_count + 1, sizeof *keys);
    size_t count = 0;
    if (!keys) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < like->label_count; i++)
        for (size_t m = 0; m < c->model_count; m++)
            if (c->models[m].ids[COPY_FROM] == like->labels[i].model_id)
                keys[count++] = (struct label_key){c->models[m].model.fingerprint,
                                                   like->labels[i].set, &c->models[m]};
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < count; i++) {
        put_text(out, keys[i].fingerprint);
        put_text(out, keys[i].set);
        put_label(out, copy_label_of(photo, keys[i].model->ids[side], keys[i].set));
    }
    free(keys);
}

/* --- the photo ---------------------------------------------------------------------------- */

void copy_record(struct str *out, const struct copy *c, enum copy_side side,
                 const struct store_photo *photo, const struct store_photo *like)
{
    str_append(out, photo->hash.bytes, sizeof photo->hash.bytes);
    put_int(out, photo->width);
    put_int(out, photo->height);
    put_text(out, photo->format);
    if (like->has_phash)
        put_int(out, photo->has_phash ? (int64_t)photo->phash : 0);
    if (like->has_meta)
        put_meta(out, &photo->embedded);
    for (size_t i = 0; i < like->path_count; i++)
        put_path(out, path_of(photo, like->paths[i].path));
    put_labels(out, c, side, photo, like);
}
