/* SPDX-License-Identifier: MIT
 *
 * Scheduling under one mutex. The state is small: the files in hand, how many are being decoded,
 * and two stacks of slots, empty and filled. See pipeline.h for the idea.
 *
 * A worker chooses, in this order:
 *   1. a forward pass, if a whole batch is filled, or if nothing more will be filled (the tail);
 *   2. decoding the next file in hand, if there is one and an empty slot for it;
 *   3. taking further files from the source, if the hand is empty and nobody is at that;
 *   4. waiting for a change, if others are still decoding; else it is finished.
 *
 * Metadata. Of a photograph that is new everything is read. One that the library knows (a copy, a
 * moved file) brings only its sidecar, which belongs to the path, unless the library lacks its
 * metadata or hash: then those are made from a small decode. A file whose sidecar alone has changed
 * is not opened at all.
 */
#include "library/pipeline.h"

#include "base/cpu.h"
#include "base/file.h"
#include "kern/kernels.h"
#include "library/hash_set.h"
#include "library/picture.h"
#include "meta/read.h"

#include <stdlib.h>
#include <string.h>

/* One picture waiting for the network. */
struct slot {
    uint8_t *pixels;   /* [S, S, 3] */
    struct done *done; /* filled in but for the vector */
};

struct worker {
    struct pipeline *pipeline;
    pthread_t thread;
    struct session *session; /* single-threaded */
    uint8_t *pixels;         /* [batch, S, S, 3] */
    float *vectors;          /* [batch, D] */
    struct slot **slots;     /* [batch] of the forward pass at hand */
};

struct pipeline {
    struct pipeline_options options;
    struct kernels kernels;
    size_t picture_bytes; /* S * S * 3 */
    int dim;
    struct pipeline_source source;
    size_t hand_size; /* files taken at a time */

    pthread_mutex_t lock; /* guards what follows, to the blank line */
    pthread_cond_t changed;
    const struct found_file *hand[PIPELINE_HAND_MAX];
    size_t next, hand_count;       /* hand[next .. hand_count) have not been handed out */
    bool taking, exhausted;        /* a worker asks the source; it has no more */
    int decoding;                  /* files being decoded now */
    struct slot **empty, **filled; /* stacks: [slot_count] */
    size_t empty_count, filled_count;
    size_t tail_share; /* pictures per forward pass at the end; 0 before the end is reached */
    int running;       /* workers that have not finished */
    bool cancelled;    /* options.cancel, as it was when a worker chose its last piece of work */
    bool stop;
    struct err error;      /* the first fatal one */
    struct hash_set *seen; /* contents handed to a decoder in this run */

    struct queue *done;
    struct slot *slots; /* [slot_count] */
    uint8_t *slot_pixels;
    size_t slot_count;
    struct worker *workers; /* [options.workers] */
    int started;
};

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

int pipeline_default_batch(const struct model_info *info, int workers, size_t pictures)
{
    /* Rows of a forward pass = photographs x tokens. 400 rows reach the full speed of a core's
     * matrix products (ViT-B-32: 8 x 50, where 4 have 0.97 of it and 1 has 0.9; measured with
     * `fovea bench --threads 1`). A row of scratch is some 100 kB in a large model, and every
     * worker has its own. */
    enum { ENOUGH_ROWS = 400, ROWS_OF_ALL = 6400, MOST = 16 };
    size_t tokens = (size_t)info->image_tokens, n = (ENOUGH_ROWS + tokens - 1) / tokens;
    n = least_of(n, MOST);
    n = least_of(n, ROWS_OF_ALL / ((size_t)workers * tokens));
    /* Of few pictures each worker gets two batches, or the last would run one of them alone. */
    n = least_of(n, (pictures + 2 * (size_t)workers - 1) / (2 * (size_t)workers));
    return n < 1 ? 1 : (int)n;
}

/* --- scheduling: all with the lock held ---------------------------------------------------- */

static bool all_handed_out(const struct pipeline *p)
{
    return (p->next == p->hand_count && p->exhausted) || p->cancelled || p->stop;
}

/* How many pictures a forward pass should take now; 0: none yet. */
static size_t pictures_to_run(struct pipeline *p)
{
    size_t batch = (size_t)p->options.batch;
    if (p->stop || p->filled_count == 0)
        return 0;
    if (p->filled_count >= batch && !all_handed_out(p))
        return batch;
    if (!all_handed_out(p) || p->decoding > 0)
        return p->filled_count >= batch ? batch : 0;
    /* The tail: share what is left, so that the workers finish together. */
    if (p->tail_share == 0) {
        size_t workers = (size_t)p->options.workers;
        p->tail_share = (p->filled_count + workers - 1) / workers;
        if (p->tail_share > batch)
            p->tail_share = batch;
    }
    return p->filled_count < p->tail_share ? p->filled_count : p->tail_share;
}

static void fail(struct pipeline *p, const struct err *err)
{
    pthread_mutex_lock(&p->lock);
    if (p->error.status == OK)
        p->error = *err;
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void return_slots(struct pipeline *p, struct slot *const *slots, size_t count)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < count; i++)
        p->empty[p->empty_count++] = slots[i];
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* --- decoding ------------------------------------------------------------------------------ */

/* What a worker finds out about one file; becomes a struct done, which is as small as it can be:
 * thousands of them may wait for the file that they are copies of. */
struct findings {
    struct done done; /* but for its pointers */
    struct photo_meta meta, sidecar;
    bool has_meta, has_sidecar_meta;
};

static struct done *done_new(const struct pipeline *p, const struct findings *f)
{
    size_t meta = f->has_meta ? sizeof f->meta : 0;
    size_t sidecar = f->has_sidecar_meta ? sizeof f->sidecar : 0;
    size_t vector = f->done.kind == DONE_VECTOR ? (size_t)p->dim * sizeof(uint16_t) : 0;
    char *block = malloc(sizeof(struct done) + meta + sidecar + vector);
    if (!block)
        return NULL;
    struct done *done = (struct done *)(void *)block;
    char *at = block + sizeof *done;
    *done = f->done;
    if (meta)
        done->meta = memcpy(at, &f->meta, meta);
    at += meta;
    if (sidecar)
        done->sidecar.meta = memcpy(at, &f->sidecar, sidecar);
    at += sidecar;
    if (vector)
        done->vector = (uint16_t *)(void *)at;
    return done;
}

/* Hands a result to the caller's thread. The queue is closed only after the last worker. */
static void deliver(struct pipeline *p, struct done *done)
{
    if (!queue_push(p->done, done))
        free(done);
}

/* Whether this content needs no forward pass; then done->kind says why. */
static enum status recognise(struct pipeline *p, struct done *done, bool *recognised,
                             struct err *err)
{
    pthread_mutex_lock(&p->lock);
    bool first = hash_set_add(p->seen, &done->hash);
    pthread_mutex_unlock(&p->lock);
    *recognised = !first;
    if (!first) {
        done->kind = DONE_COPY;
        return OK;
    }
    pthread_mutex_lock(p->options.store_lock);
    enum status status =
        store_has_embedding(p->options.store, p->options.model_id, &done->hash, recognised, err);
    pthread_mutex_unlock(p->options.store_lock);
    done->kind = *recognised ? DONE_KNOWN : DONE_VECTOR;
    return status;
}

/* Loads what the library has of a photo, found by its path or, with path NULL, by its content.
 * *complete: it lacks neither metadata nor hash. A photo that it does not have lacks both. */
static enum status look_up(struct pipeline *p, const char *path, struct photo_hash *hash,
                           bool *complete, struct err *err)
{
    struct store *store = p->options.store;
    struct store_photo photo;
    int64_t id;
    *complete = false;
    pthread_mutex_lock(p->options.store_lock);
    enum status status = path ? store_photo_find(store, path, &id, err)
                              : store_photo_find_hash(store, hash, &id, err);
    if (status == OK && (status = store_photo_load(store, id, &photo, err)) == OK) {
        *complete = photo.has_meta && photo.has_phash;
        *hash = photo.hash;
        store_photo_free(&photo);
    }
    pthread_mutex_unlock(p->options.store_lock);
    return status == ERR_NOT_FOUND ? OK : status;
}

/* square: NULL: only facts and thumbnails. */
static enum status look_at(const struct pipeline *p, struct findings *f,
                           const struct file_bytes *content, uint8_t *square, struct err *err)
{
    const struct preprocess *how = &model_info(p->options.model)->preprocess;
    const struct picture_options options = {.max_megapixels = p->options.max_megapixels,
                                            .fast_margin = p->options.fast_margin,
                                            .want_phash = true,
                                            .thumbs = p->options.thumbs,
                                            .hash = &f->done.hash,
                                            .large_thumbs = p->options.large_thumbs,
                                            .meta = &f->meta};
    struct picture_facts facts;
    enum status status =
        picture_square(square, &facts, content->data, content->size, how, &options, err);
    f->done.width = facts.width;
    f->done.height = facts.height;
    f->done.has_phash = facts.has_phash;
    f->done.phash = facts.phash;
    memcpy(f->done.format, facts.format, sizeof facts.format);
    f->has_meta = true;
    return status;
}

/* At a photo that has its vector. That it cannot be decoded any more is no reason to lose it. */
static void look_again(const struct pipeline *p, struct findings *f,
                       const struct file_bytes *content)
{
    struct err ignored;
    (void)!look_at(p, f, content, NULL, &ignored);
}

/* A sidecar that cannot be read is one that says nothing: it is no reason to lose a photograph. */
static void read_sidecar(struct findings *f)
{
    const struct found_file *file = f->done.file;
    struct file_bytes bytes;
    struct err ignored;
    if (!file->sidecar)
        return;
    f->done.has_sidecar = true;
    f->done.sidecar = (struct store_sidecar){.path = file->sidecar,
                                             .size_bytes = file->sidecar_size_bytes,
                                             .mtime_ns = file->sidecar_mtime_ns};
    if (file_read(&bytes, file->sidecar, META_MAX_XMP_BYTES, &ignored) != OK)
        return;
    f->has_sidecar_meta = image_read_sidecar(&f->sidecar, bytes.data, bytes.size, &ignored) == OK;
    file_bytes_free(&bytes);
}

/* The failure of the run, if it returns anything but OK; *why: that of the file. */
static enum status read_photo(struct pipeline *p, struct findings *f, uint8_t *square,
                              struct err *why, struct err *err)
{
    struct done *done = &f->done;
    struct file_bytes content;
    if (file_read(&content, done->file->path, IMAGE_MAX_FILE_BYTES, why) != OK)
        return OK;
    bool recognised = false, complete = false;
    done->hash = photo_hash_of(content.data, content.size);
    enum status status = recognise(p, done, &recognised, err);
    if (status == OK && done->kind == DONE_KNOWN)
        status = look_up(p, NULL, &done->hash, &complete, err);
    if (status == OK && done->kind == DONE_VECTOR)
        (void)!look_at(p, f, &content, square, why);
    else if (status == OK && done->kind == DONE_KNOWN && !complete)
        look_again(p, f, &content);
    file_bytes_free(&content);
    return status;
}

/* Only the metadata of this file is of interest; *done_with: the library has what is in the file
 * itself. */
static enum status look_up_unread(struct pipeline *p, struct findings *f, bool *done_with,
                                  struct err *err)
{
    *done_with = false;
    if (!f->done.file->only_meta)
        return OK;
    f->done.kind = DONE_KNOWN;
    return look_up(p, f->done.file->path, &f->done.hash, done_with, err);
}

/* Reads, hashes, decodes and shrinks a file. True if the slot now holds a picture to run. What goes
 * wrong with the file itself is recorded with it; only the store can make the run fail. */
static bool decode(struct pipeline *p, const struct found_file *file, struct slot *slot)
{
    struct err err = {0}, why = {0};
    struct findings *f = calloc(1, sizeof *f);
    struct done *done = NULL;
    bool done_with = false;
    enum status status = OK;
    if (!f) {
        err_no_memory(&err, "a result", sizeof *f);
        goto out;
    }
    f->done.file = file;
    status = look_up_unread(p, f, &done_with, &err);
    if (status == OK && !done_with)
        status = read_photo(p, f, slot->pixels, &why, &err);
    if (status != OK)
        goto out;
    read_sidecar(f);
    if (why.status != OK) {
        f->done.kind = DONE_FAILED;
        f->done.transient =
            why.status == ERR_IO || why.status == ERR_NOT_FOUND || why.status == ERR_MEMORY;
        memcpy(f->done.failure, why.text, sizeof why.text);
    }
    done = done_new(p, f);
    if (!done)
        err_no_memory(&err, "a result", sizeof *f);
out:
    free(f);
    if (!done) {
        fail(p, &err);
        return false;
    }
    if (done->kind != DONE_VECTOR) {
        deliver(p, done);
        return false;
    }
    slot->done = done;
    return true;
}

/* --- the network --------------------------------------------------------------------------- */

/* worker->slots[0 .. count) hold pictures. */
static void run_network(struct worker *w, size_t count)
{
    struct pipeline *p = w->pipeline;
    struct err err = {0};
    for (size_t i = 0; i < count; i++)
        memcpy(w->pixels + i * p->picture_bytes, w->slots[i]->pixels, p->picture_bytes);
    enum status status = session_encode_images(w->session, w->pixels, (int)count, w->vectors, &err);
    if (status != OK)
        fail(p, &err);
    for (size_t i = 0; i < count; i++) {
        struct done *done = w->slots[i]->done;
        w->slots[i]->done = NULL;
        if (status != OK) {
            free(done);
            continue;
        }
        float *vector = w->vectors + i * (size_t)p->dim;
        embedding_normalize(vector, p->dim);
        p->kernels.f32_to_f16(done->vector, vector, (size_t)p->dim);
        deliver(p, done);
    }
    return_slots(p, w->slots, count);
}

/* --- workers ------------------------------------------------------------------------------- */

/* Fills the empty hand. Called and left with the lock held. */
static void take_files(struct pipeline *p)
{
    struct err err = {0};
    size_t count = 0;
    p->taking = true;
    pthread_mutex_unlock(&p->lock);
    enum status status = p->source.take(p->source.context, p->hand, p->hand_size, &count, &err);
    if (status != OK)
        fail(p, &err);
    pthread_mutex_lock(&p->lock);
    p->taking = false;
    p->exhausted = count == 0;
    p->next = 0;
    p->hand_count = count;
    pthread_cond_broadcast(&p->changed);
}

/* Does one piece of work; false when there will be none any more. Called and left with the lock
 * held, which is open while the work is done. */
static bool work_once(struct worker *w)
{
    struct pipeline *p = w->pipeline;
    /* Looked at once per choice: seen in the middle of it, it would end the last worker with
     * pictures still waiting for the network. */
    p->cancelled = p->options.cancel && atomic_load(p->options.cancel);
    size_t pictures = pictures_to_run(p);
    if (pictures > 0) {
        for (size_t i = 0; i < pictures; i++)
            w->slots[i] = p->filled[--p->filled_count];
        pthread_mutex_unlock(&p->lock);
        run_network(w, pictures);
        pthread_mutex_lock(&p->lock);
        return true;
    }
    if (!all_handed_out(p) && p->next == p->hand_count && !p->taking) {
        take_files(p);
        return true;
    }
    if (!all_handed_out(p) && p->next < p->hand_count && p->empty_count > 0) {
        const struct found_file *file = p->hand[p->next++];
        struct slot *slot = p->empty[--p->empty_count];
        p->decoding++;
        pthread_mutex_unlock(&p->lock);
        bool filled = decode(p, file, slot);
        pthread_mutex_lock(&p->lock);
        p->decoding--;
        if (filled)
            p->filled[p->filled_count++] = slot;
        else
            p->empty[p->empty_count++] = slot;
        pthread_cond_broadcast(&p->changed);
        return true;
    }
    if (all_handed_out(p) && p->decoding == 0)
        return false;
    pthread_cond_wait(&p->changed, &p->lock);
    return true;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pipeline *p = w->pipeline;
    pthread_mutex_lock(&p->lock);
    while (work_once(w))
        ;
    bool last = --p->running == 0;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (last)
        queue_close(p->done);
    return NULL;
}

static enum status worker_open(struct worker *w, struct pipeline *p, struct err *err)
{
    const struct session_options one_thread = {.threads = 1, .image_batch = p->options.batch};
    size_t batch = (size_t)p->options.batch;
    w->pipeline = p;
    w->pixels = malloc(batch * p->picture_bytes);
    w->vectors = malloc(batch * (size_t)p->dim * sizeof(float));
    w->slots = calloc(batch, sizeof(struct slot *));
    if (!w->pixels || !w->vectors || !w->slots)
        return err_no_memory(err, "a batch of pictures", batch * p->picture_bytes);
    return session_open(&w->session, p->options.model, &one_thread, err);
}

static void worker_close(struct worker *w)
{
    session_close(w->session);
    free(w->pixels);
    free(w->vectors);
    free(w->slots);
}

/* --- the whole ----------------------------------------------------------------------------- */

static enum status slots_open(struct pipeline *p, struct err *err)
{
    /* One batch being filled while every worker may hold a picture in the making. */
    size_t workers = (size_t)p->options.workers;
    p->slot_count = (size_t)p->options.batch * (workers + 1) + workers;
    p->slots = calloc(p->slot_count, sizeof *p->slots);
    p->slot_pixels = malloc(p->slot_count * p->picture_bytes);
    p->empty = calloc(p->slot_count, sizeof(struct slot *));
    p->filled = calloc(p->slot_count, sizeof(struct slot *));
    if (!p->slots || !p->slot_pixels || !p->empty || !p->filled)
        return err_no_memory(err, "pictures", p->slot_count * p->picture_bytes);
    for (size_t i = 0; i < p->slot_count; i++) {
        p->slots[i].pixels = p->slot_pixels + i * p->picture_bytes;
        p->empty[p->empty_count++] = &p->slots[i];
    }
    return OK;
}

/* Every worker that starts counts as running before the first can finish. */
static enum status start_workers(struct pipeline *p, struct err *err)
{
    enum status status = OK;
    for (int i = 0; status == OK && i < p->options.workers; i++)
        status = worker_open(&p->workers[i], p, err);
    if (status != OK)
        return status;
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < p->options.workers; i++) {
        int why = pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]);
        if (why != 0) {
            status = err_errno(err, why, "cannot start a thread");
            p->stop = true;
            break;
        }
        p->started++;
        p->running++;
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

static void pipeline_free(struct pipeline *p)
{
    for (int i = 0; i < p->started; i++)
        pthread_join(p->workers[i].thread, NULL);
    for (int i = 0; p->workers && i < p->options.workers; i++)
        worker_close(&p->workers[i]);
    for (size_t i = 0; i < p->filled_count; i++) /* after a failure */
        free(p->filled[i]->done);
    for (void *done; p->done && (done = queue_try_pop(p->done));)
        free(done);
    queue_free(p->done);
    hash_set_close(p->seen);
    free(p->workers);
    free(p->filled);
    free(p->empty);
    free(p->slot_pixels);
    free(p->slots);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

enum status pipeline_open(struct pipeline **out, const struct pipeline_options *options,
                          const struct pipeline_source *source, struct err *err)
{
    *out = NULL;
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return err_no_memory(err, "the pipeline", sizeof *p);
    p->options = *options;
    p->source = *source;
    p->hand_size = least_of((size_t)options->batch * (size_t)options->workers, PIPELINE_HAND_MAX);
    const struct model_info *info = model_info(options->model);
    p->dim = info->embed_dim;
    p->picture_bytes = (size_t)info->image_size * (size_t)info->image_size * 3;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    unsigned flags;
    enum status status = cpu_flags(&flags, err);
    if (status != OK)
        goto out;
    kernels_init(&p->kernels, flags);
    if ((status = queue_open(&p->done, 256, err)) != OK)
        goto out;
    if ((status = hash_set_open(&p->seen, source->count, err)) != OK)
        goto out;
    if ((status = slots_open(p, err)) != OK)
        goto out;
    p->workers = calloc((size_t)options->workers, sizeof *p->workers);
    if (!p->workers) {
        status = err_no_memory(err, "the workers", (size_t)options->workers * sizeof *p->workers);
        goto out;
    }
    status = start_workers(p, err);
out:
    if (status != OK)
        pipeline_free(p);
    else
        *out = p;
    return status;
}

struct done *pipeline_next(struct pipeline *p, bool wait)
{
    return wait ? queue_pop(p->done) : queue_try_pop(p->done);
}

void pipeline_stop(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

enum status pipeline_close(struct pipeline *p, struct err *err)
{
    if (!p)
        return OK;
    for (int i = 0; i < p->started; i++)
        pthread_join(p->workers[i].thread, NULL);
    p->started = 0;
    struct err error = p->error;
    pipeline_free(p);
    return error.status == OK ? OK : err_set(err, error.status, "%s", error.text);
}
