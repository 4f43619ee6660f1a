#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preprocess.sh FOVEA GOLDEN COMPARE: `fovea preprocess` against Pillow's pixels. The file names say
# what to do: FILE.MODE-INTERPOLATION-SIZE.png.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
golden=$(absolute "$2")
compare=$(absolute "$3")

cases=0
for want in "$golden"/preprocessed/*.png; do
    [ -e "$want" ] || skip "no reference pictures in $golden"
    name=$(basename "$want" .png)
    how=${name##*.}
    file=$golden/images/${name%.*}
    case $file in
    *.png | *.bmp | *.tiff | *.gif | */lossless.webp) ;; # lossless: no byte may differ
    *) continue ;; # the decoder's own rounding is tested in the image room
    esac
    mode=${how%%-*}
    size=${how##*-}
    interpolation=${how#*-}
    interpolation=${interpolation%-*}
    run preprocess "$file" --out got.png --size "$size" --resize-mode "$mode" \
        --interpolation "$interpolation"
    expect_code 0
    "$compare" pixels "$want" got.png >difference || {
        cat difference
        fail "$name"
    }
    cases=$((cases + 1))
    picture=$file
done
echo "$cases pictures compared"
[ "$cases" -gt 0 ] || fail "nothing was compared"

run preprocess "$picture" --out /nowhere/x.png
expect_code 1
expect_one_line "/nowhere/x.png"
printf 'not an image' >bad.jpg
run preprocess bad.jpg --out x.png
expect_code 1
expect_one_line "bad.jpg"
[ ! -e x.png ] || fail "a failed run left a file"
run preprocess . --out x.png
[ "$code" -ne 0 ] || fail "a folder is no picture"
expect_one_line "folder"

finish
