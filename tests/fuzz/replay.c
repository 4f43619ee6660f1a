/* SPDX-License-Identifier: MIT
 *
 * REPLAY [--runs N] [--seed S] FOLDER…: a fuzzer without libFuzzer, for any compiler and for CI. It
 * runs every file of the corpora, then N inputs made from them by chance: the same for the same
 * seed. Nothing guides it, so it finds little that is new; it finds what was found before, and what
 * a change has broken on the beaten track. An input that fails is kept in the working folder.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS_MAX = 1 << 14, INPUT_MAX = 1 << 20, GROW_MAX = 64, MUTATIONS_MAX = 6 };

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t input_count;
static const uint8_t *now; /* what is being tried */
static size_t now_size;
static uint64_t state;

/* The fuzzers that need nothing at their start have none. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    return 0;
}

/* A finding of a sanitizer is a signal as well. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}

static void keep_input(int number)
{
    static const char name[] = "fuzz-failed.bin";
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file >= 0 && write(file, now, now_size) == (ssize_t)now_size)
        fprintf(stderr, "the input is in ./%s\n", name);
    signal(number, SIG_DFL);
    raise(number);
}

static uint32_t below(size_t limit) /* splitmix64 */
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return limit ? (uint32_t)(((z ^ (z >> 31)) >> 16) % limit) : 0;
}

static void read_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        FILE *file = e->d_name[0] == '.' || input_count == INPUTS_MAX ? NULL : fopen(path, "rb");
        if (!file)
            continue;
        struct input *in = &inputs[input_count++];
        in->data = malloc(INPUT_MAX);
        FUZZ_CHECK(in->data);
        in->size = fread(in->data, 1, INPUT_MAX, file);
        fclose(file);
        uint8_t *fitting = realloc(in->data, in->size + 1);
        in->data = fitting ? fitting : in->data;
    }
    if (d)
        closedir(d);
}

static int by_content(const void *a, const void *b)
{
    const struct input *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return memcmp(x->data, y->data, x->size);
}

static void run(const uint8_t *data, size_t size)
{
    now = data;
    now_size = size;
    LLVMFuzzerTestOneInput(data, size);
}

static size_t cut_out(uint8_t *data, size_t size, size_t at)
{
    size_t count = below(size - at < GROW_MAX ? size - at + 1 : GROW_MAX);
    memmove(data + at, data + at + count, size - at - count);
    return size - count;
}

/* Bytes of some input, or random ones, in between or over what is there. */
static size_t put_in(uint8_t *data, size_t size, size_t at, bool between)
{
    const struct input *other = &inputs[below(input_count)];
    bool random = below(3) == 0 || other->size == 0;
    size_t from = below(other->size), count = 1 + below(GROW_MAX);
    if (!random && count > other->size - from)
        count = other->size - from;
    if (between)
        memmove(data + at + count, data + at, size - at);
    else if (count > size - at)
        count = size - at;
    for (size_t i = 0; i < count; i++)
        data[at + i] = random ? (uint8_t)below(256) : other->data[from + i];
    return between ? size + count : size;
}

static size_t mutate(uint8_t *data, size_t size)
{
    static const uint32_t numbers[] = {0,      1,      0x7f,       0x80,       0xff,      0x7fff,
                                       0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    size_t at = below(size + 1);
    uint32_t number = numbers[below(sizeof numbers / sizeof *numbers)];
    switch (below(6)) {
    case 0:
        if (at < size)
            data[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1:
        if (at < size)
            data[at] = (uint8_t)number;
        return size;
    case 2:
        if (size - at >= sizeof number)
            memcpy(data + at, &number, sizeof number);
        return size;
    case 3:
        return cut_out(data, size, at);
    default:
        return put_in(data, size, at, below(2));
    }
}

static void run_mutations(size_t runs)
{
    uint8_t *data = malloc(INPUT_MAX + MUTATIONS_MAX * GROW_MAX);
    FUZZ_CHECK(data);
    for (size_t i = 0; i < runs; i++) {
        const struct input *in = &inputs[below(input_count)];
        size_t size = in->size;
        memcpy(data, in->data, size);
        for (uint32_t n = 1 + below(MUTATIONS_MAX); n > 0; n--)
            size = mutate(data, size);
        run(data, size);
    }
    free(data);
}

int main(int argc, char **argv)
{
    size_t runs = 0;
    state = 1;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            state = strtoull(argv[++i], NULL, 10);
        else
            read_folder(argv[i]);
    printf("%zu inputs, %zu runs, seed %llu\n", input_count, runs, (unsigned long long)state);
    fflush(stdout);
    if (input_count == 0)
        return 2;
    /* The order of a folder is the file system's; the runs have to be the same everywhere. */
    qsort(inputs, input_count, sizeof *inputs, by_content);
    LLVMFuzzerInitialize(&argc, &argv);
    signal(SIGABRT, keep_input);
    signal(SIGSEGV, keep_input);
    for (size_t i = 0; i < input_count; i++)
        run(inputs[i].data, inputs[i].size);
    run_mutations(runs);
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
    return 0;
}
