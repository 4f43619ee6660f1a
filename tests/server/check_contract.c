/* SPDX-License-Identifier: MIT
 *
 * check-contract ADDRESS OPENAPI PICTURE: asks a running server everything that the document
 * describes, and holds each answer against it: the status is one that the operation has, the body
 * fits the schema of that status. Says at the end which operations were never answered well.
 */
#include "client.h"
#include "schema.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *document;
static struct file_bytes picture;
static int failures, asked;
static char answered[64][80]; /* operations that were answered with 2xx */
static size_t answered_count;

static void fail(const char *method, const char *target, const char *what)
{
    failures++;
    printf("FAIL: %s %s: %s\n", method, target, what);
}

static const json_t *follow(const json_t *value)
{
    const char *ref = json_string_value(json_object_get(value, "$ref"));
    return ref ? schema_at(document, ref) : value;
}

static const json_t *operation(const char *method, const char *path)
{
    char lower[16] = "";
    for (size_t i = 0; method[i] && i < sizeof lower - 1; i++)
        lower[i] = (char)(method[i] | 0x20);
    return json_object_get(json_object_get(json_object_get(document, "paths"), path), lower);
}

static void note_answered(const json_t *op)
{
    const char *id = json_string_value(json_object_get(op, "operationId"));
    for (size_t i = 0; i < answered_count; i++)
        if (strcmp(answered[i], id) == 0)
            return;
    if (answered_count < sizeof answered / sizeof answered[0])
        snprintf(answered[answered_count++], sizeof answered[0], "%s", id);
}

static json_t *check_answer(const char *method, const char *path, const char *target, int expected,
                            const struct answer *answer)
{
    char text[64], why[1024] = "";
    const json_t *op = operation(method, path);
    snprintf(text, sizeof text, "%d", answer->status);
    const json_t *responses = json_object_get(op, "responses");
    const json_t *response = json_object_get(responses, text);
    if (!response && answer->status >= 400)
        response = json_object_get(responses, "default");
    response = follow(response);
    if (answer->status != expected) {
        snprintf(why, sizeof why, "status %d, expected %d: %.300s", answer->status, expected,
                 answer->body);
        fail(method, target, why);
    }
    if (!response) {
        snprintf(why, sizeof why, "status %d is not in the document", answer->status);
        fail(method, target, why);
        return NULL;
    }
    if (answer->status < 300)
        note_answered(op);
    const json_t *media = json_object_get(json_object_get(response, "content"), "application/json");
    if (!media)
        return NULL;
    json_t *body = json_loadb(answer->body, answer->size, JSON_DECODE_ANY, NULL);
    if (!body)
        fail(method, target, "the answer is not JSON");
    else if (!schema_accepts(document, json_object_get(media, "schema"), body, why, sizeof why))
        fail(method, target, why);
    return body;
}

/* path: as in the document. The answer's JSON, or NULL. */
static json_t *ask(const char *method, const char *path, const char *target, const char *type,
                   const void *body, size_t size, int expected)
{
    struct answer answer;
    char header[200] = "";
    json_t *value = NULL;
    asked++;
    if (type)
        snprintf(header, sizeof header, "Content-Type: %s\r\n", type);
    if (client_ask(method, target, header, body, size, &answer))
        value = check_answer(method, path, target, expected, &answer);
    else
        fail(method, target, "no answer");
    answer_free(&answer);
    return value;
}

static void get(const char *path, const char *target, int expected)
{
    json_decref(ask("GET", path, target, NULL, NULL, 0, expected));
}

static void send_json(const char *method, const char *path, const char *target, const char *body,
                      int expected)
{
    json_decref(ask(method, path, target, "application/json", body, strlen(body), expected));
}

/* A form of one text field and one file. */
static void send_form(const char *path, const char *field, const char *text, const char *file_field,
                      const void *file, size_t file_size, int expected)
{
    char *form = malloc(file_size + 2048);
    int head = snprintf(form, 2048,
                        "--XX\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n"
                        "--XX\r\nContent-Disposition: form-data; name=\"%s\"; "
                        "filename=\"a\\\"b.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n",
                        field, text, file_field);
    size_t size = (size_t)head;
    memcpy(form + size, file, file_size);
    size += file_size;
    memcpy(form + size, "\r\n--XX--\r\n", 10);
    json_decref(
        ask("POST", path, path, "multipart/form-data; boundary=XX", form, size + 10, expected));
    free(form);
}

static void check_searches(long long id)
{
    static const char *const path = "/api/v1/search";
    char text[512];
    send_json("POST", path, path, "{\"texts\":[{\"text\":\"a waterfall\"}]}", 200);
    send_json("POST", path, path,
              "{\"texts\":[{\"text\":\"sea\",\"weight\":2}],\"unwanted\":[{\"text\":\"night\"}],"
              "\"floor\":\"auto\",\"unique\":true,\"sort\":\"date\",\"limit\":5,\"offset\":1,"
              "\"filters\":{\"format\":[\"jpeg\",\"png\"],\"since\":\"2000\"}}",
              200);
    send_json("POST", path, path,
              "{\"texts\":[{\"text\":\"xyzzy\"}],\"floor\":0.99,\"weak\":true,\"sort\":\"path\"}",
              200);
    snprintf(text, sizeof text, "{\"photos\":[{\"id\":%lld,\"weight\":0.5}]}", id);
    send_json("POST", path, path, text, 200);
    send_form(path, "query", "{\"images\":[{\"weight\":0.7}],\"limit\":3}", "image", picture.data,
              picture.size, 200);
    send_form(path, "query", "{}", "image", "no picture", 10, 400);
    send_form(path, "query", "{\"images\":[{},{}]}", "image", picture.data, picture.size, 422);
    send_form(path, "query", "{}", "picture", picture.data, picture.size, 422);
    send_json("POST", path, path, "{\"photos\":[{\"id\":999999999}]}", 404);
    send_json("POST", path, path, "{}", 400);
    send_json("POST", path, path, "{\"texts\":[{\"text\":\"  \"}]}", 400);
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{\"texts\":1}",
        "{\"texts\":[1]}",
        "{\"texts\":[{}]}",
        "{\"texts\":[{\"text\":1}]}",
        "{\"texts\":[{\"text\":\"a\",\"weight\":0}]}",
        "{\"texts\":[{\"text\":\"a\"}],\"floor\":2}",
        "{\"texts\":[{\"text\":\"a\"}],\"floor\":[]}",
        "{\"texts\":[{\"text\":\"a\"}],\"floor\":\"high\"}",
        "{\"texts\":[{\"text\":\"a\"}],\"limit\":0}",
        "{\"texts\":[{\"text\":\"a\"}],\"limt\":1}",
        "{\"texts\":[{\"text\":\"a\"}],\"limit\":1.5}",
        "{\"texts\":[{\"text\":\"a\"}],\"sort\":1}",
        "{\"texts\":[{\"text\":\"a\"}],\"filters\":3}",
        "{\"texts\":[{\"text\":\"a\"}],\"filters\":{\"format\":3}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        send_json("POST", path, path, wrong[i], 422);
    send_json("POST", path, path, "{\"texts\":[{\"text\":\"a\"}],\"filters\":{\"colour\":\"red\"}}",
              400);
    json_decref(ask("POST", path, path, "text/plain", "{}", 2, 415));
}

static void check_compatible(void)
{
    static const char *const text = "/api/search/text", *const image = "/api/search/image";
    get("/api/health", "/api/health", 200);
    send_json("POST", text, text, "{\"query\":\"a waterfall\"}", 200);
    static const char many[] = "{\"query\":\"a waterfall\",\"limit\":1000}";
    json_t *hits = ask("POST", text, text, "application/json", many, sizeof many - 1, 200);
    for (size_t i = 0; i < json_array_size(hits); i++)
        get("/images/{name}", json_string_value(json_object_get(json_array_get(hits, i), "url")),
            200);
    if (json_array_size(hits) < 1 || json_array_size(hits) > 60)
        fail("POST", text, "limit is not clamped to 1..60");
    json_decref(hits);
    send_json("POST", text, text, "{\"query\":\"\"}", 400);
    send_json("POST", text, text, "{\"query\":\" \\n\"}", 400);
    send_json("POST", text, text, "{}", 422);
    send_json("POST", text, text, "{\"query\":3}", 422);
    send_json("POST", text, text, "{\"query\":\"a\",\"limit\":\"x\"}", 422);
    send_json("POST", text, text, "{\"query\":\"a\",\"limit\":\"3\",\"more\":1}", 200);
    send_form(image, "limit", "2", "file", picture.data, picture.size, 200);
    send_form(image, "limit", "2", "file", "no picture", 10, 400);
    send_form(image, "limit", "2", "image", picture.data, picture.size, 422);
    send_form(image, "limit", "two", "file", picture.data, picture.size, 422);
}

static void check_images(void)
{
    static const char *const bad[] = {"/images/..%2f..%2fetc%2fpasswd",
                                      "/images/%2e%2e",
                                      "/images/..",
                                      "/images/..%5c..%5cboot.ini",
                                      "/images/a%2fb",
                                      "/images/%00",
                                      "/images/%zz",
                                      "/images/.",
                                      "/images/../images/x",
                                      "/images/x%2"};
    static const char *const none[] = {"/images/none.jpg", "/images/%252e%252e%252fetc",
                                       "/images/%c0%ae%c0%ae", "/images/~1.jpg"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        get("/images/{name}", bad[i], 400);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        get("/images/{name}", none[i], 404);
}

static void check_photos(long long id)
{
    char target[256];
    get("/api/v1/photos", "/api/v1/photos?limit=1000&sort=date", 200);
    get("/api/v1/photos", "/api/v1/photos?limit=2&offset=1&sort=path&format=jpeg&format=png", 200);
    get("/api/v1/photos", "/api/v1/photos?offset=100000", 200);
    get("/api/v1/photos", "/api/v1/photos?limit=0", 400);
    get("/api/v1/photos", "/api/v1/photos?sort=size", 400);
    get("/api/v1/photos", "/api/v1/photos?since=yesterday", 400);
    get("/api/v1/photos", "/api/v1/photos?colour=red", 400);
    snprintf(target, sizeof target, "/api/v1/photos/%lld", id);
    get("/api/v1/photos/{id}", target, 200);
    get("/api/v1/photos/{id}", "/api/v1/photos/999999999", 404);
    get("/api/v1/photos/{id}", "/api/v1/photos/one", 404);
    get("/api/v1/photos/{id}", "/api/v1/photos/99999999999999999999", 404);
    snprintf(target, sizeof target, "/api/v1/photos/%lld/similar?limit=3&weak=true", id);
    get("/api/v1/photos/{id}/similar", target, 200);
    snprintf(target, sizeof target, "/api/v1/photos/%lld/similar?floor=2", id);
    get("/api/v1/photos/{id}/similar", target, 400);
    snprintf(target, sizeof target, "/api/v1/photos/%lld/thumbnail", id);
    get("/api/v1/photos/{id}/thumbnail", target, 200);
    snprintf(target, sizeof target, "/api/v1/photos/%lld/thumbnail?size=1024", id);
    get("/api/v1/photos/{id}/thumbnail", target, 200);
    snprintf(target, sizeof target, "/api/v1/photos/%lld/thumbnail?size=3", id);
    get("/api/v1/photos/{id}/thumbnail", target, 400);
    snprintf(target, sizeof target, "/api/v1/photos/%lld/original", id);
    get("/api/v1/photos/{id}/original", target, 200);
    snprintf(target, sizeof target, "/api/v1/photos/%lld/original?as=file", id);
    get("/api/v1/photos/{id}/original", target, 200);
    get("/api/v1/facets", "/api/v1/facets", 200);
}

static void check_categories(void)
{
    static const char *const all = "/api/v1/categories", *const set = "/api/v1/categories/{set}";
    static const char *const run = "/api/v1/categories/{set}/run";
    static const char *const try = "/api/v1/categories/try";
    static const char *const two =
        "{\"categories\":[{\"name\":\"Sea\",\"prompts\":[\"the sea\",\"waves\"]},"
        "{\"name\":\"Città\",\"prompts\":[\"a city at night\"]}]";
    char body[512];
    get(all, all, 200);
    snprintf(body, sizeof body, "%s}", two);
    send_json("POST", try, try, body, 200);
    send_json("PUT", set, "/api/v1/categories/sea%20%26%20citt%C3%A0", body, 200);
    send_json("PUT", set, "/api/v1/categories/default", body, 409);
    send_json("POST", run, "/api/v1/categories/sea%20%26%20citt%C3%A0/run",
              "{\"none_below\":0.1,\"multi\":null}", 200);
    get(all, all, 200);
    send_json("POST", run, "/api/v1/categories/nothing/run", "{}", 404);
    json_decref(
        ask("DELETE", set, "/api/v1/categories/sea%20%26%20citt%C3%A0", NULL, NULL, 0, 204));
    json_decref(
        ask("DELETE", set, "/api/v1/categories/sea%20%26%20citt%C3%A0", NULL, NULL, 0, 404));
    snprintf(body, sizeof body,
             "%s,\"examples\":3,\"options\":{\"none_below\":0.3},"
             "\"filters\":{\"format\":\"jpeg\"}}",
             two);
    send_json("POST", try, try, body, 200);
    static const char twice[] = "{\"categories\":[{\"name\":\"a\",\"prompts\":[\"b\"]},"
                                "{\"name\":\"a\",\"prompts\":[\"c\"]}]}";
    static const char *const wrong[] = {
        "{}",
        "{\"categories\":[]}",
        "{\"categories\":[{}]}",
        "{\"categories\":[1]}",
        "{\"categories\":[{\"name\":\"a\",\"prompts\":[]}]}",
        "{\"categories\":[{\"name\":\"a\",\"prompts\":[\"\"]}]}",
        twice,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        send_json("POST", try, try, wrong[i], 422);
}

static void check_duplicates(long long id, long long other)
{
    static const char *const decisions = "/api/v1/duplicates/decisions";
    char body[256];
    get("/api/v1/duplicates", "/api/v1/duplicates", 200);
    get("/api/v1/duplicates", "/api/v1/duplicates?tier=same-picture&limit=1&offset=1", 200);
    snprintf(body, sizeof body, "{\"photos\":[%lld,%lld],\"decision\":\"not-duplicate\"}", id,
             other);
    send_json("POST", decisions, decisions, body, 200);
    get(decisions, decisions, 200);
    snprintf(body, sizeof body, "{\"photos\":[%lld,%lld],\"decision\":\"none\"}", id, other);
    send_json("POST", decisions, decisions, body, 200);
}

/* The map and the groups are made on the first request: asked until they are there. */
static void get_made(const char *path, const char *target)
{
    for (int tries = 0; tries < 300; tries++) {
        struct answer answer;
        bool ok = client_ask("GET", target, NULL, NULL, 0, &answer);
        bool making = ok && answer.status == 202;
        asked++;
        if (ok)
            json_decref(check_answer("GET", path, target, making ? 202 : 200, &answer));
        else
            fail("GET", target, "no answer");
        answer_free(&answer);
        if (!making)
            return;
        struct timespec pause = {.tv_nsec = 200000000};
        nanosleep(&pause, NULL);
    }
    fail("GET", target, "is still being made");
}

static void check_map(void)
{
    get_made("/api/v1/groups", "/api/v1/groups?examples=2");
    get("/api/v1/groups/{group}", "/api/v1/groups/0?limit=2", 200);
    get_made("/api/v1/map", "/api/v1/map?method=pca");
    get_made("/api/v1/map", "/api/v1/map");
    get("/api/v1/map", "/api/v1/map?method=guess", 400);
}

static void report_missing(void)
{
    const char *path, *method;
    json_t *item, *op;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        json_object_foreach(item, method, op)
        {
            const char *id = json_string_value(json_object_get(op, "operationId"));
            size_t i = 0;
            while (i < answered_count && strcmp(answered[i], id) != 0)
                i++;
            if (i == answered_count && strcmp(id, "events") != 0)
                fail(method, path, "was never answered well");
        }
    }
}

int main(int argc, char **argv)
{
    struct err err;
    if (argc != 4 || file_read(&picture, argv[3], 32 << 20, &err) != OK)
        return 2;
    client_use(argv[1]);
    document = json_load_file(argv[2], 0, NULL);
    json_t *served = ask("GET", "/api/v1/openapi.json", "/api/v1/openapi.json", NULL, NULL, 0, 200);
    if (!document || !json_equal(document, served))
        fail("GET", "/api/v1/openapi.json", "is not the document");
    json_t *list = ask("GET", "/api/v1/photos", "/api/v1/photos?limit=2", NULL, NULL, 0, 200);
    long long ids[2] = {0};
    for (size_t i = 0; i < 2; i++)
        ids[i] = json_integer_value(
            json_object_get(json_array_get(json_object_get(list, "photos"), i), "id"));
    check_searches(ids[0]);
    check_compatible();
    check_images();
    check_photos(ids[0]);
    check_categories();
    check_duplicates(ids[0], ids[1]);
    check_map();
    get("/api/v1/status", "/api/v1/status", 200);
    send_json("POST", "/api/v1/session", "/api/v1/session", "{\"token\":\"anything\"}", 204);
    json_decref(ask("DELETE", "/api/v1/session", "/api/v1/session", NULL, NULL, 0, 204));
    report_missing();
    printf("%d requests, %d failures\n", asked, failures);
    json_decref(list);
    json_decref(served);
    json_decref(document);
    file_bytes_free(&picture);
    return failures > 0;
}
