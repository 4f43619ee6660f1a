#!/bin/sh
# SPDX-License-Identifier: MIT
#
# replica.sh FOVEA CLUSTER.SH: a streaming hot standby of a library's server.
#
#   - searches there answer as the primary does; what is indexed on the primary arrives
#   - what writes is refused, with the advice to take the primary
#   - with both hosts in the URL, target_session_attrs chooses
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
cluster=$(absolute "$2")
command -v pg_basebackup >/dev/null 2>&1 || skip "no pg_basebackup here"

base=$(mktemp -d "${TMPDIR:-/tmp}/fovea-re.XXXXXX") || exit 1
chmod 755 "$base"
cleanup() {
    "$cluster" stop "$base/standby" >/dev/null 2>&1
    "$cluster" stop "$base/primary" >/dev/null 2>&1
    rm -rf "$base" "$scratch"
}
trap cleanup EXIT
home=$("$cluster" start "$base/primary" $$) || { echo "$home"; exit 77; }

run demo --only-pictures --out "$scratch/p" --pictures 40 --side 48
expect_code 0
run index "$scratch/p/pictures" --library "$home" --model demo --thumbnails none
expect_code 0

mkdir "$base/standby"
cp "$base/primary/"*.mark "$base/standby/"
pg_basebackup -h "$base/primary" -U postgres -D "$base/standby/data" -R -X stream --no-sync || exit 1
echo "unix_socket_directories = '$base/standby'" >>"$base/standby/data/postgresql.conf"
chown -R "$(stat -c %u:%g "$base/primary/data")" "$base/standby"
replica=$("$cluster" start "$base/standby" $$) || exit 1

answer() { # answer URL FILE
    "$fovea" search "a mountain" --library "$1" --model demo --limit 6 --json |
        sed 's/"elapsed_ms":[^,]*,//' >"$2"
}
answer "$home" at_primary
answer "$replica" at_standby
[ -s at_primary ] || fail "the primary does not answer"
cmp at_primary at_standby || fail "the standby answers otherwise"

run index "$scratch/p/pictures" --library "$replica" --model demo
expect_code 1
expect_one_line "give the address of the primary"

# Both hosts: the standby is asked, the primary is written to.
both="postgresql:///postgres?host=$base/standby,$base/primary&user=postgres"
run demo --only-pictures --out "$scratch/more" --pictures 20 --side 48 --seed 9
expect_code 0
run index "$scratch/more/pictures" --library "$both&target_session_attrs=read-write" --model demo --thumbnails none
expect_code 0
answer "$home" at_primary
n=0
while answer "$both&target_session_attrs=standby" at_standby && ! cmp -s at_primary at_standby && [ "$n" -lt 100 ]; do
    n=$((n + 1))
    sleep 0.1
done
cmp at_primary at_standby || fail "what was indexed does not arrive at the standby"

[ "$failures" -eq 0 ] || exit 1
