/* SPDX-License-Identifier: MIT
 *
 * Photos, whole: paths with their sidecars, metadata, labels of every set. And the ways to find
 * them. Each question is about a batch of photos, by the places that they have in it: a batch of a
 * thousand costs as many answers as one of one.
 */
#include "store/lists.h"
#include "store/photo_build.h"
#include "store/postgres.h"

#include <stdlib.h>
#include <string.h>

struct load {
    struct postgres_store *store;
    const int64_t *ids;
    size_t count;
    struct store_photo *photos; /* [count] */
    struct pg_array asked;      /* the ids */
    struct photo_meta meta;     /* scratch */
    struct names {
        int64_t *sets; /* [count] the set, and in `text` each one's name with its NUL */
        int64_t *positions;
        size_t *at;
        size_t count;
        struct str text;
    } names;
};

#define ASKED " FROM unnest($1) WITH ORDINALITY AS asked (photo, place) "

/* Runs a statement whose only parameter is the ids, and whose first column is a place in the
 * batch. */
static enum status each_row(struct load *load, int slot, const char *text,
                            enum status take(struct load *, const struct pg *, struct store_photo *,
                                             struct err *),
                            struct err *err)
{
    struct pg q = pg_start(load->store, slot, text);
    pg_array(&q, &load->asked);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        int64_t place = pg_column_int(&q, 0);
        if (place < 1 || place > (int64_t)load->count)
            status = pg_damaged(load->store, "a photo has no place", err);
        else
            status = take(load, &q, &load->photos[place - 1], err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

/* --- the photos themselves ---------------------------------------------------------------- */

static enum status take_photo(struct load *load, const struct pg *q, struct store_photo *out,
                              struct err *err)
{
    size_t size;
    const void *hash = pg_column_blob(q, 1, &size);
    if (!hash || size != sizeof out->hash.bytes)
        return pg_damaged(load->store, "a hash has the wrong size", err);
    memcpy(out->hash.bytes, hash, sizeof out->hash.bytes);
    out->width = (int)pg_column_int(q, 2);
    out->height = (int)pg_column_int(q, 3);
    const char *format = pg_column_text(q, 4);
    memcpy(out->format, format, strnlen(format, sizeof out->format - 1));
    out->has_phash = !pg_column_null(q, 5);
    out->phash = (uint64_t)pg_column_int(q, 5);
    out->has_meta = pg_column_int(q, 6) != 0;
    pg_column_meta(q, 7, &out->embedded);
    out->meta = out->embedded;
    return OK;
}

/* --- their paths -------------------------------------------------------------------------- */

static enum status take_path(struct load *load, const struct pg *q, struct store_photo *out,
                             struct err *err)
{
    struct photo_path_row row = {
        .size_bytes = pg_column_int(q, 2),
        .mtime_ns = pg_column_int(q, 3),
        .sidecar_size_bytes = pg_column_int(q, 5),
        .sidecar_mtime_ns = pg_column_int(q, 6),
    };
    row.path = pg_column_blob(q, 1, &row.path_size);
    if (!pg_column_null(q, 4))
        row.sidecar = pg_column_blob(q, 4, &row.sidecar_size);
    if (pg_column_int(q, 7)) {
        pg_column_meta(q, 8, &load->meta);
        row.meta = &load->meta;
    }
    return photo_add_path(out, &row, err);
}

/* --- their labels ------------------------------------------------------------------------- */

static enum status add_name(struct load *load, const struct pg *q, struct err *err)
{
    struct names *names = &load->names;
    int64_t *sets = room_for(names->sets, names->count, sizeof *sets);
    names->sets = sets ? sets : names->sets;
    int64_t *positions = room_for(names->positions, names->count, sizeof *positions);
    names->positions = positions ? positions : names->positions;
    size_t *at = room_for(names->at, names->count, sizeof *at);
    names->at = at ? at : names->at;
    if (!sets || !positions || !at)
        return err_no_memory(err, "the categories", names->count * sizeof *sets);
    sets[names->count] = pg_column_int(q, 0);
    positions[names->count] = pg_column_int(q, 1);
    at[names->count++] = names->text.size;
    const char *name = pg_column_text(q, 2);
    str_append(&names->text, name, strlen(name) + 1);
    return str_ok(&names->text) ? OK : err_no_memory(err, "the categories", names->text.size);
}

/* The categories of every set of which one of the photos has a label. */
static enum status load_names(struct load *load, struct err *err)
{
    struct pg q = pg_start(load->store, PG_SET_CATEGORY,
                           "SELECT set_id, position, name FROM categories WHERE set_id IN"
                           "  (SELECT DISTINCT set_id FROM labels WHERE photo_id = ANY ($1))"
                           " ORDER BY set_id, position");
    pg_array(&q, &load->asked);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        status = add_name(load, &q, err);
        if (status == OK)
            status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

/* Names are in the order of sets and positions. */
static enum status name_of(struct load *load, int64_t set_id, int64_t position, char **name,
                           struct err *err)
{
    const struct names *names = &load->names;
    size_t from = 0, to = names->count;
    while (from < to) {
        size_t i = (from + to) / 2;
        if (names->sets[i] < set_id || (names->sets[i] == set_id && names->positions[i] < position))
            from = i + 1;
        else
            to = i;
    }
    if (from == names->count || names->sets[from] != set_id || names->positions[from] != position)
        return pg_damaged(load->store, "a label names no category", err);
    *name = strdup(names->text.data + names->at[from]);
    return *name ? OK : err_no_memory(err, "a category", 0);
}

enum {
    COL_SET = 1,
    COL_MODEL,
    COL_NAME,
    COL_POSITION,
    COL_CONFIDENCE,
    COL_MARGIN,
    COL_UNCERTAIN,
    COL_ALSO,
    COL_PROBABILITIES
};

static enum status take_also(struct load *load, const struct pg *q, struct store_photo_label *label,
                             struct err *err)
{
    size_t size;
    const uint8_t *also = pg_column_blob(q, COL_ALSO, &size);
    size_t count = also ? size / sizeof(int32_t) : 0;
    label->also = calloc(count ? count : 1, sizeof *label->also);
    if (!label->also)
        return err_no_memory(err, "a photo's labels", count * sizeof *label->also);
    enum status status = OK;
    while (status == OK && label->also_count < count) {
        int32_t position;
        memcpy(&position, also + label->also_count * sizeof position, sizeof position);
        status = name_of(load, pg_column_int(q, COL_SET), position, &label->also[label->also_count],
                         err);
        label->also_count += status == OK;
    }
    return status;
}

static enum status take_label(struct load *load, const struct pg *q, struct store_photo *out,
                              struct err *err)
{
    if (out->path_count == 0)
        return OK;
    struct photo_label_row row = {
        .model_id = pg_column_int(q, COL_MODEL),
        .set = pg_column_text(q, COL_NAME),
        .confidence = pg_column_real(q, COL_CONFIDENCE),
        .margin = pg_column_real(q, COL_MARGIN),
        .uncertain = pg_column_int(q, COL_UNCERTAIN) != 0,
    };
    row.probabilities = pg_column_blob(q, COL_PROBABILITIES, &row.probabilities_size);
    struct store_photo_label *label;
    enum status status = photo_add_label(out, &row, &label, err);
    if (status == OK && !pg_column_null(q, COL_POSITION))
        status = name_of(load, pg_column_int(q, COL_SET), pg_column_int(q, COL_POSITION),
                         &label->category, err);
    return status == OK ? take_also(load, q, label, err) : status;
}

/* --- the whole ---------------------------------------------------------------------------- */

static enum status load_all(struct load *load, struct err *err)
{
    enum status status =
        each_row(load, PG_PHOTO_ONE,
                 "SELECT place, hash, width, height, format, phash, has_meta, " META_COLUMNS ASKED
                 "JOIN photos ON photos.id = photo",
                 take_photo, err);
    if (status == OK)
        status = each_row(load, PG_PHOTO_PATHS,
                          "SELECT place, files.path, files.size_bytes, files.mtime_ns, sidecar,"
                          "  sidecars.size_bytes, sidecars.mtime_ns, has_meta, " META_COLUMNS ASKED
                          "JOIN files ON files.photo_id = photo"
                          " LEFT JOIN sidecars ON sidecars.file_id = files.id"
                          " ORDER BY place, files.path",
                          take_path, err);
    for (size_t i = 0; status == OK && i < load->count; i++)
        photo_overlay_sidecar(&load->photos[i]);
    if (status == OK)
        status = load_names(load, err);
    if (status == OK && load->names.count > 0)
        status = each_row(load, PG_PHOTO_LABELS,
                          "SELECT place, set_id, model_id, name, position, confidence, margin,"
                          "  uncertain, also, probabilities" ASKED
                          "JOIN labels ON labels.photo_id = photo"
                          " JOIN label_sets ON label_sets.id = set_id"
                          " ORDER BY place, model_id, set_id DESC",
                          take_label, err);
    return status;
}

static void begin_again(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        store_photo_free(&load->photos[i]);
        load->photos[i].id = load->ids[i];
    }
    load->names.count = 0;
    str_clear(&load->names.text);
}

enum status postgres_photos_load(struct store *store, const int64_t *ids, size_t count,
                                 struct store_photo *photos, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct load *load = calloc(1, sizeof *load);
    if (!load)
        return err_no_memory(err, "photos", sizeof *load);
    *load = (struct load){.store = s, .ids = ids, .count = count, .photos = photos};
    load->names.text = str_new(SIZE_MAX / 4);
    pg_array_begin(&load->asked, PG_INT);
    for (size_t i = 0; i < count; i++)
        pg_array_int(&load->asked, ids[i]);
    struct pg_tries tries = {0};
    enum status status;
    do {
        begin_again(load);
        status = pg_begin_read(s, err);
        if (status == OK)
            status = pg_finish(s, load_all(load, err), err);
    } while (pg_again(s, &tries, &status, err));
    pg_array_free(&load->asked);
    free(load->names.sets);
    free(load->names.positions);
    free(load->names.at);
    str_free(&load->names.text);
    free(load);
    return status;
}

enum status postgres_photo_load(struct store *store, int64_t photo_id, struct store_photo *out,
                                struct err *err)
{
    return postgres_photos_load(store, &photo_id, 1, out, err);
}

/* --- finding ------------------------------------------------------------------------------ */

static enum status find_path(struct postgres_store *s, const char *path, int64_t *photo_id,
                             struct err *err)
{
    struct pg q = pg_start(s, PG_PHOTO_AT,
                           "SELECT photo_id FROM files"
                           " WHERE " POSTGRES_SAME_PATH("path", "$1"));
    pg_path(&q, path);
    bool found;
    enum status status = pg_row(&q, &found, err);
    *photo_id = found ? pg_column_int(&q, 0) : 0;
    pg_end(&q);
    return status;
}

enum status postgres_photo_find(struct store *store, const char *path, int64_t *photo_id,
                                struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do
        status = find_path(s, path, photo_id, err);
    while (pg_again(s, &tries, &status, err));
    return status;
}

static enum status find_hashes(struct postgres_store *s, struct pg_array *hashes, size_t count,
                               int64_t *photo_ids, struct err *err)
{
    struct pg q =
        pg_start(s, PG_PHOTO_WITH_HASH,
                 "SELECT place, id FROM unnest($1) WITH ORDINALITY AS asked (wanted, place)"
                 " JOIN photos ON hash = wanted"
                 " WHERE EXISTS (SELECT 1 FROM files WHERE files.photo_id = photos.id)");
    pg_array(&q, hashes);
    bool row;
    memset(photo_ids, 0, count * sizeof *photo_ids);
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        int64_t place = pg_column_int(&q, 0);
        if (place >= 1 && place <= (int64_t)count)
            photo_ids[place - 1] = pg_column_int(&q, 1);
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

enum status postgres_photos_find(struct store *store, const struct photo_hash *hashes, size_t count,
                                 int64_t *photo_ids, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_array asked;
    struct pg_tries tries = {0};
    enum status status;
    pg_array_begin(&asked, PG_BYTEA);
    for (size_t i = 0; i < count; i++)
        pg_array_blob(&asked, hashes[i].bytes, sizeof hashes[i].bytes);
    do
        status = find_hashes(s, &asked, count, photo_ids, err);
    while (pg_again(s, &tries, &status, err));
    pg_array_free(&asked);
    return status;
}

enum status postgres_photo_find_hash(struct store *store, const struct photo_hash *hash,
                                     int64_t *photo_id, struct err *err)
{
    return postgres_photos_find(store, hash, 1, photo_id, err);
}

static enum status list_ids(struct postgres_store *s, int64_t **ids, size_t *count, struct err *err)
{
    struct pg q = pg_start(s, PG_PHOTO_IDS,
                           "SELECT DISTINCT photo_id FROM files WHERE photo_id IS NOT NULL"
                           " ORDER BY photo_id");
    pg_stream(&q);
    bool row;
    enum status status = pg_row(&q, &row, err);
    while (status == OK && row) {
        int64_t *grown = room_for(*ids, *count, sizeof *grown);
        if (!grown) {
            status = err_no_memory(err, "the library's photos", *count * sizeof *grown);
            break;
        }
        *ids = grown;
        grown[(*count)++] = pg_column_int(&q, 0);
        status = pg_row(&q, &row, err);
    }
    pg_end(&q);
    return status;
}

enum status postgres_photo_ids(struct store *store, int64_t **ids, size_t *count, struct err *err)
{
    struct postgres_store *s = postgres_store(store);
    struct pg_tries tries = {0};
    enum status status;
    do {
        free(*ids);
        *ids = NULL;
        *count = 0;
        status = list_ids(s, ids, count, err);
    } while (pg_again(s, &tries, &status, err));
    return status;
}
