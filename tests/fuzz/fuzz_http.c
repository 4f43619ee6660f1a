/* SPDX-License-Identifier: MIT
 *
 * Requests, with every handler: "METHOD target", a line for each header, an empty line, the body;
 * as sockets.c does it, past the gate, by the table, to the handler. A '!' in front: the server
 * asks for a token. The server is a real one, over a library of pictures that exist; only the
 * socket is left out (libmicrohttpd's parser is not ours to test).
 *
 * Every answer has a status, and none is a 500: whatever comes in, it is never our own fault. JSON
 * is JSON, an error has its "detail", headers stay in their line.
 */
#include "fuzz.h"
#include "rig.h"

#include "base/file.h"
#include "server/events.h"
#include "server/internal.h"
#include "server/making.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REQUESTS_UNTIL_NEW = 4096 }; /* what requests leave in the library must not pile up */

#define TOKEN "0123456789abcdef"

static struct model *model;
static struct server *server;
static struct file_bytes pristine;
static char library[128], thumbnails[128];

/* Maps and groups are made beside the requests: here, before any. */
static void wait_for(enum made_kind kind)
{
    enum { PAUSE_US = 1000 };
    const struct made *made;
    double elapsed_s;
    struct err err = {0};
    while (!(made = making_get(server->making, kind, &elapsed_s, &err))) {
        FUZZ_CHECK(err.status == OK);
        usleep(PAUSE_US);
    }
    making_release(server->making, made);
}

static void open_server(void)
{
    static const char *const origins[] = {"https://gallery.example"};
    struct err err = {0};
    const struct server_options options = {.listen = "127.0.0.1:0",
                                           .library = library,
                                           .model = model,
                                           .threads = 1,
                                           .origins = origins,
                                           .origin_count = 1,
                                           .thumbnails = thumbnails};
    FUZZ_CHECK_OK(server_open(&server, &options, &err), &err);
    wait_for(MADE_PCA);
    wait_for(MADE_GROUPS);
}

static void renew(void)
{
    static unsigned requests;
    if (requests++ % REQUESTS_UNTIL_NEW || requests == 1)
        return;
    server_close(server);
    char beside[160];
    snprintf(beside, sizeof beside, "%s-wal", library);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-shm", library);
    unlink(beside);
    rig_write("library", pristine.data, pristine.size);
    open_server();
}

static void close_server(void)
{
    server_close(server);
    model_close(model);
    file_bytes_free(&pristine);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err err = {0};
    setenv("FOVEA_SANDBOX", "off", 1); /* the decoders' children are another test's */
    snprintf(library, sizeof library, "%s", rig_path("library"));
    snprintf(thumbnails, sizeof thumbnails, "%s", rig_path("thumbnails"));
    model = rig_model();
    rig_pictures();
    rig_index("library", model);
    FUZZ_CHECK_OK(file_read(&pristine, library, 1 << 24, &err), &err);
    open_server();
    atexit(close_server);
    return 0;
}

/* ---- the request -------------------------------------------------------------------------- */

/* Up to the end of the line, which goes; a copy. */
static char *take_line(struct fuzz_input *in)
{
    size_t size = 0;
    while (size < in->size && in->data[size] && in->data[size] != '\n')
        size++;
    char *line = calloc(1, size + 1);
    FUZZ_CHECK(line);
    for (size_t i = 0; i < size; i++)
        line[i] = (char)in->data[i];
    in->data += size < in->size ? size + 1 : size;
    in->size -= size < in->size ? size + 1 : size;
    size = strlen(line);
    if (size && line[size - 1] == '\r')
        line[size - 1] = '\0';
    return line;
}

static void take_header(struct request_headers *out, const char *line)
{
    char name[64];
    const char *colon = strchr(line, ':');
    if (!colon || (size_t)(colon - line) >= sizeof name)
        return;
    memcpy(name, line, (size_t)(colon - line));
    name[colon - line] = '\0';
    const char **wanted = request_header(out, name);
    if (wanted)
        *wanted = colon + 1 + strspn(colon + 1, " ");
}

/* ---- the answer --------------------------------------------------------------------------- */

static void check_json(const struct reply *reply)
{
    json_error_t where;
    json_t *json = json_loadb(reply->bytes, reply->size, JSON_DECODE_ANY, &where);
    FUZZ_CHECK(json);
    if (reply->status >= 400)
        FUZZ_CHECK(json_is_string(json_object_get(json, "detail")));
    json_decref(json);
}

static void check_reply(const struct reply *reply)
{
    struct stat st;
    FUZZ_CHECK(reply->status >= 200 && reply->status < 600 && reply->status != 500);
    FUZZ_CHECK(reply->kind != REPLY_NONE && reply->header_count <= REPLY_HEADERS_MAX);
    for (size_t i = 0; i < reply->header_count; i++)
        for (const char *c = reply->headers[i].value; *c; c++)
            FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
    if (reply->kind == REPLY_FILE)
        FUZZ_CHECK(fstat(reply->fd, &st) == 0 &&
                   reply->offset + reply->size <= (uint64_t)st.st_size);
    if (reply->kind == REPLY_BYTES || reply->kind == REPLY_STATIC)
        fuzz_touch(reply->bytes, reply->size);
    if (reply->type && strcmp(reply->type, "application/json") == 0)
        check_json(reply);
}

/* Whether it gets to its handler. */
static bool pass(struct exchange *x, const char *target)
{
    struct err err = {0};
    if (!x->method || uri_parse(&x->uri, target, &err) != OK)
        return false;
    if (!gate_check_source(&server->gate, x) || !route_find(x) ||
        (!x->route->open && !gate_check_token(&server->gate, x))) {
        check_reply(&x->reply);
        return false;
    }
    return x->body_size <= exchange_body_limit(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct exchange x = {0};
    char *lines[24];
    size_t count = 0;
    renew();
    x.server = server;
    strcpy(server->gate.token, size && *data == '!' ? TOKEN : "");
    if (size && *data == '!')
        fuzz_take_byte(&in);
    char *first = take_line(&in);
    size_t verb = strcspn(first, " ");
    const char *rest = first + verb + (first[verb] == ' ');
    first[verb] = '\0';
    x.method = method_named(first);
    x.headers.host = "localhost";
    while (count < sizeof lines / sizeof lines[0] && in.size) {
        lines[count] = take_line(&in);
        take_header(&x.headers, lines[count]);
        if (!*lines[count++])
            break;
    }
    void *body = fuzz_take_rest(&in, &x.body_size);
    x.body = body;
    if (pass(&x, rest)) {
        x.route->run(&x);
        check_reply(&x.reply);
    }
    exchange_free_reply(&x);
    uri_free(&x.uri);
    free(body);
    while (count)
        free(lines[--count]);
    free(first);
    return 0;
}
