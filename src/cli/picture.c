/* SPDX-License-Identifier: MIT
 *
 * See picture.h. The image room and the preprocessing do not know each other: this is where what
 * one leaves becomes what the other takes.
 */
#include "cli/picture.h"

#include "image/image.h"

#include <string.h>

enum status picture_square(uint8_t *out, const char *path, const struct preprocess *how,
                           struct err *err)
{
    struct image image = {0};
    enum status status = image_decode_file(&image, path, NULL, err);
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
    if (status != OK)
        err_prefix(err, "%s", path);
    image_free(&image);
    return status;
}
