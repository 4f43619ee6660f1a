#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The commands under Valgrind's memcheck: nothing undefined is read, nothing outside of what was
# allocated, and nothing that was allocated is lost. Leaks count as failures. Valgrind shows the
# program a processor without AVX-512, so the kernels are those of AVX2. What the decoding children
# do is looked at with them switched off: in the same process.
#
# Each command takes seconds, most of them its start: two run at a time. In .ci/run those that go
# furthest; FOVEA_TEST_LONG=1 runs one of each kind.
#
#     valgrind.sh PROGRAM MODELS      FOVEA_TEST_TIMES=1 prints how long each took
models=$2
case $models in /*) ;; *) models=$PWD/$models ;; esac
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

command -v valgrind >/dev/null || skip "valgrind is not here"
export FOVEA_SANDBOX=off OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2
# libvips without its modules (HEIF, JPEG XL): one of their libraries reads the processor's clock by
# an instruction that Valgrind does not have on every machine.
export VIPSHOME="$scratch"
export FOVEA_LIBRARY="$scratch/library.db"
model=$scratch/synthetic
count=0
at_work=0

judge() { # judge N CODE ARGS...: writes failed.N unless it ends with CODE and Valgrind says nothing
    name=$1 wanted=$2 began=$(date +%s)
    shift 2
    timeout 300 valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite,indirect --num-callers=24 "$fovea" "$@" \
        <"${input-/dev/null}" >"out.$name" 2>"err.$name"
    code=$?
    [ -z "${FOVEA_TEST_TIMES-}" ] || echo "$(($(date +%s) - began)) s: $*"
    if [ "$code" -ne "$wanted" ] || grep -q '^==' "err.$name"; then
        echo "fovea $*: exit status $code, expected $wanted: $(head -n 40 "err.$name")" >"failed.$name"
    fi
}
check() { # check CODE ARGS...: beside the one before or the one that follows
    count=$((count + 1))
    at_work=$((at_work + 1))
    judge "$count" "$@" &
    [ "$at_work" -lt 2 ] || settle
}
settle() {
    wait
    at_work=0
}
also() { # one that only the long form runs
    [ -z "${FOVEA_TEST_LONG-}" ] || check "$@"
}

run demo --only-pictures --pictures 6 --side 64 --out .
expect_code 0
head -c 700 "$(find pictures -name '*.jpg' | sort | head -n 1)" >pictures/damaged.jpg
picture=$(find pictures/20* -name '*.jpg' | sort | head -n 1)
printf '"a photo of a waterfall"\n' >line
run model synth "$models/tiny-quickgelu/open_clip_config.json" --out "$model"
expect_code 0

check 0 index --model "$model" pictures
settle
also 0 --version
also 0 help search
also 2 search --frobnicate
also 0 help --write-manuals "$scratch"
input=line also 0 tokenize --context 12
also 0 model synth "$models/tiny-quickgelu/open_clip_config.json" --out "$scratch/again"
also 0 embed --model "$model" --text "the sea" "$picture"
also 0 preprocess --out seen.png --resize-mode squash "$picture"
also 0 models ViT-L
settle
also 0 index
settle
check 0 search "the sea" --json --limit 3
check 0 export "$scratch/exported"
check 0 import "$scratch/exported" --library "$scratch/second.db"
check 0 classify --csv table.csv
check 0 duplicates
check 0 map --json map.json
check 0 status --errors --json
also 0 similar "$picture"
also 0 groups
also 0 info "$picture" --json
also 0 backup "$scratch/backup.db"
also 1 info nowhere.jpg
settle
also 0 forget "$scratch/pictures"
settle
for file in failed.*; do
    [ ! -e "$file" ] || fail "$(cat "$file")"
done
for made in table.csv map.json exported/library.jsonl second.db; do
    [ -s "$made" ] || fail "no $made was made"
done
echo "$count commands"
finish
