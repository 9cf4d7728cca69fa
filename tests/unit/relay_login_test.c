#include "relay_scene.h"

/* ---- logging in ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum envelope_error want;
    uint16_t code;
} logins[] = {
    {"the signature is for another address", ENVELOPE_E_WRONG_URL, 1008},
    {"a signed bit is flipped", ENVELOPE_E_WRONG_URL, 1008},
    {"the nonce of another connection", ENVELOPE_E_WRONG_URL, 1008},
    {"made two minutes ago", ENVELOPE_E_CLOCK, 1008},
    {"made two minutes from now", ENVELOPE_E_CLOCK, 1008},
    {"a device that is not listed", ENVELOPE_E_NOT_ADMITTED, 1008},
    {"a device as host of that mailbox", ENVELOPE_E_NOT_ADMITTED, 1008},
    {"a mailbox that nobody has", ENVELOPE_E_HOST_OFFLINE, 1013},
};

static void bad_login(struct peer *p, size_t i)
{
    struct rig_key unlisted;
    const struct rig_key *k = &keys[0];
    rig_key_init(&unlisted, 99);
    struct envelope_auth a = rig_auth(&rig, ENVELOPE_DEVICE, k, host_key.mailbox);
    if (i == 3 || i == 4) {
        const uint64_t off = RELAY_CLOCK_MS + 1;
        a.ts_ms = i == 3 ? a.ts_ms - off : a.ts_ms + off;
    } else if (i == 5) {
        k = &unlisted;
        a = rig_auth(&rig, ENVELOPE_DEVICE, k, host_key.mailbox);
    } else if (i == 6) {
        a.role = ENVELOPE_HOST;
    } else if (i == 7) {
        a.mailbox[0] ^= 1;
    }
    p->nonce[0] ^= i == 2 ? 1 : 0;
    rig_sign(&a, p, k, i == 0 ? "wss://evil.example/relay" : RIG_URL);
    a.counter ^= i == 1 ? 1 : 0;
    peer_put_auth(p, &a);
    rig_key_fini(&unlisted);
}

TEST(a_login_that_does_not_fit_is_refused_with_its_own_code)
{
    begin(0);
    for (size_t i = 0; i < COUNT(logins); i++) {
        struct peer p;
        CASE(logins[i].name);
        EQ_INT(peer_open(&p, &rig), OK);
        bad_login(&p, i);
        FALSE(p.admitted);
        expect_err(&p, logins[i].want, logins[i].code);
        FALSE(peer_next(&host));
        peer_fini(&p);
    }
    end();
}

TEST(every_public_address_of_the_relay_is_good_to_sign)
{
    begin(0);
    struct peer p;
    EQ_INT(peer_open(&p, &rig), OK);
    struct envelope_auth a =
        rig_auth(&rig, ENVELOPE_DEVICE, &keys[0], host_key.mailbox);
    rig_sign(&a, &p, &keys[0], "wss://relay.example/relay");
    peer_put_auth(&p, &a);
    TRUE(peer_next(&p));
    EQ_INT(p.f.type, ENVELOPE_AUTH_OK);
    peer_fini(&p);
    end();
}

TEST(a_device_is_told_offline_until_the_host_has_sent_its_list)
{
    begin(0);
    struct peer early;
    peer_drop(&host);
    peer_fini(&host);
    EQ_INT(peer_open(&host, &rig), OK);
    peer_login(&host, ENVELOPE_HOST, &host_key, host_key.mailbox);
    EQ_INT(peer_open(&early, &rig), OK);
    peer_login(&early, ENVELOPE_DEVICE, &keys[0], host_key.mailbox);
    expect_err(&early, ENVELOPE_E_HOST_OFFLINE, 1013);
    peer_fini(&early);
    end();
}

TEST(the_newest_verified_host_wins_and_the_old_one_is_told)
{
    begin(1);
    struct peer newer;
    EQ_INT(peer_open(&newer, &rig), OK);
    peer_login(&newer, ENVELOPE_HOST, &host_key, host_key.mailbox);
    TRUE(peer_next(&newer));
    EQ_INT(newer.f.type, ENVELOPE_AUTH_OK);
    expect_close(&host, ENVELOPE_REPLACED);
    expect_close(&device[0], ENVELOPE_HOST_OFFLINE);
    peer_acl(&newer, ENVELOPE_REPLACE, keys, 1);
    TRUE(peer_next(&newer));
    peer_fini(&device[0]);
    EQ_INT(rig_device(&device[0], &newer, &keys[0], &host_key, &chan[0]), OK);
    peer_fini(&newer);
    end();
}

TEST(devices_are_told_when_their_host_goes)
{
    begin(2);
    peer_drop(&host);
    expect_close(&device[0], ENVELOPE_HOST_OFFLINE);
    expect_close(&device[1], ENVELOPE_HOST_OFFLINE);
    EQ_INT(relay_core_stats(rig.core).mailboxes, 0);
    EQ_INT(relay_core_stats(rig.core).memory, 0);
    end();
}

/* ---- access lists ------------------------------------------------------------------------ */

TEST(removing_a_device_from_the_list_closes_its_channel_at_once)
{
    begin(2);
    peer_acl(&host, ENVELOPE_REMOVE, keys, 1);
    expect_close(&device[0], ENVELOPE_REVOKED);
    TRUE(device[1].leg != NULL);
    const uint8_t reason[1] = {ENVELOPE_REVOKED};
    expect(&host, ENVELOPE_CLOSE, chan[0], BYTES_OF(reason));
    TRUE(peer_next(&host));
    EQ_INT(host.f.type, ENVELOPE_AUTH_OK);
    struct peer again;
    EQ_INT(peer_open(&again, &rig), OK);
    peer_login(&again, ENVELOPE_DEVICE, &keys[0], host_key.mailbox);
    expect_err(&again, ENVELOPE_E_NOT_ADMITTED, 1008);
    peer_fini(&again);
    end();
}

TEST(a_device_added_to_the_list_may_connect)
{
    begin(0);
    struct rig_key late;
    struct peer p;
    rig_key_init(&late, 77);
    peer_acl(&host, ENVELOPE_ADD, &late, 1);
    TRUE(peer_next(&host));
    EQ_INT(host.f.type, ENVELOPE_AUTH_OK);
    EQ_INT(rig_device(&p, &host, &late, &host_key, &chan[0]), OK);
    peer_fini(&p);
    rig_key_fini(&late);
    end();
}

TEST(replacing_the_list_keeps_those_who_stay_on_it)
{
    begin(2);
    peer_acl(&host, ENVELOPE_REPLACE, keys + 1, 2);
    expect_close(&device[0], ENVELOPE_REVOKED);
    TRUE(device[1].leg != NULL);
    end();
}

/* ---- tickets --------------------------------------------------------------------------------- */

static void put_ticket(struct peer *p, const struct rig_key *k, struct bytes ticket,
                       const char *url)
{
    struct envelope_auth a = {.variant = 2, .ticket = ticket, .ts_ms = rig.now.wall_ms};
    rig_sign(&a, p, k, url);
    peer_put_auth(p, &a);
}

static void get_ticket(uint8_t out[TICKET_SIZE])
{
    struct envelope_auth_ok ok;
    EQ_INT(envelope_auth_ok_parse(device[0].f.body, &ok), OK);
    EQ_U64(ok.ticket.len, TICKET_SIZE);
    EQ_U64(ok.expires_ms, rig.now.wall_ms + TICKET_TTL_MS);
    memcpy(out, ok.ticket.at, TICKET_SIZE);
}

TEST(a_ticket_lets_its_holder_in_again)
{
    uint8_t ticket[TICKET_SIZE];
    begin(1);
    get_ticket(ticket);
    struct peer p;
    EQ_INT(peer_open(&p, &rig), OK);
    put_ticket(&p, &keys[0], BYTES_OF(ticket), RIG_URL);
    TRUE(peer_next(&p));
    EQ_INT(p.f.type, ENVELOPE_AUTH_OK);
    peer_fini(&p);
    end();
}

static const struct {
    const char *name;
    enum envelope_error want;
} tickets[] = {
    {"forged", ENVELOPE_E_NOT_ADMITTED},
    {"without its key", ENVELOPE_E_WRONG_URL},
    {"for another address", ENVELOPE_E_WRONG_URL},
    {"expired", ENVELOPE_E_NOT_ADMITTED},
    {"of a device that was removed", ENVELOPE_E_NOT_ADMITTED},
    {"as a host's", ENVELOPE_E_NOT_ADMITTED},
    {"while the host is offline", ENVELOPE_E_HOST_OFFLINE},
    {"proof of another connection", ENVELOPE_E_WRONG_URL},
};

static void bad_ticket(struct peer *p, size_t i, uint8_t ticket[TICKET_SIZE])
{
    ticket[60] ^= i == 0 ? 1 : 0;
    if (i == 3) {
        (void)rig_wait(&rig, TICKET_TTL_MS);
        peer_fini(p);
        EQ_INT(peer_open(p, &rig), OK);
    } else if (i == 4) {
        peer_acl(&host, ENVELOPE_REMOVE, keys, 1);
    } else if (i == 5) {
        ticket[2] = TICKET_HOST;
    } else if (i == 6) {
        peer_drop(&host);
    }
    p->nonce[0] ^= i == 7 ? 1 : 0;
    put_ticket(p, &keys[i == 1 ? 1 : 0], (struct bytes){ticket, TICKET_SIZE},
               i == 2 ? "wss://evil.example/relay" : RIG_URL);
}

TEST(a_ticket_that_is_not_good_is_refused_with_its_own_code)
{
    for (size_t i = 0; i < COUNT(tickets); i++) {
        uint8_t ticket[TICKET_SIZE];
        CASE(tickets[i].name);
        begin(1);
        get_ticket(ticket);
        struct peer p;
        EQ_INT(peer_open(&p, &rig), OK);
        bad_ticket(&p, i, ticket);
        expect_err(&p, tickets[i].want,
                   tickets[i].want == ENVELOPE_E_HOST_OFFLINE ? 1013 : 1008);
        peer_fini(&p);
        end();
    }
}

TEST(a_host_may_use_its_ticket_too)
{
    begin(0);
    struct envelope_auth_ok ok;
    EQ_INT(envelope_auth_ok_parse(host.f.body, &ok), OK);
    struct peer p;
    EQ_INT(peer_open(&p, &rig), OK);
    put_ticket(&p, &host_key, ok.ticket, RIG_URL);
    TRUE(peer_next(&p));
    EQ_INT(p.f.type, ENVELOPE_AUTH_OK);
    expect_close(&host, ENVELOPE_REPLACED);
    peer_fini(&p);
    end();
}

RUN_TESTS(T(a_login_that_does_not_fit_is_refused_with_its_own_code),
          T(every_public_address_of_the_relay_is_good_to_sign),
          T(a_device_is_told_offline_until_the_host_has_sent_its_list),
          T(the_newest_verified_host_wins_and_the_old_one_is_told),
          T(devices_are_told_when_their_host_goes),
          T(removing_a_device_from_the_list_closes_its_channel_at_once),
          T(a_device_added_to_the_list_may_connect),
          T(replacing_the_list_keeps_those_who_stay_on_it),
          T(a_ticket_lets_its_holder_in_again),
          T(a_ticket_that_is_not_good_is_refused_with_its_own_code),
          T(a_host_may_use_its_ticket_too))
