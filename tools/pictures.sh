#!/bin/sh
# pictures.sh: take the pictures of the README (docs/img) anew, of a real session.
set -eu
cd "$(dirname "$0")/.."
tools/deps.sh build run test
tools/build.sh release
tools/web.sh build
cd tests/functional
FARHAND_BUILD=${FARHAND_BUILD:-$PWD/../../build/release} \
    ../../tools/env.sh ../../web/node_modules/.bin/vitest run --config pictures.config.ts
