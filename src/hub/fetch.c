/* SPDX-License-Identifier: MIT
 *
 * See fetch.h. Every attempt begins at the file's own address, since the address that a hub
 * redirects to is signed and expires. What an attempt has to bring is the bytes from the end of the
 * part on; what a server answers instead (all of it, another range, another size) is decided in
 * on_begin().
 */
#include "hub/fetch.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

struct attempt {
    const struct fetch *fetch;
    const struct fetch_file *file;
    struct part *part;
    struct progress *bar; /* NULL until the size is known */
    int64_t received;     /* by this attempt */
};

/* ---- what an answer means ----------------------------------------------------------------- */

enum status fetch_refusal(const struct http_answer *a, const char *what, bool with_token,
                          struct err *err)
{
    if (a->code == 404 && strcmp(a->error_code, "RevisionNotFound") == 0)
        return err_set(err, ERR_NOT_FOUND, "%s has no such revision (HTTP 404)", what);
    if (a->code == 404 || a->code == 410)
        return err_set(err, ERR_NOT_FOUND, "%s is not there (HTTP %ld); check the name", what,
                       a->code);
    if (a->code == 401 && !with_token)
        return err_set(err, ERR_IO,
                       "%s is private, gated or not there (HTTP 401); check the name, or set "
                       "HF_TOKEN to a token of an account that may read it",
                       what);
    if (a->code == 401)
        return err_set(err, ERR_IO,
                       "%s refused the token for %s (HTTP 401); check HF_TOKEN, or the name",
                       a->host, what);
    if (a->code == 403)
        return err_set(err, ERR_IO,
                       "no access to %s (HTTP 403): accept its terms on its page at %s%s", what,
                       a->host, with_token ? "" : ", and set HF_TOKEN to your account's token");
    if (a->code == 429)
        return err_set(err, ERR_IO, "%s is asked too often from here (HTTP 429)", a->host);
    return err_set(err, ERR_IO, "%s answered HTTP %ld for %s", a->host, a->code, what);
}

/* Announced in a range, or as the length of the whole. -1: not. */
static int64_t announced_size(const struct http_answer *a)
{
    return a->code == 206 ? a->total : a->length;
}

/* The size and the ETag are written down with the first answer; later ones must agree. */
static enum status identify(struct attempt *t, const struct http_answer *a, struct err *err)
{
    struct part_identity now = t->part->identity;
    int64_t size = announced_size(a);
    if (now.size >= 0 && size >= 0 && size != now.size)
        return err_set(err, ERR_FORMAT, "%s offers %lld bytes where %lld were announced", a->host,
                       (long long)size, (long long)now.size);
    if (size >= 0)
        now.size = size;
    if (!t->file->known.etag[0])
        memcpy(now.etag, a->etag, sizeof now.etag);
    if (now.size > t->file->limit_bytes)
        return err_set(err, ERR_LIMIT, "%s has %lld bytes; the limit is %lld", t->file->label,
                       (long long)now.size, (long long)t->file->limit_bytes);
    return part_identify(t->part, &now, err);
}

static void start_bar(struct attempt *t)
{
    if (t->bar)
        return;
    const struct progress_options look = {
        .mode = t->fetch->progress,
        .label = t->file->label,
        .bytes = true,
        .total = t->part->identity.size > 0 ? (uint64_t)t->part->identity.size : 0,
        .start = (uint64_t)t->part->size,
    };
    struct err ignored; /* without memory for a bar it goes on without one */
    if (progress_open(&t->bar, &look, &ignored) != OK)
        t->bar = NULL;
}

/* Another content, or a server that cannot say: from the first byte, and what was counted is not.
 */
static enum status begin_anew(struct attempt *t, const struct http_answer *a, struct err *err)
{
    if (t->part->size > 0 && t->fetch->note) {
        char text[512];
        snprintf(text, sizeof text, "%s sends %s from the beginning again", a->host,
                 t->file->label);
        t->fetch->note(t->fetch->context, text);
    }
    if (t->file->known.size < 0)
        t->part->identity.size = -1;
    progress_close(t->bar);
    t->bar = NULL;
    return part_restart(t->part, err);
}

static enum status on_begin(void *context, const struct http_answer *a, struct err *err)
{
    struct attempt *t = context;
    enum status status = OK;
    if (a->code == 200)
        status = begin_anew(t, a, err);
    else if (a->first != t->part->size)
        status = err_set(err, ERR_FORMAT, "%s sends another part of %s than was asked for", a->host,
                         t->file->label);
    if (status == OK)
        status = identify(t, a, err);
    if (status == OK && t->part->identity.size >= 0)
        status = part_check_space(t->part, t->part->identity.size - t->part->size, err);
    if (status == OK)
        start_bar(t);
    return status;
}

static enum status on_body(void *context, const void *data, size_t size, struct err *err)
{
    struct attempt *t = context;
    int64_t whole = t->part->identity.size;
    int64_t most = whole >= 0 ? whole : t->file->limit_bytes;
    if ((int64_t)size > most - t->part->size)
        return err_set(err, whole >= 0 ? ERR_FORMAT : ERR_LIMIT,
                       "%s sends more than %lld bytes of %s", t->file->url, (long long)most,
                       t->file->label);
    enum status status = part_append(t->part, data, size, err);
    if (status == OK) {
        t->received += (int64_t)size;
        if (t->bar)
            progress_add(t->bar, size, 0);
    }
    return status;
}

/* ---- asking ------------------------------------------------------------------------------- */

enum status fetch_probe(const struct fetch *f, const char *url, bool stop_at_other_host,
                        struct http_answer *answer, bool *unreached, struct err *err)
{
    struct retry retry = {.limits = f->limits, .note = f->note, .context = f->context};
    const struct http_request request = {
        .url = url, .head = true, .stop_at_other_host = stop_at_other_host, .token = f->token};
    for (;;) {
        enum http_failure failure;
        enum status status = http_run(f->http, &request, answer, &failure, err);
        /* A CDN that refuses headers alone (its address is signed for GET) will again. */
        if (status == OK && (answer->code == 403 || !retry_may_help(&retry, answer, failure)))
            return OK;
        if (status == OK)
            fetch_refusal(answer, url, f->token != NULL, err);
        status = retry_after(&retry, answer, failure, 0, err);
        *unreached =
            !retry.reached && (failure == HTTP_FAILED_RESOLVE || failure == HTTP_FAILED_CONNECT);
        if (status != OK)
            return status;
    }
}

/* A bar stands where a note would; the note goes above it. */
static void note_above_bar(void *context, const char *text)
{
    const struct attempt *t = context;
    if (t->bar && t->fetch->progress != PROGRESS_QUIET)
        progress_note(t->bar, "fovea: %s", text);
    else if (t->fetch->note)
        t->fetch->note(t->fetch->context, text);
}

static bool is_complete(const struct part *p)
{
    return p->identity.size >= 0 && p->size == p->identity.size;
}

/* One request. OK with *whole: every byte is there. */
static enum status attempt_once(struct attempt *t, struct http_answer *answer,
                                enum http_failure *failure, bool *whole, struct err *err)
{
    const struct fetch_file *file = t->file;
    const struct part_identity *id = &t->part->identity;
    const struct http_request request = {
        .url = file->url,
        .token = file->on_hub ? t->fetch->token : NULL,
        .from = t->part->size,
        /* Where the hash is known, it says at the end whether the parts belong together; an ETag
         * of the hub is not that of the machine which sends the bytes. */
        .if_range = !id->sha256[0] && id->etag[0] == '"' ? id->etag : NULL,
        .begin = on_begin,
        .body = on_body,
        .context = t,
    };
    t->received = 0;
    *whole = false;
    enum status status = http_run(t->fetch->http, &request, answer, failure, err);
    if (status != OK)
        return status;
    if (answer->code == 416 && (status = part_restart(t->part, err)) != OK) {
        *failure = HTTP_FAILED_CALLER;
        return status;
    }
    if (answer->code != 200 && answer->code != 206)
        return fetch_refusal(answer, file->what, request.token != NULL, err);
    *whole = id->size < 0 || t->part->size == id->size;
    if (*whole)
        return OK;
    *failure = HTTP_FAILED_BROKEN;
    return err_set(err, ERR_IO, "%s ended after %lld of %lld bytes", answer->host,
                   (long long)t->part->size, (long long)id->size);
}

static enum status fill(struct attempt *t, struct err *err)
{
    struct retry retry = {.limits = t->fetch->limits, .note = note_above_bar, .context = t};
    bool whole = is_complete(t->part);
    while (!whole) {
        struct http_answer answer;
        enum http_failure failure;
        enum status status = attempt_once(t, &answer, &failure, &whole, err);
        if (status == OK && whole)
            break;
        status = retry_after(&retry, &answer, failure, t->received, err);
        if (status != OK)
            return status;
    }
    return OK;
}

static void say_waiting(void *context)
{
    const struct attempt *t = context;
    char text[512];
    snprintf(text, sizeof text, "another process is downloading %s; waiting for it",
             t->file->label);
    if (t->fetch->note)
        t->fetch->note(t->fetch->context, text);
}

enum status fetch_run(const struct fetch *fetch, const struct fetch_file *file,
                      struct fetch_result *result, struct err *err)
{
    struct part part;
    struct attempt t = {.fetch = fetch, .file = file, .part = &part};
    const char *hash = file->known.sha256[0] ? file->known.sha256 : file->sha256_begin;
    *result = (struct fetch_result){.verified = hash || file->known.git_blob[0]};
    enum status status =
        part_open(&part, file->path, &file->known, say_waiting, &t, &result->was_here, err);
    if (status != OK || result->was_here)
        return status;
    status = fill(&t, err);
    progress_close(t.bar);
    if (status == OK)
        status = part_finish(&part, hash, result->sha256, err);
    result->size = part.size;
    part_close(&part);
    return status == OK ? OK : err_prefix(err, "%s", file->label);
}
