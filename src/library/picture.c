/* SPDX-License-Identifier: MIT
 *
 * See picture.h.
 */
#include "library/picture.h"

#include "base/file.h"
#include "image/phash.h"

#include <string.h>

/* What a smaller decode has to leave for a perceptual hash: eight times its grid a side. */
enum { PHASH_ENOUGH = 256 };

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static struct image_options decode_options(const struct preprocess *how,
                                           const struct picture_options *options, bool square)
{
    struct image_options wanted = {.max_megapixels = options->max_megapixels};
    if (square && !(options->fast_margin > 0))
        return wanted; /* whole */
    if (square)
        preprocess_enough(how, options->fast_margin, &wanted.enough_shorter, &wanted.enough_longer);
    if (options->want_phash)
        wanted.enough_shorter = larger(wanted.enough_shorter, PHASH_ENOUGH);
    if (options->thumbs)
        wanted.enough_longer =
            larger(wanted.enough_longer, options->large_thumbs ? THUMBNAIL_LARGE : THUMBNAIL_SMALL);
    return wanted;
}

static enum status make_square(uint8_t *out, const struct preprocess *how,
                               const struct image *image, struct err *err)
{
    struct preprocess_source source = {.rgb = image->pixels,
                                       .stride = (size_t)image->width * 3,
                                       .width = image->width,
                                       .height = image->height,
                                       .alpha = image->alpha,
                                       .indexed = image->indexed,
                                       .full_width = image->full_width,
                                       .full_height = image->full_height,
                                       .across = {image->across.begin, image->across.end},
                                       .down = {image->down.begin, image->down.end}};
    memcpy(source.zero, image->zero, sizeof source.zero);
    return preprocess_picture(how, &source, out, err);
}

static void note_facts(struct picture_facts *facts, const struct image *image)
{
    facts->width = image->taken_width;
    facts->height = image->taken_height;
    facts->smaller = image->width < image->full_width;
    memcpy(facts->format, image->format, sizeof facts->format);
}

enum status picture_square(uint8_t *out, struct picture_facts *facts, const void *content,
                           size_t size, const struct preprocess *how,
                           const struct picture_options *given, struct err *err)
{
    static const int sizes[] = {THUMBNAIL_SMALL, THUMBNAIL_LARGE};
    const struct picture_options options = given ? *given : (struct picture_options){0};
    const struct image_options wanted = decode_options(how, &options, out != NULL);
    struct image image;
    *facts = (struct picture_facts){0};
    enum status status = image_read(&image, options.meta, content, size, &wanted, err);
    if (status != OK)
        return status;
    note_facts(facts, &image);
    if (out)
        status = make_square(out, how, &image, err);
    if (status == OK && options.want_phash) {
        status = image_phash(&facts->phash, &image, err);
        facts->has_phash = status == OK;
    }
    if (status == OK && options.thumbs)
        thumbs_add(options.thumbs, options.hash, &image, sizes, options.large_thumbs ? 2 : 1);
    image_free(&image);
    return status;
}

enum status picture_square_file(uint8_t *out, const char *path, const struct preprocess *how,
                                const struct picture_options *options, struct err *err)
{
    struct file_bytes content;
    struct picture_facts ignored;
    enum status status = file_read(&content, path, IMAGE_MAX_FILE_BYTES, err);
    if (status != OK)
        return status;
    status = picture_square(out, &ignored, content.data, content.size, how, options, err);
    if (status != OK)
        err_prefix(err, "%s", path);
    file_bytes_free(&content);
    return status;
}
