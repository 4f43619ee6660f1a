/* SPDX-License-Identifier: MIT
 *
 * find_args.h: an answer shown: lines, bare paths, JSON, a contact sheet.
 */
#include "cli/find_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/file.h"
#include "image/image.h"
#include "image/sheet.h"
#include "image/thumbnail.h"
#include "library/thumbs.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING_STRONG "no strong matches found"

static const char *path_of(const struct find_shown *s, const struct find_hit *hit)
{
    return s->snapshot->matrix->paths[hit->row];
}

/* How many hits come before the divider. */
static size_t strong_hits(const struct find_answer *answer)
{
    size_t n = 0;
    while (n < answer->count && answer->hits[n].strong)
        n++;
    return n;
}

/* --- lines -------------------------------------------------------------------------------- */

static void print_hit(const struct find_shown *s, const struct find_hit *hit)
{
    const char *category = s->snapshot->labels->categories[hit->row];
    output_format("%.4f  ", (double)hit->score);
    output_name(path_of(s, hit));
    if (category) {
        output_text("  (");
        output_name(category);
        output_text(")");
    }
    if (hit->collapsed)
        output_format("  +%zu near-duplicate%s", hit->collapsed, hit->collapsed == 1 ? "" : "s");
    output_text("\n");
}

static void print_lines(const struct find_shown *s)
{
    const struct find_answer *answer = s->answer;
    const size_t strong = strong_hits(answer);
    if (answer->total == 0)
        output_text(s->snapshot->matrix->count
                        ? "no photograph passes the filters\n"
                        : "the library has no photographs yet: `fovea index DIR` adds them\n");
    else if (!answer->strong)
        output_format(NOTHING_STRONG "%s\n", answer->count == 0   ? ""
                                             : answer->count == 1 ? "; the closest photograph:"
                                                                  : "; the closest photographs:");
    for (size_t i = 0; i < answer->count; i++) {
        if (i == strong && answer->strong)
            output_format("---- below the floor of %.4f ----\n", (double)answer->floor);
        print_hit(s, &answer->hits[i]);
    }
    if (answer->excluded)
        output_format("(%zu photograph%s left out: unwanted)\n", answer->excluded,
                      answer->excluded == 1 ? "" : "s");
}

/* Bare paths are for other programs: what is no match is not handed to them, unless asked for. */
static void print_paths(const struct find_shown *s)
{
    const struct find_answer *answer = s->answer;
    if (!answer->strong)
        report_note(NOTHING_STRONG);
    for (size_t i = 0; i < answer->count; i++) {
        if (!answer->hits[i].strong && !s->args->weak)
            continue;
        output_bytes(path_of(s, &answer->hits[i]), strlen(path_of(s, &answer->hits[i])));
        output_bytes(s->args->null ? "" : "\n", 1);
    }
}

/* --- JSON --------------------------------------------------------------------------------- */

static json_t *json_time(const struct store_fact *fact)
{
    char text[PHOTO_TIME_MAX];
    struct photo_meta meta;
    photo_meta_clear(&meta);
    meta.taken_ms = fact->taken_ms;
    meta.offset_min = fact->offset_min;
    return output_json_string(fact->taken_ms == PHOTO_NO_TIME ? NULL
                                                              : photo_meta_time(text, &meta));
}

static json_t *json_hit(const struct find_shown *s, const struct find_hit *hit)
{
    const struct store_labels *labels = s->snapshot->labels;
    const char *category = labels->categories[hit->row];
    json_t *json = json_object();
    json_object_set_new(json, "path", output_json_string(path_of(s, hit)));
    json_object_set_new(json, "score", output_json_float(hit->score));
    json_object_set_new(json, "strong", json_boolean(hit->strong));
    json_object_set_new(json, "category", output_json_string(category));
    json_object_set_new(json, "confidence",
                        category ? json_real(labels->confidences[hit->row]) : json_null());
    json_object_set_new(json, "taken_at", json_time(&s->snapshot->facts->rows[hit->row]));
    if (s->args->unique)
        json_object_set_new(json, "collapsed", json_integer((json_int_t)hit->collapsed));
    return json;
}

static enum status print_json(const struct find_shown *s, struct err *err)
{
    const struct find_answer *a = s->answer;
    json_t *results = json_array();
    for (size_t i = 0; i < a->count; i++)
        json_array_append_new(results, json_hit(s, &a->hits[i]));
    json_t *answer = json_object();
    json_object_set_new(answer, "model", output_json_string(s->model));
    json_object_set_new(answer, "strong", json_boolean(a->strong));
    json_object_set_new(answer, "floor", output_json_float(a->floor));
    json_object_set_new(answer, "strong_count", json_integer((json_int_t)a->strong_count));
    json_object_set_new(answer, "total", json_integer((json_int_t)a->total));
    json_object_set_new(answer, "excluded", json_integer((json_int_t)a->excluded));
    json_object_set_new(answer, "elapsed_ms", json_real(s->elapsed_ms));
    if (!a->strong)
        json_object_set_new(answer, "message", json_string(NOTHING_STRONG));
    json_object_set_new(answer, "results", results);
    return output_json(answer, err);
}

/* --- the contact sheet -------------------------------------------------------------------- */

struct sheet_work {
    const struct find_shown *shown;
    struct thumbs *thumbs;
    struct file_bytes bytes; /* of the last picture */
    size_t missing;
};

static enum status sheet_picture(void *context, size_t cell, const void **bytes, size_t *size,
                                 struct err *err)
{
    struct sheet_work *work = context;
    const struct find_hit *hit = &work->shown->answer->hits[cell];
    const struct store_fact *fact = &work->shown->snapshot->facts->rows[hit->row];
    file_bytes_free(&work->bytes);
    enum status status = thumbs_make(work->thumbs, &fact->hash, path_of(work->shown, hit),
                                     THUMBNAIL_SMALL, &work->bytes, err);
    work->missing += status != OK;
    *bytes = work->bytes.data;
    *size = work->bytes.size;
    return status;
}

static enum status write_sheet(const struct find_shown *s, const struct sheet_cell *cells,
                               size_t count, struct err *err)
{
    char divider[64];
    struct sheet_work work = {.shown = s};
    const size_t strong = strong_hits(s->answer);
    snprintf(divider, sizeof divider, "weak: below the floor of %.4f", (double)s->answer->floor);
    const struct sheet sheet = {.heading = s->title,
                                .cells = cells,
                                .count = count,
                                .strong = strong < count ? strong : count,
                                .divider = s->answer->strong ? divider : NOTHING_STRONG,
                                .picture = sheet_picture,
                                .context = &work};
    enum status status = thumbs_open(&work.thumbs, NULL, 0, err);
    if (status == OK)
        status = sheet_write(s->args->sheet, &sheet, err);
    file_bytes_free(&work.bytes);
    thumbs_close(work.thumbs);
    if (status == OK && work.missing > 0)
        report_warning("%zu photograph%s of the sheet could not be read and %s grey", work.missing,
                       work.missing == 1 ? "" : "s", work.missing == 1 ? "is" : "are");
    return status;
}

enum { NOTE_SIZE = 64 };

static enum status make_sheet(const struct find_shown *s, struct err *err)
{
    size_t count = s->answer->count;
    if (count > SHEET_CELLS_MAX) {
        report_warning("the sheet shows the first %d of %zu photographs", SHEET_CELLS_MAX, count);
        count = SHEET_CELLS_MAX;
    }
    struct sheet_cell *cells = calloc(count + 1, sizeof *cells);
    char *notes = calloc(count + 1, NOTE_SIZE);
    if (!cells || !notes) {
        free(cells);
        free(notes);
        return err_no_memory(err, "a contact sheet", count * sizeof *cells);
    }
    for (size_t i = 0; i < count; i++) {
        const struct find_hit *hit = &s->answer->hits[i];
        const char *path = path_of(s, hit), *slash = strrchr(path, '/');
        char *note = notes + i * NOTE_SIZE;
        int used = snprintf(note, NOTE_SIZE, "%.4f", (double)hit->score);
        if (hit->collapsed)
            snprintf(note + used, (size_t)(NOTE_SIZE - used), "  +%zu", hit->collapsed);
        cells[i] = (struct sheet_cell){slash ? slash + 1 : path, note};
    }
    enum status status = write_sheet(s, cells, count, err);
    free(cells);
    free(notes);
    return status;
}

enum status find_show(const struct find_shown *s, struct err *err)
{
    if (s->args->sheet) {
        enum status status = make_sheet(s, err);
        if (status != OK)
            return status;
    }
    if (s->args->json)
        return print_json(s, err);
    if (s->args->paths || s->args->null)
        print_paths(s);
    else
        print_lines(s);
    return OK;
}
