/* SPDX-License-Identifier: MIT
 *
 * What a JPEG's markers tell: its size, and how much of a progressive one a smaller decode needs.
 * Reads bytes only. Internal to the image room.
 */
#ifndef FOVEA_IMAGE_JPEG_H
#define FOVEA_IMAGE_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first bytes of a progressive JPEG hold every coefficient that decoding it at 1/shrink of its
 * size rests on; how many bytes those are (an end-of-image marker has to follow). 0: all that there
 * are, or the file is not complete, or not a progressive JPEG, or not understood here. */
size_t jpeg_needed_bytes(const uint8_t *content, size_t size, int shrink);

/* The size of a JPEG that viewers show: sequential or progressive, 8 bits, gray or colour. False
 * for anything else (a lossless one holds a sensor's data) and where no frame is found. */
bool jpeg_dimensions(const uint8_t *content, size_t size, int *width, int *height);

#endif
