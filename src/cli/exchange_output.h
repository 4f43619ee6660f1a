/* SPDX-License-Identifier: MIT
 *
 * What an export and an import say at their end.
 */
#ifndef FOVEA_CLI_EXCHANGE_OUTPUT_H
#define FOVEA_CLI_EXCHANGE_OUTPUT_H

#include "cli/output.h"
#include "library/exchange.h"

#include <stdbool.h>

/* what: "exported to", "imported from". */
static inline enum status exchange_print(const struct exchange_report *r, const char *what,
                                         const char *dir, bool as_json, struct err *err)
{
    if (as_json)
        return output_json(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "dir",
                                     output_json_string(dir), "photos", (json_int_t)r->photos,
                                     "files", (json_int_t)r->files, "failures",
                                     (json_int_t)r->failures, "vectors", (json_int_t)r->vectors,
                                     "labels", (json_int_t)r->labels, "decisions",
                                     (json_int_t)r->decisions, "models", (json_int_t)r->models),
                           err);
    output_format("%s ", what);
    output_name(dir);
    output_format(": %lld photographs in %lld files, %lld vectors of %lld model%s, %lld labels, "
                  "%lld decisions\n",
                  (long long)r->photos, (long long)r->files, (long long)r->vectors,
                  (long long)r->models, r->models == 1 ? "" : "s", (long long)r->labels,
                  (long long)r->decisions);
    return OK;
}

#endif
