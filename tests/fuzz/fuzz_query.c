/* SPDX-License-Identifier: MIT
 *
 * The target of a request, and the filters in it. What is accepted as a target cannot lead out of a
 * folder; what is accepted as a filter has its bounds in order.
 */
#include "fuzz.h"

#include "library/filter.h"
#include "server/uri.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void check_segments(const struct uri *uri)
{
    FUZZ_CHECK(uri->segment_count <= URI_SEGMENTS_MAX && uri->param_count <= URI_PARAMS_MAX);
    for (size_t i = 0; i < uri->segment_count; i++) {
        const char *s = uri->segments[i];
        FUZZ_CHECK(*s && !strchr(s, '/') && strcmp(s, ".") != 0 && strcmp(s, "..") != 0);
        FUZZ_CHECK(!strstr(s, "\\..\\") && strncmp(s, "..\\", 3) != 0);
    }
}

static void check_term(const struct filter_term *term)
{
    switch (term->name) {
    case FILTER_SINCE:
    case FILTER_UNTIL:
        FUZZ_CHECK(term->since_ms < term->end_ms);
        break;
    case FILTER_GPS:
        FUZZ_CHECK(term->low >= -90 && term->low <= term->high && term->high <= 90);
        FUZZ_CHECK(term->west >= -180 && term->west <= 180);
        FUZZ_CHECK(term->east >= -180 && term->east <= 180);
        break;
    case FILTER_RATING:
    case FILTER_ISO:
        FUZZ_CHECK(term->low <= term->high);
        break;
    default:
        FUZZ_CHECK(term->text);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct filter filter = {0};
    struct uri uri;
    struct err err = {0};
    char *raw = fuzz_take_text(&in);
    enum status status = uri_parse(&uri, raw, &err);
    if (status == OK)
        check_segments(&uri);
    else
        fuzz_check_error(status, &err);
    for (size_t i = 0; status == OK && i < uri.param_count; i++) {
        const struct uri_param *p = &uri.params[i];
        enum status added = filter_add_named(&filter, p->name, p->value, &err);
        if (added != OK)
            fuzz_check_error(added, &err);
        FUZZ_CHECK(uri_param(&uri, p->name));
    }
    FUZZ_CHECK(filter.count <= FILTER_TERMS_MAX);
    for (size_t i = 0; i < filter.count; i++)
        check_term(&filter.terms[i]);
    uri_free(&uri);
    free(raw);
    return 0;
}
