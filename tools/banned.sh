#!/bin/sh
# banned.sh [--self-test]: fail when the C uses what tools/banned.txt forbids, or when an
# unfinished mark, a sleep in a test, or a registry's address is left in the tree.
#
# FARHAND_TREE names another tree to check: the self-test plants violations in a copy.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=${FARHAND_TREE:-$here/..}

# The files of the tree: what git knows or would add; everything in a planted tree.
files() { # PATHSPEC...
    if [ -e "$tree/.git" ]; then
        git -C "$tree" ls-files -co --exclude-standard -- "$@"
    else
        (cd "$tree" && find . -type f | sed 's,^\./,,')
    fi
}

check_code() {
    (cd "$tree" && files 'src/*' 'tests/*' | grep -E '\.[ch]$' | LC_ALL=C sort |
        xargs -r awk -f "$here/strip.awk") |
        awk -v list="$here/banned.txt" '
        function allowed(file, patterns,   n, i, part, p) {
            n = split(patterns, part, " ")
            for (i = 1; i <= n; i++) {
                p = part[i]
                if (p ~ /\*$/) { if (index(file, substr(p, 1, length(p) - 1)) == 1) return 1 }
                else if (file == p) return 1
            }
            return 0
        }
        BEGIN {
            while ((getline line < list) > 0) {
                if (line ~ /^#/ || line == "") continue
                split(line, cell, / \| /)
                # mawk knows no \< and \>: spelled out, with a blank put before each line
                gsub(/\\</, "[^A-Za-z0-9_]", cell[1])
                gsub(/\\>/, "[^A-Za-z0-9_]", cell[1])
                pattern[++n_rules] = cell[1]; where[n_rules] = cell[2]; why[n_rules] = cell[3]
            }
        }
        {
            at = index($0, ":"); file = substr($0, 1, at - 1)
            tail = substr($0, at + 1); dot = index(tail, ":")
            number = substr(tail, 1, dot - 1); code = " " substr(tail, dot + 1) " "
            for (i = 1; i <= n_rules; i++)
                if (code ~ pattern[i] && !allowed(file, where[i])) {
                    print "banned: " file ":" number ": " why[i] ":" code > "/dev/stderr"
                    bad = 1
                }
        }
        END { exit bad }'
}

# Words that no file of ours may hold. Spelled in two halves so that this file passes.
check_words() {
    words_bad=0
    marks='(TO''DO|FIX''ME|XX''X|HA''CK)'
    found=$(cd "$tree" && files src web/src tests tools docs |
        grep -vE '(package-lock\.json|/vectors/|/corpus/|/node_modules/)' | tr '\n' '\0' |
        xargs -0r grep -nIE "(^|[^A-Za-z])$marks([^A-Za-z]|\$)" /dev/null || true)
    if [ -n "$found" ]; then
        printf 'banned: an unfinished mark: finish it or open an issue: %s\n' "$found" >&2
        words_bad=1
    fi
    found=$(cd "$tree" && files '*package-lock.json' '*npmrc' |
        grep -E '(package-lock\.json|npmrc)$' | grep -v node_modules | tr '\n' '\0' |
        xargs -0r grep -nE '"resolved"|registry *=' /dev/null | head -n 3 || true)
    if [ -n "$found" ]; then
        printf 'banned: a registry address in a lock file: %s\n' "$found" >&2
        words_bad=1
    fi
    found=$(cd "$tree" && files tests web/test web/src | grep -E '\.tsx?$' | tr '\n' '\0' |
        xargs -0r grep -nE '^[^-+]*\b(sleep|delay)\(|\b(it|test|describe)\.(skip|only|todo)\b' /dev/null || true)
    if [ -n "$found" ]; then
        printf 'banned: a test sleeps or is switched off: %s\n' "$found" >&2
        words_bad=1
    fi
    return $words_bad
}

# ---- the self-test: each planted line must be found ----------------------------------

plant() { # FILE LINE
    rm -rf "$scratch/src" "$scratch/tests" "$scratch/web"
    mkdir -p "$scratch/$(dirname "$1")"
    printf '%s\n' "$2" >"$scratch/$1"
}

must_fail() {
    plant "$1" "$2"
    if FARHAND_TREE=$scratch "$here/banned.sh" 2>/dev/null; then
        echo "banned: self-test: not found in $1: $2" >&2
        bad=1
    fi
}

must_pass() {
    plant "$1" "$2"
    if ! FARHAND_TREE=$scratch "$here/banned.sh"; then
        echo "banned: self-test: refused in $1: $2" >&2
        bad=1
    fi
}

self_test() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    bad=0
    must_fail src/host/a.c '    strcpy(to, from);'
    must_fail src/host/a.c 'sprintf(b, "x");'
    must_fail src/host/a.c '    p = malloc(3);'
    must_fail src/host/a.c '    free(p);'
    must_fail src/host/a.c '    if (sscanf(s, "%d", &n) == 1) {'
    must_fail src/host/a.c '    n = atoi(s);'
    must_fail src/host/a.c '    t = localtime(&now);'
    must_fail src/host/a.c '    printf("x");'
    must_fail src/host/a.c '    fprintf(stderr, "x");'
    must_fail src/host/a.c '    return memcmp(a->key, b->key, 32) == 0;'
    must_fail src/host/a.c 'typedef struct thing thing;'
    must_fail src/host/a.c 'typedef struct {'
    must_pass src/host/a.c 'typedef struct blob *merge_fn(void *user);'
    must_fail src/host/a.c '    uv_run(loop, UV_RUN_ONCE);'
    must_fail src/host/a.c '// TO''DO: later'
    must_fail tests/unit/a_test.c '    usleep(10);'
    must_fail tests/functional/a.test.ts 'await sleep(10);'
    must_fail tests/functional/a.test.ts 'it.sk''ip("x", () => {});'
    must_fail web/package-lock.json '"resolved": "somewhere"'
    must_pass src/host/a.c '    mem_free(p); // not free(p)'
    must_pass src/host/a.c '    log_info("a", "use printf(3) /* \" */ strcpy(");'
    must_pass src/host/a.c '    snprintf(b, sizeof(b), "x"); my_printf(b);'
    must_pass src/base/mem.c '    free(p);'
    must_pass src/cli/a.c '    printf("x");'
    must_pass src/host/a.c '/* typedef struct'
    return $bad
}

case ${1:-} in
--self-test) self_test ;;
*)
    bad=0
    check_code || bad=1
    check_words || bad=1
    exit $bad
    ;;
esac
