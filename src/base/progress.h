/* SPDX-License-Identifier: MIT
 *
 * How far a long run has come: a bar that is redrawn in place on a terminal, plain lines elsewhere
 * (a log, a pipe), or events that the caller writes in a form of its own (JSON lines).
 *
 *     Indexing [=========>          ]  4210/10000  31.5 photos/s  3 min 4 s left
 *
 * Any thread may call the functions on an open progress. Drawing is never a reason to fail: write
 * errors are ignored.
 */
#ifndef FOVEA_BASE_PROGRESS_H
#define FOVEA_BASE_PROGRESS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum progress_mode {
    PROGRESS_AUTO,   /* PROGRESS_BAR on an interactive terminal, else PROGRESS_LINES */
    PROGRESS_BAR,    /* redrawn at most 10 times a second */
    PROGRESS_LINES,  /* a line at every 10 % (one a second at most), and every 10 seconds */
    PROGRESS_EVENTS, /* `event` is called at most twice a second, and once at the end */
    PROGRESS_QUIET,  /* nothing but notes */
};

struct progress_state {
    uint64_t done, total; /* total 0: not known yet */
    uint64_t failed;      /* of those done */
    double seconds;       /* since the start */
    double per_second;    /* over the last ten seconds; 0 while unknown */
    double seconds_left;  /* negative while unknown */
    bool finished;
};

struct progress_options {
    enum progress_mode mode;
    FILE *stream;      /* stderr when NULL */
    const char *label; /* "Indexing" */
    const char *unit;  /* "photos" */
    uint64_t total;    /* 0: not known yet */
    uint64_t start;    /* done before: counted as done, and not for the speed */
    bool bytes;        /* the unit is bytes; shown as "1.2/3.9 GB  35.1 MB/s" */
    /* PROGRESS_EVENTS. Called with the progress locked: it must not call back into it. */
    void (*event)(const struct progress_state *, void *user);
    void *user;
    int width;             /* columns of the bar; 0: ask the terminal at each redraw */
    double (*clock)(void); /* seconds; NULL: the system's. For tests. */
};

struct progress;

/* The strings in the options must outlive the progress. */
MUST_USE enum status progress_open(struct progress **out, const struct progress_options *,
                                   struct err *err);
void progress_set_total(struct progress *, uint64_t total);
/* `done` more units are finished, `failed` of them without success. */
void progress_add(struct progress *, uint64_t done, uint64_t failed);
/* A line of text for the user (a bad file): above the bar, or as a line of its own. */
void progress_note(struct progress *, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_get(struct progress *, struct progress_state *out);
/* The last state is shown: the bar stays as a finished line, lines get a closing one, an event with
 * finished = true is sent. NULL-safe. */
void progress_close(struct progress *);

#endif
