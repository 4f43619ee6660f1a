/* SPDX-License-Identifier: MIT
 *
 * load ADDRESS PID SECONDS IN-FLIGHT [PICTURE]: text searches, each of another phrase, IN-FLIGHT of
 * them at any time, for SECONDS; with a picture, one of twenty is an upload of it. Prints the
 * times, what of them was the model's, and how the server's memory grew between the first third and
 * the end. Fails when an answer is not 200, or memory has grown by more than 32 MiB.
 *
 * With IN-FLIGHT 1 the share of the server is what is left of a search when the model's part (as
 * the answer tells it) is taken away: HTTP both ways, the scan, the answer.
 */
/* gcc says it one way, clang another. */
#ifdef __has_feature
#define ASAN __has_feature(address_sanitizer)
#else
#define ASAN 0
#endif

#include "client.h"

#include "base/clock.h"
#include "base/file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IN_FLIGHT_MAX = 1000, SAMPLES_MAX = 200000, GROWTH_MAX_KB = 32 << 10, UPLOAD_EVERY = 20 };

static double until;
static struct file_bytes picture;
static atomic_int errors, uploads;
static atomic_uint next_phrase;

struct lane {
    pthread_t thread;
    float *total, *own; /* [SAMPLES_MAX / lanes], milliseconds */
    size_t count, capacity;
};

static size_t make_text(char *out, size_t size, unsigned number)
{
    static const char *const words[] = {"foggy", "mountain", "dawn",  "river", "street", "neon",
                                        "stars", "waves",    "green", "snow",  "market", "bridge",
                                        "child", "harbour",  "tree",  "storm"};
    char body[256];
    int length =
        snprintf(body, sizeof body,
                 "{\"texts\":[{\"text\":\"a photo of %s and %s near the %s, number %u\"}]}",
                 words[number % 16], words[number / 16 % 16], words[number / 256 % 16], number);
    return (size_t)snprintf(out, size,
                            "POST /api/v1/search HTTP/1.1\r\nHost: %s\r\nContent-Type: "
                            "application/json\r\nContent-Length: %d\r\n\r\n%s",
                            client_host(), length, body);
}

static size_t make_upload(char *out, size_t size)
{
    static const char begin[] = "--B\r\nContent-Disposition: form-data; name=\"image\"; "
                                "filename=\"a.jpg\"\r\n\r\n";
    static const char end[] = "\r\n--B--\r\n";
    size_t body = sizeof begin - 1 + picture.size + sizeof end - 1;
    size_t at = (size_t)snprintf(out, size,
                                 "POST /api/v1/search HTTP/1.1\r\nHost: %s\r\nContent-Type: "
                                 "multipart/form-data; boundary=B\r\nContent-Length: %zu\r\n\r\n%s",
                                 client_host(), body, begin);
    memcpy(out + at, picture.data, picture.size);
    memcpy(out + at + picture.size, end, sizeof end - 1);
    return at + picture.size + sizeof end - 1;
}

static void take_sample(struct lane *lane, const struct answer *answer, double ms)
{
    const char *encode = strstr(answer->body, "\"encode_ms\":");
    if (lane->count == lane->capacity || !encode)
        return;
    lane->total[lane->count] = (float)ms;
    lane->own[lane->count++] = (float)(ms - strtod(encode + 12, NULL));
}

static void *run(void *argument)
{
    struct lane *lane = argument;
    size_t capacity = picture.size + 4096;
    char *request = malloc(capacity);
    int fd = -1;
    while (clock_seconds() < until) {
        unsigned number = atomic_fetch_add(&next_phrase, 1);
        bool upload = picture.size && number % UPLOAD_EVERY == UPLOAD_EVERY - 1;
        size_t size =
            upload ? make_upload(request, capacity) : make_text(request, capacity, number);
        if (fd < 0)
            fd = client_connect();
        struct answer answer = {0};
        double begin = clock_seconds();
        bool ok = fd >= 0 && client_send(fd, request, size) && client_receive(fd, 60, &answer);
        if (!ok || answer.status != 200) {
            if (atomic_fetch_add(&errors, 1) < 5)
                printf("error: status %d: %.200s\n", answer.status, ok ? answer.body : "no answer");
            if (fd >= 0)
                close(fd);
            fd = -1;
        } else if (upload) {
            atomic_fetch_add(&uploads, 1);
        } else {
            take_sample(lane, &answer, (clock_seconds() - begin) * 1e3);
        }
        answer_free(&answer);
    }
    if (fd >= 0)
        close(fd);
    free(request);
    return NULL;
}

/* What is the process' own: the mapped weights are the system's to keep or drop. */
static long resident_kb(const char *pid)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %ld", &kb) == 1)
            break;
    if (file)
        fclose(file);
    return kb;
}

/* When nothing has been asked for a while. */
static long quiet_kb(const char *pid)
{
    struct timespec pause = {.tv_sec = 1, .tv_nsec = 500000000};
    nanosleep(&pause, NULL);
    return resident_kb(pid);
}

static void run_lanes(struct lane *lanes, int count, double seconds)
{
    until = clock_seconds() + seconds;
    for (int i = 0; i < count; i++)
        pthread_create(&lanes[i].thread, NULL, run, &lanes[i]);
    for (int i = 0; i < count; i++)
        pthread_join(lanes[i].thread, NULL);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *what, float *times, size_t count)
{
    qsort(times, count, sizeof *times, compare);
    if (count > 0)
        printf("%s: p50 %.2f ms, p99 %.2f ms, most %.2f ms\n", what, (double)times[count / 2],
               (double)times[count * 99 / 100], (double)times[count - 1]);
}

static size_t gather(const struct lane *lanes, int count, float *total, float *own)
{
    size_t all = 0;
    for (int i = 0; i < count; i++) {
        memcpy(total + all, lanes[i].total, lanes[i].count * sizeof *total);
        memcpy(own + all, lanes[i].own, lanes[i].count * sizeof *own);
        all += lanes[i].count;
    }
    return all;
}

int main(int argc, char **argv)
{
    struct err err;
    int in_flight = argc > 4 ? atoi(argv[4]) : 0;
    if (in_flight < 1 || in_flight > IN_FLIGHT_MAX ||
        (argc > 5 && file_read(&picture, argv[5], 32 << 20, &err) != OK))
        return 2;
    client_use(argv[1]);
    double seconds = atof(argv[3]);
    struct lane *lanes = calloc((size_t)in_flight, sizeof *lanes);
    float *total = calloc(SAMPLES_MAX, sizeof *total), *own = calloc(SAMPLES_MAX, sizeof *own);
    for (int i = 0; i < in_flight; i++) {
        lanes[i].capacity = (size_t)(SAMPLES_MAX / in_flight);
        lanes[i].total = calloc(lanes[i].capacity, sizeof(float));
        lanes[i].own = calloc(lanes[i].capacity, sizeof(float));
    }
    run_lanes(lanes, in_flight, seconds / 4);
    for (int i = 0; i < in_flight; i++)
        lanes[i].count = 0;
    atomic_store(&uploads, 0);
    long before = quiet_kb(argv[2]);
    run_lanes(lanes, in_flight, seconds);
    long after = quiet_kb(argv[2]);
    size_t count = gather(lanes, in_flight, total, own);
    printf("%d in flight for %.0f s: %zu text searches (%.1f a second), %d uploads, %d errors\n",
           in_flight, seconds, count, (double)count / seconds, atomic_load(&uploads),
           atomic_load(&errors));
    print_times("text search", total, count);
    print_times("without the model's part", own, count);
    printf("memory of its own (RssAnon): %.1f MiB after warming up, %.1f MiB at the end\n",
           (double)before / 1024, (double)after / 1024);
    bool grown = before == 0 || after - before > GROWTH_MAX_KB;
#if defined __SANITIZE_ADDRESS__ || ASAN
    grown = before == 0; /* what was freed is kept for a while, to be recognised */
#endif
    if (grown)
        printf("FAIL: memory has grown\n");
    for (int i = 0; i < in_flight; i++) {
        free(lanes[i].total);
        free(lanes[i].own);
    }
    free(own);
    free(total);
    free(lanes);
    file_bytes_free(&picture);
    return grown || atomic_load(&errors) > 0 || count == 0;
}
