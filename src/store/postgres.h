/* SPDX-License-Identifier: MIT
 *
 * Private to store/: the PostgreSQL store's own struct, the slots of its prepared statements, and
 * its verbs by file.
 */
#ifndef FOVEA_STORE_POSTGRES_H
#define FOVEA_STORE_POSTGRES_H

#include "store/meta_columns.h"
#include "store/pg_sql.h"
#include "store/store_ops.h"

#define POSTGRES_SCHEMA "fovea" /* unless the URL says schema=NAME */

/* Two columns hold the same path. A btree's entry has less room than the longest path takes, so the
 * indexes are of a path's first bytes and a digest of the whole, where there is more
 * (postgres_schema.c). */
#define POSTGRES_SAME_PATH(a, b)                                                                   \
    "path_head(" a ") = path_head(" b ") AND path_rest(" a ") = path_rest(" b ")"

/* Slots of prepared statements, by the file that uses them. */
enum pg_slot {
    /* pg_sql.c, postgres_open.c */
    PG_REVISION,
    PG_REVISION_RAISE,
    PG_MARK,
    /* postgres_models.c */
    PG_MODEL_FIND,
    PG_MODEL_ADD,
    PG_MODEL_TOUCH,
    PG_MODEL_DIM,
    PG_MODEL_LIST,
    PG_MODEL_COUNT,
    PG_MODEL_ACTIVE,
    PG_MODEL_ACTIVATE,
    PG_MODEL_REMOVE,
    PG_MODEL_IDS,
    /* postgres_matrix.c */
    PG_VECTOR_SOME,
    PG_VECTOR_OF,
    /* postgres_artifacts.c */
    PG_ARTIFACT_FIND,
    PG_ARTIFACT_ADD,
    PG_ARTIFACT_DROP,
    PG_ARTIFACT_LIST,
    PG_CHUNK_ADD,
    PG_CHUNK_LIST,
    /* postgres_index.c */
    PG_FILE_STATE,
    PG_EMBEDDING_HAS,
    PG_EMBEDDING_KNOWN,
    PG_FILE_KEEPS,
    PG_FILE_PUT,
    PG_FILE_FORGET,
    PG_PHOTO_ADD,
    PG_PHOTO_LOCK,
    PG_PHOTO_LOCK_IDS,
    PG_PHOTO_META,
    PG_PHOTO_PHASH,
    PG_PHOTO_UNSEEN,
    PG_PHOTO_DROP,
    PG_EMBEDDING_DROP,
    PG_SIDECAR_DROP,
    PG_SIDECAR_PUT,
    PG_SWEEP_LOCK,
    /* postgres_known.c */
    PG_FILE_RANGE,
    PG_FILE_KNOWN,
    PG_FILE_KNOWN_BELOW,
    /* facts, photo, labels, saved sets, decisions, places, summary, failures */
    PG_PHOTO_ALL,
    PG_FILE_FACTS,
    PG_SIDECAR_ALL,
    PG_PHOTO_ONE,
    PG_PHOTO_PATHS,
    PG_PHOTO_LABELS,
    PG_PHOTO_AT,
    PG_PHOTO_WITH_HASH,
    PG_PHOTO_IDS,
    PG_SET_DROP,
    PG_SET_ADD,
    PG_SET_FIND,
    PG_SET_SIZE,
    PG_SET_LIST,
    PG_SET_CATEGORY,
    PG_CATEGORY_ADD,
    PG_CATEGORY_LIST,
    PG_LABEL_ADD,
    PG_LABEL_DROP,
    PG_LABEL_LIST,
    PG_SAVED_SET_PUT,
    PG_SAVED_SET_DROP,
    PG_SAVED_SET_LIST,
    PG_DECISION_PUT,
    PG_DECISION_DROP,
    PG_DECISION_LIST,
    PG_PLACE_LIST,
    PG_PLACE_DROP,
    PG_PLACE_ADD,
    PG_SUMMARY,
    PG_FAILURES,
    /* postgres_shards_list.c, postgres_links.c */
    PG_SHARD_LIST,
    PG_SHARD_LINKS,
    /* postgres_claims.c */
    PG_INDEXER_ID,
    PG_INDEXER_ADD,
    PG_INDEXER_BEAT,
    PG_INDEXER_DROP,
    PG_INDEXER_REAP,
    PG_INDEXER_OTHERS,
    PG_INDEXER_LIST,
    PG_CLAIM_OFFER,
    PG_CLAIM_TAKE,
    PG_CLAIM_END,
    PG_CLAIM_CLEAR,
    /* postgres_nearest.c: six ways to ask, two to count */
    PG_NEAREST,
    PG_COUNT_NEAR = PG_NEAREST + 6,
    PG_ORIGIN = PG_COUNT_NEAR + 2, /* postgres_origin.c */
    PG_SLOTS,
};

struct postgres_beat;

struct postgres_store {
    struct store base;
    PGconn *conn;               /* NULL, or lost, until the next verb connects again */
    PQconninfoOption *options;  /* as the URL says, without fovea's own */
    char *schema;               /* its name, as it is */
    char *label;                /* the library's place without any password: for messages */
    double patience;            /* seconds to wait for a server that went away; < 0: the usual */
    int64_t prepared[PG_SLOTS]; /* 0: not; else the model's number + 1 */

    int64_t model_there;  /* a model that is known to be there */
    bool half_new;        /* models made from now on have halfvec vectors */
    bool index_lock;      /* is held, and is taken again by a new connection … */
    bool joined;          /* … beside others (postgres_claims.c) */
    int64_t indexer_id;   /* while joined */
    int64_t joined_at_us; /* since 1970, on the server's clock */
    struct postgres_beat *beat;
    bool in_transaction;
    bool lost;       /* the last failure was the connection's */
    bool conflict;   /* the last failure was that of two transactions */
    bool held_lost;  /* the connection of store_read_begin() is gone */
    bool counts;     /* the transaction that is open raises the revision, if it changes */
    int64_t changes; /* rows that it has changed */
    int64_t mark;    /* its number in the server, 0 while it has none … */
    int64_t mark_revision;
    bool in_doubt; /* … and its COMMIT had no answer */

    int vector_version; /* of pgvector there, as postgres_vector_version() has it; 0: not asked */
    bool pooled;        /* a pooler is between here and the server (postgres_pooler.c) */
    int backend_pid;    /* of the connection, in the server … */
    char backend_start[40]; /* … where the number may be another's later */
};

static inline struct postgres_store *postgres_store(struct store *store)
{
    return (struct postgres_store *)(void *)store;
}

/* --- private ------------------------------------------------------------------------------ */

/* SQL that drops an index or a view of the library's own, if it is there: behind the library's
 * schema the search_path has that of the extension, where others keep theirs. */
#define POSTGRES_DROP_OWN(kind, name)                                                              \
    "DO $$ BEGIN EXECUTE format('DROP " kind " IF EXISTS %I." name "', current_schema()); END $$;"

/* postgres_connect.c */
/* Takes the URL apart: options, schema, label. */
MUST_USE enum status postgres_read_url(struct postgres_store *, const char *url, struct err *err);
/* The same from what libpq calls a conninfo, and a schema. */
MUST_USE enum status postgres_take_conninfo(struct postgres_store *, const char *conninfo,
                                            const char *schema, struct err *err);
/* A connection, with the session's settings and its locks. */
MUST_USE enum status postgres_connect(struct postgres_store *, struct err *err);
void postgres_disconnect(struct postgres_store *);
/* Another connection with what the URL says, or what there is of it; the caller ends it. */
PGconn *postgres_new_connection(const struct postgres_store *);
/* postgres_pooler.c: ERR_UNSUPPORTED if this connection does not keep its session (the server's
 * number of it). */
MUST_USE enum status postgres_check_pooler(struct postgres_store *, int session, struct err *err);
/* The session's search_path: the library's schema, then that of the extension. */
MUST_USE enum status postgres_set_path(struct postgres_store *, struct err *err);
/* The table's name, with its schema, quoted as SQL wants it; "" in `table` for the schema alone. */
void postgres_quoted(const struct postgres_store *, struct str *out, const char *table);

/* postgres_open.c */
/* Closes what may be no library, but a connection; NULL-safe. */
void postgres_free(struct postgres_store *);
/* Advisory locks, by purpose; each is two numbers, the second of which stands for the schema. */
enum postgres_lock {
    POSTGRES_LOCK_SCHEMA = 0x66766561, /* "fvea" */
    POSTGRES_LOCK_INDEX,
};
int postgres_lock_key(const struct postgres_store *);
MUST_USE enum status postgres_take_index_lock(struct postgres_store *, struct err *err);

/* postgres_beat.c */
/* Of a row of `indexers`: $1 the lease, $2 the grace. Right after the server's own start nobody is
 * dead for want of a session. */
#define POSTGRES_ALIVE                                                                             \
    "(seen_at > now() - make_interval(secs => $1)"                                                 \
    "  AND (seen_at > now() - make_interval(secs => $2)"                                           \
    "   OR pg_postmaster_start_time() > now() - interval '30 seconds'"                             \
    "   OR EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.pid = backend_pid"                     \
    "     AND coalesce(a.backend_start = indexers.backend_start, true))))"
/* Seconds: STORE_LEASE_SECONDS and STORE_GRACE_SECONDS, or the fewer of $FOVEA_POSTGRES_LEASE. */
double postgres_lease(void);
double postgres_grace(void);
/* Removes the dead but one, in a transaction. */
MUST_USE enum status postgres_reap(struct postgres_store *, int64_t but, struct err *err);
/* Lets the others know that this indexer is alive, until it is stopped. */
MUST_USE enum status postgres_beat_start(struct postgres_store *, struct err *err);
void postgres_beat_stop(struct postgres_store *);
/* Outside a transaction. */
void postgres_beat_tell(struct postgres_store *, const struct store_progress *);

/* postgres_claims.c */
/* Within a transaction: whether no other indexer counts on what is there; none joins before it
 * ends.
 */
MUST_USE enum status postgres_is_alone(struct postgres_store *, bool *alone, struct err *err);

/* postgres_links.c: connections of this program's own to the shards of a model's vectors */
struct postgres_link {
    char server[64];              /* the shard's name in the library */
    bool known;                   /* this role may see how to get there */
    struct postgres_store *store; /* no library; not connected at first */
};
struct postgres_links {
    struct postgres_link items[STORE_SHARDS_MAX];
    size_t count; /* 0: the vectors are not spread */
};
/* Which there are; closed in any case. */
MUST_USE enum status postgres_links_list(struct postgres_store *, int64_t model_id,
                                         struct postgres_links *, struct err *err);
MUST_USE enum status postgres_link_connect(struct postgres_link *, struct err *err);
void postgres_links_close(struct postgres_links *);
/* The statements, which give no rows, on all of them at the same time, on each in a transaction
 * that begins with prepare() (or NULL): all succeed, or nothing is changed. */
MUST_USE enum status
postgres_links_run(struct postgres_links *, const char *sql,
                   enum status (*prepare)(struct postgres_store *, struct err *), struct err *err);

/* postgres_shards_list.c */
/* A search (columns photo_id and distance, $2 the limit, FROM EMBEDDINGS) as one that asks every
 * shard by itself, appended to `out`; nothing, where the vectors are not spread. */
MUST_USE enum status postgres_shards_text(struct postgres_store *, int64_t model_id,
                                          const char *text, struct str *out, struct err *err);

/* postgres_schema.c */
MUST_USE enum status postgres_make_extension(struct postgres_store *, struct err *err);
#define POSTGRES_VECTOR(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
/* pgvector's, in the database; 0: there is none. */
MUST_USE enum status postgres_vector_version(struct postgres_store *, int *version,
                                             struct err *err);
/* The library's tables: there and of this fovea's version, or made so (STORE_WRITE). */
MUST_USE enum status postgres_schema_open(struct postgres_store *, struct err *err);

/* postgres_meta.c: metadata (meta_columns.h). Binds its columns; NULL: nothing told. */
void pg_meta(struct pg *, const struct photo_meta *);
/* One array per column, and a row more in each. */
void pg_meta_arrays_begin(struct pg_array[META_COLUMN_COUNT]);
void pg_meta_arrays_add(struct pg_array[META_COLUMN_COUNT], const struct photo_meta *);
/* Reads them, from the column `first` on. What no fovea would write is read as not told. */
void pg_column_meta(const struct pg *, int first, struct photo_meta *out);

/* --- the verbs, by file ------------------------------------------------------------------- */

/* postgres_open.c */
enum status postgres_open(struct store **, const char *url, enum store_mode, struct err *);
void postgres_close(struct store *);
void postgres_keep_half(struct store *);
enum status postgres_backup(struct store *, const char *path, struct err *);
const char *postgres_kept_copy(const struct store *);
enum status postgres_index_lock(struct store *, struct err *);
void postgres_index_unlock(struct store *);
bool postgres_is_indexing(struct store *);
enum status postgres_read_begin(struct store *, struct err *);
void postgres_read_end(struct store *);
enum status postgres_revision(struct store *, int64_t *, struct err *);

/* postgres_claims.c */
enum status postgres_index_join(struct store *, struct err *);
enum status postgres_claims_offer(struct store *, int64_t model_id, const char *const *, size_t,
                                  struct err *);
enum status postgres_claims_take(struct store *, int64_t model_id, const char *const *, size_t,
                                 size_t most, enum claim *, struct err *);
void postgres_claims_progress(struct store *, const struct store_progress *);
void postgres_claims_leave(struct postgres_store *);
enum status postgres_indexers(struct store *, struct store_indexer **, size_t *, struct err *);

/* postgres_shards.c, postgres_shards_list.c */
enum status postgres_shards_make(struct store *, const char *const *urls, size_t, int64_t *moved,
                                 struct err *);
enum status postgres_shards_end(struct store *, int64_t *moved, struct err *);
enum status postgres_shards(struct store *, struct store_shard **, size_t *, struct err *);

/* postgres_models.c */
enum status postgres_model_use(struct store *, const char *name, const char *fingerprint, int dim,
                               int64_t *, struct err *);
enum status postgres_models(struct store *, struct store_model **, size_t *, struct err *);
/* ERR_NOT_FOUND if there is no such model. half: whether its vectors are halfvec; or NULL. */
MUST_USE enum status postgres_model_dim(struct postgres_store *, int64_t model_id, int *dim,
                                        bool *half, struct err *err);
/* Makes *model_id 0 if there is no such model: its table cannot be asked. */
MUST_USE enum status postgres_model_there(struct postgres_store *, int64_t *model_id,
                                          struct err *err);
/* Columns of a table of vectors: of the key's constraint, the type, the dimension. */
#define POSTGRES_VECTOR_COLUMNS                                                                    \
    "photo_id bigint %s, vector %s(%d) NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),"   \
    " updated_at timestamptz NOT NULL DEFAULT now()"
MUST_USE enum status postgres_make_table(struct postgres_store *, int64_t model_id, int dim,
                                         bool half, struct err *err);
/* The ids of all models, to be freed with free(). */
MUST_USE enum status postgres_model_ids(struct postgres_store *, int64_t **ids, size_t *count,
                                        struct err *err);
enum status postgres_model_active(struct store *, int64_t *, struct err *);
enum status postgres_model_set_active(struct store *, int64_t model_id, struct err *);
enum status postgres_model_remove(struct store *, int64_t model_id, struct err *);

/* postgres_nearest.c */
enum status postgres_nearest(struct store *, int64_t model_id, const struct store_query *,
                             size_t limit, bool indexed, struct store_near *, size_t *found,
                             struct store_nearness *, struct err *);
enum status postgres_count_near(struct store *, int64_t model_id, const struct store_query *,
                                double score, int64_t *count, struct err *);

/* postgres_hnsw.c */
MUST_USE enum status postgres_hnsw_look(struct postgres_store *, int64_t model_id,
                                        struct store_hnsw *, struct err *err);
enum status postgres_hnsw_get(struct store *, int64_t model_id, struct store_hnsw *, struct err *);
enum status postgres_hnsw_make(struct store *, int64_t model_id, int m, int ef_construction,
                               struct err *);
enum status postgres_hnsw_drop(struct store *, int64_t model_id, struct err *);
enum status postgres_hnsw_parts(struct store *, int64_t model_id, struct store_hnsw_part **,
                                size_t *, struct err *);

/* postgres_view.c: the view image_embeddings over this model, 0: none; in a transaction. */
MUST_USE enum status postgres_view_make(struct postgres_store *, int64_t model_id, struct err *err);

/* postgres_known.c */
enum status postgres_known_visit(struct store *, int64_t model_id, const char *root,
                                 store_known_visitor *, void *context, struct err *);
enum status postgres_places(struct store *, struct store_place **, size_t *, struct err *);
enum status postgres_places_change(struct store *, const struct store_place *, size_t,
                                   const struct store_place *, size_t, struct err *);

/* postgres_matrix.c */
enum status postgres_matrix_load(struct store *, int64_t model_id, const struct store_matrix *old,
                                 struct store_matrix *, struct err *);

enum status postgres_rows_load(struct store *, int64_t model_id, struct store_matrix *,
                               struct err *);
enum status postgres_vectors_load(struct store *, int64_t model_id, const int64_t *photo_ids,
                                  size_t, uint16_t *vectors, bool *has, struct err *);

/* postgres_artifacts.c */
enum status postgres_artifacts(struct store *, int64_t model_id, struct store_artifact **, size_t *,
                               struct err *);
enum status postgres_artifact_put(struct store *, int64_t model_id, const char *name, const void *,
                                  size_t, struct err *);
enum status postgres_artifact_get(struct store *, int64_t model_id, const char *name, void **,
                                  size_t *, struct err *);
enum status postgres_artifact_remove(struct store *, int64_t model_id, const char *name,
                                     struct err *);

/* postgres_index.c */
enum status postgres_file_state(struct store *, int64_t model_id, const struct store_file *,
                                enum file_state *, struct err *);
enum status postgres_has_embedding(struct store *, int64_t model_id, const struct photo_hash *,
                                   bool *, struct err *);

/* postgres_put.c */
enum status postgres_put_results(struct store *, int64_t model_id, const struct store_result *,
                                 size_t, struct err *);

/* postgres_forget.c */
enum status postgres_forget_paths(struct store *, char *const *, size_t, struct err *);
enum status postgres_sweep(struct store *, struct err *);

/* postgres_facts.c */
enum status postgres_facts_load(struct store *, const struct store_matrix *, struct store_facts *,
                                struct err *);

/* postgres_photo.c */
enum status postgres_photo_load(struct store *, int64_t photo_id, struct store_photo *,
                                struct err *);
enum status postgres_photo_find(struct store *, const char *path, int64_t *, struct err *);
enum status postgres_photo_find_hash(struct store *, const struct photo_hash *, int64_t *,
                                     struct err *);
enum status postgres_photos_find(struct store *, const struct photo_hash *, size_t count,
                                 int64_t *photo_ids, struct err *);
enum status postgres_photos_load(struct store *, const int64_t *photo_ids, size_t count,
                                 struct store_photo *, struct err *);
enum status postgres_photo_ids(struct store *, int64_t **, size_t *, struct err *);

/* postgres_labels.c */
enum status postgres_labels_replace(struct store *, int64_t model_id, const struct store_set *,
                                    const struct store_label *, const int *positions, size_t count,
                                    struct err *);
enum status postgres_labels_add(struct store *, int64_t model_id, const struct store_set *,
                                const struct store_label *, const int *positions, size_t count,
                                struct err *);
enum status postgres_label_sets(struct store *, int64_t model_id, struct store_label_set **,
                                size_t *, struct err *);
enum status postgres_labels_drop(struct store *, int64_t model_id, const char *set, struct err *);

/* postgres_labels_load.c */
enum status postgres_labels_load(struct store *, int64_t model_id, const char *set,
                                 const struct store_matrix *, struct store_labels *, struct err *);

/* postgres_saved_sets.c */
enum status postgres_saved_set_put(struct store *, const char *name, const char *json,
                                   struct err *);
enum status postgres_saved_sets(struct store *, struct store_saved_set **, size_t *, struct err *);

/* postgres_decisions.c */
enum status postgres_decisions_put(struct store *, const struct store_decision *, size_t,
                                   struct err *);
enum status postgres_decisions(struct store *, struct store_decision **, size_t *, struct err *);

/* postgres_read.c */
enum status postgres_paths_under(struct store *, const char *root, char ***, size_t *,
                                 struct err *);
enum status postgres_summarize(struct store *, struct store_summary *, struct err *);
enum status postgres_failures(struct store *, struct store_failure **, size_t *, struct err *);

#endif
