/* SPDX-License-Identifier: MIT
 *
 * The children, from the side of whoever wants a picture decoded. Those that have nothing to do lie
 * on a stack, so that the last one used, whose memory is warm, is the next. A thread takes one,
 * asks, and holds it as long as it needs the pixels.
 *
 * One that ends without an answer may have been worn out by an earlier picture, or have ended
 * because nothing came for long; so the picture gets a second child, a new one, and only what it
 * does to that one counts. What failed is then asked for its metadata alone, which no decoder's
 * crash shall cost.
 */
#include "image/decoder.h"
#include "image/confine.h"
#include "image/decoder_check.h"
#include "image/decoder_pool.h"
#include "image/decoder_process.h"

#include <pthread.h>
#include <string.h>

static struct {
    bool elsewhere;
    struct decoder_options options; /* without zeros */
    pthread_mutex_t lock;           /* guards idle */
    struct decoder *idle;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool decoder_elsewhere(void)
{
    return pool.elsewhere;
}

/* --- taking and giving back ---------------------------------------------------------------- */

static uint64_t output_bytes_for(double max_megapixels)
{
    return decoder_alpha_at((uint64_t)(max_megapixels * 1e6)) + (uint64_t)(max_megapixels * 1e6);
}

static struct decoder *pop(void)
{
    pthread_mutex_lock(&pool.lock);
    struct decoder *d = pool.idle;
    if (d)
        pool.idle = d->next;
    pthread_mutex_unlock(&pool.lock);
    return d;
}

static enum status take(struct decoder **out, bool fresh, double max_megapixels, struct err *err)
{
    const uint64_t needed = output_bytes_for(max_megapixels);
    struct decoder *d = fresh ? NULL : pop();
    if (d && !decoder_is_gone(d) && d->output_bytes >= needed) {
        *out = d;
        return OK;
    }
    decoder_end(d);
    return decoder_start(out, &pool.options, needed, err);
}

/* Those that have ended by themselves hold memory until somebody looks. */
static void bury_the_idle(void)
{
    for (struct decoder **at = &pool.idle, *d; (d = *at);) {
        if (decoder_is_gone(d)) {
            *at = d->next;
            decoder_end(d);
        } else {
            at = &d->next;
        }
    }
}

void decoder_give_back(struct decoder *d)
{
    decoder_trim(d);
    pthread_mutex_lock(&pool.lock);
    bury_the_idle();
    d->next = pool.idle;
    pool.idle = d;
    pthread_mutex_unlock(&pool.lock);
}

void decoder_close(void)
{
    for (struct decoder *d; (d = pop());)
        decoder_end(d);
    pool.elsewhere = false;
}

/* --- asking -------------------------------------------------------------------------------- */

/* *out: the child, if the picture or its failure came from it; else NULL. */
static enum status ask(struct decoder **out, const struct decoder_request *request,
                       const void *content, struct decoder_reply *reply, struct err *err)
{
    for (bool fresh = false;; fresh = true) {
        struct decoder *d;
        bool again;
        *out = NULL;
        enum status status = take(&d, fresh, request->options.max_megapixels, err);
        if (status != OK)
            return status;
        const bool was_used = d->used;
        status = decoder_ask(d, &pool.options, request, content, reply, &again, err);
        if (status == OK && decoder_status_is_sound(reply)) {
            *out = d;
            return OK;
        }
        decoder_end(d);
        if (status == OK)
            return err_set(err, ERR_FORMAT, "its decoder gave an answer that makes no sense");
        if (!again || !was_used)
            return status;
    }
}

/* A failure that the child told. In its process memory runs out at its limit. */
static enum status retell(const struct decoder_reply *reply, struct err *err)
{
    if (reply->status == ERR_MEMORY)
        return err_set(err, ERR_LIMIT, "decoding it takes more than %lld MB of memory: %s",
                       (long long)(pool.options.memory_bytes >> 20), reply->text);
    return err_set(err, reply->status, "%s", reply->text);
}

static enum status accept_picture(struct image *out, struct decoder *d,
                                  const struct decoder_reply *reply, double max_megapixels,
                                  struct err *err)
{
    if (!decoder_image_is_sound(reply, max_megapixels, d->output_bytes)) {
        decoder_end(d);
        return err_set(err, ERR_FORMAT, "its decoder gave an answer that makes no sense");
    }
    const uint64_t pixels = (uint64_t)reply->image.width * (uint64_t)reply->image.height;
    uint8_t indexed; /* a bool that nobody has checked yet */
    memcpy(&indexed, &reply->image.indexed, 1);
    *out = reply->image;
    out->indexed = indexed != 0;
    /* Pixels are read only after this: the room's callers never write to them. */
    out->pixels = (uint8_t *)(uintptr_t)d->output;
    out->alpha =
        reply->has_alpha ? (uint8_t *)(uintptr_t)d->output + decoder_alpha_at(pixels) : NULL;
    out->lender = d;
    d->output_used = decoder_alpha_at(pixels) + (reply->has_alpha ? pixels : 0);
    return OK;
}

static void read_meta_alone(struct photo_meta *meta, const void *content, size_t size)
{
    const struct decoder_request request = {
        .kind = DECODER_META, .size = size, .options.max_megapixels = IMAGE_MAX_MEGAPIXELS};
    struct decoder_reply reply;
    struct decoder *d;
    struct err ignored;
    photo_meta_clear(meta);
    if (ask(&d, &request, content, &reply, &ignored) != OK)
        return;
    if (reply.status == OK && photo_meta_is_sound(&reply.meta))
        *meta = reply.meta;
    decoder_give_back(d);
}

static enum status check_size(size_t size, struct err *err)
{
    return size <= DECODER_INPUT_BYTES
               ? OK
               : err_set(err, ERR_LIMIT, "a file of %zu bytes is larger than %zu", size,
                         DECODER_INPUT_BYTES);
}

enum status decoder_read(struct image *out, struct photo_meta *meta, const void *content,
                         size_t size, const struct image_options *given, struct err *err)
{
    struct decoder_request request = {
        .kind = DECODER_PICTURE, .want_meta = meta != NULL, .size = size};
    struct decoder_reply reply;
    struct decoder *d;
    *out = (struct image){0};
    if (meta)
        photo_meta_clear(meta);
    if (given)
        request.options = *given;
    if (!(request.options.max_megapixels > 0))
        request.options.max_megapixels = IMAGE_MAX_MEGAPIXELS;
    enum status status = check_size(size, err);
    if (status != OK)
        return status;
    status = ask(&d, &request, content, &reply, err);
    if (status != OK) {
        if (meta && status != ERR_IO) /* … which is that there are no children to be had */
            read_meta_alone(meta, content, size);
        return status;
    }
    if (meta && photo_meta_is_sound(&reply.meta))
        *meta = reply.meta;
    if (reply.status == OK)
        return accept_picture(out, d, &reply, request.options.max_megapixels, err);
    decoder_give_back(d);
    return retell(&reply, err);
}

enum status decoder_read_sidecar(struct photo_meta *out, const void *bytes, size_t size,
                                 struct err *err)
{
    const struct decoder_request request = {
        .kind = DECODER_SIDECAR, .size = size, .options.max_megapixels = IMAGE_MAX_MEGAPIXELS};
    struct decoder_reply reply;
    struct decoder *d;
    photo_meta_clear(out);
    enum status status = check_size(size, err);
    if (status == OK)
        status = ask(&d, &request, bytes, &reply, err);
    if (status != OK)
        return status;
    decoder_give_back(d);
    if (reply.status != OK)
        return retell(&reply, err);
    if (!photo_meta_is_sound(&reply.meta))
        return err_set(err, ERR_FORMAT, "its reader gave an answer that makes no sense");
    *out = reply.meta;
    return OK;
}

bool decoder_can_be_confined(void)
{
    return confine_possible();
}

/* --- opening ------------------------------------------------------------------------------- */

enum status decoder_describe(struct decoder_state *out, struct err *err)
{
    struct decoder *d;
    *out = (struct decoder_state){.child = pool.elsewhere};
    if (!pool.elsewhere)
        return OK;
    enum status status = take(&d, false, IMAGE_MAX_MEGAPIXELS, err);
    if (status != OK)
        return status;
    out->seccomp = d->hello.seccomp;
    out->landlock_abi = d->hello.threads == 1 ? d->hello.landlock_abi : 0;
    decoder_give_back(d);
    return OK;
}

enum status decoder_open(const struct decoder_options *options, struct err *err)
{
    struct decoder_options *o = &pool.options;
    *o = *options;
    if (o->memory_bytes == 0)
        o->memory_bytes = DECODER_DEFAULT_MEMORY_BYTES;
    if (o->cpu_s == 0)
        o->cpu_s = DECODER_DEFAULT_CPU_S;
    if (o->wall_s == 0)
        o->wall_s = DECODER_DEFAULT_WALL_S;
    pool.elsewhere = o->mode != DECODER_HERE && confine_possible();
    if (o->mode != DECODER_CONFINED)
        return OK;
    struct decoder_state state;
    enum status status = decoder_describe(&state, err);
    if (status == OK && !(state.child && state.seccomp && state.landlock_abi > 0))
        status = err_set(err, ERR_UNSUPPORTED,
                         "this system cannot confine decoders wholly (it has%s%s); "
                         "FOVEA_SANDBOX=on takes what there is",
                         state.seccomp ? " seccomp" : " no seccomp",
                         state.landlock_abi > 0 ? ", Landlock" : ", no Landlock");
    return status;
}
