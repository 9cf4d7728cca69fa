#!/bin/sh
# bench.sh [ARGS...]: run tests/bench; the table goes to the terminal, JSON to build/bench.json.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f tests/bench/main.mjs ]; then
    echo 'bench: tests/bench is empty' >&2
    exit 1
fi
ninja -C build/release tests/bench/bench_ctrl >build/bench-ninja.log 2>&1 || {
    cat build/bench-ninja.log >&2
    exit 1
}
exec node tests/bench/main.mjs --json build/bench.json "$@"
