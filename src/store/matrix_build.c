/* SPDX-License-Identifier: MIT */
#include "store/matrix_build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NO_ROW SIZE_MAX
#define HUGE_PAGE ((size_t)2 << 20)

void matrix_build_start(struct matrix_build *b, struct store_matrix *out)
{
    *b = (struct matrix_build){
        .paths = str_new(SIZE_MAX / 4), .copies = str_new(SIZE_MAX / 4), .out = out};
}

void matrix_build_free(struct matrix_build *b)
{
    free(b->ids);
    free(b->rows);
    str_free(&b->paths);
    str_free(&b->copies);
}

/* --- which photos ------------------------------------------------------------------------- */

enum status matrix_build_id(struct matrix_build *b, int64_t photo_id, struct err *err)
{
    if (b->id_count == b->id_capacity) {
        size_t capacity = b->id_capacity ? 2 * b->id_capacity : 1024;
        int64_t *grown = realloc(b->ids, capacity * sizeof *grown);
        if (!grown)
            return err_no_memory(err, "the library's photos", capacity * sizeof *grown);
        b->ids = grown;
        b->id_capacity = capacity;
    }
    b->ids[b->id_count++] = photo_id;
    return OK;
}

/* --- which rows --------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum status matrix_build_rows(struct matrix_build *b, struct err *err)
{
    size_t size = b->id_count * sizeof *b->rows;
    b->rows = malloc(size ? size : 1);
    if (!b->rows)
        return err_no_memory(err, "the library's photos", size);
    memset(b->rows, 0xff, size); /* NO_ROW */
    for (size_t i = 1; i < b->id_count; i++)
        if (b->ids[i - 1] > b->ids[i]) {
            qsort(b->ids, b->id_count, sizeof *b->ids, compare_ids);
            break;
        }
    return OK;
}

/* The photo's index in ids, or NO_ROW. */
static size_t find_id(struct matrix_build *b, int64_t photo_id)
{
    if (b->next < b->id_count && b->ids[b->next] == photo_id)
        return b->next++;
    if (b->id_count == 0) /* and no array */
        return NO_ROW;
    const int64_t *found = bsearch(&photo_id, b->ids, b->id_count, sizeof *b->ids, compare_ids);
    if (!found)
        return NO_ROW;
    b->next = (size_t)(found - b->ids) + 1;
    return b->next - 1;
}

enum status matrix_build_file(struct matrix_build *b, int64_t photo_id, struct str **path,
                              struct err *err)
{
    struct store_matrix *m = b->out;
    size_t i = find_id(b, photo_id);
    *path = NULL;
    if (i == NO_ROW)
        return OK;
    if (b->rows[i] == NO_ROW) {
        b->rows[i] = m->count++;
        *path = &b->paths;
        return OK;
    }
    if (m->copy_count == b->copy_capacity) {
        size_t capacity = b->copy_capacity ? 2 * b->copy_capacity : 256;
        size_t *grown = realloc(m->copy_rows, capacity * sizeof *grown);
        if (!grown)
            return err_no_memory(err, "the library's paths", capacity * sizeof *grown);
        m->copy_rows = grown;
        b->copy_capacity = capacity;
    }
    m->copy_rows[m->copy_count++] = b->rows[i];
    *path = &b->copies;
    return OK;
}

/* --- the arrays --------------------------------------------------------------------------- */

/* Huge pages spare a large matrix most of its page faults now and of its TLB misses at each scan.
 */
static void *alloc_vectors(size_t size_bytes)
{
    size_t alignment = size_bytes >= HUGE_PAGE ? HUGE_PAGE : 64;
    size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
    void *vectors = aligned_alloc(alignment, rounded);
#ifdef MADV_HUGEPAGE
    if (vectors && alignment == HUGE_PAGE)
        madvise(vectors, rounded, MADV_HUGEPAGE); /* a wish */
#endif
    return vectors;
}

/* `strings` becomes *block; pointers: [count], into it. */
static void point_to(struct str *strings, void **block, char **pointers, size_t count)
{
    char *p = strings->data;
    *block = strings->data;
    *strings = str_new(0);
    for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
        pointers[i] = p;
}

static enum status point_to_copies(struct matrix_build *b, struct err *err)
{
    struct store_matrix *m = b->out;
    if (m->copy_count == 0)
        return OK;
    m->copy_paths = malloc(m->copy_count * sizeof *m->copy_paths);
    if (!m->copy_paths)
        return err_no_memory(err, "the library's paths", m->copy_count * sizeof *m->copy_paths);
    point_to(&b->copies, &m->copy_block, m->copy_paths, m->copy_count);
    return OK;
}

enum status matrix_build_arrays(struct matrix_build *b, const char *label, struct err *err)
{
    struct store_matrix *m = b->out;
    m->dim = (int)b->dim;
    b->next = 0;
    if (m->count == 0)
        return OK;
    size_t size;
    if (__builtin_mul_overflow(m->count, b->dim * sizeof *m->vectors, &size) || size > SIZE_MAX / 2)
        return err_set(err, ERR_LIMIT, "the library %s is too large for this machine", label);
    m->vectors = b->rows_only ? NULL : alloc_vectors(size);
    m->photo_ids = malloc(m->count * sizeof *m->photo_ids);
    m->paths = malloc(m->count * sizeof *m->paths);
    if ((!m->vectors && !b->rows_only) || !m->photo_ids || !m->paths)
        return err_no_memory(err, "the library's vectors", size);
    point_to(&b->paths, &m->block, m->paths, m->count);
    for (size_t i = 0; i < b->id_count; i++)
        if (b->rows[i] != NO_ROW)
            m->photo_ids[b->rows[i]] = b->ids[i];
    return point_to_copies(b, err);
}

/* --- the vectors -------------------------------------------------------------------------- */

uint16_t *matrix_build_vector(struct matrix_build *b, int64_t photo_id, bool *known)
{
    size_t i = find_id(b, photo_id);
    *known = i != NO_ROW;
    return *known && b->rows[i] != NO_ROW ? b->out->vectors + b->rows[i] * b->dim : NULL;
}

struct old_row {
    int64_t photo_id;
    size_t row;
};

static int compare_old(const void *a, const void *b)
{
    return compare_ids(&((const struct old_row *)a)->photo_id,
                       &((const struct old_row *)b)->photo_id);
}

enum status matrix_build_reuse(struct matrix_build *b, const struct store_matrix *old,
                               int64_t **missing, size_t *count, struct err *err)
{
    struct old_row *rows = malloc((old->count ? old->count : 1) * sizeof *rows);
    *missing = malloc((b->id_count ? b->id_count : 1) * sizeof **missing);
    *count = 0;
    if (!rows || !*missing) {
        free(rows);
        return err_no_memory(err, "the library's photos", old->count * sizeof *rows);
    }
    for (size_t i = 0; i < old->count; i++)
        rows[i] = (struct old_row){old->photo_ids[i], i};
    qsort(rows, old->count, sizeof *rows, compare_old);
    size_t j = 0;
    for (size_t i = 0; i < b->id_count; i++) {
        if (b->rows[i] == NO_ROW)
            continue;
        while (j < old->count && rows[j].photo_id < b->ids[i])
            j++;
        if (j < old->count && rows[j].photo_id == b->ids[i])
            memcpy(b->out->vectors + b->rows[i] * b->dim, old->vectors + rows[j].row * b->dim,
                   b->dim * sizeof *old->vectors);
        else
            (*missing)[(*count)++] = b->ids[i];
    }
    free(rows);
    return OK;
}
