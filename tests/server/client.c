/* SPDX-License-Identifier: MIT
 *
 * See client.h.
 */
#include "client.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in server;
static char host[64];

void client_use(const char *address)
{
    char name[32] = "";
    int port = 0;
    const char *at = strstr(address, "//");
    if (sscanf(at ? at + 2 : address, "%31[^:]:%d", name, &port) != 2 || port <= 0) {
        fprintf(stderr, "client: %s is no address\n", address);
        exit(2);
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((unsigned short)port);
    if (inet_pton(AF_INET, name, &server.sin_addr) != 1)
        inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
    snprintf(host, sizeof host, "%s:%d", name, port);
}

const char *client_host(void)
{
    return host;
}

int client_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&server, sizeof server) != 0) {
        close(fd);
        return -1;
    }
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

bool client_send(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

struct input {
    int fd;
    double until;
    char *data;
    size_t size, capacity;
    bool ended;
};

/* More bytes; false at the end or when time is up. */
static bool more(struct input *in)
{
    double left = in->until - clock_seconds();
    struct pollfd poller = {.fd = in->fd, .events = POLLIN};
    if (in->ended || left <= 0 || poll(&poller, 1, (int)(left * 1000) + 1) <= 0)
        return false;
    if (in->size + 65536 + 1 > in->capacity) {
        in->capacity = 2 * in->capacity + 65536 + 1;
        char *grown = realloc(in->data, in->capacity);
        if (!grown)
            abort();
        in->data = grown;
    }
    ssize_t got = recv(in->fd, in->data + in->size, 65536, 0);
    if (got <= 0) {
        in->ended = true;
        return false;
    }
    in->size += (size_t)got;
    in->data[in->size] = '\0';
    return true;
}

const char *answer_header(const struct answer *answer, const char *name, char value[1024])
{
    size_t length = strlen(name);
    for (const char *line = answer->head; line && *line; line = strstr(line, "\r\n")) {
        line += line == answer->head ? 0 : 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            snprintf(value, 1024, "%.*s", (int)strcspn(line + length + 2, "\r"), line + length + 2);
            return value;
        }
    }
    return NULL;
}

/* Chunked, in place; true when the last chunk is there. */
static bool unchunk(char *text, size_t size, size_t *out_size)
{
    size_t at = 0, out = 0;
    while (at < size) {
        char *end;
        unsigned long chunk = strtoul(text + at, &end, 16);
        char *line = memmem(text + at, size - at, "\r\n", 2);
        if (end == text + at || !line)
            return false;
        size_t begin = (size_t)(line - text) + 2;
        if (chunk == 0) {
            *out_size = out;
            return true;
        }
        if (begin + chunk + 2 > size)
            return false;
        memmove(text + out, text + begin, chunk);
        out += chunk;
        at = begin + chunk + 2;
    }
    return false;
}

bool client_receive(int fd, double seconds, struct answer *out)
{
    *out = (struct answer){0};
    struct input in = {.fd = fd, .until = clock_seconds() + seconds};
    char *end = NULL;
    while (!(end = in.size ? strstr(in.data, "\r\n\r\n") : NULL) && more(&in))
        ;
    if (!end || sscanf(in.data, "HTTP/1.%*d %d", &out->status) != 1) {
        free(in.data);
        return false;
    }
    size_t head = (size_t)(end - in.data) + 4;
    out->head = strndup(in.data, head - 2);
    char value[1024];
    const char *length = answer_header(out, "Content-Length", value);
    bool chunked = !length && answer_header(out, "Transfer-Encoding", value);
    size_t want = length ? strtoull(length, NULL, 10) : 0;
    if (out->status == 204 || out->status == 304)
        want = 0;
    bool whole = !chunked && in.size >= head + want;
    size_t size = want;
    while (!whole && (chunked || length)) {
        char *copy = chunked ? malloc(in.size - head + 1) : NULL;
        if (chunked) {
            memcpy(copy, in.data + head, in.size - head);
            whole = unchunk(copy, in.size - head, &size);
            if (whole)
                memcpy(in.data + head, copy, size);
            free(copy);
        } else {
            whole = in.size >= head + want;
        }
        if (!whole && !more(&in))
            break;
    }
    out->body = malloc(size + 1);
    if (whole) {
        memcpy(out->body, in.data + head, size);
        out->size = size;
    }
    out->body[out->size] = '\0';
    out->closed = in.ended;
    free(in.data);
    return whole;
}

void answer_free(struct answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (struct answer){0};
}

bool client_ask(const char *method, const char *target, const char *extra, const void *body,
                size_t size, struct answer *out)
{
    *out = (struct answer){0};
    char *head = NULL;
    int length = asprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s", method,
                          target, host, extra ? extra : "");
    char tail[64] = "\r\n";
    if (body)
        snprintf(tail, sizeof tail, "Content-Length: %zu\r\n\r\n", size);
    int fd = client_connect();
    bool head_only = strcmp(method, "HEAD") == 0;
    bool ok = fd >= 0 && length > 0 && client_send(fd, head, (size_t)length) &&
              client_send(fd, tail, strlen(tail));
    if (ok && body)
        (void)client_send(fd, body, size); /* refused halfway, it has an answer all the same */
    ok = ok && (client_receive(fd, 30, out) || (head_only && out->status));
    if (fd >= 0)
        close(fd);
    free(head);
    return ok;
}
