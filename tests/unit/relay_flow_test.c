#include "relay_scene.h"

/* Readers that do not read: whose octets wait, where, and how many. */

static uint8_t block[ENVELOPE_BODY_MAX];

static struct bytes octets(size_t n)
{
    return (struct bytes){block, n};
}

static void expect_reason(struct peer *p, uint32_t on, enum envelope_reason reason)
{
    const uint8_t body[1] = {(uint8_t)reason};
    expect(p, ENVELOPE_CLOSE, on, BYTES_OF(body));
}

/* ---- stalled readers --------------------------------------------------------------------- */

/* The host sends to this device until its window is used up. */
static size_t fill(struct peer *to, uint32_t on)
{
    size_t sent = 0;
    to->stalled = true;
    while (sent + 16384 <= ENVELOPE_WINDOW) {
        peer_put(&host, ENVELOPE_DATA, on, octets(16384));
        sent += 16384;
    }
    return sent;
}

TEST(a_stalled_device_stops_its_own_channel_and_nobody_elses)
{
    begin(2);
    (void)fill(&device[0], chan[0]);
    TRUE(device[0].leg != NULL);
    TRUE(device[0].queued <= RELAY_LEG_MAX);
    peer_put(&host, ENVELOPE_DATA, chan[1], BYTES_LIT("approve?"));
    expect(&device[1], ENVELOPE_DATA, 0, BYTES_LIT("approve?"));
    peer_put(&device[0], ENVELOPE_DATA, 0, BYTES_LIT("still here"));
    while (peer_next(&host) && host.f.type == ENVELOPE_CREDIT) {
    }
    EQ_BYTES(host.f.body, BYTES_LIT("still here"));
    end();
}

TEST(credit_is_granted_only_for_what_has_left)
{
    begin(1);
    size_t granted = 0;
    const size_t sent = fill(&device[0], chan[0]);
    EQ_U64(sent, ENVELOPE_WINDOW);
    while (peer_next(&host)) {
        EQ_INT(host.f.type, ENVELOPE_CREDIT);
        EQ_INT(host.f.chan, chan[0]);
        granted += be32_read(host.f.body.at);
    }
    TRUE(granted <= RELAY_LEG_MAX);
    peer_read_on(&device[0]);
    while (peer_next(&host)) {
        granted += be32_read(host.f.body.at);
    }
    TRUE(granted > sent - RELAY_GRANT_STEP && granted <= sent);
    size_t got = 0;
    while (peer_next(&device[0])) {
        got += device[0].f.body.len;
    }
    EQ_U64(got, sent);
    end();
}

TEST(a_sender_over_its_window_loses_that_channel)
{
    begin(2);
    (void)fill(&device[0], chan[0]);
    size_t left = ENVELOPE_WINDOW; // more than it can have been granted
    while (device[0].leg != NULL && left != 0) {
        peer_put(&host, ENVELOPE_DATA, chan[0], octets(16384));
        left -= 16384;
    }
    TRUE(device[0].leg == NULL);
    TRUE(host.leg != NULL && device[1].leg != NULL);
    while (peer_next(&host) && host.f.type == ENVELOPE_CREDIT) {
    }
    EQ_INT(host.f.type, ENVELOPE_CLOSE);
    EQ_INT(host.f.body.at[0], ENVELOPE_LIMIT);
    end();
}

TEST(order_is_kept_across_a_stall)
{
    begin(1);
    (void)fill(&device[0], chan[0]);
    peer_read_on(&device[0]);
    size_t n = 0;
    while (peer_next(&device[0])) {
        n++;
    }
    peer_put(&host, ENVELOPE_DATA, chan[0], BYTES_LIT("last"));
    expect(&device[0], ENVELOPE_DATA, 0, BYTES_LIT("last"));
    EQ_U64(n, ENVELOPE_WINDOW / 16384);
    end();
}

TEST(a_host_that_is_behind_gets_its_devices_in_turn)
{
    begin(2);
    host.stalled = true;
    while (host.queued <= RELAY_LEG_HIGH) {
        peer_put(&device[0], ENVELOPE_DATA, 0, octets(16384));
    }
    for (int i = 0; i < 3; i++) {
        peer_put(&device[0], ENVELOPE_DATA, 0, BYTES_LIT("busy"));
    }
    peer_put(&device[1], ENVELOPE_DATA, 0, BYTES_LIT("approve"));
    while (peer_next(&host)) {
    }
    peer_read_on(&host);
    expect(&host, ENVELOPE_DATA, chan[0], BYTES_LIT("busy"));
    expect(&host, ENVELOPE_DATA, chan[1], BYTES_LIT("approve"));
    expect(&host, ENVELOPE_DATA, chan[0], BYTES_LIT("busy"));
    end();
}

TEST(a_reader_that_stays_stalled_is_dropped_and_told_why)
{
    begin(2);
    (void)fill(&device[0], chan[0]);
    for (uint64_t ms = 0; ms < RELAY_STALL_MS; ms += RELAY_LOOK_MS) {
        TRUE(device[0].leg != NULL);
        (void)rig_wait(&rig, RELAY_LOOK_MS);
    }
    (void)rig_wait(&rig, RELAY_LOOK_MS);
    TRUE(device[0].leg == NULL);
    TRUE(device[1].leg != NULL);
    EQ_U64(relay_core_due(rig.core), UINT64_MAX);
    end();
}

TEST(a_reader_that_is_slow_but_reads_is_kept)
{
    begin(1);
    (void)fill(&device[0], chan[0]);
    device[0].queued = RELAY_LEG_MAX;
    for (int i = 0; i < 3 * RELAY_STALL_MS / RELAY_LOOK_MS; i++) {
        device[0].queued -= device[0].queued > RELAY_LEG_HIGH + 500 ? 100 : 0;
        (void)rig_wait(&rig, RELAY_LOOK_MS);
    }
    TRUE(device[0].leg != NULL);
    end();
}

TEST(what_the_host_sent_before_it_closed_still_arrives)
{
    begin(1);
    const size_t sent = fill(&device[0], chan[0]);
    peer_put(&host, ENVELOPE_CLOSE, chan[0], BYTES_LIT("\0"));
    TRUE(device[0].leg != NULL);
    peer_read_on(&device[0]);
    size_t got = 0;
    while (peer_next(&device[0]) && device[0].f.type == ENVELOPE_DATA) {
        got += device[0].f.body.len;
    }
    EQ_U64(got, sent);
    EQ_INT(device[0].f.type, ENVELOPE_CLOSE);
    TRUE(device[0].leg == NULL);
    end();
}

TEST(what_a_device_sent_before_it_left_still_arrives)
{
    begin(1);
    host.stalled = true;
    while (host.queued <= RELAY_LEG_HIGH) {
        peer_put(&device[0], ENVELOPE_DATA, 0, octets(16384));
    }
    peer_put(&device[0], ENVELOPE_DATA, 0, BYTES_LIT("last words"));
    peer_drop(&device[0]);
    while (peer_next(&host)) {
    }
    peer_read_on(&host);
    expect(&host, ENVELOPE_DATA, chan[0], BYTES_LIT("last words"));
    expect_reason(&host, chan[0], ENVELOPE_DONE);
    end();
}

TEST(control_frames_do_not_pile_up_behind_a_reader_that_never_reads)
{
    begin(1);
    device[0].stalled = true;
    for (int i = 0; i < 100000 && device[0].leg != NULL; i++) {
        peer_put(&device[0], ENVELOPE_PING, 0, BYTES_LIT("12345678"));
    }
    TRUE(device[0].leg == NULL);
    TRUE(device[0].queued <= RELAY_LEG_MAX);
    end();
}

TEST(a_leg_whose_socket_refuses_a_frame_is_closed)
{
    begin(2);
    device[0].fail_send = true;
    peer_put(&host, ENVELOPE_DATA, chan[0], BYTES_LIT("lost"));
    TRUE(device[0].leg == NULL);
    expect_reason(&host, chan[0], ENVELOPE_DONE);
    TRUE(device[1].leg != NULL);
    end();
}

TEST(a_full_mailbox_drops_the_reader_that_holds_most)
{
    struct rig_key hk;
    rig_init_with(&rig, (struct relay_core_options){.mailbox_memory_max = 200 * 1024});
    rig_key_init(&hk, 1);
    for (uint8_t i = 0; i < DEVICES; i++) {
        rig_key_init(&keys[i], (uint8_t)(10 + i));
    }
    EQ_INT(rig_host(&host, &rig, &hk, keys, DEVICES), OK);
    for (size_t i = 0; i < DEVICES; i++) {
        EQ_INT(rig_device(&device[i], &host, &keys[i], &hk, &chan[i]), OK);
        device[i].stalled = true;
        device[i].queued = RELAY_LEG_HIGH + 1;
    }
    for (int i = 0; i < 7; i++) {
        peer_put(&host, ENVELOPE_DATA, chan[0], octets(16384));
    }
    for (int i = 0; i < 6; i++) {
        peer_put(&host, ENVELOPE_DATA, chan[1], octets(16384));
    }
    TRUE(device[0].leg == NULL);
    TRUE(device[1].leg != NULL && device[2].leg != NULL);
    expect_reason(&host, chan[0], ENVELOPE_STALLED);
    for (size_t i = 0; i < DEVICES; i++) {
        peer_fini(&device[i]);
        rig_key_fini(&keys[i]);
    }
    peer_fini(&host);
    rig_key_fini(&hk);
    EQ_U64(relay_core_stats(rig.core).memory, 0);
    rig_fini(&rig);
}

RUN_TESTS(T(a_stalled_device_stops_its_own_channel_and_nobody_elses),
          T(credit_is_granted_only_for_what_has_left),
          T(a_sender_over_its_window_loses_that_channel),
          T(order_is_kept_across_a_stall),
          T(a_host_that_is_behind_gets_its_devices_in_turn),
          T(a_reader_that_stays_stalled_is_dropped_and_told_why),
          T(a_reader_that_is_slow_but_reads_is_kept),
          T(what_the_host_sent_before_it_closed_still_arrives),
          T(what_a_device_sent_before_it_left_still_arrives),
          T(control_frames_do_not_pile_up_behind_a_reader_that_never_reads),
          T(a_leg_whose_socket_refuses_a_frame_is_closed),
          T(a_full_mailbox_drops_the_reader_that_holds_most))
