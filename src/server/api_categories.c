/* SPDX-License-Identifier: MIT
 *
 * Category sets: which there are, trying one on the whole library without keeping anything, saving,
 * running, forgetting.
 *
 * A saved set lives in the library, as one JSON object of all of them (set -> category -> prompts)
 * in an artifact of the model; its labels, once it was run, are the store's. The set "default" is
 * the one that ships with the program.
 *
 * Prompts go through the encoder in small portions, so that a search does not wait for a hundred of
 * them.
 */
#include "server/api.h"

#include "base/clock.h"
#include "library/categories.h"
#include "library/classify.h"
#include "search/row_set.h"
#include "server/answer.h"
#include "server/encoder.h"
#include "server/fields.h"
#include "server/filters.h"
#include "server/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SETS_MAX = 64,
    SET_CATEGORIES_MAX = 100,
    SET_PROMPTS_MAX = 100, /* of a category */
    TRY_EXAMPLES = 12,
    TRY_EXAMPLES_MAX = 100,
};

/* --- sets in the library ------------------------------------------------------------------ */

struct sets_access {
    int64_t model_id;
    json_t *saved;               /* object: set -> object: category -> prompts */
    struct store_label_set *run; /* [run_count] */
    size_t run_count;
    const char *name;      /* that is changed */
    const json_t *content; /* NULL: it is forgotten */
    bool found;
};

static enum status load_saved(struct store *store, struct sets_access *sets, struct err *err)
{
    struct store_saved_set *list;
    size_t count;
    sets->saved = json_object();
    enum status status = store_saved_sets(store, &list, &count, err);
    for (size_t i = 0; i < count; i++) {
        json_t *content = json_loads(list[i].json, 0, NULL);
        if (content) /* what cannot be read stays in the library, and is not shown */
            json_object_set_new(sets->saved, list[i].name, content);
    }
    store_saved_sets_free(list, count);
    return status != OK || sets->saved ? status : err_no_memory(err, "the category sets", 0);
}

static enum status load_sets(struct store *store, void *user, struct err *err)
{
    struct sets_access *sets = user;
    enum status status = load_saved(store, sets, err);
    if (status == OK)
        status = store_label_sets(store, sets->model_id, &sets->run, &sets->run_count, err);
    return status;
}

static enum status save_set(struct store *store, void *user, struct err *err)
{
    struct sets_access *sets = user;
    enum status status = load_saved(store, sets, err);
    if (status != OK)
        return status;
    if (!json_object_get(sets->saved, sets->name) && json_object_size(sets->saved) >= SETS_MAX)
        return err_set(err, ERR_LIMIT, "%d sets are saved, which is the limit", SETS_MAX);
    char *text = json_dumps(sets->content, JSON_COMPACT);
    if (!text)
        return err_no_memory(err, "the category set", 0);
    status = store_saved_set_put(store, sets->name, text, err);
    free(text);
    return status;
}

static enum status drop_set(struct store *store, void *user, struct err *err)
{
    struct sets_access *sets = user;
    enum status status = load_sets(store, sets, err);
    bool ran = false, saved = status == OK && json_object_get(sets->saved, sets->name);
    for (size_t i = 0; status == OK && i < sets->run_count; i++)
        ran |= strcmp(sets->run[i].name, sets->name) == 0;
    sets->found = ran || saved;
    if (saved)
        status = store_saved_set_put(store, sets->name, NULL, err);
    if (status == OK && ran)
        status = classification_drop(store, sets->model_id, sets->name, err);
    return status;
}

static void close_sets(struct sets_access *sets)
{
    json_decref(sets->saved);
    store_label_sets_free(sets->run, sets->run_count);
}

/* The JSON text of the set of this name, freed with free(); NULL: there is none. */
static char *set_text(const struct sets_access *sets, const char *name)
{
    const json_t *saved = json_object_get(sets->saved, name);
    if (saved)
        return json_dumps(saved, JSON_COMPACT);
    for (size_t i = 0; i < sets->run_count; i++)
        if (strcmp(sets->run[i].name, name) == 0)
            return strdup(sets->run[i].json);
    struct categories categories = {0};
    struct err ignored;
    char *text = NULL;
    if (strcmp(name, STORE_SET_DEFAULT) == 0 && categories_default(&categories, &ignored) == OK)
        text = strdup(categories.json);
    categories_free(&categories);
    return text;
}

/* --- the list ----------------------------------------------------------------------------- */

static size_t count_category(const struct store_labels *labels, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; labels && i < labels->count; i++)
        count += labels->categories[i] && strcmp(labels->categories[i], name) == 0;
    return count;
}

static json_t *set_json(const struct view *view, const struct sets_access *sets, const char *name)
{
    char *text = set_text(sets, name);
    json_t *content = text ? json_loads(text, 0, NULL) : NULL, *categories = json_array(), *prompts;
    const struct store_labels *labels = NULL;
    for (size_t i = 0; i < sets->run_count; i++)
        if (strcmp(sets->run[i].name, name) == 0)
            labels = snapshot_labels(view->snapshot, name);
    const char *category;
    json_object_foreach(content, category, prompts)
    {
        json_t *list = json_is_array(prompts) ? json_incref(prompts) : json_pack("[O]", prompts);
        json_array_append_new(categories,
                              json_pack("{s:s, s:o, s:I}", "name", category, "prompts", list,
                                        "count", (json_int_t)count_category(labels, category)));
    }
    size_t labelled = 0, none = 0;
    for (size_t i = 0; labels && i < labels->count; i++) {
        labelled += labels->positions[i] != -2;
        none += labels->positions[i] == -1;
    }
    bool is_default = strcmp(name, STORE_SET_DEFAULT) == 0;
    json_t *out = json_pack("{s:o, s:b, s:b, s:b, s:I, s:o, s:I}", "name", json_utf8(name), "saved",
                            is_default || json_object_get(sets->saved, name) != NULL, "default",
                            is_default, "run", labels != NULL, "labelled", (json_int_t)labelled,
                            "categories", categories, "none", (json_int_t)none);
    json_decref(content);
    free(text);
    return out;
}

static json_t *all_sets(const struct view *view, const struct sets_access *sets)
{
    json_t *list = json_array(), *value;
    bool has_default = false;
    const char *name;
    for (size_t i = 0; i < sets->run_count; i++) {
        has_default |= strcmp(sets->run[i].name, STORE_SET_DEFAULT) == 0;
        json_array_append_new(list, set_json(view, sets, sets->run[i].name));
    }
    json_object_foreach(sets->saved, name, value)
    {
        bool run = false;
        for (size_t i = 0; i < sets->run_count; i++)
            run |= strcmp(sets->run[i].name, name) == 0;
        if (!run)
            json_array_append_new(list, set_json(view, sets, name));
    }
    if (!has_default)
        json_array_append_new(list, set_json(view, sets, STORE_SET_DEFAULT));
    return list;
}

void api_categories(struct exchange *x)
{
    const struct view *view = live_view(x->server->live);
    struct sets_access sets = {.model_id = view->snapshot->model_id};
    struct err err;
    if (live_read(x->server->live, load_sets, &sets, &err) == OK)
        reply_json(x, 200, json_pack("{s:o}", "sets", all_sets(view, &sets)));
    else
        reply_err(x, &err);
    close_sets(&sets);
    live_release(x->server->live, view);
}

/* --- reading a set ------------------------------------------------------------------------ */

static bool read_prompts(struct fields *fields, const json_t *item)
{
    const json_t *prompts = fields_array(fields, item, "prompts", 1, SET_PROMPTS_MAX);
    if (fields->ok && !prompts)
        fields_fail(fields, "prompts", "the field is missing");
    for (size_t i = 0; prompts && i < json_array_size(prompts); i++) {
        const json_t *prompt = json_array_get(prompts, i);
        size_t length = json_string_length(prompt);
        if (!json_is_string(prompt) || length == 0 || length > PHRASE_BYTES_MAX)
            fields_fail(fields, "prompts", "each is a text of 1 to %d bytes", PHRASE_BYTES_MAX);
    }
    return fields->ok;
}

/* [{"name", "prompts"}] of the request -> the object of a category file. NULL, and answered. */
static json_t *read_categories(struct fields *fields, const json_t *request)
{
    static const char *const names[] = {"name", "prompts", NULL};
    const json_t *list = fields_array(fields, request, "categories", 1, SET_CATEGORIES_MAX);
    if (fields->ok && !list)
        fields_fail(fields, "categories", "the field is missing");
    json_t *content = json_object();
    for (size_t i = 0; list && fields->ok && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        fields->where = "categories: ";
        if (!json_is_object(item)) {
            fields_fail(fields, "", "a list of objects is accepted");
            break;
        }
        fields_only(fields, item, names);
        const char *name = fields_text(fields, item, "name", CATEGORY_NAME_MAX);
        if (!read_prompts(fields, item))
            break;
        if (json_object_get(content, name))
            fields_fail(fields, "name", "\"%.100s\" is there twice", name);
        else
            json_object_set(content, name, json_object_get(item, "prompts"));
    }
    fields->where = "";
    if (fields->ok)
        return content;
    json_decref(content);
    return NULL;
}

/* What fields_number() reads, or null for NAN. */
static double read_cosine(struct fields *fields, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return !value || json_is_null(value) ? NAN : fields_number(fields, object, name, NAN, -1, 1);
}

static void read_options(struct fields *fields, const json_t *object, struct classify_options *out)
{
    static const char *const names[] = {"none_below", "multi", "uncertain_margin", NULL};
    fields_only(fields, object, names);
    double several_from = read_cosine(fields, object, "multi");
    *out = (struct classify_options){
        .none_below = read_cosine(fields, object, "none_below"),
        .uncertain_margin =
            fields_number(fields, object, "uncertain_margin", UNCERTAIN_MARGIN, 0, 1),
        .several = !isnan(several_from),
        .several_from = several_from,
    };
}

/* --- classifying -------------------------------------------------------------------------- */

/* out: [count, D] */
static enum status encode_categories(struct encoder *encoder, const struct categories *categories,
                                     int dim, float *out, struct err *err)
{
    size_t d = (size_t)dim;
    float *vectors = calloc(TEXT_BATCH, d * sizeof *vectors);
    if (!vectors)
        return err_no_memory(err, "the categories", TEXT_BATCH * d * sizeof *vectors);
    enum status status = OK;
    for (size_t c = 0; status == OK && c < categories->count; c++) {
        const struct category *category = &categories->items[c];
        float *sum = out + c * d;
        memset(sum, 0, d * sizeof *sum);
        for (size_t first = 0; status == OK && first < category->prompt_count;
             first += TEXT_BATCH) {
            struct encoder_job jobs[TEXT_BATCH];
            size_t count = category->prompt_count - first;
            count = count < TEXT_BATCH ? count : TEXT_BATCH;
            for (size_t i = 0; i < count; i++)
                jobs[i] = (struct encoder_job){.text = category->prompts[first + i],
                                               .out = vectors + i * d};
            status = encoder_run(encoder, jobs, count, err);
            for (size_t i = 0; status == OK && i < count * d; i++)
                sum[i % d] += vectors[i];
        }
        embedding_normalize(sum, dim);
    }
    free(vectors);
    return status;
}

/* json: of a category file. */
static enum status classify(struct server *server, const struct view *view, const char *json,
                            const struct classify_options *options, struct categories *categories,
                            struct classification *out, struct err *err)
{
    size_t dim = (size_t)server->info->embed_dim;
    enum status status = categories_parse(categories, json, strlen(json), err);
    if (status != OK)
        return status;
    float *vectors = calloc(categories->count, dim * sizeof *vectors);
    if (!vectors)
        return err_no_memory(err, "the categories", categories->count * dim * sizeof *vectors);
    status = encode_categories(server->encoder, categories, (int)dim, vectors, err);
    if (status == OK)
        status = classify_run(out, view->snapshot->kernels, view->matrix, vectors,
                              categories->count, (double)server->info->logit_scale, options, err);
    free(vectors);
    return status;
}

/* --- trying ------------------------------------------------------------------------------- */

struct example {
    size_t row;
    double confidence;
    float cosine;
};

static bool surer(const struct example *a, const struct example *b)
{
    return a->confidence != b->confidence ? a->confidence > b->confidence : a->cosine > b->cosine;
}

/* Keeps the best `most`, best first. */
static void put_example(struct example *best, size_t *count, size_t most, struct example one)
{
    size_t i = *count < most ? (*count)++ : most;
    for (; i > 0 && surer(&one, &best[i - 1]); i--)
        if (i < most)
            best[i] = best[i - 1];
    if (i < most)
        best[i] = one;
}

/* With `rows`, only these count. */
static json_t *tried_category(const struct view *view, const struct classification *labels,
                              const struct row_set *rows, int category, const char *name,
                              size_t most)
{
    struct example best[TRY_EXAMPLES_MAX];
    size_t kept = 0, count = 0;
    for (size_t row = 0; row < labels->count; row++) {
        const struct verdict *verdict = &labels->verdicts[row];
        if (verdict->category != category || !row_set_has(rows, row))
            continue;
        float cosine = labels->cosines[row * labels->category_count + (size_t)category];
        count++;
        put_example(best, &kept, most, (struct example){row, verdict->confidence, cosine});
    }
    json_t *examples = json_array();
    for (size_t i = 0; i < kept; i++)
        json_array_append_new(examples,
                              json_pack("{s:o, s:o, s:o}", "photo", answer_photo(view, best[i].row),
                                        "confidence", json_score(best[i].confidence), "cosine",
                                        json_score(fmin((double)best[i].cosine, 1))));
    return json_pack("{s:s, s:I, s:o}", "name", name, "count", (json_int_t)count, "examples",
                     examples);
}

static void count_verdicts(const struct classification *labels, const struct row_set *rows,
                           size_t *none, size_t *uncertain)
{
    *none = *uncertain = 0;
    for (size_t row = 0; row < labels->count; row++) {
        if (rows && !row_set_has(rows, row))
            continue;
        *none += labels->verdicts[row].category < 0;
        *uncertain += labels->verdicts[row].uncertain;
    }
}

struct trial {
    json_t *content;
    struct classify_options options;
    struct filter filter;
    size_t examples;
};

static void answer_trial(struct exchange *x, const struct trial *trial)
{
    double begin = clock_seconds();
    const struct view *view = live_view(x->server->live);
    struct categories categories = {0};
    struct classification labels = {0};
    struct row_set rows = {0};
    struct err err;
    char *text = json_dumps(trial->content, JSON_COMPACT);
    enum status status = text ? row_set_open(&rows, view->matrix->count, true, &err)
                              : err_no_memory(&err, "the categories", 0);
    if (status == OK)
        status = filter_apply(&trial->filter, view->snapshot, &rows, &err);
    if (status == OK)
        status = classify(x->server, view, text, &trial->options, &categories, &labels, &err);
    if (status == OK) {
        size_t none, uncertain;
        json_t *list = json_array();
        count_verdicts(&labels, &rows, &none, &uncertain);
        for (size_t i = 0; i < categories.count; i++)
            json_array_append_new(list, tried_category(view, &labels, &rows, (int)i,
                                                       categories.items[i].name, trial->examples));
        reply_json(x, 200,
                   json_pack("{s:I, s:I, s:I, s:o, s:o}", "total", (json_int_t)row_set_count(&rows),
                             "none", (json_int_t)none, "uncertain", (json_int_t)uncertain,
                             "elapsed_ms", json_score((clock_seconds() - begin) * 1e3),
                             "categories", list));
    } else {
        reply_err(x, &err);
    }
    free(text);
    row_set_close(&rows);
    classification_free(&labels);
    categories_free(&categories);
    live_release(x->server->live, view);
}

void api_categories_try(struct exchange *x)
{
    static const char *const names[] = {"categories", "options", "filters", "examples", NULL};
    json_t *request = read_json_body(x);
    if (!request)
        return;
    struct trial *trial = calloc(1, sizeof *trial);
    struct fields fields = {.x = x, .where = "", .ok = trial != NULL};
    if (!trial)
        reply_error(x, 503, "not enough memory just now");
    if (fields.ok)
        fields_only(&fields, request, names);
    if (fields.ok)
        trial->content = read_categories(&fields, request);
    if (fields.ok)
        read_options(&fields, fields_object(&fields, request, "options"), &trial->options);
    if (fields.ok)
        trial->examples =
            (size_t)fields_integer(&fields, request, "examples", TRY_EXAMPLES, 0, TRY_EXAMPLES_MAX);
    if (fields.ok && filters_from_json(&fields, request, &trial->filter))
        answer_trial(x, trial);
    if (trial)
        json_decref(trial->content);
    free(trial);
    json_decref(request);
}

/* --- saving, forgetting, running ---------------------------------------------------------- */

/* The set's name in the address. False, and answered. */
static bool check_name(struct exchange *x, bool default_too)
{
    const char *name = x->captured[0];
    size_t length = strlen(name);
    bool ok = length > 0 && length <= STORE_SET_MAX;
    json_t *text = json_string(name); /* NULL unless it is UTF-8 */
    if (!ok || !text)
        reply_error(x, 400, "the name of a set is a text of 1 to %d bytes", STORE_SET_MAX);
    else if (!default_too && strcmp(name, STORE_SET_DEFAULT) == 0)
        reply_error(x, 409, "the default set ships with the program: save it under another name");
    ok = ok && text && (default_too || strcmp(name, STORE_SET_DEFAULT) != 0);
    json_decref(text);
    return ok;
}

void api_categories_save(struct exchange *x)
{
    static const char *const names[] = {"categories", NULL};
    json_t *request = check_name(x, false) ? read_json_body(x) : NULL;
    if (!request)
        return;
    struct fields fields = {.x = x, .where = "", .ok = true};
    fields_only(&fields, request, names);
    json_t *content = fields.ok ? read_categories(&fields, request) : NULL;
    if (content) {
        const struct view *view = live_view(x->server->live);
        struct sets_access sets = {
            .model_id = view->snapshot->model_id, .name = x->captured[0], .content = content};
        struct err err;
        enum status status = live_work(x->server->live, STORE_WRITE, save_set, &sets, &err);
        json_decref(sets.saved);
        sets.saved = NULL;
        if (status == OK)
            status = live_read(x->server->live, load_sets, &sets, &err);
        if (status == OK)
            reply_json(x, 200, set_json(view, &sets, x->captured[0]));
        else
            reply_err(x, &err);
        close_sets(&sets);
        live_release(x->server->live, view);
    }
    json_decref(content);
    json_decref(request);
}

void api_categories_drop(struct exchange *x)
{
    if (!check_name(x, false))
        return;
    struct sets_access sets = {.model_id = live_model_id(x->server->live), .name = x->captured[0]};
    struct err err;
    if (live_work(x->server->live, STORE_WRITE, drop_set, &sets, &err) != OK)
        reply_err(x, &err);
    else if (!sets.found)
        reply_error(x, 404, "there is no category set of this name");
    else
        reply_no_content(x);
    close_sets(&sets);
    live_refresh(x->server->live);
}

struct labels_write {
    const struct view *view;
    const struct classification *labels;
    const struct categories *categories;
    const char *set;
};

static enum status write_labels(struct store *store, void *user, struct err *err)
{
    const struct labels_write *write = user;
    return classification_keep(write->labels, store, write->view->snapshot->model_id, write->set,
                               write->view->matrix, write->categories, NULL, err);
}

static json_t *ran_json(const struct labels_write *ran, double begin)
{
    size_t none, uncertain;
    count_verdicts(ran->labels, NULL, &none, &uncertain);
    json_t *list = json_array();
    for (size_t c = 0; c < ran->categories->count; c++) {
        size_t count = 0;
        for (size_t row = 0; row < ran->labels->count; row++)
            count += ran->labels->verdicts[row].category == (int)c;
        json_array_append_new(list, json_pack("{s:s, s:I}", "name", ran->categories->items[c].name,
                                              "count", (json_int_t)count));
    }
    return json_pack("{s:o, s:I, s:I, s:I, s:o, s:o}", "set", json_utf8(ran->set), "total",
                     (json_int_t)ran->labels->count, "none", (json_int_t)none, "uncertain",
                     (json_int_t)uncertain, "elapsed_ms",
                     json_score((clock_seconds() - begin) * 1e3), "categories", list);
}

static void run_set(struct exchange *x, const struct classify_options *options)
{
    double begin = clock_seconds();
    const struct view *view = live_view(x->server->live);
    struct sets_access sets = {.model_id = view->snapshot->model_id};
    struct categories categories = {0};
    struct classification labels = {0};
    struct labels_write write = {view, &labels, &categories, x->captured[0]};
    struct err err;
    char *text = NULL;
    enum status status = live_read(x->server->live, load_sets, &sets, &err);
    if (status == OK) {
        text = set_text(&sets, x->captured[0]);
        if (!text)
            status = err_set(&err, ERR_NOT_FOUND, "there is no category set of this name");
    }
    if (status == OK)
        status = classify(x->server, view, text, options, &categories, &labels, &err);
    if (status == OK)
        status = live_work(x->server->live, STORE_WRITE, write_labels, &write, &err);
    if (status == OK) {
        live_refresh(x->server->live);
        reply_json(x, 200, ran_json(&write, begin));
    } else {
        reply_err(x, &err);
    }
    free(text);
    classification_free(&labels);
    categories_free(&categories);
    close_sets(&sets);
    live_release(x->server->live, view);
}

void api_categories_run(struct exchange *x)
{
    json_t *request = NULL;
    if (!check_name(x, true))
        return;
    if (x->body_size > 0 && !(request = read_json_body(x)))
        return;
    struct fields fields = {.x = x, .where = "", .ok = true};
    struct classify_options options;
    read_options(&fields, request, &options);
    if (fields.ok)
        run_set(x, &options);
    json_decref(request);
}
