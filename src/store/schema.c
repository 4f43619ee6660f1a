/* SPDX-License-Identifier: MIT
 *
 * The tables of a library.
 *
 *     photos ──< files ──o sidecars   a photo and the paths at which it was seen; a path that could
 *       │                             not be used has a failure in place of its photo
 *       ├──< embeddings >── models ──< artifacts ──< artifact_chunks
 *       └──< labels >── categories >── label_sets >── models
 *
 *     decisions                       about two contents, by hash: names no photo
 *     places                          the folders that index runs look at
 *     library                         one row: revision, active model, the last model's id
 *
 * Metadata lies in the same columns twice: in photos what is embedded, in sidecars what lay beside
 * a path. NULL is "not told".
 *
 * Layout, measured with 100,000 vectors of 1,024 float16 (2 KiB each, 205 MB): in 16 KiB pages
 * seven of them fill a page (the file has 234 MB and reads sequentially), in SQLite's usual 4 KiB
 * only one (468 MB, loading takes 2.5 times as long). Embeddings are clustered by (model, photo),
 * so one model's lie together and come in the order of photo ids. A row of a WITHOUT ROWID table
 * stays whole within its page up to a quarter of it: 2,040 dimensions; longer vectors work, on
 * overflow pages.
 *
 * Paths are BLOBs: any bytes, compared with memcmp(). Photo ids are never used again
 * (AUTOINCREMENT): a matrix that was loaded earlier cannot name another photo by accident. Vectors
 * and probabilities are little-endian, whatever the machine.
 *
 * A released migration never changes; what is new goes behind it.
 */
#include "store/migrations.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "vectors go to the library as they lie in memory: swap their bytes here first");

static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE photos ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 16),"
    "  width INTEGER NOT NULL CHECK (width >= 0),"
    "  height INTEGER NOT NULL CHECK (height >= 0),"
    "  format TEXT NOT NULL"
    ") STRICT;"

    "CREATE TABLE files ("
    "  path BLOB PRIMARY KEY CHECK (length(path) > 0),"
    "  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),"
    "  mtime_ns INTEGER NOT NULL,"
    "  photo_id INTEGER REFERENCES photos,"
    "  failure TEXT,"
    "  CHECK ((photo_id IS NULL) <> (failure IS NULL))"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX files_by_photo ON files (photo_id) WHERE photo_id IS NOT NULL;"
    "CREATE INDEX files_failed ON files (path) WHERE failure IS NOT NULL;"

    "CREATE TABLE models ("
    "  id INTEGER PRIMARY KEY,"
    "  fingerprint TEXT NOT NULL UNIQUE CHECK (length(fingerprint) BETWEEN 1 AND 32),"
    "  name TEXT NOT NULL,"
    "  dim INTEGER NOT NULL CHECK (dim BETWEEN 1 AND 65536),"
    "  last_use INTEGER NOT NULL" /* rises with every use: an order, not a time */
    ") STRICT;"

    "CREATE TABLE embeddings ("
    "  model_id INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,"
    "  photo_id INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,"
    "  vector BLOB NOT NULL CHECK (length(vector) BETWEEN 2 AND 131072"
    "                              AND length(vector) % 2 = 0)," /* float16[dim] */
    "  PRIMARY KEY (model_id, photo_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX embeddings_by_photo ON embeddings (photo_id);"

    "CREATE TABLE classifications ("
    "  model_id INTEGER PRIMARY KEY REFERENCES models ON DELETE CASCADE,"
    "  set_json TEXT NOT NULL,"
    "  made_at INTEGER NOT NULL" /* seconds since 1970, UTC */
    ") STRICT;"
    "CREATE TABLE categories ("
    "  model_id INTEGER NOT NULL REFERENCES classifications ON DELETE CASCADE,"
    "  position INTEGER NOT NULL CHECK (position >= 0),"
    "  name TEXT NOT NULL,"
    "  PRIMARY KEY (model_id, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE labels ("
    "  model_id INTEGER NOT NULL REFERENCES classifications ON DELETE CASCADE,"
    "  photo_id INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,"
    "  position INTEGER," /* of the category; NULL: none of these */
    "  confidence REAL NOT NULL,"
    "  margin REAL NOT NULL,"
    "  uncertain INTEGER NOT NULL CHECK (uncertain IN (0, 1)),"
    "  probabilities BLOB NOT NULL CHECK (length(probabilities) % 4 = 0)," /* float32[categories] */
    "  PRIMARY KEY (model_id, photo_id),"
    "  FOREIGN KEY (model_id, position) REFERENCES categories (model_id, position)"
    "    DEFERRABLE INITIALLY DEFERRED"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX labels_by_photo ON labels (photo_id);",

    /* 2 */
    "ALTER TABLE photos ADD COLUMN has_meta INTEGER NOT NULL DEFAULT 0;" /* was it read? */
    "ALTER TABLE photos ADD COLUMN phash INTEGER;"
    "ALTER TABLE photos ADD COLUMN taken_ms INTEGER;"
    "ALTER TABLE photos ADD COLUMN offset_min INTEGER;"
    "ALTER TABLE photos ADD COLUMN camera TEXT;"
    "ALTER TABLE photos ADD COLUMN lens TEXT;"
    "ALTER TABLE photos ADD COLUMN exposure_s REAL;"
    "ALTER TABLE photos ADD COLUMN f_number REAL;"
    "ALTER TABLE photos ADD COLUMN focal_mm REAL;"
    "ALTER TABLE photos ADD COLUMN focal35_mm REAL;"
    "ALTER TABLE photos ADD COLUMN iso INTEGER;"
    "ALTER TABLE photos ADD COLUMN latitude REAL;"
    "ALTER TABLE photos ADD COLUMN longitude REAL;"
    "ALTER TABLE photos ADD COLUMN altitude_m REAL;"
    "ALTER TABLE photos ADD COLUMN rating INTEGER;"
    "ALTER TABLE photos ADD COLUMN keywords TEXT;" /* each followed by a line feed */

    "CREATE TABLE sidecars ("
    "  path BLOB PRIMARY KEY REFERENCES files ON DELETE CASCADE," /* of the photo's file */
    "  sidecar BLOB NOT NULL CHECK (length(sidecar) > 0),"        /* path of the sidecar itself */
    "  size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),"
    "  mtime_ns INTEGER NOT NULL,"
    "  has_meta INTEGER NOT NULL CHECK (has_meta IN (0, 1)),"
    "  taken_ms INTEGER, offset_min INTEGER, camera TEXT, lens TEXT, exposure_s REAL,"
    "  f_number REAL, focal_mm REAL, focal35_mm REAL, iso INTEGER, latitude REAL, longitude REAL,"
    "  altitude_m REAL, rating INTEGER, keywords TEXT"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE label_sets ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT," /* a set that is written again gets a new one */
    "  model_id INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,"
    "  name TEXT NOT NULL CHECK (length(name) > 0),"
    "  set_json TEXT NOT NULL,"
    "  made_at INTEGER NOT NULL," /* seconds since 1970, UTC */
    "  UNIQUE (model_id, name)"
    ") STRICT;"
    "CREATE TABLE set_categories ("
    "  set_id INTEGER NOT NULL REFERENCES label_sets ON DELETE CASCADE,"
    "  position INTEGER NOT NULL CHECK (position >= 0),"
    "  name TEXT NOT NULL,"
    "  PRIMARY KEY (set_id, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE set_labels ("
    "  set_id INTEGER NOT NULL REFERENCES label_sets ON DELETE CASCADE,"
    "  photo_id INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,"
    "  position INTEGER," /* of the category; NULL: none of these */
    "  confidence REAL NOT NULL,"
    "  margin REAL NOT NULL,"
    "  uncertain INTEGER NOT NULL CHECK (uncertain IN (0, 1)),"
    "  probabilities BLOB NOT NULL CHECK (length(probabilities) % 4 = 0)," /* float32[categories] */
    "  also BLOB NOT NULL CHECK (length(also) % 4 = 0)," /* int32[]: positions of further ones */
    "  PRIMARY KEY (set_id, photo_id),"
    "  FOREIGN KEY (set_id, position) REFERENCES set_categories (set_id, position)"
    "    DEFERRABLE INITIALLY DEFERRED"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO label_sets (model_id, name, set_json, made_at)"
    "  SELECT model_id, 'default', set_json, made_at FROM classifications ORDER BY made_at;"
    "INSERT INTO set_categories (set_id, position, name)"
    "  SELECT id, position, categories.name FROM categories JOIN label_sets USING (model_id);"
    "INSERT INTO set_labels (set_id, photo_id, position, confidence, margin, uncertain,"
    "                        probabilities, also)"
    "  SELECT id, photo_id, position, confidence, margin, uncertain, probabilities, x''"
    "  FROM labels JOIN label_sets USING (model_id);"
    "DROP TABLE labels; DROP TABLE categories; DROP TABLE classifications;"
    "ALTER TABLE set_labels RENAME TO labels;"
    "ALTER TABLE set_categories RENAME TO categories;"
    "CREATE INDEX labels_by_photo ON labels (photo_id);"

    "CREATE TABLE decisions ("
    "  hash_a BLOB NOT NULL CHECK (length(hash_a) = 16),"
    "  hash_b BLOB NOT NULL CHECK (length(hash_b) = 16),"
    "  decision INTEGER NOT NULL CHECK (decision IN (1, 2))," /* 1: duplicates, 2: not */
    "  made_at INTEGER NOT NULL,"
    "  PRIMARY KEY (hash_a, hash_b),"
    "  CHECK (hash_a < hash_b)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE saved_sets (" /* as a person wrote them, whatever was labelled with them */
    "  name TEXT PRIMARY KEY CHECK (length(name) > 0),"
    "  set_json TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE artifacts ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  model_id INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,"
    "  name TEXT NOT NULL CHECK (length(name) > 0),"
    "  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),"
    "  UNIQUE (model_id, name)"
    ") STRICT;"
    "CREATE TABLE artifact_chunks ("
    "  artifact_id INTEGER NOT NULL REFERENCES artifacts ON DELETE CASCADE,"
    "  position INTEGER NOT NULL CHECK (position >= 0),"
    "  bytes BLOB NOT NULL,"
    "  PRIMARY KEY (artifact_id, position)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE places (" /* where index runs looked */
    "  path BLOB NOT NULL CHECK (length(path) > 0),"
    "  kind INTEGER NOT NULL CHECK (kind IN (1, 2))," /* enum store_place_kind */
    "  PRIMARY KEY (path, kind)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE library ("
    "  id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  revision INTEGER NOT NULL,"
    "  last_model_id INTEGER NOT NULL," /* ids of models are never used again */
    "  active_model INTEGER REFERENCES models ON DELETE SET NULL"
    ") STRICT;"
    "INSERT INTO library (id, revision, last_model_id, active_model)"
    "  SELECT 1, 1, coalesce(max(id), 0),"
    "    (SELECT id FROM models ORDER BY last_use DESC LIMIT 1) FROM models;",
};

const struct migrations library_migrations = {steps, sizeof steps / sizeof steps[0]};
