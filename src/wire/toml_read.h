/*
 * toml_read: what toml.c (tables and keys) and toml_value.c (values) share. Not for
 * others.
 *
 * Shape      one forward pass. Every reader returns OK, or calls toml_fail() and returns
 *            what that returns.
 * Ownership  values are given by the readers; toml_put() takes the value, also when it
 *            fails.
 */
#ifndef WIRE_TOML_READ_H
#define WIRE_TOML_READ_H

#include "base/map.h"
#include "wire/toml.h"

/* What a JSON value cannot say of itself. */
enum toml_mark {
    TOML_DEFINED = 1, // by a header, or by dotted keys of an earlier section
    TOML_FROZEN = 2,  // an inline table, or a scalar that looks like an object
    TOML_TABLES = 4,  // an array of tables: [[x]] may add to it
};

struct toml_note;

struct toml {
    const uint8_t *at;
    const uint8_t *end;
    unsigned line;
    unsigned depth; // of arrays and inline tables
    bool tagged;
    struct diag *diag;
    json_t *here;            // the table that keys go into
    struct map marks;        // json_t pointer -> struct toml_note
    struct toml_note *notes; // all of them, to free
};

/* A dotted key: NUL-terminated parts one after the other. */
struct toml_key {
    struct buf text;
    size_t starts[TOML_DEPTH_MAX];
    size_t n;
};

NODISCARD enum err toml_fail(struct toml *t, const char *reason);
NODISCARD enum err toml_mark(struct toml *t, const json_t *value, unsigned marks);

static inline uint8_t toml_peek(const struct toml *t)
{
    return t->at < t->end ? *t->at : 0; // a NUL is refused before reading begins
}

static inline bool toml_starts(const struct toml *t, struct bytes text)
{
    return (size_t)(t->end - t->at) >= text.len &&
           bytes_equal((struct bytes){t->at, text.len}, text);
}

bool toml_take(struct toml *t, uint8_t c);
void toml_skip_blank(struct toml *t);                 // spaces and tabs
NODISCARD enum err toml_skip_comment(struct toml *t); // if there is one
NODISCARD enum err toml_skip_lines(struct toml *t);   // blanks, comments, newlines
bool toml_take_newline(struct toml *t);               // LF or CRLF

/* toml.c */
NODISCARD enum err toml_read_key(struct toml *t, struct toml_key *k);
NODISCARD enum err toml_put(struct toml *t, json_t *table, const struct toml_key *k,
                            json_t *value);

/* toml_value.c */
NODISCARD enum err toml_read_value(struct toml *t, json_t **out);

/* toml_string.c: any of the four kinds; `lines`: """ and ''' are allowed too. */
NODISCARD enum err toml_read_string(struct toml *t, bool lines, struct buf *out);

/* toml_number.c: the value of a bare word: boolean, number, date or time. */
NODISCARD enum err toml_read_word(struct toml *t, json_t **out);
NODISCARD enum err toml_leaf(struct toml *t, const char *type, struct bytes text,
                             json_t *plain, json_t **out);

#endif
