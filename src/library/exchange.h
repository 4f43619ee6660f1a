/* SPDX-License-Identifier: MIT
 *
 * A library as plain files, for other programs and for other places to keep it (docs/export.md): a
 * folder with library.jsonl, one JSON object a line, and vectors-N.npy, one NumPy array of float16
 * per model. What is made from vectors (maps, graphs, thumbnails) is not in it.
 */
#ifndef FOVEA_LIBRARY_EXCHANGE_H
#define FOVEA_LIBRARY_EXCHANGE_H

#include "store/store.h"

#define EXCHANGE_FORMAT 1 /* of library.jsonl; what another version means, nobody knows yet */
#define EXCHANGE_LINES "library.jsonl"

struct exchange_report {
    int64_t photos, files, failures, vectors, labels, decisions, models;
};

/* Writes the library, as it is at one moment, to the folder `dir`, which is made. library.jsonl is
 * written last and renamed: where it is, the export is whole. An older export there is replaced; a
 * folder with other files in it is left alone (ERR_ARGUMENT). */
MUST_USE enum status export_run(struct store *, const char *dir, struct exchange_report *,
                                struct err *err);

/* Whether there is an export to be read, before a library is made for it. */
MUST_USE enum status import_check(const char *dir, struct err *err);

/* Adds an export to the library: what the library has under the same path, content, set or pair is
 * replaced, everything else stays. Nothing in the files is trusted: ERR_FORMAT names the line.
 * Where it ends early, what was read before stays, and running it again finishes it. */
MUST_USE enum status import_run(struct store *, const char *dir, struct exchange_report *,
                                struct err *err);

#endif
