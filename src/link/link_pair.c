#include "link/link_pair.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "link/ctrl_channel.h"
#include "wire/qr.h"
#include "wire/url.h"

enum { IDLE, DIALING, CLAIMING, HANDSHAKE, DECIDING, LEAVING, DONE };

static const struct machine_state pair_states[] = {
    [IDLE] = {"idle", MOVES_TO(DIALING) | MOVES_TO(DONE)},
    [DIALING] = {"dialing", MOVES_TO(CLAIMING) | MOVES_TO(DONE)},
    [CLAIMING] = {"claiming", MOVES_TO(HANDSHAKE) | MOVES_TO(DONE)},
    [HANDSHAKE] = {"handshake",
                   MOVES_TO(DECIDING) | MOVES_TO(LEAVING) | MOVES_TO(DONE)},
    [DECIDING] = {"deciding", MOVES_TO(LEAVING) | MOVES_TO(DONE)},
    [LEAVING] = {"leaving", MOVES_TO(DONE)},
    [DONE] = {"done", 0},
};

/* All addresses of a link are tried together; the first at which the host itself
 * answers stays. */
struct pair_try {
    struct link_pair *pair;
    struct ctrl_channel *channel; // NULL: it has ended
    bool gone;                    // it only has to end
};

struct link_pair {
    struct machine m;
    struct loop *loop;
    const struct link_pair_ops *ops;
    void *user;
    char *ca_file;          // NULL: the system's authorities
    struct tls_client *tls; // NULL until an address needs it
    bool is_phrase;
    struct qr qr;     // a link
    struct code code; // a phrase
    char name[65];
    uint8_t role_asked;
    struct sign_key *device_key; // D, fresh
    struct sign_key *relay_key;  // Dr, fresh
    struct pair_try tries[QR_URLS_MAX];
    size_t n_tries;
    size_t n_open;                // channels that have not ended
    struct ctrl_channel *channel; // at which the host answered first; NULL: none yet
    enum link_cause blame;        // of the tries that have failed; LINK_OK: none has
    char blame_text[320];
    struct link_joined joined;
    bool ready;     // the host said READY
    bool confirmed; // this side's person said that the digits match
    enum link_cause cause;
    char sentence[320];
    struct loop_task begin;
    struct loop_task finish;
    bool closing;
    void (*closed)(void *user);
};

/* ---- the end ------------------------------------------------------------------- */

static void destroy(struct link_pair *p)
{
    sign_key_destroy(p->device_key);
    sign_key_destroy(p->relay_key);
    tls_client_destroy(p->tls);
    mem_free(p->ca_file);
    qr_fini(&p->qr);
    code_fini(&p->code);
    link_joined_wipe(&p->joined);
    mem_free(p);
}

static void on_finish(struct loop_task *t)
{
    struct link_pair *p = CONTAINER_OF(t, struct link_pair, finish);
    if (p->closing) {
        void (*closed)(void *user) = p->closed;
        void *user = p->user;
        destroy(p);
        if (closed != NULL) {
            closed(user);
        }
        return;
    }
    if (p->m.state != DONE) {
        machine_move(&p->m, DONE);
        p->ops->done(p->user, p->cause, p->sentence,
                     p->cause == LINK_OK ? &p->joined : NULL);
    }
}

static void finish(struct link_pair *p, enum link_cause cause, const char *sentence)
{
    p->cause = cause;
    if (sentence != p->sentence) {
        text_sanitize(bytes_from_str(sentence), p->sentence, sizeof(p->sentence));
    }
    loop_defer(p->loop, &p->finish, on_finish);
}

/* ---- READY ------------------------------------------------------------------------ */

static void keep_urls(struct link_pair *p)
{
    struct link_joined *j = &p->joined;
    for (size_t i = 0; i < p->qr.n_urls && j->n_urls < LINK_JOINED_URLS; i++) {
        if (text_format(j->urls[j->n_urls], sizeof(j->urls[0]), "%s",
                        p->qr.urls[i].text) == OK) {
            j->n_urls++;
        }
    }
}

static void keep(struct link_pair *p, const struct session_ready *r)
{
    struct link_joined *j = &p->joined;
    const struct bytes root = session_pair_root(ctrl_channel_session(p->channel));
    memcpy(j->host_key, r->host_key, sizeof(j->host_key));
    id_host(j->host_key, j->host_id);
    memcpy(j->mailbox_id, r->welcome.mailbox_id, sizeof(j->mailbox_id));
    memcpy(j->pair_root, root.at, sizeof(j->pair_root));
    sign_key_seed(p->device_key, j->device_seed);
    sign_key_seed(p->relay_key, j->relay_seed);
    text_sanitize(bytes_from_str(p->name), j->device, sizeof(j->device));
    (void)ctrl_joined_update(j, r);
    if (j->n_urls == 0) {
        keep_urls(p);
    }
    if (j->name[0] == '\0') {
        char id[HEX_SIZE(sizeof(j->host_id))];
        hex_encode(BYTES_OF(j->host_id), id);
        id[8] = '\0'; // enough to tell hosts apart, and may be typed
        text_sanitize(bytes_from_str(id), j->name, sizeof(j->name));
    }
}

/* The cause is set. The box may be gone: a host does not wait for long after READY. */
static void leave(struct link_pair *p, enum close_code code)
{
    machine_move(&p->m, LEAVING);
    if (p->channel != NULL) {
        ctrl_channel_close(p->channel, code);
    } else {
        finish(p, p->cause, p->sentence);
    }
}

/* Both have said yes: leave the box; the lane begins at the mailbox. */
static void maybe_leave(struct link_pair *p)
{
    if (p->ready && (!p->is_phrase || p->confirmed)) {
        p->cause = LINK_OK;
        leave(p, CLOSE_DONE);
    }
}

static void on_pending(struct link_pair *p, const struct session_pending *pending)
{
    if (p->m.state == HANDSHAKE) {
        machine_move(&p->m, DECIDING);
    }
    char host_name[65];
    text_sanitize(bytes_from_str(pending->host_name), host_name, sizeof(host_name));
    p->ops->digits(p->user, pending->sas, host_name, p->is_phrase);
}

static void on_denied(struct link_pair *p, const struct session_event *ev)
{
    machine_move(&p->m, LEAVING);
    p->cause = ctrl_denial(ev->denied.code);
    text_sanitize(bytes_from_str(ev->denied.text), p->sentence, sizeof(p->sentence));
    ctrl_channel_close(p->channel, CLOSE_DONE);
}

static void on_event(struct link_pair *p, const struct session_event *ev)
{
    switch (ev->kind) {
    case SESSION_PENDING:
        on_pending(p, &ev->pending);
        return;
    case SESSION_READY:
        p->ready = true;
        keep(p, &ev->ready);
        if (p->is_phrase && !p->confirmed) {
            p->ops->progress(p->user, "confirm",
                             "the host has said yes; compare the digits here too");
        }
        maybe_leave(p);
        return;
    case SESSION_DENIED:
        on_denied(p, ev);
        return;
    case SESSION_MESSAGE:
    case SESSION_RESET:
    case SESSION_SILENT:
    case SESSION_PONG:
    case SESSION_RENEW:
    case SESSION_PEER:
    case SESSION_CLOSED:
        return;
    }
}

/* ---- the box --------------------------------------------------------------------- */

static void drop_others(struct link_pair *p, const struct pair_try *but)
{
    for (size_t i = 0; i < p->n_tries; i++) {
        struct pair_try *t = &p->tries[i];
        if (t != but && t->channel != NULL && !t->gone) {
            t->gone = true;
            ctrl_channel_close(t->channel, CLOSE_DONE);
        }
    }
}

static struct bytes claim_of(const struct link_pair *p)
{
    return p->is_phrase ? bytes_from_str(p->code.digits) : BYTES_OF(p->qr.pair_id);
}

static void begin(struct pair_try *t, struct bytes offer)
{
    struct link_pair *p = t->pair;
    const uint64_t now_ms = loop_now_ms(p->loop);
    const struct session_device device = {
        .key = p->device_key,
        .relay_key = sign_key_pub(p->relay_key),
        .name = p->name,
        .version = "farhand " FARHAND_VERSION,
        .role_asked = (enum grant_role)p->role_asked,
    };
    if (p->m.state == CLAIMING) {
        machine_move(&p->m, HANDSHAKE);
    }
    ctrl_channel_begin(t->channel,
                       p->is_phrase
                           ? session_connect_code(&device, &p->code, offer, now_ms)
                           : session_connect_qr(&device, &p->qr, now_ms));
}

static void on_ready(void *user)
{
    struct pair_try *t = user;
    struct link_pair *p = t->pair;
    if (p->m.state == DIALING) {
        machine_move(&p->m, CLAIMING);
        p->ops->progress(p->user, "claim", "an address is reached; calling the host");
    }
    if (ctrl_channel_is_door(t->channel)) {
        ctrl_channel_open_door(t->channel, ENVELOPE_TO_BOX, p->qr.pair_id);
        begin(t, BYTES_NONE);
    } else {
        ctrl_channel_claim(t->channel, claim_of(p));
    }
}

static void on_claimed(void *user, struct bytes offer)
{
    struct pair_try *t = user;
    const struct link_pair *p = t->pair;
    if (p->m.state != CLAIMING && p->m.state != HANDSHAKE) {
        ctrl_channel_close(t->channel, CLOSE_PROTO);
        return;
    }
    begin(t, offer);
}

static void on_answered(void *user)
{
    struct pair_try *t = user;
    t->pair->channel = t->channel;
    drop_others(t->pair, t);
}

static void on_try_event(void *user, const struct session_event *ev)
{
    struct pair_try *t = user;
    if (!t->gone) {
        on_event(t->pair, ev);
    }
}

/* Nothing is left to try: what it means depends on how far the pairing had come. */
static void failed(struct link_pair *p, enum link_cause cause, const char *sentence)
{
    log_info("pair.ended", "cause=%s state=%s", link_cause_name(cause),
             machine_name(&p->m));
    if (p->is_phrase && p->m.state == HANDSHAKE) {
        finish(p, LINK_SPENT,
               "the phrase did not fit: this code is spent now, make a new one on the "
               "host");
    } else if (p->m.state == HANDSHAKE && cause == LINK_UNTRUSTED) {
        finish(
            p, LINK_SPENT,
            "the host does not accept this link: it is used, expired or from another "
            "host; make a new one there");
    } else if (p->m.state == DECIDING && cause == LINK_TIMEOUT) {
        finish(p, LINK_EXPIRED,
               "nobody confirmed on the host in time: make a new code");
    } else {
        finish(p, cause, sentence);
    }
}

/* What a host or a relay said says more than an address out of reach. */
static void blame(struct link_pair *p, enum link_cause cause, const char *sentence)
{
    const bool silent = cause == LINK_RELAY_DOWN || cause == LINK_TIMEOUT;
    if (p->blame == LINK_OK || !silent) {
        p->blame = cause;
        text_sanitize(bytes_from_str(sentence), p->blame_text, sizeof(p->blame_text));
    }
}

static void on_ended(void *user, enum link_cause cause, const char *sentence,
                     bool proven)
{
    (void)proven;
    struct pair_try *t = user;
    struct link_pair *p = t->pair;
    const bool chosen = p->channel != NULL && p->channel == t->channel;
    t->channel = NULL;
    p->n_open--;
    if (p->closing) {
        if (p->n_open == 0) {
            loop_defer(p->loop, &p->finish, on_finish);
        }
        return;
    }
    if (chosen) {
        p->channel = NULL;
    }
    if (chosen && p->m.state == LEAVING) {
        finish(p, p->cause, p->sentence);
    } else if (chosen && !p->ready) {
        failed(p, cause, sentence);
    } else if (!chosen && !t->gone) { // a host that has said yes may go before us
        blame(p, cause, sentence);
        if (p->n_open == 0) {
            failed(p, p->blame, p->blame_text);
        }
    }
}

static const struct ctrl_channel_ops channel_ops = {
    .ready = on_ready,
    .claimed = on_claimed,
    .answered = on_answered,
    .event = on_try_event,
    .ended = on_ended,
};

static void dial(struct link_pair *p)
{
    machine_move(&p->m, DIALING);
    p->ops->progress(p->user, "relay", "reaching the host");
    p->n_tries = p->qr.n_urls;
    for (size_t i = 0; i < p->n_tries; i++) {
        struct pair_try *t = &p->tries[i];
        const char *url = p->qr.urls[i].text;
        t->pair = p;
        p->n_open++;
        t->channel = ctrl_channel_open(
            p->loop, url, uplink_tls(url, p->ca_file, &p->tls), NULL, &channel_ops, t);
    }
}

/* ---- what was typed ----------------------------------------------------------------- */

static enum err read_phrase(struct link_pair *p, const struct link_pair_options *o,
                            struct diag *d)
{
    const struct bytes typed = bytes_from_str(o->text);
    const enum err e =
        typed.len > CODE_INPUT_MAX ? ERR_PROTO : code_parse(typed, &p->code);
    if (e == ERR_USAGE) {
        diag_set(d, "there is a typo in the phrase: its last digit does not fit. "
                    "Nothing was sent, the phrase is still good");
        return ERR_PROTO;
    }
    if (e != OK) {
        diag_set(d, "this is neither a pairing link nor a phrase like WORD-WORD-1234. "
                    "Nothing was sent");
        return ERR_PROTO;
    }
    if (o->relay == NULL || o->relay[0] == '\0') {
        diag_set(d, "a phrase names no relay: say which with --relay URL");
        return ERR_PROTO;
    }
    p->is_phrase = true;
    p->qr.n_urls = 1;
    return text_format(p->qr.urls[0].text, sizeof(p->qr.urls[0].text), "%s", o->relay);
}

static enum err read_link(struct link_pair *p, struct diag *d)
{
    if (p->qr.expires_s * 1000 < clock_wall_ms()) {
        diag_set(d, "this link has expired: make a new one on the host");
        return ERR_EXPIRED;
    }
    if (p->qr.n_urls == 0 || !sign_pub_is_valid(p->qr.host_key)) {
        diag_set(d, "this link is damaged: make a new one on the host");
        return ERR_PROTO;
    }
    return OK;
}

static enum err check_urls(const struct link_pair *p, struct diag *d)
{
    for (size_t i = 0; i < p->qr.n_urls; i++) {
        struct url url;
        if (url_parse(bytes_from_str(p->qr.urls[i].text), &url) != OK ||
            (url.scheme != URL_WS && url.scheme != URL_WSS)) {
            diag_set(d, "'%s' is not the address of a relay (ws://… or wss://…)",
                     p->qr.urls[i].text);
            return ERR_PROTO;
        }
    }
    return OK;
}

enum err link_pair_create(struct loop *loop, const struct link_pair_options *options,
                          const struct link_pair_ops *ops, void *user,
                          struct link_pair **out, struct diag *d)
{
    struct link_pair *p = mem_new(sizeof(*p));
    p->m = (struct machine){.what = "link_pair", .table = pair_states};
    p->loop = loop;
    p->ops = ops;
    p->user = user;
    p->role_asked = options->role_asked;
    text_sanitize(bytes_from_str(options->name), p->name, sizeof(p->name));
    enum err e = qr_decode_text(bytes_from_str(options->text), &p->qr);
    e = e == OK ? read_link(p, d) : read_phrase(p, options, d);
    if (e == OK) {
        e = check_urls(p, d);
    }
    if (e != OK) {
        destroy(p);
        return e;
    }
    p->ca_file = mem_strdup(options->ca_file);
    p->device_key = sign_key_random();
    p->relay_key = sign_key_random();
    *out = p;
    return OK;
}

static void on_begin(struct loop_task *t)
{
    dial(CONTAINER_OF(t, struct link_pair, begin));
}

void link_pair_start(struct link_pair *p)
{
    if (p->m.state == IDLE) {
        loop_defer(p->loop, &p->begin, on_begin);
    }
}

void link_pair_confirm(struct link_pair *p, bool matches)
{
    if (p->m.state != HANDSHAKE && p->m.state != DECIDING) {
        return;
    }
    if (matches) {
        p->confirmed = true;
        maybe_leave(p);
        return;
    }
    p->cause = LINK_DECLINED;
    text_sanitize(BYTES_LIT("declined here: the digits differ. Somebody may know the "
                            "code; make a new one on the host"),
                  p->sentence, sizeof(p->sentence));
    leave(p, CLOSE_HANDSHAKE);
}

void link_pair_close(struct link_pair *p, void (*closed)(void *user))
{
    p->closing = true;
    p->closed = closed;
    loop_task_cancel(&p->begin);
    drop_others(p, NULL);
    if (p->n_open == 0) {
        loop_defer(p->loop, &p->finish, on_finish);
    }
}
