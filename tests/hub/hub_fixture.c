/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_fixture.h"

#include "base/file.h"
#include "../temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_hub *hub;
char scratch[64];
char notes[1 << 16];

static void set(const char *name, const char *below)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", scratch, below);
    setenv(name, path, 1);
}

int fixture_open(void **state)
{
    static const char *const variables[] = {"HF_TOKEN",
                                            "HF_TOKEN_PATH",
                                            "HF_HOME",
                                            "HF_HUB_OFFLINE",
                                            "HF_HUB_DISABLE_IMPLICIT_TOKEN",
                                            "HTTP_PROXY",
                                            "http_proxy",
                                            "HTTPS_PROXY",
                                            "https_proxy",
                                            "ALL_PROXY",
                                            "all_proxy",
                                            "FOVEA_MODEL",
                                            "no_proxy",
                                            "NO_PROXY"};
    char served[600];
    if (temporary_make(scratch, sizeof scratch) != 0 || chdir(scratch) != 0)
        return -1;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    set("FOVEA_MODELS", "models");
    set("XDG_CACHE_HOME", "cache");
    setenv("FOVEA_HUB_HURRY", "0.002", 1);
    snprintf(served, sizeof served, "%s/served", scratch);
    hub = fake_hub_start(served);
    setenv("HF_ENDPOINT", hub->url, 1);
    return 0;
}

int fixture_close(void **state)
{
    char command[600];
    snprintf(command, sizeof command, "cd / && rm -rf %s", scratch);
    return system(command);
}

int fixture_begin(void **state)
{
    if (system("rm -rf models served cache && mkdir models served cache") != 0)
        return -1;
    fake_hub_clear(hub);
    notes[0] = '\0';
    unsetenv("HF_TOKEN");
    unsetenv("HF_HUB_OFFLINE");
    return 0;
}

void fixture_make(const char *path, size_t size, unsigned seed)
{
    struct err err;
    unsigned char *data = malloc(size + 1);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)rand_r(&seed);
    assert_int_equal(dir_make_parent(path, &err), OK);
    assert_int_equal(file_write(path, data, size, &err), OK);
    free(data);
}

void fixture_write(const char *path, const char *text)
{
    struct err err;
    assert_int_equal(dir_make_parent(path, &err), OK);
    assert_int_equal(file_write(path, text, strlen(text), &err), OK);
}

bool fixture_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

void fixture_expect_same(const char *a, const char *b, int version)
{
    struct file_bytes x, y;
    struct err err = {0};
    if (file_read(&x, a, 1 << 28, &err) != OK || file_read(&y, b, 1 << 28, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(x.size, y.size);
    for (size_t i = 0; i < x.size; i++)
        if ((x.data[i] ^ version) != y.data[i])
            fail_msg("%s and %s differ at byte %zu", a, b, i);
    file_bytes_free(&x);
    file_bytes_free(&y);
}

void fixture_note(void *context, const char *text)
{
    size_t used = strlen(notes);
    snprintf(notes + used, sizeof notes - used, "%s\n", text);
}

enum status fixture_pull(const char *name, const struct pull_options *options, struct err *err)
{
    struct model_place place;
    struct pull *pull = NULL;
    const struct pull_options usual = {.progress = PROGRESS_QUIET, .note = fixture_note};
    *err = (struct err){0};
    enum status status = model_resolve(&place, name, NULL, err);
    if (status == OK && !place.here) {
        status = pull_open(&pull, &place, options ? options : &usual, err);
        if (status == OK)
            status = pull_run(pull, err);
        pull_close(pull);
        model_place_free(&place);
        if (status == OK) {
            assert_int_equal(model_resolve(&place, name, NULL, err), OK);
            assert_true(place.here);
        }
    }
    model_place_free(&place);
    return status;
}

enum status fixture_fetch(const char *url, const char *path, const char *hash_begin,
                          const struct retry_limits *limits, struct fetch_result *result,
                          struct err *err)
{
    struct retry_limits usual;
    struct http *http = NULL;
    char full[1024], where[1024];
    retry_limits_default(&usual);
    *err = (struct err){0};
    snprintf(full, sizeof full, "%s%s", strstr(url, "://") ? "" : hub->url, url);
    snprintf(where, sizeof where, "%s/models/%s", scratch, path);
    assert_int_equal(http_open(&http, limits ? &limits->http : &usual.http, NULL, err), OK);
    const struct fetch fetch = {.http = http,
                                .limits = limits ? limits : &usual,
                                .progress = PROGRESS_QUIET,
                                .note = fixture_note};
    const struct fetch_file file = {.url = full,
                                    .path = where,
                                    .label = path,
                                    .what = url,
                                    .known = {.size = -1},
                                    .sha256_begin = hash_begin,
                                    .limit_bytes = 1 << 26};
    enum status status = fetch_run(&fetch, &file, result, err);
    http_close(http);
    return status;
}
