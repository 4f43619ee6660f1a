/* SPDX-License-Identifier: MIT
 *
 * What a pickle may call by name, and what that means: the whole list is the table below. Nothing
 * is called; a tensor is written down as (storage, offset, size, stride) and checked by the reader
 * of the archive (torch_zip.c).
 */
#include "clip/unpickle_machine.h"

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
            return machine_push_new(
                m, (struct pickle_value){.kind = PICKLE_GLOBAL, .global = &globals[i]});
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
        return machine_damaged(m, "the name of a global has no end");
    *line = (struct name){(const char *)from, (size_t)(newline - from)};
    m->at += line->size + 1;
    return OK;
}

enum status torch_global(struct machine *m)
{
    struct name module, name;
    enum status status = take_line(m, &module);
    if (status == OK)
        status = take_line(m, &name);
    return status == OK ? push_global(m, module, name) : status;
}

enum status torch_stack_global(struct machine *m)
{
    uint32_t module = 0, name = 0;
    enum status status = machine_pop(m, &name);
    if (status == OK)
        status = machine_pop(m, &module);
    if (status != OK)
        return status;
    const struct pickle_value *a = &m->out->values[module], *b = &m->out->values[name];
    if (a->kind != PICKLE_TEXT || b->kind != PICKLE_TEXT || a->text.size > PICKLE_NAME_MAX ||
        b->text.size > PICKLE_NAME_MAX)
        return machine_damaged(m, "the name of a global is no name");
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
enum status torch_binpersid(struct machine *m)
{
    uint32_t id;
    const struct pickle *p = m->out;
    enum status status = machine_pop(m, &id);
    if (status != OK)
        return status;
    const struct pickle_value *tuple = &p->values[id];
    if (tuple->kind != PICKLE_TUPLE || tuple->tuple.count < 5)
        return machine_damaged(m, "a persistent id is no storage");
    const struct pickle_value *word = item_of(p, tuple, 0, PICKLE_TEXT);
    const struct pickle_value *type = item_of(p, tuple, 1, PICKLE_GLOBAL);
    const struct pickle_value *count = item_of(p, tuple, 4, PICKLE_INT);
    if (!word || !name_is((struct name){word->text.bytes, word->text.size}, "storage") || !type ||
        type->global->role != ROLE_STORAGE || !item_of(p, tuple, 2, PICKLE_TEXT) || !count ||
        count->integer < 0)
        return machine_damaged(m, "a persistent id is no storage");
    const struct pickle_value storage = {.kind = PICKLE_STORAGE,
                                         .storage = {.type = type->global,
                                                     .key = p->items[tuple->tuple.first + 2],
                                                     .count = count->integer}};
    return machine_push_new(m, storage);
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
    const struct pickle_value *offset = item_of(p, args, 1, PICKLE_INT);
    const struct pickle_value *size = item_of(p, args, 2, PICKLE_TUPLE);
    const struct pickle_value *stride = item_of(p, args, 3, PICKLE_TUPLE);
    if (args->tuple.count < 6 || !item_of(p, args, 0, PICKLE_STORAGE) || !offset || !size ||
        !stride || size->tuple.count != stride->tuple.count || !all_ints(p, size) ||
        !all_ints(p, stride))
        return machine_damaged(m, "a tensor is not described as one");
    const uint32_t *items = p->items + args->tuple.first;
    return machine_push_new(m, (struct pickle_value){.kind = PICKLE_TENSOR,
                                                     .tensor = {.storage = items[0],
                                                                .size = items[2],
                                                                .stride = items[3],
                                                                .offset = offset->integer}});
}

/* (tensor, requires_grad, backward_hooks) */
static enum status rebuild_parameter(struct machine *m, const struct pickle_value *args)
{
    if (!item_of(m->out, args, 0, PICKLE_TENSOR))
        return machine_damaged(m, "a parameter is not made of a tensor");
    return machine_push(m, m->out->items[args->tuple.first]);
}

enum status torch_reduce(struct machine *m)
{
    uint32_t args_index = 0, callable_index = 0;
    enum status status = machine_pop(m, &args_index);
    if (status == OK)
        status = machine_pop(m, &callable_index);
    if (status != OK)
        return status;
    /* Copies: making a value may move the array. */
    struct pickle_value args = m->out->values[args_index];
    struct pickle_value callable = m->out->values[callable_index];
    if (callable.kind != PICKLE_GLOBAL || args.kind != PICKLE_TUPLE)
        return machine_damaged(m, "it calls what is no function");
    switch (callable.global->role) {
    case ROLE_DICT:
        if (args.tuple.count == 0)
            return machine_push_new(m, (struct pickle_value){.kind = PICKLE_DICT});
        return machine_damaged(m, "an OrderedDict is made of something");
    case ROLE_TENSOR:
        return rebuild_tensor(m, &args);
    case ROLE_PARAMETER:
        return rebuild_parameter(m, &args);
    case ROLE_SIZE:
    case ROLE_DEVICE:
        return machine_push_new(m, (struct pickle_value){.kind = PICKLE_OTHER});
    case ROLE_STORAGE:
    case ROLE_CONSTANT:
        break;
    }
    return err_set(m->err, ERR_UNSUPPORTED, "its pickle calls %s.%s, which is not taken",
                   callable.global->module, callable.global->name);
}

/* The attributes of an OrderedDict (a state dict's _metadata): of no use here. */
enum status torch_build(struct machine *m)
{
    uint32_t state, object = 0;
    enum status status = machine_pop(m, &state);
    if (status == OK)
        status = machine_top(m, &object);
    if (status == OK && m->out->values[object].kind != PICKLE_DICT)
        return err_set(m->err, ERR_UNSUPPORTED,
                       "its pickle sets the state of an object (BUILD at byte %zu), which is not "
                       "taken: the file is refused",
                       m->opcode_at);
    return status;
}
