#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The examples of docs/server.md work as pasted: each block of shell is run against a server, and
# every answer must be one of success. docs.sh PROGRAM DOCUMENT

here=$(dirname "$0")
document=$2
case $document in /*) ;; *) document=$PWD/$document ;; esac
case $here in /*) ;; *) here=$PWD/$here ;; esac
# shellcheck source=tests/cli/lib.sh
. "$here/../cli/lib.sh"
# shellcheck source=tests/server/lib.sh
. "$here/lib.sh"

make_library 12
cp "$(find pictures -name '*.jpg' | sort | head -n 1)" photo.jpg
serve --thumbnails "$scratch/thumbnails"
awk '/^```sh$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside { print > ("example" n) }' \
    "$document"
ran=0
while [ -e "example$((ran + 1))" ]; do
    ran=$((ran + 1))
    {
        echo 'curl() { command curl --fail-with-body -sS "$@"; }'
        cat "example$ran"
    } >wrapped
    FOVEA=$address sh -e wrapped >answer 2>&1 ||
        fail "example $ran: $(cat "example$ran"): $(head -c 300 answer)"
done
[ "$ran" -ge 10 ] || fail "only $ran examples found"
echo "$ran examples"
[ -s thumbnail.webp ] || fail "no thumbnail"
[ "$(wc -c <part.bin)" -eq 1000 ] || fail "the range has not 1000 bytes"
stop
expect_code 0
finish
