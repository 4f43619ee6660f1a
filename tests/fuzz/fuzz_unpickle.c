/* SPDX-License-Identifier: MIT
 *
 * A pickle. What is built refers only to itself: every index lies in the array that it is for.
 */
#include "fuzz.h"

#include "clip/unpickle.h"

#include <stdlib.h>
#include <string.h>

static void check_kind(const struct pickle *p, uint32_t value, enum pickle_kind kind)
{
    FUZZ_CHECK(value < p->value_count && p->values[value].kind == kind);
}

static void check_tensor(const struct pickle *p, const struct pickle_value *v)
{
    check_kind(p, v->tensor.storage, PICKLE_STORAGE);
    check_kind(p, v->tensor.size, PICKLE_TUPLE);
    check_kind(p, v->tensor.stride, PICKLE_TUPLE);
    const struct pickle_value *size = &p->values[v->tensor.size];
    const struct pickle_value *stride = &p->values[v->tensor.stride];
    FUZZ_CHECK(size->tuple.count == stride->tuple.count);
    for (uint32_t i = 0; i < size->tuple.count; i++) {
        check_kind(p, p->items[size->tuple.first + i], PICKLE_INT);
        check_kind(p, p->items[stride->tuple.first + i], PICKLE_INT);
    }
}

static void check_dict(const struct pickle *p, const struct pickle_value *v)
{
    uint32_t count = 0;
    for (uint32_t at = v->dict.first; at; at = p->entries[at - 1].next, count++) {
        FUZZ_CHECK(at <= p->entry_count && count < p->entry_count);
        FUZZ_CHECK(p->entries[at - 1].key < p->value_count);
        FUZZ_CHECK(p->entries[at - 1].value < p->value_count);
    }
    FUZZ_CHECK(count == v->dict.count);
}

static void check_value(const struct pickle *p, const struct pickle_value *v)
{
    switch (v->kind) {
    case PICKLE_TEXT:
        FUZZ_CHECK(v->text.size <= PICKLE_TEXT_MAX);
        fuzz_touch(v->text.bytes, v->text.size);
        break;
    case PICKLE_TUPLE:
        FUZZ_CHECK((uint64_t)v->tuple.first + v->tuple.count <= p->item_count);
        for (uint32_t i = 0; i < v->tuple.count; i++)
            FUZZ_CHECK(p->items[v->tuple.first + i] < p->value_count);
        break;
    case PICKLE_DICT:
        check_dict(p, v);
        break;
    case PICKLE_STORAGE:
        check_kind(p, v->storage.key, PICKLE_TEXT);
        FUZZ_CHECK(v->storage.type->dtype);
        break;
    case PICKLE_TENSOR:
        check_tensor(p, v);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pickle p = {0};
    struct err err = {0};
    struct fuzz_input in = {data, size};
    void *bytes = fuzz_take_rest(&in, &size);
    enum status status = unpickle(&p, bytes, size, &err);
    if (status == OK) {
        FUZZ_CHECK(p.top < p.value_count);
        for (size_t i = 0; i < p.value_count; i++)
            check_value(&p, &p.values[i]);
    } else {
        fuzz_check_error(status, &err);
    }
    pickle_close(&p);
    free(bytes);
    return 0;
}
