#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Names of files that try to be more than names, through every command that prints them: what a
# terminal obeys (escapes, C1 controls, line ends, changes of direction) never reaches stdout or
# stderr, JSON stays JSON, no field of a CSV file is a formula, and the files are all found.
# names.sh PROGRAM GOLDEN

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
golden=$(absolute "$2")
export LC_ALL=C FOVEA_LIBRARY="$scratch/library.db" FOVEA_MODEL=demo

# name N: a hostile one, as printf's format
name() {
    case $1 in
    1) printf '\033]0;owned\007\033[2J.jpg' ;;
    2) printf 'two\nlines\r.jpg' ;;
    3) printf 'c1 \302\23331m \233\063\061m.jpg' ;;
    4) printf 'right \342\200\256gpj.exe.jpg' ;;
    5) printf '=HYPERLINK("http:\134evil","x"),2.jpg' ;;
    6) printf '+1+cmd|calc!A0.jpg' ;;
    7) printf -- '-oops --prune.jpg' ;;
    8) printf '@SUM(1).jpg' ;;
    9) printf '<img src=x onerror=alert(1)>&amp;"'"'"'.jpg' ;;
    10) printf '%%s%%n%%08x.jpg' ;;
    11) printf 'latin \344\366.jpg' ;;
    12) printf '\t tab.jpg' ;;
    *) return 1 ;;
    esac
}
mkdir photos
n=0
while n=$((n + 1)) && name "$n" >/dev/null; do
    # The shell drops a line end at the end, and no other.
    { cat "$golden/images/gray.jpg" && echo "$n"; } >"photos/$(name "$n")"
    head -c $((300 + n)) "$golden/images/gray.jpg" >"photos/broken $(name "$n")"
done
count=$((n - 1))

# quiet: nothing in the last run's output that a terminal would obey
quiet() {
    for file in out err; do
        tr -d '\n' <$file >flat
        if grep -qP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' flat ||
            grep -qP '(?<![\x80-\xff])[\x80-\x9f]' flat; then
            fail "$file holds what a terminal obeys: $(od -c flat | head -n 5)"
        fi
    done
}
# shows ARGS...: ends well, prints nothing but text
shows() {
    run "$@"
    [ "$code" -le 2 ] || fail "exit status $code"
    quiet
}

shows index photos
expect_in out "$((2 * count)) photographs found: $count new"
shows index photos --json --verify
[ "$(grep -c . out)" -ge 2 ] || fail "no events"
shows status --errors
[ "$(grep -c 'broken' out)" -eq "$count" ] || fail "$(grep -c broken out) of $count are told"
shows status --errors --json
shows search 'a grey picture' --floor -1 --limit 100
[ "$(grep -c 'jpg' out)" -eq "$count" ] || fail "search shows $(grep -c jpg out) of $count names"
shows search 'a grey picture' --floor -1 --limit 100 --json
shows similar "photos/$(name 1)" --floor -1
shows search --image "photos/broken $(name 1)"
expect_code 1
shows classify
shows classify --json
shows duplicates
shows groups
shows info "photos/$(name 1)" "photos/$(name 3)" "photos/broken $(name 2)"
shows info --json "photos/$(name 4)"
shows embed "photos/$(name 1)" --text "$(name 1)"
shows preprocess "photos/broken $(name 1)" --out x.png
shows index "nowhere $(name 1)"
shows "$(name 1)"
shows search --library "$(name 1)" x
shows doctor --library "$(name 3)"
shows forget "photos/$(name 2)"
shows export exported
shows models

# --- a page of pictures, whose names are drawn
run search 'a grey picture' --floor -1 --sheet sheet.jpg
expect_code 0
[ -s sheet.jpg ] || fail "no sheet was made"

# --- CSV: relative names may begin with anything; a category of the user's, too
printf '{"=1+1": ["a grey picture"], "-2": ["a red picture"]}' >categories.json
run classify --categories categories.json --csv classes.csv --relative-to "$scratch/photos"
expect_code 0
run duplicates --csv duplicates.csv --library library.db
expect_code 0
for file in classes.csv duplicates.csv; do
    tr -d '\r' <"$file" >flat
    ! grep -qP '(^|,|,")[=+@\t-](?![0-9.]+(,|$))' flat ||
        fail "$file has a formula: $(grep -P '(^|,|,")[=+@\t-]' flat | head -n 3)"
done
expect_in classes.csv "'=1+1"

# --- keywords of people, in XMP: markup in a name of a category stays text
printf '{"<rdf:li>&x;": ["a grey picture"], "plain": ["a red picture"]}' >categories.json
run classify --categories categories.json --xmp
expect_code 0
quiet
sidecars=0
for sidecar in photos/*.xmp; do
    [ -e "$sidecar" ] || continue
    sidecars=$((sidecars + 1))
    ! grep -q '<rdf:li><rdf:li>&x' "$sidecar" || fail "markup in $sidecar"
    grep -qE '&lt;rdf:li(&gt;|>)&amp;x;|plain' "$sidecar" || fail "no keyword in $sidecar"
done
[ "$sidecars" -eq $((count - 1)) ] || fail "$sidecars sidecars for $((count - 1)) photographs"
shows index photos
shows info "photos/$(name 9)"
expect_in out "<rdf:li>&x;"

# --- and nothing was done to the files
[ "$(find photos -type f -name '*jpg' -printf x | wc -c)" -eq $((2 * count)) ] || fail "files are gone"
finish
