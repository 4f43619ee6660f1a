/* SPDX-License-Identifier: MIT
 *
 * The page: the assets that are compiled in, and the login by address, /?token=…, which leaves a
 * cookie and an address without the token. The page itself holds nothing secret, so it is served
 * without a token: it asks for one when the API does.
 */
#include "server/api.h"

#include "server/assets.h"
#include "server/internal.h"

#include <stdlib.h>
#include <string.h>

/* Everything from here, nothing from elsewhere; no script in a page that is not in a file of ours;
 * in nobody's frame. blob: and data: are pictures of the page's own making (a dropped file). */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "                   \
    "img-src 'self' blob: data:; connect-src 'self'; worker-src 'self' blob:; "                    \
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

static int compare_path(const void *key, const void *item)
{
    return strcmp(key, ((const struct asset *)item)->path);
}

static const struct asset *find_asset(const struct uri *uri)
{
    char path[512] = "";
    size_t size = 0;
    for (size_t i = 0; i < uri->segment_count; i++) {
        size_t length = strlen(uri->segments[i]);
        if (size + 1 + length >= sizeof path)
            return NULL;
        path[size++] = '/';
        memcpy(path + size, uri->segments[i], length + 1);
        size += length;
    }
    return bsearch(size ? path : "/index.html", assets, assets_count, sizeof *assets, compare_path);
}

static bool takes_gzip(const struct exchange *x)
{
    const char *accepted = x->headers.accept_encoding;
    const char *found = accepted ? strstr(accepted, "gzip") : NULL;
    return found && strncmp(found + 4, ";q=0", 4) != 0;
}

static bool logged_in_by_address(struct exchange *x)
{
    const char *token = uri_param(&x->uri, "token");
    if (!token || x->uri.segment_count > 0)
        return false;
    bool answered;
    if (gate_try_token(&x->server->gate, x, token, &answered))
        gate_set_cookie(&x->server->gate, x);
    if (answered)
        return true;
    reply_static(x, 303, NULL, "", 0);
    reply_header(x, "Location", "/");
    return true;
}

void page_asset(struct exchange *x)
{
    if (logged_in_by_address(x))
        return;
    const struct asset *asset = find_asset(&x->uri);
    if (!asset) {
        reply_error(x, 404, "there is no such address");
        return;
    }
    bool gzip = asset->gzip && takes_gzip(x);
    reply_header(x, "Content-Security-Policy", "%s", PAGE_POLICY);
    reply_header(x, "Cache-Control", "%s",
                 asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    reply_header(x, "Cross-Origin-Opener-Policy", "same-origin");
    reply_header(x, "Permissions-Policy", "camera=(), microphone=(), geolocation=()");
    if (asset->gzip)
        reply_header(x, "Vary", "Accept-Encoding");
    if (reply_not_modified(x, gzip ? asset->gzip_etag : asset->etag))
        return;
    if (gzip)
        reply_header(x, "Content-Encoding", "gzip");
    reply_static(x, 200, asset->content_type, gzip ? asset->gzip : asset->bytes,
                 gzip ? asset->gzip_size_bytes : asset->size_bytes);
}
