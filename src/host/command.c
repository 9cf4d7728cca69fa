#include "host/command.h"

#include <string.h>

#include "base/log.h"
#include "host/controller.h"

#define OWN_FIELD "clientUserMessageId"
#define MARK      "\"clientId\":\"fh1:"
#define MARK_HEAD "\"clientId\":"
#define KEY_MARK  "fh1:"

enum { HEX_DIGITS = 2 * HUB_DEVICE_ID_SIZE, DIGITS_MAX = 20 };

void command_key_text(const struct hub_key *key, char out[COMMAND_KEY_SIZE])
{
    char hex[HEX_SIZE(HUB_DEVICE_ID_SIZE)];
    hex_encode(BYTES_OF(key->device_id), hex);
    if (text_format(out, COMMAND_KEY_SIZE, KEY_MARK "%s:%llu", hex,
                    (unsigned long long)key->seq) != OK) {
        out[0] = '\0'; // cannot be: the size is that of the longest
    }
}

/* ---- the way in ------------------------------------------------------------------ */

static bool carries_key(const struct method *m)
{
    return strcmp(m->name, "turn/start") == 0 || strcmp(m->name, "turn/steer") == 0;
}

/* Its own id goes behind the key, so that nothing need be remembered to give it back. */
static enum err map_id(const struct hub_key *key, json_t *params)
{
    char text[COMMAND_KEY_SIZE];
    struct buf out;
    const char *whole = NULL;
    const char *own = json_get_str(params, OWN_FIELD);
    command_key_text(key, text);
    buf_init(&out, COMMAND_BODY_MAX);
    enum err e = buf_put_str(&out, text);
    if (e == OK && own != NULL) {
        e = buf_putf(&out, ":%s", own);
    }
    if (e == OK) {
        e = buf_cstr(&out, &whole);
    }
    if (e == OK) {
        json_set_str(params, OWN_FIELD, whole);
    }
    buf_fini(&out);
    return e;
}

static enum err accept_mapped(struct controller *by, json_t *params,
                              struct hub_command *c)
{
    struct buf body;
    buf_init(&body, COMMAND_BODY_MAX);
    enum err e = map_id(&c->key, params);
    if (e == OK && json_print(params, &body) == OK) {
        c->body = buf_bytes(&body); // a longer one is never sent again
    }
    if (e == OK) {
        e = by->hub->ops.accept(by->hub->user, c);
    }
    buf_fini(&body);
    return e;
}

enum err command_take(struct controller *by, const struct method *m, json_t *params,
                      struct hub_key *out)
{
    const struct hub *hub = by->hub;
    *out = (struct hub_key){.seq = 0};
    if (by->seq == 0 || hub->ops.accept == NULL || !method_is_effect(m)) {
        return OK;
    }
    struct hub_command c = {
        .key = {.seq = by->seq},
        .state = HUB_COMMAND_ACCEPTED,
        .method = m->name,
        .thread_id = json_get_str(params, "threadId"),
        .joins = (m->flags & METHOD_JOINS) != 0,
    };
    memcpy(c.key.device_id, by->info.device_id, sizeof(c.key.device_id));
    const enum err e =
        carries_key(m) ? accept_mapped(by, params, &c) : hub->ops.accept(hub->user, &c);
    if (e == OK) {
        *out = c.key;
    }
    return e;
}

/* ---- what became of it --------------------------------------------------------------- */

static void tell(struct hub *hub, const struct hub_command *c)
{
    if (c->key.seq != 0 && hub->ops.moved != NULL) {
        hub->ops.moved(hub->user, c);
    }
}

void command_moved(struct hub *hub, const struct hub_key *key,
                   enum hub_command_state state, int64_t error)
{
    const struct hub_command c = {.key = *key, .state = state, .error = error};
    tell(hub, &c);
}

/* The id of result.thread or result.turn as a text. */
static const char *id_in(struct bytes result, const char *what, struct buf *out)
{
    struct bytes object;
    struct bytes id;
    const char *text = NULL;
    if (json_raw_get(result, what, &object) != OK ||
        json_raw_get(object, "id", &id) != OK || json_raw_text(id, out) != OK ||
        buf_cstr(out, &text) != OK) {
        return NULL;
    }
    return text;
}

void command_answered(struct hub *hub, const struct hub_key *key,
                      const struct jsonrpc *rpc)
{
    enum { ID_MAX = 256 };
    struct hub_command c = {.key = *key, .state = HUB_COMMAND_ANSWERED};
    struct buf thread;
    struct buf turn;
    if (key->seq == 0) {
        return;
    }
    buf_init(&thread, ID_MAX);
    buf_init(&turn, ID_MAX);
    if (rpc->kind == JSONRPC_ERROR) {
        json_t *error = NULL;
        if (json_parse(rpc->error, &error) == OK) {
            c.error = json_get_int(error, "code", HUB_ERR_INTERNAL);
        }
        json_decref(error);
    } else {
        c.thread_id = id_in(rpc->result, "thread", &thread);
        c.turn_id = id_in(rpc->result, "turn", &turn);
    }
    tell(hub, &c);
    buf_fini(&thread);
    buf_fini(&turn);
}

/* ---- the key in what the agent says ---------------------------------------------------- */

static const uint8_t *find(struct bytes in, const char *what)
{
    const size_t len = strlen(what);
    return in.len < len ? NULL : memmem(in.at, in.len, what, len);
}

bool command_is_mapped(struct bytes text)
{
    // a quote inside of a JSON string has a backslash before it, so this is a member
    return find(text, MARK) != NULL;
}

/* Octets of the key that `in` begins with; 0: it is none of ours. */
static size_t key_len(struct bytes in)
{
    size_t n = sizeof(KEY_MARK) - 1;
    if (in.len < n + HEX_DIGITS + 2 || in.at[n + HEX_DIGITS] != ':') {
        return 0;
    }
    for (size_t i = n; i < n + HEX_DIGITS; i++) {
        const uint8_t c = in.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return 0;
        }
    }
    n += HEX_DIGITS + 1;
    size_t digits = 0;
    while (n < in.len && digits <= DIGITS_MAX && in.at[n] >= '0' && in.at[n] <= '9') {
        n++;
        digits++;
    }
    const bool ends = n < in.len && (in.at[n] == ':' || in.at[n] == '"');
    return digits > 0 && digits <= DIGITS_MAX && ends ? n : 0;
}

enum err command_unmap(struct bytes text, struct buf *out)
{
    const uint8_t *at;
    enum err e = OK;
    while (e == OK && (at = find(text, MARK)) != NULL) {
        const size_t head = (size_t)(at - text.at) + sizeof(MARK_HEAD) - 1;
        const struct bytes value = bytes_sub(text, head + 1, text.len);
        const size_t n = key_len(value);
        size_t skip = 1;
        e = buf_put(out, bytes_sub(text, 0, head));
        if (n == 0) { // somebody else's, that looks like ours
            e = e != OK ? e : buf_put_u8(out, '"');
        } else if (value.at[n] == '"') {
            e = e != OK ? e : buf_put_str(out, "null");
            skip = 1 + n + 1;
        } else {
            e = e != OK ? e : buf_put_u8(out, '"');
            skip = 1 + n + 1;
        }
        text = bytes_sub(text, head + skip, text.len);
    }
    return e != OK ? e : buf_put(out, text);
}

bool command_is_in(struct bytes text, const char *key)
{
    const size_t len = strlen(key);
    const uint8_t *at;
    while ((at = find(text, MARK)) != NULL) {
        const size_t head = (size_t)(at - text.at) + sizeof(MARK_HEAD);
        const struct bytes value = bytes_sub(text, head, text.len);
        if (value.len > len && bytes_equal_str(bytes_sub(value, 0, len), key) &&
            (value.at[len] == ':' || value.at[len] == '"')) {
            return true;
        }
        text = value;
    }
    return false;
}
