/* SPDX-License-Identifier: MIT
 *
 * What a decoding child says, which may be in the hands of whoever made the picture: any reply, and
 * what the parent takes of it. A picture lies in the shared memory, metadata is what metadata can
 * be, an error has its text. The child itself is left out: the linker puts these functions in the
 * place of decoder_process.c's.
 */
#include "fuzz.h"

#include "image/decoder.h"
#include "image/decoder_pool.h"
#include "image/decoder_process.h"
#include "image/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEGAPIXELS 0.01
#define MEMORY ((size_t)4 << 30) /* more than any picture takes; pages of zeros that nobody has */
enum { PAGE = 1 << 16 };         /* of any kernel */

static const uint8_t *said; /* by the child */
static size_t said_size;
static struct decoder *child; /* all there is */

enum status __wrap_decoder_start(struct decoder **out, const struct decoder_options *,
                                 uint64_t output_bytes, struct err *err);
void __wrap_decoder_end(struct decoder *);
bool __wrap_decoder_is_gone(struct decoder *);
enum status __wrap_decoder_ask(struct decoder *, const struct decoder_options *,
                               const struct decoder_request *, const void *content,
                               struct decoder_reply *, bool *again, struct err *err);
void __wrap_decoder_trim(struct decoder *);

/* What the child shares with its parent; a page that nobody may touch comes behind it. */
static const uint8_t *memory(void)
{
    static const uint8_t *all;
    if (!all) {
        all = mmap(NULL, MEMORY + PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                   0);
        FUZZ_CHECK(all != MAP_FAILED);
        FUZZ_CHECK(mprotect((void *)(uintptr_t)(all + MEMORY), PAGE, PROT_NONE) == 0);
    }
    return all;
}

enum status __wrap_decoder_start(struct decoder **out, const struct decoder_options *options,
                                 uint64_t output_bytes, struct err *err)
{
    struct decoder *d = calloc(1, sizeof *d);
    FUZZ_CHECK(d && !child);
    d->output_bytes = (output_bytes + PAGE - 1) / PAGE * PAGE;
    FUZZ_CHECK(d->output_bytes <= MEMORY);
    d->output = memory() + MEMORY - d->output_bytes;
    *out = child = d;
    return OK;
}

void __wrap_decoder_end(struct decoder *d)
{
    if (!d)
        return;
    FUZZ_CHECK(d == child);
    child = NULL;
    free(d);
}

bool __wrap_decoder_is_gone(struct decoder *d)
{
    return false;
}

enum status __wrap_decoder_ask(struct decoder *d, const struct decoder_options *options,
                               const struct decoder_request *request, const void *content,
                               struct decoder_reply *reply, bool *again, struct err *err)
{
    memset(reply, 0, sizeof *reply);
    if (said_size)
        memcpy(reply, said, said_size < sizeof *reply ? said_size : sizeof *reply);
    *again = false;
    d->used = true;
    return OK;
}

void __wrap_decoder_trim(struct decoder *d)
{
}

static void check_picture(const struct image *image)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    FUZZ_CHECK(image->width > 0 && image->height > 0 && (double)pixels <= MEGAPIXELS * 1e6);
    FUZZ_CHECK(image->full_width >= image->width && image->full_height >= image->height);
    FUZZ_CHECK(memchr(image->format, 0, sizeof image->format));
    FUZZ_CHECK(image->across.end > image->across.begin && image->down.end > image->down.begin);
    fuzz_touch(image->pixels, pixels * 3);
    if (image->alpha)
        fuzz_touch(image->alpha, pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    const struct image_options options = {.max_megapixels = MEGAPIXELS};
    struct image image;
    struct photo_meta meta;
    struct err err = {0};
    uint8_t which = fuzz_take_byte(&in);
    said = in.data;
    said_size = in.size;
    FUZZ_CHECK_OK(decoder_open(&(struct decoder_options){.mode = DECODER_CHILD}, &err), &err);
    FUZZ_CHECK(decoder_elsewhere());
    if (which & 1) {
        enum status status = image_read_sidecar(&meta, "", 0, &err);
        if (status != OK)
            fuzz_check_error(status, &err);
    } else {
        enum status status = image_read(&image, &meta, "", 0, &options, &err);
        if (status == OK)
            check_picture(&image);
        else
            fuzz_check_error(status, &err);
        image_free(&image);
    }
    FUZZ_CHECK(photo_meta_is_sound(&meta));
    decoder_close();
    FUZZ_CHECK(!child);
    return 0;
}
