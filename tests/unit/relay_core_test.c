#include "relay_scene.h"

/* ---- forwarding ------------------------------------------------------------------ */

TEST(octets_cross_unchanged_both_ways_and_to_the_right_device)
{
    begin(2);
    TRUE(chan[0] != 0 && chan[0] != chan[1]);
    TRUE(host.admitted && device[0].admitted);
    peer_put(&device[1], ENVELOPE_DATA, 0, BYTES_LIT("question"));
    expect(&host, ENVELOPE_DATA, chan[1], BYTES_LIT("question"));
    peer_put(&host, ENVELOPE_DATA, chan[1], BYTES_LIT("answer"));
    expect(&device[1], ENVELOPE_DATA, 0, BYTES_LIT("answer"));
    FALSE(peer_next(&device[0]));
    FALSE(peer_next(&host));
    end();
}

TEST(open_names_the_device_by_the_hash_of_its_relay_key_alone)
{
    begin(0);
    uint8_t want[17] = {ENVELOPE_TO_MAILBOX};
    memcpy(want + 1, keys[0].hash, 16);
    EQ_INT(rig_device(&device[0], &host, &keys[0], &host_key, &chan[0]), OK);
    EQ_BYTES(host.f.body, BYTES_OF(want));
    end();
}

TEST(a_frame_of_the_largest_size_crosses)
{
    begin(1);
    static uint8_t big[ENVELOPE_BODY_MAX];
    memset(big, 7, sizeof(big));
    peer_put(&device[0], ENVELOPE_DATA, 0, BYTES_OF(big));
    expect(&host, ENVELOPE_DATA, chan[0], BYTES_OF(big));
    end();
}

TEST(ping_is_echoed_as_it_came_in_every_state)
{
    begin(1);
    struct peer stranger;
    EQ_INT(peer_open(&stranger, &rig), OK);
    peer_put(&stranger, ENVELOPE_PING, 0, BYTES_LIT("12345678"));
    expect(&stranger, ENVELOPE_PING, 0, BYTES_LIT("12345678"));
    peer_put(&host, ENVELOPE_PING, 9, BYTES_LIT("abcdefgh"));
    expect(&host, ENVELOPE_PING, 9, BYTES_LIT("abcdefgh"));
    peer_put(&device[0], ENVELOPE_PING, 0, BYTES_LIT("ABCDEFGH"));
    expect(&device[0], ENVELOPE_PING, 0, BYTES_LIT("ABCDEFGH"));
    peer_fini(&stranger);
    end();
}

/* ---- who may send what, when -------------------------------------------------------- */

struct body_case {
    enum envelope_type type;
    const char *hex;
};

static const struct body_case bodies[] = {
    {ENVELOPE_CHALLENGE, "00"}, {ENVELOPE_AUTH, "00"},         {ENVELOPE_AUTH_OK, "00"},
    {ENVELOPE_OPEN, "00"},      {ENVELOPE_CLOSE, ""},          {ENVELOPE_DATA, ""},
    {ENVELOPE_ACL, "05"},       {ENVELOPE_NAMEPLATE, "00"},    {ENVELOPE_CLAIM, "41"},
    {ENVELOPE_PING, "00"},      {ENVELOPE_CREDIT, "00000001"}, {ENVELOPE_ERR, "0001"},
};

/* Every type with a body that is wrong for it, or a type that is the relay's own. */
TEST(a_malformed_frame_of_any_type_in_any_state_ends_that_leg_alone)
{
    for (size_t i = 0; i < COUNT(bodies); i++) {
        for (int who = 0; who < 3; who++) {
            uint8_t raw[8];
            begin(2);
            struct peer stranger;
            EQ_INT(peer_open(&stranger, &rig), OK);
            struct peer *p = who == 0 ? &stranger : who == 1 ? &host : &device[0];
            peer_put(p, bodies[i].type, 0, test_unhex(bodies[i].hex, raw, sizeof(raw)));
            expect_err(p, ENVELOPE_E_MALFORMED, 1002);
            TRUE(who == 1 || device[1].leg != NULL);
            peer_fini(&stranger);
            end();
        }
    }
}

TEST(frames_that_belong_to_another_state_are_malformed)
{
    static const struct {
        enum envelope_type type;
        int who; // 0 stranger, 1 host, 2 device
    } cases[] = {
        {ENVELOPE_DATA, 0}, {ENVELOPE_ACL, 0},       {ENVELOPE_NAMEPLATE, 0},
        {ENVELOPE_AUTH, 1}, {ENVELOPE_CLAIM, 1},     {ENVELOPE_AUTH, 2},
        {ENVELOPE_ACL, 2},  {ENVELOPE_NAMEPLATE, 2}, {ENVELOPE_CLAIM, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(1);
        struct peer stranger;
        EQ_INT(peer_open(&stranger, &rig), OK);
        struct peer *p = cases[i].who == 0   ? &stranger
                         : cases[i].who == 1 ? &host
                                             : &device[0];
        if (cases[i].type == ENVELOPE_AUTH) {
            peer_login(p, ENVELOPE_DEVICE, &keys[0], host_key.mailbox);
        } else if (cases[i].type == ENVELOPE_ACL) {
            peer_acl(p, ENVELOPE_REPLACE, keys, 1);
        } else if (cases[i].type == ENVELOPE_NAMEPLATE) {
            rig_nameplate(p, 1, 60, BYTES_NONE);
        } else {
            peer_put(p, cases[i].type, 0, BYTES_LIT("123"));
        }
        expect_err(p, ENVELOPE_E_MALFORMED, 1002);
        peer_fini(&stranger);
        end();
    }
}

TEST(a_text_message_or_a_frame_of_another_version_is_malformed)
{
    begin(1);
    relay_core_input(device[0].leg, false, BYTES_LIT("\1\6\0\0\0\0x"), rig.now);
    expect_err(&device[0], ENVELOPE_E_MALFORMED, 1002);
    TRUE(peer_next(&host)); // its channel is closed
    peer_put_raw(&host, BYTES_LIT("\2\6\0\0\0\0x"));
    expect_err(&host, ENVELOPE_E_MALFORMED, 1002);
    end();
}

TEST(every_prefix_of_a_login_is_malformed)
{
    begin(0);
    struct peer p;
    EQ_INT(peer_open(&p, &rig), OK);
    struct envelope_auth a =
        rig_auth(&rig, ENVELOPE_DEVICE, &keys[0], host_key.mailbox);
    rig_sign(&a, &p, &keys[0], RIG_URL);
    struct buf whole;
    buf_init(&whole, 4096);
    EQ_INT(envelope_put_auth(&whole, &a), OK);
    for (size_t n = 0; n < buf_len(&whole); n++) {
        struct peer q;
        EQ_INT(peer_open(&q, &rig), OK);
        peer_put_raw(&q, bytes_sub(buf_bytes(&whole), 0, n));
        expect_err(&q, ENVELOPE_E_MALFORMED, 1002);
        peer_fini(&q);
    }
    buf_fini(&whole);
    peer_fini(&p);
    end();
}

/* ---- closing ------------------------------------------------------------------------------------- */

TEST(a_close_reaches_the_other_side_with_its_reason)
{
    begin(2);
    const uint8_t idle[1] = {ENVELOPE_IDLE};
    const uint8_t replaced[1] = {ENVELOPE_REPLACED};
    peer_put(&device[0], ENVELOPE_CLOSE, 0, BYTES_OF(idle));
    expect(&host, ENVELOPE_CLOSE, chan[0], BYTES_OF(idle));
    TRUE(device[0].leg == NULL);
    peer_put(&host, ENVELOPE_CLOSE, chan[1], BYTES_OF(replaced));
    expect_close(&device[1], ENVELOPE_REPLACED);
    FALSE(peer_next(&host));
    end();
}

TEST(frames_for_a_channel_that_has_just_gone_are_dropped)
{
    begin(2);
    peer_drop(&device[0]);
    TRUE(peer_next(&host));
    peer_put(&host, ENVELOPE_DATA, chan[0], BYTES_LIT("late"));
    peer_put(&host, ENVELOPE_CLOSE, chan[0], BYTES_LIT("\0"));
    peer_put(&host, ENVELOPE_DATA, chan[1], BYTES_LIT("fine"));
    expect(&device[1], ENVELOPE_DATA, 0, BYTES_LIT("fine"));
    end();
}

TEST(a_shutdown_tells_everybody_to_come_back)
{
    begin(1);
    relay_core_shutdown(rig.core);
    const uint8_t body[1] = {ENVELOPE_SHUTTING_DOWN};
    expect(&host, ENVELOPE_CLOSE, 0, BYTES_OF(body));
    EQ_INT(host.code, 1001);
    TRUE(device[0].leg == NULL);
    end();
}

/* ---- pairing --------------------------------------------------------------------------------------- */

static void take_plate(char digits[6], uint16_t ttl_s)
{
    struct envelope_plate plate;
    TRUE(peer_next(&host));
    EQ_INT(host.f.type, ENVELOPE_NAMEPLATE);
    EQ_INT(envelope_plate_parse(host.f.body, &plate), OK);
    EQ_INT(plate.ttl_s, ttl_s);
    memcpy(digits, plate.digits.at, plate.digits.len);
    digits[plate.digits.len] = '\0';
}

TEST(a_claim_by_digits_gives_the_offer_and_opens_the_box)
{
    char digits[6];
    begin(0);
    rig_nameplate(&host, 5, 300, BYTES_LIT("the offer"));
    take_plate(digits, 300);
    EQ_INT(strlen(digits), 3);
    EQ_INT(peer_open(&device[0], &rig), OK);
    peer_put(&device[0], ENVELOPE_CLAIM, 0, bytes_from_str(digits));
    expect(&device[0], ENVELOPE_CLAIM, 0, BYTES_LIT("\0\0\0\11the offer"));
    TRUE(peer_next(&host));
    EQ_INT(host.f.type, ENVELOPE_OPEN);
    EQ_BYTES(host.f.body, BYTES_LIT("\2\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5"));
    const uint32_t on = host.f.chan;
    peer_put(&device[0], ENVELOPE_DATA, 0, BYTES_LIT("msg1"));
    expect(&host, ENVELOPE_DATA, on, BYTES_LIT("msg1"));
    peer_put(&host, ENVELOPE_DATA, on, BYTES_LIT("msg2"));
    expect(&device[0], ENVELOPE_DATA, 0, BYTES_LIT("msg2"));
    end();
}

TEST(a_claim_by_pair_id_gives_no_offer)
{
    begin(0);
    rig_nameplate(&host, 5, 300, BYTES_NONE);
    char digits[6];
    take_plate(digits, 300);
    EQ_STR(digits, "");
    EQ_INT(peer_open(&device[0], &rig), OK);
    peer_put(&device[0], ENVELOPE_CLAIM, 0,
             BYTES_LIT("\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5"));
    expect(&device[0], ENVELOPE_CLAIM, 0, BYTES_LIT("\0\0\0\0"));
    end();
}

static void expect_claim(const char *what, enum envelope_error code)
{
    struct peer p;
    EQ_INT(peer_open(&p, &rig), OK);
    peer_put(&p, ENVELOPE_CLAIM, 0, bytes_from_str(what));
    expect_err(&p, code, code == ENVELOPE_E_HOST_OFFLINE ? 1013 : 1008);
    peer_fini(&p);
}

TEST(a_code_is_unknown_offline_expired_then_unknown_again)
{
    char digits[6];
    char other[6] = "000";
    begin(0);
    rig_nameplate(&host, 5, 300, BYTES_LIT("offer"));
    take_plate(digits, 300);
    other[0] = digits[0] == '9' ? '1' : '9';
    expect_claim(other, ENVELOPE_E_NO_SUCH_CODE);
    peer_drop(&host);
    expect_claim(digits, ENVELOPE_E_HOST_OFFLINE);
    EQ_U64(rig_wait(&rig, 300000), rig.now.mono_ms + RELAY_BOX_GRACE_MS);
    expect_claim(digits, ENVELOPE_E_CODE_EXPIRED);
    EQ_U64(rig_wait(&rig, RELAY_BOX_GRACE_MS), UINT64_MAX);
    expect_claim(digits, ENVELOPE_E_NO_SUCH_CODE);
    EQ_INT(relay_core_stats(rig.core).mailboxes, 0);
    end();
}

TEST(a_code_survives_a_short_cut_of_its_host)
{
    char before[6];
    char after[6];
    begin(0);
    rig_nameplate(&host, 5, 300, BYTES_LIT("offer"));
    take_plate(before, 300);
    peer_fini(&host);
    EQ_INT(rig_host(&host, &rig, &host_key, keys, 1), OK);
    rig_nameplate(&host, 5, 200, BYTES_LIT("offer"));
    take_plate(after, 200);
    EQ_STR(after, before);
    end();
}

TEST(ttl_zero_closes_a_box_at_once)
{
    char digits[6];
    begin(0);
    rig_nameplate(&host, 5, 300, BYTES_LIT("offer"));
    take_plate(digits, 300);
    rig_nameplate(&host, 5, 0, BYTES_NONE);
    char none[6];
    take_plate(none, 0);
    expect_claim(digits, ENVELOPE_E_NO_SUCH_CODE);
    EQ_INT(relay_core_stats(rig.core).boxes, 0);
    end();
}

TEST(a_box_of_another_host_cannot_be_taken_over)
{
    char digits[6];
    struct rig_key thief_key;
    struct peer thief;
    struct envelope_err err;
    begin(0);
    rig_nameplate(&host, 5, 300, BYTES_LIT("offer"));
    take_plate(digits, 300);
    rig_key_init(&thief_key, 66);
    EQ_INT(rig_host(&thief, &rig, &thief_key, keys, 1), OK);
    rig_nameplate(&thief, 5, 300, BYTES_LIT("mine"));
    TRUE(peer_next(&thief));
    EQ_INT(envelope_err_parse(thief.f.body, &err), OK);
    EQ_INT(err.code, ENVELOPE_E_NOT_ADMITTED);
    peer_fini(&thief);
    rig_key_fini(&thief_key);
    end();
}

RUN_TESTS(T(octets_cross_unchanged_both_ways_and_to_the_right_device),
          T(open_names_the_device_by_the_hash_of_its_relay_key_alone),
          T(a_frame_of_the_largest_size_crosses),
          T(ping_is_echoed_as_it_came_in_every_state),
          T(a_malformed_frame_of_any_type_in_any_state_ends_that_leg_alone),
          T(frames_that_belong_to_another_state_are_malformed),
          T(a_text_message_or_a_frame_of_another_version_is_malformed),
          T(every_prefix_of_a_login_is_malformed),
          T(a_close_reaches_the_other_side_with_its_reason),
          T(frames_for_a_channel_that_has_just_gone_are_dropped),
          T(a_shutdown_tells_everybody_to_come_back),
          T(a_claim_by_digits_gives_the_offer_and_opens_the_box),
          T(a_claim_by_pair_id_gives_no_offer),
          T(a_code_is_unknown_offline_expired_then_unknown_again),
          T(a_code_survives_a_short_cut_of_its_host), T(ttl_zero_closes_a_box_at_once),
          T(a_box_of_another_host_cannot_be_taken_over))
