/* SPDX-License-Identifier: MIT
 *
 * A safetensors file. What opens has every tensor inside the file, the tensors cover the data
 * without overlapping, and each is found by its name.
 */
#include "fuzz.h"

#include "clip/safetensors.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors *st;
    struct err err = {0};
    enum status status = safetensors_open(&st, fuzz_file(0, data, size), &err);
    if (status != OK) {
        FUZZ_CHECK(!st);
        fuzz_check_error(status, &err);
        return 0;
    }
    size_t count, header_size, covered = 0;
    const uint8_t *header = safetensors_header(st, &header_size);
    const struct tensor_view *all = safetensors_all(st, &count);
    for (size_t i = 0; i < count; i++) {
        const struct tensor_view *v = &all[i];
        FUZZ_CHECK(tensor_view_is_plain(v));
        FUZZ_CHECK(v->dims >= 0 && v->dims <= TENSOR_DIMS_MAX);
        FUZZ_CHECK(v->size_bytes == v->count * tensor_dtype_size(v->dtype_name));
        FUZZ_CHECK((const uint8_t *)v->data >= header + header_size);
        FUZZ_CHECK(safetensors_find(st, v->name) == v);
        fuzz_touch(v->data, v->size_bytes);
        covered += v->size_bytes;
    }
    FUZZ_CHECK(covered == size - 8 - header_size && safetensors_file_size(st) == size);
    safetensors_close(st);
    return 0;
}
