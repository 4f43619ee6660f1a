/* SPDX-License-Identifier: MIT
 *
 * A progressive JPEG (ISO/IEC 10918-1, annex G) is a sequence of scans, each with a band of
 * coefficients (of the 64 of a block, in zigzag order) of one or more components. To make a pixel
 * out of a block of 8 x 8, one coefficient is enough; for a quarter of the size the corner of 2 x 2
 * of them, for a half that of 4 x 4. Where the scans of the lower bands come first, as Photoshop
 * writes them, the file can be left after those: reading the upper bands is most of the work that
 * decoding it makes.
 *
 * Only what comes after the last needed scan is left out: later scans refine earlier ones. The file
 * has to be complete, up to its end-of-image marker; else the decoder shall see all of it and
 * complain. Damage inside the scans that are left out goes unseen.
 */
#include "image/jpeg.h"

#include <stdbool.h>
#include <string.h>

enum {
    SOF0 = 0xc0,
    SOF2 = 0xc2, /* progressive */
    SOF15 = 0xcf,
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    DNL = 0xdc,
    COMPONENTS_MAX = 4,
};

struct frame {
    bool known;
    int components;
    uint8_t id[COMPONENTS_MAX];
    int last[COMPONENTS_MAX]; /* the last coefficient, in zigzag order, that is needed */
};

/* The last coefficient of the corner of `side` x `side` in zigzag order. */
static int last_of_corner(int side)
{
    return side <= 1 ? 0 : side <= 2 ? 4 : side <= 4 ? 24 : 63;
}

/* p: [length] behind a frame header's length field. A component of lower resolution is made larger
 * by its coefficients before it is made larger by interpolation: it needs more of them. */
static bool read_frame(struct frame *f, const uint8_t *p, size_t length, int shrink)
{
    if (f->known || length < 6)
        return false;
    f->components = p[5];
    if (f->components < 1 || f->components > COMPONENTS_MAX ||
        length < 6 + 3 * (size_t)f->components)
        return false;
    int most = 1;
    for (int i = 0; i < f->components; i++) {
        int h = p[7 + 3 * i] >> 4, v = p[7 + 3 * i] & 15;
        if (h < 1 || h > 4 || v < 1 || v > 4)
            return false;
        most = h > most ? h : most;
        most = v > most ? v : most;
    }
    for (int i = 0; i < f->components; i++) {
        int h = p[7 + 3 * i] >> 4, v = p[7 + 3 * i] & 15, least = h < v ? h : v;
        f->id[i] = p[6 + 3 * i];
        f->last[i] = last_of_corner(8 / shrink * ((most + least - 1) / least));
    }
    f->known = true;
    return true;
}

/* p: [length] behind a scan header's length field. *needed: it has coefficients that are. */
static bool read_scan(bool *needed, const struct frame *f, const uint8_t *p, size_t length)
{
    if (!f->known || length < 1 || p[0] < 1 || p[0] > COMPONENTS_MAX ||
        length < 4 + 2 * (size_t)p[0])
        return false;
    int first = p[1 + 2 * p[0]];
    *needed = false;
    for (int i = 0; i < p[0]; i++) {
        int c = 0;
        while (c < f->components && f->id[c] != p[1 + 2 * i])
            c++;
        if (c == f->components)
            return false;
        *needed = *needed || first <= f->last[c];
    }
    return true;
}

/* The marker that ends the coded data which begins at `at`; size if there is none. */
static size_t end_of_scan(const uint8_t *p, size_t size, size_t at)
{
    while (at < size) {
        const uint8_t *found = memchr(p + at, 0xff, size - at);
        if (!found || found + 1 >= p + size)
            return size;
        at = (size_t)(found - p);
        bool part_of_it = p[at + 1] == 0 || (p[at + 1] >= RST0 && p[at + 1] <= RST7);
        if (!part_of_it && p[at + 1] != 0xff) /* 0xff may be repeated in front of a marker */
            return at;
        at += part_of_it ? 2 : 1;
    }
    return size;
}

static bool is_other_frame(int marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != SOF2 && marker != DHT && marker != JPG &&
           marker != DAC;
}

size_t jpeg_needed_bytes(const uint8_t *p, size_t size, int shrink)
{
    struct frame frame = {0};
    size_t at = 2, enough = 0;
    bool left_out = false;
    while (at + 4 <= size || (at + 2 <= size && p[at + 1] == EOI)) {
        if (p[at] != 0xff)
            return 0;
        int marker = p[at + 1];
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        if (marker == EOI)
            return left_out ? enough : 0;
        size_t length = (size_t)p[at + 2] << 8 | p[at + 3];
        const uint8_t *body = p + at + 4;
        if (length < 2 || length > size - at - 2 || marker == SOI || marker == DNL ||
            is_other_frame(marker))
            return 0;
        if (marker == SOF2 && !read_frame(&frame, body, length - 2, shrink))
            return 0;
        at += 2 + length;
        if (marker != SOS)
            continue;
        bool needed;
        if (!read_scan(&needed, &frame, body, length - 2))
            return 0;
        at = end_of_scan(p, size, at);
        left_out = !needed;
        if (needed)
            enough = at;
    }
    return 0;
}

bool jpeg_dimensions(const uint8_t *p, size_t size, int *width, int *height)
{
    enum { SEGMENTS_MAX = 512 };
    if (size < 4 || p[0] != 0xff || p[1] != SOI)
        return false;
    size_t at = 2;
    for (int i = 0; i < SEGMENTS_MAX && at + 4 <= size && p[at] == 0xff; i++) {
        int marker = p[at + 1];
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        size_t length = (size_t)p[at + 2] << 8 | p[at + 3];
        if (marker < SOF0 || marker == SOS || marker == EOI || marker == SOI || length < 2 ||
            length > size - at - 2)
            return false;
        if (marker == SOF0 || marker == SOF0 + 1 || marker == SOF2) {
            const uint8_t *f = p + at + 4; /* precision, height, width, components */
            if (length < 8 || f[0] != 8 || (f[5] != 1 && f[5] != 3))
                return false;
            *height = f[1] << 8 | f[2];
            *width = f[3] << 8 | f[4];
            return *width > 0 && *height > 0;
        }
        if (is_other_frame(marker))
            return false;
        at += 2 + length;
    }
    return false;
}
