#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# run.sh [-j JOBS] [--idle] BUILD SECONDS OUT [NAME…]: runs the fuzzers of a build folder
# (-Dfuzz=true) for so many seconds of processor time each, JOBS at a time (as many as there are
# processors). Of processor time, because what a busy machine does in half an hour of the clock may
# be a minute of work. --idle: in the background class. OUT/NAME/corpus keeps what they find worth
# keeping, and a later run goes on from it; OUT/NAME/log is the last run's output, and a finding lies
# beside it. Prints a line for each when it ends (also in OUT/total): wall and processor time,
# executions, findings. Ends with 1 if there is any finding in OUT.
set -uo pipefail
jobs=$(nproc) class=()
while [[ ${1:-} == -* ]]; do
    case $1 in
    -j) jobs=$2 && shift ;;
    --idle) class=(chrt -i 0 nice -n 19) ;;
    *) echo "run.sh: unknown option $1" >&2 && exit 2 ;;
    esac
    shift
done
(($# >= 3)) || { echo "usage: run.sh [-j JOBS] [--idle] BUILD SECONDS OUT [NAME…]" >&2 && exit 2; }
build=$(realpath "$1") seconds=$2 out=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
names=("$@")
if ((${#names[@]} == 0)); then
    for program in "$build"/tests/fuzz/fuzz-*; do
        [[ -f $program && -x $program ]] && names+=("$(basename "$program" | sed 's/^fuzz-//')")
    done
fi
ticks=$(getconf CLK_TCK)

options() { # what a fuzzer needs beside the common options
    case $1 in
    http | library | import | artifacts) echo "-detect_leaks=0 -max_len=16384" ;;
    tokenizer_*) echo "-max_len=8192" ;;
    *) echo "-max_len=32768" ;;
    esac
}

spent() { # PID: the processor time of a process and its threads in hundredths; fails if it is gone
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }" # behind the name, which may have blanks: state is field 0
    [[ ${fields[0]} != Z ]] && echo $(((fields[11] + fields[12]) * 100 / ticks))
}

findings_in() {
    find "$1" -maxdepth 1 \( -name 'crash-*' -o -name 'leak-*' -o -name 'timeout-*' -o -name 'oom-*' \) |
        wc -l
}

run_one() {
    local name=$1 dir=$out/$1 dictionary=() pid cpu=0 now start=$EPOCHSECONDS runs stopping=0
    mkdir -p "$dir/corpus"
    [[ -f $here/dict/$name ]] && dictionary=("-dict=$here/dict/$name")
    cd "$dir" || return 1
    # The time limit of one input is of the wall: on a busy machine it may wait for minutes.
    # shellcheck disable=SC2046 # a list of options
    "${class[@]}" "$build/tests/fuzz/fuzz-$name" -rss_limit_mb=3000 -timeout=600 \
        -print_final_stats=1 $(options "$name") "${dictionary[@]}" corpus "$here/corpus/$name" \
        >log 2>&1 &
    pid=$!
    while now=$(spent $pid); do
        cpu=$now
        # An interrupted fuzzer prints its statistics and ends; once more a minute later, in case.
        ((cpu >= seconds * 100 && stopping++ % 12 == 0)) && kill -INT $pid 2>/dev/null
        sleep 5 # each look starts processes, beside twenty fuzzers
    done
    wait $pid
    rm -rf /dev/shm/fovea-fuzz-$pid-* /tmp/fovea-fuzz-$pid-* # an interrupted one leaves its folder
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' log)
    printf '%s %-16s wall %5d s  cpu %5d s  executions %9s  findings %s\n' "$(date +%H:%M)" \
        "$name" $((EPOCHSECONDS - start)) $((cpu / 100)) "${runs:-?}" "$(findings_in .)" |
        tee -a ../total
}

mkdir -p "$out"
out=$(realpath "$out")
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS="suppressions=$here/../lsan.supp:print_suppressions=0"
running=0
for name in "${names[@]}"; do
    ((running++ < jobs)) || wait -n
    run_one "$name" &
done
wait
status=0
for name in "${names[@]}"; do
    (($(findings_in "$out/$name") == 0)) || status=1
done
exit $status
