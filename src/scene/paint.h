/* SPDX-License-Identifier: MIT
 *
 * One function per kind of scene: it paints the whole picture, with what the facts say. Internal to
 * the scene room; scene.c has the table.
 */
#ifndef FOVEA_SCENE_PAINT_H
#define FOVEA_SCENE_PAINT_H

#include "scene/canvas.h"
#include "scene/scene.h"

typedef void paint_function(struct canvas *, const struct scene *);

paint_function paint_night; /* paint_night.c */
paint_function paint_mountains, paint_hills, paint_forest, paint_valley, paint_canyon;
paint_function paint_traffic, paint_panning, paint_train, paint_sparks; /* paint_motion.c */
paint_function paint_carousel, paint_moved_trees;
paint_function paint_skyline, paint_street, paint_city_above; /* paint_city.c */
paint_function paint_sea, paint_beach, paint_coast;           /* paint_sea.c */
paint_function paint_waterfall, paint_rapids, paint_cascade;  /* paint_falls.c */

#endif
