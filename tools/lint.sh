#!/bin/sh
# lint.sh: every check that needs no package, each with its self-test; a line a check, and
# `lint: N passed, N failed` at the end.
set -u
cd "$(dirname "$0")/.."
passed=0
failed=0
for check in layers banned sizes commit-lint; do
    for mode in --self-test ''; do
        # shellcheck disable=SC2086 # no mode, no argument
        if tools/$check.sh $mode; then
            passed=$((passed + 1))
        else
            echo "lint: $check $mode failed"
            failed=$((failed + 1))
        fi
    done
done
echo "lint: $passed passed, $failed failed"
[ "$failed" = 0 ]
