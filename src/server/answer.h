/* SPDX-License-Identifier: MIT
 *
 * The nouns of the answers as JSON: what data/openapi.json calls Photo, Hit, Metadata. Names of
 * files are bytes; here they become UTF-8.
 */
#ifndef FOVEA_SERVER_ANSWER_H
#define FOVEA_SERVER_ANSWER_H

#include "library/find.h"
#include "server/live.h"

#include <jansson.h>

json_t *json_utf8(const char *bytes); /* null for NULL */
/* With as many digits as a float32 has; null for what is not finite. */
json_t *json_score(double value);
json_t *json_hash(const struct photo_hash *);
/* ISO 8601 on the camera's clock; null without a time. */
json_t *json_taken(int64_t taken_ms, int offset_min);

json_t *answer_photo(const struct view *, size_t row);
json_t *answer_hit(const struct view *, const struct find_hit *);
json_t *answer_detail(const struct view *, size_t row, const struct store_photo *,
                      int64_t model_id);

#endif
