/* SPDX-License-Identifier: MIT
 *
 * Private to store/: what a kind of store fills in. The verbs of store.h check their arguments and
 * call these; here every pointer is set (but where it says so), the arguments are sound, and the
 * verbs that write are only called on a store opened for STORE_WRITE, outside store_read_begin()
 * and store_read_end(). The contracts (one transaction per writing verb, order of results, who
 * frees) are store.h's. Results come in emptied; after a failure the verbs of store.h free what is
 * in them.
 */
#ifndef FOVEA_STORE_STORE_OPS_H
#define FOVEA_STORE_STORE_OPS_H

#include "store/store.h"

struct store_ops {
    enum status (*open)(struct store **, const char *location, enum store_mode, struct err *);
    void (*close)(struct store *);
    void (*set_patience)(struct store *, double seconds); /* NULL: there is no server */
    void (*keep_half)(struct store *);                    /* NULL: it does anyway */
    /* err_set(ERR_FORMAT) with what is wrong, and what can be done about it in this kind of store
     */
    enum status (*damaged)(const struct store *, const char *what, struct err *err);
    enum status (*index_lock)(struct store *, struct err *);
    enum status (*index_join)(struct store *, struct err *);
    void (*index_unlock)(struct store *);
    bool (*is_indexing)(struct store *);
    enum status (*read_begin)(struct store *, struct err *);
    void (*read_end)(struct store *);
    enum status (*revision)(struct store *, int64_t *, struct err *);

    /* store_models.h */
    enum status (*model_use)(struct store *, const char *name, const char *fingerprint, int dim,
                             int64_t *model_id, struct err *);
    enum status (*models)(struct store *, struct store_model **, size_t *count, struct err *);
    enum status (*model_active)(struct store *, int64_t *model_id, struct err *);
    enum status (*model_set_active)(struct store *, int64_t model_id, struct err *);
    enum status (*model_remove)(struct store *, int64_t model_id, struct err *);
    /* old: NULL for none */
    enum status (*matrix_load)(struct store *, int64_t model_id, const struct store_matrix *old,
                               struct store_matrix *, struct err *);
    enum status (*vectors_load)(struct store *, int64_t model_id, const int64_t *photo_ids,
                                size_t count, uint16_t *vectors, bool *has, struct err *);
    enum status (*artifacts)(struct store *, int64_t model_id, struct store_artifact **,
                             size_t *count, struct err *);
    enum status (*artifact_put)(struct store *, int64_t model_id, const char *name, const void *,
                                size_t, struct err *);
    enum status (*artifact_get)(struct store *, int64_t model_id, const char *name, void **,
                                size_t *, struct err *);
    enum status (*artifact_remove)(struct store *, int64_t model_id, const char *name,
                                   struct err *);

    /* store_nearest.h; all NULL where the store does not search */
    enum status (*rows_load)(struct store *, int64_t model_id, struct store_matrix *, struct err *);
    enum status (*nearest)(struct store *, int64_t model_id, const struct store_query *,
                           size_t limit, bool indexed, struct store_near *, size_t *found,
                           struct store_nearness *, struct err *);
    enum status (*count_near)(struct store *, int64_t model_id, const struct store_query *,
                              double score, int64_t *count, struct err *);
    enum status (*hnsw_get)(struct store *, int64_t model_id, struct store_hnsw *, struct err *);
    enum status (*hnsw_make)(struct store *, int64_t model_id, int m, int ef_construction,
                             struct err *);
    enum status (*hnsw_drop)(struct store *, int64_t model_id, struct err *);
    enum status (*hnsw_parts)(struct store *, int64_t model_id, struct store_hnsw_part **,
                              size_t *count, struct err *);

    /* store_photos.h */
    enum status (*file_state)(struct store *, int64_t model_id, const struct store_file *,
                              enum file_state *, struct err *);
    enum status (*has_embedding)(struct store *, int64_t model_id, const struct photo_hash *,
                                 bool *has, struct err *);
    enum status (*put_results)(struct store *, int64_t model_id, const struct store_result *,
                               size_t count, struct err *);
    /* root: absolute, without a trailing slash; "" for the whole tree */
    enum status (*paths_under)(struct store *, const char *root, char ***paths, size_t *count,
                               struct err *);
    enum status (*forget_paths)(struct store *, char *const *paths, size_t count, struct err *);
    enum status (*sweep)(struct store *, struct err *);
    enum status (*facts_load)(struct store *, const struct store_matrix *, struct store_facts *,
                              struct err *);
    enum status (*photo_load)(struct store *, int64_t photo_id, struct store_photo *, struct err *);
    /* *photo_id stays 0 if there is none: the verbs of store.h write the text. */
    enum status (*photo_find)(struct store *, const char *path, int64_t *photo_id, struct err *);
    enum status (*photo_find_hash)(struct store *, const struct photo_hash *, int64_t *photo_id,
                                   struct err *);
    /* These two: NULL where asking one by one costs nothing more. */
    enum status (*photos_find)(struct store *, const struct photo_hash *, size_t count,
                               int64_t *photo_ids, struct err *);
    /* 0 among the ids stays a photo without paths */
    enum status (*photos_load)(struct store *, const int64_t *photo_ids, size_t count,
                               struct store_photo *, struct err *);
    enum status (*photo_ids)(struct store *, int64_t **, size_t *count, struct err *);

    /* store_known.h; root: as for paths_under */
    enum status (*known_visit)(struct store *, int64_t model_id, const char *root,
                               store_known_visitor *, void *context, struct err *);
    enum status (*places)(struct store *, struct store_place **, size_t *count, struct err *);
    /* `gone` and `come` have nothing in common */
    enum status (*places_change)(struct store *, const struct store_place *gone, size_t gone_count,
                                 const struct store_place *come, size_t come_count, struct err *);

    /* store_claims.h; NULL where the library is not shared. 0 < count */
    enum status (*claims_offer)(struct store *, int64_t model_id, const char *const *paths,
                                size_t count, struct err *);
    enum status (*claims_take)(struct store *, int64_t model_id, const char *const *paths,
                               size_t count, size_t most, enum claim *, struct err *);
    void (*claims_progress)(struct store *, const struct store_progress *);
    enum status (*indexers)(struct store *, struct store_indexer **, size_t *count, struct err *);

    /* store_shards.h; NULL where there are none */
    enum status (*shards_make)(struct store *, const char *const *urls, size_t count,
                               int64_t *moved, struct err *);
    enum status (*shards_end)(struct store *, int64_t *moved, struct err *);
    enum status (*shards)(struct store *, struct store_shard **, size_t *count, struct err *);

    /* store_labels.h */
    /* positions[i]: the index of labels[i].category in the set, -1 for none of these */
    enum status (*labels_replace)(struct store *, int64_t model_id, const struct store_set *,
                                  const struct store_label *, const int *positions, size_t count,
                                  struct err *);
    enum status (*labels_add)(struct store *, int64_t model_id, const struct store_set *,
                              const struct store_label *, const int *positions, size_t count,
                              struct err *);
    enum status (*labels_load)(struct store *, int64_t model_id, const char *set,
                               const struct store_matrix *, struct store_labels *, struct err *);
    enum status (*label_sets)(struct store *, int64_t model_id, struct store_label_set **,
                              size_t *count, struct err *);
    enum status (*labels_drop)(struct store *, int64_t model_id, const char *set, struct err *);
    enum status (*saved_set_put)(struct store *, const char *name, const char *json, struct err *);
    enum status (*saved_sets)(struct store *, struct store_saved_set **, size_t *count,
                              struct err *);
    /* a < b in each; made_at 0: now */
    enum status (*decisions_put)(struct store *, const struct store_decision *, size_t count,
                                 struct err *);
    enum status (*decisions)(struct store *, struct store_decision **, size_t *count, struct err *);

    /* store_upkeep.h */
    enum status (*summarize)(struct store *, struct store_summary *, struct err *);
    enum status (*failures)(struct store *, struct store_failure **, size_t *count, struct err *);
    enum status (*backup)(struct store *, const char *path, struct err *);
    const char *(*kept_copy)(const struct store *);
};

/* The head of every kind's own struct. */
struct store {
    const struct store_ops *ops;
    enum store_mode mode;
    bool reading; /* between store_read_begin() and store_read_end() */
};

extern const struct store_ops sqlite_store_ops;
#ifdef FOVEA_HAVE_POSTGRES
extern const struct store_ops postgres_store_ops;
/* postgres_health.c, postgres_open.c */
MUST_USE enum status postgres_check(const char *url, struct store_health *, struct err *err);
MUST_USE enum status postgres_name(const char *url, struct str *out, struct err *err);
#endif

/* sqlite_repair.c: a library that may be too damaged to be opened */
MUST_USE enum status sqlite_check(const char *path, struct store_health *, struct err *);
MUST_USE enum status sqlite_repair(const char *path, struct store_repair *, struct err *);

/* store.c: ERR_ARGUMENT on a store that must not be written to now. */
MUST_USE enum status store_require_write(const struct store *, struct err *err);

#endif
