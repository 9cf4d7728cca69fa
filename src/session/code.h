/*
 * code: the phrases people type, WORD-WORD-DDDC.
 *
 * Source     protocol.md 4. The words are secret (22 bits); the digits are the
 *            relay's nameplate; the last digit checks for typos and is never sent.
 * Ownership  struct code holds a secret: code_fini() wipes it.
 * Errors     code_parse: ERR_PROTO     not a phrase: too few or too many letters, digits
 *                        ERR_NOT_FOUND a word that is not in the list: a typo
 *                        ERR_USAGE     the check digit does not fit: a typo
 * Tests      tests/unit/code_test.c, tests/fuzz/code_fuzz.c
 */
#ifndef SESSION_CODE_H
#define SESSION_CODE_H

#include "base/bytes.h"

enum {
    CODE_WORDS = 2048, // in docs/words.txt
    CODE_WORD_LEN = 4,
    CODE_WORDS_MAX = 3, // --code-words 3
    CODE_DIGITS_MIN = 3,
    CODE_DIGITS_MAX = 5,
    CODE_TEXT_MAX = CODE_WORDS_MAX * (CODE_WORD_LEN + 1) + CODE_DIGITS_MAX + 1 + 1,
    CODE_INPUT_MAX = 128, // what a person may type or paste, in octets
};

struct code {
    char prs[CODE_TEXT_MAX];          // "wolf-pine-748": the CPace password; wipe
    char shown[CODE_TEXT_MAX];        // "WOLF-PINE-7489"; wipe
    char digits[CODE_DIGITS_MAX + 1]; // "748": for the relay
};

/* Fresh words for the digits that the relay gave. n_words is 2 or 3.
 * ERR_USAGE: the digits are not 3 to 5 digits. */
NODISCARD enum err code_make(struct bytes digits, unsigned n_words, struct code *out);

/* Forgiving: case, separators (white space, punctuation, dashes of all kinds) and
 * their absence do not matter. */
NODISCARD enum err code_parse(struct bytes typed, struct code *out);

void code_fini(struct code *c);

/* The i-th word, lower case; i < CODE_WORDS. */
const char *code_word(unsigned i);

#endif
