/* SPDX-License-Identifier: MIT
 *
 * library: what a snapshot holds and shares, what each filter lets pass, and how find() cuts off,
 * excludes, collapses, orders and pages; on a small library whose photographs are written in a
 * table, and on a larger one of random vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/file.h"
#include "kern/kernels.h"
#include "library/filter.h"
#include "library/find.h"
#include "library/fold.h"
#include "library/snapshot.h"
#include "library/tree.h"
#include "search/floor.h"
#include "store/store.h"
#include "../temporary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOUR 3600000LL
#define DAY (24 * HOUR)

enum { DIM = 8 };

/* Rows are sorted by path: the order of the table is that of the rows. */
static const struct photo {
    const char *path;
    float x, y; /* the first two components; the third makes the length 1 */
    int64_t taken_ms;
    const char *camera, *lens, *format, *keywords;
    int rating, iso;
    double latitude, longitude;
    uint64_t phash;
    const char *category, *also;
} photos[] = {
    /* 2023-05-17 18:30 is 1684348200 s */
    {"/p/2023/05/a.jpg", 0.90f, 0.0f, 1684348200000, "FUJIFILM X-T5", "XF 23mm", "jpeg",
     "Été\nplaces|France|Chamonix\n", 5, 800, 45.9, 6.87, 1, "Sea", NULL},
    {"/p/2023/05/b.raf", 0.89f, 0.0f, 1684348203000, "FUJIFILM X-T5", "XF 23mm", "raw", "lake\n", 3,
     200, 45.95, 6.9, ~0ULL, "Sea", "City"},
    {"/p/2023/06/c.jpg", 0.80f, 0.1f, 1687000000000, "Canon EOS R5", "RF 50mm", "jpeg",
     "lake\nwinter\n", 0, 100, -17.8, 177.9, 0xffffffff00000000, "City", NULL},
    {"/p/2024/d.png", 0.50f, 0.6f, 1704067199999, "Canon EOS R5", "", "png", "", -1, 0, -17.0,
     -179.5, 4, NULL, NULL},
    {"/p/2024/e.jpg", 0.30f, 0.7f, 1704067200000, "NIKON Z 8", "", "jpeg", "Lake District\n",
     PHOTO_NO_RATING, 6400, (double)NAN, (double)NAN, 8, "Sea", NULL},
    {"/q/f.heic", 0.10f, 0.0f, PHOTO_NO_TIME, "", "", "heic", "", PHOTO_NO_RATING, 0, (double)NAN,
     (double)NAN, 16, NULL, NULL},
};
enum { PHOTOS = sizeof photos / sizeof photos[0] };

static struct fixture {
    char dir[64], path[96];
    struct store *store;
    int64_t model_id;
    const struct snapshot *snapshot;
    struct kernels kernels;
} fx;

#define require(call) assert_int_equal(require_(call, &err), OK)
static enum status require_(enum status status, const struct err *err)
{
    if (status != OK)
        print_error("%s\n", err->text);
    return status;
}

static void put(const char *path, const struct photo_meta *meta, const char *format, uint64_t phash,
                const float *vector, int number)
{
    struct err err;
    uint16_t half[DIM];
    fx.kernels.f32_to_f16(half, vector, DIM);
    struct store_result result = {.file = {.path = path, .size_bytes = 100 + number, .mtime_ns = 1},
                                  .width = 60,
                                  .height = 40,
                                  .vector = half,
                                  .meta = meta,
                                  .phash = phash,
                                  .has_phash = true};
    memcpy(result.hash.bytes, &number, sizeof number);
    snprintf(result.format, sizeof result.format, "%s", format);
    require(store_put_results(fx.store, fx.model_id, &result, 1, &err));
}

static void put_photo(int i)
{
    const struct photo *p = &photos[i];
    struct photo_meta meta;
    photo_meta_clear(&meta);
    meta.taken_ms = p->taken_ms;
    meta.rating = p->rating;
    meta.iso = p->iso;
    meta.latitude = p->latitude;
    meta.longitude = p->longitude;
    snprintf(meta.camera, sizeof meta.camera, "%s", p->camera);
    snprintf(meta.lens, sizeof meta.lens, "%s", p->lens);
    snprintf(meta.keywords, sizeof meta.keywords, "%s", p->keywords);
    const float vector[DIM] = {p->x, p->y, sqrtf(1 - p->x * p->x - p->y * p->y)};
    put(p->path, &meta, p->format, p->phash, vector, i + 1);
}

static void label(const char *set, const char *const names[2], bool other)
{
    struct err err;
    struct store_label labels[PHOTOS];
    static const int first[] = {0}, second[] = {1};
    static const float even[2] = {0.5f, 0.5f};
    size_t count = 0;
    for (int i = 0; i < PHOTOS; i++) {
        const struct photo *p = &photos[i];
        bool sea = p->category && strcmp(p->category, "Sea") == 0;
        if (i == PHOTOS - 1) /* has no label at all */
            continue;
        labels[count++] = (struct store_label){
            .photo_id = fx.snapshot->matrix->photo_ids[i],
            .category = p->category ? names[sea == other] : NULL,
            .confidence = 0.5,
            .probabilities = even,
            .also = p->also ? (sea == other ? first : second) : NULL,
            .also_count = p->also != NULL,
        };
    }
    const struct store_set made = {set, "{}", names, 2, 0};
    require(store_labels_replace(fx.store, fx.model_id, &made, labels, count, &err));
}

static void refresh(enum snapshot_bytes bytes)
{
    struct err err;
    const struct snapshot *next;
    require(snapshot_open(&next, fx.store, fx.model_id, bytes, fx.snapshot, &err));
    snapshot_unref(fx.snapshot);
    fx.snapshot = next;
}

static void open_library(void)
{
    struct err err;
    assert_int_equal(temporary_make(fx.dir, sizeof fx.dir), 0);
    snprintf(fx.path, sizeof fx.path, "%s/library.db", fx.dir);
    require(store_open(&fx.store, fx.path, STORE_WRITE, &err));
    require(store_model_use(fx.store, "test", "0123456789abcdef0123456789abcdef", DIM, &fx.model_id,
                            &err));
    kernels_init(&fx.kernels, cpu_flags_detect());
}

static int setup(void **state)
{
    static const char *const seaside[] = {"Sea", "City"}, *const again[] = {"Town", "Water: all"};
    open_library();
    for (int i = 0; i < PHOTOS; i++)
        put_photo(i);
    /* the same content once more: e has a second path */
    struct store_result copy = {
        .file = {.path = "/z/copies/e.jpg", .size_bytes = 105, .mtime_ns = 1}};
    struct err err;
    const int number = 5;
    memcpy(copy.hash.bytes, &number, sizeof number);
    require(store_put_results(fx.store, fx.model_id, &copy, 1, &err));
    refresh(SNAPSHOT_BYTES_AUTO);
    label("other", again, true);
    label("default", seaside, false);
    refresh(SNAPSHOT_BYTES_AUTO);
    return 0;
}

static int teardown(void **state)
{
    snapshot_unref(fx.snapshot);
    store_close(fx.store);
    fx.snapshot = NULL;
    struct err err;
    return tree_remove(fx.dir, &err) == OK ? 0 : -1;
}

/* --- snapshot ----------------------------------------------------------------------------- */

static void test_snapshot(void **state)
{
    const struct snapshot *s = fx.snapshot, *same;
    struct err err;
    assert_int_equal(s->matrix->count, PHOTOS);
    for (size_t row = 0; row < PHOTOS; row++) {
        assert_string_equal(s->matrix->paths[row], photos[row].path);
        assert_int_equal(snapshot_row_of(s, s->matrix->photo_ids[row]), row);
        assert_int_equal(snapshot_row_at(s, photos[row].path), row);
    }
    assert_true(snapshot_row_of(s, 4711) == SNAPSHOT_NO_ROW);
    assert_true(snapshot_row_at(s, "/p/2023/05/a.jp") == SNAPSHOT_NO_ROW);
    assert_null(s->bytes);
    assert_string_equal(s->labels->set, "default");
    assert_ptr_equal(snapshot_labels(s, NULL), s->labels);
    assert_string_equal(snapshot_labels(s, "other")->names[0], "Town");
    assert_null(snapshot_labels(s, "none"));
    require(snapshot_open(&same, fx.store, fx.model_id, SNAPSHOT_BYTES_AUTO, s, &err));
    assert_ptr_equal(same, s); /* nothing has changed */
    snapshot_unref(same);
}

/* --- filters ------------------------------------------------------------------------------ */

/* Rows as letters: "ab" is the first and the second. */
static void check_filter(const char *const terms[][2], const char *expected)
{
    struct filter filter = {0};
    struct row_set rows;
    struct err err;
    char found[PHOTOS + 1] = {0};
    size_t n = 0;
    for (size_t i = 0; i < 3 && terms[i][0]; i++)
        require(filter_add_named(&filter, terms[i][0], terms[i][1], &err));
    require(row_set_open(&rows, PHOTOS, true, &err));
    require(filter_apply(&filter, fx.snapshot, &rows, &err));
    for (size_t row = 0; row < PHOTOS; row++)
        if (row_set_has(&rows, row))
            found[n++] = (char)('a' + row);
    if (strcmp(found, expected) != 0)
        print_error("%s=%s\n", terms[0][0] ? terms[0][0] : "", terms[0][0] ? terms[0][1] : "");
    assert_string_equal(found, expected);
    row_set_close(&rows);
}

static void test_filters(void **state)
{
    static const struct {
        const char *terms[3][2];
        const char *rows;
    } cases[] = {
        {{{NULL, NULL}}, "abcdef"},
        {{{"since", "2023"}}, "abcde"},
        {{{"since", "2023-06"}}, "cde"},
        {{{"since", "2023-05-17T18:30"}}, "abcde"},
        {{{"since", "2023-05-17T18:30:01"}}, "bcde"},
        {{{"since", "2023-05-17T18:31"}}, "cde"},
        {{{"until", "2023"}}, "abcd"},
        {{{"until", "2023-05"}}, "ab"},
        {{{"until", "2023-05-17"}}, "ab"},
        {{{"until", "2023-05-17 18:30:02"}}, "a"},
        {{{"until", "2023-05-16"}}, ""},
        {{{"until", "2022"}}, ""},
        {{{"since", "2023-12-31"}, {"until", "2023-12-31"}}, "d"},
        {{{"since", "2024-01-01"}}, "e"},
        {{{"camera", "fuji"}}, "ab"},
        {{{"camera", "CANON"}}, "cd"},
        {{{"camera", "fuji"}, {"camera", "z 8"}}, "abe"},
        {{{"camera", "fuji"}, {"lens", "rf"}}, ""},
        {{{"lens", "23MM"}}, "ab"},
        {{{"category", "Sea"}}, "abe"},
        {{{"category", "sea"}}, "abe"},
        {{{"category", "City"}}, "bc"}, /* b has it beside its main one */
        {{{"category", "None of these"}}, "d"},
        {{{"category", "default:City"}}, "bc"},
        {{{"category", "other:Town"}}, "bc"},
        {{{"category", "other:Water: all"}}, "abe"},
        {{{"folder", "/p/2023"}}, "abc"},
        {{{"folder", "/p/2023/"}}, "abc"},
        {{{"folder", "/p/202"}}, ""},
        {{{"folder", "/"}}, "abcdef"},
        {{{"folder", "2023/05"}}, "ab"},
        {{{"folder", "05"}}, "ab"},
        {{{"folder", "/z"}}, "e"}, /* of its copy */
        {{{"folder", "copies"}}, "e"},
        {{{"folder", "a.jpg"}}, ""},
        {{{"folder", "/q"}, {"folder", "2024"}}, "def"},
        {{{"gps", "45,6,46,7"}}, "ab"},
        {{{"gps", "45.95,6,46,7"}}, "b"},
        {{{"gps", "-20,177,-10,-179"}}, "cd"}, /* across the 180th meridian */
        {{{"gps", "-20,-180,-10,180"}}, "cd"},
        {{{"gps", "-90,-180,90,180"}}, "abcd"},
        {{{"rating", "3+"}}, "ab"},
        {{{"rating", "3"}}, "b"},
        {{{"rating", "0-4"}}, "bcef"},
        {{{"rating", "rejected"}}, "d"},
        {{{"rating", "unrated"}}, "cef"},
        {{{"iso", "800+"}}, "ae"},
        {{{"iso", "100-200"}}, "bc"},
        {{{"iso", "0+"}}, "abce"}, /* where it is told */
        {{{"format", "jpg"}}, "ace"},
        {{{"format", "JPEG"}}, "ace"},
        {{{"format", "raw"}}, "b"},
        {{{"format", "png"}, {"format", "heif"}}, "df"},
        {{{"keyword", "lake"}}, "bc"},
        {{{"keyword", "lake"}, {"keyword", "winter"}}, "c"},
        {{{"keyword", "lake district"}}, "e"},
        {{{"keyword", "france"}}, "a"},
        {{{"keyword", "places|france|chamonix"}}, "a"},
        {{{"keyword", "\xc3\xa9t\xc3\xa9"}}, "a"},   /* été */
        {{{"keyword", "E\xcc\x81TE\xcc\x81"}}, "a"}, /* ÉTÉ in pieces */
        {{{"keyword", "ete"}}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_filter(cases[i].terms, cases[i].rows);
}

static void test_filters_refuse(void **state)
{
    static const char *const bad[][2] = {
        {"since", ""},
        {"since", "yesterday"},
        {"format", "foo"},
        {"format", "jpeg2000-of-a-kind"},
        {"since", "2023-13"},
        {"since", "2023-02-29"},
        {"since", "2023-5"},
        {"since", "23"},
        {"since", "2023-05-17T25:00"},
        {"until", "2023-05-17T10:00:00Z"},
        {"since", "2023-"},
        {"rating", "6"},
        {"rating", "4-2"},
        {"rating", "-1"},
        {"rating", "three"},
        {"rating", "3++"},
        {"iso", "fast"},
        {"iso", "1-2-3"},
        {"gps", "1,2,3"},
        {"gps", "46,6,45,7"},
        {"gps", "1,2,3,4,5"},
        {"gps", "-91,0,0,0"},
        {"gps", "0,-181,1,0"},
        {"gps", "nan,0,1,1"},
        {"gps", "inf,0,1,1"},
        {"camera", ""},
        {"keyword", ""},
        {"folder", ""},
        {"iso", "999999999999999999999"},
    };
    struct err err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct filter filter = {0};
        if (filter_add_named(&filter, bad[i][0], bad[i][1], &err) != ERR_ARGUMENT)
            fail_msg("%s=%s is accepted", bad[i][0], bad[i][1]);
        assert_non_null(strstr(err.text, "accepted"));
        assert_int_equal(filter.count, 0);
    }
    struct filter filter = {0};
    assert_int_equal(filter_add_named(&filter, "colour", "red", &err), ERR_NOT_FOUND);
    require(filter_add_named(&filter, "since", "2024-02-29", &err));
    for (size_t i = 1; i < FILTER_TERMS_MAX; i++)
        require(filter_add(&filter, FILTER_KEYWORD, "x", &err));
    assert_int_equal(filter_add(&filter, FILTER_KEYWORD, "x", &err), ERR_LIMIT);

    struct filter unknown = {0};
    struct row_set rows;
    require(filter_add(&unknown, FILTER_CATEGORY, "Desert", &err));
    require(row_set_open(&rows, PHOTOS, true, &err));
    assert_int_equal(filter_apply(&unknown, fx.snapshot, &rows, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "there are: Sea, City"));
    row_set_close(&rows);
    struct filter reversed = {0};
    require(filter_add(&reversed, FILTER_UNTIL, "2016", &err));
    require(filter_add(&reversed, FILTER_SINCE, "2016-12-31", &err));
    struct filter refused = {0};
    require(filter_add(&refused, FILTER_SINCE, "2017", &err));
    assert_int_equal(filter_add(&refused, FILTER_UNTIL, "2016", &err), ERR_ARGUMENT);
}

static void test_folding(void **state)
{
    static const struct {
        const char *text, *other;
        bool equal;
    } cases[] = {
        {"Canon", "cANON", true},
        {"stra\xc3\x9f"
         "e",
         "STRASSE", true}, /* ß */
        {"\xef\xac\x81"
         "eld",
         "Field", true}, /* the ligature fi */
        {"Zu\xcc\x88rich", "Z\xc3\xbcrich", true},
        {"Zurich", "Z\xc3\xbcrich", false},
        {"\xff"
         "A",
         "\xff"
         "a",
         true}, /* not UTF-8 */
        {"\xff"
         "A",
         "\xfe"
         "a",
         false},
        {"", "", true},
        {"a", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *folded = fold_text(cases[i].text, strlen(cases[i].text));
        assert_non_null(folded);
        assert_int_equal(fold_equal(folded, cases[i].other, strlen(cases[i].other)),
                         cases[i].equal);
        free(folded);
    }
}

/* --- find --------------------------------------------------------------------------------- */

static const float east[DIM] = {1}, north[DIM] = {0, 1};

/* Hits as letters, weak ones in brackets, what they stand for as digits: "a1(c)". */
static void check_find(struct find_request request, const char *expected)
{
    struct err err;
    struct find_answer answer;
    char text[256] = {0};
    if (!request.query)
        request.query = east;
    if (!request.limit)
        request.limit = 10;
    require(find(&answer, fx.snapshot, &request, &err));
    for (size_t i = 0; i < answer.count; i++) {
        const struct find_hit *hit = &answer.hits[i];
        char one[32], more[24] = "";
        if (hit->collapsed)
            snprintf(more, sizeof more, "%zu", hit->collapsed);
        snprintf(one, sizeof one, hit->strong ? "%c%s" : "(%c%s)", (char)('a' + hit->row), more);
        strcat(text, one);
        assert_int_equal(hit->photo_id, fx.snapshot->matrix->photo_ids[hit->row]);
        assert_true(fabsf(hit->score - photos[hit->row].x) < 2e-3f || request.query != east);
    }
    assert_string_equal(text, expected);
    assert_int_equal(answer.strong, answer.strong_count > 0);
    find_answer_free(&answer);
}

static void test_find(void **state)
{
    const int64_t *ids = fx.snapshot->matrix->photo_ids;
    const float sea_floor = 0.65f;
    struct filter jpeg = {0};
    struct err err;
    require(filter_add(&jpeg, FILTER_FORMAT, "jpeg", &err));
    check_find((struct find_request){.floor = 0.2f}, "abcde");
    check_find((struct find_request){.floor = 0.2f, .limit = 2}, "ab");
    check_find((struct find_request){.floor = 0.2f, .limit = 2, .offset = 3}, "de");
    check_find((struct find_request){.floor = 0.2f, .limit = 2, .offset = 5}, "");
    check_find((struct find_request){.floor = 0.2f, .weak = true}, "abcde(f)");
    check_find((struct find_request){.floor = 0.95f}, "(a)");
    check_find((struct find_request){.floor = 0.95f, .weak = true, .limit = 3}, "(a)(b)(c)");
    check_find((struct find_request){.floor = 0.95f, .offset = 1}, "");
    check_find((struct find_request){.floor = 0.2f, .unique = true}, "a1cd1"); /* by the moment */
    check_find((struct find_request){.floor = 0.2f, .unique = true, .limit = 2}, "a1c");
    check_find((struct find_request){.floor = 0.2f, .filter = &jpeg}, "ace");
    check_find((struct find_request){.floor = 0.2f, .exclude_photo_id = ids[0]}, "bcde");
    check_find((struct find_request){.floor = 0.2f, .order = FIND_BY_DATE}, "edcba");
    check_find((struct find_request){.floor = 0.4f, .order = FIND_BY_DATE, .weak = true},
               "dcba(e)(f)");
    check_find((struct find_request){.floor = 0.2f, .order = FIND_BY_DATE, .limit = 2}, "ba");
    check_find((struct find_request){.query = north, .floor = 0.5f}, "ed");
    check_find((struct find_request){.query = north, .floor = 0.5f, .order = FIND_BY_PATH}, "de");
    check_find(
        (struct find_request){
            .floor = 0.2f, .unwanted = north, .unwanted_count = 1, .unwanted_floors = &sea_floor},
        "abcd"); /* without e; a library this small has the usual floors */
    check_find((struct find_request){.floor = 0.2f, .floor_mode = FIND_FLOOR_AUTO}, "abcde");
}

static void test_find_counts(void **state)
{
    struct err err;
    struct find_answer answer;
    struct filter filter = {0};
    const float floor = 0.65f;
    require(filter_add(&filter, FILTER_SINCE, "2023", &err));
    struct find_request request = {.query = east,
                                   .limit = 1,
                                   .floor = 0.2f,
                                   .filter = &filter,
                                   .unwanted = north,
                                   .unwanted_count = 1,
                                   .unwanted_floors = &floor};
    require(find(&answer, fx.snapshot, &request, &err));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.total, 5);
    assert_int_equal(answer.excluded, 1);
    assert_int_equal(answer.strong_count, 4); /* beyond the window, too */
    find_answer_free(&answer);
    request.limit = 0;
    assert_int_equal(find(&answer, fx.snapshot, &request, &err), ERR_ARGUMENT);
    request.limit = FIND_LIMIT_MAX + 1;
    assert_int_equal(find(&answer, fx.snapshot, &request, &err), ERR_ARGUMENT);
    request.limit = FIND_UNIQUE_MAX;
    request.unique = true;
    require(find(&answer, fx.snapshot, &request, &err));
    find_answer_free(&answer);
    request.offset = 1;
    assert_int_equal(find(&answer, fx.snapshot, &request, &err), ERR_ARGUMENT);
    find_answer_free(&answer);
}

/* --- a changing library ------------------------------------------------------------------- */

static void test_old_snapshots_stay(void **state)
{
    struct err err;
    const struct snapshot *old = snapshot_ref(fx.snapshot);
    const float vector[DIM] = {0.95f, 0, 0.3122f};
    struct photo_meta meta;
    photo_meta_clear(&meta);
    put("/p/0.jpg", &meta, "jpeg", 77, vector, 100);
    refresh(SNAPSHOT_BYTES_AUTO);
    assert_ptr_not_equal(fx.snapshot, old);
    assert_true(fx.snapshot->revision > old->revision);
    assert_int_equal(fx.snapshot->matrix->count, PHOTOS + 1);
    assert_int_equal(old->matrix->count, PHOTOS);
    assert_string_equal(old->matrix->paths[0], photos[0].path);
    assert_memory_equal(fx.snapshot->matrix->vectors + DIM, old->matrix->vectors,
                        PHOTOS * DIM * sizeof *old->matrix->vectors);
    snapshot_unref(old);
    char first[] = "/p/0.jpg", *gone[] = {first};
    require(store_forget_paths(fx.store, gone, 1, &err));
    refresh(SNAPSHOT_BYTES_AUTO);
    assert_int_equal(fx.snapshot->matrix->count, PHOTOS);
}

/* --- the adaptive floor ------------------------------------------------------------------- */

static uint64_t random_state;

static float random_normal(float mean, float deviation)
{
    float sum = -6;
    for (int i = 0; i < 12; i++) {
        uint64_t z = random_state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        sum += (float)((z ^ (z >> 31)) >> 40) * 0x1p-24f;
    }
    return mean + deviation * sum;
}

/* As phrases score with CLIP: 0.17 what they are not about, 0.28 what they are. */
static void test_floor(void **state)
{
    static const struct {
        size_t count, matches;
        double precision, recall; /* at least */
    } cases[] = {
        {1000, 0, 0, 0},           {20000, 0, 0, 0},       {1000, 100, 0.85, 0.85},
        {20000, 2000, 0.85, 0.85}, {20000, 200, 0.8, 0.7}, {20000, 20000, 1, 0.95},
        {1000, 600, 0.9, 0.9},     {20, 5, 0.2, 0.95},
    };
    static float scores[20000];
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (size_t i = 0; i < cases[c].count; i++)
            scores[i] = random_normal(i < cases[c].matches ? 0.28f : 0.17f, 0.022f);
        float floor = floor_find(scores, cases[c].count, 0.20f);
        double found = 0, right = 0;
        for (size_t i = 0; i < cases[c].count; i++) {
            found += scores[i] >= floor;
            right += scores[i] >= floor && i < cases[c].matches;
        }
        print_message("%zu of %zu match: %.0f found, %.0f of them right\n", cases[c].matches,
                      cases[c].count, found, right);
        if (cases[c].matches == 0) {
            assert_true(found <= 10); /* accidents, as the method allows for */
        } else {
            assert_true(right >= cases[c].precision * found);
            assert_true(right >= cases[c].recall * (double)cases[c].matches);
        }
    }
    for (int i = 0; i < 100; i++)
        scores[i] = 0.3f;
    assert_true(floor_find(scores, 100, 0.2f) <= 0.2f);
    scores[0] = NAN;
    scores[1] = INFINITY;
    assert_true(isfinite(floor_find(scores, 100, 0.2f)));
    assert_true(floor_find(scores, 0, 0.2f) >= 0.2f);
}

/* --- many --------------------------------------------------------------------------------- */

/* Every second photo is nearly the one before it: same hash but for a bit, nearly the same vector.
 */
static void test_unique_of_many(void **state)
{
    enum { MANY = 600 };
    struct err err;
    struct photo_meta meta;
    open_library();
    photo_meta_clear(&meta);
    uint64_t phash = 0;
    float vector[DIM] = {0};
    for (int i = 0; i < MANY; i++) {
        char path[32];
        snprintf(path, sizeof path, "/m/%04d.jpg", i);
        if (i % 2 == 0) {
            phash = (uint64_t)i * 0x9e3779b97f4a7c15u;
            phash ^= phash << 29;
            double square = 0;
            for (int d = 0; d < DIM; d++) {
                vector[d] = random_normal(0, 1);
                square += (double)vector[d] * (double)vector[d];
            }
            for (int d = 0; d < DIM; d++)
                vector[d] = (float)(vector[d] / sqrt(square));
        }
        put(path, &meta, "jpeg", phash ^ (uint64_t)(i % 2), vector, i + 1);
    }
    refresh(SNAPSHOT_BYTES_AUTO);
    for (size_t limit = 5; limit <= MANY; limit += 50) {
        struct find_answer answer;
        const struct find_request request = {
            .query = east, .limit = limit, .floor = -1, .unique = true};
        require(find(&answer, fx.snapshot, &request, &err));
        assert_true(answer.count == (limit < MANY / 2 ? limit : MANY / 2));
        for (size_t i = 0; i < answer.count; i++)
            assert_int_equal(answer.hits[i].collapsed, 1);
        find_answer_free(&answer);
    }
}

static int seed(void **state)
{
    const char *given = getenv("FOVEA_TEST_SEED");
    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("FOVEA_TEST_SEED=%llu\n", (unsigned long long)random_state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters_refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_snapshots_stay, setup, teardown),
        cmocka_unit_test_teardown(test_unique_of_many, teardown),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_floor),
    };
    return cmocka_run_group_tests(tests, seed, NULL);
}
