/* SPDX-License-Identifier: MIT
 *
 * fovea bench: how close this machine comes to its own limits, as ratios measured in one run.
 */
#include "cli/commands.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include "clip/model_bench.h"
#include "image/image.h"
#include "library/bench.h"
#include "tensor/tensor.h"

#include <stdlib.h>

struct bench_args {
    const char *model, *arch;
    int batch, threads, rounds, image_size, precision;
    double seconds;
    bool offline, yes, json;
    struct operands roots;
};

static const struct option options[] = {
    OPTION_MODEL(struct bench_args),
    OPTION_ARCH(struct bench_args),
    OPTION_IMAGE_SIZE(struct bench_args),
    OPTION_PRECISION(struct bench_args),
    OPTION_OFFLINE(struct bench_args),
    OPTION_YES(struct bench_args),
    {.name = "batch",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, batch),
     .fallback = "8",
     .min = 1,
     .max = 256,
     .help = "pictures per forward pass of the tower's measurement"},
    OPTION_THREADS(struct bench_args),
    {.name = "seconds",
     .kind = OPTION_DOUBLE,
     .argument = "S",
     .offset = offsetof(struct bench_args, seconds),
     .fallback = "3",
     .min = 0,
     .max = 3600,
     .help = "how long to measure the tower, at least"},
    {.name = "rounds",
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct bench_args, rounds),
     .fallback = "3",
     .min = 1,
     .max = 100,
     .help = "how often to index the photographs; times are the fastest, the ratio the median"},
    OPTION_JSON(struct bench_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea bench --model ViT-B-32/openai", "the image tower against bare matrix products"},
    {"fovea bench ~/Pictures/2024", "and indexing against decoding and the network alone"},
    {NULL, NULL},
};

static void print_tower(const struct bench_tower *t)
{
    output_format(
        "image tower, batch %d, %d thread%s: %.3f s a batch, %.0f GFLOP/s (%.1f photos/s)\n"
        "bare matrix products of its shapes: %.3f s, %.0f GFLOP/s\n"
        "ratio of rates %.2f, of times %.2f, medians of %d round(s) (limit 1; more is better)\n",
        t->batch, t->threads, t->threads == 1 ? "" : "s", t->tower_seconds,
        t->tower_flops / t->tower_seconds / 1e9, t->batch / t->tower_seconds, t->products_seconds,
        t->products_flops / t->products_seconds / 1e9, t->rate_ratio, t->time_ratio, t->rounds);
}

static void print_index(const struct bench_index *b)
{
    output_format("indexing %zu photographs, %d workers, batch %d: %.2f s (%.1f photos/s)\n"
                  "decoding alone %.2f s, the network alone %.2f s\n"
                  "ratio %.2f, the median of %d round(s) (limit 1; less is better)\n",
                  b->photos, b->threads, b->batch, b->index_seconds,
                  (double)b->photos / b->index_seconds, b->decode_seconds, b->network_seconds,
                  b->ratio, b->rounds);
}

static enum status print_json(const char *model, const struct bench_tower *t,
                              const struct bench_index *b, struct err *err)
{
    json_t *json =
        json_pack("{s:o, s:s, s:{s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f}}", "model",
                  output_json_string(model), "backend", tensor_cpu_description(), "image_tower",
                  "batch", t->batch, "threads", t->threads, "seconds", t->tower_seconds, "flops",
                  t->tower_flops, "products_seconds", t->products_seconds, "products_flops",
                  t->products_flops, "rate_ratio", t->rate_ratio, "time_ratio", t->time_ratio);
    if (b)
        json_object_set_new(json, "index",
                            json_pack("{s:I, s:i, s:i, s:f, s:f, s:f, s:f}", "photos",
                                      (json_int_t)b->photos, "threads", b->threads, "batch",
                                      b->batch, "seconds", b->index_seconds, "decode_seconds",
                                      b->decode_seconds, "network_seconds", b->network_seconds,
                                      "ratio", b->ratio));
    return output_json(json, err);
}

static enum status measure_index(const struct model *model, const struct bench_args *args,
                                 struct bench_index *out, struct err *err)
{
    const char **roots = NULL;
    enum status status = operands_texts(&args->roots, &roots, err);
    if (status == OK)
        status = image_room_open(err);
    if (status == OK) {
        status =
            bench_index(model, roots, args->roots.count, args->threads, args->rounds, out, err);
        image_room_close();
    }
    free(roots);
    return status;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct bench_args *args = arguments;
    struct model *model = NULL;
    struct bench_tower tower;
    struct bench_index index;
    bool with_index = args->roots.count > 0;
    const struct model_request request = {.name = args->model,
                                          .arch = args->arch,
                                          .towers = MODEL_IMAGE,
                                          .image_size = args->image_size,
                                          .precision = (enum precision)args->precision,
                                          .threads = args->threads,
                                          .offline = args->offline,
                                          .yes = args->yes,
                                          .json = args->json};
    enum status status = model_open_named(&model, &request, err);
    if (status == OK)
        status = bench_image_tower(model, args->batch, args->threads, args->seconds, &tower, err);
    if (status == OK && with_index)
        status = measure_index(model, args, &index, err);
    if (status == OK && args->json) {
        status = print_json(model_info(model)->name, &tower, with_index ? &index : NULL, err);
    } else if (status == OK) {
        output_format("%s, %s\n", model_info(model)->name, tensor_cpu_description());
        print_tower(&tower);
        if (with_index)
            print_index(&index);
    }
    model_close(model);
    return status;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "measure how close fovea comes to this machine's limits",
    .about =
        "Runs the image tower beside bare matrix products of the same shapes, from the same "
        "library, in the same run, and prints both rates and their ratio. With folders of "
        "photographs it also indexes them into a temporary library and compares that with decoding "
        "alone plus the network alone.",
    .options = options,
    .examples = examples,
    .operand = "DIR",
    .operands_min = 0,
    .operands_offset = offsetof(struct bench_args, roots),
    .args_size = sizeof(struct bench_args),
    .run = run,
};
