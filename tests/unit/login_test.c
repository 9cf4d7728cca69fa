#include "link/login.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "link/backoff.h"
#include "test.h"

#define NOW_MS UINT64_C(1790000000000)
#define URL    "wss://relay.example/relay"

static struct login host_login(const struct sign_key *key)
{
    struct login l = {.role = ENVELOPE_HOST,
                      .key = key,
                      .url = URL,
                      .invite = "let me in",
                      .counter = 7};
    memset(l.mailbox, 0x5a, sizeof(l.mailbox));
    return l;
}

static struct envelope_challenge challenge(void)
{
    struct envelope_challenge c = {.time_ms = NOW_MS};
    memset(c.nonce, 0xc3, sizeof(c.nonce));
    return c;
}

/* The AUTH in `frame`, whose signature must be the key's over what section 8 says. */
static void check_auth(struct buf *frame, const struct sign_key *key, const char *url,
                       struct envelope_auth *out)
{
    struct envelope f;
    struct buf text;
    uint8_t ticket_hash[HASH_SHA256];
    const struct envelope_challenge c = challenge();
    EQ_INT(envelope_parse(buf_bytes(frame), &f), OK);
    EQ_INT(f.type, ENVELOPE_AUTH);
    EQ_INT(envelope_auth_parse(f.body, out), OK);
    hash_sha256(out->ticket, ticket_hash);
    buf_init(&text, 2048);
    EQ_INT(envelope_put_auth_signed(&text, url, c.nonce, out, ticket_hash), OK);
    EQ_INT(sign_verify(sign_key_pub(key), buf_bytes(&text), BYTES_OF(out->sig)), OK);
    buf_fini(&text);
}

TEST(login_of_a_host_signs_the_address_it_dialled)
{
    struct sign_key *key = sign_key_random();
    const struct login l = host_login(key);
    const struct envelope_challenge c = challenge();
    struct envelope_auth a;
    struct buf frame;
    buf_init(&frame, 4096);
    EQ_INT(login_answer(&l, &c, NOW_MS, &frame), OK);
    check_auth(&frame, key, URL, &a);
    EQ_INT(a.variant, 1);
    EQ_U64(a.counter, 7);
    EQ_U64(a.ts_ms, NOW_MS);
    EQ_MEM(a.mailbox, l.mailbox, 16);
    EQ_BYTES(a.invite, BYTES_LIT("let me in"));
    buf_fini(&frame);
    sign_key_destroy(key);
}

TEST(login_of_a_device_has_neither_counter_nor_invite)
{
    struct sign_key *key = sign_key_random();
    struct login l = host_login(key);
    const struct envelope_challenge c = challenge();
    struct envelope_auth a;
    struct buf frame;
    l.role = ENVELOPE_DEVICE;
    buf_init(&frame, 4096);
    EQ_INT(login_answer(&l, &c, NOW_MS, &frame), OK);
    check_auth(&frame, key, URL, &a);
    EQ_INT(a.role, ENVELOPE_DEVICE);
    EQ_U64(a.counter, 0);
    EQ_INT(a.invite.len, 0);
    buf_fini(&frame);
    sign_key_destroy(key);
}

TEST(login_proves_a_ticket_while_it_has_time_left)
{
    static const struct {
        const char *name;
        uint64_t now_ms;
        bool dropped;
        unsigned variant;
    } cases[] = {
        {"fresh", NOW_MS, false, 2},
        {"just enough left", NOW_MS + 900000 - LOGIN_TICKET_SPARE_MS - 1, false, 2},
        {"too little left", NOW_MS + 900000 - LOGIN_TICKET_SPARE_MS, false, 1},
        {"expired", NOW_MS + 900001, false, 1},
        {"refused before", NOW_MS, true, 1},
    };
    static const uint8_t octets[85] = {1, 2, 3};
    struct sign_key *key = sign_key_random();
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct envelope_auth_ok ok = {BYTES_OF(octets), NOW_MS + 900000};
        const struct envelope_challenge c = challenge();
        struct login l = host_login(key);
        struct envelope_auth a;
        struct buf frame;
        CASE(cases[i].name);
        l.role = ENVELOPE_DEVICE;
        login_keep_ticket(&l, &ok);
        if (cases[i].dropped) {
            login_drop_ticket(&l);
        }
        buf_init(&frame, 4096);
        EQ_INT(login_answer(&l, &c, cases[i].now_ms, &frame), OK);
        check_auth(&frame, key, URL, &a);
        EQ_INT(a.variant, cases[i].variant);
        buf_fini(&frame);
    }
    sign_key_destroy(key);
}

TEST(login_ignores_a_ticket_that_is_too_long)
{
    static const uint8_t octets[ENVELOPE_TICKET_MAX + 1] = {0};
    const struct envelope_auth_ok ok = {BYTES_OF(octets), NOW_MS + 900000};
    struct login l = {.role = ENVELOPE_DEVICE};
    login_keep_ticket(&l, &ok);
    EQ_INT(l.ticket_len, 0);
}

TEST(backoff_begins_at_once_doubles_and_is_never_longer_than_its_maximum)
{
    struct backoff b = {0};
    uint32_t before = 0;
    TRUE(backoff_next_ms(&b, UINT32_MAX) <= BACKOFF_FIRST_MS);
    for (int i = 0; i < 40; i++) {
        const uint32_t least = backoff_next_ms(&b, 0);
        TRUE(least >= before);
        TRUE(least <= BACKOFF_MAX_MS / 2);
        before = least;
    }
    for (uint32_t r = 0; r < 100000; r += 977) {
        TRUE(backoff_next_ms(&b, r) <= BACKOFF_MAX_MS);
    }
    backoff_reset(&b);
    TRUE(backoff_next_ms(&b, 5) <= BACKOFF_FIRST_MS);
}

int main(void)
{
    crypto_init();
    const struct CMUnitTest tests[] = {
        T(login_of_a_host_signs_the_address_it_dialled),
        T(login_of_a_device_has_neither_counter_nor_invite),
        T(login_proves_a_ticket_while_it_has_time_left),
        T(login_ignores_a_ticket_that_is_too_long),
        T(backoff_begins_at_once_doubles_and_is_never_longer_than_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
