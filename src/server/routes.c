/* SPDX-License-Identifier: MIT
 *
 * See routes.h.
 */
#include "server/routes.h"

#include "base/str.h"
#include "server/api.h"

#include <string.h>

#define V1 "/api/v1/"

const struct route routes[] = {
    {METHOD_GET, "/api/health", LANE_NONE, BODY_NONE, true, api_health},
    {METHOD_POST, "/api/search/text", LANE_QUERY, BODY_JSON, false, compat_search_text},
    {METHOD_POST, "/api/search/image", LANE_QUERY, BODY_FORM, false, compat_search_image},
    {METHOD_GET, "/images/{name}", LANE_PICTURE, BODY_NONE, false, compat_image},

    {METHOD_GET, V1 "openapi.json", LANE_NONE, BODY_NONE, true, api_openapi},
    {METHOD_POST, V1 "session", LANE_NONE, BODY_JSON, true, api_login},
    {METHOD_DELETE, V1 "session", LANE_NONE, BODY_NONE, true, api_logout},
    {METHOD_GET, V1 "status", LANE_QUERY, BODY_NONE, false, api_status},
    {METHOD_GET, V1 "events", LANE_NONE, BODY_NONE, false, api_events},

    {METHOD_POST, V1 "search", LANE_QUERY, BODY_JSON_OR_FORM, false, api_search},
    {METHOD_GET, V1 "photos", LANE_QUERY, BODY_NONE, false, api_photos},
    {METHOD_GET, V1 "photos/{id}", LANE_QUERY, BODY_NONE, false, api_photo},
    {METHOD_GET, V1 "photos/{id}/thumbnail", LANE_PICTURE, BODY_NONE, false, api_thumbnail},
    {METHOD_GET, V1 "photos/{id}/original", LANE_PICTURE, BODY_NONE, false, api_original},
    {METHOD_GET, V1 "photos/{id}/similar", LANE_QUERY, BODY_NONE, false, api_similar},
    {METHOD_GET, V1 "facets", LANE_QUERY, BODY_NONE, false, api_facets},

    {METHOD_GET, V1 "duplicates", LANE_HEAVY, BODY_NONE, false, api_duplicates},
    {METHOD_GET, V1 "duplicates/decisions", LANE_HEAVY, BODY_NONE, false, api_decisions},
    {METHOD_POST, V1 "duplicates/decisions", LANE_HEAVY, BODY_JSON, false, api_decide},

    {METHOD_GET, V1 "categories", LANE_QUERY, BODY_NONE, false, api_categories},
    {METHOD_POST, V1 "categories/try", LANE_HEAVY, BODY_JSON, false, api_categories_try},
    {METHOD_PUT, V1 "categories/{set}", LANE_HEAVY, BODY_JSON, false, api_categories_save},
    {METHOD_DELETE, V1 "categories/{set}", LANE_HEAVY, BODY_NONE, false, api_categories_drop},
    {METHOD_POST, V1 "categories/{set}/run", LANE_HEAVY, BODY_JSON, false, api_categories_run},

    {METHOD_GET, V1 "groups", LANE_QUERY, BODY_NONE, false, api_groups},
    {METHOD_GET, V1 "groups/{group}", LANE_QUERY, BODY_NONE, false, api_group},
    {METHOD_GET, V1 "map", LANE_QUERY, BODY_NONE, false, api_map},
    {0},
};

static const struct route page = {METHOD_GET, "", LANE_NONE, BODY_NONE, true, page_asset};

/* Segment by segment; what stands at a {…} is captured. */
static bool matches(const struct route *route, struct exchange *x)
{
    size_t captured = 0, i = 0;
    const char *at = route->path;
    for (; *at == '/' && i < x->uri.segment_count; i++) {
        size_t length = strcspn(++at, "/");
        const char *segment = x->uri.segments[i];
        if (*at == '{')
            x->captured[captured++] = segment;
        else if (strlen(segment) != length || memcmp(segment, at, length) != 0)
            return false;
        at += length;
    }
    return *at == '\0' && i == x->uri.segment_count;
}

static bool allows(unsigned methods, enum method method)
{
    return methods & method || (method == METHOD_HEAD && methods & METHOD_GET);
}

/* The literal segment "try" is a better match than {set}: it stands first in the table. */
bool route_find(struct exchange *x)
{
    unsigned known = 0;
    for (const struct route *route = routes; route->run; route++) {
        if (!matches(route, x))
            continue;
        if (allows(route->methods, x->method)) {
            x->route = route;
            return true;
        }
        known |= route->methods;
    }
    bool api = x->uri.segment_count > 0 && (strcmp(x->uri.segments[0], "api") == 0 ||
                                            strcmp(x->uri.segments[0], "images") == 0);
    if (!known && !api)
        known = page.methods;
    if (!known) {
        reply_error(x, 404, "there is no such address");
        return false;
    }
    if (!api && allows(page.methods, x->method)) {
        x->route = &page;
        return true;
    }
    reply_error(x, 405, "this address does not have the method");
    reply_header(x, "Allow", "%s%s%s%sOPTIONS", known & METHOD_GET ? "GET, HEAD, " : "",
                 known & METHOD_POST ? "POST, " : "", known & METHOD_PUT ? "PUT, " : "",
                 known & METHOD_DELETE ? "DELETE, " : "");
    return false;
}
