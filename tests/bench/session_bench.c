/*
 * session_bench: what one record costs, sealed and opened again, in nanoseconds.
 *
 * Usage      session_bench: prints one JSON object, for people and for tests/bench.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/random.h"
#include "session/record.h"
#include "session/session.h"

enum { ROUNDS = 200000, RECORD_PLAIN = 222 - RECORD_OVERHEAD, DELTA = 150 };

static double per_round(uint64_t began_us)
{
    return (double)(clock_mono_us() - began_us) * 1000.0 / ROUNDS;
}

/* The record layer alone: 222 octets on the wire. */
static double bench_record(void)
{
    static const uint8_t secret[RECORD_SECRET] = {1};
    struct record tx;
    struct record rx;
    uint8_t raw[222] = {0};
    struct bytes plain;
    record_init(&tx, secret, 0);
    record_init(&rx, secret, 0);
    const uint64_t began = clock_mono_us();
    for (int i = 0; i < ROUNDS; i++) {
        if (record_seal(&tx, raw, RECORD_PLAIN) != OK ||
            record_open(&rx, raw, sizeof(raw), &plain) != OK) {
            abort();
        }
    }
    const double ns = per_round(began);
    record_fini(&tx);
    record_fini(&rx);
    return ns;
}

struct pair {
    struct sign_key *host_key;
    struct sign_key *device_key;
    struct roster *roster;
    struct lane *host_lane;
    struct lane *ctrl_lane;
    struct session *host;
    struct session *ctrl;
    size_t n_heard;
};

static void drain(struct pair *p, struct session *s)
{
    struct session_event ev;
    while (session_next(s, &ev)) {
        const struct session_welcome w = {.padding = PADDING_PADME};
        if (ev.kind == SESSION_PEER && session_admit(s, &w, p->host_lane) != OK) {
            abort();
        }
        p->n_heard += ev.kind == SESSION_MESSAGE ? 1 : 0;
    }
}

static void carry(struct pair *p, struct session *from, struct session *to)
{
    struct bytes body;
    while (session_output(from, 0, &body)) {
        if (session_feed(to, body, 0) != OK) {
            abort();
        }
        session_sent(from);
        drain(p, to);
    }
}

static void connect_pair(struct pair *p)
{
    static const uint8_t root[PAIR_ROOT_SIZE] = {2};
    struct session_host h = {.mailbox_id = {0}};
    p->host_key = sign_key_random();
    p->device_key = sign_key_random();
    const struct roster_config c = {
        .host_key = p->host_key, .name = "h", .version = "1"};
    const struct session_device d = {.key = p->device_key, .name = "d", .version = "1"};
    p->roster = roster_create(&c);
    memcpy(h.host_key, sign_key_pub(p->host_key), SIGN_PUB);
    memcpy(h.pair_root, root, sizeof(root));
    p->host_lane = lane_create(LANE_HOST, &(struct lane_state){.epoch = 1});
    p->ctrl_lane = lane_create(LANE_DEVICE, &(struct lane_state){.epoch = 0});
    if (roster_put(p->roster, sign_key_pub(p->device_key), root) != OK) {
        abort();
    }
    p->host = session_accept(p->roster, 0);
    p->ctrl = session_connect(&d, &h, p->ctrl_lane, 0);
    for (int i = 0; i < 3; i++) {
        carry(p, p->ctrl, p->host);
        carry(p, p->host, p->ctrl);
    }
}

/* A delta through lane, padding, record, and all of it again on the other side. */
static double bench_delta(void)
{
    static struct pair p;
    uint16_t stream = 0;
    connect_pair(&p);
    struct blob *b = blob_try(DELTA);
    if (b == NULL || lane_open(p.ctrl_lane, &stream) != OK ||
        lane_send(p.ctrl_lane, stream, b) != OK) {
        abort();
    }
    carry(&p, p.ctrl, p.host);
    const uint64_t began = clock_mono_us();
    for (int i = 0; i < ROUNDS; i++) {
        if (lane_send(p.host_lane, stream, b) != OK) {
            abort();
        }
        carry(&p, p.host, p.ctrl);
        carry(&p, p.ctrl, p.host);
    }
    const double ns = per_round(began);
    if (p.n_heard != ROUNDS + 1) {
        abort();
    }
    blob_unref(b);
    session_destroy(p.host);
    session_destroy(p.ctrl);
    lane_destroy(p.host_lane);
    lane_destroy(p.ctrl_lane);
    roster_destroy(p.roster);
    sign_key_destroy(p.host_key);
    sign_key_destroy(p.device_key);
    return ns;
}

int main(void)
{
    crypto_init();
    log_set_level(LOG_WARN);
    const double record = bench_record();
    const double delta = bench_delta();
    (void)printf("{\"record_ns\": %.0f, \"delta_ns\": %.0f}\n", record, delta);
    return 0;
}
