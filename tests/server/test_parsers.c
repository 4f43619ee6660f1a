/* SPDX-License-Identifier: MIT
 *
 * Addresses, forms, hosts: what is taken and what is refused, and bytes at random.
 */
#include "server/gate.h"
#include "server/multipart.h"
#include "server/routes.h"
#include "server/throttle.h"
#include "server/uri.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
    static const struct {
        const char *raw;
        size_t segments; /* SIZE_MAX: refused */
        const char *last;
    } cases[] = {
        {"/", 0, NULL},
        {"/a", 1, "a"},
        {"/a/", 1, "a"},
        {"/a/b?c=d", 2, "b"},
        {"/a%20b", 1, "a b"},
        {"/a+b", 1, "a+b"},
        {"/%25", 1, "%"},
        {"/%252e%252e", 1, "%2e%2e"},
        {"/a%0Ab", 1, "a\nb"},
        {"/a#b", 1, "a"},
        {"/...", 1, "..."},
        {"/..a", 1, "..a"},
        {"/%e6%97%a5", 1, "\xe6\x97\xa5"},
        {"", SIZE_MAX, NULL},
        {"a", SIZE_MAX, NULL},
        {"http://a/b", SIZE_MAX, NULL},
        {"//", SIZE_MAX, NULL},
        {"/a//b", SIZE_MAX, NULL},
        {"/.", SIZE_MAX, NULL},
        {"/..", SIZE_MAX, NULL},
        {"/a/../b", SIZE_MAX, NULL},
        {"/%2e%2E/b", SIZE_MAX, NULL},
        {"/a%2fb", SIZE_MAX, NULL},
        {"/..%5cb", SIZE_MAX, NULL},
        {"/a%5c..", SIZE_MAX, NULL},
        {"/%00", SIZE_MAX, NULL},
        {"/%", SIZE_MAX, NULL},
        {"/%4", SIZE_MAX, NULL},
        {"/%4g", SIZE_MAX, NULL},
        {"/a\x01", SIZE_MAX, NULL},
        {"/a?b=%zz", SIZE_MAX, NULL},
        {"/1/2/3/4/5/6/7/8/9", SIZE_MAX, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct uri uri;
        struct err err;
        enum status status = uri_parse(&uri, cases[i].raw, &err);
        if ((status == OK) != (cases[i].segments != SIZE_MAX))
            fail_msg("%s: %s", cases[i].raw, status == OK ? "taken" : err.text);
        if (status == OK) {
            assert_int_equal(uri.segment_count, cases[i].segments);
            if (cases[i].last)
                assert_string_equal(uri.segments[uri.segment_count - 1], cases[i].last);
        }
        uri_free(&uri);
    }
}

static void test_parameters(void **state)
{
    struct uri uri;
    struct err err;
    assert_int_equal(uri_parse(&uri, "/a?b=1&c=x+y%2b&b=2&d&=e&f=%2F..%2F", &err), OK);
    assert_string_equal(uri_param(&uri, "b"), "1");
    assert_string_equal(uri_param(&uri, "c"), "x y+");
    assert_string_equal(uri_param(&uri, "d"), "");
    assert_string_equal(uri_param(&uri, "f"), "/../");
    assert_null(uri_param(&uri, "e"));
    assert_int_equal(uri.param_count, 5);
    uri_free(&uri);
}

struct form_case {
    const char *what, *type, *body;
    size_t parts; /* SIZE_MAX: refused */
    const char *name, *content;
};

#define PART(name, content)                                                                        \
    "--X\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" content "\r\n"
#define MULTI "multipart/form-data; boundary=X"

static void test_forms(void **state)
{
    static const struct form_case cases[] = {
        {"one", MULTI, PART("a", "1") "--X--\r\n", 1, "a", "1"},
        {"two", MULTI, PART("a", "1") PART("b", "2") "--X--", 2, "b", "2"},
        {"nothing", MULTI, PART("a", "") "--X--", 1, "a", ""},
        {"line ends", MULTI, PART("a", "\r\n--Y\r\n") "--X--", 1, "a", "\r\n--Y\r\n"},
        {"preamble", MULTI, "hello\r\n" PART("a", "1") "--X--", 1, "a", "1"},
        {"quoted boundary", "multipart/form-data; boundary=\"X\"", PART("a", "1") "--X--", 1, "a",
         "1"},
        {"charset first", "multipart/form-data; charset=a; boundary=X", PART("a", "1") "--X--", 1,
         "a", "1"},
        {"escaped quote", MULTI, PART("a\\\"b", "1") "--X--", 1, "a\"b", "1"},
        {"file", MULTI,
         "--X\r\ncontent-disposition:form-data;filename=\"a;name=b\";name=c\r\nContent-Type: "
         "x\r\n\r\n1"
         "\r\n--X--",
         1, "c", "1"},
        {"empty form", MULTI, "--X--\r\n", 0, NULL, NULL},
        {"space after the boundary", MULTI,
         "--X  \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--X--", 1, "a", "1"},
        {"no boundary", "multipart/form-data", PART("a", "1") "--X--", SIZE_MAX, NULL, NULL},
        {"empty boundary", "multipart/form-data; boundary=", "--\r\n", SIZE_MAX, NULL, NULL},
        {"open quote", "multipart/form-data; boundary=\"X", "--X--", SIZE_MAX, NULL, NULL},
        {"empty body", MULTI, "", SIZE_MAX, NULL, NULL},
        {"other boundary", MULTI, "--Y--\r\n", SIZE_MAX, NULL, NULL},
        {"no end", MULTI, PART("a", "1"), SIZE_MAX, NULL, NULL},
        {"cut in the head", MULTI, "--X\r\nContent-Disp", SIZE_MAX, NULL, NULL},
        {"no name", MULTI, "--X\r\nContent-Disposition: form-data\r\n\r\n1\r\n--X--", SIZE_MAX,
         NULL, NULL},
        {"no head", MULTI, "--X\r\n\r\n1\r\n--X--", SIZE_MAX, NULL, NULL},
        {"garbage after the boundary", MULTI, "--XY\r\n\r\n1\r\n--X--", SIZE_MAX, NULL, NULL},
        {"long name", MULTI,
         PART("0123456789012345678901234567890123456789012345678901234567890123456789",
              "1") "--X--",
         SIZE_MAX, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct form_case *c = &cases[i];
        struct form form;
        struct err err;
        size_t size = strlen(c->body);
        uint8_t *body = malloc(size + 1); /* of its exact size, for ASan */
        uint8_t *exact = realloc(body, size ? size : 1);
        memcpy(exact, c->body, size);
        enum status status = form_parse(&form, c->type, exact, size, &err);
        if ((status == OK) != (c->parts != SIZE_MAX))
            fail_msg("%s: %s", c->what, status == OK ? "taken" : err.text);
        if (status == OK) {
            assert_int_equal(form.count, c->parts);
            const struct part *part = c->name ? form_part(&form, c->name) : NULL;
            if (c->name && (!part || part->size != strlen(c->content) ||
                            memcmp(part->data, c->content, part->size) != 0))
                fail_msg("%s: the part \"%s\" is not as it was sent", c->what, c->name);
        }
        free(exact);
    }
}

static void test_no_body(void **state)
{
    struct form form;
    struct err err;
    assert_int_equal(form_parse(&form, MULTI, NULL, 0, &err), ERR_FORMAT);
    assert_int_equal(form.count, 0);
}

static uint64_t random_state;

static uint32_t chance(uint32_t below) /* splitmix64 */
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % below);
}

/* Whatever comes, parts lie in the body and do not overlap. */
static void test_forms_at_random(void **state)
{
    static const char *const pieces[] = {
        "--X",     "\r\n",    "--",        "\r",
        "\n",      "\r\n--X", "\r\n--X--", "Content-Disposition: form-data; name=\"a\"",
        "; name=", "\"",      "\\",        ";",
        ":",       "a",       "\r\n\r\n",  "filename=\"",
        "\xff"};
    uint64_t seed = 20261124;
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint64_t run = 0; run < 20000; run++) {
        random_state = seed + run * 7919;
        char text[600];
        size_t size = 0;
        for (uint32_t n = chance(40); n > 0; n--) {
            const char *piece = pieces[chance(sizeof pieces / sizeof pieces[0])];
            size_t length = strlen(piece);
            if (size + length < sizeof text) {
                memcpy(text + size, piece, length);
                size += length;
            }
        }
        uint8_t *body = malloc(size ? size : 1);
        memcpy(body, text, size);
        struct form form;
        struct err err;
        if (form_parse(&form, MULTI, body, size, &err) == OK) {
            const uint8_t *last = body;
            for (size_t i = 0; i < form.count; i++) {
                assert_true(form.parts[i].data >= last);
                last = form.parts[i].data + form.parts[i].size;
                assert_true(last <= body + size);
            }
        }
        free(body);
    }
}

static void test_hosts(void **state)
{
    static const char *const ours[] = {"localhost", "LOCALHOST:1", "127.0.0.1",     "127.9.9.9:80",
                                       "[::1]",     "[::1]:8080",  "a.localhost:3", "localhost."};
    static const char *const others[] = {"",
                                         "evil.example",
                                         "localhost.evil.example",
                                         "127.0.0.1.x",
                                         "128.0.0.1",
                                         "[::1",
                                         "[::2]",
                                         "localhost:x",
                                         "local host",
                                         "localhost:1:2",
                                         "a@localhost",
                                         "localhost/",
                                         "xlocalhost"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (!host_is_loopback(ours[i]))
            fail_msg("%s is not taken for this machine", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (host_is_loopback(others[i]))
            fail_msg("%s is taken for this machine", others[i]);
}

/* --- tokens by guessing -------------------------------------------------------------------- */

static bool says(const void *context)
{
    return *(const bool *)context;
}

static struct peer peer_number(unsigned n)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000u + n)};
    return throttle_peer((const struct sockaddr *)(const void *)&v4);
}

/* How many wrong tokens of one address are looked at in so many seconds, asked all the time. */
static int guesses(struct throttle *t, const struct peer *peer, double from_s, double seconds)
{
    static const bool wrong = false;
    int count = 0;
    for (double now = from_s; now < from_s + seconds; now += 0.25) {
        bool right;
        count += throttle_try(t, peer, now, says, &wrong, &right) == 0;
        assert_false(right);
    }
    return count;
}

static void test_guessing(void **state)
{
    static const bool yes = true, no = false;
    static struct throttle t;
    const struct peer a = peer_number(1), b = peer_number(2);
    bool right;
    throttle_open(&t);
    /* Five at once, then after 1, 2, 4, 8, 16, 32 and every 60 seconds. */
    assert_in_range(guesses(&t, &a, 0, 3600), 5 + 6 + 55, 5 + 7 + 60);
    /* In a pause the right one is not looked at either, but of another address it is. */
    assert_true(throttle_try(&t, &a, 3600, says, &yes, &right) > 0);
    assert_false(right);
    assert_true(throttle_try(&t, &b, 3600, says, &yes, &right) == 0 && right);
    /* After it, it is, and all is forgiven. */
    assert_true(throttle_try(&t, &a, 3661, says, &yes, &right) == 0 && right);
    assert_int_equal(guesses(&t, &a, 3662, 1), 4);
    /* So is what is long ago. */
    assert_true(throttle_try(&t, &a, 9000, says, &no, &right) == 0);
    assert_int_equal(guesses(&t, &a, 9001, 1), 4);
    throttle_close(&t);
}

/* Ten thousand addresses in five minutes: not a quarter of a million looks, and the first one is
 * not forgotten. */
static void test_guessing_swarm(void **state)
{
    static struct throttle t;
    static const bool no = false;
    const struct peer first = peer_number(0);
    int looked_at = 0;
    bool right;
    throttle_open(&t);
    for (int i = 0; i < 20; i++)
        (void)throttle_try(&t, &first, 0, says, &no, &right);
    for (unsigned i = 0; i < 10000; i++) {
        const struct peer peer = peer_number(1 + i);
        for (int n = 0; n < 5; n++)
            looked_at += throttle_try(&t, &peer, i * 0.03, says, &no, &right) == 0;
    }
    assert_in_range(looked_at, 1000, 5 * THROTTLE_ADDRESSES + 20);
    assert_true(throttle_try(&t, &first, 0.5, says, &no, &right) > 0);
    throttle_close(&t);
}

/* One network of IPv6 is one guesser; IPv4 within IPv6 is IPv4. */
static void test_peers(void **state)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"2001:db8::1", "2001:db8::2:3:4:5", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.2", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_in6 one = {.sin6_family = AF_INET6}, other = one;
        inet_pton(AF_INET6, cases[i].one, &one.sin6_addr);
        inet_pton(AF_INET6, cases[i].other, &other.sin6_addr);
        const struct peer a = throttle_peer((const struct sockaddr *)(const void *)&one);
        const struct peer b = throttle_peer((const struct sockaddr *)(const void *)&other);
        assert_int_equal(memcmp(&a, &b, sizeof a) == 0, cases[i].same);
    }
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, "::ffff:10.0.0.7", &mapped.sin6_addr);
    const struct peer a = throttle_peer((const struct sockaddr *)(const void *)&mapped);
    const struct peer b = peer_number(7);
    assert_memory_equal(&a, &b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_forms),     cmocka_unit_test(test_forms_at_random),
        cmocka_unit_test(test_no_body),   cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_guessing),  cmocka_unit_test(test_guessing_swarm),
        cmocka_unit_test(test_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
