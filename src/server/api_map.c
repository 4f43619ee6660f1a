/* SPDX-License-Identifier: MIT
 *
 * The map and the natural groups.
 */
#include "server/api.h"

static void not_yet(struct exchange *x)
{
    reply_error(x, 501, "this build of fovea makes no maps and no groups");
}

void api_map(struct exchange *x)
{
    not_yet(x);
}

void api_groups(struct exchange *x)
{
    not_yet(x);
}

void api_group(struct exchange *x)
{
    not_yet(x);
}
