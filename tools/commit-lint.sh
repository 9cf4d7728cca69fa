#!/bin/sh
# commit-lint.sh [RANGE | --message FILE | --self-test]: check commit messages (all of HEAD's
# history without an argument): `folder: imperative sentence`, lower case, at most 72
# characters, no full stop, then a blank line.
#
# As a hook: git config core.hooksPath tools/hooks
set -eu
here=$(cd "$(dirname "$0")" && pwd)

lint() { # reads one message; $1 is what to call it
    awk -v name="$1" '
        function fail(text) { print "commit-lint: " name ": " text ": " subject > "/dev/stderr"; bad = 1 }
        /^#/ { next }
        ++n == 1 {
            subject = $0
            if (subject !~ /^[a-z0-9.][a-zA-Z0-9_.\/-]*(, ?[a-z0-9.][a-zA-Z0-9_.\/-]*)*: [^ ]/) fail("no \"folder: \" before the sentence")
            else {
                sentence = subject; sub(/^[^:]*: /, "", sentence)
                if (sentence ~ /^[A-Z][a-z]/) fail("the sentence begins with a capital")
            }
            if (length(subject) > 72) fail("over 72 characters")
            if (subject ~ /\.$/) fail("ends with a full stop")
        }
        n == 2 && $0 != "" { fail("no blank line after the subject") }
        END { if (n == 0) fail("empty"); exit bad }'
}

lint_range() {
    bad=0
    for commit in $(git rev-list --no-merges "$1"); do
        git log -1 --format=%B "$commit" | lint "$(printf %.10s "$commit")" || bad=1
    done
    return $bad
}

self_test() {
    bad=0
    refuse() { ! printf "$1" | lint self-test 2>/dev/null || { echo "commit-lint: self-test: accepted: $1" >&2; bad=1; }; }
    accept() { printf "$1" | lint self-test || bad=1; }
    accept 'wire: refuse non-minimal frame lengths\n\nWhy.\n'
    accept 'tools: lint commits\n'
    refuse 'feat(wire): improve parsing\n'
    refuse 'fix stuff.\n'
    refuse 'wire: Refuse it\n'
    refuse 'wire: refuse it.\n'
    refuse 'wire: refuse it\nno blank line\n'
    refuse 'wire: a sentence that goes on and on and on until it has more than seventy-two characters\n'
    return $bad
}

case ${1:-} in
--self-test) self_test ;;
--message) lint message <"$2" ;;
*)
    cd "$here/.."
    git rev-parse --git-dir >/dev/null 2>&1 || exit 0 # a tarball has no history
    lint_range "${1:-HEAD}"
    ;;
esac
