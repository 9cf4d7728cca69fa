#include "session/session.h"

#include "ends.h"

static void begin(struct ends *t)
{
    ends_init(t);
    ends_enrol(t);
    ends_connect(t);
    EQ_INT(ends_pump(t), OK);
}

TEST(a_trusted_device_reconnects)
{
    struct ends t;
    begin(&t);
    EQ_INT(t.host.n_events[SESSION_PEER], 1);
    EQ_INT(t.ctrl.n_events[SESSION_READY], 1);
    TRUE(session_is_ready(t.host.s) && session_is_ready(t.ctrl.s));
    EQ_INT(t.host.peer.mode, SESSION_TRUSTED);
    EQ_MEM(t.host.peer.device_key, sign_key_pub(t.device_key), SIGN_PUB);
    EQ_BYTES(session_th4(t.host.s), session_th4(t.ctrl.s));
    TRUE(t.ctrl.ready.has_grant && t.ctrl.ready.grant.role == GRANT_OPERATOR);
    FALSE(strchr(t.host.peer.name, '\x1b') != NULL);
    ends_fini(&t);
}

TEST(messages_travel_both_ways_and_are_acknowledged)
{
    struct ends t;
    uint16_t stream = 0;
    begin(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'a', 5), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 1);
    EQ_INT(t.host.stream, stream);
    EQ_INT(end_say(&t.host, stream, 'b', 7), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_BYTES(buf_bytes(&t.ctrl.heard), BYTES_LIT("bbbbbbb"));
    EQ_INT(lane_n_queued(t.ctrl.lane), 0); // acknowledged by the answer
    EQ_INT(lane_n_queued(t.host.lane), 1);
    t.now_ms = session_deadline(t.ctrl.s);
    EQ_INT(session_tick(t.ctrl.s, t.now_ms), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(lane_n_queued(t.host.lane), 0);
    ends_fini(&t);
}

TEST(a_message_of_eight_megabytes_arrives_whole)
{
    struct ends t;
    uint16_t stream = 0;
    begin(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'x', LANE_MESSAGE_MAX), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(buf_len(&t.host.heard), LANE_MESSAGE_MAX);
    EQ_INT(t.host.n_messages, 1);
    EQ_INT(t.host.last_seq, 137);
    ends_fini(&t);
}

TEST(what_was_not_acknowledged_is_sent_again)
{
    struct ends t;
    uint16_t stream = 0;
    struct buf lost;
    buf_init(&lost, SESSION_BODY_MAX);
    begin(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'a', 100000), OK);
    TRUE(end_out(&t, &t.ctrl, &lost)); // the line breaks after the first fragment
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 1);
    EQ_INT(buf_len(&t.host.heard), 100000);
    TRUE(t.ctrl.ready.resumed);
    EQ_INT(t.ctrl.n_events[SESSION_RESET], 0);
    buf_fini(&lost);
    ends_fini(&t);
}

TEST(a_host_that_restarted_says_so)
{
    struct ends t;
    uint16_t stream = 0;
    struct buf lost;
    buf_init(&lost, SESSION_BODY_MAX);
    begin(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'a', 10), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'b', 10), OK);
    TRUE(end_out(&t, &t.ctrl, &lost));
    ends_drop(&t);
    lane_destroy(t.host.lane);
    t.host.lane =
        lane_create(LANE_HOST, &(struct lane_state){.epoch = 8, .recv_is_lost = true});
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.ctrl.n_events[SESSION_RESET], 1);
    TRUE(t.ctrl.ready.unknown);
    FALSE(t.ctrl.ready.resumed);
    EQ_INT(t.host.n_messages, 1);

    EQ_INT(end_say(&t.ctrl, stream, 'c', 1), ERR_NOT_FOUND);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'd', 10), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 2);
    buf_fini(&lost);
    ends_fini(&t);
}

TEST(a_reader_that_stalls_loses_its_streams_and_is_told)
{
    struct ends t;
    uint16_t stream = 0;
    begin(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'a', 10), OK);
    EQ_INT(ends_pump(&t), OK);
    enum err e = OK;
    size_t n = 0;
    for (n = 0; e == OK; n++) {
        e = end_say(&t.host, stream, 'x', 10);
    }
    EQ_INT(e, ERR_LIMIT);
    EQ_INT(n, LANE_MESSAGES_MAX + 1);
    EQ_INT(end_say(&t.host, stream, 'x', 10), ERR_NOT_FOUND);
    EQ_INT(end_say(&t.ctrl, stream, 'b', 10), OK); // it does not know yet
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.ctrl.n_events[SESSION_RESET], 1);
    EQ_INT(t.host.n_messages, 1); // what was sent on the dead stream acts no more
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'c', 10), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 2);
    EQ_INT(end_say(&t.host, stream, 'y', 3), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_BYTES(buf_bytes(&t.ctrl.heard), BYTES_LIT("yyy"));
    ends_fini(&t);
}

TEST(a_stream_ends_for_both_at_once)
{
    struct ends t;
    uint16_t stream = 0;
    begin(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    EQ_INT(end_say(&t.ctrl, stream, 'a', 10), OK);
    EQ_INT(ends_pump(&t), OK);
    lane_close(t.host.lane, stream);
    EQ_INT(end_say(&t.ctrl, stream, 'b', 10), OK);
    EQ_INT(ends_pump(&t), OK);
    TRUE(t.ctrl.stream_closed);
    EQ_INT(t.host.n_messages, 1);
    EQ_INT(lane_n_streams(t.ctrl.lane), 0);
    EQ_INT(lane_n_streams(t.host.lane), 0);
    ends_fini(&t);
}

TEST(a_ping_comes_back)
{
    struct ends t;
    begin(&t);
    session_ping(t.host.s, t.now_ms);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_events[SESSION_PONG], 1);
    ends_fini(&t);
}

/* The length of one message of `len` octets as the relay sees it, without overhead. */
static size_t seen_length(struct ends *t, struct end *e, uint16_t stream, size_t len)
{
    struct buf body;
    buf_init(&body, SESSION_BODY_MAX);
    EQ_INT(end_say(e, stream, 'a', len), OK);
    TRUE(end_out(t, e, &body));
    const size_t seen = buf_len(&body) - 26;
    EQ_INT(end_feed(t, e == &t->host ? &t->ctrl : &t->host, buf_bytes(&body)), OK);
    EQ_INT(ends_pump(t), OK);
    buf_fini(&body);
    return seen;
}

TEST(lengths_are_hidden_as_the_host_chose)
{
    static const struct {
        const char *name;
        enum session_padding padding;
        size_t of_10;
        size_t of_2000;
    } cases[] = {
        {"off", PADDING_OFF, 31, 2021},
        {"padme", PADDING_PADME, 64, 2048},
        {"b1k", PADDING_B1K, 1024, 2048},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ends t;
        uint16_t stream = 0;
        CASE(cases[i].name);
        ends_init(&t);
        t.padding = cases[i].padding;
        ends_enrol(&t);
        ends_connect(&t);
        EQ_INT(ends_pump(&t), OK);
        EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
        EQ_INT(seen_length(&t, &t.ctrl, stream, 10), cases[i].of_10);
        EQ_INT(seen_length(&t, &t.host, stream, 10), cases[i].of_10);
        EQ_INT(seen_length(&t, &t.host, stream, 2000), cases[i].of_2000);
        ends_fini(&t);
    }
}

TEST(a_cover_record_goes_every_five_seconds_while_a_turn_runs)
{
    struct ends t;
    struct bytes body;
    ends_init(&t);
    t.padding = PADDING_B1K;
    ends_enrol(&t);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    session_set_cover(t.host.s, true, t.now_ms);
    for (int i = 0; i < 3; i++) {
        FALSE(session_output(t.host.s, t.now_ms, &body));
        EQ_U64(session_deadline(t.host.s), t.now_ms + 5000);
        t.now_ms += 5000;
        EQ_INT(session_tick(t.host.s, t.now_ms), OK);
        TRUE(session_output(t.host.s, t.now_ms, &body));
        EQ_INT(body.len, 1024 + 26);
        EQ_INT(ends_pump(&t), OK);
    }
    session_set_cover(t.host.s, false, t.now_ms);
    TRUE(session_deadline(t.host.s) > t.now_ms + 60000);
    ends_fini(&t);
}

TEST(a_refusal_carries_its_reason)
{
    struct ends t;
    ends_init(&t);
    ends_enrol(&t);
    t.refuse = true;
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.ctrl.denied, DENIED_DECLINED);
    EQ_INT(t.ctrl.n_events[SESSION_CLOSED], 1);
    EQ_INT(t.host.n_events[SESSION_CLOSED], 1);
    ends_fini(&t);
}

TEST(a_revoked_device_is_told_and_never_comes_back)
{
    struct ends t;
    begin(&t);
    roster_remove(t.roster, t.host.peer.device_id);
    session_revoke(t.host.s);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.ctrl.closed, CLOSE_REVOKED);
    EQ_INT(t.host.closed, CLOSE_REVOKED);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), ERR_AUTH);
    EQ_INT(session_close_code(t.host.s), CLOSE_HANDSHAKE);
    EQ_INT(roster_n_refused(t.roster), 1);
    ends_fini(&t);
}

TEST(a_device_removed_during_the_handshake_is_not_admitted)
{
    struct ends t;
    ends_init(&t);
    ends_enrol(&t);
    t.hold = true;
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    roster_remove(t.roster, t.host.peer.device_id);
    EQ_INT(ends_admit(&t), ERR_CANCELED);
    ends_fini(&t);
}

TEST(a_newer_session_takes_the_lane)
{
    struct ends t;
    begin(&t);
    struct session *old_host = t.host.s;
    struct session *old_ctrl = t.ctrl.s;
    t.host.s = NULL;
    t.ctrl.s = NULL;
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    TRUE(session_is_ready(t.ctrl.s));
    struct bytes body;
    session_ping(old_ctrl, t.now_ms);
    TRUE(session_output(old_ctrl, t.now_ms, &body));
    EQ_INT(session_feed(old_host, body, t.now_ms), ERR_CANCELED);
    EQ_INT(session_close_code(old_host), CLOSE_REPLACED);
    session_destroy(old_host);
    session_destroy(old_ctrl);
    ends_fini(&t);
}

TEST(a_session_goes_on_through_many_epochs)
{
    struct ends t;
    uint16_t stream = 0;
    begin(&t);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
    for (int i = 0; i < 10; i++) {
        t.now_ms += 61 * 60 * 1000;
        EQ_INT(end_say(&t.ctrl, stream, 'a', 10), OK);
        EQ_INT(ends_pump(&t), OK);
        EQ_INT(end_say(&t.host, stream, 'b', 10), OK);
        EQ_INT(ends_pump(&t), OK);
    }
    EQ_INT(t.host.n_messages, 10);
    EQ_INT(t.ctrl.n_messages, 10);
    t.now_ms += 2 * 60 * 60 * 1000;
    EQ_INT(session_tick(t.ctrl.s, t.now_ms), OK);
    end_drain(&t, &t.ctrl);
    EQ_INT(t.ctrl.n_events[SESSION_RENEW], 1);
    t.now_ms += 60 * 60 * 1000;
    EQ_INT(session_tick(t.host.s, t.now_ms), ERR_EXPIRED);
    ends_fini(&t);
}

TEST(a_handshake_has_ten_seconds)
{
    struct ends t;
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    EQ_INT(session_deadline(t.host.s), t.now_ms + 10000);
    EQ_INT(session_tick(t.host.s, t.now_ms + 9999), OK);
    EQ_INT(session_tick(t.host.s, t.now_ms + 10000), ERR_EXPIRED);
    ends_fini(&t);
}

TEST(sixteen_handshakes_are_the_most)
{
    struct ends t;
    struct session *s[17];
    ends_init(&t);
    for (int i = 0; i < 16; i++) {
        s[i] = session_accept(t.roster, t.now_ms);
        TRUE(s[i] != NULL);
    }
    TRUE(session_accept(t.roster, t.now_ms) == NULL);
    for (int i = 0; i < 16; i++) {
        session_destroy(s[i]);
    }
    s[16] = session_accept(t.roster, t.now_ms);
    TRUE(s[16] != NULL);
    session_destroy(s[16]);
    ends_fini(&t);
}

RUN_TESTS(T(a_trusted_device_reconnects),
          T(messages_travel_both_ways_and_are_acknowledged),
          T(a_message_of_eight_megabytes_arrives_whole),
          T(what_was_not_acknowledged_is_sent_again), T(a_host_that_restarted_says_so),
          T(a_reader_that_stalls_loses_its_streams_and_is_told),
          T(a_stream_ends_for_both_at_once), T(a_ping_comes_back),
          T(lengths_are_hidden_as_the_host_chose),
          T(a_cover_record_goes_every_five_seconds_while_a_turn_runs),
          T(a_refusal_carries_its_reason),
          T(a_revoked_device_is_told_and_never_comes_back),
          T(a_device_removed_during_the_handshake_is_not_admitted),
          T(a_newer_session_takes_the_lane), T(a_session_goes_on_through_many_epochs),
          T(a_handshake_has_ten_seconds), T(sixteen_handshakes_are_the_most))
