/* SPDX-License-Identifier: MIT
 *
 * See unpickle.h. One function per instruction, found in a table by its byte; instructions that are
 * known and not taken have a name and no function. Nothing recurses, each instruction costs time
 * and memory in proportion to the bytes it is made of and the stack it takes, and both are bounded.
 *
 * The stack holds indices of values. A MARK remembers the height of the stack; what is above the
 * last mark are the items of the tuple, list or dict in the making, and no instruction reaches
 * below it.
 */
#include "clip/unpickle.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pickle_global globals[] = {
    {"collections", "OrderedDict", ROLE_DICT, NULL},
    {"torch._utils", "_rebuild_tensor_v2", ROLE_TENSOR, NULL},
    {"torch._utils", "_rebuild_parameter", ROLE_PARAMETER, NULL},
    {"torch", "FloatStorage", ROLE_STORAGE, "F32"},
    {"torch", "HalfStorage", ROLE_STORAGE, "F16"},
    {"torch", "BFloat16Storage", ROLE_STORAGE, "BF16"},
    {"torch", "DoubleStorage", ROLE_STORAGE, "F64"},
    {"torch", "LongStorage", ROLE_STORAGE, "I64"},
    {"torch", "IntStorage", ROLE_STORAGE, "I32"},
    {"torch", "ShortStorage", ROLE_STORAGE, "I16"},
    {"torch", "CharStorage", ROLE_STORAGE, "I8"},
    {"torch", "ByteStorage", ROLE_STORAGE, "U8"},
    {"torch", "BoolStorage", ROLE_STORAGE, "BOOL"},
    {"torch", "Size", ROLE_SIZE, NULL},
    {"torch", "device", ROLE_DEVICE, NULL},
    {"torch", "float32", ROLE_CONSTANT, NULL},
    {"torch", "float16", ROLE_CONSTANT, NULL},
    {"torch", "bfloat16", ROLE_CONSTANT, NULL},
    {"torch", "float64", ROLE_CONSTANT, NULL},
    {"torch", "int64", ROLE_CONSTANT, NULL},
};

struct machine {
    struct pickle *out;
    const uint8_t *data;
    size_t size, at, opcode_at;
    uint32_t *stack;
    size_t stack_count;
    size_t marks[PICKLE_MARKS_MAX];
    size_t mark_count;
    uint32_t *memo; /* [memo_size] value + 1, 0: nothing was put there */
    size_t memo_size, memo_used;
    size_t value_capacity, item_capacity, entry_capacity, stack_capacity;
    bool stopped;
    struct err *err;
};

/* ---- errors ------------------------------------------------------------------------------ */

static enum status damaged(struct machine *m, const char *what)
{
    return err_set(m->err, ERR_FORMAT, "its pickle is damaged at byte %zu: %s", m->opcode_at, what);
}

static enum status too_much(struct machine *m, const char *what, long limit)
{
    return err_set(m->err, ERR_LIMIT, "its pickle has more than %ld %s", limit, what);
}

/* ---- memory ------------------------------------------------------------------------------ */

/* Makes room for `need` elements in all, by doubling. */
static enum status reserve(struct machine *m, void *array, size_t *capacity, size_t need,
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
        return too_much(m, "values", PICKLE_VALUES_MAX);
    enum status status =
        reserve(m, &p->values, &m->value_capacity, p->value_count + 1, sizeof *p->values);
    if (status != OK)
        return status;
    p->values[p->value_count] = value;
    *index = (uint32_t)p->value_count++;
    return OK;
}

/* ---- the stack --------------------------------------------------------------------------- */

static size_t floor_of(const struct machine *m)
{
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

static enum status push(struct machine *m, uint32_t value)
{
    if (m->stack_count >= PICKLE_STACK_MAX)
        return too_much(m, "values on its stack", PICKLE_STACK_MAX);
    enum status status =
        reserve(m, &m->stack, &m->stack_capacity, m->stack_count + 1, sizeof *m->stack);
    if (status == OK)
        m->stack[m->stack_count++] = value;
    return status;
}

static enum status push_new(struct machine *m, struct pickle_value value)
{
    uint32_t index;
    enum status status = new_value(m, value, &index);
    return status == OK ? push(m, index) : status;
}

static enum status pop(struct machine *m, uint32_t *value)
{
    *value = 0;
    if (m->stack_count <= floor_of(m))
        return damaged(m, "it takes from an empty stack");
    *value = m->stack[--m->stack_count];
    return OK;
}

static enum status top(struct machine *m, uint32_t *value)
{
    *value = 0;
    if (m->stack_count <= floor_of(m))
        return damaged(m, "it looks at an empty stack");
    *value = m->stack[m->stack_count - 1];
    return OK;
}

/* The items above the last mark, which goes away. They stay where they are until the next push. */
static enum status pop_mark(struct machine *m, const uint32_t **items, size_t *count)
{
    *items = NULL;
    *count = 0;
    if (m->mark_count == 0)
        return damaged(m, "it ends what it has not begun");
    size_t from = m->marks[--m->mark_count];
    *count = m->stack_count - from;
    *items = m->stack + from;
    m->stack_count = from;
    return OK;
}

/* ---- reading ----------------------------------------------------------------------------- */

static enum status take(struct machine *m, size_t size, const uint8_t **bytes)
{
    *bytes = NULL;
    if (size > m->size - m->at)
        return damaged(m, "it ends within an instruction");
    *bytes = m->data + m->at;
    m->at += size;
    return OK;
}

/* size: at most 8 bytes, little-endian. */
static enum status take_number(struct machine *m, size_t size, uint64_t *number)
{
    const uint8_t *bytes;
    enum status status = take(m, size, &bytes);
    *number = 0;
    for (size_t i = 0; status == OK && i < size; i++)
        *number |= (uint64_t)bytes[i] << (8 * i);
    return status;
}

/* ---- instructions: constants ------------------------------------------------------------- */

static enum status op_proto(struct machine *m)
{
    uint64_t version;
    enum status status = take_number(m, 1, &version);
    if (status == OK && (version < 2 || version > 5))
        return err_set(m->err, ERR_UNSUPPORTED, "its pickle has protocol %d; 2 to 5 are read",
                       (int)version);
    return status;
}

static enum status op_frame(struct machine *m)
{
    uint64_t size; /* a hint for readers of streams */
    return take_number(m, 8, &size);
}

static enum status op_stop(struct machine *m)
{
    m->stopped = true;
    return OK;
}

static enum status op_none(struct machine *m)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_NONE});
}

static enum status op_true(struct machine *m)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_BOOL, .integer = 1});
}

static enum status op_false(struct machine *m)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_BOOL});
}

static enum status push_int(struct machine *m, int64_t value)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_INT, .integer = value});
}

static enum status op_binint(struct machine *m)
{
    uint64_t n;
    enum status status = take_number(m, 4, &n);
    return status == OK ? push_int(m, (int32_t)(uint32_t)n) : status;
}

static enum status op_binint1(struct machine *m)
{
    uint64_t n;
    enum status status = take_number(m, 1, &n);
    return status == OK ? push_int(m, (int64_t)n) : status;
}

static enum status op_binint2(struct machine *m)
{
    uint64_t n;
    enum status status = take_number(m, 2, &n);
    return status == OK ? push_int(m, (int64_t)n) : status;
}

/* Two's complement in as few bytes as it needs. */
static enum status op_long1(struct machine *m)
{
    uint64_t size, n = 0;
    enum status status = take_number(m, 1, &size);
    if (status == OK && size > 8)
        return damaged(m, "it has a whole number of more than 64 bits");
    if (status == OK)
        status = take_number(m, (size_t)size, &n);
    if (status != OK)
        return status;
    if (size > 0 && size < 8 && n >> (8 * size - 1))
        n |= UINT64_MAX << (8 * size);
    return push_int(m, (int64_t)n);
}

static enum status op_binfloat(struct machine *m)
{
    const uint8_t *bytes;
    enum status status = take(m, 8, &bytes);
    return status == OK ? push_new(m, (struct pickle_value){.kind = PICKLE_FLOAT}) : status;
}

static enum status push_text(struct machine *m, size_t length_bytes)
{
    uint64_t size;
    const uint8_t *bytes = NULL;
    enum status status = take_number(m, length_bytes, &size);
    if (status == OK && size > PICKLE_TEXT_MAX)
        return too_much(m, "bytes in one string", PICKLE_TEXT_MAX);
    if (status == OK)
        status = take(m, (size_t)size, &bytes);
    if (status != OK)
        return status;
    return push_new(
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
    enum status status = top(m, &value);
    if (status != OK)
        return status;
    if (number >= PICKLE_MEMO_MAX)
        return too_much(m, "numbers in its memo", PICKLE_MEMO_MAX);
    size_t before = m->memo_size;
    status = reserve(m, &m->memo, &m->memo_size, (size_t)number + 1, sizeof *m->memo);
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
        return damaged(m, "it asks the memo for what was never put there");
    return push(m, m->memo[number] - 1);
}

static enum status op_binput(struct machine *m)
{
    uint64_t number;
    enum status status = take_number(m, 1, &number);
    return status == OK ? memo_put(m, number) : status;
}

static enum status op_long_binput(struct machine *m)
{
    uint64_t number;
    enum status status = take_number(m, 4, &number);
    return status == OK ? memo_put(m, number) : status;
}

static enum status op_memoize(struct machine *m)
{
    return memo_put(m, m->memo_used);
}

static enum status op_binget(struct machine *m)
{
    uint64_t number;
    enum status status = take_number(m, 1, &number);
    return status == OK ? memo_get(m, number) : status;
}

static enum status op_long_binget(struct machine *m)
{
    uint64_t number;
    enum status status = take_number(m, 4, &number);
    return status == OK ? memo_get(m, number) : status;
}

/* ---- instructions: containers ------------------------------------------------------------ */

static enum status op_mark(struct machine *m)
{
    if (m->mark_count >= PICKLE_MARKS_MAX)
        return too_much(m, "things begun at once", PICKLE_MARKS_MAX);
    m->marks[m->mark_count++] = m->stack_count;
    return OK;
}

/* items: may lie in the stack, above its top. */
static enum status push_tuple(struct machine *m, const uint32_t *items, size_t count)
{
    struct pickle *p = m->out;
    if (count > PICKLE_VALUES_MAX - p->item_count)
        return too_much(m, "items in its tuples", PICKLE_VALUES_MAX);
    enum status status =
        reserve(m, &p->items, &m->item_capacity, p->item_count + count, sizeof *p->items);
    if (status != OK)
        return status;
    if (count > 0)
        memcpy(p->items + p->item_count, items, count * sizeof *items);
    const struct pickle_value tuple = {
        .kind = PICKLE_TUPLE,
        .tuple = {.first = (uint32_t)p->item_count, .count = (uint32_t)count}};
    p->item_count += count;
    return push_new(m, tuple);
}

static enum status op_tuple(struct machine *m)
{
    const uint32_t *items;
    size_t count;
    enum status status = pop_mark(m, &items, &count);
    return status == OK ? push_tuple(m, items, count) : status;
}

static enum status short_tuple(struct machine *m, size_t count)
{
    if (m->stack_count - floor_of(m) < count)
        return damaged(m, "it takes from an empty stack");
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
    return push_new(m, (struct pickle_value){.kind = PICKLE_LIST});
}

static enum status op_empty_dict(struct machine *m)
{
    return push_new(m, (struct pickle_value){.kind = PICKLE_DICT});
}

static enum status expect_top(struct machine *m, enum pickle_kind kind, uint32_t *value)
{
    enum status status = top(m, value);
    if (status == OK && m->out->values[*value].kind != kind)
        return damaged(m, kind == PICKLE_LIST ? "it appends to what is no list"
                                              : "it sets an item of what is no dict");
    return status;
}

static enum status op_append(struct machine *m)
{
    uint32_t item, list = 0;
    enum status status = pop(m, &item);
    return status == OK ? expect_top(m, PICKLE_LIST, &list) : status;
}

static enum status op_appends(struct machine *m)
{
    const uint32_t *items;
    size_t count;
    uint32_t list = 0;
    enum status status = pop_mark(m, &items, &count);
    return status == OK ? expect_top(m, PICKLE_LIST, &list) : status;
}

static enum status set_item(struct machine *m, uint32_t dict, uint32_t key, uint32_t value)
{
    struct pickle *p = m->out;
    if (p->entry_count >= PICKLE_VALUES_MAX)
        return too_much(m, "entries in its dicts", PICKLE_VALUES_MAX);
    enum status status =
        reserve(m, &p->entries, &m->entry_capacity, p->entry_count + 1, sizeof *p->entries);
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
    enum status status = pop(m, &value);
    if (status == OK)
        status = pop(m, &key);
    if (status == OK)
        status = expect_top(m, PICKLE_DICT, &dict);
    return status == OK ? set_item(m, dict, key, value) : status;
}

static enum status op_setitems(struct machine *m)
{
    const uint32_t *items;
    size_t count;
    uint32_t dict = 0;
    enum status status = pop_mark(m, &items, &count);
    if (status == OK)
        status = expect_top(m, PICKLE_DICT, &dict);
    if (status == OK && count % 2 != 0)
        return damaged(m, "a dict has a key without a value");
    for (size_t i = 0; status == OK && i < count; i += 2)
        status = set_item(m, dict, items[i], items[i + 1]);
    return status;
}

/* ---- instructions: globals --------------------------------------------------------------- */

struct name {
    const char *bytes;
    size_t size;
};

static bool name_is(struct name name, const char *text)
{
    return strlen(text) == name.size && memcmp(text, name.bytes, name.size) == 0;
}

static enum status push_global(struct machine *m, struct name module, struct name name)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (name_is(module, globals[i].module) && name_is(name, globals[i].name))
            return push_new(m, (struct pickle_value){.kind = PICKLE_GLOBAL, .global = &globals[i]});
    return err_set(m->err, ERR_UNSUPPORTED,
                   "its pickle asks for %.*s.%.*s, which rebuilds no tensor: nothing was run, and "
                   "the file is refused",
                   (int)module.size, module.bytes, (int)name.size, name.bytes);
}

static enum status take_line(struct machine *m, struct name *line)
{
    size_t left = m->size - m->at;
    const uint8_t *from = m->data + m->at;
    const uint8_t *newline =
        memchr(from, '\n', left < PICKLE_NAME_MAX + 1 ? left : PICKLE_NAME_MAX + 1);
    if (!newline)
        return damaged(m, "the name of a global has no end");
    *line = (struct name){(const char *)from, (size_t)(newline - from)};
    m->at += line->size + 1;
    return OK;
}

static enum status op_global(struct machine *m)
{
    struct name module, name;
    enum status status = take_line(m, &module);
    if (status == OK)
        status = take_line(m, &name);
    return status == OK ? push_global(m, module, name) : status;
}

static enum status op_stack_global(struct machine *m)
{
    uint32_t module = 0, name = 0;
    enum status status = pop(m, &name);
    if (status == OK)
        status = pop(m, &module);
    if (status != OK)
        return status;
    const struct pickle_value *a = &m->out->values[module], *b = &m->out->values[name];
    if (a->kind != PICKLE_TEXT || b->kind != PICKLE_TEXT || a->text.size > PICKLE_NAME_MAX ||
        b->text.size > PICKLE_NAME_MAX)
        return damaged(m, "the name of a global is no name");
    return push_global(m, (struct name){a->text.bytes, a->text.size},
                       (struct name){b->text.bytes, b->text.size});
}

/* ---- instructions: rebuilding ------------------------------------------------------------ */

/* Item i of a tuple if that is of the kind; NULL otherwise. */
static const struct pickle_value *item_of(const struct pickle *p, const struct pickle_value *tuple,
                                          uint32_t i, enum pickle_kind kind)
{
    if (i >= tuple->tuple.count)
        return NULL;
    const struct pickle_value *value = &p->values[p->items[tuple->tuple.first + i]];
    return value->kind == kind ? value : NULL;
}

/* ("storage", type, key, location, count) */
static enum status op_binpersid(struct machine *m)
{
    uint32_t id;
    const struct pickle *p = m->out;
    enum status status = pop(m, &id);
    if (status != OK)
        return status;
    const struct pickle_value *tuple = &p->values[id];
    if (tuple->kind != PICKLE_TUPLE || tuple->tuple.count < 5)
        return damaged(m, "a persistent id is no storage");
    const struct pickle_value *word = item_of(p, tuple, 0, PICKLE_TEXT);
    const struct pickle_value *type = item_of(p, tuple, 1, PICKLE_GLOBAL);
    const struct pickle_value *count = item_of(p, tuple, 4, PICKLE_INT);
    if (!word || !name_is((struct name){word->text.bytes, word->text.size}, "storage") || !type ||
        type->global->role != ROLE_STORAGE || !item_of(p, tuple, 2, PICKLE_TEXT) || !count ||
        count->integer < 0)
        return damaged(m, "a persistent id is no storage");
    const struct pickle_value storage = {.kind = PICKLE_STORAGE,
                                         .storage = {.type = type->global,
                                                     .key = p->items[tuple->tuple.first + 2],
                                                     .count = count->integer}};
    return push_new(m, storage);
}

static bool all_ints(const struct pickle *p, const struct pickle_value *tuple)
{
    for (uint32_t i = 0; i < tuple->tuple.count; i++)
        if (!item_of(p, tuple, i, PICKLE_INT))
            return false;
    return true;
}

/* (storage, offset, size, stride, requires_grad, backward_hooks[, metadata]) */
static enum status rebuild_tensor(struct machine *m, const struct pickle_value *args)
{
    const struct pickle *p = m->out;
    const uint32_t *items = p->items + args->tuple.first;
    const struct pickle_value *offset = item_of(p, args, 1, PICKLE_INT);
    const struct pickle_value *size = item_of(p, args, 2, PICKLE_TUPLE);
    const struct pickle_value *stride = item_of(p, args, 3, PICKLE_TUPLE);
    if (args->tuple.count < 6 || !item_of(p, args, 0, PICKLE_STORAGE) || !offset || !size ||
        !stride || size->tuple.count != stride->tuple.count || !all_ints(p, size) ||
        !all_ints(p, stride))
        return damaged(m, "a tensor is not described as one");
    return push_new(m, (struct pickle_value){.kind = PICKLE_TENSOR,
                                             .tensor = {.storage = items[0],
                                                        .size = items[2],
                                                        .stride = items[3],
                                                        .offset = offset->integer}});
}

/* (tensor, requires_grad, backward_hooks) */
static enum status rebuild_parameter(struct machine *m, const struct pickle_value *args)
{
    if (!item_of(m->out, args, 0, PICKLE_TENSOR))
        return damaged(m, "a parameter is not made of a tensor");
    return push(m, m->out->items[args->tuple.first]);
}

static enum status op_reduce(struct machine *m)
{
    uint32_t args_index = 0, callable_index = 0;
    enum status status = pop(m, &args_index);
    if (status == OK)
        status = pop(m, &callable_index);
    if (status != OK)
        return status;
    /* Copies: making a value may move the array. */
    struct pickle_value args = m->out->values[args_index];
    struct pickle_value callable = m->out->values[callable_index];
    if (callable.kind != PICKLE_GLOBAL || args.kind != PICKLE_TUPLE)
        return damaged(m, "it calls what is no function");
    switch (callable.global->role) {
    case ROLE_DICT:
        if (args.tuple.count == 0)
            return op_empty_dict(m);
        return damaged(m, "an OrderedDict is made of something");
    case ROLE_TENSOR:
        return rebuild_tensor(m, &args);
    case ROLE_PARAMETER:
        return rebuild_parameter(m, &args);
    case ROLE_SIZE:
    case ROLE_DEVICE:
        return push_new(m, (struct pickle_value){.kind = PICKLE_OTHER});
    case ROLE_STORAGE:
    case ROLE_CONSTANT:
        break;
    }
    return err_set(m->err, ERR_UNSUPPORTED, "its pickle calls %s.%s, which is not taken",
                   callable.global->module, callable.global->name);
}

/* The attributes of an OrderedDict (a state dict's _metadata): of no use here. */
static enum status op_build(struct machine *m)
{
    uint32_t state, object = 0;
    enum status status = pop(m, &state);
    if (status == OK)
        status = top(m, &object);
    if (status == OK && m->out->values[object].kind != PICKLE_DICT)
        return err_set(m->err, ERR_UNSUPPORTED,
                       "its pickle sets the state of an object (BUILD at byte %zu), which is not "
                       "taken: the file is refused",
                       m->opcode_at);
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
    ['Q'] = {"BINPERSID", op_binpersid},
    ['R'] = {"REDUCE", op_reduce},
    ['S'] = {"STRING", NULL},
    ['T'] = {"BINSTRING", op_text4},
    ['U'] = {"SHORT_BINSTRING", op_text1},
    ['V'] = {"UNICODE", NULL},
    ['X'] = {"BINUNICODE", op_text4},
    ['a'] = {"APPEND", op_append},
    ['b'] = {"BUILD", op_build},
    ['c'] = {"GLOBAL", op_global},
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
    [0x93] = {"STACK_GLOBAL", op_stack_global},
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
        return damaged(m, "it ends without STOP");
    enum status status = take(m, 1, &code);
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
    enum status status = reserve(m, &m->stack, &m->stack_capacity, 1, sizeof *m->stack);
    while (status == OK && !m->stopped)
        status = step(m);
    if (status == OK && (m->stack_count != 1 || m->mark_count != 0))
        status = damaged(m, "it does not end with one value");
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
