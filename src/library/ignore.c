/* SPDX-License-Identifier: MIT
 *
 * A pattern is kept as its text, cut of '!' and slashes at its ends, with flags for these; matching
 * reads the text. Two loops of one kind: within a component, where only the last `*` that was
 * passed is ever tried again, and over components, where only the last `**` is. (That suffices:
 * what an earlier star could take as well, the last one can.)
 */
#include "library/ignore.h"

#include <stdlib.h>
#include <string.h>

struct pattern {
    const char *text; /* in rules->text, NUL-terminated */
    bool negated, only_dirs, anchored;
};

struct ignore_rules {
    const struct ignore_rules *above;
    size_t base_length; /* of the folder's path, without a slash at its end */
    struct pattern *patterns;
    size_t count, capacity;
    char text[]; /* what was handed in, cut into lines */
};

/* --- matching ------------------------------------------------------------------------------ */

/* `[...]` at *pattern (behind the '['), against one byte. Moves *pattern behind the ']'; a set
 * without an end matches nothing. */
static bool match_set(const char **pattern, const char *end, unsigned char byte)
{
    const char *p = *pattern;
    bool negated = p < end && (*p == '!' || *p == '^'), found = false;
    p += negated;
    for (bool first = true; p < end && (first || *p != ']'); first = false) {
        if (*p == '\\' && p + 1 < end)
            p++;
        unsigned char low = (unsigned char)*p++, high = low;
        if (p + 1 < end && *p == '-' && p[1] != ']') {
            p += p[1] == '\\' && p + 2 < end ? 2 : 1;
            high = (unsigned char)*p++;
        }
        found |= low <= byte && byte <= high;
    }
    bool closed = p < end;
    *pattern = closed ? p + 1 : end;
    return closed && found != negated;
}

/* One element of a pattern that is no `*`, against one byte. */
static bool match_one(const char **pattern, const char *end, char byte)
{
    char c = *(*pattern)++;
    if (c == '?')
        return true;
    if (c == '[')
        return match_set(pattern, end, (unsigned char)byte);
    if (c == '\\' && *pattern < end)
        c = *(*pattern)++;
    return c == byte;
}

/* One component against one name; neither has a '/' in it. */
static bool match_component(const char *p, const char *p_end, const char *name,
                            const char *name_end)
{
    const char *star = NULL, *star_name = NULL;
    while (name < name_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            star_name = name;
            continue;
        }
        if (p < p_end && match_one(&p, p_end, *name)) {
            name++;
            continue;
        }
        if (!star)
            return false;
        p = star;
        name = ++star_name;
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

static const char *component_end(const char *p)
{
    return p + strcspn(p, "/");
}

static bool is_double_star(const char *p, const char *end)
{
    return end - p == 2 && p[0] == '*' && p[1] == '*';
}

/* Behind a component: behind its slash, or NULL at the end of the text. */
static const char *next_component(const char *end)
{
    return *end ? end + 1 : NULL;
}

/* A pattern of components against a path of components. */
static bool match_path(const char *p, const char *path)
{
    const char *star = NULL, *star_path = NULL;
    bool after_star = false;
    while (path) {
        const char *path_end = component_end(path);
        const char *p_end = p ? component_end(p) : NULL;
        if (p && is_double_star(p, p_end)) {
            star = next_component(p_end);
            if (!star)
                return true; /* "x/" + "**": everything below x */
            star_path = path;
            after_star = true;
            p = star;
            continue;
        }
        if (p && match_component(p, p_end, path, path_end)) {
            p = next_component(p_end);
            path = next_component(path_end);
            continue;
        }
        if (!after_star)
            return false;
        star_path = next_component(component_end(star_path));
        path = star_path;
        p = star;
    }
    return p == NULL;
}

static bool pattern_matches(const struct pattern *pattern, const char *path, bool is_dir)
{
    if (pattern->only_dirs && !is_dir)
        return false;
    if (pattern->anchored)
        return match_path(pattern->text, path);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return match_component(pattern->text, pattern->text + strlen(pattern->text), name,
                           name + strlen(name));
}

bool ignore_rules_exclude(const struct ignore_rules *rules, const char *path, bool is_dir)
{
    for (; rules; rules = rules->above) {
        const char *relative = path + rules->base_length;
        relative += *relative == '/';
        for (size_t i = rules->count; i-- > 0;)
            if (pattern_matches(&rules->patterns[i], relative, is_dir))
                return !rules->patterns[i].negated;
    }
    return false;
}

/* --- reading ------------------------------------------------------------------------------- */

/* Cuts spaces and a carriage return off the end, but for an escaped space. */
static void trim(char *line)
{
    size_t n = strlen(line);
    if (n > 0 && line[n - 1] == '\r')
        line[--n] = '\0';
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
        size_t slashes = 0;
        while (slashes + 1 < n && line[n - 2 - slashes] == '\\')
            slashes++;
        if (slashes % 2)
            break;
        line[--n] = '\0';
    }
}

static bool read_pattern(struct pattern *out, char *line)
{
    *out = (struct pattern){0};
    trim(line);
    if (*line == '#')
        return false;
    if (*line == '!') {
        out->negated = true;
        line++;
    }
    size_t n = strlen(line);
    if (n > 0 && line[n - 1] == '/') {
        out->only_dirs = true;
        line[--n] = '\0';
    }
    out->anchored = strchr(line, '/') != NULL;
    out->text = line + (*line == '/');
    return *out->text != '\0';
}

static enum status add_line(struct ignore_rules *rules, char *line, struct err *err)
{
    struct pattern pattern;
    if (!read_pattern(&pattern, line))
        return OK;
    if (rules->count == rules->capacity) {
        size_t capacity = rules->capacity ? rules->capacity * 2 : 8;
        struct pattern *bigger = realloc(rules->patterns, capacity * sizeof *bigger);
        if (!bigger)
            return err_no_memory(err, "the patterns to exclude", capacity * sizeof *bigger);
        rules->patterns = bigger;
        rules->capacity = capacity;
    }
    rules->patterns[rules->count++] = pattern;
    return OK;
}

enum status ignore_rules_new(struct ignore_rules **out, const struct ignore_rules *above,
                             const char *base, const char *text, size_t size, struct err *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* how some editors begin a file of UTF-8 */
    *out = NULL;
    if (size >= sizeof mark - 1 && memcmp(text, mark, sizeof mark - 1) == 0) {
        text += sizeof mark - 1;
        size -= sizeof mark - 1;
    }
    struct ignore_rules *rules = calloc(1, sizeof *rules + size + 1);
    if (!rules)
        return err_no_memory(err, "the patterns to exclude", size);
    rules->above = above;
    rules->base_length = strcmp(base, "/") == 0 ? 0 : strlen(base);
    if (size > 0)
        memcpy(rules->text, text, size);
    enum status status = OK;
    for (char *line = rules->text, *end = line + size; status == OK && line < end;) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            line_end = end;
        *line_end = '\0';
        status = add_line(rules, line, err);
        line = line_end + 1;
    }
    if (status != OK)
        ignore_rules_free(rules);
    else
        *out = rules;
    return status;
}

void ignore_rules_free(struct ignore_rules *rules)
{
    if (!rules)
        return;
    free(rules->patterns);
    free(rules);
}
