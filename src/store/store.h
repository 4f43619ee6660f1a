/* SPDX-License-Identifier: MIT
 *
 * A library: the verbs in which the rest of fovea speaks to wherever it is kept. Today that is one
 * SQLite file; the struct of function pointers behind it (store_ops.h) is private to the room.
 *
 * The nouns:
 *   photo      content, identified by its hash; the same bytes in two places are one photo
 *   file       a path at which a photo was last seen, with the size and mtime it had then
 *   failure    a path whose content could not be used, with the reason and the size and mtime
 *   model      name + fingerprint + dimension; owns embeddings
 *   embedding  one L2-normalised vector (float16) per photo and model
 *   labels     the result of one classification of one photo
 *
 * A photo that no path names counts nowhere: no reader sees it. It is removed, with its embeddings
 * and labels, when its last path is forgotten, or else by store_sweep(); until then a path that is
 * found to hold its content takes it up again, vector and all.
 *
 * Paths are absolute byte strings. A store is used by one thread at a time; several processes may
 * have the same library open (after fork(), the child must not use or close what its parent has
 * open, nor open that library itself). Every verb that writes is one transaction: it happens wholly
 * or not. Strings and arrays that are handed in are not kept.
 * Errors: ERR_ARGUMENT (also: a verb that writes on a store opened for reading), ERR_NOT_FOUND,
 * ERR_IO (disk full, read-only), ERR_FORMAT (not a library, damaged), ERR_UNSUPPORTED (made by a
 * newer fovea), ERR_BUSY (another process holds it too long). The texts name the library file.
 */
#ifndef FOVEA_STORE_STORE_H
#define FOVEA_STORE_STORE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_mode {
    STORE_READ,  /* the library must exist; nothing is written, also on read-only media */
    STORE_WRITE, /* made if it is not there; migrated if it is older */
};

MUST_USE enum status store_open(struct store **out, const char *path, enum store_mode,
                                struct err *err);
void store_close(struct store *); /* NULL-safe */

/* The right to index this library, held by one process at a time until store_close() or
 * store_index_unlock() (or the process's end, however it ends). ERR_BUSY names the holder's pid. */
MUST_USE enum status store_index_lock(struct store *, struct err *err);
void store_index_unlock(struct store *);

/* --- models ------------------------------------------------------------------------------- */

struct store_model {
    int64_t id;
    char name[256]; /* as the user calls it */
    char fingerprint[33];
    int dim;
    int64_t embeddings; /* how many photos have one */
};

/* Finds the model by fingerprint, or adds it (STORE_WRITE; ERR_NOT_FOUND in STORE_READ). Two names
 * for the same fingerprint are one model; the newest name is kept. ERR_FORMAT if the dimension
 * differs from the stored one. */
MUST_USE enum status store_model_use(struct store *, const char *name, const char *fingerprint,
                                     int dim, int64_t *model_id, struct err *err);
/* All models, newest use first; *models is freed by the caller with free(). */
MUST_USE enum status store_models(struct store *, struct store_model **models, size_t *count,
                                  struct err *err);

/* --- indexing ----------------------------------------------------------------------------- */

struct photo_hash {
    uint8_t bytes[16]; /* XXH3-128 of the file's content, big-endian (canonical form) */
};

struct store_file {
    const char *path;
    int64_t size_bytes;
    int64_t mtime_ns; /* since 1970, UTC */
};

enum file_state {
    FILE_NEW,             /* path unknown, or its size or mtime differ from the last time */
    FILE_UNCHANGED,       /* known, and its photo has this model's embedding */
    FILE_NEEDS_EMBEDDING, /* known and unchanged, but this model has no vector for it */
    FILE_FAILED_BEFORE,   /* failed the last time, and has not changed since */
};

/* What an index run has to do about a file. */
MUST_USE enum status store_file_state(struct store *, int64_t model_id, const struct store_file *,
                                      enum file_state *state, struct err *err);

/* Whether a photo with this hash has this model's embedding. While the index lock is held, "yes"
 * stays true until the path is put: photos that lose their last path remain until the sweep. */
MUST_USE enum status store_has_embedding(struct store *, int64_t model_id,
                                         const struct photo_hash *, bool *has, struct err *err);

/* One result of indexing a file. With `vector`, the photo and its embedding are added (or kept, if
 * there); without, the photo must be known already (a copy, a moved file). `failure` excludes both:
 * the path is recorded as failed and no longer names a photo. But a path that names a photo goes on
 * naming it, as if the failure had not been put, when it is still the photo's content that failed
 * (with another model) and when the failure is transient. */
struct store_result {
    struct store_file file;
    struct photo_hash hash;
    int width, height; /* upright, in pixels; 0 when unknown */
    char format[12];
    const uint16_t *vector; /* [dim] float16, normalised; NULL if already stored */
    const char *failure;    /* reason, or NULL */
    bool transient; /* with failure: the system's and not the content's (unreadable just now, no
                       memory); the hash may be unknown, the path stays FILE_NEW */
};

/* Records results in one transaction. */
MUST_USE enum status store_put_results(struct store *, int64_t model_id,
                                       const struct store_result *, size_t count, struct err *err);

/* Every known path (files and failures) under `root` ("/a/b" covers "/a/b" and "/a/b/…"), sorted
 * bytewise, as one block to be freed with free(): (*paths)[0 .. *count). */
MUST_USE enum status store_paths_under(struct store *, const char *root, char ***paths,
                                       size_t *count, struct err *err);
/* Forgets paths, known or not; photos that no path names any more go with their embeddings and
 * labels. At the end of a run, that is: after the files that may hold the same content were put. */
MUST_USE enum status store_forget_paths(struct store *, char *const *paths, size_t count,
                                        struct err *err);

/* Removes the photos that no path names. For the end of a run that has looked at everything: after
 * one that was cut short, the next may find their content where this one did not get to. */
MUST_USE enum status store_sweep(struct store *, struct err *err);

/* --- reading ------------------------------------------------------------------------------ */

/* Every embedding of a model whose photo has at least one path. Rows are sorted by path; a photo
 * with several paths has one row, under the bytewise first. */
struct store_matrix {
    size_t count;
    int dim;
    uint16_t *vectors;  /* [count, dim] float16, 64-byte aligned */
    int64_t *photo_ids; /* [count] */
    char **paths;       /* [count] */
    void *block;        /* owns the path bytes */
};
MUST_USE enum status store_matrix_load(struct store *, int64_t model_id, struct store_matrix *out,
                                       struct err *err);
void store_matrix_free(struct store_matrix *);

/* --- labels ------------------------------------------------------------------------------- */

struct store_label {
    int64_t photo_id;
    const char *category; /* NULL: none of these */
    double confidence, margin;
    bool uncertain;
    const float *probabilities; /* [category count] in the set's order */
};

/* Replaces the model's current classification: the set of categories (JSON text as the user gave
 * it, names in order) and one label per photo. Older labels of this model are gone. Labels of
 * photos that another process has removed meanwhile are left out. */
MUST_USE enum status store_labels_replace(struct store *, int64_t model_id, const char *set_json,
                                          const char *const *names, size_t name_count,
                                          const struct store_label *, size_t count,
                                          struct err *err);

/* The current label of each of the matrix's rows: categories[i] is NULL where there is none, or
 * where it is "none of these"; confidences[i] is 0 where there is none. Both arrays have `count`
 * entries; strings live until store_labels_free(). */
struct store_labels {
    const char **categories; /* [count] */
    double *confidences;     /* [count] */
    void *block;
};
MUST_USE enum status store_labels_load(struct store *, int64_t model_id,
                                       const struct store_matrix *, struct store_labels *out,
                                       struct err *err);
void store_labels_free(struct store_labels *);

/* --- status ------------------------------------------------------------------------------- */

struct store_summary {
    int64_t photos, files, failures; /* `files` are the paths that name a photo */
    int64_t labelled;                /* photos with a label of any model */
    int64_t file_bytes;              /* of the files, copies counted each */
    int64_t library_bytes;           /* of the library itself */
    int schema_version;
};
MUST_USE enum status store_summarize(struct store *, struct store_summary *out, struct err *err);

struct store_failure {
    char *path, *reason;
};
/* Sorted by path; freed with free() as one block. */
MUST_USE enum status store_failures(struct store *, struct store_failure **failures, size_t *count,
                                    struct err *err);

#endif
