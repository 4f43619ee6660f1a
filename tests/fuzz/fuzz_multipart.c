/* SPDX-License-Identifier: MIT
 *
 * A form: the header's value up to a zero byte, then the body. Every part lies in the body, behind
 * the one before it, and is found by its name.
 */
#include "fuzz.h"

#include "server/multipart.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct err err = {0};
    struct form form;
    char *type = fuzz_take_text(&in);
    uint8_t *body = fuzz_take_rest(&in, &size);
    enum status status = form_parse(&form, type, body, size, &err);
    const uint8_t *end = body;
    if (status != OK)
        fuzz_check_error(status, &err);
    FUZZ_CHECK(form.count <= PARTS_MAX);
    for (size_t i = 0; status == OK && i < form.count; i++) {
        const struct part *part = &form.parts[i], *found = form_part(&form, part->name);
        FUZZ_CHECK(part->data >= end && part->data + part->size <= body + size);
        FUZZ_CHECK(found && found <= part && strcmp(found->name, part->name) == 0);
        fuzz_touch(part->data, part->size);
        end = part->data + part->size;
    }
    free(type);
    free(body);
    return 0;
}
