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
#elif defined(__aarch64__)
    flags |= CPU_NEON; /* part of the AArch64 base */
#endif
    return flags;
}

enum status cpu_flags(unsigned *flags, struct err *err)
{
    static const struct {
        const char *name;
        unsigned flags;
    } levels[] = {
        {"reference", 0},
        {"avx2", CPU_AVX2},
        {"avx512", CPU_AVX2 | CPU_AVX512},
        {"neon", CPU_NEON},
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
        *flags = levels[i].flags;
        return OK;
    }
    return err_set(err, ERR_ARGUMENT,
                   "FOVEA_CPU=%s is not a level; use reference, avx2, avx512 or neon", wanted);
}

const char *cpu_level_name(unsigned flags)
{
    return flags & CPU_AVX512 ? "avx512"
           : flags & CPU_AVX2 ? "avx2"
           : flags & CPU_NEON ? "neon"
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
