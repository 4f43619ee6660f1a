/* SPDX-License-Identifier: MIT
 *
 * Sidecars as programs write them, and as nobody should: what is put in, what is taken out again,
 * and that nothing else moves. Every case is checked three ways: the document that comes out is the
 * expected one byte for byte, a second edit changes nothing, and taking the keywords out again
 * leaves what was there before (where the case says so).
 */
#include "meta/xmp_edit.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS                                                                                         \
    "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" "                                   \
    "xmlns:dc=\"http://purl.org/dc/elements/1.1/\" "                                               \
    "xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\" xmlns:f=\"urn:fovea:xmp:\""
#define OPEN "<rdf:RDF " NS "><rdf:Description rdf:about=\"\">"
#define CLOSE "</rdf:Description></rdf:RDF>"
#define BAG(items) "<rdf:Bag>" items "</rdf:Bag>"
#define SUBJECT(items) "<dc:subject>" BAG(items) "</dc:subject>"
#define TREE(items) "<lr:hierarchicalSubject>" BAG(items) "</lr:hierarchicalSubject>"
#define OURS(items) "<f:keywords>" BAG(items) "</f:keywords>"
#define LI(text) "<rdf:li>" text "</rdf:li>"

static enum status edit(struct xmp_change *out, const char *bytes, size_t size, const char *prefix,
                        const char *names, const char *embedded, struct err *err)
{
    char copy[512], *rest = copy;
    const char *list[8];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *name; (name = strsep(&rest, "\n")) != NULL;)
        if (*name)
            list[count++] = name;
    const struct xmp_keywords keywords = {prefix, list, count, embedded};
    return xmp_edit(out, bytes, size, &keywords, err);
}

struct edit_case {
    const char *what, *before, *names, *after;
    bool restores; /* taking the names out again gives `before` */
    const char *embedded, *prefix;
};

static const struct edit_case cases[] = {
    {"no list yet", OPEN CLOSE, "A",
     OPEN SUBJECT(LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, true, NULL, NULL},
    {"beside the user's keyword", OPEN SUBJECT(LI("u")) CLOSE, "A",
     OPEN SUBJECT(LI("u") LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, true, NULL, NULL},
    {"the user has it already: it stays the user's", OPEN SUBJECT(LI("A") LI("u")) CLOSE, "A",
     OPEN SUBJECT(LI("A") LI("u")) TREE(LI("fovea|A")) CLOSE, true, NULL, NULL},
    {"another category: ours goes, the user's stays",
     OPEN SUBJECT(LI("u") LI("A") LI("v")) TREE(LI("places|x") LI("fovea|A")) OURS(LI("fovea|A"))
         CLOSE,
     "B",
     OPEN SUBJECT(LI("u") LI("v") LI("B")) TREE(LI("places|x") LI("fovea|B")) OURS(LI("fovea|B"))
         CLOSE,
     false, NULL, NULL},
    {"none any more: lists that were ours alone go",
     OPEN SUBJECT(LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, "", OPEN CLOSE, false,
     NULL, NULL},
    {"another prefix is another classification's",
     OPEN SUBJECT(LI("A") LI("W")) TREE(LI("fovea|A") LI("fovea|set|W"))
         OURS(LI("fovea|A") LI("fovea|set|W")) CLOSE,
     "", OPEN SUBJECT(LI("W")) TREE(LI("fovea|set|W")) OURS(LI("fovea|set|W")) CLOSE, false, NULL,
     NULL},
    {"two classifications of one opinion: the word stays for the other",
     OPEN SUBJECT(LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, "A",
     OPEN SUBJECT(LI("A")) TREE(LI("fovea|A") LI("second|A")) OURS(LI("fovea|A") LI("second|A"))
         CLOSE,
     true, NULL, "second"},
    {"several", OPEN CLOSE, "A\nB",
     OPEN SUBJECT(LI("A") LI("B")) TREE(LI("fovea|A") LI("fovea|B"))
         OURS(LI("fovea|A") LI("fovea|B")) CLOSE,
     true, NULL, NULL},
    {"what XML and levels make special", OPEN CLOSE, "a<b>&\"c|d",
     OPEN SUBJECT(LI("a&lt;b&gt;&amp;\"c|d")) TREE(LI("fovea|a&lt;b&gt;&amp;\"c/d"))
         OURS(LI("fovea|a&lt;b&gt;&amp;\"c/d")) CLOSE,
     true, NULL, NULL},
    {"control characters and broken UTF-8", OPEN CLOSE, "a\tb\xff",
     OPEN SUBJECT(LI("a b\xef\xbf\xbd")) TREE(LI("fovea|a b\xef\xbf\xbd"))
         OURS(LI("fovea|a b\xef\xbf\xbd")) CLOSE,
     true, NULL, NULL},
    {"embedded keywords come along, as the user's", OPEN CLOSE, "A",
     OPEN SUBJECT(LI("u") LI("v") LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, false,
     "u\nv\n", NULL},
    {"but not over a list that is there", OPEN SUBJECT(LI("w")) CLOSE, "A",
     OPEN SUBJECT(LI("w") LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, true, "u\nv\n",
     NULL},
    {"an embedded keyword of the same name is the user's", OPEN CLOSE, "A",
     OPEN SUBJECT(LI("A")) TREE(LI("fovea|A")) CLOSE, false, "A\n", NULL},
    {"<dc:subject/>", OPEN "<dc:subject/>" CLOSE, "A",
     OPEN SUBJECT(LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, false, NULL, NULL},
    {"<dc:subject ></dc:subject >", OPEN "<dc:subject ></dc:subject >" CLOSE, "A",
     OPEN "<dc:subject >" BAG(LI("A")) "</dc:subject >" TREE(LI("fovea|A")) OURS(LI("fovea|A"))
         CLOSE,
     false, NULL, NULL},
    {"<rdf:Bag/>", OPEN "<dc:subject><rdf:Bag/></dc:subject>" CLOSE, "A",
     OPEN SUBJECT(LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, false, NULL, NULL},
    {"<rdf:Seq></rdf:Seq>", OPEN "<dc:subject><rdf:Seq></rdf:Seq></dc:subject>" CLOSE, "A",
     OPEN "<dc:subject><rdf:Seq>" LI("A") "</rdf:Seq></dc:subject>" TREE(LI("fovea|A"))
         OURS(LI("fovea|A")) CLOSE,
     false, NULL, NULL},
    {"a text in the place of a list", OPEN "<dc:subject>b&amp;c</dc:subject>" CLOSE, "A",
     OPEN SUBJECT(LI("b&amp;c") LI("A")) TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE, false, NULL,
     NULL},
    {"an attribute in the place of a list",
     "<rdf:RDF " NS
     "><rdf:Description rdf:about=''  dc:subject='b&amp;\"c' dc:x=\"'>\"/></rdf:RDF>",
     "A",
     "<rdf:RDF " NS "><rdf:Description rdf:about='' dc:x=\"'>\">" SUBJECT(LI("b&amp;\"c") LI("A"))
         TREE(LI("fovea|A")) OURS(LI("fovea|A")) "</rdf:Description></rdf:RDF>",
     false, NULL, NULL},
    {"an attribute that has the keyword is left alone",
     "<rdf:RDF " NS "><rdf:Description dc:subject=\"A\"/></rdf:RDF>", "A",
     "<rdf:RDF " NS
     "><rdf:Description dc:subject=\"A\">" TREE(LI("fovea|A")) "</rdf:Description></rdf:RDF>",
     false, NULL, NULL},
    {"a namespace declared beside the attribute, with the same letters",
     "<rdf:RDF " NS "><rdf:Description xmlns:q=\"http://purl.org/dc/elements/1.1/\" "
     "q:subject=\"q\" xmlnsx=\"1\"/></rdf:RDF>",
     "A",
     "<rdf:RDF " NS "><rdf:Description xmlns:q=\"http://purl.org/dc/elements/1.1/\" xmlnsx=\"1\">"
     "<q:subject>" BAG(LI("q") LI("A")) "</q:subject>" TREE(LI("fovea|A"))
         OURS(LI("fovea|A")) "</rdf:Description></rdf:RDF>",
     false, NULL, NULL},
    {"the second description has the list",
     "<rdf:RDF " NS "><rdf:Description><dc:x>1</dc:x></rdf:Description><rdf:Description>" SUBJECT(
         LI("u")) "</rdf:Description></rdf:RDF>",
     "A",
     "<rdf:RDF " NS "><rdf:Description><dc:x>1</dc:x>" TREE(LI("fovea|A"))
         OURS(LI("fovea|A")) "</rdf:Description><rdf:Description>" SUBJECT(
             LI("u") LI("A")) "</rdf:Description></rdf:RDF>",
     true, NULL, NULL},
    {"the same names deeper down are somebody else's",
     OPEN "<dc:history><rdf:Description>" SUBJECT(LI("A")) "</rdf:Description></dc:history>" CLOSE,
     "A",
     OPEN "<dc:history><rdf:Description>" SUBJECT(
         LI("A")) "</rdf:Description></dc:history>" SUBJECT(LI("A")) TREE(LI("fovea|A"))
         OURS(LI("fovea|A")) CLOSE,
     true, NULL, NULL},
    {"comments, CDATA, instructions, entries with attributes",
     OPEN "<!-- <dc:subject> --><dc:subject><rdf:Bag><?x y?><rdf:li xml:lang=\"en\">u</rdf:li>" LI(
         "<![CDATA[A]]>") "<!-- z --></rdf:Bag></dc:subject>" CLOSE,
     "A",
     OPEN "<!-- <dc:subject> --><dc:subject><rdf:Bag><?x y?><rdf:li xml:lang=\"en\">u</rdf:li>" LI(
         "<![CDATA[A]]>") "<!-- z --></rdf:Bag></dc:subject>" TREE(LI("fovea|A")) CLOSE,
     true, NULL, NULL},
    {"an entry that is no text stays",
     OPEN SUBJECT("<rdf:li rdf:parseType=\"Resource\"><rdf:value>A</rdf:value></rdf:li>") CLOSE,
     "A",
     OPEN SUBJECT("<rdf:li rdf:parseType=\"Resource\"><rdf:value>A</rdf:value></rdf:li>" LI("A"))
         TREE(LI("fovea|A")) OURS(LI("fovea|A")) CLOSE,
     true, NULL, NULL},
    {"no description", "<rdf:RDF " NS "/>", "A",
     "<rdf:RDF " NS "><rdf:Description rdf:about=\"\">" SUBJECT(LI("A")) TREE(LI("fovea|A"))
         OURS(LI("fovea|A")) "</rdf:Description></rdf:RDF>",
     false, NULL, NULL},
    {"other prefixes, and rdf without one",
     "<RDF xmlns=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" "
     "xmlns:d=\"http://purl.org/dc/elements/1.1/\"><Description><d:subject><Bag/></d:subject>"
     "</Description></RDF>",
     "A",
     "<RDF xmlns=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" "
     "xmlns:d=\"http://purl.org/dc/elements/1.1/\"><Description><d:subject><Bag><li>A</li></Bag>"
     "</d:subject><lr:hierarchicalSubject xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\"><Bag>"
     "<li>fovea|A</li></Bag></lr:hierarchicalSubject><fovea:keywords "
     "xmlns:fovea=\"urn:fovea:xmp:\">"
     "<Bag><li>fovea|A</li></Bag></fovea:keywords></Description></RDF>",
     false, NULL, NULL},
    {"the usual prefix stands for something else",
     "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns:dc=\"x:y\" "
     "xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\" xmlns:f=\"urn:fovea:xmp:\">"
     "<rdf:Description dc:subject=\"1\"/></rdf:RDF>",
     "A",
     "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns:dc=\"x:y\" "
     "xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\" xmlns:f=\"urn:fovea:xmp:\">"
     "<rdf:Description dc:subject=\"1\"><dc:subject "
     "xmlns:dc=\"http://purl.org/dc/elements/1.1/\">" BAG(LI("A")) "</dc:subject>" TREE(
         LI("fovea|A")) OURS(LI("fovea|A")) "</rdf:Description></rdf:RDF>",
     false, NULL, NULL},
    {"wrapper, packet with padding, byte order mark, indentation, CRLF",
     "\xef\xbb\xbf<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\r\n"
     "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\r\n  <rdf:RDF " NS ">\r\n"
     "    <rdf:Description rdf:about=\"\">\r\n      <dc:subject>\r\n        <rdf:Bag>\r\n"
     "          <rdf:li>u</rdf:li>\r\n        </rdf:Bag>\r\n      </dc:subject>\r\n\r\n"
     "      <dc:x>&#13;</dc:x>\r\n    </rdf:Description>\r\n  </rdf:RDF>\r\n</x:xmpmeta>\r\n"
     "      \r\n      \r\n<?xpacket end=\"w\"?>",
     "A",
     "\xef\xbb\xbf<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\r\n"
     "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\r\n  <rdf:RDF " NS ">\r\n"
     "    <rdf:Description rdf:about=\"\">\r\n      <dc:subject>\r\n        <rdf:Bag>\r\n"
     "          <rdf:li>u</rdf:li>\r\n          <rdf:li>A</rdf:li>\r\n        </rdf:Bag>\r\n"
     "      </dc:subject>\r\n\r\n      <dc:x>&#13;</dc:x>\r\n"
     "      <lr:hierarchicalSubject>\r\n        <rdf:Bag>\r\n          <rdf:li>fovea|A</rdf:li>\r\n"
     "        </rdf:Bag>\r\n      </lr:hierarchicalSubject>\r\n"
     "      <f:keywords>\r\n        <rdf:Bag>\r\n          <rdf:li>fovea|A</rdf:li>\r\n"
     "        </rdf:Bag>\r\n      </f:keywords>\r\n"
     "    </rdf:Description>\r\n  </rdf:RDF>\r\n</x:xmpmeta>\r\n"
     "      \r\n      \r\n<?xpacket end=\"w\"?>",
     true, NULL, NULL},
    {"attributes only, tabs",
     "<rdf:RDF " NS ">\n\t<rdf:Description rdf:about=\"\"\n\t\tdc:x=\"5\" />\n</rdf:RDF>\n", "A",
     "<rdf:RDF " NS ">\n\t<rdf:Description rdf:about=\"\"\n\t\tdc:x=\"5\" >\n"
     "\t <dc:subject>\n\t  <rdf:Bag>\n\t   <rdf:li>A</rdf:li>\n\t  </rdf:Bag>\n\t </dc:subject>\n"
     "\t <lr:hierarchicalSubject>\n\t  <rdf:Bag>\n\t   <rdf:li>fovea|A</rdf:li>\n\t  </rdf:Bag>\n"
     "\t </lr:hierarchicalSubject>\n"
     "\t <f:keywords>\n\t  <rdf:Bag>\n\t   <rdf:li>fovea|A</rdf:li>\n\t  </rdf:Bag>\n"
     "\t </f:keywords>\n"
     "\t</rdf:Description>\n</rdf:RDF>\n",
     false, NULL, NULL},
    {"nothing to say, nothing done", OPEN "<dc:subject/>" CLOSE, "", OPEN "<dc:subject/>" CLOSE,
     true, "u\n", NULL},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct edit_case *c = &cases[i];
        const char *prefix = c->prefix ? c->prefix : "fovea";
        struct xmp_change change, again, back;
        struct err err = {0};
        enum status status =
            edit(&change, c->before, strlen(c->before), prefix, c->names, c->embedded, &err);
        if (status != OK || strcmp(str_text(&change.bytes), c->after) != 0)
            fail_msg("%s: %s\n%s\nexpected\n%s", c->what, err.text,
                     status == OK ? str_text(&change.bytes) : "", c->after);
        assert_int_equal(change.changed, strcmp(c->before, c->after) != 0);
        assert_int_equal(
            edit(&again, c->after, strlen(c->after), prefix, c->names, c->embedded, &err), OK);
        if (again.changed)
            fail_msg("%s: a second edit changes it again:\n%s", c->what, str_text(&again.bytes));
        xmp_change_free(&again);
        assert_int_equal(edit(&back, c->after, strlen(c->after), prefix, "", NULL, &err), OK);
        if (c->restores && strcmp(str_text(&back.bytes), c->before) != 0)
            fail_msg("%s: taken out again:\n%s", c->what, str_text(&back.bytes));
        xmp_change_free(&back);
        xmp_change_free(&change);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char utf16[] = "\xff\xfe<\0r\0d\0f\0/\0>\0";
    static const struct {
        const char *bytes;
        size_t size;
        enum status status;
        const char *says;
    } refused[] = {
        {"", 0, ERR_FORMAT, "not well-formed"},
        {"\0", 1, ERR_FORMAT, "not well-formed"},
        {"<a>", 3, ERR_FORMAT, "not well-formed"},
        {"<a/>", 4, ERR_FORMAT, "no XMP"},
        {utf16, sizeof utf16 - 1, ERR_UNSUPPORTED, "UTF-16"},
        {utf16 + 2, sizeof utf16 - 3, ERR_UNSUPPORTED, "UTF-16"},
#define TEXT(text) text, sizeof text - 1
        {TEXT("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>" OPEN CLOSE), ERR_UNSUPPORTED,
         "not UTF-8"},
        {TEXT("<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;&b;&b;\">]>" OPEN "&d;" CLOSE),
         ERR_UNSUPPORTED, "DOCTYPE"},
        {TEXT(OPEN SUBJECT(LI("a")) SUBJECT(LI("b")) CLOSE), ERR_FORMAT, "twice"},
        {TEXT(OPEN "<dc:subject rdf:parseType=\"Literal\"/>" CLOSE), ERR_UNSUPPORTED, "in a way"},
        {TEXT(OPEN "<dc:subject><dc:b/></dc:subject>" CLOSE), ERR_UNSUPPORTED, "in a way"},
        {TEXT(OPEN "<dc:subject>x<rdf:Bag/>y</dc:subject>" CLOSE), ERR_UNSUPPORTED, "in a way"},
        {TEXT(OPEN "<dc:subject>a&undefined;</dc:subject>" CLOSE), ERR_FORMAT, "not well-formed"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct xmp_change change;
        struct err err = {0};
        /* A copy of the exact size, so that the sanitizer sees a read past its end. */
        char *copy = malloc(refused[i].size + !refused[i].size);
        memcpy(copy, refused[i].bytes, refused[i].size);
        enum status status = edit(&change, copy, refused[i].size, "fovea", "A", NULL, &err);
        free(copy);
        if (status != refused[i].status || !strstr(err.text, refused[i].says))
            fail_msg("%s: status %d, %s", refused[i].bytes, (int)status, err.text);
    }
}

static void test_new_document(void **state)
{
    (void)state;
    struct xmp_change change, again;
    struct err err;
    assert_int_equal(edit(&change, NULL, 0, "fovea", "Urban Glow", "u\n", &err), OK);
    assert_true(change.changed);
    assert_non_null(strstr(str_text(&change.bytes), "     <rdf:li>Urban Glow</rdf:li>\n"));
    assert_string_equal(str_text(&change.added), "u\nUrban Glow\nfovea|Urban Glow\n");
    assert_int_equal(
        edit(&again, str_text(&change.bytes), change.bytes.size, "fovea", "Wild", "u\n", &err), OK);
    assert_string_equal(str_text(&again.added), "Wild\nfovea|Wild\n");
    assert_string_equal(str_text(&again.removed), "Urban Glow\nfovea|Urban Glow\n");
    xmp_change_free(&again);
    xmp_change_free(&change);
    assert_int_equal(edit(&change, NULL, 0, "fovea", "", "u\n", &err), OK);
    assert_false(change.changed);
    xmp_change_free(&change);
}

/* Damaged documents of every kind: an error or an answer, no crash; an answer is stable. */
static void test_damage(void **state)
{
    (void)state;
    uint32_t random = 20261124;
    printf("seed %u\n", random);
    for (int round = 0; round < 4000; round++) {
        const struct edit_case *c = &cases[(size_t)round % (sizeof cases / sizeof *cases)];
        size_t size = strlen(c->after);
        char *bytes = malloc(size + 1);
        memcpy(bytes, c->after, size + 1);
        for (int k = 0; k <= round % 3; k++) {
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % size;
            static const char nasty[] = "<>/\"'=& :\n|lA\x80";
            if (random & 0x80)
                bytes[at] = nasty[(random >> 3) % (sizeof nasty - 1)];
            else
                memmove(bytes + at, bytes + at + 1, size-- - at);
        }
        struct xmp_change change;
        struct err err;
        if (edit(&change, bytes, size, "fovea", round & 1 ? "Z" : "", "e\n", &err) == OK)
            xmp_change_free(&change);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_new_document),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
