/* SPDX-License-Identifier: MIT
 *
 * See picture.h.
 */
#include "library/picture.h"

#include "base/file.h"

#include <string.h>

enum status picture_square(uint8_t *out, struct picture_facts *facts, const void *content,
                           size_t size, const struct preprocess *how,
                           const struct image_options *limits, struct err *err)
{
    *facts = (struct picture_facts){0};
    struct image image = {0};
    enum status status = image_decode(&image, content, size, limits, err);
    if (status != OK)
        return status;
    struct preprocess_source source = {.rgb = image.pixels,
                                       .stride = (size_t)image.width * 3,
                                       .width = image.width,
                                       .height = image.height,
                                       .alpha = image.alpha,
                                       .indexed = image.indexed};
    memcpy(source.zero, image.zero, sizeof source.zero);
    status = preprocess_picture(how, &source, out, err);
    facts->width = image.width;
    facts->height = image.height;
    memcpy(facts->format, image.format, sizeof facts->format);
    image_free(&image);
    return status;
}

enum status picture_square_file(uint8_t *out, const char *path, const struct preprocess *how,
                                const struct image_options *limits, struct err *err)
{
    struct file_bytes content;
    struct picture_facts ignored;
    enum status status = file_read(&content, path, IMAGE_MAX_FILE_BYTES, err);
    if (status != OK)
        return status;
    status = picture_square(out, &ignored, content.data, content.size, how, limits, err);
    if (status != OK)
        err_prefix(err, "%s", path);
    file_bytes_free(&content);
    return status;
}
