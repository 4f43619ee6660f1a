/* SPDX-License-Identifier: MIT
 *
 * A file of prepared weights. Hashes guard it, which no mutation gets past by itself: they are put
 * right, with the first byte odd, so that what stands behind them is tried too. Every section of
 * what opens lies in the file.
 */
#include "fuzz.h"

#include "clip/packed.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* The layout that packed.h describes. */
struct head {
    char magic[8];
    uint32_t version, sections;
    uint64_t file_bytes;
    struct packed_key key;
    uint64_t hash;
};
struct section {
    uint64_t offset, bytes, hash;
};
enum { SECTIONS = 16 };

static void put_right(uint8_t *file, size_t size)
{
    struct head head;
    struct section table[SECTIONS];
    memcpy(&head, file, sizeof head);
    if (head.sections > SECTIONS || head.sections * sizeof *table > size - sizeof head)
        return;
    memcpy(table, file + sizeof head, head.sections * sizeof *table);
    for (uint32_t i = 0; i < head.sections; i++)
        if (table[i].offset <= size && table[i].bytes <= size - table[i].offset)
            table[i].hash = XXH3_64bits(file + table[i].offset, table[i].bytes);
    memcpy(file + sizeof head, table, head.sections * sizeof *table);
    memcpy(head.magic, "fovea-w", 8);
    head.file_bytes = size;
    memset(&head.key, 0, sizeof head.key);
    head.hash = 0;
    uint64_t seed = XXH3_64bits(&head, sizeof head);
    head.hash = XXH3_64bits_withSeed(file + sizeof head, head.sections * sizeof *table, seed);
    memcpy(file, &head, sizeof head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct packed_key key;
    struct fuzz_input in = {data, size};
    struct packed *packed;
    struct err err = {0};
    bool right = fuzz_take_byte(&in) & 1;
    uint8_t *file = fuzz_take_rest(&in, &size);
    if (right && size >= sizeof(struct head))
        put_right(file, size);
    enum status status = packed_open(&packed, fuzz_file(0, file, size), &key, 1, &err);
    if (status != OK) {
        FUZZ_CHECK(!packed);
        fuzz_check_error(status, &err);
    }
    for (uint32_t i = 0; status == OK && i < SECTIONS; i++) {
        struct section s;
        const void *bytes;
        size_t at = sizeof(struct head) + i * sizeof s;
        if (at + sizeof s > size)
            break;
        memcpy(&s, file + at, sizeof s);
        if (packed_section(packed, i, s.bytes, &bytes, &err) == OK)
            fuzz_touch(bytes, s.bytes);
    }
    packed_close(packed);
    free(file);
    return 0;
}
