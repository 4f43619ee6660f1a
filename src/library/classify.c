/* SPDX-License-Identifier: MIT
 *
 * Scores in double from float32 cosines: a library is small beside the network that made its
 * vectors, so nothing is gained by less.
 */
#include "library/classify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status classification_open(struct classification *out, size_t count,
                                       size_t category_count, struct err *err)
{
    size_t cells = count * category_count;
    *out = (struct classification){.count = count, .category_count = category_count};
    out->cosines = calloc(cells + 1, sizeof *out->cosines);
    out->probabilities = calloc(cells + 1, sizeof *out->probabilities);
    out->verdicts = calloc(count + 1, sizeof *out->verdicts);
    if (out->cosines && out->probabilities && out->verdicts)
        return OK;
    return err_no_memory(err, "the classification", 2 * cells * sizeof(float));
}

void classification_free(struct classification *c)
{
    if (!c)
        return;
    free(c->cosines);
    free(c->probabilities);
    free(c->verdicts);
    free(c->also_start);
    free(c->also);
    *c = (struct classification){0};
}

/* p = softmax(scale * cosines); both [n]. */
static void softmax(float *p, const float *cosines, size_t n, double scale)
{
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, scale * cosines[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp(scale * cosines[i] - most);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(exp(scale * cosines[i] - most) / sum);
}

static struct verdict judge(const float *p, const float *cosines, size_t n,
                            const struct classify_options *options)
{
    size_t best = 0;
    double second = 0;
    for (size_t i = 1; i < n; i++)
        if (p[i] > p[best])
            best = i;
    for (size_t i = 0; i < n; i++)
        if (i != best && p[i] > second)
            second = p[i];
    struct verdict v = {.category = (int)best, .confidence = p[best], .margin = p[best] - second};
    v.uncertain = v.margin < options->uncertain_margin;
    if (cosines[best] < options->none_below) /* false for NAN */
        v.category = -1;
    return v;
}

/* Categories of row i beside the best one, by cosine; `out` may be NULL to count them. */
static size_t put_also(const struct classification *c, size_t i, double from, int *out)
{
    const float *cosines = c->cosines + i * c->category_count;
    int main = c->verdicts[i].category;
    size_t count = 0;
    for (size_t k = 0; main >= 0 && k < c->category_count; k++) {
        if ((int)k == main || !((double)cosines[k] >= from))
            continue;
        size_t at = count++;
        for (; out && at > 0 && cosines[out[at - 1]] < cosines[k]; at--)
            out[at] = out[at - 1];
        if (out)
            out[at] = (int)k;
    }
    return count;
}

static enum status add_several(struct classification *c, double from, struct err *err)
{
    c->also_start = calloc(c->count + 1, sizeof *c->also_start);
    if (!c->also_start)
        return err_no_memory(err, "the classification", c->count * sizeof *c->also_start);
    for (size_t i = 0; i < c->count; i++)
        c->also_start[i + 1] = c->also_start[i] + put_also(c, i, from, NULL);
    c->also = calloc(c->also_start[c->count] + 1, sizeof *c->also);
    if (!c->also)
        return err_no_memory(err, "the classification", c->also_start[c->count] * sizeof *c->also);
    for (size_t i = 0; i < c->count; i++)
        (void)put_also(c, i, from, c->also + c->also_start[i]);
    return OK;
}

enum status classify_run(struct classification *out, const struct kernels *kernels,
                         const struct store_matrix *matrix, const float *vectors,
                         size_t category_count, double logit_scale,
                         const struct classify_options *options, struct err *err)
{
    size_t dim = (size_t)matrix->dim;
    enum status status = classification_open(out, matrix->count, category_count, err);
    float *row = malloc(dim * sizeof *row);
    if (status == OK && !row)
        status = err_no_memory(err, "an embedding", dim * sizeof *row);
    if (status != OK) {
        free(row);
        classification_free(out);
        return status;
    }
    for (size_t i = 0; i < matrix->count; i++) {
        float *cosines = out->cosines + i * category_count;
        float *probabilities = out->probabilities + i * category_count;
        kernels->f16_to_f32(row, matrix->vectors + i * dim, dim);
        for (size_t c = 0; c < category_count; c++)
            cosines[c] = kernels->dot(row, vectors + c * dim, dim);
        softmax(probabilities, cosines, category_count, logit_scale);
        out->verdicts[i] = judge(probabilities, cosines, category_count, options);
    }
    free(row);
    status = options->several ? add_several(out, options->several_from, err) : OK;
    if (status != OK)
        classification_free(out);
    return status;
}

const char *classification_name(const struct classification *c, const struct categories *categories,
                                size_t row)
{
    int category = c->verdicts[row].category;
    return category < 0 ? NONE_OF_THESE : categories->items[category].name;
}

/* --- CSV ----------------------------------------------------------------------------------- */

void csv_number(struct str *out, double x)
{
    /* Python rounds correctly from the exact binary value, and so does printf; what Python then
     * prints is the shortest text of the result, which is the four decimals without the zeros at
     * the end. */
    char text[64];
    snprintf(text, sizeof text, "%.4f", x);
    char *end = text + strlen(text);
    while (end[-1] == '0' && end[-2] != '.')
        *--end = '\0';
    str_put(out, text);
}

/* Spreadsheets take what begins so for a formula, quoted or not, and run it. */
static bool is_formula(const char *text)
{
    return *text && strchr("=+-@\t\r", *text);
}

void csv_path(struct str *out, const char *path)
{
    struct str same = str_new(out->limit);
    str_format(&same, "%s%s", is_formula(path) ? "./" : "", path);
    csv_field(out, str_text(&same));
    out->failed |= same.failed;
    str_free(&same);
}

void csv_field(struct str *out, const char *text)
{
    struct str clean = str_new(out->limit);
    str_put_utf8(&clean, text);
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    str_put(out, quoted ? "\"" : "");
    str_put(out, is_formula(text) ? "'" : "");
    for (const char *c = str_text(&clean); *c; c++) {
        if (*c == '"')
            str_putc(out, '"');
        str_putc(out, *c);
    }
    str_put(out, quoted ? "\"" : "");
    out->failed |= clean.failed;
    str_free(&clean);
}

static void csv_head(struct str *out, const struct categories *categories)
{
    str_put(out, "path,category,confidence,margin,uncertain");
    for (size_t i = 0; i < categories->count; i++) {
        str_putc(out, ',');
        csv_field(out, categories->items[i].name);
    }
    str_put(out, "\r\n");
}

static const char *below(const char *path, const char *base)
{
    size_t n = base ? strlen(base) : 0;
    while (n > 0 && base[n - 1] == '/')
        n--;
    return n > 0 && strncmp(path, base, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

/* "Wild Horizons; Ocean Whispers": the best first. */
static void csv_names(struct str *out, const struct classification *c,
                      const struct categories *categories, size_t row)
{
    struct str names = str_new(out->limit);
    str_put(&names, classification_name(c, categories, row));
    const int *also;
    size_t also_count = classification_also(c, row, &also);
    for (size_t k = 0; k < also_count; k++)
        str_format(&names, "; %s", categories->items[also[k]].name);
    csv_field(out, str_text(&names));
    out->failed |= names.failed;
    str_free(&names);
}

enum status classification_csv(const struct classification *c, const struct store_matrix *matrix,
                               const struct categories *categories, const struct row_set *rows,
                               const char *base, struct str *out, struct err *err)
{
    csv_head(out, categories);
    for (size_t i = 0; i < c->count; i++) {
        if (rows && !row_set_has(rows, i))
            continue;
        const struct verdict *v = &c->verdicts[i];
        csv_path(out, below(matrix->paths[i], base));
        str_putc(out, ',');
        csv_names(out, c, categories, i);
        str_putc(out, ',');
        csv_number(out, v->confidence);
        str_putc(out, ',');
        csv_number(out, v->margin);
        str_put(out, v->uncertain ? ",True" : ",False");
        for (size_t k = 0; k < c->category_count; k++) {
            str_putc(out, ',');
            csv_number(out, c->probabilities[i * c->category_count + k]);
        }
        str_put(out, "\r\n");
    }
    return str_ok(out) ? OK : err_no_memory(err, "the CSV", out->limit);
}
