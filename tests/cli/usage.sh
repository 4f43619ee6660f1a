#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What every command must do alike: help, version, usage errors, exit statuses, a stdout that cannot
# be written. The commands are read from the program's own overview, so a new one is tested at once.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

# The names under "Commands:" of a help text.
listed() { sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z -]*[a-z]\)   *.*/\1/p' "$1"; }

run
expect_code 2
expect_empty out
expect_in err "Usage: fovea"
run --help
expect_code 0
expect_empty err
expect_in out "Usage: fovea"
listed out >commands
[ "$(wc -l <commands)" -ge 4 ] || fail "the overview lists $(wc -l <commands) commands"
cp out overview
run help
expect_code 0
cmp -s out overview || fail "'help' and '--help' differ"
run -h
cmp -s out overview || fail "'-h' and '--help' differ"

run --version
expect_code 0
grep -qE '^fovea [0-9]+\.[0-9]+\.[0-9]+$' out || fail "no version"
cp out version

run frobnicate
expect_code 2
expect_empty out
expect_one_line "unknown command 'frobnicate'"
expect_in err "accepted: "
run --frobnicate
expect_code 2
expect_one_line "unknown option --frobnicate"
run help frobnicate
expect_code 2
expect_one_line "unknown command 'frobnicate'"
run emebd
expect_code 2
expect_one_line "did you mean embed?"

# check_command WORD...: one command or subcommand.
check_command() {
    run "$@" --help
    expect_code 0
    expect_empty err
    expect_in out "Usage: fovea $*"
    expect_in out "--version"
    cp out help
    [ "$(awk 'length > 110' help | wc -l)" -eq 0 ] || fail "the help has very long lines"
    run "$@" -h
    cmp -s out help || fail "-h and --help differ"
    run help "$@"
    expect_code 0
    cmp -s out help || fail "'help $*' and '$* --help' differ"
    run "$@" --version
    expect_code 0
    cmp -s out version || fail "'$* --version' is not '--version'"
    run "$@" --no-such-option
    expect_code 2
    expect_empty out
    expect_one_line "$*: unknown option --no-such-option"
    expect_in err "accepted: --"
    run "$@" --hepl
    expect_code 2
    expect_one_line "did you mean --help?"

    if grep -q '^Commands:' help; then
        cp help "help-$1"
        listed help >"below-$1"
        while read -r words; do
            # shellcheck disable=SC2086 # "model synth" is two words
            check_command $words
        done <"below-$1"
        cp "help-$1" help
    fi
    # A command that is nothing but its subcommands.
    if grep -q "^Usage: fovea $1 COMMAND " help; then
        run "$@"
        expect_code 2
        expect_empty out
        run "$@" frobnicate
        expect_code 2
        expect_one_line "unknown command 'frobnicate'"
        return
    fi
    grep -q '^Examples:' help || fail "the help of $* has no examples"
    # An option that takes a value says so when it is forgotten, and one that takes a number refuses
    # another word. The options all go through one table (test-options): one of each kind will do.
    option=$(sed -n 's/^  \(-., \|    \)--\([a-z-]*\) [A-Z].*/\2/p' help | tail -n 1)
    if [ -n "$option" ]; then
        run "$@" "--$option"
        expect_code 2
        expect_one_line "--$option needs a value"
    fi
    option=$(sed -n 's/^  \(-., \|    \)--\([a-z-]*\) N .*/\2/p' help | tail -n 1)
    if [ -n "$option" ]; then
        run "$@" "--$option" many
        expect_code 2
        expect_one_line "--$option: 'many' is not accepted; give "
    fi
}

while read -r command; do
    check_command "$command"
done <commands

# Results that cannot be written are an error, in one line; a reader that went away is a quiet one.
if [ -w /dev/full ]; then
    "$fovea" --help >/dev/full 2>err
    code=$?
    last="--help >/dev/full"
    expect_code 1
    expect_one_line "cannot write the results: No space left on device"
fi
"$fovea" --help >&- 2>err
code=$?
last="--help >&-"
expect_code 1
expect_one_line "cannot write the results"
# The left side waits until the right one is gone.
{
    sleep 0.2
    "$fovea" --help 2>err
    echo $? >code
} | true
sleep 0.1
while [ ! -s code ]; do sleep 0.1; done
code=$(cat code)
last="--help | true"
expect_code 1
expect_empty err

# A model that is not there: what, where, and what to do.
run embed --text x
expect_code 1
expect_one_line "the model ViT-H-14/dfn5b is not here"
expect_in err "$scratch/cache/fovea/models/ViT-H-14/dfn5b"
expect_in err "fovea pull ViT-H-14/dfn5b"
expect_in err "fovea demo"
FOVEA_MODELS=/nowhere/models run embed --text x --model ViT-B-32/openai
expect_code 1
expect_one_line "/nowhere/models/ViT-B-32/openai"
mkdir empty
run embed --text x --model ./empty
expect_code 1
expect_one_line "./empty is not a model folder"
run embed --text x --model ./nowhere
expect_code 1
expect_one_line "there is no model folder ./nowhere"
run embed --text x --model RN50/openai
expect_code 1
expect_one_line "resnet"
run embed --text x --model ViT-H-14/nonsense
expect_code 1
expect_one_line "OpenCLIP's tags of ViT-H-14 are: "
run embed --text x --model hf-hub:nonsense
expect_code 2
expect_one_line "'hf-hub:nonsense' is not a repository"
run embed --text x --arch ViT-B-32
expect_code 2
expect_one_line "--model is missing"
run embed --text x --model nonsense
expect_code 2
expect_one_line "'nonsense' is not a model"

run embed
expect_code 2
expect_one_line "nothing to embed"
run preprocess
expect_code 2
expect_one_line "--out OUT.png is missing"
run preprocess --out x.png
expect_code 2
expect_one_line "FILE is missing"
run preprocess --out x.png --resize-mode stretch a.jpg
expect_code 2
expect_one_line "shortest, squash or longest"
run preprocess --out x.png nowhere.jpg
expect_code 1
expect_one_line "nowhere.jpg"
run model synth --seed -1 --out x config.json
expect_code 2
expect_one_line "--seed: '-1' is not accepted"
run model synth --out x nowhere.json
expect_code 1
expect_one_line "nowhere.json"

finish
