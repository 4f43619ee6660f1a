# shellcheck shell=sh disable=SC2154,SC2034 # names that are given and taken by who sources this
# SPDX-License-Identifier: MIT
#
# What the server's tests share. Sourced after tests/cli/lib.sh, in its empty folder:
#
#   make_library N     library.db of N painted pictures in pictures/, with the model that ships
#   serve ARGS...      starts the program on it; leaves $address ("http://127.0.0.1:PORT") and $pid
#   stop               ends it; leaves $code
#
# The server is ended when the test ends, however that is.

pid=
address=

make_library() {
    run demo --out "$scratch" --pictures "$1" --side 96
    expect_code 0
}

serve() {
    rm -f serve.out serve.err # an earlier server's address must not be taken for this one's
    "$fovea" serve --library "$scratch/library.db" --model "${serve_model:-demo}" --listen 127.0.0.1:0 "$@" \
        >serve.out 2>serve.err &
    pid=$!
    trap 'kill -9 "$pid" 2>/dev/null; rm -rf "$scratch"' EXIT
    tries=0
    while ! grep -q '^fovea: http.* (Ctrl-C' serve.out 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$pid" 2>/dev/null; then
            fail "the server did not start"
            sed 's/^/  serve: /' serve.err
            finish
        fi
        sleep 0.1
    done
    address=$(sed -n 's,^fovea: \(http[^ ]*\)/ .*,\1,p' serve.out)
}

stop() {
    kill -TERM "$pid"
    wait "$pid"
    code=$?
    pid=
}
