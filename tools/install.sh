#!/bin/sh
# install.sh: install the release build under DESTDIR and PREFIX: the program (through meson),
# the page, the man page and the shells' completions, which the program itself writes.
set -eu
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
to=${DESTDIR:-}$prefix
[ -n "${DESTDIR:-}" ] || unset DESTDIR

if ! meson configure build/release -Dprefix="$prefix" >build/install.log 2>&1 ||
    ! meson install -C build/release --no-rebuild --quiet >>build/install.log 2>&1; then
    tail -n 5 build/install.log >&2
    echo "install: could not write to $to; choose another with PREFIX=, or become root" >&2
    exit 1
fi

farhand=build/release/farhand
say_into() { # FILE WORDS...: what the program says, as a file
    mkdir -p "$to/$(dirname "$1")"
    "$farhand" "$2" "$3" >"$to/$1"
}
say_into share/man/man1/farhand.1 help man
say_into share/bash-completion/completions/farhand completion bash
say_into share/zsh/site-functions/_farhand completion zsh
say_into share/fish/vendor_completions.d/farhand.fish completion fish

if [ -d build/web ]; then
    rm -rf "$to/share/farhand/web"
    mkdir -p "$to/share/farhand/web"
    cp -R build/web/. "$to/share/farhand/web/"
fi
printf 'install: farhand is in %s/bin\n' "$to"
