#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The commands under Valgrind's memcheck, one of each kind: nothing undefined is read, nothing
# outside of what was allocated, and nothing that was allocated is lost. Leaks count as failures.
# Valgrind shows the program a processor without AVX-512, so the kernels are those of AVX2. What the
# decoding children do is looked at with them switched off: in the same process.
#
#     valgrind.sh PROGRAM MODELS
models=$2
case $models in /*) ;; *) models=$PWD/$models ;; esac
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

command -v valgrind >/dev/null || skip "valgrind is not here"
cat >memcheck <<END
#!/bin/sh
exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect --num-callers=24 '$fovea' "\$@"
END
chmod +x memcheck
plain=$fovea
fovea=$scratch/memcheck
export FOVEA_SANDBOX=off OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2
model=$scratch/synthetic
count=0
check() { # check CODE ARGS...: ends with it, and Valgrind has nothing to say
    began=$(date +%s)
    wanted=$1
    shift
    run "$@"
    count=$((count + 1))
    [ -z "${FOVEA_TEST_TIMES-}" ] || echo "$(($(date +%s) - began)) s: $*"
    [ "$code" -eq "$wanted" ] || fail "exit status $code, expected $wanted: $(grep -A 30 '^==' err | head -n 40)"
    ! grep -q '^==' err || fail "Valgrind: $(grep '^==' err | head -n 40)"
}

"$plain" demo --only-pictures --pictures 6 --side 64 --out . >/dev/null 2>&1 || fail "no pictures"
head -c 700 "$(find pictures -name '*.jpg' | sort | head -n 1)" >pictures/damaged.jpg
picture=$(find pictures/20* -name '*.jpg' | sort | head -n 1)
export FOVEA_LIBRARY="$scratch/library.db"

check 0 --version
check 0 help search
check 2 search --frobnicate
check 0 help --write-manuals "$scratch"
printf '"a photo of a waterfall"\n' >line
"$fovea" tokenize --context 12 <line >out 2>err || fail "tokenize: $(cat err)"
check 0 model synth "$models/tiny-quickgelu/open_clip_config.json" --out "$scratch/synthetic"
check 0 index --model "$model" pictures
check 0 index
check 0 embed --model "$model" --text "the sea" "$picture"
check 0 search "the sea" --json --limit 3
check 0 similar "$picture"
check 0 classify --csv table.csv
check 0 duplicates
check 0 map --json map.json
check 0 groups
check 0 status --errors --json
check 0 info "$picture" --json
check 0 export "$scratch/exported"
check 0 import "$scratch/exported" --library "$scratch/second.db"
check 0 backup "$scratch/backup.db"
check 0 preprocess --out seen.png --resize-mode squash "$picture"
check 0 models ViT-L
check 0 forget "$scratch/pictures"
check 1 info nowhere.jpg
echo "$count commands"
finish
