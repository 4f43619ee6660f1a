/* SPDX-License-Identifier: MIT
 *
 * The filters of library/filter.h from a request: query parameters of their names, repeated for
 * several values, or an object whose values are texts or lists of texts.
 */
#ifndef FOVEA_SERVER_FILTERS_H
#define FOVEA_SERVER_FILTERS_H

#include "library/filter.h"
#include "server/fields.h"

/* Of the member "filters", which may be absent. False, and answered. */
bool filters_from_json(struct fields *, const json_t *request, struct filter *out);
/* others: names of the parameters that are no filters, NULL-terminated; any further name is a 400.
 * False, and answered. */
bool filters_from_params(struct exchange *, const char *const *others, struct filter *out);

#endif
