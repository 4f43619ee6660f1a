/* SPDX-License-Identifier: MIT
 *
 * fovea pull: bring a model here, so that nothing needs the network later.
 */
#include "cli/commands.h"
#include "cli/model_pull.h"
#include "cli/output.h"
#include "cli/report.h"

#include <stdlib.h>

struct pull_args {
    struct operands model;
    int from;
    bool no_prepare, json;
};

static const char *const sources[] = {"any", "hub", "url", NULL}; /* enum pull_from */

static const struct option options[] = {
    {.name = "from",
     .kind = OPTION_CHOICE,
     .argument = "SOURCE",
     .offset = offsetof(struct pull_args, from),
     .choices = sources,
     .fallback = "any",
     .help = "the hub, or the address that the registry has for some models; any: the hub first"},
    {.name = "no-prepare",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct pull_args, no_prepare),
     .help = "leave packing the weights for this processor to the first use"},
    OPTION_JSON(struct pull_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea pull", "the default model, " MODEL_DEFAULT},
    {"fovea pull ViT-B-32-256/datacomp_s34b_b86k", "a small one"},
    {"fovea pull hf-hub:laion/CLIP-ViT-B-16-laion2B-s34B-b88K@main", "a repository of the hub"},
    {NULL, NULL},
};

/* What is wrong with the files is better found now than at the first search, and what takes long is
 * better done now: a session packs the weights of both towers into a file (clip/prepare.h). */
static enum status try_it(const struct model_place *place, bool prepare, struct err *err)
{
    struct model *model = NULL;
    struct session *session = NULL;
    const struct model_options how = {.dir = place->dir,
                                      .config = place->config,
                                      .weights = place->weights,
                                      .name = place->name,
                                      .towers = MODEL_BOTH,
                                      .note = report_note};
    const struct session_options both = {.image_batch = 1, .text_batch = 1};
    enum status status = model_open(&model, &how, err);
    if (status == OK && prepare)
        status = session_open(&session, model, &both, err);
    session_close(session);
    model_close(model);
    return status == OK
               ? OK
               : err_prefix(err, "%s is in %s, but cannot be used", place->name, place->dir);
}

static enum status print_json(const struct model_place *place, bool was_here,
                              const struct model_pulled *done, struct err *err)
{
    json_t *json = json_object();
    json_object_set_new(json, "model", output_json_string(place->name));
    json_object_set_new(json, "dir", output_json_string(place->dir));
    json_object_set_new(json, "was_here", json_boolean(was_here));
    if (!was_here) {
        json_object_set_new(json, "bytes", json_integer((json_int_t)done->bytes));
        json_object_set_new(json, "seconds", json_real(done->seconds));
        json_object_set_new(json, "host", output_json_string(done->host));
        json_object_set_new(json, "commit",
                            done->commit[0] ? json_string(done->commit) : json_null());
        json_object_set_new(json, "sha256",
                            done->sha256[0] ? json_string(done->sha256) : json_null());
        json_object_set_new(json, "verified", json_boolean(done->verified));
    }
    return output_json(json, err);
}

static void print_text(const struct model_place *place, bool was_here,
                       const struct model_pulled *done)
{
    char size[16];
    output_name(place->name);
    if (was_here)
        output_text(" is here already: ");
    else if (done->sha256[0])
        output_format(": %s in %.0f s, %s; in ", format_size(size, done->bytes), done->seconds,
                      done->verified ? "SHA-256 verified"
                                     : "size checked (its source names no SHA-256)");
    else
        output_text(": another process has downloaded it; in ");
    output_name(place->dir);
    output_text("\n");
}

static enum status run(const void *arguments, struct err *err)
{
    const struct pull_args *args = arguments;
    const char *name = args->model.count ? args->model.items[0].text : NULL;
    struct model_place place;
    struct model_pulled done = {0};
    enum status status = model_resolve(&place, name, NULL, err);
    if (status != OK)
        return status;
    bool was_here = place.here;
    struct pull_options how = model_pull_options(false);
    how.from = (enum pull_from)args->from;
    if (!was_here)
        status = model_pull(&place, &how, &done, err);
    if (status == OK)
        status = try_it(&place, !args->no_prepare, err);
    if (status == OK && args->json)
        status = print_json(&place, was_here, &done, err);
    else if (status == OK)
        print_text(&place, was_here, &done);
    model_place_free(&place);
    return status;
}

const struct command command_pull = {
    .name = "pull",
    .summary = "download a model",
    .about =
        "Downloads a model to the models folder: one of OpenCLIP's by its name (ARCH/tag, see "
        "`fovea models`), or a repository of the hub (hf-hub:ORG/REPO, or with @REVISION). An "
        "interrupted download goes on where it was, also later. The size and the SHA-256 are "
        "checked before a file gets its name. Then the weights are packed for this processor, "
        "which "
        "is what later starts read.\n\n"
        "index, search and the others pull by themselves what they need; this is for doing it "
        "beforehand. $FOVEA_MODELS names the models folder, $HF_ENDPOINT another hub, $HF_TOKEN "
        "the token for models that ask for one; HTTPS_PROXY and NO_PROXY are respected.",
    .options = options,
    .examples = examples,
    .operand = "MODEL",
    .operands_min = 0,
    .operands_max = 1,
    .operands_offset = offsetof(struct pull_args, model),
    .args_size = sizeof(struct pull_args),
    .run = run,
};
