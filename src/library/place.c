/* SPDX-License-Identifier: MIT
 *
 * See place.h. A copy is written beside its final name and renamed, so that a broken run leaves no
 * half a photograph under a photograph's name.
 */
#include "library/place.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LIMIT (1 << 16)
enum { SAME_NAMES_MAX = 10000 };

/* A category's name as a folder's name: no '/', not hidden, not empty. */
static void put_clean_name(struct str *out, const char *name)
{
    if (name[0] == '.')
        str_putc(out, '_');
    for (; *name; name++)
        str_putc(out, *name == '/' || (unsigned char)*name < 0x20 ? '_' : *name);
}

/* The folders of the categories, and behind them that of NONE_OF_THESE: "a/b" and "A_b" are "a_b"
 * and "A_b (2)". */
static enum status name_folders(char **folders, const struct categories *categories,
                                struct err *err)
{
    for (size_t i = 0; i <= categories->count; i++) {
        const char *name = i < categories->count ? categories->items[i].name : NONE_OF_THESE;
        struct str folder = str_new(PATH_LIMIT);
        bool is_taken = true;
        for (int n = 1; is_taken; n++) {
            str_clear(&folder);
            put_clean_name(&folder, name);
            if (n > 1)
                str_format(&folder, " (%d)", n);
            is_taken = false;
            for (size_t k = 0; k < i && !is_taken; k++)
                is_taken = strcasecmp(folders[k], str_text(&folder)) == 0;
        }
        folders[i] = str_ok(&folder) ? folder.data : NULL;
        if (!folders[i])
            return err_no_memory(err, "the folders", PATH_LIMIT);
    }
    return OK;
}

/* dir/name, or dir/stem (n).ext for n > 1. A stem that leaves no room for the number is cut. */
static void put_target(struct str *out, const char *dir, const char *name, int n)
{
    str_clear(out);
    if (n == 1) {
        path_join(out, dir, name);
        return;
    }
    const char *dot = strrchr(name, '.');
    const char *ending = dot && dot != name ? dot : name + strlen(name);
    char number[16];
    snprintf(number, sizeof number, " (%d)", n);
    size_t stem = (size_t)(ending - name), rest = strlen(number) + strlen(ending);
    if (stem + rest > NAME_MAX && rest < NAME_MAX)
        stem = NAME_MAX - rest;
    str_format(out, "%s/%.*s%s%s", dir, (int)stem, name, number, ending);
}

static bool is_same_link(const char *link, const char *target)
{
    char *there = malloc(PATH_LIMIT);
    ssize_t size = there ? readlink(link, there, PATH_LIMIT) : -1;
    bool same =
        size >= 0 && (size_t)size == strlen(target) && memcmp(there, target, (size_t)size) == 0;
    free(there);
    return same;
}

static bool have_same_bytes(FILE *a, FILE *b)
{
    enum { BLOCK = 1 << 16 };
    char *blocks = malloc(2 * (size_t)BLOCK);
    bool same = blocks != NULL;
    for (size_t n = BLOCK; same && n == BLOCK;) {
        n = fread(blocks, 1, BLOCK, a);
        same = fread(blocks + BLOCK, 1, BLOCK, b) == n && memcmp(blocks, blocks + BLOCK, n) == 0;
    }
    free(blocks);
    return same && !ferror(a) && !ferror(b);
}

/* FAT keeps times to two seconds, and ZIP's are as coarse. */
static bool are_near(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec - b->tv_sec <= 2 && b->tv_sec - a->tv_sec <= 2;
}

/* This photo was copied here before: same size and mtime, which copies keep, and same bytes, for
 * two uncompressed pictures out of one archive can agree in size, time and name. */
static bool is_same_copy(const char *copy, const char *original)
{
    struct stat a, b;
    if (lstat(copy, &a) != 0 || !S_ISREG(a.st_mode) || stat(original, &b) != 0 ||
        a.st_size != b.st_size || !are_near(&a.st_mtim, &b.st_mtim))
        return false;
    FILE *first = fopen(copy, "rbe"), *second = fopen(original, "rbe");
    bool same = first && second && have_same_bytes(first, second);
    if (first)
        fclose(first);
    if (second)
        fclose(second);
    return same;
}

static enum status copy_bytes(int in, int out, const char *path, struct err *err)
{
    enum { BLOCK = 1 << 20 };
    char *block = malloc(BLOCK);
    enum status status = block ? OK : err_no_memory(err, "copying", BLOCK);
    while (status == OK) {
        ssize_t got = read(in, block, BLOCK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = err_errno(err, errno, "cannot read %s", path);
        if (got <= 0)
            break;
        for (ssize_t done = 0; status == OK && done < got;) {
            ssize_t put = write(out, block + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                status = err_errno(err, errno, "cannot copy %s", path);
            else if (put > 0)
                done += put;
        }
    }
    free(block);
    return status;
}

/* Gives a finished copy its name. link() and not rename(): it refuses to replace what came into
 * being meanwhile. File systems without hard links (FAT) have to do with rename(). */
static enum status publish_copy(const char *beside, const char *to, struct err *err)
{
    if (link(beside, to) == 0)
        return OK;
    bool no_links = errno == EPERM || errno == ENOTSUP || errno == ENOSYS;
    if (no_links && rename(beside, to) == 0)
        return OK;
    return err_errno(err, errno, "cannot write %s", to);
}

static enum status copy_file(const char *from, const char *to, struct err *err)
{
    struct str beside = str_new(PATH_LIMIT);
    struct stat st;
    int out = -1, in = open(from, O_RDONLY | O_CLOEXEC);
    enum status status = OK;
    if (in < 0 || fstat(in, &st) != 0) {
        status = err_errno(err, errno, "cannot read %s", from);
        goto out;
    }
    /* A name of its own: the photograph's may be as long as a name can be. */
    str_format(&beside, "%.*s.fovea-XXXXXX", (int)(path_basename(to) - to), to);
    out = str_ok(&beside) ? mkostemp(beside.data, O_CLOEXEC) : -1;
    if (out < 0) {
        status = err_errno(err, errno, "cannot write %s", to);
        goto out;
    }
    status = copy_bytes(in, out, from, err);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    if (status == OK && (fchmod(out, st.st_mode & 0777) != 0 || futimens(out, times) != 0))
        status = err_errno(err, errno, "cannot write %s", to);
    /* Some file systems tell only now that a write has failed. */
    if (close(out) != 0 && status == OK)
        status = err_errno(err, errno, "cannot write %s", to);
    out = -1;
    if (status == OK)
        status = publish_copy(beside.data, to, err);
    unlink(beside.data); /* still there after a failure, or under a second name */
out:
    if (out >= 0)
        close(out);
    if (in >= 0)
        close(in);
    str_free(&beside);
    return status;
}

/* Places one photograph into a category's folder. */
static enum status place_one(const char *path, const char *dir, enum place_how how,
                             struct place_report *report, struct err *err)
{
    struct str target = str_new(PATH_LIMIT);
    enum status status = OK;
    for (int n = 1;; n++) {
        struct stat st;
        put_target(&target, dir, path_basename(path), n);
        if (!str_ok(&target) || n > SAME_NAMES_MAX) {
            status = err_set(err, ERR_LIMIT, "no free name for %s in %s", path, dir);
            break;
        }
        if (lstat(target.data, &st) == 0) {
            if (how == PLACE_LINK ? is_same_link(target.data, path)
                                  : is_same_copy(target.data, path)) {
                report->already_there++;
                break;
            }
            continue;
        }
        if (how == PLACE_COPY)
            status = copy_file(path, target.data, err);
        else if (symlink(path, target.data) != 0)
            status = err_errno(err, errno, "cannot link %s", target.data);
        report->placed += status == OK;
        break;
    }
    str_free(&target);
    return status;
}

/* What every further photograph would fail for, too. */
static bool is_hopeless(int why)
{
    return why == ENOSPC || why == EROFS || why == EDQUOT;
}

struct placing {
    const struct store_matrix *matrix;
    const struct categories *categories;
    char *const *folders; /* of each category, the last for none of these */
    const struct place_to *to;
    struct place_report *report;
};

static enum status place_into(const struct placing *p, size_t row, int category, struct err *err)
{
    struct str folder = str_new(PATH_LIMIT);
    struct err one;
    size_t none = p->categories->count;
    str_format(&folder, "%s/%s", p->to->dir, p->folders[category < 0 ? none : (size_t)category]);
    enum status status = str_ok(&folder)
                             ? dir_make(folder.data, err)
                             : err_set(err, ERR_ARGUMENT, "path is too long: %.200s", p->to->dir);
    errno = 0;
    if (status == OK &&
        place_one(p->matrix->paths[row], folder.data, p->to->how, p->report, &one) != OK) {
        bool stop = is_hopeless(errno);
        if (p->report->failed++ == 0)
            memcpy(p->report->first_failure, one.text, sizeof p->report->first_failure);
        if (stop)
            status =
                err_set(err, ERR_IO, "%s; %zu were put there before", one.text, p->report->placed);
    }
    str_free(&folder);
    return status;
}

enum status place_by_category(const struct classification *c, const struct store_matrix *matrix,
                              const struct categories *categories, const struct row_set *rows,
                              const struct place_to *to, struct place_report *report,
                              struct err *err)
{
    char **folders = calloc(categories->count + 1, sizeof *folders);
    const struct placing placing = {matrix, categories, folders, to, report};
    *report = (struct place_report){0};
    enum status status = folders ? name_folders(folders, categories, err)
                                 : err_no_memory(err, "the folders", categories->count);
    for (size_t i = 0; status == OK && i < c->count; i++) {
        if (rows && !row_set_has(rows, i))
            continue;
        status = place_into(&placing, i, c->verdicts[i].category, err);
        const int *also;
        size_t also_count = classification_also(c, i, &also);
        for (size_t k = 0; status == OK && k < also_count; k++)
            status = place_into(&placing, i, also[k], err);
    }
    for (size_t i = 0; folders && i <= categories->count; i++)
        free(folders[i]);
    free((void *)folders);
    return status;
}
