# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What the command-line tests share. A test script is run by meson with the program's path first,
# and sources this file; it works in an empty folder that is removed at the end.
#
#   run ARGS...          runs the program; leaves $code, and its output in the files out and err
#   expect_code N        the last run ended with N
#   expect_one_line TEXT its stderr is one line that contains TEXT, and begins with "fovea: "
#   expect_in FILE TEXT  FILE contains TEXT
#   absolute PATH        a path the script was started with, to be used after this file's cd
#   skip WHY             ends the test as skipped
#   start_cluster SCRIPT a PostgreSQL in $scratch/pg, by cluster.sh, until the end; leaves its $url

set -u
started=$PWD
absolute() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$started/$1" ;;
    esac
}

fovea=$(absolute "$1")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fovea-cli.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

# Nothing of the user's own set-up may leak in.
unset FOVEA_MODEL FOVEA_MODELS FOVEA_LIBRARY HF_HOME HF_ENDPOINT HF_TOKEN HF_TOKEN_PATH
export HF_HUB_OFFLINE=1 # no test asks the real hub
export XDG_CACHE_HOME="$scratch/cache" XDG_DATA_HOME="$scratch/data"

failures=0
last=
code=0

fail() {
    failures=$((failures + 1))
    echo "FAIL: $*"
    echo "  after: fovea $last (exit status $code)"
    sed 's/^/  out: /' out 2>/dev/null | head -n 5
    sed 's/^/  err: /' err 2>/dev/null | head -n 5
}

run() {
    last=$*
    "$fovea" "$@" >out 2>err </dev/null
    code=$?
}

expect_code() {
    [ "$code" -eq "$1" ] || fail "exit status $code, expected $1"
}

expect_empty() {
    [ ! -s "$1" ] || fail "$1 is not empty"
}

expect_in() {
    grep -qF -e "$2" "$1" || fail "$1 lacks: $2"
}

expect_one_line() {
    [ "$(wc -l <err)" -eq 1 ] || fail "stderr has $(wc -l <err) lines, expected one"
    expect_in err "fovea: "
    expect_in err "$1"
}

skip() {
    echo "skipped: $*"
    exit 77
}

finish() {
    [ "$failures" -eq 0 ] || echo "$failures failures"
    [ "$failures" -eq 0 ]
    exit
}

start_cluster() {
    cluster=$1 # for the trap
    trap '"$cluster" stop "$scratch/pg" >/dev/null 2>&1; rm -rf "$scratch"' EXIT
    chmod 755 "$scratch" # the server is another user's
    url=$("$cluster" start "$scratch/pg" $$) || {
        code=$?
        echo "$url"
        exit "$code"
    }
}
