/* SPDX-License-Identifier: MIT
 *
 * See sample.h.
 */
#include "library/sample.h"

#include "library/crew.h"
#include "library/picture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct decoding {
    const struct sample *sample;
    struct picture_options options;
    uint8_t *squares;
    bool *usable; /* [count] */
    atomic_size_t next;
    pthread_mutex_t lock; /* of the next line */
    struct err first;     /* failure, whichever came first */
};

static void decode_some(void *context, int worker)
{
    struct decoding *d = context;
    const struct sample *s = d->sample;
    for (size_t i; (i = atomic_fetch_add(&d->next, 1)) < s->count;) {
        struct err why;
        d->usable[i] = picture_square_file(d->squares + i * s->square_bytes, s->paths[i], &s->how,
                                           &d->options, &why) == OK;
        if (d->usable[i])
            continue;
        pthread_mutex_lock(&d->lock);
        if (d->first.status == OK)
            d->first = why;
        pthread_mutex_unlock(&d->lock);
    }
}

/* usable: [count] */
static enum status decode(const struct sample *s, double fast_margin, int threads, uint8_t *squares,
                          bool *usable, struct err *first, double *seconds, struct err *err)
{
    struct decoding d = {
        .sample = s,
        .options = {.fast_margin = fast_margin},
        .squares = squares,
        .usable = usable,
    };
    pthread_mutex_init(&d.lock, NULL);
    enum status status = crew_run(threads, decode_some, &d, seconds, err);
    pthread_mutex_destroy(&d.lock);
    *first = d.first;
    return status;
}

enum status sample_choose(struct sample *out, const char *const *roots, size_t root_count,
                          size_t limit, struct err *err)
{
    *out = (struct sample){0};
    const struct walk_options where = {
        .roots = roots, .root_count = root_count, .is_photo = image_name_is_photo};
    enum status status = walk_run(&out->walk, &where, err);
    size_t found = out->walk.file_count;
    if (limit > SAMPLE_MAX)
        limit = SAMPLE_MAX;
    out->count = found < limit ? found : limit;
    if (status == OK && out->count == 0)
        status = err_set(err, ERR_NOT_FOUND,
                         "there are no photographs in these folders to measure with");
    out->paths = calloc(out->count ? out->count : 1, sizeof *out->paths);
    if (status == OK && !out->paths)
        status = err_no_memory(err, "the list of photographs", out->count * sizeof *out->paths);
    if (status != OK) {
        sample_close(out);
        return status;
    }
    for (size_t i = 0; i < out->count; i++)
        out->paths[i] = out->walk.files[i * found / out->count].path;
    return OK;
}

static void keep_usable(struct sample *s, const bool *usable)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!usable[i])
            continue;
        s->paths[kept] = s->paths[i];
        memmove(s->squares + kept++ * s->square_bytes, s->squares + i * s->square_bytes,
                s->square_bytes);
    }
    s->failed = s->count - kept;
    s->count = kept;
}

enum status sample_load(struct sample *s, const struct preprocess *how, int threads,
                        struct err *err)
{
    size_t side = (size_t)how->size;
    struct err first;
    double ignored;
    s->how = *how;
    s->square_bytes = side * side * 3;
    s->squares = malloc(s->count * s->square_bytes);
    bool *usable = calloc(s->count, sizeof *usable);
    enum status status = OK;
    if (!usable || !s->squares)
        status = err_no_memory(err, "the photographs", s->count * s->square_bytes);
    if (status == OK)
        status = decode(s, 0, threads, s->squares, usable, &first, &ignored, err);
    if (status == OK)
        keep_usable(s, usable);
    if (status == OK && s->count == 0)
        status = err_set(err, ERR_FORMAT, "none of the %zu photographs can be decoded: %s",
                         s->failed, first.text);
    free(usable);
    return status;
}

void sample_close(struct sample *s)
{
    if (!s)
        return;
    walk_free(&s->walk);
    free(s->paths);
    free(s->squares);
    *s = (struct sample){0};
}

enum status sample_decode(const struct sample *s, double fast_margin, int threads, uint8_t *squares,
                          double *seconds, struct err *err)
{
    struct err first;
    bool *usable = calloc(s->count, sizeof *usable);
    if (!usable)
        return err_no_memory(err, "the photographs", s->count);
    enum status status = decode(s, fast_margin, threads, squares, usable, &first, seconds, err);
    free(usable);
    if (status == OK && first.status != OK)
        status = err_set(err, first.status, "%s", first.text);
    return status;
}
