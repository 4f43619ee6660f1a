/* SPDX-License-Identifier: MIT
 *
 * The child's side of decoder.h. Everything that reads files (libvips' modules, libheif's plugins,
 * the profiles of lcms) is made to load before the confinement; after it there are a socket, some
 * memory and the processor. Standard input, output and error are /dev/null: a library's complaints
 * go nowhere, and so do escapes that an intruder would print on the user's terminal.
 *
 * It ends when the parent does (the socket's other end is closed), after half a minute without
 * work, or by signals that only its parent or the kernel send: Ctrl-C reaches it, too, and is
 * ignored, so that the picture at hand is finished.
 */
#include "image/decoder.h"
#include "image/confine.h"
#include "image/decode.h"
#include "image/decoder_wire.h"
#include "meta/read.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __linux__

enum { EXIT_IDLE = 0, EXIT_NO_CHILD = 2, EXIT_BROKEN = 3 };

struct child {
    const uint8_t *input; /* [DECODER_INPUT_BYTES], read only */
    uint8_t *output;      /* [output_bytes] */
    uint64_t output_bytes;
    decoder_function *decode;
};

/* A few bytes that look like each format whose library loads something when it first sees one. They
 * cannot be decoded. */
static void load_what_loads_late(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } starts[] = {
        {"\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic\0\0\0\x08"
         "meta",
         32},
        {"\0\0\0\x18"
         "ftypavif\0\0\0\0mif1avif\0\0\0\x08"
         "meta",
         32},
        {"\xff\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16},
        {"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9", 22},
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct image image;
        struct err ignored;
        if (image_decode_here(&image, starts[i].bytes, starts[i].size, NULL, &ignored) == OK)
            image_free(&image);
    }
}

static uint64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : 0;
}

static bool map_memory(struct child *child)
{
    struct stat st;
    child->output_bytes = number_of(DECODER_ENV_OUTPUT);
    if (child->output_bytes == 0 || fstat(DECODER_SOCKET, &st) != 0 || !S_ISSOCK(st.st_mode) ||
        fstat(DECODER_MEMORY, &st) != 0 ||
        (uint64_t)st.st_size != DECODER_INPUT_BYTES + child->output_bytes)
        return false;
    void *input =
        mmap(NULL, DECODER_INPUT_BYTES, PROT_READ, MAP_SHARED | MAP_NORESERVE, DECODER_MEMORY, 0);
    void *output = mmap(NULL, child->output_bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_NORESERVE, DECODER_MEMORY, (off_t)DECODER_INPUT_BYTES);
    if (input == MAP_FAILED || output == MAP_FAILED)
        return false;
    child->input = input;
    child->output = output;
    close(DECODER_MEMORY);
    return true;
}

/* When memory runs out, it is this process that goes, not the one with the library. */
static void be_the_first_to_go(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "900", 3);
    close(fd);
}

static enum status confine(struct decoder_hello *hello, struct err *err)
{
    struct confine_limits limits = {.memory_bytes = number_of(DECODER_ENV_MEMORY),
                                    .open_files = DECODER_SOCKET + 1};
    struct confinement had;
#ifdef DECODER_MEMORY_UNLIMITED
    limits.memory_bytes = 0;
#endif
    enum status status = confine_possible() ? confine_self(&limits, &had, err) : OK;
    if (confine_possible() && status == OK) {
        hello->seccomp = had.seccomp;
        hello->landlock_abi = had.landlock_abi;
        hello->threads = had.threads;
    }
    return status;
}

static bool send_whole(const void *bytes, size_t size)
{
    ssize_t n;
    do
        n = write(DECODER_SOCKET, bytes, size);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size;
}

/* False: end. */
static bool wait_for_work(struct decoder_request *request)
{
    struct pollfd socket = {DECODER_SOCKET, POLLIN, 0};
    int ready;
    do
        ready = poll(&socket, 1, DECODER_IDLE_S * 1000);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && read(DECODER_SOCKET, request, sizeof *request) == (ssize_t)sizeof *request;
}

static void do_work(const struct child *child, const struct decoder_request *request,
                    struct decoder_reply *reply)
{
    struct err err = {0};
    struct photo_meta *meta = request->want_meta ? &reply->meta : NULL;
    photo_meta_clear(&reply->meta);
    switch (request->kind) {
    case DECODER_PICTURE:
        reply->status = child->decode(&reply->image, meta, child->input, request->size,
                                      &request->options, &err);
        break;
    case DECODER_META:
        meta_read(&reply->meta, NULL, child->input, request->size);
        break;
    case DECODER_SIDECAR:
        reply->status = meta_read_sidecar(&reply->meta, child->input, request->size, &err);
        break;
    }
    reply->has_alpha = reply->image.alpha != NULL;
    memcpy(reply->text, err.text, sizeof reply->text);
}

static int serve(const struct child *child)
{
    static struct decoder_request request;
    static struct decoder_reply reply;
    while (wait_for_work(&request)) {
        if (request.size > DECODER_INPUT_BYTES)
            return EXIT_BROKEN;
        memset(&reply, 0, sizeof reply);
        do_work(child, &request, &reply);
        if (!send_whole(&reply, sizeof reply))
            return EXIT_BROKEN;
    }
    madvise(child->output, child->output_bytes, MADV_REMOVE);
    return EXIT_IDLE;
}

int decoder_child_main(decoder_function *decode)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    struct child child = {.decode = decode};
    struct decoder_hello hello = {.magic = DECODER_MAGIC};
    struct err err = {0};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    if (!map_memory(&child))
        return EXIT_NO_CHILD; /* somebody tried it by hand */
    closefrom(DECODER_MEMORY);
    hello.status = image_room_open(&err);
    if (hello.status == OK) {
        load_what_loads_late();
        be_the_first_to_go();
        decode_put_pixels_at(child.output, child.output_bytes);
        hello.status = confine(&hello, &err);
    }
    memcpy(hello.text, err.text, sizeof hello.text);
    /* _exit(): what runs at a program's end may want files, and there is nothing to save. */
    if (!send_whole(&hello, sizeof hello) || hello.status != OK)
        _exit(EXIT_BROKEN);
    _exit(serve(&child));
}

#else

int decoder_child_main(decoder_function *decode)
{
    (void)decode;
    return 2;
}

#endif
