#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# coverage.sh [CORPORA [BUILD]]: how much of the readers of outside input the fuzzers' corpora run
# through: lines and branches of each source file, by clang's source coverage. CORPORA is a folder
# of run.sh (NAME/corpus), taken beside the corpora of the project; BUILD is made (build-cov).
set -euo pipefail
cd "$(dirname "$0")/../.."
export LLVM_PROFILE_FILE=/dev/null # of what meson and ninja run: else default.profraw lies here
corpora=${1:-} build=${2:-build-cov}
readers=(clip/safetensors clip/torch_zip clip/zip_archive clip/unpickle clip/unpickle_machine
    clip/unpickle_torch clip/config clip/config_reader clip/hf_config clip/merges clip/tokenizer
    clip/tokenizer_json clip/bpe clip/text_clean clip/text_unescape clip/mojibake clip/packed
    hub/fetch hub/http hub/part hub/pull hub/registry image/bmp image/decoder image/decoder_check image/format
    image/icc image/jpeg image/raw_preview library/categories library/filter_parse library/ignore library/import library/import_values
    library/npy16 library/map_file library/photo_map library/photo_graph library/photo_groups
    meta/blocks meta/exif meta/iptc meta/text meta/tiff meta/xmp meta/xmp_edit meta/xmp_scan
    server/api_categories server/api_duplicates server/api_map server/api_photos server/api_pictures
    server/api_search server/api_status server/exchange server/fields server/filters server/gate
    server/multipart server/page server/routes server/uri store/sqlite_open store/sqlite_salvage
    store/sqlite_repair store/sqlite_matrix store/sqlite_photo)

[[ -f $build/build.ninja ]] || CC=${CC:-clang} meson setup "$build" -Dfuzz=true -Dtests=false -Dwerror=false -Doptimization=1 \
    -Dhardening=false -Dc_args='-fprofile-instr-generate -fcoverage-mapping' \
    -Dc_link_args=-fprofile-instr-generate >/dev/null
targets=()
for folder in tests/fuzz/corpus/*/; do
    targets+=("tests/fuzz/fuzz-$(basename "$folder")")
done
ninja -C "$build" "${targets[@]}" >/dev/null
rm -f "$build"/*.profraw
for target in "${targets[@]}"; do
    name=${target##*/fuzz-}
    folders=("tests/fuzz/corpus/$name")
    [[ -d $corpora/$name/corpus ]] && folders+=("$corpora/$name/corpus")
    LLVM_PROFILE_FILE=$build/$name.profraw timeout 600 "$build/$target" \
        -runs=0 "${folders[@]}" >/dev/null 2>&1 ||
        echo "$name fails"
done
llvm-profdata merge -o "$build/all.profdata" "$build"/*.profraw
objects=()
for target in "${targets[@]:1}"; do
    objects+=(-object "$build/$target")
done
llvm-cov report "$build/${targets[0]}" "${objects[@]}" -instr-profile="$build/all.profdata" |
    awk -v wanted="${readers[*]}" 'BEGIN { split(wanted, names, " "); for (i in names) want["src/" names[i] ".c"] = 1 }
        { name = $1; sub(/^.*src\//, "src/", name) }
        name in want { printf "%-28s lines %7s  branches %7s\n", name, $10, $13 }'
