/* SPDX-License-Identifier: MIT
 *
 * What the fuzzers have in common. A fuzzer is a program with LLVMFuzzerTestOneInput(): it hands
 * the bytes to one reader of outside input, and checks what that promises of its answer. A promise
 * that does not hold ends the process, as a sanitizer's finding does.
 *
 * Files are given as paths to memory: no disk takes part. Behind the end of a mapped file the rest
 * of its last page is poisoned, so that a look past the end is a finding.
 */
#ifndef FOVEA_TESTS_FUZZ_FUZZ_H
#define FOVEA_TESTS_FUZZ_FUZZ_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entries. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__, NULL))
/* With the error's text. */
#define FUZZ_CHECK_OK(status, err)                                                                 \
    ((status) == OK ? (void)0 : fuzz_failed(#status, __FILE__, __LINE__, (err)->text))

_Noreturn void fuzz_failed(const char *what, const char *file, int line, const char *text);

/* The path of a file with this content; the next call changes it. There are FUZZ_FILES of them. */
enum { FUZZ_FILES = 4 };
const char *fuzz_file(int number, const void *data, size_t size);

/* What an error has to be: its own status, one line, not empty. */
void fuzz_check_error(enum status, const struct err *);
/* Reads every byte, so that one outside of a buffer is found. */
void fuzz_touch(const void *data, size_t size);
bool fuzz_is_utf8(const void *text, size_t size);

/* The input in pieces: takes bytes from its front. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};
uint8_t fuzz_take_byte(struct fuzz_input *); /* 0 at the end */
/* Up to the next zero byte, or the end; a copy with a NUL, to be freed. */
char *fuzz_take_text(struct fuzz_input *);
/* The rest, in a block of exactly its size, to be freed; NULL when nothing is left. */
void *fuzz_take_rest(struct fuzz_input *, size_t *size);

#endif
