#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/random.h"
#include "session/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A host, its device, and a relay that does with their bodies what the input says. */
struct world {
    struct sign_key *host_key;
    struct sign_key *device_key;
    uint8_t mailbox[ID_SIZE];
    uint8_t root[PAIR_ROOT_SIZE];
    struct roster *roster;
    struct lane *host_lane;
    struct lane *ctrl_lane;
    struct session *host;
    struct session *ctrl;
    uint64_t now_ms;
    uint16_t stream;
    size_t n_heard;
    uint8_t last[SESSION_BODY_MAX]; // the last body seen, for replays
    size_t last_len;
};

enum { SENT = 'a' };

static void begin(struct world *w)
{
    crypto_init();
    log_set_level(LOG_ERROR);
    *w = (struct world){.now_ms = 1};
    w->host_key = sign_key_random();
    w->device_key = sign_key_random();
    random_bytes(w->root, sizeof(w->root));
    const struct roster_config c = {
        .host_key = w->host_key, .name = "h", .version = "1"};
    w->roster = roster_create(&c);
    if (roster_put(w->roster, sign_key_pub(w->device_key), w->root) != OK) {
        abort();
    }
    w->host_lane = lane_create(LANE_HOST, &(struct lane_state){.epoch = 1});
    w->ctrl_lane = lane_create(LANE_DEVICE, &(struct lane_state){.epoch = 0});
    if (lane_open(w->ctrl_lane, &w->stream) != OK) {
        abort();
    }
}

static void connect_both(struct world *w)
{
    struct session_host h;
    const struct session_device d = {.key = w->device_key, .name = "d", .version = "1"};
    session_destroy(w->host);
    session_destroy(w->ctrl);
    memcpy(h.host_key, sign_key_pub(w->host_key), SIGN_PUB);
    memcpy(h.mailbox_id, w->mailbox, ID_SIZE);
    memcpy(h.pair_root, w->root, PAIR_ROOT_SIZE);
    w->host = session_accept(w->roster, w->now_ms);
    w->ctrl = session_connect(&d, &h, w->ctrl_lane, w->now_ms);
    if (w->host == NULL || w->ctrl == NULL) {
        abort();
    }
}

static void drain(struct world *w, struct session *s)
{
    struct session_event ev;
    while (session_next(s, &ev)) {
        if (ev.kind == SESSION_PEER) {
            const struct session_welcome welcome = {.padding = PADDING_PADME};
            if (memcmp(ev.peer.device_key, sign_key_pub(w->device_key), SIGN_PUB) !=
                    0 ||
                session_admit(s, &welcome, w->host_lane) != OK) {
                abort();
            }
        }
        if (ev.kind == SESSION_READY &&
            !bytes_equal(session_th4(w->host), session_th4(w->ctrl))) {
            abort();
        }
        if (ev.kind == SESSION_MESSAGE) {
            w->n_heard++;
            for (size_t i = 0; i < ev.message.octets.len; i++) {
                if (ev.message.octets.at[i] != SENT) {
                    abort();
                }
            }
        }
    }
}

static void feed(struct world *w, struct session *to, const uint8_t *at, size_t len)
{
    const enum err e = session_feed(to, (struct bytes){at, len}, w->now_ms);
    drain(w, to);
    if (e != OK && session_is_ready(to)) {
        abort(); // a session that failed may not go on
    }
}

/* One body one way; `how` says what the relay does to it. */
static void carry(struct world *w, struct session *from, struct session *to,
                  uint8_t how, uint8_t detail)
{
    struct bytes body;
    if (!session_output(from, w->now_ms, &body)) {
        return;
    }
    memcpy(w->last, body.at, body.len);
    w->last_len = body.len;
    session_sent(from);
    drain(w, from);
    switch (how % 6) {
    case 0: // honest
    case 1:
        feed(w, to, w->last, w->last_len);
        break;
    case 2: // lost
        break;
    case 3: // changed
        w->last[(detail * (size_t)7) % w->last_len] ^= (uint8_t)(1 << detail % 8);
        feed(w, to, w->last, w->last_len);
        break;
    case 4: // cut
        feed(w, to, w->last, detail % w->last_len);
        break;
    default: // reflected
        feed(w, from, w->last, w->last_len);
        break;
    }
}

static void say(struct lane *l, uint16_t stream, uint8_t n)
{
    struct blob *b = blob_try(1 + n * (size_t)300);
    if (b == NULL) {
        return;
    }
    memset(b->octets, SENT, b->len);
    const enum err ignored = lane_send(l, stream, b);
    (void)ignored;
    blob_unref(b);
}

static void act(struct world *w, uint8_t what, uint8_t detail)
{
    const uint8_t how = what >> 4;
    switch (what & 7) {
    case 0:
    case 1:
        carry(w, w->ctrl, w->host, how, detail);
        break;
    case 2:
    case 3:
        carry(w, w->host, w->ctrl, how, detail);
        break;
    case 4: // replayed
        feed(w, how % 2 == 0 ? w->host : w->ctrl, w->last, w->last_len);
        break;
    case 5:
        connect_both(w);
        break;
    case 6:
        say(how % 2 == 0 ? w->ctrl_lane : w->host_lane, w->stream, detail);
        break;
    default:
        w->now_ms += detail * UINT64_C(1000);
        const enum err ignored[] = {session_tick(w->host, w->now_ms),
                                    session_tick(w->ctrl, w->now_ms)};
        (void)ignored;
        drain(w, w->host);
        drain(w, w->ctrl);
        break;
    }
}

/* Property: whatever the relay does, only the enrolled device is ever admitted, both ends
 * agree on the handshake, and no octet is heard that was not said. Input: pairs of what
 * to do and a detail; see act(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    begin(&w);
    connect_both(&w);
    for (size_t i = 0; i + 1 < size && i < 400; i += 2) {
        act(&w, data[i], data[i + 1]);
    }
    session_destroy(w.host);
    session_destroy(w.ctrl);
    lane_destroy(w.host_lane);
    lane_destroy(w.ctrl_lane);
    roster_destroy(w.roster);
    sign_key_destroy(w.host_key);
    sign_key_destroy(w.device_key);
    return 0;
}
