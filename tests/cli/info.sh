#!/bin/sh
# SPDX-License-Identifier: MIT
#
# info.sh FOVEA MODELS MAKE_PICTURES: what a photograph and the sidecar beside it say, as text and as
# JSON; and the thumbnails that an index run leaves.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
models=$(absolute "$2")
make_pictures=$(absolute "$3")

"$make_pictures" pictures >made || fail "no pictures"
total=$(find pictures -name '*.png' | wc -l)
photo=pictures/sea-1.png

sidecar() { # sidecar FILE RATING
    cat >"$1" <<EOF
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmp:Rating="$2" tiff:Make="NIKON CORPORATION" tiff:Model="NIKON D850"
 exif:DateTimeOriginal="2021-07-04T18:22:10+02:00" exif:FNumber="28/10" exif:ExposureTime="1/250"
 exif:GPSLatitude="37,48.5S" exif:GPSLongitude="144,57.5E"><dc:subject><rdf:Bag>
<rdf:li>sea</rdf:li><rdf:li>two words</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>
EOF
}

run info "$photo"
expect_code 0
expect_in out "  picture   png, 480 x 320"
[ "$(wc -l <out)" -eq 2 ] || fail "a picture that says nothing"
sidecar pictures/sea-1.xmp 3
run info "$photo"
expect_code 0
expect_empty err
expect_in out "  taken     2021-07-04T18:22:10+02:00"
expect_in out "  camera    Nikon D850"
expect_in out "  exposure  1/250 s, f/2.8"
expect_in out "  place     -37.808333, 144.958333"
expect_in out "  rating    3"
expect_in out "  keywords  sea, two words"
expect_in out "pictures/sea-1.xmp"
sidecar pictures/sea-1.png.xmp -1 # this one goes before the other
run info --json "$photo" pictures/hills-1.png
[ "$code" -ne 0 ] || [ "$(wc -l <out)" -eq 2 ] || fail "expected two lines"
expect_in out '"camera":"Nikon D850"'
expect_in out '"rating":-1'
expect_in out '"keywords":["sea","two words"]'
expect_in out '"offset_min":120'
printf '<oops' >pictures/sea-1.png.xmp
run info "$photo"
expect_code 0
expect_one_line "sea-1.png.xmp"

run info nowhere.jpg
expect_code 1
expect_one_line "nowhere.jpg"
printf 'no picture' >bad.jpg
run info bad.jpg
expect_code 1
expect_one_line "bad.jpg: not an image"
# One that cannot be read does not hide the next.
run info bad.jpg "$photo"
expect_code 1
expect_in err "bad.jpg: not an image"
expect_in out "  picture   png, 480 x 320"
run info .
[ "$code" -ne 0 ] || fail "a folder is no photograph"

# Thumbnails: none, small ones, and the large ones for those that are decoded again.
run model synth "$models/tiny-quickgelu/open_clip_config.json" --seed 0 --out model
expect_code 0
count() {
    find "$XDG_CACHE_HOME" -name "*.$1.webp" 2>/dev/null | wc -l
}
run index --library none.db --model model --thumbnails none pictures
expect_code 0
[ "$(count 256)" -eq 0 ] || fail "thumbnails that nobody wanted"
run index --library small.db --model model pictures
expect_code 0
[ "$(count 256)" -eq "$total" ] || fail "$(count 256) small thumbnails of $total pictures"
[ "$(count 1024)" -eq 0 ] || fail "large thumbnails that nobody wanted"
run index --library both.db --model model --thumbnails both pictures
expect_code 0
[ "$(count 1024)" -eq "$total" ] || fail "$(count 1024) large thumbnails of $total pictures"
rm -r "$XDG_CACHE_HOME"
(unset XDG_CACHE_HOME HOME && "$fovea" index --library nohome.db --model model pictures >out 2>err </dev/null) ||
    fail "an index run needs a cache folder"
expect_in err "no thumbnails are made"
finish
