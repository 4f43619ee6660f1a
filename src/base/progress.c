/* SPDX-License-Identifier: MIT
 *
 * One mutex around everything: counters, the window the rate is measured over, and the stream, so
 * that notes and redraws of several threads never mix. Nothing here starts a thread: the display
 * moves when the work does.
 *
 * The rate is that of the last WINDOW_SECONDS, not since the start: an index run begins with
 * unchanged files that cost nothing, and would promise far too early an end.
 *
 * While the bar is on the screen, `drawn` is its width and the cursor stands at its end. The line
 * is never wider than the terminal less one: a terminal wraps a full line, and a wrapped line can
 * not be erased by a carriage return.
 */
#include "base/progress.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/terminal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SECONDS 10.0
#define WINDOW_SLOTS 20
#define BAR_SECONDS 0.1
#define EVENT_SECONDS 0.5
#define LINE_SECONDS 10.0
#define BAR_MIN 8
#define BAR_MAX 30
#define LINE_MAX_BYTES 1024

struct sample {
    double at;
    uint64_t done;
};

struct progress {
    struct progress_options options;
    pthread_mutex_t lock;
    uint64_t done, total, failed;
    double start;
    double shown;    /* when the display last changed; before `start`: never */
    int shown_tenth; /* PROGRESS_LINES: tenths of the whole that have been shown */
    struct sample samples[WINDOW_SLOTS]; /* ring, one per WINDOW_SECONDS / WINDOW_SLOTS */
    int sample_count, sample_next;
    int drawn; /* columns of the bar on the screen; 0: none */
};

static double now(const struct progress *p)
{
    return p->options.clock ? p->options.clock() : clock_seconds();
}

static void add_sample(struct progress *p, double at)
{
    if (p->sample_count > 0) {
        const struct sample *last = &p->samples[(p->sample_next + WINDOW_SLOTS - 1) % WINDOW_SLOTS];
        if (at - last->at < WINDOW_SECONDS / WINDOW_SLOTS)
            return;
    }
    p->samples[p->sample_next] = (struct sample){.at = at, .done = p->done};
    p->sample_next = (p->sample_next + 1) % WINDOW_SLOTS;
    if (p->sample_count < WINDOW_SLOTS)
        p->sample_count++;
}

static void get_state(const struct progress *p, double at, struct progress_state *s)
{
    *s = (struct progress_state){.done = p->done,
                                 .total = p->total,
                                 .failed = p->failed,
                                 .seconds = at - p->start,
                                 .seconds_left = -1};
    int oldest = (p->sample_next + WINDOW_SLOTS - p->sample_count) % WINDOW_SLOTS;
    const struct sample *from = &p->samples[oldest];
    if (p->sample_count > 0 && at > from->at && p->done > from->done)
        s->per_second = (double)(p->done - from->done) / (at - from->at);
    if (p->total >= p->done && p->total > 0 && s->per_second > 0)
        s->seconds_left = (double)(p->total - p->done) / s->per_second;
}

static void put_duration(struct str *out, double seconds)
{
    unsigned long long s = seconds < 1e15 ? (unsigned long long)(seconds + 0.5) : 0;
    if (s >= 3600)
        str_format(out, "%llu h %llu min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        str_format(out, "%llu min %llu s", s / 60, s % 60);
    else
        str_format(out, "%llu s", s);
}

/* A unit in steps of 1000 in which `bytes` is a number below 1000. */
static const char *byte_unit(double bytes, double *divisor)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    size_t i = 0;
    for (*divisor = 1; bytes / *divisor >= 1000 && i < sizeof units / sizeof *units - 1; i++)
        *divisor *= 1000;
    return units[i];
}

/* "1.2/3.9 GB  35.1 MB/s" */
static void put_bytes(struct str *out, const struct progress_state *s, double rate)
{
    double done = (double)s->done, divisor;
    const char *unit = byte_unit(s->total > 0 ? (double)s->total : done, &divisor);
    int digits = divisor > 1;
    str_format(out, "%.*f", digits, done / divisor);
    if (s->total > 0)
        str_format(out, "/%.*f", digits, (double)s->total / divisor);
    str_format(out, " %s", unit);
    unit = byte_unit(rate, &divisor);
    if (rate > 0)
        str_format(out, "  %.*f %s/s", divisor > 1, rate / divisor, unit);
}

/* "4210/10000  31.5 photos/s", or without "/10000" while that is not known. */
static void put_count(struct str *out, const struct progress_state *s, const char *unit,
                      double rate)
{
    if (s->total > 0)
        str_format(out, "%llu/%llu", (unsigned long long)s->done, (unsigned long long)s->total);
    else
        str_format(out, "%llu", (unsigned long long)s->done);
    if (rate > 0)
        str_format(out, "  %.*f %s/s", rate < 100, rate, unit);
    else
        str_format(out, " %s", unit);
}

/* "4210/10000  31.5 photos/s  2 failed  3 min 4 s left", or how long it took once finished. */
static void put_figures(struct str *out, const struct progress *p, const struct progress_state *s)
{
    double done = (double)(s->done - p->options.start);
    double rate = s->finished && s->seconds > 0 ? done / s->seconds : s->per_second;
    if (p->options.bytes)
        put_bytes(out, s, rate);
    else
        put_count(out, s, p->options.unit, rate);
    if (s->failed > 0)
        str_format(out, "  %llu failed", (unsigned long long)s->failed);
    if (s->finished) {
        str_put(out, "  in ");
        put_duration(out, s->seconds);
    } else if (s->seconds_left >= 0) {
        str_put(out, "  ");
        put_duration(out, s->seconds_left);
        str_put(out, " left");
    }
}

static void put_bar(struct str *out, const struct progress_state *s, int cells)
{
    uint64_t done = s->done < s->total ? s->done : s->total;
    int full = (int)((double)done / (double)s->total * cells);
    str_putc(out, '[');
    for (int i = 0; i < cells; i++)
        str_putc(out, i < full ? '=' : i == full ? '>' : ' ');
    str_put(out, "] ");
}

/* What fits of: label, bar, figures. The bar gives way first, then the end of the figures. */
static void draw(struct progress *p, const struct progress_state *s)
{
    FILE *stream = p->options.stream;
    int width = p->options.width > 0 ? p->options.width : terminal_width(fileno(stream));
    struct str line = str_new(LINE_MAX_BYTES), figures = str_new(LINE_MAX_BYTES);
    put_figures(&figures, p, s);
    str_format(&line, "%s ", p->options.label);
    int cells = width - 1 - (int)line.size - (int)figures.size - 3;
    if (s->total > 0 && cells >= BAR_MIN)
        put_bar(&line, s, cells < BAR_MAX ? cells : BAR_MAX);
    str_put(&line, str_text(&figures));
    int columns = (int)line.size < width - 1 ? (int)line.size : width - 1;
    columns = columns > 0 ? columns : 0;
    fprintf(stream, "\r%.*s%*s", columns, str_text(&line),
            p->drawn > columns ? p->drawn - columns : 0, "");
    if (p->drawn > columns)
        fprintf(stream, "\r%.*s", columns, str_text(&line));
    p->drawn = columns > 0 ? columns : 1;
    fflush(stream);
    str_free(&figures);
    str_free(&line);
}

static void erase(struct progress *p)
{
    if (p->drawn == 0)
        return;
    fprintf(p->options.stream, "\r%*s\r", p->drawn, "");
    p->drawn = 0;
}

static void print_line(struct progress *p, const struct progress_state *s)
{
    struct str line = str_new(LINE_MAX_BYTES);
    str_format(&line, "%s ", p->options.label);
    put_figures(&line, p, s);
    fprintf(p->options.stream, "%s\n", str_text(&line));
    fflush(p->options.stream);
    str_free(&line);
}

static int tenth(const struct progress_state *s)
{
    return s->total > 0 ? (int)(10.0 * (double)s->done / (double)s->total) : 0;
}

static bool is_due(const struct progress *p, const struct progress_state *s, double at)
{
    if (s->finished)
        return true;
    switch (p->options.mode) {
    case PROGRESS_BAR:
        return at - p->shown >= BAR_SECONDS;
    case PROGRESS_EVENTS:
        return at - p->shown >= EVENT_SECONDS;
    case PROGRESS_LINES:
        /* Tenths of a run of a second would be ten lines at once. */
        return at - p->shown >= LINE_SECONDS || (tenth(s) > p->shown_tenth && at - p->shown >= 1);
    default:
        return false;
    }
}

static void show(struct progress *p, bool finished)
{
    double at = now(p);
    struct progress_state s;
    get_state(p, at, &s);
    s.finished = finished;
    if (!finished)
        add_sample(p, at);
    if (!is_due(p, &s, at))
        return;
    p->shown = at;
    p->shown_tenth = tenth(&s);
    if (p->options.mode == PROGRESS_BAR)
        draw(p, &s);
    else if (p->options.mode == PROGRESS_LINES)
        print_line(p, &s);
    else if (p->options.mode == PROGRESS_EVENTS)
        p->options.event(&s, p->options.user);
}

enum status progress_open(struct progress **out, const struct progress_options *options,
                          struct err *err)
{
    *out = NULL;
    struct progress *p = calloc(1, sizeof *p);
    if (!p)
        return err_no_memory(err, "a progress display", sizeof *p);
    p->options = *options;
    p->total = options->total;
    p->done = options->start;
    if (!p->options.stream)
        p->options.stream = stderr;
    if (p->options.mode == PROGRESS_AUTO)
        p->options.mode =
            terminal_is_interactive(fileno(p->options.stream)) ? PROGRESS_BAR : PROGRESS_LINES;
    pthread_mutex_init(&p->lock, NULL);
    p->start = now(p);
    /* The bar is drawn with the first unit; a run that is over at once prints one line in all. */
    p->shown = p->options.mode == PROGRESS_LINES ? p->start : p->start - LINE_SECONDS;
    add_sample(p, p->start);
    *out = p;
    return OK;
}

void progress_set_total(struct progress *p, uint64_t total)
{
    pthread_mutex_lock(&p->lock);
    p->total = total;
    show(p, false);
    pthread_mutex_unlock(&p->lock);
}

void progress_add(struct progress *p, uint64_t done, uint64_t failed)
{
    pthread_mutex_lock(&p->lock);
    p->done += done;
    p->failed += failed;
    show(p, false);
    pthread_mutex_unlock(&p->lock);
}

void progress_note(struct progress *p, const char *format, ...)
{
    struct err line; /* its text is one bounded line, which is what a note has to be */
    va_list args;
    char text[ERR_TEXT_MAX];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_set(&line, OK, "%s", text);

    pthread_mutex_lock(&p->lock);
    erase(p);
    fprintf(p->options.stream, "%s\n", line.text);
    fflush(p->options.stream);
    show(p, false);
    pthread_mutex_unlock(&p->lock);
}

void progress_get(struct progress *p, struct progress_state *out)
{
    pthread_mutex_lock(&p->lock);
    get_state(p, now(p), out);
    pthread_mutex_unlock(&p->lock);
}

void progress_close(struct progress *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    show(p, true);
    if (p->drawn > 0) {
        fputc('\n', p->options.stream);
        fflush(p->options.stream);
    }
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
