#include "link/uplink.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/random.h"
#include "loop/timer.h"
#include "wire/url.h"

#define SENTENCE_MAX 320
#define FRAME_MAX    2048 // of the frames a leg writes itself

enum { DIALING, CHALLENGED, READY, ENDED };

static const struct machine_state uplink_states[] = {
    [DIALING] = {"dialing", MOVES_TO(CHALLENGED) | MOVES_TO(READY) | MOVES_TO(ENDED)},
    [CHALLENGED] = {"challenged", MOVES_TO(READY) | MOVES_TO(ENDED)},
    [READY] = {"ready", MOVES_TO(ENDED)},
    [ENDED] = {"ended", 0},
};

struct uplink {
    struct machine m;
    struct loop *loop;
    const struct uplink_ops *ops;
    void *user;
    struct login *login; // NULL: a stranger
    bool is_door;
    struct dial *dial;     // while dialling
    struct ws_conn *ws;    // while connected
    struct timer deadline; // until READY; then of a probe
    bool probing;          // a PING of ours has no answer
    uint8_t probe[8];      // its octets
    uint64_t n_asked;      // ws_conn_n_heard() when something was expected, or asked
    enum link_cause cause; // why it ends; LINK_OK: nobody said yet
    char sentence[SENTENCE_MAX];
};

/* Who is at the other end, for sentences. */
static const char *peer(const struct uplink *l)
{
    return l->is_door ? "the host" : "the relay";
}

/* ---- the end --------------------------------------------------------------- */

/* The first cause wins: what follows is its echo. */
static void blame(struct uplink *l, enum link_cause cause, const char *sentence)
{
    if (l->cause == LINK_OK) {
        l->cause = cause;
        text_sanitize(bytes_from_str(sentence), l->sentence, sizeof(l->sentence));
    }
}

static void finish(struct uplink *l)
{
    timer_stop(&l->deadline);
    machine_move(&l->m, ENDED);
    l->ops->ended(l->user, l->cause, l->sentence);
    mem_free(l);
}

static void say(struct uplink *l, enum link_cause cause, const char *what)
{
    char sentence[SENTENCE_MAX];
    if (text_format(sentence, sizeof(sentence), "%s %s", peer(l), what) == OK) {
        blame(l, cause, sentence);
    }
}

static void drop(struct uplink *l, enum link_cause cause, const char *sentence)
{
    blame(l, cause, sentence);
    if (l->dial != NULL) {
        dial_cancel(l->dial); // finishes in on_dialed()
    } else {
        ws_conn_abort(l->ws); // finishes in on_closed()
    }
}

static void drop_saying(struct uplink *l, enum link_cause cause, const char *what)
{
    say(l, cause, what);
    drop(l, cause, what);
}

static void on_deadline(struct timer *t)
{
    struct uplink *l = CONTAINER_OF(t, struct uplink, deadline);
    drop_saying(l, LINK_TIMEOUT, "does not answer");
}

/* ---- liveness ---------------------------------------------------------------- */

/* Counted, not timed: an answer may come in the very millisecond of its question. */
static bool is_answered(const struct uplink *l)
{
    return ws_conn_n_heard(l->ws) != l->n_asked;
}

static void on_silence(struct timer *t)
{
    struct uplink *l = CONTAINER_OF(t, struct uplink, deadline);
    if (is_answered(l)) {
        l->probing = false;
    } else if (l->probing) {
        drop_saying(l, LINK_TIMEOUT, "fell silent");
    } else {
        uplink_probe(l);
    }
}

static void await_octets(struct uplink *l)
{
    l->n_asked = ws_conn_n_heard(l->ws);
    timer_start(l->loop, &l->deadline, UPLINK_QUIET_MS, on_silence);
}

void uplink_probe(struct uplink *l)
{
    struct buf frame;
    if (l->m.state != READY || l->cause != LINK_OK || l->probing ||
        ws_conn_last_heard_ms(l->ws) + UPLINK_QUIET_MS > loop_now_ms(l->loop)) {
        return;
    }
    random_bytes(l->probe, sizeof(l->probe));
    buf_init(&frame, FRAME_MAX);
    if (envelope_put_ping(&frame, 0, l->probe) != OK ||
        uplink_send(l, buf_bytes(&frame)) != OK) {
        log_debug("uplink.unasked", "reason=\"queue is full\""); // the wait counts
    }
    buf_fini(&frame);
    l->probing = true;
    await_octets(l);
}

/* What was expected before has come: the wait begins anew. */
void uplink_expect(struct uplink *l)
{
    if (l->m.state == READY && l->cause == LINK_OK &&
        (!timer_is_armed(&l->deadline) || is_answered(l))) {
        l->probing = false;
        await_octets(l);
    }
}

/* ---- frames ------------------------------------------------------------------ */

static const struct {
    uint16_t code;
    enum link_cause cause;
    const char *sentence;
} refusals[] = {
    {ENVELOPE_E_NOT_ADMITTED, LINK_RELAY_REFUSED,
     "the relay does not admit this key (an invite may be needed, or the pairing was "
     "removed)"},
    {ENVELOPE_E_HOST_OFFLINE, LINK_HOST_OFFLINE, "the host is offline"},
    {ENVELOPE_E_NO_SUCH_CODE, LINK_SPENT,
     "the relay knows no such code: it is spent or mistyped; make a new one on the host"},
    {ENVELOPE_E_CODE_EXPIRED, LINK_EXPIRED,
     "the code has expired; make a new one on the host"},
    {ENVELOPE_E_TOO_MANY, LINK_TOO_MANY,
     "the relay says: too many tries; wait a minute and try again"},
    {ENVELOPE_E_MEMORY, LINK_TOO_MANY, "the relay is full; try again later"},
    {ENVELOPE_E_WRONG_URL, LINK_RELAY_REFUSED,
     "the relay does not know itself by this address (its --public-url differs)"},
    {ENVELOPE_E_CLOCK, LINK_RELAY_REFUSED,
     "this machine's clock and the relay's differ by more than two minutes"},
};

enum link_cause uplink_refusal(uint16_t code, const char **sentence)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        if (refusals[i].code == code) {
            *sentence = refusals[i].sentence;
            return refusals[i].cause;
        }
    }
    *sentence = "the relay refused";
    return LINK_RELAY_REFUSED;
}

/* An ERR before the leg is ready: the relay closes next. */
static void on_refused(struct uplink *l, struct bytes body)
{
    struct envelope_err err;
    if (envelope_err_parse(body, &err) != OK) {
        drop_saying(l, LINK_BROKEN, "broke the protocol");
        return;
    }
    log_info("uplink.refused", "code=%u", (unsigned)err.code);
    if (l->login != NULL && err.code == ENVELOPE_E_NOT_ADMITTED) {
        login_drop_ticket(l->login);
    }
    const char *sentence;
    const enum link_cause cause = uplink_refusal(err.code, &sentence);
    drop(l, cause, sentence);
}

static void become_ready(struct uplink *l)
{
    timer_stop(&l->deadline);
    machine_move(&l->m, READY);
    l->ops->ready(l->user);
}

static void on_challenge(struct uplink *l, struct bytes body)
{
    struct envelope_challenge challenge;
    if (l->m.state != DIALING || envelope_challenge_parse(body, &challenge) != OK) {
        drop_saying(l, LINK_BROKEN, "broke the protocol");
        return;
    }
    if (l->login == NULL) {
        become_ready(l);
        return;
    }
    struct buf frame;
    buf_init(&frame, FRAME_MAX);
    if (login_answer(l->login, &challenge, clock_wall_ms(), &frame) == OK &&
        ws_conn_send_binary(l->ws, buf_bytes(&frame)) == OK) {
        machine_move(&l->m, CHALLENGED);
    } else {
        drop(l, LINK_BROKEN, "the login could not be sent");
    }
    buf_fini(&frame);
}

static void on_auth_ok(struct uplink *l, const struct envelope *f)
{
    struct envelope_auth_ok ok;
    if (envelope_auth_ok_parse(f->body, &ok) != OK) {
        drop_saying(l, LINK_BROKEN, "broke the protocol");
        return;
    }
    if (l->login != NULL) {
        login_keep_ticket(l->login, &ok);
    }
    if (l->m.state == CHALLENGED) {
        become_ready(l);
    } else {
        l->ops->frame(l->user, f); // the answer to an ACL
    }
}

static void on_ping(struct uplink *l, const struct envelope *f)
{
    uint8_t octets[8];
    const enum err e = envelope_ping_parse(f->body, octets);
    if (e == OK && memcmp(octets, l->probe, sizeof(octets)) == 0) {
        return; // the echo of ours
    }
    if (e != OK || uplink_send_body(l, ENVELOPE_PING, f->chan, f->body) != OK) {
        drop_saying(l, LINK_BROKEN, "broke the protocol");
    }
}

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    (void)ws;
    struct uplink *l = user;
    struct envelope f;
    if (text || envelope_parse(payload, &f) != OK) {
        drop_saying(l, LINK_BROKEN, "broke the protocol");
        return;
    }
    if (l->is_door && f.type < ENVELOPE_CLOSE) { // only a relay challenges and opens
        drop_saying(l, LINK_BROKEN, "broke the protocol");
        return;
    }
    if (f.type == ENVELOPE_CHALLENGE) {
        on_challenge(l, f.body);
    } else if (f.type == ENVELOPE_AUTH_OK) {
        on_auth_ok(l, &f);
    } else if (f.type == ENVELOPE_ERR && f.chan == 0 && l->m.state != READY) {
        on_refused(l, f.body);
    } else if (l->m.state != READY) {
        drop_saying(l, LINK_BROKEN, "broke the protocol");
    } else if (f.type == ENVELOPE_PING) {
        on_ping(l, &f);
    } else {
        l->ops->frame(l->user, &f);
    }
}

static void on_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    (void)ws;
    struct uplink *l = user;
    log_debug("uplink.closed", "reason=\"%s\" code=%u", err_text(e), (unsigned)code);
    say(l, LINK_LOST, e == ERR_EXPIRED ? "fell silent" : "closed the connection");
    finish(l);
}

static void on_drained(struct ws_conn *ws, void *user)
{
    (void)ws;
    const struct uplink *l = user;
    if (l->ops->drained != NULL && l->m.state == READY) {
        l->ops->drained(l->user);
    }
}

static const struct ws_conn_events ws_events = {
    .message = on_message,
    .closed = on_closed,
    .drained = on_drained,
};

static void on_dialed(void *user, enum err e, const struct dial_result *r)
{
    struct uplink *l = user;
    l->dial = NULL;
    if (e != OK) {
        char sentence[SENTENCE_MAX];
        if (text_format(sentence, sizeof(sentence), "%s cannot be reached: %s", peer(l),
                        r->text) != OK) {
            text_sanitize(bytes_from_str(r->text), sentence, sizeof(sentence));
        }
        blame(l, LINK_RELAY_DOWN, sentence);
        finish(l);
        return;
    }
    l->ws = r->ws;
    ws_conn_start(l->ws, &ws_events, l);
    if (l->is_door) {
        become_ready(l);
    }
}

/* ---- the calls ------------------------------------------------------------------ */

struct tls_client *uplink_tls(const char *url, const char *ca_file,
                              struct tls_client **made)
{
    struct url parsed;
    struct diag d = {.text = ""};
    if (url_parse(bytes_from_str(url), &parsed) != OK || !url_is_tls(&parsed)) {
        return NULL;
    }
    if (*made == NULL && tls_client_create(ca_file, &d, made) != OK) {
        log_warn("uplink.no_tls", "reason=\"%s\"", d.text);
    }
    return *made; // NULL: dialling says so in a sentence
}

bool uplink_is_door(const char *url)
{
    static const char door[] = "/fh1";
    const size_t len = strlen(url);
    return len >= sizeof(door) - 1 && strcmp(url + len - (sizeof(door) - 1), door) == 0;
}

struct uplink *uplink_open(struct loop *loop, const char *url, struct tls_client *tls,
                           struct login *login, const struct uplink_ops *ops,
                           void *user)
{
    struct uplink *l = mem_new(sizeof(*l));
    *l = (struct uplink){
        .m = {.what = "uplink", .table = uplink_states, .state = DIALING},
        .loop = loop,
        .ops = ops,
        .user = user,
        .login = login,
        .is_door = uplink_is_door(url),
    };
    const struct dial_options options = {
        .url = url,
        .tls = tls,
        .timeout_ms = UPLINK_LOGIN_MS,
        .ws = {.max_message = ENVELOPE_MAX,
               .max_queue = UPLINK_QUEUE_MAX,
               .ping_ms = UPLINK_KEEPALIVE_MS},
    };
    l->dial = dial_ws(loop, &options, on_dialed, l);
    timer_start(loop, &l->deadline, UPLINK_LOGIN_MS, on_deadline);
    return l;
}

void uplink_close(struct uplink *l)
{
    if (l == NULL || l->cause != LINK_OK) {
        return;
    }
    blame(l, LINK_CANCELED, "cancelled");
    if (l->dial != NULL) {
        dial_cancel(l->dial);
    } else {
        ws_conn_close(l->ws, WS_CLOSE_NORMAL, NULL);
    }
}

enum err uplink_send(struct uplink *l, struct bytes frame)
{
    return l->m.state != READY || l->cause != LINK_OK
               ? ERR_CLOSED
               : ws_conn_send_binary(l->ws, frame);
}

enum err uplink_send_body(struct uplink *l, enum envelope_type type, uint32_t chan,
                          struct bytes body)
{
    uint8_t head[ENVELOPE_HEAD];
    if (l->m.state != READY || l->cause != LINK_OK) {
        return ERR_CLOSED;
    }
    envelope_head(head, type, chan);
    return ws_conn_send_binary2(l->ws, BYTES_OF(head), body);
}

uint64_t uplink_heard_ms(const struct uplink *l)
{
    return l->ws == NULL ? 0 : ws_conn_last_heard_ms(l->ws);
}
