#include "wire/json.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

/* ---- memory: what a peer sent may fail, what we build may not ---------------- */

static bool parsing;

static void *allocate(size_t size)
{
    return parsing ? mem_try(1, size) : mem_new(size);
}

/* ---- whole values ------------------------------------------------------------- */

enum err json_parse(struct bytes text, json_t **out)
{
    struct bytes whole;
    if (json_raw_value(text, &whole) != OK) {
        return ERR_PROTO; // not JSON, or too deep for a recursive reader
    }
    json_error_t error;
    json_set_alloc_funcs(allocate, mem_free);
    parsing = true;
    json_t *value = json_loadb((const char *)text.at, text.len,
                               JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    parsing = false;
    if (value == NULL) {
        return json_error_code(&error) == json_error_out_of_memory ? ERR_NOMEM
                                                                   : ERR_PROTO;
    }
    *out = value;
    return OK;
}

/* No fewer than there are: each but the first follows a comma or opens a container. */
static size_t count_values(struct bytes text)
{
    size_t n = 1;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.at[i];
        if (quoted && c == '\\') {
            i++; // whatever it is, it ends no string
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == ',' || c == '[' || c == '{')) {
            n++;
        }
    }
    return n;
}

enum err json_parse_peer(struct bytes text, json_t **out)
{
    return count_values(text) > JSON_VALUES_MAX ? ERR_LIMIT : json_parse(text, out);
}

struct print {
    struct buf *out;
    enum err result;
};

static int print_piece(const char *piece, size_t size, void *data)
{
    struct print *p = data;
    p->result = buf_put(p->out, (struct bytes){(const uint8_t *)piece, size});
    return p->result == OK ? 0 : -1;
}

enum err json_print(const json_t *value, struct buf *out)
{
    struct print p = {.out = out, .result = OK};
    const size_t before = buf_len(out);
    if (json_dump_callback(value, print_piece, &p, JSON_COMPACT | JSON_ENCODE_ANY) ==
        0) {
        return OK;
    }
    buf_truncate(out, before);
    return p.result != OK ? p.result : ERR_NOMEM;
}

/* ---- getters --------------------------------------------------------------------- */

const char *json_get_str(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

struct bytes json_get_bytes(const json_t *obj, const char *key)
{
    const json_t *value = json_object_get(obj, key);
    return (struct bytes){(const uint8_t *)json_string_value(value),
                          json_string_length(value)};
}

json_t *json_get_obj(const json_t *obj, const char *key)
{
    json_t *value = json_object_get(obj, key);
    return json_is_object(value) ? value : NULL;
}

json_t *json_get_arr(const json_t *obj, const char *key)
{
    json_t *value = json_object_get(obj, key);
    return json_is_array(value) ? value : NULL;
}

bool json_get_bool(const json_t *obj, const char *key, bool fallback)
{
    const json_t *value = json_object_get(obj, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

int64_t json_get_int(const json_t *obj, const char *key, int64_t fallback)
{
    int64_t value;
    return json_read_int(obj, key, &value) ? value : fallback;
}

bool json_read_int(const json_t *obj, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(obj, key);
    if (!json_is_integer(value)) {
        return false;
    }
    *out = json_integer_value(value);
    return true;
}

bool json_read_u64(const json_t *obj, const char *key, uint64_t *out)
{
    int64_t value;
    if (!json_read_int(obj, key, &value) || value < 0) {
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

/* ---- setters ---------------------------------------------------------------------- */

static void must(int result, const char *key)
{
    if (result != 0) {
        log_error("json.set", "key=%s", key);
        abort();
    }
}

void json_set(json_t *obj, const char *key, json_t *value)
{
    must(json_object_set_new(obj, key, value), key);
}

/* jansson takes valid UTF-8 only; a peer must not be able to choose an abort. */
static json_t *repaired_string(struct bytes text)
{
    struct buf quoted;
    struct buf plain;
    buf_init(&quoted, SIZE_MAX);
    buf_init(&plain, SIZE_MAX);
    json_t *value = NULL;
    if (json_put_string(&quoted, text) == OK &&
        json_raw_text(buf_bytes(&quoted), &plain) == OK) {
        const struct bytes utf8 = buf_bytes(&plain);
        value = json_stringn((const char *)utf8.at, utf8.len);
    }
    buf_fini(&quoted);
    buf_fini(&plain);
    return value;
}

void json_set_bytes(json_t *obj, const char *key, struct bytes utf8)
{
    json_t *value =
        json_stringn(utf8.at == NULL ? "" : (const char *)utf8.at, utf8.len);
    json_set(obj, key, value != NULL ? value : repaired_string(utf8));
}

void json_set_str(json_t *obj, const char *key, const char *text)
{
    if (text == NULL) {
        json_set(obj, key, json_null());
        return;
    }
    json_set_bytes(obj, key, bytes_from_str(text));
}

void json_set_int(json_t *obj, const char *key, int64_t value)
{
    json_set(obj, key, json_integer(value));
}

void json_set_bool(json_t *obj, const char *key, bool value)
{
    json_set(obj, key, json_boolean(value));
}

void json_push(json_t *arr, json_t *value)
{
    must(json_array_append_new(arr, value), "[]");
}
