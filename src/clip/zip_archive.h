/* SPDX-License-Identifier: MIT
 *
 * The directory of a zip archive in memory, for archives whose entries are stored uncompressed and
 * are read in place. Source: PKWARE's APPNOTE 6.3.10, 4.3 (layout) and 4.5.3 (zip64, for entries
 * and archives past 4 GB).
 *
 * After opening: every entry is stored, not encrypted, lies inside the archive, overlaps no other
 * (no byte belongs to two), agrees with its local header, and has a name of its own. Checksums are
 * not looked at: PyTorch may be told to write none, and a flipped bit in a weight is not what the
 * checks here are about.
 */
#ifndef FOVEA_CLIP_ZIP_ARCHIVE_H
#define FOVEA_CLIP_ZIP_ARCHIVE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZIP_ENTRIES_MAX = 1 << 18, ZIP_NAME_MAX = 512 };

struct zip_entry {
    const char *name; /* in the archive's bytes, not terminated */
    size_t name_size;
    const uint8_t *data; /* [size] */
    uint64_t size;
    const uint8_t *header; /* the local one, in front of the data */
};

struct zip_archive {
    struct zip_entry *entries; /* [count], sorted by name */
    size_t count;
};

/* data: [size], has to outlive the archive. ERR_FORMAT says what is damaged, ERR_UNSUPPORTED which
 * entry is compressed or encrypted, ERR_LIMIT past the limits above. */
MUST_USE enum status zip_open(struct zip_archive *out, const uint8_t *data, size_t size,
                              struct err *err);
void zip_close(struct zip_archive *); /* harmless on a zeroed one */

/* NULL when there is none. */
const struct zip_entry *zip_find(const struct zip_archive *, const char *name);

#endif
