#!/bin/sh
# SPDX-License-Identifier: MIT
#
# shards.sh FOVEA CLUSTER.SH: a library's vectors on four shards, each a cluster of its own.
#
#   - answers are those of before, to each query
#   - every shard is sent ORDER BY <#> and LIMIT, and all are asked at the same time; the plan is
#     the one that fovea's own search runs (auto_explain), not one that the test writes
#   - the one-line query on the view is sent to the shards with its order
#   - an HNSW index is made on every shard, a search is sent so that it serves, and it comes along
#     when vectors move; without the rights to connect to the shards that is said
#   - indexing into it works; one shard down is an error that names it; it goes on when it is up
#   - all comes back, and is what it was
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
cluster=$(absolute "$2")
command -v psql >/dev/null 2>&1 || skip "no psql here"

base=$(mktemp -d "${TMPDIR:-/tmp}/fovea-sh.XXXXXX") || exit 1
chmod 755 "$base"
trap 'for i in 0 1 2 3 4; do "$cluster" stop "$base/$i" >/dev/null 2>&1; done; rm -rf "$base" "$scratch"' EXIT
servers=
for i in 0 1 2 3 4; do
    url=$("$cluster" start "$base/$i" $$) || { echo "$url"; exit 77; }
    [ "$i" -eq 0 ] || servers="$servers --server $url"
done
home="postgresql:///postgres?host=$base/0&user=postgres"
sql() { psql -XAtq -v ON_ERROR_STOP=1 -h "$base/0" -U postgres -d postgres "$@"; }

run demo --only-pictures --out "$scratch/p" --pictures 90 --side 48
expect_code 0
run index "$scratch/p/pictures" --library "$home" --model demo --thumbnails none
expect_code 0

phrases='a mountain
the sea at night
a waterfall in the forest
city lights
stars over a lake
fog
a road in the desert
autumn trees'
answers() { # into FILE: everything but the time that it took
    : >"$1"
    echo "$phrases" | while read -r phrase; do
        "$fovea" search "$phrase" --library "$home" --model demo --limit 4 --json |
            sed 's/"elapsed_ms":[^,]*,//' >>"$1"
    done
}
answers before
[ "$(wc -l <before)" -eq 8 ] || fail "eight answers before"

there() { psql -XAtq -v ON_ERROR_STOP=1 -h "$base/$1" -U postgres -d postgres -c "$2"; }
there 1 "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'"
# shellcheck disable=SC2086
run store shard --library "$home" $servers
expect_code 0
expect_in out " vectors moved"
there 1 "UPDATE pg_extension SET extversion = '0.8.0' WHERE extname = 'vector'"
[ "$(sql -c "SELECT string_agg(substring(srvname from '^[a-z ]*[0-9]'), ',' ORDER BY srvname)
    FROM pg_foreign_server WHERE array_to_string(srvoptions, ' ') ~ 'iterative_scan'")" = \
    "fovea shard 2,fovea shard 3,fovea shard 4" ] || fail "what a shard of pgvector 0.7 is asked"
moved=$(sed 's/ .*//' out)
run store shard --library "$home" --json
expect_code 0
[ "$(grep -o '"vectors":[1-9]' out | wc -l)" -eq 4 ] || fail "each of four shards has vectors: $(cat out)"
answers after
cmp before after || fail "the answers from the shards differ"

# What the search has run, as the server explains it.
explained="$home&options=-c%20session_preload_libraries%3Dauto_explain%20-c%20auto_explain.log_min_duration%3D0%20-c%20auto_explain.log_verbose%3Don"
: >"$base/marker"
lines=$(wc -l <"$base/0/log")
run search "a mountain" --library "$explained" --model demo --limit 7
expect_code 0
tail -n +$((lines + 1)) "$base/0/log" >plan
pushed=$(grep -c 'Remote SQL: SELECT .*ORDER BY .*<#>.*LIMIT [0-9]' plan)
[ "$pushed" -eq 4 ] || fail "ORDER BY and LIMIT at four shards, not $pushed: $(grep 'Remote SQL' plan)"
[ "$(grep -c 'Async Foreign Scan' plan)" -ge 4 ] || fail "the shards are not asked at the same time"
view=$(sql -c "EXPLAIN (VERBOSE, COSTS off) SELECT filename FROM fovea.image_embeddings
    ORDER BY embedding <#> (SELECT embedding FROM fovea.image_embeddings LIMIT 1) LIMIT 12" |
    grep -c 'Remote SQL: SELECT .*ORDER BY .*<#>')
[ "$view" -eq 4 ] || fail "the view's order is sent to four shards, not $view"

# An index on each shard. On so few rows the servers' planners would do without.
for i in 1 2 3 4; do
    there "$i" "ALTER DATABASE postgres SET enable_seqscan = off" || exit 1
    there "$i" "ALTER DATABASE postgres SET session_preload_libraries = auto_explain" || exit 1
    there "$i" "ALTER DATABASE postgres SET auto_explain.log_min_duration = 0" || exit 1
done
run store index --library "$home"
expect_in out "no index"
run store index --hnsw -m 8 --library "$home"
expect_code 0
expect_in out "HNSW index, m 8, ef_construction 64"
expect_in out "on 4 shards"
[ "$(grep -c '^  fovea shard [1-4]: .* MB$' out)" -eq 4 ] || fail "four shards have one: $(cat out)"
run status --library "$home"
expect_in out "HNSW index (m 8, ef_construction 64)"
for i in 1 2 3 4; do wc -l <"$base/$i/log" >"$base/$i.lines"; done
answers indexed
# By an index, the number of strong matches is at least what is said.
uncounted() { sed 's/"strong_count":[^,]*,//' "$1"; }
[ "$(uncounted before)" = "$(uncounted indexed)" ] || fail "the answers by the indexes differ"
for i in 1 2 3 4; do
    served=$(tail -n +"$(($(cat "$base/$i.lines") + 1))" "$base/$i/log" |
        grep -c 'Index Scan using embeddings_1_hnsw')
    [ "$served" -ge 8 ] || fail "the index of shard $i served $served of eight searches"
done
sql -c "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA fovea TO reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA fovea TO reader"
run store index --library "$home&user=reader"
expect_code 1
expect_one_line 'user mapping not found for "reader"'
sql -c "SELECT format('CREATE USER MAPPING FOR reader SERVER %I OPTIONS (user ''postgres'','
    ' password_required ''false'');', srvname) FROM pg_foreign_server" | sql
run store index --library "$home&user=reader"
expect_code 0
expect_in out "shown to the role alone that made the shards"
there 2 "DROP INDEX fovea.embeddings_1_hnsw"
run store index --library "$home" --json
expect_code 0
[ "$(grep -o '"index":"hnsw","bytes"' out | wc -l)" -eq 3 ] || fail "three of four: $(cat out)"
run store index --library "$home"
expect_in out "none, its part of a search is exact"
"$cluster" crash "$base/4"
run store index --hnsw --library "$home"
expect_code 1
expect_one_line "fovea shard 4"
[ "$(there 1 "SELECT reloptions[1] FROM pg_class WHERE relname = 'embeddings_1_hnsw'")" = m=8 ] ||
    fail "a shard has another index although one was down"
"$cluster" start "$base/4" $$ >/dev/null || exit 1
run store index --drop --library "$home"
expect_code 0
for i in 1 2 3 4; do
    [ -z "$(there "$i" "SELECT 1 FROM pg_class WHERE relname = 'embeddings_1_hnsw'")" ] ||
        fail "shard $i has kept its index"
done
run store index --hnsw --library "$home"
expect_code 0

# Indexing into it: new photographs, and each once.
run demo --only-pictures --out "$scratch/more" --pictures 40 --side 48 --seed 77
expect_code 0
run index "$scratch/more/pictures" --library "$home" --model demo --thumbnails none
expect_code 0
for i in 1 2 3 4; do
    psql -XAtq -h "$base/$i" -U postgres -d postgres -c 'SELECT photo_id FROM fovea.embeddings_1'
done | sort >stored
[ -z "$(uniq -d stored)" ] || fail "a vector is on two shards"
sql -c 'SELECT id FROM fovea.photos' | sort | cmp - stored || fail "photos and vectors differ"
answers full

# One shard down.
"$cluster" crash "$base/3"
run search "a mountain" --library "$home" --model demo --limit 7
expect_code 1
expect_one_line "shard 3"
expect_one_line "run this again"
run store shard --library "$home"
expect_code 0
[ "$(grep -c ' vectors of ' out)" -eq 3 ] || fail "three shards answer: $(cat out)"
run index "$scratch/p/pictures" --library "$home" --model demo --verify --thumbnails none
expect_code 1
expect_one_line "shard 3"
"$cluster" start "$base/3" $$ >/dev/null || exit 1
answers again
cmp full again || fail "the answers differ after a shard was down"

# A library without vectors has nothing to spread.
# shellcheck disable=SC2086
run store shard --library "$home&schema=other" $servers
expect_code 1
expect_one_line "there is no library"

run store shard --library "$home" --none
expect_code 0
run store index --library "$home"
expect_in out "HNSW index, m 16" # came along
answers back
[ "$(uncounted full)" = "$(uncounted back)" ] || fail "the answers differ after the vectors came back"
[ "$(sql -c 'SELECT count(*) FROM pg_foreign_server')" = 0 ] || fail "servers are left"
[ "$(psql -XAtq -h "$base/1" -U postgres -d postgres -c 'SELECT count(*) FROM fovea.embeddings_1')" = 0 ] ||
    fail "vectors are left on a shard"

[ "$failures" -eq 0 ] || exit 1
echo "$moved vectors on 4 shards: same answers to 8 queries, ORDER BY and LIMIT at each"
