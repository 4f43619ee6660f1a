/* SPDX-License-Identifier: MIT
 *
 * embed NAME INPUT OUTPUT: writes a C file that defines `const unsigned char NAME[]` with the bytes
 * of INPUT and a NUL after them, and `const unsigned long NAME_size` without it. A build tool.
 */
#include <stdio.h>

static int copy(FILE *in, FILE *out, const char *name)
{
    unsigned long size = 0;
    fprintf(out, "extern const unsigned char %s[];\nextern const unsigned long %s_size;\n", name,
            name);
    fprintf(out, "const unsigned char %s[] = {", name);
    for (int c; (c = getc(in)) != EOF; size++)
        fprintf(out, "%s%d,", size % 24 == 0 ? "\n" : "", c);
    fprintf(out, "\n0};\nconst unsigned long %s_size = %lu;\n", name, size);
    return ferror(in) || ferror(out) || fclose(out) != 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: embed NAME INPUT OUTPUT\n");
        return 2;
    }
    FILE *in = fopen(argv[2], "rb");
    FILE *out = fopen(argv[3], "wb");
    if (!in || !out || copy(in, out, argv[1]) != 0) {
        fprintf(stderr, "embed: cannot write %s from %s\n", argv[3], argv[2]);
        return 1;
    }
    fclose(in);
    return 0;
}
