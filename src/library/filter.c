/* SPDX-License-Identifier: MIT
 *
 * filter.h: from terms to rows. What a term asks of a name (a camera, a lens, a format) is answered
 * once for each name there is, not for each photo; what it asks of a text is folded once.
 *
 * Terms of one name are alternatives, so a photo passes a name when it passes one of its terms (of
 * the keywords: all of them), and the filter when it passes every name.
 */
#include "library/filter.h"

#include "base/str.h"
#include "image/format.h"
#include "library/classify.h"
#include "library/fold.h"
#include "library/snapshot.h"
#include "store/store.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A term, ready to be asked about rows. */
struct matcher {
    const struct filter_term *term;
    char *folded;                      /* of a text */
    bool *names;                       /* which cameras, lenses or formats it means */
    const struct store_labels *labels; /* category */
    int position;                      /* of the category in its set; -1: none of these */
    size_t folder_size;                /* without slashes at the end */
    struct row_set copies;             /* rows with a further path in the folder */
};

struct match {
    const struct snapshot *snapshot;
    struct matcher matchers[FILTER_TERMS_MAX];
    size_t count;
};

/* --- names -------------------------------------------------------------------------------- */

static const char *const raw_formats[] = {"raw", "cr2", "cr3", "nef", "arw", "dng",
                                          "raf", "orf", "rw2", "pef", "srw", NULL};
/* What people call formats beside their own name. */
static const char *const format_aliases[][2] = {{"jpg", "jpeg"}, {"tif", "tiff"}, {"heif", "heic"}};

static bool is_raw(const char *format)
{
    for (size_t i = 0; raw_formats[i]; i++)
        if (strcmp(format, raw_formats[i]) == 0)
            return true;
    return false;
}

bool filter_format_exists(const char *text)
{
    char folded[16] = "";
    for (size_t i = 0; text[i]; i++) {
        if (i + 1 == sizeof folded)
            return false;
        folded[i] = (char)tolower((unsigned char)text[i]);
    }
    return is_raw(folded) || format_of_extension(folded) != FORMAT_COUNT;
}

static bool format_matches(const char *format, const char *folded)
{
    if (strcmp(folded, "raw") == 0)
        return is_raw(format);
    for (size_t i = 0; i < sizeof format_aliases / sizeof *format_aliases; i++)
        if (strcmp(folded, format_aliases[i][0]) == 0 && strcmp(format, format_aliases[i][1]) == 0)
            return true;
    return strcmp(folded, format) == 0;
}

static enum status mark_names(struct matcher *m, const struct store_names *names, struct err *err)
{
    m->names = calloc(names->count + 1, sizeof *m->names);
    if (!m->names)
        return err_no_memory(err, "a filter", names->count);
    for (size_t i = 0; i < names->count; i++)
        m->names[i] = m->term->name == FILTER_FORMAT ? format_matches(names->names[i], m->folded)
                                                     : fold_contains(names->names[i], m->folded);
    return OK;
}

/* --- categories --------------------------------------------------------------------------- */

/* Says which categories there are. With hundreds of them the line ends somewhere. */
static enum status no_such_category(const struct store_labels *labels, const char *category,
                                    struct err *err)
{
    struct str names = str_new(ERR_TEXT_MAX);
    for (size_t i = 0; i < labels->name_count && str_ok(&names); i++)
        str_format(&names, "%s%s", i ? ", " : "", labels->names[i]);
    enum status status =
        labels->name_count
            ? err_set(err, ERR_NOT_FOUND,
                      "no photograph has the category \"%.200s\"; there are: %s", category,
                      str_text(&names))
            : err_set(err, ERR_NOT_FOUND,
                      "no photograph has a category yet: `fovea classify` gives them");
    str_free(&names);
    return status;
}

/* Of SET:NAME neither is there: says which sets there are. */
static enum status no_such_set(const struct snapshot *snapshot, const char *text, struct err *err)
{
    struct str names = str_new(ERR_TEXT_MAX);
    for (size_t i = 0; snapshot_set_name(snapshot, i) && str_ok(&names); i++)
        str_format(&names, "%s%s", i ? ", " : "", snapshot_set_name(snapshot, i));
    enum status status =
        snapshot_set_name(snapshot, 0)
            ? err_set(err, ERR_NOT_FOUND,
                      "\"%.200s\" is neither a category nor SET:CATEGORY; the sets are: %s", text,
                      str_text(&names))
            : no_such_category(snapshot->labels, text, err);
    str_free(&names);
    return status;
}

static bool find_category(struct matcher *m, const char *name)
{
    char *folded = fold_text(name, strlen(name));
    bool found = false;
    for (size_t i = 0; folded && i < m->labels->name_count && !found; i++) {
        found = fold_equal(folded, m->labels->names[i], strlen(m->labels->names[i]));
        m->position = (int)i;
    }
    if (folded && !found && fold_equal(folded, NONE_OF_THESE, strlen(NONE_OF_THESE))) {
        found = true;
        m->position = -1;
    }
    free(folded);
    return found;
}

/* NAME, or SET:NAME; a category may have a colon in its name. */
static enum status choose_category(struct matcher *m, const struct snapshot *snapshot,
                                   struct err *err)
{
    const char *text = m->term->text, *colon = strchr(text, ':');
    m->labels = snapshot->labels;
    if (find_category(m, text))
        return OK;
    if (colon && colon != text && (size_t)(colon - text) <= STORE_SET_MAX) {
        char set[STORE_SET_MAX + 1] = {0};
        memcpy(set, text, (size_t)(colon - text));
        const struct store_labels *labels = snapshot_labels(snapshot, set);
        if (labels) {
            m->labels = labels;
            if (find_category(m, colon + 1))
                return OK;
            return no_such_category(labels, colon + 1, err);
        }
        return no_such_set(snapshot, text, err);
    }
    return no_such_category(m->labels, text, err);
}

static bool category_matches(const struct matcher *m, size_t row)
{
    const struct store_labels *labels = m->labels;
    if (labels->positions[row] == m->position)
        return true;
    for (size_t i = labels->also_start[row]; i < labels->also_start[row + 1]; i++)
        if (labels->also[i] == m->position)
            return true;
    return false;
}

/* --- texts -------------------------------------------------------------------------------- */

static bool keyword_matches(const char *folded, const char *keyword, size_t size)
{
    if (fold_equal(folded, keyword, size))
        return true;
    for (size_t start = 0, end; start < size; start = end + 1) { /* one level of it */
        end = start;
        while (end < size && keyword[end] != '|' && keyword[end] != '/')
            end++;
        if (end - start < size && fold_equal(folded, keyword + start, end - start))
            return true;
    }
    return false;
}

static bool has_keyword(const char *keywords, const char *folded)
{
    for (const char *line = keywords; line && *line;) {
        size_t size = strcspn(line, "\n");
        if (keyword_matches(folded, line, size))
            return true;
        line += size + (line[size] == '\n');
    }
    return false;
}

/* Whether the path is below the folder: an absolute one, or parts that follow each other. */
static bool in_folder(const char *path, const char *folder, size_t size)
{
    if (folder[0] == '/')
        return strncmp(path, folder, size) == 0 && path[size] == '/';
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++)
        if (strncmp(slash + 1, folder, size) == 0 && slash[1 + size] == '/')
            return true;
    return false;
}

/* --- rows --------------------------------------------------------------------------------- */

static bool in_box(const struct filter_term *t, double latitude, double longitude)
{
    if (isnan(latitude) || isnan(longitude) || latitude < t->low || latitude > t->high)
        return false;
    return t->west <= t->east ? longitude >= t->west && longitude <= t->east
                              : longitude >= t->west || longitude <= t->east;
}

static bool rating_matches(const struct filter_term *t, int rating)
{
    if (rating == PHOTO_NO_RATING)
        rating = 0;
    return rating >= t->low && rating <= t->high;
}

static bool matches(const struct match *match, const struct matcher *m, size_t row)
{
    const struct store_fact *fact = &match->snapshot->facts->rows[row];
    const struct filter_term *t = m->term;
    switch (t->name) {
    case FILTER_SINCE:
        return fact->taken_ms != PHOTO_NO_TIME && fact->taken_ms >= t->since_ms;
    case FILTER_UNTIL:
        return fact->taken_ms != PHOTO_NO_TIME && fact->taken_ms < t->end_ms;
    case FILTER_CAMERA:
        return fact->camera >= 0 && m->names[fact->camera];
    case FILTER_LENS:
        return fact->lens >= 0 && m->names[fact->lens];
    case FILTER_CATEGORY:
        return category_matches(m, row);
    case FILTER_FOLDER:
        return in_folder(match->snapshot->matrix->paths[row], t->text, m->folder_size) ||
               row_set_has(&m->copies, row);
    case FILTER_GPS:
        return in_box(t, fact->latitude, fact->longitude);
    case FILTER_RATING:
        return rating_matches(t, fact->rating);
    case FILTER_ISO:
        return fact->iso > 0 && fact->iso >= t->low && fact->iso <= t->high;
    case FILTER_FORMAT:
        return fact->format >= 0 && m->names[fact->format];
    case FILTER_KEYWORD:
        return has_keyword(fact->keywords, m->folded);
    case FILTER_NAMES:
        break;
    }
    return false;
}

static bool passes(const struct match *match, size_t row)
{
    bool asked[FILTER_NAMES] = {0}, found[FILTER_NAMES] = {0};
    for (size_t i = 0; i < match->count; i++) {
        enum filter_name name = match->matchers[i].term->name;
        bool yes = matches(match, &match->matchers[i], row);
        if (name == FILTER_KEYWORD && !yes)
            return false;
        asked[name] = true;
        found[name] |= yes;
    }
    for (int name = 0; name < FILTER_NAMES; name++)
        if (asked[name] && !found[name])
            return false;
    return true;
}

static enum status choose_folder(struct matcher *m, const struct store_matrix *matrix,
                                 struct err *err)
{
    const char *text = m->term->text;
    m->folder_size = strlen(text);
    while (m->folder_size > 0 && text[m->folder_size - 1] == '/')
        m->folder_size--; /* to 0, of the root: every absolute path has its slash there */
    enum status status = row_set_open(&m->copies, matrix->count, false, err);
    for (size_t i = 0; status == OK && i < matrix->copy_count; i++)
        if (in_folder(matrix->copy_paths[i], text, m->folder_size))
            row_set_add(&m->copies, matrix->copy_rows[i]);
    return status;
}

static enum status prepare(struct match *match, const struct filter_term *term, struct err *err)
{
    const struct store_facts *facts = match->snapshot->facts;
    struct matcher *m = &match->matchers[match->count++];
    *m = (struct matcher){.term = term};
    m->folded = fold_text(term->text, strlen(term->text));
    if (!m->folded)
        return err_no_memory(err, "a filter", strlen(term->text));
    switch (term->name) {
    case FILTER_CAMERA:
        return mark_names(m, &facts->cameras, err);
    case FILTER_LENS:
        return mark_names(m, &facts->lenses, err);
    case FILTER_FORMAT:
        return mark_names(m, &facts->formats, err);
    case FILTER_CATEGORY:
        return choose_category(m, match->snapshot, err);
    case FILTER_FOLDER:
        return choose_folder(m, match->snapshot->matrix, err);
    default:
        return OK;
    }
}

enum status filter_apply(const struct filter *filter, const struct snapshot *snapshot,
                         struct row_set *rows, struct err *err)
{
    struct match match = {.snapshot = snapshot};
    enum status status = OK;
    for (size_t i = 0; status == OK && i < filter->count; i++)
        status = prepare(&match, &filter->terms[i], err);
    for (size_t row = 0; status == OK && match.count > 0 && row < rows->rows; row++)
        if (row_set_has(rows, row) && !passes(&match, row))
            row_set_remove(rows, row);
    for (size_t i = 0; i < match.count; i++) {
        free(match.matchers[i].folded);
        free(match.matchers[i].names);
        row_set_close(&match.matchers[i].copies);
    }
    return status;
}
