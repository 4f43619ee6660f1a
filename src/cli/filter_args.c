/* SPDX-License-Identifier: MIT
 *
 * See filter_args.h.
 */
#include "cli/filter_args.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum status add(struct filter *filter, enum filter_name name, const char *value,
                       struct err *err)
{
    return value ? filter_add(filter, name, value, err) : OK;
}

static enum status add_all(struct filter *filter, enum filter_name name,
                           const struct operands *values, struct err *err)
{
    enum status status = OK;
    for (size_t i = 0; status == OK && i < values->count; i++)
        status = filter_add(filter, name, values->items[i].text, err);
    return status;
}

/* What is a folder here means that one; anything else is a part of a path. */
static char *folder_path(const char *text)
{
    struct stat st;
    if (text[0] != '/' && stat(text, &st) == 0 && S_ISDIR(st.st_mode)) {
        char *path = realpath(text, NULL);
        if (path)
            return path;
    }
    return strdup(text);
}

static enum status add_folders(struct filter_reading *out, const struct operands *values,
                               struct err *err)
{
    out->folders = calloc(values->count + 1, sizeof *out->folders);
    if (!out->folders)
        return err_no_memory(err, "the filters", values->count * sizeof *out->folders);
    enum status status = OK;
    for (size_t i = 0; status == OK && i < values->count; i++) {
        char *path = folder_path(values->items[i].text);
        if (!path)
            return err_no_memory(err, "the filters", 1);
        out->folders[out->folder_count++] = path;
        status = filter_add(&out->filter, FILTER_FOLDER, path, err);
    }
    return status;
}

enum status filter_args_read(struct filter_reading *out, const struct filter_args *args,
                             struct err *err)
{
    *out = (struct filter_reading){0};
    struct filter *filter = &out->filter;
    enum status status = add(filter, FILTER_SINCE, args->since, err);
    if (status == OK)
        status = add(filter, FILTER_UNTIL, args->until, err);
    if (status == OK)
        status = add_all(filter, FILTER_CAMERA, &args->cameras, err);
    if (status == OK)
        status = add_all(filter, FILTER_LENS, &args->lenses, err);
    if (status == OK)
        status = add_all(filter, FILTER_CATEGORY, &args->categories, err);
    if (status == OK)
        status = add_folders(out, &args->folders, err);
    if (status == OK)
        status = add_all(filter, FILTER_FORMAT, &args->formats, err);
    if (status == OK)
        status = add_all(filter, FILTER_KEYWORD, &args->keywords, err);
    if (status == OK)
        status = add(filter, FILTER_GPS, args->gps, err);
    if (status == OK)
        status = add(filter, FILTER_RATING, args->rating, err);
    if (status == OK)
        status = add(filter, FILTER_ISO, args->iso, err);
    return status;
}

void filter_reading_close(struct filter_reading *reading)
{
    for (size_t i = 0; i < reading->folder_count; i++)
        free(reading->folders[i]);
    free(reading->folders);
    *reading = (struct filter_reading){0};
}
