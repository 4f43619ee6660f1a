/* SPDX-License-Identifier: MIT
 *
 * See gate.h.
 */
#include "server/gate.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

/* The name in "name:port" or "[v6]:port", without brackets. False if it is neither. */
static bool split_host(const char *text, char host[HOST_BYTES_MAX])
{
    const char *begin = text, *end;
    if (*text == '[') {
        begin++;
        end = strchr(begin, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
    } else {
        end = text + strcspn(text, ":");
    }
    const char *port = *end == ']' ? end + 1 : end;
    size_t length = (size_t)(end - begin);
    if (length == 0 || length >= HOST_BYTES_MAX)
        return false;
    if (*port == ':' && (strspn(port + 1, "0123456789") != strlen(port + 1) || strlen(port) > 6))
        return false;
    for (const char *c = begin; c < end; c++)
        if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:", *c))
            return false;
    memcpy(host, begin, length);
    host[length] = '\0';
    if (length > 1 && host[length - 1] == '.') /* a full name's own dot */
        host[length - 1] = '\0';
    return true;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), most = strlen(tail);
    return length > most && strcasecmp(text + length - most, tail) == 0;
}

bool name_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(host, "localhost") == 0 || ends_with(host, ".localhost");
}

bool host_is_loopback(const char *host_and_port)
{
    char host[HOST_BYTES_MAX];
    return split_host(host_and_port, host) && name_is_loopback(host);
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* What follows "http://" or "https://"; NULL if neither begins it. */
static const char *after_scheme(const char *origin)
{
    if (strncasecmp(origin, "http://", 7) == 0)
        return origin + 7;
    return strncasecmp(origin, "https://", 8) == 0 ? origin + 8 : NULL;
}

static bool is_origin(const char *text)
{
    char host[HOST_BYTES_MAX];
    const char *rest = after_scheme(text);
    return rest && split_host(rest, host);
}

static enum status make_cookie(struct gate *gate, struct err *err)
{
    unsigned char bytes[32];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return err_errno(err, errno, "cannot get random bytes for the session");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(gate->cookie + 2 * i, 3, "%02x", bytes[i]);
    return OK;
}

enum status gate_open(struct gate *gate, const struct gate_options *options, struct err *err)
{
    memset(gate, 0, sizeof *gate);
    throttle_open(&gate->throttle);
    if (options->origin_count > ORIGINS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d allowed origins", ORIGINS_MAX);
    for (size_t i = 0; i < options->origin_count; i++) {
        if (!is_origin(options->origins[i]))
            return err_set(err, ERR_ARGUMENT,
                           "\"%.200s\" is not an origin; accepted: http://HOST[:PORT] or https://"
                           "HOST[:PORT], without a path",
                           options->origins[i]);
        gate->origins[gate->origin_count++] = options->origins[i];
    }
    snprintf(gate->listen_host, sizeof gate->listen_host, "%s", options->listen_host);
    if (gethostname(gate->own_host, sizeof gate->own_host - 1) != 0)
        gate->own_host[0] = '\0';
    if (options->token) {
        size_t length = strlen(options->token);
        if (length < TOKEN_BYTES_MIN || length > TOKEN_BYTES_MAX)
            return err_set(err, ERR_ARGUMENT, "the token has %zu characters; accepted: %d to %d",
                           length, TOKEN_BYTES_MIN, TOKEN_BYTES_MAX);
        for (const char *c = options->token; *c; c++)
            if (*c <= ' ' || *c > '~')
                return err_set(err, ERR_ARGUMENT,
                               "the token has a character that is not a printable ASCII one");
        memcpy(gate->token, options->token, length + 1);
    }
    return make_cookie(gate, err);
}

void gate_close(struct gate *gate)
{
    throttle_close(&gate->throttle);
}

/* --- host and origin ---------------------------------------------------------------------- */

static bool host_is_ours(const struct gate *gate, const char *host)
{
    if (name_is_loopback(host) || is_address(host) || strcasecmp(host, gate->listen_host) == 0)
        return true;
    size_t own = strlen(gate->own_host);
    if (own > 0 && strncasecmp(host, gate->own_host, own) == 0 &&
        (host[own] == '\0' || strcasecmp(host + own, ".local") == 0))
        return true;
    for (size_t i = 0; i < gate->origin_count; i++) {
        char allowed[HOST_BYTES_MAX];
        if (split_host(after_scheme(gate->origins[i]), allowed) && strcasecmp(host, allowed) == 0)
            return true;
    }
    return false;
}

static bool origin_is_allowed(const struct gate *gate, const char *origin, size_t length)
{
    for (size_t i = 0; i < gate->origin_count; i++)
        if (strlen(gate->origins[i]) == length &&
            strncasecmp(gate->origins[i], origin, length) == 0)
            return true;
    return false;
}

static bool is(const char *value, const char *word)
{
    return value && strcasecmp(value, word) == 0;
}

/* Whether the page that asks is one of ours. *cross: it is another one, allowed by name. */
static bool source_is_ours(const struct gate *gate, const struct exchange *x, bool *cross)
{
    const struct request_headers *headers = &x->headers;
    *cross = false;
    if (headers->origin) {
        const char *rest = after_scheme(headers->origin);
        if (rest && strcasecmp(rest, headers->host) == 0)
            return true;
        *cross = origin_is_allowed(gate, headers->origin, strlen(headers->origin));
        return *cross || (rest && host_is_loopback(rest) && host_is_loopback(headers->host) &&
                          is(headers->fetch_site, "same-origin"));
    }
    if (!is(headers->fetch_site, "cross-site") && !is(headers->fetch_site, "same-site"))
        return true;
    /* A link that is followed to here (not a frame on a foreign page, which could set work going
     * as often as it likes), or a picture shown by an allowed page. */
    if (is(headers->fetch_mode, "navigate") && is(headers->fetch_dest, "document") &&
        (x->method & (METHOD_GET | METHOD_HEAD)))
        return true;
    const char *rest = headers->referer ? after_scheme(headers->referer) : NULL;
    *cross = rest && origin_is_allowed(gate, headers->referer,
                                       (size_t)(rest - headers->referer) + strcspn(rest, "/?#"));
    return *cross;
}

bool gate_check_source(const struct gate *gate, struct exchange *x)
{
    char host[HOST_BYTES_MAX];
    if (!x->headers.host || !split_host(x->headers.host, host)) {
        reply_error(x, 400, "the request has no acceptable Host header");
        return false;
    }
    if (!host_is_ours(gate, host)) {
        reply_error(x, 403,
                    "this server does not answer for the host \"%.100s\"; --allow-origin "
                    "http://%.100s lets it",
                    host, host);
        return false;
    }
    bool cross;
    if (!source_is_ours(gate, x, &cross)) {
        reply_error(x, 403,
                    "requests from pages of another origin are refused; --allow-origin lets one in "
                    "by name");
        return false;
    }
    if (cross) {
        reply_header(x, "Access-Control-Allow-Origin", "%s",
                     x->headers.origin ? x->headers.origin : "null");
        reply_header(x, "Vary", "Origin");
        reply_header(x, "Access-Control-Expose-Headers", "Retry-After, ETag");
    }
    reply_header(x, "Cross-Origin-Resource-Policy", cross ? "cross-origin" : "same-origin");
    if (x->method != METHOD_OPTIONS)
        return true;
    if (cross && x->headers.preflight_method) {
        reply_header(x, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE");
        reply_header(x, "Access-Control-Allow-Headers", "Content-Type, Authorization, Range");
        reply_header(x, "Access-Control-Max-Age", "600");
    }
    reply_header(x, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    reply_no_content(x);
    return false;
}

/* --- token -------------------------------------------------------------------------------- */

/* Looks at every character of what was given, whatever it finds. */
static bool equal(const char *secret, const char *given, size_t given_size)
{
    size_t size = strlen(secret);
    volatile unsigned char difference = given_size != size;
    for (size_t i = 0; i < given_size; i++)
        difference |= (unsigned char)(given[i] ^ secret[i % size]);
    return difference == 0;
}

struct guess {
    const struct gate *gate;
    const char *token;
};

static bool guess_is_right(const void *context)
{
    const struct guess *guess = context;
    return equal(guess->gate->token, guess->token, strlen(guess->token));
}

bool gate_try_token(struct gate *gate, struct exchange *x, const char *token, bool *answered)
{
    const struct guess guess = {gate, token};
    bool right;
    *answered = false;
    if (!gate->token[0])
        return true;
    const double wait_s =
        throttle_try(&gate->throttle, &x->peer, clock_seconds(), guess_is_right, &guess, &right);
    if (wait_s > 0) {
        *answered = true;
        reply_error(x, 429, "too many wrong tokens came from your address; wait %.0f s",
                    ceil(wait_s));
        reply_header(x, "Retry-After", "%.0f", ceil(wait_s));
    }
    return right;
}

static bool cookie_is_ours(const struct gate *gate, const char *cookies)
{
    static const char name[] = SESSION_COOKIE "=";
    while (cookies && *cookies) {
        cookies += strspn(cookies, "; ");
        size_t length = strcspn(cookies, ";");
        if (length > sizeof name - 1 && strncmp(cookies, name, sizeof name - 1) == 0 &&
            equal(gate->cookie, cookies + sizeof name - 1, length - (sizeof name - 1)))
            return true;
        cookies += length;
    }
    return false;
}

bool gate_check_token(struct gate *gate, struct exchange *x)
{
    const char *authorization = x->headers.authorization;
    bool answered = false;
    if (!gate->token[0] || cookie_is_ours(gate, x->headers.cookie))
        return true;
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0 &&
        gate_try_token(gate, x, authorization + 7, &answered))
        return true;
    if (answered)
        return false;
    reply_error(x, 401,
                "a token is needed: log in on the page, or send it as Authorization: Bearer");
    reply_header(x, "WWW-Authenticate", "Bearer realm=\"fovea\"");
    return false;
}

void gate_set_cookie(const struct gate *gate, struct exchange *x)
{
    reply_header(x, "Set-Cookie", SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict",
                 gate->cookie);
}

void gate_drop_cookie(struct exchange *x)
{
    reply_header(x, "Set-Cookie", SESSION_COOKIE "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
}
