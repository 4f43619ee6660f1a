/* SPDX-License-Identifier: MIT
 *
 * A hub or mirror that answers anything: headers (Content-Range, ETag, Location, the hub's own),
 * redirects, bodies that are cut or too long, an answer behind another. The linker puts functions
 * in the place of libcurl's, so that no network takes part: what libcurl makes of a socket is its
 * own affair, what fovea makes of an answer is looked at here.
 *
 * The first byte says what is asked: a file, its head, a whole model. Then answers follow, each up
 * to a zero byte: "CODE\n", header lines, an empty line, the body. A code below 100 is one of
 * libcurl's errors, after the body. Behind the last one nobody answers.
 *
 * Nothing is asked but by https, the token goes to the hub alone, a file that has its name is the
 * one that was wanted and not larger than it may be.
 */
#include "fuzz.h"
#include "rig.h"

#include "base/file.h"
#include "hub/fetch.h"
#include "hub/pull.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUB "https://hub.example"
#define TOKEN "hf_secret"
enum { LIMIT = 200, ANSWERS_MAX = 64 };

static struct fuzz_input answers; /* still to come */
static unsigned answered;

/* What libcurl was told, and what it would tell. */
static struct {
    char url[HTTP_URL_MAX];
    curl_write_callback header, body;
    void *header_user, *body_user;
    const struct curl_slist *headers;
    bool head;
    long code;
    curl_off_t retry_after;
    char *location;
} wire;

/* The macros of curl.h are for callers. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
CURLcode __wrap_curl_easy_setopt(CURL *, CURLoption, ...);
CURLcode __wrap_curl_easy_getinfo(CURL *, CURLINFO, ...);
CURLcode __wrap_curl_easy_perform(CURL *);

CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    va_list args;
    va_start(args, option);
    if (option == CURLOPT_URL)
        snprintf(wire.url, sizeof wire.url, "%s", va_arg(args, const char *));
    else if (option == CURLOPT_HEADERFUNCTION)
        wire.header = va_arg(args, curl_write_callback);
    else if (option == CURLOPT_HEADERDATA)
        wire.header_user = va_arg(args, void *);
    else if (option == CURLOPT_WRITEFUNCTION)
        wire.body = va_arg(args, curl_write_callback);
    else if (option == CURLOPT_WRITEDATA)
        wire.body_user = va_arg(args, void *);
    else if (option == CURLOPT_HTTPHEADER)
        wire.headers = va_arg(args, const struct curl_slist *);
    else if (option == CURLOPT_NOBODY)
        wire.head = va_arg(args, long) != 0;
    va_end(args);
    return CURLE_OK;
}

CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    va_list args;
    va_start(args, info);
    if (info == CURLINFO_RESPONSE_CODE)
        *va_arg(args, long *) = wire.code;
    else if (info == CURLINFO_RETRY_AFTER)
        *va_arg(args, curl_off_t *) = wire.retry_after;
    else if (info == CURLINFO_REDIRECT_URL)
        *va_arg(args, char **) = wire.code / 100 == 3 ? wire.location : NULL;
    va_end(args);
    return CURLE_OK;
}

/* As libcurl does it: relative to where the answer came from; NULL if it is no address. */
static void take_location(const char *value)
{
    CURLU *url = curl_url();
    curl_free(wire.location);
    wire.location = NULL;
    FUZZ_CHECK(url && curl_url_set(url, CURLUPART_URL, wire.url, 0) == CURLUE_OK);
    if (curl_url_set(url, CURLUPART_URL, value, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        curl_url_get(url, CURLUPART_URL, &wire.location, 0);
    curl_url_cleanup(url);
}

static void check_request(void)
{
    char origin[256];
    FUZZ_CHECK(strncmp(wire.url, "https://", 8) == 0);
    FUZZ_CHECK(http_origin(origin, sizeof origin, wire.url));
    for (const struct curl_slist *h = wire.headers; h; h = h->next)
        if (strstr(h->data, TOKEN))
            FUZZ_CHECK(strcmp(origin, HUB) == 0);
}

/* One line of the head, without its end; false if the reader wants no more. */
static bool take_header(const char *line)
{
    char *ended = malloc(strlen(line) + 3);
    FUZZ_CHECK(ended);
    size_t size = (size_t)sprintf(ended, "%s\r\n", line);
    char *exact = malloc(size); /* without a NUL, as libcurl hands it on */
    FUZZ_CHECK(exact);
    memcpy(exact, ended, size);
    bool taken = wire.header(exact, 1, size, wire.header_user) == size;
    free(exact);
    free(ended);
    if (strncasecmp(line, "Location:", 9) == 0)
        take_location(line + 9 + strspn(line + 9, " \t"));
    else if (strncasecmp(line, "Retry-After:", 12) == 0)
        wire.retry_after = strtol(line + 12, NULL, 10);
    return taken;
}

static bool take_body(const char *body)
{
    size_t size = strlen(body), half = size / 2;
    char *copy = malloc(size + 1);
    FUZZ_CHECK(copy);
    memcpy(copy, body, size);
    bool taken =
        (half == 0 || wire.body(copy, 1, half, wire.body_user) == half) &&
        (size == half || wire.body(copy + half, 1, size - half, wire.body_user) == size - half);
    free(copy);
    return taken;
}

CURLcode __wrap_curl_easy_perform(CURL *curl)
{
    check_request();
    wire.retry_after = 0;
    curl_free(wire.location);
    wire.location = NULL;
    wire.code = 0;
    if (answers.size == 0 || ++answered > ANSWERS_MAX)
        return CURLE_COULDNT_CONNECT;
    char *answer = fuzz_take_text(&answers), *at = answer, *save = NULL;
    long code = strtol(answer, NULL, 10);
    wire.code = code >= 100 && code < 1000 ? code : 200;
    char *body = strstr(answer, "\n\n");
    if (body) {
        *body = '\0';
        body += 2;
    }
    bool taken = true;
    for (at = strtok_r(at, "\n", &save); at && taken; at = strtok_r(NULL, "\n", &save))
        taken = take_header(at);
    if (taken && body && *body && !wire.head)
        taken = take_body(body);
    free(answer);
    return !taken ? CURLE_WRITE_ERROR : code > 0 && code < 100 ? (CURLcode)code : CURLE_OK;
}

/* ---- what is asked ------------------------------------------------------------------------ */

static struct retry_limits limits;
static struct model_place place;

static void close_all(void)
{
    model_place_free(&place);
    curl_free(wire.location);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err err = {0};
    unsetenv("HF_HUB_OFFLINE");
    setenv("FOVEA_HUB_HURRY", "1e-9", 1);
    setenv("HF_ENDPOINT", HUB, 1);
    setenv("HF_TOKEN", TOKEN, 1);
    setenv("FOVEA_MODELS", rig_folder(), 1);
    retry_limits_default(&limits);
    limits.first_wait_s = limits.max_wait_s = 0;
    limits.max_retry_after_s = 10;
    limits.tries = 3;
    FUZZ_CHECK_OK(model_resolve(&place, MODEL_HUB_PREFIX "org/repo", NULL, &err), &err);
    atexit(close_all);
    return 0;
}

static struct fetch fetch_with(struct http *http)
{
    return (struct fetch){
        .http = http, .limits = &limits, .token = TOKEN, .progress = PROGRESS_QUIET};
}

static void check_answer(const struct http_answer *a)
{
    const char *const texts[] = {a->etag, a->linked_etag, a->commit, a->error_code};
    FUZZ_CHECK(a->hops >= 0 && a->hops <= HTTP_REDIRECTS_MAX && a->length >= -1);
    FUZZ_CHECK(a->first < 0 ? a->total < 0 : a->total > a->first);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (const char *c = texts[i]; *c; c++)
            FUZZ_CHECK(*c >= 0x20 && *c <= 0x7e);
}

static void ask_head(struct http *http, bool stop)
{
    const struct fetch fetch = fetch_with(http);
    struct http_answer answer;
    struct err err = {0};
    bool unreached;
    enum status status = fetch_probe(&fetch, HUB "/org/repo/resolve/main/config.json", stop,
                                     &answer, &unreached, &err);
    if (status == OK)
        check_answer(&answer);
    else
        fuzz_check_error(status, &err);
}

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* known: bits that say what is known of the file beforehand, which then is "abcde". */
static void ask_file(struct http *http, uint8_t known)
{
    static const char sha256[] = "36bbe50ed96841d10443bcb670d6554f0a34b761be67ec9c4a8ad2c0c44ca42c";
    const struct fetch fetch = fetch_with(http);
    struct fetch_file file = {.url = HUB "/org/repo/resolve/main/weights",
                              .path = rig_path("weights"),
                              .label = "weights",
                              .what = "org/repo",
                              .on_hub = !(known & 8),
                              .known = {.size = known & 1 ? 5 : -1},
                              .sha256_begin = known & 16 ? "36bbe50e" : NULL,
                              .limit_bytes = LIMIT};
    struct fetch_result result;
    struct err err = {0};
    if (known & 2)
        memcpy(file.known.sha256, sha256, sizeof sha256);
    if (known & 4)
        memcpy(file.known.etag, "\"one\"", 6);
    enum status status = fetch_run(&fetch, &file, &result, &err);
    if (status == OK) {
        FUZZ_CHECK(size_of(file.path) == result.size && result.size <= LIMIT);
        FUZZ_CHECK(!(known & 1) || result.size == 5);
        FUZZ_CHECK(!(known & 18) || strcmp(result.sha256, sha256) == 0);
    } else {
        FUZZ_CHECK(size_of(file.path) < 0);
        fuzz_check_error(status, &err);
    }
    unlink(file.path);
    unlink(rig_path("weights.part"));
    unlink(rig_path("weights.part.json"));
}

static void ask_model(void)
{
    struct pull *pull;
    struct err err = {0};
    const struct pull_options options = {.progress = PROGRESS_QUIET};
    enum status status = pull_open(&pull, &place, &options, &err);
    if (status == OK) {
        const struct pull_info *info = pull_info(pull);
        FUZZ_CHECK(info->bytes >= 0 && strlen(info->commit) % 40 == 0);
        status = pull_run(pull, &err);
        pull_close(pull);
    }
    if (status != OK)
        fuzz_check_error(status, &err);
    rig_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http *http;
    struct err err = {0};
    answers = (struct fuzz_input){data, size};
    answered = 0;
    uint8_t what = fuzz_take_byte(&answers);
    FUZZ_CHECK_OK(http_open(&http, &limits.http, NULL, &err), &err);
    if (what == 'm')
        ask_model();
    else if (what == 'h' || what == 'H')
        ask_head(http, what == 'H');
    else
        ask_file(http, what);
    http_close(http);
    return 0;
}
