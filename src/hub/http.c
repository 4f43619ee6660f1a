/* SPDX-License-Identifier: MIT
 *
 * See http.h. Each hop is one transfer of the same easy handle, which keeps connections open
 * between the files of a repository. Callbacks cannot return an error through libcurl: they leave
 * it in struct exchange and stop the transfer, and http_run() finds it there first.
 */
#include "hub/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ERROR_BODY_MAX                                                                             \
    (64 << 10) /* of an answer that nobody wants: read past, to keep the connection */
#define BUFFER_BYTES (512L << 10)

struct http {
    CURL *curl;
    struct http_limits limits;
    char endpoint[256]; /* origin */
    char curl_text[CURL_ERROR_SIZE];
};

/* One hop. */
struct exchange {
    const struct http_request *request;
    struct http_answer *answer;
    struct err *err;
    enum status status; /* of begin() or body() */
    bool begun;
    bool at_first_origin;
    size_t header_bytes, ignored_bytes;
    const char *refused; /* why this side ended the transfer */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- addresses --------------------------------------------------------------------------- */

/* One part of an address; false if it is none or has not this part. */
static bool url_part(char *out, size_t size, const char *url, CURLUPart part, unsigned flags)
{
    CURLU *u = curl_url();
    char *text = NULL;
    bool good = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(u, part, &text, flags) == CURLUE_OK && strlen(text) < size;
    if (good)
        snprintf(out, size, "%s", text);
    curl_free(text);
    curl_url_cleanup(u);
    return good;
}

bool http_origin(char *out, size_t size, const char *url)
{
    char scheme[16], host[256], port[16];
    if (!url_part(scheme, sizeof scheme, url, CURLUPART_SCHEME, 0) ||
        !url_part(host, sizeof host, url, CURLUPART_HOST, 0) ||
        !url_part(port, sizeof port, url, CURLUPART_PORT, CURLU_DEFAULT_PORT))
        return false;
    bool usual = strcmp(port, strcmp(scheme, "https") == 0 ? "443" : "80") == 0;
    int n = snprintf(out, size, "%s://%s%s%s", scheme, host, usual ? "" : ":", usual ? "" : port);
    return n > 0 && (size_t)n < size;
}

bool http_is_loopback(const char *url)
{
    char host[256];
    if (!url_part(host, sizeof host, url, CURLUPART_HOST, 0))
        return false;
    unsigned a, b, c, d;
    char rest;
    bool dotted = sscanf(host, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4;
    return (dotted && a == 127 && b < 256 && c < 256 && d < 256) ||
           strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool is_of_origin(const char *url, const char *origin)
{
    char own[256];
    return http_origin(own, sizeof own, url) && strcmp(own, origin) == 0;
}

/* https, or http where that is allowed. */
static bool is_allowed(const struct http *h, const char *url)
{
    char scheme[16];
    if (!url_part(scheme, sizeof scheme, url, CURLUPART_SCHEME, 0))
        return false;
    if (strcmp(scheme, "https") == 0)
        return true;
    return strcmp(scheme, "http") == 0 && (http_is_loopback(url) || is_of_origin(url, h->endpoint));
}

/* A token is not sent in the clear over a network. */
static bool is_private(const char *url)
{
    return strncmp(url, "https:", 6) == 0 || http_is_loopback(url);
}

/* ---- what the server says ---------------------------------------------------------------- */

/* The value of a header line if it has this name. Not terminated: ends at `end`. */
static const char *header_value(const char *line, const char *end, const char *name)
{
    size_t size = strlen(name);
    if ((size_t)(end - line) <= size || strncasecmp(line, name, size) != 0 || line[size] != ':')
        return NULL;
    line += size + 1;
    while (line < end && (*line == ' ' || *line == '\t'))
        line++;
    return line;
}

/* Copies a value; what is too long or not printable is as if it were not there. */
static void take_text(char *out, size_t size, const char *value, const char *end)
{
    out[0] = '\0';
    if ((size_t)(end - value) >= size)
        return;
    for (const char *p = value; p < end; p++)
        if (*p < 0x20 || *p > 0x7e)
            return;
    memcpy(out, value, (size_t)(end - value));
    out[end - value] = '\0';
}

/* A number of decimal digits; -1 for anything else. */
static int64_t take_number(const char *value, const char *end)
{
    int64_t n = 0;
    if (value == end || end - value > 18)
        return -1;
    for (; value < end; value++) {
        if (*value < '0' || *value > '9')
            return -1;
        n = n * 10 + (*value - '0');
    }
    return n;
}

/* "bytes 5-9/10" */
static void take_range(struct http_answer *a, const char *value, const char *end)
{
    char text[80];
    long long first, last, total;
    int used = 0;
    take_text(text, sizeof text, value, end);
    if (sscanf(text, "bytes %18lld-%18lld/%18lld%n", &first, &last, &total, &used) != 3 ||
        text[used] || first < 0 || last < first || total <= last)
        return;
    a->first = first;
    a->total = total;
}

/* An ETag is quoted, and W/ in front makes it a weak one; the hub's hashes are taken without. */
static void take_unquoted(char *out, size_t size, const char *value, const char *end)
{
    if (end - value >= 2 && value[0] == 'W' && value[1] == '/')
        value += 2;
    if (end - value >= 2 && *value == '"' && end[-1] == '"') {
        value++;
        end--;
    }
    take_text(out, size, value, end);
}

static void take_hub_header(struct http_answer *a, const char *line, const char *end)
{
    const char *v;
    if ((v = header_value(line, end, "X-Linked-Etag")))
        take_unquoted(a->linked_etag, sizeof a->linked_etag, v, end);
    else if ((v = header_value(line, end, "X-Linked-Size")))
        a->linked_size = take_number(v, end);
    else if ((v = header_value(line, end, "X-Repo-Commit")))
        take_text(a->commit, sizeof a->commit, v, end);
    else if ((v = header_value(line, end, "X-Error-Code")))
        take_text(a->error_code, sizeof a->error_code, v, end);
}

static size_t on_header(char *line, size_t one, size_t size, void *context)
{
    struct exchange *x = context;
    struct http_answer *a = x->answer;
    x->header_bytes += size;
    if (x->header_bytes > HTTP_HEADERS_MAX) {
        x->refused = "its headers are larger than 64 KiB";
        return 0;
    }
    const char *end = line + size, *v;
    while (end > line && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    if ((v = header_value(line, end, "ETag")))
        take_text(a->etag, sizeof a->etag, v, end);
    else if ((v = header_value(line, end, "Content-Range")))
        take_range(a, v, end);
    else if ((v = header_value(line, end, "Content-Length")))
        a->length = take_number(v, end);
    else if (x->at_first_origin || x->request->head) /* not what a CDN says beside the bytes */
        take_hub_header(a, line, end);
    return size;
}

static enum status begin(struct exchange *x)
{
    if (x->begun || x->status != OK)
        return x->status;
    x->begun = true;
    if (x->request->begin)
        x->status = x->request->begin(x->request->context, x->answer, x->err);
    return x->status;
}

static bool is_wanted(long code)
{
    return code == 200 || code == 206;
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    struct exchange *x = context;
    if (!is_wanted(x->answer->code) || !x->request->body) {
        x->ignored_bytes += size;
        if (x->ignored_bytes > ERROR_BODY_MAX)
            x->refused = "";
        return x->refused ? 0 : size;
    }
    if (begin(x) != OK)
        return 0;
    x->status = x->request->body(x->request->context, data, size, x->err);
    return x->status == OK ? size : 0;
}

/* libcurl tells the code only through the handle; on_body() needs it. */
struct sink {
    struct exchange *x;
    CURL *curl;
};

static size_t on_data(char *data, size_t one, size_t size, void *context)
{
    const struct sink *sink = context;
    curl_easy_getinfo(sink->curl, CURLINFO_RESPONSE_CODE, &sink->x->answer->code);
    return on_body(data, one, size, sink->x);
}

/* ---- one hop ----------------------------------------------------------------------------- */

static enum http_failure failure_of(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_FAILED_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return HTTP_FAILED_CONNECT;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return HTTP_FAILED_FOR_GOOD;
    default:
        return HTTP_FAILED_BROKEN;
    }
}

static struct curl_slist *make_headers(const struct http_request *r, bool with_token)
{
    /* The size and the hash are those of the file itself, not of something compressed. */
    struct curl_slist *list = curl_slist_append(NULL, "Accept-Encoding: identity");
    char line[HTTP_URL_MAX];
    if (with_token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", r->token);
        list = curl_slist_append(list, line);
    }
    if (r->from > 0 && r->if_range) {
        snprintf(line, sizeof line, "If-Range: %s", r->if_range);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_up(struct http *h, const struct http_request *r, const char *url,
                   struct curl_slist *headers, struct sink *sink)
{
    char range[40];
    CURL *c = h->curl;
    curl_easy_reset(c); /* keeps connections and the cache of names */
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOBODY, r->head ? 1L : 0L);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "fovea/" FOVEA_VERSION);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, h->limits.connect_ms);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, h->limits.low_speed_bytes);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, h->limits.low_speed_s);
    /* As OpenSSL and Python read it; libcurl itself does not. */
    const char *certificates = getenv("SSL_CERT_FILE");
    if (certificates && *certificates)
        curl_easy_setopt(c, CURLOPT_CAINFO, certificates);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->curl_text);
    /* A proxy's answer to CONNECT describes no file. */
    curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, sink->x);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, sink);
    if (r->from > 0) {
        snprintf(range, sizeof range, "%lld-", (long long)r->from);
        curl_easy_setopt(c, CURLOPT_RANGE, range);
    }
    h->curl_text[0] = '\0';
}

static void clear_hop(struct http_answer *a)
{
    a->code = 0;
    a->length = a->first = a->total = -1;
    a->retry_after_s = 0;
    a->etag[0] = '\0';
}

static enum status explain(const struct http *h, const struct exchange *x, CURLcode code,
                           enum http_failure *failure, struct err *err)
{
    const char *host = x->answer->host;
    if (x->status != OK) {
        *failure = HTTP_FAILED_CALLER;
        return x->status;
    }
    *failure = failure_of(code);
    if (x->refused && *x->refused) {
        *failure = HTTP_FAILED_FOR_GOOD;
        return err_set(err, ERR_LIMIT, "the answer of %s is refused: %s", host, x->refused);
    }
    return err_set(err, ERR_IO, "%s: %s%s", host,
                   h->curl_text[0] ? h->curl_text : curl_easy_strerror(code),
                   code == CURLE_PEER_FAILED_VERIFICATION
                       ? "; if a proxy stands in between, SSL_CERT_FILE can name its certificates"
                       : "");
}

/* *next: where the answer redirects to, "" if it does not. */
static enum status run_hop(struct http *h, const struct http_request *r, const char *url,
                           bool with_token, struct exchange *x, char *next,
                           enum http_failure *failure, struct err *err)
{
    struct http_answer *a = x->answer;
    clear_hop(a);
    url_part(a->host, sizeof a->host, url, CURLUPART_HOST, 0);
    struct curl_slist *headers = make_headers(r, with_token);
    struct sink sink = {.x = x, .curl = h->curl};
    set_up(h, r, url, headers, &sink);
    CURLcode code = curl_easy_perform(h->curl);
    curl_off_t wait = 0;
    char *location = NULL;
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &a->code);
    curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &wait);
    curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &location);
    a->retry_after_s = (int64_t)wait;
    bool over_long = location && strlen(location) >= HTTP_URL_MAX;
    snprintf(next, HTTP_URL_MAX, "%s", location && !over_long ? location : "");
    curl_slist_free_all(headers);
    /* The body of a redirect or of an error may be cut short: its code is the answer. */
    bool answered = code == CURLE_OK || (x->refused && !*x->refused);
    enum status status = answered ? OK : explain(h, x, code, failure, err);
    if (status == OK && over_long) {
        *failure = HTTP_FAILED_FOR_GOOD;
        return err_set(err, ERR_LIMIT, "%s redirects to an address of more than %d bytes", a->host,
                       HTTP_URL_MAX);
    }
    if (status == OK && is_wanted(a->code) && begin(x) != OK) { /* an empty file */
        *failure = HTTP_FAILED_CALLER;
        return x->status;
    }
    return status;
}

static bool is_https(const char *url)
{
    char scheme[16];
    return url_part(scheme, sizeof scheme, url, CURLUPART_SCHEME, 0) &&
           strcmp(scheme, "https") == 0;
}

static enum status refuse_url(const char *url, bool redirected, enum http_failure *failure,
                              struct err *err)
{
    *failure = HTTP_FAILED_FOR_GOOD;
    return err_set(err, redirected ? ERR_IO : ERR_ARGUMENT, "%s %.200s, which is not https",
                   redirected ? "refused to follow a redirect to" : "refused to ask", url);
}

/* Whether `url` may be asked: the first one, or where an answer redirected to. A name longer than
 * DNS has, 253 characters, leads nowhere and does not fit into what is said of it. */
static enum status check_address(const struct http *h, const char *url,
                                 const struct http_answer *answer, enum http_failure *failure,
                                 struct err *err)
{
    char origin[256];
    if (!is_allowed(h, url))
        return refuse_url(url, answer->hops > 0, failure, err);
    if (http_origin(origin, sizeof origin, url))
        return OK;
    *failure = HTTP_FAILED_FOR_GOOD;
    return err_set(err, ERR_IO, "%s redirects to '%.200s', which is not an address", answer->host,
                   url);
}

enum status http_run(struct http *h, const struct http_request *r, struct http_answer *answer,
                     enum http_failure *failure, struct err *err)
{
    char url[HTTP_URL_MAX], next[HTTP_URL_MAX], first_origin[256];
    *answer = (struct http_answer){.linked_size = -1};
    *failure = HTTP_FAILED_NOT;
    int n = snprintf(url, sizeof url, "%s", r->url);
    if (n < 0 || (size_t)n >= sizeof url || !http_origin(first_origin, sizeof first_origin, url)) {
        *failure = HTTP_FAILED_FOR_GOOD;
        return err_set(err, ERR_ARGUMENT, "'%.200s' is not an address", r->url);
    }
    for (;;) {
        enum status status = check_address(h, url, answer, failure, err);
        if (status != OK)
            return status;
        struct exchange x = {.request = r,
                             .answer = answer,
                             .err = err,
                             .at_first_origin = is_of_origin(url, first_origin)};
        bool with_token = r->token && x.at_first_origin && is_private(url);
        status = run_hop(h, r, url, with_token, &x, next, failure, err);
        if (status != OK || !next[0])
            return status;
        bool described = answer->linked_etag[0] || answer->linked_size >= 0;
        if (r->stop_at_other_host && described && !is_of_origin(next, first_origin))
            return OK;
        if (++answer->hops > HTTP_REDIRECTS_MAX) {
            *failure = HTTP_FAILED_FOR_GOOD;
            return err_set(err, ERR_IO, "%s redirects without end", answer->host);
        }
        /* Not even to this machine: what was safe stays so, and nobody is sent to its services. */
        if (is_https(url) && !is_https(next))
            return refuse_url(next, true, failure, err);
        memcpy(url, next, sizeof url);
    }
}

enum status http_open(struct http **out, const struct http_limits *limits, const char *endpoint,
                      struct err *err)
{
    *out = NULL;
    pthread_once(&curl_once, start_curl);
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return err_no_memory(err, "a connection", sizeof *h);
    h->limits = *limits;
    if (endpoint && !http_origin(h->endpoint, sizeof h->endpoint, endpoint))
        h->endpoint[0] = '\0';
    h->curl = curl_ready == CURLE_OK ? curl_easy_init() : NULL;
    if (!h->curl) {
        free(h);
        return err_set(err, ERR_INTERNAL, "libcurl cannot be started: %s",
                       curl_easy_strerror(curl_ready));
    }
    *out = h;
    return OK;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    free(h);
}
