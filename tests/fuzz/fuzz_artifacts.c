/* SPDX-License-Identifier: MIT
 *
 * What is kept of maps, neighbour graphs and groups, damaged. The first byte says which is asked
 * for; the artifact is what follows, its hash put right, or else none would get past it. Whatever
 * comes of it, the answer fits the library: places in the unit ball, neighbours among the rows,
 * groups of all rows. Where the artifact is of no use everything is made anew; that is cut short,
 * since it is not what is looked at here.
 */
#include "fuzz.h"
#include "rig.h"

#include "library/photo_groups.h"
#include "library/photo_map.h"
#include "library/snapshot.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static struct store *store;
static const struct snapshot *snapshot;
static struct team *team;
static const void *artifact; /* what the store "has" */
static size_t artifact_size;
static const char *wanted; /* under the names that begin so */

enum status __wrap_store_artifact_get(struct store *, int64_t model_id, const char *name,
                                      void **bytes, size_t *size, struct err *err);
enum status __wrap_store_artifact_put(struct store *, int64_t model_id, const char *name,
                                      const void *bytes, size_t size, struct err *err);

enum status __wrap_store_artifact_get(struct store *s, int64_t model_id, const char *name,
                                      void **bytes, size_t *size, struct err *err)
{
    if (strncmp(name, wanted, strlen(wanted)) != 0)
        return err_set(err, ERR_NOT_FOUND, "there is none");
    *bytes = malloc(artifact_size ? artifact_size : 1);
    FUZZ_CHECK(*bytes);
    if (artifact_size)
        memcpy(*bytes, artifact, artifact_size);
    *size = artifact_size;
    return OK;
}

enum status __wrap_store_artifact_put(struct store *s, int64_t model_id, const char *name,
                                      const void *bytes, size_t size, struct err *err)
{
    return OK;
}

static void close_all(void)
{
    team_close(team);
    snapshot_unref(snapshot);
    store_close(store);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err err = {0};
    int64_t model;
    FUZZ_CHECK_OK(store_open(&store, rig_path("library"), STORE_WRITE, &err), &err);
    rig_fill(store);
    FUZZ_CHECK_OK(store_model_active(store, &model, &err), &err);
    FUZZ_CHECK_OK(snapshot_open(&snapshot, store, model, SNAPSHOT_BYTES_NEVER, NULL, &err), &err);
    FUZZ_CHECK_OK(team_open(&team, 1, &err), &err);
    atexit(close_all);
    return 0;
}

static void try_map(const struct map_watch *watch, enum map_method method)
{
    struct photo_map map = {0};
    struct err err = {0};
    struct photo_map_options options = photo_map_defaults;
    options.method = method;
    options.watch = watch;
    options.neighbours = 5;
    options.threads = 1;
    enum status status = photo_map_get(&map, snapshot, store, &options, &err);
    if (status != OK) {
        fuzz_check_error(status, &err);
        return;
    }
    FUZZ_CHECK(map.count == RIG_PICTURES && map.dim == 3);
    for (size_t i = 0; i < map.count; i++) {
        const float *p = map.positions + 3 * i;
        double square = (double)p[0] * p[0] + (double)p[1] * p[1] + (double)p[2] * p[2];
        FUZZ_CHECK(square <= 1.001); /* and is a number */
        FUZZ_CHECK(map.placed[i] <= 1);
    }
    FUZZ_CHECK(map.placed_count <= map.count);
    photo_map_free(&map);
}

static void try_graph(const struct map_watch *watch)
{
    struct knn_graph g;
    struct err err = {0};
    enum status status = photo_graph_get(&g, snapshot, store, 4, team, watch, &err);
    if (status != OK) {
        fuzz_check_error(status, &err);
        return;
    }
    FUZZ_CHECK(g.count == RIG_PICTURES && g.k >= 1 && g.k < RIG_PICTURES);
    for (size_t i = 0; i < g.count * (size_t)g.k; i++)
        FUZZ_CHECK(g.ids[i] < g.count && g.distances[i] >= 0);
    knn_free(&g);
}

static void try_groups(const struct map_watch *watch)
{
    struct photo_groups groups = {0};
    struct err err = {0};
    struct photo_groups_options options = photo_groups_defaults;
    options.watch = watch;
    options.threads = 1;
    enum status status = photo_groups_get(&groups, snapshot, store, NULL, &options, &err);
    if (status != OK) {
        fuzz_check_error(status, &err);
        return;
    }
    size_t sum = groups.outliers;
    FUZZ_CHECK(groups.rows == RIG_PICTURES);
    for (size_t g = 0; g < groups.count; g++) {
        sum += groups.items[g].size;
        for (size_t i = 0; i < groups.items[g].typical_count; i++)
            FUZZ_CHECK(groups.items[g].typical[i] < groups.rows);
    }
    FUZZ_CHECK(sum == groups.rows);
    for (size_t i = 0; i < groups.rows; i++)
        FUZZ_CHECK(groups.of[i] >= -1 && groups.of[i] < (int)groups.count);
    photo_groups_free(&groups);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const atomic_bool cancel = true;
    const struct map_watch watch = {.cancel = &cancel};
    struct fuzz_input in = {data, size};
    uint8_t which = fuzz_take_byte(&in);
    uint8_t *bytes = fuzz_take_rest(&in, &size);
    if (size >= 2 * sizeof(uint64_t)) {
        uint64_t hash = XXH3_64bits(bytes, size - sizeof hash);
        memcpy(bytes + size - sizeof hash, &hash, sizeof hash);
    }
    artifact = bytes;
    artifact_size = size;
    wanted = which % 4 == 0   ? "graph"
             : which % 4 == 1 ? "groups"
             : which % 4 == 2 ? "map"
                              : "vocab";
    if (which % 4 == 0)
        try_graph(&watch);
    else if (which % 4 == 2)
        try_map(&watch, which & 4 ? MAP_PCA : MAP_UMAP);
    else
        try_groups(&watch);
    free(bytes);
    return 0;
}
