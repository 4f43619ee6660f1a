#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh FOVEA MODELS MAKE_PICTURES GOLDEN_IMAGES CHECK_FIGURES: what `fovea bench` prints, with
# and without photographs, and what it refuses; and --decode. How fast anything is, is not tested.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
models=$(absolute "$2")
make_pictures=$(absolute "$3")
images=$(absolute "$4")
check=$(absolute "$5")

run model synth "$models/tiny-quickgelu/open_clip_config.json" --seed 0 --out model
expect_code 0
export FOVEA_MODEL="$scratch/model"
export OMP_WAIT_POLICY=passive # threads that spin cost more than this model's work
"$make_pictures" pictures >made || fail "no pictures"
total=$(find pictures -name '*.png' | wc -l)

figures() {
    expect_code 0
    expect_empty err
    "$check" "$@" >wrong || fail "$(cat wrong)"
}

# Speed, with nothing but the model; every precision; a batch of one's own.
run bench --seconds 0 --json --precision f32
figures speed out f32 0
run bench --seconds 0 --json --precision all --batch 3 --threads 1
figures speed out f32,bf16,int8 0
expect_in out '"batch":3'

# With photographs: no more than the limit; damaged ones are left out.
run bench --seconds 0 --rounds 1 --precision int8 --limit 3 pictures
expect_code 0
for line in "image tower" "text tower" "cold process" "indexing 3 photographs" "decode fast"; do
    expect_in out "$line"
done
printf 'no picture' >pictures/bad.jpg
run bench --seconds 0 --rounds 1 --json --precision f32 pictures
figures speed out f32 "$total"
find /tmp -maxdepth 1 -name 'fovea-bench-*' -newer made >left 2>/dev/null
expect_empty left

# Accuracy.
run bench --accuracy --json pictures
figures accuracy out f32,bf16,int8 "$total" 1
run bench --accuracy --json --precision int8 --limit 5 pictures/sea-1.png pictures/sea-2.png
figures accuracy out f32,int8 2 0
printf '{"sea": "the sea", "sky": ["the sky", "clouds"]}' >categories.json
run bench --accuracy --precision f32 --categories categories.json pictures
expect_code 0
expect_in out "$total photographs and 3 prompts (1 could not be decoded)"
expect_in out "100.0%" # the exact pictures are no larger than four times the input: nothing changes

# What it refuses.
run bench --accuracy
expect_code 2
expect_one_line "--accuracy DIR"
run bench --categories categories.json
expect_code 2
expect_one_line "--accuracy"
run bench --precision f16
expect_code 2
expect_one_line "all"
run bench --batch -1
expect_code 2
mkdir empty damaged
cp pictures/bad.jpg damaged/a.jpg
cp pictures/bad.jpg damaged/b.png
for how in "" --accuracy; do
    # shellcheck disable=SC2086 # nothing or a word
    run bench --seconds 0 --precision f32 $how empty
    expect_code 1
    expect_one_line "no photographs"
    # shellcheck disable=SC2086
    run bench --seconds 0 --precision f32 $how damaged
    expect_code 1
    expect_one_line "none of the 2 photographs can be decoded"
    # shellcheck disable=SC2086
    run bench --seconds 0 --precision f32 $how nowhere
    expect_code 1
    expect_one_line "nowhere"
done
run bench --model nowhere --seconds 0
expect_code 2
expect_one_line "nowhere"
[ ! -e "$XDG_DATA_HOME/fovea" ] || fail "the benchmark touched the user's library"

# The scan: its answers are those of the plain one, by bytes (from 4,096 rows on) and without.
for rows in 20000 1000 1; do
    run bench --scan --rows $rows --dim 72 --queries 40 --seconds 0 --json
    expect_code 0
    expect_in out '"same":40,'
done
expect_in out '"rows":1,'
run bench --scan --rows 20000 --dim 72 --queries 1 --seconds 0
expect_in out "of 1 query, best 10 the same rows with the same scores as of the float32 scan: 1;"
run bench --scan pictures
expect_code 2
expect_one_line "--scan makes its own vectors"

# --decode: a picture that cannot be decoded smaller has the same pixels; one that can, other ones.
for decode in exact fast; do
    run preprocess "$images/gray.png" --size 20 --decode $decode --out $decode.png
    expect_code 0
    run preprocess "$images/orientation-6.jpg" --size 20 --decode $decode --out $decode-jpeg.png
    expect_code 0
done
cmp exact.png fast.png || fail "a PNG is not decoded smaller"
if cmp -s exact-jpeg.png fast-jpeg.png; then fail "a JPEG is"; fi
run index --library l.db --decode quick pictures
expect_code 2
expect_one_line "fast"
run index --library l.db --decode fast pictures
expect_code 0
expect_in out "$total new"

# Ctrl-C leaves nothing behind, wherever it comes. (A shell starts what is in the background with
# SIGINT ignored; SIGTERM does the same here.)
mkdir temporary
for wait in 0.1 0.5 1.5; do
    TMPDIR=$scratch/temporary "$fovea" bench --seconds 0.2 --rounds 100 pictures >out 2>err &
    pid=$!
    sleep "$wait"
    kill -TERM $pid
    wait $pid
    code=$?
    last="bench, stopped after $wait s"
    if [ $code -eq 143 ]; then # before there was anything to tidy up
        expect_empty err
    else
        expect_code 130
        expect_one_line "stopped"
    fi
    [ -z "$(ls temporary)" ] || fail "$(ls temporary) is left in \$TMPDIR"
done

finish
