#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Damaged pictures are indexed: the run ends well, and each file is either in the library with its
# vector or recorded with a reason; a second run finds nothing to do; with the decoders in the
# process itself it comes out the same, file by file and word for word.
# damaged.sh PROGRAM DAMAGE-PICTURES GOLDEN
#
# 105 pictures; FOVEA_TEST_LONG=N makes N (1000 without a number that is larger than 1).
# FOVEA_TEST_SEED chooses others.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
damage=$(absolute "$2")
golden=$(absolute "$3")

count=105
[ -z "${FOVEA_TEST_LONG-}" ] || count=1000
[ "${FOVEA_TEST_LONG:-0}" -le 1 ] || count=$FOVEA_TEST_LONG
run demo --out "$scratch/demo" --pictures 40 --side 96 --only-pictures
expect_code 0
mkdir damaged
mkdir sources
find demo/pictures -name "*.jpg" -exec mv {} sources/ \;
set -- "$golden/images" sources
[ ! -d "${FOVEA_SHARED-}/golden/images" ] || set -- "$@" "$FOVEA_SHARED/golden/images"
"$damage" damaged "$count" "${FOVEA_TEST_SEED:-1}" "$@" || fail "no pictures were made"

# one NAME OPTIONS...: indexes into NAME.db; outcomes, one line for each file, in NAME.lines
one() {
    name=$1
    shift
    run index damaged --library "$name.db" --model demo --json "$@"
    expect_code 0
    ! grep -q '^fovea: ' err || fail "$(head -n 1 err)" # decoders print what they like
    grep -E '"event":"(photo|failed)"' out | sed 's/,"done".*//' | sort >"$name.lines"
    [ "$(wc -l <"$name.lines")" -eq "$count" ] ||
        fail "$(wc -l <"$name.lines") of $count files have an outcome"
    failed=$(grep -c '"event":"failed"' "$name.lines")
    run status --errors --json --library "$name.db"
    expect_code 0
    [ "$(grep -o '"reason":"[^"]\{8,\}"' out | wc -l)" -eq "$failed" ] ||
        fail "not each of the $failed failures has its reason"
}

one here --no-sandbox
FOVEA_SANDBOX=on one there
echo "$count pictures: $((count - failed)) embedded, $failed with a reason"
[ "$failed" -gt $((count / 20)) ] || fail "hardly any is damaged"
[ "$failed" -lt $((count * 19 / 20)) ] || fail "hardly any can be read"
cmp -s here.lines there.lines || {
    fail "decoders in children give other outcomes"
    diff here.lines there.lines | head
}
run index damaged --library there.db --model demo --json
expect_code 0
expect_in out '"embedded":0,'
finish
