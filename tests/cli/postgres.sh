#!/bin/sh
# SPDX-License-Identifier: MIT
#
# postgres.sh FOVEA PICTURES CLUSTER: the same pictures in a file and in PostgreSQL; every command
# says the same about both, but for what names the library itself. Then the server on a database
# that goes away and comes back.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
images=$(absolute "$2")
cluster=$(absolute "$3")

start_cluster "$cluster"
database="$url&schema=cli"
file="$scratch/library.db"

# Ids, times and the library's own size and schema are each store's own.
plain() {
    sed -E 's/"(id|photo_id|library_bytes|schema|bytes|elapsed_ms|made_at|seconds)":[^,}]*/"\1":_/g
        s/; [0-9.]+ s( \([0-9.]+ photos\/s\))?$/; _ s/; /^library: /d; s/ in [0-9.]+ m?s$//'
}

# same ARGS…: both stores end alike and print the same bytes.
same() {
    run "$@" --library "$file"
    file_code=$code
    plain <out >file.out
    cp err file.err
    run "$@" --store "$database"
    plain <out >database.out
    [ "$code" -eq "$file_code" ] || fail "ends with $code, and with $file_code on a file"
    if ! cmp -s file.out database.out; then
        fail "another answer than from a file"
        diff file.out database.out | head -n 10
    fi
    [ -s database.out ] || cmp -s err file.err || fail "another text than from a file"
}

echo "-- what is not there yet"
run search "the sea" --library "$database"
expect_code 1
expect_one_line "there is no library postgres://postgres@"
expect_in err "fovea index DIR"
run forget --library "$database" "$images"
expect_code 1
expect_one_line "there is no library"
run status --store "postgres://nobody@/postgres?host=$scratch/nowhere"
expect_code 1
expect_one_line "nowhere"
run status --store "postgres:///postgres?host=$scratch/pg&user=postgres&password=secret&schema=none"
expect_code 1
if grep -q secret err; then fail "a password is shown"; fi

echo "-- of an older schema"
fixture=$(absolute "$(dirname "$0")/../store/fixtures/postgres-2.sql")
sql() { psql -XAtq -v ON_ERROR_STOP=1 -h "$scratch/pg" -U postgres -d postgres "$@"; }
sql -f "$fixture" >/dev/null || fail "the fixture cannot be loaded"
paths() {
    sql -c "SELECT string_agg(path::text, ' ' ORDER BY path) FROM fovea.files
        WHERE convert_from(path, 'UTF8') LIKE '/photos/%'"
}
before=$(paths)
run status --library "$url"
expect_code 1
expect_one_line 'run "fovea index" once'
mkdir one
cp "$images/gray.png" one
run index one --model demo --library "$url"
expect_code 0
run status --json --library "$url"
expect_in out '"photos":11'
expect_in out '"path":"/photos/damaged.jpg"'
[ "$(paths)" = "$before" ] || fail "other paths than before"
[ "$(sql -c "SELECT convert_from(path, 'UTF8'), rating FROM fovea.sidecars
    JOIN fovea.files ON files.id = file_id")" = "/photos/gray.jpg|4" ] || fail "another sidecar"

echo "-- index"
mkdir pictures
cp "$images"/* pictures
cp pictures/gray.jpg pictures/copy.jpg
printf 'no picture' >pictures/broken.jpg
deep=pictures/$(head -c 2700 /dev/urandom | base64 -w 0 | tr / _ | fold -w 200 | paste -sd /)
mkdir -p "$deep" && cp pictures/gray.jpg "$deep" # longer than what a btree can hold
for library in "$file" "$database"; do
    run index pictures --model demo --store "$library"
    expect_code 0
done
same index pictures --model demo

echo "-- the commands"
same status
same status --json
same status --errors
same search "a gray picture" --json
same search "a gray picture" --limit 3
same search --image pictures/gray.png --not "the sea" --json --limit 5
same search "night" --since 1990 --json
same similar pictures/gray.jpg --json
same duplicates --json
same classify --csv -
same classify --list-sets
same search "the sea" --category "Ocean Whispers" --json
same map --method pca --json -
same groups --json
same retire no-such-model
same forget pictures/one-pixel.png --json
same index pictures --model demo
export FOVEA_LIBRARY="$database"
run status
expect_code 0
unset FOVEA_LIBRARY

echo "-- out, and into the other"
for library in file database; do
    location=$file
    [ "$library" = file ] || location=$database
    run export "$library.export" --library "$location"
    expect_code 0
done
for part in file.export/*; do
    case $part in *.jsonl | *.csv) ;; *) continue ;; esac
    plain <"$part" | sort >file.part # rows come by id
    plain <"database.export/$(basename "$part")" | sort >database.part
    cmp -s file.part database.part || {
        fail "exports another $part"
        diff file.part database.part | cut -c 1-300 | head -n 6
    }
done
run import file.export --library "$url&schema=imported"
expect_code 0
run backup "$scratch/backup.db" --library "$database"
expect_code 0
run search "a gray picture" --json --library "$scratch/backup.db"
plain <out >backup.out
run search "a gray picture" --json --library "$database"
plain <out | cmp -s backup.out - || fail "a backup answers otherwise"

echo "-- doctor"
run doctor --library "$database"
expect_in out "is sound"
expect_in out "PostgreSQL "
expect_in out "pgvector "
run doctor --repair --library "$database"
expect_code 1
expect_one_line "only a library in a file can be repaired"

echo "-- serve"
"$fovea" serve --library "$database" --listen 127.0.0.1:0 >serve.out 2>serve.err &
server=$!
trap 'kill "$server" 2>/dev/null; "$cluster" stop "$scratch/pg" >/dev/null 2>&1; rm -rf "$scratch"' EXIT
waited=0
while ! grep -q '^fovea: http.* (Ctrl-C' serve.out 2>/dev/null && [ "$waited" -lt 300 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
address=$(sed -n 's,^fovea: \(http[^ ]*\)/ .*,\1,p' serve.out)
if [ -z "$address" ]; then
    fail "the server did not start"
    sed 's/^/  serve: /' serve.err
    finish
fi
find_gray() { # what the server finds, without its ids and times
    curl -sS --max-time 60 "$address/api/search/text" -H 'Content-Type: application/json' \
        -d '{"query": "a gray picture", "limit": 5}'
}
wait_for() { # TEXT: until the status says it
    waited=0
    until curl -sS --max-time 60 "$address/api/v1/status" | grep -q "$1"; do
        waited=$((waited + 1))
        [ "$waited" -le 300 ] || {
            fail "the status never said $1"
            return
        }
        sleep 0.1
    done
}
status_code() { curl -sS --max-time 60 -o body -w '%{http_code}' "$address$1"; }
find_gray >first.json
expect_in first.json '"filename"'
id=$(curl -sS "$address/api/v1/photos?limit=1" | sed 's/.*"id":\([0-9]*\).*/\1/')
[ "$(status_code "/api/v1/photos/$id")" = 200 ] || fail "a photograph is not shown"
[ "$(status_code "/api/v1/photos/$id/thumbnail")" = 200 ] || fail "a thumbnail is not shown"

# The database dies: the server goes on from memory, and says so; then it is back.
"$cluster" crash "$scratch/pg"
wait_for '"ok":false'
find_gray | cmp -s first.json - || fail "without the database the server finds something else"
got=$(status_code "/api/v1/photos/$id")
[ "$got" = 503 ] || fail "a photograph without its database: $got: $(head -c 200 body)"
"$cluster" start "$scratch/pg" >/dev/null || fail "the cluster did not start again"
wait_for '"ok":true'
[ "$(status_code "/api/v1/photos/$id")" = 200 ] || fail "a photograph is not shown again"
cp pictures/palette.png pictures/another.png
printf 'x' >>pictures/another.png
run index pictures --model demo --library "$database"
expect_code 0
wait_for '"photos":12'
kill "$server"
wait "$server" 2>/dev/null
finish
