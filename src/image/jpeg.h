/* SPDX-License-Identifier: MIT
 *
 * How much of a progressive JPEG a smaller decode needs. Reads bytes only. Internal to the image
 * room.
 */
#ifndef FOVEA_IMAGE_JPEG_H
#define FOVEA_IMAGE_JPEG_H

#include <stddef.h>
#include <stdint.h>

/* The first bytes of a progressive JPEG hold every coefficient that decoding it at 1/shrink of its
 * size rests on; how many bytes those are (an end-of-image marker has to follow). 0: all that there
 * are, or the file is not complete, or not a progressive JPEG, or not understood here. */
size_t jpeg_needed_bytes(const uint8_t *content, size_t size, int shrink);

#endif
