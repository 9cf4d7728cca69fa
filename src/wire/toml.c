/*
 * Tables and keys. The rules of who may extend what are those of the TOML 1.0 text under
 * "Table" and "Array of Tables": a table is defined once, by its header or by dotted keys
 * of one section; what is only on the way to another may still be defined.
 */
#include "wire/toml.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/toml_read.h"

struct toml_note {
    struct map_node node;
    const json_t *of; // the key
    unsigned marks;
    bool pending; // becomes TOML_DEFINED at the next header
    struct toml_note *next;
};

enum err toml_fail(struct toml *t, const char *reason)
{
    diag_set(t->diag, "line %u: %s", t->line, reason);
    return ERR_PROTO;
}

/* ---- marks ---------------------------------------------------------------------- */

static struct bytes note_key(const json_t *const *value)
{
    return (struct bytes){(const uint8_t *)value, sizeof(void *)}; // the address is it
}

static struct toml_note *note_of(const struct toml *t, const json_t *value)
{
    struct map_node *node = map_get(&t->marks, note_key(&value));
    return node == NULL ? NULL : CONTAINER_OF(node, struct toml_note, node);
}

static unsigned marks_of(const struct toml *t, const json_t *value)
{
    const struct toml_note *note = note_of(t, value);
    return note == NULL ? 0 : note->marks;
}

static enum err add_note(struct toml *t, const json_t *value, struct toml_note **out)
{
    struct toml_note *note = note_of(t, value);
    if (note == NULL) {
        note = mem_try(1, sizeof(*note));
        if (note == NULL) {
            return ERR_NOMEM;
        }
        note->of = value;
        const enum err e = map_put(&t->marks, note_key(&note->of), &note->node);
        if (e != OK) {
            mem_free(note);
            return e;
        }
        note->next = t->notes;
        t->notes = note;
    }
    *out = note;
    return OK;
}

enum err toml_mark(struct toml *t, const json_t *value, unsigned marks)
{
    struct toml_note *note = NULL;
    const enum err e = add_note(t, value, &note);
    if (e == OK) {
        note->marks |= marks;
    }
    return e;
}

static void settle_pending(struct toml *t)
{
    for (struct toml_note *note = t->notes; note != NULL; note = note->next) {
        if (note->pending) {
            note->marks |= TOML_DEFINED;
            note->pending = false;
        }
    }
}

/* ---- blanks ------------------------------------------------------------------------ */

bool toml_take(struct toml *t, uint8_t c)
{
    if (toml_peek(t) != c) {
        return false;
    }
    t->at++;
    return true;
}

void toml_skip_blank(struct toml *t)
{
    while (toml_peek(t) == ' ' || toml_peek(t) == '\t') {
        t->at++;
    }
}

bool toml_take_newline(struct toml *t)
{
    if (toml_starts(t, BYTES_LIT("\r\n"))) {
        t->at += 2;
    } else if (!toml_take(t, '\n')) {
        return false;
    }
    t->line++;
    return true;
}

enum err toml_skip_comment(struct toml *t)
{
    if (!toml_take(t, '#')) {
        return OK;
    }
    while (t->at < t->end && *t->at != '\n' && !toml_starts(t, BYTES_LIT("\r\n"))) {
        if ((*t->at < ' ' && *t->at != '\t') || *t->at == 0x7F) {
            return toml_fail(t, "a control character in a comment");
        }
        t->at++;
    }
    return OK;
}

enum err toml_skip_lines(struct toml *t)
{
    do {
        toml_skip_blank(t);
        const enum err e = toml_skip_comment(t);
        if (e != OK) {
            return e;
        }
    } while (toml_take_newline(t));
    return OK;
}

/* ---- keys ---------------------------------------------------------------------------- */

static bool is_bare(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '-' || c == '_';
}

static enum err read_part(struct toml *t, struct buf *out)
{
    const uint8_t c = toml_peek(t);
    if (c == '"' || c == '\'') {
        return toml_read_string(t, false, out);
    }
    const uint8_t *from = t->at;
    while (t->at < t->end && is_bare(*t->at)) {
        t->at++;
    }
    if (t->at == from) {
        return toml_fail(t, "a key is missing");
    }
    return buf_put(out, (struct bytes){from, (size_t)(t->at - from)});
}

static enum err read_parts(struct toml *t, struct toml_key *k)
{
    do {
        if (k->n == TOML_DEPTH_MAX) {
            return ERR_LIMIT;
        }
        toml_skip_blank(t);
        const size_t start = buf_len(&k->text);
        enum err e = read_part(t, &k->text);
        if (e != OK) {
            return e;
        }
        const struct bytes all = buf_bytes(&k->text);
        const struct bytes part = bytes_sub(all, start, all.len);
        if (part.len != 0 && memchr(part.at, '\0', part.len) != NULL) {
            return toml_fail(t, "a key with a NUL");
        }
        e = buf_put_u8(&k->text, '\0');
        if (e != OK) {
            return e;
        }
        k->starts[k->n++] = start;
        toml_skip_blank(t);
    } while (toml_take(t, '.'));
    return OK;
}

enum err toml_read_key(struct toml *t, struct toml_key *k)
{
    k->n = 0;
    buf_init(&k->text, TOML_MAX);
    const enum err e = read_parts(t, k);
    if (e != OK) {
        buf_fini(&k->text);
    }
    return e;
}

static const char *part_of(const struct toml_key *k, size_t i)
{
    return (const char *)buf_bytes(&k->text).at + k->starts[i];
}

/* ---- putting values where their keys say -------------------------------------------------- */

static enum err set_new(json_t *table, const char *key, json_t *value)
{
    return json_object_set_new(table, key, value) == 0 ? OK : ERR_NOMEM;
}

/* The table that a part of a dotted key names; made when it is not there. */
static enum err step_dotted(struct toml *t, json_t **table, const char *key)
{
    struct toml_note *note = NULL;
    json_t *next = json_object_get(*table, key);
    if (next == NULL) {
        next = json_object();
        const enum err e = set_new(*table, key, next);
        if (e != OK) {
            return e;
        }
    } else if (!json_is_object(next) ||
               (marks_of(t, next) & (TOML_DEFINED | TOML_FROZEN)) != 0) {
        return toml_fail(t, "a dotted key adds to what is already defined");
    }
    const enum err e = add_note(t, next, &note);
    if (e == OK) {
        note->pending = true;
        *table = next;
    }
    return e;
}

enum err toml_put(struct toml *t, json_t *table, const struct toml_key *k,
                  json_t *value)
{
    enum err e = OK;
    for (size_t i = 0; e == OK && i + 1 < k->n; i++) {
        e = step_dotted(t, &table, part_of(k, i));
    }
    const char *last = part_of(k, k->n - 1);
    if (e == OK && json_object_get(table, last) != NULL) {
        e = toml_fail(t, "the same key twice");
    }
    if (e != OK) {
        json_decref(value);
        return e;
    }
    return set_new(table, last, value);
}

/* ---- headers -------------------------------------------------------------------------------- */

/* One part on the way of a header: through tables, made when they are not there, and
 * the last of an array of tables. */
static enum err step_header(struct toml *t, json_t **table, const char *key)
{
    json_t *next = json_object_get(*table, key);
    if (next == NULL) {
        next = json_object();
        const enum err e = set_new(*table, key, next);
        if (e != OK) {
            return e;
        }
    }
    if (json_is_array(next) && (marks_of(t, next) & TOML_TABLES) != 0) {
        next = json_array_get(next, json_array_size(next) - 1);
    }
    if (!json_is_object(next) || (marks_of(t, next) & TOML_FROZEN) != 0) {
        return toml_fail(t, "a header leads through what is not a table");
    }
    *table = next;
    return OK;
}

static enum err open_table(struct toml *t, json_t *parent, const char *key)
{
    json_t *table = json_object_get(parent, key);
    if (table == NULL) {
        table = json_object();
        const enum err e = set_new(parent, key, table);
        if (e != OK) {
            return e;
        }
    }
    if (!json_is_object(table) ||
        (marks_of(t, table) & (TOML_DEFINED | TOML_FROZEN)) != 0) {
        return toml_fail(t, "the same table twice");
    }
    t->here = table;
    return toml_mark(t, table, TOML_DEFINED);
}

static enum err open_array(struct toml *t, json_t *parent, const char *key)
{
    json_t *list = json_object_get(parent, key);
    enum err e = OK;
    if (list == NULL) {
        list = json_array();
        e = set_new(parent, key, list);
        if (e == OK) {
            e = toml_mark(t, list, TOML_TABLES);
        }
    }
    if (e != OK) {
        return e;
    }
    if (!json_is_array(list) || (marks_of(t, list) & TOML_TABLES) == 0) {
        return toml_fail(t, "not an array of tables");
    }
    t->here = json_object();
    return json_array_append_new(list, t->here) == 0 ? OK : ERR_NOMEM;
}

static enum err read_header(struct toml *t, json_t *root)
{
    struct toml_key k;
    const bool array = toml_starts(t, BYTES_LIT("[["));
    t->at += array ? 2 : 1;
    enum err e = toml_read_key(t, &k);
    if (e != OK) {
        return e;
    }
    settle_pending(t);
    if (!toml_take(t, ']') || (array && !toml_take(t, ']'))) {
        e = toml_fail(t, "a header is not closed");
    }
    json_t *parent = root;
    for (size_t i = 0; e == OK && i + 1 < k.n; i++) {
        e = step_header(t, &parent, part_of(&k, i));
    }
    if (e == OK) {
        const char *last = part_of(&k, k.n - 1);
        e = array ? open_array(t, parent, last) : open_table(t, parent, last);
    }
    buf_fini(&k.text);
    return e;
}

/* ---- the document ------------------------------------------------------------------------------ */

static enum err read_pair(struct toml *t)
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
        e = toml_put(t, t->here, &k, value);
    }
    buf_fini(&k.text);
    return e;
}

static enum err end_line(struct toml *t)
{
    toml_skip_blank(t);
    const enum err e = toml_skip_comment(t);
    if (e != OK || t->at == t->end || toml_take_newline(t)) {
        return e;
    }
    return toml_fail(t, "more text where the line should end");
}

static enum err read_document(struct toml *t, json_t *root)
{
    if (toml_starts(t, BYTES_LIT("\xEF\xBB\xBF"))) {
        t->at += 3;
    }
    for (;;) {
        enum err e = toml_skip_lines(t);
        if (e != OK || t->at == t->end) {
            return e;
        }
        e = toml_peek(t) == '[' ? read_header(t, root) : read_pair(t);
        if (e == OK) {
            e = end_line(t);
        }
        if (e != OK) {
            return e;
        }
    }
}

static enum err parse(struct bytes text, bool tagged, json_t **out, struct diag *diag)
{
    struct toml t = {
        .at = text.at,
        .end = text.len == 0 ? text.at : text.at + text.len,
        .line = 1,
        .tagged = tagged,
        .diag = diag,
    };
    if (text.len > TOML_MAX) {
        diag_set(diag, "longer than %u octets", TOML_MAX);
        return ERR_LIMIT;
    }
    if (!utf8_is_valid(text) ||
        (text.len != 0 && memchr(text.at, '\0', text.len) != NULL)) {
        return toml_fail(&t, "not UTF-8 text");
    }
    json_t *root = json_object();
    t.here = root;
    map_init(&t.marks);
    const enum err e = read_document(&t, root);
    map_fini(&t.marks);
    while (t.notes != NULL) {
        struct toml_note *note = t.notes;
        t.notes = note->next;
        mem_free(note);
    }
    if (e != OK) {
        json_decref(root);
        return e;
    }
    *out = root;
    return OK;
}

enum err toml_parse(struct bytes text, json_t **out, struct diag *diag)
{
    return parse(text, false, out, diag);
}

enum err toml_parse_tagged(struct bytes text, json_t **out, struct diag *diag)
{
    return parse(text, true, out, diag);
}
