/*
 * code_words: the word list of the phrases, in alphabetical order. The table is
 * made from docs/words.txt by tools/words.sh.
 */
#ifndef SESSION_CODE_WORDS_H
#define SESSION_CODE_WORDS_H

#include "session/code.h"

extern const char code_words[CODE_WORDS][CODE_WORD_LEN + 1];

#endif
