#!/bin/sh
# SPDX-License-Identifier: MIT
#
# origin.sh FOVEA CLUSTER: who comes from a program that keeps a table image_embeddings.
#
#   - that program's query works against the view of a library, in single and in half precision,
#     without an index and with one, however its driver sends the vector; the index serves it
#   - its table is taken over: vectors, categories and confidences; odd rows are left out, with the
#     reason; once more takes nothing
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
cluster=$(absolute "$2")
command -v psql >/dev/null 2>&1 || skip "no psql here"

start_cluster "$cluster"
sql() { psql -XAtq -v ON_ERROR_STOP=1 -h "$scratch/pg" -U postgres -d postgres "$@" || fail "psql: $*"; }

run demo --only-pictures --out made --pictures 60 --side 48
expect_code 0
run index made/pictures --library "$url&schema=whole" --model demo --thumbnails none
expect_code 0
run classify --library "$url&schema=whole"
expect_code 0
run index made/pictures --library "$url&schema=half" --model demo --thumbnails none --halfvec
expect_code 0

echo "-- its query, on the view"
type_of() { # SCHEMA
    sql -c "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = '$1.image_embeddings'::regclass AND attname = 'embedding'"
}
case $(type_of whole) in vector\(*\)) ;; *) fail "embedding is $(type_of whole)" ;; esac
case $(type_of half) in halfvec\(*\)) ;; *) fail "embedding is $(type_of half)" ;; esac
vector=$(sql -c "SELECT embedding FROM whole.image_embeddings ORDER BY path LIMIT 1")
query="SELECT filename FROM image_embeddings ORDER BY embedding <#>"
ask() { # ask SCHEMA: the ways in which drivers send a vector, each twelve names
    sql -c "SET search_path = $1, public; SET enable_seqscan = ${2-on}" \
        -c "$query '$vector' LIMIT 12" \
        -c "$query '$vector'::vector LIMIT 12" \
        -c "PREPARE typed (vector, int) AS $query \$1 LIMIT \$2" -c "EXECUTE typed ('$vector', 12)" \
        -c "PREPARE cast_there AS $query \$1::vector LIMIT 12" -c "EXECUTE cast_there ('$vector')" \
        -c "PREPARE untyped AS $query \$1 LIMIT 12" -c "EXECUTE untyped ('$vector')"
}
plans() { # plans SCHEMA: how many of these the index would serve, if the table were large
    sql -c "SET search_path = $1, public; SET enable_seqscan = off" \
        -c "EXPLAIN $query '$vector' LIMIT 12" -c "EXPLAIN $query '$vector'::vector LIMIT 12" \
        -c "PREPARE typed (vector) AS $query \$1 LIMIT 12" -c "EXPLAIN EXECUTE typed ('$vector')" \
        -c "PREPARE untyped AS $query \$1 LIMIT 12" -c "EXPLAIN EXECUTE untyped ('$vector')" |
        grep -c 'Index Scan using embeddings_1_hnsw'
}
ask whole >expected
[ "$(wc -l <expected)" -eq 60 ] || fail "not five times twelve names"
[ "$(sort -u expected | wc -l)" -eq 12 ] || fail "the ways differ"
ask half | cmp -s expected - || fail "half precision answers otherwise"
# What others keep where pgvector is, under a name that is an index's here, is not the library's.
sql -c "CREATE TABLE public.others (v vector(3))" \
    -c "CREATE INDEX embeddings_1_hnsw ON public.others USING hnsw (v vector_ip_ops)"
run store index --library "$url&schema=whole"
expect_in out "no index"
run store index --drop --library "$url&schema=whole"
expect_code 0
sql -c "DROP INDEX public.embeddings_1_hnsw"
for schema in whole half; do
    [ "$(plans $schema)" = 0 ] || fail "an index that nobody made"
    run store index --hnsw --library "$url&schema=$schema"
    expect_code 0
    [ "$(plans $schema)" = 4 ] || fail "the index of $schema serves $(plans $schema) of four"
    ask $schema off | cmp -s expected - || fail "$schema answers otherwise with its index"
done
[ "$(sql -c "SELECT count(*) FROM half.image_embeddings h JOIN whole.image_embeddings w USING (path)
    WHERE h.embedding::vector = w.embedding")" = 60 ] || fail "a vector read as vector is another"

echo "-- its table"
sql -c "CREATE TABLE image_embeddings AS SELECT id, filename, path, embedding::vector, category,
        confidence FROM whole.image_embeddings" \
    -c "ALTER TABLE image_embeddings ALTER COLUMN embedding TYPE vector" \
    -c "CREATE TEMP TABLE one AS SELECT * FROM image_embeddings ORDER BY path LIMIT 1" \
    -c "INSERT INTO image_embeddings (path, embedding, category) VALUES
        ('$scratch/made/pictures/not-there.jpg', '$vector', 'Urban Glow'), (NULL, '$vector', NULL)" \
    -c "INSERT INTO image_embeddings (path, embedding) SELECT path, v::vector FROM one,
        (VALUES (NULL), ('[1,2,3]'), ((SELECT (embedding + embedding)::text FROM one))) AS x (v)" \
    -c "INSERT INTO image_embeddings (path, embedding, category, confidence)
        SELECT path, (SELECT embedding FROM image_embeddings WHERE path > one.path AND embedding IS NOT NULL
            ORDER BY path LIMIT 1), 'Urban Glow', 1e-9 FROM one"
run import "$url" --library file.db --model demo
expect_code 0
expect_in out "66 rows: 60 files imported, 1 were there, 2 are no files here, 3 have no vector"
expect_in out '60 have the category that they have there, as the set "image_embeddings"'
expect_in err "not-there.jpg: there is no such file"
expect_in err "a row without a path: it names no file"
expect_in err "it has no vector"
expect_in err "its vector has 3 dimensions"
expect_in err "its vector has the length 2, not 1"
answers() { # answers LIBRARY: what is found, without ids and times
    {
        "$fovea" search "the sea at night" --library "$1" --model demo --limit 9 --weak --json
        "$fovea" search "the sea at night" --library "$1" --model demo \
            --category "Ocean Whispers" --weak --json
    } | grep -o '"path":"[^"]*","score":[^,]*,[^}]*"confidence":[^,]*'
}
answers "$url&schema=whole" >whole.answers
[ -s whole.answers ] || fail "nothing is found"
answers file.db | cmp -s whole.answers - || fail "what was taken over answers otherwise"
run import "$url" --library file.db --model demo --json
expect_code 0
expect_in out '"imported":0,"known":61,"missing":2,"refused":3,"labelled":60'
run index made/pictures --library file.db --model demo --thumbnails none
expect_code 0
expect_in out "60 photographs found: 0 new"

echo "-- into PostgreSQL, of a table with file names alone"
sql -c "ALTER TABLE image_embeddings RENAME path TO elsewhere" \
    -c "UPDATE image_embeddings SET filename = substr(elsewhere, length('$scratch/made/') + 1)"
run import "$url" --library "$url&schema=taken" --model demo --folder made
expect_code 0
expect_in out "66 rows: 60 files imported, 1 were there"
[ "$(sql -c "SELECT count(*) FROM taken.image_embeddings t JOIN whole.image_embeddings w
    USING (path, filename, embedding, category, confidence)")" = 60 ] ||
    fail "the view shows other rows than the table had"

echo "-- what is no such table, and what are no categories"
sql -c "UPDATE image_embeddings SET category = repeat('x', 201) WHERE elsewhere LIKE '%1.jpg'"
run import "$url" --library other.db --model demo --folder made
expect_code 0
expect_in out "60 files imported"
expect_in err "the categories: the category \"xxx"
sql -c "ALTER TABLE image_embeddings DROP COLUMN category, DROP COLUMN confidence"
run import "$url" --library plain.db --model demo --folder made --json
expect_code 0
expect_in out '"imported":60'
expect_in out '"labelled":0'
sql -c "ALTER TABLE image_embeddings ALTER COLUMN embedding TYPE text"
run import "$url" --library plain.db --model demo --folder made
expect_code 1
expect_one_line "another kind of table"
run import "$url&schema=whole" --library plain.db --model demo
expect_code 0
run import "$url&schema=nowhere" --library plain.db --model demo
expect_code 1
expect_one_line "has no table image_embeddings"
finish
