/* SPDX-License-Identifier: MIT
 *
 * What a decoding child says, before it is believed. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_DECODER_CHECK_H
#define FOVEA_IMAGE_DECODER_CHECK_H

#include "image/decoder_wire.h"

/* A status that decoding can have, with a text if it is a failure. */
bool decoder_status_is_sound(const struct decoder_reply *);
/* A picture that can be, within the memory. */
bool decoder_image_is_sound(const struct decoder_reply *, double max_megapixels,
                            uint64_t output_bytes);

#endif
