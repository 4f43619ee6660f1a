/* SPDX-License-Identifier: MIT
 *
 * `fovea preprocess`: the square of pixels that a network sees of a picture, as a PNG. Shows what
 * the crop keeps, and is compared with Pillow's result in the tests.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "image/image.h"
#include "library/picture.h"

#include <stdlib.h>

struct preprocess_args {
    struct operands files;
    const char *out;
    int size, resize_mode, interpolation, decode;
    bool no_sandbox;
};

/* In the order of enum resize_mode and enum interpolation. */
static const char *const resize_modes[] = {"shortest", "squash", "longest", NULL};
static const char *const interpolations[] = {"bicubic", "bilinear", NULL};

enum decode { DECODE_EXACT, DECODE_FAST };
static const char *const decodes[] = {"exact", "fast", NULL};

static const struct option options[] = {
    {.name = "out",
     .short_name = 'o',
     .kind = OPTION_STRING,
     .argument = "OUT.png",
     .offset = offsetof(struct preprocess_args, out),
     .required = true,
     .help = "the PNG to write"},
    {.name = "size",
     .short_name = 's',
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct preprocess_args, size),
     .fallback = "224",
     .min = 1,
     .max = PREPROCESS_MAX_SIZE,
     .help = "side of the square in pixels"},
    {.name = "resize-mode",
     .kind = OPTION_CHOICE,
     .argument = "MODE",
     .offset = offsetof(struct preprocess_args, resize_mode),
     .fallback = "shortest",
     .choices = resize_modes,
     .help = "how a picture becomes a square"},
    {.name = "interpolation",
     .kind = OPTION_CHOICE,
     .argument = "METHOD",
     .offset = offsetof(struct preprocess_args, interpolation),
     .fallback = "bicubic",
     .choices = interpolations,
     .help = "the filter"},
    {.name = "decode",
     .kind = OPTION_CHOICE,
     .argument = "HOW",
     .offset = offsetof(struct preprocess_args, decode),
     .fallback = "exact",
     .choices = decodes,
     .help = "as of fovea index"},
    OPTION_NO_SANDBOX(struct preprocess_args),
    OPTION_END,
};

static enum status run(const void *untyped, struct err *err)
{
    const struct preprocess_args *args = untyped;
    struct preprocess how = preprocess_default(args->size);
    how.resize_mode = (enum resize_mode)args->resize_mode;
    how.interpolation = (enum interpolation)args->interpolation;

    const struct picture_options way = {.fast_margin =
                                            args->decode == DECODE_FAST ? PICTURE_FAST_MARGIN : 0};

    size_t size = (size_t)args->size * (size_t)args->size * 3;
    uint8_t *square = malloc(size);
    if (!square)
        return err_no_memory(err, "a picture", size);
    enum status status = decoder_room_open(args->no_sandbox, err);
    if (status == OK) {
        status = picture_square_file(square, args->files.items[0].text, &how, &way, err);
        if (status == OK)
            status = image_write_png(args->out, square, args->size, args->size, err);
        image_room_close();
    }
    free(square);
    return status;
}

static const struct example examples[] = {
    {"fovea preprocess photo.jpg --out seen.png", "what a 224 pixel model sees of a photo"},
    {"fovea preprocess wide.jpg --size 378 --resize-mode squash --out seen.png",
     "the whole picture at 378 x 378, its aspect changed"},
    {NULL, NULL},
};

const struct command command_preprocess = {
    .name = "preprocess",
    .summary = "write the pixels a model sees of a picture",
    .about =
        "Decodes a picture upright and in sRGB, brings it to a square as open_clip does with "
        "Pillow, and writes the result as a PNG. 'shortest' fits the shorter side and crops the "
        "longer one, 'squash' changes the aspect, 'longest' fits the longer side and pads.",
    .options = options,
    .examples = examples,
    .operand = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .operands_offset = offsetof(struct preprocess_args, files),
    .args_size = sizeof(struct preprocess_args),
    .run = run,
};
