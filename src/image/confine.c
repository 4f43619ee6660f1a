/* SPDX-License-Identifier: MIT
 *
 * See confine.h. The seccomp program is written here rather than by libseccomp: it is a list of
 * numbers with five conditions, it has to be read anyway to be believed, and the library would be
 * one more thing to have on both sides.
 *
 * Three answers. Calls that decoders need are let through, with conditions on the arguments where a
 * call can do more than that. Calls by which a process reaches others (programs, processes,
 * sockets, kernel interfaces) end it at once: no decoder ever means them. Everything else fails
 * softly, because libraries try things and go on without: files with EACCES, executable memory
 * (just-in-time compilers, plugins) with EPERM, the rest with ENOSYS, upon which a newer libc takes
 * its older way.
 *
 * A thread is made by clone(), whose flags can be looked at, and not by clone3(), whose flags lie
 * in memory: that one is ENOSYS, and libc takes clone().
 */
#include "image/confine.h"

#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)

#include <dirent.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

bool confine_possible(void)
{
    return true;
}

#ifdef __x86_64__
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#else
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

/* --- seccomp ------------------------------------------------------------------------------- */

/* Without a condition. */
static const int allowed[] = {
    /* what is open */
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_lseek,
    SYS_fstat,
    SYS_ppoll,
    /* memory (mmap and mprotect have a condition) */
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    /* threads of its own */
    SYS_futex,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_sched_get_priority_max,
    SYS_sched_get_priority_min,
    SYS_sigaltstack,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_gettid,
    SYS_getpid,
    SYS_exit,
    SYS_exit_group,
    SYS_membarrier,
    SYS_getcpu,
    /* clock, chance, what machine this is */
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_sysinfo,
    SYS_uname,
    SYS_getrusage,
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_time
    SYS_time,
#endif
#ifdef SYS_arch_prctl
    SYS_arch_prctl,
#endif
};

/* Libraries try to read files and go on without. */
static const int files[] = {
    SYS_openat,     SYS_newfstatat, SYS_statx, SYS_readlinkat, SYS_faccessat, SYS_getcwd,
#ifdef SYS_openat2
    SYS_openat2,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef SYS_open
    SYS_open,       SYS_creat,      SYS_stat,  SYS_lstat,      SYS_access,    SYS_readlink,
#endif
};

/* Nothing that decodes a picture means these. */
static const int deadly[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kill,
    SYS_tkill,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_open_by_handle_at,
    SYS_memfd_create,
    SYS_setuid,
    SYS_setgid,
    SYS_setrlimit,
    SYS_personality,
    SYS_shmget,
    SYS_msgget,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
#ifdef SYS_userfaultfd
    SYS_userfaultfd,
#endif
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
#endif
#ifdef SYS_pidfd_open
    SYS_pidfd_open,
#endif
#ifdef SYS_pidfd_send_signal
    SYS_pidfd_send_signal,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FAIL(number) (SECCOMP_RET_ERRNO | ((number)&SECCOMP_RET_DATA))

enum { PROGRAM_MAX = 512 };

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short size;
};

static void put(struct program *p, uint16_t code, uint32_t k, uint8_t when, uint8_t unless)
{
    if (p->size < PROGRAM_MAX)
        p->code[p->size++] = (struct sock_filter){code, when, unless, k};
}

static void load(struct program *p, size_t offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Both processors are little-endian: the lower half of an argument comes first. */
static void load_argument(struct program *p, int i, bool upper)
{
    load(p, offsetof(struct seccomp_data, args) + (size_t)i * 8 + (upper ? 4 : 0));
}

static void answer(struct program *p, uint32_t value)
{
    put(p, BPF_RET | BPF_K, value, 0, 0);
}

static void answer_all(struct program *p, const int *calls, size_t count, uint32_t value)
{
    for (size_t i = 0; i < count; i++) {
        put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
        answer(p, value);
    }
}

/* Allows `call` if the lower half of its argument has none of the bits, else gives `value`. */
static void only_without(struct program *p, int call, int argument, uint32_t bits, uint32_t value)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4);
    load_argument(p, argument, false);
    put(p, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    answer(p, value);
    answer(p, SECCOMP_RET_ALLOW);
}

/* … if the lower half is `wanted`. */
static void only_with(struct program *p, int call, int argument, uint32_t wanted, uint32_t value)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4);
    load_argument(p, argument, false);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, wanted, 1, 0);
    answer(p, value);
    answer(p, SECCOMP_RET_ALLOW);
}

/* Threads: everything shared, as pthread_create() asks for; never a process, never a namespace. */
static void only_threads(struct program *p)
{
    const uint32_t needed = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 5);
    load_argument(p, 0, false);
    put(p, BPF_ALU | BPF_AND | BPF_K, needed, 0, 0);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, needed, 1, 0);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    answer(p, SECCOMP_RET_ALLOW);
}

/* Limits are read, not set: the third argument, a pointer, is NULL. */
static void only_reading_limits(struct program *p)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 6);
    load_argument(p, 2, false);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
    load_argument(p, 2, true);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    answer(p, SECCOMP_RET_ALLOW);
}

static void write_program(struct program *p)
{
    p->size = 0;
    load(p, offsetof(struct seccomp_data, arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
    answer_all(p, allowed, COUNT(allowed), SECCOMP_RET_ALLOW);
    only_without(p, SYS_mmap, 2, PROT_EXEC, FAIL(EPERM));
    only_without(p, SYS_mprotect, 2, PROT_EXEC, FAIL(EPERM));
    only_with(p, SYS_tgkill, 0, (uint32_t)getpid(),
              SECCOMP_RET_KILL_PROCESS); /* to itself: abort */
    only_with(p, SYS_prctl, 0, PR_SET_NAME, FAIL(EPERM));
    only_threads(p);
    only_reading_limits(p);
    answer_all(p, files, COUNT(files), FAIL(EACCES));
    answer_all(p, deadly, COUNT(deadly), SECCOMP_RET_KILL_PROCESS);
    answer(p, FAIL(ENOSYS));
}

/* SPEC_ALLOW: the mitigations that older kernels tie to seccomp protect other secrets of the same
 * process; this one has none. */
static enum status filter_calls(bool *done, struct err *err)
{
    struct program program;
    write_program(&program);
    if (program.size == PROGRAM_MAX)
        return err_set(err, ERR_INTERNAL, "the list of system calls does not fit");
    const struct sock_fprog list = {program.size, program.code};
    const long flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    *done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &list) == 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &list) == 0;
    return OK;
}

/* --- Landlock ------------------------------------------------------------------------------ */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

/* As of ABI 6; the headers of older systems lack parts of it. */
struct ruleset {
    uint64_t files, network, scopes;
};

enum {
    CREATE_RULESET_VERSION = 1,
    NETWORK_TCP = 3, /* bind, connect */
    SCOPES = 3,      /* abstract Unix sockets, signals */
};

/* How many rights on files each ABI knows; a ruleset that handles all and allows none. */
static struct ruleset nothing_of(int abi)
{
    static const int rights[] = {0, 13, 14, 15, 15, 16};
    const int known = (int)COUNT(rights) - 1;
    return (struct ruleset){.files = (1ull << rights[abi < known ? abi : known]) - 1,
                            .network = abi >= 4 ? NETWORK_TCP : 0,
                            .scopes = abi >= 6 ? SCOPES : 0};
}

static int leave_the_file_system(void)
{
    const long abi =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, (unsigned)CREATE_RULESET_VERSION);
    if (abi < 1)
        return 0;
    const struct ruleset nothing = nothing_of((int)abi);
    const size_t size = abi >= 6   ? sizeof nothing
                        : abi >= 4 ? offsetof(struct ruleset, scopes)
                                   : offsetof(struct ruleset, network);
    const long fd = syscall(SYS_landlock_create_ruleset, &nothing, size, 0u);
    if (fd < 0)
        return 0;
    const bool left = syscall(SYS_landlock_restrict_self, (int)fd, 0u) == 0;
    close((int)fd);
    return left ? (int)abi : 0;
}

/* --- the whole ----------------------------------------------------------------------------- */

/* Of address space; 0: not told. */
static uint64_t count_mapped_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int count_threads(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *d; dir && (d = readdir(dir));)
        count += d->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static bool limit(int what, uint64_t value)
{
    struct rlimit now;
    if (getrlimit(what, &now) != 0)
        return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
        value = now.rlim_max;
    return setrlimit(what, &(struct rlimit){value, value}) == 0;
}

static enum status set_limits(const struct confine_limits *limits, uint64_t mapped_bytes,
                              struct err *err)
{
    bool ok = limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_MEMLOCK, 0) &&
              limit(RLIMIT_NOFILE, (uint64_t)limits->open_files);
    if (ok && limits->memory_bytes > 0)
        ok = limit(RLIMIT_AS, mapped_bytes + limits->memory_bytes);
    return ok ? OK : err_errno(err, errno, "cannot set the limits of a decoding process");
}

enum status confine_self(const struct confine_limits *limits, struct confinement *out,
                         struct err *err)
{
    const uint64_t mapped_bytes = count_mapped_bytes(); /* /proc can be read now, and not later */
    *out = (struct confinement){.threads = count_threads()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_errno(err, errno, "cannot give up new privileges");
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    out->landlock_abi = leave_the_file_system();
    enum status status = set_limits(limits, mapped_bytes, err);
    return status == OK ? filter_calls(&out->seccomp, err) : status;
}

#else

bool confine_possible(void)
{
    return false;
}

enum status confine_self(const struct confine_limits *limits, struct confinement *out,
                         struct err *err)
{
    (void)limits;
    *out = (struct confinement){.threads = 1};
    return err_set(err, ERR_UNSUPPORTED, "processes are not confined on this system");
}

#endif
