/* SPDX-License-Identifier: MIT
 *
 * A file of prepared weights. Hashes guard it, which no mutation gets past by itself: they are put
 * right, with the first byte odd, so that what stands behind them is tried too. Every section of
 * what opens lies in the file. With its second bit the bytes are lengths of sections, which are
 * written (its third bit: into a file, which is opened again) and have to be there as they were.
 */
#include "fuzz.h"
#include "rig.h"

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

static const struct packed_key key;

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

static void check_written(const struct packed *packed, const uint8_t *lengths, size_t count)
{
    struct err err = {0};
    const void *bytes;
    for (size_t i = 0; i < count; i++) {
        size_t size = lengths[i] * 3u;
        FUZZ_CHECK_OK(packed_section(packed, i, size, &bytes, &err), &err);
        FUZZ_CHECK((uintptr_t)bytes % 64 == 0);
        for (size_t k = 0; k < size; k++)
            FUZZ_CHECK(((const uint8_t *)bytes)[k] == lengths[i]);
        FUZZ_CHECK(packed_section(packed, i, size + 1, &bytes, &err) != OK);
    }
    FUZZ_CHECK(packed_section(packed, count, 0, &bytes, &err) != OK);
}

static void write_sections(const uint8_t *lengths, size_t count, bool to_file)
{
    const char *path = to_file ? rig_path("written") : NULL;
    struct packed_writer *writer;
    struct packed *packed = NULL, *again = NULL;
    struct err err = {0};
    FUZZ_CHECK_OK(packed_writer_open(&writer, path, &key, &err), &err);
    for (size_t i = 0; i < count; i++) {
        void *section;
        FUZZ_CHECK_OK(packed_writer_begin(writer, lengths[i] * 3u, &section, &err), &err);
        memset(section, lengths[i], lengths[i] * 3u);
        FUZZ_CHECK_OK(packed_writer_end(writer, &err), &err);
    }
    FUZZ_CHECK_OK(packed_writer_finish(writer, &packed, &err), &err);
    packed_writer_close(writer);
    check_written(packed, lengths, count);
    packed_close(packed);
    if (!path)
        return;
    FUZZ_CHECK_OK(packed_open(&again, path, &key, 2, &err), &err);
    check_written(again, lengths, count);
    packed_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct packed *packed;
    struct err err = {0};
    uint8_t what = fuzz_take_byte(&in);
    if (what & 2) {
        write_sections(in.data, in.size < SECTIONS ? in.size : SECTIONS, what & 4);
        return 0;
    }
    uint8_t *file = fuzz_take_rest(&in, &size);
    if (what & 1 && size >= sizeof(struct head))
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
