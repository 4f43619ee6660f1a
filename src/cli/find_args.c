/* SPDX-License-Identifier: MIT
 *
 * find_args.h: the options.
 */
#include "cli/find_args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const find_sort_names[] = {
    [FIND_BY_SCORE] = "score", [FIND_BY_DATE] = "date", [FIND_BY_PATH] = "path", NULL};

static enum status read_floor(const char *text, float usual, struct find_request *request,
                              struct err *err)
{
    request->floor_mode = FIND_FLOOR_FIXED;
    request->floor = usual;
    if (!text)
        return OK;
    if (strcmp(text, "auto") == 0) {
        request->floor_mode = FIND_FLOOR_AUTO;
        return OK;
    }
    char *end;
    double floor = strtod(text, &end);
    if (end == text || *end || !(floor >= -1 && floor <= 1))
        return err_set(err, ERR_ARGUMENT,
                       "bad value '%.100s' for --floor; give a number from -1 to 1, or auto", text);
    request->floor = (float)floor;
    return OK;
}

static enum status check_sheet(const char *path, struct err *err)
{
    static const char *const accepted[] = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"};
    const char *dot = path ? strrchr(path, '.') : NULL;
    if (!path)
        return OK;
    for (size_t i = 0; dot && i < sizeof accepted / sizeof *accepted; i++)
        if (strcasecmp(dot, accepted[i]) == 0)
            return OK;
    return err_set(
        err, ERR_ARGUMENT,
        "bad value '%.200s' for --sheet; give a name that ends in .jpg, .png, .webp or .tif", path);
}

enum status find_args_check(const struct find_args *args, struct err *err)
{
    struct find_request request = {0};
    if (args->json && (args->paths || args->null))
        return err_set(err, ERR_ARGUMENT, "--json and %s exclude each other",
                       args->null ? "--null" : "--paths");
    enum status status = check_sheet(args->sheet, err);
    return status == OK ? read_floor(args->floor, 0, &request, err) : status;
}

enum status find_args_apply(const struct find_args *args, float usual, struct find_request *request,
                            struct err *err)
{
    enum status status = find_args_check(args, err);
    if (status == OK)
        status = read_floor(args->floor, usual, request, err);
    request->limit = (size_t)args->limit;
    request->weak = args->weak;
    request->unique = args->unique;
    request->order = (enum find_order)args->sort;
    return status;
}
