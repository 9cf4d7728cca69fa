#include "engine/codex/hello.h"

#include <string.h>

#include "base/text.h"
#include "wire/jsonrpc.h"

#define ID_PREFIX "\"fh:"

static const char initialize_params[] =
    "{\"clientInfo\":{\"name\":\"farhand\",\"title\":\"Farhand\",\"version\":"
    "\"" FARHAND_VERSION "\"},\"capabilities\":{\"experimentalApi\":true}}";

/* The hub counts in integers; ours are strings, so that the two never meet. */
static enum err ask(struct hello *h, const char *method, const char *params,
                    struct buf *out)
{
    char id[32];
    const enum err e = text_format(id, sizeof(id), ID_PREFIX "%u\"", ++h->n_asked);
    return e != OK ? e
                   : jsonrpc_put_request(out, bytes_from_str(id), method,
                                         bytes_from_str(params));
}

static enum err ask_account(struct hello *h, struct buf *out)
{
    h->state = HELLO_ACCOUNT;
    return ask(h, "account/read", "{}", out);
}

enum err hello_begin(struct hello *h, struct buf *out)
{
    *h = (struct hello){.state = HELLO_INITIALIZE};
    return ask(h, "initialize", initialize_params, out);
}

static void refused(struct hello *h, struct bytes error)
{
    struct bytes raw = BYTES_NONE;
    struct buf text;
    char shown[96] = "";
    buf_init(&text, 4096);
    if (json_raw_get(error, "message", &raw) == OK && json_raw_text(raw, &text) == OK) {
        text_sanitize(buf_bytes(&text), shown, sizeof(shown));
    }
    buf_fini(&text);
    h->state = HELLO_FAILED;
    if (text_format(h->error, sizeof(h->error), "Codex refused the handshake: %s",
                    shown) != OK) {
        h->error[0] = '\0'; // cannot be: both are short
    }
}

static enum err take_initialized(struct hello *h, struct bytes result, struct buf *out)
{
    struct bytes raw = BYTES_NONE;
    struct bytes agent = BYTES_NONE;
    struct version v;
    if (json_raw_get(result, "userAgent", &raw) != OK ||
        json_raw_plain(raw, &agent) != OK || version_read(agent, &v) != OK) {
        return ERR_PROTO;
    }
    memcpy(h->version, v.text, sizeof(h->version));
    if (!version_is_enough(&v)) {
        h->state = HELLO_FAILED;
        return text_format(
            h->error, sizeof(h->error),
            "Codex %s is too old: Farhand needs " VERSION_LEAST " or later", v.text);
    }
    return ask_account(h, out);
}

static enum err take_account(struct hello *h, struct bytes result)
{
    struct bytes wants = BYTES_NONE;
    struct bytes account = BYTES_NONE;
    if (json_raw_get(result, "requiresOpenaiAuth", &wants) != OK) {
        return ERR_PROTO;
    }
    const bool none = json_raw_get(result, "account", &account) != OK ||
                      bytes_equal_str(account, "null");
    h->state = none && bytes_equal_str(wants, "true") ? HELLO_LOGIN : HELLO_READY;
    return OK;
}

static bool is_ours(const struct jsonrpc *m)
{
    return (m->kind == JSONRPC_RESPONSE || m->kind == JSONRPC_ERROR) &&
           m->id.len >= strlen(ID_PREFIX) &&
           memcmp(m->id.at, ID_PREFIX, strlen(ID_PREFIX)) == 0;
}

static enum err take_answer(struct hello *h, const struct jsonrpc *m, struct buf *out)
{
    if (h->state == HELLO_INITIALIZE) {
        if (m->kind == JSONRPC_ERROR) {
            refused(h, m->error);
            return OK;
        }
        return take_initialized(h, m->result, out);
    }
    if (h->state == HELLO_ACCOUNT) {
        if (m->kind == JSONRPC_ERROR) { // somebody is, but the backend does not answer
            h->state = HELLO_READY;
            return OK;
        }
        return take_account(h, m->result);
    }
    return OK; // the answer to an account/read that was asked twice
}

enum err hello_input(struct hello *h, struct bytes text, struct buf *out,
                     bool *out_ours)
{
    struct jsonrpc m;
    enum err e = jsonrpc_scan(text, &m);
    if (e != OK) {
        return ERR_PROTO;
    }
    const bool ours = is_ours(&m);
    if (ours) {
        e = take_answer(h, &m, out);
    } else if (h->state == HELLO_LOGIN && m.kind == JSONRPC_NOTIFICATION &&
               (bytes_equal_str(m.method, "account/updated") ||
                bytes_equal_str(m.method, "account/login/completed"))) {
        e = ask_account(h, out);
    }
    if (e == OK) {
        *out_ours = ours;
    }
    return e;
}
