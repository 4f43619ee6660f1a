/* SPDX-License-Identifier: MIT
 *
 * See bench_output.h.
 */
#include "cli/bench_output.h"

#include "cli/output.h"
#include "tensor/tensor.h"

static const char *plural(long long n)
{
    return n == 1 ? "" : "s";
}

static void print_tower(const struct bench_tower *t)
{
    output_format("  image tower, batch %d: %.1f photos/s, %.0f GFLOP/s\n", t->batch,
                  t->batch / t->tower_seconds, t->tower_flops / t->tower_seconds / 1e9);
    if (t->products_seconds > 0)
        output_format(
            "  bare matrix products of its shapes: %.0f GFLOP/s\n"
            "  ratio of rates %.2f, of times %.2f, medians of %d rounds (limit 1; more is "
            "better)\n",
            t->products_flops / t->products_seconds / 1e9, t->rate_ratio, t->time_ratio, t->rounds);
    else
        output_text("  bare matrix products: the library has none of this precision here\n");
}

static void print_text(const struct bench_text *t)
{
    output_format(
        "  text tower: %d tokens %.1f ms (%.0f texts/s), %d tokens %.1f ms (%.0f texts/s, "
        "%.0f GFLOP/s); ratio %.2f\n",
        t->phrase_tokens, t->phrase_seconds * 1e3, 1 / t->phrase_seconds, t->full_tokens,
        t->full_seconds * 1e3, 1 / t->full_seconds, t->full_flops / t->full_seconds / 1e9,
        t->ratio);
}

static void print_children(const struct bench_children *c)
{
    output_format("  search from a cold process, files in the page cache: %.3f s (median of %d), "
                  "peak memory %.0f MB\n"
                  "  index: peak memory %.0f MB\n",
                  c->search_seconds, c->searches, c->search_peak_bytes / 1e6,
                  c->index_peak_bytes / 1e6);
}

static void print_way(const char *name, const struct bench_way *w, const struct bench_index *b)
{
    double photos = (double)b->photos;
    output_format("    decode %s: %.1f photos/s; index %.1f photos/s; ratio %.2f\n", name,
                  photos / w->decode_seconds, photos / w->index_seconds, w->ratio);
}

static void print_index(const struct bench_index *b)
{
    output_format("  indexing %zu photograph%s, %d worker%s, batch %d; the network alone: %.1f "
                  "photos/s\n",
                  b->photos, plural((long long)b->photos), b->threads, plural(b->threads), b->batch,
                  (double)b->photos / b->network_seconds);
    print_way("exact", &b->exact, b);
    print_way("fast ", &b->fast, b);
    output_format(
        "    ratio: of decoding alone + the network alone to the index run (limit 1; more "
        "is better)\n"
        "    fast decoding takes 1/%.2f of the time; medians of %d round%s\n",
        b->decode_ratio, b->rounds, plural(b->rounds));
}

void bench_print(const struct bench_results *r)
{
    output_name(r->model);
    output_format(", %s, %d thread%s\n", tensor_cpu_description(), r->threads, plural(r->threads));
    for (int i = 0; i < r->count; i++) {
        const struct bench_run *run = &r->runs[i];
        output_format("%s\n", precision_names[run->precision]);
        print_tower(&run->tower);
        print_text(&run->text);
        if (run->has_children)
            print_children(&run->children);
        if (run->has_index)
            print_index(&run->index);
    }
}

/* ---- JSON ---- */

/* What is unknown is null, not 0. */
static json_t *known(double value)
{
    return value > 0 ? json_real(value) : json_null();
}

static json_t *json_tower(const struct bench_tower *t)
{
    double rate = t->products_seconds > 0 ? t->products_flops / t->products_seconds : 0;
    return json_pack("{s:i, s:i, s:f, s:f, s:f, s:o, s:o, s:o, s:o}", "batch", t->batch, "rounds",
                     t->rounds, "seconds", t->tower_seconds, "photos_per_second",
                     t->batch / t->tower_seconds, "gflops", t->tower_flops / t->tower_seconds / 1e9,
                     "products_seconds", known(t->products_seconds), "products_gflops",
                     known(rate / 1e9), "rate_ratio", known(t->rate_ratio), "time_ratio",
                     known(t->time_ratio));
}

static json_t *json_text(const struct bench_text *t)
{
    return json_pack("{s:i, s:i, s:f, s:f, s:i, s:f, s:f, s:f, s:f}", "rounds", t->rounds,
                     "phrase_tokens", t->phrase_tokens, "phrase_seconds", t->phrase_seconds,
                     "phrases_per_second", 1 / t->phrase_seconds, "full_tokens", t->full_tokens,
                     "full_seconds", t->full_seconds, "full_per_second", 1 / t->full_seconds,
                     "full_gflops", t->full_flops / t->full_seconds / 1e9, "ratio", t->ratio);
}

static json_t *json_children(const struct bench_children *c)
{
    return json_pack("{s:i, s:f, s:I, s:I}", "searches", c->searches, "search_seconds",
                     c->search_seconds, "search_peak_bytes", (json_int_t)c->search_peak_bytes,
                     "index_peak_bytes", (json_int_t)c->index_peak_bytes);
}

static json_t *json_way(const struct bench_way *w, size_t photos)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "decode_seconds", w->decode_seconds,
                     "decodes_per_second", (double)photos / w->decode_seconds, "seconds",
                     w->index_seconds, "photos_per_second", (double)photos / w->index_seconds,
                     "ratio", w->ratio);
}

static json_t *json_index(const struct bench_index *b)
{
    return json_pack("{s:I, s:i, s:i, s:i, s:f, s:o, s:o, s:f}", "photos", (json_int_t)b->photos,
                     "workers", b->threads, "batch", b->batch, "rounds", b->rounds,
                     "network_seconds", b->network_seconds, "exact", json_way(&b->exact, b->photos),
                     "fast", json_way(&b->fast, b->photos), "decode_ratio", b->decode_ratio);
}

enum status bench_print_json(const struct bench_results *r, struct err *err)
{
    json_t *runs = json_array();
    for (int i = 0; i < r->count; i++) {
        const struct bench_run *run = &r->runs[i];
        json_t *json =
            json_pack("{s:s, s:o, s:o}", "precision", precision_names[run->precision],
                      "image_tower", json_tower(&run->tower), "text_tower", json_text(&run->text));
        json_object_set_new(json, "process",
                            run->has_children ? json_children(&run->children) : json_null());
        json_object_set_new(json, "index", run->has_index ? json_index(&run->index) : json_null());
        json_array_append_new(runs, json);
    }
    return output_json(json_pack("{s:o, s:s, s:i, s:o}", "model", output_json_string(r->model),
                                 "backend", tensor_cpu_description(), "threads", r->threads, "runs",
                                 runs),
                       err);
}

/* ---- accuracy ---- */

void accuracy_print(const char *model, const struct accuracy_report *r,
                    const enum precision *precisions, size_t count)
{
    output_name(model);
    output_format(": against f32 and exact decoding, %zu photograph%s and %zu prompts", r->photos,
                  plural((long long)r->photos), r->prompts);
    if (r->failed)
        output_format(" (%zu could not be decoded)", r->failed);
    output_text("\nprecision  decode  cosine least  mean     same category  text least  mean\n");
    for (size_t i = 0; i < r->row_count; i++) {
        const struct accuracy_row *row = &r->rows[i];
        output_format("%-9s  %-6s  %12.5f  %.5f  %12.1f%%  %10.5f  %.5f\n",
                      precision_names[precisions[row->precision]], row->fast ? "fast" : "exact",
                      row->least, row->mean, row->agreement * 100, row->text_least, row->text_mean);
    }
    for (size_t i = 0; i < count; i++)
        if (r->unsupported[i])
            output_format("%-9s  not on this machine\n", precision_names[precisions[i]]);
}

enum status accuracy_print_json(const char *model, const struct accuracy_report *r,
                                const enum precision *precisions, size_t count, struct err *err)
{
    json_t *rows = json_array(), *unsupported = json_array();
    for (size_t i = 0; i < r->row_count; i++) {
        const struct accuracy_row *row = &r->rows[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f}", "precision",
                                              precision_names[precisions[row->precision]], "decode",
                                              row->fast ? "fast" : "exact", "cosine_least",
                                              row->least, "cosine_mean", row->mean, "agreement",
                                              row->agreement, "text_cosine_least", row->text_least,
                                              "text_cosine_mean", row->text_mean));
    }
    for (size_t i = 0; i < count; i++)
        if (r->unsupported[i])
            json_array_append_new(unsupported, json_string(precision_names[precisions[i]]));
    return output_json(json_pack("{s:o, s:I, s:I, s:I, s:o, s:o}", "model",
                                 output_json_string(model), "photos", (json_int_t)r->photos,
                                 "failed", (json_int_t)r->failed, "prompts", (json_int_t)r->prompts,
                                 "rows", rows, "unsupported", unsupported),
                       err);
}

void bench_scan_print(const struct bench_scan *b)
{
    const double speed = b->read_bytes / b->read_seconds;
    output_format("%zu x %d, %s, %d thread%s\n", b->rows, b->dim, b->cpu, b->threads,
                  plural(b->threads));
    output_format(
        "  memory: vectors in float16 %.0f MB, in bytes %.0f MB (made in %.2f s), a scan's "
        "scratch %.1f MB\n",
        b->vectors_bytes / 1e6, b->matrix_bytes / 1e6, b->make_seconds, b->scratch_bytes / 1e6);
    output_format("  plain reading of the bytes: %.1f GB/s\n", speed / 1e9);
    output_format(
        "  scan by bytes, best %d: %.2f ms, %.1f GB/s of what it reads; ratio %.2f (limit "
        "1; more is better)\n",
        BENCH_SCAN_TOP, b->bytes_seconds * 1e3, b->bytes_bytes / b->bytes_seconds / 1e9,
        b->bytes_ratio);
    output_format("    %.0f rows of %zu read in float16, for an error of %.4f in a row's bytes\n",
                  b->rescored, b->rows, b->error);
    output_format("  scan by vectors: %.2f ms, %.1f GB/s; ratio %.2f\n", b->vectors_seconds * 1e3,
                  b->vectors_bytes / b->vectors_seconds / 1e9, b->vectors_ratio);
    output_format("  scan by bytes, best %d: %.2f ms; %.0f rows read in float16\n", BENCH_SCAN_MANY,
                  b->many_seconds * 1e3, b->many_rescored);
    output_format("  of %zu quer%s, best %d the same rows with the same scores as of the float32 "
                  "scan: %zu; the same rows as of the vectors before they were rounded to float16: "
                  "%zu\n",
                  b->queries, b->queries == 1 ? "y" : "ies", BENCH_SCAN_TOP, b->same, b->same_f32);
    output_format("  ratios are medians of %d rounds, times the fastest\n", b->rounds);
}

enum status bench_scan_print_json(const struct bench_scan *b, struct err *err)
{
    return output_json(
        json_pack(
            "{s:I,s:i,s:i,s:s,s:i, s:f,s:f,s:f,s:f, s:f,s:f,s:f,s:f,s:f, s:f,s:f,s:f,s:f,s:f, "
            "s:I,s:I,s:I}",
            "rows", (json_int_t)b->rows, "dim", b->dim, "threads", b->threads, "cpu", b->cpu,
            "rounds", b->rounds, "vectors_bytes", b->vectors_bytes, "matrix_bytes", b->matrix_bytes,
            "scratch_bytes", b->scratch_bytes, "make_seconds", b->make_seconds,
            "read_bytes_per_second", b->read_bytes / b->read_seconds, "scan_seconds",
            b->bytes_seconds, "scan_bytes_per_second", b->bytes_bytes / b->bytes_seconds,
            "scan_ratio", b->bytes_ratio, "rescored", b->rescored, "vectors_seconds",
            b->vectors_seconds, "vectors_ratio", b->vectors_ratio, "many_seconds", b->many_seconds,
            "many_rescored", b->many_rescored, "error", b->error, "queries", (json_int_t)b->queries,
            "same", (json_int_t)b->same, "same_before_rounding", (json_int_t)b->same_f32),
        err);
}
