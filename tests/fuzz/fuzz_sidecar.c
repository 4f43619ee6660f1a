/* SPDX-License-Identifier: MIT
 *
 * A sidecar is read, and keywords are put into it and taken out again. Two keywords up to zero
 * bytes, then the document. What the editor makes can be read and edited again: the same once more
 * changes nothing, the keywords are found in it, and without keywords none of them is left that
 * was not there before.
 */
#include "fuzz.h"

#include "meta/read.h"
#include "meta/xmp_edit.h"

#include <stdlib.h>
#include <string.h>

static struct photo_meta before, after;

static enum status edit(struct xmp_change *change, const char *bytes, size_t size,
                        const char *const *names, size_t count, struct err *err)
{
    const struct xmp_keywords keywords = {.prefix = "fovea", .names = names, .count = count};
    return xmp_edit(change, bytes, size, &keywords, err);
}

/* The document of `first` is a sidecar like any other. */
static void check_change(const struct xmp_change *first, const char *const *names, size_t count)
{
    struct xmp_change again, without;
    struct err err = {0};
    const char *bytes = str_text(&first->bytes);
    FUZZ_CHECK_OK(meta_read_sidecar(&after, bytes, first->bytes.size, &err), &err);
    FUZZ_CHECK_OK(edit(&again, bytes, first->bytes.size, names, count, &err), &err);
    FUZZ_CHECK(!again.changed && again.bytes.size == first->bytes.size);
    FUZZ_CHECK(memcmp(str_text(&again.bytes), bytes, first->bytes.size) == 0);
    FUZZ_CHECK_OK(edit(&without, bytes, first->bytes.size, NULL, 0, &err), &err);
    FUZZ_CHECK_OK(meta_read_sidecar(&after, str_text(&without.bytes), without.bytes.size, &err),
                  &err);
    xmp_change_free(&again);
    xmp_change_free(&without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct xmp_change change;
    struct err err = {0};
    char *first = fuzz_take_text(&in), *second = fuzz_take_text(&in);
    const char *const names[2] = {first, second};
    char *bytes = fuzz_take_rest(&in, &size);
    enum status readable = meta_read_sidecar(&before, bytes ? bytes : "", size, &err);
    if (readable != OK)
        fuzz_check_error(readable, &err);
    enum status status = edit(&change, bytes, size, names, 2, &err);
    if (status == OK) {
        if (change.bytes.size)
            check_change(&change, names, 2);
        xmp_change_free(&change);
    } else {
        fuzz_check_error(status, &err);
    }
    free(bytes);
    free(first);
    free(second);
    return 0;
}
