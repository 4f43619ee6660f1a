/* SPDX-License-Identifier: MIT
 *
 * Packs the registry of OpenCLIP's models into C tables (src/hub/registry.h).
 *
 *     pack_registry architectures.json pretrained.json registry_data.c
 *
 * Everything that the program relies on later is checked here, where a person can correct the data:
 * that each tag's architecture exists, that repositories and addresses have the expected form, that
 * no name is there twice. An architecture's settings stay JSON text, in the order of the file, so
 * that the same registry always makes the same bytes.
 */
#include "base/file.h"
#include "base/str.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (4 << 20)
#define OUTPUT_MAX (16 << 20)
#define MODEL_CFG_MAX (1 << 16)

/* A string literal, or NULL. The data is ASCII; anything else is refused by is_plain(). */
static void put_literal(struct str *out, const char *text)
{
    if (!text) {
        str_put(out, "NULL");
        return;
    }
    str_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            str_putc(out, '\\');
        str_putc(out, *text);
    }
    str_putc(out, '"');
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e)
            return false;
    return true;
}

static const char *get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum status read_array(json_t **out, const char *path, struct err *err)
{
    struct file_bytes file = {0};
    enum status status = file_read(&file, path, INPUT_MAX, err);
    if (status != OK)
        return status;
    json_error_t why;
    *out = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &why);
    file_bytes_free(&file);
    if (!*out)
        return err_set(err, ERR_FORMAT, "%s, line %d: %s", path, why.line, why.text);
    return json_is_array(*out) ? OK : err_set(err, ERR_FORMAT, "%s is not a list", path);
}

/* Index of the entry with this arch (and tag, unless NULL), before `end`; `end` if there is none.
 */
static size_t find(const json_t *list, const char *arch, const char *tag, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *a = get_text(entry, "arch"), *t = get_text(entry, "tag");
        if (a && strcmp(a, arch) == 0 && (!tag || (t && strcmp(t, tag) == 0)))
            return i;
    }
    return end;
}

/* The members of model_cfg as open_clip writes them, without the braces and without quick_gelu,
 * which the tag decides. */
static enum status put_model_cfg(struct str *out, const json_t *arch, struct err *err)
{
    static const char *const known[] = {"arch", "family", "quick_gelu"};
    struct str text = str_new(MODEL_CFG_MAX);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)arch, key, value)
    {
        bool skip = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            skip = skip || strcmp(key, known[i]) == 0;
        if (skip)
            continue;
        bool tower = strcmp(key, "vision") == 0 || strcmp(key, "text") == 0;
        char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
        str_format(&text, "%s\"%s%s\":%s", text.size ? "," : "", key, tower ? "_cfg" : "",
                   dump ? dump : "null");
        free(dump);
    }
    bool good = str_ok(&text) && is_plain(str_text(&text));
    put_literal(out, str_text(&text));
    str_free(&text);
    return good ? OK : err_set(err, ERR_FORMAT, "%s: not plain text", get_text(arch, "arch"));
}

static enum status put_arch(struct str *out, const json_t *list, size_t i, struct err *err)
{
    const json_t *arch = json_array_get(list, i);
    const char *name = get_text(arch, "arch"), *family = get_text(arch, "family");
    const json_t *vision = json_object_get(arch, "vision");
    if (!name || !family || !json_is_object(vision) ||
        !json_is_object(json_object_get(arch, "text")))
        return err_set(err, ERR_FORMAT, "architecture %zu is incomplete", i + 1);
    if (find(list, name, NULL, i) < i)
        return err_set(err, ERR_FORMAT, "the architecture %s is there twice", name);
    str_put(out, "{");
    put_literal(out, name);
    str_put(out, ", ");
    put_literal(out, family);
    str_put(out, ",\n ");
    enum status status = put_model_cfg(out, arch, err);
    str_format(out, ",\n %d, %d, %s},\n",
               (int)json_integer_value(json_object_get(arch, "embed_dim")),
               (int)json_integer_value(json_object_get(vision, "image_size")),
               json_is_true(json_object_get(arch, "quick_gelu")) ? "true" : "false");
    return status;
}

/* "ORG/REPO/" and "ORG/REPO/FILE" become "ORG/REPO" and FILE. */
static enum status put_repo(struct str *out, const char *hf_hub, struct err *err)
{
    const char *first = hf_hub ? strchr(hf_hub, '/') : NULL;
    const char *second = first ? strchr(first + 1, '/') : NULL;
    if (!second || first == hf_hub || second == first + 1 || strchr(second + 1, '/') ||
        !is_plain(hf_hub))
        return err_set(err, ERR_FORMAT, "hf_hub is not ORG/REPO/ or ORG/REPO/FILE");
    str_format(out, "\"%.*s\", ", (int)(second - hf_hub), hf_hub);
    put_literal(out, second[1] ? second + 1 : NULL);
    str_put(out, ", ");
    return OK;
}

/* The repository of another tag of this architecture, by what it is called: then its weights are
 * that tag's too. */
static bool is_repo_of_other(const json_t *list, const json_t *entry)
{
    const char *arch = get_text(entry, "arch"), *tag = get_text(entry, "tag");
    const char *repo = get_text(entry, "hf_hub");
    if (strstr(repo, tag))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *other = json_array_get(list, i);
        const char *name = get_text(other, "tag"), *where = get_text(other, "hf_hub");
        if (other != entry && name && where && strcmp(get_text(other, "arch"), arch) == 0 &&
            strcmp(where, repo) == 0 && strstr(where, name))
            return true;
    }
    return false;
}

static void put_numbers(struct str *out, const json_t *entry)
{
    static const char *const triples[] = {"mean", "std"};
    static const char *const numbers[] = {"zero_shot_imagenet1k", "zero_shot_38_datasets_mean",
                                          "params_millions", "gflops"};
    for (size_t t = 0; t < 2; t++) {
        const json_t *triple = json_object_get(entry, triples[t]);
        str_put(out, "{");
        for (size_t i = 0; i < 3; i++)
            str_format(out, "%s%.9g", i ? ", " : "", json_number_value(json_array_get(triple, i)));
        str_put(out, "}, ");
    }
    for (size_t i = 0; i < 4; i++) /* 0: not published */
        str_format(out, "%.9g%s", json_number_value(json_object_get(entry, numbers[i])),
                   i < 3 ? ", " : "");
}

static enum status put_tag(struct str *out, const json_t *list, size_t i, const json_t *archs,
                           struct err *err)
{
    const json_t *entry = json_array_get(list, i);
    const char *arch = get_text(entry, "arch"), *tag = get_text(entry, "tag");
    const char *url = get_text(entry, "url");
    const char *interpolation = get_text(entry, "interpolation");
    const char *resize_mode = get_text(entry, "resize_mode");
    if (!arch || !tag || !interpolation || !resize_mode ||
        json_array_size(json_object_get(entry, "mean")) != 3 ||
        json_array_size(json_object_get(entry, "std")) != 3)
        return err_set(err, ERR_FORMAT, "tag %zu is incomplete", i + 1);
    size_t arch_index = find(archs, arch, NULL, json_array_size(archs));
    if (arch_index == json_array_size(archs))
        return err_set(err, ERR_FORMAT, "%s/%s: no such architecture", arch, tag);
    if (find(list, arch, tag, i) < i)
        return err_set(err, ERR_FORMAT, "%s/%s is there twice", arch, tag);
    if (url && (strncmp(url, "https://", 8) != 0 || !is_plain(url)))
        return err_set(err, ERR_FORMAT, "%s/%s: the address is not https", arch, tag);
    str_format(out, "{&registry_archs[%zu], \"%s\", ", arch_index, tag);
    enum status status = put_repo(out, get_text(entry, "hf_hub"), err);
    if (status != OK)
        return err_prefix(err, "%s/%s", arch, tag);
    put_literal(out, url);
    str_format(out, ", %s, %s,\n ", url && is_repo_of_other(list, entry) ? "true" : "false",
               json_is_true(json_object_get(entry, "quick_gelu")) ? "true" : "false");
    put_literal(out, interpolation);
    str_put(out, ", ");
    put_literal(out, resize_mode);
    str_put(out, ", ");
    put_numbers(out, entry);
    str_put(out, "},\n");
    return OK;
}

static enum status put_tables(struct str *out, const json_t *archs, const json_t *tags,
                              struct err *err)
{
    enum status status = OK;
    size_t arch_count = json_array_size(archs), tag_count = json_array_size(tags);
    str_put(out, "/* Made by tools/pack_registry.c from data/registry/ (OpenCLIP, MIT). */\n"
                 "#include \"hub/registry.h\"\n\n#include <stddef.h>\n\n");
    str_format(out, "const size_t registry_arch_count = %zu;\n", arch_count);
    str_put(out, "const struct registry_arch registry_archs[] = {\n");
    for (size_t i = 0; status == OK && i < arch_count; i++)
        status = put_arch(out, archs, i, err);
    str_format(out, "};\n\nconst size_t registry_tag_count = %zu;\n", tag_count);
    str_put(out, "const struct registry_tag registry_tags[] = {\n");
    for (size_t i = 0; status == OK && i < tag_count; i++)
        status = put_tag(out, tags, i, archs, err);
    str_put(out, "};\n");
    if (status == OK && !str_ok(out))
        status = err_no_memory(err, "the output", out->size);
    return status;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 4) {
        fprintf(stderr,
                "usage: pack_registry architectures.json pretrained.json registry_data.c\n");
        return 2;
    }
    json_t *archs = NULL, *tags = NULL;
    struct str out = str_new(OUTPUT_MAX);
    enum status status = read_array(&archs, argv[1], &err);
    if (status == OK)
        status = read_array(&tags, argv[2], &err);
    if (status == OK)
        status = put_tables(&out, archs, tags, &err);
    if (status == OK)
        status = file_write(argv[3], out.data, out.size, &err);
    if (status != OK)
        fprintf(stderr, "pack_registry: %s\n", err.text);
    str_free(&out);
    json_decref(archs);
    json_decref(tags);
    return status == OK ? 0 : 1;
}
