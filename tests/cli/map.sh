#!/bin/sh
# SPDX-License-Identifier: MIT
#
# map.sh FOVEA: `fovea map` and `fovea groups` as a user runs them, on painted pictures with the
# model that ships, of which it is known what they show: the categories part on the map, the groups
# are much like them, and names are of what is seen.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

run demo --out demo --pictures 120 --side 160 --seed 5
expect_code 0
export FOVEA_LIBRARY="$scratch/demo/library.db"
# The scores of a row of figures: figure WORD, the number after it.
figure() { sed -n "s/.*$1 \\(-\\{0,1\\}[0-9.]*\\).*/\\1/p" out | head -n 1; }
at_least() { # at_least WHAT GOT WANTED
    echo "$1: $2, at least $3"
    awk "BEGIN { exit !(\"$2\" != \"\" && $2 + 0 >= $3) }" || fail "$1 is $2 and should be $3"
}

run map --json map.json --quality
expect_code 0
expect_in out "by umap in 3 dimensions, made in"
at_least trustworthiness "$(figure trustworthiness)" 0.93
at_least "silhouette by category" "$(figure 'by category')" 0.4
total=$(sed -n 's/^\([0-9]*\) photographs by.*/\1/p' out)

# The coordinates: rows by file name, these keys and no others, in the unit ball.
[ "$(grep -o '"filename"' map.json | wc -l)" -eq "$total" ] || fail "not a row for each photograph"
tr '{' '\n' <map.json | sed -n 's/^"filename":"\([^"]*\)".*/\1/p' >names
LC_ALL=C sort -c names || fail "rows are not by file name"
tr '{' '\n' <map.json | tail -n +2 | sed 's/[}\],]*$//' |
    awk -F '"(x|y|z)":' '{ if (NF != 4 || ($2 + 0) ^ 2 + ($3 + 0) ^ 2 + ($4 + 0) ^ 2 > 1.0001) bad++ }
        END { exit bad > 0 || NR < 100 }' || fail "a row is not a place in the unit ball"
cp map.json first.json

# Kept; made anew, on any number of threads, the same bytes.
run map --json map.json
expect_in out "kept in the library"
cmp first.json map.json || fail "the kept map differs"
for threads in 1 2 8; do
    run map --remake --threads $threads --json -
    expect_code 0
    expect_empty err
    cmp first.json out || fail "another map with $threads threads"
done
run map --seed 7 --json -
cmp -s first.json out && fail "another seed gives the same map"

# Other methods, a flat map, a part of it.
run map --method pca --quality
expect_in out "explained variance: 0."
run map --method tsne --quality
at_least "trustworthiness of t-SNE" "$(figure trustworthiness)" 0.93
run map --2d --json - --category "Urban Glow"
expect_in out '"category":"Urban Glow"'
grep -q 'Ocean Whispers\|"z"' out && fail "more than was asked for"

# Groups.
run groups --quality
expect_code 0
at_least "adjusted Rand index" "$(figure 'categories')" 0.35
grep -qiE '^ *[0-9]+  .*(star|milky|astro)' out || fail "no group of stars"
grep -qiE '^ *[0-9]+  .*(water|cascade|river|rapids)' out || fail "no group of falling water"
run groups --json --granularity fine
expect_in out '"granularity":"fine"'
expect_in out '"typical":["/'
run groups --granularity coarse --category "Urban Glow"
expect_code 0

# What is not acceptable.
run map --method pca2
expect_code 2
expect_one_line "umap"
run map --neighbors 1
expect_code 2
expect_one_line "neighbors"
run map --json /nowhere/map.json
expect_code 1
expect_one_line "/nowhere/map.json"
run groups --granularity huge
expect_code 2
expect_one_line "medium"
FOVEA_LIBRARY="$scratch/none.db" run map
expect_code 1
expect_one_line "fovea index"

finish
