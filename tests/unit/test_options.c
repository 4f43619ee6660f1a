/* SPDX-License-Identifier: MIT
 *
 * The option parser: every spelling of every kind of value, what is refused and with which words,
 * and that the help shows what the table says. And what output.h promises about JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/options.h"
#include "cli/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct toy_args {
    struct operands files, words;
    const char *name, *must;
    double weight, limit;
    uint64_t seed;
    int count, colour;
    bool loud, quick;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct option toy_options[] = {
    {.name = "name",
     .short_name = 'n',
     .kind = OPTION_STRING,
     .argument = "NAME",
     .offset = offsetof(struct toy_args, name),
     .help = "a name"},
    {.name = "word",
     .kind = OPTION_STRINGS,
     .argument = "WORD",
     .offset = offsetof(struct toy_args, words),
     .help = "a word"},
    {.name = "count",
     .short_name = 'c',
     .kind = OPTION_INT,
     .argument = "N",
     .offset = offsetof(struct toy_args, count),
     .fallback = "3",
     .min = -5,
     .max = 100,
     .help = "how many"},
    {.name = "weight",
     .kind = OPTION_DOUBLE,
     .argument = "W",
     .offset = offsetof(struct toy_args, weight),
     .fallback = "0.5",
     .min = 0,
     .max = 1,
     .help = "how heavy"},
    {.name = "limit",
     .kind = OPTION_DOUBLE,
     .argument = "X",
     .offset = offsetof(struct toy_args, limit),
     .min = -1,
     .max = 1,
     .help = "how far"},
    {.name = "seed",
     .kind = OPTION_SEED,
     .argument = "N",
     .offset = offsetof(struct toy_args, seed),
     .help = "where chance begins"},
    {.name = "colour",
     .kind = OPTION_CHOICE,
     .argument = "COLOUR",
     .offset = offsetof(struct toy_args, colour),
     .fallback = "green",
     .choices = colours,
     .help = "which colour"},
    {.name = "loud",
     .short_name = 'l',
     .kind = OPTION_FLAG,
     .offset = offsetof(struct toy_args, loud),
     .help = "loudly"},
    {.name = "quick",
     .short_name = 'q',
     .kind = OPTION_FLAG,
     .offset = offsetof(struct toy_args, quick),
     .help = "quickly"},
    OPTION_END,
};

static const struct example toy_examples[] = {{"fovea toy --loud x", "a loud x"}, {NULL, NULL}};

static const struct command toy = {
    .name = "toy",
    .summary = "play",
    .about = "A command that exists in this test only.",
    .options = toy_options,
    .examples = toy_examples,
    .operand = "FILE",
    .operands_max = 3,
    .operands_offset = offsetof(struct toy_args, files),
    .args_size = sizeof(struct toy_args),
};

#define ARGS_MAX 16

/* Parses a command line, words separated by one blank. The words live until the next call. */
static enum status parse(const struct command *command, const char *line, struct toy_args *args,
                         enum options_outcome *outcome, struct err *err)
{
    static char words[1024];
    char *argv[ARGS_MAX] = {NULL};
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *w = strtok(words, " "); w && argc < ARGS_MAX; w = strtok(NULL, " "))
        argv[argc++] = w;
    *args = (struct toy_args){0};
    return options_parse(command, argc, argv, args, outcome, err);
}

static void accept(const char *line, struct toy_args *args)
{
    struct err err = {0};
    enum options_outcome outcome;
    if (parse(&toy, line, args, &outcome, &err) != OK)
        fail_msg("'%s' was refused: %s", line, err.text);
    assert_int_equal(outcome, OPTIONS_RUN);
}

static void test_defaults(void **state)
{
    struct toy_args a;
    accept("", &a);
    assert_null(a.name);
    assert_int_equal(a.count, 3);
    assert_true(a.weight == 0.5);
    assert_true(isnan(a.limit));
    assert_int_equal(a.colour, 1);
    assert_int_equal(a.seed, 0);
    assert_false(a.loud);
    assert_int_equal(a.files.count, 0);
    options_free(&toy, &a);
}

static void test_spellings(void **state)
{
    static const char *const lines[] = {
        "--name Ann --count 7 --weight 0.25 --colour blue --loud",
        "--name=Ann --count=7 --weight=0.25 --colour=blue --loud",
        "-n Ann -c 7 --weight 2.5e-1 --colour blue -l",
        "-nAnn -c7 --weight=.25 --colour blue -l",
        "-lnAnn --count 1 -c7 --weight 1 --weight 0.25 --colour red --colour blue",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct toy_args a;
        accept(lines[i], &a);
        assert_string_equal(a.name, "Ann");
        assert_int_equal(a.count, 7);
        assert_true(a.weight == 0.25);
        assert_int_equal(a.colour, 2);
        assert_true(a.loud);
        assert_false(a.quick);
        options_free(&toy, &a);
    }
}

static void test_grouped_flags_and_operands(void **state)
{
    struct toy_args a;
    accept("one --word x -lq - --word=--loud -- --count", &a);
    assert_true(a.loud && a.quick);
    assert_int_equal(a.files.count, 3);
    assert_string_equal(a.files.items[0].text, "one");
    assert_string_equal(a.files.items[1].text, "-");
    assert_string_equal(a.files.items[2].text, "--count");
    assert_int_equal(a.words.count, 2);
    assert_string_equal(a.words.items[1].text, "--loud");
    /* Operands and repeated options can be put in the order of the command line. */
    assert_true(a.files.items[0].position < a.words.items[0].position);
    assert_true(a.words.items[0].position < a.files.items[1].position);
    assert_true(a.files.items[1].position < a.words.items[1].position);
    options_free(&toy, &a);
}

static void test_values_at_the_edges(void **state)
{
    struct toy_args a;
    accept("--count -5 --seed 18446744073709551615 --weight 0", &a);
    assert_int_equal(a.count, -5);
    assert_true(a.seed == UINT64_MAX);
    options_free(&toy, &a);
    accept("--count 100 --seed 0xffffFFFFffffFFFF --weight 1", &a);
    assert_int_equal(a.count, 100);
    assert_true(a.seed == UINT64_MAX);
    options_free(&toy, &a);
    accept("--seed 010", &a); /* decimal, not octal */
    assert_int_equal(a.seed, 10);
    options_free(&toy, &a);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line, *says, *also;
    } cases[] = {
        {"--cuont 3", "unknown option --cuont", "did you mean --count?"},
        {"--col red", "unknown option --col", "did you mean --colour?"},
        {"--frobnicate", "unknown option --frobnicate", "accepted: --name, --word, --count"},
        {"--frobnicate", "--version", "--help"},
        {"-z", "unknown option -z", "accepted"},
        {"-lz", "unknown option -lz", "accepted"},
        {"--name", "--name needs a value", "--name NAME"},
        {"--name --loud", "--name needs a value", ""},
        {"-n", "--name needs a value", ""},
        {"--loud=yes", "--loud takes no value", "'yes'"},
        {"--count many", "'many' is not accepted", "a whole number from -5 to 100"},
        {"--count 101", "'101' is not accepted", "from -5 to 100"},
        {"--count -6", "'-6' is not accepted", "from -5 to 100"},
        {"--count 7x", "'7x' is not accepted", ""},
        {"--count=", "'' is not accepted", ""},
        {"--name=", "--name is given an empty value: --name ", ""},
        {"--count 99999999999999999999", "is not accepted", ""},
        {"--weight nan", "'nan' is not accepted", "a number from 0 to 1"},
        {"--weight inf", "'inf' is not accepted", ""},
        {"--weight 1.0001", "is not accepted", ""},
        {"--weight=", "'' is not accepted", ""},
        {"--seed -1", "'-1' is not accepted", "decimal or 0x"},
        {"--seed 0x", "'0x' is not accepted", ""},
        {"--seed 0x0x1", "is not accepted", ""},
        {"--seed 18446744073709551616", "is not accepted", "2^64-1"},
        {"--colour mauve", "'mauve' is not accepted", "red, green or blue"},
        {"a b c d", "unexpected argument 'd'", "at most 3 FILE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct toy_args a;
        struct err err = {0};
        enum options_outcome outcome;
        enum status status = parse(&toy, cases[i].line, &a, &outcome, &err);
        options_free(&toy, &a);
        if (status != ERR_ARGUMENT || !strstr(err.text, cases[i].says) ||
            !strstr(err.text, cases[i].also) || strchr(err.text, '\n'))
            fail_msg("'%s': status %d, text \"%s\"", cases[i].line, status, err.text);
    }
}

static void test_what_must_be_there(void **state)
{
    static const struct option options[] = {
        {.name = "must",
         .kind = OPTION_STRING,
         .argument = "X",
         .required = true,
         .offset = offsetof(struct toy_args, must),
         .help = "the needed thing"},
        OPTION_END,
    };
    struct command strict = toy;
    strict.options = options;
    strict.operands_min = 1;
    struct toy_args a;
    struct err err = {0};
    enum options_outcome outcome;
    assert_int_equal(parse(&strict, "file", &a, &outcome, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "--must X is missing: the needed thing"));
    options_free(&strict, &a);
    assert_int_equal(parse(&strict, "--must 1", &a, &outcome, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "FILE is missing"));
    options_free(&strict, &a);
    assert_int_equal(parse(&strict, "--help", &a, &outcome, &err), OK);
    assert_int_equal(outcome, OPTIONS_HELP);
    assert_int_equal(parse(&strict, "--version", &a, &outcome, &err), OK);
    assert_int_equal(outcome, OPTIONS_VERSION);

    strict.operand = NULL;
    assert_int_equal(parse(&strict, "--must 1 stray", &a, &outcome, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "unexpected argument 'stray'"));
}

static void test_long_input_stays_bounded(void **state)
{
    char big[8192], word[8300];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    snprintf(word, sizeof word, "--%s", big);
    char *argv[] = {word};
    struct toy_args a = {0};
    struct err err = {0};
    enum options_outcome outcome;
    assert_int_equal(options_parse(&toy, 1, argv, &a, &outcome, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "unknown option"));
    assert_non_null(strstr(err.text, "accepted: --name"));
    options_free(&toy, &a);
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"search", "classify", "status", "index", NULL};
    static const struct {
        const char *typed, *nearest;
    } cases[] = {
        {"serch", "search"},  {"saerch", "search"}, {"clasify", "classify"},
        {"stat", "status"},   {"indx", "index"},    {"class", "classify"},
        {"frobnicate", NULL}, {"", NULL},           {"x", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = options_nearest(cases[i].typed, names);
        if (!cases[i].nearest)
            assert_null(got);
        else
            assert_string_equal(got ? got : "(none)", cases[i].nearest);
    }
}

static void test_help_shows_the_table(void **state)
{
    static const char *const parts[] = {
        "fovea toy: play\n",
        "Usage: fovea toy [OPTIONS] [FILE]...\n",
        "A command that exists in this test only.\n",
        "-n, --name NAME",
        "a word; may be repeated",
        "which colour (red, green, blue; default: green)",
        "how many (-5 to 100; default: 3)",
        "-h, --help",
        "--version",
        "  fovea toy --loud x\n      a loud x\n",
    };
    struct str help = str_new(1 << 16);
    options_help(&toy, &help);
    assert_true(str_ok(&help));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(str_text(&help), parts[i]))
            fail_msg("the help lacks \"%s\":\n%s", parts[i], str_text(&help));
    str_free(&help);
}

static void test_help_wraps(void **state)
{
    struct str out = str_new(1 << 16);
    options_help_row(&out, "left",
                     "word word word word word word word word word word word word word word word "
                     "word word word word word",
                     10);
    for (const char *line = str_text(&out); *line; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 80);
        assert_true(strncmp(line, "  left        word", 18) == 0 ||
                    strncmp(line, "              word", 18) == 0);
    }
    str_free(&out);
}

static void check_dump(json_t *value, const char *text)
{
    char *got = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    assert_non_null(got);
    assert_string_equal(got, text);
    free(got);
    json_decref(value);
}

static void test_json_strings(void **state)
{
    check_dump(output_json_string("plain"), "\"plain\"");
    check_dump(output_json_string("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
    check_dump(output_json_string("caf\xe9.jpg"), "\"caf\xef\xbf\xbd.jpg\"");
    check_dump(output_json_string("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    check_dump(output_json_string("cut\xe2\x82"), "\"cut\xef\xbf\xbd\xef\xbf\xbd\"");
    check_dump(output_json_string("surrogate\xed\xa0\x80"),
               "\"surrogate\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_dump(output_json_string(NULL), "null");
}

static void test_json_floats(void **state)
{
    check_dump(output_json_float(0.1f), "0.1");
    check_dump(output_json_float(-2.0f), "-2.0");
    check_dump(output_json_float(1.0f / 3.0f), "0.33333334");
    check_dump(output_json_float(16777216.0f), "16777216.0");
    check_dump(output_json_float(NAN), "null");
    check_dump(output_json_float(INFINITY), "null");
    const float two[] = {0.25f, 1e-7f};
    check_dump(output_json_floats(two, 2), "[0.25,1e-7]");
    check_dump(output_json_floats(two, 0), "[]");

    /* What is printed reads back as the same float32: a walk through all magnitudes. */
    uint64_t seed = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(seed >> 32);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        json_t *json = output_json_float(value);
        char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        if (strtof(text, NULL) != value)
            fail_msg("bits %08x: %s", bits, text);
        assert_true(strlen(text) <= sizeof "-123456789000000.0");
        free(text);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_grouped_flags_and_operands),
        cmocka_unit_test(test_values_at_the_edges),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_what_must_be_there),
        cmocka_unit_test(test_long_input_stays_bounded),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_help_shows_the_table),
        cmocka_unit_test(test_help_wraps),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(test_json_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
