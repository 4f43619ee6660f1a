/* SPDX-License-Identifier: MIT
 *
 * The prepared weights of one tower: what is computed from a checkpoint once (converted, folded,
 * packed for the matrix products) and only read from then on. Sections follow each other in the
 * order in which the tower asks for them; a section has no name.
 *
 * They are in memory, or in a file that later processes map: the pages are shared between
 * processes, read when touched, and dropped by the system at will. The file:
 *
 *     header    struct packed_header: magic, version, key, sizes, hash of header and table
 *     table     {offset, bytes, hash} of each section
 *     sections  64-byte aligned
 *
 * The key is a hash of everything that the content depends on: the checkpoint, the precision, the
 * packing. A file with another key, of another size, or whose hashes do not fit is no error of
 * anybody: packed_open() says ERR_FORMAT, and the caller builds it again. It is written beside and
 * renamed when it is whole, so that a reader never sees half of one, and several writers at once
 * do no harm.
 */
#ifndef FOVEA_CLIP_PACKED_H
#define FOVEA_CLIP_PACKED_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { PACKED_SECTIONS_MAX = 1 << 14, PACKED_KEY_BYTES = 16 };

struct packed_key {
    uint8_t bytes[PACKED_KEY_BYTES];
};

/* Read-only; any number of threads. */
struct packed;

/* Maps a file and checks all of it, with `threads` threads, which also brings its pages into
 * memory. ERR_NOT_FOUND, ERR_IO, ERR_MEMORY; ERR_FORMAT for what has to be built again. */
MUST_USE enum status packed_open(struct packed **out, const char *path, const struct packed_key *,
                                 int threads, struct err *err);
void packed_close(struct packed *); /* NULL-safe */

/* ERR_FORMAT unless there is such a section and it has that many bytes. 64-byte aligned. */
MUST_USE enum status packed_section(const struct packed *, size_t index, size_t bytes,
                                    const void **out, struct err *err);

/* Sections, one after the other: begin, fill the memory, end. After a failure only close. */
struct packed_writer;

/* path: the file to be, or NULL for memory. */
MUST_USE enum status packed_writer_open(struct packed_writer **out, const char *path,
                                        const struct packed_key *, struct err *err);
MUST_USE enum status packed_writer_begin(struct packed_writer *, size_t bytes, void **out,
                                         struct err *err);
MUST_USE enum status packed_writer_end(struct packed_writer *, struct err *err);
/* What was written, ready to be read; a file has its name from here on. The writer is empty then
 * and has still to be closed. */
MUST_USE enum status packed_writer_finish(struct packed_writer *, struct packed **out,
                                          struct err *err);
void packed_writer_close(struct packed_writer *); /* NULL-safe; removes an unfinished file */

#endif
