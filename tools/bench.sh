#!/bin/sh
# bench.sh [--quick] [NAME...]: measure, print a table, write build/bench/NAME.json. Without a
# name everything: each program of tests/bench that prints its figures itself, the spine (its
# measures by name: idle start pair reconnect calls deltas), then threads (extra decide large).
set -eu
cd "$(dirname "$0")/.."
programs='policy audit lane'
thread_measures='extra decide large'
quick=
spine=
threads=
chosen=
is_one() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }
for arg in "$@"; do
    if is_one "$arg" "$programs"; then
        chosen="$chosen $arg"
    elif is_one "$arg" "$thread_measures"; then
        threads="$threads $arg"
    elif [ "$arg" = --quick ]; then
        quick=--quick
    else
        spine="$spine $arg"
    fi
done
all=no
if [ -z "$spine$threads$chosen" ]; then
    all=yes
    chosen=$programs
fi
mkdir -p build/bench
targets='tests/bench/bench_ctrl tests/bench/bench_thread'
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
[ "$all" = no ] || node tests/bench/sandbox.mjs --json build/bench-sandbox.json
status=0
# shellcheck disable=SC2086 # lists
if [ "$all" = yes ] || [ -n "$spine" ]; then node tests/bench/main.mjs $quick $spine || status=1; fi
# shellcheck disable=SC2086 # lists
if [ "$all" = yes ] || [ -n "$threads" ]; then node tests/bench/threads.mjs $quick $threads || status=1; fi
exit $status
