/* SPDX-License-Identifier: MIT
 *
 * fovea duplicates: photographs that repeat each other, which of them to keep and why, and what a
 * person decides about two of them. Prints; never deletes, and prints nothing that would.
 */
#include "cli/commands.h"
#include "cli/filter_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include "base/file.h"
#include "library/classify.h"
#include "library/duplicates.h"
#include "library/snapshot.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CSV_LIMIT ((size_t)1 << 30)

enum tier_choice { TIER_USUAL, TIER_ALL, TIER_ONE };
static const char *const tier_choices[] = {"usual",       "all",     "same-bytes", "same-picture",
                                           "same-moment", "similar", NULL};

struct duplicates_args {
    const char *library, *model, *csv;
    int tier, within, threads;
    double cosine;
    bool not_duplicate, duplicate, forget, decisions, json;
    struct operands photos;
    struct filter_args filter;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct duplicates_args),
    {.name = "model",
     .short_name = 'm',
     .kind = OPTION_STRING,
     .argument = "MODEL",
     .offset = offsetof(struct duplicates_args, model),
     .help = "whose vectors to compare, by the name that `fovea status` shows; without it those "
             "that answer searches"},
    {.name = "tier",
     .kind = OPTION_CHOICE,
     .argument = "TIER",
     .offset = offsetof(struct duplicates_args, tier),
     .fallback = "usual",
     .choices = tier_choices,
     .help = "what to show; usual is all but similar, which compares every two photographs"},
    {.name = "within",
     .kind = OPTION_INT,
     .argument = "SECONDS",
     .offset = offsetof(struct duplicates_args, within),
     .fallback = "10",
     .min = 1,
     .max = 86400,
     .help = "how long a moment lasts, from the photograph to keep"},
    {.name = "similar-from",
     .kind = OPTION_DOUBLE,
     .argument = "COSINE",
     .offset = offsetof(struct duplicates_args, cosine),
     .fallback = "0.95",
     .min = 0.5,
     .max = 1,
     .help = "what is similar"},
    {.name = "csv",
     .kind = OPTION_STRING,
     .argument = "FILE",
     .offset = offsetof(struct duplicates_args, csv),
     .help = "write the groups there as a table, one line for each file; - for stdout"},
    {.name = "not-duplicate",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct duplicates_args, not_duplicate),
     .help = "remember that no two of the given photographs are duplicates"},
    {.name = "duplicate",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct duplicates_args, duplicate),
     .help = "remember that they are the same picture"},
    {.name = "forget",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct duplicates_args, forget),
     .help = "take back what was remembered about them"},
    {.name = "decisions",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct duplicates_args, decisions),
     .help = "list what is remembered"},
    OPTION_THREADS(struct duplicates_args),
    OPTION_FILTERS(struct duplicates_args),
    OPTION_JSON(struct duplicates_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea duplicates", "copies, other forms of one picture, and bursts"},
    {"fovea duplicates --tier similar --similar-from 0.97", "what the model sees as much the same"},
    {"fovea duplicates --not-duplicate a.jpg b.jpg", "these two only look alike; remember it"},
    {"fovea duplicates --csv duplicates.csv", "as a table, to decide with"},
    {NULL, NULL},
};

/* --- which photographs ------------------------------------------------------------------------ */

static enum status find_photo(struct store *store, const char *given, int64_t *id, struct err *err)
{
    char *path = realpath(given, NULL); /* NULL: the file is not there any more */
    enum status status = path || *given == '/'
                             ? store_photo_find(store, path ? path : given, id, err)
                             : ERR_NOT_FOUND;
    if (status == ERR_NOT_FOUND && path && *given == '/') /* by way of a link */
        status = store_photo_find(store, given, id, err);
    free(path);
    return status == ERR_NOT_FOUND
               ? err_set(err, ERR_NOT_FOUND,
                         "the library has no photograph %s; `fovea index` puts it there", given)
               : status;
}

static enum status find_photos(struct store *store, const struct operands *photos, int64_t **out,
                               struct err *err)
{
    int64_t *ids = *out = calloc(photos->count + 1, sizeof *ids);
    if (!ids)
        return err_no_memory(err, "the photographs", photos->count * sizeof *ids);
    enum status status = OK;
    for (size_t i = 0; status == OK && i < photos->count; i++)
        status = find_photo(store, photos->items[i].text, &ids[i], err);
    return status;
}

/* --- decisions ----------------------------------------------------------------------------------
 */

static enum status decide_pair(struct store *store, const struct operand *a,
                               const struct operand *b, const struct photo_hash *hashes,
                               enum decision decision, struct err *err)
{
    if (memcmp(hashes[0].bytes, hashes[1].bytes, sizeof hashes[0].bytes) == 0)
        return err_set(err, ERR_ARGUMENT,
                       "duplicates: %s and %s have the same content; there is nothing to decide",
                       a->text, b->text);
    return store_decision_put(store, &hashes[0], &hashes[1], decision, err);
}

static enum status load_hashes(struct store *store, const struct operands *photos,
                               struct photo_hash *hashes, struct err *err)
{
    int64_t *ids = NULL;
    enum status status = find_photos(store, photos, &ids, err);
    for (size_t i = 0; status == OK && i < photos->count; i++) {
        struct store_photo photo;
        status = store_photo_load(store, ids[i], &photo, err);
        if (status != OK)
            break;
        hashes[i] = photo.hash;
        store_photo_free(&photo);
    }
    free(ids);
    return status;
}

static enum status decide(struct store *store, const struct duplicates_args *args, struct err *err)
{
    const struct operands *photos = &args->photos;
    enum decision decision = args->duplicate       ? DECISION_DUPLICATE
                             : args->not_duplicate ? DECISION_NOT_DUPLICATE
                                                   : DECISION_NONE;
    struct photo_hash *hashes = calloc(photos->count, sizeof *hashes);
    if (!hashes)
        return err_no_memory(err, "the photographs", photos->count * sizeof *hashes);
    size_t pairs = 0;
    enum status status = load_hashes(store, photos, hashes, err);
    for (size_t i = 0; status == OK && i < photos->count; i++)
        for (size_t k = i + 1; status == OK && k < photos->count; k++, pairs++) {
            const struct photo_hash pair[2] = {hashes[i], hashes[k]};
            status = decide_pair(store, &photos->items[i], &photos->items[k], pair, decision, err);
        }
    free(hashes);
    if (status != OK)
        return status;
    if (args->json)
        return output_json(json_pack("{s:I}", "pairs", (json_int_t)pairs), err);
    output_format("%s %zu pair%s\n",
                  decision == DECISION_NONE ? "forgotten:" : "remembered:", pairs,
                  pairs == 1 ? "" : "s");
    return OK;
}

/* A photo's first path, or NULL when it is not in the library at present. */
static char *path_of_hash(struct store *store, const struct photo_hash *hash)
{
    struct store_photo photo;
    struct err ignored;
    int64_t id;
    if (store_photo_find_hash(store, hash, &id, &ignored) != OK ||
        store_photo_load(store, id, &photo, &ignored) != OK)
        return NULL;
    char *path = photo.path_count ? strdup(photo.paths[0].path) : NULL;
    store_photo_free(&photo);
    return path;
}

static json_t *side_json(const struct photo_hash *hash, const char *path)
{
    char text[33];
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", hash->bytes[i]);
    json_t *side = json_object();
    json_object_set_new(side, "hash", json_string(text));
    json_object_set_new(side, "path", output_json_string(path));
    return side;
}

static enum status list_decisions(struct store *store, bool json, struct err *err)
{
    struct store_decision *decisions = NULL;
    size_t count = 0;
    enum status status = store_decisions(store, &decisions, &count, err);
    if (status != OK)
        return status;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct store_decision *d = &decisions[i];
        const char *name = d->decision == DECISION_DUPLICATE ? "duplicate" : "not-duplicate";
        char *a = path_of_hash(store, &d->a), *b = path_of_hash(store, &d->b);
        if (json) {
            json_t *item = json_object();
            json_object_set_new(item, "decision", json_string(name));
            json_object_set_new(item, "a", side_json(&d->a, a));
            json_object_set_new(item, "b", side_json(&d->b, b));
            json_object_set_new(item, "made_at", json_integer((json_int_t)d->made_at));
            json_array_append_new(list, item);
        } else {
            output_format("%-13s  ", name);
            output_name(a ? a : "(not in the library at present)");
            output_text("  ");
            output_name(b ? b : "(not in the library at present)");
            output_text("\n");
        }
        free(a);
        free(b);
    }
    free(decisions);
    if (!json) {
        json_decref(list);
        return OK;
    }
    json_t *answer = json_object();
    json_object_set_new(answer, "decisions", list);
    return output_json(answer, err);
}

/* --- groups
 * --------------------------------------------------------------------------------------- */

struct report {
    const struct duplicate_groups *groups;
    const struct operands *photos;
    const int64_t *ids; /* [photos->count]: only groups with one of these, if there are any */
};

static bool is_shown(const struct report *report, const struct duplicate_group *group)
{
    for (size_t m = 0; m < group->count; m++)
        for (size_t i = 0; i < report->photos->count; i++)
            if (group->members[m].photo_id == report->ids[i])
                return true;
    return report->photos->count == 0;
}

static void put_size(int64_t bytes)
{
    if (bytes < 1000000)
        output_format("%.0f KB", (double)bytes / 1e3);
    else
        output_format("%.1f MB", (double)bytes / 1e6);
}

static void print_member(const struct duplicate_group *group, size_t i)
{
    const struct duplicate_member *m = &group->members[i];
    output_text(i == 0 ? "  keep  " : "        ");
    output_name(m->path);
    if (i == 0)
        output_format("  (%s)\n", group->reason);
    else if (group->tier == DUPLICATE_SAME_BYTES)
        output_text("\n");
    else
        output_format("  %.4f%s%s\n", (double)m->score, m->turned ? ", turned" : "",
                      m->is_decided ? ", decided" : "");
}

static void print_groups(const struct report *report, bool tells_of_similar)
{
    size_t per_tier[DUPLICATE_TIERS] = {0}, shown = 0;
    int64_t bytes = 0;
    for (size_t g = 0; g < report->groups->count; g++) {
        const struct duplicate_group *group = &report->groups->groups[g];
        if (!is_shown(report, group))
            continue;
        output_format("%s: %zu files, ", duplicate_tier_names[group->tier], group->count);
        put_size(group->reclaim_bytes);
        output_text(" beside the one to keep\n");
        for (size_t i = 0; i < group->count; i++)
            print_member(group, i);
        output_text("\n");
        bytes += group->reclaim_bytes;
        per_tier[group->tier]++;
        shown++;
    }
    output_format("%zu group%s", shown, shown == 1 ? "" : "s");
    for (int t = 0; t < DUPLICATE_TIERS; t++)
        if (per_tier[t])
            output_format(", %zu %s", per_tier[t], duplicate_tier_names[t]);
    output_text("; ");
    put_size(bytes);
    output_text(" beside what to keep. Nothing was changed.\n");
    if (tells_of_similar)
        output_text("Pictures that only look alike: --tier similar\n");
}

static json_t *group_json(const struct duplicate_group *group)
{
    json_t *members = json_array(), *object = json_object();
    for (size_t i = 0; i < group->count; i++) {
        const struct duplicate_member *m = &group->members[i];
        bool has_distance = group->tier != DUPLICATE_SAME_BYTES && m->distance >= 0;
        json_t *member = json_object();
        json_object_set_new(member, "path", output_json_string(m->path));
        json_object_set_new(member, "photo_id", json_integer((json_int_t)m->photo_id));
        json_object_set_new(member, "keep", json_boolean(i == 0));
        json_object_set_new(member, "score", output_json_float(m->score));
        json_object_set_new(member, "hash_distance",
                            has_distance ? json_integer(m->distance) : json_null());
        json_object_set_new(member, "turned", json_boolean(m->turned));
        json_object_set_new(member, "decided", json_boolean(m->is_decided));
        json_object_set_new(member, "size_bytes", json_integer((json_int_t)m->size_bytes));
        json_array_append_new(members, member);
    }
    json_object_set_new(object, "tier", json_string(duplicate_tier_names[group->tier]));
    json_object_set_new(object, "reason", json_string(group->reason));
    json_object_set_new(object, "reclaim_bytes", json_integer((json_int_t)group->reclaim_bytes));
    json_object_set_new(object, "members", members);
    return object;
}

static enum status print_json(const struct report *report, struct err *err)
{
    json_t *groups = json_array(), *answer = json_object();
    for (size_t g = 0; g < report->groups->count; g++)
        if (is_shown(report, &report->groups->groups[g]))
            json_array_append_new(groups, group_json(&report->groups->groups[g]));
    json_object_set_new(answer, "total", json_integer((json_int_t)json_array_size(groups)));
    json_object_set_new(answer, "groups", groups);
    return output_json(answer, err);
}

static void csv_member(struct str *csv, const struct duplicate_group *group, size_t number,
                       size_t i)
{
    const struct duplicate_member *m = &group->members[i];
    str_format(csv, "%zu,%s,%s,", number, duplicate_tier_names[group->tier],
               i == 0 ? "True" : "False");
    csv_path(csv, m->path);
    str_format(csv, ",%lld,", (long long)m->size_bytes);
    csv_number(csv, (double)m->score);
    str_putc(csv, ',');
    csv_field(csv, i == 0 ? group->reason : "");
    str_put(csv, "\r\n");
}

static enum status write_csv(const struct report *report, const char *file, struct err *err)
{
    struct str csv = str_new(CSV_LIMIT);
    size_t number = 0;
    str_put(&csv, "group,tier,keep,path,size_bytes,score,reason\r\n");
    for (size_t g = 0; g < report->groups->count; g++) {
        const struct duplicate_group *group = &report->groups->groups[g];
        if (!is_shown(report, group))
            continue;
        number++;
        for (size_t i = 0; i < group->count; i++)
            csv_member(&csv, group, number, i);
    }
    enum status status = str_ok(&csv) ? OK : err_no_memory(err, "the CSV", CSV_LIMIT);
    if (status == OK && strcmp(file, "-") == 0)
        output_text(str_text(&csv));
    else if (status == OK)
        status = file_write(file, str_text(&csv), csv.size, err);
    str_free(&csv);
    return status;
}

static enum status publish(const struct report *report, const struct duplicates_args *args,
                           struct err *err)
{
    enum status status = args->csv ? write_csv(report, args->csv, err) : OK;
    if (status != OK || (args->csv && strcmp(args->csv, "-") == 0))
        return status;
    if (args->json)
        return print_json(report, err);
    print_groups(report, args->tier == TIER_USUAL);
    return OK;
}

static enum status find_groups(struct store *store, const struct duplicates_args *args,
                               struct err *err)
{
    const struct snapshot *snapshot = NULL;
    struct duplicate_groups groups = {0};
    struct store_model model = {0};
    struct filter_reading filter = {0};
    int64_t *ids = NULL;
    const struct duplicate_options how = {
        .filter = &filter.filter,
        .tiers = args->tier == TIER_USUAL ? DUPLICATE_TIERS_USUAL
                 : args->tier == TIER_ALL ? DUPLICATE_TIERS_ALL
                                          : DUPLICATE_TIER(args->tier - TIER_ONE),
        .similar_cosine = (float)args->cosine,
        .moment_seconds = args->within,
        .threads = args->threads,
    };
    enum status status = filter_args_read(&filter, &args->filter, err);
    if (status == OK)
        status = library_model_stored(store, args->model, &model, err);
    if (status == OK)
        status = find_photos(store, &args->photos, &ids, err);
    if (status == OK)
        status = snapshot_open(&snapshot, store, model.id, SNAPSHOT_BYTES_NEVER, NULL, err);
    if (status == OK)
        status = duplicates_find(&groups, snapshot, store, &how, err);
    const struct report report = {&groups, &args->photos, ids};
    if (status == OK)
        status = publish(&report, args, err);
    duplicates_free(&groups);
    snapshot_unref(snapshot);
    filter_reading_close(&filter);
    free(ids);
    return status;
}

static enum status check(const struct duplicates_args *args, bool decides, struct err *err)
{
    if (args->not_duplicate + args->duplicate + args->forget + args->decisions > 1)
        return err_set(err, ERR_ARGUMENT,
                       "duplicates: --not-duplicate, --duplicate, --forget and --decisions exclude "
                       "each other");
    if (decides && args->photos.count < 2)
        return err_set(err, ERR_ARGUMENT,
                       "duplicates: a decision is about two photographs or more; name them");
    if (args->json && args->csv && strcmp(args->csv, "-") == 0)
        return err_set(err, ERR_ARGUMENT,
                       "duplicates: --json and --csv - both want stdout; use one");
    return OK;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct duplicates_args *args = arguments;
    bool decides = args->not_duplicate || args->duplicate || args->forget;
    struct store *store = NULL;
    enum status status = check(args, decides, err);
    if (status == OK)
        status =
            library_open(&store, args->library, decides ? STORE_WRITE : STORE_READ, false, err);
    if (status == OK)
        status = decides           ? decide(store, args, err)
                 : args->decisions ? list_decisions(store, args->json, err)
                                   : find_groups(store, args, err);
    store_close(store);
    return status;
}

const struct command command_duplicates = {
    .name = "duplicates",
    .summary = "find photographs that repeat each other",
    .about =
        "Finds copies (same-bytes), other forms of one picture (same-picture: resized, "
        "recompressed, "
        "converted, turned), exposures of one moment (same-moment: bursts, RAW beside JPEG), and, "
        "if "
        "asked, pictures that the model sees as much the same (similar). Says of each group which "
        "to "
        "keep and why. What you decide about two photographs is remembered with their content, and "
        "survives indexing again.\n\n"
        "With photographs named, only the groups that they are in. Nothing is ever deleted.",
    .options = options,
    .examples = examples,
    .operand = "PHOTO",
    .operands_min = 0,
    .operands_offset = offsetof(struct duplicates_args, photos),
    .args_size = sizeof(struct duplicates_args),
    .run = run,
};
