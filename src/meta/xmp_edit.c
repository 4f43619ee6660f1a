/* SPDX-License-Identifier: MIT
 *
 * See xmp_edit.h. In four steps: xmp_scan finds where the lists stand; plan() decides which entries
 * go and which come; write_list() turns that into replacements of byte ranges; apply() makes the
 * new document from the old bytes and the replacements. What comes in is laid out as what is there:
 * its line ends and its indentation are copied, and a document on one line stays on one line.
 */
#include "meta/xmp_edit.h"

#include "meta/xmp_scan.h"

#include <stdlib.h>
#include <string.h>

#define OUT_MAX ((size_t)2 * XMP_SIDECAR_MAX)

static const char new_document[] =
    "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\" x:xmptk=\"fovea\">\n"
    " <rdf:RDF xmlns:rdf=\"" XMP_NS_RDF "\">\n"
    "  <rdf:Description rdf:about=\"\"\n"
    "    xmlns:dc=\"" XMP_NS_DC "\"\n"
    "    xmlns:lr=\"" XMP_NS_LR "\"\n"
    "    xmlns:fovea=\"" XMP_NS_FOVEA "\"/>\n"
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    "<?xpacket end=\"w\"?>\n";

/* --- lists of texts ------------------------------------------------------------------------- */

struct texts {
    char **items; /* [count] */
    size_t count, capacity;
    bool failed;
};

static bool texts_have(const struct texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strcmp(texts->items[i], text) == 0)
            return true;
    return false;
}

static void texts_add(struct texts *texts, const char *text)
{
    if (texts->count == texts->capacity) {
        size_t capacity = texts->capacity ? 2 * texts->capacity : 8;
        char **more = realloc((void *)texts->items, capacity * sizeof *more);
        if (!more) {
            texts->failed = true;
            return;
        }
        texts->items = more;
        texts->capacity = capacity;
    }
    char *copy = strdup(text);
    if (copy)
        texts->items[texts->count++] = copy;
    texts->failed |= !copy;
}

static void texts_add_new(struct texts *texts, const char *text)
{
    if (!texts_have(texts, text))
        texts_add(texts, text);
}

static void texts_free(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free((void *)texts->items);
    *texts = (struct texts){0};
}

/* --- the plan ------------------------------------------------------------------------------- */

struct edit {
    struct xmp_range range;
    char *text; /* what comes in its place; NULL: nothing */
};

struct plan {
    const struct xmp_scan *scan;
    char *prefix;       /* with the '|' behind it */
    struct texts names; /* wanted in dc:subject */
    struct texts tree;  /* the same, hierarchical: tree.items[i] belongs to names.items[i] */
    struct texts embedded;
    struct texts add[XMP_LISTS];
    bool *drop[XMP_LISTS]; /* per entry of the list */
    struct edit *edits;    /* [edit_count] */
    size_t edit_count, edit_capacity;
    struct str properties; /* new ones, for the description */
    bool failed;           /* out of memory */
};

/* A keyword as XML can hold it: UTF-8, on one line. '|' parts levels, so a level holds none. */
static char *clean(const char *text, bool is_level)
{
    struct str out = str_new(3 * XMP_KEYWORD_MAX);
    str_put_utf8(&out, text);
    for (size_t i = 0; i < out.size; i++) {
        if ((unsigned char)out.data[i] < 0x20 || out.data[i] == 0x7f)
            out.data[i] = ' ';
        if (is_level && out.data[i] == '|')
            out.data[i] = '/';
    }
    char *result = str_ok(&out) ? strdup(str_text(&out)) : NULL;
    str_free(&out);
    return result;
}

static char *tree_name(const struct plan *plan, const char *name)
{
    char *level = clean(name, true);
    struct str out = str_new(8 * XMP_KEYWORD_MAX);
    str_put(&out, plan->prefix);
    str_put(&out, level ? level : "");
    char *result = level && str_ok(&out) ? strdup(str_text(&out)) : NULL;
    str_free(&out);
    free(level);
    return result;
}

static void want(struct plan *plan, const char *name)
{
    char *flat = clean(name, false), *tree = tree_name(plan, name);
    if (flat && tree && !texts_have(&plan->tree, tree)) {
        texts_add(&plan->names, flat);
        texts_add(&plan->tree, tree);
    }
    plan->failed |= !flat || !tree || plan->names.failed || plan->tree.failed;
    free(flat);
    free(tree);
}

static void take_embedded(struct plan *plan, const char *keywords)
{
    while (keywords && *keywords) {
        size_t size = strcspn(keywords, "\n");
        char *line = strndup(keywords, size), *flat = line ? clean(line, false) : NULL;
        if (flat && *flat)
            texts_add_new(&plan->embedded, flat);
        plan->failed |= !flat || plan->embedded.failed;
        free(line);
        free(flat);
        keywords += size + (keywords[size] == '\n');
    }
}

static bool list_has(const struct plan *plan, enum xmp_list which, const char *text)
{
    const struct xmp_property *list = &plan->scan->lists[which];
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].text && strcmp(list->items[i].text, text) == 0)
            return true;
    return false;
}

/* Whether the entry of a hierarchical list lies right under the prefix. */
static bool is_ours(const struct plan *plan, const char *text)
{
    size_t n = strlen(plan->prefix);
    return text && strncmp(text, plan->prefix, n) == 0 && !strchr(text + n, '|');
}

/* Whether fovea wrote `name` into dc:subject for the sake of another prefix. */
static bool is_kept_by_another(const struct plan *plan, const char *name)
{
    const struct xmp_property *list = &plan->scan->lists[XMP_FOVEA];
    char *level = clean(name, true);
    bool found = false;
    for (size_t i = 0; level && i < list->count; i++) {
        const char *text = list->items[i].text;
        const char *last = text ? strrchr(text, '|') : NULL;
        found |= last && strcmp(last + 1, level) == 0 && !is_ours(plan, text);
    }
    free(level);
    return found;
}

static void plan_entries_to_drop(struct plan *plan)
{
    const struct xmp_scan *scan = plan->scan;
    for (int which = 0; which < XMP_LISTS; which++) {
        const struct xmp_property *list = &scan->lists[which];
        plan->drop[which] = calloc(list->count + 1, sizeof *plan->drop[which]);
        if (!plan->drop[which]) {
            plan->failed = true;
            return;
        }
        for (size_t i = 0; which != XMP_SUBJECT && i < list->count; i++) {
            const char *text = list->items[i].text;
            plan->drop[which][i] = is_ours(plan, text) && !texts_have(&plan->tree, text);
        }
    }
    /* Of a keyword that stands there twice, one is somebody else's: the last is taken. */
    struct texts dropped = {0};
    const struct xmp_property *list = &scan->lists[XMP_SUBJECT];
    for (size_t i = list->count; i-- > 0 && !plan->failed;) {
        const char *text = list->items[i].text;
        if (!text || texts_have(&plan->names, text) || texts_have(&dropped, text))
            continue;
        char *tree = tree_name(plan, text);
        if (tree && list_has(plan, XMP_FOVEA, tree) && !is_kept_by_another(plan, text)) {
            plan->drop[XMP_SUBJECT][i] = true;
            texts_add(&dropped, text);
        }
        plan->failed |= dropped.failed;
        free(tree); /* NULL: a text too long to be fovea's */
    }
    texts_free(&dropped);
}

static void plan_entries_to_add(struct plan *plan)
{
    struct texts *subject = &plan->add[XMP_SUBJECT];
    if (plan->scan->lists[XMP_SUBJECT].form == XMP_ABSENT && plan->names.count > 0)
        for (size_t i = 0; i < plan->embedded.count; i++)
            texts_add(subject, plan->embedded.items[i]);
    for (size_t i = 0; i < plan->names.count; i++) {
        const char *name = plan->names.items[i], *tree = plan->tree.items[i];
        bool is_there = list_has(plan, XMP_SUBJECT, name) || texts_have(subject, name);
        bool is_fovea = !is_there || is_kept_by_another(plan, name);
        if (!is_there)
            texts_add(subject, name);
        if (is_fovea && !list_has(plan, XMP_FOVEA, tree))
            texts_add(&plan->add[XMP_FOVEA], tree);
        if (!list_has(plan, XMP_HIERARCHICAL, tree))
            texts_add(&plan->add[XMP_HIERARCHICAL], tree);
    }
    for (int i = 0; i < XMP_LISTS; i++)
        plan->failed |= plan->add[i].failed;
}

/* --- writing -------------------------------------------------------------------------------- */

static void replace(struct plan *plan, size_t start, size_t end, const char *text)
{
    if (plan->edit_count == plan->edit_capacity) {
        size_t capacity = plan->edit_capacity ? 2 * plan->edit_capacity : 16;
        struct edit *more = realloc(plan->edits, capacity * sizeof *more);
        if (!more) {
            plan->failed = true;
            return;
        }
        plan->edits = more;
        plan->edit_capacity = capacity;
    }
    char *copy = text ? strdup(text) : NULL;
    plan->failed |= text && !copy;
    plan->edits[plan->edit_count++] = (struct edit){{start, end}, copy};
}

static void replace_by(struct plan *plan, size_t start, size_t end, struct str *text)
{
    plan->failed |= !str_ok(text);
    replace(plan, start, end, str_text(text));
    str_free(text);
}

/* A line end with the indentation behind it; empty where the document has no line ends. */
static struct xmp_range line_before(const struct xmp_scan *scan, size_t at)
{
    struct xmp_range range = xmp_space_before(scan, at);
    for (size_t i = range.end; i-- > range.start;) {
        if (scan->bytes[i] == '\n')
            return (struct xmp_range){i > range.start && scan->bytes[i - 1] == '\r' ? i - 1 : i,
                                      range.end};
    }
    return (struct xmp_range){at, at};
}

/* What one level is indented by: the difference between the description and its first child. */
static void put_unit(const struct xmp_scan *scan, struct str *out)
{
    if (scan->first_child.found) {
        struct xmp_range outer = line_before(scan, scan->description.open.start);
        struct xmp_range inner = line_before(scan, scan->first_child.open.start);
        size_t n = outer.end - outer.start;
        if (n > 0 && inner.end - inner.start > n &&
            memcmp(scan->bytes + outer.start, scan->bytes + inner.start, n) == 0) {
            str_append(out, scan->bytes + inner.start + n, inner.end - inner.start - n);
            return;
        }
    }
    str_putc(out, ' ');
}

static void put_line(const struct xmp_scan *scan, struct str *out, struct xmp_range line,
                     int levels)
{
    if (line.start == line.end)
        return;
    str_append(out, scan->bytes + line.start, line.end - line.start);
    for (int i = 0; i < levels; i++)
        put_unit(scan, out);
}

static void put_tag(struct str *out, const char *before, const struct xmp_prefix *prefix,
                    const char *local)
{
    str_format(out, "%s%s%s%s", before, prefix->text, *prefix->text ? ":" : "", local);
}

static void put_item(struct str *out, const struct xmp_prefix *rdf, const char *text)
{
    put_tag(out, "<", rdf, "li>");
    for (; *text; text++) {
        switch (*text) {
        case '&':
            str_put(out, "&amp;");
            break;
        case '<':
            str_put(out, "&lt;");
            break;
        case '>':
            str_put(out, "&gt;");
            break;
        default:
            str_putc(out, *text);
        }
    }
    put_tag(out, "</", rdf, "li>");
}

static void put_items(const struct plan *plan, struct str *out, enum xmp_list which,
                      const struct xmp_prefix *rdf, struct xmp_range line, int levels)
{
    for (size_t i = 0; i < plan->add[which].count; i++) {
        put_line(plan->scan, out, line, levels);
        put_item(out, rdf, plan->add[which].items[i]);
    }
}

/* <rdf:Bag> with the new entries, one level below `line`; first the value of an attribute, as its
 * raw bytes: what is well-formed there is so between tags. */
static void put_bag(const struct plan *plan, struct str *out, enum xmp_list which,
                    const struct xmp_prefix *rdf, struct xmp_range line, int levels)
{
    const struct xmp_property *list = &plan->scan->lists[which];
    put_line(plan->scan, out, line, levels + 1);
    put_tag(out, "<", rdf, "Bag>");
    if (list->form == XMP_ATTRIBUTE && list->count > 0) {
        struct xmp_range value = list->items[0].range;
        put_line(plan->scan, out, line, levels + 2);
        put_tag(out, "<", rdf, "li>");
        str_append(out, plan->scan->bytes + value.start, value.end - value.start);
        put_tag(out, "</", rdf, "li>");
    }
    put_items(plan, out, which, rdf, line, levels + 2);
    put_line(plan->scan, out, line, levels + 1);
    put_tag(out, "</", rdf, "Bag>");
}

/* `</name>` for the element whose start tag begins at `start`. */
static void put_end_tag(const struct xmp_scan *scan, struct str *out, size_t start)
{
    size_t end = start + 1; /* the bytes need not end in a NUL */
    while (end < scan->size && !strchr(" \t\r\n/>", scan->bytes[end]))
        end++;
    str_put(out, "</");
    str_append(out, scan->bytes + start + 1, end - start - 1);
    str_putc(out, '>');
}

/* A property that is not there yet, for plan->properties. */
static void put_property(struct plan *plan, enum xmp_list which, struct xmp_range line, int levels)
{
    const struct xmp_scan *scan = plan->scan;
    const struct xmp_list_name *name = &xmp_list_names[which];
    struct xmp_prefix own = scan->list_prefix[which], rdf = scan->rdf_prefix;
    if (!own.known) /* where dc stands for something else, the declaration hides that */
        memcpy(own.text, name->prefix, strlen(name->prefix) + 1);
    put_line(scan, &plan->properties, line, levels);
    put_tag(&plan->properties, "<", &own, name->local);
    if (!own.known)
        str_format(&plan->properties, " xmlns:%s=\"%s\"", name->prefix, name->uri);
    str_putc(&plan->properties, '>');
    put_bag(plan, &plan->properties, which, &rdf, line, levels);
    put_line(scan, &plan->properties, line, levels);
    put_tag(&plan->properties, "</", &own, name->local);
    str_putc(&plan->properties, '>');
}

static void write_bag(struct plan *plan, enum xmp_list which, size_t dropped)
{
    const struct xmp_scan *scan = plan->scan;
    const struct xmp_property *list = &scan->lists[which];
    if (dropped > 0 && dropped == list->count && plan->add[which].count == 0) {
        /* All of it was fovea's: the property goes with its entries. */
        replace(plan, xmp_space_before(scan, list->element.open.start).start,
                list->element.close.end, NULL);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct xmp_range item = list->items[i].range;
        if (plan->drop[which][i])
            replace(plan, xmp_space_before(scan, item.start).start, item.end, NULL);
    }
    if (plan->add[which].count == 0)
        return;
    struct str text = str_new(OUT_MAX);
    struct xmp_range line = line_before(scan, list->bag.open.start);
    size_t start = list->bag.open.end, end = start;
    if (list->count > 0) {
        start = end = list->items[list->count - 1].range.end;
        put_items(plan, &text, which, &list->rdf, line_before(scan, list->items[0].range.start), 0);
    } else if (list->bag.is_empty_tag) {
        start = end - 2;
        str_putc(&text, '>');
        put_items(plan, &text, which, &list->rdf, line, 1);
        put_line(scan, &text, line, 0);
        put_end_tag(scan, &text, list->bag.open.start);
    } else {
        put_items(plan, &text, which, &list->rdf, line, 1);
        if (list->bag.close.start == end)
            put_line(scan, &text, line, 0);
    }
    replace_by(plan, start, end, &text);
}

static void write_empty(struct plan *plan, enum xmp_list which)
{
    const struct xmp_scan *scan = plan->scan;
    const struct xmp_property *list = &scan->lists[which];
    struct xmp_range line = line_before(scan, list->element.open.start);
    struct str text = str_new(OUT_MAX);
    size_t end = list->element.open.end;
    bool is_empty_tag = list->element.is_empty_tag;
    str_put(&text, is_empty_tag ? ">" : "");
    put_bag(plan, &text, which, &list->rdf, line, 0);
    if (is_empty_tag || list->element.close.start == end)
        put_line(scan, &text, line, 0);
    if (is_empty_tag)
        put_end_tag(scan, &text, list->element.open.start);
    replace_by(plan, is_empty_tag ? end - 2 : end, end, &text);
}

static void write_text(struct plan *plan, enum xmp_list which)
{
    const struct xmp_property *list = &plan->scan->lists[which];
    const struct xmp_range none = {0};
    struct str before = str_new(OUT_MAX), after = str_new(OUT_MAX);
    put_tag(&before, "<", &list->rdf, "Bag>");
    put_tag(&before, "<", &list->rdf, "li>");
    put_tag(&after, "</", &list->rdf, "li>");
    put_items(plan, &after, which, &list->rdf, none, 0);
    put_tag(&after, "</", &list->rdf, "Bag>");
    replace_by(plan, list->element.open.end, list->element.open.end, &before);
    replace_by(plan, list->element.close.start, list->element.close.start, &after);
}

static void write_list(struct plan *plan, enum xmp_list which, struct xmp_range line, int levels)
{
    const struct xmp_property *list = &plan->scan->lists[which];
    size_t dropped = 0;
    for (size_t i = 0; i < list->count; i++)
        dropped += plan->drop[which][i];
    if (list->form == XMP_BAG)
        write_bag(plan, which, dropped);
    if (plan->add[which].count == 0)
        return;
    if (list->form == XMP_EMPTY)
        write_empty(plan, which);
    else if (list->form == XMP_TEXT)
        write_text(plan, which);
    else if (list->form == XMP_ATTRIBUTE)
        replace(plan, list->attribute.start, list->attribute.end, NULL);
    if (list->form == XMP_ATTRIBUTE || list->form == XMP_ABSENT)
        put_property(plan, which, line, levels);
}

/* Puts plan->properties into the description; if there is none, one into rdf:RDF. */
static void write_properties(struct plan *plan, struct xmp_range line)
{
    const struct xmp_scan *scan = plan->scan;
    const struct xmp_element *into = scan->description.found ? &scan->description : &scan->rdf;
    struct str text = str_new(OUT_MAX);
    size_t start = into->close.start;
    bool was_empty = into->is_empty_tag;
    if (scan->description.found && scan->last_child_end > 0)
        start = scan->last_child_end;
    else if (!was_empty)
        start = xmp_space_before(scan, start).start;
    str_put(&text, was_empty ? ">" : "");
    if (!scan->description.found) {
        put_line(scan, &text, line, 1);
        put_tag(&text, "<", &scan->rdf_prefix, "Description");
        put_tag(&text, " ", &scan->rdf_prefix, "about=\"\">");
    }
    str_append(&text, str_text(&plan->properties), plan->properties.size);
    if (!scan->description.found) {
        put_line(scan, &text, line, 1);
        put_tag(&text, "</", &scan->rdf_prefix, "Description>");
    }
    bool has_no_space = start == into->close.start; /* before the end tag, which wants a line */
    if (was_empty || (has_no_space && into->close.start == into->open.end))
        put_line(scan, &text, line, 0);
    if (was_empty)
        put_end_tag(scan, &text, into->open.start);
    replace_by(plan, was_empty ? into->open.end - 2 : start, was_empty ? into->open.end : start,
               &text);
}

static enum status plan_open(struct plan *plan, const struct xmp_scan *scan,
                             const struct xmp_keywords *keywords, struct err *err)
{
    struct str prefix = str_new(4 * XMP_KEYWORD_MAX);
    char *cleaned = clean(keywords->prefix, false);
    *plan = (struct plan){.scan = scan, .properties = str_new(OUT_MAX)};
    str_format(&prefix, "%s|", cleaned ? cleaned : "");
    plan->prefix = prefix.data;
    plan->failed = !cleaned || !str_ok(&prefix);
    free(cleaned);
    for (size_t i = 0; i < keywords->count && !plan->failed; i++)
        want(plan, keywords->names[i]);
    if (!plan->failed)
        take_embedded(plan, keywords->embedded);
    if (!plan->failed)
        plan_entries_to_drop(plan);
    if (!plan->failed)
        plan_entries_to_add(plan);
    if (!plan->failed) {
        const struct xmp_element *outer = scan->description.found ? &scan->description : &scan->rdf;
        struct xmp_range line = line_before(scan, outer->open.start);
        for (int i = 0; i < XMP_LISTS; i++)
            write_list(plan, (enum xmp_list)i, line, scan->description.found ? 1 : 2);
        plan->failed |= !str_ok(&plan->properties);
        if (plan->properties.size > 0)
            write_properties(plan, line);
    }
    return plan->failed ? err_no_memory(err, "a sidecar's keywords", scan->size) : OK;
}

static void plan_close(struct plan *plan)
{
    for (size_t i = 0; i < plan->edit_count; i++)
        free(plan->edits[i].text);
    free(plan->edits);
    free(plan->prefix);
    texts_free(&plan->names);
    texts_free(&plan->tree);
    texts_free(&plan->embedded);
    for (int i = 0; i < XMP_LISTS; i++) {
        texts_free(&plan->add[i]);
        free(plan->drop[i]);
    }
    str_free(&plan->properties);
}

/* --- the whole ------------------------------------------------------------------------------ */

static int by_place(const void *left, const void *right)
{
    const struct edit *a = left, *b = right;
    if (a->range.start != b->range.start)
        return a->range.start < b->range.start ? -1 : 1;
    return (a->range.end > b->range.end) - (a->range.end < b->range.end);
}

/* Ranges do not overlap, and no two begin at one place. */
static void apply(struct plan *plan, struct str *out)
{
    const struct xmp_scan *scan = plan->scan;
    size_t done = 0;
    if (plan->edit_count > 0)
        qsort(plan->edits, plan->edit_count, sizeof *plan->edits, by_place);
    for (size_t i = 0; i < plan->edit_count; i++) {
        const struct edit *edit = &plan->edits[i];
        str_append(out, scan->bytes + done, edit->range.start - done);
        str_put(out, edit->text ? edit->text : "");
        done = edit->range.end;
    }
    str_append(out, scan->bytes + done, scan->size - done);
}

static void put_texts(struct str *out, const struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        str_format(out, "%s\n", texts->items[i]);
}

static void report(const struct plan *plan, struct xmp_change *out)
{
    out->changed = plan->edit_count > 0;
    for (int which = 0; which <= XMP_HIERARCHICAL; which++) {
        const struct xmp_property *list = &plan->scan->lists[which];
        put_texts(&out->added, &plan->add[which]);
        for (size_t i = 0; i < list->count; i++)
            if (plan->drop[which][i])
                str_format(&out->removed, "%s\n", list->items[i].text);
    }
}

static enum status edit_once(struct xmp_change *out, const char *bytes, size_t size,
                             const struct xmp_keywords *keywords, struct err *err)
{
    struct xmp_scan scan;
    *out = (struct xmp_change){
        .bytes = str_new(OUT_MAX), .added = str_new(OUT_MAX), .removed = str_new(OUT_MAX)};
    enum status status = xmp_scan_open(&scan, bytes, size, err);
    if (status != OK)
        return status;
    struct plan plan;
    status = plan_open(&plan, &scan, keywords, err);
    if (status == OK) {
        report(&plan, out);
        apply(&plan, &out->bytes);
        if (!str_ok(&out->bytes) || !str_ok(&out->added) || !str_ok(&out->removed))
            status = err_no_memory(err, "a sidecar", OUT_MAX);
    }
    plan_close(&plan);
    xmp_scan_close(&scan);
    return status;
}

static enum status check_request(const struct xmp_keywords *keywords, struct err *err)
{
    if (!*keywords->prefix || strlen(keywords->prefix) > XMP_KEYWORD_MAX)
        return err_set(err, ERR_ARGUMENT, "a prefix of keywords has 1 to %d bytes",
                       XMP_KEYWORD_MAX);
    if (keywords->count > XMP_KEYWORDS_MAX)
        return err_set(err, ERR_LIMIT, "%zu keywords; the limit is %d", keywords->count,
                       XMP_KEYWORDS_MAX);
    for (size_t i = 0; i < keywords->count; i++)
        if (strlen(keywords->names[i]) > XMP_KEYWORD_MAX)
            return err_set(err, ERR_LIMIT, "a keyword has %zu bytes; the limit is %d",
                           strlen(keywords->names[i]), XMP_KEYWORD_MAX);
    return OK;
}

enum status xmp_edit(struct xmp_change *out, const char *bytes, size_t size,
                     const struct xmp_keywords *keywords, struct err *err)
{
    *out = (struct xmp_change){0};
    enum status status = check_request(keywords, err);
    if (status != OK || (!bytes && keywords->count == 0))
        return status;
    if (!bytes) {
        bytes = new_document;
        size = sizeof new_document - 1;
    }
    status = edit_once(out, bytes, size, keywords, err);
    if (status == OK && out->changed) {
        struct xmp_change again;
        status = edit_once(&again, str_text(&out->bytes), out->bytes.size, keywords, err);
        if (status != OK || again.changed)
            status = err_set(err, ERR_UNSUPPORTED, "its namespaces leave no room for keywords");
        xmp_change_free(&again);
    }
    if (status != OK)
        xmp_change_free(out);
    return status;
}

void xmp_change_free(struct xmp_change *change)
{
    if (!change)
        return;
    str_free(&change->bytes);
    str_free(&change->added);
    str_free(&change->removed);
    change->changed = false;
}
