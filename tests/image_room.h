/* SPDX-License-Identifier: MIT
 *
 * The image room around a group of cmocka tests.
 */
#ifndef FOVEA_TESTS_IMAGE_ROOM_H
#define FOVEA_TESTS_IMAGE_ROOM_H

#include "image/image.h"

static int open_room(void **state)
{
    struct err err;
    return image_room_open(&err) == OK ? 0 : -1;
}

static int close_room(void **state)
{
    image_room_close();
    return 0;
}

#endif
