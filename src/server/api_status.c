/* SPDX-License-Identifier: MIT
 *
 * What is going on: status, events, health; the API's description; and logging in.
 */
#include "server/api.h"

#include "base/clock.h"
#include "image/image.h"
#include "search/query.h"
#include "server/answer.h"
#include "server/events.h"
#include "server/fields.h"
#include "server/internal.h"

#include <stdlib.h>
#include <string.h>

#define DEVICE "cpu"

extern const unsigned char openapi_json[];
extern const size_t openapi_json_size;

void api_openapi(struct exchange *x)
{
    reply_static(x, 200, "application/json", openapi_json, openapi_json_size);
}

void api_health(struct exchange *x)
{
    reply_json(x, 200,
               json_pack("{s:s, s:o, s:s}", "status", "ok", "model",
                         json_utf8(x->server->info->name), "device", DEVICE));
}

static json_t *library_json(const struct live_status *status)
{
    return json_pack(
        "{s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ok", status->ok, "detail",
        json_utf8(status->ok ? NULL : status->detail), "photos", (json_int_t)status->photos,
        "files", (json_int_t)status->summary.files, "failures",
        (json_int_t)status->summary.failures, "labelled", (json_int_t)status->summary.labelled,
        "file_bytes", (json_int_t)status->summary.file_bytes, "library_bytes",
        (json_int_t)status->summary.library_bytes, "revision", (json_int_t)status->revision);
}

static json_t *indexer_json(const struct live_indexer *indexer)
{
    const struct store_indexer *is = &indexer->is;
    return json_pack("{s:o, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "host",
                     json_utf8(indexer->host), "pid", (json_int_t)is->pid, "since_s",
                     json_score(is->since_s), "silent_s", json_score(is->silent_s), "in_hand",
                     (json_int_t)is->in_hand, "found", (json_int_t)is->so_far.found, "todo",
                     (json_int_t)is->so_far.todo, "done", (json_int_t)is->so_far.done, "failed",
                     (json_int_t)is->so_far.failed);
}

static json_t *indexing_json(const struct live_status *status)
{
    bool running = status->indexing;
    json_t *indexers = json_array();
    for (size_t i = 0; i < status->indexer_count; i++)
        json_array_append_new(indexers, indexer_json(&status->indexers[i]));
    return json_pack(
        "{s:b, s:I, s:I, s:o, s:o, s:o}", "running", running, "photos", (json_int_t)status->photos,
        "added", (json_int_t)(running ? status->added : 0), "per_second",
        running && status->per_second >= 0 ? json_score(status->per_second) : json_null(),
        "since_s", running ? json_score(status->indexing_for) : json_null(), "indexers", indexers);
}

static json_t *limits_json(void)
{
    return json_pack("{s:i, s:i, s:i, s:f, s:i}", "upload_bytes", UPLOAD_BYTES_MAX, "request_bytes",
                     FORM_BYTES_MAX, "images", UPLOADS_MAX, "megapixels", UPLOAD_MEGAPIXELS,
                     "results", RESULTS_MAX);
}

void api_status(struct exchange *x)
{
    const struct server *server = x->server;
    struct live_status status;
    live_status(server->live, &status);
    reply_json(
        x, 200,
        json_pack("{s:s, s:o, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:b, s:o}",
                  "version", FOVEA_VERSION, "model", json_utf8(server->info->name), "dim",
                  server->info->embed_dim, "precision", precision_names[server->info->precision],
                  "device", DEVICE, "uptime_s", json_score(clock_seconds() - server->started),
                  "library", library_json(&status), "indexing", indexing_json(&status), "limits",
                  limits_json(), "floors", "text", json_score(FLOOR_TEXT), "image",
                  json_score(FLOOR_IMAGE), "needs_token", server->gate.token[0] != '\0', "features",
                  json_pack("[s, s, s, s]", "duplicates", "categories", "groups", "map")));
}

void api_tell_status(struct server *server)
{
    struct live_status status;
    live_status(server->live, &status);
    json_t *event = json_pack("{s:o, s:o}", "library", library_json(&status), "indexing",
                              indexing_json(&status));
    char *text = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text)
        events_tell(server->events, "status", text, 1);
    free(text);
    json_decref(event);
}

void api_events(struct exchange *x)
{
    struct err err;
    if (x->method == METHOD_HEAD) {
        reply_static(x, 200, "text/event-stream", "", 0);
        return;
    }
    struct stream *stream;
    if (events_join(x->server->events, &stream, &err) != OK) {
        reply_err(x, &err);
        return;
    }
    reply_static(x, 200, "text/event-stream", NULL, 0);
    x->reply.kind = REPLY_STREAM;
    x->reply.stream = stream;
}

void api_login(struct exchange *x)
{
    static const char *const names[] = {"token", NULL};
    json_t *request = read_json_body(x);
    if (!request)
        return;
    struct fields fields = {.x = x, .where = "", .ok = true};
    fields_only(&fields, request, names);
    const char *token = fields_text(&fields, request, "token", TOKEN_BYTES_MAX);
    bool answered = !fields.ok;
    if (fields.ok && gate_try_token(&x->server->gate, x, token, &answered)) {
        reply_no_content(x);
        gate_set_cookie(&x->server->gate, x);
    } else if (!answered) {
        reply_error(x, 401, "that is not the token");
    }
    json_decref(request);
}

void api_logout(struct exchange *x)
{
    reply_no_content(x);
    gate_drop_cookie(x);
}
