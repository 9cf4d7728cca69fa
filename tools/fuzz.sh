#!/bin/sh
# fuzz.sh SECONDS [TARGET...]: build the libFuzzer targets with clang and run each (or the
# named ones) for SECONDS over its corpus. New finds grow build/fuzz-corpus, not the tree; a
# crash is kept in build/fuzz-crashes and fails.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
tools/build.sh fuzz
[ $# -gt 0 ] || set -- $(cd build/fuzz/tests/fuzz && find . -maxdepth 1 -name '*_fuzz' -type f -perm -u+x |
    sed 's,^\./,,; s/_fuzz$//' | LC_ALL=C sort)
passed=0
failed=0
mkdir -p build/fuzz-crashes
for target in "$@"; do
    grown=build/fuzz-corpus/$target
    seeds=tests/fuzz/corpus/$target
    mkdir -p "$grown"
    [ -d "$seeds" ] || seeds=
    printf 'fuzz: %s for %s s: ' "$target" "$seconds"
    # shellcheck disable=SC2086 # no seeds, no argument
    if "build/fuzz/tests/fuzz/${target}_fuzz" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="build/fuzz-crashes/$target-" \
        -print_final_stats=1 "$grown" $seeds >"build/fuzz-$target.log" 2>&1; then
        passed=$((passed + 1))
        sed -nE 's/^stat::number_of_executed_units: *//p' "build/fuzz-$target.log" |
            sed 's/$/ runs, nothing found/'
    else
        failed=$((failed + 1))
        echo 'FAILED'
        tail -n 40 "build/fuzz-$target.log"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
