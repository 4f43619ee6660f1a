/* SPDX-License-Identifier: MIT
 *
 * The children that decode, as the image room's front sees them. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_DECODER_POOL_H
#define FOVEA_IMAGE_DECODER_POOL_H

#include "image/image.h"

/* True after decoder_open() with children. */
bool decoder_elsewhere(void);

/* As image_read() and meta_read_sidecar(). *out borrows the child that decoded it until
 * image_free(). Beside their errors: ERR_LIMIT (the picture needs more memory or time than it may
 * have), ERR_FORMAT (its decoder crashed), ERR_IO (no child can be started). */
MUST_USE enum status decoder_read(struct image *out, struct photo_meta *meta, const void *content,
                                  size_t size, const struct image_options *, struct err *err);
MUST_USE enum status decoder_read_sidecar(struct photo_meta *out, const void *bytes, size_t size,
                                          struct err *err);
void decoder_give_back(struct decoder *);
void decoder_close(void);

#endif
