/* SPDX-License-Identifier: MIT
 *
 * What one block says, before blocks are brought together. Internal to the meta room.
 */
#ifndef FOVEA_META_PART_H
#define FOVEA_META_PART_H

#include "meta/photo_meta.h"
#include "meta/read.h"

struct meta_time {
    int64_t ms; /* as photo_meta.taken_ms */
    int offset_min;
};

enum meta_event {
    META_TAKEN,     /* the shutter */
    META_DIGITIZED, /* the file came into being: the same for a camera, the scan of a slide */
    META_CHANGED,   /* the file was written last */
    META_EVENTS
};

struct meta_part {
    struct photo_meta meta; /* but for its times */
    struct meta_time times[META_EVENTS];
    struct meta_hints hints;
};

void meta_part_clear(struct meta_part *);

/* Each leaves alone what the block does not tell. */
void meta_exif_read(struct meta_part *, const struct meta_blocks *);
void meta_iptc_read(struct meta_part *, struct meta_bytes);
/* ERR_FORMAT where the XML ends in an error or holds no RDF; what came before it counts. */
MUST_USE enum status meta_xmp_read(struct meta_part *, struct meta_bytes, struct err *err);

#endif
