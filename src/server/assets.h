/* SPDX-License-Identifier: MIT
 *
 * The page, as web/build.mjs compiles it into the program: one const table, sorted bytewise by
 * path. Everything is in it that the page ever asks for besides the API. A path whose last part
 * carries a hash of its content (everything below /assets/) never changes: `immutable`.
 */
#ifndef FOVEA_SERVER_ASSETS_H
#define FOVEA_SERVER_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path;         /* "/index.html" (which is also "/"), "/assets/index-B2k4dR9a.js" */
    const char *content_type; /* "text/html; charset=utf-8" */
    const char *etag;         /* strong, with its quotes; of `bytes` */
    const char *gzip_etag;    /* of `gzip`: another representation has another tag; or NULL */
    bool immutable;
    const unsigned char *bytes;
    size_t size_bytes;
    const unsigned char *gzip; /* the same, compressed; NULL where that does not pay */
    size_t gzip_size_bytes;
};

extern const struct asset assets[];
extern const size_t assets_count;

#endif
