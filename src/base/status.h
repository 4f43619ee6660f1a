/* SPDX-License-Identifier: MIT
 *
 * Errors. A function that can fail returns `enum status` and takes a caller-owned `struct err *`
 * last. The place that detects a failure writes the text with err_set(): what failed, why and,
 * where there is something to do, what to do. Callers that know more put it in front with
 * err_prefix(). Nothing outside cli/ prints an error or exits.
 */
#ifndef FOVEA_BASE_STATUS_H
#define FOVEA_BASE_STATUS_H

enum status {
    OK = 0,
    ERR_ARGUMENT,    /* a value from the user or the caller is not acceptable */
    ERR_NOT_FOUND,   /* a file, model, photo or tensor is not there */
    ERR_IO,          /* the system refused: open, read, write, disk full */
    ERR_FORMAT,      /* content is damaged or is not what it claims to be */
    ERR_UNSUPPORTED, /* valid, but not something fovea handles */
    ERR_LIMIT,       /* refused because it is larger than a stated limit */
    ERR_MEMORY,      /* an allocation failed */
    ERR_BUSY,        /* somebody else holds it; trying later may work */
    ERR_CANCELLED,   /* the user asked to stop */
    ERR_INTERNAL,    /* a library below failed in a way that no input explains */
};

#define ERR_TEXT_MAX 1024

struct err {
    enum status status;
    char text[ERR_TEXT_MAX]; /* one line, no newline, no trailing period; "" while status is OK */
};

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Sets *err (which may be NULL) and returns `status`. Over-long texts are cut; what a
 * terminal would obey and not show (text_disarm) becomes '?', so that an error stays one line. */
enum status err_set(struct err *err, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " in front of the text of *err and returns its status. */
enum status err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* err_set() with ERR_MEMORY and a text that names `what` and its size. */
enum status err_no_memory(struct err *err, const char *what, unsigned long long size_bytes);

/* err_set() from an errno value: "cannot open FILE: No such file or directory". ENOENT becomes
 * ERR_NOT_FOUND, ENOMEM ERR_MEMORY, everything else ERR_IO. */
enum status err_errno(struct err *err, int errno_value, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
