/* SPDX-License-Identifier: MIT
 *
 * See weights.h. A checkpoint is read once, tensor by tensor; after each, its pages may leave
 * memory, so that loading holds the packed weights and one tensor, not the file twice.
 */
#include "clip/weights.h"

#include "clip/positions.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRID_CELLS_MAX = 1 << 16 }; /* of a checkpoint's position embeddings */

static bool is_text(const char *name)
{
    return strncmp(name, "visual.", 7) != 0 && strcmp(name, "logit_scale") != 0;
}

const struct tensor_view *weights_find(const struct weights *w, const char *name)
{
    char full[TENSOR_NAME_MAX + 16];
    snprintf(full, sizeof full, "%s%s%s", w->prefix, is_text(name) ? w->text_prefix : "", name);
    return checkpoint_find(w->file, full);
}

enum dtype weights_dtype(const struct tensor_view *t)
{
    return t->dtype == TENSOR_F32 ? DTYPE_F32 : t->dtype == TENSOR_F16 ? DTYPE_F16 : DTYPE_BF16;
}

/* logit_scale may be [] or [1]. */
static bool shape_matches(const struct tensor_spec *want, const struct tensor_view *have)
{
    if (want->dims == 0 && have->dims == 1 && have->shape[0] == 1)
        return true;
    if (want->dims != have->dims)
        return false;
    for (int i = 0; i < want->dims; i++)
        if (want->shape[i] != have->shape[i])
            return false;
    return true;
}

/* The side of the grid that position embeddings [1 + G*G, W] are of; 0 if they are of none. */
static int grid_of(const struct tensor_view *t)
{
    int64_t cells = t->dims == 2 ? t->shape[0] - 1 : 0;
    if (cells < 1 || cells > GRID_CELLS_MAX)
        return 0;
    int grid = (int)lround(sqrt((double)cells));
    return (int64_t)grid * grid == cells ? grid : 0;
}

static bool is_grid(const struct tensor_spec *want, const struct tensor_view *have)
{
    return strcmp(want->name, "visual.positional_embedding") == 0 && grid_of(have) > 0 &&
           have->shape[1] == want->shape[1];
}

static enum status wrong_shape(const struct tensor_spec *want, const struct tensor_view *have,
                               struct err *err)
{
    char is[160], should[160];
    int64_t shape[4];
    for (int i = 0; i < want->dims; i++)
        shape[i] = want->shape[i];
    tensor_shape_format(have->shape, have->dims, is, sizeof is);
    tensor_shape_format(shape, want->dims, should, sizeof should);
    return err_set(
        err, ERR_FORMAT,
        "tensor %s has the shape %s where the config asks for %s: these are not the weights of "
        "this config",
        have->name, is, should);
}

struct tensor_check {
    const struct weights *weights;
    const struct weights_options *options;
    struct err *err;
};

static enum status check_tensor(void *context, const struct tensor_spec *want)
{
    const struct tensor_check *check = context;
    bool scale = strcmp(want->name, "logit_scale") == 0;
    if (!scale && !(want->text_tower ? check->options->text : check->options->image))
        return OK;
    const struct tensor_view *have = weights_find(check->weights, want->name);
    if (!have && scale)
        return OK;
    if (!have)
        return err_set(check->err, ERR_FORMAT,
                       "tensor %s is missing: these are not the weights of this config",
                       want->name);
    if (!shape_matches(want, have) && !is_grid(want, have))
        return wrong_shape(want, have, check->err);
    if (have->dtype == TENSOR_OTHER)
        return err_set(check->err, ERR_UNSUPPORTED,
                       "tensor %s has the type %s; F32, F16 and BF16 are taken", have->name,
                       have->dtype_name);
    return OK;
}

enum status weights_open(struct weights *out, const struct checkpoint *file,
                         const struct tensor_ops *ops, const struct model_config *config,
                         const struct weights_options *options, struct err *err)
{
    *out = (struct weights){.file = file,
                            .ops = ops,
                            .prefix = "",
                            .text_prefix = "",
                            .precision = options->precision,
                            .threads = options->threads};
    size_t count;
    const struct tensor_view *all = checkpoint_all(file, &count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(all[i].name, "module.", 7) == 0)
            out->prefix = "module.";
    if (!weights_find(out, "positional_embedding"))
        out->text_prefix = "text.";
    struct tensor_check check = {out, options, err};
    return config_each_tensor(config, check_tensor, &check);
}

enum status weights_host(const struct weights *w, float **out, const char *name, struct err *err)
{
    const struct tensor_view *t = weights_find(w, name);
    assert(t);
    size_t count = t->count;
    *out = malloc((count + 1) * sizeof(float));
    if (!*out)
        return err_no_memory(err, name, (unsigned long long)count * sizeof(float));
    const void *data;
    void *gathered;
    enum status status = tensor_view_bytes(t, &data, &gathered, err);
    if (status == OK)
        w->ops->convert(*out, data, weights_dtype(t), count);
    free(gathered);
    tensor_view_release(t);
    return status;
}

/* ---- sections of floats ------------------------------------------------------------------ */

static enum status write_floats(struct weights *w, const float *host, size_t count, struct err *err)
{
    void *section;
    enum status status = packed_writer_begin(w->writer, count * sizeof *host, &section, err);
    if (status != OK)
        return status;
    memcpy(section, host, count * sizeof *host);
    return packed_writer_end(w->writer, err);
}

static enum status read_floats(struct weights *w, float **out, size_t count, struct err *err)
{
    const void *section;
    enum status status = packed_section(w->packed, w->next++, count * sizeof(float), &section, err);
    if (status == OK)
        status = w->ops->floats_open(out, count, err);
    if (status == OK)
        w->ops->floats_write(*out, section, count);
    return status;
}

enum status weights_floats(struct weights *w, float **out, const char *name, struct err *err)
{
    size_t count = weights_find(w, name)->count;
    float *host = NULL;
    *out = NULL;
    if (!w->writer)
        return read_floats(w, out, count, err);
    enum status status = weights_host(w, &host, name, err);
    if (status == OK)
        status = write_floats(w, host, count, err);
    free(host);
    return status;
}

enum status weights_positions(struct weights *w, float **out, const char *name, int grid,
                              struct err *err)
{
    const struct tensor_view *t = weights_find(w, name);
    int from = grid_of(t);
    if (from == grid)
        return weights_floats(w, out, name, err);
    size_t count = (1 + (size_t)grid * (size_t)grid) * (size_t)t->shape[1];
    *out = NULL;
    if (!w->writer)
        return read_floats(w, out, count, err);
    float *stored = NULL, *resized = malloc(count * sizeof *resized);
    enum status status = resized ? weights_host(w, &stored, name, err)
                                 : err_no_memory(err, name, count * sizeof *resized);
    if (status == OK)
        status = positions_resize(resized, grid, stored, from, (int)t->shape[1], err);
    if (status == OK)
        status = write_floats(w, resized, count, err);
    free(stored);
    free(resized);
    return status;
}

enum status weights_table(const struct weights *w, struct token_table *out, void **owned,
                          const char *name, struct err *err)
{
    const struct tensor_view *t = weights_find(w, name);
    *out = (struct token_table){
        .dtype = weights_dtype(t), .rows = (int)t->shape[0], .width = (int)t->shape[1]};
    return tensor_view_bytes(t, &out->data, owned, err);
}

/* The names of a LayerNorm's two parameters. */
struct norm_names {
    char gain[TENSOR_NAME_MAX], bias[TENSOR_NAME_MAX];
};

static struct norm_names names_of(const char *norm)
{
    struct norm_names names;
    snprintf(names.gain, sizeof names.gain, "%s.weight", norm);
    snprintf(names.bias, sizeof names.bias, "%s.bias", norm);
    return names;
}

/* Not into 8 bits: a gain often calms a channel that is large in every token, and without it that
 * channel would set the scale of its whole group. */
static bool folds(const struct weights *w)
{
    return w->precision != PRECISION_INT8;
}

enum status weights_norm(struct weights *w, struct norm *out, const struct weights_norm *spec,
                         struct err *err)
{
    float *gain = NULL, *bias = NULL;
    enum status status = OK;
    if (!spec->folded || !folds(w)) {
        const struct norm_names names = names_of(spec->name);
        status = weights_floats(w, &gain, names.gain, err);
        if (status == OK)
            status = weights_floats(w, &bias, names.bias, err);
    }
    *out = (struct norm){.gain = gain, .bias = bias, .width = spec->width, .eps = spec->eps};
    return status;
}

void norm_close(const struct tensor_ops *ops, struct norm *norm)
{
    ops->floats_close((float *)(uintptr_t)norm->gain);
    ops->floats_close((float *)(uintptr_t)norm->bias);
    *norm = (struct norm){0};
}

/* ---- sections of layers ------------------------------------------------------------------ */

enum precision weights_precision(const struct weights *w, bool sensitive)
{
    return sensitive && w->precision == PRECISION_INT8 ? PRECISION_BF16 : w->precision;
}

/* Plain memory that a source points into, and what has to be freed of it. */
struct parts {
    float *bias, *gain, *norm_gain, *norm_bias;
    void *gathered; /* weights that do not lie in the file as they are needed */
};

static void parts_free(struct parts *p)
{
    free(p->bias);
    free(p->gain);
    free(p->norm_gain);
    free(p->norm_bias);
    free(p->gathered);
}

/* What the outputs of the whole matrix are multiplied by: LayerScale's gamma, or spec->scale. */
static enum status read_gain(const struct weights *w, struct parts *p,
                             const struct weights_linear *spec, size_t rows, struct err *err)
{
    if (spec->gain)
        return weights_host(w, &p->gain, spec->gain, err);
    if (!spec->scaled)
        return OK;
    p->gain = malloc(rows * sizeof *p->gain);
    if (!p->gain)
        return err_no_memory(err, spec->weight, rows * sizeof *p->gain);
    for (size_t i = 0; i < rows; i++)
        p->gain[i] = i < (size_t)spec->scaled ? spec->scale : 1;
    return OK;
}

static enum status read_parts(const struct weights *w, struct parts *p,
                              const struct weights_linear *spec, size_t rows, struct err *err)
{
    enum status status = OK;
    if (spec->bias)
        status = weights_host(w, &p->bias, spec->bias, err);
    if (status == OK)
        status = read_gain(w, p, spec, rows, err);
    if (status != OK || !spec->norm || !folds(w))
        return status;
    const struct norm_names names = names_of(spec->norm);
    status = weights_host(w, &p->norm_gain, names.gain, err);
    return status == OK ? weights_host(w, &p->norm_bias, names.bias, err) : status;
}

static enum status write_linear(struct weights *w, const struct tensor_view *t,
                                const struct weights_linear *spec, const struct linear_shape *shape,
                                size_t bytes, struct err *err)
{
    struct parts p = {0};
    const void *data = NULL;
    void *section = NULL;
    enum status status = read_parts(w, &p, spec, (size_t)t->shape[0], err);
    if (status == OK)
        status = tensor_view_bytes(t, &data, &p.gathered, err);
    if (status == OK)
        status = packed_writer_begin(w->writer, bytes, &section, err);
    if (status == OK) {
        size_t first = (size_t)spec->first, element = weights_dtype(t) == DTYPE_F32 ? 4 : 2;
        const struct linear_source source = {
            .weights = (const uint8_t *)data + first * (size_t)shape->in * element,
            .dtype = weights_dtype(t),
            .out = shape->out,
            .in = shape->in,
            .transposed = spec->transposed,
            .bias = p.bias ? p.bias + first : NULL,
            .row_gain = p.gain ? p.gain + first : NULL,
            .column_gain = p.norm_gain,
            .column_shift = p.norm_bias,
        };
        status = w->ops->linear_pack(section, &source, shape->precision, w->threads, err);
    }
    if (status == OK)
        status = packed_writer_end(w->writer, err);
    if (status == OK)
        tensor_view_release(t);
    parts_free(&p);
    return status;
}

enum status weights_linear(struct weights *w, struct linear **out,
                           const struct weights_linear *spec, struct err *err)
{
    const struct tensor_view *t = weights_find(w, spec->weight);
    *out = NULL;
    assert(t && t->dims >= 2 && !(spec->transposed && (spec->count || spec->scaled)));
    int64_t in = 1, rows = t->shape[spec->transposed ? 1 : 0];
    for (int i = 1; i < t->dims; i++)
        in *= t->shape[i];
    if (spec->transposed)
        in = t->shape[0];
    const struct linear_shape shape = {.out = spec->count ? spec->count : (int)rows,
                                       .in = (int)in,
                                       .precision = weights_precision(w, spec->sensitive)};
    size_t bytes;
    enum status status = w->ops->linear_bytes(&bytes, &shape, err);
    if (status != OK)
        return status;
    if (w->writer)
        return write_linear(w, t, spec, &shape, bytes, err);
    const void *section;
    status = packed_section(w->packed, w->next++, bytes, &section, err);
    return status == OK ? w->ops->linear_open(out, section, &shape, err) : status;
}
