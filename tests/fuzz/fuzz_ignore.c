/* SPDX-License-Identifier: MIT
 *
 * Patterns of .foveaignore: those of a folder, of a folder below it, and a path. A last pattern
 * that takes everything decides, either way. And a single pattern decides what a matcher decides
 * that is written as the syntax reads: by trying everything, in time that nobody could wait for
 * with long ones.
 */
#include "fuzz.h"

#include "library/ignore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the slow matcher --------------------------------------------------------------------- */

static bool slow_set(const char **pattern, const char *end, unsigned char byte)
{
    const char *p = *pattern;
    bool not = p < end && (*p == '!' || *p == '^'), has = false, closed = false;
    if (not )
        p++;
    for (const char *first = p; p < end && !closed;) {
        if (*p == ']' && p != first) {
            closed = true;
            p++;
            break;
        }
        if (*p == '\\' && p + 1 < end)
            p++;
        unsigned char low = (unsigned char)*p++, high = low;
        if (end - p >= 2 && p[0] == '-' && p[1] != ']') {
            p++;
            if (*p == '\\' && p + 1 < end)
                p++;
            high = (unsigned char)*p++;
        }
        has = has || (byte >= low && byte <= high);
    }
    *pattern = p;
    return closed && has != not ;
}

/* [p, end) against [name, name_end) */
static bool slow_name(const char *p, const char *end, const char *name, const char *name_end)
{
    if (p == end)
        return name == name_end;
    if (*p == '*')
        return slow_name(p + 1, end, name, name_end) ||
               (name < name_end && slow_name(p, end, name + 1, name_end));
    if (name == name_end)
        return false;
    char c = *p++;
    bool fits;
    if (c == '?') {
        fits = true;
    } else if (c == '[') {
        fits = slow_set(&p, end, (unsigned char)*name);
    } else {
        if (c == '\\' && p < end)
            c = *p++;
        fits = c == *name;
    }
    return fits && slow_name(p, end, name + 1, name_end);
}

/* NULL: behind the last component. */
static bool slow_path(const char *p, const char *path)
{
    if (!p)
        return !path;
    const char *end = p + strcspn(p, "/"), *next = *end ? end + 1 : NULL;
    const char *path_end = path ? path + strcspn(path, "/") : NULL;
    const char *path_next = path && *path_end ? path_end + 1 : NULL;
    if (end - p == 2 && p[0] == '*' && p[1] == '*') {
        if (!next)
            return path != NULL;
        return slow_path(next, path) || (path && slow_path(p, path_next));
    }
    return path && slow_name(p, end, path, path_end) && slow_path(next, path_next);
}

/* As a line of its own; path: relative. */
static bool slow_match(const char *pattern, const char *path, bool is_dir)
{
    char own[64];
    snprintf(own, sizeof own, "%s", pattern);
    size_t n = strlen(own);
    bool only_dirs = n > 0 && own[n - 1] == '/';
    if (only_dirs)
        own[n - 1] = '\0';
    if (only_dirs && !is_dir)
        return false;
    if (strchr(own, '/'))
        return own[own[0] == '/'] != '\0' && slow_path(own + (own[0] == '/'), path);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return *own && slow_name(own, own + strlen(own), name, name + strlen(name));
}

/* One line that reading leaves as it is, short enough to be tried in every way. */
static bool is_simple(const char *pattern, const char *path)
{
    enum { LONG = 40, STARS = 5 };
    size_t n = strlen(pattern), stars = 0;
    for (const char *c = pattern; *c; c++)
        stars += *c == '*';
    return n > 0 && n <= LONG && strlen(path) <= LONG && stars <= STARS &&
           !strchr("!#", *pattern) && !strchr(pattern, '\n') && !strchr(" \t\r", pattern[n - 1]) &&
           strncmp(pattern, "\xef\xbb\xbf", 3) != 0;
}

/* ---- the rules ---------------------------------------------------------------------------- */

static bool decide(const char *text, size_t size, const struct ignore_rules *above,
                   const char *base, const char *path, bool is_dir)
{
    struct ignore_rules *rules;
    struct err err = {0};
    FUZZ_CHECK_OK(ignore_rules_new(&rules, above, base, text, size, &err), &err);
    bool out = ignore_rules_exclude(rules, path, is_dir);
    ignore_rules_free(rules);
    return out;
}

static void check_last_decides(const char *text, const struct ignore_rules *above, const char *path)
{
    size_t size = strlen(text);
    char *more = malloc(size + 4);
    FUZZ_CHECK(more);
    memcpy(more, text, size);
    memcpy(more + size, "\n!*", 3);
    FUZZ_CHECK(!decide(more, size + 3, above, "/p/q", path, true));
    memcpy(more + size, "\n*", 2);
    FUZZ_CHECK(decide(more, size + 2, above, "/p/q", path, true));
    free(more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct ignore_rules *above;
    struct err err = {0};
    bool is_dir = fuzz_take_byte(&in) & 1;
    char *high = fuzz_take_text(&in), *low = fuzz_take_text(&in), *rest = fuzz_take_text(&in);
    size_t path_size = strlen(rest) + sizeof "/p/q/";
    char *path = malloc(path_size);
    FUZZ_CHECK(path);
    snprintf(path, path_size, "/p/q/%s", rest);
    FUZZ_CHECK_OK(ignore_rules_new(&above, NULL, "/p", high, strlen(high), &err), &err);
    bool upper = ignore_rules_exclude(above, path, is_dir);
    FUZZ_CHECK(decide("", 0, above, "/p/q", path, is_dir) == upper);
    check_last_decides(low, above, path);
    bool lower = decide(low, strlen(low), NULL, "/p/q", path, is_dir);
    if (is_simple(low, rest))
        FUZZ_CHECK(lower == slow_match(low, rest, is_dir));
    if (lower) /* a deeper file goes before a higher one */
        FUZZ_CHECK(decide(low, strlen(low), above, "/p/q", path, is_dir));
    ignore_rules_free(above);
    free(high);
    free(low);
    free(rest);
    free(path);
    return 0;
}
