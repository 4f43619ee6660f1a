/* SPDX-License-Identifier: MIT
 *
 * See fake_hub.h. A test's tool: it reads what its own tests send and nothing else.
 */
#include "fake_hub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 16384
#define HEAD_MAX 8192
#define MOVED "/moved"

struct connection {
    struct fake_hub *hub;
    int fd;
    bool is_cdn;
};

struct request {
    bool head;
    char path[2048];
    char authorization[256];
    char if_range[256];
    char host[256];
    long long from; /* -1: no range */
};

struct content {
    unsigned char *data;
    long long size;
    char sha256[65];
    char etag[80];
};

static pthread_mutex_t rules_lock = PTHREAD_MUTEX_INITIALIZER;

static void give_up(const char *what)
{
    perror(what);
    exit(99);
}

static void pause_ms(int ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- rules that are used up ---------------------------------------------------------------- */

static int take_status(int *list)
{
    pthread_mutex_lock(&rules_lock);
    int first = list[0];
    memmove(list, list + 1, (FAKE_HUB_STATUSES - 1) * sizeof *list);
    list[FAKE_HUB_STATUSES - 1] = 0;
    pthread_mutex_unlock(&rules_lock);
    return first;
}

/* Where a body of so many bytes is cut; -1: it is not. */
static long long take_cut(struct fake_hub *hub, long long size)
{
    long long at = -1;
    pthread_mutex_lock(&rules_lock);
    if (hub->rules.cuts > 0 && size > 64) {
        hub->rules.cuts--;
        /* Most are short, so that many fit into a small file. */
        long long most = size > 20000 ? size / 8 : size;
        at = 1 + rand_r(&hub->rules.seed) % (most - 1 > 0 ? most - 1 : 1);
    }
    pthread_mutex_unlock(&rules_lock);
    return at;
}

static void count_body(struct fake_hub *hub)
{
    pthread_mutex_lock(&rules_lock);
    if (hub->rules.change_after > 0 && --hub->rules.change_after == 0)
        hub->rules.version++;
    pthread_mutex_unlock(&rules_lock);
    hub->counts.bodies++;
}

/* ---- reading a request --------------------------------------------------------------------- */

static bool header(const char *text, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);
    out[0] = '\0';
    for (const char *line = strstr(text, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *value = line + 3 + n + strspn(line + 3 + n, " ");
            snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return true;
        }
    return false;
}

static bool read_request(int fd, struct request *r)
{
    char text[REQUEST_MAX], range[80];
    size_t size = 0;
    while (size + 1 < sizeof text) {
        ssize_t n = recv(fd, text + size, sizeof text - 1 - size, 0);
        if (n <= 0)
            return false;
        size += (size_t)n;
        text[size] = '\0';
        if (strstr(text, "\r\n\r\n"))
            break;
    }
    char method[8], path[sizeof r->path];
    if (sscanf(text, "%7s %2047s", method, path) != 2)
        return false;
    *r = (struct request){.head = strcmp(method, "HEAD") == 0, .from = -1};
    memcpy(r->path, path, sizeof path);
    header(text, "Authorization", r->authorization, sizeof r->authorization);
    header(text, "Host", r->host, sizeof r->host);
    header(text, "If-Range", r->if_range, sizeof r->if_range);
    if (header(text, "Range", range, sizeof range))
        sscanf(range, "bytes=%lld-", &r->from);
    return true;
}

/* ---- contents ------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static bool is_large(const char *path)
{
    return ends_with(path, ".safetensors") || ends_with(path, ".bin") || ends_with(path, ".pt");
}

/* /ORG/REPO/resolve/REVISION/FILE to ROOT/ORG/REPO/FILE; false for another revision. */
static bool local_path(const struct fake_hub *hub, const char *path, char *out, size_t size)
{
    const char *resolve = strstr(path, "/resolve/");
    if (!resolve) {
        snprintf(out, size, "%s%s", hub->root, path);
        return true;
    }
    const char *revision = resolve + strlen("/resolve/");
    const char *file = strchr(revision, '/');
    size_t n = file ? (size_t)(file - revision) : 0;
    snprintf(out, size, "%s%.*s%s", hub->root, (int)(resolve - path), path, file ? file : "");
    return (n == 4 && strncmp(revision, "main", 4) == 0) ||
           (n == 40 && strncmp(revision, FAKE_HUB_COMMIT, 40) == 0);
}

/* What the hub has as the ETag of a file that lies in git itself. */
static void git_etag(struct content *c)
{
    struct sha1_ctx hash;
    unsigned char digest[SHA1_DIGEST_SIZE];
    char head[40];
    int n = snprintf(head, sizeof head, "blob %lld", c->size);
    sha1_init(&hash);
    sha1_update(&hash, (size_t)n + 1, (unsigned char *)head);
    sha1_update(&hash, (size_t)c->size, c->data);
    sha1_digest(&hash, sizeof digest, digest);
    for (int i = 0; i < SHA1_DIGEST_SIZE; i++)
        snprintf(c->etag + 1 + 2 * i, 3, "%02x", digest[i]);
    c->etag[0] = c->etag[41] = '"';
    c->etag[42] = '\0';
}

static bool read_content(const struct fake_hub *hub, const char *file, bool in_git,
                         struct content *c)
{
    FILE *f = fopen(file, "rb");
    struct sha256_ctx hash;
    unsigned char digest[SHA256_DIGEST_SIZE];
    if (!f)
        return false;
    if (fseek(f, 0, SEEK_END) != 0 || (c->size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0)
        give_up(file);
    c->data = malloc((size_t)c->size + 1);
    if (!c->data || fread(c->data, 1, (size_t)c->size, f) != (size_t)c->size)
        give_up(file);
    fclose(f);
    for (long long i = 0; i < c->size; i++)
        c->data[i] ^= (unsigned char)hub->rules.version;
    sha256_init(&hash);
    sha256_update(&hash, (size_t)c->size, c->data);
    sha256_digest(&hash, sizeof digest, digest);
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++)
        snprintf(c->sha256 + 2 * i, 3, "%02x", digest[i]);
    if (in_git)
        git_etag(c);
    else
        snprintf(c->etag, sizeof c->etag, "\"%.32s\"", c->sha256);
    return true;
}

/* ---- answering ----------------------------------------------------------------------------- */

static bool send_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static bool send_head(int fd, const char *format, ...)
{
    char text[HEAD_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return n > 0 && (size_t)n < sizeof text && send_all(fd, text, (size_t)n);
}

static bool send_status(const struct connection *c, int status, const char *more)
{
    char retry[64] = "";
    if (c->hub->rules.retry_after > 0)
        snprintf(retry, sizeof retry, "Retry-After: %d\r\n", c->hub->rules.retry_after);
    return send_head(c->fd, "HTTP/1.1 %d Status\r\nContent-Length: 0\r\n%s%s\r\n", status, retry,
                     more);
}

static bool send_body(const struct connection *c, const struct content *content, long long from)
{
    struct fake_hub *hub = c->hub;
    long long size = content->size - from, cut = take_cut(hub, size);
    if (hub->rules.wrong_bytes && content->size > 0)
        content->data[content->size / 2] ^= 1;
    if (cut >= 0)
        size = cut;
    count_body(hub);
    for (long long done = 0; done < size;) {
        long long n = hub->rules.drip_ms ? 1 : size - done;
        hub->counts.bytes += n; /* first: who has the last byte may look at once */
        if (!send_all(c->fd, content->data + from + done, (size_t)n))
            return false;
        done += n;
        if (hub->rules.drip_ms)
            pause_ms(hub->rules.drip_ms);
    }
    return cut < 0 && !hub->rules.wrong_length && !hub->rules.no_length;
}

/* The file itself, or a part of it. */
static bool send_file(const struct connection *c, const struct request *r,
                      const struct content *content, const char *more)
{
    const struct fake_hub_rules *rules = &c->hub->rules;
    bool other = r->if_range[0] && strcmp(r->if_range, content->etag) != 0;
    bool part = r->from >= 0 && !rules->no_ranges && !other;
    long long from = part ? r->from : 0;
    char length[64] = "", range[128] = "";
    if (part) {
        c->hub->counts.ranges++;
        c->hub->counts.last_from = from;
    }
    if (part && from >= content->size)
        return send_head(c->fd,
                         "HTTP/1.1 416 Range\r\nContent-Range: bytes */%lld\r\n"
                         "Content-Length: 0\r\n\r\n",
                         content->size);
    if (part && rules->wrong_range && from > 0)
        from--;
    if (part)
        snprintf(range, sizeof range, "Content-Range: bytes %lld-%lld/%lld\r\n", from,
                 content->size - 1, content->size);
    if (!rules->no_length)
        snprintf(length, sizeof length, "Content-Length: %lld\r\n",
                 content->size - from + (rules->wrong_length && c->is_cdn ? 1000 : 0));
    if (!send_head(c->fd, "HTTP/1.1 %d OK\r\n%s%sETag: %s\r\nAccept-Ranges: bytes\r\n%s\r\n",
                   part ? 206 : 200, length, range, content->etag, more))
        return false;
    return r->head || send_body(c, content, from);
}

static bool send_huge_headers(int fd)
{
    char filler[1000];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    if (!send_head(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"))
        return false;
    for (int i = 0; i < 90; i++)
        if (!send_head(fd, "X-Filler-%d: %s\r\n", i, filler))
            return false;
    return send_head(fd, "\r\n");
}

static bool answer_large(const struct connection *c, const struct request *r,
                         const struct content *content)
{
    const struct fake_hub_rules *rules = &c->hub->rules;
    char more[512];
    bool claims = rules->claim_gb > 0 && strncmp(r->path, "/apple/", 7) == 0;
    snprintf(
        more, sizeof more, "X-Repo-Commit: %s\r\nX-Linked-Size: %lld\r\nX-Linked-Etag: \"%s\"\r\n",
        FAKE_HUB_COMMIT, claims ? rules->claim_gb * 1000000000LL : content->size, content->sha256);
    if (rules->no_redirect)
        return send_file(c, r, content, more);
    return send_head(c->fd, "HTTP/1.1 302 Found\r\nLocation: %s%s\r\n%sContent-Length: 0\r\n\r\n",
                     rules->redirect_to ? rules->redirect_to : c->hub->cdn, r->path, more);
}

/* False: the connection ends. */
static bool answer(const struct connection *c, const struct request *r)
{
    struct fake_hub *hub = c->hub;
    const struct fake_hub_rules *rules = &hub->rules;
    char file[4096], more[256] = "";
    struct content content = {0};
    bool in_repo = strstr(r->path, "/resolve/") != NULL;
    bool was_moved = strncmp(r->path, MOVED, strlen(MOVED)) == 0;
    int status = take_status(c->is_cdn ? hub->rules.cdn_statuses : hub->rules.statuses);
    if (status)
        return send_status(c, status, "");
    if (rules->mirror && strncmp(r->host, "localhost", 9) == 0)
        return send_head(c->fd,
                         "HTTP/1.1 308 Mirror\r\nLocation: %s%s\r\nContent-Length: 0\r\n\r\n",
                         hub->url, r->path);
    if (rules->no_head && r->head && strncmp(r->path, "/plain/", 7) == 0)
        return send_status(c, 403, "");
    if (rules->huge_headers)
        return send_huge_headers(c->fd);
    if (rules->endless_redirect)
        return send_head(c->fd,
                         "HTTP/1.1 302 Found\r\nLocation: %s%s?\r\nContent-Length: 0\r\n\r\n",
                         hub->url, r->path);
    if (in_repo && !c->is_cdn && rules->status_of_repo) {
        if (rules->error_code)
            snprintf(more, sizeof more, "X-Error-Code: %s\r\n", rules->error_code);
        return send_status(c, rules->status_of_repo, more);
    }
    const char *path = r->path + (was_moved ? strlen(MOVED) : 0);
    if (!local_path(hub, path, file, sizeof file))
        return send_status(c, 404, "X-Error-Code: RevisionNotFound\r\n");
    if (!read_content(hub, file, in_repo && !is_large(r->path), &content))
        return send_status(c, 404, in_repo ? "X-Error-Code: EntryNotFound\r\n" : "");
    bool goes_on;
    if (in_repo && !c->is_cdn && rules->moved && !is_large(r->path) && !was_moved)
        goes_on = send_head(c->fd,
                            "HTTP/1.1 307 Temporary\r\nLocation: " MOVED "%s\r\n"
                            "X-Repo-Commit: " FAKE_HUB_COMMIT "\r\nContent-Length: 0\r\n\r\n",
                            r->path);
    else if (in_repo && !c->is_cdn && is_large(r->path))
        goes_on = answer_large(c, r, &content);
    else
        goes_on = send_file(
            c, r, &content,
            in_repo && !c->is_cdn && !was_moved ? "X-Repo-Commit: " FAKE_HUB_COMMIT "\r\n" : "");
    free(content.data);
    return goes_on;
}

static void *serve(void *context)
{
    struct connection *c = context;
    struct fake_hub *hub = c->hub;
    struct request r;
    while (read_request(c->fd, &r)) {
        atomic_fetch_add(c->is_cdn ? &hub->counts.cdn_requests : &hub->counts.hub_requests, 1);
        if (r.authorization[0])
            atomic_fetch_add(
                c->is_cdn ? &hub->counts.cdn_authorizations : &hub->counts.hub_authorizations, 1);
        if (r.authorization[0] && !c->is_cdn)
            memcpy(hub->authorization, r.authorization, sizeof r.authorization);
        if (!answer(c, &r))
            break;
    }
    close(c->fd);
    free(c);
    return NULL;
}

static void *accept_all(void *context)
{
    struct connection *listener = context;
    for (;;) {
        int fd = accept(listener->fd, NULL, NULL);
        if (fd < 0)
            continue;
        struct connection *c = malloc(sizeof *c);
        pthread_t thread;
        if (!c)
            give_up("malloc");
        *c = *listener;
        c->fd = fd;
        listener->hub->counts.connections++;
        if (pthread_create(&thread, NULL, serve, c) != 0)
            give_up("pthread_create");
        pthread_detach(thread);
    }
    return NULL;
}

static void listen_on(struct fake_hub *hub, bool is_cdn, char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct connection *listener = malloc(sizeof *listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    if (fd < 0 || !listener || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        listen(fd, 64) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        give_up("fake hub");
    snprintf(url, 64, "http://127.0.0.1:%d", ntohs(address.sin_port));
    *listener = (struct connection){.hub = hub, .fd = fd, .is_cdn = is_cdn};
    if (pthread_create(&thread, NULL, accept_all, listener) != 0)
        give_up("pthread_create");
    pthread_detach(thread);
}

struct fake_hub *fake_hub_start(const char *root)
{
    struct fake_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        give_up("calloc");
    signal(SIGPIPE, SIG_IGN);
    snprintf(hub->root, sizeof hub->root, "%s", root);
    listen_on(hub, false, hub->url);
    listen_on(hub, true, hub->cdn);
    return hub;
}

void fake_hub_clear(struct fake_hub *hub)
{
    pthread_mutex_lock(&rules_lock);
    hub->rules = (struct fake_hub_rules){0};
    memset((void *)&hub->counts, 0, sizeof hub->counts);
    hub->authorization[0] = '\0';
    pthread_mutex_unlock(&rules_lock);
}
