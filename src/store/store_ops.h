/* SPDX-License-Identifier: MIT
 *
 * Private to store/: what a kind of store fills in. The verbs of store.h check their arguments and
 * call these; here every pointer is set, the arguments are sound, and the verbs that write are only
 * called on a store opened for STORE_WRITE. The contracts (one transaction per writing verb, order
 * of results, who frees) are store.h's.
 */
#ifndef FOVEA_STORE_STORE_OPS_H
#define FOVEA_STORE_STORE_OPS_H

#include "store/store.h"

struct store_ops {
    enum status (*open)(struct store **, const char *location, enum store_mode, struct err *);
    void (*close)(struct store *);

    enum status (*index_lock)(struct store *, struct err *);
    void (*index_unlock)(struct store *);

    enum status (*model_use)(struct store *, const char *name, const char *fingerprint, int dim,
                             int64_t *model_id, struct err *);
    enum status (*models)(struct store *, struct store_model **, size_t *count, struct err *);

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

    enum status (*matrix_load)(struct store *, int64_t model_id, struct store_matrix *,
                               struct err *);

    /* positions[i]: the index of labels[i].category in names, -1 for none of these */
    enum status (*labels_replace)(struct store *, int64_t model_id, const char *set_json,
                                  const char *const *names, size_t name_count,
                                  const struct store_label *, const int *positions, size_t count,
                                  struct err *);
    enum status (*labels_load)(struct store *, int64_t model_id, const struct store_matrix *,
                               struct store_labels *, struct err *);

    enum status (*summarize)(struct store *, struct store_summary *, struct err *);
    enum status (*failures)(struct store *, struct store_failure **, size_t *count, struct err *);
};

/* The head of every kind's own struct. */
struct store {
    const struct store_ops *ops;
    enum store_mode mode;
};

extern const struct store_ops sqlite_store_ops;

#endif
