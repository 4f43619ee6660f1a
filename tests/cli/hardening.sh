#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the program was compiled with against the use of flaws, read from the file itself.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

command -v readelf >/dev/null || skip "readelf is not here"
last="(readelf)"
: >out
: >err
readelf -W --file-header --segments --dynamic --notes "$fovea" >elf 2>/dev/null
readelf -W --dyn-syms "$fovea" >symbols 2>/dev/null
# check WHAT FILE PATTERN
check() { grep -qE "$3" "$2" || fail "$1 is missing"; }
check "position independence" elf 'Type: +DYN'
check "PIE" elf 'FLAGS_1.*PIE'
check "RELRO" elf 'GNU_RELRO'
check "immediate binding (full RELRO)" elf 'FLAGS_1.*NOW'
check "a stack that is not executable" elf 'GNU_STACK .* RW +0x'
check "the stack protector" symbols '__stack_chk_fail'
# As many calls as there are, of those that the C library checks: one alone might be somebody else's.
checked=$(grep -oE ' __[a-z]+_chk' symbols | sort -u | wc -l)
[ "$checked" -ge 8 ] || fail "only $checked calls are checked by _FORTIFY_SOURCE"
# Segments are never writable and executable at once.
grep -E '^ +LOAD .* RWE ' elf >rwe && fail "a segment is writable and executable"
# The file as a whole is marked only if the C library's start files are, too, and Debian's are not.
case $(uname -m) in
x86_64)
    objdump -d --no-show-raw-insn --disassemble=main "$fovea" >code 2>/dev/null
    check "control-flow protection" code 'endbr64'
    ;;
esac
finish
