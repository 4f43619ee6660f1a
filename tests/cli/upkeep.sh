#!/bin/sh
# SPDX-License-Identifier: MIT
#
# upkeep.sh FOVEA: backup, export, import, doctor and its repair, as a user types them.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

run demo --only-pictures --out demo --pictures 12 --side 48
expect_code 0
export FOVEA_LIBRARY="$scratch/library.db"

for command in "backup b.db" "export e"; do
    # shellcheck disable=SC2086 # words
    run $command
    expect_code 1
    expect_one_line "fovea index"
done
run doctor
expect_code 0
expect_in out "there is none at"
expect_in out "libvips"

run index --model demo demo/pictures
expect_code 0
run classify
expect_code 0

# Backup: a library like any other.
run backup there/backup.db
expect_code 1
expect_one_line "its folder is not there"
mkdir there
run backup there/backup.db
expect_code 0
expect_in out "backed up to there/backup.db"
run status --library there/backup.db
expect_code 0
expect_in out "12 photographs"
run backup --json there/backup.db
expect_code 0
expect_in out '"bytes":'
echo diary >diary
run backup diary
expect_code 2
expect_one_line "left alone"
run backup
expect_code 2

# A copy from one store to another, map and all.
run map --json map.json
run store copy library.db copied.db
expect_code 0
expect_in out "12 photographs copied, 0 were there"
expect_in out "verified, checksum"
FOVEA_LIBRARY=copied.db run map --json map-copied.json --quality
expect_in out "kept"
run store copy library.db copied.db --json
expect_code 0
expect_in out '"photos":{"total":12,"copied":0}'
expect_in out '"verified":true'
run store copy library.db ./library.db
expect_code 2
expect_one_line "the same library"
run store copy nothing.db copied.db
expect_code 1
expect_one_line "nothing.db"
run store copy library.db
expect_code 2

# Export and import: the same answers.
run export export --json
expect_code 0
expect_in out '"photos":12'
run export diary
expect_code 1
run import export --library second.db
expect_code 0
expect_in out "12 photographs"
run search "a waterfall" --json --library second.db
cp out second
run search "a waterfall" --json
grep -v elapsed out >first
grep -v elapsed second | diff - first >/dev/null || fail "the imported library answers otherwise"
head -n 3 export/library.jsonl >short && mv short export/library.jsonl
run import export --library third.db
expect_code 1
expect_one_line "cut off"
run import nowhere --library fourth.db
expect_code 1
expect_one_line "this is no export"
[ ! -e fourth.db ] || fail "a library was made of no export"
run import nowhere --library third.db
expect_code 1

# Doctor: sound, then damaged, then repaired.
run doctor
expect_code 0
expect_in out "is sound: 12 photographs"
run doctor --json
expect_code 0
expect_in out '"sound":true'
dd if=/dev/zero of=library.db bs=1024 seek=64 count=16 conv=notrunc 2>/dev/null
run doctor
expect_code 1
expect_in out "is damaged"
expect_in err "fovea doctor --repair"
run doctor --repair
expect_code 0
expect_in out "saved:"
expect_in out "the damaged file is"
ls library.db.damaged-* >/dev/null 2>&1 || fail "the damaged library was not kept"
run index --model demo demo/pictures
expect_code 0
run status
expect_code 0
expect_in out "12 photographs"
run doctor --repair
expect_code 0
expect_in out "nothing was to be done"

finish
