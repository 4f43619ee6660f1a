#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What of the page needs no browser: tools.sh types (the compiler's opinion) | logic (vitest).
set -u
cd "$(dirname "$0")/../../web" || exit 1
for package in typescript vitest; do
    [ -d "node_modules/$package" ] || {
        echo "skipped: the page's own tests: its packages are not here (scripts/setup --web installs them)"
        exit 77
    }
done
case $1 in
types) exec node node_modules/typescript/bin/tsc --noEmit ;;
logic) exec node node_modules/vitest/vitest.mjs run --cache=false ;;
esac
exit 2
