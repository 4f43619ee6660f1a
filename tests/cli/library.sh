#!/bin/sh
# SPDX-License-Identifier: MIT
#
# library.sh FOVEA MODELS MAKE_PICTURES: the way from a folder to answers, as a user types it: index,
# classify, search, status. The model's weights are synthetic, so what is tested is everything but
# the meaning: what is printed, in which form, and that a picture finds itself.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
models=$(absolute "$2")
make_pictures=$(absolute "$3")

"$make_pictures" pictures >made || fail "no pictures"
total=$(find pictures -name '*.png' | wc -l)
run model synth "$models/tiny-quickgelu/open_clip_config.json" --seed 0 --out model
expect_code 0
export FOVEA_LIBRARY="$scratch/library.db"

# Before there is anything.
for command in "search sea" classify status; do
    # shellcheck disable=SC2086 # words
    run $command
    expect_code 1
    expect_one_line "fovea index"
done

# Index: everything, then nothing, then what changed.
run index --model model pictures
expect_code 0
expect_in out "$total photographs found: $total new, 0 unchanged"
run index pictures # the model is the one of the last run
expect_code 0
expect_in out "$total photographs found: 0 new, $total unchanged"
expect_empty err
mv pictures/sea-1.png pictures/moved.png
printf 'no picture' >pictures/bad.jpg
run index pictures --json
expect_code 0
expect_in out '"event":"begin"'
expect_in out '"known":true'
expect_in out '"event":"failed"'
expect_in out '"forgotten":1'
[ "$(wc -l <out)" -eq 4 ] || fail "expected four events"

# Status.
run status
expect_code 0
expect_in out "$total photographs"
expect_in out "1 file could not be read"
run status --errors
expect_in out "$scratch/pictures/bad.jpg: "
[ "$(wc -l <out)" -eq 1 ] || fail "expected one failure"
run status --json
expect_in out "\"photos\":$total,"
rm pictures/bad.jpg
run index pictures

# Classify: the table is RFC 4180 with CRLF, a row for each photograph, sorted by path.
run classify --csv - --relative-to pictures
expect_code 0
head -n 1 out >columns
printf 'path,category,confidence,margin,uncertain,Starlit Wonders,Wild Horizons,Time in Motion,Urban Glow,Ocean Whispers,Liquid Cascades\r\n' >wanted
cmp -s columns wanted || fail "the table's head differs"
[ "$(wc -l <out)" -eq $((total + 1)) ] || fail "expected a row for each photograph"
[ "$(grep -c "$(printf '\r')\$" out)" -eq $((total + 1)) ] || fail "a row without CRLF"
tail -n +2 out | cut -d , -f 1 >paths
LC_ALL=C sort -c paths || fail "the rows are not sorted by path"
grep -vE '^[^,]+,[A-Z][A-Za-z ]+,(0|1)\.[0-9]{1,4},(0|1)\.[0-9]{1,4},(True|False)(,(0|1)\.[0-9]{1,4}){6}.$' out |
    tail -n +2 >odd
[ ! -s odd ] || fail "odd rows: $(head -n 1 odd)"
run classify --csv table.csv
expect_code 0
expect_in out "$total photographs, "
expect_in table.csv "$scratch/pictures/moved.png,"
run classify --none-below 0.99 --json
expect_code 0
expect_in out '"category":"None of these"'
expect_in out '"cosines"'
printf '{"one": ["a"], "two, \\"quoted\\"": "b"}' >two.json
run classify --categories two.json --csv - --link-to sorted
expect_code 0
expect_in out 'uncertain,one,"two, ""quoted"""'
[ "$(find sorted -type l | wc -l)" -eq "$total" ] || fail "expected a link for each photograph"
run classify --categories two.json --link-to sorted # again: nothing is added
expect_code 0
[ "$(find sorted -type l | wc -l)" -eq "$total" ] || fail "links were made twice"

# Search by a phrase: nothing reaches the floor of 0.20, so the closest one is shown, flagged.
run search "a city skyline glowing at night"
expect_code 0
expect_in out "no strong matches found"
[ "$(wc -l <out)" -eq 2 ] || fail "expected the single closest photograph"
run search "a city skyline glowing at night" --floor -1 --limit 3
[ "$(wc -l <out)" -eq 3 ] || fail "expected three photographs above a floor of -1"
run search "a city skyline" --json
expect_in out '"strong":false'
expect_in out '"floor":0.2,'
expect_in out '"message":"no strong matches found"'

# By a picture: it finds itself first, and that is a strong match even when it is the only one.
run search --image pictures/moved.png
expect_code 0
head -n 1 out >first
expect_in first "1.0000  $scratch/pictures/moved.png"
run search --image pictures/moved.png --floor 0.9999 --json
expect_in out '"strong":true'
run search "sea:1.0" --image pictures/moved.png:0.5 --not people --floor -1 -n 2
expect_code 0
[ "$(wc -l <out)" -eq 2 ] || fail "expected two photographs"
run search sea --category one --floor -1 --json -n 1000
expect_code 0
if grep -q '"category":"two' out; then fail "--category let another one through"; fi
run search sea --category "no such"
expect_code 1
expect_one_line "no such"

# Pictures of another size: other vectors of the same model, which a reader finds by itself.
run index --image-size 84 pictures
expect_code 0
expect_in out "$total photographs found: $total new, 0 unchanged"
run search --image pictures/moved.png
expect_code 0
head -n 1 out >first
expect_in first "1.0000  $scratch/pictures/moved.png"
run index pictures # goes on at the size of the last run
expect_code 0
expect_in out "0 new, $total unchanged"
run search sea --image-size 70
expect_code 1
expect_one_line "no vectors of $scratch/model for pictures of 70 pixels"
run index --image-size 56 pictures # the model's own: the first vectors are still there
expect_in out "0 new, $total unchanged"
run search --image pictures/moved.png --image-size 84
expect_code 0
head -n 1 out >first
expect_in first "1.0000  $scratch/pictures/moved.png"
run status --json
[ "$(grep -o '"fingerprint":"[^"]*"' out | sort -u | wc -l)" -eq 2 ] || fail "expected two models"
run status # one name twice: which is which
expect_in out "dimensions, answers"
expect_in out "dimensions, from pictures of another size"
# Dropping the vectors of a model, and a folder.
run retire "$scratch/nothing"
expect_code 1
expect_one_line "has those of"
run status --json
old=$(tr '{' '\n' <out | sed -nE 's/.*"fingerprint":"([^"]*)","active":false.*/\1/p')
new=$(tr '{' '\n' <out | sed -nE 's/.*"fingerprint":"([^"]*)","active":true.*/\1/p')
run retire "$new"
expect_code 2
expect_one_line "the model that answers"
run retire "$old"
expect_code 0
expect_in out "vectors"
run index # the folders of the runs before
expect_code 0
expect_in out "0 new, $total unchanged"
mkdir other
cp pictures/moved.png other/
run index other --exclude '*.jpg'
expect_code 0
run status
expect_in out "folder $scratch/other"
run forget other
expect_code 0
expect_in out "1 file dropped"
run forget other
expect_code 1
expect_one_line "knows nothing of"
[ -f other/moved.png ] || fail "forget has deleted a file"
run embed --model model --image-size 13 pictures/moved.png
expect_code 2
expect_one_line "larger than pictures of 13"
run embed --model model --image-size 5000 pictures/moved.png
expect_code 2
expect_one_line "--image-size"

# A folder that is away is kept, until it is said that it is gone.
run index --keep-missing --prune
expect_code 2
expect_one_line "exclude each other"
mkdir away_later
cp pictures/moved.png away_later/
run index --library away.db --model model away_later
expect_code 0
mv away_later elsewhere
run index --library away.db
expect_code 1
expect_in err "no such folder is there now"
run index --library away.db --prune
expect_code 0
expect_in out "1 gone"

finish
