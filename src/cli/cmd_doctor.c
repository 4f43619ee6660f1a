/* SPDX-License-Identifier: MIT
 *
 * fovea doctor: is everything here that fovea needs, and is the library sound; and its repair.
 */
#include "cli/commands.h"
#include "cli/decoder_args.h"
#include "cli/library_args.h"
#include "cli/model_args.h"
#include "cli/output.h"

#include "base/cpu.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/resolve.h"
#include "hub/shipped.h"
#include "image/decoder.h"
#include "image/image.h"
#include "server/assets.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* The page is part of a program that can serve it: without `fovea serve` the table is not linked.
 */
#pragma weak assets_count

#define LOW_SPACE_BYTES 1e9
#define FINDINGS_MAX 16

struct doctor_args {
    const char *library;
    bool repair, json;
};

static const struct option options[] = {
    OPTION_LIBRARY(struct doctor_args),
    {.name = "repair",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct doctor_args, repair),
     .help = "make a damaged library anew from what can be read of it; the damaged file is kept"},
    OPTION_JSON(struct doctor_args),
    OPTION_END,
};

static const struct example examples[] = {
    {"fovea doctor", "is everything here, and is the library sound"},
    {"fovea doctor --repair", "and if it is not"},
    {NULL, NULL},
};

enum verdict { FINE, NOTE, WRONG };
static const char *const verdict_names[] = {"ok", "note", "wrong"};

struct finding {
    const char *what;
    enum verdict verdict;
    char text[768];
};

struct findings {
    struct finding items[FINDINGS_MAX];
    size_t count;
};

static void PRINTF_LIKE(4, 5)
    find(struct findings *f, const char *what, enum verdict verdict, const char *format, ...)
{
    if (f->count == FINDINGS_MAX)
        return;
    struct finding *finding = &f->items[f->count++];
    finding->what = what;
    finding->verdict = verdict;
    va_list args;
    va_start(args, format);
    vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
}

/* --- the machine and the program ---------------------------------------------------------- */

static void look_at_cpu(struct findings *f)
{
    unsigned flags;
    struct err err;
    if (cpu_flags(&flags, &err) == OK)
        find(f, "processor", FINE, "%s is used, %d core%s", cpu_level_name(flags), cpu_cores(),
             cpu_cores() == 1 ? "" : "s");
    else
        find(f, "processor", WRONG, "%s", err.text);
}

static void look_at_formats(struct findings *f)
{
    static const char *const formats[] = {"jpg",  "png",  "webp", "tif", "bmp", "gif",
                                          "heic", "avif", "jxl",  "cr2", "cr3", "nef",
                                          "arw",  "dng",  "raf",  "orf", "rw2"};
    struct str can = str_new(256), cannot = can;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        str_format(image_format_supported(formats[i]) ? &can : &cannot, " %s", formats[i]);
    find(f, "formats", cannot.size > 0 ? NOTE : FINE, "libvips %s reads%s%s%s",
         image_library_version(), str_text(&can), cannot.size > 0 ? "; not" : "",
         str_text(&cannot));
    str_free(&can);
    str_free(&cannot);
}

static void look_at_decoders(struct findings *f)
{
    struct decoder_state state;
    struct err err;
    if (decoder_describe(&state, &err) != OK)
        find(f, "decoders", WRONG, "%s", err.text);
    else if (!state.child)
        find(f, "decoders", NOTE,
             "pictures are decoded in this process: a flaw in a decoder reaches everything that "
             "you can read (%s)",
             decoder_can_be_confined() ? "FOVEA_SANDBOX=off"
                                       : "this system has no confinement for them");
    else if (state.seccomp && state.landlock_abi > 0)
        find(f, "decoders", FINE, "are confined by seccomp and Landlock (ABI %d)",
             state.landlock_abi);
    else
        find(f, "decoders", NOTE,
             "are in a process of their own, confined by %s; this kernel has %s",
             state.seccomp            ? "seccomp alone"
             : state.landlock_abi > 0 ? "Landlock alone"
                                      : "resource limits alone",
             state.seccomp            ? "no Landlock"
             : state.landlock_abi > 0 ? "no seccomp"
                                      : "neither seccomp nor Landlock");
}

/* What cannot be had for pictures is a finding: the library is looked at all the same. */
static enum status look_at_pictures(struct findings *f, struct err *err)
{
    enum status status = decoder_room_open(false, err);
    if (status == OK) {
        look_at_formats(f);
        look_at_decoders(f);
        image_room_close();
    } else if (status != ERR_ARGUMENT) {
        find(f, "pictures", WRONG, "%s", err->text);
        *err = (struct err){0};
        status = OK;
    }
    return status;
}

static void look_at_page(struct findings *f)
{
    if (&assets_count && assets_count > 0)
        find(f, "page", FINE, "%zu files are compiled in", assets_count);
    else
        find(f, "page", NOTE, "this program was built without it");
}

/* --- models ------------------------------------------------------------------------------- */

static void look_at_models(struct findings *f)
{
    struct cached_model *models = NULL;
    size_t count = 0, complete = 0;
    struct err err;
    struct str dir = str_new(4096);
    if (models_dir(&dir, &err) != OK || cache_list(&models, &count, &err) != OK) {
        find(f, "models", WRONG, "%s", err.text);
    } else {
        for (size_t i = 0; i < count; i++)
            complete += models[i].complete;
        find(f, "models", complete == count ? FINE : NOTE, "%zu in %s%s", complete, str_text(&dir),
             complete == count ? "" : ", and downloads that were broken off (`fovea models`)");
    }
    cache_list_free(models, count);
    str_clear(&dir);
    if (shipped_model(&dir, MODEL_DEMO, &err) == OK)
        find(f, "demo model", FINE, "%s", str_text(&dir));
    else
        find(f, "demo model", WRONG, "%s", err.text);
    str_free(&dir);
}

/* The one that the library answers with. */
static void look_at_model(struct findings *f, const char *name)
{
    struct model_place place = {0};
    struct str dir = str_new(4096);
    struct err err;
    if (shipped_model(&dir, name, &err) == OK)
        find(f, "model", FINE, "%s, in %s", name, str_text(&dir));
    else if (model_resolve(&place, name, NULL, &err) != OK)
        find(f, "model", WRONG, "%s", err.text);
    else if (place.here)
        find(f, "model", FINE, "%s, in %s", name, place.dir);
    else
        find(f, "model", NOTE, "the library answers with %s, which is not here: `fovea pull %s`",
             name, name);
    model_place_free(&place);
    str_free(&dir);
}

/* --- the library -------------------------------------------------------------------------- */

static void look_at_space(struct findings *f, const char *path)
{
    struct statvfs disk;
    struct str folder = str_new(1 << 16);
    str_put(&folder, path);
    while (folder.size > 0 && statvfs(str_text(&folder), &disk) != 0) {
        const char *slash =
            strrchr(folder.data, '/'); /* the library, or its folder, is to be made */
        folder.size = slash && slash > folder.data ? (size_t)(slash - folder.data) : 0;
        folder.data[folder.size] = '\0';
    }
    if (folder.size > 0) {
        double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
        find(f, "free space", free_bytes < LOW_SPACE_BYTES ? NOTE : FINE,
             "%.1f GB where the library lies", free_bytes / 1e9);
    }
    str_free(&folder);
}

static void find_library(struct findings *f, const char *name, const struct store_summary *summary,
                         size_t models, const struct store_health *health)
{
    find(f, "library", FINE, "%s is sound: %lld photographs, %zu model%s, %.1f MB, schema %d", name,
         (long long)summary->photos, models, models == 1 ? "" : "s",
         (double)summary->library_bytes / 1e6, health->schema_version);
    if (health->server[0])
        find(f, "server", health->read_only ? NOTE : FINE, "%s%s", health->server,
             health->read_only ? "; this user may read and not write: enough to search" : "");
}

static void look_into(struct findings *f, const char *path, const char *name,
                      const struct store_health *health)
{
    struct store *store = NULL;
    struct store_summary summary;
    struct store_model *models = NULL;
    size_t count = 0;
    struct err err;
    enum status status = store_open(&store, path, STORE_READ, &err);
    if (status == ERR_UNSUPPORTED) { /* sound, and older */
        find(f, "library", NOTE, "%s", err.text);
        return;
    }
    if (status == OK)
        status = store_summarize(store, &summary, &err);
    if (status == OK)
        status = store_models(store, &models, &count, &err);
    if (status != OK)
        find(f, "library", WRONG, "%s", err.text);
    else
        find_library(f, name, &summary, count, health);
    if (status == OK && count > 0)
        look_at_model(f, models[0].name);
    free(models);
    store_close(store);
}

static void find_damage(struct findings *f, const char *path, const char *name,
                        const struct store_health *health)
{
    find(f, "library", WRONG, "%s is damaged (%lld finding%s, the first: %s); %s", name,
         (long long)health->problems, health->problems == 1 ? "" : "s", health->first,
         store_is_url(path) ? "put a backup in its place, or save with `fovea store copy` what can "
                              "be read"
                            : "`fovea doctor --repair` saves what can be read");
}

/* name: the path, or a URL without its password. */
static void look_at_library(struct findings *f, const char *path, const char *name)
{
    struct store_health health;
    struct err err;
    enum status status = store_check(path, &health, &err);
    if (status == ERR_NOT_FOUND)
        find(f, "library", NOTE, "there is none at %s yet; `fovea index DIR` makes it", name);
    else if (status != OK)
        find(f, "library", WRONG, "%s", err.text);
    else if (health.problems > 0)
        find_damage(f, path, name, &health);
    else
        look_into(f, path, name, &health);
    if (!store_is_url(path))
        look_at_space(f, path);
}

/* --- the repair --------------------------------------------------------------------------- */

static void find_repaired(struct findings *f, const char *path, const struct store_repair *r)
{
    static const char *const kinds[STORE_KEPT_KINDS] = {"photographs", "paths",     "vectors",
                                                        "labels",      "decisions", "other rows"};
    struct str saved = str_new(512), lost = saved;
    for (int i = 0; i < STORE_KEPT_KINDS; i++) {
        str_format(&saved, "%s%lld %s", saved.size ? ", " : "", (long long)r->saved[i], kinds[i]);
        if (r->lost[i] > 0)
            str_format(&lost, "%s%lld %s", lost.size ? ", " : "", (long long)r->lost[i], kinds[i]);
    }
    if (!r->needed) {
        find(f, "repair", FINE, "nothing was to be done");
    } else {
        find(f, "repair", FINE, "saved: %s; lost: %s", str_text(&saved),
             lost.size ? str_text(&lost) : "nothing that could be told");
        find(f, "kept", FINE, "the damaged file is %s", r->kept);
        if (lost.size)
            find(f, "next", NOTE, "`fovea index` makes the lost vectors again");
    }
    str_free(&saved);
    str_free(&lost);
}

static enum status repair(struct findings *f, const char *path, struct err *err)
{
    struct store_repair report;
    enum status status = store_repair(path, &report, err);
    if (status == OK)
        find_repaired(f, path, &report);
    store_repair_free(&report);
    return status;
}

/* --- the command -------------------------------------------------------------------------- */

static enum status print_json(const struct findings *f, const char *library, struct err *err)
{
    json_t *checks = json_array();
    bool sound = true;
    for (size_t i = 0; i < f->count; i++) {
        const struct finding *finding = &f->items[i];
        sound = sound && finding->verdict != WRONG;
        json_array_append_new(checks, json_pack("{s:s, s:s, s:o}", "check", finding->what, "result",
                                                verdict_names[finding->verdict], "text",
                                                output_json_string(finding->text)));
    }
    json_t *json = json_object();
    json_object_set_new(json, "version", json_string(FOVEA_VERSION));
    json_object_set_new(json, "store", json_string(store_library_version()));
    json_object_set_new(json, "library", output_json_string(library));
    json_object_set_new(json, "sound", json_boolean(sound));
    json_object_set_new(json, "checks", checks);
    return output_json(json, err);
}

static void print(const struct findings *f)
{
    output_format("fovea %s, %s\n", FOVEA_VERSION, store_library_version());
    for (size_t i = 0; i < f->count; i++) {
        output_format("%-6s %-11s ", verdict_names[f->items[i].verdict], f->items[i].what);
        output_name(f->items[i].text);
        output_text("\n");
    }
}

static size_t wrong(const struct findings *f, const struct finding **first)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].verdict == WRONG && count++ == 0)
            *first = &f->items[i];
    return count;
}

static enum status run(const void *arguments, struct err *err)
{
    const struct doctor_args *args = arguments;
    struct findings findings = {.count = 0};
    struct str path = str_new(1 << 16), name = path;
    enum status status = library_path(&path, args->library, err);
    if (status == OK)
        status = store_location_name(str_text(&path), &name, err);
    if (status == OK) {
        look_at_cpu(&findings);
        status = look_at_pictures(&findings, err);
    }
    if (status == OK) {
        look_at_page(&findings);
        look_at_models(&findings);
        if (args->repair)
            status = repair(&findings, str_text(&path), err);
        if (status == OK)
            look_at_library(&findings, str_text(&path), str_text(&name));
    }
    const struct finding *first = NULL;
    if (status == OK && args->json)
        status = print_json(&findings, str_text(&name), err);
    else if (status == OK)
        print(&findings);
    if (status == OK && wrong(&findings, &first) > 0)
        status = err_set(err, ERR_FORMAT, "%s: %s", first->what, first->text);
    str_free(&path);
    str_free(&name);
    return status;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "check the installation and the library, repair a damaged one",
    .about =
        "Says which instructions of the processor are used, which formats can be read, which "
        "models are here and how much space is left, and looks through every page of the library. "
        "Ends with 1 if something is wrong.\n\nWith --repair a damaged library is made anew from "
        "what can be read of it, row by row, and it is said what was lost. The damaged file stays "
        "beside it. What is lost of the photographs, the next `fovea index` finds and embeds "
        "again; labels, decisions and sets come back from a backup only (`fovea backup`).",
    .options = options,
    .examples = examples,
    .args_size = sizeof(struct doctor_args),
    .run = run,
};
