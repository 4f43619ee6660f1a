/* SPDX-License-Identifier: MIT
 *
 * The inside of the unpickler, for its own files: unpickle.c has the instructions, this the machine
 * under them, and unpickle_torch.c what a pickle may call by name.
 *
 * The stack holds indices of values. A MARK remembers the height of the stack; what is above the
 * last mark are the items of the tuple, list or dict in the making, and no instruction reaches
 * below it. Outputs are set on failure too, to zero.
 */
#ifndef FOVEA_CLIP_UNPICKLE_MACHINE_H
#define FOVEA_CLIP_UNPICKLE_MACHINE_H

#include "clip/unpickle.h"

#include <stdbool.h>

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

/* ERR_FORMAT with the place of the instruction; ERR_LIMIT. */
MUST_USE enum status machine_damaged(struct machine *, const char *what);
MUST_USE enum status machine_too_much(struct machine *, const char *what, long limit);

/* array: the address of a pointer to elements of `element` bytes; makes room for `need` in all. */
MUST_USE enum status machine_reserve(struct machine *, void *array, size_t *capacity, size_t need,
                                     size_t element);

MUST_USE enum status machine_push(struct machine *, uint32_t value);
MUST_USE enum status machine_push_new(struct machine *, struct pickle_value);
MUST_USE enum status machine_pop(struct machine *, uint32_t *value);
MUST_USE enum status machine_top(struct machine *, uint32_t *value);
/* The items above the last mark, which goes away. They stay where they are until the next push. */
MUST_USE enum status machine_pop_mark(struct machine *, const uint32_t **items, size_t *count);
size_t machine_floor(const struct machine *); /* of the stack: the height at the last mark */

/* The next bytes of the pickle; a number of at most 8 of them, little-endian. */
MUST_USE enum status machine_take(struct machine *, size_t size, const uint8_t **bytes);
MUST_USE enum status machine_take_number(struct machine *, size_t size, uint64_t *number);

/* The instructions that need a name, or what a name stands for (unpickle_torch.c). */
MUST_USE enum status torch_global(struct machine *);
MUST_USE enum status torch_stack_global(struct machine *);
MUST_USE enum status torch_binpersid(struct machine *);
MUST_USE enum status torch_reduce(struct machine *);
MUST_USE enum status torch_build(struct machine *);

#endif
