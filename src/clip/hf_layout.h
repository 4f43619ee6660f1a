/* SPDX-License-Identifier: MIT
 *
 * The tensors of a CLIP model as Hugging Face's Transformers names them, under the names of
 * open_clip: the same graph, written down otherwise. Source: transformers' modeling_clip.py and
 * the conversion script of open_clip. What differs beside the names:
 *
 *     self_attn.{q,k,v}_proj      three tensors [W, W]  →  attn.in_proj_* [3W, W]
 *     visual_projection.weight    [D, W]                →  visual.proj [W, D]
 *     text_projection.weight      [D, W]                →  text_projection [W, D]
 *
 * Nothing is copied here: the views are in parts or strided, and gathered when they are loaded.
 */
#ifndef FOVEA_CLIP_HF_LAYOUT_H
#define FOVEA_CLIP_HF_LAYOUT_H

#include "base/status.h"
#include "clip/config.h"
#include "clip/tensor_view.h"

#include <stdbool.h>
#include <stddef.h>

struct hf_layout;

/* The checkpoint's tensors, sorted by name; they outlive the layout. */
struct hf_source {
    const struct tensor_view *views; /* [count] */
    size_t count;
    bool image, text; /* the towers that have to be complete */
};

/* Whether the names are those of Transformers. */
bool hf_layout_is(const struct tensor_view *views, size_t count);

/* ERR_FORMAT names the tensor that is missing or does not fit its siblings. */
MUST_USE enum status hf_layout_open(struct hf_layout **out, const struct hf_source *,
                                    const struct model_config *, struct err *err);
void hf_layout_close(struct hf_layout *); /* NULL-safe */
/* Sorted by name. */
const struct tensor_view *hf_layout_all(const struct hf_layout *, size_t *count);

#endif
