/* SPDX-License-Identifier: MIT
 *
 * See picture.h.
 */
#include "library/picture.h"

#include "base/file.h"

#include <string.h>

enum status picture_square(uint8_t *out, struct picture_facts *facts, const void *content,
                           size_t size, const struct preprocess *how,
                           const struct picture_options *options, struct err *err)
{
    *facts = (struct picture_facts){0};
    struct image image = {0};
    struct image_options wanted = {.max_megapixels = options ? options->max_megapixels : 0};
    if (options && options->fast_margin > 0)
        preprocess_enough(how, options->fast_margin, &wanted.enough_shorter, &wanted.enough_longer);
    enum status status = image_decode(&image, content, size, &wanted, err);
    if (status != OK)
        return status;
    struct preprocess_source source = {.rgb = image.pixels,
                                       .stride = (size_t)image.width * 3,
                                       .width = image.width,
                                       .height = image.height,
                                       .alpha = image.alpha,
                                       .indexed = image.indexed,
                                       .full_width = image.full_width,
                                       .full_height = image.full_height,
                                       .across = {image.across.begin, image.across.end},
                                       .down = {image.down.begin, image.down.end}};
    memcpy(source.zero, image.zero, sizeof source.zero);
    status = preprocess_picture(how, &source, out, err);
    facts->width = image.full_width;
    facts->height = image.full_height;
    facts->smaller = image.width < image.full_width;
    memcpy(facts->format, image.format, sizeof facts->format);
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
