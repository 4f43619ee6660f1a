/* SPDX-License-Identifier: MIT
 *
 * fovea info: what a photograph says about itself, as an index run would read it; for whoever
 * wonders why a filter does not match.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/output.h"
#include "cli/report.h"

#include "base/file.h"
#include "image/image.h"
#include "image/phash.h"
#include "library/walk.h"
#include "meta/read.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct info_args {
    struct operands files;
    bool no_sandbox, json;
};

static const struct option options[] = {
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct info_args, json),
     .help = "print JSON, one object a line for each photograph"},
    OPTION_NO_SANDBOX(struct info_args),
    OPTION_END,
};

/* What is known of one file. */
struct info {
    const char *path;
    char format[12];
    int width, height; /* 0: not decoded */
    uint64_t phash;
    char *sidecar; /* NULL: none */
    struct photo_meta meta;
};

/* --- text ---------------------------------------------------------------------------------- */

static void print_row(const char *name, const char *format, ...) PRINTF_LIKE(2, 3);

static void print_row(const char *name, const char *format, ...)
{
    char text[PHOTO_KEYWORDS_MAX];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    output_format("  %-9s ", name);
    output_name(text);
    output_text("\n");
}

static void print_exposure(const struct photo_meta *m)
{
    char text[96] = "";
    size_t used = 0;
#define ADD(...)                                                                                   \
    used += (size_t)snprintf(text + used, sizeof text - used, "%s", used ? ", " : ""),             \
        used += (size_t)snprintf(text + used, sizeof text - used, __VA_ARGS__)
    if (m->exposure_s > 0 && m->exposure_s < 0.3)
        ADD("1/%.0f s", 1 / m->exposure_s);
    else if (m->exposure_s > 0)
        ADD("%.4g s", m->exposure_s);
    if (m->f_number > 0)
        ADD("f/%.3g", m->f_number);
    if (m->iso > 0)
        ADD("ISO %d", m->iso);
    if (m->focal_mm > 0)
        ADD("%.4g mm", m->focal_mm);
    if (m->focal35_mm > 0)
        ADD("%.4g mm on 35 mm film", m->focal35_mm);
#undef ADD
    if (used)
        print_row("exposure", "%s", text);
}

static void print_keywords(const struct photo_meta *m)
{
    char text[PHOTO_KEYWORDS_MAX * 2];
    size_t used = 0;
    for (const char *p = m->keywords; *p; p++) {
        if (*p != '\n')
            text[used++] = *p;
        else if (p[1])
            used += (size_t)snprintf(text + used, 3, ", ");
    }
    text[used] = '\0';
    if (used)
        print_row("keywords", "%s", text);
}

static void print_text(const struct info *info)
{
    const struct photo_meta *m = &info->meta;
    char time[PHOTO_TIME_MAX];
    output_name(info->path);
    output_text("\n");
    print_row("picture", "%s, %d x %d", info->format, info->width, info->height);
    if (m->taken_ms != PHOTO_NO_TIME)
        print_row("taken", "%s", photo_meta_time(time, m));
    if (m->camera[0])
        print_row("camera", "%s", m->camera);
    if (m->lens[0])
        print_row("lens", "%s", m->lens);
    print_exposure(m);
    if (!isnan(m->latitude))
        print_row("place", "%.6f, %.6f", m->latitude, m->longitude);
    if (!isnan(m->altitude_m))
        print_row("altitude", "%.0f m", m->altitude_m);
    if (m->rating != PHOTO_NO_RATING)
        print_row("rating", m->rating < 0 ? "rejected" : "%d", m->rating);
    print_keywords(m);
    if (info->sidecar)
        print_row("sidecar", "%s", info->sidecar);
}

/* --- JSON ---------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return *text ? output_json_string(text) : json_null();
}

static json_t *number_or_null(double value)
{
    return value > 0 ? json_real(value) : json_null();
}

static json_t *keywords_json(const char *keywords)
{
    json_t *list = json_array();
    char word[PHOTO_KEYWORDS_MAX];
    while (*keywords) {
        size_t size = strcspn(keywords, "\n");
        memcpy(word, keywords, size);
        word[size] = '\0';
        json_array_append_new(list, output_json_string(word));
        keywords += size + (keywords[size] == '\n');
    }
    return list;
}

static enum status print_json(const struct info *info, struct err *err)
{
    const struct photo_meta *m = &info->meta;
    bool placed = !isnan(m->latitude);
    char time[PHOTO_TIME_MAX], hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, info->phash);
    json_t *json = json_object();
    json_object_set_new(json, "path", output_json_string(info->path));
    json_object_set_new(json, "format", json_string(info->format));
    json_object_set_new(json, "width", json_integer(info->width));
    json_object_set_new(json, "height", json_integer(info->height));
    json_object_set_new(json, "phash", json_string(hash));
    json_object_set_new(json, "taken_at", text_or_null(photo_meta_time(time, m)));
    json_object_set_new(json, "offset_min",
                        m->offset_min == PHOTO_NO_OFFSET ? json_null()
                                                         : json_integer(m->offset_min));
    json_object_set_new(json, "camera", text_or_null(m->camera));
    json_object_set_new(json, "lens", text_or_null(m->lens));
    json_object_set_new(json, "exposure_s", number_or_null(m->exposure_s));
    json_object_set_new(json, "f_number", number_or_null(m->f_number));
    json_object_set_new(json, "focal_mm", number_or_null(m->focal_mm));
    json_object_set_new(json, "focal35_mm", number_or_null(m->focal35_mm));
    json_object_set_new(json, "iso", m->iso > 0 ? json_integer(m->iso) : json_null());
    json_object_set_new(json, "latitude", placed ? json_real(m->latitude) : json_null());
    json_object_set_new(json, "longitude", placed ? json_real(m->longitude) : json_null());
    json_object_set_new(json, "altitude_m",
                        isnan(m->altitude_m) ? json_null() : json_real(m->altitude_m));
    json_object_set_new(json, "rating",
                        m->rating == PHOTO_NO_RATING ? json_null() : json_integer(m->rating));
    json_object_set_new(json, "keywords", keywords_json(m->keywords));
    json_object_set_new(json, "sidecar",
                        info->sidecar ? output_json_string(info->sidecar) : json_null());
    return output_json(json, err);
}

/* --- the command --------------------------------------------------------------------------- */

static enum status read_picture(struct info *info, struct err *err)
{
    const struct image_options small = {.enough_shorter = 64};
    struct file_bytes content;
    struct image image;
    enum status status = file_read(&content, info->path, IMAGE_MAX_FILE_BYTES, err);
    if (status != OK)
        return status;
    status = image_read(&image, &info->meta, content.data, content.size, &small, err);
    file_bytes_free(&content);
    if (status != OK)
        return err_prefix(err, "%s", info->path);
    info->width = image.full_width;
    info->height = image.full_height;
    memcpy(info->format, image.format, sizeof info->format);
    status = image_phash(&info->phash, &image, err);
    image_free(&image);
    return status;
}

/* The sidecar that a walk finds beside the photograph, over what the photograph says. */
static enum status read_sidecar(struct info *info, struct err *err)
{
    const struct walk_options how = {
        .roots = &info->path, .root_count = 1, .is_photo = image_name_is_photo};
    struct walk walk;
    struct photo_meta over;
    struct file_bytes bytes = {0};
    struct err why;
    if (!image_name_is_photo(info->path))
        return OK;
    enum status status = walk_run(&walk, &how, err);
    if (status != OK)
        return status;
    const char *path = walk.file_count > 0 ? walk.files[0].sidecar : NULL;
    if (path) {
        info->sidecar = strdup(path);
        enum status read = file_read(&bytes, path, META_MAX_XMP_BYTES, &why);
        if (read == OK && (read = image_read_sidecar(&over, bytes.data, bytes.size, &why)) != OK)
            err_prefix(&why, "%s", path);
        if (read == OK)
            photo_meta_overlay(&info->meta, &over);
        else
            report_warning("%s", why.text);
    }
    file_bytes_free(&bytes);
    walk_free(&walk);
    return OK;
}

static enum status show(const char *path, bool json, struct err *err)
{
    struct info info = {.path = path};
    enum status status = read_picture(&info, err);
    if (status == OK)
        status = read_sidecar(&info, err);
    if (status == OK && json)
        status = print_json(&info, err);
    else if (status == OK)
        print_text(&info);
    free(info.sidecar);
    return status;
}

static enum status run(const void *untyped, struct err *err)
{
    const struct info_args *args = untyped;
    enum status status = decoder_room_open(args->no_sandbox, err);
    if (status != OK)
        return status;
    /* One that cannot be read does not hide the others; the last error is the command's. */
    for (size_t i = 0; i < args->files.count && output_ok(); i++) {
        struct err one;
        enum status shown = show(args->files.items[i].text, args->json, &one);
        if (shown == OK)
            continue;
        if (status != OK)
            report_error(err);
        *err = one;
        status = shown;
    }
    image_room_close();
    return status;
}

static const struct example examples[] = {
    {"fovea info photo.jpg", "when, where and with what it was taken"},
    {"fovea info --json *.NEF | jq -r .camera", "the cameras of some RAW files"},
    {NULL, NULL},
};

const struct command command_info = {
    .name = "info",
    .summary = "print what a photograph says about itself",
    .about = "Reads a photograph's EXIF, XMP and IPTC data, and the .xmp file beside it, as an "
             "index run does, and prints what filters will find: when it was taken, camera, lens, "
             "exposure, place, rating and keywords. Nothing is looked up in a library.",
    .options = options,
    .examples = examples,
    .operand = "PHOTO",
    .operands_min = 1,
    .operands_offset = offsetof(struct info_args, files),
    .args_size = sizeof(struct info_args),
    .run = run,
};
