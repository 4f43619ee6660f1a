/* SPDX-License-Identifier: MIT
 *
 * Categories as keywords in XMP sidecars, beside the photographs: dc:subject, and under a prefix
 * lr:hierarchicalSubject (meta/xmp_edit.h says what is kept and what is replaced). The photographs
 * themselves are only looked for, never opened.
 *
 * A sidecar that is there is used, by the rule by which indexing finds it (walk.h): photo.jpg.xmp,
 * else photo.xmp. Where there is none, photo.jpg.xmp is made: a RAW file and the JPEG beside it are
 * two photographs. If they share a photo.xmp, it gets the keywords of both. Every copy of a
 * photograph has a sidecar of its own.
 */
#ifndef FOVEA_LIBRARY_SIDECARS_H
#define FOVEA_LIBRARY_SIDECARS_H

#include "library/classify.h"
#include "meta/xmp_edit.h"
#include "search/row_set.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct sidecar_options {
    const char *prefix;         /* of the hierarchical keywords: "fovea" */
    const struct row_set *rows; /* only of these photographs; NULL: of all */
    bool dry_run;               /* nothing is written */
    /* Called for each sidecar that changes, before it does. NULL: nobody. */
    void (*on_change)(void *context, const char *sidecar, const struct xmp_change *);
    void *context;
};

struct sidecar_report {
    size_t written; /* or would be */
    size_t unchanged, failed;
    char first_failure[ERR_TEXT_MAX];
};

/* Sidecars that cannot be read or written (a read-only folder, somebody else's format) are counted
 * and left as they are. Fails when a full or read-only disk has refused a hundred, and for what the
 * store says. */
MUST_USE enum status sidecars_write(const struct classification *, const struct store_matrix *,
                                    const struct categories *, struct store *,
                                    const struct sidecar_options *, struct sidecar_report *report,
                                    struct err *err);

#endif
