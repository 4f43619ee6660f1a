/* SPDX-License-Identifier: MIT
 *
 * What decoding pictures smaller than they are (picture.h) saves and costs, margin by margin:
 * `bench-decode MODEL PICTURE...`. Each picture is decoded the exact way and with each margin in
 * turns, on one thread, so that noise hits all of them; times are sums over the pictures of the
 * fastest of three. Against the exact way: pixels of the network's square, and cosine of the
 * model's vectors.
 */
#include "base/clock.h"
#include "base/file.h"
#include "clip/model.h"
#include "library/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double margins[] = {0, 3, 2, 1.5, 1};
enum { MARGINS = sizeof margins / sizeof *margins, ROUNDS = 3 };

struct sum {
    double seconds, squares, cosine, least_cosine;
    size_t samples, smaller;
    int largest;
};

struct bench {
    const struct preprocess *how;
    struct session *session;
    size_t square_size;
    int dim, pictures;
    uint8_t *square[MARGINS];
    float *vector[MARGINS];
    struct sum sums[MARGINS];
};

static _Noreturn void stop(const struct err *err)
{
    fprintf(stderr, "bench-decode: %s\n", err->text);
    exit(1);
}

static void time_margins(struct bench *b, const struct file_bytes *content)
{
    double best[MARGINS] = {0};
    struct err err;
    for (int round = 0; round < ROUNDS; round++)
        for (int m = 0; m < MARGINS; m++) {
            const struct picture_options options = {.fast_margin = margins[m]};
            struct picture_facts facts;
            double start = clock_seconds();
            if (picture_square(b->square[m], &facts, content->data, content->size, b->how, &options,
                               &err) != OK)
                stop(&err);
            double took = clock_seconds() - start;
            best[m] = round == 0 || took < best[m] ? took : best[m];
            b->sums[m].smaller += facts.smaller && round == 0;
        }
    for (int m = 0; m < MARGINS; m++)
        b->sums[m].seconds += best[m];
}

static void compare(struct bench *b)
{
    struct err err;
    for (int m = 0; m < MARGINS; m++) {
        struct sum *sum = &b->sums[m];
        if (session_encode_images(b->session, b->square[m], 1, b->vector[m], &err) != OK)
            stop(&err);
        embedding_normalize(b->vector[m], b->dim);
        double cosine = 0;
        for (int i = 0; i < b->dim; i++)
            cosine += (double)b->vector[0][i] * (double)b->vector[m][i];
        sum->cosine += cosine;
        sum->least_cosine = b->pictures == 0 ? cosine : fmin(sum->least_cosine, cosine);
        for (size_t i = 0; i < b->square_size; i++) {
            int d = abs(b->square[m][i] - b->square[0][i]);
            sum->squares += (double)d * d;
            sum->largest = d > sum->largest ? d : sum->largest;
        }
        sum->samples += b->square_size;
    }
    b->pictures++;
}

static void print(const struct bench *b)
{
    printf("%d pictures to %d pixels\nmargin  smaller  ms each  ratio  rms of 255  largest  "
           "cosine least  mean\n",
           b->pictures, b->how->size);
    for (int m = 0; m < MARGINS; m++) {
        const struct sum *s = &b->sums[m];
        printf(m ? "%-6.1f" : "exact ", margins[m]);
        printf("  %7zu  %7.1f  %5.2f  %10.2f  %7d  %12.5f  %.5f\n", s->smaller,
               s->seconds / b->pictures * 1e3, s->seconds / b->sums[0].seconds,
               sqrt(s->squares / (double)s->samples), s->largest, s->least_cosine,
               s->cosine / b->pictures);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct model *model = NULL;
    struct err err;
    if (argc < 3) {
        fprintf(stderr, "usage: bench-decode MODEL-FOLDER PICTURE...\n");
        return 2;
    }
    const struct model_options options = {.dir = argv[1], .towers = MODEL_IMAGE};
    const struct session_options one = {.image_batch = 1};
    if (image_room_open(&err) != OK || model_open(&model, &options, &err) != OK ||
        session_open(&b.session, model, &one, &err) != OK)
        stop(&err);
    b.how = &model_info(model)->preprocess;
    b.dim = model_info(model)->embed_dim;
    b.square_size = (size_t)b.how->size * (size_t)b.how->size * 3;
    for (int m = 0; m < MARGINS; m++) {
        b.square[m] = calloc(1, b.square_size);
        b.vector[m] = calloc((size_t)b.dim, sizeof(float));
        if (!b.square[m] || !b.vector[m])
            return 1;
    }
    for (int i = 2; i < argc; i++) {
        struct file_bytes content;
        if (file_read(&content, argv[i], IMAGE_MAX_FILE_BYTES, &err) != OK)
            stop(&err);
        time_margins(&b, &content);
        compare(&b);
        file_bytes_free(&content);
    }
    print(&b);
    for (int m = 0; m < MARGINS; m++) {
        free(b.square[m]);
        free(b.vector[m]);
    }
    session_close(b.session);
    model_close(model);
    image_room_close();
    return 0;
}
