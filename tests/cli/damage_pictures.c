/* SPDX-License-Identifier: MIT
 *
 * damage-pictures OUT COUNT SEED FOLDER...: so many damaged pictures, made of those in the folders
 * and of tiny ones in the formats that few folders have (HEIF, AVIF, JPEG XL, TIFF of 16 bits,
 * interlaced PNG; those that this libvips writes). Each kind of damage in turn; the name says
 * which:
 *
 *   bits     1 to 64 bits flipped, half of the times within the first 1024 bytes
 *   cut      the end is missing
 *   more     something follows: zeros, noise, or another picture
 *   named    whole, with the extension of another format
 *   hole     a part is zero or noise
 *   splice   the beginning of one picture, then the end of another
 *   sizes    two or four bytes within the head are a number that nobody expects
 */
#include "base/file.h"
#include "image/image.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

enum { SOURCES_MAX = 4096, FILE_MAX = 16 << 20 };

static struct source {
    struct file_bytes bytes;
    char extension[16];
} sources[SOURCES_MAX];
static size_t source_count;

static uint64_t state;

static uint32_t below(size_t n) /* splitmix64, upper half */
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return n ? (uint32_t)(((z ^ z >> 31) >> 32) % n) : 0;
}

/* --- sources ------------------------------------------------------------------------------- */

static void take_folder(const char *dir)
{
    struct dirent **entries;
    struct err err;
    const int n = scandir(dir, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        const char *name = entries[i]->d_name, *dot = strrchr(name, '.');
        snprintf(path, sizeof path, "%s/%s", dir, name);
        if (name[0] != '.' && image_name_is_photo(name) && source_count < SOURCES_MAX &&
            file_read(&sources[source_count].bytes, path, FILE_MAX, &err) == OK)
            snprintf(sources[source_count++].extension, sizeof sources[0].extension, "%.15s",
                     dot + 1);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

static void make_one(VipsImage *im, const char *suffix, const char *extension)
{
    void *bytes;
    size_t size;
    if (source_count == SOURCES_MAX ||
        vips_image_write_to_buffer(im, suffix, &bytes, &size, NULL)) {
        vips_error_clear();
        return;
    }
    struct source *source = &sources[source_count];
    source->bytes.data = malloc(size);
    if (source->bytes.data) {
        memcpy(source->bytes.data, bytes, size);
        source->bytes.size = size;
        snprintf(source->extension, sizeof source->extension, "%s", extension);
        source_count++;
    }
    g_free(bytes);
}

/* Something with edges and noise. */
static void make_rare_formats(void)
{
    enum { W = 96, H = 64 };
    static uint8_t rgb[W * H * 3];
    VipsImage *wide = NULL;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i % 3 * 60 + i / 3 % W * 2 + (i / 3 / W > H / 2 ? 90 : 0) + below(20));
    VipsImage *im = vips_image_new_from_memory(rgb, sizeof rgb, W, H, 3, VIPS_FORMAT_UCHAR);
    im->Type = VIPS_INTERPRETATION_sRGB;
    make_one(im, ".heic", "heic");
    make_one(im, ".avif", "avif");
    make_one(im, ".jxl", "jxl");
    make_one(im, ".tif[compression=lzw,tile]", "tif");
    make_one(im, ".png[interlace]", "png");
    make_one(im, ".gif", "gif");
    make_one(im, ".webp[lossless]", "webp");
    if (!vips_cast(im, &wide, VIPS_FORMAT_USHORT, "shift", TRUE, NULL)) {
        make_one(wide, ".tif[compression=deflate]", "tiff");
        make_one(wide, ".png", "png");
        g_object_unref(wide);
    }
    g_object_unref(im);
}

/* --- damage -------------------------------------------------------------------------------- */

struct picture {
    uint8_t *data; /* [size], room for 2 * FILE_MAX */
    size_t size;
    char extension[16];
};

static void flip_bits(struct picture *p)
{
    const size_t reach = below(2) && p->size > 1024 ? 1024 : p->size;
    for (uint32_t n = 1 + below(64); n > 0 && p->size > 0; n--)
        p->data[below(reach)] ^= (uint8_t)(1 << below(8));
}

static void cut(struct picture *p)
{
    p->size = below(p->size);
}

static void append(struct picture *p)
{
    const struct source *other = &sources[below(source_count)];
    const uint32_t what = below(3);
    const size_t size = what == 2 ? other->bytes.size : 1 + below(65536);
    if (what == 2)
        memcpy(p->data + p->size, other->bytes.data, size);
    for (size_t i = 0; what < 2 && i < size; i++)
        p->data[p->size + i] = what == 0 ? 0 : (uint8_t)below(256);
    p->size += size;
}

static void rename_it(struct picture *p)
{
    static const char *const extensions[] = {"jpg",  "png", "webp", "tif", "gif", "heic",
                                             "avif", "jxl", "bmp",  "dng", "nef", "cr2",
                                             "cr3",  "arw", "raf",  "orf", "rw2"};
    snprintf(p->extension, sizeof p->extension, "%s",
             extensions[below(sizeof extensions / sizeof extensions[0])]);
}

static void make_hole(struct picture *p)
{
    const size_t at = below(p->size), size = below(p->size - at) / 4 + 1;
    const bool noise = below(2);
    for (size_t i = at; i < at + size && i < p->size; i++)
        p->data[i] = noise ? (uint8_t)below(256) : 0;
}

static void splice(struct picture *p)
{
    const struct source *other = &sources[below(source_count)];
    const size_t at = below(p->size), from = below(other->bytes.size);
    memcpy(p->data + at, other->bytes.data + from, other->bytes.size - from);
    p->size = at + other->bytes.size - from;
}

static void change_sizes(struct picture *p)
{
    static const uint32_t numbers[] = {0,      1,       0x7f,       0xff,       0x7fff,
                                       0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
    const size_t head = p->size < 600 ? p->size : 600;
    for (uint32_t n = 1 + below(3); n > 0 && head > 8; n--) {
        const uint32_t number = numbers[below(sizeof numbers / sizeof numbers[0])];
        memcpy(p->data + below(head - 4), &number, below(2) ? 2 : 4);
    }
}

static const struct {
    const char *name;
    void (*make)(struct picture *);
} kinds[] = {{"bits", flip_bits}, {"cut", cut},       {"more", append},       {"named", rename_it},
             {"hole", make_hole}, {"splice", splice}, {"sizes", change_sizes}};

static bool damage(const char *out, int number, uint8_t *room)
{
    const size_t kind = (size_t)number % (sizeof kinds / sizeof kinds[0]);
    const struct source *source = &sources[below(source_count)];
    struct picture p = {.data = room, .size = source->bytes.size};
    struct err err;
    char path[4096];
    memcpy(room, source->bytes.data, p.size);
    memcpy(p.extension, source->extension, sizeof p.extension);
    kinds[kind].make(&p);
    snprintf(path, sizeof path, "%s/%05d-%s-%s.%s", out, number, kinds[kind].name,
             source->extension, p.extension);
    const bool ok = file_write(path, room, p.size, &err) == OK;
    if (!ok)
        fprintf(stderr, "%s\n", err.text);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err;
    if (argc < 5 || image_room_open(&err) != OK)
        return 2;
    const int count = atoi(argv[2]);
    state = strtoull(argv[3], NULL, 10);
    printf("seed %s: ", argv[3]);
    make_rare_formats();
    for (int i = 4; i < argc; i++)
        take_folder(argv[i]);
    uint8_t *room = malloc((size_t)2 * FILE_MAX + 65536);
    bool ok = room && source_count > 0;
    for (int i = 0; ok && i < count; i++)
        ok = damage(argv[1], i, room);
    printf("%d damaged pictures of %zu\n", count, source_count);
    for (size_t i = 0; i < source_count; i++)
        file_bytes_free(&sources[i].bytes);
    free(room);
    image_room_close();
    return ok ? 0 : 1;
}
