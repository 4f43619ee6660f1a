/* SPDX-License-Identifier: MIT
 *
 * Photos and the paths at which they lie: what an index run asks and records, and what is known
 * about a photo.
 *
 * Metadata has two sources. What is embedded in the content belongs to the photo; what a sidecar
 * says belongs to the path beside which it lies. A photo's effective metadata is the embedded one,
 * overlaid (photo_meta_overlay()) by the sidecar of its bytewise first path that has one.
 */
#ifndef FOVEA_STORE_STORE_PHOTOS_H
#define FOVEA_STORE_STORE_PHOTOS_H

#include "base/status.h"
#include "meta/photo_meta.h"
#include "store/store_models.h"

struct store;

struct photo_hash {
    uint8_t bytes[16]; /* XXH3-128 of the file's content, big-endian (canonical form) */
};

/* --- indexing ----------------------------------------------------------------------------- */

struct store_file {
    const char *path;
    int64_t size_bytes;
    int64_t mtime_ns; /* since 1970, UTC */
    /* Of the sidecar beside it. No bytes (0, or -1): there is none. Only asked, by
     * store_file_state(); what is recorded is the result's `sidecar`. */
    int64_t sidecar_size_bytes, sidecar_mtime_ns;
};

enum file_state {
    FILE_NEW,             /* path unknown, or its size or mtime differ from the last time */
    FILE_UNCHANGED,       /* known, and its photo has this model's embedding */
    FILE_NEEDS_EMBEDDING, /* known and unchanged, but this model has no vector for it */
    FILE_NEEDS_META,      /* unchanged with its vector, but its sidecar has changed, come or gone,
                             or its photo's metadata was never recorded: only that has to be read */
    FILE_FAILED_BEFORE,   /* failed the last time, and has not changed since */
};

/* What an index run has to do about a file. */
MUST_USE enum status store_file_state(struct store *, int64_t model_id, const struct store_file *,
                                      enum file_state *state, struct err *err);

/* Whether a photo with this hash has this model's embedding. While the index lock is held, "yes"
 * stays true until the path is put: photos that lose their last path remain until the sweep. */
MUST_USE enum status store_has_embedding(struct store *, int64_t model_id,
                                         const struct photo_hash *, bool *has, struct err *err);

struct store_sidecar {
    const char *path;
    int64_t size_bytes, mtime_ns;  /* an empty file is no sidecar */
    const struct photo_meta *meta; /* NULL: nothing could be read from it */
};

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
    const struct photo_meta *meta;       /* embedded; NULL: not read, what is stored stays */
    uint64_t phash;                      /* perceptual hash */
    bool has_phash;                      /* false: not made, what is stored stays */
    const struct store_sidecar *sidecar; /* beside the path; NULL: none, a stored one goes */
};

/* Records results in one transaction. With model_id 0 (an import) photos are added without a
 * vector, and `vector` has to be NULL. */
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

/* --- facts: what filters ask, of all photos ----------------------------------------------- */

/* "Not told" is as in struct photo_meta. */
struct store_fact {
    struct photo_hash hash;
    uint64_t phash;
    bool has_phash;
    int rating;
    int16_t offset_min;
    int format;       /* index into formats; -1: the photo has gone meanwhile, nothing is known */
    int camera, lens; /* indices into cameras and lenses, -1: unknown */
    int width, height;
    int path_count; /* paths that name the photo */
    int iso;
    int64_t taken_ms;
    int64_t size_bytes, mtime_ns; /* of the bytewise first path */
    double latitude, longitude, altitude_m;
    double exposure_s, f_number, focal_mm, focal35_mm;
    const char *keywords; /* as in struct photo_meta */
};

struct store_names {
    const char **names; /* [count], each once */
    size_t count;
};

struct store_facts {
    size_t count;            /* of the matrix */
    struct store_fact *rows; /* [count], in the matrix's order; effective metadata */
    struct store_names formats, cameras, lenses;
    char *strings; /* owns what they point to */
};
MUST_USE enum status store_facts_load(struct store *, const struct store_matrix *,
                                      struct store_facts *out, struct err *err);
void store_facts_free(struct store_facts *);

/* --- one photo ---------------------------------------------------------------------------- */

struct store_photo_path {
    char *path;
    int64_t size_bytes, mtime_ns;
    char *sidecar; /* NULL: none */
    int64_t sidecar_size_bytes, sidecar_mtime_ns;
    struct photo_meta *sidecar_meta; /* NULL: none, or nothing could be read from it */
};

struct store_photo_label {
    int64_t model_id;
    char *set;
    char *category; /* NULL: none of these */
    char **also;    /* [also_count] further categories */
    size_t also_count;
    double confidence, margin;
    bool uncertain;
    float *probabilities; /* [category_count], in the set's order */
    size_t category_count;
};

struct store_photo {
    int64_t id;
    struct photo_hash hash;
    int width, height;
    char format[13];
    uint64_t phash;
    bool has_phash, has_meta; /* has_meta: the embedded metadata was recorded */
    struct photo_meta meta;   /* effective */
    struct photo_meta embedded;
    struct store_photo_path *paths; /* [path_count], bytewise ascending */
    size_t path_count;
    struct store_photo_label *labels; /* [label_count], of every set of every model; by model and
                                         then the set written last first */
    size_t label_count;
};
/* ERR_NOT_FOUND if no path names a photo of this id. */
MUST_USE enum status store_photo_load(struct store *, int64_t photo_id, struct store_photo *out,
                                      struct err *err);
void store_photo_free(struct store_photo *);

/* The photo that this path names; ERR_NOT_FOUND if none. */
MUST_USE enum status store_photo_find(struct store *, const char *path, int64_t *photo_id,
                                      struct err *err);
/* The photo with this content; ERR_NOT_FOUND if none, or if no path names it. */
MUST_USE enum status store_photo_find_hash(struct store *, const struct photo_hash *,
                                           int64_t *photo_id, struct err *err);

/* Many of them at once, for whoever goes through a library: no more than STORE_BATCH_MAX. */
enum { STORE_BATCH_MAX = 1024 };
/* photo_ids: [count], 0 for a content that store_photo_find_hash() would not find. */
MUST_USE enum status store_photos_find(struct store *, const struct photo_hash *hashes,
                                       size_t count, int64_t *photo_ids, struct err *err);
/* photos: [count], in the order of the ids, each freed with store_photo_free(); what is not there
 * any more has path_count 0, and so has what was asked for as 0. */
MUST_USE enum status store_photos_load(struct store *, const int64_t *photo_ids, size_t count,
                                       struct store_photo *photos, struct err *err);
/* All photos that a path names, ascending; with or without vectors. Freed with free(). */
MUST_USE enum status store_photo_ids(struct store *, int64_t **ids, size_t *count, struct err *err);

#endif
