#include "client/client_call.h"

#include "base/mem.h"
#include "loop/timer.h"
#include "wire/jsonrpc.h"
#include "wire/ws.h"

#define GREETING_ID "\"fh:hello\""
#define REQUEST_ID  "\"fh:1\""
#define GREETING                                                   \
    "{\"clientInfo\":{\"name\":\"farhand\",\"title\":\"Farhand\"," \
    "\"version\":\"" FARHAND_VERSION "\"},"                        \
    "\"capabilities\":{\"experimentalApi\":true}}"

struct client_call {
    struct loop *loop;
    const struct client_call_ops *ops;
    void *user;
    const char *method;
    struct bytes params;
    bool follow;
    bool asked; // the request has left
    bool answered;
    bool ending;
    struct reach *reach; // NULL once it is done
    struct ws_conn *ws;  // NULL before and after
    struct timer deadline;
    enum link_cause cause;
    const char *sentence; // static
};

/* ---- the end ------------------------------------------------------------------- */

static void end(struct client_call *c, enum link_cause cause, const char *sentence)
{
    if (c->ending) {
        return;
    }
    c->ending = true;
    c->cause = cause;
    c->sentence = sentence;
    timer_stop(&c->deadline);
    if (c->reach != NULL) {
        reach_cancel(c->reach);
    } else {
        ws_conn_close(c->ws, WS_CLOSE_NORMAL, NULL);
    }
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    (void)ws;
    (void)e;
    (void)code;
    struct client_call *c = user;
    timer_stop(&c->deadline);
    if (c->ending) {
        c->ops->ended(c->user, c->cause, c->sentence);
    } else {
        c->ops->ended(c->user, LINK_LOST, "the host closed the connection");
    }
    mem_free(c);
}

static void on_deadline(struct timer *t)
{
    struct client_call *c = CONTAINER_OF(t, struct client_call, deadline);
    if (c->answered) {
        end(c, LINK_OK, "");
    } else {
        end(c, LINK_TIMEOUT, "no answer in time");
    }
}

bool client_call_is_open(const struct client_call *c)
{
    return c->asked && !c->answered;
}

void client_call_close(struct client_call *c)
{
    end(c, c->answered ? LINK_OK : LINK_CANCELED, "cancelled");
}

/* ---- messages ---------------------------------------------------------------------- */

static void send(struct client_call *c, struct buf *text, enum err e)
{
    if (e != OK || ws_conn_send_text(c->ws, buf_bytes(text)) != OK) {
        end(c, LINK_LOST, "the request cannot be sent: it is too large");
    }
    buf_fini(text);
}

static void ask(struct client_call *c)
{
    struct buf text;
    buf_init(&text, CLIENT_CALL_TEXT_MAX);
    send(c, &text, jsonrpc_put_notification(&text, "initialized", BYTES_NONE));
    buf_init(&text, CLIENT_CALL_TEXT_MAX);
    send(c, &text,
         jsonrpc_put_request(&text, BYTES_LIT(REQUEST_ID), c->method, c->params));
    c->asked = !c->ending;
}

static void greet(struct client_call *c)
{
    struct buf text;
    buf_init(&text, CLIENT_CALL_TEXT_MAX);
    send(c, &text,
         jsonrpc_put_request(&text, BYTES_LIT(GREETING_ID), "initialize",
                             BYTES_LIT(GREETING)));
}

static void answer(struct client_call *c, const struct jsonrpc *m)
{
    c->answered = true;
    c->ops->answer(c->user, m->result, m->error);
    if (!c->follow || m->kind == JSONRPC_ERROR) {
        end(c, LINK_OK, "");
    }
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    (void)ws;
    struct client_call *c = user;
    struct jsonrpc m;
    if (!text || jsonrpc_scan(payload, &m) != OK) {
        end(c, LINK_BROKEN, "the host sent something that is not JSON-RPC");
        return;
    }
    const bool is_answer = m.kind == JSONRPC_RESPONSE || m.kind == JSONRPC_ERROR;
    if (!is_answer) {
        c->ops->notice(c->user, payload);
    } else if (bytes_equal(m.id, BYTES_LIT(REQUEST_ID)) && !c->answered) {
        answer(c, &m);
    } else if (bytes_equal(m.id, BYTES_LIT(GREETING_ID))) {
        if (m.kind == JSONRPC_ERROR) {
            answer(c, &m);
        } else {
            ask(c);
        }
    }
}

static const struct ws_conn_events events = {
    .message = on_message,
    .closed = on_closed,
};

static void on_reached(void *user, enum link_cause cause, const char *sentence,
                       struct ws_conn *ws)
{
    struct client_call *c = user;
    c->reach = NULL;
    if (cause != LINK_OK) {
        timer_stop(&c->deadline);
        c->ops->ended(c->user, c->ending ? c->cause : cause,
                      c->ending ? c->sentence : sentence);
        mem_free(c);
        return;
    }
    c->ws = ws;
    ws_conn_start(ws, &events, c);
    if (c->ending) {
        ws_conn_abort(ws);
    } else {
        greet(c);
    }
}

struct client_call *client_call_open(struct loop *loop,
                                     const struct client_call_options *o,
                                     const struct client_call_ops *ops, void *user)
{
    struct client_call *c = mem_new(sizeof(*c));
    c->loop = loop;
    c->ops = ops;
    c->user = user;
    c->method = o->method;
    c->params = o->params;
    c->follow = o->follow;
    if (o->timeout_ms != 0) {
        timer_start(loop, &c->deadline, o->timeout_ms, on_deadline);
    }
    c->reach = reach_open(loop, &o->reach, on_reached, c);
    return c;
}
