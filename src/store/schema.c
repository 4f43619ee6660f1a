/* SPDX-License-Identifier: MIT
 *
 * The tables of a library.
 *
 *     photos ──< files            a photo and the paths at which it was seen; a path that could
 *       │                         not be used has a failure in place of its photo
 *       ├──< embeddings >── models
 *       └──< labels >── categories >── classifications >── models
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
};

const struct migrations library_migrations = {steps, sizeof steps / sizeof steps[0]};
