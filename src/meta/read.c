/* SPDX-License-Identifier: MIT
 *
 * Precedence, as docs/metadata.md states it: what the camera wrote (EXIF) over what programs wrote
 * (XMP) over the older form of that (IPTC); for what people say of a picture, XMP first.
 */
#include "meta/read.h"
#include "meta/part.h"

#include <string.h>

void meta_part_clear(struct meta_part *part)
{
    photo_meta_clear(&part->meta);
    for (int i = 0; i < META_EVENTS; i++)
        part->times[i] = (struct meta_time){PHOTO_NO_TIME, PHOTO_NO_OFFSET};
    part->hints = (struct meta_hints){0, META_COLOUR_UNKNOWN};
}

static void add_keywords(struct photo_meta *meta, const char *keywords)
{
    char word[PHOTO_KEYWORDS_MAX];
    for (const char *line = keywords; *line;) {
        size_t size = strcspn(line, "\n");
        memcpy(word, line, size);
        word[size] = '\0';
        photo_meta_add_keyword(meta, word);
        line += size + (line[size] == '\n');
    }
}

/* The taking before the digitizing before the last change, each from EXIF, XMP, IPTC. An EXIF time
 * without an offset gets that of XMP, if both tell the same time. */
static void choose_time(struct photo_meta *out, const struct meta_part *const parts[3])
{
    for (int event = 0; event < META_EVENTS; event++)
        for (int i = 0; i < 3; i++) {
            const struct meta_time *t = &parts[i]->times[event];
            if (t->ms == PHOTO_NO_TIME)
                continue;
            out->taken_ms = t->ms;
            out->offset_min = t->offset_min;
            const struct meta_time *other = &parts[1]->times[event];
            if (out->offset_min == PHOTO_NO_OFFSET && other->ms != PHOTO_NO_TIME &&
                other->ms / 1000 == t->ms / 1000)
                out->offset_min = other->offset_min;
            return;
        }
}

void meta_read_blocks(struct photo_meta *out, struct meta_hints *hints,
                      const struct meta_blocks *blocks)
{
    struct meta_part exif, xmp, iptc;
    const struct meta_part *const parts[3] = {&exif, &xmp, &iptc};
    struct err ignored; /* what an embedded packet holds before an error counts */
    meta_part_clear(&exif);
    meta_part_clear(&xmp);
    meta_part_clear(&iptc);
    meta_exif_read(&exif, blocks);
    if (blocks->xmp.data)
        (void)!meta_xmp_read(&xmp, blocks->xmp, &ignored);
    meta_iptc_read(&iptc, blocks->iptc);
    photo_meta_clear(out);
    photo_meta_overlay(out, &iptc.meta);
    photo_meta_overlay(out, &xmp.meta);
    photo_meta_overlay(out, &exif.meta);
    if (xmp.meta.rating != PHOTO_NO_RATING)
        out->rating = xmp.meta.rating;
    out->keywords[0] = '\0';
    add_keywords(out, xmp.meta.keywords);
    add_keywords(out, iptc.meta.keywords);
    add_keywords(out, exif.meta.keywords);
    choose_time(out, parts);
    if (hints)
        *hints = exif.hints;
}

void meta_read(struct photo_meta *out, struct meta_hints *hints, const void *content, size_t size)
{
    struct meta_blocks blocks;
    meta_find_blocks(&blocks, content, size);
    meta_read_blocks(out, hints, &blocks);
}

void meta_read_hints(struct meta_hints *hints, const void *content, size_t size)
{
    struct meta_blocks blocks;
    struct meta_part exif;
    meta_find_blocks(&blocks, content, size);
    meta_part_clear(&exif);
    meta_exif_read(&exif, &blocks);
    *hints = exif.hints;
}

enum status meta_read_sidecar(struct photo_meta *out, const void *bytes, size_t size,
                              struct err *err)
{
    struct meta_part part;
    meta_part_clear(&part);
    photo_meta_clear(out);
    if (size == 0)
        return err_set(err, ERR_FORMAT, "the file is empty");
    enum status status = meta_xmp_read(&part, (struct meta_bytes){bytes, size}, err);
    if (status != OK)
        return status;
    *out = part.meta;
    if (part.times[META_TAKEN].ms != PHOTO_NO_TIME) {
        out->taken_ms = part.times[META_TAKEN].ms;
        out->offset_min = part.times[META_TAKEN].offset_min;
    }
    return OK;
}
