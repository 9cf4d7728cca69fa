#!/bin/sh
# install.sh: meson installs the release build; PREFIX and DESTDIR come from the environment.
set -eu
cd "$(dirname "$0")/.."
meson configure build/release -Dprefix="${PREFIX:-/usr/local}"
if [ -n "${DESTDIR:-}" ]; then
    export DESTDIR
else
    unset DESTDIR
fi
meson install -C build/release --no-rebuild --quiet || {
    echo "install: meson could not write to ${DESTDIR:-}${PREFIX:-/usr/local}" >&2
    exit 1
}
printf 'install: farhand is in %s%s/bin\n' "${DESTDIR:-}" "${PREFIX:-/usr/local}"
