/* SPDX-License-Identifier: MIT
 *
 * URLs of libraries in PostgreSQL, without a server: what is refused, what is said about it, and
 * that no text repeats a password. Port 1 of this machine stands for a server that is not there.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE "127.0.0.1:1"

static const struct {
    const char *url;
    enum status status;
    const char *part; /* of the text */
} cases[] = {
    {"postgres://me@" NOWHERE "/photos", ERR_IO, "postgres://me@" NOWHERE "/photos: "},
    {"postgres://me@" NOWHERE "/photos", ERR_IO, "Connection refused; is the server running"},
    {"postgres://me@" NOWHERE ",127.0.0.1:2/photos", ERR_IO, "?; connection to server at"},
    {"postgresql://me:secret@" NOWHERE "/photos", ERR_IO, "postgres://me@" NOWHERE "/photos: "},
    {"postgres://me@" NOWHERE "/photos?password=secret", ERR_IO, "postgres://me@" NOWHERE},
    {"postgres://me@" NOWHERE "/photos?schema=other&connect_timeout=2", ERR_IO, "?schema=other"},
    {"postgres://me@" NOWHERE "/photos?connect_timeout=2&schema=o%74her", ERR_IO, "schema=other"},
    {"postgres://me:secret@" NOWHERE "/photos?unheard_of=1", ERR_ARGUMENT, "USER@HOST"},
    {"postgres://me:sec%zzret@" NOWHERE "/photos", ERR_ARGUMENT, "USER@HOST"},
    {"postgres:///photos?unheard_of=1", ERR_ARGUMENT, "unheard_of"},
    {"postgres://" NOWHERE "/photos?schema=", ERR_ARGUMENT, "1 to 63 bytes"},
    {"postgres://" NOWHERE "/photos?schema=%", ERR_ARGUMENT, "escape"},
    {"postgres://" NOWHERE "/photos?schema=a%2", ERR_ARGUMENT, "escape"},
    {"postgres://" NOWHERE "/photos?schema=a%00b", ERR_ARGUMENT, "escape"},
    {"postgres://" NOWHERE "/photos?schema=pg_catalog", ERR_ARGUMENT, "PostgreSQL's own"},
    {"postgres://me@" NOWHERE "/photos?sslmode=secret", ERR_IO, "sslmode"},
};

static void test_urls(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
            struct err err;
            struct store *store;
            assert_fails(store_open(&store, cases[i].url, (enum store_mode)mode, &err),
                         cases[i].status, cases[i].part);
            assert_null(store);
            if (!strstr(cases[i].url, "sslmode"))
                assert_null(strstr(err.text, "sec"));
        }
}

static void test_long_urls(void **state)
{
    struct err err;
    struct store *store;
    static char url[20000];
    memset(url, 'x', sizeof url - 1);
    memcpy(url, "postgres://", 11);
    assert_fails(store_open(&store, url, STORE_READ, &err), ERR_LIMIT, "bytes");
    int length = snprintf(url, sizeof url, "postgres://" NOWHERE "/photos?schema=");
    memset(url + length, 's', 64);
    url[length + 64] = '\0';
    assert_fails(store_open(&store, url, STORE_READ, &err), ERR_ARGUMENT, "63");
}

/* What the environment says counts, and shows in the text. */
static void test_environment(void **state)
{
    struct err err;
    struct store *store;
    setenv("PGHOST", "127.0.0.1", 1);
    setenv("PGPORT", "1", 1);
    setenv("PGUSER", "somebody", 1);
    setenv("PGPASSWORD", "secret", 1);
    assert_fails(store_open(&store, "postgres://", STORE_READ, &err), ERR_IO, "port 1");
    assert_null(strstr(err.text, "secret"));
}

int main(void)
{
    struct err err;
    struct store *store;
    if (store_open(&store, "postgres:///x?schema=", STORE_READ, &err) == ERR_UNSUPPORTED) {
        printf("skipped: this fovea was built without PostgreSQL\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_long_urls),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
