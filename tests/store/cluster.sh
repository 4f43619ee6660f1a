#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Temporary PostgreSQL clusters for the tests of the PostgreSQL store.
#
#   cluster.sh run PROGRAM [ARGUMENT…]  starts one, runs the program with its URL in
#                                       $FOVEA_TEST_POSTGRES, and removes it; exits as the program does
#   cluster.sh start DIR [PID]          makes one in DIR (or starts the one that is there) and prints
#                                       its URL; it is removed when the process PID has gone
#   cluster.sh crash DIR                kill -9, as a power cut would: start DIR brings it up again
#   cluster.sh stop DIR                 stops it and removes DIR
#
# A cluster listens on a socket in DIR, never on TCP. Where this runs as root the server is another
# user's (postgres, or nobody), because it refuses root. Nothing is flushed to the disk: start with
# FOVEA_CLUSTER_SETTINGS="fsync=on" (any `name=value` of postgresql.conf, one a line) where that is
# what the test is about. pgvector is created in the database `postgres` alone; a new database has
# none. initdb is the slow part, so its result is kept in $FOVEA_TEST_CACHE, if that is set.
#
# Where there is no PostgreSQL or no pgvector: exit status 77 and a line why, which meson counts as
# skipped; with FOVEA_TEST_REQUIRE_POSTGRES set, a failure.
set -eu
mark=fovea-cluster.mark # in every folder that is a cluster of this script's

fail() {
    echo "cluster.sh: $*" >&2
    exit 1
}

skip() {
    echo "skipped: $* (scripts/setup --postgres installs it)"
    [ -z "${FOVEA_TEST_REQUIRE_POSTGRES-}" ] || exit 1
    exit 77
}

# The newest server that has pgvector: its programs' folder, without a slash at its end.
find_server() {
    bin=
    vector=
    for found in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5,5n); do
        [ -x "$found/initdb" ] || continue
        bin=$found
        version=${found%/bin}
        version=${version##*/}
        if [ -e "/usr/share/postgresql/$version/extension/vector.control" ]; then
            vector=$found
        fi
    done
    if [ -z "$bin" ] && command -v pg_config >/dev/null 2>&1 &&
        [ -x "$(pg_config --bindir)/initdb" ]; then # not Debian's folders
        bin=$(pg_config --bindir)
        [ ! -e "$(pg_config --sharedir)/extension/vector.control" ] || vector=$bin
    fi
    [ -n "$bin" ] || skip "no PostgreSQL server here"
    [ -n "$vector" ] || skip "no pgvector for the PostgreSQL server here"
    bin=$vector
}

# as_server COMMAND…: as the user whom the server belongs to.
as_server() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
        return
    fi
    server_user=postgres
    id "$server_user" >/dev/null 2>&1 || server_user=nobody
    setpriv --reuid="$server_user" --regid="$(id -g "$server_user")" --clear-groups -- \
        env HOME=/ "$@"
}

# own DIR: gives it to that user.
own() {
    [ "$(id -u)" -ne 0 ] || chown -R "$(as_server id -u):$(as_server id -g)" "$1"
}

# make_data DATA: a new cluster with pgvector in `postgres`.
make_data() {
    if ! as_server "$bin/initdb" -D "$1" -U postgres -A trust --no-sync --no-instructions \
        -E UTF8 --locale=C --wal-segsize=1 >"$cluster/initdb.log" 2>&1; then
        cat "$cluster/initdb.log" >&2
        fail "initdb failed"
    fi
    echo 'CREATE EXTENSION vector' |
        as_server "$bin/postgres" --single -F -j -D "$1" postgres >"$cluster/initdb.log" 2>&1
    grep -q ERROR "$cluster/initdb.log" || return 0
    cat "$cluster/initdb.log" >&2
    fail "CREATE EXTENSION vector failed"
}

# The template is there whole or not at all: several tests may start at once.
copy_template() {
    template=${FOVEA_TEST_CACHE-}
    if [ -z "$template" ]; then
        make_data "$cluster/data"
        return
    fi
    template=$template/postgres-$("$bin/postgres" --version | cut -d' ' -f3)
    if [ ! -d "$template" ]; then
        make_data "$cluster/data"
        part=$(mktemp -d "$template.XXXXXX")
        cp -R "$cluster/data" "$part/data"
        mv -T "$part" "$template" 2>/dev/null || rm -rf "$part" # another was faster
        return
    fi
    cp -R "$template/data" "$cluster/data"
    own "$cluster/data"
    chmod 700 "$cluster/data"
}

configure() {
    cat >>"$cluster/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$cluster'
unix_socket_permissions = 0777
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 60
max_wal_size = 64MB
min_wal_size = 4MB
max_parallel_workers = 2
dynamic_shared_memory_type = mmap
logging_collector = off
lc_messages = 'C'
${FOVEA_CLUSTER_SETTINGS-}
CONF
}

start() {
    case $cluster in
    /*) ;;
    *) fail "'$cluster' is not an absolute path" ;;
    esac
    [ "${#cluster}" -le 80 ] || fail "'$cluster' is too long for the path of a socket"
    find_server
    if [ ! -d "$cluster/data" ]; then
        [ -z "$(ls -A "$cluster" 2>/dev/null)" ] || fail "'$cluster' is not empty"
        mkdir -p "$cluster"
        chmod 755 "$cluster"
        : >"$cluster/$mark"
        own "$cluster"
        copy_template
        configure
    fi
    if ! as_server "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -s -w -t 60 start >"$cluster/ctl.log" 2>&1; then
        cat "$cluster/ctl.log" "$cluster/log" >&2
        fail "the server did not start"
    fi
    url="postgresql:///postgres?host=$cluster&user=postgres"
}

# A postmaster that is killed leaves its children to notice.
crash() {
    pid=$(head -n 1 "$cluster/data/postmaster.pid")
    kill -9 "$pid"
    while [ -n "$(find_backends)" ]; do sleep 0.05; done
    # The locks name a process that may be a zombie as long as nobody waits for it.
    rm -f "$cluster/data/postmaster.pid" "$cluster"/.s.PGSQL.*.lock
}

find_backends() { # the processes that work in DIR: their cwd
    find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$cluster/data" 2>/dev/null || true
}

stop() {
    find_server
    if [ -e "$cluster/data/postmaster.pid" ]; then
        as_server "$bin/pg_ctl" -D "$cluster/data" -s -m immediate -w stop >/dev/null 2>&1 || true
    fi
    # Only what start() has made may go.
    [ ! -e "$cluster/$mark" ] || rm -rf "$cluster"
}

watch() { # watch PID: removes the cluster when the process has gone
    while kill -0 "$1" 2>/dev/null && [ -d "$cluster/data" ]; do
        sleep 1
    done
    [ ! -d "$cluster" ] || stop
}

run() {
    base=${TMPDIR-}
    if [ -z "$base" ]; then
        if [ -w /dev/shm ]; then base=/dev/shm; else base=/tmp; fi
    fi
    cluster=$(mktemp -d "$base/fovea-pg-XXXXXX")
    trap 'stop' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    start
    FOVEA_TEST_POSTGRES=$url
    export FOVEA_TEST_POSTGRES
    setsid "$0" watch "$cluster" $$ </dev/null >/dev/null 2>&1 &
    status=0
    "$@" || status=$?
    exit "$status"
}

command=${1-}
[ $# -ge 2 ] || fail "usage: cluster.sh run PROGRAM…, or start, crash or stop DIR"
shift
if [ "$command" = run ]; then
    run "$@"
fi
cluster=$1
case $command in
start)
    start
    echo "$url"
    [ -z "${2-}" ] || setsid "$0" watch "$cluster" "$2" </dev/null >/dev/null 2>&1 &
    ;;
crash) crash ;;
stop) stop ;;
watch) watch "$2" ;;
*) fail "unknown command '$command'" ;;
esac
