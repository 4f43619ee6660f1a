/* SPDX-License-Identifier: MIT
 *
 * Private to store/: struct store_photo, put together from a library's rows as a kind of store
 * reads them. What is added belongs to the photo, also after a failure.
 */
#ifndef FOVEA_STORE_PHOTO_BUILD_H
#define FOVEA_STORE_PHOTO_BUILD_H

#include "store/store_ops.h"

struct photo_path_row {
    const void *path;
    size_t path_size;
    int64_t size_bytes, mtime_ns;
    const void *sidecar; /* NULL: none */
    size_t sidecar_size;
    int64_t sidecar_size_bytes, sidecar_mtime_ns;
    const struct photo_meta *meta; /* of the sidecar; NULL: nothing could be read from it */
};
/* Bytewise ascending. */
MUST_USE enum status photo_add_path(struct store_photo *, const struct photo_path_row *,
                                    struct err *err);

struct photo_label_row {
    int64_t model_id;
    const char *set;
    double confidence, margin;
    bool uncertain;
    const void *probabilities; /* float32[] */
    size_t probabilities_size;
};
/* *label: without its categories, which the caller adds. */
MUST_USE enum status photo_add_label(struct store_photo *, const struct photo_label_row *,
                                     struct store_photo_label **label, struct err *err);

/* When the paths are there: the first sidecar's metadata over the embedded. */
void photo_overlay_sidecar(struct store_photo *);

#endif
