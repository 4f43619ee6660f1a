#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fovea duplicates: what it finds of copies that are made here, and that decisions hold.
#   duplicates.sh FOVEA COPIES
# $FOVEA_SHARED/photos are real photographs, if they are there.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
copies=$(absolute "$2")

lines_of() { wc -l <"$1" | tr -d ' '; }
expect_fail() { # CODE TEXT ARGS...
    expected=$1
    text=$2
    shift 2
    run "$@"
    expect_code "$expected"
    expect_one_line "$text"
}

# The floors lie well below what docs/duplicates.md measures; they catch what breaks.
precision="same-bytes=100 same-picture=97 same-moment=90"
recall="copied=100 resized-50=90 resized-25=90 recompressed-40=90 recompressed-15=90 \
    converted-webp=90 converted-png=90 lighter=85 turned-90=40 turned-180=40 mirrored=60 \
    cropped-2=70 burst-1=75 burst-2=75"

# check_copies NAME SOURCES LIMIT FLOORS...: copies of the pictures in SOURCES, indexed in NAME.db.
check_copies() {
    name=$1
    sources=$2
    limit=$3
    shift 3
    mkdir "$name"
    originals=$("$copies" make "$sources" "$name" "$limit") || fail "no copies of $sources"
    run index "$name" --library "$name.db" --model demo --offline
    expect_code 0
    run duplicates --library "$name.db" --tier all --json
    expect_code 0
    echo "-- $name: $originals pictures"
    mv out groups.json
    "$copies" score "$originals" "$@" <groups.json || fail "duplicates of $name"
}

echo "-- copies of the sample library"
run demo --only-pictures --pictures 26 --side 384 --repeated 0 --seed 11 --out sample
expect_code 0
# shellcheck disable=SC2086 # lists of floors
check_copies painted sample 20 $precision $recall
if [ -d "${FOVEA_SHARED:-nowhere}/photos" ]; then
    # shellcheck disable=SC2086
    check_copies photographs "$FOVEA_SHARED/photos" "${FOVEA_COPIES:-10}" $precision $recall
else
    echo "the part with real photographs is left out: they are not beside this checkout"
fi

echo "-- decisions"
export FOVEA_LIBRARY="$scratch/painted.db"
pictures() { run duplicates --tier same-picture "$@"; }
pictures painted/000/original.jpg
expect_in out "resized-50.jpg"
expect_in out "keep  "
run duplicates --not-duplicate painted/000/resized-50.jpg painted/000/original.jpg \
    painted/000/converted-png.png
expect_in out "remembered: 3 pairs"
run duplicates --decisions
[ "$(lines_of out)" -eq 3 ] || fail "not three decisions"
expect_in out "not-duplicate"
pictures --csv table.csv
grep -q '000/original.jpg' table.csv && grep -q '000/resized-50.jpg' table.csv &&
    fail "what is no duplicate is in one group"
touch painted/000/resized-50.jpg
run index painted
expect_code 0
run duplicates --decisions --json
expect_in out '"not-duplicate"'
run duplicates --forget painted/000/resized-50.jpg painted/000/original.jpg \
    painted/000/converted-png.png
expect_in out "forgotten: 3 pairs"
run duplicates --decisions
[ "$(lines_of out)" -eq 0 ] || fail "a decision is left"
run duplicates --duplicate painted/000/original.jpg painted/001/original.jpg
pictures painted/001/original.jpg
expect_in out ", decided"
run duplicates --forget painted/000/original.jpg painted/001/original.jpg
expect_fail 2 "a decision is about two photographs" duplicates --not-duplicate painted/000/original.jpg
expect_fail 2 "the same content" duplicates --duplicate painted/000/original.jpg painted/000/copied.jpg
expect_fail 1 "has no photograph nowhere.jpg" duplicates nowhere.jpg
expect_fail 2 "exclude" duplicates --forget --decisions
expect_fail 1 "no vectors of a model called Nope" duplicates --model Nope

echo "-- the table"
run duplicates --csv -
head -n 1 out | grep -q '^group,tier,keep,path,size_bytes,score,reason' || fail "the head of the CSV"
run duplicates --folder painted/003 --json
expect_in out "003/original.jpg"
grep -q "004/original.jpg" out && fail "the filter lets others pass"
[ "$(find painted -type f | wc -l)" -eq $((20 * 18)) ] || fail "a file was removed"
finish
