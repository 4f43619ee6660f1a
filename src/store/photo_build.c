/* SPDX-License-Identifier: MIT */
#include "store/photo_build.h"

#include "store/lists.h"

#include <stdlib.h>
#include <string.h>

enum status photo_add_path(struct store_photo *out, const struct photo_path_row *row,
                           struct err *err)
{
    struct store_photo_path *paths = room_for(out->paths, out->path_count, sizeof *paths);
    if (!paths)
        return err_no_memory(err, "a photo's paths", out->path_count * sizeof *paths);
    out->paths = paths;
    struct store_photo_path *p = &paths[out->path_count++];
    *p = (struct store_photo_path){
        .path = row->path ? strndup(row->path, row->path_size) : NULL,
        .size_bytes = row->size_bytes,
        .mtime_ns = row->mtime_ns,
    };
    if (!p->path)
        return err_no_memory(err, "a photo's path", 0);
    if (!row->sidecar)
        return OK;
    p->sidecar = strndup(row->sidecar, row->sidecar_size);
    p->sidecar_size_bytes = row->sidecar_size_bytes;
    p->sidecar_mtime_ns = row->sidecar_mtime_ns;
    if (!p->sidecar)
        return err_no_memory(err, "a photo's path", 0);
    if (!row->meta)
        return OK;
    p->sidecar_meta = malloc(sizeof *p->sidecar_meta);
    if (!p->sidecar_meta)
        return err_no_memory(err, "a sidecar's metadata", sizeof *p->sidecar_meta);
    *p->sidecar_meta = *row->meta;
    return OK;
}

enum status photo_add_label(struct store_photo *out, const struct photo_label_row *row,
                            struct store_photo_label **label, struct err *err)
{
    struct store_photo_label *labels = room_for(out->labels, out->label_count, sizeof *labels);
    if (!labels)
        return err_no_memory(err, "a photo's labels", out->label_count * sizeof *labels);
    out->labels = labels;
    size_t size = row->probabilities ? row->probabilities_size : 0;
    *label = &labels[out->label_count++];
    **label = (struct store_photo_label){
        .model_id = row->model_id,
        .set = strdup(row->set ? row->set : ""),
        .confidence = row->confidence,
        .margin = row->margin,
        .uncertain = row->uncertain,
        .probabilities = malloc(size ? size : 1),
        .category_count = size / sizeof(float),
    };
    if (!(*label)->set || !(*label)->probabilities)
        return err_no_memory(err, "a photo's labels", size);
    if (size > 0)
        memcpy((*label)->probabilities, row->probabilities, size);
    return OK;
}

void photo_overlay_sidecar(struct store_photo *out)
{
    for (size_t i = 0; i < out->path_count; i++) {
        if (!out->paths[i].sidecar)
            continue;
        if (out->paths[i].sidecar_meta)
            photo_meta_overlay(&out->meta, out->paths[i].sidecar_meta);
        return;
    }
}
