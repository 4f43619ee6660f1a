/* SPDX-License-Identifier: MIT
 *
 * What takes too long for a request: the maps and the natural groups. A thread makes them when they
 * are first asked for, one after the other, and tells the listeners (event "made"); what was made
 * is kept in the library, so after a restart it is a matter of reading.
 *
 * When the library has changed since, the older one goes on being given while a newer one is made:
 * it belongs to its own view of the library.
 */
#ifndef FOVEA_SERVER_MAKING_H
#define FOVEA_SERVER_MAKING_H

#include "base/status.h"
#include "library/photo_groups.h"
#include "library/photo_map.h"
#include "server/live.h"

enum made_kind { MADE_UMAP, MADE_TSNE, MADE_PCA, MADE_GROUPS, MADE_KINDS }; /* maps: map_method */

struct made {
    const struct view *view; /* whose rows it has */
    struct photo_map map;
    struct photo_groups groups;
};

struct making;
struct server;

MUST_USE enum status making_open(struct making **out, struct server *, struct err *err);
/* Makes them stop, and waits. */
void making_close(struct making *); /* NULL-safe; everything has been given back */

/* What is there, or NULL: then *elapsed_s says for how long it has been asked for, and *err (status
 * OK: nothing went wrong) why the last try failed. Give it back. */
const struct made *making_get(struct making *, enum made_kind, double *elapsed_s, struct err *err);
void making_release(struct making *, const struct made *); /* NULL-safe */

#endif
