#!/bin/sh
# layers.sh [--self-test]: fail when a folder of src/ or web/src/ includes what tools/layers.txt does not
# allow, or when that table and the one in docs/architecture.md differ.
#
# FARHAND_TREE names another tree to check: the self-test plants violations in a copy.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=${FARHAND_TREE:-$here/..}

# Every include as "file <header>" or "file "header"", file relative to src/.
includes() {
    find . -name '*.[ch]' | LC_ALL=C sort | sed 's,^\./,,' |
        xargs -r awk '/^[ \t]*#[ \t]*include/ {
            header = $0
            sub(/^[ \t]*#[ \t]*include[ \t]*/, "", header)
            sub(/[>"][^>"]*$/, substr(header, 1, 1) == "<" ? ">" : "\"", header)
            print FILENAME, header
        }'
}

check_includes() {
    (cd "$tree/src" && includes) | awk -v table="$here/layers.txt" '
        function fail(text) { print "layers: " text > "/dev/stderr"; bad = 1 }
        function matches(file, patterns,   n, i, list, p) {
            n = split(patterns, list, " ")
            for (i = 1; i <= n; i++) {
                p = list[i]
                sub(/\*$/, "", p)
                if (index(file, p) == 1) return 1
            }
            return 0
        }
        BEGIN {
            while ((getline line < table) > 0) {
                if (line ~ /^#/ || line == "") continue
                if (line ~ /^</) {
                    header = line; sub(/ .*/, "", header)
                    rest = line; sub(/^[^ ]* /, "", rest)
                    order[++n_headers] = header; owners[header] = rest
                } else if (line ~ /^[a-z]+:/) {
                    folder = line; sub(/:.*/, "", folder)
                    rest = line; sub(/^[^:]*:/, "", rest)
                    known[folder] = 1
                    allowed[folder] = " " folder rest " "
                } else {
                    split(line, word, " ")
                    rest = line; sub(/^[^ ]* [^ ]* /, "", rest)
                    only[word[1] " " word[2]] = " " rest " "
                }
            }
        }
        {
            file = $1; header = $2
            folder = file; sub(/\/.*/, "", folder)
            if (!(folder in known)) {
                if (!(folder in told)) fail("src/" folder " is not in tools/layers.txt")
                told[folder] = 1
                next
            }
            if (header ~ /^"/) {
                gsub(/"/, "", header)
                if (header !~ /\//) { fail("src/" file " must name " header " as folder/file.h"); next }
                used = header; sub(/\/.*/, "", used)
                if (allowed[folder] ~ / any / ? used == "main" && folder != "main" \
                                              : index(allowed[folder], " " used " ") == 0)
                    fail("src/" file " must not include src/" header)
                stem = header; sub(/^[^\/]*\//, "", stem); sub(/\.h$/, "", stem)
                key = folder " " used "/"
                if (key in only && index(only[key], " " stem " ") == 0)
                    fail("src/" file " may use only" only[key] "of " used "/, not " header)
            } else {
                for (i = 1; i <= n_headers; i++) {
                    if (index(header, order[i]) != 1) continue
                    if (!matches(file, owners[order[i]])) fail("src/" file " must not include " header)
                    break
                }
            }
        }
        END { exit bad }'
}

# web/src/: the first import of another folder that the table does not allow.
check_web() {
    [ -d "$tree/web/src" ] || return 0
    (cd "$tree/web/src" && find . -name '*.ts' -o -name '*.tsx' | LC_ALL=C sort | sed 's,^\./,,' |
        xargs -r grep -HoE "(from|import) ?\(?[\"']\.\./[a-z]+/" /dev/null || true) |
        awk -v table="$here/layers.txt" '
        BEGIN {
            while ((getline line < table) > 0)
                if (line ~ /^web\//) {
                    folder = line; sub(/^web\//, "", folder); sub(/:.*/, "", folder)
                    rest = line; sub(/^[^:]*:/, "", rest)
                    allowed[folder] = " " folder rest " "
                }
        }
        {
            file = $0; sub(/:.*/, "", file)
            folder = file; sub(/\/.*/, "", folder)
            used = $0; sub(/.*\.\.\//, "", used); sub(/\/$/, "", used)
            if (index(allowed[folder], " " used " ") == 0) {
                print "layers: web/src/" file " must not import ../" used > "/dev/stderr"
                bad = 1
            }
        }
        END { exit bad }'
}

# The table of docs/architecture.md as "folder: a b c" lines.
documented() {
    awk -F '|' '
        /^\| `[a-z]+\/`/ {
            n = split($2, names, "`")
            cell = $4
            sub(/^ */, "", cell); sub(/ *$/, "", cell)
            if (cell == "–" || cell == "-") cell = ""
            if (cell ~ /^any/) cell = "any"
            first = cell; sub(/;.*/, "", first); sub(/ *$/, "", first)
            for (i = 2; i <= n; i += 2) {
                name = names[i]; sub(/\/$/, "", name)
                mine = first
                if (match(cell, "; " name " also ")) mine = first " " substr(cell, RSTART + RLENGTH)
                sub(/^ /, "", mine)
                print name ":" (mine == "" ? "" : " " mine)
            }
        }' "$1"
}

sorted_rows() {
    while IFS=: read -r folder rest; do
        # shellcheck disable=SC2086 # words to sort
        printf '%s: %s\n' "$folder" "$(printf '%s\n' $rest | LC_ALL=C sort | tr '\n' ' ')"
    done
}

check_document() {
    doc=$tree/docs/architecture.md
    if [ ! -f "$doc" ]; then
        echo "layers: docs/architecture.md is missing" >&2
        return 1
    fi
    want=$(grep -E '^[a-z]+:' "$here/layers.txt" | sorted_rows)
    got=$(documented "$doc" | sorted_rows)
    if [ "$want" != "$got" ]; then
        echo "layers: docs/architecture.md and tools/layers.txt differ:" >&2
        { printf 'txt %s\n' "$want" | sed '2,$s/^/txt /'; printf 'doc %s\n' "$got" | sed '2,$s/^/doc /'; } |
            sort -k2 | uniq -u -f 1 >&2
        return 1
    fi
}

# ---- the self-test: each planted line must be found ----------------------------------

plant() { # FILE LINE
    rm -rf "$scratch/src" "$scratch/web"
    mkdir -p "$scratch/src" "$scratch/web/src"
    at=$scratch/src/$1
    case $1 in web/*) at=$scratch/web/src/${1#web/} ;; esac
    mkdir -p "$(dirname "$at")"
    printf '%s\n' "$2" >"$at"
}

must_fail() {
    plant "$1" "$2"
    if FARHAND_TREE=$scratch "$here/layers.sh" --includes 2>/dev/null; then
        echo "layers: self-test: not found in src/$1: $2" >&2
        bad=1
    fi
}

must_pass() {
    plant "$1" "$2"
    if ! FARHAND_TREE=$scratch "$here/layers.sh" --includes; then
        echo "layers: self-test: refused in src/$1: $2" >&2
        bad=1
    fi
}

self_test() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    bad=0
    must_fail relay/room.c '#include "session/session.h"'
    must_fail relay/room.c '#include "crypto/aead.h"'
    must_fail wire/json.c '#include "host/hub.h"'
    must_fail base/err.c '#include "wire/json.h"'
    must_fail host/hub.c '#include <uv.h>'
    must_fail host/hub.h '#  include  <sqlite3.h>'
    must_fail session/kx.c '#include <sodium.h>'
    must_fail net/dial.c '#include <openssl/evp.h>'
    must_fail host/rpc.c '#include <jansson.h>'
    must_fail cli/up.c '#include "main/main.h"'
    must_fail newfolder/x.c '#include <stdio.h>'
    must_fail host/hub.c '#include "hub.h"'
    must_fail web/wire/a.ts 'import { x } from "../session/y";'
    must_fail web/client/a.ts 'const { x } = await import("../ui/y");'
    must_pass web/ui/a.tsx 'import { x } from "../client/y";'
    must_pass relay/room.c '#include "crypto/hmac.h"'
    must_pass net/dial.c '#include <uv.h>'
    must_pass net/tls_server.c '#include <openssl/ssl.h>'
    must_pass crypto/aead.c '#include <openssl/evp.h>'
    must_pass cli/up.c '#include "host/hub.h"'
    must_pass wire/json.h '#include <jansson.h>'
    return $bad
}

case ${1:-} in
--self-test) self_test ;;
--includes)
    bad=0
    check_includes || bad=1
    check_web || bad=1
    exit $bad
    ;;
*)
    bad=0
    check_includes || bad=1
    check_web || bad=1
    check_document || bad=1
    exit $bad
    ;;
esac
