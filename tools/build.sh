#!/bin/sh
# build.sh KIND: configure build/KIND when it is not, and compile it.
#
#   asan      gcc, AddressSanitizer + UBSan: what the suite runs
#   release   gcc, optimised: what `make up` and `make install` use
#   clang     the same with clang
#   tsan      gcc, ThreadSanitizer
#   fuzz      clang, libFuzzer
set -eu
cd "$(dirname "$0")/.."
kind=$1
dir=build/$kind

case $kind in
asan) set -- -Db_sanitize=address,undefined -Db_lundef=false ;;
release) set -- -Dbuildtype=release -Dwerror=false -Dtests=false ;;
gcc) set -- -Dbuildtype=release -Dwerror=true ;;
clang) set -- -Dbuildtype=release -Dwerror=true ;;
tsan) set -- -Db_sanitize=thread -Db_lundef=false ;;
fuzz) set -- -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true -Dtests=false \
    -Dc_args=-fsanitize=fuzzer-no-link ;;
*) echo "build.sh: unknown kind '$kind'" >&2; exit 2 ;;
esac
case $kind in
clang | fuzz) export CC=${CC_CLANG:-clang} ;;
esac

if [ ! -f "$dir/build.ninja" ]; then
    printf 'build: configuring %s\n' "$dir"
    mkdir -p build
    if ! meson setup --prefix="${PREFIX:-/usr/local}" "$@" "$dir" >"build/$kind-setup.log" 2>&1; then
        tail -n 30 "build/$kind-setup.log" >&2
        exit 1
    fi
fi
printf 'build: compiling %s\n' "$dir"
if ! ninja -C "$dir" >"build/$kind-ninja.log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\] (Compiling|Linking|Generating)' "build/$kind-ninja.log" |
        head -n 60 >&2
    exit 1
fi
