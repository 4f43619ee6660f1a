#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What is installed beside the program: a page for each command that names each of its options and
# that groff (and mandoc, where it is) reads without a warning; completions that their shells read
# (bash's is called, too); units that systemd accepts. manuals.sh PROGRAM UNIT-FOLDER
units=$2
case $units in /*) ;; *) units=$PWD/$units ;; esac
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

have() { command -v "$1" >/dev/null 2>&1; }
missing=
need() { # need TOOL: what only a linter would find is checked where the linter is
    have "$1" || { missing="$missing $1" && false; }
}

mkdir made
run help --write-manuals made
expect_code 0
run help
cp out overview

pages=0
sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z]*\)   *.*/\1/p' overview >commands
while read -r command; do
    pages=$((pages + 1))
    page=made/fovea-$command.1
    [ -s "$page" ] || { fail "no page of $command" && continue; }
    run "$command" --help
    sed 's/\\-/-/g; s/\\fB//g; s/\\fR//g' "$page" >plain
    sed -n 's/^  \(-., \|    \)--\([a-z0-9-]*\).*/\2/p' out >options
    while read -r option; do
        grep -q -e "--$option" plain || fail "fovea-$command.1 lacks --$option"
        for script in made/fovea made/_fovea; do
            grep -q -e "--$option" "$script" || fail "$script lacks --$option"
        done
        grep -q "__fovea_at $command' -l $option" made/fovea.fish || fail "fish lacks --$option of $command"
    done <options
    grep -q "^.BR fovea..$command (1)" made/fovea.1 || fail "fovea.1 lacks $command"
done <commands
[ "$pages" -ge 20 ] || fail "only $pages pages"
[ "$pages" -eq $(($(find made -name '*.1' | wc -l) - 1)) ] || fail "pages of commands there are not"
for page in made/*.1; do
    if need groff; then
        groff -ww -man -z -Tutf8 "$page" >groff.out 2>&1
        [ ! -s groff.out ] || fail "groff: $page: $(head -n 3 groff.out)"
    fi
    if need mandoc; then
        # It wants a date, which would differ from one build to the next.
        mandoc -Tlint -W warning "$page" | grep -v 'missing date' >mandoc.out
        [ ! -s mandoc.out ] || fail "mandoc: $(head -n 3 mandoc.out)"
    fi
done

for shell in bash:fovea zsh:_fovea fish:fovea.fish; do
    need "${shell%%:*}" || continue
    HOME=$scratch "${shell%%:*}" -n "made/${shell#*:}" >shell.out 2>&1 || fail "${shell%%:*}: $(head -n 3 shell.out)"
done

# offered WORD...: what bash would offer for the last word.
offered() {
    # shellcheck disable=SC2016 # for the other shell
    bash -c '. made/fovea; COMP_WORDS=(fovea "$@"); COMP_CWORD=$#; _fovea; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$@" | sort | tr '\n' ' '
}
expect_completion() { # expect_completion WANTED WORD...
    wanted=$1
    shift
    got=$(offered "$@")
    [ "$got" = "$wanted " ] || fail "completing '$*' offers '$got', not '$wanted'"
}
mkdir -p "a folder/below"
: >"a file"
if have bash; then
    expect_completion "model models" mod
    expect_completion "synth" model s
    expect_completion "--decode" index --dec
    expect_completion "exact fast" index --decode ""
    expect_completion "fast" index --decode = f
    expect_completion "a folder" index "a f"
    expect_completion "a file a folder" info "a f"
    expect_completion "--seed" model synth --se
fi

if have systemd-analyze; then
    for unit in "$units"/fovea-*.service; do
        # The program that a unit names is installed later; a page it names, too.
        sed "s,^ExecStart=[^ ]*,ExecStart=$fovea," "$unit" >"${unit##*/}"
        XDG_RUNTIME_DIR=$scratch systemd-analyze --user verify --man=no "./${unit##*/}" >verify.out 2>&1
        grep -v "$fovea" verify.out | grep "${unit##*/}" >complaints && fail "systemd: $(head -n 3 complaints)"
        systemd-analyze security --offline=true --threshold=25 "./${unit##*/}" >security.out 2>&1 ||
            fail "${unit##*/} is open: $(tail -n 1 security.out)"
    done
fi

[ -z "$missing" ] || echo "not checked, because absent: $(echo "$missing" | tr ' ' '\n' | sort -u | tr '\n' ' ')"
finish
