/* SPDX-License-Identifier: MIT
 *
 * See model_args.h.
 */
#include "cli/model_args.h"

enum status model_open_named(struct model **out, const char *given, enum model_towers towers,
                             int threads, struct err *err)
{
    *out = NULL;
    struct model_place place;
    enum status status = model_resolve(&place, given, NULL, err);
    if (status != OK)
        return status;
    const struct model_options options = {
        .dir = place.dir, .name = place.name, .towers = towers, .threads = threads};
    status = model_open(out, &options, err);
    model_place_free(&place);
    return status;
}
