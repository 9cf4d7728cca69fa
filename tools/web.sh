#!/bin/sh
# web.sh install|build: the phone app. `install` puts its npm packages into web/node_modules,
# `build` makes build/web. Both do nothing when nothing changed.
set -eu
cd "$(dirname "$0")/.."
[ -f web/package.json ] || exit 0

sum() { sha256sum "$@" | sha256sum | cut -c1-64; }
stamped() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

quietly() { # LOG COMMAND...
    log=$1
    shift
    if ! tools/env.sh "$@" >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        exit 1
    fi
}

install_packages() {
    want=$(sum web/package.json web/package-lock.json)
    stamped web/node_modules/.farhand-stamp "$want" && return
    printf 'web: installing the page'\''s npm packages (npm ci)\n'
    mkdir -p build
    quietly build/npm-web.log npm --prefix web ci --no-audit --no-fund
    printf '%s\n' "$want" >web/node_modules/.farhand-stamp
}

# The functional tests use the page's own packages (and its code as their controller).
link_tests() {
    [ -d tests/functional ] || return 0
    ln -sfn ../../web/node_modules tests/functional/node_modules
}

build_page() {
    # shellcheck disable=SC2046 # file names of ours hold no blanks
    want=$(sum $(find web -path web/node_modules -prune -o -type f -print | LC_ALL=C sort))
    stamped build/web.stamp "$want" && [ -f build/web/index.html ] && return
    printf 'web: building the page into build/web\n'
    quietly build/web.log npm --prefix web run build
    printf '%s\n' "$want" >build/web.stamp
}

install_packages
link_tests
[ "$1" != build ] || [ ! -f web/index.html ] || build_page
