#!/bin/sh
# sizes.sh [--self-test]: fail on a source file over 600 lines or a C function over 70.
#
# A function is what stands between a `{` and a `}` in the first column, as clang-format
# leaves it. FARHAND_TREE names another tree to check (the self-test does).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=${FARHAND_TREE:-$here/..}
FILE_MAX=600
FUNCTION_MAX=70

check() {
    cd "$tree"
    if [ -e .git ]; then list='git ls-files -co --exclude-standard -- src tests web/src'; else list='find . -type f'; fi
    $list | grep -E '\.(c|h|ts|tsx)$' | grep -v '/vectors/' | LC_ALL=C sort | xargs -r awk \
        -v file_max=$FILE_MAX -v function_max=$FUNCTION_MAX '
        function file_end() {
            if (lines > file_max) {
                print "sizes: " file " has " lines " lines (at most " file_max ")" > "/dev/stderr"
                bad = 1
            }
        }
        FNR == 1 { file_end(); file = FILENAME; start = 0 }
        { lines = FNR }
        FILENAME ~ /\.c$/ && /^{/ { start = FNR }
        FILENAME ~ /\.c$/ && /^}/ && start {
            if (FNR - start - 1 > function_max) {
                print "sizes: " FILENAME ":" start " is a function of " FNR - start - 1 \
                    " lines (at most " function_max ")" > "/dev/stderr"
                bad = 1
            }
            start = 0
        }
        END { file_end(); exit bad }'
}

self_test() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    mkdir "$scratch/src"
    bad=0
    function_of() { echo 'void f(void)'; echo '{'; seq "$1" | sed 's/.*/    g();/'; echo '}'; }
    function_of 71 >"$scratch/src/a.c"
    ! FARHAND_TREE=$scratch "$here/sizes.sh" 2>/dev/null || { echo 'sizes: self-test: 71 lines pass' >&2; bad=1; }
    seq 601 | sed 's/.*/int x;/' >"$scratch/src/a.c"
    ! FARHAND_TREE=$scratch "$here/sizes.sh" 2>/dev/null || { echo 'sizes: self-test: 601 lines pass' >&2; bad=1; }
    function_of 70 >"$scratch/src/a.c"
    FARHAND_TREE=$scratch "$here/sizes.sh" || { echo 'sizes: self-test: 70 lines refused' >&2; bad=1; }
    return $bad
}

case ${1:-} in
--self-test) self_test ;;
*) check ;;
esac
