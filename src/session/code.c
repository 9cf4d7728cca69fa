#include "session/code.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "session/code_words.h"

/* What was typed, without whatever stood between. */
struct typed {
    char letters[CODE_WORDS_MAX * CODE_WORD_LEN + 1];
    size_t n_letters;
    char digits[CODE_DIGITS_MAX + 1 + 1];
    size_t n_digits;
};

const char *code_word(unsigned i)
{
    return code_words[i];
}

static int compare_words(const void *a, const void *b)
{
    return strncmp(a, b, CODE_WORD_LEN);
}

static bool is_word(const char *letters)
{
    return bsearch(letters, code_words, CODE_WORDS, sizeof(code_words[0]),
                   compare_words) != NULL;
}

/* C = SHA-256("fh1 check" || "w1-w2-ddd")[0] mod 10 (protocol.md 4). */
static char check_digit(const char *prs)
{
    uint8_t digest[HASH_SHA256];
    const struct bytes parts[] = {BYTES_LIT("fh1 check"), bytes_from_str(prs)};
    hash_sha256_parts(parts, COUNT(parts), digest);
    const char c = (char)('0' + digest[0] % 10);
    secret_wipe(digest, sizeof(digest));
    return c;
}

/* Writes all three forms from words in lower case, `n` of them, one after another. */
static void compose(const char *letters, size_t n, struct bytes digits,
                    struct code *out)
{
    size_t at = 0;
    *out = (struct code){.prs = ""};
    for (size_t i = 0; i < n; i++) {
        memcpy(out->prs + at, letters + i * CODE_WORD_LEN, CODE_WORD_LEN);
        at += CODE_WORD_LEN;
        out->prs[at++] = '-';
    }
    memcpy(out->prs + at, digits.at, digits.len);
    memcpy(out->digits, digits.at, digits.len);
    at += digits.len;

    for (size_t i = 0; i < at; i++) {
        const char c = out->prs[i];
        out->shown[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    out->shown[at] = check_digit(out->prs);
}

enum err code_make(struct bytes digits, unsigned n_words, struct code *out)
{
    char letters[CODE_WORDS_MAX * CODE_WORD_LEN];
    bool usable = digits.len >= CODE_DIGITS_MIN && digits.len <= CODE_DIGITS_MAX &&
                  n_words >= 2 && n_words <= CODE_WORDS_MAX;
    for (size_t i = 0; usable && i < digits.len; i++) {
        usable = digits.at[i] >= '0' && digits.at[i] <= '9';
    }
    if (!usable) {
        return ERR_USAGE;
    }
    for (size_t i = 0; i < n_words; i++) {
        memcpy(letters + i * CODE_WORD_LEN, code_words[random_below(CODE_WORDS)],
               CODE_WORD_LEN);
    }
    compose(letters, n_words, digits, out);
    secret_wipe(letters, sizeof(letters));
    return OK;
}

/* False: more letters or digits than any phrase has. */
static bool collect(struct bytes in, struct typed *t)
{
    for (size_t i = 0; i < in.len; i++) {
        const uint8_t c = in.at[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            if (t->n_letters == sizeof(t->letters) - 1) {
                return false;
            }
            t->letters[t->n_letters++] = (char)(c | 0x20);
        } else if (c >= '0' && c <= '9') {
            if (t->n_digits == sizeof(t->digits) - 1) {
                return false;
            }
            t->digits[t->n_digits++] = (char)c;
        }
    }
    return true;
}

static enum err understand(const struct typed *t, struct code *out)
{
    const size_t n_words = t->n_letters / CODE_WORD_LEN;
    if (t->n_letters % CODE_WORD_LEN != 0 || n_words < 2 ||
        t->n_digits < CODE_DIGITS_MIN + 1) {
        return ERR_PROTO;
    }
    for (size_t i = 0; i < n_words; i++) {
        if (!is_word(t->letters + i * CODE_WORD_LEN)) {
            return ERR_NOT_FOUND;
        }
    }
    struct code code;
    const struct bytes plate = {(const uint8_t *)t->digits, t->n_digits - 1};
    compose(t->letters, n_words, plate, &code);
    const bool fits = check_digit(code.prs) == t->digits[t->n_digits - 1];
    if (fits) {
        *out = code;
    }
    code_fini(&code);
    return fits ? OK : ERR_USAGE;
}

enum err code_parse(struct bytes typed, struct code *out)
{
    struct typed t = {.n_letters = 0};
    enum err e = ERR_PROTO;
    if (typed.len <= CODE_INPUT_MAX && collect(typed, &t)) {
        e = understand(&t, out);
    }
    secret_wipe(&t, sizeof(t));
    return e;
}

void code_fini(struct code *c)
{
    secret_wipe(c, sizeof(*c));
}
