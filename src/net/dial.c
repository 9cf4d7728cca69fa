#include "net/dial.h"

#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/random.h"
#include "loop/connect.h"
#include "loop/timer.h"
#include "net/ws_accept.h"
#include "wire/url.h"

enum { CONNECTING, UPGRADING, DONE };

static const struct machine_state dial_states[] = {
    [CONNECTING] = {"connecting", MOVES_TO(UPGRADING) | MOVES_TO(DONE)},
    [UPGRADING] = {"upgrading", MOVES_TO(DONE)},
    [DONE] = {"done", 0},
};

struct dial {
    struct machine m;
    struct loop *loop;
    char *url_text; // what `url` borrows from
    char *target;   // NULL: the URL's
    char *headers;
    struct url url;
    struct tls_client *tls;
    struct ws_conn_options ws;
    struct loop_task step;
    struct timer deadline;
    struct connect *connect;
    struct conn *conn;
    struct buf in; // the answer's head
    char accept[WS_HANDSHAKE_ACCEPT_LEN + 1];
    char host[256];
    unsigned http_status;
    uint64_t cert_until_s;
    dial_done_fn *done;
    void *user;
};

/* ---- the end ---------------------------------------------------------------------- */

static const char *sentence_of(enum err e)
{
    switch (e) {
    case OK:
        return "connected";
    case ERR_USAGE:
        return "not an address that can be dialled";
    case ERR_NOT_FOUND:
        return "no such name or socket";
    case ERR_AUTH:
        return "the other side refused us, or its certificate is not accepted";
    case ERR_PROTO:
        return "the other side does not speak WebSocket there";
    case ERR_EXPIRED:
        return "no answer in time";
    case ERR_CANCELED:
        return "cancelled";
    case ERR_AGAIN:
    case ERR_NOMEM:
    case ERR_LIMIT:
    case ERR_DENIED:
    case ERR_EXISTS:
    case ERR_CLOSED:
    case ERR_IO:
        return "nobody answers there";
    }
    return "";
}

static void finish(struct dial *d, enum err e, const char *text, struct ws_conn *ws)
{
    machine_move(&d->m, DONE);
    timer_stop(&d->deadline);
    loop_task_cancel(&d->step);
    if (d->connect != NULL) {
        connect_cancel(d->connect); // its echo finds d->user gone: see on_connected()
    }
    const struct dial_result r = {
        .ws = ws,
        .http_status = d->http_status,
        .cert_until_s = d->cert_until_s,
        .text = text != NULL && text[0] != '\0' ? text : sentence_of(e),
    };
    d->done(d->user, e, &r);
    if (d->conn != NULL) {
        conn_close(d->conn, NULL, NULL);
    }
    buf_fini(&d->in);
    mem_free(d->url_text);
    mem_free(d->target);
    mem_free(d->headers);
    d->url_text = NULL;
    if (d->connect == NULL) {
        mem_free(d);
    }
}

static void on_deadline(struct timer *t)
{
    finish(CONTAINER_OF(t, struct dial, deadline), ERR_EXPIRED, NULL, NULL);
}

static void cancel_task(struct loop_task *t)
{
    finish(CONTAINER_OF(t, struct dial, step), ERR_CANCELED, NULL, NULL);
}

void dial_cancel(struct dial *d)
{
    loop_task_cancel(&d->step);
    loop_defer(d->loop, &d->step, cancel_task);
}

/* ---- upgrading ------------------------------------------------------------------------ */

/* The connection goes to the ws_conn: from here on its events are not ours. */
static void upgraded(struct dial *d, size_t head_size)
{
    struct conn *c = d->conn;
    d->conn = NULL;
    const struct bytes in = buf_bytes(&d->in);
    struct ws_conn *ws =
        ws_conn_create(c, WS_CLIENT, &d->ws, bytes_sub(in, head_size, in.len));
    finish(d, OK, NULL, ws);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the type is conn.h's
static void on_data(struct conn *c, void *user, uint8_t *at, size_t len)
{
    struct dial *d = user;
    struct http1_head head;
    (void)c;
    enum err e = buf_put(&d->in, (struct bytes){at, len});
    if (e == OK) {
        e = http1_parse_response(buf_bytes(&d->in), &head);
    }
    if (e == ERR_AGAIN) {
        return;
    }
    if (e != OK) {
        finish(d, ERR_PROTO, NULL, NULL);
        return;
    }
    d->http_status = head.status;
    d->cert_until_s = tls_peer_until(d->conn);
    if (ws_handshake_check_response(&head, d->accept) != OK) {
        const bool refused = head.status == 401 || head.status == 403;
        finish(d, refused ? ERR_AUTH : ERR_PROTO, NULL, NULL);
        return;
    }
    upgraded(d, head.size);
}

static void on_end(struct conn *c, void *user, enum err e)
{
    struct dial *d = user;
    const char *why = conn_is_tls(c) ? tls_failure(c) : NULL;
    char text[256];
    if (why != NULL && why[0] != '\0' &&
        text_format(text, sizeof(text), "TLS: %s", why) == OK) {
        why = text;
    }
    finish(d, e == ERR_AUTH || e == ERR_PROTO ? e : ERR_IO, why, NULL);
}

static const struct conn_events events = {.data = on_data, .end = on_end};

static enum err send_request(struct dial *d)
{
    uint8_t raw[16];
    char key[WS_HANDSHAKE_KEY_LEN + 1];
    struct buf out;
    random_bytes(raw, sizeof(raw));
    ws_handshake_key(raw, key);
    ws_accept(bytes_from_str(key), d->accept);
    const bool local = d->url.scheme == URL_UNIX;
    const struct bytes own = local ? BYTES_LIT("/rpc") : d->url.target;
    buf_init(&out, HTTP1_HEAD_MAX);
    enum err e = ws_handshake_put_request(
        &out, local ? BYTES_LIT("localhost") : d->url.authority,
        d->target != NULL ? bytes_from_str(d->target) : own, key, d->headers);
    if (e == OK) {
        e = conn_write(d->conn, buf_bytes(&out), BYTES_NONE);
    }
    buf_fini(&out);
    return e;
}

/* ---- connecting -------------------------------------------------------------------------- */

static void on_connected(void *user, enum err e, struct stream *s)
{
    struct dial *d = user;
    d->connect = NULL;
    if (d->m.state == DONE) { // timeout or cancel came first
        if (s != NULL) {
            stream_close(s, NULL, NULL);
        }
        mem_free(d);
        return;
    }
    if (e != OK) {
        finish(d, e == ERR_NOT_FOUND || e == ERR_EXPIRED ? e : ERR_IO, NULL, NULL);
        return;
    }
    machine_move(&d->m, UPGRADING);
    d->conn = url_is_tls(&d->url) ? tls_connect(d->tls, s, d->host) : conn_plain(s);
    conn_start(d->conn, &events, d);
    e = send_request(d);
    if (e != OK) {
        finish(d, e, NULL, NULL);
    }
}

static void start_task(struct loop_task *t)
{
    struct dial *d = CONTAINER_OF(t, struct dial, step);
    struct url *u = &d->url;
    if (url_parse(bytes_from_str(d->url_text), u) != OK ||
        (url_is_tls(u) && d->tls == NULL) ||
        text_format(d->host, sizeof(d->host), "%.*s", (int)u->host.len,
                    u->host.len == 0 ? "" : (const char *)u->host.at) != OK) {
        finish(d, ERR_USAGE, NULL, NULL);
        return;
    }
    const uint64_t never = UINT32_MAX; // our own deadline covers every stage
    d->connect =
        u->scheme == URL_UNIX
            ? connect_unix(d->loop, (const char *)u->target.at, never, on_connected, d)
            : connect_tcp(d->loop, d->host, u->port, never, on_connected, d);
}

struct dial *dial_ws(struct loop *l, const struct dial_options *o, dial_done_fn *done,
                     void *user)
{
    struct dial *d = mem_new(sizeof(*d));
    *d = (struct dial){
        .m = {.what = "dial", .table = dial_states, .state = CONNECTING},
        .loop = l,
        .url_text = mem_strdup(o->url),
        .target = mem_strdup(o->target),
        .headers = mem_strdup(o->headers),
        .tls = o->tls,
        .ws = o->ws,
        .done = done,
        .user = user,
    };
    buf_init(&d->in, HTTP1_HEAD_MAX + LOOP_SCRATCH);
    timer_start(l, &d->deadline, o->timeout_ms != 0 ? o->timeout_ms : DIAL_TIMEOUT_MS,
                on_deadline);
    loop_defer(l, &d->step, start_task);
    return d;
}
