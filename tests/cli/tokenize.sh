#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tokenize.sh FOVEA GOLDEN.jsonl JSONL: `fovea tokenize` against the reference's ids, byte for byte,
# and lines that are not JSON strings.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
golden=$(absolute "$2")
jsonl=$(absolute "$3")

"$jsonl" text "$golden" >texts.list || fail "cannot read $golden"
"$jsonl" ids "$golden" >ids.list || fail "cannot read $golden"
last="tokenize"
"$fovea" tokenize <texts.list >out 2>err
code=$?
expect_code 0
expect_empty err
[ -s out ] || fail "no output"
cmp out ids.list || {
    diff out ids.list | head -n 20
    fail "the ids differ from the reference's"
}

# at CONTEXT TEXT IDS
at() {
    last="tokenize --context $1 <<< $2"
    printf '%s\n' "$2" | "$fovea" tokenize --context "$1" >out 2>err
    code=$?
    expect_code 0
    [ "$(cat out)" = "$3" ] || fail "expected $3"
}
at 2 '"a photo of a waterfall"' '[49406, 49407]'
at 4 '"a photo of a waterfall"' '[49406, 320, 1125, 49407]'
at 8 '"a photo of a waterfall"' '[49406, 320, 1125, 539, 320, 16403, 49407, 0]'
at 3 '""' '[49406, 49407, 0]'

# No newline at the end of the last line; and no input at all.
printf '"a"' | "$fovea" tokenize --context 3 >out 2>err
[ "$(cat out)" = '[49406, 320, 49407]' ] || fail "a last line without a newline"
"$fovea" tokenize </dev/null >out 2>err || fail "no input is no error"
expect_empty out

# refused LINE TEXT: the second of two lines is refused, and the first still printed.
refused() {
    last="tokenize <<< $1"
    printf '"ok"\n%s\n"never reached"\n' "$1" | "$fovea" tokenize >out 2>err
    code=$?
    expect_code 1
    expect_one_line "tokenize: line 2: "
    expect_in err "$2"
    [ "$(wc -l <out)" -eq 1 ] || fail "expected one line of ids"
}
refused 'a photo' "not a JSON string"
refused '' "not a JSON string"
refused '"open' "not a JSON string"
refused '42' "not a JSON string"
refused '["a"]' "not a JSON string"
refused '"a" "b"' "not a JSON string"
refused "$(printf '"\377"')" "not a JSON string"

# A line without an end must not be read into memory for ever.
head -c 7000000 /dev/zero | tr '\0' 'a' | "$fovea" tokenize >out 2>err
code=$?
last="tokenize <<< (7 MB in one line)"
expect_code 1
expect_one_line "tokenize: line 1: longer than"

finish
