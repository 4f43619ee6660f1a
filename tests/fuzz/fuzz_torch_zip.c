/* SPDX-License-Identifier: MIT
 *
 * A file of torch.save(): the archive, its pickle, the tensors' places in their storages. What
 * opens can be read: every tensor, gathered where it lies scattered.
 */
#include "fuzz.h"

#include "clip/torch_zip.h"

#include <stdlib.h>
#include <string.h>

/* A view may repeat its values (a stride of 0), and so be larger than the file. */
enum { GATHER_MAX = 1 << 20 };

static void read_tensor(const struct tensor_view *v)
{
    const void *bytes;
    void *owned;
    struct err err = {0};
    size_t size;
    FUZZ_CHECK(v->dims >= 0 && v->dims <= TENSOR_DIMS_MAX);
    FUZZ_CHECK(!__builtin_mul_overflow(v->count, tensor_dtype_size(v->dtype_name), &size));
    if (size > GATHER_MAX)
        return;
    FUZZ_CHECK_OK(tensor_view_bytes(v, &bytes, &owned, &err), &err);
    fuzz_touch(bytes, size);
    free(owned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct torch_zip *zip;
    struct err err = {0};
    enum status status = torch_zip_open(&zip, fuzz_file(0, data, size), &err);
    if (status != OK) {
        FUZZ_CHECK(!zip);
        fuzz_check_error(status, &err);
        return 0;
    }
    size_t count, header_size;
    const struct tensor_view *all = torch_zip_all(zip, &count);
    for (size_t i = 0; i < count; i++) {
        read_tensor(&all[i]);
        FUZZ_CHECK(i == 0 || strcmp(all[i - 1].name, all[i].name) < 0);
    }
    const void *header = torch_zip_header(zip, &header_size);
    fuzz_touch(header, header_size);
    FUZZ_CHECK(torch_zip_file_size(zip) == size);
    torch_zip_close(zip);
    return 0;
}
