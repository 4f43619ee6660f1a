/* SPDX-License-Identifier: MIT
 *
 * Results, on stdout. Text and JSON go through here, so that a full disk or a closed pipe is
 * noticed: the first failed write is remembered, later writes do nothing, and output_finish()
 * reports it. A reader that went away (`fovea ... | head -1`) is not worth a message; its error has
 * the status ERR_IO and an empty text.
 *
 * JSON values are jansson's. Two things need care there and have helpers here: strings that are not
 * UTF-8 (file names), and float32 numbers. Main thread only.
 */
#ifndef FOVEA_CLI_OUTPUT_H
#define FOVEA_CLI_OUTPUT_H

#include "base/status.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

void output_format(const char *format, ...) PRINTF_LIKE(1, 2);
void output_text(const char *text);
void output_bytes(const char *bytes, size_t size); /* as they are, NUL bytes too */
/* Text of others' making (a path, a category, a phrase). Control characters become '?': it stays on
 * its line and tells the terminal nothing. What it really is, is in the JSON. */
void output_name(const char *name);

/* False once a write has failed: a command that streams results stops then. */
bool output_ok(void);
/* Hands over what was written so far: for whoever follows a long run. */
void output_flush(void);
/* Flushes. Every command's run ends with it (main.c does that). */
MUST_USE enum status output_finish(struct err *err);

/* Writes one value and a newline, and gives up the caller's reference. NULL (a builder ran out of
 * memory) is ERR_MEMORY. Objects keep the order in which their keys were set. */
MUST_USE enum status output_json(json_t *value, struct err *err);
/* The same bytes into a file, atomically; "-" is stdout. */
MUST_USE enum status output_json_file(json_t *value, const char *path, struct err *err);

/* A JSON string of any bytes; what is not UTF-8 becomes U+FFFD. NULL gives JSON null. */
json_t *output_json_string(const char *bytes);
/* The shortest decimal that reads back as the same float32; null for NaN and infinities. */
json_t *output_json_float(float value);
json_t *output_json_floats(const float *values, int count);

#endif
