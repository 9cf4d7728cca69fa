#!/bin/sh
# test.sh [SUITE...]: run the suites (all without an argument) and add them up. The last line
# is `N passed, N failed`; the status is nonzero when anything failed.
#
#   lint        layers, banned functions, sizes, commit subjects
#   unit        C unit tests, one ASan + UBSan build (build/asan)
#   fuzz        every fuzz target over its corpus, its prefixes and bit flips, same build
#   web         the page: types, then vitest
#   functional  the real programs, driven from TypeScript
#
# What a suite printed is in build/test/SUITE.log; functional keeps screenshots beside it.
set -u
cd "$(dirname "$0")/.."
out=build/test
mkdir -p "$out"
passed=0
failed=0

# A sanitizer's report is a failure of the test that ran into it, never a note in a log.
ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export ASAN_OPTIONS UBSAN_OPTIONS

count() { # SUITE PASSED FAILED: one line, and the sum
    printf 'test: %-10s %4d passed, %d failed (%d s)\n' "$1" "$2" "$3" "$(($(date +%s) - began))"
    passed=$((passed + $2))
    failed=$((failed + $3))
}

counts_of() { # the last "N passed, N failed" of a log, as two words
    sed -nE 's/^.*[^0-9]([0-9]+) passed, ([0-9]+) failed.*$/\1 \2/p' "$1" | tail -n 1
}

summed() { # SUITE COMMAND...: a command that ends in "…: N passed, N failed"
    suite=$1
    shift
    began=$(date +%s)
    "$@" >"$out/$suite.log" 2>&1 </dev/null
    status=$?
    # shellcheck disable=SC2046 # two words
    set -- $(counts_of "$out/$suite.log")
    good=${1:-0}
    bad=${2:-0}
    [ "$status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$bad" = 0 ] || tail -n 150 "$out/$suite.log"
    count "$suite" "$good" "$bad"
}

run_lint() { summed lint tools/lint.sh; }

run_meson() { summed "$1" python3 tools/meson_test.py build/asan "$1"; }

run_web() {
    [ -f web/package.json ] || return 0
    summed web tools/env.sh node tools/vitest.mjs web
}

run_functional() {
    [ -d tests/functional ] || return 0
    summed functional tools/env.sh node tools/vitest.mjs functional
}

[ $# -gt 0 ] || set -- lint unit fuzz web functional
suites=$*

ready=yes
case " $suites " in
*" unit "* | *" fuzz "* | *" functional "*)
    tools/build.sh asan || ready=no
    ;;
esac
case " $suites " in
*" web "*) tools/web.sh build || ready=no ;;
*" functional "*) tools/web.sh build || ready=no ;;
esac
if [ "$ready" = no ]; then
    echo 'test: the build failed'
    failed=1
    suites=lint
fi

for suite in $suites; do
    case $suite in
    lint) run_lint ;;
    unit | fuzz) run_meson "$suite" ;;
    web) run_web ;;
    functional) run_functional ;;
    *)
        echo "test: no suite '$suite'" >&2
        exit 2
        ;;
    esac
done

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
