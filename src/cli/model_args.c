/* SPDX-License-Identifier: MIT
 *
 * See model_args.h.
 */
#include "cli/model_args.h"

enum status model_open_named(struct model **out, const struct model_request *request,
                             struct err *err)
{
    *out = NULL;
    struct model_place place;
    enum status status = model_resolve(&place, request->name, NULL, err);
    if (status != OK)
        return status;
    const struct model_options options = {.dir = place.dir,
                                          .name = place.name,
                                          .image_size = request->image_size,
                                          .towers = request->towers,
                                          .threads = request->threads};
    status = model_open(out, &options, err);
    model_place_free(&place);
    return status;
}
