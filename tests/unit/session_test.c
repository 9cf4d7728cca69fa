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
          T(a_refusal_carries_its_reason),
          T(a_revoked_device_is_told_and_never_comes_back),
          T(a_device_removed_during_the_handshake_is_not_admitted),
          T(a_newer_session_takes_the_lane), T(a_session_goes_on_through_many_epochs),
          T(a_handshake_has_ten_seconds), T(sixteen_handshakes_are_the_most))
