/* SPDX-License-Identifier: MIT
 *
 * See unpickle.h. One function per instruction, found in a table by its byte; instructions that are
 * known and not taken have a name and no function. Nothing recurses, each instruction costs time
 * and memory in proportion to the bytes it is made of and the stack it takes, and both are bounded.
 */
#include "clip/unpickle_machine.h"

#include <stdlib.h>
#include <string.h>

/* ---- instructions: constants ------------------------------------------------------------- */

static enum status op_proto(struct machine *m)
{
    uint64_t version;
    enum status status = machine_take_number(m, 1, &version);
    if (status == OK && (version < 2 || version > 5))
        return err_set(m->err, ERR_UNSUPPORTED, "its pickle has protocol %d; 2 to 5 are read",
                       (int)version);
    return status;
}

static enum status op_frame(struct machine *m)
{
    uint64_t size; /* a hint for readers of streams */
    return machine_take_number(m, 8, &size);
}

static enum status op_stop(struct machine *m)
{
    m->stopped = true;
    return OK;
}

static enum status op_none(struct machine *m)
{
    return machine_push_new(m, (struct pickle_value){.kind = PICKLE_NONE});
}

static enum status op_true(struct machine *m)
{
    return machine_push_new(m, (struct pickle_value){.kind = PICKLE_BOOL, .integer = 1});
}

static enum status op_false(struct machine *m)
{
    return machine_push_new(m, (struct pickle_value){.kind = PICKLE_BOOL});
}

static enum status push_int(struct machine *m, int64_t value)
{
    return machine_push_new(m, (struct pickle_value){.kind = PICKLE_INT, .integer = value});
}

static enum status op_binint(struct machine *m)
{
    uint64_t n;
    enum status status = machine_take_number(m, 4, &n);
    return status == OK ? push_int(m, (int32_t)(uint32_t)n) : status;
}

static enum status op_binint1(struct machine *m)
{
    uint64_t n;
    enum status status = machine_take_number(m, 1, &n);
    return status == OK ? push_int(m, (int64_t)n) : status;
}

static enum status op_binint2(struct machine *m)
{
    uint64_t n;
    enum status status = machine_take_number(m, 2, &n);
    return status == OK ? push_int(m, (int64_t)n) : status;
}

/* Two's complement in as few bytes as it needs. */
static enum status op_long1(struct machine *m)
{
    uint64_t size, n = 0;
    enum status status = machine_take_number(m, 1, &size);
    if (status == OK && size > 8)
        return machine_damaged(m, "it has a whole number of more than 64 bits");
    if (status == OK)
        status = machine_take_number(m, (size_t)size, &n);
    if (status != OK)
        return status;
    if (size > 0 && size < 8 && n >> (8 * size - 1))
        n |= UINT64_MAX << (8 * size);
    return push_int(m, (int64_t)n);
}

static enum status op_binfloat(struct machine *m)
{
    const uint8_t *bytes;
    enum status status = machine_take(m, 8, &bytes);
    return status == OK ? machine_push_new(m, (struct pickle_value){.kind = PICKLE_FLOAT}) : status;
}

static enum status push_text(struct machine *m, size_t length_bytes)
{
    uint64_t size;
    const uint8_t *bytes = NULL;
    enum status status = machine_take_number(m, length_bytes, &size);
    if (status == OK && size > PICKLE_TEXT_MAX)
        return machine_too_much(m, "bytes in one string", PICKLE_TEXT_MAX);
    if (status == OK)
        status = machine_take(m, (size_t)size, &bytes);
    if (status != OK)
        return status;
    return machine_push_new(
        m, (struct pickle_value){.kind = PICKLE_TEXT,
                                 .text = {.bytes = (const char *)bytes, .size = (uint32_t)size}});
}

static enum status op_text1(struct machine *m)
{
    return push_text(m, 1);
}

static enum status op_text4(struct machine *m)
{
    return push_text(m, 4);
}

static enum status op_text8(struct machine *m)
{
    return push_text(m, 8);
}

/* ---- instructions: the memo -------------------------------------------------------------- */

static enum status memo_put(struct machine *m, uint64_t number)
{
    uint32_t value;
    enum status status = machine_top(m, &value);
    if (status != OK)
        return status;
    if (number >= PICKLE_MEMO_MAX)
        return machine_too_much(m, "numbers in its memo", PICKLE_MEMO_MAX);
    size_t before = m->memo_size;
    status = machine_reserve(m, &m->memo, &m->memo_size, (size_t)number + 1, sizeof *m->memo);
    if (status != OK)
        return status;
    memset(m->memo + before, 0, (m->memo_size - before) * sizeof *m->memo);
    m->memo_used += m->memo[number] == 0;
    m->memo[number] = value + 1;
    return OK;
}

static enum status memo_get(struct machine *m, uint64_t number)
{
    if (number >= m->memo_size || m->memo[number] == 0)
        return machine_damaged(m, "it asks the memo for what was never put there");
    return machine_push(m, m->memo[number] - 1);
}

static enum status op_binput(struct machine *m)
{
    uint64_t number;
    enum status status = machine_take_number(m, 1, &number);
    return status == OK ? memo_put(m, number) : status;
}

static enum status op_long_binput(struct machine *m)
{
    uint64_t number;
    enum status status = machine_take_number(m, 4, &number);
    return status == OK ? memo_put(m, number) : status;
}

static enum status op_memoize(struct machine *m)
{
    return memo_put(m, m->memo_used);
}

static enum status op_binget(struct machine *m)
{
    uint64_t number;
    enum status status = machine_take_number(m, 1, &number);
    return status == OK ? memo_get(m, number) : status;
}

static enum status op_long_binget(struct machine *m)
{
    uint64_t number;
    enum status status = machine_take_number(m, 4, &number);
    return status == OK ? memo_get(m, number) : status;
}

/* ---- instructions: containers ------------------------------------------------------------ */

static enum status op_mark(struct machine *m)
{
    if (m->mark_count >= PICKLE_MARKS_MAX)
        return machine_too_much(m, "things begun at once", PICKLE_MARKS_MAX);
    m->marks[m->mark_count++] = m->stack_count;
    return OK;
}

/* items: may lie in the stack, above its top. */
static enum status push_tuple(struct machine *m, const uint32_t *items, size_t count)
{
    struct pickle *p = m->out;
    if (count > PICKLE_VALUES_MAX - p->item_count)
        return machine_too_much(m, "items in its tuples", PICKLE_VALUES_MAX);
    enum status status =
        machine_reserve(m, &p->items, &m->item_capacity, p->item_count + count, sizeof *p->items);
    if (status != OK)
        return status;
    if (count > 0)
        memcpy(p->items + p->item_count, items, count * sizeof *items);
    const struct pickle_value tuple = {
        .kind = PICKLE_TUPLE,
        .tuple = {.first = (uint32_t)p->item_count, .count = (uint32_t)count}};
    p->item_count += count;
    return machine_push_new(m, tuple);
}

static enum status op_tuple(struct machine *m)
{
    const uint32_t *items;
    size_t count;
    enum status status = machine_pop_mark(m, &items, &count);
    return status == OK ? push_tuple(m, items, count) : status;
}

static enum status short_tuple(struct machine *m, size_t count)
{
    if (m->stack_count - machine_floor(m) < count)
        return machine_damaged(m, "it takes from an empty stack");
    m->stack_count -= count;
    return push_tuple(m, m->stack + m->stack_count, count);
}

static enum status op_tuple0(struct machine *m)
{
    return short_tuple(m, 0);
}

static enum status op_tuple1(struct machine *m)
{
    return short_tuple(m, 1);
}

static enum status op_tuple2(struct machine *m)
{
    return short_tuple(m, 2);
}

static enum status op_tuple3(struct machine *m)
{
    return short_tuple(m, 3);
}

static enum status op_empty_list(struct machine *m)
{
    return machine_push_new(m, (struct pickle_value){.kind = PICKLE_LIST});
}

static enum status op_empty_dict(struct machine *m)
{
    return machine_push_new(m, (struct pickle_value){.kind = PICKLE_DICT});
}

static enum status expect_top(struct machine *m, enum pickle_kind kind, uint32_t *value)
{
    enum status status = machine_top(m, value);
    if (status == OK && m->out->values[*value].kind != kind)
        return machine_damaged(m, kind == PICKLE_LIST ? "it appends to what is no list"
                                                      : "it sets an item of what is no dict");
    return status;
}

static enum status op_append(struct machine *m)
{
    uint32_t item, list = 0;
    enum status status = machine_pop(m, &item);
    return status == OK ? expect_top(m, PICKLE_LIST, &list) : status;
}

static enum status op_appends(struct machine *m)
{
    const uint32_t *items;
    size_t count;
    uint32_t list = 0;
    enum status status = machine_pop_mark(m, &items, &count);
    return status == OK ? expect_top(m, PICKLE_LIST, &list) : status;
}

static enum status set_item(struct machine *m, uint32_t dict, uint32_t key, uint32_t value)
{
    struct pickle *p = m->out;
    if (p->entry_count >= PICKLE_VALUES_MAX)
        return machine_too_much(m, "entries in its dicts", PICKLE_VALUES_MAX);
    enum status status =
        machine_reserve(m, &p->entries, &m->entry_capacity, p->entry_count + 1, sizeof *p->entries);
    if (status != OK)
        return status;
    struct pickle_value *d = &p->values[dict];
    p->entries[p->entry_count++] = (struct pickle_entry){.key = key, .value = value};
    if (d->dict.last)
        p->entries[d->dict.last - 1].next = (uint32_t)p->entry_count;
    else
        d->dict.first = (uint32_t)p->entry_count;
    d->dict.last = (uint32_t)p->entry_count;
    d->dict.count++;
    return OK;
}

static enum status op_setitem(struct machine *m)
{
    uint32_t key = 0, value, dict = 0;
    enum status status = machine_pop(m, &value);
    if (status == OK)
        status = machine_pop(m, &key);
    if (status == OK)
        status = expect_top(m, PICKLE_DICT, &dict);
    return status == OK ? set_item(m, dict, key, value) : status;
}

static enum status op_setitems(struct machine *m)
{
    const uint32_t *items;
    size_t count;
    uint32_t dict = 0;
    enum status status = machine_pop_mark(m, &items, &count);
    if (status == OK)
        status = expect_top(m, PICKLE_DICT, &dict);
    if (status == OK && count % 2 != 0)
        return machine_damaged(m, "a dict has a key without a value");
    for (size_t i = 0; status == OK && i < count; i += 2)
        status = set_item(m, dict, items[i], items[i + 1]);
    return status;
}

/* ---- the machine ------------------------------------------------------------------------- */

/* Every instruction there is, by its byte. Those without a function are refused by name. */
static const struct {
    const char *name;
    enum status (*run)(struct machine *);
} instructions[256] = {
    ['('] = {"MARK", op_mark},
    ['.'] = {"STOP", op_stop},
    ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},
    ['2'] = {"DUP", NULL},
    ['F'] = {"FLOAT", NULL},
    ['I'] = {"INT", NULL},
    ['J'] = {"BININT", op_binint},
    ['K'] = {"BININT1", op_binint1},
    ['L'] = {"LONG", NULL},
    ['M'] = {"BININT2", op_binint2},
    ['N'] = {"NONE", op_none},
    ['P'] = {"PERSID", NULL},
    ['Q'] = {"BINPERSID", torch_binpersid},
    ['R'] = {"REDUCE", torch_reduce},
    ['S'] = {"STRING", NULL},
    ['T'] = {"BINSTRING", op_text4},
    ['U'] = {"SHORT_BINSTRING", op_text1},
    ['V'] = {"UNICODE", NULL},
    ['X'] = {"BINUNICODE", op_text4},
    ['a'] = {"APPEND", op_append},
    ['b'] = {"BUILD", torch_build},
    ['c'] = {"GLOBAL", torch_global},
    ['d'] = {"DICT", NULL},
    ['}'] = {"EMPTY_DICT", op_empty_dict},
    ['e'] = {"APPENDS", op_appends},
    ['g'] = {"GET", NULL},
    ['h'] = {"BINGET", op_binget},
    ['i'] = {"INST", NULL},
    ['j'] = {"LONG_BINGET", op_long_binget},
    ['l'] = {"LIST", NULL},
    [']'] = {"EMPTY_LIST", op_empty_list},
    ['o'] = {"OBJ", NULL},
    ['p'] = {"PUT", NULL},
    ['q'] = {"BINPUT", op_binput},
    ['r'] = {"LONG_BINPUT", op_long_binput},
    ['s'] = {"SETITEM", op_setitem},
    ['t'] = {"TUPLE", op_tuple},
    [')'] = {"EMPTY_TUPLE", op_tuple0},
    ['u'] = {"SETITEMS", op_setitems},
    ['G'] = {"BINFLOAT", op_binfloat},
    ['B'] = {"BINBYTES", NULL},
    ['C'] = {"SHORT_BINBYTES", NULL},
    [0x80] = {"PROTO", op_proto},
    [0x81] = {"NEWOBJ", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
    [0x85] = {"TUPLE1", op_tuple1},
    [0x86] = {"TUPLE2", op_tuple2},
    [0x87] = {"TUPLE3", op_tuple3},
    [0x88] = {"NEWTRUE", op_true},
    [0x89] = {"NEWFALSE", op_false},
    [0x8a] = {"LONG1", op_long1},
    [0x8b] = {"LONG4", NULL},
    [0x8c] = {"SHORT_BINUNICODE", op_text1},
    [0x8d] = {"BINUNICODE8", op_text8},
    [0x8e] = {"BINBYTES8", NULL},
    [0x8f] = {"EMPTY_SET", NULL},
    [0x90] = {"ADDITEMS", NULL},
    [0x91] = {"FROZENSET", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    [0x93] = {"STACK_GLOBAL", torch_stack_global},
    [0x94] = {"MEMOIZE", op_memoize},
    [0x95] = {"FRAME", op_frame},
    [0x96] = {"BYTEARRAY8", NULL},
    [0x97] = {"NEXT_BUFFER", NULL},
    [0x98] = {"READONLY_BUFFER", NULL},
};

static enum status step(struct machine *m)
{
    const uint8_t *code;
    m->opcode_at = m->at;
    if (m->at == m->size)
        return machine_damaged(m, "it ends without STOP");
    enum status status = machine_take(m, 1, &code);
    if (status != OK)
        return status;
    if (instructions[*code].run)
        return instructions[*code].run(m);
    if (instructions[*code].name)
        return err_set(m->err, ERR_UNSUPPORTED,
                       "its pickle uses the instruction %s (byte %zu), which builds no tensor: "
                       "nothing was run, and the file is refused",
                       instructions[*code].name, m->opcode_at);
    return err_set(m->err, ERR_FORMAT,
                   "its pickle has the instruction 0x%02x (byte %zu), which "
                   "does not exist",
                   *code, m->opcode_at);
}

enum status unpickle(struct pickle *out, const uint8_t *data, size_t size, struct err *err)
{
    *out = (struct pickle){0};
    if (size > PICKLE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "its pickle has %zu bytes; the limit is %zu", size,
                       PICKLE_BYTES_MAX);
    struct machine *m = calloc(1, sizeof *m);
    if (!m)
        return err_no_memory(err, "a pickle", sizeof *m);
    *m = (struct machine){.out = out, .data = data, .size = size, .err = err};
    enum status status = machine_reserve(m, &m->stack, &m->stack_capacity, 1, sizeof *m->stack);
    while (status == OK && !m->stopped)
        status = step(m);
    if (status == OK && (m->stack_count != 1 || m->mark_count != 0))
        status = machine_damaged(m, "it does not end with one value");
    if (status == OK)
        out->top = m->stack[0];
    free(m->stack);
    free(m->memo);
    free(m);
    return status;
}

void pickle_close(struct pickle *p)
{
    free(p->values);
    free(p->items);
    free(p->entries);
    *p = (struct pickle){0};
}
