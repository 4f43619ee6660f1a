/* SPDX-License-Identifier: MIT
 *
 * The progress display, on a clock that the test moves and a stream that it reads back: how often
 * it redraws, that it never exceeds its width, that notes and the end leave a clean screen, the
 * estimate, and many threads at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double test_seconds;

static double test_clock(void)
{
    return test_seconds;
}

struct screen {
    char *bytes;
    size_t size;
    FILE *stream;
    struct progress *progress;
};

static struct screen screen_open(enum progress_mode mode, uint64_t total, int width)
{
    struct screen s = {0};
    struct err err;
    test_seconds = 1000;
    /* A real file: a memory stream has no file descriptor to ask. */
    s.stream = tmpfile();
    assert_non_null(s.stream);
    const struct progress_options options = {.mode = mode,
                                             .stream = s.stream,
                                             .label = "Indexing",
                                             .unit = "photos",
                                             .total = total,
                                             .width = width,
                                             .clock = test_clock};
    assert_int_equal(progress_open(&s.progress, &options, &err), OK);
    return s;
}

/* Everything written so far, as a string. */
static const char *screen_text(struct screen *s)
{
    fflush(s->stream);
    long size = ftell(s->stream);
    free(s->bytes);
    s->bytes = calloc(1, (size_t)size + 1);
    assert_non_null(s->bytes);
    rewind(s->stream);
    assert_int_equal(fread(s->bytes, 1, (size_t)size, s->stream), size);
    fseek(s->stream, size, SEEK_SET);
    return s->bytes;
}

static void screen_close(struct screen *s)
{
    progress_close(s->progress);
    fclose(s->stream);
    free(s->bytes);
}

static int count(const char *text, char c)
{
    int n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

/* What a terminal shows in its last line: text after the last newline, overwritten at each \r. */
static void last_line(const char *text, char *line, size_t size)
{
    const char *from = strrchr(text, '\n');
    from = from ? from + 1 : text;
    size_t at = 0, end = 0;
    memset(line, 0, size);
    for (; *from; from++) {
        if (*from == '\r') {
            at = 0;
            continue;
        }
        assert_true(at + 1 < size);
        line[at++] = *from;
        end = at > end ? at : end;
    }
    while (end > 0 && line[end - 1] == ' ')
        line[--end] = '\0';
}

static void test_bar_redraws_at_most_ten_times_a_second(void **state)
{
    struct screen s = screen_open(PROGRESS_BAR, 1000, 80);
    for (int i = 0; i < 1000; i++) {
        test_seconds += 0.001;
        progress_add(s.progress, 1, 0);
    }
    /* Each redraw is one carriage return, or two when the line became shorter. */
    int returns = count(screen_text(&s), '\r');
    assert_in_range(returns, 5, 22);
    assert_int_equal(count(screen_text(&s), '\n'), 0);
    screen_close(&s);
}

static void test_bar_shows_rate_and_time_left(void **state)
{
    struct screen s = screen_open(PROGRESS_BAR, 1000, 80);
    for (int i = 0; i < 20; i++) {
        test_seconds += 1;
        progress_add(s.progress, 10, i == 3);
    }
    char line[256];
    last_line(screen_text(&s), line, sizeof line);
    assert_non_null(strstr(line, "Indexing ["));
    assert_non_null(strstr(line, "200/1000"));
    assert_non_null(strstr(line, "10.0 photos/s"));
    assert_non_null(strstr(line, "1 failed"));
    assert_non_null(strstr(line, "1 min 20 s left"));
    struct progress_state state_now;
    progress_get(s.progress, &state_now);
    assert_int_equal(state_now.done, 200);
    assert_int_equal(state_now.failed, 1);
    assert_true(state_now.seconds == 20);
    screen_close(&s);
}

/* A start that costs nothing (unchanged files) must not promise an early end for long. */
static void test_rate_forgets_the_start(void **state)
{
    struct screen s = screen_open(PROGRESS_QUIET, 10000, 80);
    progress_add(s.progress, 5000, 0);
    for (int i = 0; i < 60; i++) {
        test_seconds += 0.5;
        progress_add(s.progress, 1, 0);
    }
    struct progress_state now;
    progress_get(s.progress, &now);
    assert_true(now.per_second > 1.9 && now.per_second < 2.1);
    screen_close(&s);
}

static void test_bar_fits_every_width(void **state)
{
    for (int width = 1; width <= 120; width++) {
        struct screen s = screen_open(PROGRESS_BAR, 1000, width);
        for (int i = 0; i < 5; i++) {
            test_seconds += 1;
            progress_add(s.progress, 100, 1);
        }
        const char *text = screen_text(&s);
        for (const char *p = text; *p;) {
            size_t size = strcspn(p, "\r\n");
            assert_true(size < (size_t)(width < 2 ? 2 : width));
            p += size;
            p += *p != '\0';
        }
        if (width >= 80)
            assert_non_null(strstr(text, "=>"));
        screen_close(&s);
    }
}

static void test_note_goes_above_the_bar(void **state)
{
    struct screen s = screen_open(PROGRESS_BAR, 10, 80);
    test_seconds += 1;
    progress_add(s.progress, 1, 0);
    progress_note(s.progress, "bad\nname.jpg: %s", "not an image");
    test_seconds += 1;
    progress_add(s.progress, 1, 1);
    const char *text = screen_text(&s);
    assert_non_null(strstr(text, "\rbad?name.jpg: not an image\n"));
    assert_int_equal(count(text, '\n'), 1);
    char line[256];
    last_line(text, line, sizeof line);
    assert_non_null(strstr(line, "2/10"));
    screen_close(&s);
}

static void test_bar_ends_as_a_line(void **state)
{
    struct screen s = screen_open(PROGRESS_BAR, 10, 80);
    test_seconds += 4;
    progress_add(s.progress, 10, 0);
    test_seconds += 1;
    progress_close(s.progress);
    s.progress = NULL;
    const char *text = screen_text(&s);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_non_null(strstr(text, "10/10  2.0 photos/s  in 5 s"));
    screen_close(&s);
}

static void test_lines_are_few(void **state)
{
    struct screen s = screen_open(PROGRESS_LINES, 100, 0);
    for (int i = 0; i < 100; i++) {
        test_seconds += 0.5;
        progress_add(s.progress, 1, 0);
    }
    const char *text = screen_text(&s);
    assert_int_equal(count(text, '\r'), 0);
    assert_int_equal(count(text, '\n'), 10);
    assert_non_null(strstr(text, "Indexing 50/100"));
    progress_close(s.progress);
    s.progress = NULL;
    assert_int_equal(count(screen_text(&s), '\n'), 11);
    screen_close(&s);
}

static void test_slow_lines_come_by_time(void **state)
{
    struct screen s = screen_open(PROGRESS_LINES, 0, 0);
    for (int i = 0; i < 60; i++) {
        test_seconds += 1;
        progress_add(s.progress, 1, 0);
    }
    assert_int_equal(count(screen_text(&s), '\n'), 6);
    screen_close(&s);
}

struct events {
    int count, finished;
    uint64_t last_done;
};

static void on_event(const struct progress_state *s, void *user)
{
    struct events *events = user;
    events->count++;
    events->finished += s->finished;
    assert_true(s->done >= events->last_done);
    events->last_done = s->done;
}

static void test_events(void **state)
{
    struct events events = {0};
    struct progress *p;
    struct err err;
    test_seconds = 5;
    const struct progress_options options = {.mode = PROGRESS_EVENTS,
                                             .label = "x",
                                             .unit = "y",
                                             .event = on_event,
                                             .user = &events,
                                             .clock = test_clock};
    assert_int_equal(progress_open(&p, &options, &err), OK);
    progress_set_total(p, 100);
    for (int i = 0; i < 100; i++) {
        test_seconds += 0.125;
        progress_add(p, 1, 0);
    }
    assert_in_range(events.count, 24, 27);
    assert_int_equal(events.finished, 0);
    progress_close(p);
    assert_int_equal(events.finished, 1);
    assert_int_equal(events.last_done, 100);
}

static void *work(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        progress_add(arg, 1, i % 100 == 0);
        if (i % 500 == 0)
            progress_note(arg, "note %d", i);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct screen s = screen_open(PROGRESS_BAR, 8000, 60);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, s.progress), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct progress_state now;
    progress_get(s.progress, &now);
    assert_int_equal(now.done, 8000);
    assert_int_equal(now.failed, 80);
    assert_int_equal(count(screen_text(&s), '\n'), 16);
    screen_close(&s);
    progress_close(NULL);
}

static void assert_ends(const char *line, const char *end)
{
    size_t have = strlen(line), want = strlen(end);
    assert_true(have >= want);
    assert_string_equal(line + have - want, end);
}

/* A download that goes on in the middle: what was there is done, and was not fast. */
static void test_bytes(void **state)
{
    static const struct {
        uint64_t total, start, step;
        const char *during, *after;
    } cases[] = {
        {4000000000, 0, 100000000, "0.2/4.0 GB  100.0 MB/s  38 s left",
         "0.2/4.0 GB  100.0 MB/s  in 2 s"},
        {4000000000, 3000000000, 100000000, "3.2/4.0 GB  100.0 MB/s  8 s left",
         "3.2/4.0 GB  100.0 MB/s  in 2 s"},
        {900, 0, 10, "20/900 bytes  10 bytes/s  1 min 28 s left",
         "20/900 bytes  10 bytes/s  in 2 s"},
        {0, 0, 1500, "3.0 kB  1.5 kB/s", "3.0 kB  1.5 kB/s  in 2 s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct screen s = {.stream = tmpfile()};
        struct err err;
        char line[200];
        assert_non_null(s.stream);
        const struct progress_options options = {.mode = PROGRESS_BAR,
                                                 .stream = s.stream,
                                                 .label = "Get",
                                                 .bytes = true,
                                                 .total = cases[i].total,
                                                 .start = cases[i].start,
                                                 .width = 80,
                                                 .clock = test_clock};
        assert_int_equal(progress_open(&s.progress, &options, &err), OK);
        for (int k = 0; k < 2; k++) {
            test_seconds += 1;
            progress_add(s.progress, cases[i].step, 0);
        }
        last_line(screen_text(&s), line, sizeof line);
        assert_ends(line, cases[i].during);
        progress_close(s.progress);
        s.progress = NULL;
        char *text = strdup(screen_text(&s));
        text[strlen(text) - 1] = '\0'; /* the newline */
        last_line(text, line, sizeof line);
        assert_ends(line, cases[i].after);
        free(text);
        screen_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar_redraws_at_most_ten_times_a_second),
        cmocka_unit_test(test_bar_shows_rate_and_time_left),
        cmocka_unit_test(test_rate_forgets_the_start),
        cmocka_unit_test(test_bar_fits_every_width),
        cmocka_unit_test(test_note_goes_above_the_bar),
        cmocka_unit_test(test_bar_ends_as_a_line),
        cmocka_unit_test(test_lines_are_few),
        cmocka_unit_test(test_slow_lines_come_by_time),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
