/* SPDX-License-Identifier: MIT
 *
 * One pass of expat over a sidecar, which notes at which bytes things begin and end. An XMP
 * document is rdf:RDF, often inside x:xmpmeta, with rdf:Description elements whose children are
 * the properties (XMP specification part 1, section 7); so depth below rdf:RDF says what an element
 * is: 1 a description, 2 a property, 3 its array, 4 an entry. The same names deeper down (the
 * history of an edited picture holds some) are somebody else's.
 *
 * Names are compared by namespace; the prefixes in use are remembered for what will be written.
 */
#include "meta/xmp_scan.h"
#include "meta/expat_place.h"

#include "base/str.h"
#include "meta/xmp_edit.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

/* White space in a namespace's name is normalised, so that it cannot hold one. */
#define NS_SEPARATOR '\n'
enum { AT_DESCRIPTION = 1, AT_PROPERTY, AT_ARRAY, AT_ENTRY };
enum { BINDINGS_MAX = 1000 };

const struct xmp_list_name xmp_list_names[XMP_LISTS] = {
    [XMP_SUBJECT] = {XMP_NS_DC, "subject", "dc"},
    [XMP_HIERARCHICAL] = {XMP_NS_LR, "hierarchicalSubject", "lr"},
    [XMP_FOVEA] = {XMP_NS_FOVEA, "keywords", "fovea"},
};

struct binding {
    char *prefix, *uri;
};

struct parser {
    XML_Parser xml;
    struct xmp_scan *out;
    struct err *err;
    enum status status;
    int depth, rdf_depth; /* of the current element (the root's is 1); of rdf:RDF, 0: not inside */
    bool rdf_done, in_first_description, in_description;
    int list; /* the property we are in; -1: none */
    int arrays;
    struct str text; /* of the property or the entry */
    bool is_plain;
    struct binding bindings[BINDINGS_MAX]; /* in scope, outermost first */
    size_t binding_count;
};

static void fail(struct parser *p, enum status status, const char *text)
{
    if (p->status == OK)
        p->status = err_set(p->err, status, "%s", text);
    XML_StopParser(p->xml, XML_FALSE);
}

static bool is_name(const char *name, const char *uri, const char *local)
{
    size_t n = strlen(uri);
    return strncmp(name, uri, n) == 0 && name[n] == NS_SEPARATOR &&
           strcmp(name + n + 1, local) == 0;
}

static bool is_rdf(const char *name)
{
    size_t n = strlen(XMP_NS_RDF);
    return strncmp(name, XMP_NS_RDF, n) == 0 && name[n] == NS_SEPARATOR;
}

static int list_of(const char *name)
{
    for (int i = 0; i < XMP_LISTS; i++)
        if (is_name(name, xmp_list_names[i].uri, xmp_list_names[i].local))
            return i;
    return -1;
}

/* --- namespaces ---------------------------------------------------------------------------- */

static void on_binding(void *user, const XML_Char *prefix, const XML_Char *uri)
{
    struct parser *p = user;
    if (p->binding_count == BINDINGS_MAX) {
        fail(p, ERR_LIMIT, "it declares too many namespaces");
        return;
    }
    struct binding *b = &p->bindings[p->binding_count];
    b->prefix = strdup(prefix ? prefix : "");
    b->uri = strdup(uri ? uri : "");
    p->binding_count++;
    if (!b->prefix || !b->uri)
        fail(p, ERR_MEMORY, "not enough memory for a namespace");
}

/* Expat ends the bindings of an element in the reverse order. */
static void on_binding_end(void *user, const XML_Char *prefix)
{
    (void)prefix;
    struct parser *p = user;
    if (p->binding_count > 0) {
        struct binding *b = &p->bindings[--p->binding_count];
        free(b->prefix);
        free(b->uri);
    }
}

static struct xmp_prefix prefix_of(const struct parser *p, const char *uri)
{
    struct xmp_prefix out = {0};
    for (size_t i = p->binding_count; i-- > 0 && !out.known;) {
        const struct binding *b = &p->bindings[i];
        if (strcmp(b->uri, uri) != 0 || strlen(b->prefix) >= sizeof out.text)
            continue;
        bool is_hidden = false; /* by another namespace under the same prefix, further in */
        for (size_t k = i + 1; k < p->binding_count; k++)
            is_hidden |= strcmp(p->bindings[k].prefix, b->prefix) == 0;
        if (is_hidden)
            continue;
        out.known = true;
        memcpy(out.text, b->prefix, strlen(b->prefix) + 1);
    }
    return out;
}

/* --- places -------------------------------------------------------------------------------- */

static struct xmp_range here(const struct parser *p)
{
    size_t start = expat_byte(p->xml);
    return (struct xmp_range){start, start + expat_byte_count(p->xml)};
}

static struct xmp_element element_open(const struct parser *p)
{
    struct xmp_element e = {.found = true, .open = here(p)};
    e.is_empty_tag = p->out->bytes[e.open.end - 2] == '/';
    e.close = (struct xmp_range){e.open.end, e.open.end};
    return e;
}

static void element_close(const struct parser *p, struct xmp_element *e)
{
    if (!e->is_empty_tag)
        e->close = here(p);
}

struct xmp_range xmp_space_before(const struct xmp_scan *scan, size_t at)
{
    struct xmp_range range = {at, at};
    while (range.start > 0 && strchr(" \t\r\n", scan->bytes[range.start - 1]))
        range.start--;
    return range;
}

/* --- lists --------------------------------------------------------------------------------- */

static void add_item(struct parser *p, struct xmp_range range, const char *text, size_t size)
{
    struct xmp_property *list = &p->out->lists[p->list];
    if (list->count == XMP_ITEMS_MAX) {
        fail(p, ERR_LIMIT, "it has too many keywords");
        return;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct xmp_item *more = realloc(list->items, capacity * sizeof *more);
        if (!more) {
            fail(p, ERR_MEMORY, "not enough memory for its keywords");
            return;
        }
        list->items = more;
        list->capacity = capacity;
    }
    char *copy = text ? strndup(text, size) : NULL;
    list->items[list->count++] = (struct xmp_item){.range = range, .text = copy};
    if (text && !copy)
        fail(p, ERR_MEMORY, "not enough memory for its keywords");
}

static void add_text_item(struct parser *p, struct xmp_range range)
{
    bool is_known = p->is_plain && str_ok(&p->text);
    add_item(p, range, is_known ? str_text(&p->text) : NULL, p->text.size);
}

static bool begin_list(struct parser *p, int list)
{
    if (p->out->lists[list].form != XMP_ABSENT) {
        fail(p, ERR_FORMAT, "a list of keywords stands twice in it");
        return false;
    }
    p->list = list;
    p->out->lists[list].form = XMP_EMPTY;
    p->arrays = 0;
    str_clear(&p->text);
    p->is_plain = true;
    return true;
}

/* The n-th attribute of the start tag at `tag` that declares no namespace: its bytes with the white
 * space before it, and its value's. Expat has read the tag, so it is well-formed. */
static void find_attribute(const struct xmp_scan *scan, struct xmp_range tag, int n,
                           struct xmp_range *all, struct xmp_range *value)
{
    const char *bytes = scan->bytes;
    size_t at = tag.start + 1;
    while (at < tag.end && !strchr(" \t\r\n/>", bytes[at]))
        at++;
    for (; at < tag.end; at = all->end) {
        all->start = at;
        while (at < tag.end && strchr(" \t\r\n", bytes[at]))
            at++;
        size_t name = at;
        while (at < tag.end && bytes[at] != '"' && bytes[at] != '\'')
            at++;
        value->start = at + 1;
        for (value->end = value->start; value->end < tag.end && bytes[value->end] != bytes[at];)
            value->end++;
        all->end = value->end + 1;
        bool is_namespace =
            strncmp(bytes + name, "xmlns", 5) == 0 && strchr(": \t\r\n=", bytes[name + 5]);
        if (!is_namespace && n-- == 0)
            return;
    }
}

static void on_description_attributes(struct parser *p, struct xmp_range tag,
                                      const char **attributes)
{
    for (int i = 0; attributes[2 * i] && p->status == OK; i++) {
        int list = list_of(attributes[2 * i]);
        if (list < 0 || !begin_list(p, list))
            continue;
        struct xmp_property *property = &p->out->lists[list];
        struct xmp_range value = {0};
        property->form = XMP_ATTRIBUTE;
        find_attribute(p->out, tag, i, &property->attribute, &value);
        const char *text = attributes[2 * i + 1];
        if (*text)
            add_item(p, value, text, strlen(text));
        p->list = -1;
    }
}

static bool has_rdf_attribute(const char **attributes)
{
    bool found = false;
    for (; *attributes; attributes += 2)
        found |= is_rdf(attributes[0]);
    return found;
}

static void on_property(struct parser *p, const char *name, const char **attributes)
{
    int list = list_of(name);
    if (list < 0 || !begin_list(p, list))
        return;
    if (has_rdf_attribute(attributes)) {
        fail(p, ERR_UNSUPPORTED, "its keywords are written in a way that fovea does not change");
        return;
    }
    p->out->lists[list].element = element_open(p);
    p->out->lists[list].rdf = prefix_of(p, XMP_NS_RDF);
}

static void on_array(struct parser *p, const char *name)
{
    struct xmp_property *list = &p->out->lists[p->list];
    bool is_array = is_name(name, XMP_NS_RDF, "Bag") || is_name(name, XMP_NS_RDF, "Seq") ||
                    is_name(name, XMP_NS_RDF, "Alt");
    if (!is_array || p->arrays++ > 0) {
        fail(p, ERR_UNSUPPORTED, "its keywords are written in a way that fovea does not change");
        return;
    }
    list->form = XMP_BAG;
    list->bag = element_open(p);
    list->rdf = prefix_of(p, XMP_NS_RDF);
}

/* --- expat's events ------------------------------------------------------------------------- */

static void on_description(struct parser *p, const char **attributes)
{
    struct xmp_scan *out = p->out;
    p->in_description = true;
    p->in_first_description = !out->description.found;
    if (p->in_first_description) {
        out->description = element_open(p);
        out->rdf_prefix = prefix_of(p, XMP_NS_RDF);
        for (int i = 0; i < XMP_LISTS; i++)
            out->list_prefix[i] = prefix_of(p, xmp_list_names[i].uri);
    }
    on_description_attributes(p, here(p), attributes);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct parser *p = user;
    if (p->status != OK)
        return;
    if (++p->depth > XMP_DEPTH_MAX) {
        fail(p, ERR_LIMIT, "its elements are nested too deeply");
        return;
    }
    if (!p->rdf_depth) {
        if (!p->rdf_done && is_name(name, XMP_NS_RDF, "RDF")) {
            p->rdf_depth = p->depth;
            p->out->rdf = element_open(p);
            p->out->rdf_prefix = prefix_of(p, XMP_NS_RDF);
            for (int i = 0; i < XMP_LISTS; i++)
                p->out->list_prefix[i] = prefix_of(p, xmp_list_names[i].uri);
        }
        return;
    }
    int below = p->depth - p->rdf_depth;
    if (below == AT_DESCRIPTION && is_name(name, XMP_NS_RDF, "Description"))
        on_description(p, attributes);
    else if (below == AT_PROPERTY && p->in_description) {
        if (p->in_first_description && !p->out->first_child.found)
            p->out->first_child = element_open(p);
        on_property(p, name, attributes);
    } else if (below == AT_ARRAY && p->list >= 0)
        on_array(p, name);
    else if (below == AT_ENTRY && p->list >= 0) {
        struct xmp_property *list = &p->out->lists[p->list];
        str_clear(&p->text);
        p->is_plain = is_name(name, XMP_NS_RDF, "li") && !has_rdf_attribute(attributes);
        add_item(p, here(p), NULL, 0);
        if (p->status == OK && list->count > 0)
            list->items[list->count - 1].range.end = 0; /* not closed yet */
    } else if (below > AT_ENTRY)
        p->is_plain = false;
}

static void end_entry(struct parser *p)
{
    struct xmp_property *list = &p->out->lists[p->list];
    struct xmp_item *item = &list->items[list->count - 1];
    item->range.end = here(p).end;
    if (p->is_plain && str_ok(&p->text)) {
        item->text = strdup(str_text(&p->text));
        if (!item->text)
            fail(p, ERR_MEMORY, "not enough memory for its keywords");
    }
    str_clear(&p->text);
}

static void end_property(struct parser *p)
{
    struct xmp_property *list = &p->out->lists[p->list];
    element_close(p, &list->element);
    const char *text = str_text(&p->text);
    bool has_text = text[strspn(text, " \t\r\n")] != '\0' || !str_ok(&p->text);
    if (has_text && list->form == XMP_BAG)
        fail(p, ERR_UNSUPPORTED, "its keywords are written in a way that fovea does not change");
    else if (has_text) {
        list->form = XMP_TEXT;
        add_text_item(p, (struct xmp_range){list->element.open.end, list->element.close.start});
    }
    p->list = -1;
}

static void on_end(void *user, const XML_Char *name)
{
    (void)name;
    struct parser *p = user;
    if (p->status != OK)
        return;
    int below = p->rdf_depth ? p->depth - p->rdf_depth : -1;
    if (below == 0) {
        element_close(p, &p->out->rdf);
        p->rdf_depth = 0;
        p->rdf_done = true;
    } else if (below == AT_DESCRIPTION && p->in_description) {
        if (p->in_first_description)
            element_close(p, &p->out->description);
        p->in_description = p->in_first_description = false;
    } else if (below == AT_PROPERTY && p->in_description) {
        if (p->list >= 0)
            end_property(p);
        if (p->in_first_description)
            p->out->last_child_end = here(p).end;
    } else if (below == AT_ARRAY && p->list >= 0)
        element_close(p, &p->out->lists[p->list].bag);
    else if (below == AT_ENTRY && p->list >= 0)
        end_entry(p);
    p->depth--;
}

static void on_text(void *user, const XML_Char *text, int size)
{
    struct parser *p = user;
    int below = p->depth - p->rdf_depth;
    if (p->status == OK && p->rdf_depth && p->list >= 0 &&
        (below == AT_PROPERTY || below == AT_ENTRY))
        str_append(&p->text, text, (size_t)size);
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal;
    fail(user, ERR_UNSUPPORTED, "it has a DOCTYPE, which no sidecar needs and fovea does not read");
}

static void on_declaration(void *user, const XML_Char *version, const XML_Char *encoding,
                           int standalone)
{
    (void)version, (void)standalone;
    static const char utf8[] = "utf-8";
    bool is_utf8 = true;
    if (encoding) {
        is_utf8 = strlen(encoding) == strlen(utf8);
        for (size_t i = 0; is_utf8 && utf8[i]; i++)
            is_utf8 = (encoding[i] | 0x20) == (utf8[i] | 0x20);
    }
    if (!is_utf8)
        fail(user, ERR_UNSUPPORTED, "its encoding is not UTF-8; save it in UTF-8 first");
}

/* --- the pass ------------------------------------------------------------------------------- */

static enum status check_bytes(const char *bytes, size_t size, struct err *err)
{
    if (size > XMP_SIDECAR_MAX)
        return err_set(err, ERR_LIMIT, "it has %zu bytes; the limit is %d", size, XMP_SIDECAR_MAX);
    /* Expat reads UTF-16, but bytes that are put in are UTF-8. */
    bool is_utf16 = size >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 ||
                                  memcmp(bytes, "\xfe\xff", 2) == 0 || !bytes[0] || !bytes[1]);
    if (is_utf16)
        return err_set(err, ERR_UNSUPPORTED, "its encoding is UTF-16; save it in UTF-8 first");
    return OK;
}

static enum status run(struct parser *p, struct err *err)
{
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    XML_SetNamespaceDeclHandler(p->xml, on_binding, on_binding_end);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    XML_SetXmlDeclHandler(p->xml, on_declaration);
    enum XML_Status parsed = XML_Parse(p->xml, p->out->bytes, (int)p->out->size, 1);
    if (p->status != OK)
        return p->status;
    if (parsed != XML_STATUS_OK)
        return err_set(err, ERR_FORMAT, "it is not well-formed XML: line %lu, column %lu: %s",
                       expat_line(p->xml), expat_column(p->xml),
                       XML_ErrorString(XML_GetErrorCode(p->xml)));
    if (!p->out->rdf.found)
        return err_set(err, ERR_FORMAT, "it is XML without rdf:RDF, so it is no XMP");
    return OK;
}

enum status xmp_scan_open(struct xmp_scan *out, const char *bytes, size_t size, struct err *err)
{
    *out = (struct xmp_scan){.bytes = bytes, .size = size};
    enum status status = check_bytes(bytes, size, err);
    if (status != OK)
        return status;
    struct parser *p = calloc(1, sizeof *p);
    if (!p)
        return err_no_memory(err, "reading a sidecar", sizeof *p);
    p->out = out;
    p->err = err;
    p->list = -1;
    p->text = str_new(XMP_SIDECAR_MAX);
    p->xml = XML_ParserCreateNS(NULL, NS_SEPARATOR);
    status = p->xml ? run(p, err) : err_no_memory(err, "reading a sidecar", size);
    while (p->binding_count > 0)
        on_binding_end(p, NULL);
    XML_ParserFree(p->xml);
    str_free(&p->text);
    free(p);
    if (status != OK)
        xmp_scan_close(out);
    return status;
}

void xmp_scan_close(struct xmp_scan *scan)
{
    for (int i = 0; i < XMP_LISTS; i++) {
        for (size_t k = 0; k < scan->lists[i].count; k++)
            free(scan->lists[i].items[k].text);
        free(scan->lists[i].items);
    }
    *scan = (struct xmp_scan){0};
}
