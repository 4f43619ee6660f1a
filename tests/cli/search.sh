#!/bin/sh
# SPDX-License-Identifier: MIT
#
# search.sh FOVEA: what search and similar can do beside finding: floors, exclusion, filters, order,
# copies collapsed, and every way of showing an answer; on a painted library with the model that
# ships.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

run demo --out demo --pictures 60 --side 128 --seed 11
expect_code 0
export FOVEA_LIBRARY="$scratch/demo/library.db"
pictures="$scratch/demo/pictures"

field() { # field NAME: of the last answer in out
    sed -E "s/.*\"$1\":([^,}]*).*/\\1/" out | head -n 1
}
paths() { grep -o '"path":"[^"]*"' out | sort; }

echo "-- the floor"
run search "the sea" --limit 100 --json
usual=$(field strong_count)
run search "the sea" --limit 100 --json --floor auto
expect_code 0
expect_in out '"strong":true'
found=$(field strong_count)
if [ "$found" -lt 1 ] || [ "$found" -gt "$usual" ]; then fail "auto found $found of $usual"; fi
grep -q '"floor":0.2,' out && fail "the adaptive floor is the usual one"
run search "a bowl of noodle soup" --floor auto
expect_in out "no strong matches found; the closest photograph:"
run search "the sea" --floor automatic
expect_code 2
expect_one_line "give a number from -1 to 1, or auto"

echo "-- weak ones come after a divider"
run search "the sea" --floor auto --weak --limit 60
expect_in out "---- below the floor of "
run search "the sea" --floor auto --weak --limit 60 --json
paths >all
[ "$(wc -l <all)" -eq "$(field total)" ] || fail "weak and strong are not all"

echo "-- exclusion"
run search "the sea" --limit 100 --json --floor auto --not "the sea"
[ "$(field excluded)" -ge 1 ] || fail "nothing is left out"
run search "stars" --limit 100 --json --not "the milky way"
paths >without
excluded=$(field excluded)
run search "stars" --limit 100 --json
paths >with
[ "$excluded" -ge 1 ] || fail "no milky way is left out"
[ -z "$(comm -23 without with)" ] || fail "exclusion adds photographs"
run search "stars" --limit 3 --json --not "the milky way:0.5"
[ "$(field excluded)" -eq 0 ] || fail "a weighted --not leaves something out"

echo "-- paths"
run search "the sea" --paths --limit 5
expect_code 0
[ "$(grep -c "^$pictures/" out)" -eq "$(wc -l <out)" ] || fail "not only paths"
tr '\n' '\0' <out >nul
run search "the sea" -0 --limit 5
cmp -s out nul || fail "-0 gives other paths"
xargs -0 ls <out >/dev/null || fail "the paths are not there"
run search "a bowl of noodle soup" --paths
expect_code 0
expect_empty out
expect_in err "no strong matches found"
run search "the sea" --paths --json
expect_code 2
expect_one_line "--json and --paths exclude each other"

echo "-- order"
run search "the sea" --limit 20 --paths
sort out >by_score
run search "the sea" --limit 20 --paths --sort path
LC_ALL=C sort -c out || fail "not sorted by path"
sort out | cmp -s - by_score || fail "another order has other photographs"
run search "the sea" --limit 20 --json --sort date --floor -1
grep -o '"taken_at":"[^"]*"' out | LC_ALL=C sort -r >dates
grep -o '"taken_at":"[^"]*"' out | cmp -s - dates || fail "not the newest first"
[ -s dates ] || fail "no photograph has a date"

echo "-- filters"
year=$(sed -n '$s/.*:"\([0-9]*\).*/\1/p' dates)
run search "the sea" --limit 60 --json --floor -1 --since "$year" --until "$year"
[ "$(field total)" -ge 1 ] || fail "no photograph of $year"
[ "$(grep -o '"taken_at":"[0-9]*' out | sort -u)" = "\"taken_at\":\"$year" ] || fail "other years"
run search "the sea" --limit 60 --json --floor -1 --folder "$pictures/$year"
total=$(field total)
if [ "$total" -lt 1 ] || [ "$total" -ge 50 ]; then fail "a folder has $total photographs"; fi
(cd "$pictures" && "$fovea" search "the sea" --floor -1 --json --folder "$year") >out
[ "$(field total)" -eq "$total" ] || fail "a relative folder is another one"
run search "the sea" --camera "no such camera"
expect_in out "no photograph passes the filters"
run search "the sea" --rating 9
expect_code 2
expect_one_line "bad value '9' for rating; accepted: stars 0 to 5"
run search "the sea" --since 2023-02-30
expect_code 2
expect_one_line "accepted: a date"

echo "-- more like this"
run search "the sea" --paths --limit 1
photo=$(cat out)
run similar "$photo" --limit 3 --json --model nowhere/nothing
expect_code 1
run similar "$photo" --limit 3 --json
expect_code 0
grep -qF "\"$photo\"" out && fail "a photograph is like itself"
paths >like
cp "$photo" elsewhere.jpg
run similar elsewhere.jpg --limit 3 --json
paths | cmp -s - like || fail "a copy is like others"
run search --image "$photo" --limit 60 --unique --floor -1
expect_code 0
run similar nowhere.jpg
expect_code 1
expect_one_line "is neither a file nor a photograph of the library"
rm "$photo"
run similar "$photo" --limit 3 --json # the library still knows it
expect_code 0
paths | cmp -s - like || fail "without its file a photograph is like others"

echo "-- a contact sheet"
run search "the sea" --limit 8 --weak --sheet sheet.jpg
expect_code 0
[ "$(head -c 2 sheet.jpg | od -An -tx1 | tr -d ' ')" = ffd8 ] || fail "the sheet is no JPEG"
run search "the sea" --limit 8 --sheet sheet.xyz
expect_code 2
[ ! -e sheet.xyz ] || fail "a sheet of no format"
finish
