#include <string.h>

#include "policy/shell_priv.h"

bool word_ends_at(int c)
{
    switch (c) {
    case -1:
    case ' ':
    case '\t':
    case '\n':
    case ';':
    case '&':
    case '|':
    case '<':
    case '>':
    case '(':
    case ')':
        return true;
    default:
        return false;
    }
}

/* 'text': nothing is special in it. */
static bool read_single(struct shell_reader *r)
{
    r->at++;
    for (int c; (c = reader_peek(r, 0)) != '\''; r->at++) {
        if (c < 0) {
            return reader_fail(r, "a quote is not closed");
        }
        if (!word_put(r, c)) {
            return false;
        }
    }
    r->at++;
    return true;
}

/* A backslash, outside of quotes. A line that is continued within a word could make an
 * operator of two harmless characters: only between words is it followed. */
static bool read_escaped(struct shell_reader *r)
{
    const int c = reader_peek(r, 1);
    if (c < 0) {
        return reader_fail(r, "it ends in a backslash");
    }
    if (c == '\n') {
        return reader_fail(r, "a word goes on on the next line");
    }
    r->at += 2;
    return word_put(r, c);
}

/* A backslash within double quotes: it quotes five characters only. */
static bool read_half_escaped(struct shell_reader *r)
{
    const int c = reader_peek(r, 1);
    if (c < 0) {
        return reader_fail(r, "a quote is not closed");
    }
    if (c == '\n') {
        return reader_fail(r, "a word goes on on the next line");
    }
    r->at += 2;
    return (strchr("$`\"\\", c) != NULL || word_put(r, '\\')) && word_put(r, c);
}

static bool read_double(struct shell_reader *r, uint8_t *flags)
{
    r->at++;
    for (;;) {
        const int c = reader_peek(r, 0);
        bool ok = true;
        if (c < 0) {
            return reader_fail(r, "a quote is not closed");
        }
        if (c == '"') {
            r->at++;
            return true;
        }
        if (c == '\\') {
            ok = read_half_escaped(r);
        } else if (c == '$') {
            ok = expand_dollar(r, true, flags);
        } else if (c == '`') {
            ok = expand_backtick(r, true, flags);
        } else {
            ok = word_put(r, c);
            r->at++;
        }
        if (!ok) {
            return false;
        }
    }
}

/* What a letter behind a backslash means within $'…'; -1: no simple one. */
static int ansi_meaning(int name)
{
    static const char names[] = "ntrabfve\\'\"?";
    static const char means[] = "\n\t\r\a\b\f\v\033\\'\"?";
    const char *found = name > 0 ? strchr(names, name) : NULL;
    return found == NULL ? -1 : means[found - names];
}

/* $'text': the escapes whose meaning every bash agrees on; the rest is not understood.
 * A plain shell ends the quote elsewhere. */
static bool read_ansi(struct shell_reader *r)
{
    if (r->dialect != SHELL_BASH) {
        return reader_fail(r, "$'…' means different things to different shells");
    }
    r->at += 2;
    for (int c; (c = reader_peek(r, 0)) != '\''; r->at++) {
        if (c == '\\') {
            r->at++;
            c = ansi_meaning(reader_peek(r, 0));
        }
        if (c < 0) {
            return reader_fail(r,
                               "$'…' is not closed, or an escape in it is not simple");
        }
        if (!word_put(r, c)) {
            return false;
        }
    }
    r->at++;
    return true;
}

static bool read_dollar(struct shell_reader *r, uint8_t *flags)
{
    const int next = reader_peek(r, 1);
    if (next == '\'') {
        *flags |= WORD_QUOTED;
        return read_ansi(r);
    }
    if (next == '"') {
        return reader_fail(r, "$\"…\" depends on a translation");
    }
    return expand_dollar(r, false, flags);
}

/* Characters that the shell replaces where they stand unquoted. */
static uint8_t special_flag(int c, bool may_be_home)
{
    if (c == '*' || c == '?' || c == '[') {
        return WORD_GLOB;
    }
    if (c == '{') {
        return WORD_BRACE;
    }
    return c == '~' && may_be_home ? WORD_TILDE : 0;
}

/* These octets, parts of longer characters here, are blanks of their own to a shell
 * whose locale has one octet a character. */
static bool may_be_blank(int c)
{
    return c == 0x85 || c == 0xA0;
}

/* `~` stands for a home at the start, and after `=` and `:` as in an assignment. */
static bool home_may_stand(const struct shell_reader *r, size_t start)
{
    return r->at == start || r->in.at[r->at - 1] == '=' || r->in.at[r->at - 1] == ':';
}

static bool read_part(struct shell_reader *r, int c, size_t start, uint8_t *flags)
{
    switch (c) {
    case '\'':
        *flags |= WORD_QUOTED;
        return read_single(r);
    case '"':
        *flags |= WORD_QUOTED;
        return read_double(r, flags);
    case '\\':
        *flags |= WORD_QUOTED;
        return read_escaped(r);
    case '$':
        return read_dollar(r, flags);
    case '`':
        return expand_backtick(r, false, flags);
    default:
        if (may_be_blank(c)) {
            return reader_fail(r, "a character is a blank in some locales");
        }
        *flags |= special_flag(c, home_may_stand(r, start));
        r->at++;
        return word_put(r, c);
    }
}

/* `{}` (find, xargs), `{` and `[` alone are literal; whether another brace opens a list or
 * a range is for the shell to say. */
static void settle_lone(const struct shell_reader *r, size_t scratch_start,
                        uint8_t *flags)
{
    const struct bytes text = buf_bytes(&r->scratch);
    const struct bytes word = bytes_sub(text, scratch_start, text.len - scratch_start);
    if (bytes_equal_str(word, "{}") || bytes_equal_str(word, "{")) {
        *flags &= (uint8_t)~WORD_BRACE;
    }
    if (bytes_equal_str(word, "[")) {
        *flags &= (uint8_t)~WORD_GLOB;
    }
}

bool word_read(struct shell_reader *r, struct rough_word *out)
{
    const size_t start = r->at;
    const size_t scratch_start = buf_len(&r->scratch);
    uint8_t flags = 0;
    for (int c; !word_ends_at(c = reader_peek(r, 0));) {
        if (!read_part(r, c, start, &flags)) {
            return false;
        }
    }
    settle_lone(r, scratch_start, &flags);
    const struct bytes text = buf_bytes(&r->scratch);
    struct buf *store = &r->store->text;
    *out = (struct rough_word){.at = (uint32_t)buf_len(store),
                               .len = (uint32_t)(text.len - scratch_start),
                               .flags = flags};
    if (buf_put(store, bytes_sub(text, scratch_start, out->len)) != OK ||
        buf_put_u8(store, '\0') != OK) {
        return reader_fail(r, "it is too long");
    }
    buf_truncate(&r->scratch, scratch_start);
    return true;
}

/* Only what runs matters here: the text itself stays where it is. */
bool word_scan_expansions(struct shell_reader *r, size_t end)
{
    const size_t scratch_start = buf_len(&r->scratch);
    uint8_t flags = 0;
    while (r->at < end) {
        const int c = reader_peek(r, 0);
        bool ok = true;
        if (c == '\\') {
            r->at += 2;
        } else if (c == '$') {
            ok = expand_dollar(r, true, &flags);
        } else if (c == '`') {
            ok = expand_backtick(r, true, &flags);
        } else {
            r->at++;
        }
        if (!ok) {
            return false;
        }
    }
    buf_truncate(&r->scratch, scratch_start);
    return r->at == end ||
           reader_fail(r, "an expansion does not end where its text does");
}
