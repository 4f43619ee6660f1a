/* SPDX-License-Identifier: MIT
 *
 * `fovea model`: what is done to models themselves.
 */
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "clip/synth.h"

struct synth_args {
    struct operands config;
    const char *out;
    uint64_t seed;
};

static const struct option synth_options[] = {
    {.name = "out",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .argument = "DIR",
     .offset = offsetof(struct synth_args, out),
     .required = true,
     .help = "the folder to make the model in"},
    {.name = "seed",
     .kind = OPTION_SEED,
     .argument = "N",
     .offset = offsetof(struct synth_args, seed),
     .fallback = "0",
     .help = "another seed, other weights; decimal or 0x"},
    OPTION_END,
};

static enum status synth_run(const void *untyped, struct err *err)
{
    const struct synth_args *args = untyped;
    enum status status = model_synth(args->config.items[0].text, args->seed, args->out, err);
    if (status == OK)
        output_format("%s\n", args->out);
    return status;
}

static const struct example synth_examples[] = {
    {"fovea model synth data/models/demo/open_clip_config.json --out /tmp/toy",
     "a small model to try"},
    {NULL, NULL},
};

static const struct command synth = {
    .name = "model synth",
    .summary = "make a model with synthetic weights from a config",
    .about = "Writes a model folder for an open_clip_config.json: every weight is a formula of its "
             "tensor's name, its index and the seed. Such a model has the right shape and runs at "
             "the right speed, but has learnt nothing: it is for tests and benchmarks. Prints the "
             "folder.",
    .options = synth_options,
    .examples = synth_examples,
    .operand = "CONFIG.json",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct synth_args, config),
    .args_size = sizeof(struct synth_args),
    .run = synth_run,
};

static const struct command *const subcommands[] = {&synth, NULL};

const struct command command_model = {
    .name = "model",
    .summary = "make a model folder",
    .subcommands = subcommands,
};
