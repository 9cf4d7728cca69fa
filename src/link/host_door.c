#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "link/host_state.h"
#include "net/ws_conn.h"

#define STRANGER_MAX (ENVELOPE_HEAD + 4096u) // a frame before READY (section 5.0)
#define QUEUE_MAX    (1024u * 1024) // unsent octets; what waits stays in the lane
#define HAIL_MS      10000u         // for OPEN and the first message

/* One connection at /fh1: OPEN, then what a channel of the relay carries. The session
 * begins with the first message, so that a stranger who only opens holds nothing of
 * the sixteen handshakes that may be pending. */
struct host_door {
    struct list node;
    struct link_host *host;
    struct ws_conn *ws;
    struct link_session *session; // NULL: not yet, or not any more
    struct envelope_open open;
    bool opened;
    bool over;
    struct timer deadline;
};

enum err host_door_send(struct host_door *d, enum envelope_type type, struct bytes body)
{
    uint8_t head[ENVELOPE_HEAD];
    envelope_head(head, type, 0);
    return ws_conn_send_binary2(d->ws, BYTES_OF(head), body);
}

void host_door_known(struct host_door *d)
{
    ws_conn_set_max_message(d->ws, ENVELOPE_MAX);
}

static void leave(struct host_door *d, uint16_t code)
{
    d->over = true;
    timer_stop(&d->deadline);
    ws_conn_close(d->ws, code, NULL);
}

void host_door_over(struct host_door *d)
{
    d->session = NULL;
    leave(d, WS_CLOSE_NORMAL);
}

/* ---- frames ----------------------------------------------------------------------- */

static void refuse(struct host_door *d, const char *why)
{
    log_peer("door.malformed", "reason=\"%s\"", why);
    if (d->session != NULL) {
        host_session_closed(d->session); // leaves, too
    }
    leave(d, WS_CLOSE_PROTOCOL);
}

static void on_open(struct host_door *d, struct bytes body)
{
    if (d->opened || envelope_open_parse(body, &d->open) != OK) {
        refuse(d, "OPEN");
        return;
    }
    d->opened = true;
}

/* An unknown mailbox, a box that is not open, too many: one answer to all (rule 6). */
static void begin(struct host_door *d)
{
    const uint8_t reason = CLOSE_HANDSHAKE;
    const struct link_host *h = d->host;
    const bool ours = d->open.kind != ENVELOPE_TO_MAILBOX ||
                      memcmp(d->open.id, h->login.mailbox, sizeof(d->open.id)) == 0;
    timer_stop(&d->deadline); // the session has its own
    d->session = ours && h->running ? host_channel_at_door(d->host, d, &d->open) : NULL;
    if (d->session == NULL) {
        if (host_door_send(d, ENVELOPE_CLOSE, (struct bytes){&reason, 1}) != OK) {
            log_debug("door.close_unsent", "kind=%d", (int)d->open.kind);
        }
        leave(d, WS_CLOSE_POLICY);
    }
}

static void on_data(struct host_door *d, struct bytes body)
{
    if (!d->opened || body.len == 0) {
        refuse(d, "DATA");
        return;
    }
    if (d->session == NULL) {
        begin(d);
    }
    if (d->session != NULL) {
        host_session_data(d->session, body);
    }
}

static void on_ping(struct host_door *d, struct bytes body)
{
    uint8_t octets[8];
    if (envelope_ping_parse(body, octets) != OK) {
        refuse(d, "PING");
    } else if (host_door_send(d, ENVELOPE_PING, body) != OK) {
        log_debug("door.unanswered", "reason=\"it does not read\"");
    }
}

static void on_close(struct host_door *d, struct bytes body)
{
    uint8_t reason = 0;
    if (envelope_close_parse(body, &reason) != OK) {
        refuse(d, "CLOSE");
    } else if (d->session != NULL) {
        host_session_closed(d->session);
    } else {
        leave(d, WS_CLOSE_NORMAL);
    }
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    struct host_door *d = user;
    struct envelope f;
    (void)ws;
    if (d->over) {
        return;
    }
    if (text || envelope_parse(payload, &f) != OK || f.chan != 0) {
        refuse(d, "frame");
    } else if (f.type == ENVELOPE_OPEN) {
        on_open(d, f.body);
    } else if (f.type == ENVELOPE_DATA) {
        on_data(d, f.body);
    } else if (f.type == ENVELOPE_PING) {
        on_ping(d, f.body);
    } else if (f.type == ENVELOPE_CLOSE) {
        on_close(d, f.body);
    } else {
        refuse(d, "a frame of a relay's");
    }
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct host_door *d = user;
    struct link_host *h = d->host;
    (void)ws;
    log_debug("door.closed", "reason=\"%s\" code=%u", err_text(e), (unsigned)code);
    d->over = true;
    timer_stop(&d->deadline);
    if (d->session != NULL) {
        struct link_session *s = d->session;
        d->session = NULL;
        s->door = NULL; // nothing can be sent any more
        host_session_closed(s);
    }
    list_remove(&d->node);
    h->n_doors--;
    mem_free(d);
    host_maybe_free(h);
}

static void on_drained(struct ws_conn *ws, void *user)
{
    const struct host_door *d = user;
    (void)ws;
    if (d->session != NULL) {
        host_session_flush_later(d->session);
    }
}

static void on_deadline(struct timer *t)
{
    struct host_door *d = CONTAINER_OF(t, struct host_door, deadline);
    log_peer("door.silent", "opened=%d", d->opened);
    leave(d, WS_CLOSE_POLICY);
}

/* ---- the calls ----------------------------------------------------------------------- */

static size_t n_of_address(const struct link_host *h, const struct stream_peer *peer)
{
    const struct host_door *d;
    size_t n = 0;
    list_each (d, &h->doors, node) {
        n += strcmp(ws_conn_peer(d->ws)->text, peer->text) == 0 ? 1 : 0;
    }
    return n;
}

bool link_host_door_may(const struct link_host *h, const struct stream_peer *peer)
{
    return h->running && h->n_doors < LINK_DOORS_MAX &&
           n_of_address(h, peer) < LINK_DOORS_EACH;
}

void link_host_door_options(struct ws_conn_options *out)
{
    *out =
        (struct ws_conn_options){.max_message = STRANGER_MAX, .max_queue = QUEUE_MAX};
}

void link_host_door(struct link_host *h, struct ws_conn *ws)
{
    static const struct ws_conn_events events = {
        .message = on_message,
        .closed = on_closed,
        .drained = on_drained,
    };
    struct host_door *d = mem_new(sizeof(*d));
    d->host = h;
    d->ws = ws;
    list_append(&h->doors, &d->node);
    h->n_doors++;
    timer_start(h->loop, &d->deadline, HAIL_MS, on_deadline);
    ws_conn_start(ws, &events, d);
}

void host_doors_drop_all(struct link_host *h)
{
    struct host_door *d;
    list_each (d, &h->doors, node) {
        if (!d->over && d->session == NULL) {
            leave(d, WS_CLOSE_GOING_AWAY);
        }
    }
}
