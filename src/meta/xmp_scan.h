/* SPDX-License-Identifier: MIT
 *
 * Where in a sidecar's bytes the lists of keywords stand (private to xmp_edit). Nothing is kept of
 * the document but ranges of bytes, and the texts of the lists' entries.
 */
#ifndef FOVEA_META_XMP_SCAN_H
#define FOVEA_META_XMP_SCAN_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define XMP_NS_RDF "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#define XMP_NS_DC "http://purl.org/dc/elements/1.1/"
#define XMP_NS_LR "http://ns.adobe.com/lightroom/1.0/"
#define XMP_NS_FOVEA "urn:fovea:xmp:"

enum { XMP_ITEMS_MAX = 20000, XMP_DEPTH_MAX = 256, XMP_PREFIX_MAX = 40 };

enum xmp_list { XMP_SUBJECT, XMP_HIERARCHICAL, XMP_FOVEA, XMP_LISTS };

struct xmp_list_name {
    const char *uri, *local, *prefix; /* the usual prefix */
};
extern const struct xmp_list_name xmp_list_names[XMP_LISTS];

struct xmp_range {
    size_t start, end;
};

/* An element: its start tag, and the end tag, which is empty and at the end for "<a/>". */
struct xmp_element {
    bool found;
    struct xmp_range open, close;
    bool is_empty_tag; /* "<a/>" */
};

/* The prefix that stands for a namespace at some place; without one it has to be declared. */
struct xmp_prefix {
    bool known;
    char text[XMP_PREFIX_MAX]; /* "": the default namespace */
};

struct xmp_item {
    struct xmp_range range; /* the whole rdf:li, or the value of an attribute or of an element */
    char *text;             /* NULL: not a plain text, or a very long one */
};

enum xmp_form {
    XMP_ABSENT,
    XMP_EMPTY,     /* <dc:subject/>, or nothing but white space in it */
    XMP_TEXT,      /* <dc:subject>beach</dc:subject> */
    XMP_ATTRIBUTE, /* <rdf:Description dc:subject="beach"> */
    XMP_BAG,       /* <dc:subject><rdf:Bag>...</rdf:Bag></dc:subject>; also Seq and Alt */
};

struct xmp_property {
    enum xmp_form form;
    struct xmp_element element;
    struct xmp_element bag;
    struct xmp_range attribute; /* with the white space before it */
    struct xmp_prefix rdf;      /* inside the element */
    struct xmp_item *items;     /* [count] */
    size_t count, capacity;
};

struct xmp_scan {
    const char *bytes;
    size_t size;
    struct xmp_element rdf;         /* rdf:RDF */
    struct xmp_element description; /* the first rdf:Description in it */
    struct xmp_element first_child; /* of that */
    size_t last_child_end;          /* 0: no child */
    struct xmp_prefix rdf_prefix;   /* inside the description, or else inside rdf:RDF */
    struct xmp_prefix list_prefix[XMP_LISTS];
    struct xmp_property lists[XMP_LISTS];
};

/* `bytes` are borrowed. On failure there is nothing to free. */
MUST_USE enum status xmp_scan_open(struct xmp_scan *out, const char *bytes, size_t size,
                                   struct err *err);
void xmp_scan_close(struct xmp_scan *);

/* The white space right before `at`. */
struct xmp_range xmp_space_before(const struct xmp_scan *, size_t at);

#endif
