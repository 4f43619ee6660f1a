/* SPDX-License-Identifier: MIT
 *
 * Opening and closing a library kept in one SQLite file.
 *
 * At rest the library is that one file, in SQLite's rollback-journal mode, so that it can be copied
 * and can be read from a read-only disk. A writer switches it to write-ahead logging while it has
 * it open, so that searching goes on while an index run writes, and back when it closes (unless
 * others still have it open; then a later writer does). After a kill the log lies beside the
 * library, and whoever opens it next takes up what had been committed.
 *
 * synchronous = FULL: each committed transaction is on the disk, so a power cut, too, loses no more
 * than the batch in flight. With batches of 32 x 1,024 dimensions it costs what fsync() costs per
 * batch: little against embedding 32 photographs.
 *
 * A file is recognised before anything is asked of SQLite, by its first 100 bytes, which hold
 * SQLite's magic and fovea's application id. They are read through SQLite's own descriptor: closing
 * one of ours would drop the locks that other handles of this process have on the file.
 */
#include "base/file.h"
#include "store/migrations.h"
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000
#define VALUE_LIMIT_BYTES (64 << 20) /* of one column; a damaged library cannot ask for more */
#define HEADER_SIZE 100 /* https://www.sqlite.org/fileformat2.html#the_database_header */

struct header {
    int64_t file_size;
    uint8_t bytes[HEADER_SIZE];
};

/* --- which file --------------------------------------------------------------------------- */

/* SQLite's word for a folder that cannot be written is that the file is not there. */
static enum status make_folder(const char *path, struct err *err)
{
    enum status status = dir_make_parent(path, err);
    if (status != OK)
        return status;
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return err_no_memory(err, "a path", strlen(path));
    if (access(folder, W_OK | X_OK) != 0)
        status =
            err_errno(err, errno, "cannot make the library %s, choose another place for it", path);
    free(folder);
    return status;
}

static enum status check_place(const char *path, enum store_mode mode, struct err *err)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISREG(st.st_mode))
            return OK;
        return err_set(err, ERR_ARGUMENT, "%s is %s: a library is a file", path,
                       S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
    }
    if (errno != ENOENT)
        return err_errno(err, errno, "cannot open the library %s", path);
    if (mode == STORE_WRITE)
        return make_folder(path, err);
    return err_set(err, ERR_NOT_FOUND, "there is no library %s: \"fovea index DIR\" makes one",
                   path);
}

static enum status read_header(struct sqlite_store *s, struct header *header, struct err *err)
{
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (rc == SQLITE_OK && (!file || !file->pMethods))
        rc = SQLITE_CANTOPEN;
    sqlite3_int64 size = 0;
    if (rc == SQLITE_OK)
        rc = file->pMethods->xFileSize(file, &size);
    header->file_size = size;
    memset(header->bytes, 0, sizeof header->bytes);
    if (rc == SQLITE_OK && size >= HEADER_SIZE)
        rc = file->pMethods->xRead(file, header->bytes, HEADER_SIZE, 0);
    return rc == SQLITE_OK ? OK : sql_fail(s->db, s->path, rc, err);
}

static uint32_t header_application_id(const struct header *header)
{
    const uint8_t *p = header->bytes + 68;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool header_is_wal(const struct header *header)
{
    return header->bytes[18] == 2 || header->bytes[19] == 2;
}

static enum status check_identity(const struct sqlite_store *s, const struct header *header,
                                  struct err *err)
{
    if (header->file_size == 0 && s->base.mode == STORE_WRITE)
        return OK;
    if (header->file_size == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "there is no library in %s yet, the file is empty: \"fovea index DIR\" "
                       "makes one",
                       s->path);
    bool sqlite = memcmp(header->bytes, "SQLite format 3", 16) == 0;
    if (sqlite && header_application_id(header) == LIBRARY_APPLICATION_ID)
        return OK;
    return err_set(err, ERR_FORMAT,
                   "%s is not a fovea library but %s, and was left alone: choose another path for "
                   "the library",
                   s->path, sqlite ? "the database of another program" : "some other file");
}

/* --- the connection ----------------------------------------------------------------------- */

static enum status connect(struct sqlite_store *s, const char *name, int flags, struct err *err)
{
    int rc =
        sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (!s->db)
        return err_no_memory(err, "the library's connection", 0);
    if (rc != SQLITE_OK)
        return sql_fail(s->db, s->path, rc, err);
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, VALUE_LIMIT_BYTES);
    return OK;
}

/* These pragmas read the file: not before it is known to be ours. */
static enum status configure(struct sqlite_store *s, struct err *err)
{
    /* The library may come from anywhere: its schema must not call functions, its pages are checked
     * when they are read. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int rc = sqlite3_exec(s->db,
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
                          "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL",
                          NULL, NULL, NULL);
    return rc == SQLITE_OK ? OK : sql_fail(s->db, s->path, rc, err);
}

/* A relative path gets "./" in front, so that none of SQLite's special names (":memory:", "file:")
 * is reachable. */
static void plain_name(struct str *name, const char *path)
{
    str_format(name, "%s%s", path[0] == '/' ? "" : "./", path);
}

/* As a URI with every byte escaped. SQLite then takes no locks and makes no files. */
static void immutable_name(struct str *name, const char *path)
{
    str_put(name, path[0] == '/' ? "file:" : "file:%2e%2f");
    for (; *path; path++)
        str_format(name, "%%%02x", (unsigned char)*path);
    str_put(name, "?immutable=1");
}

static enum status connect_as(struct sqlite_store *s,
                              void (*write_name)(struct str *, const char *), int flags,
                              struct err *err)
{
    struct str name = str_new(SIZE_MAX / 4);
    write_name(&name, s->path);
    enum status status = str_ok(&name) ? connect(s, str_text(&name), flags, err)
                                       : err_no_memory(err, "a path", strlen(s->path));
    str_free(&name);
    return status;
}

/* --- reading ------------------------------------------------------------------------------ */

/* A library in write-ahead mode (copied while a writer had it open, or left by a kill) needs two
 * files beside it. Where those cannot be made, it can still be read if there is no log. */
static enum status open_immutable(struct sqlite_store *s, struct err *err)
{
    struct stat st;
    const char *wal = sqlite3_filename_wal(sqlite3_db_filename(s->db, "main"));
    if (wal && stat(wal, &st) == 0 && st.st_size > 0)
        return err_set(err, ERR_IO,
                       "cannot read the library %s: changes are waiting in %s-wal and its folder "
                       "is read-only; copy both files to a folder that can be written",
                       s->path, s->path);
    sqlite3_close(s->db);
    s->db = NULL;
    return connect_as(s, immutable_name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

static enum status start_reading(struct sqlite_store *s, const struct header *header,
                                 struct err *err)
{
    enum status status = OK;
    if (header_is_wal(header)) {
        int rc = sqlite3_exec(s->db, "PRAGMA schema_version", NULL, NULL, NULL) & 0xff;
        if (rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY)
            status = open_immutable(s, err);
    }
    if (status == OK)
        status = configure(s, err);
    return status == OK ? migrations_check(s->db, s->path, &library_migrations, err) : status;
}

/* --- writing ------------------------------------------------------------------------------ */

static enum status start_writing(struct sqlite_store *s, const struct header *header,
                                 struct err *err)
{
    if (sqlite3_db_readonly(s->db, "main") == 1)
        return sql_fail(s->db, s->path, SQLITE_READONLY, err);
    int rc = SQLITE_OK;
    if (header->file_size == 0)
        rc = sqlite3_exec(s->db, "PRAGMA page_size = 16384", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sql_fail(s->db, s->path, rc, err);
    enum status status = configure(s, err);
    if (status == OK)
        status = sqlite_keep_old(s, library_migrations.count, err);
    if (status == OK)
        status = migrations_apply(s->db, s->path, &library_migrations, err);
    if (status != OK)
        return status;
    /* Where it cannot be had (a reader that does not end, a file system without shared memory) the
     * rollback journal serves as well; only, readers and the writer then wait for each other. */
    rc = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_LOCKED)
        return sql_fail(s->db, s->path, rc, err);
    return OK;
}

/* Back to a single file, or at least to an empty log; both fail harmlessly while others read. */
static void stop_writing(struct sqlite_store *s)
{
    sqlite3_busy_timeout(s->db, 0);
    if (sqlite3_exec(s->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        sqlite3_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
}

/* --- the verbs ---------------------------------------------------------------------------- */

static enum status open_file(struct sqlite_store *s, struct err *err)
{
    bool write = s->base.mode == STORE_WRITE;
    int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    enum status status = connect_as(s, plain_name, flags, err);
    struct header header;
    if (status == OK)
        status = read_header(s, &header, err);
    if (status == OK)
        status = check_identity(s, &header, err);
    if (status == OK)
        status = write ? start_writing(s, &header, err) : start_reading(s, &header, err);
    return status;
}

enum status sqlite_open(struct store **out, const char *path, enum store_mode mode, struct err *err)
{
    enum status status = check_place(path, mode, err);
    if (status != OK)
        return status;
    struct sqlite_store *s = calloc(1, sizeof *s);
    char *copy = strdup(path);
    if (!s || !copy) {
        free(s);
        free(copy);
        return err_no_memory(err, "the library's handle", sizeof *s);
    }
    s->base = (struct store){.ops = &sqlite_store_ops, .mode = mode};
    s->path = copy;
    status = open_file(s, err);
    if (status == OK) {
        *out = &s->base;
    } else {
        sqlite3_close(s->db); /* as it is: a file that was refused is not to be written to */
        free(s->kept);
        free(s->path);
        free(s);
    }
    return status;
}

void sqlite_close(struct store *store)
{
    struct sqlite_store *s = sqlite_store(store);
    sqlite_index_unlock(store);
    for (int i = 0; i < SQL_SLOTS; i++)
        sqlite3_finalize(s->statements[i]);
    if (store->mode == STORE_WRITE)
        stop_writing(s);
    sqlite3_close(s->db);
    free(s->kept);
    free(s->path);
    free(s);
}

enum status sqlite_index_lock(struct store *store, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    if (s->index_lock)
        return OK;
    return index_lock_open(&s->index_lock, sqlite3_db_filename(s->db, "main"), "indexing", err);
}

void sqlite_index_unlock(struct store *store)
{
    struct sqlite_store *s = sqlite_store(store);
    if (!s->index_lock)
        return;
    index_lock_close(s->index_lock);
    s->index_lock = NULL;
}

bool sqlite_is_indexing(struct store *store)
{
    return index_lock_is_held(sqlite3_db_filename(((struct sqlite_store *)store)->db, "main"));
}

enum status sqlite_read_begin(struct store *store, struct err *err)
{
    struct sqlite_store *s = sqlite_store(store);
    enum status status = sql_begin_read(s, err);
    if (status != OK)
        return status;
    /* BEGIN alone does not look at the library yet; a first question does. */
    int64_t revision;
    status = sqlite_revision(store, &revision, err);
    return status == OK ? OK : sql_finish(s, status, err);
}

void sqlite_read_end(struct store *store)
{
    struct err ignored;
    (void)!sql_finish(sqlite_store(store), OK, &ignored);
}

static enum status damaged(const struct store *store, const char *what, struct err *err)
{
    return sql_damaged((const struct sqlite_store *)(const void *)store, what, err);
}

const struct store_ops sqlite_store_ops = {
    .damaged = damaged,
    .open = sqlite_open,
    .close = sqlite_close,
    .index_lock = sqlite_index_lock,
    .index_join = sqlite_index_lock,
    .index_unlock = sqlite_index_unlock,
    .is_indexing = sqlite_is_indexing,
    .read_begin = sqlite_read_begin,
    .read_end = sqlite_read_end,
    .revision = sqlite_revision,
    .model_use = sqlite_model_use,
    .models = sqlite_models,
    .model_active = sqlite_model_active,
    .model_set_active = sqlite_model_set_active,
    .model_remove = sqlite_model_remove,
    .matrix_load = sqlite_matrix_load,
    .vectors_load = sqlite_vectors_load,
    .artifacts = sqlite_artifacts,
    .artifact_put = sqlite_artifact_put,
    .artifact_get = sqlite_artifact_get,
    .artifact_remove = sqlite_artifact_remove,
    .file_state = sqlite_file_state,
    .has_embedding = sqlite_has_embedding,
    .put_results = sqlite_put_results,
    .paths_under = sqlite_paths_under,
    .forget_paths = sqlite_forget_paths,
    .sweep = sqlite_sweep,
    .facts_load = sqlite_facts_load,
    .photo_load = sqlite_photo_load,
    .photo_find = sqlite_photo_find,
    .photo_find_hash = sqlite_photo_find_hash,
    .photo_ids = sqlite_photo_ids,
    .known_visit = sqlite_known_visit,
    .places = sqlite_places,
    .places_change = sqlite_places_change,
    .labels_replace = sqlite_labels_replace,
    .labels_add = sqlite_labels_add,
    .labels_load = sqlite_labels_load,
    .label_sets = sqlite_label_sets,
    .labels_drop = sqlite_labels_drop,
    .saved_set_put = sqlite_saved_set_put,
    .saved_sets = sqlite_saved_sets,
    .decisions_put = sqlite_decisions_put,
    .decisions = sqlite_decisions,
    .summarize = sqlite_summarize,
    .failures = sqlite_failures,
    .backup = sqlite_backup,
    .kept_copy = sqlite_kept_copy,
};
