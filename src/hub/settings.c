/* SPDX-License-Identifier: MIT
 *
 * See settings.h.
 */
#include "hub/settings.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_BYTES 4096
#define TOKEN_FILE_MAX 4096

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool is_on(const char *name)
{
    const char *value = variable(name);
    return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0 ||
                     strcasecmp(value, "yes") == 0 || strcasecmp(value, "on") == 0);
}

static enum status set_endpoint(struct hub_settings *s, struct err *err)
{
    const char *given = variable("HF_ENDPOINT");
    const char *url = given ? given : HUB_ENDPOINT_DEFAULT;
    char origin[256];
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/')
        size--;
    if (size >= sizeof s->endpoint || !http_origin(origin, sizeof origin, url) ||
        (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
        return err_set(err, ERR_ARGUMENT,
                       "HF_ENDPOINT: '%.200s' is not an address; accepted: https://HOST or "
                       "http://HOST",
                       url);
    memcpy(s->endpoint, url, size);
    s->endpoint[size] = '\0';
    return OK;
}

/* A token is part of a header line: it may hold nothing that could end the line. */
static enum status set_token(struct hub_settings *s, const char *text, size_t size,
                             const char *where, struct err *err)
{
    while (size > 0 && strchr(" \t\r\n", text[size - 1]))
        size--;
    while (size > 0 && strchr(" \t\r\n", *text)) {
        text++;
        size--;
    }
    bool good = size < sizeof s->token;
    for (size_t i = 0; good && i < size; i++)
        good = text[i] > 0x20 && text[i] < 0x7f;
    if (!good)
        return err_set(err, ERR_ARGUMENT, "%s does not hold a token", where);
    memcpy(s->token, text, size);
    s->token[size] = '\0';
    return OK;
}

static bool put_token_path(struct str *path)
{
    struct err ignored;
    if (variable("HF_TOKEN_PATH")) {
        str_put(path, variable("HF_TOKEN_PATH"));
    } else if (variable("HF_HOME")) {
        path_join(path, variable("HF_HOME"), "token");
    } else {
        if (dir_cache(path, &ignored) != OK)
            return false;
        str_put(path, "/huggingface/token");
    }
    return str_ok(path);
}

static enum status find_token(struct hub_settings *s, struct err *err)
{
    const char *given = variable("HF_TOKEN");
    if (given)
        return set_token(s, given, strlen(given), "HF_TOKEN", err);
    if (is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return OK;
    struct str path = str_new(PATH_BYTES);
    struct file_bytes file = {0};
    struct err ignored;
    enum status status = OK;
    if (put_token_path(&path) &&
        file_read(&file, str_text(&path), TOKEN_FILE_MAX, &ignored) == OK) {
        status = set_token(s, (const char *)file.data, file.size, str_text(&path), err);
        file_bytes_free(&file);
    }
    str_free(&path);
    return status;
}

enum status hub_settings_load(struct hub_settings *s, struct err *err)
{
    *s = (struct hub_settings){.offline = is_on("HF_HUB_OFFLINE")};
    retry_limits_default(&s->limits);
    enum status status = set_endpoint(s, err);
    return status == OK ? find_token(s, err) : status;
}
