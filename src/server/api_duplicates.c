/* SPDX-License-Identifier: MIT
 *
 * Photographs that repeat each other, and what a person decided about them.
 */
#include "server/api.h"

#include "library/duplicates.h"
#include "server/answer.h"
#include "server/fields.h"
#include "server/filters.h"
#include "server/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DECIDED_MAX = 100 };

/* Ends a search for duplicates that nobody will wait for. */
static bool is_stopping(void *context)
{
    const struct server *server = context;
    return atomic_load(&server->stopping);
}

/* --- the list ----------------------------------------------------------------------------- */

struct search_of_duplicates {
    const struct view *view;
    struct duplicate_options options;
    struct duplicate_groups found;
};

static enum status find_duplicates(struct store *store, void *user, struct err *err)
{
    struct search_of_duplicates *search = user;
    return duplicates_find(&search->found, search->view->snapshot, store, &search->options, err);
}

static json_t *member_json(const struct view *view, const struct duplicate_member *member,
                           bool keep)
{
    return json_pack("{s:o, s:o, s:I, s:b, s:o, s:o, s:b, s:b}", "photo",
                     answer_photo(view, member->row), "path", json_utf8(member->path), "size_bytes",
                     (json_int_t)member->size_bytes, "keep", keep, "score",
                     json_score(fmin((double)member->score, 1)), "distance",
                     member->distance >= 0 ? json_integer(member->distance) : json_null(), "turned",
                     member->turned, "decided", member->is_decided);
}

static json_t *group_json(const struct view *view, const struct duplicate_group *group)
{
    json_t *members = json_array();
    for (size_t i = 0; i < group->count; i++)
        json_array_append_new(members, member_json(view, &group->members[i], i == 0));
    return json_pack("{s:s, s:o, s:I, s:o}", "tier", duplicate_tier_names[group->tier], "reason",
                     json_utf8(group->reason), "reclaim_bytes", (json_int_t)group->reclaim_bytes,
                     "members", members);
}

static json_t *list_json(const struct search_of_duplicates *search, int64_t limit, int64_t offset)
{
    const struct duplicate_groups *found = &search->found;
    json_t *groups = json_array(), *tiers = json_object();
    for (int tier = 0; tier < DUPLICATE_TIERS; tier++)
        json_object_set_new(tiers, duplicate_tier_names[tier],
                            json_integer((json_int_t)found->per_tier[tier]));
    for (size_t i = (size_t)offset; i < found->count && i < (size_t)(offset + limit); i++)
        json_array_append_new(groups, group_json(search->view, &found->groups[i]));
    return json_pack("{s:I, s:o, s:I, s:I, s:o}", "total", (json_int_t)found->count, "tiers", tiers,
                     "limit", (json_int_t)limit, "offset", (json_int_t)offset, "groups", groups);
}

void api_duplicates(struct exchange *x)
{
    static const char *const names[] = {"limit", "offset", "tier", NULL};
    int64_t limit, offset;
    int tier;
    struct filter filter = {0};
    if (!param_int(x, "limit", RESULTS, 1, RESULTS_MAX, &limit) ||
        !param_int(x, "offset", 0, 0, OFFSET_MAX, &offset) ||
        !param_choice(x, "tier", duplicate_tier_names, -1, &tier) ||
        !filters_from_params(x, names, &filter))
        return;
    struct search_of_duplicates search = {
        .view = live_view(x->server->live),
        .options = {.tiers = tier < 0 ? DUPLICATE_TIERS_USUAL : DUPLICATE_TIER(tier),
                    .filter = &filter,
                    .threads = x->server->options.threads,
                    .is_cancelled = is_stopping,
                    .context = x->server},
    };
    struct err err;
    if (live_work(x->server->live, STORE_READ, find_duplicates, &search, &err) == OK)
        reply_json(x, 200, list_json(&search, limit, offset));
    else
        reply_err(x, &err);
    duplicates_free(&search.found);
    live_release(x->server->live, search.view);
}

/* --- decisions ---------------------------------------------------------------------------- */

struct decision_list {
    struct store_decision *items;
    size_t count;
};

static enum status load_decisions(struct store *store, void *user, struct err *err)
{
    struct decision_list *list = user;
    return store_decisions(store, &list->items, &list->count, err);
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct photo_hash));
}

struct hashed_row {
    struct photo_hash hash; /* first */
    int64_t id;
};

/* Every row by its hash; NULL: no memory. */
static struct hashed_row *rows_by_hash(const struct view *view)
{
    size_t count = view->matrix->count;
    struct hashed_row *rows = calloc(count + 1, sizeof *rows);
    for (size_t i = 0; rows && i < count; i++)
        rows[i] = (struct hashed_row){view->facts->rows[i].hash, view->matrix->photo_ids[i]};
    if (rows)
        qsort(rows, count, sizeof *rows, compare_hashes);
    return rows;
}

static json_t *side_json(const struct hashed_row *rows, size_t count, const struct photo_hash *hash)
{
    const struct hashed_row *row = bsearch(hash, rows, count, sizeof *rows, compare_hashes);
    return json_pack("{s:o, s:o}", "hash", json_hash(hash), "id",
                     row ? json_integer(row->id) : json_null());
}

static const char *const decision_names[] = {"none", "duplicate", "not-duplicate", NULL};

void api_decisions(struct exchange *x)
{
    struct decision_list list = {0};
    const struct view *view = live_view(x->server->live);
    struct hashed_row *rows = rows_by_hash(view);
    struct err err;
    if (!rows) {
        reply_error(x, 503, "not enough memory just now");
    } else if (live_work(x->server->live, STORE_READ, load_decisions, &list, &err) != OK) {
        reply_err(x, &err);
    } else {
        json_t *decisions = json_array();
        for (size_t i = 0; i < list.count; i++)
            json_array_append_new(
                decisions, json_pack("{s:o, s:o, s:s}", "a",
                                     side_json(rows, view->matrix->count, &list.items[i].a), "b",
                                     side_json(rows, view->matrix->count, &list.items[i].b),
                                     "decision", decision_names[list.items[i].decision]));
        reply_json(
            x, 200,
            json_pack("{s:I, s:o}", "total", (json_int_t)list.count, "decisions", decisions));
    }
    free(list.items);
    free(rows);
    live_release(x->server->live, view);
}

struct decided {
    struct photo_hash hashes[DECIDED_MAX];
    size_t count, pairs;
    enum decision decision;
};

/* Each pair, in one transaction; one that is decided twice is decided the same. */
static enum status put_decisions(struct store *store, void *user, struct err *err)
{
    struct decided *decided = user;
    size_t most = decided->count * (decided->count - 1) / 2;
    struct store_decision *pairs = calloc(most + 1, sizeof *pairs);
    if (!pairs)
        return err_no_memory(err, "the decisions", most * sizeof *pairs);
    for (size_t i = 0; i < decided->count; i++)
        for (size_t j = i + 1; j < decided->count; j++)
            if (memcmp(&decided->hashes[i], &decided->hashes[j], sizeof decided->hashes[i]) != 0)
                pairs[decided->pairs++] = (struct store_decision){
                    .a = decided->hashes[i],
                    .b = decided->hashes[j],
                    .decision = decided->decision,
                };
    enum status status =
        decided->pairs ? store_decisions_put(store, pairs, decided->pairs, err) : OK;
    free(pairs);
    return status;
}

/* False, and answered. */
static bool read_decided(struct exchange *x, const json_t *request, const struct view *view,
                         struct decided *out)
{
    static const char *const names[] = {"photos", "decision", NULL};
    struct fields fields = {.x = x, .where = "", .ok = true};
    fields_only(&fields, request, names);
    if (fields.ok && !json_object_get(request, "decision"))
        fields_fail(&fields, "decision", "the field is missing");
    out->decision =
        (enum decision)fields_choice(&fields, request, "decision", decision_names, DECISION_NONE);
    const json_t *photos = fields_array(&fields, request, "photos", 2, DECIDED_MAX);
    if (fields.ok && !photos)
        fields_fail(&fields, "photos", "the field is missing");
    for (size_t i = 0; fields.ok && i < json_array_size(photos); i++) {
        const json_t *id = json_array_get(photos, i);
        size_t row = json_is_integer(id) ? snapshot_row_of(view->snapshot, json_integer_value(id))
                                         : SNAPSHOT_NO_ROW;
        if (!json_is_integer(id)) {
            fields_fail(&fields, "photos", "a list of ids is accepted");
        } else if (row == SNAPSHOT_NO_ROW) {
            reply_error(x, 404, "there is no photograph %lld", (long long)json_integer_value(id));
            return false;
        } else {
            out->hashes[out->count++] = view->facts->rows[row].hash;
        }
    }
    return fields.ok;
}

void api_decide(struct exchange *x)
{
    json_t *request = read_json_body(x);
    if (!request)
        return;
    const struct view *view = live_view(x->server->live);
    struct decided decided = {.count = 0};
    struct err err;
    if (read_decided(x, request, view, &decided)) {
        if (live_work(x->server->live, STORE_WRITE, put_decisions, &decided, &err) == OK)
            reply_json(x, 200, json_pack("{s:I}", "pairs", (json_int_t)decided.pairs));
        else
            reply_err(x, &err);
    }
    live_release(x->server->live, view);
    json_decref(request);
}
