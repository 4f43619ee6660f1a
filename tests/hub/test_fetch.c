/* SPDX-License-Identifier: MIT
 *
 * One file by its address, from a server that knows nothing of hubs: what is resumed, what is tried
 * again, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub_fixture.h"

#include "base/file.h"
#include "hub/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 200000

static struct err err;
static struct fetch_result result;

static enum status get(const char *url)
{
    return fixture_fetch(url, "f.pt", NULL, NULL, &result, &err);
}

static void expect_refused(enum status status, const char *says)
{
    if (err.status != status || !strstr(err.text, says))
        fail_msg("expected '%s', have %d '%s'", says, err.status, err.text);
    assert_false(fixture_exists("models/f.pt"));
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 1000, 16384, 16385, SIZE, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int length = 0; length < 2; length++) {
            assert_int_equal(fixture_begin(NULL), 0);
            hub->rules.no_length = length == 1;
            fixture_make("served/plain/f.pt", sizes[i], 1);
            assert_int_equal(get("/plain/f.pt"), OK);
            fixture_expect_same("served/plain/f.pt", "models/f.pt", 0);
            assert_int_equal(result.size, sizes[i]);
            assert_false(result.verified);
            assert_false(fixture_exists("models/f.pt.part"));
            assert_false(fixture_exists("models/f.pt.part.json"));
        }
    }
    assert_int_equal(get("/plain/f.pt"), OK); /* it is here: nobody is asked */
    assert_true(result.was_here);
    assert_int_equal(hub->counts.hub_requests, 1);
}

static void test_cuts(void **state)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        print_message("seed %u\n", seed);
        assert_int_equal(fixture_begin(NULL), 0);
        fixture_make("served/plain/f.pt", SIZE, seed);
        hub->rules.seed = seed;
        hub->rules.cuts = 20;
        if (get("/plain/f.pt") != OK)
            fail_msg("%s", err.text);
        fixture_expect_same("served/plain/f.pt", "models/f.pt", 0);
        assert_int_equal(hub->rules.cuts, 0);
        assert_int_equal(hub->counts.ranges, 20);
        assert_true(hub->counts.bytes == SIZE); /* nothing twice */
    }
}

static void test_no_ranges(void **state)
{
    fixture_make("served/plain/f.pt", SIZE, 1);
    hub->rules.no_ranges = true;
    hub->rules.cuts = 3;
    assert_int_equal(get("/plain/f.pt"), OK);
    fixture_expect_same("served/plain/f.pt", "models/f.pt", 0);
    assert_non_null(strstr(notes, "from the beginning again"));
}

/* A file that changes between two tries is not glued together. */
static void test_change(void **state)
{
    fixture_make("served/plain/f.pt", SIZE, 1);
    hub->rules.cuts = 1;
    hub->rules.change_after = 1;
    assert_int_equal(get("/plain/f.pt"), OK);
    fixture_expect_same("served/plain/f.pt", "models/f.pt", 1);
}

/* What an earlier process left, of this file, of another, and without a note. */
static void test_left_parts(void **state)
{
    const struct retry_limits once = {
        .http = {.connect_ms = 1000, .low_speed_s = 5}, .tries = 1, .hurry = 0.001};
    for (int change = 0; change < 3; change++) {
        assert_int_equal(fixture_begin(NULL), 0);
        fixture_make("served/plain/f.pt", SIZE, 1);
        hub->rules.cuts = 1;
        hub->rules.seed = 7;
        assert_int_equal(fixture_fetch("/plain/f.pt", "f.pt", NULL, &once, &result, &err), ERR_IO);
        assert_true(fixture_exists("models/f.pt.part"));
        hub->rules.version = change == 1;
        if (change == 2)
            assert_int_equal(remove("models/f.pt.part.json"), 0);
        assert_int_equal(get("/plain/f.pt"), OK);
        fixture_expect_same("served/plain/f.pt", "models/f.pt", change == 1);
        assert_int_equal(hub->counts.ranges, change == 0);
    }
}

/* Everything had come, but the process ended before the file got its name. */
static void test_whole_part(void **state)
{
    fixture_make("served/plain/f.pt", SIZE, 1);
    assert_int_equal(get("/plain/f.pt"), OK);
    assert_int_equal(rename("models/f.pt", "models/f.pt.part"), 0);
    char note[300];
    for (int known = 0; known < 2; known++) {
        snprintf(note, sizeof note, "{\"size\": %d, \"sha256\": \"\", \"etag\": \"\\\"%.32s\\\"\"}",
                 known ? SIZE : -1, result.sha256[0] ? result.sha256 : "");
        fixture_write("models/f.pt.part.json", note);
        struct fetch_result before = result;
        assert_int_equal(get("/plain/f.pt"), OK);
        fixture_expect_same("served/plain/f.pt", "models/f.pt", 0);
        assert_string_equal(result.sha256, before.sha256);
        assert_int_equal(rename("models/f.pt", "models/f.pt.part"), 0);
    }
    /* Bytes were lost and others added; the beginning is noted as right, so the hash must tell. */
    fixture_make("models/f.pt.part", SIZE / 2, 99);
    fixture_write("models/f.pt.part.json", note);
    char begin[9];
    snprintf(begin, sizeof begin, "%.8s", result.sha256);
    assert_int_equal(fixture_fetch("/plain/f.pt", "f.pt", begin, NULL, &result, &err), ERR_FORMAT);
    expect_refused(ERR_FORMAT, "not those that were announced");
    assert_false(fixture_exists("models/f.pt.part"));
    assert_int_equal(fixture_fetch("/plain/f.pt", "f.pt", begin, NULL, &result, &err), OK);
    assert_true(result.verified);
}

static void test_busy_server(void **state)
{
    static const int passing[] = {429, 500, 502, 503, 504, 408};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        assert_int_equal(fixture_begin(NULL), 0);
        fixture_make("served/plain/f.pt", 5000, 1);
        for (int k = 0; k < 4; k++)
            hub->rules.statuses[k] = passing[i];
        assert_int_equal(get("/plain/f.pt"), OK);
        assert_int_equal(hub->counts.hub_requests, 5);
        fixture_expect_same("served/plain/f.pt", "models/f.pt", 0);
    }
    fixture_begin(NULL);
    fixture_make("served/plain/f.pt", 5000, 1);
    hub->rules.statuses[0] = 429;
    hub->rules.retry_after = 42;
    assert_int_equal(get("/plain/f.pt"), OK);
    assert_non_null(strstr(notes, "trying again in 42 s"));

    fixture_begin(NULL);
    hub->rules.statuses[0] = 429;
    hub->rules.retry_after = 3600;
    assert_int_equal(get("/plain/f.pt"), ERR_IO);
    expect_refused(ERR_IO, "come back in 60 minutes");

    fixture_begin(NULL);
    for (int k = 0; k < FAKE_HUB_STATUSES; k++)
        hub->rules.statuses[k] = 503;
    assert_int_equal(get("/plain/f.pt"), ERR_IO);
    expect_refused(ERR_IO, "gave up after 8 tries");
    assert_int_equal(hub->counts.hub_requests, 8);
}

static void test_refusals(void **state)
{
    static const struct {
        int code;
        enum status status;
        const char *says;
    } cases[] = {{401, ERR_IO, "HF_TOKEN"},
                 {403, ERR_IO, "no access"},
                 {404, ERR_NOT_FOUND, "check the name"},
                 {410, ERR_NOT_FOUND, "check the name"},
                 {451, ERR_IO, "HTTP 451"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fixture_begin(NULL), 0);
        fixture_make("served/plain/f.pt", 5000, 1);
        hub->rules.statuses[0] = cases[i].code;
        assert_int_equal(get("/plain/f.pt"), cases[i].status);
        expect_refused(cases[i].status, cases[i].says);
        assert_int_equal(hub->counts.hub_requests, 1); /* not tried again */
    }
    assert_int_equal(get("/plain/none.pt"), ERR_NOT_FOUND);
}

static void test_hostile_server(void **state)
{
    fixture_make("served/plain/f.pt", SIZE, 1);
    hub->rules.endless_redirect = true;
    assert_int_equal(get("/plain/f.pt"), ERR_IO);
    expect_refused(ERR_IO, "redirects without end");
    assert_true(hub->counts.hub_requests < 12);

    fake_hub_clear(hub);
    hub->rules.huge_headers = true;
    assert_int_equal(get("/plain/f.pt"), ERR_LIMIT);
    expect_refused(ERR_LIMIT, "headers are larger");

    fake_hub_clear(hub);
    hub->rules.cuts = 1;
    hub->rules.wrong_range = true;
    assert_int_equal(get("/plain/f.pt"), ERR_FORMAT);
    expect_refused(ERR_FORMAT, "another part");

    fake_hub_clear(hub);
    hub->rules.no_length = true; /* and then more than the limit of 64 MiB */
    fixture_make("served/plain/big.pt", (64 << 20) + 1, 1);
    assert_int_equal(get("/plain/big.pt"), ERR_LIMIT);
    expect_refused(ERR_LIMIT, "more than");
    hub->rules.no_length = false;
    assert_int_equal(get("/plain/big.pt"), ERR_LIMIT);
    expect_refused(ERR_LIMIT, "the limit is");
}

/* The broken connection that looks like a slow one. */
static void test_drip(void **state)
{
    const struct retry_limits limits = {
        .http = {.connect_ms = 1000, .low_speed_bytes = 1000, .low_speed_s = 1},
        .tries = 2,
        .hurry = 0.001,
        .progress_bytes = 1000};
    fixture_make("served/plain/f.pt", SIZE, 1);
    hub->rules.drip_ms = 50;
    assert_int_equal(fixture_fetch("/plain/f.pt", "f.pt", NULL, &limits, &result, &err), ERR_IO);
    expect_refused(ERR_IO, "gave up after 2 tries");
    assert_non_null(strstr(notes, "too slow"));
    hub->rules.drip_ms = 0;
    assert_int_equal(get("/plain/f.pt"), OK); /* and goes on behind what had come */
    assert_true(hub->counts.ranges >= 1);
    fixture_expect_same("served/plain/f.pt", "models/f.pt", 0);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *url, *says;
    } cases[] = {{"http://example.invalid/f.pt", "not https"},
                 {"ftp://127.0.0.1/f.pt", "not https"},
                 {"file:///etc/passwd", "not"},
                 {"http://127.0.0.1.example.invalid/f", "not https"},
                 {"http://1270.0.0.1/f", "not https"},
                 {"http://localhost@example.invalid/f", "not https"},
                 {"https://", "not an address"},
                 {"http://[::1", "not an address"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (get(cases[i].url) == OK || !strstr(err.text, cases[i].says))
            fail_msg("%s: %s", cases[i].url, err.text);
    }
    assert_true(http_is_loopback("http://127.9.9.9:80/"));
    assert_true(http_is_loopback("http://LOCALHOST/"));
    assert_true(http_is_loopback("http://[::1]:8080/x"));
    assert_false(http_is_loopback("http://127.0.0.1.example.org/"));
    assert_false(http_is_loopback("http://10.0.0.1/"));
    char origin[256];
    assert_true(http_origin(origin, sizeof origin, "https://user@host:443/a?b"));
    assert_string_equal(origin, "https://host");
    assert_true(http_origin(origin, sizeof origin, "http://host:8080"));
    assert_string_equal(origin, "http://host:8080");
}

/* A proxy gets the request that it is there for, unless the host is one that needs none. */
static void test_proxy(void **state)
{
    fixture_make("served/plain/f.pt", 5000, 1);
    setenv("http_proxy", hub->cdn, 1);
    enum status status = get("/plain/f.pt"); /* this one has nothing under a whole address */
    setenv("no_proxy", "127.0.0.1", 1);
    int by_proxy = hub->counts.cdn_requests, direct = hub->counts.hub_requests;
    enum status without = get("/plain/f.pt");
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    assert_int_equal(status, ERR_NOT_FOUND);
    assert_true(by_proxy == 1 && direct == 0);
    assert_int_equal(without, OK);
    assert_int_equal(hub->counts.hub_requests, 1);
}

static void test_space(void **state)
{
    struct part part;
    bool done;
    char path[600];
    const struct part_identity known = {.size = 10};
    snprintf(path, sizeof path, "%s/models/f.pt", scratch);
    assert_int_equal(part_open(&part, path, &known, NULL, NULL, &done, &err), OK);
    assert_int_equal(part_check_space(&part, 1, &err), OK);
    assert_int_equal(part_check_space(&part, INT64_MAX / 2, &err), ERR_IO);
    assert_non_null(strstr(err.text, "not enough space"));
    part_close(&part);
}

static void test_settings(void **state)
{
    struct hub_settings s;
    setenv("HF_ENDPOINT", "https://hub.example/mirror//", 1);
    assert_int_equal(hub_settings_load(&s, &err), OK);
    assert_string_equal(s.endpoint, "https://hub.example/mirror");
    assert_string_equal(s.token, "");
    assert_false(s.offline);
    fixture_write("cache/huggingface/token", "hf_cached\n");
    assert_int_equal(hub_settings_load(&s, &err), OK);
    assert_string_equal(s.token, "hf_cached");
    setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", 1);
    assert_int_equal(hub_settings_load(&s, &err), OK);
    assert_string_equal(s.token, "");
    unsetenv("HF_HUB_DISABLE_IMPLICIT_TOKEN");
    setenv("HF_TOKEN", " hf_given ", 1);
    setenv("HF_HUB_OFFLINE", "TRUE", 1);
    assert_int_equal(hub_settings_load(&s, &err), OK);
    assert_string_equal(s.token, "hf_given");
    assert_true(s.offline);
    static const char *const bad_tokens[] = {"a b", "a\r\nX-Evil: 1", "\xc3\xa9"};
    for (size_t i = 0; i < 3; i++) {
        setenv("HF_TOKEN", bad_tokens[i], 1);
        assert_int_equal(hub_settings_load(&s, &err), ERR_ARGUMENT);
        assert_null(strstr(err.text, bad_tokens[i]));
    }
    unsetenv("HF_TOKEN");
    static const char *const bad_endpoints[] = {"hub.example", "ftp://hub.example", "https://",
                                                "x"};
    for (size_t i = 0; i < 4; i++) {
        setenv("HF_ENDPOINT", bad_endpoints[i], 1);
        assert_int_equal(hub_settings_load(&s, &err), ERR_ARGUMENT);
    }
    setenv("HF_ENDPOINT", hub->url, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sizes, fixture_begin),
        cmocka_unit_test_setup(test_cuts, fixture_begin),
        cmocka_unit_test_setup(test_no_ranges, fixture_begin),
        cmocka_unit_test_setup(test_change, fixture_begin),
        cmocka_unit_test_setup(test_left_parts, fixture_begin),
        cmocka_unit_test_setup(test_whole_part, fixture_begin),
        cmocka_unit_test_setup(test_busy_server, fixture_begin),
        cmocka_unit_test_setup(test_refusals, fixture_begin),
        cmocka_unit_test_setup(test_hostile_server, fixture_begin),
        cmocka_unit_test_setup(test_drip, fixture_begin),
        cmocka_unit_test_setup(test_addresses, fixture_begin),
        cmocka_unit_test_setup(test_proxy, fixture_begin),
        cmocka_unit_test_setup(test_space, fixture_begin),
        cmocka_unit_test_setup(test_settings, fixture_begin),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
