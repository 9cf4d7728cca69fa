#!/bin/sh
# Turn docs/words.txt into the C table behind code_word(): words.sh WORDS OUT.
set -eu
[ "$(sort -u "$1" | grep -cx '[a-z]\{4\}')" -eq 2048 ] || {
    echo "$1: want exactly 2048 distinct words of four letters" >&2
    exit 1
}
{
    echo '#include "session/code_words.h"'
    echo
    echo 'const char code_words[CODE_WORDS][CODE_WORD_LEN + 1] = {'
    LC_ALL=C sort "$1" | sed 's/.*/    "&",/'
    echo '};'
} >"$2"
