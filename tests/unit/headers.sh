#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh ROOT CC...: the public header compiles alone, as C99, C11 and C++ with all warnings, and
# so does the example in its comment. (.ci/run compiles each of the others.)
set -u
root=$1
shift
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-headers.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
failures=0
: >"$scratch/failed"

# compiles WHAT FLAGS...: the program on stdin
compiles() {
    what=$1
    shift
    "$@" -fsyntax-only -Wall -Wextra -Werror - >"$scratch/log" 2>&1 && return
    echo "FAIL: $what" | tee -a "$scratch/failed" # at the end of a pipe a variable would be lost
    head -n 10 "$scratch/log"
}

public=$root/include/fovea/fovea.h
for standard in c99 c11; do
    echo '#include "fovea/fovea.h"' |
        compiles "fovea.h as $standard" "$@" -x c -std=$standard -pedantic -I "$root/include"
done
if echo 'int f();' | "$@" -x c++ -fsyntax-only - 2>/dev/null; then
    echo '#include "fovea/fovea.h"' |
        compiles "fovea.h as C++" "$@" -x c++ -std=c++11 -pedantic -I "$root/include"
else
    echo "no C++ compiler: fovea.h is not tried with it"
fi

# The example: the indented lines of the comment; what stands in parentheses there is prose.
sed -n 's/^ \*     //p' "$public" | sed '/^(.*)$/d' >"$scratch/example"
if grep -q fovea_embed_text "$scratch/example"; then
    {
        printf '#include "fovea/fovea.h"\n#include <stdlib.h>\n'
        printf 'int example(const uint8_t *pixels, int width, int height);\n'
        printf 'int example(const uint8_t *pixels, int width, int height) {\n'
        cat "$scratch/example"
        printf 'failed: fovea_session_close(session); fovea_model_close(model);\n'
        printf 'free(picture); free(text); return error.status; }\n'
    } | compiles "the example in fovea.h" "$@" -x c -std=c99 -pedantic -I "$root/include"
else
    failures=$((failures + 1))
    echo "FAIL: no example found in fovea.h"
fi

failures=$((failures + $(wc -l <"$scratch/failed")))
echo "$failures failures"
[ "$failures" -eq 0 ]
