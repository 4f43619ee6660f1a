/* SPDX-License-Identifier: MIT
 *
 * CPU detection through the compiler's own run-time support (it checks that the operating system
 * saves the wide registers too).
 */
#include "base/cpu.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned cpu_flags_detect(void)
{
    unsigned flags = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        flags |= CPU_AVX2;
    if ((flags & CPU_AVX2) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        flags |= CPU_AVX512;
    if ((flags & CPU_AVX512) && __builtin_cpu_supports("avx512vnni"))
        flags |= CPU_AVX512_VNNI;
    if ((flags & CPU_AVX512) && __builtin_cpu_supports("avx512bf16"))
        flags |= CPU_AVX512_BF16;
#elif defined(__aarch64__)
    flags |= CPU_NEON; /* part of the AArch64 base */
#endif
    return flags;
}

enum status cpu_flags(unsigned *flags, struct err *err)
{
    static const struct {
        const char *name;
        unsigned flags;   /* that it needs */
        unsigned welcome; /* that it takes too */
    } levels[] = {
        {"reference", 0, 0},
        {"avx2", CPU_AVX2, 0},
        {"avx512", CPU_AVX2 | CPU_AVX512, CPU_AVX512_VNNI | CPU_AVX512_BF16},
        {"neon", CPU_NEON, 0},
    };
    unsigned have = cpu_flags_detect();
    const char *wanted = getenv("FOVEA_CPU");
    *flags = have;
    if (!wanted || !*wanted)
        return OK;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(wanted, levels[i].name) != 0)
            continue;
        if ((levels[i].flags & have) != levels[i].flags)
            return err_set(err, ERR_ARGUMENT,
                           "FOVEA_CPU=%s: this CPU does not have it; its level is %s", wanted,
                           cpu_level_name(have));
        *flags = levels[i].flags | (levels[i].welcome & have);
        return OK;
    }
    return err_set(err, ERR_ARGUMENT,
                   "FOVEA_CPU=%s is not a level; use reference, avx2, avx512 or neon", wanted);
}

const char *cpu_level_name(unsigned flags)
{
    const unsigned both = CPU_AVX512_VNNI | CPU_AVX512_BF16;
    return (flags & both) == both    ? "avx512+vnni+bf16"
           : flags & CPU_AVX512_VNNI ? "avx512+vnni"
           : flags & CPU_AVX512_BF16 ? "avx512+bf16"
           : flags & CPU_AVX512      ? "avx512"
           : flags & CPU_AVX2        ? "avx2"
           : flags & CPU_NEON        ? "neon"
                                     : "reference";
}

int cpu_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}
