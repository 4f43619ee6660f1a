/* SPDX-License-Identifier: MIT
 *
 * See painted.h. Everything about a picture is decided first, from the seed and its number alone;
 * then threads paint and write them in any order.
 *
 * The scenes' seeds have their highest bit set: those that the demonstration model was trained on
 * have not (docs/demo.md).
 */
#include "library/painted.h"

#include "base/file.h"
#include "base/str.h"
#include "image/write.h"
#include "scene/random.h"
#include "scene/scene.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEED_BIT (UINT64_C(1) << 63)
#define CAPTIONS 4
#define LINE_MAX_BYTES ((size_t)8 << 10)
#define PATH_LIMIT 4096

enum repeat { REPEAT_NONE, REPEAT_SMALLER, REPEAT_RECOMPRESSED, REPEAT_BURST };
static const char *const repeat_names[] = {NULL, "smaller", "recompressed", "burst"};

struct place {
    const char *name;
    double latitude, longitude;
};

/* Where such pictures are taken. */
static const struct place places[CATEGORY_COUNT][4] = {
    {{"atacama", -23.0, -67.8},
     {"la-palma", 28.76, -17.88},
     {"tekapo", -44.0, 170.48},
     {"lofoten", 68.2, 13.6}},
    {{"dolomites", 46.41, 11.84},
     {"yosemite", 37.74, -119.59},
     {"highlands", 57.1, -4.7},
     {"utah", 37.0, -110.1}},
    {{"berlin", 52.52, 13.40},
     {"lyon", 45.76, 4.84},
     {"osaka", 34.69, 135.50},
     {"vienna", 48.21, 16.37}},
    {{"tokyo", 35.68, 139.76},
     {"hong-kong", 22.29, 114.17},
     {"chicago", 41.88, -87.63},
     {"singapore", 1.28, 103.85}},
    {{"cornwall", 50.12, -5.54},
     {"algarve", 37.08, -8.67},
     {"big-sur", 36.27, -121.81},
     {"brittany", 48.4, -4.8}},
    {{"iceland", 63.53, -19.51},
     {"plitvice", 44.88, 15.62},
     {"oregon", 45.58, -122.12},
     {"norway", 60.57, 7.13}},
};

static const struct camera {
    const char *make, *model, *lens, *prefix;
    float focal;
} cameras[] = {
    {"Canon", "Canon EOS R6", "RF24-105mm F4 L IS USM", "IMG", 35},
    {"NIKON CORPORATION", "NIKON Z 7_2", "NIKKOR Z 24-70mm f/4 S", "DSC", 28},
    {"SONY", "ILCE-7M4", "FE 20mm F1.8 G", "DSC0", 20},
    {"FUJIFILM", "X-T4", "XF16-55mmF2.8 R LM WR", "DSCF", 23},
    {"Apple", "iPhone 13 Pro", "iPhone 13 Pro back triple camera 5.7mm f/1.5", "IMG", 5.7f},
};

/* One picture, decided. */
struct picture {
    struct scene scene;
    enum repeat repeat;
    size_t original; /* number of the picture it repeats */
    const struct camera *camera;
    const struct place *place;
    int year, month, day, second; /* second of the day */
    int orientation, quality;
    const char *extension;
    char name[160]; /* below the folder */
};

struct job {
    const struct painted_options *how;
    struct picture *pictures; /* [count] */
    atomic_size_t next;
    pthread_mutex_t lock; /* of what follows */
    enum status status;   /* of the first failure */
    struct err err;
};

static const char *pick_extension(struct random *r)
{
    float x = random_unit(r);
    return x < 0.05f ? "png" : x < 0.10f ? "webp" : x < 0.13f ? "tif" : "jpg";
}

static int second_of(enum scene_hour hour, struct random *r)
{
    static const float from[HOUR_COUNT] = {22, 20.5f, 19.5f, 5.5f, 18.2f, 10, 9, 13};
    static const float to[HOUR_COUNT] = {23.9f, 21.5f, 20.4f, 6.8f, 19.4f, 16.5f, 17, 18};
    return (int)(3600 * random_range(r, from[hour], to[hour]));
}

static void plan_original(struct picture *p, const struct painted_options *how, size_t number)
{
    struct random r = random_new(how->seed, 2 * number);
    scene_plan(&p->scene, random_bits(&r) | SEED_BIT, how->mixed);
    p->camera = &cameras[random_below(&r, sizeof cameras / sizeof *cameras)];
    p->place = &places[p->scene.category][random_below(&r, 4)];
    p->year = 2014 + random_below(&r, 11);
    p->month = 1 + random_below(&r, 12);
    p->day = 1 + random_below(&r, 28);
    p->second = second_of(p->scene.hour, &r);
    p->quality = 86 + random_below(&r, 9);
    p->extension = pick_extension(&r);
    bool tall = p->scene.aspect < 1, jpeg = strcmp(p->extension, "jpg") == 0;
    p->orientation = !jpeg                                    ? 1
                     : random_chance(&r, tall ? 0.5f : 0.04f) ? (random_chance(&r, 0.6f) ? 6 : 8)
                     : random_chance(&r, 0.02f)               ? 3
                                                              : 1;
}

/* The picture that number `number` repeats, less what makes it another file. */
static void plan_repeat(struct picture *p, const struct picture *all, size_t number,
                        struct random *r)
{
    size_t original = (size_t)random_below(r, (int)number);
    while (all[original].repeat != REPEAT_NONE)
        original = all[original].original;
    *p = all[original];
    p->original = original;
    p->repeat = (enum repeat)(1 + random_below(r, 3));
    if (p->repeat == REPEAT_BURST) {
        p->second += 1 + random_below(r, 2);
    } else {
        p->extension = "jpg";
        p->orientation = 1; /* exporting turns a picture upright */
        p->quality = p->repeat == REPEAT_RECOMPRESSED ? 40 + random_below(r, 20) : 80;
    }
}

static void plan(struct picture *all, const struct painted_options *how)
{
    static const char *const endings[] = {"", "-small", "-web", ""};
    for (size_t i = 0; i < how->count; i++) {
        struct random r = random_new(how->seed, 2 * i + 1);
        if (i > 0 && random_chance(&r, how->repeated))
            plan_repeat(&all[i], all, i, &r);
        else
            plan_original(&all[i], how, i);
        struct picture *p = &all[i];
        bool copy = p->repeat == REPEAT_SMALLER || p->repeat == REPEAT_RECOMPRESSED;
        char ending[32] = "";
        if (copy)
            snprintf(ending, sizeof ending, "%s-%zu", endings[p->repeat], i);
        snprintf(p->name, sizeof p->name, "%d/%s/%s_%04zu%s.%s", p->year, p->place->name,
                 p->camera->prefix, copy ? p->original : i, ending, p->extension);
    }
}

static struct image_exif exif_of(const struct picture *p, char taken_at[20])
{
    bool night = p->scene.hour == HOUR_NIGHT, dusk = p->scene.hour == HOUR_DUSK;
    bool slow = p->scene.category == CATEGORY_MOTION || p->scene.second == CATEGORY_MOTION ||
                p->scene.category == CATEGORY_FALLS;
    unsigned second = (unsigned)p->second;
    snprintf(taken_at, 20, "%04u:%02u:%02u %02u:%02u:%02u", (unsigned)p->year % 10000u,
             (unsigned)p->month % 100u, (unsigned)p->day % 100u, second / 3600 % 100u,
             second / 60 % 60u, second % 60u);
    return (struct image_exif){
        .taken_at = taken_at,
        .make = p->camera->make,
        .model = p->camera->model,
        .lens = p->camera->lens,
        .exposure_time = night  ? (slow ? "30/1" : "15/1")
                         : slow ? "1/2"
                         : dusk ? "1/15"
                                : "1/250",
        .f_number = night ? 2.8 : 8,
        .focal_mm = (double)p->camera->focal,
        .iso = night && !slow ? 3200
               : dusk         ? 800
                              : 100,
        .has_gps = p->scene.seed % 3 != 0, /* not every camera knows where it is */
        .latitude = p->place->latitude + (double)(p->scene.seed >> 8 & 255) / 2000,
        .longitude = p->place->longitude + (double)(p->scene.seed >> 16 & 255) / 2000,
    };
}

/* The middle part of a slightly larger painting, moved by some pixels: the next shot of a burst. */
static enum status paint_burst(const struct picture *p, int width, int height, uint8_t *rgb,
                               struct err *err)
{
    int wide = width + width / 32 + 2, high = height + height / 32 + 2;
    uint8_t *larger = malloc((size_t)wide * (size_t)high * 3);
    if (!larger)
        return err_no_memory(err, "a picture", (size_t)wide * (size_t)high * 3);
    enum status status = scene_paint(&p->scene, wide, high, larger, err);
    int dx = (wide - width) * (p->second % 2), dy = (high - height) / 2;
    for (int y = 0; status == OK && y < height; y++)
        memcpy(rgb + (size_t)y * (size_t)width * 3,
               larger + ((size_t)(y + dy) * (size_t)wide + (size_t)dx) * 3, (size_t)width * 3);
    free(larger);
    return status;
}

static enum status write_picture(const struct painted_options *how, const struct picture *p,
                                 const uint8_t *rgb, int width, int height, struct err *err)
{
    char taken_at[20];
    struct image_exif exif = exif_of(p, taken_at);
    const struct image_write_options options = {
        .quality = p->quality, .orientation = p->orientation, .exif = &exif};
    struct str path = str_new(PATH_LIMIT);
    path_join(&path, how->dir, p->name);
    enum status status = str_ok(&path) ? dir_make_parent(str_text(&path), err)
                                       : err_set(err, ERR_ARGUMENT,
                                                 "the folder's name is too long: %.100s", how->dir);
    if (status == OK)
        status = image_write(str_text(&path), rgb, width, height, &options, err);
    str_free(&path);
    return status;
}

static enum status make_picture(const struct painted_options *how, const struct picture *p,
                                struct err *err)
{
    int width, height;
    scene_size(&p->scene, p->repeat == REPEAT_SMALLER ? how->side / 2 : how->side, &width, &height);
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb)
        return err_no_memory(err, "a picture", (size_t)width * (size_t)height * 3);
    enum status status = p->repeat == REPEAT_BURST
                             ? paint_burst(p, width, height, rgb, err)
                             : scene_paint(&p->scene, width, height, rgb, err);
    if (status == OK)
        status = write_picture(how, p, rgb, width, height, err);
    free(rgb);
    return status;
}

static void *work(void *context)
{
    struct job *job = context;
    for (;;) {
        size_t i = atomic_fetch_add(&job->next, 1);
        if (i >= job->how->count)
            return NULL;
        struct err err = {0};
        enum status status = OK;
        if (job->how->cancel && atomic_load(job->how->cancel))
            status = err_set(&err, ERR_CANCELLED, "stopped before all pictures were made");
        else
            status = make_picture(job->how, &job->pictures[i], &err);
        if (status != OK) {
            pthread_mutex_lock(&job->lock);
            if (job->status == OK) {
                job->status = status;
                job->err = err;
            }
            pthread_mutex_unlock(&job->lock);
            atomic_store(&job->next, job->how->count);
        } else if (job->how->on_picture) {
            job->how->on_picture(job->how->context);
        }
    }
}

static void put_facts(struct str *out, uint64_t facts)
{
    str_putc(out, '[');
    for (int f = 0, n = 0; f < FACT_COUNT; f++)
        if (facts >> f & 1)
            str_format(out, "%s\"%s\"", n++ ? "," : "", scene_fact_name((enum scene_fact)f));
    str_putc(out, ']');
}

/* A caption, and what it tells: of which category the picture is, or of which kind, at which hour,
 * and what is in it. */
static void put_caption(struct str *out, const struct scene *scene, unsigned variant)
{
    uint64_t told = 0;
    str_put(out, "{\"text\":\"");
    scene_caption(scene, variant, out, &told);
    str_put(out, "\",\"category\":");
    const char *category = NULL;
    for (int c = 0; c < CATEGORY_COUNT; c++)
        if (told & SCENE_TOLD_CATEGORY << c)
            category = scene_category_name((enum scene_category)c);
    if (category)
        str_format(out, "\"%s\"", category);
    else
        str_put(out, "null");
    str_format(out,
               ",\"kind\":%s,\"hour\":%s,\"facts\":", told & SCENE_TOLD_KIND ? "true" : "false",
               told & SCENE_TOLD_HOUR ? "true" : "false");
    put_facts(out, told);
    str_putc(out, '}');
}

/* All of it is our own plain ASCII: nothing needs escaping. */
static void put_line(struct str *out, const struct picture *all, const struct picture *p)
{
    const struct scene *s = &p->scene;
    str_format(out,
               "{\"file\":\"%s\",\"category\":\"%s\",\"mixed\":%s,\"second_category\":", p->name,
               scene_category_name(s->category), s->second == CATEGORY_NONE ? "false" : "true");
    if (s->second == CATEGORY_NONE)
        str_put(out, "null");
    else
        str_format(out, "\"%s\"", scene_category_name(s->second));
    str_format(out, ",\"kind\":\"%s\",\"hour\":\"%s\",\"facts\":", scene_kind_name(s->kind),
               scene_hour_name(s->hour));
    put_facts(out, s->facts);
    str_put(out, ",\"captions\":[");
    for (unsigned i = 0; i < CAPTIONS; i++) {
        str_put(out, i ? "," : "");
        put_caption(out, s, i);
    }
    str_put(out, "],\"repeats\":");
    if (p->repeat == REPEAT_NONE)
        str_put(out, "null");
    else
        str_format(out, "\"%s\",\"how\":\"%s\"", all[p->original].name, repeat_names[p->repeat]);
    str_put(out, "}\n");
}

static enum status write_captions(const struct painted_options *how, const struct picture *all,
                                  struct err *err)
{
    struct str text = str_new(how->count * LINE_MAX_BYTES), path = str_new(PATH_LIMIT);
    for (size_t i = 0; i < how->count; i++)
        put_line(&text, all, &all[i]);
    path_join(&path, how->dir, "captions.jsonl");
    enum status status = OK;
    if (!str_ok(&text))
        status = err_no_memory(err, "the captions", how->count * LINE_MAX_BYTES);
    else if (!str_ok(&path))
        status = err_set(err, ERR_ARGUMENT, "the folder's name is too long: %.100s", how->dir);
    else
        status = file_write(str_text(&path), str_text(&text), text.size, err);
    str_free(&text);
    str_free(&path);
    return status;
}

/* The calling thread works too; with fewer threads than wished for, the rest take over. */
static enum status run(struct job *job, struct err *err)
{
    enum { THREADS_MAX = 64 };
    pthread_t threads[THREADS_MAX];
    long cores = job->how->threads > 0 ? job->how->threads : sysconf(_SC_NPROCESSORS_ONLN);
    long wanted = cores > THREADS_MAX ? THREADS_MAX : cores, started = 0;
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, job) == 0)
        started++;
    work(job);
    for (long i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (job->status != OK)
        *err = job->err;
    return job->status;
}

enum status painted_make(const struct painted_options *how, struct err *err)
{
    if (how->count < 1 || how->count > PAINTED_MAX || how->side < 32 ||
        how->side > PAINTED_SIDE_MAX)
        return err_set(err, ERR_ARGUMENT, "%zu pictures of %d pixels cannot be made", how->count,
                       how->side);
    struct job job = {.how = how, .pictures = calloc(how->count, sizeof *job.pictures)};
    if (!job.pictures)
        return err_no_memory(err, "the pictures' plan", how->count * sizeof *job.pictures);
    plan(job.pictures, how);
    pthread_mutex_init(&job.lock, NULL);
    enum status status = dir_make(how->dir, err);
    if (status == OK)
        status = run(&job, err);
    if (status == OK)
        status = write_captions(how, job.pictures, err);
    pthread_mutex_destroy(&job.lock);
    free(job.pictures);
    return status;
}
