/*
 * json: JSON values (jansson's), read strictly, and raw JSON text without a tree.
 *
 * Source     RFC 8259. Duplicate keys are refused, integers are exact (what does not
 *            fit into int64 is refused), depth is capped.
 * Ownership  json_parse() gives a reference; json_decref() ends it (NULL is fine).
 *            The getters borrow from the object; a missing key, another type or a
 *            NULL object is never an error: it reads as "not there".
 * Errors     ERR_PROTO  not JSON, or too deep
 *            ERR_NOMEM  an allocation failed
 *            ERR_LIMIT  the output buffer is full
 * Limits     JSON_DEPTH_MAX levels: a deep value would exhaust the stack.
 *            JSON_VALUES_MAX values of a peer's text: eight megabytes of "[]," would
 *            grow to a gigabyte of nodes.
 * Tests      tests/unit/json_test.c, tests/fuzz/jsonrpc_fuzz.c
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <jansson.h>

#include "base/buf.h"

#define JSON_DEPTH_MAX  128
#define JSON_VALUES_MAX 200000

/* The root is an object or an array. */
NODISCARD enum err json_parse(struct bytes text, json_t **out);

/* The same of a text that a peer wrote: ERR_LIMIT over JSON_VALUES_MAX values. */
NODISCARD enum err json_parse_peer(struct bytes text, json_t **out);

/* Appends compact JSON. */
NODISCARD enum err json_print(const json_t *value, struct buf *out);

/* ---- getters: never crash ------------------------------------------------ */

const char *json_get_str(const json_t *obj, const char *key);    // NULL: not a string
struct bytes json_get_bytes(const json_t *obj, const char *key); // at NULL: likewise
json_t *json_get_obj(const json_t *obj, const char *key);        // NULL: not an object
json_t *json_get_arr(const json_t *obj, const char *key);        // NULL: not an array
bool json_get_bool(const json_t *obj, const char *key, bool fallback);
int64_t json_get_int(const json_t *obj, const char *key, int64_t fallback);

/* False (and *out untouched) when it is not an integer, or negative for u64. */
bool json_read_int(const json_t *obj, const char *key, int64_t *out);
bool json_read_u64(const json_t *obj, const char *key, uint64_t *out);

/* ---- setters: replace; abort when memory ends; `value` is taken ------------ */

void json_set(json_t *obj, const char *key, json_t *value);        // NULL value: aborts
void json_set_str(json_t *obj, const char *key, const char *text); // NULL: JSON null
void json_set_bytes(json_t *obj, const char *key, struct bytes utf8);
void json_set_int(json_t *obj, const char *key, int64_t value);
void json_set_bool(json_t *obj, const char *key, bool value);
void json_push(json_t *arr, json_t *value);

/* ---- raw text: no tree, no allocation -------------------------------------- */

/* The span of one JSON value at the front of `text` (leading white space skipped).
 * Checks the grammar and the depth, not UTF-8, surrogates or repeated keys. */
NODISCARD enum err json_raw_value(struct bytes text, struct bytes *out);

/* Walks the members of a raw object. Start with cursor = {object text}; then each
 * call gives the raw key (with its quotes) and the raw value. ERR_CLOSED: no more. */
struct json_raw {
    struct bytes left;
    bool begun;
};
NODISCARD enum err json_raw_next(struct json_raw *r, struct bytes *key,
                                 struct bytes *value);

/* The raw value of one key of a raw object. ERR_NOT_FOUND when it is not there. */
NODISCARD enum err json_raw_get(struct bytes object, const char *key,
                                struct bytes *out);

/* Is this raw string (with quotes, escapes allowed) this text? */
bool json_raw_is(struct bytes raw, const char *text);

/* The inside of a raw string that has no escape. ERR_USAGE: not a string, or it has
 * one, then json_raw_text(). */
NODISCARD enum err json_raw_plain(struct bytes raw, struct bytes *out);

/* Appends the decoded text of a raw string. */
NODISCARD enum err json_raw_text(struct bytes raw, struct buf *out);

/* Appends `utf8` as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD. */
NODISCARD enum err json_put_string(struct buf *out, struct bytes utf8);

#endif
