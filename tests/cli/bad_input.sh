#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bad_input.sh FOVEA GOLDEN: what a clumsy or hostile user gives to the commands. Each case: the
# exit status, one line that says what is wrong, and that nothing was lost or left behind. Cases
# that need mounts run as root only, those about permissions as another user.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
golden=$(absolute "$2")
[ -e "$golden/images/gray.jpg" ] || skip "no reference pictures in $golden"

# expect_fail CODE TEXT ARGS...: nothing on stdout, one line with TEXT on stderr.
expect_fail() {
    wanted_code=$1
    wanted_text=$2
    shift 2
    run "$@"
    expect_code "$wanted_code"
    expect_empty out
    expect_one_line "$wanted_text"
}
expect_none() {
    for leftover; do
        [ ! -e "$leftover" ] || fail "$leftover was made"
    done
}
# photo NUMBER FILE: a picture with bytes of its own.
photo() {
    { cat "$golden/images/gray.jpg" && echo "$1"; } >"$2"
}
lines_of() { wc -l <"$1" | tr -d ' '; }

config=$golden/models/tiny-quickgelu/open_clip_config.json
"$fovea" model synth "$config" --out model >/dev/null || fail "cannot make a model"
"$fovea" model synth "$golden/models/tiny-avgpool/open_clip_config.json" --out other >/dev/null
export FOVEA_MODEL="$scratch/model" FOVEA_LIBRARY="$scratch/library.db"
mkdir photos empty
photo 1 photos/one.jpg
photo 2 photos/two.jpg
echo 'a text' >note.txt

echo "-- roots"
expect_fail 1 "cannot index nowhere: No such file or directory" index nowhere
expect_fail 1 "cannot index nowhere" index photos nowhere
expect_fail 2 "neither a folder nor a photograph" index note.txt
expect_fail 2 "whose name is empty" index ""
expect_fail 2 "'nonsense' is not a model" index photos --model nonsense
expect_none library.db
run index empty
expect_code 1
expect_one_line "there are no photographs in these folders"
rm -f library.db

echo "-- a library that is not there"
for command in status classify "search x"; do
    # shellcheck disable=SC2086 # two words
    expect_fail 1 "there is no library" $command
    expect_in err "fovea index DIR"
done
expect_none library.db

run index photos
expect_code 0

echo "-- options"
for name in library model categories csv copy-to; do
    expect_fail 2 "--$name is given an empty value" classify --$name ""
done
expect_fail 2 "give a number from -1 to 1" search x --floor 2
expect_fail 2 "give a number from -1 to 1" search x --floor nan
expect_fail 2 "give a whole number from 1 to 1000000" search x --limit 0
expect_fail 2 "give a whole number from 1 to 1000000" search x --limit 99999999999
expect_fail 2 "give a whole number from 0 to 1024" index photos --threads -1
expect_fail 2 "query must not be empty" search " "
expect_fail 2 "query must not be empty" search x --not ""
expect_fail 2 "nothing to search for" search --not x
expect_fail 2 "cancel out" search x --less x
for weight in 0.0 -1.0 101.0; do
    expect_fail 2 "weight $weight is not accepted" search "x:$weight"
done
expect_fail 2 "both want stdout" classify --json --csv -
FOVEA_CPU=fast run search x
expect_code 2
expect_one_line "FOVEA_CPU=fast is not a level; use "
run search x --json
expect_in out '"floor":0.2,'
run search --image photos/one.jpg --json
expect_in out '"floor":0.45,'
run search x --limit 1000000 --floor -1
[ "$(lines_of out)" -eq 2 ] || fail "a limit above the library's size changes the answer"

echo "-- models"
mkdir only-config only-weights crossed file
cp model/open_clip_config.json only-config
cp model/open_clip_model.safetensors only-weights
cp model/open_clip_config.json crossed
cp other/open_clip_model.safetensors crossed
expect_fail 1 "there is no model folder ./nowhere" embed -t x --model ./nowhere
expect_fail 1 "it has neither open_clip_config.json nor" embed -t x --model empty
expect_fail 1 "has neither open_clip_model.safetensors nor" embed -t x --model only-config
expect_fail 1 "it has neither open_clip_config.json nor" embed -t x --model only-weights
expect_fail 1 "these are not the weights of this config" embed -t x --model crossed
expect_fail 2 "is a file: say of which architecture" embed -t x --model model/open_clip_config.json
expect_fail 1 "the library has no vectors of the model" search x --model other

# weights NAME TEXT: the file broken/NAME, read from stdin, is refused with TEXT.
weights() {
    mkdir -p "broken/$1"
    cp model/open_clip_config.json "broken/$1"
    cat >"broken/$1/open_clip_model.safetensors"
    expect_fail 1 "$2" embed -t x photos/one.jpg --model "broken/$1"
}
# The header is text in front of the numbers; sed changes its first match alone.
edit() { LC_ALL=C sed "0,/$1/s//$2/" model/open_clip_model.safetensors; }
good=model/open_clip_model.safetensors
: | weights empty "0 bytes, too few"
head -c 3000 $good | weights header "but the file ends after 3000"
head -c 1000000 $good | weights data "the file is incomplete: fetch it again"
{ cat $good && printf xx; } | weights tail "2 bytes at the end belong to no tensor"
{ printf '\377\377\377\377\377\377\377\177' && tail -c +9 $good; } | weights length "its header claims"
printf '\012\0\0\0\0\0\0\0nonsense  ' | weights json "its header is not JSON"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n' | weights pointer "git lfs pull"
edit '"dtype":"F32"' '"dtype":"F33"' | weights dtype "dtype F33 is not known"
edit '"dtype":"F32"' '"dtype":"F16"' | weights half "do not fill its"
edit '"shape":\[80,48\]' '"shape":[48,80]' | weights shape "has the shape [48, 80]"
edit '"shape":\[80' '"shape":[-8' | weights negative "its shape is not possible"
edit '"data_offsets":\[0,' '"data_offsets":[4,' | weights offsets "do not fill its"
edit 'data_offsets' 'data_offsetz' | weights key "data_offsets is not a pair of numbers"
edit '"visual.proj"' '"visual.pork"' | weights missing "tensor visual.proj is missing"
# NaN among the weights is found when a vector is made of them, and nothing is stored.
mkdir broken/nan
cp model/* broken/nan
head -c 90000 /dev/zero | tr '\0' '\377' |
    dd of=broken/nan/open_clip_model.safetensors bs=10000 seek=1 conv=notrunc 2>/dev/null
run index photos --model broken/nan --library nan.db
expect_code 1
expect_in err "gives vectors that are not numbers"
run status --library nan.db --json
expect_in out '"photos":0,'

# config NAME FROM TO TEXT: a line of the config changed.
config() {
    mkdir -p "broken/$1"
    cp $good "broken/$1"
    sed "s/$2/$3/" model/open_clip_config.json >"broken/$1/open_clip_config.json"
    expect_fail 1 "$4" embed -t x --model "broken/$1"
    expect_fail 1 "$4" model synth "broken/$1/open_clip_config.json" --out "made/$1"
    expect_none "made/$1"
}
config timm '"vision_cfg": *{' '&"timm_model_name": "x",' "the image tower x from timm"
config hf '"text_cfg": *{' '&"hf_model_name": "x",' "the text tower x from Hugging Face"
config setting '"vision_cfg": *{' '&"warp": 9,' "vision_cfg.warp is a setting that fovea does not know"
config width '"embed_dim": *[0-9]*' '"embed_dim": -4' "embed_dim is out of range"
config type '"embed_dim": *[0-9]*' '"embed_dim": "x"' "embed_dim is not a whole number"
config text '.*' 'text' "line 1, column"

echo "-- pictures"
mkdir bad
echo 'a text' >bad/text.jpg
: >bad/empty.jpg
head -c 600 "$golden/images/gray.jpg" >bad/truncated.jpg
printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\352\140\0\0\352\140\010\002\0\0\0\356\356\356\356' \
    >bad/huge.png
mkfifo bad/pipe.jpg
mkdir bad/folder.jpg
ln -s nowhere.jpg bad/dangling.jpg
ln -s loop.jpg bad/loop.jpg
ln -s .. bad/up
photo 3 bad/good.jpg
run index bad --library bad.db
expect_code 0
expect_in out "5 photographs found: 1 new"
expect_in out "5 could not be read"
run status --errors --library bad.db
expect_code 0
[ "$(lines_of out)" -eq 5 ] || fail "not one line for each of five files"
expect_in out "bad/text.jpg: not an image"
expect_in out "bad/empty.jpg: not an image: the file is empty"
expect_in out "bad/truncated.jpg: damaged or truncated jpeg"
expect_in out "bad/huge.png: 60000 x 60000 pixels are 3600 megapixels and the limit is 500"
expect_in out "bad/loop.jpg: cannot look at it: Too many levels of symbolic links"
for file in text.jpg empty.jpg truncated.jpg huge.png pipe.jpg folder.jpg dangling.jpg loop.jpg; do
    run search --image bad/$file
    [ $code -eq 1 ] || [ $code -eq 2 ] || fail "exit status $code"
    expect_empty out
    expect_one_line "$file"
    run preprocess bad/$file --out seen.png
    expect_one_line "$file"
    expect_none seen.png
done
# Replaced between runs: a picture by a text, and back.
cp bad/text.jpg photos/two.jpg
run index photos
expect_code 0
expect_in out "1 could not be read"
photo 2 photos/two.jpg
run index photos
expect_in out "1 new, 1 unchanged"

echo "-- libraries"
cp library.db newer.db
printf '\0\0\0\143' | dd of=newer.db bs=1 seek=60 conv=notrunc 2>/dev/null
head -c 40000 library.db >cut.db
printf 'SQLite format 3\0' >foreign.db
head -c 8176 /dev/zero >>foreign.db
# library FILE CODE TEXT: every command refuses it, and it stays as it was.
library() {
    cp "$1" before 2>/dev/null || : >before
    for command in "index photos" "search x" classify status; do
        # shellcheck disable=SC2086 # two words
        expect_fail "$2" "$3" $command --library "$1"
    done
    [ ! -f "$1" ] || cmp -s "$1" before || fail "$1 was changed"
}
library newer.db 1 "has schema version 99, made by a newer fovea"
library cut.db 1 "is damaged"
library foreign.db 1 "the database of another program, and was left alone"
library note.txt 1 "some other file, and was left alone"
library photos 2 "is a folder: a library is a file"
library note.txt/x.db 1 "Not a directory"

echo "-- results that cannot be written"
expect_fail 1 "cannot write nowhere/x.csv: the folder it is to lie in does not exist" \
    classify --csv nowhere/x.csv
expect_fail 2 "cannot write photos: it is a folder" classify --csv photos
run classify --copy-to note.txt
expect_code 1
expect_one_line "cannot make the folder note.txt: a file is in its place"
expect_fail 1 "does not exist" preprocess photos/one.jpg --out nowhere/x.png
expect_fail 1 "a file is in its place" model synth "$config" --out note.txt
[ "$(cat note.txt)" = 'a text' ] || fail "note.txt was changed"
if [ -w /dev/full ]; then
    for command in "search x" status "classify --csv -" "embed -t x" "index photos"; do
        last="$command >/dev/full"
        # shellcheck disable=SC2086 # two words
        "$fovea" $command >/dev/full 2>err
        code=$?
        expect_code 1
        expect_one_line "cannot write the results: No space left on device"
    done
    expect_fail 1 "No space left on device" classify --csv /dev/full
fi
run status
cp out before
"$fovea" search x --floor -1 --limit 1 | head -n 1 >/dev/null

echo "-- categories"
# categories JSON TEXT
categories() {
    # shellcheck disable=SC2059 # with escapes
    printf "$1" >categories.json
    expect_fail 1 "$2" classify --categories categories.json
    expect_in err "categories file categories.json: "
}
categories '' "line 1, column 0"
categories '{}' "there is no category in it"
categories '[]' "expected an object"
categories '{"a": []}' 'category "a" has no prompts'
categories '{"a": [" "]}' 'category "a": a prompt has to be a text that is not empty'
categories '{"a": [1]}' 'category "a": a prompt has to be a text'
categories '{"": ["x"]}' "a category has an empty name"
categories '{"a": ["x"], "a": ["y"]}' "duplicate object key"
categories '{"a": ["x"]' "line 1, column 11"
categories '{"a": ["\377"]}' "unable to decode byte 0xff"
categories "{\"$(printf 'x%.0s' $(seq 201))\": [\"x\"]}" "has a name of 201 bytes; the limit is 200"
expect_fail 1 "cannot open nowhere.json" classify --categories nowhere.json
expect_fail 2 "is a folder, not a file" classify --categories photos
run status
cmp -s out before || fail "a refused set of categories has changed the library"
printf '{"../../up": ["x"], "..": ["y"], "a\\nb": ["z"], "/": ["w"]}' >categories.json
run classify --categories categories.json --link-to deep/sorted
expect_code 0
[ "$(lines_of out)" -eq 5 ] || fail "the counts are not one line each"
[ -z "$(find . -type l -newer categories.json ! -path './deep/sorted/*/*')" ] ||
    fail "links outside the folder"
expect_fail 1 'no photograph has the category "Nope"; there are: ' search x --category Nope
expect_fail 1 '"nosuch:Nope" is neither a category nor SET:CATEGORY; the sets are: categories, default' \
    search x --category nosuch:Nope

echo "-- placing"
run classify --copy-to copies
expect_code 0
find copies -type f | sort >before
run classify --copy-to copies
expect_code 0
find copies -type f | sort >after
cmp -s before after || fail "a second --copy-to has copied again"
rm photos/two.jpg
run classify --copy-to others
expect_code 1
expect_in out "2 photographs"
expect_one_line "1 of 2 photographs could not be put below others"
photo 2 photos/two.jpg

echo "-- names"
mkdir names
long=$(printf 'x%.0s' $(seq 251)).jpg
number=10
for name in "$(printf 'new\nline.jpg')" "$(printf 'latin\351.jpg')" 'quo"te,.jpg' \
    "$(printf 'esc\033[31m.jpg')" -dash.jpg %s%n.jpg "$long"; do
    number=$((number + 1))
    photo $number "names/$name" || skip "this file system does not take such names"
done
echo text >"names/$(printf 'bad\n\033.jpg')"
export FOVEA_LIBRARY="$scratch/names.db"
run index names
expect_code 0
expect_in out "8 photographs found: 7 new"
run search x --floor -1
[ "$(lines_of out)" -eq 7 ] || fail "not one line for each photograph"
expect_in out "new?line.jpg"
LC_ALL=C grep -q "$(printf '\033')" out && fail "an escape sequence reaches the terminal"
run status --errors
[ "$(lines_of out)" -eq 1 ] || fail "not one line for the one failure"
run search x --floor -1 --json
expect_in out 'new\nline.jpg"'
expect_in out "latin$(printf '\357\277\275').jpg"
run classify --csv names.csv --copy-to copied-names
expect_code 0
[ "$(find copied-names -type f -name '*.jpg' | tr -dc '/' | wc -c)" -eq 14 ] || fail "not 7 copies"
[ -z "$(find copied-names -name '.*' -type f)" ] || fail "temporary files are left"
expect_in names.csv 'quo""te,.jpg"'
iconv -f UTF-8 -t UTF-8 names.csv >/dev/null 2>&1 || fail "the CSV is not UTF-8"
export FOVEA_LIBRARY="$scratch/library.db"

echo "-- runs that are interrupted"
run preprocess "$golden/images/rgba.png" --out large.png --size 1600
mkdir many
for number in $(seq 48); do
    { cat large.png && echo "$number"; } >"many/$number.png"
done
# begin_run: indexes many/ in the background until the first photographs are in; leaves $pid.
begin_run() {
    : >events
    last="index many --json, interrupted"
    "$fovea" index many --json --library many.db >events 2>err &
    pid=$!
    while ! grep -q '"photo"' events && kill -0 $pid 2>/dev/null; do sleep 0.05; done
}
photos_in() { "$fovea" status --json --library "$1" | sed 's/.*"photos":\([0-9]*\),"files".*/\1/'; }
begin_run
expect_fail 1 "process $pid is indexing " index many --library many.db
run search x --library many.db
expect_code 0
kill -KILL $pid
wait $pid 2>/dev/null
killed=$(photos_in many.db)
[ "$killed" -ge 1 ] || fail "what was committed is lost with SIGKILL"
begin_run
[ "$(photos_in many.db)" -gt "$killed" ] || fail "the second run has begun anew"
kill -INT $pid
wait $pid
code=$?
expect_code 130
expect_one_line "the same command goes on from here"
tail -n 1 events >out
expect_in out '"cancelled":true'
stopped=$(photos_in many.db)
run index many --library many.db
expect_code 0
expect_in out "48 photographs found: $((48 - stopped)) new, $stopped unchanged"
[ "$(photos_in many.db)" -eq 48 ] || fail "photographs are missing in the end"
expect_none many.db.lock many.db-wal
if command -v sqlite3 >/dev/null; then
    [ "$(sqlite3 many.db 'PRAGMA integrity_check')" = ok ] || fail "the library is damaged"
fi

echo "-- permissions"
# Root may read everything: there, fovea runs as nobody, from a place that nobody can reach.
as_nobody=
if [ "$(id -u)" -eq 0 ]; then
    as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
    chmod 755 "$scratch"
    cp "$fovea" "$scratch/fovea"
    fovea=$scratch/fovea
fi
as_user() {
    last="$*, as another user"
    # shellcheck disable=SC2086 # the words of a command
    $as_nobody "$fovea" "$@" >out 2>err </dev/null
    code=$?
}
as_user --version
if [ $code -ne 0 ]; then
    echo "skipped: cannot run as another user"
else
    mkdir -p closed/names-only closed/locked closed/open home
    chmod 777 home
    photo 21 closed/names-only/a.jpg
    photo 22 closed/locked/b.jpg
    photo 23 closed/open/c.jpg
    export FOVEA_LIBRARY="$scratch/home/library.db"
    as_user index closed
    expect_code 0
    photo 24 closed/open/d.jpg
    chmod 444 closed/names-only
    chmod 000 closed/locked closed/open/d.jpg
    as_user index closed
    expect_code 0
    expect_in err "closed/names-only: cannot read the folder: Permission denied"
    expect_in err "closed/locked: cannot read the folder: Permission denied"
    expect_in err "closed/open/d.jpg: cannot open"
    [ "$(photos_in home/library.db)" -eq 3 ] || fail "photographs of a closed folder are lost"
    as_user index closed/locked
    expect_code 1
    expect_in err "nothing could be read in these folders"
    chmod 755 closed/names-only closed/locked closed/open/d.jpg
    as_user index closed
    expect_code 0
    expect_in out "4 photographs found: 1 new, 3 unchanged;"
    mkdir -m 555 shut
    as_user index closed --library shut/x.db
    expect_code 1
    expect_one_line "cannot make the library shut/x.db"
    expect_in err "Permission denied"
    cp home/library.db closed.db
    chmod 000 closed.db
    as_user status --library closed.db
    expect_code 1
    expect_one_line "closed.db: Permission denied"
    chmod 000 model
    as_user search x
    expect_code 1
    expect_one_line "cannot read the model folder"
    chmod 755 model
fi

echo "-- disks"
export FOVEA_LIBRARY="$scratch/library.db"
mkdir disk
unmount() { umount "$scratch/disk" 2>/dev/null; }
trap 'unmount; rm -rf "$scratch"' EXIT
# A name space of its own would be neater and is more often forbidden than the mount itself.
if [ "$(id -u)" -ne 0 ] || ! mount -t tmpfs -o size=400k tmpfs disk 2>/dev/null; then
    echo "skipped: a full and a read-only disk need the right to mount"
    finish
fi
run index photos --library disk/library.db
expect_code 1
expect_in err "no space left to write the library disk/library.db: free some space"
expect_fail 1 "No space left on device" preprocess large.png --size 1000 --out disk/x.png
run classify --copy-to disk/copies
[ -z "$(find disk -name '.fovea-*')" ] || fail "half a copy is left"
expect_fail 1 "MB are free" model synth "$config" --out disk/model
unmount
mount -t tmpfs tmpfs disk
cp library.db disk
mount -o remount,ro disk
expect_fail 1 "read-only" index names --library disk/library.db
expect_fail 1 "cannot make the library disk/new.db" index photos --library disk/new.db
expect_in err "Read-only file system"
expect_fail 1 "Read-only file system" classify --csv disk/x.csv
for command in "search x" status; do
    # shellcheck disable=SC2086 # two words
    run $command --library disk/library.db
    expect_code 0
    expect_empty err
done
finish
