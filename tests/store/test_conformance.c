/* SPDX-License-Identifier: MIT
 *
 * The contract of store.h, for every kind of store: SQLite's, or PostgreSQL's where a server's URL
 * is in $FOVEA_TEST_POSTGRES (cluster.sh). What a kind lacks its tests find out from the store.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void place_sqlite(const char *dir, char *location, size_t size)
{
    snprintf(location, size, "%s", at(dir, "deep/library.fovea"));
}

static const struct kind sqlite_kind = {"sqlite", place_sqlite};
static const struct kind *kind = &sqlite_kind;

int conformance_setup(void **state)
{
    struct err err;
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->dir = scratch_make();
    kind->place(f->dir, f->location, sizeof f->location);
    assert_ok(store_open(&f->store, f->location, STORE_WRITE, &err));
    assert_ok(store_model_use(f->store, "ViT-T/test", "f00d", DIM, &f->model, &err));
    *state = f;
    return 0;
}

int conformance_teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    scratch_remove(f->dir);
    free(f);
    return 0;
}

enum file_state state_of(struct store *store, int64_t model, const struct store_file *file)
{
    struct err err;
    enum file_state state;
    assert_ok(store_file_state(store, model, file, &state, &err));
    return state;
}

bool has(struct store *store, int64_t model, int content)
{
    struct err err;
    bool answer;
    struct photo_hash hash = content_hash(content);
    assert_ok(store_has_embedding(store, model, &hash, &answer, &err));
    return answer;
}

struct store_summary summary_of(struct store *store)
{
    struct err err;
    struct store_summary summary;
    assert_ok(store_summarize(store, &summary, &err));
    return summary;
}

void assert_matrix(struct store *store, int64_t model, const struct row *rows, size_t count)
{
    struct err err;
    struct store_matrix m;
    assert_ok(store_matrix_load(store, model, &m, &err));
    assert_int_equal(m.dim, DIM);
    assert_int_equal(m.count, count);
    assert_int_equal((uintptr_t)m.vectors % 64, 0);
    for (size_t i = 0; i < count; i++) {
        uint16_t expected[DIM];
        content_vector(rows[i].content, DIM, expected);
        assert_string_equal(m.paths[i], rows[i].path);
        assert_memory_equal(m.vectors + i * DIM, expected, sizeof expected);
        assert_true(m.photo_ids[i] > 0);
        for (size_t j = 0; j < i; j++)
            assert_true(m.photo_ids[i] != m.photo_ids[j]);
    }
    store_matrix_free(&m);
    assert_null(m.vectors);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "try-lock") == 0)
        return try_lock(argv[2], argv[3]);
    if (getenv("FOVEA_TEST_POSTGRES"))
        kind = &postgres_kind;
    print_message("store: %s\n", kind->name);
    int failed = conformance_index() + conformance_contents() + conformance_paths() +
                 conformance_photos() + conformance_models() + conformance_labels() +
                 conformance_batches() + conformance_processes();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
