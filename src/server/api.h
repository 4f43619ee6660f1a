/* SPDX-License-Identifier: MIT
 *
 * The handlers: what the table of routes.c names. Each answers its exchange, whatever happens.
 */
#ifndef FOVEA_SERVER_API_H
#define FOVEA_SERVER_API_H

#include "server/exchange.h"

/* api_search.c */
void api_search(struct exchange *);
void api_similar(struct exchange *);
void compat_search_text(struct exchange *);
void compat_search_image(struct exchange *);

/* api_photos.c */
void api_photos(struct exchange *);
void api_photo(struct exchange *);
void api_facets(struct exchange *);

/* api_pictures.c */
void api_thumbnail(struct exchange *);
void api_original(struct exchange *);
void compat_image(struct exchange *);

/* api_duplicates.c */
void api_duplicates(struct exchange *);
void api_decisions(struct exchange *);
void api_decide(struct exchange *);

/* api_categories.c */
void api_categories(struct exchange *);
void api_categories_try(struct exchange *);
void api_categories_save(struct exchange *);
void api_categories_drop(struct exchange *);
void api_categories_run(struct exchange *);

/* api_map.c */
void api_map(struct exchange *);
void api_groups(struct exchange *);
void api_group(struct exchange *);

/* api_status.c */
void api_openapi(struct exchange *);
void api_health(struct exchange *);
void api_status(struct exchange *);
void api_events(struct exchange *);
void api_login(struct exchange *);
void api_logout(struct exchange *);
/* The event "status" to every listener. */
void api_tell_status(struct server *);

/* page.c */
void page_asset(struct exchange *);

#endif
