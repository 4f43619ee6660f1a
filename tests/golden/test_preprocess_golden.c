/* SPDX-License-Identifier: MIT
 *
 * Decoding and preprocessing against open_clip's and Pillow's own output:
 * DIR/images/FILE → DIR/preprocessed/FILE.MODE-INTERPOLATION-SIZE.png.
 *
 * Lossless sources must be equal in every byte. JPEG and lossy WebP may differ where the decoder
 * does, by 0.5 of 255 in the mean at the most. Every comparison is printed.
 *
 * usage: test-preprocess-golden DIR     without DIR: $FOVEA_SHARED/golden, skipped if unset
 */
#include "clip/preprocess.h"
#include "image/image.h"
#include "library/picture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED 77
#define LOSSY_MEAN_LIMIT 0.5

static bool parse_case(struct preprocess *p, char *file, size_t file_size, const char *name)
{
    char stem[256], mode[16], interpolation[16];
    int size;
    struct err err;
    size_t length = strlen(name);
    if (length < 5 || length >= sizeof stem || strcmp(name + length - 4, ".png") != 0)
        return false;
    snprintf(stem, sizeof stem, "%.*s", (int)length - 4, name);
    char *dot = strrchr(stem, '.');
    if (!dot || sscanf(dot, ".%15[a-z]-%15[a-z]-%d", mode, interpolation, &size) != 3)
        return false;
    snprintf(file, file_size, "%.*s", (int)(dot - stem), stem);
    *p = preprocess_default(size);
    return resize_mode_parse(&p->resize_mode, mode, &err) == OK &&
           interpolation_parse(&p->interpolation, interpolation, &err) == OK;
}

static bool is_lossy(const char *file)
{
    return strstr(file, ".jpg") || strcmp(file, "lossy.webp") == 0;
}

static bool compare(const char *dir, const char *name)
{
    struct preprocess p;
    struct err err;
    char file[256], path[1024];
    struct image expected;
    if (!parse_case(&p, file, sizeof file, name)) {
        printf("FAIL %s: not FILE.MODE-INTERPOLATION-SIZE.png\n", name);
        return false;
    }
    size_t size = (size_t)p.size * (size_t)p.size * 3, differing = 0;
    uint8_t *got = malloc(size);
    snprintf(path, sizeof path, "%s/images/%s", dir, file);
    bool ok = got && picture_square_file(got, path, &p, NULL, &err) == OK;
    snprintf(path, sizeof path, "%s/preprocessed/%s", dir, name);
    if (!ok || image_decode_file(&expected, path, NULL, &err) != OK) {
        printf("FAIL %s: %s\n", name, got ? err.text : "no memory");
        free(got);
        return false;
    }
    int largest = 0;
    double sum = 0;
    ok = expected.width == p.size && expected.height == p.size;
    for (size_t i = 0; ok && i < size; i++) {
        int d = abs(got[i] - expected.pixels[i]);
        differing += d != 0;
        largest = d > largest ? d : largest;
        sum += d;
    }
    ok = ok && (is_lossy(file) ? sum / (double)size <= LOSSY_MEAN_LIMIT : differing == 0);
    printf("%s %-48s %zu bytes differ, mean %.4f, largest %d\n", ok ? "ok  " : "FAIL", name,
           differing, sum / (double)size, largest);
    image_free(&expected);
    free(got);
    return ok;
}

static int compare_all(const char *dir)
{
    char path[1024];
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/preprocessed", dir);
    int n = scandir(path, &entries, NULL, alphasort), bad = 0, seen = 0;
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            bad += !compare(dir, entries[i]->d_name);
            seen++;
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    printf("%d compared, %d failed\n", seen, bad);
    return bad || !seen ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    char dir[512];
    struct err err;
    const char *shared = getenv("FOVEA_SHARED");
    if (argc < 2 && (!shared || !*shared)) {
        printf("skipped: FOVEA_SHARED is not set, so the full reference outputs are not at hand\n");
        return SKIPPED;
    }
    snprintf(dir, sizeof dir, "%s%s", argc > 1 ? argv[1] : shared, argc > 1 ? "" : "/golden");
    if (image_room_open(&err) != OK) {
        printf("FAIL %s\n", err.text);
        return EXIT_FAILURE;
    }
    int result = compare_all(dir);
    image_room_close();
    return result;
}
