#include "link_rig.h"
#include "wire/delta.h"

TEST(stream_text_goes_there_and_comes_back)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "{\"id\":1}");
    RIG_UNTIL(&r, c.n_texts == 1);
    EQ_BYTES(buf_bytes(&c.last), BYTES_LIT("{\"id\":1}"));
    link_ctrl_stream_close(st);
    RIG_UNTIL(&r, r.streams[0].closed && c.n_stream_closed == 1);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(streams_of_one_device_are_apart)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *a = rig_stream(&c);
    struct link_ctrl_stream *b = rig_stream(&c);
    rig_say(a, "1");
    rig_say(b, "10");
    rig_say(a, "1");
    RIG_UNTIL(&r, c.n_texts == 3);
    EQ_INT(r.n_streams, 2);
    EQ_INT(r.streams[0].n_texts, 2);
    EQ_INT(r.streams[1].n_texts, 1);
    link_ctrl_stream_close(a);
    RIG_UNTIL(&r, r.streams[0].closed);
    FALSE(r.streams[1].closed);
    rig_say(b, "10");
    RIG_UNTIL(&r, c.n_texts == 4);
    rig_disconnect(&c);
    rig_fini(&r);
}

/* Many windows of credit, many fragments, both ways. */
TEST(stream_carries_messages_larger_than_every_window)
{
    const size_t size = 5u << 20;
    struct rig r;
    struct rig_ctrl c;
    uint8_t *text = malloc(size);
    TRUE(text != NULL);
    memset(text, 'x', size);
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    EQ_INT(link_ctrl_stream_send(st, (struct bytes){text, size}), OK);
    TRUE(link_ctrl_congested(c.ctrl));
    RIG_UNTIL(&r, c.n_texts == 1);
    EQ_BYTES(buf_bytes(&c.last), ((struct bytes){text, size}));
    RIG_UNTIL(&r, !link_ctrl_congested(c.ctrl));
    free(text);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(stream_closed_by_the_host_closes_at_the_controller)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    link_stream_close(r.streams[0].st);
    RIG_UNTIL(&r, c.n_stream_closed == 1 && r.streams[0].closed);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(stream_survives_a_restart_of_the_relay)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    for (unsigned round = 0; round < 3; round++) {
        rig_relay_stop(&r);
        RIG_UNTIL(&r, c.state == LINK_CTRL_WAITING || c.state == LINK_CTRL_DIALING);
        rig_say(st, "10"); // waits in the lane
        rig_say(st, "100");
        rig_relay_start(&r);
        RIG_UNTIL(&r, c.n_texts == 3 + round * 2);
    }
    rig_pause(&r, 30);
    EQ_INT(c.n_texts, 7);
    EQ_U64(c.sum, 331); // each exactly once
    EQ_INT(r.n_streams, 1);
    EQ_INT(c.n_stream_closed, 0);
    rig_disconnect(&c);
    rig_fini(&r);
}

/* Each round a new session is made while texts are under way both ways. */
TEST(stream_goes_over_to_a_new_session_without_a_gap)
{
    enum { ROUNDS = 20, TEXTS = 10 };
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    const unsigned opened = r.n_opened;
    const unsigned closed = r.n_closed;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        bool began = false;
        RIG_UNTIL(&r, began || (began = link_ctrl_renew(c.ctrl))); // the last is done
        for (unsigned i = 0; i < TEXTS; i++) {
            rig_say(st, "1");
            EQ_INT(c.state, LINK_CTRL_READY); // nobody notices
            (void)loop_turn(r.loop);
        }
        RIG_UNTIL(&r, r.n_opened == opened + round && r.n_closed == closed + round);
    }
    RIG_UNTIL(&r, c.n_texts == ROUNDS * TEXTS);
    rig_pause(&r, 300); // acks, and whatever should not come
    EQ_U64(c.sum, ROUNDS * TEXTS);
    EQ_INT(c.n_stream_closed, 0);
    EQ_INT(r.n_streams, 1);
    EQ_INT(c.state, LINK_CTRL_READY);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(stream_ends_when_the_host_restarts_and_the_device_comes_back_without_pairing)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    rig_host_stop(&r);
    RIG_UNTIL(&r, c.state == LINK_CTRL_WAITING || c.state == LINK_CTRL_DIALING);
    rig_host_start(&r);
    RIG_UNTIL(&r, c.state == LINK_CTRL_READY && c.n_stream_closed == 1);
    st = rig_stream(&c);
    rig_say(st, "5");
    RIG_UNTIL(&r, c.n_texts == 2);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(a_controller_that_lost_its_state_begins_anew)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    struct rig_ctrl again = {.rig = &r, .joined = c.joined};
    rig_disconnect(&c);
    rig_connect(&r, &again);
    RIG_UNTIL(&r, again.state == LINK_CTRL_READY && r.streams[0].closed);
    st = rig_stream(&again);
    rig_say(st, "7");
    RIG_UNTIL(&r, again.n_texts == 1);
    EQ_INT(r.n_streams, 2);
    rig_disconnect(&again);
    rig_fini(&r);
}

TEST(revoke_ends_the_session_and_its_streams_and_says_so)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    TRUE(link_host_connected(r.host, r.claim.device_id));
    r.devices[0].live = false;
    link_host_revoke(r.host, r.claim.device_id);
    RIG_UNTIL(&r, c.state == LINK_CTRL_ENDED && r.streams[0].closed);
    EQ_INT(c.state_cause, LINK_REVOKED);
    FALSE(link_host_connected(r.host, r.claim.device_id));
    rig_disconnect(&c);
    struct rig_ctrl again = {.rig = &r, .joined = c.joined};
    rig_connect(&r, &again);
    RIG_UNTIL(&r, again.state == LINK_CTRL_WAITING);
    EQ_INT(again.state_cause, LINK_RELAY_REFUSED);
    EQ_INT(r.n_opened, 1);
    rig_disconnect(&again);
    rig_fini(&r);
}

TEST(revoke_while_away_is_said_by_nobody_but_holds)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    rig_disconnect(&c);
    RIG_UNTIL(&r, r.n_closed == 2); // the box and the session
    r.devices[0].live = false;
    link_host_revoke(r.host, r.claim.device_id);
    struct rig_ctrl again = {.rig = &r, .joined = c.joined};
    rig_connect(&r, &again);
    RIG_UNTIL(&r, link_ctrl_is_down(again.ctrl));
    EQ_INT(r.n_opened, 1);
    rig_disconnect(&again);
    rig_fini(&r);
}

TEST(a_host_that_is_away_is_called_offline)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    rig_disconnect(&c);
    rig_host_stop(&r);
    struct rig_ctrl again = {.rig = &r, .joined = c.joined};
    rig_connect(&r, &again);
    RIG_UNTIL(&r, again.state_cause != LINK_OK);
    TRUE(link_ctrl_is_down(again.ctrl));
    EQ_INT(again.state_cause, LINK_HOST_OFFLINE);
    rig_host_start(&r);
    RIG_UNTIL(&r, again.state == LINK_CTRL_READY); // by itself
    rig_disconnect(&again);
    rig_fini(&r);
}

TEST(a_second_session_of_a_device_replaces_the_first)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct rig_ctrl second = {.rig = &r, .joined = c.joined};
    rig_connect(&r, &second);
    RIG_UNTIL(&r, second.state == LINK_CTRL_READY && c.state != LINK_CTRL_READY);
    EQ_INT(c.state_cause, LINK_REPLACED);
    rig_pause(&r, 200);
    EQ_INT(second.state, LINK_CTRL_READY); // not taken back at once
    rig_disconnect(&second);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(stop_inside_a_text_is_safe_and_start_brings_the_device_back)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    r.disable_in = r.streams[0].st;
    rig_say(st, "2");
    rig_say(st, "3");
    RIG_UNTIL(&r, r.state == LINK_DISABLED && r.streams[0].closed);
    EQ_INT(r.streams[0].n_texts, 2); // nothing is dispatched after it
    r.disable_in = NULL;
    link_host_start(r.host);
    RIG_UNTIL(&r, r.state == LINK_CONNECTED && c.state == LINK_CTRL_READY &&
                      c.n_stream_closed == 1);
    st = rig_stream(&c);
    rig_say(st, "4");
    RIG_UNTIL(&r, c.n_texts == 2);
    rig_disconnect(&c);
    rig_fini(&r);
}

/* The device reads nothing while the host writes more than a lane may hold. */
TEST(a_lane_that_overflows_ends_its_streams_and_the_device_goes_on)
{
    const size_t size = 1u << 20;
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    struct blob *big = blob_try(size);
    TRUE(big != NULL);
    memset(big->octets, 'y', size);
    for (unsigned i = 0; i < 12; i++) {
        link_stream_send(r.streams[0].st, big); // no turn of the loop between
    }
    blob_unref(big);
    RIG_UNTIL(&r, r.streams[0].closed && c.n_stream_closed == 1);
    EQ_INT(c.state, LINK_CTRL_READY);
    st = rig_stream(&c);
    rig_say(st, "2");
    RIG_UNTIL(&r, c.n_texts == 2);
    EQ_BYTES(buf_bytes(&c.last), BYTES_LIT("2"));
    rig_disconnect(&c);
    rig_fini(&r);
}

static void say_deltas(struct link_stream *st, unsigned n)
{
    static const char text[] =
        "{\"method\":\"item/agentMessage/delta\",\"params\":{\"delta\":\"word\"}}";
    const struct bytes whole = bytes_from_str(text);
    const size_t at = (size_t)(strstr(text, "\"word\"") - text);
    struct delta where;
    TRUE(delta_find(whole, bytes_sub(whole, at, strlen("\"word\"")), &where));
    for (unsigned i = 0; i < n; i++) {
        struct blob *b = blob_copy(whole);
        link_stream_send_delta(st, b, &where);
        blob_unref(b);
    }
}

TEST(a_burst_of_deltas_is_one_text_and_nothing_overtakes_it)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "1");
    RIG_UNTIL(&r, c.n_texts == 1);
    say_deltas(r.streams[0].st, 100);
    struct blob *end = blob_copy(BYTES_LIT("2"));
    link_stream_send(r.streams[0].st, end);
    blob_unref(end);
    RIG_UNTIL(&r, c.n_texts == 3);
    EQ_BYTES(buf_bytes(&c.last), BYTES_LIT("2"));
    say_deltas(r.streams[0].st, 3); // something has just left: these wait, not for ever
    RIG_UNTIL(&r, c.n_texts == 4);
    const struct bytes last = buf_bytes(&c.last);
    TRUE(memmem(last.at, last.len, "\"wordwordword\"", 14) != NULL);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(a_text_that_is_too_long_ends_its_own_stream_only)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    struct link_ctrl_stream *a = rig_stream(&c);
    struct link_ctrl_stream *b = rig_stream(&c);
    rig_say(a, "1");
    rig_say(b, "2");
    RIG_UNTIL(&r, c.n_texts == 2);
    struct blob *big = blob_try((8u << 20) + 1);
    TRUE(big != NULL);
    link_stream_send(r.streams[0].st, big);
    blob_unref(big);
    RIG_UNTIL(&r, r.streams[0].closed && c.n_stream_closed == 1);
    rig_say(b, "3");
    RIG_UNTIL(&r, c.n_texts == 3);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(host_is_connected_only_after_a_round_trip_and_knows_its_age)
{
    struct rig r;
    struct link_host_status s;
    rig_init(&r);
    link_host_status(r.host, &s);
    EQ_INT(s.state, LINK_CONNECTED);
    TRUE(s.age_ms < 10000);
    EQ_STR(s.error, "");
    rig_relay_stop(&r);
    RIG_UNTIL(&r, r.state == LINK_ERRORED);
    link_host_status(r.host, &s);
    TRUE(s.error[0] != '\0');
    rig_relay_start(&r);
    RIG_UNTIL(&r, r.state == LINK_CONNECTED);
    rig_fini(&r);
}

TEST(a_box_is_opened_again_after_the_relay_forgot_it)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    char link[512];
    rig_init(&r);
    rig_offer(&r);
    rig_link(&r, link, sizeof(link));
    rig_relay_stop(&r);
    rig_relay_start(&r);
    RIG_UNTIL(&r, r.state == LINK_CONNECTED);
    rig_pause(&r, 20);
    EQ_INT(rig_pair_begin(&r, &c, link, &d), OK);
    RIG_UNTIL(&r, c.done);
    EQ_INT(c.cause, LINK_OK);
    rig_fini(&r);
}

TEST(a_box_asked_for_without_a_relay_is_refused_with_a_sentence)
{
    struct rig r;
    rig_init(&r);
    rig_relay_stop(&r);
    RIG_UNTIL(&r, r.state == LINK_ERRORED);
    r.pairing = pairing_create(300, loop_now_ms(r.loop));
    link_host_box(r.host, r.pairing, 300, true, rig_box_done, &r);
    FALSE(r.box_done); // never from inside the call
    RIG_UNTIL(&r, r.box_done);
    EQ_INT(r.box_err, ERR_CLOSED);
    rig_fini(&r);
}

int main(void)
{
    crypto_init();
    const struct CMUnitTest tests[] = {
        T(stream_text_goes_there_and_comes_back),
        T(streams_of_one_device_are_apart),
        T(stream_carries_messages_larger_than_every_window),
        T(stream_closed_by_the_host_closes_at_the_controller),
        T(stream_survives_a_restart_of_the_relay),
        T(stream_goes_over_to_a_new_session_without_a_gap),
        T(stream_ends_when_the_host_restarts_and_the_device_comes_back_without_pairing),
        T(a_controller_that_lost_its_state_begins_anew),
        T(revoke_ends_the_session_and_its_streams_and_says_so),
        T(revoke_while_away_is_said_by_nobody_but_holds),
        T(a_host_that_is_away_is_called_offline),
        T(a_second_session_of_a_device_replaces_the_first),
        T(stop_inside_a_text_is_safe_and_start_brings_the_device_back),
        T(a_lane_that_overflows_ends_its_streams_and_the_device_goes_on),
        T(a_burst_of_deltas_is_one_text_and_nothing_overtakes_it),
        T(a_text_that_is_too_long_ends_its_own_stream_only),
        T(host_is_connected_only_after_a_round_trip_and_knows_its_age),
        T(a_box_is_opened_again_after_the_relay_forgot_it),
        T(a_box_asked_for_without_a_relay_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
