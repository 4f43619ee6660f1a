/* SPDX-License-Identifier: MIT
 *
 * See checkpoint.h. Telling the formats apart needs the first bytes only: a zip archive begins with
 * "PK", a PyTorch file from before 1.6 with the pickle of its magic number, and safetensors with
 * the size of its header, which can be neither.
 */
#include "clip/checkpoint.h"

#include "clip/hf_layout.h"
#include "clip/safetensors.h"
#include "clip/torch_zip.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct checkpoint {
    struct safetensors *safetensors; /* one of these two */
    struct torch_zip *torch;
    const struct tensor_view *stored; /* [stored_count], the reader's */
    size_t stored_count;
    struct hf_layout *translated; /* NULL: the names are open_clip's */
    const struct tensor_view *views;
    size_t count;
};

static bool has_ending(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

/* A file whose name says PyTorch and whose content does not begin like one. */
static enum status no_torch_file(const uint8_t *head, size_t size, const char *path,
                                 struct err *err)
{
    static const char pointer[] = "version https://git-lfs";
    if (size >= sizeof pointer - 1 && memcmp(head, pointer, sizeof pointer - 1) == 0)
        return err_set(err, ERR_FORMAT,
                       "cannot use the weights in %s: it is a pointer of Git LFS, not the weights: "
                       "run `git lfs pull` there",
                       path);
    return err_set(err, ERR_FORMAT,
                   "cannot use the weights in %s: it is neither a PyTorch file (a zip archive, as "
                   "torch.save() writes it) nor safetensors; fetch it again",
                   path);
}

static enum status open_reader(struct checkpoint *c, const char *path, struct err *err)
{
    uint8_t head[32];
    struct file_map map; /* for a look; each reader makes its own */
    enum status status = file_map_open(&map, path, err);
    if (status != OK)
        return status;
    size_t size = map.size < sizeof head ? map.size : sizeof head;
    if (size > 0)
        memcpy(head, map.data, size);
    file_map_close(&map);
    if (torch_zip_is(head, size))
        return torch_zip_open(&c->torch, path, err);
    if (torch_legacy_is(head, size))
        return err_set(err, ERR_UNSUPPORTED,
                       "cannot use the weights in %s: it is a PyTorch file in the format from "
                       "before version 1.6; load it with torch and torch.save() it again, or use "
                       "the model's safetensors",
                       path);
    bool torch_name = has_ending(path, ".bin") || has_ending(path, ".pt") ||
                      has_ending(path, ".pth") || has_ending(path, ".ckpt");
    /* A safetensors header is JSON. */
    if (torch_name && (size < 9 || head[8] != '{'))
        return no_torch_file(head, size, path, err);
    return safetensors_open(&c->safetensors, path, err);
}

enum status checkpoint_open(struct checkpoint **out, const char *path, struct err *err)
{
    *out = NULL;
    struct checkpoint *c = calloc(1, sizeof *c);
    if (!c)
        return err_no_memory(err, "a weights file", sizeof *c);
    enum status status = open_reader(c, path, err);
    if (status != OK) {
        checkpoint_close(c);
        return status;
    }
    c->stored = c->torch ? torch_zip_all(c->torch, &c->stored_count)
                         : safetensors_all(c->safetensors, &c->stored_count);
    c->views = c->stored;
    c->count = c->stored_count;
    *out = c;
    return OK;
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c)
        return;
    hf_layout_close(c->translated);
    safetensors_close(c->safetensors);
    torch_zip_close(c->torch);
    free(c);
}

enum status checkpoint_translate(struct checkpoint *c, const struct model_config *config,
                                 bool image, bool text, struct err *err)
{
    if (!hf_layout_is(c->stored, c->stored_count))
        return OK;
    const struct hf_source source = {
        .views = c->stored, .count = c->stored_count, .image = image, .text = text};
    enum status status = hf_layout_open(&c->translated, &source, config, err);
    if (status == OK)
        c->views = hf_layout_all(c->translated, &c->count);
    return status;
}

const struct tensor_view *checkpoint_find(const struct checkpoint *c, const char *name)
{
    return tensor_views_find(c->views, c->count, name);
}

const struct tensor_view *checkpoint_all(const struct checkpoint *c, size_t *count)
{
    *count = c->count;
    return c->views;
}

const void *checkpoint_header(const struct checkpoint *c, size_t *size_bytes)
{
    return c->torch ? torch_zip_header(c->torch, size_bytes)
                    : safetensors_header(c->safetensors, size_bytes);
}

size_t checkpoint_file_size(const struct checkpoint *c)
{
    return c->torch ? torch_zip_file_size(c->torch) : safetensors_file_size(c->safetensors);
}

const struct tensor_view *checkpoint_stored(const struct checkpoint *c, size_t *count)
{
    *count = c->stored_count;
    return c->stored;
}
