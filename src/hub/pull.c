/* SPDX-License-Identifier: MIT
 *
 * See pull.h. The first answer of the hub names the commit that the revision stands for; everything
 * after that is asked of that commit, so that the files belong together even if the repository
 * changes meanwhile.
 */
#include "hub/pull.h"

#include "base/clock.h"
#include "base/file.h"
#include "hub/fetch.h"
#include "hub/settings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 12 /* the longest plan has 8 */
#define PATH_BYTES 4096
#define SOURCE_MAX (64 << 10)

struct pull_file {
    const char *name; /* in the folder and in the repository */
    char *url;
    struct part_identity known;
    char hash_begin[9]; /* the first digits of the SHA-256, from the file's name; "" */
    bool weights;
    struct fetch_result result;
};

struct pull {
    const struct model_place *place;
    struct pull_options options;
    struct hub_settings settings;
    struct http *http;
    struct fetch fetch;
    char host[256];
    char commit[80];
    struct pull_file files[FILES_MAX];
    int count;
    struct pull_info info;
};

/* ---- errors that say how to go on -------------------------------------------------------- */

static enum status how_without_network(const struct pull *p, enum status status, const char *why,
                                       struct err *err)
{
    return err_set(err, status,
                   "the model %s is not here, and %s: run `fovea pull %s` where there is a network "
                   "and copy its folder to %s, or try `fovea demo`",
                   p->place->name, why, p->place->name, p->place->dir);
}

static enum status cannot_reach(const struct pull *p, struct err *err)
{
    char why[400];
    snprintf(why, sizeof why, "its source cannot be reached (%.350s)", err->text);
    return how_without_network(p, ERR_IO, why, err);
}

/* ---- finding out ------------------------------------------------------------------------- */

static struct pull_file *add_file(struct pull *p, const char *name, char *url)
{
    struct pull_file *f = &p->files[p->count++];
    *f = (struct pull_file){.name = name, .url = url, .known = {.size = -1}};
    return f;
}

/* {endpoint}/{repo}/resolve/{revision}/{file}; a '/' in a revision is written %2F. */
static enum status make_url(const struct pull *p, const char *file, char **out, struct err *err)
{
    struct str url = str_new(HTTP_URL_MAX - 1);
    const char *revision = p->commit[0] ? p->commit : p->place->revision;
    str_format(&url, "%s/%s/resolve/", p->settings.endpoint, p->place->repo);
    for (; *revision; revision++)
        str_put(&url, *revision == '/' ? "%2F" : (const char[]){*revision, '\0'});
    str_format(&url, "/%s", file);
    *out = str_ok(&url) ? strdup(str_text(&url)) : NULL;
    str_free(&url);
    return *out ? OK : err_no_memory(err, "an address", HTTP_URL_MAX);
}

static bool is_hex(const char *text, size_t size)
{
    return strlen(text) == size && strspn(text, "0123456789abcdef") == size;
}

/* A large file's ETag is its SHA-256, and a small one's is git's name for it. */
static void identify(struct part_identity *known, const struct http_answer *a)
{
    size_t size = strlen(a->etag);
    known->size = a->linked_size >= 0 ? a->linked_size : a->code == 200 ? a->length : -1;
    if (is_hex(a->linked_etag, 64)) {
        memcpy(known->sha256, a->linked_etag, 65);
    } else if (a->code == 200) {
        memcpy(known->etag, a->etag, sizeof known->etag);
        if (size == 42 && a->etag[0] == '"' && a->etag[41] == '"' &&
            strspn(a->etag + 1, "0123456789abcdef") == 40)
            memcpy(known->git_blob, a->etag + 1, 40);
    }
}

/* Puts a file of the repository on the list if it is there. *there tells; any other trouble than a
 * missing file is an error. */
static enum status look_for(struct pull *p, const char *name, bool *there, struct err *err)
{
    char *url = NULL;
    struct http_answer a = {0};
    bool unreached = false;
    *there = false;
    enum status status = make_url(p, name, &url, err);
    if (status == OK)
        status = fetch_probe(&p->fetch, url, true, &a, &unreached, err);
    if (status == OK && a.code >= 400) {
        bool only_file =
            a.code == 404 && (!a.error_code[0] || !strcmp(a.error_code, "EntryNotFound"));
        char what[400];
        snprintf(what, sizeof what, "%s%s%s", p->place->repo,
                 strcmp(p->place->revision, "main") == 0 ? "" : "@",
                 strcmp(p->place->revision, "main") == 0 ? "" : p->place->revision);
        if (!only_file)
            status = fetch_refusal(&a, what, p->settings.token[0] != '\0', err);
    } else if (status == OK) {
        if (!p->commit[0] && is_hex(a.commit, 40)) {
            memcpy(p->commit, a.commit, 41);
            free(url);
            status = make_url(p, name, &url, err);
        }
        if (status == OK) {
            struct pull_file *f = add_file(p, name, url);
            identify(&f->known, &a);
            *there = true;
            return OK;
        }
    }
    free(url);
    return unreached ? cannot_reach(p, err) : status;
}

/* The first of the names that is there. */
static enum status look_for_one(struct pull *p, const char *const *names, bool *found,
                                struct err *err)
{
    enum status status = OK;
    *found = false;
    for (; status == OK && !*found && *names; names++)
        status = look_for(p, *names, found, err);
    return status;
}

static enum status no_weights(struct pull *p, const char *const *names, struct err *err)
{
    static const char *const in_parts[] = {
        "open_clip_model.safetensors.index.json", "open_clip_pytorch_model.bin.index.json",
        "model.safetensors.index.json", "pytorch_model.bin.index.json", NULL};
    bool found;
    enum status status = look_for_one(p, in_parts, &found, err);
    if (status != OK)
        return status;
    if (found)
        return err_set(err, ERR_UNSUPPORTED,
                       "the weights of %s are in several files (%s), which fovea does not read",
                       p->place->repo, p->files[p->count - 1].name);
    return err_set(err, ERR_NOT_FOUND, "%s has no weights that fovea reads: neither %s nor %s",
                   p->place->repo, names[0], names[1] ? names[1] : "another");
}

/* A tag of the registry needs no tokenizer's files: what it needs is built in. A repository that is
 * named itself may bring its own. */
static enum status plan_hub(struct pull *p, struct err *err)
{
    static const char *const own[] = {"open_clip_model.safetensors", "open_clip_pytorch_model.bin",
                                      NULL};
    static const char *const transformers[] = {"model.safetensors", "pytorch_model.bin", NULL};
    static const char *const extra[] = {"tokenizer.json", "vocab.json", "merges.txt",
                                        "tokenizer_config.json"};
    const struct registry_tag *tag = p->place->tag;
    const char *const named[] = {tag ? tag->file : NULL, NULL};
    const char *const *weights = named[0] ? named : own;
    bool found;
    enum status status = look_for(p, MODEL_CONFIG_NAME, &found, err);
    if (status == OK && !found && !tag) {
        status = look_for(p, "config.json", &found, err);
        weights = transformers;
        if (status == OK && !found)
            status = err_set(err, ERR_NOT_FOUND,
                             "%s is no CLIP model: it has neither " MODEL_CONFIG_NAME
                             " nor config.json (or there is no such repository)",
                             p->place->repo);
        if (status == OK)
            status = look_for(p, "preprocessor_config.json", &found, err);
    }
    for (size_t i = 0; status == OK && !tag && i < sizeof extra / sizeof *extra; i++)
        status = look_for(p, extra[i], &found, err);
    if (status == OK)
        status = look_for_one(p, weights, &found, err);
    if (status == OK && !found)
        return no_weights(p, weights, err);
    if (status == OK)
        p->files[p->count - 1].weights = true;
    return status;
}

/* Names such as vit_b_32-quickgelu-laion400m_e31-d867053b.pt end in the beginning of their hash. */
static void take_hash_from_name(struct pull_file *f)
{
    const char *dot = strrchr(f->name, '.');
    const char *digits = dot && dot - f->name > 9 ? dot - 8 : NULL;
    if (!digits || digits[-1] != '-' || strspn(digits, "0123456789abcdef") != 8)
        return;
    memcpy(f->hash_begin, digits, 8);
    f->hash_begin[8] = '\0';
}

static enum status plan_url(struct pull *p, struct err *err)
{
    const char *url = p->place->tag->url;
    struct http_answer a;
    bool unreached = false;
    char *own = strdup(url);
    if (!own)
        return err_no_memory(err, "an address", strlen(url));
    struct pull_file *f = add_file(p, path_basename(url), own);
    f->weights = true;
    take_hash_from_name(f);
    const struct fetch plain = {.http = p->http,
                                .limits = p->fetch.limits,
                                .note = p->fetch.note,
                                .context = p->fetch.context};
    enum status status = fetch_probe(&plain, url, false, &a, &unreached, err);
    if (status != OK)
        return unreached ? cannot_reach(p, err) : status;
    if (a.code == 404 || a.code == 410 || a.code == 401)
        return fetch_refusal(&a, url, false, err);
    if (a.code == 200) /* some servers sign their redirects for GET only: then it stays open */
        f->known.size = a.length;
    return OK;
}

static void forget_files(struct pull *p)
{
    for (int i = 0; i < p->count; i++)
        free(p->files[i].url);
    p->count = 0;
}

static enum status plan(struct pull *p, struct err *err)
{
    const struct registry_tag *tag = p->place->tag;
    enum pull_from from = p->options.from;
    if (from == PULL_URL && (!tag || !tag->url))
        return err_set(err, ERR_ARGUMENT, "%s is only on the hub", p->place->name);
    bool both = tag && tag->url && from == PULL_ANY;
    bool by_url = from == PULL_URL || (both && tag->prefer_url);
    enum status status = by_url ? plan_url(p, err) : plan_hub(p, err);
    if (status == ERR_NOT_FOUND && both && !by_url) {
        char text[ERR_TEXT_MAX + 64];
        snprintf(text, sizeof text, "%s; taking it from %s", err->text, tag->url);
        if (p->options.note)
            p->options.note(p->options.context, text);
        forget_files(p);
        p->commit[0] = '\0';
        by_url = true;
        status = plan_url(p, err);
    }
    p->info.source = by_url ? tag->url : p->place->repo;
    return status;
}

/* ---- opening ------------------------------------------------------------------------------ */

static enum status file_path(const struct pull *p, const char *name, struct str *out,
                             struct err *err)
{
    str_clear(out);
    path_join(out, p->place->dir, name);
    return str_ok(out) ? OK : err_set(err, ERR_ARGUMENT, "the path of %s is too long", name);
}

static void sum_up(struct pull *p)
{
    struct str path = str_new(PATH_BYTES);
    struct pull_info *info = &p->info;
    struct stat st;
    struct err ignored;
    info->exact = true;
    for (int i = 0; i < p->count; i++) {
        const struct pull_file *f = &p->files[i];
        char part[300];
        snprintf(part, sizeof part, "%s.part", f->name);
        if (file_path(p, part, &path, &ignored) == OK && stat(str_text(&path), &st) == 0)
            info->bytes_here += (int64_t)st.st_size;
        if (f->known.size >= 0)
            info->bytes += f->known.size;
        else if (f->weights) {
            info->bytes += p->place->tag ? (int64_t)registry_bytes(p->place->tag) : 0;
            info->exact = false;
        }
    }
    if (p->count > 0) {
        const char *host = strstr(p->files[p->count - 1].url, "://");
        snprintf(p->host, sizeof p->host, "%.*s", (int)strcspn(host + 3, "/"), host + 3);
    }
    info->host = p->host;
    info->commit = p->commit;
    info->weights_sha256 = "";
    str_free(&path);
}

static enum status start(struct pull *p, struct err *err)
{
    enum status status = hub_settings_load(&p->settings, err);
    if (status != OK)
        return status;
    if (p->options.offline || p->settings.offline)
        return how_without_network(p, ERR_NOT_FOUND,
                                   p->options.offline
                                       ? "--offline keeps fovea off the network"
                                       : "HF_HUB_OFFLINE keeps fovea off the network",
                                   err);
    status = http_open(&p->http, &p->settings.limits.http, p->settings.endpoint, err);
    p->fetch = (struct fetch){.http = p->http,
                              .limits = &p->settings.limits,
                              .token = p->settings.token[0] ? p->settings.token : NULL,
                              .progress = p->options.progress,
                              .note = p->options.note,
                              .context = p->options.context};
    return status == OK ? plan(p, err) : status;
}

enum status pull_open(struct pull **out, const struct model_place *place,
                      const struct pull_options *options, struct err *err)
{
    *out = NULL;
    if (!place->repo)
        return err_set(err, ERR_ARGUMENT, "%s is not a model of the hub or the registry",
                       place->name);
    struct pull *p = calloc(1, sizeof *p);
    if (!p)
        return err_no_memory(err, "a download", sizeof *p);
    p->place = place;
    p->options = *options;
    enum status status = start(p, err);
    if (status != OK) {
        pull_close(p);
        return status;
    }
    sum_up(p);
    *out = p;
    return OK;
}

const struct pull_info *pull_info(const struct pull *p)
{
    return &p->info;
}

void pull_close(struct pull *p)
{
    if (!p)
        return;
    forget_files(p);
    http_close(p->http);
    free(p);
}

/* ---- transferring -------------------------------------------------------------------------- */

static enum status run_file(struct pull *p, struct pull_file *f, struct err *err)
{
    struct str path = str_new(PATH_BYTES);
    enum status status = file_path(p, f->name, &path, err);
    const struct fetch_file file = {
        .url = f->url,
        .path = str_text(&path),
        .label = f->name,
        .what = p->info.source,
        .on_hub = p->info.source == p->place->repo,
        .known = f->known,
        .sha256_begin = f->hash_begin[0] ? f->hash_begin : NULL,
        .limit_bytes = f->weights ? PULL_WEIGHTS_MAX : PULL_SMALL_MAX,
    };
    struct fetch how = p->fetch;
    if (!f->weights && how.progress != PROGRESS_EVENTS)
        how.progress = PROGRESS_QUIET;
    if (status == OK)
        status = fetch_run(&how, &file, &f->result, err);
    str_free(&path);
    return status;
}

static enum status check_model_type(const struct pull *p, const char *json, size_t size,
                                    struct err *err)
{
    json_t *config = json_loadb(json, size, 0, NULL);
    const char *type = json_string_value(json_object_get(config, "model_type"));
    enum status status = OK;
    if (!type || strcmp(type, "clip") != 0)
        status = err_set(err, ERR_UNSUPPORTED,
                         "%s is no CLIP model that fovea reads: it has no " MODEL_CONFIG_NAME
                         ", and its config.json is of the type '%.60s'",
                         p->place->repo, type ? type : "unknown");
    json_decref(config);
    return status;
}

/* A repository may be of any kind of network; better to know before gigabytes. Models of the
 * registry are known. */
static enum status check_config(const struct pull *p, const struct pull_file *f, struct err *err)
{
    bool transformers = strcmp(f->name, "config.json") == 0;
    if (p->place->tag || (!transformers && strcmp(f->name, MODEL_CONFIG_NAME) != 0))
        return OK;
    struct str path = str_new(PATH_BYTES);
    struct file_bytes file = {0};
    enum status status = file_path(p, f->name, &path, err);
    if (status == OK)
        status = file_read(&file, str_text(&path), PULL_SMALL_MAX, err);
    str_free(&path);
    if (status != OK)
        return status;
    if (transformers)
        status = check_model_type(p, (const char *)file.data, file.size, err);
    if (status == OK && p->options.check_config)
        status = p->options.check_config(p->options.context, f->name, (const char *)file.data,
                                         file.size, err);
    file_bytes_free(&file);
    return status;
}

static enum status write_source(const struct pull *p, struct err *err)
{
    json_t *files = json_array();
    for (int i = 0; i < p->count; i++) {
        const struct pull_file *f = &p->files[i];
        if (!f->result.was_here)
            json_array_append_new(files,
                                  json_pack("{s:s, s:s, s:I, s:s, s:b}", "name", f->name, "url",
                                            f->url, "size", (json_int_t)f->result.size, "sha256",
                                            f->result.sha256, "verified", f->result.verified));
    }
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "model", p->place->name, "source",
                             p->info.source, "revision", p->place->revision, "commit", p->commit,
                             "pulled_at", (json_int_t)clock_unix(), "files", files);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    struct str path = str_new(PATH_BYTES);
    enum status status = text ? file_path(p, PULL_SOURCE_NAME, &path, err)
                              : err_no_memory(err, "a note", SOURCE_MAX);
    if (status == OK)
        status = file_write(str_text(&path), text, strlen(text), err);
    str_free(&path);
    free(text);
    json_decref(root);
    return status;
}

/* What came of a repository that is of no use goes again, and the folders hf-hub/ORG/REPO if they
 * are empty then. */
static void take_back(const struct pull *p)
{
    struct str path = str_new(PATH_BYTES);
    struct err ignored;
    for (int i = 0; i < p->count; i++)
        if (p->files[i].result.sha256[0] && file_path(p, p->files[i].name, &path, &ignored) == OK)
            unlink(str_text(&path));
    str_clear(&path);
    str_put(&path, p->place->dir);
    for (int level = 0; level < 3 && str_ok(&path) && rmdir(path.data) == 0; level++)
        *strrchr(path.data, '/') = '\0';
    str_free(&path);
}

enum status pull_run(struct pull *p, struct err *err)
{
    enum status status = dir_make(p->place->dir, err);
    bool transferred = false;
    for (int i = 0; status == OK && i < p->count; i++) {
        struct pull_file *f = &p->files[i];
        status = run_file(p, f, err);
        if (status == OK && (status = check_config(p, f, err)) != OK)
            take_back(p);
        transferred = transferred || !f->result.was_here;
    }
    if (status != OK)
        return status;
    const struct pull_file *weights = &p->files[p->count - 1];
    p->info.verified = weights->result.verified && !weights->result.was_here;
    p->info.weights_sha256 = weights->result.sha256;
    return transferred ? write_source(p, err) : OK;
}
