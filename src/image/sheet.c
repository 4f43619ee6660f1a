/* SPDX-License-Identifier: MIT
 *
 * See sheet.h. The sheet is painted into one block of pixels: pictures are copied into it, lines of
 * text, which libvips makes with Pango as masks of coverage, are blended. A libvips without Pango
 * leaves the text out; a text that is too long for its place loses its middle.
 */
#include "image/sheet.h"

#include "base/str.h"
#include "image/image.h"
#include "image/vips_library.h"
#include "image/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 240,   /* of a picture's square */
    GAP = 16,     /* around it */
    LINE = 18,    /* height of a line of text */
    HEAD = 56,    /* height of the heading */
    DIVIDER = 40, /* height of the divider */
    COLUMNS_MAX = 12,
    TITLE_MAX = 34, /* characters of a title */
    HEADING_MAX = 160,
    QUALITY = 88,
    PAPER = 250,
    INK = 32,
    PALE = 120,
    EMPTY = 224,
};

struct page {
    const struct sheet *sheet;
    uint8_t *rgb; /* [height, width, 3] */
    size_t columns, width, height;
};

/* --- text --------------------------------------------------------------------------------- */

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static const char *skip(const char *text, size_t count)
{
    for (; count > 0 && *text; count--)
        for (text++; ((unsigned char)*text & 0xc0) == 0x80;)
            text++;
    return text;
}

/* As Pango's markup, at most `most` characters, the middle left out. Control characters become
 * spaces. */
static void put_markup(struct str *out, const char *text, size_t most)
{
    struct str clean = str_new(1 << 16);
    str_put_utf8(&clean, text);
    const char *all = str_text(&clean);
    const size_t count = characters(all);
    const char *resume = all, *cut = NULL;
    if (count > most) {
        cut = skip(all, most / 2);
        resume = skip(all, count - (most - most / 2 - 1));
    }
    for (const char *p = all; *p; p++) {
        if (p == cut) {
            str_put(out, "…");
            p = resume;
        }
        if (*p == '&')
            str_put(out, "&amp;");
        else if (*p == '<')
            str_put(out, "&lt;");
        else
            str_putc(out, (unsigned char)*p < 32 || *p == 127 ? ' ' : *p);
    }
    str_free(&clean);
}

/* mask: [height, width] coverage; at (x, y), as far as it lies on the page and left of `right`. */
static void blend(struct page *page, const VipsImage *mask, const uint8_t *coverage, size_t x,
                  size_t y, size_t right, int ink)
{
    for (size_t row = 0; row < (size_t)mask->Ysize && y + row < page->height; row++) {
        for (size_t column = 0; column < (size_t)mask->Xsize && x + column < right; column++) {
            uint8_t *p = page->rgb + ((y + row) * page->width + x + column) * 3;
            int cover = coverage[row * (size_t)mask->Xsize + column];
            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)((p[c] * (255 - cover) + ink * cover + 127) / 255);
        }
    }
}

struct line {
    const char *text, *font;
    size_t x, y, right; /* upper left corner; where it ends at the latest */
    size_t most;        /* characters */
    int ink;
};

static void write_line(struct page *page, const struct line *line)
{
    struct str markup = str_new(1 << 16);
    VipsImage *mask = NULL;
    put_markup(&markup, line->text, line->most);
    if (!markup.size || !str_ok(&markup) ||
        vips.text(&mask, str_text(&markup), "font", line->font, "dpi", 72, NULL) != 0) {
        vips.error_clear();
        str_free(&markup);
        return;
    }
    size_t size;
    uint8_t *coverage = mask->Bands == 1 ? vips.image_write_to_memory(mask, &size) : NULL;
    if (coverage)
        blend(page, mask, coverage, line->x, line->y, line->right, line->ink);
    g_free(coverage);
    g_object_unref(mask);
    str_free(&markup);
}

/* --- pictures ----------------------------------------------------------------------------- */

static void fill(struct page *page, size_t x, size_t y, size_t width, size_t height, int value)
{
    for (size_t row = y; row < y + height; row++)
        memset(page->rgb + (row * page->width + x) * 3, value, width * 3);
}

/* Nearest pixels, where the picture is larger than its place: thumbnails hardly are. */
static void place(struct page *page, const struct image *image, size_t x, size_t y)
{
    const double scale = fmin(1, (double)SIDE / fmax(image->width, image->height));
    const size_t width = (size_t)fmax(1, floor(image->width * scale));
    const size_t height = (size_t)fmax(1, floor(image->height * scale));
    x += (SIDE - width) / 2;
    y += (SIDE - height) / 2;
    for (size_t row = 0; row < height; row++) {
        const size_t from_row = (size_t)((double)row / scale);
        for (size_t column = 0; column < width; column++) {
            const size_t from = (size_t)((double)column / scale);
            memcpy(page->rgb + ((y + row) * page->width + x + column) * 3,
                   image->pixels + (from_row * (size_t)image->width + from) * 3, 3);
        }
    }
}

static void paint_picture(struct page *page, size_t cell, size_t x, size_t y)
{
    const void *bytes;
    size_t size;
    struct err err;
    struct image image = {0};
    const struct sheet *sheet = page->sheet;
    enum status status = sheet->picture(sheet->context, cell, &bytes, &size, &err);
    if (status == OK)
        status = image_decode(&image, bytes, size, &(struct image_options){0}, &err);
    if (status == OK)
        place(page, &image, x, y);
    else
        fill(page, x, y, SIDE, SIDE, EMPTY);
    image_free(&image);
}

/* --- the page ----------------------------------------------------------------------------- */

static size_t rows_of(const struct page *page, size_t cells)
{
    return cells / page->columns + (cells % page->columns != 0);
}

enum { CELL_WIDTH = SIDE + GAP, CELL_HEIGHT = SIDE + 2 * LINE + GAP };

static void paint_cells(struct page *page, size_t first, size_t end, size_t top)
{
    for (size_t i = first; i < end; i++) {
        const struct sheet_cell *cell = &page->sheet->cells[i];
        const size_t x = GAP + (i - first) % page->columns * CELL_WIDTH;
        const size_t y = top + (i - first) / page->columns * CELL_HEIGHT;
        paint_picture(page, i, x, y);
        write_line(page, &(struct line){cell->title, "sans 11", x, y + SIDE + 5, x + SIDE,
                                        TITLE_MAX, INK});
        write_line(page, &(struct line){cell->note, "sans 11", x, y + SIDE + 5 + LINE, x + SIDE,
                                        TITLE_MAX, PALE});
    }
}

static void paint(struct page *page)
{
    const struct sheet *sheet = page->sheet;
    const size_t right = page->width - GAP;
    memset(page->rgb, PAPER, page->width * page->height * 3);
    write_line(page, &(struct line){sheet->heading, "sans bold 18", GAP, GAP + 4, right,
                                    HEADING_MAX, INK});
    size_t top = HEAD;
    paint_cells(page, 0, sheet->strong, top);
    top += rows_of(page, sheet->strong) * CELL_HEIGHT;
    if (sheet->strong == sheet->count)
        return;
    fill(page, GAP, top + 4, page->width - 2 * GAP, 1, PALE);
    write_line(page,
               &(struct line){sheet->divider, "sans 12", GAP, top + 14, right, HEADING_MAX, PALE});
    paint_cells(page, sheet->strong, sheet->count, top + DIVIDER);
}

/* About three pictures across for two down. */
static size_t choose_columns(size_t count)
{
    size_t columns = (size_t)ceil(sqrt(1.5 * (double)count));
    return columns < 3 ? 3 : columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

enum status sheet_write(const char *path, const struct sheet *sheet, struct err *err)
{
    if (sheet->count > SHEET_CELLS_MAX)
        return err_set(err, ERR_LIMIT, "a contact sheet has room for %d pictures, not for %zu",
                       SHEET_CELLS_MAX, sheet->count);
    struct page page = {.sheet = sheet, .columns = choose_columns(sheet->count)};
    page.width = GAP + page.columns * CELL_WIDTH;
    page.height = HEAD + GAP +
                  CELL_HEIGHT * (rows_of(&page, sheet->strong) +
                                 rows_of(&page, sheet->count - sheet->strong)) +
                  (sheet->strong < sheet->count ? DIVIDER : 0);
    page.rgb = malloc(page.width * page.height * 3);
    if (!page.rgb)
        return err_no_memory(err, "a contact sheet", page.width * page.height * 3);
    paint(&page);
    enum status status =
        image_write(path, page.rgb, (int)page.width, (int)page.height,
                    &(struct image_write_options){.quality = QUALITY, .orientation = 1}, err);
    free(page.rgb);
    return status;
}
