/* SPDX-License-Identifier: MIT
 *
 * See decoder_args.h.
 */
#include "cli/decoder_args.h"

#include "image/decoder.h"
#include "image/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum status read_mode(enum decoder_mode *out, struct err *err)
{
    const char *text = getenv("FOVEA_SANDBOX");
    *out = DECODER_CHILD;
    if (!text || !*text || strcmp(text, "on") == 0)
        return OK;
    if (strcmp(text, "off") == 0)
        *out = DECODER_HERE;
    else if (strcmp(text, "require") == 0)
        *out = DECODER_CONFINED;
    else
        return err_set(err, ERR_ARGUMENT,
                       "FOVEA_SANDBOX is '%.40s'; accepted: on, off, require (refuse to decode "
                       "where decoders cannot be confined)",
                       text);
    return OK;
}

/* *out stays 0 (the default) where the variable is not set. */
static enum status read_number(long *out, const char *name, long most, struct err *err)
{
    const char *text = getenv(name);
    char *end;
    *out = 0;
    if (!text || !*text)
        return OK;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || *out < 1 || *out > most)
        return err_set(err, ERR_ARGUMENT, "%s is '%.40s'; accepted: 1 to %ld", name, text, most);
    return OK;
}

enum status decoder_room_open(bool no_sandbox, struct err *err)
{
    enum { MEMORY_MB_MOST = 1 << 20, SECONDS_MOST = 86400 };
    struct decoder_options options;
    long memory_mb, seconds;
    enum status status = read_mode(&options.mode, err);
    if (status == OK)
        status = read_number(&memory_mb, "FOVEA_DECODE_MEMORY_MB", MEMORY_MB_MOST, err);
    if (status == OK)
        status = read_number(&seconds, "FOVEA_DECODE_SECONDS", SECONDS_MOST, err);
    if (status == OK)
        status = image_room_open(err);
    if (status != OK)
        return status;
    if (no_sandbox)
        options.mode = DECODER_HERE;
    options.memory_bytes = (int64_t)memory_mb << 20;
    options.cpu_s = (int)seconds;
    options.wall_s = (int)seconds * 5;
    status = decoder_open(&options, err);
    if (status != OK)
        image_room_close();
    return status;
}
