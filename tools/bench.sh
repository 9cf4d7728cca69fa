#!/bin/sh
# bench.sh [ARGS...]: run tests/bench; the table goes to the terminal, JSON to build/bench.json.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f tests/bench/main.mjs ]; then
    echo 'bench: tests/bench is empty' >&2
    exit 1
fi
exec node tests/bench/main.mjs --json build/bench.json "$@"
