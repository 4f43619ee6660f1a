/* SPDX-License-Identifier: MIT
 *
 * The map and the natural groups, as making.h has them. Their rows are those of the view that they
 * were made of; what colours a photograph (category, group, date) is looked up in the newest one.
 */
#include "server/api.h"

#include "server/answer.h"
#include "server/internal.h"
#include "server/making.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXAMPLES = 6, MAKING_RETRY_SECONDS = 2 };

/* NULL, and answered: with 202 while it is being made, with its error when that failed. */
static const struct made *get_made(struct exchange *x, enum made_kind kind)
{
    double elapsed_s;
    struct err err;
    const struct made *made = making_get(x->server->making, kind, &elapsed_s, &err);
    if (made)
        return made;
    if (err.status != OK && err.status != ERR_CANCELLED) {
        reply_err(x, &err);
        return NULL;
    }
    reply_json(
        x, 202,
        json_pack("{s:s, s:s, s:o, s:i}", "state", "making", "detail",
                  kind == MADE_GROUPS ? "the groups are being made" : "the map is being made",
                  "elapsed_s", json_score(elapsed_s), "retry_after_s", MAKING_RETRY_SECONDS));
    reply_header(x, "Retry-After", "%d", MAKING_RETRY_SECONDS);
    return NULL;
}

/* --- groups ------------------------------------------------------------------------------- */

static json_t *group_name(const struct photo_groups *groups, size_t group)
{
    const char *name = groups->items[group].names[0];
    if (name)
        return json_utf8(name);
    char number[32];
    snprintf(number, sizeof number, "Group %zu", group + 1);
    return json_string(number);
}

static json_t *group_names(const struct photo_groups *groups, size_t group)
{
    json_t *list = json_array();
    for (int i = 0; i < GROUP_NAMES && groups->items[group].names[i]; i++)
        json_array_append_new(list, json_utf8(groups->items[group].names[i]));
    return list;
}

static json_t *group_json(const struct made *made, size_t group, size_t most)
{
    const struct photo_group *item = &made->groups.items[group];
    json_t *examples = json_array();
    for (size_t i = 0; i < item->typical_count && i < most; i++)
        json_array_append_new(examples, answer_photo(made->view, item->typical[i]));
    return json_pack("{s:I, s:o, s:o, s:I, s:o}", "id", (json_int_t)group, "name",
                     group_name(&made->groups, group), "names", group_names(&made->groups, group),
                     "count", (json_int_t)item->size, "examples", examples);
}

void api_groups(struct exchange *x)
{
    int64_t examples;
    if (!param_int(x, "examples", EXAMPLES, 0, GROUP_TYPICAL, &examples))
        return;
    const struct made *made = get_made(x, MADE_GROUPS);
    if (!made)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < made->groups.count; i++)
        json_array_append_new(list, group_json(made, i, (size_t)examples));
    reply_json(x, 200,
               json_pack("{s:I, s:I, s:I, s:o}", "total", (json_int_t)made->groups.count, "grouped",
                         (json_int_t)(made->groups.rows - made->groups.outliers), "ungrouped",
                         (json_int_t)made->groups.outliers, "groups", list));
    making_release(x->server->making, made);
}

struct typical_row {
    size_t row;
    float typicality;
};

static int more_typical(const void *a, const void *b)
{
    const struct typical_row *x = a, *y = b;
    if (x->typicality != y->typicality)
        return x->typicality < y->typicality ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static json_t *group_photos(const struct made *made, size_t group, size_t limit, size_t offset)
{
    size_t size = made->groups.items[group].size, count = 0;
    struct typical_row *rows = calloc(size + 1, sizeof *rows);
    if (!rows)
        return NULL;
    for (size_t row = 0; row < made->groups.rows && count < size; row++)
        if (made->groups.of[row] == (int)group)
            rows[count++] = (struct typical_row){row, made->groups.typicality[row]};
    qsort(rows, count, sizeof *rows, more_typical);
    json_t *list = json_array();
    for (size_t i = offset; i < count && i < offset + limit; i++)
        json_array_append_new(list, answer_photo(made->view, rows[i].row));
    free(rows);
    return list;
}

void api_group(struct exchange *x)
{
    int64_t id, limit, offset;
    if (!captured_id(x, 0, &id) || !param_int(x, "limit", RESULTS, 1, RESULTS_MAX, &limit) ||
        !param_int(x, "offset", 0, 0, OFFSET_MAX, &offset))
        return;
    const struct made *made = get_made(x, MADE_GROUPS);
    if (!made)
        return;
    if ((uint64_t)id >= made->groups.count) {
        reply_error(x, 404, "there is no group %lld", (long long)id);
    } else {
        size_t group = (size_t)id;
        reply_json(x, 200,
                   json_pack("{s:I, s:o, s:I, s:I, s:I, s:o}", "id", (json_int_t)id, "name",
                             group_name(&made->groups, group), "total",
                             (json_int_t)made->groups.items[group].size, "limit", (json_int_t)limit,
                             "offset", (json_int_t)offset, "photos",
                             group_photos(made, group, (size_t)limit, (size_t)offset)));
    }
    making_release(x->server->making, made);
}

/* --- the map ------------------------------------------------------------------------------ */

enum { X, Y, Z, IDS, CATEGORY, GROUP, CAMERA, TAKEN, COLUMNS };

struct columns {
    json_t *lists[COLUMNS];
    size_t count;
};

static void put_row(struct columns *out, const struct made *map, size_t map_row,
                    const struct view *now, size_t row, const struct made *groups)
{
    const float *at = map->map.positions + map_row * (size_t)map->map.dim;
    const struct store_fact *fact = &now->facts->rows[row];
    int64_t id = now->matrix->photo_ids[row];
    int category = now->labels->positions ? now->labels->positions[row] : -1, group = -1;
    size_t group_row = groups ? snapshot_row_of(groups->view->snapshot, id) : SNAPSHOT_NO_ROW;
    if (group_row != SNAPSHOT_NO_ROW)
        group = groups->groups.of[group_row];
    for (int axis = 0; axis < 3; axis++)
        json_array_append_new(out->lists[X + axis],
                              json_score(axis < map->map.dim ? (double)at[axis] : 0));
    json_array_append_new(out->lists[IDS], json_integer(id));
    json_array_append_new(out->lists[CATEGORY], json_integer(category < 0 ? -1 : category));
    json_array_append_new(out->lists[GROUP], json_integer(group));
    json_array_append_new(out->lists[CAMERA], json_integer(fact->camera));
    json_array_append_new(out->lists[TAKEN], fact->taken_ms == PHOTO_NO_TIME
                                                 ? json_null()
                                                 : json_integer(fact->taken_ms / 1000));
    out->count++;
}

static json_t *names_json(const char *const *names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_utf8(names[i]));
    return list;
}

static json_t *map_json(const struct made *map, const struct made *groups, const struct view *now,
                        const char *method)
{
    struct columns out = {.count = 0};
    for (int i = 0; i < COLUMNS; i++)
        out.lists[i] = json_array();
    for (size_t i = 0; i < map->map.count; i++) {
        size_t row = snapshot_row_of(now->snapshot, map->view->matrix->photo_ids[i]);
        if (row != SNAPSHOT_NO_ROW) /* else it has gone since */
            put_row(&out, map, i, now, row, groups);
    }
    json_t *group_list = json_array();
    for (size_t i = 0; groups && i < groups->groups.count; i++)
        json_array_append_new(group_list, json_pack("{s:I, s:o}", "id", (json_int_t)i, "name",
                                                    group_name(&groups->groups, i)));
    if (!groups)
        json_array_clear(out.lists[GROUP]);
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "method",
                     method, "count", (json_int_t)out.count, "ids", out.lists[IDS], "x",
                     out.lists[X], "y", out.lists[Y], "z", out.lists[Z], "categories",
                     names_json(now->labels->names, now->labels->name_count), "category",
                     out.lists[CATEGORY], "groups", group_list, "group", out.lists[GROUP],
                     "cameras", names_json(now->facts->cameras.names, now->facts->cameras.count),
                     "camera", out.lists[CAMERA], "taken_at", out.lists[TAKEN]);
}

void api_map(struct exchange *x)
{
    int method;
    if (!param_choice(x, "method", map_methods, MAP_UMAP, &method))
        return;
    const struct made *map = get_made(x, (enum made_kind)method);
    if (!map)
        return;
    double ignored_s;
    struct err ignored;
    const struct made *groups = making_get(x->server->making, MADE_GROUPS, &ignored_s, &ignored);
    const struct view *now = live_view(x->server->live);
    reply_json(x, 200, map_json(map, groups, now, map_methods[method]));
    live_release(x->server->live, now);
    making_release(x->server->making, groups);
    making_release(x->server->making, map);
}
