#!/bin/sh
# page.sh bench|screens: the built page in the real Chromium, against a host that is played.
# `bench` measures it on a slowed machine and prints build/bench/web.json; `screens` writes
# every screen, size and colour into build/screens and fails on what is clipped, too wide, too
# small for a thumb, without contrast or without a name.
set -eu
cd "$(dirname "$0")/../web"
case $1 in
bench) run=bench/web.run.ts ;;
screens) run=bench/screens.run.ts ;;
*)
    echo "page.sh bench|screens" >&2
    exit 2
    ;;
esac
status=0
node_modules/.bin/vitest run --root . --config bench/vitest.config.ts "$run" || status=$?
[ "$1" = screens ] || node ../tests/bench/table.mjs ../build/bench/web.json
exit $status
