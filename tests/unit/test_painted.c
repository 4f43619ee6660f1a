/* SPDX-License-Identifier: MIT
 *
 * Sample libraries: what is refused, what a cancelled run says; and removing a folder again. That
 * the pictures mean something is tests/cli/demo.sh's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "image/image.h"
#include "library/painted.h"
#include "library/tree.h"
#include "../temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
    struct err err;
    return temporary_make(dir, sizeof dir) == 0 && image_room_open(&err) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    image_room_close();
    return rmdir(dir);
}

static void path_in(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", dir, name);
}

static void count(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void test_every_picture_is_written(void **state)
{
    struct err err;
    char out[128], captions[160];
    atomic_int made = 0;
    path_in(out, "library");
    const struct painted_options how = {.dir = out,
                                        .count = 9,
                                        .seed = 5,
                                        .side = 32,
                                        .threads = 3,
                                        .mixed = 0.5f,
                                        .repeated = 0.5f,
                                        .on_picture = count,
                                        .context = &made};
    assert_int_equal(painted_make(&how, &err), OK);
    assert_int_equal(atomic_load(&made), 9);
    snprintf(captions, sizeof captions, "%s/captions.jsonl", out);
    struct file_bytes text;
    assert_int_equal(file_read(&text, captions, 1 << 20, &err), OK);
    size_t lines = 0;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    assert_int_equal(lines, 9);
    for (const char *at = (const char *)text.data; lines-- > 0; at = strchr(at, '\n') + 1) {
        char name[160], path[320];
        assert_int_equal(sscanf(at, "{\"file\":\"%159[^\"]\"", name), 1);
        snprintf(path, sizeof path, "%s/%s", out, name);
        struct image image;
        if (image_decode_file(&image, path, NULL, &err) != OK)
            fail_msg("%s", err.text);
        image_free(&image);
    }
    file_bytes_free(&text);
    assert_int_equal(tree_remove(out, &err), OK);
    assert_int_not_equal(access(out, F_OK), 0);
}

static void test_refused(void **state)
{
    static const struct {
        size_t count;
        int side;
    } cases[] = {{0, 100}, {PAINTED_MAX + 1, 100}, {1, 31}, {1, PAINTED_SIDE_MAX + 1}, {1, -1}};
    char out[128];
    path_in(out, "refused");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err;
        const struct painted_options how = {
            .dir = out, .count = cases[i].count, .side = cases[i].side};
        assert_int_equal(painted_make(&how, &err), ERR_ARGUMENT);
        assert_int_not_equal(access(out, F_OK), 0);
    }
}

static void test_failures(void **state)
{
    struct err err;
    char out[128];
    const atomic_bool cancel = true;
    path_in(out, "cancelled");
    struct painted_options how = {.dir = out, .count = 3, .seed = 1, .side = 32, .cancel = &cancel};
    assert_int_equal(painted_make(&how, &err), ERR_CANCELLED);
    assert_int_equal(tree_remove(out, &err), OK);
    how.cancel = NULL;
    how.dir = "/dev/null/library";
    assert_int_not_equal(painted_make(&how, &err), OK);
}

/* A link in the folder goes; what it points to stays. */
static void test_tree_remove_follows_no_link(void **state)
{
    struct err err;
    char inner[128], outside[128], link_path[128];
    path_in(inner, "tree/a/b/file");
    path_in(outside, "outside");
    path_in(link_path, "tree/a/link");
    assert_int_equal(dir_make_parent(inner, &err), OK);
    assert_int_equal(file_write(inner, "x", 1, &err), OK);
    assert_int_equal(file_write(outside, "x", 1, &err), OK);
    assert_int_equal(symlink(dir, link_path), 0);
    path_in(inner, "tree");
    assert_int_equal(tree_remove(inner, &err), OK);
    assert_int_not_equal(access(inner, F_OK), 0);
    assert_int_equal(access(outside, F_OK), 0);
    unlink(outside);
    assert_int_not_equal(tree_remove(inner, &err), OK); /* it is not there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_picture_is_written),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_tree_remove_follows_no_link),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
