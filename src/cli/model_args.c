/* SPDX-License-Identifier: MIT
 *
 * See model_args.h.
 */
#include "cli/model_args.h"

#include "cli/model_pull.h"
#include "cli/report.h"

static enum status open_place(struct model **out, const struct model_place *place,
                              const struct model_request *request, struct err *err)
{
    const struct model_options options = {.dir = place->dir,
                                          .config = place->config,
                                          .weights = place->weights,
                                          .name = place->name,
                                          .image_size = request->image_size,
                                          .precision = request->precision,
                                          .towers = request->towers,
                                          .threads = request->threads,
                                          .note = report_note};
    return model_open(out, &options, err);
}

enum status model_open_named(struct model **out, const struct model_request *request,
                             struct err *err)
{
    *out = NULL;
    struct model_place place;
    enum status status = model_resolve(&place, request->name, request->arch, err);
    if (status == OK && !place.here)
        status = model_pull_when_asked(&place, request, err);
    if (status == OK)
        status = open_place(out, &place, request, err);
    model_place_free(&place);
    return status;
}
