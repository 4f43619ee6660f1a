/* SPDX-License-Identifier: MIT
 *
 * Every limit of the server, in one place. docs/server.md lists them with their reasons.
 */
#ifndef FOVEA_SERVER_LIMITS_H
#define FOVEA_SERVER_LIMITS_H

enum {
    /* Of a request. */
    HEAD_BYTES_MAX = 32 << 10, /* memory of a connection: request line, headers, answer's headers */
    URI_BYTES_MAX = 8 << 10,
    URI_SEGMENTS_MAX = 8,
    URI_PARAMS_MAX = 32,
    JSON_BODY_MAX = 1 << 20, /* bytes of a body that is not a form */
    JSON_DEPTH_MAX = 16,
    UPLOAD_BYTES_MAX = 32 << 20, /* bytes of an uploaded picture */
    FORM_BYTES_MAX = 33 << 20,   /* bytes of a form, all pictures of it together */
    DRAIN_BYTES_MAX = 128 << 20, /* a refused body is read up to here, so that the answer arrives */
    PARTS_MAX = 24,              /* of a form */
    PART_HEAD_MAX = 4 << 10,
    UPLOADS_MAX = 8, /* pictures in one form */
    PHRASES_MAX = 16,
    PHRASE_BYTES_MAX = 4 << 10,
    RESULTS_MAX = 1000, /* in one answer */
    OFFSET_MAX = 1000000,
    COMPAT_RESULTS_MAX = 60,
    COMPAT_RESULTS = 12, /* the default of the compatible endpoints */
    RESULTS = 60,        /* and of the others */

    /* Of all requests together. */
    CONNECTIONS = 1024, /* the default of --connections */
    CONNECTIONS_MAX = 65536,
    BODIES_BYTES_MAX = 256 << 20, /* bodies held at once */
    STREAMS_MAX = 64,             /* listeners of /api/v1/events */

    /* Lanes: threads, and requests that may wait for one. */
    QUERY_THREADS = 16,
    QUERY_WAITING = 512,
    PICTURE_WAITING = 512,
    HEAVY_THREADS = 2,
    HEAVY_WAITING = 32,
    ENCODER_WAITING = 256, /* phrases and pictures before the model */
    TEXT_BATCH = 16,       /* phrases in one forward pass */
    IMAGE_BATCH = 4,
    ENCODER_CACHE = 256, /* phrases whose vectors are remembered */

    /* Seconds. */
    IDLE_SECONDS = 30,  /* from the connection's begin, or its last answer, to the end of a head */
    BODY_SECONDS = 60,  /* from there to the body's end */
    STALL_SECONDS = 20, /* without a byte in either direction */
    SEND_SECONDS = 60,  /* for an answer, and a second more for each of these: */
    SEND_BYTES_PER_SECOND = 64 << 10,
    STOP_SECONDS = 10,      /* for what is in flight when the server is stopped */
    HEARTBEAT_SECONDS = 15, /* between comments on /api/v1/events */
    RETRY_SECONDS = 2,      /* of Retry-After */
};

#define UPLOAD_MEGAPIXELS 100.0
#define UPLOADS_DECODED 2  /* at once: 300 MB each at the most */
#define VIEW_SIDE_MAX 4096 /* pixels of a photograph that is converted for browsers */

#endif
