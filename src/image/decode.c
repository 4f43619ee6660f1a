/* SPDX-License-Identifier: MIT
 *
 * One photograph through libvips: loader → colour → strips of rows, pulled on this very thread and
 * written to where the orientation puts them. A region is asked for strip by strip instead of
 * running a libvips pipeline, which would start worker threads per picture; and turning a picture
 * while it is copied out saves the second copy of it in memory that a lossless rotation needs.
 *
 * The words of a failure. libvips has one error buffer for all threads, so what is in it when a
 * decode fails may be another thread's. Decodes therefore hold `failures` for reading; a failed one
 * takes it for writing, which waits until it is alone, empties the buffer and decodes again: what
 * the buffer then says is about this picture. Costs bad files twice their time and good ones
 * nothing. The second attempt's outcome is the one that counts.
 *
 * Decoding smaller than the file (reduce.h) opens the loader a second time, because only the header
 * tells what it may be asked for; opening reads no pixels. What is refused, is refused by the full
 * size.
 */
#include "image/decode.h"
#include "image/colour.h"
#include "image/decoder_wire.h"
#include "image/reduce.h"
#include "image/vips_library.h"

#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STRIP_ROWS 16 /* a row of JPEG blocks */

typedef int load_function(void *content, size_t size, VipsImage **out, ...);

static const struct loader {
    load_function *const *load; /* found when the room is opened */
    const char *nickname;       /* of the operation */
    const char *class;          /* of all its variants, to allow them */
    bool upright; /* the decoder applies the container's orientation; EXIF's is void */
} loaders[FORMAT_COUNT] = {
    [FORMAT_JPEG] = {&vips.jpegload_buffer, "jpegload_buffer", "VipsForeignLoadJpeg", false},
    [FORMAT_PNG] = {&vips.pngload_buffer, "pngload_buffer", "VipsForeignLoadPng", false},
    [FORMAT_WEBP] = {&vips.webpload_buffer, "webpload_buffer", "VipsForeignLoadWebp", false},
    [FORMAT_TIFF] = {&vips.tiffload_buffer, "tiffload_buffer", "VipsForeignLoadTiff", false},
    [FORMAT_GIF] = {&vips.gifload_buffer, "gifload_buffer", "VipsForeignLoadNsgif", false},
    [FORMAT_HEIF] = {&vips.heifload_buffer, "heifload_buffer", "VipsForeignLoadHeif", true},
    [FORMAT_AVIF] = {&vips.heifload_buffer, "heifload_buffer", "VipsForeignLoadHeif", true},
    [FORMAT_JXL] = {&vips.jxlload_buffer, "jxlload_buffer", "VipsForeignLoadJxl", true},
};

static pthread_rwlock_t failures;

static void drop_log(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
    /* Warnings about photographs that are read all the same. */
}

static void allow_only_our_loaders(void)
{
    vips.block_untrusted_set(TRUE);
    vips.operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (loaders[i].load)
            vips.operation_block_set(loaders[i].class, FALSE);
}

/* Decoding a photograph takes blocks of many MB and frees them. glibc would hand each back to the
 * kernel, which clears every page again for the next photograph: a tenth of the time of decoding.
 * Now a thread keeps what its largest photographs needed. */
static void keep_freed_memory(void)
{
#ifdef __GLIBC__
    enum { LARGEST_BLOCK = 32 << 20, KEPT = 128 << 20, AHEAD = 32 << 20 };
    mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK); /* the most glibc takes; above it, as ever */
    mallopt(M_TRIM_THRESHOLD, KEPT);
    mallopt(M_TOP_PAD, AHEAD);
#endif
}

enum status decode_open(struct err *err)
{
    keep_freed_memory();
    enum status status = vips_library_open(err);
    if (status != OK)
        return status;
    if (vips.init("fovea"))
        return err_set(err, ERR_INTERNAL, "cannot start libvips %s", vips.version_string());
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO,
                      drop_log, NULL);
    vips.concurrency_set(1);
    vips.cache_set_max(0);
    allow_only_our_loaders();
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
#ifdef __GLIBC__
    /* glibc's default lets readers overtake for ever; a failed decode must get its turn. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(&failures, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return OK;
}

void decode_close(void)
{
    pthread_rwlock_destroy(&failures);
    vips.shutdown();
}

bool decode_supports(enum image_format format)
{
    return loaders[format].load && vips.type_find("VipsOperation", loaders[format].nickname);
}

/* In a decoding child: where the parent reads the pixels. One picture at a time. */
static uint8_t *given_memory;
static size_t given_bytes;

void decode_put_pixels_at(void *memory, size_t bytes)
{
    given_memory = memory;
    given_bytes = bytes;
}

static bool take_memory(struct image *out, size_t pixels, bool alpha)
{
    if (given_memory) {
        size_t at = decoder_alpha_at(pixels);
        if (at > given_bytes || (alpha && pixels > given_bytes - at))
            return false;
        out->pixels = given_memory;
        out->alpha = alpha ? given_memory + at : NULL;
        return true;
    }
    out->pixels = malloc(pixels * 3);
    out->alpha = alpha ? malloc(pixels) : NULL;
    return out->pixels && (!alpha || out->alpha);
}

void decode_drop_alpha(struct image *image)
{
    if (!given_memory)
        free(image->alpha);
    image->alpha = NULL;
}

void decode_drop_pixels(struct image *image)
{
    decode_drop_alpha(image);
    if (!given_memory)
        free(image->pixels);
    image->pixels = NULL;
}

enum status decode_allocate(struct image *out, int64_t width, int64_t height, bool alpha,
                            struct err *err)
{
    if (width < 1 || height < 1 || width > INT_MAX / 3 || height > INT_MAX)
        return err_set(err, ERR_FORMAT, "a picture of %lld x %lld pixels cannot be right",
                       (long long)width, (long long)height);
    size_t pixels = (size_t)width * (size_t)height; /* < 2^61: no overflow, also not times 3 */
    out->width = out->full_width = (int)width;
    out->height = out->full_height = (int)height;
    out->across = (struct image_span){0, (double)width};
    out->down = (struct image_span){0, (double)height};
    if (!take_memory(out, pixels, alpha)) {
        image_free(out);
        return err_no_memory(err, "the decoded picture", pixels * (alpha ? 4 : 3));
    }
    return OK;
}

void decode_drop_opaque_alpha(struct image *image)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; image->alpha && i < pixels; i++)
        if (image->alpha[i] != 255)
            return;
    decode_drop_alpha(image);
}

/* Pixel (x, y) as stored lies at base + x * dx + y * dy of the upright picture. */
struct placement {
    bool turned; /* width and height change places */
    ptrdiff_t base, dx, dy;
};

/* orientation: EXIF's 1 to 8; w, h: as stored */
static struct placement place(int orientation, ptrdiff_t w, ptrdiff_t h)
{
    switch (orientation) {
    case 2: /* mirrored */
        return (struct placement){false, w - 1, -1, w};
    case 3: /* half a turn */
        return (struct placement){false, w * h - 1, -1, -w};
    case 4: /* upside down and mirrored */
        return (struct placement){false, w * (h - 1), 1, -w};
    case 5: /* rows are columns */
        return (struct placement){true, 0, h, 1};
    case 6: /* to be turned clockwise */
        return (struct placement){true, h - 1, h, -1};
    case 7: /* 5, and half a turn */
        return (struct placement){true, w * h - 1, -h, -1};
    case 8: /* to be turned counter-clockwise */
        return (struct placement){true, h * (w - 1), -h, 1};
    default:
        return (struct placement){false, 0, 1, w};
    }
}

struct job {
    enum image_format format;
    const uint8_t *content;
    size_t size;
    const struct decode_source *source; /* the same, and more */
    const struct image_options *options;
    bool vips_failed; /* the words are in libvips' buffer */
};

static struct image_span mirror(struct image_span span, double size, bool mirrored)
{
    return mirrored ? (struct image_span){size - span.end, size - span.begin} : span;
}

/* What a smaller decode leaves of the picture `full`, as stored. */
static void note_reduction(struct image *out, const struct placement *p, const struct reduction *by,
                           const VipsImage *full, const VipsImage *im)
{
    struct image_span x = {0, reduction_extent(by, full->Xsize, im->Xsize)};
    struct image_span y = {0, reduction_extent(by, full->Ysize, im->Ysize)};
    x = mirror(x, im->Xsize, p->dx < 0);
    y = mirror(y, im->Ysize, p->dy < 0);
    out->across = p->turned ? y : x;
    out->down = p->turned ? x : y;
    out->full_width = p->turned ? full->Ysize : full->Xsize;
    out->full_height = p->turned ? full->Xsize : full->Ysize;
}

/* rgb: [n, 3], from one row of loaded samples */
static void row_to_rgb(uint8_t *rgb, const uint8_t *row, int n, const struct colour *c)
{
    int step = c->channels + c->alpha;
    if (c->channels == 4) {
        colour_cmyk_row(rgb, row, n, step);
        return;
    }
    int green = c->channels == 3 ? 1 : 0;
    for (int x = 0; x < n; x++, row += step, rgb += 3) {
        rgb[0] = row[0];
        rgb[1] = row[green];
        rgb[2] = row[2 * green];
    }
}

static void put_row(struct image *out, const struct placement *p, int y, const uint8_t *row, int n,
                    const struct colour *c, uint8_t *scratch)
{
    const uint8_t *rgb = row;
    if (c->channels != 3 || c->alpha) {
        row_to_rgb(scratch, row, n, c);
        rgb = scratch;
    }
    ptrdiff_t to = p->base + y * p->dy;
    if (p->dx == 1)
        memcpy(out->pixels + to * 3, rgb, (size_t)n * 3);
    else
        for (ptrdiff_t x = 0; x < n; x++)
            memcpy(out->pixels + (to + x * p->dx) * 3, rgb + x * 3, 3);
    if (!out->alpha)
        return;
    int step = c->channels + 1;
    for (ptrdiff_t x = 0; x < n; x++)
        out->alpha[to + x * p->dx] = row[x * step + c->channels];
}

/* Row y of what was prepared, which begins at x = 0. */
static const uint8_t *row_of(const VipsRegion *region, int y)
{
    return region->data + (ptrdiff_t)(y - region->valid.top) * region->bpl;
}

static enum status copy_out(struct image *out, struct job *job, VipsImage *im,
                            const struct placement *p, const struct colour *c, struct err *err)
{
    enum status status = p->turned ? decode_allocate(out, im->Ysize, im->Xsize, c->alpha, err)
                                   : decode_allocate(out, im->Xsize, im->Ysize, c->alpha, err);
    if (status != OK)
        return status;
    VipsRegion *region = vips.region_new(im);
    uint8_t *scratch = malloc((size_t)im->Xsize * 3);
    if (!scratch)
        status = err_no_memory(err, "a row of pixels", (size_t)im->Xsize * 3);
    for (int y = 0; status == OK && y < im->Ysize; y += STRIP_ROWS) {
        VipsRect strip = {0, y, im->Xsize, VIPS_MIN(STRIP_ROWS, im->Ysize - y)};
        if (vips.region_prepare(region, &strip)) {
            job->vips_failed = true;
            status = ERR_FORMAT;
            break;
        }
        for (int i = y; i < y + strip.height; i++)
            put_row(out, p, i, row_of(region, i), im->Xsize, c, scratch);
    }
    free(scratch);
    g_object_unref(region);
    if (status == OK)
        decode_drop_opaque_alpha(out);
    else
        image_free(out);
    return status;
}

/* Opens the loader, which reads the header. As libvips' own functions: 0, or -1. */
static int open_loader(const struct job *job, const struct reduction *by, VipsImage **out)
{
    const struct loader *loader = &loaders[job->format];
    void *content = (void *)(uintptr_t)(by->content ? by->content : job->content);
    size_t size = by->content ? by->size : job->size;
    if (by->shrink > 1 && job->format == FORMAT_JPEG)
        return (*loader->load)(content, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                               VIPS_FAIL_ON_TRUNCATED, "shrink", by->shrink, NULL);
    if (by->shrink > 1)
        return (*loader->load)(content, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                               VIPS_FAIL_ON_TRUNCATED, "scale", 1.0 / by->shrink, NULL);
    return (*loader->load)(content, size, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on",
                           VIPS_FAIL_ON_TRUNCATED, NULL);
}

/* full: the picture as its header tells; loaded: the one to read, smaller or the same */
static enum status read_pixels(struct image *out, struct job *job, VipsImage *full,
                               VipsImage *loaded, const struct reduction *by, struct err *err)
{
    VipsImage *bytes = NULL;
    struct colour colour;
    enum status status = OK;
    job->vips_failed = colour_to_bytes(loaded, job->source->meant, &bytes, &colour) != 0;
    if (!job->vips_failed) {
        if (colour.cmyk)
            memset(out->zero, 255, sizeof out->zero);
        int orientation = job->source->orientation       ? job->source->orientation
                          : loaders[job->format].upright ? 1
                                                         : vips.image_get_orientation(full);
        struct placement p = place(orientation, bytes->Xsize, bytes->Ysize);
        status = copy_out(out, job, bytes, &p, &colour, err);
        if (status == OK && by->shrink > 1)
            note_reduction(out, &p, by, full, bytes);
    }
    g_clear_object(&bytes);
    return status;
}

static enum status attempt(struct image *out, struct job *job, struct err *err)
{
    VipsImage *loaded = NULL, *smaller = NULL;
    struct reduction by = {.shrink = 1};
    enum status status = OK;
    job->vips_failed = open_loader(job, &by, &loaded) != 0;
    if (!job->vips_failed)
        status = format_check_size(loaded->Xsize, loaded->Ysize, job->options->max_megapixels, err);
    if (!job->vips_failed && status == OK)
        status =
            reduction_choose(&by, job->format, job->content, job->size, loaded, job->options, err);
    if (!job->vips_failed && status == OK && by.shrink > 1)
        job->vips_failed = open_loader(job, &by, &smaller) != 0;
    if (!job->vips_failed && status == OK)
        status = read_pixels(out, job, loaded, smaller ? smaller : loaded, &by, err);
    g_clear_object(&smaller);
    g_clear_object(&loaded);
    reduction_free(&by);
    return job->vips_failed ? ERR_FORMAT : status;
}

/* From "VipsJpeg: Premature end of JPEG file\nVipsJpeg: out of order read at line 0\n", the first
 * line without libvips' name for the place. */
static void first_line(char *line, size_t size, const char *text)
{
    size_t end = strcspn(text, "\n"), place = strcspn(text, " \n");
    if (place > 1 && text[place] == ' ' && text[place - 1] == ':') {
        text += place + 1;
        end -= place + 1;
    }
    end = end < size - 1 ? end : size - 1;
    memcpy(line, text, end);
    line[end] = '\0';
}

static enum status explain(const struct job *job, struct err *err)
{
    char line[200];
    const char *text = vips.error_buffer();
    if (strstr(text, "out of memory"))
        return err_set(err, ERR_MEMORY, "not enough memory to decode this %s",
                       format_name(job->format));
    first_line(line, sizeof line, text);
    /* libheif's words for a codec that it was built without. */
    if (strstr(text, "Unsupported codec") || strstr(text, "Unsupported feature"))
        return err_set(err, ERR_UNSUPPORTED, "this kind of %s is not supported by this libvips: %s",
                       format_name(job->format), line);
    return err_set(err, ERR_FORMAT, "damaged or truncated %s: %s", format_name(job->format),
                   *line ? line : "the decoder gave no reason");
}

enum status decode_with_vips(struct image *out, const struct decode_source *source,
                             const struct image_options *options, struct err *err)
{
    struct job job = {source->format, source->content, source->size, source, options, false};
    pthread_rwlock_rdlock(&failures);
    enum status status = attempt(out, &job, err);
    pthread_rwlock_unlock(&failures);
    if (!job.vips_failed)
        return status;
    pthread_rwlock_wrlock(&failures);
    vips.error_clear();
    status = attempt(out, &job, err);
    if (job.vips_failed)
        status = explain(&job, err);
    vips.error_clear();
    pthread_rwlock_unlock(&failures);
    return status;
}
