/* SPDX-License-Identifier: MIT
 *
 * See encoder.h. A caller's jobs live on its stack, linked into one of two queues (phrases,
 * pictures) under the lock; the thread unlinks a batch, runs it without the lock, and wakes the
 * callers. A phrase is tokenised by its caller, so that the thread does nothing but multiply.
 */
#include "server/encoder.h"

#include "server/limits.h"

#include <ctype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct ticket { /* what one encoder_run() waits for */
    size_t left;
    struct err err; /* the first that went wrong */
    pthread_cond_t done;
};

struct task {
    const struct encoder_job *job;
    int32_t *ids; /* [T] of a phrase */
    struct ticket *ticket;
    struct task *next;
};

struct task_queue {
    struct task *first, **last;
};

struct memory { /* of one phrase */
    char *text;
    uint64_t used;
};

struct encoder {
    const struct model *model;
    const struct model_info *info;
    struct session *session;
    int32_t *ids;    /* [TEXT_BATCH, T] */
    uint8_t *pixels; /* [IMAGE_BATCH, S, S, 3] */
    float *vectors;  /* [TEXT_BATCH, D] */

    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct task_queue texts, images;
    size_t waiting;
    bool texts_last; /* what the last batch was of */
    bool closing;
    struct encoder_counts counts;

    struct memory memories[ENCODER_CACHE];
    float *memory_vectors; /* [ENCODER_CACHE, D] */
    uint64_t clock;

    pthread_t thread;
    bool started;
};

static void queue_put(struct task_queue *queue, struct task *task)
{
    task->next = NULL;
    *queue->last = task;
    queue->last = &task->next;
}

static struct task *queue_take(struct task_queue *queue)
{
    struct task *task = queue->first;
    if (task) {
        queue->first = task->next;
        if (!queue->first)
            queue->last = &queue->first;
    }
    return task;
}

/* --- phrases remembered: under the lock --------------------------------------------------- */

static float *memory_vector(struct encoder *encoder, size_t i)
{
    return encoder->memory_vectors + i * (size_t)encoder->info->embed_dim;
}

static bool recall(struct encoder *encoder, const char *text, float *out)
{
    for (size_t i = 0; i < ENCODER_CACHE; i++) {
        struct memory *memory = &encoder->memories[i];
        if (!memory->text || strcmp(memory->text, text) != 0)
            continue;
        memory->used = ++encoder->clock;
        memcpy(out, memory_vector(encoder, i), (size_t)encoder->info->embed_dim * sizeof *out);
        encoder->counts.remembered++;
        return true;
    }
    return false;
}

static void remember(struct encoder *encoder, const char *text, const float *vector)
{
    size_t oldest = 0;
    for (size_t i = 0; i < ENCODER_CACHE; i++) {
        if (encoder->memories[i].text && strcmp(encoder->memories[i].text, text) == 0)
            return;
        if (encoder->memories[i].used < encoder->memories[oldest].used)
            oldest = i;
    }
    char *copy = strdup(text);
    if (!copy) /* then not */
        return;
    free(encoder->memories[oldest].text);
    encoder->memories[oldest] = (struct memory){copy, ++encoder->clock};
    memcpy(memory_vector(encoder, oldest), vector,
           (size_t)encoder->info->embed_dim * sizeof *vector);
}

/* --- the thread --------------------------------------------------------------------------- */

/* Under the lock. */
static void finish(struct task *task, const struct err *err)
{
    if (err && task->ticket->err.status == OK)
        task->ticket->err = *err;
    if (--task->ticket->left == 0)
        pthread_cond_signal(&task->ticket->done);
}

static enum status run_texts(struct encoder *encoder, struct task **tasks, int count,
                             struct err *err)
{
    size_t length = (size_t)encoder->info->context_length;
    for (int i = 0; i < count; i++)
        memcpy(encoder->ids + (size_t)i * length, tasks[i]->ids, length * sizeof *encoder->ids);
    return session_encode_ids(encoder->session, encoder->ids, count, encoder->vectors, err);
}

static enum status run_images(struct encoder *encoder, struct task **tasks, int count,
                              struct err *err)
{
    size_t side = (size_t)encoder->info->image_size, bytes = side * side * 3;
    for (int i = 0; i < count; i++)
        memcpy(encoder->pixels + (size_t)i * bytes, tasks[i]->job->pixels, bytes);
    return session_encode_images(encoder->session, encoder->pixels, count, encoder->vectors, err);
}

/* Called and returns with the lock held. */
static void run_batch(struct encoder *encoder)
{
    struct task *tasks[TEXT_BATCH];
    /* In turns, when both kinds wait. */
    bool texts = encoder->texts.first && (!encoder->images.first || !encoder->texts_last);
    encoder->texts_last = texts;
    int count = 0, most = texts ? TEXT_BATCH : IMAGE_BATCH;
    struct task *task = NULL;
    while (count < most && (task = queue_take(texts ? &encoder->texts : &encoder->images)))
        tasks[count++] = task;
    encoder->waiting -= (size_t)count;
    encoder->counts.batches++;
    *(texts ? &encoder->counts.texts : &encoder->counts.images) += (uint64_t)count;
    pthread_mutex_unlock(&encoder->lock);

    struct err err = {0};
    size_t dim = (size_t)encoder->info->embed_dim;
    enum status status =
        texts ? run_texts(encoder, tasks, count, &err) : run_images(encoder, tasks, count, &err);
    for (int i = 0; status == OK && i < count; i++) {
        embedding_normalize(encoder->vectors + (size_t)i * dim, (int)dim);
        memcpy(tasks[i]->job->out, encoder->vectors + (size_t)i * dim, dim * sizeof(float));
    }
    pthread_mutex_lock(&encoder->lock);
    for (int i = 0; i < count; i++) {
        if (status == OK && texts)
            remember(encoder, tasks[i]->job->text, tasks[i]->job->out);
        finish(tasks[i], status == OK ? NULL : &err);
    }
}

static void *run(void *argument)
{
    struct encoder *encoder = argument;
    pthread_mutex_lock(&encoder->lock);
    while (!encoder->closing) {
        if (encoder->texts.first || encoder->images.first)
            run_batch(encoder);
        else
            pthread_cond_wait(&encoder->ready, &encoder->lock);
    }
    struct err stopped;
    (void)err_set(&stopped, ERR_CANCELLED, "the server is stopping");
    struct task *task = NULL;
    while ((task = queue_take(&encoder->texts)) || (task = queue_take(&encoder->images)))
        finish(task, &stopped);
    encoder->waiting = 0;
    pthread_mutex_unlock(&encoder->lock);
    return NULL;
}

/* --- callers ------------------------------------------------------------------------------ */

static bool is_blank(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return *text == '\0';
}

/* Tokenises the phrases that are not remembered; *open counts what the thread has to do. */
static enum status prepare(struct encoder *encoder, const struct encoder_job *jobs, size_t count,
                           struct task *tasks, size_t *open, struct err *err)
{
    size_t length = (size_t)encoder->info->context_length;
    *open = 0;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].text) {
            if (is_blank(jobs[i].text))
                return err_set(err, ERR_ARGUMENT, "query must not be empty");
            pthread_mutex_lock(&encoder->lock);
            bool known = recall(encoder, jobs[i].text, jobs[i].out);
            pthread_mutex_unlock(&encoder->lock);
            if (known)
                continue;
            struct task *task = &tasks[*open];
            task->ids = malloc(length * sizeof *task->ids);
            if (!task->ids)
                return err_no_memory(err, "a phrase", length * sizeof *task->ids);
            enum status status =
                tokenizer_encode(model_tokenizer(encoder->model), jobs[i].text,
                                 strlen(jobs[i].text), task->ids, (int)length, NULL, err);
            if (status != OK)
                return status;
        }
        tasks[(*open)++].job = &jobs[i];
    }
    return OK;
}

static enum status submit_and_wait(struct encoder *encoder, struct task *tasks, size_t count,
                                   struct err *err)
{
    struct ticket ticket = {.left = count};
    pthread_cond_init(&ticket.done, NULL);
    pthread_mutex_lock(&encoder->lock);
    if (encoder->closing) {
        (void)err_set(&ticket.err, ERR_CANCELLED, "the server is stopping");
    } else if (encoder->waiting + count > ENCODER_WAITING) {
        (void)err_set(&ticket.err, ERR_BUSY, "too many searches at once; try again in a moment");
    } else {
        for (size_t i = 0; i < count; i++) {
            tasks[i].ticket = &ticket;
            queue_put(tasks[i].job->text ? &encoder->texts : &encoder->images, &tasks[i]);
        }
        encoder->waiting += count;
        pthread_cond_signal(&encoder->ready);
        while (ticket.left > 0)
            pthread_cond_wait(&ticket.done, &encoder->lock);
    }
    pthread_mutex_unlock(&encoder->lock);
    pthread_cond_destroy(&ticket.done);
    return ticket.err.status == OK ? OK : err_set(err, ticket.err.status, "%s", ticket.err.text);
}

enum status encoder_run(struct encoder *encoder, const struct encoder_job *jobs, size_t count,
                        struct err *err)
{
    if (count == 0)
        return OK;
    struct task *tasks = calloc(count, sizeof *tasks);
    if (!tasks)
        return err_no_memory(err, "the query", count * sizeof *tasks);
    size_t open = 0;
    enum status status = prepare(encoder, jobs, count, tasks, &open, err);
    if (status == OK && open > 0)
        status = submit_and_wait(encoder, tasks, open, err);
    for (size_t i = 0; i < count; i++)
        free(tasks[i].ids);
    free(tasks);
    return status;
}

void encoder_counts(struct encoder *encoder, struct encoder_counts *out)
{
    pthread_mutex_lock(&encoder->lock);
    *out = encoder->counts;
    pthread_mutex_unlock(&encoder->lock);
}

static enum status open_buffers(struct encoder *encoder, struct err *err)
{
    size_t dim = (size_t)encoder->info->embed_dim, side = (size_t)encoder->info->image_size;
    size_t length = (size_t)encoder->info->context_length;
    encoder->ids = calloc(TEXT_BATCH * length, sizeof *encoder->ids);
    encoder->pixels = calloc(IMAGE_BATCH * 3, side * side);
    encoder->vectors = calloc(TEXT_BATCH * dim, sizeof *encoder->vectors);
    encoder->memory_vectors = calloc(ENCODER_CACHE * dim, sizeof *encoder->memory_vectors);
    if (!encoder->ids || !encoder->pixels || !encoder->vectors || !encoder->memory_vectors)
        return err_no_memory(err, "the encoder", ENCODER_CACHE * dim * sizeof(float));
    return OK;
}

enum status encoder_open(struct encoder **out, const struct model *model, int threads,
                         struct err *err)
{
    struct encoder *encoder = *out = calloc(1, sizeof *encoder);
    if (!encoder)
        return err_no_memory(err, "the encoder", sizeof *encoder);
    encoder->model = model;
    encoder->info = model_info(model);
    encoder->texts.last = &encoder->texts.first;
    encoder->images.last = &encoder->images.first;
    pthread_mutex_init(&encoder->lock, NULL);
    pthread_cond_init(&encoder->ready, NULL);
    const struct session_options how = {
        .threads = threads, .text_batch = TEXT_BATCH, .image_batch = IMAGE_BATCH};
    enum status status = open_buffers(encoder, err);
    if (status == OK)
        status = session_open(&encoder->session, model, &how, err);
    if (status == OK) {
        int code = pthread_create(&encoder->thread, NULL, run, encoder);
        encoder->started = code == 0;
        if (code != 0)
            status = err_errno(err, code, "cannot start a thread");
    }
    if (status != OK) {
        encoder_close(encoder);
        *out = NULL;
    }
    return status;
}

void encoder_close(struct encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->started) {
        pthread_mutex_lock(&encoder->lock);
        encoder->closing = true;
        pthread_cond_signal(&encoder->ready);
        pthread_mutex_unlock(&encoder->lock);
        pthread_join(encoder->thread, NULL);
    }
    session_close(encoder->session);
    for (size_t i = 0; i < ENCODER_CACHE; i++)
        free(encoder->memories[i].text);
    pthread_cond_destroy(&encoder->ready);
    pthread_mutex_destroy(&encoder->lock);
    free(encoder->memory_vectors);
    free(encoder->vectors);
    free(encoder->pixels);
    free(encoder->ids);
    free(encoder);
}
