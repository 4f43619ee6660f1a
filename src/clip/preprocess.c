/* SPDX-License-Identifier: MIT
 *
 * The geometry of preprocessing: how large the picture becomes, which part of that is kept, where
 * it lies in the output square. The resizing itself is resample.h's; only the kept part is
 * computed, so a 60,000 x 1 panorama costs no more than its crop.
 *
 * Sources: torchvision's Resize (_compute_resized_output_size) and center_crop; open_clip's
 * ResizeKeepRatio and CenterCropOrPad.
 */
#include "clip/preprocess.h"
#include "clip/resample.h"

#include "base/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct preprocess preprocess_default(int size)
{
    return (struct preprocess){
        .size = size,
        .resize_mode = RESIZE_SHORTEST,
        .interpolation = INTERPOLATION_BICUBIC,
        .fill = 0,
        .mean = {0.48145466f, 0.4578275f, 0.40821073f},
        .std = {0.26862954f, 0.26130258f, 0.27577711f},
    };
}

enum status resize_mode_parse(enum resize_mode *out, const char *name, struct err *err)
{
    static const char *const names[] = {
        [RESIZE_SHORTEST] = "shortest", [RESIZE_SQUASH] = "squash", [RESIZE_LONGEST] = "longest"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum resize_mode)i;
            return OK;
        }
    return err_set(err, ERR_ARGUMENT, "'%s' is not a resize mode; use shortest, squash or longest",
                   name);
}

enum status interpolation_parse(enum interpolation *out, const char *name, struct err *err)
{
    static const char *const names[] = {
        [INTERPOLATION_BICUBIC] = "bicubic", [INTERPOLATION_BILINEAR] = "bilinear"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum interpolation)i;
            return OK;
        }
    return err_set(err, ERR_ARGUMENT, "'%s' is not an interpolation; use bicubic or bilinear",
                   name);
}

/* One axis: the picture becomes `size` samples long; `count` of them from `first` are kept and
 * lie at `at` in the output. */
struct fit {
    int64_t size, first;
    int count, at;
};

/* Python's round(): halves go to the even neighbour. */
static int64_t round_half_even(double v)
{
    return (int64_t)nearbyint(v);
}

/* Keeps the middle S of `size` samples, or centres all of them in S. */
static struct fit fit_center(int64_t size, int S)
{
    if (size < S)
        return (struct fit){.size = size, .count = (int)size, .at = (S - (int)size) / 2};
    return (struct fit){
        .size = size, .first = round_half_even((double)(size - S) / 2.0), .count = S};
}

static void fit_both(struct fit *x, struct fit *y, const struct preprocess *p, int width,
                     int height)
{
    int S = p->size;
    int shorter = width < height ? width : height, longer = width < height ? height : width;
    if (p->resize_mode == RESIZE_SHORTEST) {
        int64_t size = (int64_t)((double)((int64_t)S * longer) / (double)shorter);
        *x = fit_center(width <= height ? S : size, S);
        *y = fit_center(width <= height ? size : S, S);
    } else if (p->resize_mode == RESIZE_LONGEST) {
        double ratio = (double)longer / (double)S;
        int64_t across = round_half_even(width / ratio), down = round_half_even(height / ratio);
        /* A side that rounds to nothing stops Pillow; one pixel is what is meant. */
        *x = fit_center(across < 1 ? 1 : across, S);
        *y = fit_center(down < 1 ? 1 : down, S);
    } else {
        *x = (struct fit){.size = S, .count = S};
        *y = *x;
    }
}

static void fill_border(uint8_t *out, int S, const struct fit *x, const struct fit *y,
                        const uint8_t color[3])
{
    if (x->count == S && y->count == S)
        return;
    for (size_t i = 0; i < (size_t)S * (size_t)S; i++)
        memcpy(out + i * 3, color, 3);
}

static enum status run_nearest(uint8_t *out, size_t out_stride, const struct preprocess_source *s,
                               const struct resample_window *x, const struct resample_window *y,
                               struct err *err)
{
    size_t size = ((size_t)x->count + (size_t)y->count) * sizeof(int);
    int *columns = malloc(size);
    if (!columns)
        return err_no_memory(err, "resizing a picture", size);
    int *rows = columns + x->count;
    resample_nearest(columns, x);
    resample_nearest(rows, y);
    for (int j = 0; j < y->count; j++) {
        const uint8_t *from = s->rgb + (size_t)rows[j] * s->stride;
        uint8_t *to = out + (size_t)j * out_stride;
        for (int i = 0; i < x->count; i++)
            memcpy(to + (size_t)i * 3, from + (size_t)columns[i] * 3, 3);
    }
    free(columns);
    return OK;
}

static enum status run_filtered(uint8_t *out, size_t out_stride, const struct preprocess *p,
                                const struct preprocess_source *s, const struct resample_window *w,
                                struct err *err)
{
    struct resample_axis x = {0}, y = {0};
    enum resample_filter filter =
        p->interpolation == INTERPOLATION_BICUBIC ? RESAMPLE_BICUBIC : RESAMPLE_BILINEAR;
    struct resample_source source = {s->rgb, s->stride, s->alpha, s->width, s->height};
    unsigned flags;
    enum status status = cpu_flags(&flags, err);
    if (status == OK)
        status = resample_axis_open(&x, &w[0], filter, RESAMPLE_BLOCK_ACROSS, err);
    if (status == OK)
        status = resample_axis_open(&y, &w[1], filter, RESAMPLE_BLOCK_DOWN, err);
    if (status == OK)
        status = resample_run(out, out_stride, &source, &x, &y, flags, err);
    resample_axis_close(&y);
    resample_axis_close(&x);
    return status;
}

void preprocess_enough(const struct preprocess *p, double margin, int *shorter, int *longer)
{
    int enough = (int)ceil(p->size * margin);
    *shorter = p->resize_mode == RESIZE_LONGEST ? 0 : enough;
    *longer = p->resize_mode == RESIZE_LONGEST ? enough : 0;
}

static bool is_off_by_a_pixel(const struct preprocess_span *span, int size)
{
    return !(fabs(span->begin) < 1 && fabs(span->end - size) < 1);
}

static enum status check_source(const struct preprocess_source *s, struct err *err)
{
    if (s->width < 1 || s->height < 1)
        return err_set(err, ERR_ARGUMENT, "a picture of %d x %d pixels cannot be resized", s->width,
                       s->height);
    if (s->full_width == 0 && s->full_height == 0)
        return OK;
    if (s->full_width < s->width || s->full_height < s->height ||
        is_off_by_a_pixel(&s->across, s->width) || is_off_by_a_pixel(&s->down, s->height))
        return err_set(err, ERR_ARGUMENT, "%d x %d pixels cannot stand for a picture of %d x %d",
                       s->width, s->height, s->full_width, s->full_height);
    return OK;
}

enum status preprocess_picture(const struct preprocess *p, const struct preprocess_source *s,
                               uint8_t *out, struct err *err)
{
    int S = p->size;
    if (S < 1 || S > PREPROCESS_MAX_SIZE)
        return err_set(err, ERR_ARGUMENT, "image size %d is outside 1 to %d", S,
                       PREPROCESS_MAX_SIZE);
    enum status status = check_source(s, err);
    if (status != OK)
        return status;
    bool whole = s->full_width == 0 && s->full_height == 0;
    struct fit x, y;
    fit_both(&x, &y, p, whole ? s->width : s->full_width, whole ? s->height : s->full_height);
    uint8_t border[3];
    for (int c = 0; c < 3; c++)
        border[c] = p->fill == 0 ? s->zero[c] : p->fill;
    fill_border(out, S, &x, &y, border);
    struct resample_window w[2] = {
        {s->width, x.size, x.first, x.count, s->across.begin, s->across.end},
        {s->height, y.size, y.first, y.count, s->down.begin, s->down.end}};
    size_t stride = (size_t)S * 3;
    uint8_t *corner = out + (size_t)y.at * stride + (size_t)x.at * 3;
    return s->indexed ? run_nearest(corner, stride, s, &w[0], &w[1], err)
                      : run_filtered(corner, stride, p, s, w, err);
}

enum status preprocess_run(const struct preprocess *p, const uint8_t *rgb, int width, int height,
                           size_t stride, uint8_t *out, struct err *err)
{
    struct preprocess_source source = {
        .rgb = rgb, .stride = stride, .width = width, .height = height};
    return preprocess_picture(p, &source, out, err);
}
