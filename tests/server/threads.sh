#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The server's threads under ThreadSanitizer: searches and uploads in flight, malformed requests,
# clients that leave, categories that are written, maps and groups that are made, while another
# process indexes; then it is stopped in the middle. What INSTRUMENTED says of a race ends it, and
# fails this. The library is PLAIN's: that is quicker.
#
#     threads.sh INSTRUMENTED PLAIN CHECK-FAULTS LOAD

here=$(dirname "$0")
plain=$2 check=$3 load=$4
case $plain in /*) ;; *) plain=$PWD/$plain ;; esac
case $check in /*) ;; *) check=$PWD/$check ;; esac
case $load in /*) ;; *) load=$PWD/$load ;; esac
case $here in /*) ;; *) here=$PWD/$here ;; esac
# shellcheck source=tests/cli/lib.sh
. "$here/../cli/lib.sh"
# shellcheck source=tests/server/lib.sh
. "$here/lib.sh"

instrumented=$fovea
fovea=$plain
make_library 24
picture=$(find pictures -name '*.jpg' | sort | head -n 1)
cp -r pictures more
fovea=$instrumented
export FOVEA_SANDBOX=off # the children are other programs' business
serve --connections 64 --thumbnails "$scratch/thumbnails" --threads 2 --quiet

asked=0
ask() { # WANTED-STATUSES PATH [CURL-ARGS...]: beside what follows
    asked=$((asked + 1))
    ask_now "$asked" "$@" &
    asking="$asking $!"
}
ask_now() {
    name=$1 want=$2 target=$3
    shift 3
    got=$(curl -sS -m 120 -o "body.$name" -w '%{http_code}' "$@" "$address$target")
    case $want in *"$got"*) return ;; esac
    echo "$target: status $got, expected $want: $(head -c 200 "body.$name")" >"failed.$name"
}
json='Content-Type: application/json'
asking=
curl -sSN "$address/api/v1/events" >events &
for file in more/20*/*/*.jpg; do
    echo 1 >>"$file"
done
mv more pictures/
"$plain" index --library library.db --model demo pictures >index.out 2>index.err &
indexer=$!
for target in '/api/v1/map?method=umap' /api/v1/groups /api/v1/duplicates /api/v1/facets \
    /api/v1/status '/api/v1/photos?sort=date&limit=50' /; do
    ask "200 202" "$target"
done
ask "200 201 204" /api/v1/categories/mine -X PUT -H "$json" \
    -d '{"categories":[{"name":"sea","prompts":["the sea"]},{"name":"wood","prompts":["a wood"]}]}'
"$load" "$address" "$pid" 1 16 "$picture" || fail "under load"
"$check" "$address" fuzz 200 "${FOVEA_TEST_SEED:-1}" || fail "fuzz"
"$check" "$address" gone 20 || fail "gone"
for id in 1 2 3 4 5 6 7 8; do
    ask 200 "/api/v1/photos/$id/thumbnail"
done
wait "$indexer" || fail "indexing failed meanwhile: $(cat index.err)"
for one in $asking; do
    wait "$one"
done
for _ in 1 2 3 4; do
    curl -sS -o /dev/null "$address/api/v1/photos/1/original" 2>/dev/null &
done
sleep 0.2
stop
expect_code 0
! grep -q ThreadSanitizer serve.err || fail "$(head -n 200 serve.err)"
for file in failed.*; do
    [ ! -e "$file" ] || fail "$(cat "$file")"
done
grep -q '^event: status' events || fail "no events were sent"
finish
