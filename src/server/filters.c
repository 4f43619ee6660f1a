/* SPDX-License-Identifier: MIT
 *
 * See filters.h.
 */
#include "server/filters.h"

#include <string.h>

static bool add(struct exchange *x, const char *name, const char *value, struct filter *out)
{
    struct err err;
    enum status status = filter_add_named(out, name, value, &err);
    if (status == ERR_NOT_FOUND)
        reply_error(x, 400, "%s: there is no filter or parameter of this name", name);
    else if (status != OK)
        reply_error(x, 400, "%s", err.text);
    return status == OK;
}

bool filters_from_json(struct fields *fields, const json_t *request, struct filter *out)
{
    const json_t *filters = fields_object(fields, request, "filters");
    const char *name;
    json_t *value;
    if (!fields->ok)
        return false;
    json_object_foreach((json_t *)filters, name, value)
    {
        bool list = json_is_array(value);
        size_t count = list ? json_array_size(value) : 1;
        for (size_t i = 0; i < count; i++) {
            const char *text = json_string_value(list ? json_array_get(value, i) : value);
            if (!text) {
                fields_fail(fields, "filters", "%.100s: a text or a list of texts is accepted",
                            name);
                return false;
            }
            if (!add(fields->x, name, text, out))
                return false;
        }
    }
    return true;
}

bool filters_from_params(struct exchange *x, const char *const *others, struct filter *out)
{
    for (size_t i = 0; i < x->uri.param_count; i++) {
        const struct uri_param *param = &x->uri.params[i];
        size_t j = 0;
        while (others[j] && strcmp(others[j], param->name) != 0)
            j++;
        if (!others[j] && !add(x, param->name, param->value, out))
            return false;
    }
    return true;
}
