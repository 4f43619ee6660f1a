/* SPDX-License-Identifier: MIT
 *
 * See prepare.h.
 */
#include "clip/prepare.h"

#include "base/file.h"
#include "base/str.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    PATH_BYTES = 1 << 16,
    IDENTITY_SAME = 28, /* digits of an identity that do not depend on the size of pictures */
};

/* ---- what a file is called and holds ----------------------------------------------------- */

static const char *tower_name(enum model_towers tower)
{
    return tower == MODEL_IMAGE ? "image" : "text";
}

/* "image-bf16-" */
static void put_kind(struct str *out, const struct model *m, enum model_towers tower)
{
    str_format(out, "%s-%s-", tower_name(tower), precision_names[m->info.precision]);
}

/* The text tower does not depend on the size of pictures. */
static const char *identity_of(const struct model *m, enum model_towers tower)
{
    return tower == MODEL_TEXT ? m->weights_id : m->info.fingerprint;
}

/* TOWER_VERSION: of what the towers ask for and in which order (vision.c, text.c, transformer.c);
 * raise it when that changes. */
static struct packed_key key_of(const struct model *m, enum model_towers tower)
{
    enum { TOWER_VERSION = 2 };
    struct packed_key key;
    struct str text = str_new(1 << 12);
    put_kind(&text, m, tower);
    str_format(&text, "%d\n%s\n%s\n%s", TOWER_VERSION, identity_of(m, tower),
               m->ops->packing(m->info.precision),
               m->ops->packing(weights_precision(&m->weights, true)));
    XXH128_hash_t hash = XXH3_128bits(str_text(&text), text.size);
    _Static_assert(sizeof key.bytes == sizeof hash, "a key is such a hash");
    memcpy(key.bytes, &hash, sizeof hash);
    str_free(&text);
    return key;
}

/* False: no memory for it, or for the folder's name. */
static bool put_path(struct str *out, const struct str *folder, const struct model *m,
                     enum model_towers tower)
{
    str_clear(out);
    if (!str_ok(folder))
        return false;
    path_join(out, str_text(folder), "");
    put_kind(out, m, tower);
    str_format(out, "%s.weights", identity_of(m, tower));
    return str_ok(out);
}

struct tower_size {
    bool text;
    double values;
};

static enum status add_size(void *context, const struct tensor_spec *t)
{
    struct tower_size *size = context;
    double values = t->text_tower == size->text;
    for (int i = 0; i < t->dims; i++)
        values *= t->shape[i];
    size->values += values;
    return OK;
}

/* As the checkpoint has it, at float32. */
static bool has_bytes(const struct model *m, enum model_towers tower, double bytes)
{
    struct tower_size size = {.text = tower == MODEL_TEXT};
    return config_each_tensor(&m->config, add_size, &size) == OK &&
           size.values * sizeof(float) >= bytes;
}

/* ---- folders ----------------------------------------------------------------------------- */

enum { FOLDERS = 2 };

/* The folders to use, best first; how many. beside: the first one is the model's own. Without
 * memory for its name a folder is not a str_ok(): what is put below it must not be put elsewhere.
 */
static int folders_of(struct str out[FOLDERS], const struct model *m, enum model_towers tower,
                      bool *beside)
{
    const char *named = m->prepared ? m->prepared : getenv("FOVEA_PREPARED");
    struct err none;
    int count = 0;
    *beside = false;
    if (named && *named) {
        if (strcmp(named, "off") == 0)
            return 0;
        str_put(&out[count++], named);
        return count;
    }
    if (!has_bytes(m, tower, PREPARE_FROM_BYTES))
        return 0;
    if (m->dir) {
        path_join(&out[count++], m->dir, "prepared");
        *beside = true;
    }
    if (dir_cache(&out[count], &none) == OK)
        str_put(&out[count++], "/fovea/prepared");
    return count;
}

static bool is_older(const char *path, struct timespec than)
{
    struct stat st;
    return stat(path, &st) == 0 &&
           (st.st_mtim.tv_sec < than.tv_sec ||
            (st.st_mtim.tv_sec == than.tv_sec && st.st_mtim.tv_nsec <= than.tv_nsec));
}

/* What the same tower of other weights has left in a model's own folder: the model was replaced, if
 * its weights are newer than that; else they lie beside other weights. */
static void remove_stale(const char *folder, const struct model *m, enum model_towers tower)
{
    struct str kind = str_new(PATH_BYTES), path = str_new(PATH_BYTES);
    DIR *d = opendir(folder);
    put_kind(&kind, m, tower);
    for (const struct dirent *e; d && str_ok(&kind) && (e = readdir(d));) {
        if (strncmp(e->d_name, str_text(&kind), kind.size) != 0 ||
            strncmp(e->d_name + kind.size, m->weights_id, IDENTITY_SAME) == 0)
            continue;
        str_clear(&path);
        path_join(&path, folder, e->d_name);
        if (str_ok(&path) && is_older(str_text(&path), m->file_since))
            unlink(str_text(&path));
    }
    if (d)
        closedir(d);
    str_free(&kind);
    str_free(&path);
}

/* ---- making ------------------------------------------------------------------------------ */

/* Computes every section from the checkpoint. */
static enum status write_tower(struct packed_writer *writer, const struct model *m,
                               enum model_towers tower, struct err *err)
{
    struct weights w = m->weights;
    w.writer = writer;
    if (tower == MODEL_IMAGE) {
        struct vision vision = {0};
        enum status status = vision_load(&vision, &w, &m->config, err);
        vision_close(&vision);
        return status;
    }
    struct text text = {0};
    enum status status = text_load(&text, &w, &m->config, err);
    text_close(&text);
    return status;
}

/* path: NULL for memory. */
static enum status make(struct packed **out, const char *path, const struct model *m,
                        enum model_towers tower, struct err *err)
{
    const struct packed_key key = key_of(m, tower);
    struct packed_writer *writer = NULL;
    *out = NULL;
    enum status status = path ? dir_make_parent(path, err) : OK;
    if (status == OK)
        status = packed_writer_open(&writer, path, &key, err);
    if (status == OK)
        status = write_tower(writer, m, tower, err);
    if (status == OK)
        status = packed_writer_finish(writer, out, err);
    packed_writer_close(writer);
    return status;
}

/* A person who waits for seconds wants to know for what. */
static void tell(const struct model *m, enum model_towers tower)
{
    char text[512];
    if (!m->note || !has_bytes(m, tower, PREPARE_TELL_FROM_BYTES))
        return;
    snprintf(text, sizeof text, "packing the %s tower of %.400s for this processor",
             tower_name(tower), m->name);
    m->note(text);
}

enum status prepare_tower(struct packed **out, const struct model *m, enum model_towers tower,
                          bool again, struct err *err)
{
    struct str folder[FOLDERS] = {str_new(PATH_BYTES), str_new(PATH_BYTES)};
    struct str path = str_new(PATH_BYTES);
    const struct packed_key key = key_of(m, tower);
    bool beside;
    int count = folders_of(folder, m, tower, &beside);
    *out = NULL;
    struct err why; /* a file that cannot be used is nobody's error */
    enum status status = ERR_NOT_FOUND;
    for (int i = 0; i < count && status != OK && !again; i++) {
        if (put_path(&path, &folder[i], m, tower))
            status = packed_open(out, str_text(&path), &key, m->weights.threads, &why);
    }
    if (status != OK)
        tell(m, tower);
    for (int i = 0; i < count && status != OK; i++) {
        if (put_path(&path, &folder[i], m, tower))
            status = make(out, str_text(&path), m, tower, &why);
        if (status == OK && beside && i == 0)
            remove_stale(str_text(&folder[i]), m, tower);
    }
    if (status != OK)
        status = make(out, NULL, m, tower, err);
    for (int i = 0; i < FOLDERS; i++)
        str_free(&folder[i]);
    str_free(&path);
    return status;
}

/* ---- removing ---------------------------------------------------------------------------- */

/* Of every tower, precision and image size, what unfinished runs have left included. */
static int64_t remove_files(const char *folder, const char *identity)
{
    struct str path = str_new(PATH_BYTES);
    int64_t bytes = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        const char *dash = strrchr(e->d_name, '-');
        if (!dash || strncmp(dash + 1, identity, IDENTITY_SAME) != 0)
            continue;
        str_clear(&path);
        path_join(&path, folder, e->d_name);
        if (str_ok(&path) && lstat(str_text(&path), &st) == 0 && unlink(str_text(&path)) == 0)
            bytes += (int64_t)st.st_size;
    }
    if (d)
        closedir(d);
    str_free(&path);
    return bytes;
}

int64_t model_remove_prepared(const struct model *m)
{
    int64_t bytes = 0;
    for (unsigned tower = MODEL_IMAGE; tower <= MODEL_TEXT; tower++) {
        struct str folder[FOLDERS] = {str_new(PATH_BYTES), str_new(PATH_BYTES)};
        bool beside;
        int count = folders_of(folder, m, (enum model_towers)tower, &beside);
        for (int i = beside; i < count; i++)
            if (str_ok(&folder[i]))
                bytes += remove_files(str_text(&folder[i]), m->weights_id);
        for (int i = 0; i < FOLDERS; i++)
            str_free(&folder[i]);
    }
    return bytes;
}
