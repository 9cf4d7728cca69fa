#include "client/keeper.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/joined.h"
#include "client/reach.h"
#include "client/signer.h"
#include "client/witness.h"
#include "link/link_ctrl.h"
#include "loop/signal.h"
#include "loop/timer.h"
#include "net/http_server.h"
#include "session/lane.h"

#define QUEUE_MAX       (64u * 1024 * 1024) // a local client that does not read is dropped
#define ENDED_LINGER_MS 2000u // after "revoked": time for the callers to hear it

struct keeper {
    struct loop *loop;
    const char *home;
    const char *host_id;
    struct link_ctrl *ctrl;
    struct http_server *server;
    struct witness *witness;
    struct link_ctrl_stream *watching; // its stream; NULL: it asks nothing
    struct signal_watch *terminate;
    struct signal_watch *interrupt;
    struct timer idle;
    struct list conns;   // struct conn_stream
    struct list waiting; // struct waiter
    size_t n_conns;
    enum link_ctrl_state state;
    enum link_cause cause; // why it is in that state
    char sentence[256];
    bool stopping;
};

/* A connection and its stream. Either may end first. */
struct conn_stream {
    struct list node;
    struct keeper *keeper;
    struct ws_conn *ws;          // NULL once closed
    struct link_ctrl_stream *st; // NULL once closed
    struct signer *signer;       // answers become decisions of this device
};

/* A connection asked for while there is no session. */
struct waiter {
    struct list node;
    struct keeper *keeper;
    struct http_exchange *x;
};

static void stop(struct keeper *k);

/* ---- the end of idleness ------------------------------------------------------------ */

static void on_idle(struct timer *t)
{
    struct keeper *k = CONTAINER_OF(t, struct keeper, idle);
    log_info("keeper.idle", "conns=%zu", k->n_conns);
    stop(k);
}

static void note_use(struct keeper *k)
{
    if (k->n_conns != 0 || !list_is_empty(&k->waiting)) {
        timer_stop(&k->idle);
    } else if (!k->stopping) {
        timer_start(k->loop, &k->idle,
                    k->state == LINK_CTRL_ENDED ? ENDED_LINGER_MS : KEEPER_IDLE_MS,
                    on_idle);
    }
}

/* ---- one connection ------------------------------------------------------------------- */

static void conn_maybe_free(struct conn_stream *c)
{
    if (c->ws == NULL && c->st == NULL) {
        struct keeper *k = c->keeper;
        list_remove(&c->node);
        k->n_conns--;
        signer_destroy(c->signer);
        mem_free(c);
        note_use(k);
    }
}

/* ---- signing for the clients --------------------------------------------------------- */

static enum err on_proof(void *user, struct approval *out)
{
    const struct keeper *k = user;
    return link_ctrl_proof(k->ctrl, out);
}

static enum err on_sign(void *user, struct bytes a, uint8_t sig[SIGN_SIG])
{
    const struct keeper *k = user;
    return link_ctrl_sign(k->ctrl, a, sig);
}

static uint64_t on_wall(void *user)
{
    (void)user;
    return clock_wall_ms();
}

static const struct signer_ops signer_ops = {
    .proof = on_proof, .sign = on_sign, .wall_ms = on_wall};

static enum err pass_up(struct conn_stream *c, struct bytes payload)
{
    struct buf changed;
    buf_init(&changed, LANE_MESSAGE_MAX);
    enum err e = signer_up(c->signer, payload, &changed);
    if (e == OK || e == ERR_NOT_FOUND) {
        e = link_ctrl_stream_send(c->st, e == OK ? buf_bytes(&changed) : payload);
    } else if (e == ERR_DENIED) {
        e = ws_conn_send_text(c->ws, buf_bytes(&changed));
    }
    buf_fini(&changed);
    return e;
}

static enum err pass_down(struct conn_stream *c, struct bytes text)
{
    struct buf changed;
    buf_init(&changed, LANE_MESSAGE_MAX);
    enum err e = signer_down(c->signer, text, &changed);
    e = e == ERR_CANCELED
            ? OK // it was for us
            : ws_conn_send_text(c->ws, e == OK ? buf_bytes(&changed) : text);
    buf_fini(&changed);
    return e;
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    struct conn_stream *c = user;
    if (!text || payload.len > LANE_MESSAGE_MAX) {
        ws_conn_close(ws, text ? WS_CLOSE_TOO_BIG : WS_CLOSE_UNSUPPORTED, NULL);
        return;
    }
    if (c->st == NULL) {
        return; // its stream is over; the close frame is on its way
    }
    const enum err e = pass_up(c, payload);
    if (e != OK) {
        log_warn("keeper.refused", "reason=\"%s\"", err_text(e));
        ws_conn_close(ws, WS_CLOSE_TRY_LATER, "the way to the host is full");
        return;
    }
    if (link_ctrl_congested(c->keeper->ctrl)) {
        ws_conn_pause(ws); // on_drained() resumes all
    }
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    (void)ws;
    (void)e;
    (void)code;
    struct conn_stream *c = user;
    c->ws = NULL;
    if (c->st != NULL) {
        link_ctrl_stream_close(c->st); // on_stream_closed() frees
    }
    conn_maybe_free(c);
}

static const struct ws_conn_events conn_events = {
    .message = on_message,
    .closed = on_closed,
};

/* ---- the link --------------------------------------------------------------------------- */

/* The host's log, from what this device has seen of it to where it stands. */
static void watch_send(struct keeper *k, struct buf *out, enum err e)
{
    if (e == ERR_AGAIN && buf_len(out) != 0) {
        e = link_ctrl_stream_send(k->watching, buf_bytes(out)) == OK ? ERR_AGAIN : OK;
    }
    if (e != ERR_AGAIN) {
        link_ctrl_stream_close(k->watching);
    }
}

static void on_audit_head(void *user, uint64_t idx, const uint8_t head[32])
{
    struct keeper *k = user;
    struct buf out;
    buf_init(&out, WITNESS_TEXT_MAX);
    if (k->watching == NULL &&
        witness_ready(k->witness, idx, head, &out) == ERR_AGAIN &&
        link_ctrl_stream_open(k->ctrl, k->witness, &k->watching) == OK) {
        watch_send(k, &out, ERR_AGAIN);
    }
    buf_fini(&out);
}

static bool is_watching(const struct keeper *k, const struct link_ctrl_stream *st)
{
    return link_ctrl_stream_user(st) == k->witness;
}

static void watch_text(struct keeper *k, struct bytes text)
{
    struct buf out;
    buf_init(&out, WITNESS_TEXT_MAX);
    watch_send(k, &out, witness_text(k->witness, text, &out));
    buf_fini(&out);
}

static void on_stream_text(void *user, struct link_ctrl_stream *st, struct bytes text)
{
    if (is_watching(user, st)) {
        watch_text(user, text);
        return;
    }
    struct conn_stream *c = link_ctrl_stream_user(st);
    if (c->ws != NULL && pass_down(c, text) != OK) {
        log_warn("keeper.slow_client", "queued=%zu", ws_conn_queued(c->ws));
        ws_conn_close(c->ws, WS_CLOSE_TRY_LATER, "this client does not read");
    }
}

static void on_stream_closed(void *user, struct link_ctrl_stream *st)
{
    if (is_watching(user, st)) {
        ((struct keeper *)user)->watching = NULL;
        return;
    }
    struct conn_stream *c = link_ctrl_stream_user(st);
    c->st = NULL;
    if (c->ws != NULL) {
        const struct keeper *k = c->keeper;
        const bool revoked = k->state == LINK_CTRL_ENDED && k->cause == LINK_REVOKED;
        ws_conn_close(c->ws, revoked ? WS_CLOSE_POLICY : WS_CLOSE_RESTART,
                      "the host has ended this connection");
    }
    conn_maybe_free(c);
}

static void on_drained(void *user)
{
    struct keeper *k = user;
    struct conn_stream *c;
    list_each (c, &k->conns, node) {
        if (c->ws != NULL) {
            ws_conn_resume(c->ws);
        }
    }
}

static void save(const struct keeper *k, const struct link_joined *joined)
{
    const enum err e = joined_save(k->home, joined);
    if (e != OK) {
        log_warn("keeper.not_saved", "reason=\"%s\"", err_text(e));
    }
}

static void on_renewed(void *user, const struct link_joined *joined)
{
    save(user, joined);
}

/* ---- asking for a connection --------------------------------------------------------------- */

static void on_gone(struct http_exchange *x, void *user)
{
    (void)x;
    struct waiter *w = user;
    struct keeper *k = w->keeper;
    list_remove(&w->node);
    mem_free(w);
    note_use(k);
}

static void wait_for_session(struct keeper *k, struct http_exchange *x)
{
    struct waiter *w = mem_new(sizeof(*w));
    w->keeper = k;
    w->x = x;
    list_append(&k->waiting, &w->node);
    http_exchange_on_gone(x, on_gone, w);
}

static void connect_stream(struct keeper *k, struct http_exchange *x)
{
    const struct ws_conn_options options = {
        .max_message = LANE_MESSAGE_MAX,
        .max_queue = QUEUE_MAX,
        .ping_ms = UINT32_MAX, // the same machine
    };
    struct conn_stream *c = mem_new(sizeof(*c));
    c->keeper = k;
    c->signer = signer_create(&signer_ops, k);
    const enum err e = link_ctrl_stream_open(k->ctrl, c, &c->st);
    if (e != OK) {
        signer_destroy(c->signer);
        mem_free(c);
        if (e == ERR_CLOSED) {
            wait_for_session(k, x);
        } else {
            http_reply_text(x, reach_status(LINK_TOO_MANY), "no more streams");
        }
        return;
    }
    list_append(&k->conns, &c->node);
    k->n_conns++;
    c->ws = http_exchange_accept_ws(x, &options, NULL);
    if (c->ws == NULL) {
        link_ctrl_stream_close(c->st);
        return;
    }
    ws_conn_start(c->ws, &conn_events, c);
}

static void answer_waiting(struct keeper *k, enum link_cause cause,
                           const char *sentence)
{
    size_t n = 0;
    struct waiter *w;
    list_each (w, &k->waiting, node) {
        n++;
    }
    for (; n != 0; n--) { // those that must wait again join behind
        w = list_first(&k->waiting, struct waiter, node);
        struct http_exchange *x = w->x;
        list_remove(&w->node);
        http_exchange_on_gone(x, NULL, NULL); // it may be on its way out already
        mem_free(w);
        if (cause == LINK_OK) {
            connect_stream(k, x);
        } else {
            http_reply_text(x, reach_status(cause), sentence);
        }
    }
    note_use(k);
}

/* The host itself said it: no later command need ask again. */
static void remember_revoked(const struct keeper *k)
{
    struct link_joined joined;
    if (joined_load(k->home, k->host_id, &joined) == OK) {
        joined.revoked = true;
        save(k, &joined);
        link_joined_wipe(&joined);
    }
}

static void on_state(void *user, enum link_ctrl_state state, enum link_cause cause,
                     const char *sentence)
{
    struct keeper *k = user;
    k->state = state;
    k->cause = cause;
    text_sanitize(bytes_from_str(sentence), k->sentence, sizeof(k->sentence));
    if (state == LINK_CTRL_ENDED && cause == LINK_REVOKED) {
        remember_revoked(k);
    }
    log_info("keeper.state", "state=%d cause=%s", (int)state, link_cause_name(cause));
    if (state == LINK_CTRL_READY) {
        answer_waiting(k, LINK_OK, sentence);
    } else if (state == LINK_CTRL_ENDED || link_ctrl_is_down(k->ctrl)) {
        answer_waiting(k, cause, sentence);
    }
}

static const struct link_ctrl_ops ctrl_ops = {
    .state = on_state,
    .renewed = on_renewed,
    .audit_head = on_audit_head,
    .stream_text = on_stream_text,
    .stream_closed = on_stream_closed,
    .drained = on_drained,
};

static void on_request(struct http_exchange *x, void *user)
{
    struct keeper *k = user;
    const struct stream_peer *peer = http_exchange_peer(x);
    if (!http_exchange_is_upgrade(x) || !http_exchange_is(x, "GET", "/rpc") ||
        http_exchange_header(x, "origin").len != 0 || peer->uid != geteuid()) {
        http_reply_text(x, 403, "only WebSocket GET /rpc of this user");
    } else if (k->stopping || k->n_conns >= KEEPER_CONNS_MAX) {
        http_reply_text(x, reach_status(LINK_TOO_MANY), "no more connections");
    } else if (k->state == LINK_CTRL_READY) {
        connect_stream(k, x);
        note_use(k);
    } else if (k->state == LINK_CTRL_ENDED) {
        http_reply_text(x, reach_status(k->cause), k->sentence);
    } else {
        wait_for_session(k, x);
        link_ctrl_start(k->ctrl); // at once, if it was waiting to try again
        note_use(k);
    }
}

/* ---- the process ---------------------------------------------------------------------------- */

static void stop(struct keeper *k)
{
    if (k->stopping) {
        return;
    }
    k->stopping = true;
    timer_stop(&k->idle);
    signal_close(k->terminate);
    signal_close(k->interrupt);
    answer_waiting(k, LINK_LOST, "stopping");
    struct conn_stream *c;
    list_each (c, &k->conns, node) {
        if (c->ws != NULL) {
            ws_conn_close(c->ws, WS_CLOSE_RESTART, "the session process stops");
        }
    }
    http_server_close(k->server, NULL, NULL);
    link_ctrl_close(k->ctrl, NULL);
}

static void on_signal(void *user, int signum)
{
    log_info("keeper.stop", "signal=%d", signum);
    stop(user);
}

static enum err serve(struct keeper *k, const char *host_id, struct diag *d)
{
    char path[PATH_MAX];
    const struct http_server_options options = {.request = on_request, .user = k};
    const enum err e = joined_run_path(k->home, host_id, ".sock", path);
    if (e != OK) {
        return e;
    }
    k->server = http_server_create(k->loop, &options);
    return http_server_listen_unix(k->server, path, d);
}

static enum err run(struct keeper *k, const struct keeper_options *o,
                    const struct link_joined *joined, struct diag *d)
{
    char kept[PATH_MAX];
    const bool has_ca = joined_ca(k->home, o->host_id, kept) == OK;
    const char *ca_file = o->ca_file == NULL && has_ca ? kept : o->ca_file;
    k->loop = loop_create();
    k->witness = witness_create(k->home, o->host_id);
    k->ctrl = link_ctrl_create(k->loop, joined, ca_file, &ctrl_ops, k);
    k->terminate = signal_watch(k->loop, SIGTERM, on_signal, k);
    k->interrupt = signal_watch(k->loop, SIGINT, on_signal, k);
    const enum err e = serve(k, o->host_id, d);
    if (e == OK) {
        link_ctrl_start(k->ctrl);
        note_use(k);
    } else {
        stop(k);
    }
    loop_run(k->loop);
    loop_destroy(k->loop);
    witness_destroy(k->witness);
    return e;
}

enum err keeper_run(const struct keeper_options *o, struct diag *d)
{
    char path[PATH_MAX];
    int lock_fd = -1;
    pid_t holder = 0;
    struct link_joined joined;
    enum err e = joined_load(o->home, o->host_id, &joined);
    if (e != OK) {
        diag_set(d, "the record of this host cannot be read: %s", err_text(e));
        return e;
    }
    struct keeper k = {.home = o->home, .host_id = o->host_id};
    list_init(&k.conns);
    list_init(&k.waiting);
    e = text_format(path, sizeof(path), "%s/run/hosts", o->home);
    if (e == OK) {
        e = file_make_dir(path, 0700);
    }
    if (e == OK) {
        e = joined_run_path(o->home, o->host_id, ".lock", path);
    }
    if (e == OK) {
        e = file_lock(path, &lock_fd, &holder);
    }
    if (e == OK) {
        e = run(&k, o, &joined, d);
    } else if (e == ERR_EXISTS) {
        diag_set(d, "a session process of this host runs already (pid %ld)",
                 (long)holder);
    }
    if (lock_fd >= 0) {
        (void)close(lock_fd);
    }
    link_joined_wipe(&joined);
    return e;
}
