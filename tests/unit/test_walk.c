/* SPDX-License-Identifier: MIT
 *
 * library: which files a walk finds below its roots, what rules leave out, which sidecar belongs to
 * which photograph. Each case is a tree, given as a list of names ("dir/" is a folder, "a -> b" a
 * link, "name=text" a file with that text), and what must be found in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../scratch.h"
#include "base/file.h"
#include "image/image.h"
#include "library/ignore.h"
#include "library/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX = 16 };

static void put_entry(const char *entry)
{
    struct err err;
    char name[256], *split;
    snprintf(name, sizeof name, "%s", entry);
    if (name[strlen(name) - 1] == '/') {
        assert_int_equal(dir_make(in_scratch(name), &err), OK);
    } else if ((split = strstr(name, " -> "))) {
        *split = '\0';
        assert_int_equal(dir_make_parent(in_scratch(name), &err), OK);
        assert_int_equal(symlink(split + 4, in_scratch(name)), 0);
    } else {
        const char *text = "x";
        if ((split = strchr(name, '='))) {
            *split = '\0';
            text = split + 1;
        }
        assert_int_equal(dir_make_parent(in_scratch(name), &err), OK);
        assert_int_equal(file_write(in_scratch(name), text, strlen(text), &err), OK);
    }
}

static void walk_scratch(struct walk *walk, const char *const *exclude, const char *scope,
                         bool deep)
{
    struct err err = {0};
    const char *roots[] = {scratch};
    struct walk_options options = {
        .roots = roots, .root_count = 1, .is_photo = image_name_is_photo, .exclude = exclude};
    while (exclude && exclude[options.exclude_count])
        options.exclude_count++;
    char scope_path[512];
    const struct walk_scope scopes[] = {{scope_path, deep}};
    if (scope) {
        snprintf(scope_path, sizeof scope_path, "%s%s%s", scratch, *scope ? "/" : "", scope);
        options.scopes = scopes;
        options.scope_count = 1;
    }
    if (walk_run(walk, &options, &err) != OK)
        fail_msg("%s", err.text);
}

/* --- trees --------------------------------------------------------------------------------- */

struct tree_case {
    const char *what;
    const char *entries[LIST_MAX];
    const char *exclude[4];
    const char *found[LIST_MAX]; /* relative to the root, sorted; "photo|sidecar" */
    bool excluded;               /* the root is told to have something left out */
};

static const struct tree_case trees[] = {
    {"names",
     {"b/2.JPG", "b/sub/deep/3.png", "a name with spaces.jpeg", "b/new\nline.webp",
      "b/\xff\xfe.jpg", "b/notes.txt", "b/.hidden/4.jpg", "b/._2.JPG"},
     {NULL},
     {"a name with spaces.jpeg", "b/2.JPG", "b/new\nline.webp", "b/sub/deep/3.png",
      "b/\xff\xfe.jpg"},
     false},
    {"links to files, to nothing, to folders, in a circle",
     {"a/1.jpg", "a/link.jpg -> 1.jpg", "a/gone.jpg -> nowhere", "a/loop -> ..", "b -> a",
      "self -> self", "c.jpg -> a"},
     {NULL},
     {"a/1.jpg", "a/link.jpg"},
     false},
    {".nomedia hides a folder and what is below",
     {"a/1.jpg", "b/.nomedia", "b/2.jpg", "b/c/3.jpg"},
     {NULL},
     {"a/1.jpg"},
     true},
    {".nomedia as a folder, too", {"b/.nomedia/", "b/2.jpg", "3.jpg"}, {NULL}, {"3.jpg"}, true},
    {"names at any depth",
     {".foveaignore=*.png\nprivate\n", "1.jpg", "2.png", "a/3.png", "a/private/4.jpg",
      "a/private.jpg"},
     {NULL},
     {"1.jpg", "a/private.jpg"},
     true},
    {"with a slash, from that folder on",
     {"a/.foveaignore=/1.jpg\nb/2.jpg\n", "a/1.jpg", "a/x/1.jpg", "a/b/2.jpg", "a/x/b/2.jpg",
      "1.jpg"},
     {NULL},
     {"1.jpg", "a/x/1.jpg", "a/x/b/2.jpg"},
     true},
    {"folders only", {".foveaignore=a*/\n", "a.jpg", "ab/1.jpg"}, {NULL}, {"a.jpg"}, true},
    {"taken in again, the last one decides, a deeper file before a higher one",
     {".foveaignore=*.jpg\n!keep.jpg\n", "keep.jpg", "1.jpg", "a/.foveaignore=!2.jpg\nkeep.jpg",
      "a/2.jpg", "a/keep.jpg"},
     {NULL},
     {"a/2.jpg", "keep.jpg"},
     true},
    {"nothing comes back from a folder that is left out",
     {".foveaignore=a/\n!a/1.jpg\n", "a/1.jpg", "2.jpg"},
     {NULL},
     {"2.jpg"},
     true},
    {"--exclude has the last word",
     {".foveaignore=!1.jpg\n", "1.jpg", "2.jpg", "a/b/3.jpg", "a/c/3.jpg"},
     {"1.jpg", "a/**/3.jpg", "!a/c/3.jpg", NULL},
     {"2.jpg", "a/c/3.jpg"},
     true},
    {"sidecars: of the whole name, else of the stem, shared by a pair",
     {"a.jpg", "a.jpg.xmp", "a.xmp", "b.png", "b.jpg", "b.xmp", "c.jpg", "d.jpg", "d.XMP", "e.jpg",
      "e.xmp/", "f.jpg", "f.jpg.xmp -> nowhere"},
     {NULL},
     {"a.jpg|a.jpg.xmp", "b.jpg|b.xmp", "b.png|b.xmp", "c.jpg", "d.jpg|d.XMP", "e.jpg", "f.jpg"},
     false},
    {"sidecars: lower case first; a dot in the name; only whole stems",
     {"a.jpg", "a.XMP", "a.xmp", "a.b.jpg", "a.b.xmp", "aa.jpg", "a.b.c.xmp"},
     {NULL},
     {"a.b.jpg|a.b.xmp", "a.jpg|a.xmp", "aa.jpg"},
     false},
};

static void check_tree(const struct tree_case *c)
{
    struct walk walk;
    for (size_t i = 0; i < LIST_MAX && c->entries[i]; i++)
        put_entry(c->entries[i]);
    walk_scratch(&walk, c->exclude, NULL, false);
    size_t count = 0;
    for (; count < LIST_MAX && c->found[count]; count++) {
        char wanted[512], sidecar[512] = "";
        snprintf(wanted, sizeof wanted, "%s", in_scratch(c->found[count]));
        char *split = strchr(wanted, '|');
        if (split) {
            *split = '\0';
            snprintf(sidecar, sizeof sidecar, "%.*s/%s", (int)(strrchr(wanted, '/') - wanted),
                     wanted, split + 1);
        }
        assert_true(count < walk.file_count);
        const struct found_file *file = &walk.files[count];
        assert_string_equal(file->path, wanted);
        assert_string_equal(file->sidecar ? file->sidecar : "", sidecar);
        assert_int_equal(file->sidecar_size_bytes, split ? 1 : -1);
        assert_true(!split == (file->sidecar_mtime_ns == 0));
        assert_int_equal(file->size_bytes, 1);
        assert_true(file->mtime_ns > 0);
    }
    assert_int_equal(walk.file_count, count);
    assert_int_equal(walk.unread_count, 0);
    assert_true(walk.place_count >= 1 && walk.places[0].is_root);
    assert_int_equal(walk.places[0].excluded, c->excluded);
    walk_free(&walk);
}

static void test_trees(void **state)
{
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        print_message("%s\n", trees[i].what);
        if (i > 0)
            make_scratch(NULL);
        check_tree(&trees[i]);
        if (i + 1 < sizeof trees / sizeof *trees)
            remove_scratch(NULL);
    }
}

/* A part of a tree is found as the whole tree has it, with the rules from above. */
static void test_scopes(void **state)
{
    static const struct {
        const char *scope;
        size_t found, shallow;
    } cases[] = {{"", 4, 1},         {"a", 3, 1},       {"a/b", 2, 1},     {"a/c", 0, 0},
                 {"a/hidden", 0, 0}, {"nowhere", 0, 0}, {"a/1.jpg", 0, 0}, {"l", 0, 0},
                 {"a/b/d", 1, 1},    {"n/m", 0, 0},     {"a/.x", 0, 0}};
    static const char *const entries[] = {".foveaignore=hidden\n2.png\n",
                                          "a/1.jpg",
                                          "a/b/2.jpg",
                                          "a/b/2.png",
                                          "a/b/d/3.jpg",
                                          "a/.foveaignore=c/\n",
                                          "a/c/4.jpg",
                                          "a/hidden/5.jpg",
                                          "6.jpg",
                                          "l -> a",
                                          "n/.nomedia",
                                          "n/m/7.jpg",
                                          "a/.x/8.jpg"};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        put_entry(entries[i]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int deep = 0; deep < 2; deep++) {
            struct walk walk;
            size_t wanted = deep ? cases[i].found : cases[i].shallow;
            walk_scratch(&walk, NULL, cases[i].scope, deep);
            if (walk.file_count != wanted)
                fail_msg("%s: %zu files, not %zu", cases[i].scope, walk.file_count, wanted);
            walk_free(&walk);
        }
    }
}

static void test_unreadable_rules_hide_their_folder(void **state)
{
    put_entry("1.jpg");
    put_entry("a/2.jpg");
    put_entry("a/.foveaignore/");
    struct walk walk;
    walk_scratch(&walk, NULL, NULL, false);
    assert_int_equal(walk.file_count, 1);
    assert_int_equal(walk.unread_count, 1);
    assert_string_equal(walk.unread[0].path, in_scratch("a"));
    assert_true(walk_is_unread(&walk, in_scratch("a/2.jpg")));
    assert_false(walk_is_unread(&walk, in_scratch("1.jpg")));
    walk_free(&walk);
}

/* --- roots --------------------------------------------------------------------------------- */

static enum status walk_roots(struct walk *walk, const char *const *roots, size_t count,
                              bool missing_ok, struct err *err)
{
    const struct walk_options options = {.roots = roots,
                                         .root_count = count,
                                         .is_photo = image_name_is_photo,
                                         .missing_ok = missing_ok};
    return walk_run(walk, &options, err);
}

static void test_roots_inside_each_other(void **state)
{
    put_entry("a/1.jpg");
    put_entry("a/b/2.jpg");
    put_entry("ab/3.jpg");
    put_entry("link -> a");
    struct walk walk;
    struct err err;
    char a_b[256], a[256], ab[256], link[256];
    snprintf(a_b, sizeof a_b, "%s/a/../a/b/", scratch);
    snprintf(a, sizeof a, "%s/a", scratch);
    snprintf(ab, sizeof ab, "%s/ab", scratch);
    snprintf(link, sizeof link, "%s/link", scratch);
    const char *roots[] = {a_b, ab, a, link, a};
    assert_int_equal(walk_roots(&walk, roots, 5, false, &err), OK);
    assert_int_equal(walk.root_count, 2);
    assert_int_equal(walk.file_count, 3);
    size_t first, end;
    walk_range(&walk, a, &first, &end);
    assert_int_equal(first, 0);
    assert_int_equal(end, 2);
    walk_range(&walk, "/", &first, &end);
    assert_int_equal(end - first, 3);
    walk_free(&walk);
}

static void test_bad_roots(void **state)
{
    put_entry("notes.txt");
    put_entry("one.jpg");
    put_entry("one.xmp");
    put_entry("two.jpg");
    struct walk walk;
    struct err err;
    const char *missing[] = {scratch, in_scratch("nowhere")};
    assert_int_equal(walk_roots(&walk, missing, 2, false, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "nowhere"));
    assert_int_equal(walk_roots(&walk, missing, 2, true, &err), OK);
    assert_int_equal(walk.missing_count, 1);
    assert_int_equal(walk.file_count, 2);
    walk_free(&walk);
    const char *text[] = {in_scratch("notes.txt")};
    assert_int_equal(walk_roots(&walk, text, 1, false, &err), ERR_ARGUMENT);
    const char *single[] = {in_scratch("one.jpg")};
    assert_int_equal(walk_roots(&walk, single, 1, false, &err), OK);
    assert_int_equal(walk.file_count, 1);
    assert_string_equal(walk.files[0].sidecar, in_scratch("one.xmp"));
    walk_free(&walk);
}

static void test_path_is_under(void **state)
{
    assert_true(path_is_under("/a/b", "/a/b"));
    assert_true(path_is_under("/a/b/c", "/a/b"));
    assert_false(path_is_under("/a/bc", "/a/b"));
    assert_false(path_is_under("/a", "/a/b"));
    assert_true(path_is_under("/a", "/"));
}

/* --- patterns ------------------------------------------------------------------------------ */

static void test_patterns(void **state)
{
    static const struct {
        const char *patterns, *path; /* below "/r/" */
        bool dir, excluded;
    } cases[] = {
        {"*.jpg", "a.jpg", false, true},
        {"*.jpg", "x/a.jpg", false, true},
        {"*.jpg", "a.jpeg", false, false},
        {"*.JPG", "a.jpg", false, false},
        {"a?c", "abc", false, true},
        {"a?c", "ac", false, false},
        {"[a-c]x", "bx", false, true},
        {"[!a-c]x", "bx", false, false},
        {"[^a-c]x", "dx", false, true},
        {"[]-]", "-", false, true},
        {"[]-]", "]", false, true},
        {"[a", "a", false, false},
        {"[\\]]", "]", false, true},
        {"\\*", "*", false, true},
        {"\\*", "a", false, false},
        {"\\#a", "#a", false, true},
        {"#a", "#a", false, false},
        {"\\!a", "!a", false, true},
        {"a/", "a", true, true},
        {"a/", "a", false, false},
        {"/a", "a", false, true},
        {"/a", "b/a", false, false},
        {"a/b", "a/b", false, true},
        {"a/b", "x/a/b", false, false},
        {"a/*", "a/b", false, true},
        {"a/*", "a/b/c", false, false},
        {"**/b", "a/x/b", false, true},
        {"**/b", "b", false, true},
        {"a/**", "a/x/b", false, true},
        {"a/**", "a", true, false},
        {"a/**/b", "a/b", false, true},
        {"a/**/b", "a/x/y/b", false, true},
        {"a/**/b/**/c", "a/b/x/b/y/c", false, true},
        {"a/**/b", "a/x/c", false, false},
        {"a\nb\n!a", "a", false, false},
        {"a  \n", "a", false, true},
        {"a\\ ", "a ", false, true},
        {"a\r\nb\r\n", "a", false, true},
        {"\xef\xbb\xbf*.x", "a.x", false, true},
        {"\n\n/\n!\n", "a", true, false},
        {"*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ignore_rules *rules;
        struct err err;
        char path[256];
        snprintf(path, sizeof path, "/r/%s", cases[i].path);
        assert_int_equal(ignore_rules_new(&rules, NULL, "/r", cases[i].patterns,
                                          strlen(cases[i].patterns), &err),
                         OK);
        if (ignore_rules_exclude(rules, path, cases[i].dir) != cases[i].excluded)
            fail_msg("%s on %s: not %d", cases[i].patterns, cases[i].path, cases[i].excluded);
        ignore_rules_free(rules);
    }
}

/* Patterns and names of a few letters at random, against the plain recursive meaning. */
static bool plain_match(const char *p, const char *s)
{
    if (*p == '\0')
        return *s == '\0';
    if (*p == '*')
        return plain_match(p + 1, s) || (*s && *s != '/' && plain_match(p, s + 1));
    if (*p == '?')
        return *s && *s != '/' && plain_match(p + 1, s + 1);
    return *p == *s && plain_match(p + 1, s + 1);
}

static void test_patterns_at_random(void **state)
{
    unsigned seed = 20260611;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int i = 0; i < 20000; i++) {
        char pattern[8] = "/", path[16] = "/r/";
        size_t n = 1 + (size_t)rand() % 6, m = 1 + (size_t)rand() % 7;
        for (size_t k = 0; k < n; k++)
            pattern[1 + k] = "ab*?/"[rand() % (k == 0 || k == n - 1 || pattern[k] == '/' ? 4 : 5)];
        for (size_t k = 0; k < m; k++)
            path[3 + k] = "ab/"[rand() % (k == 0 || k == m - 1 || path[2 + k] == '/' ? 2 : 3)];
        pattern[1 + n] = path[3 + m] = '\0';
        if (strstr(pattern, "**"))
            continue; /* has a meaning of its own */
        struct ignore_rules *rules;
        struct err err;
        assert_int_equal(ignore_rules_new(&rules, NULL, "/r", pattern, strlen(pattern), &err), OK);
        if (ignore_rules_exclude(rules, path, false) != plain_match(pattern + 1, path + 3))
            fail_msg("%s on %s", pattern, path);
        ignore_rules_free(rules);
    }
}

#define WALK_TEST(f) cmocka_unit_test_setup_teardown(f, make_scratch, remove_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALK_TEST(test_trees),
        WALK_TEST(test_scopes),
        WALK_TEST(test_unreadable_rules_hide_their_folder),
        WALK_TEST(test_roots_inside_each_other),
        WALK_TEST(test_bad_roots),
        cmocka_unit_test(test_path_is_under),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_patterns_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
