#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libvips is loaded for pictures and for nothing else: it takes longer than most commands. Where it
# cannot be used, commands for pictures say so, once, and the others do not notice.
# libvips.sh PROGRAM HOLLOW, which is a library that has no function of libvips
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
hollow=$(absolute "$2")
export FOVEA_LIBRARY="$scratch/library.db"

# watch ARGS...: runs it; leaves in $loaded the libvips that it loads, as glibc's loader tells
watch() {
    export LD_DEBUG=files
    run "$@"
    unset LD_DEBUG
    loaded=$(sed -n 's/.*file=\(libvips\.so\.[0-9]*\) .*/\1/p' err | sort -u)
}

run demo --only-pictures --pictures 8 --side 48 --out .
expect_code 0
run index --model demo pictures
expect_code 0
watch doctor
soname=$loaded
[ -n "$soname" ] || skip "this system's dynamic loader does not tell what it loads"
for command in --version "help index" status "search sea" duplicates classify; do
    # shellcheck disable=SC2086 # words
    watch $command
    expect_code 0
    [ -z "$loaded" ] || fail "$loaded was loaded"
done
if command -v readelf >/dev/null; then
    readelf -W --dynamic "$fovea" | grep -q 'NEEDED.*libvips' && fail "linked with libvips"
fi

# Another library in its place. Its directory goes first, and the decoding children get it, too.
mkdir other
cp "$hollow" "other/$soname"
export LD_LIBRARY_PATH="$scratch/other${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
picture=$(find pictures -name '*.jpg' | sort | head -n 1)
for command in "index --model demo pictures" "embed --model demo $picture" "preprocess --out p.png $picture" \
    "search --image $picture" "serve --listen 127.0.0.1:0"; do
    # shellcheck disable=SC2086 # words
    run $command
    expect_code 1
    expect_empty out
    expect_one_line "$soname, which decodes pictures, has no vips_"
done
run doctor
expect_code 1
expect_in out "wrong  pictures"
expect_in out "library     $FOVEA_LIBRARY is sound: 8 photographs"
for command in --version status "search sea"; do
    # shellcheck disable=SC2086 # words
    run $command
    expect_code 0
    expect_empty err
done
finish
