#!/bin/sh
# fmt.sh [--check]: clang-format 14 over the C sources; --check only says what differs.
set -eu
cd "$(dirname "$0")/.."
mode=-i
[ "${1:-}" != --check ] || mode='--dry-run --Werror'
# shellcheck disable=SC2086 # the mode is two words
git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format $mode
