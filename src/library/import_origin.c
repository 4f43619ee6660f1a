/* SPDX-License-Identifier: MIT
 *
 * See import_origin.h.
 */
#include "library/import_origin.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/str.h"
#include "kern/kernels.h"
#include "library/hash_set.h"
#include "library/import_labels.h"
#include "library/tree.h"
#include "store/store.h"
#include "store/store_origin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BATCH = 128 };
#define FILE_LIMIT ((size_t)1 << 30)
#define LENGTH_TOLERANCE 0.02 /* of the square, as for `fovea import` */

struct taking {
    struct store *store;
    int64_t model_id, total;
    int dim;
    const struct origin_options *options;
    struct origin_report *report;
    struct kernels kernels;
    struct store_result results[BATCH];
    char *paths[BATCH];
    uint16_t *vectors; /* [BATCH, dim] */
    size_t count;
    struct import_labels labels;
};

static enum status flush(struct taking *t, struct err *err)
{
    enum status status = store_put_results(t->store, t->model_id, t->results, t->count, err);
    if (status == OK)
        t->report->imported += (int64_t)t->count;
    for (size_t i = 0; i < t->count; i++)
        free(t->paths[i]);
    t->count = 0;
    return status;
}

static void leave_out(struct taking *t, int64_t *counter, const char *path, const char *why)
{
    (*counter)++;
    if (t->options->left_out)
        t->options->left_out(t->options->user, path, why);
}

/* NULL: it is one. */
static const char *fault_of(const struct taking *t, const struct store_origin_row *row, char *text,
                            size_t size)
{
    double sum = 0;
    if (row->dim == 0)
        return "it has no vector";
    if (row->dim != t->dim) {
        snprintf(text, size, "its vector has %d dimensions, the model's %d", row->dim, t->dim);
        return text;
    }
    for (int i = 0; i < row->dim; i++)
        sum += (double)row->vector[i] * (double)row->vector[i];
    if (!isfinite(sum))
        return "its vector holds values that are no numbers";
    if (fabs(sum - 1) < LENGTH_TOLERANCE)
        return NULL;
    snprintf(text, size, "its vector has the length %.3g, not 1", sqrt(sum));
    return text;
}

/* Absolute, links followed; NULL: there is no such file. */
static char *find_file(const struct taking *t, const char *path)
{
    if (path[0] == '/' || !t->options->folder)
        return realpath(path, NULL);
    struct str joined = str_new(1 << 16);
    path_join(&joined, t->options->folder, path);
    char *found = str_ok(&joined) ? realpath(str_text(&joined), NULL) : NULL;
    str_free(&joined);
    return found;
}

static enum status take_file(struct taking *t, const struct store_origin_row *row, char *path,
                             const struct stat *st, struct err *err)
{
    struct file_bytes bytes;
    struct err reason;
    if (file_read(&bytes, path, FILE_LIMIT, &reason) != OK) {
        leave_out(t, &t->report->missing, row->path, reason.text);
        free(path);
        return OK;
    }
    uint16_t *vector = t->vectors + t->count * (size_t)t->dim;
    t->kernels.f32_to_f16(vector, row->vector, (size_t)t->dim);
    t->paths[t->count] = path;
    t->results[t->count++] = (struct store_result){
        .file = {.path = path,
                 .size_bytes = st->st_size,
                 .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec},
        .hash = photo_hash_of(bytes.data, bytes.size),
        .vector = vector,
    };
    file_bytes_free(&bytes);
    return t->count == BATCH ? flush(t, err) : OK;
}

/* Two rows may name one file; the first one's vector counts. */
static bool is_in_hand(const struct taking *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->paths[i], path) == 0)
            return true;
    return false;
}

static enum status take_label(struct taking *t, const struct store_origin_row *row,
                              const char *path, struct err *err)
{
    const char *name = row->category;
    if (!name || name[strspn(name, " \t\r\n")] == '\0')
        return OK;
    return import_labels_add(&t->labels, path, name, row->confidence, err);
}

static enum status take_row(void *context, const struct store_origin_row *row, struct err *err)
{
    struct taking *t = context;
    struct stat st;
    char text[128];
    t->report->rows++;
    if (t->options->progress)
        t->options->progress(t->options->user, t->report->rows, t->total);
    if (!row->path) {
        leave_out(t, &t->report->missing, "a row without a path", "it names no file");
        return OK;
    }
    const char *fault = fault_of(t, row, text, sizeof text);
    if (fault) {
        leave_out(t, &t->report->refused, row->path, fault);
        return OK;
    }
    char *path = find_file(t, row->path);
    if (!path || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        free(path);
        leave_out(t, &t->report->missing, row->path, "there is no such file");
        return OK;
    }
    const struct store_file file = {.path = path,
                                    .size_bytes = st.st_size,
                                    .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
                                                st.st_mtim.tv_nsec};
    enum file_state state = FILE_NEW;
    enum status status = take_label(t, row, path, err);
    if (status == OK)
        status = store_file_state(t->store, t->model_id, &file, &state, err);
    if (status != OK || state == FILE_UNCHANGED || state == FILE_NEEDS_META ||
        is_in_hand(t, path)) {
        t->report->known += status == OK;
        free(path);
        return status;
    }
    return take_file(t, row, path, &st, err);
}

/* Names that make no set of categories are left where they are; the vectors are there all the same.
 */
static enum status keep_labels(struct taking *t, struct err *err)
{
    enum status status =
        import_labels_keep(&t->labels, t->store, t->model_id, &t->report->labelled, err);
    if (status != ERR_LIMIT && status != ERR_FORMAT)
        return status;
    if (t->options->left_out)
        t->options->left_out(t->options->user, "the categories", err->text);
    return OK;
}

enum status import_origin(struct store *store, int64_t model_id, int dim, const char *url,
                          const struct origin_options *options, struct origin_report *report,
                          struct err *err)
{
    *report = (struct origin_report){0};
    struct taking *t = calloc(1, sizeof *t);
    unsigned flags;
    if (!t)
        return err_no_memory(err, "the import", sizeof *t);
    t->store = store;
    t->model_id = model_id;
    t->dim = dim;
    t->options = options;
    t->report = report;
    t->vectors = malloc(BATCH * (size_t)dim * sizeof *t->vectors);
    enum status status =
        t->vectors ? cpu_flags(&flags, err) : err_no_memory(err, "the import", BATCH * (size_t)dim);
    if (status == OK) {
        kernels_init(&t->kernels, flags);
        status = store_index_lock(store, err);
    }
    if (status == OK) {
        status = store_origin_visit(url, &t->total, take_row, t, err);
        struct err ignored; /* what was read is kept, whatever ended it */
        enum status put = flush(t, status == OK ? err : &ignored);
        status = status == OK ? put : status;
        if (status == OK)
            status = keep_labels(t, err);
        store_index_unlock(store);
    }
    import_labels_free(&t->labels);
    free(t->vectors);
    free(t);
    return status;
}
