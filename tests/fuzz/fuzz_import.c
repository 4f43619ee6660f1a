/* SPDX-License-Identifier: MIT
 *
 * An export to be read: library.jsonl up to a zero byte, then vectors-1.npy. What was read, or what
 * of it before an error, is a library that is sound, and that can be exported.
 */
#include "fuzz.h"
#include "rig.h"

#include "library/exchange.h"
#include "library/npy16.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNTIL_CHECK = 64, UNTIL_NEW = 512 };

static struct store *store;

static void open_anew(void)
{
    struct err err = {0};
    store_close(store);
    unlink(rig_path("library"));
    FUZZ_CHECK_OK(store_open(&store, rig_path("library"), STORE_WRITE, &err), &err);
}

static void close_store(void)
{
    store_close(store);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    FUZZ_CHECK(mkdir(rig_path("in"), 0777) == 0);
    open_anew();
    atexit(close_store);
    return 0;
}

static void check_library(void)
{
    struct store_health health;
    struct exchange_report report;
    struct err err = {0};
    FUZZ_CHECK_OK(export_run(store, rig_path("out"), &report, &err), &err);
    FUZZ_CHECK_OK(store_check(rig_path("library"), &health, &err), &err);
    FUZZ_CHECK(health.problems == 0);
}

static void read_array(const char *path)
{
    struct npy16 array;
    struct err err = {0};
    enum status status = npy16_open(&array, path, &err);
    if (status != OK) {
        fuzz_check_error(status, &err);
        return;
    }
    fuzz_touch(array.values, array.rows * array.columns * sizeof(uint16_t));
    npy16_close(&array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned count;
    struct fuzz_input in = {data, size};
    struct exchange_report report;
    struct err err = {0};
    char *lines = fuzz_take_text(&in);
    void *array = fuzz_take_rest(&in, &size);
    rig_write("in/library.jsonl", lines, strlen(lines));
    rig_write("in/vectors-1.npy", array, size);
    read_array(rig_path("in/vectors-1.npy"));
    enum status status = import_run(store, rig_path("in"), &report, &err);
    if (status != OK)
        fuzz_check_error(status, &err);
    if (++count % UNTIL_CHECK == 0)
        check_library();
    if (count % UNTIL_NEW == 0)
        open_anew();
    free(array);
    free(lines);
    return 0;
}
