#include "wire/jsonrpc.h"

#include <stdio.h>
#include <string.h>

/* ---- scanning ------------------------------------------------------------------- */

static bool id_is_valid(struct bytes raw)
{
    if (raw.len != 0 && raw.at[0] == '"') {
        return true;
    }
    for (size_t i = 0; i < raw.len; i++) { // an integer: 1.5 and 1e3 are no ids
        const uint8_t c = raw.at[i];
        if ((c < '0' || c > '9') && !(c == '-' && i == 0)) {
            return false;
        }
    }
    return raw.len != 0;
}

static bool method_is_valid(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] <= ' ' || name.at[i] >= 0x7F || name.at[i] == '"') {
            return false;
        }
    }
    return name.len != 0 && name.len <= JSONRPC_METHOD_MAX;
}

/* Where the raw value of a member goes, or NULL for a member that is nothing to us. */
static struct bytes *slot(struct jsonrpc *m, struct bytes key)
{
    static const struct {
        const char *name;
        size_t offset;
    } members[] = {
        {"method", offsetof(struct jsonrpc, method)},
        {"id", offsetof(struct jsonrpc, id)},
        {"params", offsetof(struct jsonrpc, params)},
        {"result", offsetof(struct jsonrpc, result)},
        {"error", offsetof(struct jsonrpc, error)},
    };
    for (size_t i = 0; i < COUNT(members); i++) {
        if (json_raw_is(key, members[i].name)) {
            return (struct bytes *)(void *)((char *)m + members[i].offset);
        }
    }
    return NULL;
}

static enum err take_members(struct bytes text, struct jsonrpc *m)
{
    struct json_raw r = {.left = text};
    struct bytes key;
    struct bytes value;
    enum err e;
    while ((e = json_raw_next(&r, &key, &value)) == OK) {
        struct bytes *to = slot(m, key);
        if (to != NULL && to->len != 0) {
            return ERR_PROTO; // twice the same member: two readers, two meanings
        }
        if (to != NULL) {
            *to = value;
        }
    }
    for (size_t i = 0; e == ERR_CLOSED && i < r.left.len; i++) {
        if (strchr(" \t\r\n", r.left.at[i]) == NULL || r.left.at[i] == '\0') {
            return ERR_PROTO;
        }
    }
    return e == ERR_CLOSED ? OK : e;
}

static enum err check_call(struct jsonrpc *m)
{
    if (m->result.len != 0 || m->error.len != 0 ||
        json_raw_plain(m->method, &m->method) != OK || !method_is_valid(m->method)) {
        return ERR_PROTO;
    }
    if (m->params.len != 0 && bytes_equal_str(m->params, "null")) {
        m->params = BYTES_NONE;
    }
    if (m->params.len != 0 && m->params.at[0] != '{' && m->params.at[0] != '[') {
        return ERR_PROTO;
    }
    m->kind = m->id.len != 0 ? JSONRPC_REQUEST : JSONRPC_NOTIFICATION;
    return m->id.len == 0 || id_is_valid(m->id) ? OK : ERR_PROTO;
}

static enum err check_answer(struct jsonrpc *m)
{
    if ((m->result.len != 0) == (m->error.len != 0)) {
        return ERR_PROTO;
    }
    m->kind = m->result.len != 0 ? JSONRPC_RESPONSE : JSONRPC_ERROR;
    if (m->kind == JSONRPC_ERROR && m->error.at[0] != '{') {
        return ERR_PROTO;
    }
    if (m->kind == JSONRPC_ERROR &&
        (m->id.len == 0 || bytes_equal_str(m->id, "null"))) {
        m->id = BYTES_NONE;
        return OK;
    }
    return id_is_valid(m->id) ? OK : ERR_PROTO;
}

enum err jsonrpc_scan(struct bytes text, struct jsonrpc *out)
{
    struct jsonrpc m = {.kind = JSONRPC_REQUEST};
    enum err e = take_members(text, &m);
    if (e == OK && m.id.len > JSONRPC_ID_MAX) {
        e = ERR_LIMIT;
    }
    if (e == OK) {
        e = m.method.len != 0 ? check_call(&m) : check_answer(&m);
    }
    if (e == OK) {
        *out = m;
    }
    return e;
}

enum err jsonrpc_pick(struct bytes params, const char *const *keys, size_t n,
                      struct bytes *out)
{
    struct json_raw r = {.left = params};
    struct bytes key;
    struct bytes value;
    enum err e;
    for (size_t i = 0; i < n; i++) {
        out[i] = BYTES_NONE;
    }
    while ((e = json_raw_next(&r, &key, &value)) == OK) {
        for (size_t i = 0; i < n; i++) {
            if (!json_raw_is(key, keys[i])) {
                continue;
            }
            if (out[i].len != 0) {
                return ERR_PROTO;
            }
            out[i] = value;
        }
    }
    return e == ERR_CLOSED ? OK : e;
}

/* ---- building --------------------------------------------------------------------- */

/* Appends all pieces or none. */
static enum err put_all(struct buf *out, const struct bytes *pieces, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += pieces[i].len;
    }
    uint8_t *to;
    const enum err e = buf_reserve(out, total, &to);
    if (e != OK) {
        return e;
    }
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].len != 0) {
            memcpy(to, pieces[i].at, pieces[i].len);
            to += pieces[i].len;
        }
    }
    buf_grew(out, total);
    return OK;
}

static enum err put_call(struct buf *out, struct bytes id, const char *method,
                         struct bytes params)
{
    const bool has_id = id.len != 0;
    const bool has_params = params.len != 0;
    const struct bytes pieces[] = {
        has_id ? BYTES_LIT("{\"id\":") : BYTES_LIT("{"),
        id,
        has_id ? BYTES_LIT(",\"method\":\"") : BYTES_LIT("\"method\":\""),
        bytes_from_str(method),
        has_params ? BYTES_LIT("\",\"params\":") : BYTES_LIT("\""),
        params,
        BYTES_LIT("}"),
    };
    return put_all(out, pieces, COUNT(pieces));
}

enum err jsonrpc_put_request(struct buf *out, struct bytes id, const char *method,
                             struct bytes params)
{
    return put_call(out, id, method, params);
}

enum err jsonrpc_put_request_u64(struct buf *out, uint64_t id, const char *method,
                                 struct bytes params)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
    return put_call(out, bytes_from_str(text), method, params);
}

enum err jsonrpc_put_notification(struct buf *out, const char *method,
                                  struct bytes params)
{
    return put_call(out, BYTES_NONE, method, params);
}

enum err jsonrpc_put_response(struct buf *out, struct bytes id, struct bytes result)
{
    const struct bytes pieces[] = {
        BYTES_LIT("{\"id\":"),
        id,
        BYTES_LIT(",\"result\":"),
        result.len != 0 ? result : BYTES_LIT("{}"),
        BYTES_LIT("}"),
    };
    return put_all(out, pieces, COUNT(pieces));
}

enum err jsonrpc_put_error(struct buf *out, struct bytes id, int code,
                           const char *message, struct bytes data)
{
    const size_t before = buf_len(out);
    const struct bytes shown = id.len != 0 ? id : BYTES_LIT("null");
    enum err e = buf_putf(out, "{\"id\":%.*s,\"error\":{\"code\":%d,\"message\":",
                          (int)shown.len, (const char *)shown.at, code);
    if (e == OK) {
        e = json_put_string(out, bytes_from_str(message));
    }
    if (e == OK) {
        const struct bytes pieces[] = {
            data.len != 0 ? BYTES_LIT(",\"data\":") : BYTES_NONE,
            data,
            BYTES_LIT("}}"),
        };
        e = put_all(out, pieces, COUNT(pieces));
    }
    if (e != OK) {
        buf_truncate(out, before);
    }
    return e;
}

enum err jsonrpc_put_with_id(struct buf *out, struct bytes text,
                             const struct jsonrpc *scanned, struct bytes id)
{
    const size_t from = (size_t)(scanned->id.at - text.at);
    const struct bytes pieces[] = {
        bytes_sub(text, 0, from),
        id,
        bytes_sub(text, from + scanned->id.len, text.len),
    };
    return put_all(out, pieces, COUNT(pieces));
}
