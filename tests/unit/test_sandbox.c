/* SPDX-License-Identifier: MIT
 *
 * Decoding children, from both sides. Started as a child, this program has a decoder with a flaw:
 * content that begins with "ATTEMPT name\n" is not decoded, but the attempt of that name is made,
 * by code that an attacker would have put there. It must fail, or end the child; where the same
 * attempt is harmless, it is made in this process first, where it must succeed, so that a failure
 * means something. Nothing of this is in the program that is shipped.
 *
 * Crashes, limits and answers that make no sense are made in the same way.
 */
#include "image/decoder.h"
#include "image/decoder_pool.h"
#include "image/decoder_wire.h"
#include "image/image.h"

#include "base/file.h"
#include "../scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined __linux__
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECRET "FOVEA_TEST_SECRET"

/* --- what an intruder tries: errno, or 0 when it worked ------------------------------------- */

static int outcome(long result)
{
    return result < 0 ? (errno ? errno : -1) : 0;
}

static int close_after(int fd)
{
    const int result = outcome(fd);
    if (fd >= 0)
        close(fd);
    return result;
}

static int read_library(const char *dir)
{
    char path[600];
    snprintf(path, sizeof path, "%s/library.db", dir);
    return close_after(open(path, O_RDONLY | O_CLOEXEC));
}

static int read_library_by_syscall(const char *dir)
{
    char path[600];
    const struct {
        uint64_t flags, mode, resolve;
    } how = {.flags = O_RDONLY};
    snprintf(path, sizeof path, "%s/library.db", dir);
    return close_after((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

static int write_file(const char *dir)
{
    char path[600];
    snprintf(path, sizeof path, "%s/planted", dir);
    return close_after(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int list_root(const char *dir)
{
    (void)dir;
    DIR *root = opendir("/");
    if (!root)
        return errno;
    closedir(root);
    return 0;
}

static int look_for_file(const char *dir)
{
    struct stat st;
    return outcome(stat(dir, &st));
}

static int read_environment_of_parent(const char *dir)
{
    char path[64];
    (void)dir;
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)getppid());
    return close_after(open(path, O_RDONLY | O_CLOEXEC));
}

static int have_secret(const char *dir)
{
    (void)dir;
    return getenv(SECRET) ? 0 : ENOENT;
}

/* One that this process has open and does not close for its children. */
static int read_inherited(const char *dir)
{
    char byte;
    (void)dir;
    for (int fd = 4; fd < 64; fd++)
        if (read(fd, &byte, 1) == 1)
            return 0;
    return EBADF;
}

static int run_made_code(const char *dir)
{
    (void)dir;
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return errno;
    munmap(p, 4096);
    return 0;
}

static int make_code_of_data(const char *dir)
{
    (void)dir;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return errno;
    const int result = outcome(mprotect(p, 4096, PROT_READ | PROT_EXEC));
    munmap(p, 4096);
    return result;
}

static int take_new_file_number(const char *dir)
{
    (void)dir;
    return close_after(dup(1));
}

static int open_socket(const char *dir)
{
    (void)dir;
    return close_after(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int open_unix_socket(const char *dir)
{
    (void)dir;
    return close_after(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int connect_socket(const char *dir)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)dir;
    return outcome(connect(3, (const struct sockaddr *)&address, sizeof address));
}

static int run_program(const char *dir)
{
    (void)dir;
    return outcome(execl("/bin/true", "true", (char *)NULL));
}

static int make_process(const char *dir)
{
    (void)dir;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return outcome(pid);
}

static int signal_parent(const char *dir)
{
    (void)dir;
    return outcome(kill(getppid(), 0));
}

static int trace_parent(const char *dir)
{
    (void)dir;
    return outcome(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int read_parent(const char *dir)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)&scratch, 1};
    (void)dir;
    return outcome(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int raise_limits(const char *dir)
{
    const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    (void)dir;
    return outcome(syscall(SYS_prlimit64, 0, RLIMIT_AS, &limit, NULL));
}

static int make_file_in_memory(const char *dir)
{
    (void)dir;
    return close_after(memfd_create("planted", MFD_CLOEXEC));
}

static int enter_namespace(const char *dir)
{
    (void)dir;
    return outcome(unshare(0));
}

static int queue_calls(const char *dir)
{
    char parameters[256] = {0};
    (void)dir;
    return close_after((int)syscall(SYS_io_uring_setup, 1, parameters));
}

/* deadly: ends the child; possible: works in a process that is not confined, if anything does. */
static const struct attempt {
    const char *name;
    int (*make)(const char *dir);
    bool deadly, possible;
} attempts[] = {
    {"read the library", read_library, false, true},
    {"read the library by openat2", read_library_by_syscall, false, true},
    {"write a file", write_file, false, true},
    {"list a folder", list_root, false, true},
    {"ask whether a file is there", look_for_file, false, true},
    {"read the environment of the parent", read_environment_of_parent, false, false},
    {"have the user's secrets", have_secret, false, true},
    {"use files that the parent has open", read_inherited, false, true},
    {"make executable memory", run_made_code, false, true},
    {"make data executable", make_code_of_data, false, true},
    {"duplicate a file", take_new_file_number, false, true},
    {"open a socket", open_socket, true, true},
    {"open a Unix socket", open_unix_socket, true, true},
    {"connect", connect_socket, true, false},
    {"run a program", run_program, true, false},
    {"make a process", make_process, true, false},
    {"signal the parent", signal_parent, true, true},
    {"trace the parent", trace_parent, true, false},
    {"read the parent's memory", read_parent, true, false},
    {"raise its limits", raise_limits, true, false},
    {"make a file in memory", make_file_in_memory, true, true},
    {"enter a namespace", enter_namespace, true, true},
    {"use io_uring", queue_calls, true, false},
};

/* --- what goes wrong without malice -------------------------------------------------------- */

static enum status crash(void)
{
    signal(SIGSEGV, SIG_DFL); /* sanitizers make something else of it */
    raise(SIGSEGV);
    return ERR_FORMAT;
}

static enum status spin(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
    return OK;
}

static enum status hang(void)
{
    for (;;)
        poll(NULL, 0, 1000000);
    return OK;
}

#ifndef DECODER_MEMORY_UNLIMITED
static enum status eat_memory(void)
{
    enum { BLOCK = 64 << 20, MOST = 200 };
    for (int i = 0; i < MOST; i++) {
        char *block = malloc(BLOCK);
        if (!block)
            return ERR_MEMORY;
        memset(block, 1, BLOCK);
    }
    return ERR_FORMAT;
}
#endif

static enum status leave(void)
{
    _exit(0);
}

static enum status hang_up(void)
{
    close(3);
    return hang();
}

static enum status babble(void)
{
    (void)!write(3, "hello", 5);
    return hang();
}

static enum status give_up(void)
{
    abort();
}

static const struct trouble {
    const char *name, *said; /* said: part of the reason */
    enum status (*make)(void);
    enum status status;
    enum limits { USUAL, BUSY, LITTLE, SHORT } limits; /* BUSY: of processor's time */
} troubles[] = {
    {"crash", "crashed (segmentation fault)", crash, ERR_FORMAT, USUAL},
    {"abort", "gave up (abort)", give_up, ERR_FORMAT, USUAL},
    {"leave", "ended without an answer", leave, ERR_FORMAT, USUAL},
    {"babble", "makes no sense", babble, ERR_FORMAT, USUAL},
    {"hang up", "ended without an answer", hang_up, ERR_FORMAT, USUAL},
    {"spin", "more than 1 s of processor's time", spin, ERR_LIMIT, BUSY},
    {"hang", "more than 1 s", hang, ERR_LIMIT, SHORT},
#ifndef DECODER_MEMORY_UNLIMITED
    {"eat memory", "more than 512 MB of memory", eat_memory, ERR_LIMIT, LITTLE},
#endif
};

/* Answers of an intruder who wants the parent to step beyond its memory. */
static void lie(int which, struct image *out, struct photo_meta *meta)
{
    static uint8_t pixel[3];
    *out = (struct image){.pixels = pixel,
                          .width = 1,
                          .height = 1,
                          .full_width = 1,
                          .full_height = 1,
                          .taken_width = 1,
                          .taken_height = 1,
                          .across = {0, 1},
                          .down = {0, 1},
                          .format = "png"};
    switch (which) {
    case 1:
        out->width = out->full_width = 1 << 30;
        break;
    case 2:
        out->height = -1;
        break;
    case 3:
        out->full_width = 0;
        break;
    case 4:
        out->full_width = 1 << 30;
        break;
    case 5:
        out->across.end = 1e300;
        break;
    case 6:
        out->down.begin = strtod("nan", NULL);
        break;
    case 7:
        memset(out->format, 'x', sizeof out->format);
        break;
    case 8:
        memcpy(out->format, "\033[2J", 5);
        break;
    case 9:
        out->taken_width = -5;
        break;
    case 10:
        out->width = out->height = out->full_width = out->full_height = 40000;
        break;
    case 11:
        memset(meta->camera, 'x', sizeof meta->camera);
        break;
    case 12:
        memcpy(meta->camera, "a\033[2J", 6);
        break;
    case 13:
        memset(meta->keywords, 'x', sizeof meta->keywords);
        break;
    case 14:
        meta->latitude = 1e9;
        break;
    default:
        break;
    }
}
enum { LIES_OF_PICTURE = 10, LIES = 14 };

/* --- the child ----------------------------------------------------------------------------- */

static const char *argument_of(const char *content, size_t size, const char *word)
{
    const size_t length = strlen(word);
    return size > length && memcmp(content, word, length) == 0 ? content + length : NULL;
}

static enum status flawed_decode(struct image *out, struct photo_meta *meta, const void *content,
                                 size_t size, const struct image_options *options, struct err *err)
{
    char text[800] = {0};
    const char *what;
    memcpy(text, content, size < sizeof text - 1 ? size : sizeof text - 1);
    if ((what = argument_of(text, size, "ATTEMPT "))) {
        const char *dir = strchr(text, '\n');
        for (size_t i = 0; dir && i < sizeof attempts / sizeof attempts[0]; i++)
            if (strncmp(what, attempts[i].name, (size_t)(dir - what)) == 0 &&
                strlen(attempts[i].name) == (size_t)(dir - what)) {
                const int failed = attempts[i].make(dir + 1);
                return err_set(err, ERR_FORMAT, failed ? "refused: %d" : "SUCCEEDED: %d", failed);
            }
        return err_set(err, ERR_FORMAT, "there is no such attempt");
    }
    if ((what = argument_of(text, size, "TROUBLE ")))
        for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++)
            if (strcmp(what, troubles[i].name) == 0)
                return err_set(err, troubles[i].make(), "in trouble");
    if ((what = argument_of(text, size, "LIE "))) {
        lie(atoi(what), out, meta);
        return OK;
    }
    return image_read_here(out, meta, content, size, options, err);
}

/* --- the parent ---------------------------------------------------------------------------- */

static struct file_bytes picture;

static void open_decoder(enum limits limits)
{
    const struct decoder_options options = {.mode = DECODER_CHILD,
                                            .memory_bytes =
                                                limits == LITTLE ? (int64_t)512 << 20 : 0,
                                            .cpu_s = limits == BUSY,
                                            .wall_s = limits == SHORT};
    struct err err;
    assert_int_equal(decoder_open(&options, &err), OK);
}

/* The next picture is none the worse. */
static void expect_good(void)
{
    struct image there, here;
    struct err err;
    if (image_decode(&there, picture.data, picture.size, NULL, &err) != OK)
        fail_msg("%s", err.text);
    assert_non_null(there.lender);
    assert_int_equal(image_read_here(&here, NULL, picture.data, picture.size, NULL, &err), OK);
    assert_int_equal(there.width, here.width);
    assert_int_equal(there.height, here.height);
    assert_memory_equal(there.pixels, here.pixels, (size_t)here.width * (size_t)here.height * 3);
    image_free(&there);
    image_free(&here);
}

static enum status ask(const char *text, struct err *err)
{
    struct image image;
    struct photo_meta meta;
    enum status status = image_read(&image, &meta, text, strlen(text), NULL, err);
    assert_true(photo_meta_is_sound(&meta));
    if (status == OK) {
        assert_string_equal(image.format, "png");
        image_free(&image);
    }
    return status;
}

static void test_attempts(void **state)
{
    struct decoder_state had;
    struct err err;
    open_decoder(USUAL);
    assert_int_equal(decoder_describe(&had, &err), OK);
    if (!had.seccomp || had.landlock_abi == 0)
        print_message("seccomp: %d, Landlock ABI: %d\n", had.seccomp, had.landlock_abi);
    if (!had.seccomp) {
        decoder_close();
        skip(); /* this kernel cannot */
    }
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        const struct attempt *a = &attempts[i];
        char text[800];
        errno = 0;
        if (a->possible && a->make(scratch) != 0)
            fail_msg("%s: fails where nothing is confined: %d", a->name, errno);
        snprintf(text, sizeof text, "ATTEMPT %s\n%s", a->name, scratch);
        assert_int_equal(ask(text, &err), ERR_FORMAT);
        if (!strstr(err.text, a->deadly ? "what no decoder may do" : "refused: "))
            fail_msg("%s: %s", a->name, err.text);
    }
    expect_good();
    decoder_close();
}

static void test_troubles(void **state)
{
    for (enum limits limits = USUAL; limits <= SHORT; limits++) {
        open_decoder(limits);
        for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
            const struct trouble *t = &troubles[i];
            struct err err;
            char text[100];
            snprintf(text, sizeof text, "TROUBLE %s", t->name);
            if (t->limits != limits)
                continue;
            if (ask(text, &err) != t->status || !strstr(err.text, t->said))
                fail_msg("%s: %d, %s", t->name, err.status, err.text);
            if (limits != SHORT) /* a loaded machine takes longer for a good one, too */
                expect_good();
        }
        decoder_close();
    }
}

static void test_lies(void **state)
{
    open_decoder(USUAL);
    for (int i = 0; i <= LIES; i++) {
        struct err err = {0};
        char text[16];
        snprintf(text, sizeof text, "LIE %d", i);
        const bool about_pixels = i >= 1 && i <= LIES_OF_PICTURE;
        const enum status status = ask(text, &err);
        if (status != (about_pixels ? ERR_FORMAT : OK) ||
            (about_pixels && !strstr(err.text, "makes no sense")))
            fail_msg("lie %d: %d, %s", i, status, err.text);
    }
    expect_good();
    decoder_close();
}

/* A crash costs the pixels, not what the file says of itself. */
static void test_sidecar_and_meta(void **state)
{
    static const char xmp[] =
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
        "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
        "xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='4'/></rdf:RDF></x:xmpmeta>";
    struct photo_meta meta;
    struct err err;
    open_decoder(USUAL);
    assert_int_equal(image_read_sidecar(&meta, xmp, sizeof xmp - 1, &err), OK);
    assert_int_equal(meta.rating, 4);
    assert_int_equal(image_read_sidecar(&meta, "<x", 2, &err), ERR_FORMAT);
    decoder_close();
}

static void *decode_many(void *arg)
{
    for (int i = 0; i < 20; i++) {
        struct image image;
        struct err err;
        if (image_decode(&image, picture.data, picture.size, NULL, &err) != OK)
            return arg;
        const bool right = image.pixels[0] == 10 && image.pixels[2] == 30;
        image_free(&image);
        if (!right)
            return arg;
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    open_decoder(USUAL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decode_many, &picture), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    decoder_close();
}

static int open_all(void **state)
{
    enum { SIDE = 40 };
    static uint8_t rgb[SIDE * SIDE * 3];
    struct err err;
    setenv(SECRET, "hf_0123456789", 1);
    if (make_scratch(state) != 0)
        return -1;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        memcpy(rgb + i * 3, "\x0a\x14\x1e", 3);
    const char *path = in_scratch("library.db");
    if (file_write(path, "secret", 6, &err) != OK || open(path, O_RDONLY) < 0 || /* inherited */
        image_room_open(&err) != OK)
        return -1;
    path = in_scratch("good.png");
    return image_write_png(path, rgb, SIDE, SIDE, &err) == OK &&
                   file_read(&picture, path, 1 << 20, &err) == OK
               ? 0
               : -1;
}

static int close_all(void **state)
{
    file_bytes_free(&picture);
    image_room_close();
    return remove_scratch(state);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], DECODER_CHILD_ARGUMENT) == 0)
        return decoder_child_main(flawed_decode);
    if (!decoder_can_be_confined()) {
        printf("skipped: this system has nothing to confine decoders by\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts), cmocka_unit_test(test_troubles),
        cmocka_unit_test(test_lies),     cmocka_unit_test(test_sidecar_and_meta),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}

#else

int main(void)
{
    printf("skipped: this system has nothing to confine decoders by\n");
    return 77;
}

#endif
