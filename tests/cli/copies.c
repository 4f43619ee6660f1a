/* SPDX-License-Identifier: MIT
 *
 * How well duplicates are found, on copies of which it is known how they were made.
 *
 *   copies make SOURCES OUT LIMIT
 *       From each picture in the folder SOURCES (and below), LIMIT at the most, a folder OUT/000,
 *       OUT/001 and so on, with an original of 768 pixels and one copy of each kind below.
 *   copies score ORIGINALS FLOOR...
 *       Reads `fovea duplicates --tier all --json`. For each kind, how many each tier has found;
 *       for each tier, how many of its pairs are right. Exit status 1 if a floor is not reached:
 *       "KIND=PERCENT" found by the kind's tier or a narrower one, "TIER=PERCENT" right.
 */
#include <dirent.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vips/vips.h>

enum tier { BYTES, PICTURE, MOMENT, SIMILAR, TIERS };
static const char *const tiers[TIERS] = {"same-bytes", "same-picture", "same-moment", "similar"};

enum change { COPY, RESIZE, COMPRESS, LIGHTEN, TURN, MIRROR, CROP, BURST };
static const struct kind {
    const char *name, *ending;
    enum change change;
    double amount;
    int quality;
    bool bare; /* without metadata */
    enum tier tier;
} kinds[] = {
    {"copied", "jpg", COPY, 0, 0, false, BYTES},
    {"resized-50", "jpg", RESIZE, 0.5, 85, false, PICTURE},
    {"resized-25", "jpg", RESIZE, 0.25, 85, true, PICTURE},
    {"recompressed-40", "jpg", COMPRESS, 0, 40, false, PICTURE},
    {"recompressed-15", "jpg", COMPRESS, 0, 15, true, PICTURE},
    {"converted-webp", "webp", COMPRESS, 0, 80, true, PICTURE},
    {"converted-png", "png", COMPRESS, 0, 0, true, PICTURE},
    {"lighter", "jpg", LIGHTEN, 1.15, 90, true, PICTURE},
    {"turned-90", "jpg", TURN, 1, 90, true, PICTURE},
    {"turned-180", "jpg", TURN, 2, 90, true, PICTURE},
    {"mirrored", "jpg", MIRROR, 0, 90, true, PICTURE},
    {"cropped-2", "jpg", CROP, 0.02, 90, true, PICTURE},
    {"cropped-5", "jpg", CROP, 0.05, 90, true, SIMILAR},
    {"cropped-10", "jpg", CROP, 0.10, 90, true, SIMILAR},
    {"cropped-20", "jpg", CROP, 0.20, 90, true, SIMILAR},
    {"burst-1", "jpg", BURST, 1, 90, false, MOMENT},
    {"burst-2", "jpg", BURST, 2, 90, false, MOMENT},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void die(const char *what)
{
    fprintf(stderr, "copies: %s: %s\n", what, vips_error_buffer());
    exit(2);
}

/* Pictures that are read whole: some operations want to go back. */
static VipsImage *settle(VipsImage *image)
{
    VipsImage *memory = vips_image_copy_memory(image);
    if (!memory)
        die("memory");
    g_object_unref(image);
    return memory;
}

static void date(VipsImage *image, int number, int seconds)
{
    char text[64];
    snprintf(text, sizeof text, "2020:%02d:%02d 12:00:%02d", 1 + number / 28 % 12, 1 + number % 28,
             seconds);
    vips_image_set_string(image, "exif-ifd2-DateTimeOriginal", text);
    vips_image_set_string(image, "exif-ifd0-Make", "Test");
    vips_image_set_string(image, "exif-ifd0-Model", "Test 1");
    vips_image_remove(image, "exif-ifd2-SubSecTimeOriginal");
    vips_image_remove(image, "exif-ifd2-OffsetTimeOriginal");
    vips_image_remove(image, "xmp-data");
    vips_image_remove(image, "iptc-data");
}

static VipsImage *window(VipsImage *in, double left, double top, double side)
{
    VipsImage *out = NULL;
    if (vips_extract_area(in, &out, (int)(in->Xsize * left), (int)(in->Ysize * top),
                          (int)(in->Xsize * side), (int)(in->Ysize * side), NULL))
        die("crop");
    return out;
}

static VipsImage *change(VipsImage *in, const struct kind *kind, int number)
{
    VipsImage *out = NULL, *wide = NULL;
    int failed = 0;
    switch (kind->change) {
    case RESIZE:
        failed = vips_resize(in, &out, kind->amount, NULL);
        break;
    case LIGHTEN:
        failed =
            vips_linear1(in, &wide, kind->amount, 4, NULL) || vips_cast_uchar(wide, &out, NULL);
        break;
    case TURN:
        failed = vips_rot(in, &out, (VipsAngle)kind->amount, NULL);
        break;
    case MIRROR:
        failed = vips_flip(in, &out, VIPS_DIRECTION_HORIZONTAL, NULL);
        break;
    case CROP: /* off every side */
        out = window(in, kind->amount, kind->amount, 1 - 2 * kind->amount);
        break;
    case BURST: /* the camera moves, and a little nearer */
        out = window(in, 0.02 * kind->amount, 0.03, 0.92 - 0.01 * kind->amount);
        break;
    default:
        failed = vips_copy(in, &out, NULL);
    }
    if (failed)
        die(kind->name);
    if (wide)
        g_object_unref(wide);
    out = settle(out);
    date(out, number, kind->change == BURST ? (int)kind->amount : 0);
    return out;
}

static void write_picture(VipsImage *image, const char *path, int quality, bool bare)
{
    const char *ending = strrchr(path, '.');
    int failed = strcmp(ending, ".png") == 0
                     ? vips_pngsave(image, path, "strip", bare, "compression", 1, NULL)
                 : strcmp(ending, ".webp") == 0
                     ? vips_webpsave(image, path, "Q", quality, "strip", bare, "effort", 0, NULL)
                     : vips_jpegsave(image, path, "Q", quality, "strip", bare, NULL);
    if (failed)
        die(path);
}

static void copy_file(const char *from, const char *to)
{
    gchar *bytes;
    gsize size;
    if (!g_file_get_contents(from, &bytes, &size, NULL) ||
        !g_file_set_contents(to, bytes, (gssize)size, NULL))
        die(to);
    g_free(bytes);
}

static void make(const char *source, const char *out, int number)
{
    char path[4096], original[4096];
    VipsImage *image = NULL, *srgb = NULL;
    if (vips_thumbnail(source, &image, 768, "height", 768, "size", VIPS_SIZE_DOWN, NULL) ||
        vips_colourspace(image, &srgb, VIPS_INTERPRETATION_sRGB, NULL))
        die(source);
    g_object_unref(image);
    image = settle(srgb);
    vips_image_remove(image, VIPS_META_ICC_NAME); /* applied by the thumbnail where it matters */
    date(image, number, 0);
    snprintf(path, sizeof path, "%s/%03d", out, number);
    if (mkdir(path, 0777) != 0)
        die(path);
    snprintf(original, sizeof original, "%s/%03d/original.jpg", out, number);
    write_picture(image, original, 92, false);
    for (int k = 0; k < KINDS; k++) {
        snprintf(path, sizeof path, "%s/%03d/%s.%s", out, number, kinds[k].name, kinds[k].ending);
        if (kinds[k].change == COPY) {
            copy_file(original, path);
            continue;
        }
        VipsImage *copy = change(image, &kinds[k], number);
        write_picture(copy, path, kinds[k].quality, kinds[k].bare);
        g_object_unref(copy);
    }
    g_object_unref(image);
}

static void make_all(const char *dir, const char *out, int limit, int *number)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat st;
        const char *name = entries[i]->d_name, *dot = strrchr(name, '.');
        snprintf(path, sizeof path, "%s/%s", dir, name);
        /* Near repeats of the sample library would be right and count as wrong. */
        bool is_picture =
            dot && (strcmp(dot, ".jpg") == 0) && !strstr(name, "-small-") && !strstr(name, "-web-");
        if (name[0] != '.' && *number < limit && stat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                make_all(path, out, limit, number);
            else if (is_picture)
                make(path, out, (*number)++);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free((void *)entries);
}

/* --- scoring ---------------------------------------------------------------------------------- */

enum { FOLDERS_MAX = 1000, FILES = KINDS + 1 }; /* the last is the original */

struct score {
    int leader[FOLDERS_MAX][FILES];
    int right[TIERS], pairs[TIERS];
};

/* .../OUT/012/resized-50.jpg → 12 and the kind; KINDS: the original. */
static int parse(const char *path, int *kind)
{
    const char *base = strrchr(path, '/');
    int number = atoi(base - 3);
    *kind = KINDS;
    for (int k = 0; k < KINDS; k++) {
        size_t n = strlen(kinds[k].name);
        if (strncmp(base + 1, kinds[k].name, n) == 0 && base[1 + n] == '.')
            *kind = k;
    }
    if (number < 0 || number >= FOLDERS_MAX)
        die(path);
    return number;
}

static int leader_of(const int *leader, int file)
{
    while (leader[file] != file)
        file = leader[file];
    return file;
}

static void score_group(struct score *score, const json_t *group, int tier)
{
    const json_t *members = json_object_get(group, "members");
    int kept = -1, kept_kind = -1;
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *path = json_object_get(json_array_get(members, i), "path");
        int kind, number = parse(json_string_value(path), &kind);
        if (i == 0) {
            kept = number;
            kept_kind = kind;
            continue;
        }
        score->pairs[tier]++;
        score->right[tier] += number == kept;
        if (number == kept) {
            int *leader = score->leader[number];
            leader[leader_of(leader, kind)] = leader_of(leader, kept_kind);
        }
    }
}

static int percent(int part, int of)
{
    return of ? part * 100 / of : 100;
}

static int check_floor(const char *floor, const char *name, int reached)
{
    size_t n = strlen(name);
    if (strncmp(floor, name, n) != 0 || floor[n] != '=' || reached >= atoi(floor + n + 1))
        return 0;
    printf("below the floor: %s, reached %d\n", floor, reached);
    return 1;
}

/* A copy is found in the narrowest tier whose groups, with those of the narrower ones, connect it
 * with the original. */
static void run_tiers(struct score *score, const json_t *groups, int originals,
                      int found[KINDS][TIERS])
{
    for (int n = 0; n < FOLDERS_MAX; n++)
        for (int f = 0; f < FILES; f++)
            score->leader[n][f] = f;
    for (int t = 0; t < TIERS; t++) {
        for (size_t g = 0; g < json_array_size(groups); g++) {
            const json_t *group = json_array_get(groups, g);
            if (strcmp(json_string_value(json_object_get(group, "tier")), tiers[t]) == 0)
                score_group(score, group, t);
        }
        for (int k = 0; k < KINDS; k++)
            for (int n = 0; n < originals; n++)
                found[k][t] += leader_of(score->leader[n], k) == leader_of(score->leader[n], KINDS);
    }
}

static int score_all(int originals, char **floors, int floor_count)
{
    static struct score score;
    int found[KINDS][TIERS] = {{0}}, failed = 0; /* in the tier or a narrower one */
    json_error_t where;
    json_t *root = json_loadf(stdin, 0, &where);
    if (!root || originals < 1 || originals > FOLDERS_MAX)
        die(where.text);
    run_tiers(&score, json_object_get(root, "groups"), originals, found);
    printf("found by          %10s %12s %11s %8s  of %d\n", tiers[0], tiers[1], tiers[2], tiers[3],
           originals);
    for (int k = 0; k < KINDS; k++) {
        int recall = percent(found[k][kinds[k].tier], originals);
        printf("%-16s  %10d %12d %11d %8d  recall %d%% in %s\n", kinds[k].name, found[k][0],
               found[k][1], found[k][2], found[k][3], recall, tiers[kinds[k].tier]);
        for (int f = 0; f < floor_count; f++)
            failed |= check_floor(floors[f], kinds[k].name, recall);
    }
    for (int t = 0; t < TIERS; t++) {
        int precision = percent(score.right[t], score.pairs[t]);
        printf("%-16s  %d of %d pairs right: precision %d%%\n", tiers[t], score.right[t],
               score.pairs[t], precision);
        for (int f = 0; f < floor_count; f++)
            failed |= check_floor(floors[f], tiers[t], precision);
    }
    json_decref(root);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "make") == 0) {
        int number = 0;
        if (VIPS_INIT(argv[0]))
            die("libvips");
        vips_concurrency_set(1);
        make_all(argv[2], argv[3], atoi(argv[4]), &number);
        printf("%d\n", number);
        vips_shutdown();
        return number == 0;
    }
    if (argc >= 3 && strcmp(argv[1], "score") == 0)
        return score_all(atoi(argv[2]), argv + 3, argc - 3);
    fprintf(stderr, "copies make SOURCES OUT LIMIT | copies score ORIGINALS FLOOR...\n");
    return 2;
}
