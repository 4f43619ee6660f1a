#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# An hour (SOAK_MINUTES, default 60) of everything at once on one library: `fovea index --watch`
# follows a folder that is changed all the time (files added, replaced, copied, moved, touched,
# damaged, removed; folders renamed; sidecars written and removed; rules that come and go), `fovea
# serve` answers searches, uploads and thumbnails, and commands search, classify and back up beside
# them. Then the folder rests, and what must hold is:
#
#   - no answer failed, and neither the watcher nor the server ended or wrote an error;
#   - memory is flat: the median of what a process holds of its own (RssAnon) over the last quarter
#     of the time is at most 8 MiB above that over the second quarter (the first one warms up), and
#     its open files at most 8 more;
#   - the server, and the command line, answer as from a quiet library: one that is made from
#     scratch of the final folder. The same photographs with the same scores in the same order, the
#     same metadata, the same categories; and a check of the library finds nothing.
#
#     soak.sh PROGRAM [FOLDER]     FOLDER keeps everything there; without it a temporary one
#
# SOAK_SEED repeats the changes (not their moments). Needs curl.
set -uo pipefail

fovea=$(realpath "$1")
minutes=${SOAK_MINUTES:-60}
seed=${SOAK_SEED:-$(date +%s)}
files_few=250 files_many=450 # the folder is kept between these, so that memory can be compared
sample_seconds=5
growth_max_kb=8192
[ "$minutes" -ge 10 ] || growth_max_kb=32768 # a short run has hardly warmed up

if [ $# -gt 1 ]; then
    scratch=$(mkdir -p "$2" && realpath "$2") || exit 1
else
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-soak.XXXXXX") || exit 1
fi
cd "$scratch" || exit 1
unset FOVEA_MODEL FOVEA_MODELS FOVEA_LIBRARY HF_HOME HF_TOKEN
export HF_HUB_OFFLINE=1 XDG_CACHE_HOME="$scratch/cache" XDG_DATA_HOME="$scratch/data"
export FOVEA_LIBRARY="$scratch/library.db"

pids=()
clean_up() {
    [ ! -d "$scratch" ] || touch "$scratch/stop"
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    wait
    [ $# -gt 1 ] || cd /
}
trap clean_up EXIT
failures=0
fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

phrases=("the sea at dusk" "a city skyline glowing at night" "a waterfall" "stars over mountains"
    "light trails of cars" "a foggy forest" "snow" "a green meadow" "a boat" "a photo of a sunset")

# --- the folder changes ----------------------------------------------------------------------

pool=() # pictures to take contents from
serial=0

random_file() {
    local all=(photos/*/*.jpg photos/*/*/*.jpg)
    REPLY=${all[RANDOM % ${#all[@]}]}
    [ -e "$REPLY" ]
}
random_folder() {
    local names=(a b c "d e" a/x a/y b/z)
    REPLY=photos/${names[RANDOM % ${#names[@]}]}
    mkdir -p "$REPLY"
}
# A picture whose bytes nobody had before, written as cameras and editors do: beside, then renamed.
put_new() {
    serial=$((serial + 1))
    {
        cat "${pool[RANDOM % ${#pool[@]}]}"
        echo "$serial"
    } >"$1.tmp" && mv -f "$1.tmp" "$1"
}
sidecar() {
    cat >"$1.xmp" <<END
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="$((RANDOM % 6))"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>soak $((RANDOM % 9))</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>
END
}

change() {
    local what=$1 from to
    case $what in
    add) random_folder && put_new "$REPLY/IMG_$((RANDOM % 2000)).jpg" ;;
    replace) random_file && put_new "$REPLY" ;;
    remove) random_file && rm -f "$REPLY" ;;
    copy)
        random_file && from=$REPLY && random_folder && cp -p "$from" "$REPLY/copy-$((RANDOM % 100)).jpg"
        ;;
    move)
        random_file && from=$REPLY && random_folder && mv -f "$from" "$REPLY/moved-$((RANDOM % 500)).jpg"
        ;;
    touch) random_file && touch "$REPLY" ;;
    damage) random_file && put_new "$REPLY" && truncate -s $((300 + serial % 500)) "$REPLY" ;;
    sidecar) random_file && sidecar "$REPLY" ;;
    bare) rm -f "$(find photos -name '*.xmp' | head -n $((RANDOM % 20 + 1)) | tail -n 1)" ;;
    folder)
        random_folder && from=$REPLY && to=photos/folder-$((RANDOM % 3))
        [ -e "$to" ] && to=$to/inner-$serial
        mv "$from" "$to"
        ;;
    rules)
        if [ -e photos/.foveaignore ]; then rm photos/.foveaignore; else echo 'copy-*' >photos/.foveaignore; fi
        ;;
    esac
}

mutate() {
    RANDOM=$seed
    # Each as often as it stands here.
    local kinds=(add add add add add remove remove remove remove replace replace copy move move move
        touch touch damage sidecar sidecar sidecar bare folder rules)
    local changes=0 count kind
    shopt -s nullglob
    while [ ! -e stop ]; do
        count=$(find photos -name '*.jpg' | wc -l)
        for ((i = 0; i < 10 + RANDOM % 40; i++)); do
            kind=${kinds[RANDOM % ${#kinds[@]}]}
            [ "$count" -lt "$files_many" ] || [ "$kind" != add ] || kind=remove
            [ "$count" -gt "$files_few" ] || [ "$kind" != remove ] || kind=add
            change "$kind" 2>/dev/null # what went away under its hands is no failure
            changes=$((changes + 1))
        done
        echo "$changes" >changes
        sleep $((RANDOM % 4)).$((RANDOM % 10))
    done
}

# --- who asks meanwhile ----------------------------------------------------------------------

# ask ANSWER CURL-ARGUMENT...: one search; its answer must be 200.
ask() {
    local answer=$1 status
    shift
    status=$(curl -sS -m 120 -o "$answer" -w '%{http_code}' "$@" "$address/api/v1/search" 2>>searches.err)
    [ "$status" = 200 ] || echo "status $status: $(head -c 300 "$answer")" >>searches.failed
}
search_on() {
    local n=0 answer=answer.$1 picture thumbnail status
    RANDOM=$((seed + $1))
    while [ ! -e stop ]; do
        n=$((n + 1))
        if ((n % 15 == 0)); then
            picture=${pool[RANDOM % ${#pool[@]}]}
            ask "$answer" -F "image=@$picture"
        else
            ask "$answer" -H 'Content-Type: application/json' \
                -d "{\"texts\":[{\"text\":\"${phrases[RANDOM % ${#phrases[@]}]} $((RANDOM % 50))\"}]}"
        fi
        # The photograph may be gone by now; nothing else may be wrong with it.
        thumbnail=$(grep -o '"thumbnail":"[^"]*"' "$answer" | head -n 1 | cut -d'"' -f4)
        if [ -n "$thumbnail" ]; then
            status=$(curl -sS -m 120 -o /dev/null -w '%{http_code}' "$address$thumbnail" 2>>searches.err)
            [[ $status =~ ^(200|404|410)$ ]] || echo "thumbnail $thumbnail: $status" >>searches.failed
        fi
        echo "$n" >"searches.$1"
    done
}
command_on() {
    local n=0
    while [ ! -e stop ]; do
        n=$((n + 1))
        for words in "search --limit 20 --json ${phrases[n % ${#phrases[@]}]}" "status --json" \
            "classify --json" "backup $scratch/backup.db" "duplicates --json"; do
            # shellcheck disable=SC2086 # a command line
            "$fovea" $words >/dev/null 2>command.err ||
                echo "fovea $words: $(cat command.err)" >>commands.failed
            [ ! -e stop ] || break
        done
        echo "$n" >commands
        sleep 20
    done
}

# --- memory ----------------------------------------------------------------------------------

sample() { # sample NAME PID: seconds, RssAnon in kB, open files
    local kb
    kb=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$2/status") || return
    echo "$SECONDS $kb $(find "/proc/$2/fd" -mindepth 1 2>/dev/null | wc -l)" >>"memory.$1"
}
# median COLUMN FROM TO: of a table on stdin, over a part of its lines (in quarters)
median() {
    awk -v c="$1" -v from="$2" -v to="$3" '{ v[NR] = $c }
        END { for (i = int(NR * from / 4) + 1; i <= int(NR * to / 4); i++) print v[i] }' |
        sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
judge() { # judge NAME: prints ten of the samples, and whether they are flat
    local table=memory.$1 early late
    echo "$1, memory of its own over the time (minute: MiB, open files):"
    awk '{ t[NR] = $1; kb[NR] = $2; fd[NR] = $3 }
        END { for (i = 0; i <= 10; i++) { n = 1 + int((NR - 1) * i / 10)
                printf "  %5.1f: %.1f, %d\n", t[n] / 60, kb[n] / 1024, fd[n] } }' "$table"
    early=$(median 2 1 2 <"$table") late=$(median 2 3 4 <"$table")
    echo "  median of the second quarter $early kB, of the last $late kB"
    [ $((late - early)) -le "$growth_max_kb" ] || fail "the memory of the $1 has grown by more than $growth_max_kb kB"
    early=$(median 3 1 2 <"$table") late=$(median 3 3 4 <"$table")
    [ $((late - early)) -le 8 ] || fail "the $1 has $late files open, and had $early"
}

# --- answers ---------------------------------------------------------------------------------

# What a library says, without what names a run: one line a photograph.
say() { # say LIBRARY ADDRESS-OR-NOTHING OUT
    local phrase
    for phrase in "${phrases[@]}"; do
        echo "== $phrase"
        if [ -n "$2" ]; then
            curl -sS -m 120 -H 'Content-Type: application/json' \
                -d "{\"limit\":1000,\"texts\":[{\"text\":\"$phrase\"}]}" "$2/api/v1/search"
        else
            "$fovea" search --library "$1" --json --limit 1000 "$phrase"
        fi | tr '{' '\n' | grep -oE '"(path|score|category|taken_at|rating)":[^,}]*'
    done >"$3"
}
say_rest() { # say_rest LIBRARY OUT: metadata, failures, categories
    find photos -name '*.jpg' -print0 | sort -z | xargs -0 "$fovea" info --library "$1" --json >"$2" 2>&1
    "$fovea" status --library "$1" --errors >>"$2" 2>&1
    "$fovea" classify --library "$1" --csv "$2.csv" >>"$2" 2>&1
    sed -i '/^library: /d' "$2" # its size on the disk
    sort "$2.csv" >>"$2"
}

# --- the hour --------------------------------------------------------------------------------

echo "soak: seed $seed, $minutes minutes, in $scratch"
"$fovea" demo --only-pictures --out . --pictures 240 --side 160 --serve no >demo.out 2>&1 || {
    cat demo.out
    exit 1
}
mv pictures pool-of-pictures
mapfile -t pool < <(find "$scratch/pool-of-pictures" -name '*.jpg' | sort)
mkdir -p photos/a photos/b
for ((i = 0; i < 300; i++)); do put_new "photos/a/IMG_$i.jpg"; done
"$fovea" index --model demo photos >index.out 2>&1 || {
    cat index.out
    exit 1
}

"$fovea" index --watch --json --model demo photos >watch.out 2>watch.err &
watcher=$!
"$fovea" serve --quiet --listen 127.0.0.1:0 >serve.out 2>serve.err &
server=$!
pids+=("$watcher" "$server")
for ((i = 0; i < 600; i++)); do
    address=$(sed -n 's,^fovea: \(http[^ ]*\)/ .*,\1,p' serve.out)
    if [ -n "$address" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done
[ -n "$address" ] || { cat serve.err; exit 1; }

mutate & workers=($!)
for i in 1 2; do search_on "$i" & workers+=($!); done
command_on & workers+=($!)
end=$((SECONDS + minutes * 60))
while [ "$SECONDS" -lt "$end" ]; do
    kill -0 "$watcher" 2>/dev/null || { fail "the watcher ended: $(tail -n 2 watch.err)"; break; }
    kill -0 "$server" 2>/dev/null || { fail "the server ended: $(tail -n 2 serve.err)"; break; }
    sample watcher "$watcher"
    sample server "$server"
    sleep "$sample_seconds"
done
touch stop
wait "${workers[@]}"

# Rest: until the watcher has written nothing for a while, then the server has followed.
last=-1
for ((i = 0; i < 60; i++)); do
    size=$(stat -c %s watch.out)
    [ "$size" != "$last" ] || break
    last=$size
    sleep 15
done
"$fovea" index --model demo --library quiet.db photos >quiet.out 2>&1
[ $? -le 1 ] || fail "the quiet library: $(tail -n 1 quiet.out)"
"$fovea" serve --quiet --library quiet.db --listen 127.0.0.1:0 >serve2.out 2>serve2.err &
second=$!
pids+=("$second")
for ((i = 0; i < 600; i++)); do
    quiet_address=$(sed -n 's,^fovea: \(http[^ ]*\)/ .*,\1,p' serve2.out)
    [ -z "$quiet_address" ] || break
    sleep 0.1
done
# Categories belong to the library: both get theirs anew.
say_rest library.db soaked.rest
say_rest quiet.db quiet.rest
sleep 5 # both servers follow
for file in searches.failed searches.err commands.failed watch.err serve.err serve2.err; do
    [ ! -s "$file" ] || fail "$file: $(wc -l <"$file") lines: $(head -n 5 "$file")"
done
say library.db "$address" served.answers
say quiet.db "$quiet_address" quiet-served.answers
say quiet.db "" quiet.answers
say library.db "" soaked.answers

kill -INT "$watcher" && wait "$watcher"
code=$?
[ "$code" -eq 130 ] || [ "$code" -eq 0 ] || fail "the watcher ended with $code: $(tail -n 2 watch.err)"
kill -TERM "$server" && wait "$server"
code=$?
[ "$code" -eq 0 ] || fail "the server ended with $code: $(tail -n 2 serve.err)"
kill -TERM "$second" && wait "$second"
pids=()

judge watcher
judge server
echo "$(cat changes) changes; $(cat searches.1 searches.2 | awk '{ n += $1 } END { print n }') searches;" \
    "$(cat commands 2>/dev/null || echo 0) rounds of commands;" \
    "$(grep -c '"event":"end"' watch.out) index runs, $(grep -c '"event":"photo"' watch.out) photographs taken in," \
    "$(grep -c '"event":"failed"' watch.out) refused; $(find photos -name '*.jpg' | wc -l) files at the end"
[ "$(grep -c path quiet.answers)" -gt 100 ] || fail "the quiet library answers with next to nothing"
[ "$(grep -c path quiet-served.answers)" -gt 100 ] || fail "its server answers with next to nothing"
compare() {
    diff -q "$1" "$2" >/dev/null || fail "$1 and $2 differ: $(diff "$1" "$2" | head -n 10)"
}
compare soaked.answers quiet.answers
compare served.answers quiet-served.answers
compare soaked.rest quiet.rest
echo "$(grep -c path quiet.answers) photographs in ${#phrases[@]} answers of both, on the command line and over HTTP"
"$fovea" doctor >doctor.out 2>&1 || fail "doctor: $(tail -n 5 doctor.out)"

if [ "$failures" -eq 0 ] && [ $# -lt 2 ]; then rm -rf "$scratch"; else echo "everything is in $scratch"; fi
echo "$failures failures"
[ "$failures" -eq 0 ]
