/* SPDX-License-Identifier: MIT
 *
 * Vectors spread over other servers. A library in PostgreSQL stays where it is, but the rows of its
 * tables of vectors go, by the hash of the photo's id, to tables on other servers (the shards),
 * which answer a search side by side. Everything else about them stays as it was.
 */
#ifndef FOVEA_STORE_STORE_SHARDS_H
#define FOVEA_STORE_STORE_SHARDS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct store;

enum { STORE_SHARDS_MAX = 64 };

/* Moves the vectors of every model that are not spread yet to these servers, each a postgres://
 * URL (its schema=NAME: where the tables are made there; "fovea"). In one transaction of the
 * library's own server: after a failure everything is where it was. Needs the index lock.
 * ERR_UNSUPPORTED for a store that cannot, ERR_ARGUMENT for a shard that holds a library or other
 * vectors. *moved: how many vectors. */
MUST_USE enum status store_shards_make(struct store *, const char *const *urls, size_t count,
                                       int64_t *moved, struct err *err);
/* Brings all of them back, and forgets the servers; the tables there are left empty. */
MUST_USE enum status store_shards_end(struct store *, int64_t *moved, struct err *err);

struct store_shard {
    char server[64]; /* "fovea shard 1: host:port/name" */
    char model[256];
    int64_t vectors;            /* -1: it does not answer … */
    char trouble[ERR_TEXT_MAX]; /* … because of this */
};
/* One for each model and shard; freed with free(). None where nothing is spread. */
MUST_USE enum status store_shards(struct store *, struct store_shard **shards, size_t *count,
                                  struct err *err);

#endif
