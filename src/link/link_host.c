#include "link/host_state.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/id.h"
#include "crypto/random.h"

#define EPOCHS_A_START 12    // bits: how often a lane may restart while the host runs
#define STABLE_MS      5000u // a connection that lasted this long was no mistake

static void dial(struct link_host *h);

/* ---- state ------------------------------------------------------------------ */

static void on_tell(struct loop_task *t)
{
    struct link_host *h = CONTAINER_OF(t, struct link_host, tell);
    if (h->state == h->told && strcmp(h->error, h->error_told) == 0) {
        return;
    }
    h->told = h->state;
    memcpy(h->error_told, h->error, sizeof(h->error_told));
    h->ops->state(h->user, h->state, h->error);
}

void host_set_state(struct link_host *h, enum link_state state, const char *error)
{
    h->state = state;
    if (error != NULL) {
        text_sanitize(bytes_from_str(error), h->error, sizeof(h->error));
    }
    loop_defer(h->loop, &h->tell, on_tell);
}

void link_host_status(const struct link_host *h, struct link_host_status *out)
{
    const uint64_t heard = h->leg != NULL && h->leg_ready ? uplink_heard_ms(h->leg) : 0;
    const uint64_t proved = heard > h->proved_ms ? heard : h->proved_ms;
    *out = (struct link_host_status){
        .state = h->state,
        .url = h->url,
        .error = h->error,
        .age_ms = proved == 0 ? UINT64_MAX : loop_now_ms(h->loop) - proved,
        .refused = h->refused && h->state == LINK_ERRORED,
    };
}

/* ---- frames from the relay ----------------------------------------------------- */

static void on_refusal(struct link_host *h, const struct envelope *f)
{
    struct envelope_err err;
    const char *sentence;
    if (envelope_err_parse(f->body, &err) != OK) {
        uplink_close(h->leg);
        return;
    }
    (void)uplink_refusal(err.code, &sentence);
    log_warn("link.relay_err", "code=%u chan=%u", (unsigned)err.code,
             (unsigned)f->chan);
    if (f->chan != 0) {
        host_channel_closed(h, f->chan);
    } else {
        host_boxes_on_refused(h, sentence);
    }
}

/* The answer to an access list is a round trip through the relay: the first one makes
 * the link "connected". */
static void on_acl_answered(struct link_host *h)
{
    if (h->n_acl_answered < h->n_acl_sent) {
        h->n_acl_answered++;
    }
    h->proved_ms = loop_now_ms(h->loop);
    if (h->state != LINK_CONNECTED) {
        h->connected_ms = h->proved_ms;
        log_info("link.connected", "devices=%zu", roster_count(h->roster));
        h->error[0] = '\0';
        host_set_state(h, LINK_CONNECTED, NULL);
    }
    host_channels_on_acl(h);
}

static void on_credit(struct link_host *h, const struct envelope *f)
{
    uint32_t octets;
    if (envelope_credit_parse(f->body, &octets) != OK) {
        uplink_close(h->leg);
        return;
    }
    host_channel_credit(h, f->chan, octets);
}

static void on_open(struct link_host *h, const struct envelope *f)
{
    struct envelope_open o;
    if (f->chan == 0 || envelope_open_parse(f->body, &o) != OK) {
        uplink_close(h->leg);
        return;
    }
    host_channel_open(h, f->chan, &o);
}

static void on_frame(void *user, const struct envelope *f)
{
    struct link_host *h = user;
    switch (f->type) {
    case ENVELOPE_DATA:
        host_channel_data(h, f->chan, f->body);
        return;
    case ENVELOPE_CREDIT:
        on_credit(h, f);
        return;
    case ENVELOPE_OPEN:
        on_open(h, f);
        return;
    case ENVELOPE_CLOSE:
        host_channel_closed(h, f->chan);
        return;
    case ENVELOPE_AUTH_OK:
        on_acl_answered(h);
        return;
    case ENVELOPE_NAMEPLATE:
        host_boxes_on_answer(h, f->body);
        return;
    case ENVELOPE_ERR:
        on_refusal(h, f);
        return;
    case ENVELOPE_CHALLENGE:
    case ENVELOPE_AUTH:
    case ENVELOPE_ACL:
    case ENVELOPE_CLAIM:
    case ENVELOPE_PING:
        log_peer("link.unexpected", "type=%u", (unsigned)f->type);
        uplink_close(h->leg);
        return;
    }
}

/* ---- the leg -------------------------------------------------------------------- */

/* Logged in: the access list is the first thing a relay wants to know (section 8). */
static void on_ready(void *user)
{
    struct link_host *h = user;
    h->leg_ready = true;
    h->n_acl_sent = 0;
    h->n_acl_answered = 0;
    if (!host_acl_send_all(h)) {
        uplink_close(h->leg);
        return;
    }
    host_boxes_on_ready(h);
}

static void on_retry(struct timer *t)
{
    struct link_host *h = CONTAINER_OF(t, struct link_host, retry);
    if (h->leg == NULL) {
        dial(h); // else the old leg is still closing: on_ended() comes back here
    }
}

static void on_ended(void *user, enum link_cause cause, const char *sentence)
{
    struct link_host *h = user;
    const bool was_connected = h->state == LINK_CONNECTED;
    h->leg = NULL;
    h->leg_ready = false;
    host_channels_drop_all(h, CLOSE_SHUTDOWN, false);
    host_boxes_on_lost(h, sentence);
    if (!h->running) {
        host_maybe_free(h);
        return;
    }
    if (was_connected && loop_now_ms(h->loop) - h->connected_ms >= STABLE_MS) {
        backoff_reset(&h->backoff);
    }
    uint32_t random;
    random_bytes((uint8_t *)&random, sizeof(random));
    const uint32_t wait_ms = backoff_next_ms(&h->backoff, random);
    log_warn("link.lost", "cause=%s retry_ms=%u", link_cause_name(cause),
             (unsigned)wait_ms);
    h->refused = cause == LINK_RELAY_REFUSED;
    const bool again = was_connected || cause == LINK_CANCELED;
    host_set_state(h, again ? LINK_CONNECTING : LINK_ERRORED, sentence);
    timer_start(h->loop, &h->retry, wait_ms, on_retry);
}

static void on_drained(void *user)
{
    host_channels_on_drained(user);
}

static const struct uplink_ops uplink_ops = {
    .ready = on_ready,
    .frame = on_frame,
    .ended = on_ended,
    .drained = on_drained,
};

static void dial(struct link_host *h)
{
    h->login.counter = h->ops->next_auth_counter(h->user);
    h->leg = uplink_open(h->loop, h->url, uplink_tls(h->url, h->ca_file, &h->tls),
                         &h->login, &uplink_ops, h);
}

/* ---- the calls -------------------------------------------------------------------- */

static bool may_enrol(void *user, const uint8_t device_key[SIGN_PUB])
{
    struct link_host *h = user;
    return h->ops->may_enrol == NULL || h->ops->may_enrol(h->user, device_key);
}

static void load_peers(struct link_host *h)
{
    struct link_peer *peers = mem_new(LINK_PEERS_MAX * sizeof(*peers));
    const size_t n = h->ops->peers(h->user, peers, LINK_PEERS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct host_device *d;
        if (host_device_add(h, &peers[i], false, &d) != OK) {
            log_warn("link.peer_refused", "index=%zu", i);
        }
    }
    secret_wipe(peers, LINK_PEERS_MAX * sizeof(*peers));
    mem_free(peers);
}

static void copy_options(struct link_host *h, const struct link_host_options *o)
{
    text_sanitize(bytes_from_str(o->relay_url == NULL ? "" : o->relay_url), h->url,
                  sizeof(h->url));
    h->has_door = o->has_door;
    text_sanitize(bytes_from_str(o->invite == NULL ? "" : o->invite), h->invite,
                  sizeof(h->invite));
    h->ca_file = mem_strdup(o->ca_file);
    for (size_t i = 0; i < o->n_urls && i < SESSION_URLS_MAX; i++) {
        if (text_format(h->urls[h->n_urls], LINK_URL_MAX, "%s", o->urls[i]) == OK) {
            h->n_urls++;
        }
    }
    h->epoch = (o->lane_epoch << EPOCHS_A_START) | 1u;
    h->host_key = o->host_key;
    h->login = (struct login){
        .role = ENVELOPE_HOST,
        .key = o->relay_key,
        .url = h->url,
        .invite = h->invite,
    };
    id_mailbox(sign_key_pub(o->relay_key), h->login.mailbox);
}

struct link_host *link_host_create(struct loop *loop,
                                   const struct link_host_options *options,
                                   const struct link_host_ops *ops, void *user)
{
    struct link_host *h = mem_new(sizeof(*h));
    h->loop = loop;
    h->ops = ops;
    h->user = user;
    list_init(&h->devices);
    list_init(&h->boxes);
    list_init(&h->sessions);
    list_init(&h->doors);
    copy_options(h, options);
    struct roster_config config = {
        .host_key = options->host_key,
        .name = options->name,
        .version = "farhand " FARHAND_VERSION,
        .may_enrol = may_enrol,
        .user = h,
    };
    memcpy(config.mailbox_id, h->login.mailbox, sizeof(config.mailbox_id));
    h->roster = roster_create(&config);
    load_peers(h);
    return h;
}

void link_host_start(struct link_host *h)
{
    if (h->running || h->closing) {
        return;
    }
    h->running = true;
    h->error[0] = '\0';
    if (h->url[0] == '\0') { // no relay: the door is all there is
        host_set_state(h, h->has_door ? LINK_CONNECTED : LINK_ERRORED, NULL);
        return;
    }
    host_set_state(h, LINK_CONNECTING, NULL);
    timer_start(h->loop, &h->retry, 0, on_retry);
}

void link_host_stop(struct link_host *h)
{
    if (!h->running) {
        return;
    }
    h->running = false;
    timer_stop(&h->retry);
    host_channels_drop_all(h, CLOSE_SHUTDOWN, true);
    host_doors_drop_all(h);
    struct host_device *d;
    list_each (d, &h->devices, node) {
        lane_restart(d->lane);
        host_device_drop_streams(d);
    }
    host_boxes_drop_all(h);
    uplink_close(h->leg);
    backoff_reset(&h->backoff);
    h->error[0] = '\0';
    host_set_state(h, LINK_DISABLED, NULL);
}

static uint64_t device_heard_ms(const struct host_device *d)
{
    return d->session == NULL ? d->heard_ms : session_heard_ms(d->session->session);
}

void link_host_device_status(const struct link_host *h, const uint8_t device_id[16],
                             struct link_device_status *out)
{
    const struct host_device *d;
    *out = (struct link_device_status){.age_ms = UINT64_MAX, .error = ""};
    list_each (d, &h->devices, node) {
        if (!d->removed && memcmp(d->id, device_id, sizeof(d->id)) == 0) {
            const uint64_t heard_ms = device_heard_ms(d);
            out->connected = d->session != NULL;
            out->age_ms = heard_ms == 0 ? UINT64_MAX : loop_now_ms(h->loop) - heard_ms;
            out->error = d->session != NULL || d->why == NULL ? "" : d->why;
        }
    }
}

bool link_host_connected(const struct link_host *h, const uint8_t device_id[16])
{
    const struct host_device *d;
    list_each (d, &h->devices, node) {
        if (memcmp(d->id, device_id, sizeof(d->id)) == 0) {
            return d->session != NULL;
        }
    }
    return false;
}

/* ---- the end ------------------------------------------------------------------------ */

static void on_end(struct loop_task *t)
{
    struct link_host *h = CONTAINER_OF(t, struct link_host, end);
    void (*closed)(void *user) = h->closed;
    void *user = h->user;
    loop_task_cancel(&h->tell);
    timer_stop(&h->retry);
    host_devices_free_all(h);
    roster_destroy(h->roster);
    tls_client_destroy(h->tls);
    mem_free(h->ca_file);
    secret_wipe(&h->login, sizeof(h->login));
    mem_free(h);
    if (closed != NULL) {
        closed(user);
    }
}

/* Everything that could call back has: sessions, streams, the leg. */
void host_maybe_free(struct link_host *h)
{
    if (!h->closing || h->leg != NULL || !list_is_empty(&h->sessions) ||
        !list_is_empty(&h->doors)) {
        return;
    }
    const struct host_device *d;
    list_each (d, &h->devices, node) {
        if (!list_is_empty(&d->streams)) {
            return;
        }
    }
    loop_defer(h->loop, &h->end, on_end);
}

void link_host_close(struct link_host *h, void (*done)(void *user))
{
    link_host_stop(h);
    h->closing = true;
    h->closed = done;
    host_maybe_free(h);
}
