/* SPDX-License-Identifier: MIT
 *
 * As much of JSON Schema (2020-12) as data/openapi.json uses: $ref, type, enum, const, required,
 * properties, additionalProperties, items, anyOf, the bounds of numbers, strings and arrays, and
 * pattern (as a POSIX extended expression, \d understood). A keyword that it does not know is an
 * error, so that none is passed over.
 */
#ifndef FOVEA_TESTS_SERVER_SCHEMA_H
#define FOVEA_TESTS_SERVER_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* document: where "#/…" points to. why: what is wrong, and where. */
bool schema_accepts(const json_t *document, const json_t *schema, const json_t *value, char *why,
                    size_t why_size);
/* What "#/a/b" points to, or NULL. */
const json_t *schema_at(const json_t *document, const char *pointer);

#endif
