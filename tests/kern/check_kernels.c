/* SPDX-License-Identifier: MIT
 *
 * Checks every kernel of every level this CPU has, against the C reference where the result is
 * exact and against double arithmetic with a stated bound where it is not (the reference is held to
 * the same bounds). `check-kernels [--bench] [--verbose] [--seed N]`; the seed is printed and
 * repeats a run.
 */
#include "check.h"

#include "base/cpu.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PATTERN = 0xa5, HEAD = 64 };

const size_t check_sizes[] = {0,  1,  2,  3,  4,   5,   7,   8,   9,   11,  12,   13,   15,   16,
                              17, 23, 24, 25, 31,  32,  33,  47,  48,  49,  63,   64,   65,   77,
                              80, 88, 95, 96, 127, 128, 129, 257, 511, 730, 1023, 1280, 4099, 8192};
const size_t check_size_count = sizeof check_sizes / sizeof *check_sizes;

void check_that(struct check *check, bool good, const char *format, ...)
{
    check->done++;
    if (good || check->failed++ >= 20)
        return;
    fprintf(stderr, "%s, %s: ", check->level, check->kernel);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void check_note(struct check *check, const char *format, ...)
{
    if (!check->verbose)
        return;
    printf("%s, %s: ", check->level, check->kernel);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* splitmix64 */
uint32_t random_bits(struct check *check)
{
    uint64_t z = check->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

double random_uniform(struct check *check, double low, double high)
{
    return low + (high - low) * (random_bits(check) + 0.5) * 0x1p-32;
}

double random_normal(struct check *check)
{
    double radius = sqrt(-2 * log(random_uniform(check, 0, 1)));
    return radius * cos(random_uniform(check, 0, 6.283185307179586));
}

double larger(double a, double b)
{
    return a >= b || isnan(a) ? a : b;
}

/* Before the data: its size, the size of the mapping, then HEAD bytes of pattern. */
struct fence {
    size_t mapped_bytes, size_bytes, slack_bytes;
};

void *fence_new(size_t size_bytes, size_t slack_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable =
        (sizeof(struct fence) + HEAD + size_bytes + slack_bytes + page - 1) / page * page;
    unsigned char *map =
        mmap(NULL, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + usable, page, PROT_NONE) != 0) {
        perror("check-kernels: cannot map a fenced buffer");
        exit(1);
    }
    unsigned char *data = map + usable - slack_bytes - size_bytes;
    struct fence fence = {usable + page, size_bytes, slack_bytes};
    memset(data - HEAD, PATTERN, HEAD + size_bytes + slack_bytes);
    memcpy(data - HEAD - sizeof fence, &fence, sizeof fence);
    return data;
}

void fence_free(struct check *check, void *pointer)
{
    unsigned char *data = pointer;
    struct fence fence;
    memcpy(&fence, data - HEAD - sizeof fence, sizeof fence);
    bool intact = true;
    for (size_t i = 0; i < HEAD; i++)
        intact &= data[-1 - (ptrdiff_t)i] == PATTERN;
    for (size_t i = 0; i < fence.slack_bytes; i++)
        intact &= data[fence.size_bytes + i] == PATTERN;
    check_that(check, intact, "wrote outside a buffer of %zu bytes", fence.size_bytes);
    munmap(data + fence.size_bytes + fence.slack_bytes -
               (fence.mapped_bytes - (size_t)sysconf(_SC_PAGESIZE)),
           fence.mapped_bytes);
}

float *fence_normal(struct check *check, size_t n, size_t slack_bytes)
{
    float *x = fence_new(n * sizeof *x, slack_bytes);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_normal(check);
    return x;
}

bool floats_same(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

static const unsigned levels[] = {0, CPU_AVX2, CPU_AVX2 | CPU_AVX512,
                                  CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_BF16,
                                  CPU_NEON};

static long check_level(unsigned flags, uint64_t seed, bool verbose)
{
    struct check check = {.level = cpu_level_name(flags), .random = seed, .verbose = verbose};
    kernels_init(&check.kernels, flags);
    kernels_init(&check.reference, 0);
    check_convert(&check);
    check_elementwise(&check);
    check_rows(&check);
    check_attention(&check);
    check_products(&check);
    printf("%s: %ld checks, %ld failed\n", check.level, check.done, check.failed);
    return check.failed;
}

int main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL);
    bool bench = false, verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) {
            bench = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: check-kernels [--bench] [--verbose] [--seed N]\n");
            return 2;
        }
    }
    const unsigned have = cpu_flags_detect();
    if (bench) {
        bench_kernels(have);
        return 0;
    }
    printf("seed %llu\n", (unsigned long long)seed);
    long failed = 0;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if ((levels[i] & have) == levels[i])
            failed += check_level(levels[i], seed, verbose);
    return failed > 0;
}
