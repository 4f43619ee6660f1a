/* SPDX-License-Identifier: MIT
 *
 * Damaged pictures: every file of a folder, cut at many places and with bytes changed. Whatever
 * comes of it, a picture or an error, must keep image.h's promises; run it under the sanitizers.
 *
 * usage: test-image-damage DIR [ROUNDS]      FOVEA_TEST_SEED chooses the places
 */
#include "base/file.h"
#include "image/image.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state;
static int pictures, errors;

static uint32_t random_below(uint32_t n) /* splitmix64, upper half */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

/* Reads every byte of the outcome, so that a sanitizer sees what is not there. */
static bool check(const uint8_t *content, size_t size)
{
    static const struct image_options options = {.max_megapixels = 4};
    struct image image;
    struct err err = {0};
    enum status status = image_decode(&image, content, size, &options, &err);
    if (status != OK) {
        errors++;
        return err.status == status && *err.text && !image.pixels && !image.alpha;
    }
    pictures++;
    volatile uint8_t sum = 0;
    size_t pixels = (size_t)image.width * (size_t)image.height;
    for (size_t i = 0; i < pixels * 3; i++)
        sum = (uint8_t)(sum + image.pixels[i]);
    for (size_t i = 0; image.alpha && i < pixels; i++)
        sum = (uint8_t)(sum + image.alpha[i]);
    bool ok = image.width > 0 && image.height > 0 && (double)pixels <= 4e6;
    image_free(&image);
    return ok;
}

/* A copy of its own size, so that reading past the end is seen. */
static bool damage(const struct file_bytes *good, int round)
{
    size_t size = good->size;
    if (round % 3 == 0)
        size = random_below((uint32_t)size);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return false;
    memcpy(copy, good->data, size);
    uint32_t changes = round % 3 == 0 || size == 0 ? 0 : 1 + random_below(8);
    for (uint32_t i = 0; i < changes; i++) {
        /* Half of them in the first 512 bytes, where the headers are. */
        size_t reach = i & 1 && size > 512 ? 512 : size;
        copy[random_below((uint32_t)reach)] = (uint8_t)random_below(256);
    }
    bool ok = check(copy, size);
    free(copy);
    return ok;
}

static int damage_all(const char *dir, int rounds)
{
    struct dirent **entries;
    struct err err;
    int n = scandir(dir, &entries, NULL, alphasort), bad = 0;
    for (int i = 0; i < n; i++) {
        char path[1024];
        struct file_bytes good;
        snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
        bool plain = entries[i]->d_name[0] != '.';
        free(entries[i]);
        if (!plain || file_read(&good, path, 1 << 24, &err) != OK)
            continue;
        for (int round = 0; round < rounds; round++)
            if (!damage(&good, round)) {
                printf("FAIL %s, round %d\n", path, round);
                bad++;
            }
        file_bytes_free(&good);
    }
    if (n >= 0)
        free(entries);
    printf("%d pictures, %d errors, %d broken promises\n", pictures, errors, bad);
    return bad || pictures + errors == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("FOVEA_TEST_SEED");
    struct err err;
    random_state = seed ? strtoull(seed, NULL, 10) : 1;
    printf("FOVEA_TEST_SEED=%llu\n", (unsigned long long)random_state);
    if (argc < 2 || image_room_open(&err) != OK) {
        printf("usage: %s DIR [ROUNDS]\n", argv[0]);
        return EXIT_FAILURE;
    }
    int result = damage_all(argv[1], argc > 2 ? atoi(argv[2]) : 60);
    image_room_close();
    return result;
}
