#!/bin/sh
# bench.sh [--quick] [NAME...]: measure, print a table, write build/bench/NAME.json. Without a
# name everything: the spine (its measures by name: idle start pair reconnect calls deltas),
# then each program of tests/bench that prints its figures itself.
set -eu
cd "$(dirname "$0")/.."
programs='policy audit lane'
quick=
spine=
chosen=
for arg in "$@"; do
    case " $programs " in
    *" $arg "*) chosen="$chosen $arg" ;;
    *) if [ "$arg" = --quick ]; then quick=--quick; else spine="$spine $arg"; fi ;;
    esac
done
if [ -z "$spine$chosen" ]; then
    spine=all
    chosen=$programs
fi
mkdir -p build/bench
targets=tests/bench/bench_ctrl
for name in $chosen; do targets="$targets tests/bench/${name}_bench"; done
# shellcheck disable=SC2086 # lists
ninja -C build/release $targets >build/bench-ninja.log 2>&1 || {
    cat build/bench-ninja.log >&2
    exit 1
}
for name in $chosen; do
    build/release/tests/bench/"${name}_bench" >"build/bench/$name.json"
    node tests/bench/table.mjs "build/bench/$name.json"
done
[ -n "$spine" ] || exit 0
[ "$spine" != all ] || spine=
# shellcheck disable=SC2086 # a list
node tests/bench/sandbox.mjs --json build/bench-sandbox.json
exec node tests/bench/main.mjs $quick $spine
