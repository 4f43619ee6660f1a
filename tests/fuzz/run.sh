#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh BUILD SECONDS OUT [NAME…]: runs the fuzzers of a build folder (-Dfuzz=true), all at once
# and in the background class, for so many seconds each. OUT/NAME/corpus keeps what they find worth
# keeping, and a later run goes on from it; OUT/NAME/log is the last run's output, and a finding lies
# beside it. Ends with a line for each: wall and processor time, executions, findings.
set -uo pipefail
build=$(realpath "$1") seconds=$2 out=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
names=("$@")
if ((${#names[@]} == 0)); then
    for program in "$build"/tests/fuzz/fuzz-*; do
        [[ -f $program && -x $program ]] && names+=("$(basename "$program" | sed 's/^fuzz-//')")
    done
fi

options() { # what a fuzzer needs beside the common options
    # The time limit is of the wall: in the background class an input may wait for minutes.
    case $1 in
    http | library | import | artifacts) echo "-detect_leaks=0 -max_len=16384" ;;
    tokenizer_*) echo "-max_len=8192" ;;
    *) echo "-max_len=32768" ;;
    esac
}

run_one() {
    local name=$1 dir=$out/$1 dictionary=()
    mkdir -p "$dir/corpus"
    [[ -f $here/dict/$name ]] && dictionary=("-dict=$here/dict/$name")
    cd "$dir" || return 1
    local TIMEFORMAT='%R %U %S'
    # shellcheck disable=SC2046 # a list of options
    { time chrt -i 0 nice -n 19 "$build/tests/fuzz/fuzz-$name" -max_total_time="$seconds" \
        -rss_limit_mb=3000 -timeout=600 -print_final_stats=1 $(options "$name") "${dictionary[@]}" corpus \
        "$here/corpus/$name" >log 2>&1; } 2>spent
    local runs findings
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' log)
    findings=$(find . -maxdepth 1 \( -name 'crash-*' -o -name 'leak-*' -o -name 'timeout-*' -o -name 'oom-*' \) | wc -l)
    read -r wall user sys <spent
    printf '%s %-16s wall %5.0f s  cpu %5.0f s  executions %9s  findings %s\n' "$(date +%H:%M)" \
        "$name" "$wall" "$(awk "BEGIN { print $user + $sys }")" "${runs:-?}" "$findings" | tee -a ../total
}

mkdir -p "$out"
out=$(realpath "$out")
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS="suppressions=$here/../lsan.supp:print_suppressions=0"
for name in "${names[@]}"; do
    run_one "$name" &
done
wait
