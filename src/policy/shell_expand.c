#include <string.h>

#include "policy/shell_priv.h"

/* What `$` and the backtick stand for. The commands inside are read like any other; the
 * value is unknown. Forms that evaluate text a second time (arithmetic on names,
 * indirection, `@P`, subscripts) could run what is not written here: not understood. */

static bool is_name_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static void note(bool quoted, uint8_t flag, uint8_t *flags)
{
    *flags |= flag;
    if (!quoted) {
        *flags |= WORD_SPLITS;
    }
}

/* Here-documents that are announced but not reached belong to the text outside. */
static bool may_nest(struct shell_reader *r)
{
    if (r->n_heredocs != 0) {
        return reader_fail(r, "a here-document and a substitution are entwined");
    }
    if (!reader_enter(r)) {
        return false;
    }
    r->n_substitutions++;
    return true;
}

static void leave_nested(struct shell_reader *r)
{
    r->n_substitutions--;
    reader_leave(r);
}

/* $(program) */
static bool read_program(struct shell_reader *r)
{
    if (!may_nest(r)) {
        return false;
    }
    r->at += 2;
    if (!grammar_program(r)) {
        return false;
    }
    if (reader_peek(r, 0) != ')') {
        return reader_fail(r, "$( is not closed");
    }
    r->at++;
    leave_nested(r);
    return true;
}

/* $((…)): numbers and operators only. A name's value is evaluated again, subscripts and
 * the substitutions in them included. */
static bool read_arithmetic(struct shell_reader *r)
{
    r->at += 3;
    for (int c; (c = reader_peek(r, 0)) != ')'; r->at++) {
        if (c < 0 || strchr("0123456789+-*/%<>=&|^~!?:, \t", c) == NULL) {
            return reader_fail(r, "arithmetic on more than numbers");
        }
    }
    if (reader_peek(r, 1) != ')') {
        return reader_fail(r, "arithmetic in parentheses");
    }
    r->at += 2;
    return true;
}

/* The closing brace of `${…`, as quotes, substitutions and braces nest. */
static bool read_operand(struct shell_reader *r, uint8_t *flags)
{
    for (int c; (c = reader_peek(r, 0)) != '}';) {
        bool ok = true;
        if (c < 0) {
            return reader_fail(r, "${ is not closed");
        }
        if (strchr("'\"\\{(<>", c) != NULL) {
            return reader_fail(r, "a quote or a parenthesis within ${…}");
        }
        if (c == '$') {
            ok = expand_dollar(r, true, flags);
        } else if (c == '`') {
            ok = expand_backtick(r, true, flags);
        } else {
            r->at++;
        }
        if (!ok) {
            return false;
        }
    }
    r->at++;
    return true;
}

/* After the name: nothing, or an operator of POSIX, or a substitution of bash. */
static bool operator_is_plain(const struct shell_reader *r)
{
    const int c = reader_peek(r, 0);
    const int next = reader_peek(r, 1);
    if (c == ':') {
        return next == '-' || next == '+' || next == '?';
    }
    return c == '}' || (c > 0 && strchr("-+?%#", c) != NULL) ||
           (c == '/' && r->dialect == SHELL_BASH);
}

/* ${name…} */
static bool read_braced(struct shell_reader *r, uint8_t *flags)
{
    r->at += 2;
    if (reader_peek(r, 0) == '#' && reader_peek(r, 1) != '}') {
        r->at++;
    }
    const int first = reader_peek(r, 0);
    if (is_name_start(first)) {
        while (is_name_start(reader_peek(r, 0)) || is_digit(reader_peek(r, 0))) {
            r->at++;
        }
    } else if (is_digit(first) || (first > 0 && strchr("?$#@*", first) != NULL)) {
        r->at++;
    } else {
        return reader_fail(r, "${…} does more than name a variable");
    }
    if (!operator_is_plain(r)) {
        return reader_fail(r, "${…} does more than read a variable");
    }
    if (!reader_enter(r) || !read_operand(r, flags)) {
        return false;
    }
    reader_leave(r);
    return true;
}

bool expand_dollar(struct shell_reader *r, bool quoted, uint8_t *flags)
{
    const int c = reader_peek(r, 1);
    if (c == '(') {
        if (reader_peek(r, 2) == '(') {
            *flags |= WORD_SUBST; // one word, whatever the number
            return read_arithmetic(r);
        }
        note(quoted, WORD_SUBST, flags);
        return read_program(r);
    }
    if (c == '{') {
        note(quoted, WORD_PARAM, flags);
        return read_braced(r, flags);
    }
    if (c == '[') {
        return reader_fail(r, "$[…] is arithmetic to some shells");
    }
    if (is_name_start(c)) {
        note(quoted, WORD_PARAM, flags);
        for (r->at++;
             is_name_start(reader_peek(r, 0)) || is_digit(reader_peek(r, 0));) {
            r->at++;
        }
        return true;
    }
    if (is_digit(c) || (c > 0 && strchr("@*#?$!-", c) != NULL)) {
        note(quoted, WORD_PARAM, flags);
        r->at += 2;
        return true;
    }
    r->at++;
    return c == '\\' ? reader_fail(r, "a backslash after $") : word_put(r, '$');
}

/* `program`: it ends at the next backtick, whatever quotes stand between. A backslash in
 * it is removed before it is read: not followed. */
bool expand_backtick(struct shell_reader *r, bool quoted, uint8_t *flags)
{
    const uint8_t *from = r->in.at + r->at + 1;
    const size_t left = r->in.len - r->at - 1;
    const uint8_t *close = memchr(from, '`', left);
    if (close == NULL) {
        return reader_fail(r, "a backtick is not closed");
    }
    const size_t len = (size_t)(close - from);
    if (memchr(from, '\\', len) != NULL) {
        return reader_fail(r, "a backslash within backticks");
    }
    if (!may_nest(r)) {
        return false;
    }
    const struct bytes whole = r->in;
    r->in.len = r->at + 1 + len;
    r->at++;
    const bool ok = grammar_program(r);
    if (ok && r->at != r->in.len) {
        return reader_fail(r, "a word or an operator stands where none may");
    }
    r->in = whole;
    r->at++;
    leave_nested(r);
    note(quoted, WORD_SUBST, flags);
    return ok;
}
