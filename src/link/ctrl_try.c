#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "link/ctrl_state.h"

/* ---- the end of one ----------------------------------------------------------------- */

bool ctrl_is_racing(const struct link_ctrl *c)
{
    const struct ctrl_try *t;
    list_each (t, &c->tries, node) {
        if (t->role == TRY_RACING) {
            return true;
        }
    }
    return false;
}

/* What the host said counts most, then what is not merely an address out of reach. */
static unsigned weight(enum link_cause cause, bool proven)
{
    if (proven) {
        return 3;
    }
    if (cause == LINK_RELAY_DOWN || cause == LINK_TIMEOUT) {
        return 1;
    }
    return 2;
}

static void blame(struct link_ctrl *c, enum link_cause cause, const char *sentence,
                  bool proven)
{
    if (c->blamed && weight(c->blame, c->blame_proven) >= weight(cause, proven)) {
        return;
    }
    c->blamed = true;
    c->blame = cause;
    c->blame_proven = proven;
    text_sanitize(bytes_from_str(sentence), c->blame_text, sizeof(c->blame_text));
}

static void start(struct link_ctrl *c, size_t url_at);

static void on_ended(void *user, enum link_cause cause, const char *sentence,
                     bool proven)
{
    struct ctrl_try *t = user;
    struct link_ctrl *c = t->ctrl;
    const enum try_role role = t->role;
    const size_t url_at = t->url_at;
    const bool refused = t->by_ticket && t->login.ticket_len == 0;
    if (refused && url_at < LINK_JOINED_URLS) {
        login_drop_ticket(&c->tickets[url_at]);
    }
    list_remove(&t->node);
    if (c->live == t) {
        c->live = NULL;
    }
    secret_wipe(t, sizeof(*t));
    mem_free(t);
    if (role == TRY_GONE || c->closing) {
        ctrl_maybe_free(c);
    } else if (role == TRY_LIVE) {
        ctrl_lost(c, cause, sentence, proven);
    } else if (refused && url_at < c->joined.n_urls) {
        start(c, url_at); // with the key, at once
    } else {
        blame(c, cause, sentence, proven);
        if (!ctrl_is_racing(c)) {
            ctrl_race_lost(c);
        }
    }
}

void ctrl_try_drop(struct ctrl_try *t)
{
    if (t->role != TRY_GONE) {
        t->role = TRY_GONE;
        ctrl_channel_close(t->channel, CLOSE_DONE);
    }
}

void ctrl_tries_drop(struct link_ctrl *c, const struct ctrl_try *but)
{
    struct ctrl_try *t;
    list_each (t, &c->tries, node) {
        if (t != but) {
            ctrl_try_drop(t);
        }
    }
}

static void drop_racers(struct link_ctrl *c, const struct ctrl_try *but)
{
    struct ctrl_try *t;
    list_each (t, &c->tries, node) {
        if (t->role == TRY_RACING && t != but) {
            ctrl_try_drop(t);
        }
    }
}

void ctrl_try_win(struct ctrl_try *t)
{
    struct link_ctrl *c = t->ctrl;
    if (c->live != NULL) {
        ctrl_try_drop(c->live); // renewed: its streams are with the new session
    }
    t->role = TRY_LIVE;
    c->live = t;
    if (t->url_at < LINK_JOINED_URLS) {
        c->tickets[t->url_at] = t->login;
    }
}

/* ---- its course ------------------------------------------------------------------------ */

static void on_ready(void *user)
{
    struct ctrl_try *t = user;
    struct link_ctrl *c = t->ctrl;
    const struct link_joined *j = &c->joined;
    struct session_host host;
    memcpy(host.host_key, j->host_key, sizeof(host.host_key));
    memcpy(host.mailbox_id, j->mailbox_id, sizeof(host.mailbox_id));
    memcpy(host.pair_root, j->pair_root, sizeof(host.pair_root));
    const struct session_device device = {
        .key = c->device_key,
        .name = j->device,
        .version = "farhand " FARHAND_VERSION,
        .grant_serial = c->grant_serial,
    };
    if (c->m.state == LINK_CTRL_DIALING) {
        ctrl_move(c, LINK_CTRL_HANDSHAKE, LINK_OK, "reached; calling the host");
    }
    ctrl_channel_open_door(t->channel, ENVELOPE_TO_MAILBOX, j->mailbox_id);
    ctrl_channel_begin(t->channel,
                       session_connect(&device, &host, c->lane, loop_now_ms(c->loop)));
    secret_wipe(&host, sizeof(host));
}

/* The host proved itself here first. The third message makes a session, and the host
 * knows one for each device: so nobody else may send it. */
static void on_answered(void *user)
{
    struct ctrl_try *t = user;
    drop_racers(t->ctrl, t);
}

static void on_event(void *user, const struct session_event *ev)
{
    struct ctrl_try *t = user;
    if (t->role != TRY_GONE) {
        ctrl_event(t, ev);
    }
}

static void on_progress(void *user)
{
    const struct ctrl_try *t = user;
    struct link_ctrl *c = t->ctrl;
    if (t->role != TRY_LIVE) {
        return;
    }
    c->heard_ms = loop_now_ms(c->loop);
    if (c->congested && lane_bytes_queued(c->lane) <= CTRL_DRAINED_AT) {
        c->congested = false;
        c->ops->drained(c->user);
    }
}

static const struct ctrl_channel_ops channel_ops = {
    .ready = on_ready,
    .answered = on_answered,
    .event = on_event,
    .progress = on_progress,
    .ended = on_ended,
};

static void start(struct link_ctrl *c, size_t url_at)
{
    struct ctrl_try *t = mem_new(sizeof(*t));
    t->ctrl = c;
    t->role = TRY_RACING;
    t->url_at = url_at;
    text_sanitize(bytes_from_str(c->joined.urls[url_at]), t->url, sizeof(t->url));
    t->login = c->tickets[url_at];
    t->login.role = ENVELOPE_DEVICE;
    t->login.key = c->relay_key;
    t->login.invite = "";
    t->login.url = t->url;
    memcpy(t->login.mailbox, c->joined.mailbox_id, sizeof(t->login.mailbox));
    t->by_ticket = t->login.ticket_len != 0;
    list_append(&c->tries, &t->node);
    t->channel =
        ctrl_channel_open(c->loop, t->url, uplink_tls(t->url, c->ca_file, &c->tls),
                          &t->login, &channel_ops, t);
}

void ctrl_race(struct link_ctrl *c)
{
    c->blamed = false;
    for (size_t i = 0; i < c->joined.n_urls; i++) {
        start(c, i);
    }
}
