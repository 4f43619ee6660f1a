/* SPDX-License-Identifier: MIT
 *
 * base: errors stay one line and bounded, strings respect their limit, files are written wholly or
 * not at all, a closed queue drains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/queue.h"
#include "base/status.h"
#include "base/str.h"
#include "../temporary.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_err_is_one_line(void **state)
{
    struct err err;
    assert_int_equal(err_set(&err, ERR_FORMAT, "bad %s", "a\nb"), ERR_FORMAT);
    assert_string_equal(err.text, "bad a?b");
    assert_int_equal(err_prefix(&err, "file %d", 3), ERR_FORMAT);
    assert_string_equal(err.text, "file 3: bad a?b");
    assert_int_equal(err_errno(&err, ENOENT, "cannot open %s", "x"), ERR_NOT_FOUND);
    assert_string_equal(err.text, "cannot open x: No such file or directory");
    assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

static void test_err_is_bounded(void **state)
{
    struct err err;
    char big[4 * ERR_TEXT_MAX];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = '\0';
    err_set(&err, ERR_IO, "%s", big);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_prefix(&err, "%s", big);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

static void test_str_limit(void **state)
{
    struct str s = str_new(5);
    assert_string_equal(str_text(&s), "");
    str_put(&s, "abc");
    str_format(&s, "%d", 12);
    assert_true(str_ok(&s));
    assert_string_equal(str_text(&s), "abc12");
    str_putc(&s, 'x');
    assert_false(str_ok(&s));
    assert_string_equal(str_text(&s), "abc12");
    str_clear(&s);
    str_put(&s, "again");
    assert_true(str_ok(&s));
    str_free(&s);
}

static char *scratch_dir(void)
{
    static char made[64];
    assert_int_equal(temporary_make(made, sizeof made), 0);
    return made;
}

static void test_file_write_and_read(void **state)
{
    struct err err;
    char path[512], deep[1024];
    char *dir = scratch_dir();
    snprintf(deep, sizeof deep, "%s/a/b/c", dir);
    assert_int_equal(dir_make(deep, &err), OK);
    assert_int_equal(dir_make(deep, &err), OK);
    snprintf(path, sizeof path, "%.200s/file", deep);
    assert_int_equal(file_write(path, "one", 3, &err), OK);
    assert_int_equal(file_write(path, "second", 6, &err), OK);

    struct file_bytes bytes;
    assert_int_equal(file_read(&bytes, path, 6, &err), OK);
    assert_int_equal(bytes.size, 6);
    assert_memory_equal(bytes.data, "second", 7);
    file_bytes_free(&bytes);

    assert_int_equal(file_read(&bytes, path, 5, &err), ERR_LIMIT);
    assert_null(bytes.data);
    assert_int_equal(file_read(&bytes, deep, 5, &err), ERR_ARGUMENT);
    assert_int_equal(file_write(deep, "x", 1, &err), ERR_ARGUMENT);
    /* A file where a folder is needed. */
    snprintf(deep, sizeof deep, "%s/sub", path);
    assert_int_equal(dir_make(deep, &err), ERR_IO);

    struct file_map map;
    assert_int_equal(file_map_open(&map, path, &err), OK);
    assert_memory_equal(map.data, "second", 6);
    file_map_close(&map);

    char command[512];
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void *produce(void *arg)
{
    for (intptr_t i = 1; i <= 1000; i++)
        if (!queue_push(arg, (void *)i))
            return NULL;
    queue_close(arg);
    return NULL;
}

static void test_queue_keeps_order_and_drains(void **state)
{
    struct err err;
    struct queue *q;
    assert_int_equal(queue_open(&q, 3, &err), OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, q), 0);
    for (intptr_t i = 1; i <= 1000; i++)
        assert_ptr_equal(queue_pop(q), (void *)i);
    assert_null(queue_pop(q));
    assert_false(queue_push(q, q));
    pthread_join(thread, NULL);
    queue_free(q);
    queue_free(NULL);
}

static void test_cpu_level_from_environment(void **state)
{
    struct err err;
    unsigned flags;
    setenv("FOVEA_CPU", "reference", 1);
    assert_int_equal(cpu_flags(&flags, &err), OK);
    assert_int_equal(flags, 0);
    setenv("FOVEA_CPU", "pentium", 1);
    assert_int_equal(cpu_flags(&flags, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "avx512"));
    unsetenv("FOVEA_CPU");
    assert_int_equal(cpu_flags(&flags, &err), OK);
    assert_int_equal(flags, cpu_flags_detect());
    assert_true(cpu_cores() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_is_one_line),
        cmocka_unit_test(test_err_is_bounded),
        cmocka_unit_test(test_str_limit),
        cmocka_unit_test(test_file_write_and_read),
        cmocka_unit_test(test_queue_keeps_order_and_drains),
        cmocka_unit_test(test_cpu_level_from_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
