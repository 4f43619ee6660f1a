/* SPDX-License-Identifier: MIT
 *
 * See phash.h. Coefficients are rounded to multiples of 4 before they are compared. (One of 4 is a
 * wave of a quarter of a grey level; those of photographs are tens to thousands, and what rounding
 * pixels to bytes adds is 0.3.) So the last bits of a sum decide nothing, and a picture without
 * detail has no noise to hash.
 */
#include "image/phash.h"
#include "image/area.h"

#include <math.h>
#include <stdlib.h>

enum { SIDE = 32, BAND = 8, FIRST = 1, BITS = BAND * BAND, STEP = 4 };

/* DCT-II of length 32, rows 1 to 8, orthonormal. */
static void basis(double b[BAND][SIDE])
{
    const double pi = 3.14159265358979323846;
    for (int k = 0; k < BAND; k++)
        for (int x = 0; x < SIDE; x++)
            b[k][x] = sqrt(2.0 / SIDE) * cos(pi * (k + FIRST) * (2 * x + 1) / (2.0 * SIDE));
}

static void transform(long out[BITS], const double luma[SIDE][SIDE])
{
    double b[BAND][SIDE], along[SIDE][BAND];
    basis(b);
    for (int y = 0; y < SIDE; y++)
        for (int k = 0; k < BAND; k++) {
            along[y][k] = 0;
            for (int x = 0; x < SIDE; x++)
                along[y][k] += luma[y][x] * b[k][x];
        }
    for (int j = 0; j < BAND; j++)
        for (int k = 0; k < BAND; k++) {
            double sum = 0;
            for (int y = 0; y < SIDE; y++)
                sum += along[y][k] * b[j][y];
            out[j * BAND + k] = lround(sum / STEP);
        }
}

static int by_value(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

enum status image_phash(uint64_t *hash, const struct image *image, struct err *err)
{
    uint8_t rgb[SIDE * SIDE * 3];
    double luma[SIDE][SIDE];
    long coefficients[BITS], sorted[BITS];
    enum status status = area_mean(rgb, SIDE, SIDE, image, err);
    if (status != OK)
        return status;
    for (int i = 0; i < SIDE * SIDE; i++) /* BT.601, as JPEG has it */
        luma[i / SIDE][i % SIDE] =
            0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] + 0.114 * rgb[3 * i + 2];
    transform(coefficients, (const double(*)[SIDE])luma);
    for (int i = 0; i < BITS; i++)
        sorted[i] = coefficients[i];
    qsort(sorted, BITS, sizeof *sorted, by_value);
    long twice_median = sorted[BITS / 2 - 1] + sorted[BITS / 2];
    *hash = 0;
    for (int i = 0; i < BITS; i++)
        *hash = *hash << 1 | (2 * coefficients[i] > twice_median);
    return OK;
}
