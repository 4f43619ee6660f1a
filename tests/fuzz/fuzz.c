/* SPDX-License-Identifier: MIT
 *
 * See fuzz.h.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The linker puts these in the place of mmap and munmap (meson.build). */
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t size);

_Noreturn void fuzz_failed(const char *what, const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: not so: %s%s%s\n", file, line, what, text ? ": " : "",
            text ? text : "");
    abort();
}

static size_t to_page(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    uint8_t *data = __real_mmap(at, size, protection, flags, fd, offset);
    if (data != MAP_FAILED && fd >= 0)
        ASAN_POISON_MEMORY_REGION(data + size, to_page(size) - size);
    return data;
}

int __wrap_munmap(void *at, size_t size)
{
    ASAN_UNPOISON_MEMORY_REGION(at, to_page(size));
    return __real_munmap(at, size);
}

const char *fuzz_file(int number, const void *data, size_t size)
{
    static int files[FUZZ_FILES];
    static char paths[FUZZ_FILES][64];
    char *path = paths[number];
    if (!*path) {
        files[number] = memfd_create("fuzz", MFD_CLOEXEC);
        FUZZ_CHECK(files[number] >= 0);
        snprintf(path, sizeof paths[0], "/proc/%d/fd/%d", (int)getpid(), files[number]);
    }
    FUZZ_CHECK(ftruncate(files[number], 0) == 0);
    FUZZ_CHECK(size == 0 || pwrite(files[number], data, size, 0) == (ssize_t)size);
    return path;
}

void fuzz_check_error(enum status status, const struct err *err)
{
    FUZZ_CHECK(status != OK && err->status == status);
    FUZZ_CHECK(err->text[0] && memchr(err->text, 0, sizeof err->text));
    for (const char *c = err->text; *c; c++)
        FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
}

void fuzz_touch(const void *data, size_t size)
{
    static volatile uint8_t sink;
    const uint8_t *bytes = data;
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum ^= bytes[i];
    sink = sum;
    (void)sink;
}

bool fuzz_is_utf8(const void *text, size_t size)
{
    const uint8_t *at = text, *end = at + size;
    while (at < end) {
        int more = *at < 0x80 ? 0 : *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : 1;
        uint32_t rune = *at & (more ? 0x3fu >> more : 0x7fu);
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if ((*at >= 0x80 && *at < 0xc2) || *at > 0xf4 || end - at <= more)
            return false;
        for (int i = 1; i <= more; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return false;
            rune = rune << 6 | (at[i] & 0x3f);
        }
        if (rune < least[more] || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
            return false;
        at += more + 1;
    }
    return true;
}

uint8_t fuzz_take_byte(struct fuzz_input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

char *fuzz_take_text(struct fuzz_input *in)
{
    size_t size = 0;
    while (size < in->size && in->data[size])
        size++;
    char *text = calloc(1, size + 1);
    FUZZ_CHECK(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)in->data[i];
    size_t taken = size < in->size ? size + 1 : size;
    in->data += taken;
    in->size -= taken;
    return text;
}

void *fuzz_take_rest(struct fuzz_input *in, size_t *size)
{
    *size = in->size;
    if (in->size == 0)
        return NULL;
    void *copy = malloc(in->size);
    FUZZ_CHECK(copy);
    memcpy(copy, in->data, in->size);
    in->data += in->size;
    in->size = 0;
    return copy;
}
