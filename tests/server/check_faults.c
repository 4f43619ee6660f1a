/* SPDX-License-Identifier: MIT
 *
 * check-faults ADDRESS WHAT [NUMBER...]: what a server has to bear. Prints what it saw; fails when
 * the server does not answer as it should, or not at all.
 *
 *   fuzz COUNT SEED   malformed requests: well-formed ones of every kind, damaged at random, in the
 *                     request line, the headers, the JSON, the form; then the server must be well
 *   idle COUNT        so many connections that say nothing; others must be served meanwhile
 *   drip SECONDS      heads and bodies a byte at a time; each must be cut within SECONDS
 *   gone COUNT        clients that leave while they are being answered
 */
#include "client.h"

#include "base/clock.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int failures;

static void fail(const char *what)
{
    failures++;
    printf("FAIL: %s\n", what);
}

static bool is_well(void)
{
    struct answer answer;
    bool ok = client_ask("GET", "/api/health", NULL, NULL, 0, &answer) && answer.status == 200;
    answer_free(&answer);
    return ok;
}

/* --- fuzz --------------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t chance(uint32_t below) /* splitmix64 */
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % below);
}

struct text {
    char bytes[16384];
    size_t size;
};

static void put(struct text *text, const char *bytes, size_t size)
{
    if (text->size + size <= sizeof text->bytes) {
        memcpy(text->bytes + text->size, bytes, size);
        text->size += size;
    }
}

static void puts_(struct text *text, const char *bytes)
{
    put(text, bytes, strlen(bytes));
}

static const char *const lines[] = {
    "GET /",
    "GET /index.html",
    "GET /api/health",
    "GET /images/a.jpg",
    "GET /api/v1/photos?limit=3",
    "GET /api/v1/photos/1",
    "GET /api/v1/photos/1/thumbnail?size=256",
    "GET /api/v1/photos/1/original",
    "GET /api/v1/photos/1/similar?floor=auto&limit=2",
    "GET /api/v1/facets",
    "GET /api/v1/status",
    "GET /api/v1/categories",
    "HEAD /images/%41.jpg",
    "OPTIONS /api/v1/search",
    "PUT /api/v1/categories/x",
    "DELETE /api/v1/categories/none",
    "GET /api/v1/openapi.json",
    "GET /?token=x",
    "GET /api/v1/photos?since=2020&until=2021-05&camera=c&gps=1,2,3,4&rating=3+&iso=1-2&keyword=k",
};
static const char *const posts[] = {"POST /api/search/text",
                                    "POST /api/search/image",
                                    "POST /api/v1/search",
                                    "POST /api/v1/categories/try",
                                    "POST /api/v1/session",
                                    "POST /api/v1/duplicates/decisions",
                                    "POST /api/v1/categories/none/run"};
static const char *const bodies[] = {
    "{\"query\":\"sea\",\"limit\":3}",
    "{\"texts\":[{\"text\":\"sea\",\"weight\":1.5}],\"floor\":\"auto\",\"limit\":2}",
    "{\"photos\":[{\"id\":1}],\"unwanted\":[{\"text\":\"x\"}],\"filters\":{\"since\":\"2020\"}}",
    "{\"categories\":[{\"name\":\"a\",\"prompts\":[\"b\",\"c\"]}],\"examples\":1}",
    "{\"token\":\"0123456789abcdef\"}",
    "{\"photos\":[1,2],\"decision\":\"none\"}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1e999}}}}}}}}",
};
static const char form[] =
    "--B\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n{\"limit\":1}\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n"
    "Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0\0\x10JFIF\0\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"file\"; "
    "filename*=UTF-8''x\r\n\r\nGIF89a\r\n--B--\r\n";
static const char *const headers[] = {
    "Origin: http://evil.example\r\n",
    "Range: bytes=0-5\r\n",
    "Range: bytes=-0,5-\r\n",
    "If-None-Match: W/\"a\", *\r\n",
    "Cookie: fovea_session=1; a=b\r\n",
    "Authorization: Bearer x\r\n",
    "Accept-Encoding: gzip;q=0\r\n",
    "Host: other.example\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Content-Length: -1\r\n",
    "Sec-Fetch-Site: cross-site\r\n",
    "Referer: http://x/\r\n",
    "X: \x01\x02\xff\r\n",
    "Connection: upgrade\r\n",
};

static void make_request(struct text *out)
{
    struct text body = {.size = 0};
    bool post = chance(2), is_form = chance(2);
    *out = (struct text){.size = 0};
    if (post && is_form)
        put(&body, form, sizeof form - 1);
    else if (post)
        puts_(&body, bodies[chance(sizeof bodies / sizeof bodies[0])]);
    puts_(out, post ? posts[chance(sizeof posts / sizeof posts[0])]
                    : lines[chance(sizeof lines / sizeof lines[0])]);
    puts_(out, chance(20) ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    if (chance(20)) {
        char host[128];
        snprintf(host, sizeof host, "Host: %s\r\n", client_host());
        puts_(out, host);
    }
    for (uint32_t n = chance(4); n > 0; n--)
        puts_(out, headers[chance(sizeof headers / sizeof headers[0])]);
    if (post)
        puts_(out, is_form ? "Content-Type: multipart/form-data; boundary=B\r\n"
                           : "Content-Type: application/json\r\n");
    char length[64];
    snprintf(length, sizeof length, "Content-Length: %zu\r\n",
             body.size + (chance(8) ? 0 : chance(9)));
    if (post && chance(12))
        puts_(out, length);
    puts_(out, "\r\n");
    put(out, body.bytes, body.size);
}

/* Some of: bytes changed, taken out, put in, doubled; the end cut off. */
static void damage(struct text *text)
{
    for (uint32_t n = chance(6); n > 0 && text->size > 2; n--) {
        size_t at = chance((uint32_t)text->size), size = 1 + chance(8);
        size = at + size > text->size ? text->size - at : size;
        switch (chance(5)) {
        case 0:
            text->bytes[at] = (char)chance(256);
            break;
        case 1:
            memmove(text->bytes + at, text->bytes + at + size, text->size - at - size);
            text->size -= size;
            break;
        case 2:
            if (text->size + size <= sizeof text->bytes) {
                memmove(text->bytes + at + size, text->bytes + at, text->size - at);
                text->size += size;
            }
            break;
        case 3:
            text->bytes[at] = "\"\\{}[]%&=;:,\r\n\t -/?#."[chance(22)];
            break;
        default:
            if (chance(4) == 0)
                text->size = at;
        }
    }
}

enum {
    BATCH = 200
}; /* requests at once: those that are cut off are not answered, and waited for */

struct
try {
    int fd, number;
    struct text request;
};

/* The answer's hundreds; 0: none. */
static int judge(const struct try *try, uint64_t seed, double seconds)
{
    struct answer answer = {0};
    int hundreds = 0;
    if (try->fd >= 0 && client_receive(try->fd, seconds, &answer))
        hundreds = answer.status / 100 % 6;
    if (hundreds == 5 && answer.status != 503 && answer.status != 501 && answer.status != 505) {
        printf("request %d of seed %llu was answered with %d: %.300s\n%.*s\n", try->number,
               (unsigned long long)seed, answer.status, answer.body, (int)try->request.size,
               try->request.bytes);
        fail("a fault of the server's own");
    }
    answer_free(&answer);
    return hundreds;
}

static void fuzz(int count, uint64_t seed)
{
    int by_class[6] = {0};
    struct try *tries = calloc(BATCH, sizeof *tries);
    for (int first = 0; first < count && failures == 0; first += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            struct try *try = &tries[i];
            state = seed + (uint64_t)(first + i) * 1000003;
            try->number = first + i;
            make_request(&try->request);
            damage(&try->request);
            try->fd = client_connect();
            if (try->fd >= 0)
                (void)client_send(try->fd, try->request.bytes, try->request.size);
        }
        double until = clock_seconds() + 1;
        for (int i = 0; i < BATCH; i++) {
            double left = until - clock_seconds();
            by_class[judge(&tries[i], seed, left > 0.001 ? left : 0.001)]++;
            if (tries[i].fd >= 0)
                close(tries[i].fd);
        }
        if (!is_well())
            fail("the server is not well any more");
    }
    free(tries);
    printf("fuzz: %d requests of seed %llu: 2xx %d, 3xx %d, 4xx %d, 5xx %d, no answer %d\n", count,
           (unsigned long long)seed, by_class[2], by_class[3], by_class[4], by_class[5],
           by_class[0]);
}

/* --- idle, drip, gone --------------------------------------------------------------------- */

static void idle(int count)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int *fds = calloc((size_t)count, sizeof *fds), opened = 0;
    double slowest = 0;
    for (int i = 0; i < count; i++) {
        fds[i] = client_connect();
        opened += fds[i] >= 0;
        if (i % 100 != 99)
            continue;
        double begin = clock_seconds();
        if (!is_well())
            fail("not served beside idle connections");
        slowest = clock_seconds() - begin > slowest ? clock_seconds() - begin : slowest;
    }
    printf("idle: %d of %d connections opened; the slowest answer beside them took %.1f ms\n",
           opened, count, slowest * 1e3);
    for (int i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(fds);
    if (!is_well())
        fail("the server is not well after idle connections");
}

static void drip(double seconds)
{
    static const char *const begins[] = {
        "GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: ",
        "POST /api/search/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 100000\r\n\r\n{\"query\":\"",
    };
    int fds[2], open = 2;
    double begin = clock_seconds();
    for (int i = 0; i < 2; i++) {
        fds[i] = client_connect();
        if (fds[i] < 0 || !client_send(fds[i], begins[i], strlen(begins[i])))
            fail("cannot connect");
    }
    while (open > 0 && clock_seconds() - begin < seconds) {
        struct timespec pause = {.tv_nsec = 250000000};
        nanosleep(&pause, NULL);
        for (int i = 0; i < 2; i++) {
            char byte;
            bool ended = fds[i] >= 0 && recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
            if (fds[i] >= 0 && (ended || !client_send(fds[i], "x", 1))) {
                printf("drip: %s cut after %.1f s\n", i ? "body" : "head", clock_seconds() - begin);
                close(fds[i]);
                fds[i] = -1;
                open--;
            }
        }
    }
    if (open > 0)
        fail("a dripping client is still connected");
    if (!is_well())
        fail("the server is not well after dripping clients");
}

static void gone(int count)
{
    static const char *const targets[] = {"/api/v1/photos?limit=1000", "/api/v1/photos/1/original",
                                          "/api/v1/photos/1/thumbnail?size=1024", "/api/v1/events",
                                          "/api/v1/openapi.json"};
    for (int i = 0; i < count; i++) {
        char request[512];
        int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                            targets[i % 5], client_host());
        int fd = client_connect();
        if (fd < 0) {
            fail("refused");
            return;
        }
        struct linger reset = {.l_onoff = 1}; /* close() resets the connection */
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        (void)client_send(fd, request, (size_t)size);
        char bytes[512];
        if (i % 3 == 0)
            (void)!recv(fd, bytes, sizeof bytes, 0);
        close(fd);
    }
    if (!is_well())
        fail("the server is not well after clients that left");
    printf("gone: %d clients left\n", count);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    client_use(argv[1]);
    int number = atoi(argv[3]);
    if (strcmp(argv[2], "fuzz") == 0)
        fuzz(number, argc > 4 ? strtoull(argv[4], NULL, 10) : 1);
    else if (strcmp(argv[2], "idle") == 0)
        idle(number);
    else if (strcmp(argv[2], "drip") == 0)
        drip(number);
    else if (strcmp(argv[2], "gone") == 0)
        gone(number);
    else
        return 2;
    return failures > 0;
}
