#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "host/daemon.h"
#include "host/scope.h"
#include "link/uplink.h"
#include "session/session.h"
#include "wire/qr.h"

#define GUESS_WINDOW_MS (UINT64_C(24) * 3600 * 1000)
#define GUESSES_A_DAY   10u // wrong phrases in 24 h, over all pairings: then QR only

json_t *pair_row(const struct invite *v)
{
    char id[HEX_SIZE(16)];
    hex_encode(BYTES_OF(v->id), id);
    json_t *row = json_object();
    json_set_str(row, "pairingId", id);
    json_set_str(row, "state", invite_state_name(v));
    json_set_str(row, "role", role_name(v->role));
    json_set_int(row, "expiresAt", (int64_t)v->expires_s);
    json_set_str(row, "person", v->person[0] == '\0' ? NULL : v->person);
    json_set(row, "threads", scope_json(v->scope));
    json_set(row, "until",
             v->until_ms == 0 ? json_null() : json_integer((json_int_t)v->until_ms));
    if (v->claim.mode != 0) {
        json_set_str(row, "mode", v->claim.mode == LINK_MODE_QR ? "qr" : "phrase");
        json_set_str(row, "sas", v->claim.sas);
        json_set_str(row, "deviceName", v->claim.name);
        json_set_bool(row, "asksPerson",
                      v->m.state == INVITE_CONFIRMING && invite_needs_person(v));
    }
    return row;
}

void pair_tell(struct host *h, const struct invite *v)
{
    hub_broadcast(h->hub, HUB_ADMINS, "farhand/pairing/changed", pair_row(v));
}

/* ---- pairing/start: the box at the relay answers later -------------------------- */

struct start {
    struct host *h;
    struct call *call;
    uint8_t pair_id[16];
    bool phrase;
};

static enum err put_blob(const struct host *h, const struct invite *v, char *out,
                         size_t size)
{
    struct qr qr;
    pairing_qr(v->pairing, sign_key_pub(h->keys.host), &qr);
    qr.expires_s = v->expires_s;
    qr.n_urls = 0;
    for (size_t i = 0; i < h->reach.n_urls && i < QR_URLS_MAX; i++) {
        qr.urls[i].kind = uplink_is_door(h->reach.urls[i]) ? QR_DIRECT : QR_RELAY;
        if (text_format(qr.urls[i].text, sizeof(qr.urls[i].text), "%s",
                        h->reach.urls[i]) == OK) {
            qr.n_urls++;
        }
    }
    struct buf blob;
    buf_init(&blob, QR_BLOB_MAX);
    enum err e = qr_encode(&qr, &blob);
    if (e == OK && B64URL_SIZE(buf_len(&blob)) > size) {
        e = ERR_LIMIT;
    }
    if (e == OK) {
        b64url_encode(buf_bytes(&blob), out);
    }
    qr_fini(&qr);
    buf_wipe(&blob);
    return e;
}

/* For a phrase, which a door does not know. NULL: there is none. */
static const char *first_relay(const struct host *h)
{
    for (size_t i = 0; i < h->reach.n_urls; i++) {
        if (!uplink_is_door(h->reach.urls[i])) {
            return h->reach.urls[i];
        }
    }
    return NULL;
}

static json_t *ours(const struct host *h, const struct invite *v, const char *blob)
{
    char id[HEX_SIZE(16)];
    char url[B64URL_SIZE(QR_BLOB_MAX) + HOST_URL_MAX];
    hex_encode(BYTES_OF(v->id), id);
    json_t *out = json_object();
    json_set_str(out, "pairingId", id);
    json_set_str(out, "role", role_name(v->role));
    json_set_str(out, "person", v->person[0] == '\0' ? NULL : v->person);
    json_set(out, "threads", scope_json(v->scope));
    json_set(out, "until",
             v->until_ms == 0 ? json_null() : json_integer((json_int_t)v->until_ms));
    json_set_str(out, "relay", first_relay(h));
    json_set_str(out, "app", h->reach.app[0] == '\0' ? NULL : h->reach.app);
    const bool linked =
        h->reach.app[0] != '\0' &&
        text_format(url, sizeof(url), "%s/#p=%s", h->reach.app, blob) == OK;
    json_set_str(out, "url", linked ? url : NULL);
    secret_wipe(url, sizeof(url));
    return out;
}

static void reply_started(struct host *h, struct call *call, const struct invite *v)
{
    char blob[B64URL_SIZE(QR_BLOB_MAX)];
    char environment[HEX_SIZE(16)];
    if (put_blob(h, v, blob, sizeof(blob)) != OK) {
        hub_reply_error(call, HUB_ERR_INTERNAL,
                        "the addresses of this host do not fit into a code", NULL);
        return;
    }
    hex_encode(BYTES_OF(h->keys.host_id), environment);
    json_t *out = json_object();
    json_set_str(out, "pairingCode", blob);
    json_set_str(out, "manualPairingCode", v->phrase[0] == '\0' ? NULL : v->phrase);
    json_set_str(out, "environmentId", environment);
    json_set_int(out, "expiresAt", (int64_t)v->expires_s);
    json_set(out, "farhand", ours(h, v, blob));
    secret_wipe(blob, sizeof(blob));
    hub_reply(call, out);
}

static void take_digits(struct invite *v, const char *digits)
{
    if (pairing_set_digits(v->pairing, bytes_from_str(digits), 2) != OK ||
        text_format(v->phrase, sizeof(v->phrase), "%s", pairing_phrase(v->pairing)) !=
            OK) {
        log_warn("pair.digits", "len=%zu", strlen(digits));
        return;
    }
    hash_sha256(bytes_from_str(v->phrase), v->phrase_hash);
}

static void on_box(void *user, enum err e, const char *digits, const char *error)
{
    struct start *start = user;
    struct host *h = start->h;
    struct invite *v = invites_find(&h->invites, start->pair_id);
    if (v == NULL || v->m.state != INVITE_OPEN) {
        hub_reply_error(start->call, HUB_ERR_REQUEST, "the pairing has ended", NULL);
    } else if (e != OK) {
        invite_end(v, INVITE_CANCELED);
        hub_reply_error(start->call, HUB_ERR_REQUEST,
                        error != NULL && error[0] != '\0'
                            ? error
                            : "the relay cannot be reached; farhand status says more",
                        NULL);
    } else {
        if (start->phrase) {
            take_digits(v, digits);
        }
        reply_started(h, start->call, v);
        pair_tell(h, v);
    }
    mem_free(start);
}

/* Whoever may itself stay for a while only invites nobody for longer. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* False after an answer. `limits` holds the texts of the wish. */
static bool read_wish(struct host *h, struct call *call, struct people_limits *limits,
                      struct invite_wish *wish)
{
    const json_t *more = json_get_obj(call->params, "farhand");
    const char *role = json_get_str(more, "role");
    *wish = (struct invite_wish){.role = ROLE_OPERATOR,
                                 .confirm = json_get_bool(more, "confirm", false),
                                 .by_device = call->info.kind == CONTROLLER_DEVICE,
                                 .wall_s = clock_wall_ms() / 1000,
                                 .now_ms = loop_now_ms(h->loop)};
    memcpy(wish->maker, call->info.device_id, sizeof(wish->maker));
    if (role != NULL && role_parse(bytes_from_str(role), &wish->role) != OK) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "role is one of viewer, approver, operator, owner", NULL);
        return false;
    }
    if (wish->role == ROLE_OWNER && call->info.kind != CONTROLLER_LOCAL) {
        hub_reply_error(call, HUB_ERR_RIGHTS,
                        "an owner can be made at the host's own terminal only", NULL);
        return false;
    }
    struct diag why = {.text = ""};
    if (requirements_role(&h->requirements, wish->role, &why) != OK) {
        if (role != NULL) {
            hub_reply_error(call, HUB_ERR_POLICY, why.text, NULL);
            return false;
        }
        wish->role = h->requirements.max_role; // nobody asked for more
    }
    if (!people_read_limits(call, more, limits)) {
        return false;
    }
    wish->person = limits->person;
    wish->scope = limits->scope;
    wish->until_ms = earlier(limits->until_ms, call->info.until_ms);
    if (wish->role == ROLE_OWNER && (wish->until_ms != 0 || limits->scope[0] != '\0')) {
        hub_reply_error(call, HUB_ERR_PARAMS,
                        "an owner is not limited: give another role, or no limit",
                        NULL);
        return false;
    }
    return true;
}

bool pair_phrases_are_locked(struct host *h)
{
    uint64_t n = GUESSES_A_DAY;
    const uint64_t now = clock_wall_ms();
    if (store_guess_count(h->store, now - GUESS_WINDOW_MS, &n) != OK) {
        return true; // fail closed
    }
    return n >= GUESSES_A_DAY;
}

void pair_start(struct host *h, struct call *call)
{
    struct invite_wish wish;
    struct people_limits limits;
    struct invite *v = NULL;
    struct diag why = {.text = ""};
    if (admin_forbids_remote(h, &why)) {
        hub_reply_error(call, HUB_ERR_POLICY, why.text, NULL);
        return;
    }
    if (!remote_is_usable(h)) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "remote control pairing requires remote control to be enabled",
                        NULL);
        return;
    }
    const bool phrase = json_get_bool(call->params, "manualCode", false);
    if (phrase && pair_phrases_are_locked(h)) {
        hub_reply_error(
            call, HUB_ERR_REQUEST,
            "ten wrong phrases in a day: pair by QR, or allow phrases again "
            "with 'farhand pair unlock' at the host",
            NULL);
        return;
    }
    if (!read_wish(h, call, &limits, &wish)) {
        return;
    }
    if (invites_open(&h->invites, &wish, &v) != OK) {
        hub_reply_error(call, HUB_ERR_LIMIT,
                        "three pairings are open: use one, or wait until one expires",
                        NULL);
        return;
    }
    struct start *start = mem_new(sizeof(*start));
    *start = (struct start){.h = h, .call = call, .phrase = phrase};
    memcpy(start->pair_id, v->id, sizeof(start->pair_id));
    log_info("pair.open", "role=%s phrase=%d by=\"%s\"", role_name(v->role), phrase,
             call->info.name);
    pair_arm(h);
    link_host_box(h->link, v->pairing, PAIRING_TTL_S, phrase, on_box, start);
}

/* ---- the others ------------------------------------------------------------------ */

static bool is_claimed(const struct invite *v)
{
    return v->m.state == INVITE_ACCEPTED || v->m.state == INVITE_DONE;
}

static struct invite *find_by_blob(struct host *h, const char *text)
{
    struct qr qr;
    if (qr_decode_text(bytes_from_str(text), &qr) != OK) {
        return NULL;
    }
    struct invite *v = invites_find(&h->invites, qr.pair_id);
    qr_fini(&qr);
    return v;
}

static struct invite *find_by_phrase(struct host *h, const char *text)
{
    struct code code;
    uint8_t hash[HASH_SHA256];
    struct invite *found = NULL;
    if (code_parse(bytes_from_str(text), &code) != OK) {
        return NULL;
    }
    hash_sha256(bytes_from_str(code.shown), hash);
    for (size_t i = 0; i < COUNT(h->invites.at); i++) {
        struct invite *v = &h->invites.at[i];
        if (secret_equal(BYTES_OF(v->phrase_hash), BYTES_OF(hash))) {
            found = v;
        }
    }
    code_fini(&code);
    return found;
}

void pair_status(struct host *h, struct call *call)
{
    const char *blob = json_get_str(call->params, "pairingCode");
    const char *phrase = json_get_str(call->params, "manualPairingCode");
    if (blob == NULL && phrase == NULL) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "remoteControl/pairing/status requires pairingCode or "
                        "manualPairingCode",
                        NULL);
        return;
    }
    if (blob != NULL && phrase != NULL) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        "remoteControl/pairing/status accepts either pairingCode or "
                        "manualPairingCode, not both",
                        NULL);
        return;
    }
    const struct invite *v =
        blob != NULL ? find_by_blob(h, blob) : find_by_phrase(h, phrase);
    json_t *out = json_object();
    json_set_bool(out, "claimed", v != NULL && is_claimed(v));
    hub_reply(call, out);
}

void pair_list(struct host *h, struct call *call)
{
    json_t *data = json_array();
    for (size_t i = 0; i < COUNT(h->invites.at); i++) {
        if (h->invites.at[i].m.table != NULL) {
            json_push(data, pair_row(&h->invites.at[i]));
        }
    }
    json_t *out = json_object();
    json_set(out, "data", data);
    hub_reply(call, out);
}

/* The invitation that the call names, or NULL after an answer. */
static struct invite *named(struct host *h, struct call *call)
{
    const char *id = json_get_str(call->params, "pairingId");
    struct invite *v = invites_find_text(&h->invites, id == NULL ? "" : id);
    if (v == NULL) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        id == NULL
                            ? "no pairing, or more than one, waits for an answer: "
                              "name it by its pairingId"
                            : "no such pairing",
                        NULL);
    }
    return v;
}

void pair_confirm(struct host *h, struct call *call)
{
    struct invite *v = named(h, call);
    if (v == NULL) {
        return;
    }
    if (v->m.state != INVITE_CONFIRMING) {
        hub_reply_error(call, HUB_ERR_REQUEST, "this pairing waits for no answer",
                        NULL);
        return;
    }
    const json_t *accept = json_object_get(call->params, "accept");
    if (!json_is_boolean(accept)) {
        hub_reply_error(call, HUB_ERR_PARAMS, "accept is true or false", NULL);
        return;
    }
    log_info("pair.decided", "accept=%d by=\"%s\"", json_is_true(accept),
             call->info.name);
    const struct controller_info by = call->info; // the reply ends the call
    hub_reply(call, json_object());
    pair_decide(h, v, json_is_true(accept), &by);
}

/* Once READY is on its way the device holds its grant: only a revocation helps. */
static bool can_cancel(const struct invite *v)
{
    return v->m.state == INVITE_OPEN || v->m.state == INVITE_CONFIRMING;
}

static void cancel(struct host *h, struct invite *v)
{
    if (h->link != NULL) {
        link_host_box_close(h->link, v->id);
    }
    if (v->session != NULL && v->m.state == INVITE_CONFIRMING) {
        link_session_deny(v->session, DENIED_DECLINED,
                          "The host cancelled the pairing.");
    }
    invite_end(v, INVITE_CANCELED);
    pair_tell(h, v);
}

void pair_cancel(struct host *h, struct call *call)
{
    struct invite *v = named(h, call);
    if (v == NULL) {
        return;
    }
    if (!can_cancel(v)) {
        hub_reply_error(call, HUB_ERR_REQUEST,
                        v->m.state == INVITE_ACCEPTED
                            ? "the device is paired already: revoke it instead"
                            : "this pairing has ended",
                        NULL);
        return;
    }
    hub_reply(call, json_object());
    cancel(h, v);
}

void pair_cancel_all(struct host *h)
{
    for (size_t i = 0; i < COUNT(h->invites.at); i++) {
        if (can_cancel(&h->invites.at[i])) {
            cancel(h, &h->invites.at[i]);
        }
    }
}

void pair_cancel_of(struct host *h, const uint8_t device_id[16])
{
    struct invite *v;
    while ((v = invites_made_by(&h->invites, device_id)) != NULL) {
        cancel(h, v);
    }
}

void pair_unlock(struct host *h, struct call *call)
{
    if (store_guess_clear(h->store) != OK) {
        hub_reply_error(call, HUB_ERR_INTERNAL, "the change could not be stored", NULL);
        return;
    }
    hub_reply(call, json_object());
}
