#!/bin/sh
# SPDX-License-Identifier: MIT
#
# postgres_faults.sh FOVEA CLUSTER.SH: what goes wrong with a server, while fovea works with it. After
# each of these the library must hold every photograph once, with the vectors of an undisturbed run:
#
#   - two indexers at the same time, on the same folder and on folders that overlap
#   - one of two indexers is killed: the other takes over what it had claimed
#   - sessions are ended (pg_terminate_backend), again and again, in mid-index and in mid-search
#   - the server is killed (-9) in mid-index and in mid-search, and started again; a search is one of
#     the command and one request to `fovea serve`, in the middle of a statement each
#   - the disk is full (a small tablespace; needs root, for a small tmpfs)
#   - no pgvector, too old a one; rights that are missing: one line that says what to do
#
# FOVEA_TEST_LONG=1: more rounds.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
cluster=$(absolute "$2")
command -v psql >/dev/null 2>&1 || skip "no psql here"
pictures=40
rounds=1
export FOVEA_POSTGRES_PATIENCE=300 # a server takes its time to come back on a busy machine
[ -z "${FOVEA_TEST_LONG-}" ] || { pictures=160; rounds=5; }

base=$(mktemp -d "${TMPDIR:-/tmp}/fovea-pf.XXXXXX") || exit 1
chmod 755 "$base"
small=
serving=
cleanup() {
    [ -z "$serving" ] || kill "$serving" 2>/dev/null
    "$cluster" stop "$base/c" >/dev/null 2>&1
    [ -z "$small" ] || umount -l "$small"
    rm -rf "$base" "$scratch"
}
trap cleanup EXIT
home=$("$cluster" start "$base/c" $$) || { echo "$home"; exit 77; }
sql() { psql -XAtq -v ON_ERROR_STOP=1 -h "$base/c" -U postgres -d "${db:-postgres}" -c "$1"; }

run demo --only-pictures --out "$scratch/p" --pictures "$pictures" --side 48
expect_code 0
photos=$scratch/p/pictures
index() { # index SCHEMA [FOLDER…]: in the foreground; JSON events into out
    schema=$1
    shift
    run index "$@" --library "$home&schema=$schema" --model demo --thumbnails none --json
}
behind() { # behind FILE SCHEMA FOLDER…: in the background; $! is the process
    into=$1
    schema=$2
    shift 2
    : >"$into" # nobody is to take what an earlier run said for this one's
    "$fovea" index "$@" --library "$home&schema=$schema" --model demo --thumbnails none --json \
        >"$into" 2>"$into.err" &
}
embedded() { grep -c '"event":"photo".*"known":false' "$1"; }
vectors() { # vectors SCHEMA: each path with its vector, as one checksum
    sql "SELECT md5(string_agg(encode(f.path, 'hex') || e.vector::text, '|' ORDER BY f.path))
         || ' ' || count(*) FROM $1.files f JOIN $1.embeddings_1 e USING (photo_id)"
}
undoubled() { # undoubled SCHEMA: no claim, no indexer, no photo without a path is left
    [ "$(sql "SELECT (SELECT count(*) FROM $1.claims) + (SELECT count(*) FROM $1.indexers) +
        (SELECT count(*) FROM $1.photos p WHERE NOT EXISTS
            (SELECT 1 FROM $1.files f WHERE f.photo_id = p.id))")" = 0 ] || fail "$1: something is left"
}
same() { # same SCHEMA WHAT
    [ "$(vectors "$1")" = "$expected" ] || fail "$2: the library is not that of an undisturbed run"
    undoubled "$1"
}
wait_for() { # wait_for FILE EVENT: until it tells of one
    n=0
    while ! grep -q "\"event\":\"$2\"" "$1" 2>/dev/null && [ "$n" -lt 3000 ]; do
        sleep 0.02
        n=$((n + 1))
    done
}

# Statements that take long: those that read files and photos wait for these tables.
hold() {
    PGAPPNAME=holder psql -XAtq -h "$base/c" -U postgres -d postgres -c "BEGIN;
        LOCK TABLE calm.photos, calm.files IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)" \
        >/dev/null 2>&1 &
    await 1 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder'
        AND wait_event = 'PgSleep'"
}
release() {
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'" \
        >/dev/null
}
await() { # await N QUERY: until it says N or more
    n=0
    while [ "$(sql "$2")" -lt "$1" ] && [ "$n" -lt 600 ]; do
        sleep 0.05
        n=$((n + 1))
    done
    [ "$n" -lt 600 ] || fail "never $1: $2"
}
in_mid_statement="FROM pg_stat_activity WHERE application_name LIKE 'fovea%'
    AND wait_event_type = 'Lock'"
search_behind() { # search_behind FILE: its exit status is what `wait` says
    "$fovea" search "a mountain" --library "$home&schema=calm" --model demo >"$1" 2>"$1.err" &
}
ask_behind() { # ask_behind FILE: HTTP's status of one photograph, from `fovea serve`
    curl -sS --max-time 120 -o "$1.body" -w '%{http_code}' "$address/api/v1/photos/$photo" >"$1" &
}

index calm "$photos"
expect_code 0
expected=$(vectors calm)
contents=$(sql "SELECT count(*) FROM calm.photos")
files=$(sql "SELECT count(*) FROM calm.files")
run search "a mountain" --library "$home&schema=calm" --model demo
expect_code 0
cp out answer
photo=$(sql "SELECT min(photo_id) FROM calm.files")
"$fovea" serve --library "$home&schema=calm" --model demo --listen 127.0.0.1:0 \
    >serve.out 2>serve.err &
serving=$!
n=0
until grep -q '^fovea: http.* (Ctrl-C' serve.out || [ "$n" -ge 600 ]; do
    sleep 0.05
    n=$((n + 1))
done
address=$(sed -n 's,^fovea: \(http[^ ]*\)/ .*,\1,p' serve.out)

# --- two at the same time ---------------------------------------------------------------------
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    behind one "two$round" "$photos"
    other=$!
    index "two$round" "$photos"
    expect_code 0
    wait "$other" || fail "the other indexer failed: $(cat one.err)"
    same "two$round" "two indexers on one folder"
    # The same bytes at two paths may be at both at the same moment: those are computed twice.
    both=$(($(embedded out) + $(embedded one)))
    { [ "$both" -ge "$contents" ] && [ "$both" -le "$files" ]; } ||
        fail "two indexers embedded $both of $contents photographs"
    year=$(find "$photos" -mindepth 1 -maxdepth 1 -type d | sort | head -n 1)
    behind one "over$round" "$year"
    other=$!
    index "over$round" "$photos"
    expect_code 0
    wait "$other" || fail "the other indexer failed: $(cat one.err)"
    same "over$round" "two indexers on folders that overlap"

    # --- one of two is killed -----------------------------------------------------------------
    behind one "dead$round" "$photos"
    other=$!
    wait_for one photo
    kill -9 "$other" 2>/dev/null
    wait "$other" 2>/dev/null
    export FOVEA_POSTGRES_LEASE=3 # the dead one's files are waited for
    index "dead$round" "$photos"
    unset FOVEA_POSTGRES_LEASE
    expect_code 0
    same "dead$round" "an indexer was killed"

    # --- sessions are ended -------------------------------------------------------------------
    behind one "cut$round" "$photos"
    other=$!
    wait_for one begin # who cannot even open a library says so and ends
    cuts=0
    while kill -0 "$other" 2>/dev/null; do
        cut=$(sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name LIKE 'fovea%'" 2>/dev/null)
        cuts=$((cuts + ${cut:-0}))
        sleep 0.15
    done
    wait "$other" || fail "cut connections: $(cat one.err)"
    [ "$cuts" -ge 1 ] || fail "no connection was cut"
    index "cut$round" "$photos"
    expect_code 0
    same "cut$round" "$cuts connections were cut"

    # --- … in mid-search: the answer comes all the same ---------------------------------------
    hold
    search_behind patient
    searching=$!
    ask_behind asked
    asking=$!
    await 3 "SELECT count(*) $in_mid_statement" # the third looks for what is new
    sql "SELECT pg_terminate_backend(pid) $in_mid_statement" >/dev/null
    release
    wait "$searching" || fail "a search was cut: $(cat patient.err)"
    cmp -s patient answer || fail "a search that was cut answers otherwise"
    wait "$asking"
    [ "$(cat asked)" = 200 ] || fail "a request that was cut: $(cat asked asked.body)"

    # --- the server is killed -----------------------------------------------------------------
    hold
    search_behind patient
    searching=$!
    FOVEA_POSTGRES_PATIENCE=0 search_behind hasty
    hasty=$!
    ask_behind asked
    asking=$!
    await 4 "SELECT count(*) $in_mid_statement"
    behind one "crash$round" "$photos"
    other=$!
    wait_for one photo
    "$cluster" crash "$base/c"
    wait "$hasty" && fail "a search of a server that is gone succeeds"
    [ "$(wc -l <hasty.err)" -eq 1 ] || fail "not one line: $(cat hasty.err)"
    grep -q "the connection to the library" hasty.err || fail "not that it was lost: $(cat hasty.err)"
    wait "$asking"
    [ "$(cat asked)" = 503 ] || fail "a request without the server: $(cat asked asked.body)"
    run search "a mountain" --library "$home&schema=calm&connect_timeout=2" --model demo
    expect_code 1
    expect_one_line "cannot open the library"
    "$cluster" start "$base/c" $$ >/dev/null || exit 1
    wait "$other" || fail "the server was killed: $(cat one.err)"
    index "crash$round" "$photos"
    expect_code 0
    same "crash$round" "the server was killed"
    wait "$searching" || fail "a search did not outlive the server: $(cat patient.err)"
    cmp -s patient answer || fail "a search that outlived the server answers otherwise"
    run search "a mountain" --library "$home&schema=calm" --model demo
    expect_code 0
    cmp -s out answer || fail "another answer than before"
    n=0 # the program that serves connects again by itself
    until ask_behind asked && wait $! && [ "$(cat asked)" = 200 ] || [ "$n" -ge 300 ]; do
        sleep 0.1
        n=$((n + 1))
    done
    [ "$(cat asked)" = 200 ] || fail "serve: $(cat asked asked.body serve.err)"
done
kill "$serving"
wait "$serving" 2>/dev/null
serving=

# --- the disk is full -------------------------------------------------------------------------
full="the disk was full"
mkdir "$base/small"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=10m tmpfs "$base/small" 2>/dev/null; then
    small=$base/small
    chown "$(stat -c %u:%g "$base/c/data")" "$small"
    sql "CREATE TABLESPACE small LOCATION '$small'"
    sql "ALTER DATABASE postgres SET default_tablespace = small"
    index space "$photos" # makes the tables
    expect_code 0
    sql "CREATE TABLE filler TABLESPACE small AS SELECT repeat('x', 1000) FROM generate_series(1, 100)"
    for some in 200 10 1; do # one session, which goes on after what did not fit
        yes "INSERT INTO filler SELECT * FROM filler LIMIT $some;" | head -n 60
    done | psql -XAtq -h "$base/c" -U postgres -d postgres >/dev/null 2>&1
    sql "INSERT INTO filler SELECT * FROM filler LIMIT 8" 2>/dev/null && fail "the disk is not full"
    run demo --only-pictures --out "$scratch/more" --pictures 40 --side 48 --seed 5
    expect_code 0
    index space "$photos" "$scratch/more/pictures"
    expect_code 1
    expect_one_line "no space left"
    mount -o remount,size=64m "$small"
    index space "$photos" "$scratch/more/pictures"
    expect_code 0
    sql "ALTER DATABASE postgres RESET default_tablespace"
    index twin "$photos" "$scratch/more/pictures"
    expect_code 0
    [ "$(vectors space)" = "$(vectors twin)" ] || fail "$full: vectors are missing"
    undoubled space
else
    full="a full disk was not tried: that needs root"
fi

# --- the extension ----------------------------------------------------------------------------
sql "CREATE DATABASE bare"
sql "CREATE ROLE nobody_here LOGIN; CREATE ROLE reader LOGIN; GRANT CREATE ON DATABASE bare TO nobody_here"
bare="postgresql:///bare?host=$base/c"
run index "$photos" --library "$bare&user=nobody_here" --model demo
expect_code 1
expect_one_line "CREATE EXTENSION vector"
sql "UPDATE pg_extension SET extversion = '0.5.1' WHERE extname = 'vector'"
run index "$photos" --library "$home&schema=calm" --model demo
expect_code 1
expect_one_line "pgvector 0.5.1"
run search "a mountain" --library "$home&schema=calm" --model demo
expect_code 1
expect_one_line "pgvector 0.5.1"
# What is asked of an index, by the version that the server says it has.
logged="$home&schema=calm&options=-c%20log_statement%3Dall"
version() { # version NUMBER SEARCHED BUILT: what the log has, of a build and a search
    sql "UPDATE pg_extension SET extversion = '$1' WHERE extname = 'vector'"
    lines=$(wc -l <"$base/c/log")
    run store index --hnsw --library "$logged"
    expect_code 0
    run search "a mountain" --limit 2 --library "$logged" --model demo --json
    expect_code 0
    [ "$(grep -o '"path"' out | wc -l)" -eq 2 ] || fail "pgvector $1: not two photographs"
    tail -n +$((lines + 1)) "$base/c/log" >asked
    grep -q 'hnsw.ef_search' asked || fail "pgvector $1: the index was not asked"
    [ "$(grep -c 'hnsw.iterative_scan' asked)" -eq "$2" ] || fail "pgvector $1: iterative scans"
    [ "$(grep -c 'max_parallel_maintenance_workers = 0' asked)" -eq "$3" ] ||
        fail "pgvector $1: the number of processes that build the index"
}
version 0.7.4 0 1
version 0.8.1 1 1
version 0.8.2 1 0
version 0.10.0 1 0
version 1.0 1 0
run store index --drop --library "$logged"
expect_code 0
sql "UPDATE pg_extension SET extversion = '0.6.2' WHERE extname = 'vector'"
run status --library "$home&schema=calm"
expect_code 1
expect_one_line "pgvector 0.6.2; fovea needs 0.7 or newer"
sql "UPDATE pg_extension SET extversion = '0.8.0' WHERE extname = 'vector'"

# --- rights -----------------------------------------------------------------------------------
read_only="postgresql:///postgres?host=$base/c&user=reader&schema=calm"
run search "a mountain" --library "$read_only" --model demo
expect_code 1
expect_one_line "GRANT USAGE"
sql "GRANT USAGE ON SCHEMA calm TO reader"
run search "a mountain" --library "$read_only" --model demo
expect_code 1
expect_one_line "GRANT"
sql "GRANT SELECT ON ALL TABLES IN SCHEMA calm TO reader"
run search "a mountain" --library "$read_only" --model demo
expect_code 0
run index "$photos" --library "$read_only" --model demo
expect_code 1
expect_one_line "permission denied"
same calm "readers came by"

[ "$failures" -eq 0 ] || exit 1
echo "$rounds rounds of $pictures pictures; $full"
