#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "link/host_state.h"

#define GRANT_LEN_MAX   4096u
#define SLOW_LINE       (64u * 1024) // so much of ours in the relay: it moves, slowly
#define FIRST_CODE_BODY 0x11 // protocol.md 4: P2, the first message of a code run

static void pump(struct link_session *s);
static void flush(struct link_session *s);

static struct link_session *find(struct link_host *h, uint32_t chan)
{
    struct link_session *s;
    list_each (s, &h->sessions, node) {
        if (s->chan == chan && s->door == NULL && s->phase != PHASE_OVER) {
            return s;
        }
    }
    return NULL;
}

/* ---- the end ------------------------------------------------------------------ */

static void send_close(struct link_host *h, uint32_t chan, enum close_code code)
{
    struct buf frame;
    buf_init(&frame, ENVELOPE_HEAD + 1);
    if (h->leg_ready && (envelope_put_close(&frame, chan, (uint8_t)code) != OK ||
                         uplink_send(h->leg, buf_bytes(&frame)) != OK)) {
        log_debug("link.close_unsent", "chan=%u", (unsigned)chan);
    }
    buf_fini(&frame);
}

static bool can_send(const struct link_session *s)
{
    return s->door != NULL || s->host->leg_ready;
}

static enum err send_body(const struct link_session *s, enum envelope_type type,
                          struct bytes body)
{
    return s->door != NULL ? host_door_send(s->door, type, body)
                           : uplink_send_body(s->host->leg, type, s->chan, body);
}

static void say_close(const struct link_session *s, enum close_code code)
{
    const uint8_t reason = (uint8_t)code;
    if (can_send(s) && send_body(s, ENVELOPE_CLOSE, (struct bytes){&reason, 1}) != OK) {
        log_debug("link.close_unsent", "chan=%u", (unsigned)s->chan);
    }
}

static void on_end(struct loop_task *t)
{
    struct link_session *s = CONTAINER_OF(t, struct link_session, end);
    struct link_host *h = s->host;
    h->ops->closed(h->user, s);
    list_remove(&s->node);
    h->n_sessions--;
    secret_wipe(&s->claim, sizeof(s->claim));
    buf_fini(&s->grant);
    mem_free(s);
    host_maybe_free(h);
}

/* A device whose READY never left is none: nobody but us knows of it. */
static void forget_unfinished(struct link_session *s)
{
    if (s->is_box && s->phase == PHASE_LISTING && !s->enrolled) {
        struct host_device *d = host_device_find(s->host, s->claim.device_id);
        if (d != NULL) {
            host_device_remove(d);
        }
    }
}

/* From here on the session answers nothing; the owner hears `closed` soon. */
static void retire(struct link_session *s)
{
    forget_unfinished(s);
    s->phase = PHASE_OVER;
    timer_stop(&s->deadline);
    timer_stop(&s->pace);
    loop_task_cancel(&s->flush);
    if (s->device != NULL && s->device->session == s) {
        s->device->heard_ms = session_heard_ms(s->session);
        s->device->why = session_why(s->session);
    }
    session_destroy(s->session);
    s->session = NULL;
    if (s->device != NULL && s->device->session == s) {
        host_device_session_gone(s->device);
    }
    if (s->door != NULL) {
        host_door_over(s->door);
        s->door = NULL;
    }
    loop_defer(s->host->loop, &s->end, on_end);
}

/* A run of a box that ended before it was known who it is. */
static void account(struct link_session *s, bool tag_wrong)
{
    struct link_host *h = s->host;
    if (s->is_box && s->phase == PHASE_HANDSHAKE && s->first_octet != 0) {
        const enum link_mode mode =
            s->first_octet == FIRST_CODE_BODY ? LINK_MODE_PHRASE : LINK_MODE_QR;
        log_peer("link.pairing_failed", "mode=%d tag=%s", (int)mode,
                 tag_wrong ? "wrong" : "none");
        h->ops->pairing_failed(h->user, s->pair_id, mode, tag_wrong);
    }
}

/* The session has failed: the channel is told what session_close_code() allows. */
static void fail(struct link_session *s, bool tag_wrong)
{
    log_peer("link.session_failed", "chan=%u reason=\"%s\"", (unsigned)s->chan,
             session_why(s->session));
    account(s, tag_wrong);
    say_close(s, session_close_code(s->session));
    retire(s);
}

static void end_now(struct link_session *s, enum close_code code)
{
    if (code == CLOSE_REVOKED && s->phase == PHASE_LIVE) {
        session_revoke(s->session);
    } else {
        session_close(s->session, code);
    }
    flush(s); // the goodbye record; a full window loses it, the frame says the same
    say_close(s, code);
    retire(s);
}

/* Inside a callback the event's octets are still being read: the end waits for its
 * return, and pump() dispatches nothing after it. */
void host_session_end(struct link_session *s, enum close_code code)
{
    if (s->phase == PHASE_OVER || s->wants_end) {
        return;
    }
    if (s->in_event) {
        s->wants_end = true;
        s->end_code = code;
    } else {
        end_now(s, code);
    }
}

/* ---- octets ------------------------------------------------------------------------ */

static void on_deadline(struct timer *t)
{
    struct link_session *s = CONTAINER_OF(t, struct link_session, deadline);
    if (session_tick(s->session, loop_now_ms(s->host->loop)) != OK) {
        fail(s, false);
        return;
    }
    pump(s);
}

static void arm(struct link_session *s)
{
    const bool live = s->phase == PHASE_LIVE && s->device != NULL;
    const uint64_t commit_ms = live ? lane_commit_at(s->device->lane) : UINT64_MAX;
    const uint64_t now_ms = loop_now_ms(s->host->loop);
    uint64_t due_ms = session_deadline(s->session);
    due_ms = commit_ms < due_ms ? commit_ms : due_ms;
    if (due_ms == UINT64_MAX) {
        timer_stop(&s->deadline);
    } else if (!timer_is_armed(&s->deadline) || s->deadline.due_ms != due_ms) {
        timer_start(s->host->loop, &s->deadline, due_ms > now_ms ? due_ms - now_ms : 0,
                    on_deadline);
    }
}

/* Seals and sends as much as the channel's window allows: what has to wait stays in
 * the lane, unsealed, and stops this device only. */
static void flush(struct link_session *s)
{
    struct link_host *h = s->host;
    struct bytes body;
    enum err e = OK;
    if (s->phase == PHASE_LIVE && s->device != NULL) {
        host_device_commit(s->device, false);
    }
    while (e == OK && can_send(s) &&
           session_output(s->session, loop_now_ms(h->loop), &body) &&
           body.len <= s->window) { // else host_channel_credit() goes on
        e = send_body(s, ENVELOPE_DATA, body);
        if (e == OK) {
            s->window -= s->door != NULL ? 0 : body.len; // its socket holds us back
            session_sent(s->session);
            s->flushed_ms = loop_now_ms(h->loop);
        }
    }
    if (e == ERR_NOMEM) { // ERR_LIMIT: host_channels_on_drained() goes on
        s->wants_end = true;
        s->end_code = CLOSE_LIMIT;
    }
    arm(s);
}

static void on_flush(struct loop_task *t)
{
    pump(CONTAINER_OF(t, struct link_session, flush));
}

void host_session_flush_later(struct link_session *s)
{
    if (s->phase != PHASE_OVER) {
        loop_defer(s->host->loop, &s->flush, on_flush);
    }
}

/* ---- who it is ------------------------------------------------------------------------ */

static void fill_claim(struct link_session *s, const struct session_peer *p)
{
    struct link_claim *c = &s->claim;
    c->mode = (enum link_mode)p->mode;
    memcpy(c->pair_id, s->pair_id, sizeof(c->pair_id));
    memcpy(c->device_id, p->device_id, sizeof(c->device_id));
    memcpy(c->key, p->device_key, sizeof(c->key));
    memcpy(c->relay_key, p->relay_key, sizeof(c->relay_key));
    c->grant_serial = p->grant_serial;
    const struct bytes th4 = session_th4(s->session);
    if (th4.len == sizeof(c->th4)) {
        memcpy(c->th4, th4.at, sizeof(c->th4));
    }
    text_sanitize(bytes_from_str(p->name), c->name, sizeof(c->name));
    text_sanitize(bytes_from_str(p->version), c->version, sizeof(c->version));
    c->role_asked = (uint8_t)p->role_asked;
    memcpy(c->sas, p->sas, sizeof(c->sas));
    if (s->is_box) {
        const struct bytes root = session_pair_root(s->session);
        memcpy(c->pair_root, root.at, sizeof(c->pair_root));
    }
}

static void on_peer(struct link_session *s, const struct session_peer *p)
{
    struct link_host *h = s->host;
    const bool knows_relay_key = p->has_relay_key;
    fill_claim(s, p);
    s->phase = PHASE_DECIDING;
    if (s->is_box) {
        if (!knows_relay_key) {
            host_session_end(s, CLOSE_PROTO); // without Dr it could never come back
            return;
        }
        h->ops->claimed(h->user, s, &s->claim);
        return;
    }
    s->device = host_device_find(h, s->claim.device_id);
    if (s->device == NULL || s->device->removed) {
        host_session_end(s, CLOSE_REVOKED);
        return;
    }
    h->ops->opened(h->user, s, &s->claim);
}

static void on_event(struct link_session *s, const struct session_event *ev)
{
    switch (ev->kind) {
    case SESSION_PEER:
        on_peer(s, &ev->peer);
        return;
    case SESSION_MESSAGE:
        host_device_message(s->device, &ev->message);
        return;
    case SESSION_RESET:
        host_device_drop_streams(s->device);
        return;
    case SESSION_CLOSED:
        log_debug("link.session_closed", "chan=%u code=%d", (unsigned)s->chan,
                  (int)ev->closed.code);
        host_session_end(s, ev->closed.code);
        return;
    case SESSION_SILENT: // the device, or the relay before it?
        log_info("link.silent", "chan=%u", (unsigned)s->chan);
        if (s->door == NULL && s->host->leg != NULL) {
            uplink_probe(s->host->leg);
        }
        return;
    case SESSION_PONG:
    case SESSION_PENDING:
    case SESSION_READY:
    case SESSION_DENIED:
    case SESSION_RENEW:
        return; // a controller's
    }
}

/* Sending may end a session: then that is the next event. */
static bool next_event(struct link_session *s, struct session_event *out)
{
    if (session_next(s->session, out)) {
        return true;
    }
    flush(s);
    return session_next(s->session, out);
}

/* Everything that came is dispatched, everything that may leave is sent. */
static void pump(struct link_session *s)
{
    struct session_event ev;
    while (next_event(s, &ev)) {
        s->in_event = true;
        on_event(s, &ev);
        s->in_event = false;
        if (s->wants_end) {
            break;
        }
    }
    if (s->wants_end) {
        end_now(s, s->end_code);
    }
}

/* ---- frames of a channel ----------------------------------------------------------------- */

static struct session *accept_kind(struct link_host *h, struct link_session *s,
                                   const struct envelope_open *o)
{
    const uint64_t now_ms = loop_now_ms(h->loop);
    if (!s->is_box) {
        return session_accept(h->roster, now_ms);
    }
    memcpy(s->pair_id, o->id, sizeof(s->pair_id));
    s->box = host_box_find(h, o->id);
    return s->box == NULL ? NULL
                          : session_accept_box(h->roster, s->box->pairing, now_ms);
}

static struct link_session *create(struct link_host *h, const struct envelope_open *o)
{
    struct link_session *s =
        h->n_sessions >= LINK_CHANNELS_MAX ? NULL : mem_try(1, sizeof(*s));
    if (s != NULL) {
        s->host = h;
        s->is_box = o->kind == ENVELOPE_TO_BOX;
        s->window = ENVELOPE_WINDOW;
        buf_init(&s->grant, GRANT_LEN_MAX);
        s->session = accept_kind(h, s, o);
    }
    return s;
}

static void begin(struct link_session *s)
{
    list_append(&s->host->sessions, &s->node);
    s->host->n_sessions++;
    arm(s);
}

void host_channel_open(struct link_host *h, uint32_t chan,
                       const struct envelope_open *o)
{
    struct link_session *s = find(h, chan) != NULL ? NULL : create(h, o);
    if (s == NULL || s->session == NULL) {
        log_peer("link.channel_refused", "chan=%u kind=%d n=%zu", (unsigned)chan,
                 (int)o->kind, h->n_sessions);
        // uniform for what a stranger may ask: unknown, too many, closed
        send_close(h, chan, s == NULL ? CLOSE_LIMIT : CLOSE_HANDSHAKE);
        mem_free(s);
        return;
    }
    s->chan = chan;
    begin(s);
}

struct link_session *host_channel_at_door(struct link_host *h, struct host_door *d,
                                          const struct envelope_open *o)
{
    struct link_session *s = create(h, o);
    if (s == NULL || s->session == NULL) {
        log_peer("link.door_refused", "kind=%d n=%zu", (int)o->kind, h->n_sessions);
        mem_free(s);
        return NULL;
    }
    s->door = d;
    s->window = UINT64_MAX;
    begin(s);
    return s;
}

void host_session_data(struct link_session *s, struct bytes body)
{
    if (s->first_octet == 0 && body.len != 0) {
        s->first_octet = body.at[0];
    }
    struct pairing *p = s->box == NULL ? NULL : s->box->pairing;
    const unsigned guesses = p == NULL ? 0 : pairing_n_guesses(p);
    if (session_feed(s->session, body, loop_now_ms(s->host->loop)) != OK) {
        fail(s, p != NULL && pairing_n_guesses(p) > guesses);
        return;
    }
    pump(s);
}

void host_channel_data(struct link_host *h, uint32_t chan, struct bytes body)
{
    struct link_session *s = find(h, chan);
    if (s != NULL) { // else it crossed our CLOSE
        host_session_data(s, body);
    }
}

void host_channel_credit(struct link_host *h, uint32_t chan, uint32_t octets)
{
    struct link_session *s = find(h, chan);
    if (s != NULL) {
        if (s->window < ENVELOPE_WINDOW - SLOW_LINE) {
            session_moved(s->session, loop_now_ms(h->loop));
        }
        s->window += octets;
        pump(s);
    }
}

void host_channel_closed(struct link_host *h, uint32_t chan)
{
    struct link_session *s = find(h, chan);
    if (s != NULL) {
        host_session_closed(s);
    }
}

void host_session_closed(struct link_session *s)
{
    account(s, false);
    retire(s);
}

void host_channels_on_drained(struct link_host *h)
{
    struct link_session *s;
    list_each (s, &h->sessions, node) {
        host_session_flush_later(s);
    }
}

void host_channels_drop_all(struct link_host *h, enum close_code code, bool doors)
{
    struct link_session *s;
    list_each (s, &h->sessions, node) {
        if (doors || s->door == NULL) {
            host_session_end(s, code);
        }
    }
}

/* ---- the owner's answers -------------------------------------------------------------------- */

void link_session_pending(struct link_session *s, uint8_t role, uint64_t expires_s)
{
    if (s->phase != PHASE_DECIDING || !s->is_box || s->wants_end) {
        return;
    }
    if (session_pend(s->session, (enum grant_role)role, expires_s * 1000) != OK) {
        host_session_end(s, CLOSE_HANDSHAKE);
        return;
    }
    host_session_flush_later(s);
}

static bool admit(struct link_session *s, struct bytes grant, struct lane *lane)
{
    const struct link_host *h = s->host;
    struct session_welcome w = {.grant = grant, .padding = PADDING_PADME};
    for (size_t i = 0; i < h->n_urls; i++) {
        w.urls[i] = bytes_from_str(h->urls[i]);
    }
    w.n_urls = h->n_urls;
    if (h->ops->audit_head != NULL) {
        w.audit.known = true;
        h->ops->audit_head(h->user, &w.audit.idx, w.audit.head);
    }
    if (session_admit(s->session, &w, lane) != OK) {
        host_session_end(s, CLOSE_LIMIT);
        return false;
    }
    return true;
}

/* Rule 5 of section 2: the old session goes only now. */
static void go_live(struct link_session *s, struct bytes grant)
{
    struct host_device *d = s->device;
    if (d->session != NULL) {
        host_session_end(d->session, CLOSE_REPLACED);
    }
    host_device_commit(d, true); // READY says what we have
    if (admit(s, grant, d->lane)) {
        timer_stop(&d->grace);
        d->session = s;
        d->why = NULL;
        if (s->door != NULL) {
            host_door_known(s->door);
        }
        s->phase = PHASE_LIVE;
        host_session_flush_later(s);
    }
}

static void enrolled(struct link_session *s)
{
    if (admit(s, buf_bytes(&s->grant), NULL)) {
        s->enrolled = true;
        host_session_flush_later(s);
        s->host->ops->enrolled(s->host->user, s, s->claim.device_id);
    }
}

/* In a box: the relay must know Dr before the device hears READY (section 5.0). */
static void enrol(struct link_session *s, struct bytes grant)
{
    struct link_host *h = s->host;
    struct link_peer peer;
    memcpy(peer.device_id, s->claim.device_id, sizeof(peer.device_id));
    memcpy(peer.key, s->claim.key, sizeof(peer.key));
    memcpy(peer.pair_root, s->claim.pair_root, sizeof(peer.pair_root));
    id_relay_device(s->claim.relay_key, peer.relay_tag);
    struct host_device *d;
    const enum err e = host_device_add(h, &peer, true, &d);
    secret_wipe(&peer, sizeof(peer));
    if (e != OK || buf_put(&s->grant, grant) != OK) {
        host_session_end(s, CLOSE_HANDSHAKE);
        return;
    }
    const bool asked = host_acl_send(
        h, ENVELOPE_ADD, (struct bytes){d->relay_tag, sizeof(d->relay_tag)});
    if (!asked && s->door == NULL) {
        host_session_end(s, CLOSE_HANDSHAKE);
        return;
    }
    s->acl_mark = asked ? h->n_acl_sent : 0; // at a door the next login tells the relay
    s->phase = PHASE_LISTING;
    if (!asked) {
        enrolled(s);
    }
}

void link_session_ready(struct link_session *s, struct bytes grant)
{
    if (s->phase != PHASE_DECIDING || s->wants_end) {
        return;
    }
    if (s->is_box) {
        enrol(s, grant);
    } else {
        go_live(s, grant);
    }
}

/* The access list is confirmed: READY may leave. */
void host_channels_on_acl(struct link_host *h)
{
    struct link_session *s;
    list_each (s, &h->sessions, node) {
        if (s->phase == PHASE_LISTING && !s->enrolled &&
            h->n_acl_answered >= s->acl_mark) {
            enrolled(s);
        }
    }
}

void link_session_deny(struct link_session *s, uint8_t code, const char *sentence)
{
    if (s->phase == PHASE_DECIDING && !s->wants_end) {
        session_refuse(s->session, (enum denied_code)code, sentence);
        host_session_flush_later(s);
    }
}
