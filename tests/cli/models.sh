#!/bin/sh
# SPDX-License-Identifier: MIT
#
# models.sh FOVEA MODELS MAKE_PICTURES FAKE_HUB: models by their names, as a user gets them: listed,
# downloaded from a hub on this machine, used without a network, removed.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
models=$(absolute "$2")
make_pictures=$(absolute "$3")
fake_hub=$(absolute "$4")
tiny="$models/tiny-quickgelu/open_clip_config.json"
h14=cache/fovea/models/ViT-H-14/dfn5b
unset HF_HUB_OFFLINE http_proxy HTTP_PROXY all_proxy ALL_PROXY
export FOVEA_HUB_HURRY=0.002 FOVEA_LIBRARY="$scratch/library.db" HF_TOKEN=hf_secret

# serve RULES...: a fake hub with these rules, from then on the endpoint.
serve() {
    mkfifo control address
    "$fake_hub" "$scratch/served" "$@" <control >address &
    hub=$!
    exec 8>control 9<address
    read -r HF_ENDPOINT <&9
    export HF_ENDPOINT
}
# Ends it; what it counted is in the file counts.
serve_no_more() {
    exec 8>&-
    cat <&9 >counts
    exec 9<&-
    wait "$hub"
    rm -f control address
}

"$make_pictures" pictures >/dev/null || fail "no pictures"
run model synth "$tiny" --seed 0 --out served/apple/DFN5B-CLIP-ViT-H-14
expect_code 0
mkdir -p served/org
cp -r served/apple/DFN5B-CLIP-ViT-H-14 served/org/repo

# What there is, before anything is here.
run models
expect_code 0
expect_empty err
for name in fast balanced best ViT-H-14/dfn5b; do expect_in out "$name"; done
[ "$(grep -c ' %  ' out)" -eq 3 ] || fail "expected the three recommended models"
run models --all
expect_in out "RN50/openai"
expect_in out "not supported: a ResNet image tower"
run models vit-l datacomp_XL
expect_in out "ViT-L-14/datacomp_xl_s13b_b90k"
run models --json
expect_in out '"name":"ViT-H-14/dfn5b","recommended":"best","supported":true'
expect_in out '"here":false'
run models no-such-model
expect_code 1
expect_one_line "no model's name has 'no-such-model'"

# A person at a terminal is asked before gigabytes, and may take a smaller one. script(1) is the
# terminal; its arguments differ elsewhere than on Linux.
if [ "$(uname -s)" = Linux ] && script -qefc true /dev/null >/dev/null 2>&1; then
    # at_terminal ANSWER COMMAND: the answer comes when the question has been asked.
    at_terminal() {
        last="$2 (answer: $1)"
        rm -f finished
        : >out
        {
            tries=0
            until grep -q 'Download it' out || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
            echo "$1"
            until [ -s finished ] || [ $((tries += 1)) -gt 300 ]; do sleep 0.1; done
        } | {
            TERM=dumb script -qefc "$2" /dev/null >out 2>err
            echo $? >finished
        }
        code=$(cat finished)
    }
    smaller=served/laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K
    mkdir -p served/laion
    cp -r served/org/repo "$smaller"
    serve claim_gb=4
    at_terminal n "$fovea embed --text sea"
    expect_code 130
    expect_in out "4.0 GB from"
    expect_in out "Download it?"
    expect_in out "nothing was downloaded"
    at_terminal 2 "$fovea embed --text sea"
    expect_code 0
    expect_in out "FOVEA_MODEL=ViT-B-32-256/datacomp_s34b_b86k"
    expect_in out "48 dimensions"
    serve_no_more
    run models remove ViT-B-32-256/datacomp_s34b_b86k
    rm -r "$smaller"
fi

# The default arrives by itself, whatever the connection does.
serve cuts=20 seed=3
run index pictures
expect_code 0
expect_in err "the model ViT-H-14/dfn5b is not here: "
expect_in err "apple/DFN5B-CLIP-ViT-H-14"
expect_in err "$scratch/$h14"
expect_in out "12 photographs found: 12 new"
cmp -s "served/apple/DFN5B-CLIP-ViT-H-14/open_clip_model.safetensors" \
    "$h14/open_clip_model.safetensors" || fail "the weights differ"
serve_no_more
expect_in counts "leaked=0"
run models
expect_in out "here, 7.6 MB"
run models --json
expect_in out '"here":true'

# From here on without a network.
run search sea --limit 1 --offline
expect_code 0
run pull
expect_code 0
expect_in out "is here already"
run embed --text sea --json
expect_code 0
cp out registry
# The tag's activation, and not the folder's, whose config is changed to say otherwise.
sed 's/"quick_gelu": *true/"quick_gelu": false/' "$h14/open_clip_config.json" >changed
cmp -s changed "$h14/open_clip_config.json" && fail "the config has no quick_gelu to change"
cp changed "$h14/open_clip_config.json"
run embed --text sea --json
cmp -s out registry || fail "the folder's activation was used for a registry model"
run embed --text sea --json --model "$h14" # by its folder: the same model
cmp -s out registry || fail "a registry model's folder is another model"
cp -r "$h14" elsewhere
run embed --text sea --json --model elsewhere
expect_code 0
cmp -s out registry && fail "the activation makes no difference: the test cannot fail"

# Another network's troubles.
run pull hf-hub:org/repo
expect_code 1
expect_one_line "fovea demo"
serve wrong_bytes=1
run pull hf-hub:org/repo
expect_code 1
expect_in err "not those that were announced"
[ ! -e cache/fovea/models/hf-hub/org/repo/open_clip_model.safetensors ] || fail "wrong bytes were kept"
run search x --offline --model hf-hub:org/repo
expect_code 1
expect_one_line "--offline keeps fovea off the network"
serve_no_more
serve
run pull hf-hub:org/repo --json --no-prepare
expect_code 0
expect_in out '"verified":true'
expect_in out '"model":"hf-hub:org/repo"'
mkdir -p served/org/timm
printf '{"model_cfg": {"embed_dim": 8, "vision_cfg": {"timm_model_name": "swin"}, "text_cfg": {}}}' \
    >served/org/timm/open_clip_config.json
cp served/org/repo/open_clip_model.safetensors served/org/timm
run pull hf-hub:org/timm
expect_code 1
expect_in err "this model has the image tower swin from timm"
[ ! -e cache/fovea/models/hf-hub/org/timm/open_clip_model.safetensors ] ||
    fail "the weights of a model that does not run were downloaded"
run pull hf-hub:org/nothing
expect_code 1
expect_one_line "org/nothing"
run pull RN50/openai
expect_code 1
expect_one_line "resnet"
serve_no_more
expect_in counts "leaked=0"
run embed --text sea --model hf-hub:org/repo
expect_code 0

# Weights alone.
run embed --text sea --model served/org/repo/open_clip_model.safetensors
expect_code 2
expect_one_line "--arch"
run embed --text sea --model served/org/repo/open_clip_model.safetensors --arch ViT-B-32/openai
expect_code 1
expect_one_line "these are not the weights of this config"

# Away again, also what was packed of it elsewhere than beside it; the folder's other files stay.
mkdir packed
echo mine >packed/mine-0
FOVEA_PREPARED="$scratch/packed" run embed --text sea --model ViT-H-14/dfn5b --offline
expect_code 0
FOVEA_PREPARED="$scratch/packed" run embed --text sea --model ViT-H-14/dfn5b --image-size 84
expect_code 0 # texts are the same at any size of pictures
[ "$(find packed -name 'text-*.weights' | wc -l)" -eq 1 ] || fail "expected one file of the text tower"
FOVEA_PREPARED="$scratch/packed" run models remove ViT-H-14/dfn5b
expect_code 0
[ "$(ls packed)" = mine-0 ] || fail "prepared weights were not removed: $(ls packed)"
run models remove hf-hub:org/repo
expect_code 0
expect_in out "removed hf-hub:org/repo, "
for left in cache/fovea/models/*; do [ ! -e "$left" ] || fail "$left was not removed"; done
run models remove ViT-H-14/dfn5b
expect_code 1
expect_one_line "is not in the models folder"
HF_HUB_OFFLINE=1 run search sea
expect_code 1
expect_one_line "HF_HUB_OFFLINE"

finish
