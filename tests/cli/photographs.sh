#!/bin/sh
# SPDX-License-Identifier: MIT
#
# photographs.sh FOVEA COMPARE: the whole way on real photographs, from files to a table: the
# reference's classification and vectors (open_clip, ViT-B-32 with the formula's weights) of the
# folder $FOVEA_SHARED/photos. The reference ignores colour profiles, and leaves out the four
# photographs in ProPhoto RGB.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
compare=$(absolute "$2")
shared=${FOVEA_SHARED:+$(absolute "$FOVEA_SHARED")}
[ -n "$shared" ] || skip "FOVEA_SHARED is not set (the folder with the full goldens)"
golden=$shared/golden/photos
[ -e "$golden/classification.csv" ] || skip "there is no $golden"

run model synth "$shared/golden/models/ViT-B-32/open_clip_config.json" --seed 0 --out ViT-B-32
expect_code 0
run index --library photos.db --model ViT-B-32 --precision f32 "$shared/photos"
expect_code 0
run classify --library photos.db --model ViT-B-32 --precision f32 \
    --categories "$golden/categories.json" \
    --csv table.csv --relative-to "$shared/photos"
expect_code 0
"$compare" csv "$golden/classification.csv" table.csv 0.002 >difference || {
    cat difference
    fail "another classification than the reference's"
}
run embed --json --precision f32 --model ViT-B-32 "$shared"/photos/*.jpg
expect_code 0
"$compare" cosines "$golden/embeddings.json" out 0.99999 >difference || {
    cat difference
    fail "other vectors than the reference's"
}
finish
