/* SPDX-License-Identifier: MIT
 *
 * The tokenizer: what cleaning makes of a text, how the pattern cuts words, that byte-pair encoding
 * with its heap equals the plain algorithm, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clip/bpe.h"
#include "clip/text_clean.h"
#include "clip/tokenizer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_default(void **state)
{
    struct err err;
    struct tokenizer *tokenizer;
    if (tokenizer_open_default(&tokenizer, &err))
        return -1;
    *state = tokenizer;
    return 0;
}

static int close_default(void **state)
{
    tokenizer_close(*state);
    return 0;
}

/* --- Cleaning ------------------------------------------------------------------------------ */

struct clean_case {
    const char *text, *clean;
};

static void check_clean(const struct clean_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct err err = {0};
        struct str out = str_new(1 << 16);
        assert_int_equal(text_clean(&out, cases[i].text, strlen(cases[i].text), &err), OK);
        if (strcmp(str_text(&out), cases[i].clean))
            print_error("case %zu: '%s'\n", i, cases[i].text);
        assert_string_equal(str_text(&out), cases[i].clean);
        str_free(&out);
    }
}
#define CHECK_CLEAN(cases) check_clean(cases, sizeof(cases) / sizeof *(cases))

static void test_clean_space_and_case(void **state)
{
    static const struct clean_case cases[] = {
        {"", ""},
        {" \t\r\n ", ""},
        {"  Two\t\twords\n", "two words"},
        {"a\u00A0b\u2003c\u3000d", "a b c d"},
        {"one\r\ntwo\rthree\u2028four", "one two three four"},
        {"zero\u200Bwidth", "zero\u200Bwidth"},
        {"İstanbul", "i\u0307stanbul"},
        {"STRASSE straße ẞ", "strasse straße ß"},
        {"ΟΔΟΣ ΟΔΟΣ. Σ ΣΑ ΑΣΑ ΑΣ'Α Α'Σ 'Σ", "οδος οδος. σ σα ασα ασ'α α'ς 'σ"},
        {"ⓐΣ ªΣ 1Σ", "ⓐς ªς 1σ"},
        {"ǅ ŉ ĳ ﬁﬃﬆ ﬅ", "dž 'n ij fiffist ſt"},
        {"Ｆｕｌｌ　ｗｉｄｔｈ ｶﾞ", "full width ガ"},
        {"“double” ‘single’ ‚low‛ „low‟ ʼ", "\"double\" 'single' 'low' \"low\" '"},
        {"e\u0301 A\u030A \u1100\u1161\u11A8", "é å 각"},
        {"a\u0301\u0327", "\u00E1\u0327"},
        {"\x1B[1;31mred\x1B[0m \x1B[;x\x1B[", "red ["},
        {"nul\x01\x7F\uFEFF\uFFFC\u206A.", "nul."},
    };
    CHECK_CLEAN(cases);
}

static void test_clean_references(void **state)
{
    static const struct clean_case cases[] = {
        {"tom &amp; jerry", "tom & jerry"},
        {"&amp;amp;amp;amp; more", "& more"},
        {"<b> &amp;amp;amp;amp; more", "<b> &amp;amp; more"}, /* ftfy leaves HTML alone */
        {"&amp;amp;lt;\n<b>\n&amp;amp;lt;", "< <b> &lt;"},    /* from that line on */
        {"&eacute;t&eacute; P&EACUTE;REZ &szlig; &SZLIG;", "été pérez ß ss"},
        {"&AMP;&LTCC;&notit;&notin; &NOTIN;", "&<cc;¬it;∉ ∉"},
        {"this&notthat &amp &ampx &am", "this¬that & &x &am"},
        {"&CounterClockwiseContourIntegral; &NewLine;&Tab;x", "∳ x"},
        {"&nvlt; &bne;", "<\u20D2 =\u20E5"},
        {"&#8364; &#x1F600; &#X41 &#65x", "€ 😀 a ax"},
        {"&#128;&#x92;&#150;&#x81;", "€'–\xC2\x81"},
        {"[&#0;][&#xD800;][&#x110000;][&#99999999999999999999;]", "[�][�][�][�]"},
        {"[&#1;][&#11;][&#xFFFE;][&#xFDD0;]", "[][][][]"},
        {"a&#10;b&#13;c&#59;&#38;amp;", "a b c;&"},
        {"& && &; &# &#; &#x; &#xg; &é;", "& && &; &# &#; &#x; &#xg; &é;"},
        {"&notanentity;", "¬anentity;"},
    };
    CHECK_CLEAN(cases);
}

static void test_clean_mojibake(void **state)
{
    static const struct clean_case cases[] = {
        {"cafÃ© â€œquotedâ€\xC2\x9D", "café \"quoted\""},
        {"CafÃƒÂ©", "café"},                              /* twice */
        {"ÐœÐ¾ÑÐºÐ²Ð°", "моñква"},                        /* a byte lost: the rest is saved */
        {"С‚РёС€РёРЅР°", "тишина"},                       /* Windows-1251 */
        {"LiĂ¨ge ĹženĂˇ", "liège şená"},                  /* Windows-1250 */
        {"caf√© au lait, cr√®me", "café au lait, crème"}, /* MacRoman */
        {"caf├⌐ d├⌐j├á vu", "café déjà vu"},              /* code page 437 */
        {"voilÃ  la mer", "voilà la mer"},                /* A0 became a space */
        {"â€œlostâ€� â€?", "\"lost� �"},                  /* bytes became U+FFFD and '?' */
        {"東京 cafÃ© 東京", "東京 café 東京"},            /* a stretch of its own */
        {"price\xC2\x85 5\xC2\x80", "price… 5€"},         /* C1 controls */
        {"í\xC2\xA0½í¸\xC2\x80 sÃ³", "😀 só"},             /* surrogates */
    };
    CHECK_CLEAN(cases);
}

/* What looks odd but is meant. */
static void test_clean_leaves_alone(void **state)
{
    static const struct clean_case cases[] = {
        {"naïve café, señor, Füße, œuvre, ½ €5", "naïve café, señor, füße, œuvre, ½ €5"},
        {"«bokeh» ¿qué? ¡sí! 100° ©2020 ™", "«bokeh» ¿qué? ¡sí! 100° ©2020 ™"},
        {"Москва, Ελλάδα, 東京, 한국, हिन्दी", "москва, ελλάδα, 東京, 한국, हिन्दी"},
        {"C O N C L U S Ã O", "c o n c l u s ã o"},
        {"5×£35 (-1/2)! = √π", "5×£35 (-1/2)! = √π"},
    };
    CHECK_CLEAN(cases);
}

static void test_clean_invalid_utf8(void **state)
{
    static const struct clean_case cases[] = {
        {"a\xFF\xFE z", "a\uFFFD\uFFFD z"}, {"a\xE2\x82 z", "a\uFFFD z"},
        {"a\xF0\x9F\x98", "a\uFFFD"},       {"a\xED\xA0\x80 z", "a\uFFFD\uFFFD\uFFFD z"},
        {"a\xC0\x80 z", "a\uFFFD\uFFFD z"}, {"a\xF4\x90\x80\x80 z", "a\uFFFD\uFFFD\uFFFD\uFFFD z"},
    };
    CHECK_CLEAN(cases);
}

static void test_clean_is_bounded(void **state)
{
    struct err err = {0};
    struct str out = str_new(64 << 20);
    char *text = malloc(TEXT_CLEAN_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', TEXT_CLEAN_MAX + 1);
    assert_int_equal(text_clean(&out, text, TEXT_CLEAN_MAX + 1, &err), ERR_LIMIT);
    for (size_t i = 0; i + 4 <= TEXT_CLEAN_MAX; i += 4) /* a mark of every class, out of order */
        memcpy(text + i, i % 8 ? "\u0301\u0327" : "\u0327\u0301", 4);
    assert_int_equal(text_clean(&out, text, TEXT_CLEAN_MAX, &err), OK);
    assert_int_equal(out.size, TEXT_CLEAN_MAX);
    free(text);
    str_free(&out);
}

/* --- Words and ids ------------------------------------------------------------------------- */

enum { START = 49406, END = 49407, CONTEXT = 77 };

static void test_default_vocabulary(void **state)
{
    const struct tokenizer *t = *state;
    assert_int_equal(tokenizer_vocab_size(t), 49408);
    assert_int_equal(tokenizer_start_id(t), START);
    assert_int_equal(tokenizer_end_id(t), END);
}

static void test_words(void **state)
{
    static const struct {
        const char *text;
        int32_t ids[9]; /* without start and end; 0 ends them */
    } cases[] = {
        {"a photo of a dog", {320, 1125, 539, 320, 1929}},
        {"dog's DOG'S", {1929, 568, 1929, 568}},
        {"2024", {273, 271, 273, 275}},
        {"!!! ...", {995, 678}},
        {"!'s it''s", {13222, 338, 585, 8445, 338}},
        {"<START_of_text><end_of_text>", {START, END}},
        {"<start_of_texts>", {283, 1572, 318, 539, 318, 12767, 285}},
        {"'\u017F", {6, 129, 379}}, /* the long s is a case of s */
        {"a\u0345b", {320, 321}},   /* nothing in the pattern matches this mark */
        {"Ⅷ½", {158, 227, 371, 33613}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        int32_t ids[CONTEXT];
        int used, count = 0;
        assert_int_equal(tokenizer_encode(*state, cases[i].text, strlen(cases[i].text), ids,
                                          CONTEXT, &used, &err),
                         OK);
        while (cases[i].ids[count])
            count++;
        assert_int_equal(ids[0], START);
        assert_memory_equal(ids + 1, cases[i].ids, (size_t)count * sizeof *ids);
        assert_int_equal(ids[count + 1], END);
        assert_int_equal(used, count + 2);
    }
}

/* A long text is cut, and the last id is the end; the ids before are those of a longer context. */
static void test_truncation(void **state)
{
    static const char text[] = "one two three four five";
    struct err err = {0};
    int32_t full[8], cut[8];
    int used;
    assert_int_equal(tokenizer_encode(*state, text, strlen(text), full, 8, &used, &err), OK);
    assert_int_equal(used, 7);
    for (int context = 2; context < 8; context++) {
        memset(cut, 0x55, sizeof cut);
        assert_int_equal(tokenizer_encode(*state, text, strlen(text), cut, context, &used, &err),
                         OK);
        assert_int_equal(used, context);
        assert_memory_equal(cut, full, ((size_t)context - 1) * sizeof *cut);
        assert_int_equal(cut[context - 1], END);
        if (context < 7)
            assert_int_equal(cut[context], 0x55555555);
    }
    assert_int_equal(tokenizer_encode(*state, text, strlen(text), cut, 1, NULL, &err),
                     ERR_ARGUMENT);
    assert_int_equal(tokenizer_encode(*state, "", 0, cut, 2, NULL, &err), OK);
    assert_int_equal(cut[0], START);
    assert_int_equal(cut[1], END);
}

static void test_long_word(void **state)
{
    struct err err = {0};
    int32_t ids[CONTEXT];
    int used;
    char *text = malloc(TEXT_CLEAN_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', TEXT_CLEAN_MAX + 1);
    assert_int_equal(tokenizer_encode(*state, text, TEXT_CLEAN_MAX + 1, ids, CONTEXT, &used, &err),
                     ERR_LIMIT);
    assert_int_equal(tokenizer_encode(*state, text, TEXT_CLEAN_MAX, ids, CONTEXT, &used, &err), OK);
    assert_int_equal(used, CONTEXT);
    assert_int_equal(ids[CONTEXT - 1], END);
    free(text);
}

struct thread_job {
    const struct tokenizer *tokenizer;
    int32_t ids[CONTEXT];
    enum status status;
};

static void *encode_often(void *argument)
{
    static const char text[] = "cafÃ© &eacute; ΟΔΟΣ “photo” of 1,000 snowy mountains";
    struct thread_job *job = argument;
    for (int i = 0; i < 50 && !job->status; i++)
        job->status =
            tokenizer_encode(job->tokenizer, text, strlen(text), job->ids, CONTEXT, NULL, NULL);
    return NULL;
}

static void test_threads(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct thread_job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct thread_job){.tokenizer = *state};
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].status, OK);
        assert_memory_equal(jobs[i].ids, jobs[0].ids, sizeof jobs[i].ids);
    }
}

/* --- Byte-pair encoding and vocabularies --------------------------------------------------- */

/* The algorithm as the reference has it: look for the best pair, merge it everywhere, again. */
static size_t encode_plainly(const struct merges *merges, const char *word, size_t size,
                             int32_t *ids)
{
    for (size_t i = 0; i < size; i++)
        ids[i] = (int32_t)merges_byte_symbol((uint8_t)word[i]) + (i + 1 == size ? 256 : 0);
    for (;;) {
        size_t best = merges->count, kept = 0;
        for (size_t i = 0; i + 1 < size; i++)
            for (size_t rank = 0; rank < best; rank++)
                if ((int32_t)merges->items[rank].left == ids[i] &&
                    (int32_t)merges->items[rank].right == ids[i + 1])
                    best = rank;
        if (best == merges->count)
            return size;
        for (size_t i = 0; i < size; kept++) {
            bool here = i + 1 < size && (int32_t)merges->items[best].left == ids[i] &&
                        (int32_t)merges->items[best].right == ids[i + 1];
            ids[kept] = here ? (int32_t)merges->items[best].result : ids[i];
            i += here ? 2 : 1;
        }
        size = kept;
    }
}

/* A vocabulary over a, b and c whose merges join tokens at random; no pair twice. */
static void random_merges(struct str *text, unsigned *seed)
{
    enum { COUNT = 40 };
    char tokens[COUNT + 6][128] = {"a", "b", "c", "a</w>", "b</w>", "c</w>"};
    for (int i = 6; i < COUNT + 6; i++) {
        char line[256], bounded[258];
        const char *left, *right;
        do {
            left = tokens[(unsigned)rand_r(seed) % (unsigned)i];
            right = tokens[(unsigned)rand_r(seed) % (unsigned)i];
            snprintf(line, sizeof line, "%s %s", left, right);
            snprintf(bounded, sizeof bounded, "\n%s\n", line);
        } while (strchr(left, '<') || strlen(left) + strlen(right) > 100 ||
                 strstr(str_text(text), bounded));
        str_format(text, "%s\n", line);
        strcpy(tokens[i], left);
        strcat(tokens[i], right);
    }
}

static void test_heap_equals_plain_algorithm(void **state)
{
    unsigned seed = 20240607;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 20; round++) {
        struct err err = {0};
        struct str text = str_new(1 << 16);
        struct merges merges, copy;
        struct bpe *bpe;
        str_put(&text, "#version: 0.2\n");
        random_merges(&text, &seed);
        assert_int_equal(merges_parse(&merges, text.data, text.size, &err), OK);
        assert_int_equal(merges_parse(&copy, text.data, text.size, &err), OK);
        assert_int_equal(bpe_open(&bpe, &copy, &err), OK);
        for (size_t size = 1; size <= 200; size++) {
            char word[200];
            int32_t ids[200], plain[200];
            size_t count;
            for (size_t i = 0; i < size; i++)
                word[i] = (char)('a' + rand_r(&seed) % 3);
            assert_int_equal(bpe_encode(bpe, word, size, ids, 200, &count, &err), OK);
            assert_int_equal(count, encode_plainly(&merges, word, size, plain));
            assert_memory_equal(ids, plain, count * sizeof *ids);
        }
        bpe_close(bpe);
        merges_free(&merges);
        str_free(&text);
    }
}

static void test_custom_vocabulary(void **state)
{
    static const struct {
        const char *merges;
        int vocabulary;
        int32_t id; /* of the one token of "dog" */
    } cases[] = {
        {"", 514, 0},
        {"#version: 0.2\n", 514, 0},
        {"d o\ndo g</w>\n", 516, 513},
        {"d o\r\ndo g</w>", 516, 513},
        {"#version: 0.2\nd o\ndo g</w>\n", 516, 513},
        {"\"bpe_simple_vocab_16e6.txt#version: 0.2\nd o\ndo g</w>\n", 516, 513},
        {"bpe_simple_vocab_16e6.txt#version: 0.2\nd o\ndo g</w>\n", 516, 513},
        {"d o\no g</w>\ndo g</w>\nd og</w>\n", 518, 515}, /* made twice: the later number */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct tokenizer *t;
        int32_t ids[8];
        int used;
        assert_int_equal(tokenizer_open_merges(&t, cases[i].merges, strlen(cases[i].merges), &err),
                         OK);
        assert_int_equal(tokenizer_vocab_size(t), cases[i].vocabulary);
        assert_int_equal(tokenizer_end_id(t), cases[i].vocabulary - 1);
        assert_int_equal(tokenizer_encode(t, "Dog", 3, ids, 8, &used, &err), OK);
        assert_int_equal(used, cases[i].id ? 3 : 5);
        assert_int_equal(ids[0], tokenizer_start_id(t));
        if (cases[i].id)
            assert_int_equal(ids[1], cases[i].id);
        tokenizer_close(t);
    }
}

static void test_damaged_vocabulary(void **state)
{
    static const struct {
        const char *merges, *text;
    } cases[] = {
        {"d o\n\ndo g\n", "line 2: not two tokens"},
        {"d o\ndo\n", "line 2: not two tokens"},
        {"d o\ndo g h\n", "line 2: not two tokens"},
        {"#version: 0.2\nd  o\n", "line 2: not two tokens"},
        {" d\n", "line 1: not two tokens"},
        {"d \n", "line 1: not two tokens"},
        {"#\nd o\ndog s\n", "line 3: 'dog' is neither"},
        {"d o\ns dog\n", "line 2: 'dog' is neither"},
        {"d \x01\n", "line 1: '?' is neither"},
        {"d \xFF\n", "line 1:"},
        {"d</w> o\nd</w>o g\nx </w>\n", "line 3: '</w>' is neither"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};
        struct tokenizer *t;
        assert_int_equal(tokenizer_open_merges(&t, cases[i].merges, strlen(cases[i].merges), &err),
                         ERR_FORMAT);
        assert_null(t);
        if (!strstr(err.text, cases[i].text))
            fail_msg("case %zu says '%s'", i, err.text);
    }
}

/* Every byte has a symbol of its own, in CLIP's order. */
static void test_byte_symbols(void **state)
{
    bool seen[256] = {0};
    for (int byte = 0; byte < 256; byte++) {
        uint32_t symbol = merges_byte_symbol((uint8_t)byte);
        assert_in_range(symbol, 0, 255);
        assert_false(seen[symbol]);
        seen[symbol] = true;
    }
    assert_int_equal(merges_byte_symbol('!'), 0);
    assert_int_equal(merges_byte_symbol(0xA1), 94);
    assert_int_equal(merges_byte_symbol(0), 188);
    assert_int_equal(merges_byte_symbol(0xAD), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_space_and_case),
        cmocka_unit_test(test_clean_references),
        cmocka_unit_test(test_clean_mojibake),
        cmocka_unit_test(test_clean_leaves_alone),
        cmocka_unit_test(test_clean_invalid_utf8),
        cmocka_unit_test(test_clean_is_bounded),
        cmocka_unit_test(test_default_vocabulary),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_long_word),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_heap_equals_plain_algorithm),
        cmocka_unit_test(test_custom_vocabulary),
        cmocka_unit_test(test_damaged_vocabulary),
        cmocka_unit_test(test_byte_symbols),
    };
    return cmocka_run_group_tests(tests, open_default, close_default);
}
