#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The server under load: 200 text searches in flight, uploads mixed in, while another process
# indexes. No answer may fail, memory may not grow. The times are printed and not judged.
#
#   load.sh PROGRAM LOAD MAKE-LIBRARY          two seconds, with the demonstration model (the test)
#   load.sh PROGRAM LOAD MAKE-LIBRARY 60       sixty, with ViT-B-32 (synthetic weights, the default
#                                              precision) and a library of 100,000 photographs; and
#                                              before that a lone search at a time, for ten seconds

here=$(dirname "$0")
load=$2 make=$3 seconds=${4-}
case $load in /*) ;; *) load=$PWD/$load ;; esac
case $make in /*) ;; *) make=$PWD/$make ;; esac
case $here in /*) ;; *) here=$PWD/$here ;; esac
# shellcheck source=tests/cli/lib.sh
. "$here/../cli/lib.sh"
# shellcheck source=tests/server/lib.sh
. "$here/lib.sh"

make_library 24
picture=$(find pictures -name '*.jpg' | sort | head -n 1)
model=demo
if [ -n "$seconds" ]; then
    cat >ViT-B-32.json <<END
{"model_cfg": {"embed_dim": 512,
  "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
  "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}}}
END
    run model synth ViT-B-32.json --out "$scratch/model"
    expect_code 0
    model=$scratch/model
    rm -f library.db*
    "$make" library.db "$model" "${FOVEA_LOAD_PHOTOS:-100000}" || fail "no library"
fi
serve_model=$model
serve --quiet

# Photographs that come while it serves, one folder after the other.
index_on() {
    n=0
    while [ ! -e stop ]; do
        n=$((n + 1))
        mkdir -p "pictures/more$n"
        for file in pictures/20*/*/*.jpg; do
            cp "$file" "pictures/more$n/"
            echo "$n" >>"pictures/more$n/${file##*/}"
        done
        "$fovea" index --library library.db --model "$model" pictures >index.out 2>index.err ||
            cp index.err index.failed
    done
}

if [ -n "$seconds" ]; then
    echo "a lone search at a time:"
    "$load" "$address" "$pid" 10 1 || fail "a lone search"
fi
index_on &
indexer=$!
"$load" "$address" "$pid" "${seconds:-2}" 200 "$picture" || fail "under load"
: >stop
wait "$indexer"
[ ! -e index.failed ] || fail "indexing failed meanwhile: $(cat index.failed)"
photos=$(curl -sS "$address/api/v1/status" | sed 's/.*"photos":\([0-9]*\),"files.*/\1/')
[ "$photos" -gt 24 ] || fail "nothing was indexed meanwhile"
echo "photographs at the end: $photos"
stop
expect_code 0
finish
