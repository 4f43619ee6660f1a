#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the server has to bear: malformed requests by the thousand, idle connections, clients that
# leave, a library that is gone and comes back, thumbnails that cannot be written, a second process
# that indexes, being stopped in the middle. FOVEA_TEST_LONG=1 does more of each, and waits for slow
# clients to be cut off (30 and 60 seconds). faults.sh PROGRAM CHECK-FAULTS

here=$(dirname "$0")
check=$2
case $check in /*) ;; *) check=$PWD/$check ;; esac
case $here in /*) ;; *) here=$PWD/$here ;; esac
# shellcheck source=tests/cli/lib.sh
. "$here/../cli/lib.sh"
# shellcheck source=tests/server/lib.sh
. "$here/lib.sh"

requests=2000 idle=400 connections=256
if [ -n "${FOVEA_TEST_LONG-}" ]; then
    requests=20000 idle=10000 connections=1024
fi
answer() { # WANTED-STATUS PATH [CURL-ARGS...]: asks, leaves the body in the file body
    want=$1 target=$2
    shift 2
    got=$(curl -sS -o body -w '%{http_code}' "$@" "$address$target")
    [ "$got" = "$want" ] || fail "$target: status $got, expected $want: $(head -c 200 body)"
}
wait_for() { # TEXT: until the status says it
    tries=0
    until curl -sS "$address/api/v1/status" | grep -q "$1"; do
        tries=$((tries + 1))
        [ "$tries" -le 100 ] || {
            fail "the status never said $1"
            return
        }
        sleep 0.1
    done
}

make_library 12
serve --connections "$connections" --thumbnails "$scratch/thumbnails"
id=$(curl -sS "$address/api/v1/photos?limit=1" | sed 's/.*"id":\([0-9]*\).*/\1/')

# --- malformed requests, connections that do nothing, clients that leave
"$check" "$address" fuzz "$requests" "${FOVEA_TEST_SEED:-1}" || fail "fuzz"
"$check" "$address" idle "$idle" || fail "idle"
"$check" "$address" gone 200 || fail "gone"
[ -z "${FOVEA_TEST_LONG-}" ] || "$check" "$address" drip 90 || fail "drip"

# --- thumbnails that cannot be kept are made all the same
# What a client asked for that has left may still be made: until nothing comes back.
tries=0
until { rm -rf thumbnails && (: >thumbnails); } 2>/dev/null || [ $((tries += 1)) -gt 100 ]; do
    sleep 0.1
done
answer 200 "/api/v1/photos/$id/thumbnail"
rm -f thumbnails
answer 200 "/api/v1/photos/$id/thumbnail"
[ -d thumbnails ] || fail "thumbnails are not kept once they can be"

# --- the library is deleted, and comes back
mkdir away
mv library.db* away/
wait_for '"ok":false'
grep -q 'library:' serve.err || fail "the log does not say that the library is gone"
answer 200 /api/search/text -H 'Content-Type: application/json' -d '{"query":"the sea"}'
answer 503 "/api/v1/photos/$id"
grep -q 'cannot be read' body || fail "no reason given: $(cat body)"
answer 503 /api/v1/categories/new -X PUT -H 'Content-Type: application/json' \
    -d '{"categories":[{"name":"a","prompts":["b"]}]}'
[ ! -e library.db ] || fail "an empty library was made where one was deleted"
mv away/library.db* .
wait_for '"ok":true'
answer 200 "/api/v1/photos/$id"

# --- a photograph is deleted, or is something else now
path=$(curl -sS "$address/api/v1/photos/$id" | sed 's/.*"paths":\["\([^"]*\)".*/\1/')
mv "$path" "$path.away"
answer 404 "/api/v1/photos/$id/original"
mkfifo "$path"
answer 404 "/api/v1/photos/$id/original"
rm "$path"
ln -s /etc "$path"
answer 404 "/api/v1/photos/$id/original"
rm "$path"
mv "$path.away" "$path"
answer 200 "/api/v1/photos/$id/original"

# --- an address that another program listens on
run serve --library library.db --model demo --listen "${address#http://}"
expect_code 1
expect_one_line "give --listen another port"

# --- stopped while clients wait: what is in flight is answered
until_counts() { # until_counts NUMBER TEXT FILE
    tries=0
    until [ "$(grep -c "$2" "$3")" -ge "$1" ] || [ $((tries += 1)) -gt 200 ]; do sleep 0.1; done
}
: >connected
: >events
for _ in 1 2 3 4 5 6 7 8; do
    curl -sSv -o /dev/null -w '%{http_code}\n' "$address/api/v1/photos/$id/original" >>codes 2>>connected &
done
until_counts 8 '^\* Connected to' connected
# Connections are taken in turn: once a later one has been answered, those are in.
curl -sSN "$address/api/v1/events" >events &
until_counts 1 '^event: status' events
stop
expect_code 0
until_counts 8 . codes
[ "$(grep -c 200 codes)" -eq 8 ] || fail "answers were lost when the server stopped: $(cat codes)"
grep -q '^event: status' events || fail "no events were sent"

# --- refused before anything is opened
run serve --library library.db --model demo --listen 0.0.0.0:0
expect_code 2
expect_one_line "--token-file"
run serve --library library.db --model demo --listen nonsense
expect_code 2
expect_one_line "HOST:PORT"
run serve --library library.db --model demo --listen 127.0.0.1:0 --allow-origin evil
expect_code 2
expect_one_line "is not an origin"
echo short >token
run serve --library library.db --model demo --listen 127.0.0.1:0 --token-file token
expect_code 2
expect_one_line "characters"
run serve --library none.db --model demo --listen 127.0.0.1:0
expect_code 1
expect_one_line "fovea index"

# --- with a token
echo 0123456789abcdef0123 >token
serve --token-file token --allow-origin http://page.example
answer 401 /api/v1/status
answer 200 /api/health
answer 200 /
answer 401 /api/v1/status -H 'Authorization: Bearer 0123456789abcdef0124'
answer 401 /api/v1/status -H 'Cookie: fovea_session=0123456789abcdef0123'
answer 200 /api/v1/status -H 'Authorization: Bearer 0123456789abcdef0123'
answer 303 '/?token=0123456789abcdef0123' -c jar
answer 200 /api/v1/status -b jar
answer 401 /api/v1/session -H 'Content-Type: application/json' -d '{"token":"0123456789abcdef012"}'
answer 204 /api/v1/session -c jar2 -H 'Content-Type: application/json' \
    -d '{"token":"0123456789abcdef0123"}'
answer 200 /api/v1/status -b jar2
grep -q '#HttpOnly' jar || fail "the cookie is not HttpOnly"
! grep -q '0123456789abcdef' serve.err || fail "the token is in the log"

# --- who is let in
auth='Authorization: Bearer 0123456789abcdef0123'
answer 403 /api/v1/status -H "$auth" -H 'Host: evil.example'
answer 403 /api/v1/status -H "$auth" -H 'Origin: http://evil.example'
answer 403 /api/v1/status -H "$auth" -H 'Origin: null'
answer 403 /api/v1/status -H "$auth" -H 'Origin: http://localhost:5173' -H 'Sec-Fetch-Site: same-site'
answer 200 /api/v1/status -H "$auth" -H 'Origin: http://localhost:5173' \
    -H 'Sec-Fetch-Site: same-origin' -H 'Host: localhost:8080'
answer 200 /api/v1/status -H "$auth" -H "Origin: $address"
answer 403 "/api/v1/photos/$id/thumbnail" -H "$auth" -H 'Sec-Fetch-Site: cross-site'
answer 200 / -H "$auth" -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: navigate' \
    -H 'Sec-Fetch-Dest: document'
answer 403 /api/v1/duplicates -H "$auth" -H 'Sec-Fetch-Site: cross-site' \
    -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: iframe'
answer 200 "/api/v1/photos/$id/thumbnail" -H "$auth" -H 'Sec-Fetch-Site: cross-site' \
    -H 'Referer: http://page.example/a'
answer 200 /api/v1/status -D head -H "$auth" -H 'Origin: http://page.example'
grep -qi '^access-control-allow-origin: http://page.example' head || fail "no CORS header"
answer 200 /api/v1/status -D head -H "$auth"
! grep -qi '^access-control' head || fail "a CORS header without an origin"
answer 204 /api/v1/search -X OPTIONS -D head -H 'Origin: http://page.example' \
    -H 'Access-Control-Request-Method: POST'
grep -qi '^access-control-allow-methods' head || fail "no answer to a preflight request"
answer 403 /api/v1/search -X OPTIONS -H 'Origin: http://evil.example' \
    -H 'Access-Control-Request-Method: POST'
stop
expect_code 0
finish
