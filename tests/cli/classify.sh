#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fovea classify: what is kept of it, and what it writes into sidecars. On painted pictures with the
# model that ships.
#   classify.sh FOVEA
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

lines_of() { wc -l <"$1" | tr -d ' '; }
run demo --only-pictures --pictures 14 --side 128 --repeated 0 --seed 3 --out sample
expect_code 0
mv sample/pictures pictures
export FOVEA_LIBRARY="$scratch/library.db"
run index pictures --model demo
expect_code 0
sums() { find pictures -type f ! -name '*.xmp' -exec cksum {} + | sort; }
sums >originals

echo "-- sets"
printf '{"Water": ["the sea", "a lake"], "=Land": ["mountains", "a city"]}' >two.json
run classify --categories two.json --csv whole.csv
expect_code 0
run classify
expect_code 0
run classify --list-sets
expect_in out "default  14 photographs, 6 categories: Starlit Wonders"
expect_in out "two  14 photographs, 2 categories: Water, =Land"
run classify --list-sets --json
expect_in out '"set":"two"'
# New photographs: the same as everything anew.
mkdir more
cp "$(find pictures -name '*.jpg' | head -n 1)" more/copy.jpg
printf 'x' >>more/copy.jpg
run index pictures more --model demo
expect_code 0
run classify --categories two.json --csv added.csv
expect_code 0
run classify --drop two
expect_code 0
run classify --list-sets
grep -q '^two' out && fail "a set that was dropped is there"
run classify --categories two.json --csv anew.csv
cmp -s added.csv anew.csv || fail "adding a photograph gives something else than a full run"
[ "$(lines_of anew.csv)" -eq 16 ] || fail "not 15 photographs"
run classify --drop nope
expect_code 1
expect_one_line 'no set of categories "nope"; it has: two, default'
run classify --categories two.json --set "$(printf 'x%.0s' $(seq 65))"
expect_code 2
expect_one_line "64 bytes"
run classify --categories two.json --set other
run classify --list-sets
expect_in out "other  15"

echo "-- several, none, filters"
run classify --categories two.json --multi -1 --csv -
[ "$(grep -c 'Water; =Land\|=Land; Water' out)" -eq 15 ] || fail "not both categories everywhere"
run classify --categories two.json --multi 1 --csv -
grep -q '; ' out && fail "several categories though no other is so near"
run classify --categories two.json --none-below 0.99
expect_in out "     15  None of these"
run classify --folder more --csv -
[ "$(lines_of out)" -eq 2 ] || fail "the filter shows others, too"
run classify --list-sets
expect_in out "default  15 photographs"

echo "-- sidecars"
photo=$(find pictures -name '*.jpg' | sort | head -n 1)
second=$(find pictures -name '*.jpg' | sort | sed -n 2p)
third=$(find pictures -name '*.jpg' | sort | sed -n 3p)
printf '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>' >"${photo%.jpg}.xmp"
echo "no XML" >"$second.xmp"
mkdir "$third.xmp"
run classify --xmp-dry-run
expect_code 1
expect_in out "  + fovea|"
expect_in out "sidecars would change"
[ "$(find . -name '*.xmp' | wc -l)" -eq 3 ] || fail "a dry run has written"
run classify --xmp
expect_code 1
expect_in out "13 sidecars written, 0 unchanged"
expect_one_line "2 sidecars could not be written; the first: "
[ "$(cat "$second.xmp")" = "no XML" ] || fail "a file that is no sidecar was changed"
[ -e "$photo.xmp" ] && fail "a second sidecar beside the one that was there"
expect_in "${photo%.jpg}.xmp" 'xmp:Rating="4"'
expect_in "${photo%.jpg}.xmp" '<rdf:li>fovea|'
rm -r "$second.xmp" "$third.xmp"
run classify --xmp
expect_code 0
expect_in out "2 sidecars written, 13 unchanged"
find . -name '*.xmp' -exec cksum {} + | sort >before
run classify --xmp
expect_in out "0 sidecars written, 15 unchanged"
find . -name '*.xmp' -exec cksum {} + | sort >after
cmp -s before after || fail "a second run has changed a sidecar"
run index pictures more --model demo
expect_code 0
run info "$photo"
expect_in out "fovea"
run classify --categories two.json --xmp
expect_code 0
grep -q 'Wild\|Urban\|Ocean\|Liquid\|Starlit\|Time in' "${photo%.jpg}.xmp" && fail "an old keyword is left"
run classify --none-below 0.99 --xmp
expect_code 0
expect_in out "15 sidecars written"
grep -lq '<rdf:li>' "${photo%.jpg}.xmp" && fail "keywords of none of these"
run classify --xmp-dry-run --json
expect_code 2
sums | cmp -s - originals || fail "an original was touched"
finish
