#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every address of the API is asked, and every answer held against data/openapi.json.
# contract.sh PROGRAM CHECK-CONTRACT OPENAPI

here=$(dirname "$0")
check=$2 document=$3
case $check in /*) ;; *) check=$PWD/$check ;; esac
case $here in /*) ;; *) here=$PWD/$here ;; esac
# shellcheck source=tests/cli/lib.sh
. "$here/../cli/lib.sh"
# shellcheck source=tests/server/lib.sh
. "$here/lib.sh"

make_library 90
picture=$(find pictures -name '*.jpg' | sort | head -n 1)
serve --thumbnails "$scratch/thumbnails"
"$check" "$address" "$document" "$picture" || fail "the answers are not those of the contract"

# What is indexed while the server runs is found without a restart.
before=$(curl -sS "$address/api/v1/photos?limit=1" | sed 's/.*"total":\([0-9]*\).*/\1/')
mkdir -p pictures/new
cp "$picture" pictures/new/one.jpg
printf 'x' >>pictures/new/one.jpg
run index --library library.db --model demo pictures
expect_code 0
tries=0
after=$before
while [ "$after" = "$before" ] && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
    after=$(curl -sS "$address/api/v1/photos?limit=1" | sed 's/.*"total":\([0-9]*\).*/\1/')
done
[ "$after" -eq $((before + 1)) ] || fail "$before photographs before indexing, $after after"

stop
expect_code 0
grep -q 'stopping' serve.err || fail "no word about stopping"
grep -q 'GET /api/v1/photos 200' serve.err || fail "no access log"
finish
