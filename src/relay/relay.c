#include "relay/relay.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "relay/keyfile.h"
#include "relay/limit.h"
#include "relay/metrics.h"
#include "wire/envelope.h"

#define WS_SLACK       2048
#define HEALTH_PATH    "/healthz" // it lives
#define READY_PATH     "/readyz"  // and takes new peers
#define METRICS_PATH   "/metrics"
#define FORWARDED      "X-Forwarded-For"
#define ADMISSION_SIZE (1u * 1024 * 1024)
#define RETRY_LATER    "Retry-After: 60\r\n"

/* One connection. `leg` is NULL between the core's goodbye and the socket's end. */
struct socket {
    struct relay *relay;
    struct ws_conn *ws;
    struct leg *leg;
    struct list member;
};

struct relay {
    struct loop *loop;
    struct relay_core *core;
    struct ticket_keys keys;
    struct admission admission;
    char *home;
    char *proxies[RELAY_PROXIES_MAX];
    size_t n_proxies;
    struct list sockets;
    struct timer tick;
    uint64_t tick_ms; // what `tick` is armed for; UINT64_MAX: it is not
    struct timer rotate;
    uint64_t wall_ahead_ms; // wall clock minus loop clock
    uint64_t began_ms;
    bool closing;
    struct loop_task closed_task;
    stream_closed_fn *closed;
    void *user;
};

/* ---- time ---------------------------------------------------------------------- */

/* The wall clock is read when somebody connects, not for every frame: a login follows
 * within RELAY_HANDSHAKE_MS. */
static void read_wall_clock(struct relay *r)
{
    r->wall_ahead_ms = clock_wall_ms() - loop_now_ms(r->loop);
}

static struct relay_time now_of(const struct relay *r)
{
    const uint64_t now_ms = loop_now_ms(r->loop);
    return (struct relay_time){now_ms, now_ms + r->wall_ahead_ms};
}

static void on_tick(struct timer *t);

/* After any call into the core: its next deadline may be another one. */
static void arm(struct relay *r)
{
    const uint64_t due_ms = relay_core_due(r->core);
    if (due_ms == r->tick_ms) {
        return;
    }
    r->tick_ms = due_ms;
    if (due_ms == UINT64_MAX) {
        timer_stop(&r->tick);
        return;
    }
    const uint64_t now_ms = loop_now_ms(r->loop);
    timer_start(r->loop, &r->tick, due_ms > now_ms ? due_ms - now_ms : 0, on_tick);
}

static void on_tick(struct timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, tick);
    r->tick_ms = UINT64_MAX;
    read_wall_clock(r);
    relay_core_tick(r->core, now_of(r));
    arm(r);
}

static enum err refresh_keys(struct relay *r, struct diag *diag)
{
    const uint64_t wall_ms = clock_wall_ms();
    if (r->home != NULL) {
        return keyfile_refresh(r->home, &r->keys, wall_ms, diag);
    }
    if (ticket_keys_are_due(&r->keys, wall_ms)) {
        ticket_keys_rotate(&r->keys, wall_ms);
    }
    return OK;
}

static void on_rotate(struct timer *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, rotate);
    struct diag diag = {.text = ""};
    if (refresh_keys(r, &diag) != OK) { // the new key works, from memory alone
        log_warn("relay.keys", "saved=no");
    }
    timer_start(r->loop, t, TICKET_ROTATE_MS, on_rotate);
}

/* ---- the core's way out ------------------------------------------------------------ */

static enum err send_frame(void *user, struct bytes head, struct bytes body)
{
    struct socket *s = user;
    return ws_conn_send_binary2(s->ws, head, body);
}

static size_t queued(const void *user)
{
    const struct socket *s = user;
    return ws_conn_queued(s->ws);
}

static void admitted(void *user)
{
    struct socket *s = user;
    ws_conn_set_max_message(s->ws, ENVELOPE_MAX);
}

static void close_leg(void *user, uint16_t ws_code)
{
    struct socket *s = user;
    s->leg = NULL;
    ws_conn_close(s->ws, ws_code, NULL);
}

static const struct relay_ops core_ops = {
    .send = send_frame,
    .queued = queued,
    .admitted = admitted,
    .close = close_leg,
};

/* ---- and its way in ------------------------------------------------------------------ */

static void finish_close(struct relay *r);

static void on_message(struct ws_conn *c, void *user, bool text, struct bytes payload)
{
    struct socket *s = user;
    struct relay *r = s->relay;
    (void)c;
    if (s->leg != NULL) {
        relay_core_input(s->leg, !text, payload, now_of(r));
        arm(r);
    }
}

static void on_drained(struct ws_conn *c, void *user)
{
    struct socket *s = user;
    struct relay *r = s->relay;
    (void)c;
    if (s->leg != NULL) {
        relay_core_drained(s->leg, now_of(r));
        arm(r);
    }
}

static void on_closed(struct ws_conn *c, void *user, enum err e, uint16_t code)
{
    struct socket *s = user;
    struct relay *r = s->relay;
    (void)c;
    if (s->leg != NULL) {
        log_debug("relay.gone", "code=%u reason=\"%s\"", code, err_text(e));
        relay_core_detach(s->leg, now_of(r));
        arm(r);
    }
    list_remove(&s->member);
    mem_free(s);
    if (r->closing) {
        finish_close(r);
    }
}

static const struct ws_conn_events ws_events = {on_message, on_closed, on_drained};

/* ---- requests --------------------------------------------------------------------------- */

static void refuse(struct http_exchange *x, enum err e)
{
    log_peer("relay.refused", "upgrade=no reason=%s", e == ERR_LIMIT ? "rate" : "full");
    if (e == ERR_LIMIT) {
        http_reply(x, 429, RETRY_LATER,
                   BYTES_LIT("too many connections: wait a minute\n"));
    } else {
        http_reply(x, 503, RETRY_LATER,
                   BYTES_LIT("the relay is full: try again later\n"));
    }
}

static void accept_socket(struct relay *r, struct http_exchange *x,
                          const struct visitor_addr *addr)
{
    const struct ws_conn_options options = {
        .max_message = RELAY_PREAUTH_FRAME_MAX, // until it is admitted
        // A little less, so that it tells us to have drained whenever we had stopped.
        .max_queue = RELAY_LEG_MAX - WS_SLACK,
        .ping_ms = RELAY_PING_MS,
    };
    struct socket *s = mem_try(1, sizeof(*s));
    if (s == NULL) {
        refuse(x, ERR_NOMEM);
        return;
    }
    s->relay = r;
    s->ws = http_exchange_accept_ws(x, &options, NULL);
    if (s->ws == NULL) {
        mem_free(s);
        return;
    }
    list_append(&r->sockets, &s->member);
    ws_conn_start(s->ws, &ws_events, s);
    // into the socket at once: a leg that cannot even be challenged is gone again inside
    if (relay_core_attach(r->core, addr, s, now_of(r), &s->leg) != OK) {
        ws_conn_close(s->ws, WS_CLOSE_TRY_LATER, NULL);
        return;
    }
    arm(r);
}

static bool is_proxy(const struct relay *r, const struct stream_peer *peer)
{
    for (size_t i = 0; i < r->n_proxies; i++) {
        if (strcmp(r->proxies[i], peer->text) == 0) {
            return true;
        }
    }
    return false;
}

/* Who counts for the limits. A proxy that names nobody (its own probes) is itself; one
 * whose word can be read in two ways, or not at all, is not believed. */
static enum err find_visitor(const struct relay *r, const struct http_exchange *x,
                             struct visitor_addr *out)
{
    const struct stream_peer *peer = http_exchange_peer(x);
    const size_t n = http1_count(http_exchange_head(x), FORWARDED);
    if (!is_proxy(r, peer) || n == 0) {
        visitor_addr_parse(peer->text, peer->loopback, out);
        return OK;
    }
    return n == 1 ? visitor_forwarded(http_exchange_header(x, FORWARDED), out)
                  : ERR_PROTO;
}

static void upgrade(struct relay *r, struct http_exchange *x)
{
    struct visitor_addr addr;
    if (!http_exchange_is_upgrade(x)) {
        http_reply_text(x, 426, "this is a relay: connect with a WebSocket\n");
        return;
    }
    read_wall_clock(r);
    if (find_visitor(r, x, &addr) != OK) {
        log_peer("relay.refused", "upgrade=no reason=forwarded");
        http_reply_text(x, 400, "whom the proxy speaks for is unclear\n");
        return;
    }
    const enum err e =
        r->closing ? ERR_NOMEM : relay_core_welcome(r->core, &addr, now_of(r));
    if (e != OK) {
        refuse(x, e);
        return;
    }
    accept_socket(r, x, &addr);
}

static void say_ready(const struct relay *r, struct http_exchange *x)
{
    const struct relay_stats now = relay_core_stats(r->core);
    if (r->closing) {
        http_reply_text(x, 503, "closing\n");
    } else if (now.legs >= now.legs_max || now.memory >= now.memory_max) {
        http_reply_text(x, 503, "full\n");
    } else {
        http_reply_text(x, 200, "ready\n");
    }
}

bool relay_handle(struct relay *r, struct http_exchange *x)
{
    if (http_exchange_is(x, "GET", RELAY_PATH)) {
        upgrade(r, x);
        return true;
    }
    if (http_exchange_is(x, "GET", HEALTH_PATH)) {
        http_reply_text(x, 200, "ok\n");
        return true;
    }
    if (http_exchange_is(x, "GET", READY_PATH)) {
        say_ready(r, x);
        return true;
    }
    return false;
}

bool relay_handle_metrics(struct relay *r, struct http_exchange *x,
                          uint64_t certificate_until_s)
{
    if (!http_exchange_is(x, "GET", METRICS_PATH)) {
        return false;
    }
    const struct relay_stats now = relay_core_stats(r->core);
    const struct metrics_process process = {
        .uptime_s = (loop_now_ms(r->loop) - r->began_ms) / 1000,
        .certificate_until_s = certificate_until_s,
    };
    struct buf text;
    buf_init(&text, METRICS_MAX);
    if (metrics_put(&text, &now, relay_core_counts(r->core), &process) == OK) {
        http_reply(x, 200, METRICS_TYPE, buf_bytes(&text));
    } else {
        http_reply_text(x, 503, "no memory for the metrics\n");
    }
    buf_fini(&text);
    return true;
}

struct relay_stats relay_stats(const struct relay *r)
{
    return relay_core_stats(r->core);
}

/* ---- beginning and end ---------------------------------------------------------------------- */

static enum err read_admission(struct relay *r, const struct relay_options *o,
                               struct diag *diag)
{
    struct diag line = {.text = ""};
    struct buf text;
    r->admission.kind = o->admission;
    if (o->admission_path == NULL) {
        return OK;
    }
    buf_init(&text, ADMISSION_SIZE);
    enum err e = file_read(o->admission_path, &text);
    if (e == OK) {
        e = admission_read(&r->admission, o->admission, buf_bytes(&text), &line);
    }
    buf_wipe(&text);
    if (e != OK) {
        diag_set(diag, "%s: %s", o->admission_path,
                 line.text[0] != '\0' ? line.text : err_text(e));
    }
    return e;
}

static void destroy(struct relay *r)
{
    timer_stop(&r->tick);
    timer_stop(&r->rotate);
    relay_core_destroy(r->core);
    admission_fini(&r->admission);
    ticket_keys_fini(&r->keys);
    for (size_t i = 0; i < r->n_proxies; i++) {
        mem_free(r->proxies[i]);
    }
    mem_free(r->home);
    mem_free(r);
}

enum err relay_create(struct loop *l, const struct relay_options *o, struct diag *diag,
                      struct relay **out)
{
    struct relay *r = mem_new(sizeof(*r));
    r->loop = l;
    r->home = mem_strdup(o->home);
    for (size_t i = 0; i < o->n_proxies && i < RELAY_PROXIES_MAX; i++) {
        r->proxies[r->n_proxies++] = mem_strdup(o->proxies[i]);
    }
    r->tick_ms = UINT64_MAX;
    r->began_ms = loop_now_ms(l);
    list_init(&r->sockets);
    enum err e = refresh_keys(r, diag);
    if (e == OK) {
        e = read_admission(r, o, diag);
    }
    if (e != OK) {
        destroy(r);
        return e;
    }
    const struct relay_core_options core = {
        .urls = o->urls,
        .n_urls = o->n_urls,
        .keys = &r->keys,
        .admission = &r->admission,
        .memory_max = o->memory_max,
    };
    r->core = relay_core_create(&core, &core_ops);
    read_wall_clock(r);
    timer_start(l, &r->rotate, TICKET_ROTATE_MS, on_rotate);
    *out = r;
    return OK;
}

enum err relay_allow(struct relay *r, const uint8_t mailbox[16])
{
    return admission_add_mailbox(&r->admission, mailbox);
}

static void run_closed(struct loop_task *t)
{
    struct relay *r = CONTAINER_OF(t, struct relay, closed_task);
    stream_closed_fn *closed = r->closed;
    void *user = r->user;
    destroy(r);
    if (closed != NULL) {
        closed(user);
    }
}

static void finish_close(struct relay *r)
{
    if (list_is_empty(&r->sockets)) {
        loop_defer(r->loop, &r->closed_task, run_closed);
    }
}

void relay_close(struct relay *r, stream_closed_fn *closed, void *user)
{
    r->closing = true;
    r->closed = closed;
    r->user = user;
    relay_core_shutdown(r->core);
    arm(r);
    finish_close(r);
}
