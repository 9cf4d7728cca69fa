#include "relay_scene.h"

/* Every limit of relay/limit.h, at it and one over it. */

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

/* ---- before admission ------------------------------------------------------------- */

TEST(a_stranger_who_says_nothing_is_dropped_after_ten_seconds)
{
    begin(0);
    EQ_INT(peer_open(&device[0], &rig), OK);
    EQ_U64(relay_core_due(rig.core), rig.now.mono_ms + RELAY_HANDSHAKE_MS);
    (void)rig_wait(&rig, RELAY_HANDSHAKE_MS - 1);
    TRUE(device[0].leg != NULL);
    EQ_U64(rig_wait(&rig, 1), UINT64_MAX);
    expect_close(&device[0], ENVELOPE_IDLE);
    end();
}

TEST(a_host_that_never_sends_its_list_is_dropped)
{
    struct peer p;
    struct rig_key k;
    begin(0);
    rig_key_init(&k, 50);
    EQ_INT(peer_open(&p, &rig), OK);
    (void)rig_wait(&rig, RELAY_HANDSHAKE_MS - 1);
    peer_login(&p, ENVELOPE_HOST, &k, k.mailbox);
    TRUE(peer_next(&p));
    (void)rig_wait(&rig, RELAY_FIRST_ACL_MS - 1);
    TRUE(p.leg != NULL);
    (void)rig_wait(&rig, 1);
    expect_close(&p, ENVELOPE_IDLE);
    peer_fini(&p);
    rig_key_fini(&k);
    end();
}

TEST(a_stranger_may_send_a_few_small_frames_only)
{
    begin(0);
    EQ_INT(peer_open(&device[0], &rig), OK);
    for (int i = 0; i < RELAY_PREAUTH_FRAMES; i++) {
        peer_put(&device[0], ENVELOPE_PING, 0, BYTES_LIT("12345678"));
        TRUE(peer_next(&device[0]));
    }
    peer_put(&device[0], ENVELOPE_PING, 0, BYTES_LIT("12345678"));
    expect_err(&device[0], ENVELOPE_E_TOO_MANY, 1008);
    EQ_INT(peer_open(&device[1], &rig), OK);
    peer_put(&device[1], ENVELOPE_CLAIM, 0, octets(RELAY_PREAUTH_FRAME_MAX));
    expect_err(&device[1], ENVELOPE_E_TOO_MANY, 1008);
    end();
}

TEST(a_frame_over_the_largest_size_is_malformed)
{
    static uint8_t raw[ENVELOPE_MAX + 1] = {1, ENVELOPE_DATA};
    begin(1);
    peer_put_raw(&device[0], BYTES_OF(raw));
    expect_err(&device[0], ENVELOPE_E_MALFORMED, 1002);
    end();
}

/* ---- addresses ------------------------------------------------------------------------ */

TEST(one_address_may_hold_so_many_connections_and_no_more)
{
    static struct peer p[RELAY_ADDR_LEGS + 1];
    begin(0);
    for (size_t i = 0; i < RELAY_ADDR_LEGS; i++) {
        EQ_INT(peer_open_from(&p[i], &rig, "192.0.2.7", false), OK);
        rig.now.mono_ms += RELAY_RATE_MS / RELAY_ADDR_UPGRADES;
    }
    EQ_INT(peer_open_from(&p[RELAY_ADDR_LEGS], &rig, "192.0.2.7", false), ERR_LIMIT);
    struct peer other;
    EQ_INT(peer_open_from(&other, &rig, "192.0.2.8", false), OK);
    peer_fini(&other);
    for (size_t i = 0; i <= RELAY_ADDR_LEGS; i++) {
        peer_fini(&p[i]);
    }
    EQ_INT(peer_open_from(&other, &rig, "192.0.2.7", false), OK);
    peer_fini(&other);
    end();
}

TEST(a_proxy_speaks_for_the_last_address_it_names)
{
    static const struct {
        const char *header;
        const char *addr; // NULL: refused
    } cases[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"203.0.113.9, 192.0.2.7", "192.0.2.7"},
        {"127.0.0.1,   2001:db8::1", "2001:db8::1"},
        {"127.0.0.1", "127.0.0.1"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"", NULL},
        {"192.0.2.7,", NULL},
        {"192.0.2.7 ", NULL},
        {"192.0.2.7:4318", NULL},
        {"unknown", NULL},
        {"2001:db8:1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct visitor_addr got;
        struct visitor_addr want;
        CASE(cases[i].header);
        const enum err e = visitor_forwarded(bytes_from_str(cases[i].header), &got);
        EQ_INT(e, cases[i].addr != NULL ? OK : ERR_PROTO);
        if (e == OK) {
            visitor_addr_parse(cases[i].addr, false, &want);
            EQ_BYTES(BYTES_OF(got.key), BYTES_OF(want.key));
            FALSE(got.loopback);
        }
    }
    struct visitor_addr got;
    EQ_INT(visitor_forwarded(BYTES_LIT("192.0.2.7\0"), &got), ERR_PROTO);
}

TEST(one_address_may_upgrade_so_often_in_a_minute)
{
    struct peer p;
    begin(0);
    for (int i = 0; i < RELAY_ADDR_UPGRADES; i++) {
        EQ_INT(peer_open_from(&p, &rig, "2001:db8::1", false), OK);
        peer_fini(&p);
    }
    EQ_INT(peer_open_from(&p, &rig, "2001:db8::ffff", false), ERR_LIMIT); // same /64
    peer_fini(&p);
    EQ_INT(peer_open_from(&p, &rig, "2001:db8:0:1::1", false), OK);
    peer_fini(&p);
    (void)rig_wait(&rig, RELAY_RATE_MS / RELAY_ADDR_UPGRADES);
    EQ_INT(peer_open_from(&p, &rig, "2001:db8::1", false), OK);
    peer_fini(&p);
    end();
}

TEST(an_address_that_is_refused_too_often_has_to_wait)
{
    struct peer p;
    begin(0);
    int n = 0;
    while (peer_open_from(&p, &rig, "192.0.2.7", false) == OK && n < 1000) {
        peer_put(&p, ENVELOPE_DATA, 0, BYTES_LIT("x"));
        peer_fini(&p);
        n++;
    }
    peer_fini(&p);
    EQ_INT(n, RELAY_ADDR_REFUSALS);
    end();
}

TEST(ten_codes_a_minute_may_be_tried_from_one_address_loopback_included)
{
    struct peer p;
    begin(0);
    for (int i = 0; i <= RELAY_ADDR_CLAIMS; i++) {
        EQ_INT(peer_open(&p, &rig), OK);
        peer_put(&p, ENVELOPE_CLAIM, 0, BYTES_LIT("123"));
        expect_err(
            &p, i < RELAY_ADDR_CLAIMS ? ENVELOPE_E_NO_SUCH_CODE : ENVELOPE_E_TOO_MANY,
            1008);
        peer_fini(&p);
    }
    (void)rig_wait(&rig, RELAY_RATE_MS / RELAY_ADDR_CLAIMS);
    EQ_INT(peer_open(&p, &rig), OK);
    peer_put(&p, ENVELOPE_CLAIM, 0, BYTES_LIT("123"));
    expect_err(&p, ENVELOPE_E_NO_SUCH_CODE, 1008);
    peer_fini(&p);
    end();
}

TEST(the_table_of_addresses_forgets_and_never_grows_over_its_maximum)
{
    struct visitors all;
    struct visitor *v;
    visitors_init(&all);
    for (uint32_t i = 0; i < RELAY_ADDRS_MAX; i++) {
        struct visitor_addr a = {.key = {1}};
        be32_write(a.key + 4, i);
        EQ_INT(visitors_find(&all, &a, 0, &v), OK);
        EQ_INT(visitor_use(v, VISITOR_UPGRADE, 0), OK);
    }
    const struct visitor_addr late = {.key = {2}};
    EQ_INT(visitors_find(&all, &late, 0, &v), ERR_NOMEM);
    EQ_INT(visitors_find(&all, &late, RELAY_RATE_MS, &v), OK);
    TRUE(all.map.count < RELAY_ADDRS_MAX);
    visitors_fini(&all);
}

TEST(the_whole_relay_has_a_maximum_of_connections_and_of_memory)
{
    struct rig r;
    struct peer p[3];
    rig_init_with(&r, (struct relay_core_options){.legs_max = 2});
    EQ_INT(peer_open(&p[0], &r), OK);
    EQ_INT(peer_open(&p[1], &r), OK);
    EQ_INT(peer_open(&p[2], &r), ERR_NOMEM);
    for (size_t i = 0; i < COUNT(p); i++) {
        peer_fini(&p[i]);
    }
    rig_fini(&r);
    rig_init_with(&r, (struct relay_core_options){.memory_max = 1});
    EQ_INT(peer_open(&p[0], &r), OK);
    EQ_INT(peer_open(&p[1], &r), ERR_NOMEM);
    peer_fini(&p[0]);
    peer_fini(&p[1]);
    rig_fini(&r);
}

/* ---- mailboxes ------------------------------------------------------------------------------ */

TEST(an_access_list_has_a_maximum_and_a_longer_one_changes_nothing)
{
    static struct rig_key many[RELAY_ACL_MAX + 1];
    struct envelope_err err;
    begin(1);
    for (size_t i = 0; i < COUNT(many); i++) {
        be32_write(many[i].hash, (uint32_t)i);
    }
    peer_acl(&host, ENVELOPE_ADD, many, RELAY_ACL_MAX - DEVICES);
    TRUE(peer_next(&host));
    EQ_INT(host.f.type, ENVELOPE_AUTH_OK);
    peer_acl(&host, ENVELOPE_ADD, many + RELAY_ACL_MAX, 1);
    TRUE(peer_next(&host));
    EQ_INT(host.f.type, ENVELOPE_ERR);
    EQ_INT(envelope_err_parse(host.f.body, &err), OK);
    EQ_INT(err.code, ENVELOPE_E_TOO_MANY);
    TRUE(host.leg != NULL && device[0].leg != NULL);
    end();
}

TEST(one_device_may_hold_a_few_channels_and_the_oldest_makes_room)
{
    struct peer p[RELAY_CHANNELS_PER_DEVICE + 1];
    uint32_t on[RELAY_CHANNELS_PER_DEVICE + 1];
    begin(0);
    for (size_t i = 0; i < RELAY_CHANNELS_PER_DEVICE; i++) {
        EQ_INT(rig_device(&p[i], &host, &keys[0], &host_key, &on[i]), OK);
    }
    const size_t last = RELAY_CHANNELS_PER_DEVICE;
    EQ_INT(peer_open(&p[last], &rig), OK);
    peer_login(&p[last], ENVELOPE_DEVICE, &keys[0], host_key.mailbox);
    expect_close(&p[0], ENVELOPE_REPLACED);
    TRUE(p[1].leg != NULL && p[last].leg != NULL);
    expect_reason(&host, on[0], ENVELOPE_REPLACED);
    for (size_t i = 0; i < COUNT(p); i++) {
        peer_fini(&p[i]);
    }
    end();
}

TEST(a_host_has_a_maximum_of_channels)
{
    static struct peer p[RELAY_CHANNELS_MAX + 1];
    static struct rig_key k[RELAY_CHANNELS_MAX + 1];
    uint32_t on;
    begin(0);
    for (size_t i = 0; i < COUNT(k); i++) {
        uint8_t seed[SIGN_SEED] = {3};
        be32_write(seed + 4, (uint32_t)i);
        k[i].key = sign_key_create(seed);
        memcpy(k[i].pub, sign_key_pub(k[i].key), sizeof(k[i].pub));
        hash_sha256(BYTES_OF(k[i].pub), k[i].hash);
    }
    for (size_t i = 0; i < COUNT(p); i++) {
        const struct rig_key *who = &k[i / RELAY_CHANNELS_PER_DEVICE];
        if (i % RELAY_CHANNELS_PER_DEVICE == 0) {
            peer_acl(&host, ENVELOPE_ADD, who, 1);
            TRUE(peer_next(&host));
        }
        const enum err e = rig_device(&p[i], &host, who, &host_key, &on);
        EQ_INT(e, i < RELAY_CHANNELS_MAX ? OK : ERR_AUTH);
    }
    for (size_t i = 0; i < COUNT(p); i++) {
        peer_fini(&p[i]);
    }
    for (size_t i = 0; i < COUNT(k); i++) {
        rig_key_fini(&k[i]);
    }
    end();
}

/* ---- pairing ----------------------------------------------------------------------------------- */

static enum envelope_error plate_error(void)
{
    struct envelope_err err;
    TRUE(peer_next(&host));
    if (host.f.type == ENVELOPE_NAMEPLATE) {
        return 0;
    }
    EQ_INT(envelope_err_parse(host.f.body, &err), OK);
    return (enum envelope_error)err.code;
}

TEST(a_host_has_a_maximum_of_codes_and_of_boxes)
{
    begin(0);
    for (uint8_t i = 0; i < RELAY_PLATES_MAX; i++) {
        rig_nameplate(&host, i, 60, BYTES_LIT("offer"));
        EQ_INT(plate_error(), 0);
    }
    rig_nameplate(&host, 100, 60, BYTES_LIT("offer"));
    EQ_INT(plate_error(), ENVELOPE_E_TOO_MANY);
    for (uint8_t i = RELAY_PLATES_MAX; i < RELAY_BOXES_MAX; i++) {
        rig_nameplate(&host, i, 60, BYTES_NONE);
        EQ_INT(plate_error(), 0);
    }
    rig_nameplate(&host, 101, 60, BYTES_NONE);
    EQ_INT(plate_error(), ENVELOPE_E_TOO_MANY);
    EQ_INT(relay_core_stats(rig.core).boxes, RELAY_BOXES_MAX);
    end();
}

TEST(a_box_lives_ten_minutes_at_most)
{
    struct envelope_plate plate;
    begin(0);
    rig_nameplate(&host, 1, 3000, BYTES_NONE);
    TRUE(peer_next(&host));
    EQ_INT(envelope_plate_parse(host.f.body, &plate), OK);
    EQ_INT(plate.ttl_s, RELAY_BOX_MS / 1000);
    end();
}

static void open_box(void)
{
    rig_nameplate(&host, 5, 300, BYTES_LIT("offer"));
    EQ_INT(plate_error(), 0);
}

static void claim_box(struct peer *p)
{
    EQ_INT(peer_open(p, &rig), OK);
    peer_put(p, ENVELOPE_CLAIM, 0, BYTES_LIT("\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5"));
}

TEST(a_box_carries_sixteen_small_messages_and_no_more)
{
    for (int big = 0; big < 2; big++) {
        begin(0);
        open_box();
        claim_box(&device[0]);
        TRUE(peer_next(&device[0]) && peer_next(&host));
        const uint32_t on = host.f.chan;
        for (int i = 0; i < RELAY_BOX_MESSAGES / 2 && !big; i++) {
            peer_put(&device[0], ENVELOPE_DATA, 0, octets(RELAY_BOX_MESSAGE));
            peer_put(&host, ENVELOPE_DATA, on, octets(RELAY_BOX_MESSAGE));
        }
        TRUE(device[0].leg != NULL);
        peer_put(&device[0], ENVELOPE_DATA, 0, octets(big ? RELAY_BOX_MESSAGE + 1 : 1));
        TRUE(device[0].leg == NULL);
        TRUE(host.leg != NULL);
        end();
    }
}

TEST(a_talk_in_a_box_ends_after_ten_minutes)
{
    begin(0);
    open_box();
    claim_box(&device[0]);
    TRUE(peer_next(&device[0]));
    (void)rig_wait(&rig, RELAY_BOX_MS - 1);
    TRUE(device[0].leg != NULL);
    (void)rig_wait(&rig, 1);
    expect_close(&device[0], ENVELOPE_LIMIT);
    end();
}

TEST(a_few_may_be_in_a_box_at_once_and_not_many_one_after_the_other)
{
    struct peer p[RELAY_BOX_CHANNELS + 1];
    begin(0);
    open_box();
    for (size_t i = 0; i < RELAY_BOX_CHANNELS; i++) {
        claim_box(&p[i]);
        TRUE(peer_next(&p[i]));
        EQ_INT(p[i].f.type, ENVELOPE_CLAIM);
    }
    claim_box(&p[RELAY_BOX_CHANNELS]);
    expect_err(&p[RELAY_BOX_CHANNELS], ENVELOPE_E_TOO_MANY, 1008);
    for (size_t i = 0; i < COUNT(p); i++) {
        peer_fini(&p[i]);
    }
    for (size_t i = RELAY_BOX_CHANNELS; i < RELAY_BOX_CLAIMS; i++) {
        claim_box(&p[0]);
        TRUE(peer_next(&p[0]));
        EQ_INT(p[0].f.type, ENVELOPE_CLAIM);
        peer_fini(&p[0]);
    }
    claim_box(&p[0]);
    expect_err(&p[0], ENVELOPE_E_TOO_MANY, 1008);
    peer_fini(&p[0]);
    end();
}

TEST(codes_grow_by_a_digit_when_half_of_them_are_in_use)
{
    static struct peer hosts[200];
    static struct rig_key k[200];
    size_t n_long = 0;
    begin(0);
    for (size_t i = 0; i < COUNT(hosts); i++) {
        rig_key_init(&k[i], (uint8_t)(40 + i));
        EQ_INT(rig_host(&hosts[i], &rig, &k[i], NULL, 0), OK);
        for (uint8_t b = 0; b < RELAY_PLATES_MAX; b++) {
            struct envelope_plate plate;
            uint8_t body[16 + 2 + 4 + 1] = {(uint8_t)i, b, 1};
            body[17] = 60;
            body[21] = 1;
            peer_put(&hosts[i], ENVELOPE_NAMEPLATE, 0, BYTES_OF(body));
            TRUE(peer_next(&hosts[i]));
            EQ_INT(envelope_plate_parse(hosts[i].f.body, &plate), OK);
            n_long += plate.digits.len == 4;
        }
    }
    EQ_U64(n_long, COUNT(hosts) * RELAY_PLATES_MAX - 500);
    for (size_t i = 0; i < COUNT(hosts); i++) {
        peer_fini(&hosts[i]);
        rig_key_fini(&k[i]);
    }
    end();
}

/* ---- failing allocations ---------------------------------------------------------------------- */

static void scenario(void)
{
    struct peer h;
    struct peer d[2];
    struct rig_key k[2];
    uint32_t on;
    rig_key_init(&k[0], 1);
    rig_key_init(&k[1], 2);
    peer_init(&d[0], &rig);
    peer_init(&d[1], &rig);
    if (rig_host(&h, &rig, &k[0], k + 1, 1) == OK) {
        rig_nameplate(&h, 5, 60, BYTES_LIT("offer"));
        (void)peer_next(&h);
        (void)!(rig_device(&d[0], &h, &k[1], &k[0], &on) == OK);
        if (d[0].leg != NULL) {
            d[0].queued = RELAY_LEG_HIGH + 1;
            peer_put(&h, ENVELOPE_DATA, 1, octets(100));
            peer_read_on(&d[0]);
        }
        (void)!(peer_open(&d[1], &rig) == OK);
        peer_put(&d[1], ENVELOPE_CLAIM, 0,
                 BYTES_LIT("\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5"));
    }
    peer_fini(&d[0]);
    peer_fini(&d[1]);
    peer_fini(&h);
    (void)rig_wait(&rig, 600000);
    (void)rig_wait(&rig, 600000);
    rig_key_fini(&k[0]);
    rig_key_fini(&k[1]);
}

/* Each allocation fails once; whoever asked loses its connection, nothing leaks, and
 * the same relay serves the next one. */
TEST(the_relay_survives_every_failing_allocation)
{
    unsigned tries = 1;
    for (unsigned n = 0; n <= tries; n++) {
        rig_init(&rig);
        mem_fail_at(n);
        scenario();
        tries = n == 0 ? mem_tries() : tries;
        mem_fail_at(0);
        EQ_U64(relay_core_stats(rig.core).memory, 0);
        EQ_U64(relay_core_stats(rig.core).legs, 0);
        scenario();
        EQ_U64(relay_core_stats(rig.core).memory, 0);
        rig_fini(&rig);
    }
    TRUE(tries > 10);
}

RUN_TESTS(T(a_stranger_who_says_nothing_is_dropped_after_ten_seconds),
          T(a_host_that_never_sends_its_list_is_dropped),
          T(a_stranger_may_send_a_few_small_frames_only),
          T(a_frame_over_the_largest_size_is_malformed),
          T(a_proxy_speaks_for_the_last_address_it_names),
          T(one_address_may_hold_so_many_connections_and_no_more),
          T(one_address_may_upgrade_so_often_in_a_minute),
          T(an_address_that_is_refused_too_often_has_to_wait),
          T(ten_codes_a_minute_may_be_tried_from_one_address_loopback_included),
          T(the_table_of_addresses_forgets_and_never_grows_over_its_maximum),
          T(the_whole_relay_has_a_maximum_of_connections_and_of_memory),
          T(an_access_list_has_a_maximum_and_a_longer_one_changes_nothing),
          T(one_device_may_hold_a_few_channels_and_the_oldest_makes_room),
          T(a_host_has_a_maximum_of_channels),
          T(a_host_has_a_maximum_of_codes_and_of_boxes),
          T(a_box_lives_ten_minutes_at_most),
          T(a_box_carries_sixteen_small_messages_and_no_more),
          T(a_talk_in_a_box_ends_after_ten_minutes),
          T(a_few_may_be_in_a_box_at_once_and_not_many_one_after_the_other),
          T(codes_grow_by_a_digit_when_half_of_them_are_in_use),
          T(the_relay_survives_every_failing_allocation))
