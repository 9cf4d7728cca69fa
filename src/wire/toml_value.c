/*
 * Values: scalars by their kind, arrays, inline tables.
 */
#include "wire/toml_read.h"

/* Takes `plain`. With tags, the value is {"type", "value"}, marked so that nobody takes
 * it for a table. */
enum err toml_leaf(struct toml *t, const char *type, struct bytes text, json_t *plain,
                   json_t **out)
{
    if (!t->tagged) {
        *out = plain;
        return plain != NULL ? OK : ERR_NOMEM;
    }
    json_decref(plain);
    json_t *leaf = json_object();
    json_set_str(leaf, "type", type);
    json_set_bytes(leaf, "value", text);
    const enum err e = toml_mark(t, leaf, TOML_FROZEN);
    if (e != OK) {
        json_decref(leaf);
        return e;
    }
    *out = leaf;
    return OK;
}

static enum err read_string(struct toml *t, json_t **out)
{
    struct buf text;
    buf_init(&text, TOML_MAX);
    enum err e = toml_read_string(t, true, &text);
    if (e == OK) {
        const struct bytes b = buf_bytes(&text);
        json_t *plain = json_stringn(b.at == NULL ? "" : (const char *)b.at, b.len);
        e = toml_leaf(t, "string", b, plain, out);
    }
    buf_fini(&text);
    return e;
}

/* ---- arrays --------------------------------------------------------------------------- */

static enum err read_elements(struct toml *t, json_t *list)
{
    for (;;) {
        json_t *value = NULL;
        enum err e = toml_skip_lines(t);
        if (e != OK || toml_take(t, ']')) {
            return e;
        }
        e = toml_read_value(t, &value);
        if (e == OK && json_array_append_new(list, value) != 0) {
            e = ERR_NOMEM;
        }
        if (e == OK) {
            e = toml_skip_lines(t);
        }
        if (e != OK) {
            return e;
        }
        if (!toml_take(t, ',')) {
            return toml_take(t, ']') ? OK : toml_fail(t, "an array is not closed");
        }
    }
}

static enum err read_array(struct toml *t, json_t **out)
{
    t->at++;
    json_t *list = json_array();
    const enum err e = read_elements(t, list);
    if (e != OK) {
        json_decref(list);
        return e;
    }
    *out = list;
    return OK;
}

/* ---- inline tables: on one line, no comma after the last ------------------------------------ */

static enum err read_member(struct toml *t, json_t *table)
{
    struct toml_key k;
    json_t *value = NULL;
    enum err e = toml_read_key(t, &k);
    if (e != OK) {
        return e;
    }
    e = toml_take(t, '=') ? OK : toml_fail(t, "'=' is missing after a key");
    if (e == OK) {
        toml_skip_blank(t);
        e = toml_read_value(t, &value);
    }
    if (e == OK) {
        e = toml_put(t, table, &k, value);
    }
    buf_fini(&k.text);
    return e;
}

static enum err read_members(struct toml *t, json_t *table)
{
    toml_skip_blank(t);
    if (toml_take(t, '}')) {
        return OK;
    }
    for (;;) {
        const enum err e = read_member(t, table);
        if (e != OK) {
            return e;
        }
        toml_skip_blank(t);
        if (toml_take(t, '}')) {
            return OK;
        }
        if (!toml_take(t, ',')) {
            return toml_fail(t, "an inline table is not closed");
        }
    }
}

static enum err read_table(struct toml *t, json_t **out)
{
    t->at++;
    json_t *table = json_object();
    enum err e = read_members(t, table);
    if (e == OK) {
        e = toml_mark(t, table, TOML_FROZEN);
    }
    if (e != OK) {
        json_decref(table);
        return e;
    }
    *out = table;
    return OK;
}

static enum err read_nested(struct toml *t, json_t **out)
{
    if (t->depth == TOML_DEPTH_MAX) {
        diag_set(t->diag, "line %u: more than %d levels", t->line, TOML_DEPTH_MAX);
        return ERR_LIMIT;
    }
    t->depth++;
    const enum err e = toml_peek(t) == '[' ? read_array(t, out) : read_table(t, out);
    t->depth--;
    return e;
}

enum err toml_read_value(struct toml *t, json_t **out)
{
    switch (toml_peek(t)) {
    case '"':
    case '\'':
        return read_string(t, out);
    case '[':
    case '{':
        return read_nested(t, out);
    default:
        return toml_read_word(t, out);
    }
}
