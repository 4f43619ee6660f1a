#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh FOVEA: the demonstration, and with it what no other test can see: whether the answers mean
# something. The pictures are painted, so what is in each is known (captions.jsonl), and the model that
# comes with the program has learnt their world. The figures here are looser than those of docs/demo.md,
# because there are few pictures; they were chosen before the model was.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# The same seed, the same bytes; another one, others.
run demo --only-pictures --out one --pictures 5 --side 64
expect_code 0
run demo --only-pictures --out two --pictures 5 --side 64 --threads 1
expect_code 0
diff -r one two >/dev/null || fail "the same seed gave other pictures"
run demo --only-pictures --out three --pictures 5 --side 64 --seed 2
if diff -r one three >/dev/null; then fail "another seed gave the same pictures"; fi

# The whole way, as it is shown.
total=80
run demo --out demo --pictures $total --side 224 --seed 3
expect_code 0
expect_in out "$total photographs found: $total new, 0 copies"
expect_in out "$total photographs, "
expect_in out "no strong matches found"
expect_in out "fovea pull ViT-H-14/dfn5b"
expect_in out "FOVEA_LIBRARY=demo/library.db"
export FOVEA_LIBRARY="$scratch/demo/library.db"

# file|category|second category, or null|kind|first caption|repeated file, or null
sed -E 's/^\{"file":"([^"]*)","category":"([^"]*)","mixed":[a-z]*,"second_category":"?([^",]*)"?,"kind":"([^"]*)","hour".*"captions":\[\{"text":"([^"]*)".*"repeats":"?([^",}]*).*/\1|\2|\3|\4|\5|\6/' \
    demo/pictures/captions.jsonl >truth
[ "$(wc -l <truth)" -eq $total ] || fail "captions.jsonl has not a line for each picture"

# Every photograph has its category, where it has only one.
run classify --csv - --relative-to demo/pictures
expect_code 0
tr -d '\r' <out | tail -n +2 >table
awk -F '|' 'NR == FNR { if ($3 == "null") category[$1] = $2; next }
    { split($0, column, ","); if (column[1] in category) { n++; right += category[column[1]] == column[2] } }
    END { printf "%d of %d unmixed photographs in their category\n", right, n; exit !(n > 40 && right >= 0.9 * n) }' \
    truth table || fail "too many photographs in a wrong category"

# A margin is thinner where there are two categories.
awk -F '|' 'NR == FNR { mixed[$1] = $3 != "null"; next }
    { split($0, column, ","); if (mixed[column[1]]) { m++; thin += column[4] } else { p++; plain += column[4] } }
    END { printf "mean margin %.2f unmixed, %.2f mixed\n", plain / p, thin / m; exit !(plain / p > thin / m) }' \
    truth table || fail "mixed photographs have no thinner margins"

# A caption finds its picture.
sed -n '1,25p' truth | while IFS='|' read -r file category second kind caption repeats; do
    "$fovea" search "$caption" --floor -1 --limit 10 >found 2>&1
    if grep -qF "/$file" found; then echo "$category $second $kind $repeats" >>hits; fi
done
[ "$(wc -l <hits)" -ge 20 ] || fail "captions found $(wc -l <hits) of 25 pictures"

# More like this: itself, and what nearly repeats it.
grep -v '|null$' truth >repeats
[ -s repeats ] || fail "no picture repeats another"
while IFS='|' read -r file category second kind caption original; do
    run search --image "demo/pictures/$file" --limit 4
    head -n 1 out | grep -qE "^(1.0000|0.99[0-9]*)  " || fail "$file does not find itself ($category $second)"
    expect_in out "/$original" # $kind: $caption
done <repeats

# What is not there is not found; what is there, is.
for phrase in "a bowl of noodle soup" "a portrait of an old man" "a spreadsheet with numbers"; do
    run search "$phrase"
    expect_code 0
    expect_in out "no strong matches found"
done
run search "the milky way" --json
expect_in out '"strong":true'

# Nothing stays of a temporary one; a bad model is an error and leaves nothing either.
mkdir temporary
TMPDIR="$scratch/temporary" run demo --pictures 2 --side 64
expect_code 0
[ -z "$(ls temporary)" ] || fail "the temporary folder is still there"
TMPDIR="$scratch/temporary" run demo --pictures 2 --side 64 --model no/such
expect_code 1
[ -z "$(ls temporary)" ] || fail "the temporary folder is still there after a failure"
FOVEA_DATA="$scratch/none" run demo --pictures 2 --side 64
expect_code 1
expect_one_line "FOVEA_DATA"

# Shown until it is told to stop; then nothing stays.
TMPDIR="$scratch/temporary" "$fovea" demo --pictures 2 --side 64 --serve yes >out 2>err </dev/null &
shown=$!
tries=0
while ! grep -q 'http://127.0.0.1:' out && [ $tries -lt 300 ] && kill -0 $shown 2>/dev/null; do
    sleep 0.1
    tries=$((tries + 1))
done
last="demo --serve yes"
expect_in out "$ fovea serve --library $scratch/temporary/"
expect_in out "http://127.0.0.1:"
kill -TERM $shown
wait $shown
code=$?
expect_code 0
[ -z "$(ls temporary)" ] || fail "the temporary folder is still there after it was shown"

finish
