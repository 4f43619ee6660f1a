/* SPDX-License-Identifier: MIT
 *
 * One name for one camera. Makers write their name in capitals, with the form of their company, in
 * the make, in the model, or in both, and differently in the RAW file and in the JPEG of the same
 * shot. So: the words of a company's form go, known makers get their usual spelling, and a model
 * that begins with the maker's name does not get it twice.
 */
#include "meta/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct maker {
    const char *word; /* a make begins with it, in any case */
    const char *name;
} makers[] = {
    {"apple", "Apple"},
    {"canon", "Canon"},
    {"casio", "Casio"},
    {"dji", "DJI"},
    {"eastman kodak", "Kodak"},
    {"kodak", "Kodak"},
    {"epson", "Epson"},
    {"fuji", "Fujifilm"},
    {"google", "Google"},
    {"gopro", "GoPro"},
    {"hasselblad", "Hasselblad"},
    {"huawei", "Huawei"},
    {"konica", "Konica Minolta"},
    {"leica", "Leica"},
    {"lg electronics", "LG"},
    {"mamiya", "Mamiya"},
    {"minolta", "Minolta"},
    {"motorola", "Motorola"},
    {"nikon", "Nikon"},
    {"nokia", "Nokia"},
    {"olympus", "Olympus"},
    {"om digital", "OM Digital"},
    {"panasonic", "Panasonic"},
    {"pentax", "Pentax"},
    {"phase one", "Phase One"},
    {"ricoh", "Ricoh"},
    {"samsung", "Samsung"},
    {"sigma", "Sigma"},
    {"sony", "Sony"},
    {"xiaomi", "Xiaomi"},
};

static const char *known_name(const char *make)
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (strncasecmp(make, makers[i].word, strlen(makers[i].word)) == 0)
            return makers[i].name;
    return NULL;
}

/* Takes off ", Ltd." and the like from the end, as long as something remains. */
static void drop_company(char *make)
{
    static const char *const forms[] = {
        "corporation", "corp.", "corp", "co.,ltd.", "co., ltd.", "co. ltd.", "co.,ltd", "ltd.",
        "ltd",         "inc.",  "inc",  "company",  "gmbh",      "ag",       "imaging", "optical"};
    for (bool found = true; found;) {
        found = false;
        size_t length = strlen(make);
        for (size_t i = 0; i < sizeof forms / sizeof *forms && !found; i++) {
            size_t n = strlen(forms[i]);
            if (length <= n + 1 || strcasecmp(make + length - n, forms[i]) != 0 ||
                !strchr(" ,", make[length - n - 1]))
                continue;
            make[length - n] = '\0';
            for (length -= n; length > 0 && strchr(" ,", make[length - 1]);)
                make[--length] = '\0';
            found = length > 0;
        }
    }
}

/* How much of the model is the maker's name, with the space behind it. */
static size_t maker_in_model(const char *maker, const char *model)
{
    size_t n = strlen(maker);
    if (n > 0 && strncasecmp(model, maker, n) == 0 && (model[n] == ' ' || model[n] == '\0'))
        return n + (model[n] == ' ');
    return 0;
}

void meta_camera_name(char out[PHOTO_NAME_MAX], const char *make, const char *model)
{
    char company[PHOTO_NAME_MAX];
    snprintf(company, sizeof company, "%s", make);
    drop_company(company);
    const char *known = known_name(*company ? company : model);
    const char *maker = known ? known : company;
    size_t skip = maker_in_model(maker, model);
    if (skip == 0)
        skip = maker_in_model(company, model);
    model += skip;
    /* Cut where it does not fit, but not within a character. */
    char both[2 * PHOTO_NAME_MAX];
    int length = snprintf(both, sizeof both, "%s%s%s", maker, *maker && *model ? " " : "", model);
    meta_text_clean(out, PHOTO_NAME_MAX, both, length > 0 ? (size_t)length : 0, TEXT_GUESS);
}
