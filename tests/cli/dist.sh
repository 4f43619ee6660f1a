#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One content makes one tarball, whoever packs it: order, times, modes, owners, language and time
# zone of the machine are not in it. With FOVEA_TEST_LONG=1 that of the last commit is made whole,
# twice, in clones in folders of other names (it needs node_modules there: scripts/setup).
# dist.sh PROGRAM SOURCE

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
source=$(absolute "$2")
tar --version 2>/dev/null | grep -q GNU || skip "GNU tar is not here"
last="(dist)"
: >out
: >err

(umask 022 && mkdir -p one/p/sub && cd one/p && echo a >a && echo b >B && echo c >sub/c && ln -s a link &&
    chmod +x a)
(umask 077 && mkdir -p "two x/p/sub" && cd "two x/p" && echo c >sub/c && echo b >B && ln -s a link &&
    echo a >a && chmod +x a && touch -d '2001-02-03 04:05' sub/c B)
(umask 022 && SOURCE_DATE_EPOCH=86400 TZ=UTC LC_ALL=C bash "$source/scripts/dist" --pack one/p >one.tar.gz) ||
    fail "it cannot be packed"
(umask 077 && SOURCE_DATE_EPOCH=86400 TZ=Asia/Kolkata LC_ALL=C.UTF-8 \
    bash "$source/scripts/dist" --pack "two x/p" >two.tar.gz) || fail "it cannot be packed"
cmp one.tar.gz two.tar.gz || fail "the tarballs differ"
TZ=UTC tar --numeric-owner -tvzf one.tar.gz >list
[ "$(wc -l <list)" -eq 6 ] || fail "it has other files: $(cat list)"
! grep -vE '^(-r[-w]xr-xr-x|-rw-r--r--|drwxr-xr-x|lrwxr-xr-x) 0/0 +[0-9]+ 1970-01-02 00:00 p/' list ||
    fail "modes, owners or times are of this machine"

case ${FOVEA_TEST_LONG-} in
'' | 0) finish ;;
esac
for clone in whole "whole again"; do
    git clone -q "$source" "$clone" || fail "no clone"
    cp -a "$source/node_modules" "$clone/"
    cp -a "$source/web/node_modules" "$clone/web/"
done
(cd whole && umask 022 && LC_ALL=C TZ=UTC scripts/dist) >out 2>err || fail "scripts/dist fails"
find "whole again" -path '*/.git' -prune -o -type f -exec touch -d '2001-02-03 04:05' {} +
(cd "whole again" && umask 077 && LC_ALL=C.UTF-8 TZ=Asia/Kolkata scripts/dist) >out 2>err ||
    fail "scripts/dist fails"
cmp whole/dist/*.tar.gz "whole again"/dist/*.tar.gz || fail "the releases differ"
finish
