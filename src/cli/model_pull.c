/* SPDX-License-Identifier: MIT
 *
 * See model_pull.h. All of this is about the way to a result and goes to stderr.
 */
#include "cli/model_pull.h"

#include "base/clock.h"
#include "clip/config.h"
#include "clip/hf_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 64

const char *format_size(char out[16], int64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1000 && unit < sizeof units / sizeof *units - 1; unit++)
        size /= 1000;
    snprintf(out, 16, "%.*f %s", unit > 0, size, units[unit]);
    return out;
}

static void print_note(void *context, const char *text)
{
    fprintf(stderr, "fovea: %s\n", text);
}

static enum status check_config(void *context, const char *name, const char *json, size_t size,
                                struct err *err)
{
    struct model_config config;
    const struct hf_config_files files = {.config = json, .config_size = size};
    enum status status = strcmp(name, MODEL_CONFIG_NAME) == 0
                             ? config_parse(&config, json, size, err)
                             : hf_config_parse(&config, &files, err);
    return status == OK ? OK : err_prefix(err, "%s", name);
}

struct pull_options model_pull_options(bool offline)
{
    return (struct pull_options){
        .offline = offline, .note = print_note, .check_config = check_config};
}

static void say_plan(const struct model_place *place, const struct pull_info *info)
{
    char size[16], here[16];
    fprintf(stderr, "fovea: the model %s is not here: %s%s from %s (%s) to %s", place->name,
            info->exact ? "" : "about ", format_size(size, info->bytes), info->host, info->source,
            place->dir);
    if (info->bytes_here > 0)
        fprintf(stderr, "; %s of it came before", format_size(here, info->bytes_here));
    fputc('\n', stderr);
}

/* After the folder has been filled, the place is looked at again: it now has a config. */
static enum status look_again(struct model_place *place, struct err *err)
{
    struct model_place now;
    enum status status = model_resolve(&now, place->name, NULL, err);
    if (status != OK)
        return status;
    model_place_free(place);
    *place = now;
    if (!place->here)
        return err_set(err, ERR_INTERNAL, "%s has been downloaded to %s and is not found there",
                       place->name, place->dir);
    return OK;
}

static enum status run(struct model_place *place, struct pull *pull, struct model_pulled *report,
                       struct err *err)
{
    double start = clock_seconds();
    enum status status = pull_run(pull, err);
    if (status == OK && report) {
        const struct pull_info *info = pull_info(pull);
        *report = (struct model_pulled){
            .bytes = info->bytes, .seconds = clock_seconds() - start, .verified = info->verified};
        snprintf(report->host, sizeof report->host, "%s", info->host);
        snprintf(report->commit, sizeof report->commit, "%s", info->commit);
        snprintf(report->sha256, sizeof report->sha256, "%s", info->weights_sha256);
    }
    return status == OK ? look_again(place, err) : err_prefix(err, "%s", place->name);
}

enum status model_pull(struct model_place *place, const struct pull_options *options,
                       struct model_pulled *report, struct err *err)
{
    struct pull *pull = NULL;
    enum status status = pull_open(&pull, place, options, err);
    if (status == OK) {
        say_plan(place, pull_info(pull));
        status = run(place, pull, report, err);
    }
    pull_close(pull);
    return status;
}

/* ---- asking ------------------------------------------------------------------------------ */

static bool is_person_there(const struct model_request *request)
{
    return !request->yes && !request->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* The recommended models that are smaller than `bytes`, the most accurate first. */
static int find_smaller(const struct registry_tag *smaller[REGISTRY_RECOMMENDED], int64_t bytes,
                        const struct registry_tag *self)
{
    int count = 0;
    for (int i = REGISTRY_RECOMMENDED - 1; i >= 0; i--) {
        const struct registry_tag *tag = registry_recommend((enum registry_recommended)i);
        if (tag && tag != self && (int64_t)registry_bytes(tag) < bytes)
            smaller[count++] = tag;
    }
    return count;
}

static void print_smaller(const struct registry_tag *const *smaller, int count)
{
    char size[16];
    for (int i = 0; i < count; i++)
        fprintf(stderr, "  %d  %s/%s, about %s; %.1f %% on ImageNet\n", i + 1,
                smaller[i]->arch->name, smaller[i]->tag,
                format_size(size, (int64_t)registry_bytes(smaller[i])), smaller[i]->imagenet * 100);
}

/* 0: yes; -1: no; else the number of a smaller one. */
static int ask(int choices)
{
    char line[ANSWER_MAX];
    for (;;) {
        if (choices > 0)
            fprintf(stderr, "Download it? [Y/n, or the number of a smaller one] ");
        else
            fprintf(stderr, "Download it? [Y/n] ");
        fflush(stderr);
        if (!fgets(line, sizeof line, stdin))
            return -1;
        line[strcspn(line, "\r\n")] = '\0';
        if (!*line || strcmp(line, "y") == 0 || strcmp(line, "Y") == 0 || strcmp(line, "yes") == 0)
            return 0;
        if (*line == 'n' || *line == 'N')
            return -1;
        if (line[0] >= '1' && line[0] - '0' <= choices && !line[1])
            return line[0] - '0';
    }
}

static enum status take_smaller(struct model_place *place, const struct registry_tag *tag,
                                const struct pull_options *options, struct err *err)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", tag->arch->name, tag->tag);
    model_place_free(place);
    enum status status = model_resolve(place, name, NULL, err);
    if (status == OK)
        fprintf(stderr, "fovea: to use it from now on: --model %s, or FOVEA_MODEL=%s\n", name,
                name);
    return status == OK && !place->here ? model_pull(place, options, NULL, err) : status;
}

enum status model_pull_when_asked(struct model_place *place, const struct model_request *request,
                                  struct err *err)
{
    struct pull *pull = NULL;
    const struct pull_options options = model_pull_options(request->offline);
    enum status status = pull_open(&pull, place, &options, err);
    if (status != OK)
        return status;
    const struct pull_info *info = pull_info(pull);
    const struct registry_tag *smaller[REGISTRY_RECOMMENDED];
    int answer = 0;
    say_plan(place, info);
    if (info->bytes - info->bytes_here >= PULL_ASK_BYTES && is_person_there(request)) {
        int count = find_smaller(smaller, info->bytes, place->tag);
        print_smaller(smaller, count);
        answer = ask(count);
    }
    if (answer == 0)
        status = run(place, pull, NULL, err);
    else if (answer > 0)
        status = take_smaller(place, smaller[answer - 1], &options, err);
    else
        status = err_set(err, ERR_CANCELLED,
                         "nothing was downloaded; `fovea models` lists smaller models, `fovea pull "
                         "MODEL` gets one");
    pull_close(pull);
    return status;
}
