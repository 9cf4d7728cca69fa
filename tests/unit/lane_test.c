#include "session/lane.h"

#include "base/log.h"
#include "base/text.h"
#include "ends.h"
#include "wire/delta.h"
#include "wire/json.h"

/* ---- a model: what each end was told to send, and what it heard ------------------------- */

enum { STEPS = 100000, DUE_MAX = 4096 };

/* Deterministic: a failing run can be repeated. */
static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

struct model {
    struct ends t;
    uint64_t random;
    uint64_t sent[2];  // numbers given to the messages of the device and the host
    uint64_t heard[2]; // the last number the other end heard
    uint16_t stream;
    bool restarted; // the lane began anew: numbers may have been lost, never twice
    size_t n_drops;
    size_t n_restarts;
};

/* A message: its number, then octets that depend on it; sometimes several fragments. */
static struct blob *make_message(struct model *m, uint64_t n)
{
    const size_t extra = next_random(&m->random) % 200 == 0 ? 70000 : n % 50;
    struct blob *b = blob_try(8 + extra);
    TRUE(b != NULL);
    be64_write(b->octets, n);
    memset(b->octets + 8, (int)(n & 0xff), extra);
    return b;
}

static void check_message(struct model *m, size_t from, struct bytes octets)
{
    TRUE(octets.len >= 8);
    const uint64_t n = be64_read(octets.at);
    TRUE(n > m->heard[from]); // never twice, never out of order
    if (!m->restarted) {
        EQ_U64(n, m->heard[from] + 1); // never lost
    }
    for (size_t i = 8; i < octets.len; i++) {
        EQ_INT(octets.at[i], n & 0xff);
    }
    m->heard[from] = n;
}

static void hear(struct model *m, struct end *e, size_t from)
{
    struct session_event ev;
    while (e->s != NULL && session_next(e->s, &ev)) {
        switch (ev.kind) {
        case SESSION_PEER:
            e->peer = ev.peer;
            EQ_INT(ends_admit(&m->t), OK);
            break;
        case SESSION_MESSAGE:
            if (ev.message.octets.len != 0) {
                check_message(m, from, ev.message.octets);
            }
            break;
        case SESSION_RESET:
            m->restarted = true;
            if (e == &m->t.ctrl) {
                EQ_INT(lane_open(e->lane, &m->stream), OK);
            }
            break;
        case SESSION_PENDING:
        case SESSION_READY:
        case SESSION_DENIED:
        case SESSION_SILENT:
        case SESSION_PONG:
        case SESSION_RENEW:
        case SESSION_CLOSED:
            break;
        }
    }
}

static void send_some(struct model *m, size_t from)
{
    struct end *e = from == 0 ? &m->t.ctrl : &m->t.host;
    struct blob *b = make_message(m, m->sent[from] + 1);
    const enum err r = lane_send(e->lane, m->stream, b);
    blob_unref(b);
    if (r == OK) {
        m->sent[from]++;
    } else {
        TRUE(from == 1 && r == ERR_NOT_FOUND); // the host waits for the device's open
    }
}

/* Moves one body one way; now and then it is lost, and then the line is dead. */
static bool move_one(struct model *m, size_t from)
{
    struct end *src = from == 0 ? &m->t.ctrl : &m->t.host;
    struct end *dst = from == 0 ? &m->t.host : &m->t.ctrl;
    struct bytes body;
    if (src->s == NULL || !session_output(src->s, m->t.now_ms, &body)) {
        return false;
    }
    if (next_random(&m->random) % 500 == 0) {
        m->n_drops++;
        return true; // lost on the way; sealed, so it has a number
    }
    const enum err e = session_feed(dst->s, body, m->t.now_ms);
    CASE(session_why(dst->s));
    EQ_INT(e, OK);
    hear(m, dst, from);
    session_sent(src->s);
    hear(m, src, 1 - from);
    return false;
}

static void reconnect(struct model *m)
{
    m->t.now_ms += 1000; // or the nonces of ten minutes would not fit
    ends_connect(&m->t);
}

static void restart_host(struct model *m)
{
    const struct lane_state old = lane_state(m->t.host.lane);
    ends_drop(&m->t);
    lane_destroy(m->t.host.lane);
    m->t.host.lane = lane_create(
        LANE_HOST, &(struct lane_state){.epoch = old.epoch + 1, .recv_is_lost = true});
    m->restarted = true;
    m->n_restarts++;
    reconnect(m);
}

static void tick_both(struct model *m)
{
    m->t.now_ms += next_random(&m->random) % 300;
    TRUE(session_tick(m->t.ctrl.s, m->t.now_ms) != ERR_PROTO);
    hear(m, &m->t.ctrl, 1);
    TRUE(session_tick(m->t.host.s, m->t.now_ms) != ERR_PROTO);
    hear(m, &m->t.host, 0);
}

static void settle(struct model *m)
{
    reconnect(m);
    for (int quiet = 0; quiet < 4;) {
        struct bytes body;
        quiet++;
        for (size_t from = 0; from < 2; from++) {
            struct end *src = from == 0 ? &m->t.ctrl : &m->t.host;
            struct end *dst = from == 0 ? &m->t.host : &m->t.ctrl;
            while (session_output(src->s, m->t.now_ms, &body)) {
                EQ_INT(session_feed(dst->s, body, m->t.now_ms), OK);
                hear(m, dst, from);
                session_sent(src->s);
                quiet = 0;
            }
        }
        m->t.now_ms += 300;
    }
}

static void run_model(struct model *m, uint64_t seed, bool with_restarts)
{
    *m = (struct model){.random = seed};
    ends_init(&m->t);
    ends_enrol(&m->t);
    EQ_INT(lane_open(m->t.ctrl.lane, &m->stream), OK);
    reconnect(m);
    for (int step = 0; step < STEPS; step++) {
        const uint32_t dice = next_random(&m->random) % 1000;
        bool dead = false;
        if (dice < 300) {
            send_some(m, 0);
        } else if (dice < 600) {
            send_some(m, 1);
        } else if (dice < 780) {
            dead = move_one(m, 0);
        } else if (dice < 960) {
            dead = move_one(m, 1);
        } else if (dice < 997) {
            tick_both(m);
        } else if (with_restarts && dice == 999) {
            restart_host(m);
        } else {
            dead = true;
        }
        // Both move faster than they talk, or the queues only grow.
        for (int i = 0; i < 4 && !dead; i++) {
            dead = move_one(m, 0) || move_one(m, 1);
        }
        if (dead) {
            reconnect(m);
        }
    }
}

TEST(nothing_is_lost_and_nothing_comes_twice)
{
    struct model m;
    run_model(&m, 1, false);
    FALSE(m.restarted);
    TRUE(m.n_drops > 100 && m.sent[0] > 10000 && m.sent[1] > 10000);
    settle(&m);
    EQ_U64(m.heard[0], m.sent[0]);
    EQ_U64(m.heard[1], m.sent[1]);
    EQ_INT(lane_n_queued(m.t.ctrl.lane), 0);
    EQ_INT(lane_n_queued(m.t.host.lane), 0);
    ends_fini(&m.t);
}

TEST(nothing_comes_twice_when_the_host_restarts_too)
{
    struct model m;
    run_model(&m, 2, true);
    TRUE(m.n_restarts > 20 && m.heard[0] > 1000 && m.heard[1] > 1000);
    settle(&m);
    const uint64_t before = m.heard[0];
    send_some(&m, 0);
    settle(&m);
    EQ_U64(m.heard[0], m.sent[0]);
    TRUE(m.heard[0] > before);
    ends_fini(&m.t);
}

/* ---- what is not a matter of chance -------------------------------------------------------- */

/* A delta as Codex spells it: its number is its text. */
static enum err say_delta(struct lane *l, uint16_t stream, const char *item, unsigned n)
{
    char text[256];
    EQ_INT(
        text_format(text, sizeof(text),
                    "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":"
                    "\"t\",\"turnId\":\"u\",\"itemId\":\"%s\",\"delta\":\"%05u \\n\"},"
                    "\"emittedAtMs\":%u}",
                    item, n, 1790000000 + n),
        OK);
    struct blob *b = blob_copy(bytes_from_str(text));
    struct bytes params;
    struct bytes inside;
    struct delta at;
    EQ_INT(json_raw_get(blob_bytes(b), "params", &params), OK);
    EQ_INT(json_raw_get(params, "delta", &inside), OK);
    TRUE(delta_find(blob_bytes(b), inside, &at));
    const enum err e = lane_send_delta(l, stream, b, &at);
    blob_unref(b);
    return e;
}

static void ends_with_stream(struct ends *t, uint16_t *stream)
{
    ends_init(t);
    ends_enrol(t);
    ends_connect(t);
    EQ_INT(lane_open(t->ctrl.lane, stream), OK);
    EQ_INT(end_say(&t->ctrl, *stream, 'a', 1), OK);
    EQ_INT(ends_pump(t), OK);
}

/* The texts of all deltas that were heard are the numbers from 0 on, none missing. */
static void check_heard(struct bytes heard, unsigned n)
{
    static const char start[] = "\"delta\":\"";
    unsigned next = 0;
    const uint8_t *at = heard.at;
    const uint8_t *end = heard.at + heard.len;
    while ((at = memmem(at, (size_t)(end - at), start, sizeof(start) - 1)) != NULL) {
        for (at += sizeof(start) - 1; *at != '"'; at += 8) {
            char want[16];
            EQ_INT(text_format(want, sizeof(want), "%05u \\n", next), OK);
            TRUE(memcmp(at, want, 8) == 0);
            next++;
        }
    }
    EQ_U64(next, n);
}

TEST(thousands_of_deltas_become_few_while_nobody_reads)
{
    enum { N_DELTAS = 60000 };
    struct ends t;
    uint16_t stream = 0;
    ends_with_stream(&t, &stream);
    for (unsigned i = 0; i < N_DELTAS; i++) {
        EQ_INT(say_delta(t.host.lane, stream, "m", i), OK);
    }
    TRUE(lane_n_unsent(t.host.lane) < 16);
    EQ_U64(lane_n_unsent(t.host.lane), lane_n_queued(t.host.lane));
    TRUE(lane_bytes_queued(t.host.lane) < N_DELTAS * 10);
    EQ_INT(ends_pump(&t), OK);
    EQ_U64(lane_n_unsent(t.host.lane), 0);
    TRUE(t.ctrl.n_messages < 16);
    check_heard(buf_bytes(&t.ctrl.heard), N_DELTAS);
    ends_fini(&t);
}

TEST(a_delta_that_has_its_number_stays_as_it_is)
{
    struct ends t;
    uint16_t stream = 0;
    ends_with_stream(&t, &stream);
    for (unsigned i = 0; i < 3; i++) {
        EQ_INT(say_delta(t.host.lane, stream, "m", 2 * i), OK);
        EQ_INT(say_delta(t.host.lane, stream, "m", 2 * i + 1), OK);
        EQ_U64(lane_n_unsent(t.host.lane), 1);
        EQ_INT(ends_pump(&t), OK);
        EQ_U64(t.ctrl.n_messages, i + 1);
    }
    check_heard(buf_bytes(&t.ctrl.heard), 6);
    ends_fini(&t);
}

TEST(only_neighbours_of_one_stream_and_item_merge)
{
    struct ends t;
    uint16_t one = 0;
    uint16_t two = 0;
    ends_with_stream(&t, &one);
    EQ_INT(lane_open(t.ctrl.lane, &two), OK);
    EQ_INT(end_say(&t.ctrl, two, 'a', 1), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(end_say(&t.host, one, 'x', 1), OK);
    const size_t full = lane_n_unsent(t.host.lane);
    EQ_INT(say_delta(t.host.lane, one, "m", 0), OK);
    EQ_INT(say_delta(t.host.lane, two, "m", 0), OK);
    EQ_INT(say_delta(t.host.lane, one, "m", 1), OK); // a stream has its own order
    EQ_INT(say_delta(t.host.lane, two, "m", 1), OK);
    EQ_U64(lane_n_unsent(t.host.lane), full + 2);
    EQ_INT(say_delta(t.host.lane, one, "other", 2), OK);
    EQ_INT(say_delta(t.host.lane, one, "m", 3), OK);
    EQ_U64(lane_n_unsent(t.host.lane), full + 4);
    EQ_INT(end_say(&t.host, one, 'x', 1), OK);
    EQ_INT(say_delta(t.host.lane, one, "m", 4), OK);
    EQ_U64(lane_n_unsent(t.host.lane), full + 6);
    ends_fini(&t);
}

/* One body from one session to another. */
static void carry(struct ends *t, struct session *from, struct session *to)
{
    struct bytes body;
    TRUE(session_output(from, t->now_ms, &body));
    EQ_INT(session_feed(to, body, t->now_ms), OK);
    session_sent(from);
}

/* protocol.md 5.1: what the old session delivers between the claim of the new one and
 * READY is not acknowledged twice, so the host can go on from the claim. */
TEST(a_session_is_renewed_while_the_old_one_delivers)
{
    struct ends t;
    uint16_t stream = 0;
    ends_with_stream(&t, &stream);
    EQ_INT(end_say(&t.host, stream, 'a', 1), OK);
    EQ_INT(ends_pump(&t), OK);
    struct session *old_host = t.host.s;
    struct session *old_ctrl = t.ctrl.s;
    t.host.s = NULL;
    t.ctrl.s = NULL;
    ends_connect(&t); // beside them
    carry(&t, t.ctrl.s, t.host.s);
    carry(&t, t.host.s, t.ctrl.s); // the claim is made: 1 message
    EQ_INT(end_say(&t.host, stream, 'b', 1), OK);
    carry(&t, old_host, old_ctrl);
    struct session_event ev;
    TRUE(session_next(old_ctrl, &ev) && ev.kind == SESSION_MESSAGE);
    t.now_ms += 1000;
    EQ_INT(session_tick(old_ctrl, t.now_ms), OK);
    struct bytes ack;
    FALSE(session_output(old_ctrl, t.now_ms, &ack));
    EQ_INT(ends_pump(&t), OK);
    TRUE(t.ctrl.ready.resumed);
    EQ_INT(t.host.n_events[SESSION_RESET] + t.ctrl.n_events[SESSION_RESET], 0);
    EQ_INT(end_say(&t.host, stream, 'c', 1), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_BYTES(buf_bytes(&t.ctrl.heard), BYTES_LIT("ac")); // b was heard on the old one
    session_destroy(old_host);
    session_destroy(old_ctrl);
    ends_fini(&t);
}

TEST(one_text_for_many_lanes_is_stored_once)
{
    struct blob *b = blob_copy(BYTES_LIT("hello"));
    struct lane *lanes[3];
    crypto_init();
    for (size_t i = 0; i < COUNT(lanes); i++) {
        uint16_t stream = 0;
        lanes[i] = lane_create(LANE_DEVICE, &(struct lane_state){.epoch = 0});
        EQ_INT(lane_open(lanes[i], &stream), OK);
        EQ_INT(lane_send(lanes[i], stream, b), OK);
    }
    EQ_INT(b->refs, 4);
    for (size_t i = 0; i < COUNT(lanes); i++) {
        lane_destroy(lanes[i]);
    }
    EQ_INT(b->refs, 1);
    blob_unref(b);
}

TEST(a_device_that_is_full_refuses_its_caller)
{
    uint16_t stream = 0;
    enum err e = OK;
    struct end dev = {.lane =
                          lane_create(LANE_DEVICE, &(struct lane_state){.epoch = 0})};
    EQ_INT(lane_open(dev.lane, &stream), OK);
    EQ_INT(end_say(&dev, stream, 'x', LANE_MESSAGE_MAX + 1), ERR_LIMIT);
    for (unsigned i = 0; i < LANE_MESSAGES_MAX; i++) {
        e = end_say(&dev, stream, 'x', 1);
        EQ_INT(e, OK);
    }
    EQ_INT(end_say(&dev, stream, 'x', 1), ERR_LIMIT);
    EQ_INT(lane_n_streams(dev.lane), 1);
    lane_destroy(dev.lane);
}

TEST(sixty_four_streams_are_open_and_one_more_is_closed)
{
    struct ends t;
    uint16_t stream = 0;
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    for (unsigned i = 0; i < LANE_STREAMS_MAX; i++) {
        EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
        EQ_INT(end_say(&t.ctrl, stream, 'a', 1), OK);
    }
    EQ_INT(lane_open(t.ctrl.lane, &stream), ERR_LIMIT);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(lane_n_streams(t.host.lane), LANE_STREAMS_MAX);
    lane_close(t.ctrl.lane, 1);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(stream, LANE_STREAMS_MAX + 1); // never reused
    EQ_INT(end_say(&t.ctrl, stream, 'b', 1), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(lane_n_streams(t.host.lane), LANE_STREAMS_MAX);
    EQ_INT(t.host.n_messages, LANE_STREAMS_MAX + 2); // and one close
    ends_fini(&t);
}

TEST(a_device_that_lost_its_own_count_takes_the_hosts)
{
    struct ends t;
    uint16_t stream = 0;
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    for (int i = 0; i < 5; i++) {
        EQ_INT(end_say(&t.ctrl, stream, 'a', 1), OK);
    }
    EQ_INT(ends_pump(&t), OK);
    EQ_U64(t.host.last_seq, 5);
    ends_drop(&t);
    lane_destroy(t.ctrl.lane); // the page was closed and opened again
    t.ctrl.lane = lane_create(LANE_DEVICE, &(struct lane_state){.epoch = 0});
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'b', 1), OK);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_events[SESSION_RESET], 1); // the old page's streams are gone
    EQ_U64(t.host.last_seq, 6);
    EQ_INT(t.host.n_messages, 6);
    ends_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_lost_and_nothing_comes_twice),
        T(nothing_comes_twice_when_the_host_restarts_too),
        T(thousands_of_deltas_become_few_while_nobody_reads),
        T(a_delta_that_has_its_number_stays_as_it_is),
        T(only_neighbours_of_one_stream_and_item_merge),
        T(a_session_is_renewed_while_the_old_one_delivers),
        T(one_text_for_many_lanes_is_stored_once),
        T(a_device_that_is_full_refuses_its_caller),
        T(sixty_four_streams_are_open_and_one_more_is_closed),
        T(a_device_that_lost_its_own_count_takes_the_hosts),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
