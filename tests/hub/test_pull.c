/* SPDX-License-Identifier: MIT
 *
 * A model from the hub to its folder: which files, of which commit, from where, with which token;
 * processes that are killed, that come second, that come back; and what is said when it cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_fixture.h"

#include "base/file.h"
#include "hub/cache.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE 300000
#define H14 "ViT-H-14/dfn5b"
#define SERVED "served/apple/DFN5B-CLIP-ViT-H-14/"
#define SAFETENSORS "open_clip_model.safetensors"
#define PULLED "models/ViT-H-14/dfn5b/"

static struct err err;

static void serve_h14(void)
{
    fixture_write(SERVED "open_clip_config.json", "{\"model_cfg\": {\"embed_dim\": 1024}}");
    fixture_make(SERVED SAFETENSORS, SIZE, 3);
    fixture_make(SERVED "tokenizer.json", 100, 4);
}

static enum status pull(const char *name)
{
    return fixture_pull(name, NULL, &err);
}

static void expect_error(enum status have, enum status status, const char *says)
{
    if (have != status || !strstr(err.text, says))
        fail_msg("expected %d '%s', have %d '%s'", status, says, have, err.text);
}

static json_t *read_source(const char *dir)
{
    char path[600];
    snprintf(path, sizeof path, "%s%s", dir, PULL_SOURCE_NAME);
    json_t *source = json_load_file(path, 0, NULL);
    assert_non_null(source);
    return source;
}

/* moved: small files come by a redirect within the hub, as the real one has it. */
static void check_registry_model(bool moved)
{
    assert_int_equal(fixture_begin(NULL), 0);
    serve_h14();
    hub->rules.moved = moved;
    setenv("HF_TOKEN", "hf_secret", 1);
    if (pull(H14) != OK)
        fail_msg("%s", err.text);
    fixture_expect_same(SERVED SAFETENSORS, PULLED SAFETENSORS, 0);
    fixture_expect_same(SERVED "open_clip_config.json", PULLED "open_clip_config.json", 0);
    assert_false(fixture_exists(PULLED "tokenizer.json")); /* CLIP's is built in */
    assert_string_equal(hub->authorization, "Bearer hf_secret");
    assert_int_equal(hub->counts.hub_authorizations, hub->counts.hub_requests);
    assert_int_equal(hub->counts.cdn_requests, 1);
    assert_int_equal(hub->counts.cdn_authorizations, 0); /* not to another host */
    json_t *source = read_source(PULLED), *weights;
    assert_string_equal(json_string_value(json_object_get(source, "commit")), FAKE_HUB_COMMIT);
    assert_string_equal(json_string_value(json_object_get(source, "model")), H14);
    weights = json_array_get(json_object_get(source, "files"), 1);
    assert_true(json_is_true(json_object_get(weights, "verified")));
    assert_non_null(strstr(json_string_value(json_object_get(weights, "url")),
                           "/resolve/" FAKE_HUB_COMMIT "/"));
    json_decref(source);
    int before = hub->counts.connections;
    assert_int_equal(pull(H14), OK); /* it is here: nothing is asked */
    assert_int_equal(hub->counts.connections, before);
}

static void test_registry_model(void **state)
{
    check_registry_model(false);
    check_registry_model(true);
}

static void test_token_of_another_origin(void **state)
{
    serve_h14();
    setenv("HF_TOKEN", "hf_secret", 1);
    char other[128]; /* the hub itself, but another name for it: another origin */
    snprintf(other, sizeof other, "http://localhost:%s", strrchr(hub->url, ':') + 1);
    hub->rules.redirect_to = other;
    enum status status = pull(H14);
    hub->rules.redirect_to = NULL;
    int asked = hub->counts.hub_requests, authorized = hub->counts.hub_authorizations;
    assert_true(status != OK); /* it redirects to itself without end */
    assert_true(asked > authorized);
}

/* An endpoint that knows nothing itself and sends everybody on to the hub. */
static void test_mirror(void **state)
{
    char mirror[128];
    serve_h14();
    hub->rules.mirror = true;
    setenv("HF_TOKEN", "hf_secret", 1);
    snprintf(mirror, sizeof mirror, "http://localhost:%s", strrchr(hub->url, ':') + 1);
    setenv("HF_ENDPOINT", mirror, 1);
    enum status status = pull(H14);
    setenv("HF_ENDPOINT", hub->url, 1);
    if (status != OK)
        fail_msg("%s", err.text);
    json_t *source = read_source(PULLED);
    json_t *files = json_object_get(source, "files"), *file;
    size_t i;
    assert_int_equal(json_array_size(files), 2);
    json_array_foreach(files, i, file)
    {
        assert_true(json_is_true(json_object_get(file, "verified")));
    }
    json_decref(source);
    /* Half of the requests were the mirror's, and only those had the token. */
    assert_int_equal(hub->counts.hub_authorizations * 2, hub->counts.hub_requests);
    assert_int_equal(hub->counts.cdn_authorizations, 0);
}

static void test_bin(void **state)
{
    fixture_make(SERVED "open_clip_pytorch_model.bin", SIZE, 3);
    hub->rules.statuses[0] = 503; /* and what is not there is not, also at the second try */
    if (pull(H14) != OK)          /* there is no config either: the registry has it */
        fail_msg("%s", err.text);
    fixture_expect_same(SERVED "open_clip_pytorch_model.bin", PULLED "open_clip_pytorch_model.bin",
                        0);
}

static void test_cuts(void **state)
{
    for (unsigned seed = 1; seed <= 3; seed++) {
        print_message("seed %u\n", seed);
        assert_int_equal(fixture_begin(NULL), 0);
        serve_h14();
        hub->rules.seed = seed;
        hub->rules.cuts = 20;
        hub->rules.cdn_statuses[0] = 503;
        hub->rules.cdn_statuses[1] = 403; /* an address that has expired: the hub gives another */
        if (pull(H14) != OK)
            fail_msg("%s", err.text);
        fixture_expect_same(SERVED SAFETENSORS, PULLED SAFETENSORS, 0);
        assert_int_equal(hub->rules.cuts, 0);
        json_t *source = read_source(PULLED);
        json_decref(source);
    }
}

static void test_wrong_bytes(void **state)
{
    serve_h14();
    hub->rules.wrong_bytes = true;
    expect_error(pull(H14), ERR_FORMAT, "not those that were announced");
    assert_false(fixture_exists(PULLED SAFETENSORS));
    assert_false(fixture_exists(PULLED SAFETENSORS ".part"));
    assert_false(fixture_exists(PULLED PULL_SOURCE_NAME));
    assert_false(fixture_exists(PULLED "open_clip_config.json")); /* by git's hash */
    hub->rules.wrong_bytes = false;
    assert_int_equal(pull(H14), OK);
    fixture_begin(NULL);
    fixture_make(SERVED SAFETENSORS, SIZE, 3); /* nothing but weights */
    hub->rules.wrong_bytes = true;
    expect_error(pull(H14), ERR_FORMAT, "SHA-256");
    assert_false(fixture_exists(PULLED SAFETENSORS));
    assert_false(fixture_exists(PULLED SAFETENSORS ".part"));
    fixture_begin(NULL);
    serve_h14();
    hub->rules.wrong_length = true;
    expect_error(pull(H14), ERR_FORMAT, "where 300000 were announced");
    hub->rules = (struct fake_hub_rules){.redirect_to = "http://example.invalid"};
    expect_error(pull(H14), ERR_IO, "not https");
}

/* The repository changes while a part of its weights is here. */
static void test_changed_repository(void **state)
{
    serve_h14();
    hub->rules.cuts = 1;
    for (int i = 1; i < 10; i++)
        hub->rules.cdn_statuses[i] = 500;
    expect_error(pull(H14), ERR_IO, "gave up");
    assert_true(fixture_exists(PULLED SAFETENSORS ".part"));
    fake_hub_clear(hub);
    hub->rules.version = 1;
    assert_int_equal(pull(H14), OK);
    assert_int_equal(hub->counts.ranges, 0); /* from the first byte */
    fixture_expect_same(SERVED SAFETENSORS, PULLED SAFETENSORS, 1);
}

static void wait_for_bytes(long long bytes)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < 5000 && hub->counts.bytes < bytes; i++)
        nanosleep(&pause, NULL);
    assert_true(hub->counts.bytes >= bytes);
}

/* A process that ends in the middle, without a chance to say anything. */
static void test_kill(void **state)
{
    serve_h14();
    hub->rules.drip_ms = 1;
    pid_t child = fork();
    if (child == 0) {
        struct pull_options how = {.progress = PROGRESS_QUIET};
        setenv("FOVEA_HUB_HURRY", "1", 1); /* drips are no broken connection here */
        struct err ignored;
        _exit(fixture_pull(H14, &how, &ignored) == OK ? 0 : 1);
    }
    wait_for_bytes(150);
    kill(child, SIGKILL);
    int ended;
    waitpid(child, &ended, 0);
    assert_true(WIFSIGNALED(ended));
    assert_true(fixture_exists(PULLED SAFETENSORS ".part"));
    fake_hub_clear(hub);
    if (pull(H14) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(hub->counts.ranges, 1);
    assert_true(hub->counts.last_from > 0);
    fixture_expect_same(SERVED SAFETENSORS, PULLED SAFETENSORS, 0);
}

static pid_t start_puller(int number)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    struct err failure, ignored;
    char path[64];
    setenv("FOVEA_HUB_HURRY", "1", 1);
    enum status status = fixture_pull(H14, NULL, &failure);
    snprintf(path, sizeof path, "notes-%d", number);
    (void)!file_write(path, notes, strlen(notes), &ignored);
    _exit(status == OK ? 0 : 1);
}

static bool said_waiting(int number)
{
    char path[64];
    struct file_bytes said;
    snprintf(path, sizeof path, "notes-%d", number);
    assert_int_equal(file_read(&said, path, 1 << 16, &err), OK);
    bool waiting = strstr((const char *)said.data, "another process is downloading") != NULL;
    file_bytes_free(&said);
    return waiting;
}

/* Two at once: one transfers, the other waits for it and says so. */
static void test_two_pullers(void **state)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    serve_h14();
    hub->rules.drip_ms = 1; /* the first is at it until this ends */
    pid_t children[2] = {start_puller(0)};
    wait_for_bytes(150);
    int asked = hub->counts.hub_requests;
    children[1] = start_puller(1);
    /* It has asked for both files' headers; next it opens the part. */
    for (int i = 0; i < 2000 && hub->counts.hub_requests < asked + 2; i++)
        nanosleep(&pause, NULL);
    for (int i = 0; i < 40; i++)
        nanosleep(&pause, NULL);
    hub->rules.drip_ms = 0;
    for (int i = 0; i < 2; i++) {
        int ended;
        waitpid(children[i], &ended, 0);
        assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    }
    assert_false(said_waiting(0));
    assert_true(said_waiting(1));
    assert_int_equal(hub->counts.cdn_requests, 1);
    fixture_expect_same(SERVED SAFETENSORS, PULLED SAFETENSORS, 0);
}

static void test_without_network(void **state)
{
    const struct pull_options offline = {.offline = true, .progress = PROGRESS_QUIET};
    serve_h14();
    expect_error(fixture_pull(H14, &offline, &err), ERR_NOT_FOUND, "--offline");
    setenv("HF_HUB_OFFLINE", "1", 1);
    expect_error(pull(H14), ERR_NOT_FOUND, "HF_HUB_OFFLINE");
    assert_int_equal(hub->counts.connections, 0);
    unsetenv("HF_HUB_OFFLINE");

    /* A port that nobody listens on: bound and closed again. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char url[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    close(fd);
    setenv("HF_ENDPOINT", url, 1);
    enum status status = pull(H14);
    setenv("HF_ENDPOINT", "https://hub.invalid", 1); /* a name that is never there */
    expect_error(status, ERR_IO, "fovea demo");
    assert_non_null(strstr(err.text, "fovea pull " H14));
    status = pull(H14);
    setenv("HF_ENDPOINT", hub->url, 1);
    expect_error(status, ERR_IO, "copy its folder to ");
    assert_non_null(strstr(err.text, "models/ViT-H-14/dfn5b"));
}

static void test_refusals(void **state)
{
    static const struct {
        int code;
        const char *error_code, *token, *says;
    } cases[] = {
        {401, NULL, NULL, "set HF_TOKEN"},
        {401, "RepoNotFound", NULL, "check the name"},
        {401, NULL, "hf_old", "refused the token"},
        {403, "GatedRepo", "hf_good", "accept its terms"},
        {403, "GatedRepo", NULL, "HF_TOKEN"},
        {404, "RepoNotFound", NULL, "org/repo is not there"},
        {404, "RevisionNotFound", NULL, "no such revision"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fixture_begin(NULL), 0);
        hub->rules.status_of_repo = cases[i].code;
        hub->rules.error_code = cases[i].error_code;
        if (cases[i].token)
            setenv("HF_TOKEN", cases[i].token, 1);
        enum status status = pull("hf-hub:org/repo");
        expect_error(status, cases[i].code == 404 ? ERR_NOT_FOUND : ERR_IO, cases[i].says);
        if (cases[i].token)
            assert_null(strstr(err.text, cases[i].token));
        assert_false(fixture_exists("models/hf-hub"));
    }
    fixture_begin(NULL);
    fixture_write("served/org/repo/open_clip_config.json", "{}");
    fixture_make("served/org/repo/" SAFETENSORS, 1000, 1);
    expect_error(pull("hf-hub:org/repo@nowhere"), ERR_NOT_FOUND, "org/repo@nowhere has no such");
    assert_int_equal(pull("hf-hub:org/repo@" FAKE_HUB_COMMIT), OK);
    assert_true(fixture_exists("models/hf-hub/org/repo@" FAKE_HUB_COMMIT "/" SAFETENSORS));
}

static void test_repositories(void **state)
{
    expect_error(pull("hf-hub:org/none"), ERR_NOT_FOUND, "neither open_clip_config.json");
    fixture_write("served/org/repo/open_clip_config.json", "{}");
    expect_error(pull("hf-hub:org/repo"), ERR_NOT_FOUND, "no weights that fovea reads");
    fixture_write("served/org/repo/open_clip_model.safetensors.index.json", "{}");
    expect_error(pull("hf-hub:org/repo"), ERR_UNSUPPORTED, "in several files");
    fixture_make("served/org/repo/" SAFETENSORS, SIZE, 1);
    fixture_make("served/org/repo/merges.txt", 1000, 1);
    assert_int_equal(pull("hf-hub:org/repo"), OK);
    fixture_expect_same("served/org/repo/merges.txt", "models/hf-hub/org/repo/merges.txt", 0);
    assert_false(fixture_exists("models/hf-hub/org/repo/vocab.json"));

    /* Transformers' layout: CLIP models only, which is known before the weights come. */
    fixture_write("served/org/bert/config.json", "{\"model_type\": \"bert\"}");
    fixture_make("served/org/bert/model.safetensors", SIZE, 1);
    expect_error(pull("hf-hub:org/bert"), ERR_UNSUPPORTED, "'bert'");
    assert_false(fixture_exists("models/hf-hub/org/bert"));
    fixture_write("served/org/clip/config.json", "{\"model_type\": \"clip\"}");
    fixture_write("served/org/clip/preprocessor_config.json", "{}");
    fixture_make("served/org/clip/pytorch_model.bin", SIZE, 1);
    assert_int_equal(pull("hf-hub:org/clip"), OK);
    assert_true(fixture_exists("models/hf-hub/org/clip/preprocessor_config.json"));
    fixture_expect_same("served/org/clip/pytorch_model.bin",
                        "models/hf-hub/org/clip/pytorch_model.bin", 0);
    /* A config larger than any is. */
    fixture_make("served/org/huge/open_clip_config.json", (64 << 20) + 1, 1);
    fixture_make("served/org/huge/" SAFETENSORS, 1000, 1);
    expect_error(pull("hf-hub:org/huge"), ERR_LIMIT, "the limit is");
}

/* A tag with an address beside its repository. The registry's are elsewhere; this one is here. */
static void test_plain_address(void **state)
{
    char url[800], digits[9];
    fixture_make("served/plain/weights.pt", SIZE, 5);
    struct fetch_result result;
    assert_int_equal(fixture_fetch("/plain/weights.pt", "probe", NULL, NULL, &result, &err), OK);
    snprintf(digits, sizeof digits, "%.8s", result.sha256);
    for (int wrong = 0; wrong < 2; wrong++) {
        char served[600];
        snprintf(served, sizeof served, "served/plain/x-%s.pt", wrong ? "0badf00d" : digits);
        fixture_make(served, SIZE, 5);
        snprintf(url, sizeof url, "%s%s", hub->url, served + strlen("served"));
        const struct registry_tag tag = {.arch = registry_find(H14)->arch,
                                         .tag = "mine",
                                         .repo = "org/not-there",
                                         .url = url,
                                         .params = 1};
        char dir[600];
        snprintf(dir, sizeof dir, "%s/models/mine-%d", scratch, wrong);
        char name[] = "mine", repo[] = "org/not-there", revision[] = "main";
        const struct model_place place = {
            .dir = dir, .name = name, .tag = &tag, .repo = repo, .revision = revision};
        const struct pull_options how = {.progress = PROGRESS_QUIET, .note = fixture_note};
        struct pull *p = NULL;
        setenv("HF_TOKEN", "hf_secret", 1);
        hub->counts.hub_authorizations = 0;
        hub->rules.cuts = 3;
        hub->rules.no_head = wrong;
        assert_int_equal(pull_open(&p, &place, &how, &err), OK);
        assert_int_equal(pull_info(p)->bytes, wrong ? 4000000 : SIZE); /* or the registry's guess */
        assert_int_equal(pull_info(p)->exact, !wrong);
        assert_non_null(strstr(notes, "taking it from "));
        int asked_repo = hub->counts.hub_authorizations;
        enum status status = pull_run(p, &err);
        assert_int_equal(hub->counts.hub_authorizations, asked_repo); /* none for an address */
        if (wrong) {
            expect_error(status, ERR_FORMAT, "instead of 0badf00d");
        } else {
            assert_int_equal(status, OK);
            assert_true(pull_info(p)->verified);
        }
        pull_close(p);
    }
}

static void test_cache(void **state)
{
    struct cached_model *models;
    size_t count;
    assert_int_equal(rmdir("models"), 0);
    assert_int_equal(cache_list(&models, &count, &err), OK);
    assert_int_equal(count, 0);
    serve_h14();
    assert_int_equal(pull(H14), OK);
    fixture_write("models/hf-hub/org/repo@a%2Fb/model.safetensors", "x");
    fixture_write("models/ViT-L-14/dfn2b/" SAFETENSORS ".part", "xyz");
    fixture_write("models/notes/readme/text", "no model");
    fixture_write("elsewhere/" SAFETENSORS, "x");
    assert_int_equal(mkdir("models/mine", 0777), 0);
    assert_int_equal(symlink("../../elsewhere", "models/mine/linked"), 0);
    char dir[600];
    snprintf(dir, sizeof dir, "%s/" PULLED, scratch);
    dir[strlen(dir) - 1] = '\0';
    cache_note_speed(dir, 31.5, 1000);
    cache_note_speed("/tmp", 1, 1000); /* not ours */
    assert_false(fixture_exists("/tmp/fovea-speed.json"));
    assert_int_equal(cache_list(&models, &count, &err), OK);
    assert_int_equal(count, 4);
    static const char *const names[] = {H14, "ViT-L-14/dfn2b", "hf-hub:org/repo@a/b",
                                        "mine/linked"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(models[i].name, names[i]);
    assert_true(models[0].complete && models[0].bytes > SIZE);
    assert_true(models[0].photos_per_second == 31.5);
    assert_true(!models[1].complete && models[1].bytes == 3);

    /* Not while somebody is at it. */
    struct part part;
    bool done;
    const struct part_identity known = {.size = 100};
    char path[600];
    snprintf(path, sizeof path, "%s/models/ViT-L-14/dfn2b/" SAFETENSORS, scratch);
    assert_int_equal(part_open(&part, path, &known, NULL, NULL, &done, &err), OK);
    expect_error(cache_remove(&models[1], &err), ERR_BUSY, "is being downloaded");
    part_close(&part);
    for (size_t i = 0; i < 4; i++)
        if (cache_remove(&models[i], &err) != OK)
            fail_msg("%s", err.text);
    assert_false(fixture_exists("models/ViT-L-14"));
    assert_false(fixture_exists("models/hf-hub"));
    assert_true(fixture_exists("models/notes/readme/text"));
    assert_true(fixture_exists("elsewhere/" SAFETENSORS));
    cache_list_free(models, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_registry_model, fixture_begin),
        cmocka_unit_test_setup(test_token_of_another_origin, fixture_begin),
        cmocka_unit_test_setup(test_mirror, fixture_begin),
        cmocka_unit_test_setup(test_bin, fixture_begin),
        cmocka_unit_test_setup(test_cuts, fixture_begin),
        cmocka_unit_test_setup(test_wrong_bytes, fixture_begin),
        cmocka_unit_test_setup(test_changed_repository, fixture_begin),
        cmocka_unit_test_setup(test_kill, fixture_begin),
        cmocka_unit_test_setup(test_two_pullers, fixture_begin),
        cmocka_unit_test_setup(test_without_network, fixture_begin),
        cmocka_unit_test_setup(test_refusals, fixture_begin),
        cmocka_unit_test_setup(test_repositories, fixture_begin),
        cmocka_unit_test_setup(test_plain_address, fixture_begin),
        cmocka_unit_test_setup(test_cache, fixture_begin),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
