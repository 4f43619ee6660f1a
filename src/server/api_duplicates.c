/* SPDX-License-Identifier: MIT
 *
 * Duplicates, and what was decided about them.
 */
#include "server/api.h"

static void not_yet(struct exchange *x)
{
    reply_error(x, 501, "this build of fovea does not look for duplicates");
}

void api_duplicates(struct exchange *x)
{
    not_yet(x);
}

void api_decisions(struct exchange *x)
{
    not_yet(x);
}

void api_decide(struct exchange *x)
{
    not_yet(x);
}
