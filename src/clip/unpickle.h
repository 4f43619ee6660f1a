/* SPDX-License-Identifier: MIT
 *
 * Reading the pickle of a PyTorch checkpoint without running anything. A pickle is a program for a
 * stack machine that may call any function of Python by its name; here the machine has only the
 * instructions that build plain data, and the only "functions" are the ones below, which are not
 * called but understood. Everything else ends the reading with its name. Sources: CPython's
 * pickletools.py (the instructions), torch/serialization.py and torch/_utils.py (what torch.save()
 * writes), torch/_weights_only_unpickler.py (what a checkpoint may honestly need).
 *
 *     collections.OrderedDict            an empty dict
 *     torch.FloatStorage, …              the type of a storage, in a persistent id
 *     torch._utils._rebuild_tensor_v2    a view into a storage
 *     torch._utils._rebuild_parameter    the same, of a module's parameter
 *     torch.Size, torch.device, torch.float32, …   constants beside the weights
 *
 * Every value lies in an array, every reference is an index into it, and a list or dict may contain
 * itself: nothing here walks down a structure, so that nothing can go round in circles.
 */
#ifndef FOVEA_CLIP_UNPICKLE_H
#define FOVEA_CLIP_UNPICKLE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    PICKLE_VALUES_MAX = 1 << 22, /* values that are made; an optimizer of a large model has 10^5 */
    PICKLE_STACK_MAX = 1 << 22,  /* values on the stack */
    PICKLE_MARKS_MAX = 1 << 10,  /* open tuples, lists and dicts */
    PICKLE_MEMO_MAX = 1 << 22,   /* numbers of the memo */
    PICKLE_TEXT_MAX = 1 << 20,   /* bytes of a string */
    PICKLE_NAME_MAX = 128,       /* bytes of each part of a global's name */
};
#define PICKLE_BYTES_MAX ((size_t)256 << 20) /* of the whole */

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT, /* its value is of no use and not kept */
    PICKLE_TEXT,
    PICKLE_TUPLE,
    PICKLE_LIST, /* its items are not kept */
    PICKLE_DICT,
    PICKLE_GLOBAL,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_OTHER, /* harmless, and not looked into: a torch.device */
};

struct pickle_global {
    const char *module, *name;
    enum pickle_role {
        ROLE_DICT,
        ROLE_STORAGE,
        ROLE_TENSOR,
        ROLE_PARAMETER,
        ROLE_SIZE,
        ROLE_DEVICE,
        ROLE_CONSTANT,
    } role;
    const char *dtype; /* of ROLE_STORAGE, as safetensors calls it */
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        int64_t integer; /* of PICKLE_INT, PICKLE_BOOL */
        struct {
            const char *bytes; /* in the pickle, not terminated */
            uint32_t size;
        } text;
        struct {
            uint32_t first, count; /* into `items` */
        } tuple;
        struct {
            uint32_t first, last, count; /* first and last entry + 1; 0 while empty */
        } dict;
        const struct pickle_global *global;
        struct {
            const struct pickle_global *type;
            uint32_t key; /* a PICKLE_TEXT */
            int64_t count;
        } storage;
        struct {
            uint32_t storage, size, stride; /* a PICKLE_STORAGE, two PICKLE_TUPLEs of the same
                                               length of PICKLE_INTs */
            int64_t offset;                 /* in values */
        } tensor;
    };
};

struct pickle_entry {
    uint32_t key, value, next; /* next entry of the same dict + 1 */
};

/* What a pickle has built. Indices are good for the arrays beside them. */
struct pickle {
    struct pickle_value *values;
    uint32_t *items;
    struct pickle_entry *entries;
    size_t value_count, item_count, entry_count;
    uint32_t top; /* the value that it is of */
};

/* data: [size], has to outlive the result. ERR_FORMAT and ERR_UNSUPPORTED name the instruction or
 * the global and where it stands; ERR_LIMIT past the limits above. Close it whatever comes back. */
MUST_USE enum status unpickle(struct pickle *out, const uint8_t *data, size_t size,
                              struct err *err);
void pickle_close(struct pickle *); /* harmless on a zeroed one */

#endif
