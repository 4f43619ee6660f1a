/* SPDX-License-Identifier: MIT
 *
 * See unpickle_machine.h. Memory grows by doubling and only with instructions that were read, so
 * that a short pickle cannot ask for much.
 */
#include "clip/unpickle_machine.h"

#include <stdlib.h>

/* ---- errors ------------------------------------------------------------------------------ */

enum status machine_damaged(struct machine *m, const char *what)
{
    return err_set(m->err, ERR_FORMAT, "its pickle is damaged at byte %zu: %s", m->opcode_at, what);
}

enum status machine_too_much(struct machine *m, const char *what, long limit)
{
    return err_set(m->err, ERR_LIMIT, "its pickle has more than %ld %s", limit, what);
}

/* ---- memory ------------------------------------------------------------------------------ */

enum status machine_reserve(struct machine *m, void *array, size_t *capacity, size_t need,
                            size_t element)
{
    void **place = array;
    if (need <= *capacity)
        return OK;
    size_t larger = *capacity * 2 > need ? *capacity * 2 : need;
    larger = larger < 1024 ? 1024 : larger;
    void *grown = realloc(*place, larger * element);
    if (!grown)
        return err_no_memory(m->err, "a pickle", larger * element);
    *place = grown;
    *capacity = larger;
    return OK;
}

static enum status new_value(struct machine *m, struct pickle_value value, uint32_t *index)
{
    struct pickle *p = m->out;
    *index = 0;
    if (p->value_count >= PICKLE_VALUES_MAX)
        return machine_too_much(m, "values", PICKLE_VALUES_MAX);
    enum status status =
        machine_reserve(m, &p->values, &m->value_capacity, p->value_count + 1, sizeof *p->values);
    if (status != OK)
        return status;
    p->values[p->value_count] = value;
    *index = (uint32_t)p->value_count++;
    return OK;
}

/* ---- the stack --------------------------------------------------------------------------- */

size_t machine_floor(const struct machine *m)
{
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

enum status machine_push(struct machine *m, uint32_t value)
{
    if (m->stack_count >= PICKLE_STACK_MAX)
        return machine_too_much(m, "values on its stack", PICKLE_STACK_MAX);
    enum status status =
        machine_reserve(m, &m->stack, &m->stack_capacity, m->stack_count + 1, sizeof *m->stack);
    if (status == OK)
        m->stack[m->stack_count++] = value;
    return status;
}

enum status machine_push_new(struct machine *m, struct pickle_value value)
{
    uint32_t index;
    enum status status = new_value(m, value, &index);
    return status == OK ? machine_push(m, index) : status;
}

enum status machine_pop(struct machine *m, uint32_t *value)
{
    *value = 0;
    if (m->stack_count <= machine_floor(m))
        return machine_damaged(m, "it takes from an empty stack");
    *value = m->stack[--m->stack_count];
    return OK;
}

enum status machine_top(struct machine *m, uint32_t *value)
{
    *value = 0;
    if (m->stack_count <= machine_floor(m))
        return machine_damaged(m, "it looks at an empty stack");
    *value = m->stack[m->stack_count - 1];
    return OK;
}

enum status machine_pop_mark(struct machine *m, const uint32_t **items, size_t *count)
{
    *items = NULL;
    *count = 0;
    if (m->mark_count == 0)
        return machine_damaged(m, "it ends what it has not begun");
    size_t from = m->marks[--m->mark_count];
    *count = m->stack_count - from;
    *items = m->stack + from;
    m->stack_count = from;
    return OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

enum status machine_take(struct machine *m, size_t size, const uint8_t **bytes)
{
    *bytes = NULL;
    if (size > m->size - m->at)
        return machine_damaged(m, "it ends within an instruction");
    *bytes = m->data + m->at;
    m->at += size;
    return OK;
}

enum status machine_take_number(struct machine *m, size_t size, uint64_t *number)
{
    const uint8_t *bytes;
    enum status status = machine_take(m, size, &bytes);
    *number = 0;
    for (size_t i = 0; status == OK && i < size; i++)
        *number |= (uint64_t)bytes[i] << (8 * i);
    return status;
}
