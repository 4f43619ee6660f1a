#!/bin/sh
# SPDX-License-Identifier: MIT
#
# embed.sh FOVEA MODELS COMPARE: `fovea model synth` makes each small reference model from its
# config, `fovea embed` runs it, and the vectors are compared with open_clip's.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
models=$(absolute "$2")
compare=$(absolute "$3")

# One --text=PROMPT per prompt of expected.json; prompts may be empty and hold any character.
embed_model() {
    source=$models/$1
    run model synth "$source/open_clip_config.json" --seed 0 --out "$1"
    expect_code 0
    [ -s "$1/open_clip_model.safetensors" ] || fail "no weights"
    "$compare" prompts "$source/expected.json" >prompts.list
    set --
    while IFS= read -r prompt; do
        set -- "$@" "--text=$prompt"
    done <prompts.list
    for pixels in "$source"/image*.rgb; do
        "$compare" png "$pixels" "$(basename "$pixels" .rgb).png" || fail "$pixels"
    done
    for precision in f32:1e-5 bf16:3e-2 int8:6e-2 auto:3e-2; do
        run embed --model "$(basename "$source")" --precision "${precision%:*}" --json --raw "$@" \
            image0.png image1.png image2.png
        expect_code 0
        expect_empty err
        "$compare" embeddings "$source/expected.json" out "${precision#*:}" >difference || {
            cat difference
            fail "$source: the vectors differ from open_clip's at $precision"
        }
    done
}

count=0
for dir in "$models"/tiny-*; do
    [ -e "$dir/expected.json" ] || continue
    embed_model "$(basename "$dir")"
    count=$((count + 1))
    model=$(basename "$dir")
done
[ "$count" -gt 0 ] || skip "no reference models in $models"
echo "$count models compared"
picture=image0.png

# Without --raw every vector has length 1; the order is that of the command line.
run embed --model "$model" --json "$picture" --text one image1.png --text two
expect_code 0
"$compare" unit out || fail "vectors that are not of length 1"
"$compare" inputs out >inputs.list
printf '%s\n' "image $picture" "text one" "image image1.png" "text two" >wanted
cmp inputs.list wanted || fail "the items are not in the order of the command line"

# One bad picture among good ones: reported by name, the others are there, exit status 1.
printf 'not an image' >bad.jpg
run embed --model "$model" --json bad.jpg "$picture" nowhere.jpg
expect_code 1
[ "$(wc -l <err)" -eq 3 ] || fail "expected two lines for two pictures, and one in the end"
expect_in err "bad.jpg"
expect_in err "nowhere.jpg"
expect_in err "2 of 3 inputs"
"$compare" inputs out >inputs.list
[ "$(cat inputs.list)" = "image $picture" ] || fail "the good picture is missing"

# A name that is not UTF-8 does not break the JSON.
bad=$(printf 'caf\351.png')
if cp "$picture" "$bad" 2>/dev/null; then
    run embed --model "$model" --json "$bad"
    expect_code 0
    "$compare" inputs out >inputs.list || fail "not JSON"
    expect_in inputs.list "image caf"
fi

# .npy: magic, version, header, and n x dim floats; the same vectors as the JSON's.
run embed --model "$model" --npy vectors.npy --json "$picture" --text one
expect_code 0
"$compare" npy vectors.npy out || fail "vectors.npy"
run embed --model "$model" --npy /nowhere/vectors.npy --text one
expect_code 1
expect_one_line "/nowhere/vectors.npy"

# The model from the environment, as a name below FOVEA_MODELS; and the table.
mkdir -p models/tiny && mv "$model" models/tiny/v1
FOVEA_MODELS=$scratch/models FOVEA_MODEL=tiny/v1 run embed --text one --text one
expect_code 0
expect_in out "tiny/v1, "
[ "$(grep -c '1\.0000  one$' out)" -eq 2 ] || fail "the same text twice has cosine 1"

# The same seed gives the same bytes, another seed others.
config=$models/$(basename "$dir")/open_clip_config.json
run model synth "$config" --seed 0x2a --out a && run model synth "$config" --seed 42 --out b
run model synth "$config" --seed 43 --out c
cmp -s a/open_clip_model.safetensors b/open_clip_model.safetensors || fail "seed 0x2a is 42"
! cmp -s a/open_clip_model.safetensors c/open_clip_model.safetensors || fail "seed 43 is not 42"

run embed --model "$scratch/models/tiny/v1" --precision half --text one
expect_code 2
expect_one_line "auto, f32, bf16"

finish
