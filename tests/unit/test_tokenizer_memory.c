/* SPDX-License-Identifier: MIT
 *
 * The tokenizer without memory: each allocation of opening and encoding fails once, and each time
 * the answer is ERR_MEMORY, never other ids; the sanitizer sees that nothing leaks. The linker puts
 * the functions below in the place of malloc and its kin (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../failing_alloc.h"
#include "clip/tokenizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 77 };

/* Takes every way that allocates: mojibake as a whole and in stretches, references, widths, marks
 * out of order, a word too long for the stack. */
static enum status encode_everything(int32_t ids[CONTEXT], struct err *err)
{
    static const char merges[] = "#version: 0.2\na b\nab c</w>\n";
    static const char text[] =
        "cafÃ© &eacute; ΟΔΟΣ â€œlostâ€�\n東京 Ã© Ｆｕｌｌ a\u0301\u0327\u0301\n"
        "averyveryveryveryveryveryveryveryveryveryveryveryveryverylongword";
    struct tokenizer *tokenizer = NULL, *small = NULL;
    enum status status = tokenizer_open_default(&tokenizer, err);
    if (!status)
        status = tokenizer_open_merges(&small, merges, strlen(merges), err);
    if (!status)
        status = tokenizer_encode(tokenizer, text, strlen(text), ids, CONTEXT, NULL, err);
    tokenizer_close(tokenizer);
    tokenizer_close(small);
    return status;
}

static void test_every_allocation_fails_once(void **state)
{
    int32_t expected[CONTEXT], ids[CONTEXT];
    struct err err = {0};
    enum status status = ERR_MEMORY;
    int allocations = 0;

    assert_int_equal(encode_everything(expected, &err), OK);
    for (; status == ERR_MEMORY; allocations++) {
        until_failure = allocations;
        status = encode_everything(ids, &err);
        bool failed = until_failure == NEVER;
        until_failure = NEVER;
        if (failed)
            assert_int_equal(status, ERR_MEMORY);
    }
    assert_int_equal(status, OK);
    assert_memory_equal(ids, expected, sizeof ids);
    assert_true(allocations > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
