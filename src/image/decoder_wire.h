/* SPDX-License-Identifier: MIT
 *
 * What parent and child of a decoder say to each other. Internal to the image room.
 *
 * A socket of whole messages (SOCK_SEQPACKET) carries a hello from the child, then a request and a
 * reply for each picture; both sides are the same program, so messages are plain structs. Bytes and
 * pixels lie in memory that both map, a sealed memfd whose size nobody can change:
 *
 *     0                  DECODER_INPUT_BYTES                          + output_bytes
 *     │ the file's content, or a sidecar's │ pixels, then alpha from the next 64 bytes on │
 *
 * Pages that were never touched do not exist. The parent copies a reply before it looks at it, and
 * reads of the memory only pixels, each value of which is a valid one.
 */
#ifndef FOVEA_IMAGE_DECODER_WIRE_H
#define FOVEA_IMAGE_DECODER_WIRE_H

#include "image/image.h"
#include "meta/photo_meta.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The sanitizers' shadow memory is all of the address space: it cannot be limited. */
#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DECODER_MEMORY_UNLIMITED
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define DECODER_MEMORY_UNLIMITED
#endif

enum { DECODER_SOCKET = 3, DECODER_MEMORY = 4 }; /* numbers of the child's files */
enum { DECODER_IDLE_S = 30 };                    /* after which a child ends */

#define DECODER_INPUT_BYTES IMAGE_MAX_FILE_BYTES
#define DECODER_MAGIC 0x466f7631u /* "Fov1" */
#define DECODER_ENV_OUTPUT "FOVEA_DECODER_OUTPUT_BYTES"
#define DECODER_ENV_MEMORY "FOVEA_DECODER_MEMORY_BYTES"

struct decoder_hello {
    uint32_t magic;
    enum status status;
    int landlock_abi, threads;
    bool seccomp;
    char text[ERR_TEXT_MAX];
};

enum decoder_kind { DECODER_PICTURE, DECODER_META, DECODER_SIDECAR };

struct decoder_request {
    enum decoder_kind kind;
    bool want_meta; /* of a picture */
    uint64_t size;  /* bytes of input */
    struct image_options options;
};

struct decoder_reply {
    enum status status;
    char text[ERR_TEXT_MAX];
    struct image image; /* its pointers are nothing: pixels and alpha are where they have to be */
    uint8_t has_alpha;
    struct photo_meta meta;
};

/* Where alpha begins, from the beginning of the output. */
static inline uint64_t decoder_alpha_at(uint64_t pixels)
{
    return (pixels * 3 + 63) / 64 * 64;
}

#endif
