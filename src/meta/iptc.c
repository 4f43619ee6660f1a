/* SPDX-License-Identifier: MIT
 *
 * IPTC's records (Information Interchange Model 4.2): datasets of a marker, a record, a number, a
 * length and bytes. Record 1 may announce the texts' characters by an escape sequence of ISO 2022.
 * Programs write UTF-8 with and without announcing it, so text that is valid UTF-8 is taken for
 * that unless Latin-1 is announced; everything else is read as Latin-1.
 */
#include "meta/text.h"

#include <string.h>

enum {
    MARKER = 0x1c,
    ENVELOPE = 1,
    CODED_CHARACTER_SET = 90,
    APPLICATION = 2,
    KEYWORD = 25,
    DATE_CREATED = 55,
    TIME_CREATED = 60,
    DIGITAL_DATE = 62,
    DIGITAL_TIME = 63,
    TEXT_MAX = 256
};

struct dataset {
    int record, number;
    const uint8_t *data;
    size_t size;
};

/* Moves *at behind the dataset there. False at the end, and at anything that is none. */
static bool next_dataset(struct dataset *d, struct meta_bytes iptc, size_t *at)
{
    const uint8_t *p = iptc.data + *at;
    size_t left = iptc.size - *at, head = 5;
    if (left < head || p[0] != MARKER)
        return false;
    size_t size = (size_t)p[3] << 8 | p[4];
    if (size & 0x8000) { /* extended: so many bytes of a length follow */
        size_t bytes = size & 0x7fff;
        if (bytes > 4 || left < head + bytes)
            return false;
        size = 0;
        for (size_t i = 0; i < bytes; i++)
            size = size << 8 | p[head + i];
        head += bytes;
    }
    if (size > left - head)
        return false;
    *d = (struct dataset){p[1], p[2], p + head, size};
    *at += head + size;
    return true;
}

static enum text_encoding announced(const struct dataset *d)
{
    bool latin1 =
        d->size >= 3 && (memcmp(d->data, "\x1b.A", 3) == 0 || memcmp(d->data, "\x1b-A", 3) == 0);
    return latin1 ? TEXT_LATIN1 : TEXT_GUESS;
}

void meta_iptc_read(struct meta_part *part, struct meta_bytes iptc)
{
    char day[META_EVENTS][TEXT_MAX] = {""}, hour[META_EVENTS][TEXT_MAX] = {""}, word[TEXT_MAX];
    enum text_encoding encoding = TEXT_GUESS;
    struct dataset d;
    for (size_t at = 0; iptc.data && next_dataset(&d, iptc, &at);) {
        if (d.record == ENVELOPE && d.number == CODED_CHARACTER_SET)
            encoding = announced(&d);
        char *text = d.record != APPLICATION    ? NULL
                     : d.number == KEYWORD      ? word
                     : d.number == DATE_CREATED ? day[META_TAKEN]
                     : d.number == TIME_CREATED ? hour[META_TAKEN]
                     : d.number == DIGITAL_DATE ? day[META_DIGITIZED]
                     : d.number == DIGITAL_TIME ? hour[META_DIGITIZED]
                                                : NULL;
        if (!text)
            continue;
        meta_text_clean(text, TEXT_MAX, d.data, d.size, encoding);
        if (text == word)
            photo_meta_add_keyword(&part->meta, word);
    }
    for (int i = 0; i < META_CHANGED; i++)
        (void)meta_parse_iptc_time(&part->times[i], day[i], hour[i]);
}
