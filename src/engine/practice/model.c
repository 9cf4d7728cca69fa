#include "engine/practice/model.h"

#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/random.h"
#include "engine/practice/script.h"
#include "loop/timer.h"

#define TURN_EVENTS 512 // then others get their turn
#define WAIT_MS     20  // between two looks for the file of "hold"
#define FULL_MS     5   // until a full queue is tried again

struct model {
    struct loop *loop;
    struct http_server *server;
    char *image_path;
    struct list answers;
    stream_closed_fn *closed;
    void *user;
};

/* One response on its way. */
struct answer {
    struct list node;
    struct model *model;
    struct http_exchange *exchange;
    struct script *script;
    struct timer timer;
    bool begun;                // the status line is out
    bool has_event;            // `event` waits to be carried out
    struct script_event event; // its octets are the script's
};

static const char sse_headers[] = "Content-Type: text/event-stream\r\n"
                                  "Cache-Control: no-cache\r\n";

static void answer_free(struct answer *a)
{
    list_remove(&a->node);
    timer_stop(&a->timer);
    script_close(a->script);
    mem_free(a);
}

static void answer_gone(struct http_exchange *x, void *user)
{
    (void)x;
    answer_free(user);
}

static void answer_run(struct answer *a);

static void on_timer(struct timer *t)
{
    answer_run(CONTAINER_OF(t, struct answer, timer));
}

static void answer_later(struct answer *a, uint64_t after_ms)
{
    timer_start(a->model->loop, &a->timer, after_ms, on_timer);
}

static void answer_begin(struct answer *a)
{
    if (!a->begun) {
        a->begun = true;
        http_reply_begin(a->exchange, 200, sse_headers);
    }
}

/* The response is over, one way or another. */
static void answer_finish(struct answer *a)
{
    struct http_exchange *x = a->exchange;
    answer_begin(a);
    answer_free(a);
    http_reply_end(x);
}

static void answer_cut(struct answer *a)
{
    struct http_exchange *x = a->exchange;
    answer_free(a);
    http_reply_cut(x);
}

static void answer_status(struct answer *a)
{
    struct http_exchange *x = a->exchange;
    struct script *script = a->script;
    const struct script_event ev = a->event;
    a->script = NULL; // its octets are still needed
    answer_free(a);
    http_reply(x, ev.status, "Content-Type: application/json\r\n", ev.octets);
    script_close(script);
}

/* True: the next event may follow at once. Else the answer is over, or a timer runs,
 * or (a hang) nothing will ever follow. */
static bool answer_step(struct answer *a)
{
    switch (a->event.kind) {
    case SCRIPT_DATA:
        answer_begin(a);
        if (http_reply_write(a->exchange, a->event.octets) != OK) {
            a->event.pace_ms = 0;
            answer_later(a, FULL_MS);
            return false;
        }
        a->has_event = false;
        return true;
    case SCRIPT_WAIT:
        if (access(a->event.path, F_OK) != 0) {
            answer_later(a, WAIT_MS);
            return false;
        }
        a->has_event = false;
        return true;
    case SCRIPT_STATUS:
        answer_status(a);
        return false;
    case SCRIPT_HANG:
        return false;
    case SCRIPT_CUT:
        answer_cut(a);
        return false;
    case SCRIPT_END:
        answer_finish(a);
        return false;
    }
    return false;
}

/* Takes the next event; false when its pace asks for patience. */
static bool answer_next(struct answer *a)
{
    if (!script_next(a->script, &a->event)) {
        a->event = (struct script_event){.kind = SCRIPT_END};
    }
    a->has_event = true;
    if (a->event.pace_ms == 0) {
        return true;
    }
    answer_later(a, a->event.pace_ms);
    return false;
}

static void answer_run(struct answer *a)
{
    for (unsigned n = 0; n < TURN_EVENTS; n++) {
        if (!a->has_event && !answer_next(a)) {
            return;
        }
        if (!answer_step(a)) {
            return;
        }
    }
    answer_later(a, 0);
}

static uint64_t fresh_nonce(void)
{
    uint64_t nonce = 0;
    random_bytes((uint8_t *)&nonce, sizeof(nonce));
    return nonce;
}

static void serve_responses(struct model *m, struct http_exchange *x)
{
    struct call_options o = {.image_path = m->image_path, .nonce = fresh_nonce()};
    struct script *script = NULL;
    const struct bytes body = http_exchange_body(x);
    const enum err e = script_open(body, &o, &script);
    if (e != OK) {
        log_peer("model.refused", "reason=\"%s\" in=%zu", err_text(e), body.len);
        http_reply_text(x, 400, "not a request of the Responses API\n");
        return;
    }
    struct answer *a = mem_new(sizeof(*a));
    a->model = m;
    a->exchange = x;
    a->script = script;
    list_append(&m->answers, &a->node);
    http_exchange_on_gone(x, answer_gone, a);
    answer_run(a);
}

/* Codex is no browser, and a page on this machine has no business here. */
static bool is_browser(const struct http_exchange *x)
{
    return http_exchange_header(x, "Origin").at != NULL;
}

static void on_request(struct http_exchange *x, void *user)
{
    struct model *m = user;
    if (is_browser(x) || http_exchange_is_upgrade(x)) {
        http_reply_text(x, 403, "not for browsers\n");
    } else if (http_exchange_is(x, "POST", "/v1/responses")) {
        serve_responses(m, x);
    } else if (http_exchange_is(x, "GET", "/healthz")) {
        http_reply_text(x, 200, "practice\n");
    } else {
        http_reply_text(x, 404, "the practice model knows POST /v1/responses alone\n");
    }
}

struct model *model_create(struct loop *l, const char *image_path)
{
    struct model *m = mem_new(sizeof(*m));
    m->loop = l;
    m->image_path = mem_strdup(image_path);
    list_init(&m->answers);
    const struct http_server_options o = {.request = on_request,
                                          .user = m,
                                          .max_body = MODEL_BODY_MAX,
                                          .max_conns = MODEL_CONNS_MAX};
    m->server = http_server_create(l, &o);
    return m;
}

enum err model_listen(struct model *m, uint16_t port, struct diag *diag,
                      uint16_t *out_port)
{
    return http_server_listen_tcp(m->server, "127.0.0.1", port, diag, out_port);
}

static void on_server_closed(void *user)
{
    struct model *m = user;
    stream_closed_fn *closed = m->closed;
    void *closed_user = m->user;
    mem_free(m->image_path);
    mem_free(m);
    if (closed != NULL) {
        closed(closed_user);
    }
}

void model_close(struct model *m, stream_closed_fn *closed, void *user)
{
    struct answer *a;
    struct answer *tmp;
    list_each_safe (a, tmp, &m->answers, node) {
        http_exchange_on_gone(a->exchange, NULL, NULL);
        answer_free(a);
    }
    m->closed = closed;
    m->user = user;
    http_server_close(m->server, on_server_closed, m);
}
