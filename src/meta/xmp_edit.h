/* SPDX-License-Identifier: MIT
 *
 * Putting keywords into an XMP sidecar and taking them out again, without touching anything else
 * in it: the answer is the old bytes with a few ranges replaced, never a document written anew.
 *
 * For a keyword K under the prefix P three lists are kept, each an rdf:Bag of its own property:
 *
 *     dc:subject               K        what every program reads
 *     lr:hierarchicalSubject   P|K      what Lightroom, digiKam and darktable show as a tree
 *     fovea:keywords           P|K      which of the entries of dc:subject fovea has added
 *
 * The third is the memory: a K that the user had in dc:subject before is not in it, and stays when
 * the category changes. Entries under another prefix are another classification's and stay, too.
 * '|' separates the levels, so that one inside K is written '/' in the last two.
 *
 * Documents that are refused, with ERR_FORMAT or ERR_UNSUPPORTED: not well-formed, with a DOCTYPE
 * (no sidecar has one; entities that explode do), not in UTF-8, without rdf:RDF, and those in which
 * one of the lists stands twice or in a form that is no list of texts.
 */
#ifndef FOVEA_META_XMP_EDIT_H
#define FOVEA_META_XMP_EDIT_H

#include "base/status.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    XMP_SIDECAR_MAX = 16 << 20, /* bytes of a sidecar; with masks drawn in Lightroom it is 1 or 2 */
    XMP_KEYWORD_MAX = 1024,     /* bytes of a keyword and of a prefix */
    XMP_KEYWORDS_MAX = 1000     /* keywords in one call */
};

struct xmp_keywords {
    const char *prefix;       /* "fovea"; it may have levels: "fovea|wedding" */
    const char *const *names; /* [count], the keywords under this prefix from now on; may be none */
    size_t count;
    /* The photograph's own keywords, each followed by '\n' (photo_meta.keywords), or NULL. They are
     * taken over when the sidecar has no dc:subject yet: programs that find one there look no
     * further. They belong to the user. */
    const char *embedded;
};

struct xmp_change {
    bool changed;
    struct str bytes;   /* the whole document as it is to be; also when nothing changed */
    struct str added;   /* the keywords of dc:subject and their hierarchical forms that come ... */
    struct str removed; /* ... and go, each followed by '\n' */
};

/* `bytes` is a sidecar, or NULL for one that does not exist yet: then a new document is made,
 * unless there is nothing to put into it. On success the caller frees *out. Doing the same to the
 * result changes nothing; that is checked before it is returned. */
MUST_USE enum status xmp_edit(struct xmp_change *out, const char *bytes, size_t size,
                              const struct xmp_keywords *, struct err *err);
void xmp_change_free(struct xmp_change *); /* NULL-safe */

#endif
