#!/bin/sh
# SPDX-License-Identifier: MIT
#
# SECURITY.md, P8: nothing that a picture says becomes a path or a command. Photographs and sidecars
# name paths and commands in every text that fovea reads (makes, models, lenses, keywords in XMP and
# IPTC, properties that other programs take for names of files), go through every command that
# writes, and afterwards there is no file but those that were asked for, and no program has run.
# inert.sh PROGRAM GOLDEN

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
golden=$(absolute "$2")
export LC_ALL=C FOVEA_MODEL=demo
export HOME="$scratch/home" TMPDIR="$scratch/tmp"
mkdir home tmp photos out traps

# Programs that might be asked for, on the path before the real ones: each leaves a mark. What a
# shell would do by itself leaves one, too: the file "planted".
for name in sh bash touch cat convert exiftool xdg-open open curl; do
    printf '#!/bin/sh\n: >"%s/sprung-%s"\n' "$scratch" "$name" >traps/$name
    chmod +x traps/$name
done
say() { # say N: what would be a path or a command
    case $1 in
    1) echo "../planted" ;;
    2) echo "$scratch/planted" ;;
    3) echo "../../../../../../../../../..$scratch/planted/in/here" ;;
    4) echo "file://$scratch/planted" ;;
    5) echo "\$(touch $scratch/planted)" ;;
    6) echo "\`touch $scratch/planted\`" ;;
    7) echo "; touch $scratch/planted #" ;;
    8) echo "| touch $scratch/planted" ;;
    9) echo "&& : >$scratch/planted" ;;
    10) echo "--xmp --copy-to $scratch/planted" ;;
    11) echo "@$scratch/planted" ;;
    12) echo "..%2fplanted" ;;
    *) return 1 ;;
    esac
}
xml() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/"/\&quot;/g'; }

# packet N: an XMP packet in which everything says it
packet() {
    said=$(say "$1" | xml)
    printf '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    printf '<rdf:Description rdf:about="%s" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"' "$said"
    printf ' xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    printf ' xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
    printf ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'
    printf ' tiff:Make="%s" tiff:Model="%s" aux:Lens="%s"' "$said" "$said" "$said"
    printf ' photoshop:SidecarForExtension="%s" crs:RawFileName="%s" xmpMM:PreservedFileName="%s">' \
        "$said" "$said" "$said"
    printf '<dc:subject><rdf:Bag><rdf:li>%s</rdf:li></rdf:Bag></dc:subject>' "$said"
    printf '<lr:hierarchicalSubject><rdf:Bag><rdf:li>fovea|%s</rdf:li></rdf:Bag></lr:hierarchicalSubject>' "$said"
    printf '</rdf:Description></rdf:RDF></x:xmpmeta>'
}
# shellcheck disable=SC2059 # a byte by its number
byte() { printf "\\$(printf %o "$1")"; }
# segment MARKER FILE: one of a JPEG's, with its length
segment() {
    size=$(($(wc -c <"$2") + 2))
    byte 255 && byte "$1" && byte $((size / 256)) && byte $((size % 256)) && cat "$2"
}
n=0
while n=$((n + 1)) && say $n >/dev/null; do
    { printf 'http://ns.adobe.com/xap/1.0/\0' && packet $n; } >app1
    say $n | tr -d '\n' >word
    {
        printf '\034\002\031\000' && byte "$(wc -c <word)" && cat word
    } >iptc
    {
        printf 'Photoshop 3.0\0008BIM\004\004\000\000\000\000\000' && byte "$(wc -c <iptc)" && cat iptc
    } >app13
    {
        printf '\377\330' && segment 225 app1 && segment 237 app13 && segment 254 word
        tail -c +3 "$golden/images/gray.jpg" && echo $n # so that none has the bytes of another
    } >photos/$n.jpg
    [ $((n % 3)) -ne 0 ] || packet $n >photos/$n.xmp
done
count=$((n - 1))
rm -f app1 app13 iptc word
: >before
find . -type f | sort >before

# --- every command that writes
export FOVEA_LIBRARY="$scratch/out/library.db"
works() {
    last=$*
    PATH="$scratch/traps:$PATH" "$fovea" "$@" >out.text 2>err.text </dev/null
    code=$?
    [ "$code" -eq 0 ] || { cat err.text && fail "ends with $code"; }
}
works index photos
works info photos/1.jpg photos/3.jpg
cp out.text told
works search 'a grey picture' --floor -1 --sheet out/sheet.jpg
works similar photos/1.jpg --floor -1
works classify --copy-to out/copies --csv out/classes.csv
works classify --link-to out/links --xmp
works duplicates --csv out/duplicates.csv
works groups
works map
works status --json
works export out/exported
works backup out/backup.db
works import out/exported --library out/imported.db
works embed photos/2.jpg --npy out/vectors.npy
works preprocess photos/2.jpg --out out/pixels.png

# --- it was read …
for n in 1 3; do
    grep -qF "$(say $n)" told || fail "no word of photos/$n.jpg is told: $(head -c 300 told)"
done
# --- … and nothing came of it
if ls -d "$scratch"/sprung-* >sprung 2>/dev/null; then fail "these ran: $(cat sprung)"; fi
find "$scratch" "${scratch%/*}/planted" "${scratch%/*}/..%2fplanted" -name '*planted*' 2>/dev/null >found
[ ! -s found ] || fail "planted: $(head -n 3 found)"
find . -type f | sort >after
comm -13 before after | grep -vE '^\./(out/|cache/fovea/|photos/[0-9]+\.(jpg\.)?xmp$|[a-z.]+$)' >new
[ ! -s new ] || fail "files that nobody asked for: $(head -n 3 new)"
# The folders that photographs were sorted into are the categories', which the user names.
find out/copies out/links -mindepth 1 -type d | sed 's,.*/,,' | sort -u >folders
works classify --json
sed -n 's/.*"category": *"\([^"]*\)".*/\1/p' out.text | sort -u >categories
[ -s folders ] || fail "nothing was sorted"
! comm -23 folders categories | grep -qv '^none of these$' || fail "folders: $(cat folders)"
[ "$(find out/copies -name '*.jpg' | wc -l)" -eq $count ] || fail "not every photograph was sorted"
finish
