#!/bin/sh
# test-all.sh: what `make test` runs, and besides it everything that needs clang's tools or
# another build. Goes on after a failure; the last line adds up.
set -u
cd "$(dirname "$0")/.."
passed=0
failed=0

check() { # NAME COMMAND...
    name=$1
    shift
    mkdir -p build/test
    began=$(date +%s)
    if "$@" >"build/test/$name.log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        verdict=passed
    else
        failed=$((failed + 1))
        verdict=FAILED
        tail -n 60 "build/test/$name.log"
    fi
    printf 'test-all: %-12s %s (%d s)\n' "$name" "$verdict" "$(($(date +%s) - began))"
}

release_of() { tools/build.sh "$1" && meson test -C "build/$1" --no-rebuild --quiet; }

thread_sanitizer() { tools/build.sh tsan && meson test -C build/tsan --no-rebuild --quiet -t 5; }

tidy() {
    # The compile database of the clang build: clang-tidy does not know gcc's own warnings.
    git ls-files 'src/*.c' | xargs -r -P 2 -n 4 clang-tidy --quiet -p build/clang
}

check_cppcheck() {
    cppcheck --enable=warning,portability,performance --error-exitcode=1 --inline-suppr --quiet \
        --std=c11 -DFARHAND_VERSION='"0"' -DFARHAND_ADMIN_DIR='"/etc/farhand"' -D_GNU_SOURCE -I src \
        --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches src
}

check gcc release_of gcc
check clang release_of clang
check tsan thread_sanitizer
check format tools/fmt.sh --check
check tidy tidy
check cppcheck check_cppcheck

mkdir -p build/test
if tools/test.sh | tee build/test/all.log; then :; fi
set -- $(tail -n 1 build/test/all.log | tr -dc '0-9 ')
printf '%d passed, %d failed\n' "$((passed + ${1:-0}))" "$((failed + ${2:-1}))"
[ "$((failed + ${2:-1}))" = 0 ]
