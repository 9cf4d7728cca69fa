#include "test.h"

#include "base/mem.h"
#include "wire/envelope.h"

/* Every type once, with every field different from zero. */
static void put_samples(struct buf frames[], size_t n)
{
    static const uint8_t hashes[64] = {1, 2, 3};
    static const uint8_t ping[8] = {8, 7, 6};
    const struct envelope_challenge challenge = {.nonce = {1}, .time_ms = 2};
    const struct envelope_auth key = {.variant = 1,
                                      .role = ENVELOPE_DEVICE,
                                      .pub = {3},
                                      .mailbox = {4},
                                      .ts_ms = 5,
                                      .counter = 6,
                                      .invite = BYTES_LIT("invite"),
                                      .sig = {7}};
    const struct envelope_auth ticket = {
        .variant = 2, .ticket = BYTES_LIT("ticket"), .ts_ms = 8, .sig = {9}};
    const struct envelope_auth_ok ok = {BYTES_LIT("ticket"), 10};
    const struct envelope_open open = {ENVELOPE_TO_BOX, {11}};
    const struct envelope_acl acl = {ENVELOPE_ADD, 2, BYTES_OF(hashes)};
    const struct envelope_nameplate plate = {{12}, 300, BYTES_LIT("offer")};
    const struct envelope_plate answer = {{13}, 299, BYTES_LIT("748")};
    for (size_t i = 0; i < n; i++) {
        buf_init(&frames[i], 1000);
    }
    EQ_INT(envelope_put_challenge(&frames[0], &challenge), OK);
    EQ_INT(envelope_put_auth(&frames[1], &key), OK);
    EQ_INT(envelope_put_auth(&frames[2], &ticket), OK);
    EQ_INT(envelope_put_auth_ok(&frames[3], &ok), OK);
    EQ_INT(envelope_put_open(&frames[4], 5, &open), OK);
    EQ_INT(envelope_put_close(&frames[5], 6, ENVELOPE_STALLED), OK);
    EQ_INT(envelope_put(&frames[6], ENVELOPE_DATA, 7, BYTES_LIT("data")), OK);
    EQ_INT(envelope_put_acl(&frames[7], &acl), OK);
    EQ_INT(envelope_put_nameplate(&frames[8], &plate), OK);
    EQ_INT(envelope_put_plate(&frames[9], &answer), OK);
    EQ_INT(envelope_put_claim(&frames[10], BYTES_LIT("74812")), OK);
    EQ_INT(envelope_put_claimed(&frames[11], BYTES_LIT("offer")), OK);
    EQ_INT(envelope_put_ping(&frames[12], 8, ping), OK);
    EQ_INT(envelope_put_credit(&frames[13], 9, 65536), OK);
    EQ_INT(envelope_put_err(&frames[14], 0, ENVELOPE_E_NO_SUCH_CODE, "no such code"),
           OK);
}

enum { N_SAMPLES = 15 };

static union {
    struct envelope_challenge challenge;
    struct envelope_auth auth;
    struct envelope_auth_ok auth_ok;
    struct envelope_open open;
    struct envelope_acl acl;
    struct envelope_nameplate nameplate;
    struct envelope_plate plate;
    struct envelope_claim claim;
    struct envelope_err err;
    struct bytes offer;
    uint8_t octets[8];
    uint8_t reason;
    uint32_t credit;
} body;

static enum err parse_body(size_t sample, struct bytes b)
{
    switch (sample) {
    case 0:
        return envelope_challenge_parse(b, &body.challenge);
    case 1:
    case 2:
        return envelope_auth_parse(b, &body.auth);
    case 3:
        return envelope_auth_ok_parse(b, &body.auth_ok);
    case 4:
        return envelope_open_parse(b, &body.open);
    case 5:
        return envelope_close_parse(b, &body.reason);
    case 7:
        return envelope_acl_parse(b, &body.acl);
    case 8:
        return envelope_nameplate_parse(b, &body.nameplate);
    case 9:
        return envelope_plate_parse(b, &body.plate);
    case 10:
        return envelope_claim_parse(b, &body.claim);
    case 11:
        return envelope_claimed_parse(b, &body.offer);
    case 12:
        return envelope_ping_parse(b, body.octets);
    case 13:
        return envelope_credit_parse(b, &body.credit);
    case 14:
        return envelope_err_parse(b, &body.err);
    default:
        return OK;
    }
}

TEST(envelope_every_type_round_trips)
{
    struct buf frames[N_SAMPLES];
    static const uint32_t chans[N_SAMPLES] = {0, 0, 0, 0, 5, 6, 7, 0,
                                              0, 0, 0, 0, 8, 9, 0};
    put_samples(frames, N_SAMPLES);
    for (size_t i = 0; i < N_SAMPLES; i++) {
        struct envelope e;
        EQ_INT(envelope_parse(buf_bytes(&frames[i]), &e), OK);
        EQ_U64(e.chan, chans[i]);
        EQ_INT(parse_body(i, e.body), OK);
        buf_fini(&frames[i]);
    }
}

TEST(envelope_fields_are_where_the_law_puts_them)
{
    struct buf frames[N_SAMPLES];
    struct envelope e;
    put_samples(frames, N_SAMPLES);
    EQ_INT(envelope_parse(buf_bytes(&frames[1]), &e), OK);
    EQ_U64(e.body.len, 1 + 1 + 32 + 16 + 8 + 8 + 4 + 6 + 64);
    EQ_INT(parse_body(1, e.body), OK);
    EQ_INT(body.auth.role, ENVELOPE_DEVICE);
    EQ_INT(body.auth.pub[0], 3);
    EQ_INT(body.auth.mailbox[0], 4);
    EQ_U64(body.auth.ts_ms, 5);
    EQ_U64(body.auth.counter, 6);
    EQ_BYTES(body.auth.invite, BYTES_LIT("invite"));
    EQ_INT(body.auth.sig[0], 7);
    EQ_INT(envelope_parse(buf_bytes(&frames[13]), &e), OK);
    EQ_BYTES(buf_bytes(&frames[13]), BYTES_LIT("\x01\x0d\0\0\0\x09\0\1\0\0"));
    EQ_INT(envelope_parse(buf_bytes(&frames[10]), &e), OK);
    EQ_INT(parse_body(10, e.body), OK);
    EQ_BYTES(body.claim.digits, BYTES_LIT("74812"));
    EQ_INT(envelope_claim_parse(BYTES_LIT("0123456789abcdef"), &body.claim), OK);
    EQ_U64(body.claim.pair_id.len, 16);
    EQ_INT(envelope_claim_parse(BYTES_LIT("12"), &body.claim), ERR_PROTO);
    EQ_INT(envelope_claim_parse(BYTES_LIT("123456"), &body.claim), ERR_PROTO);
    EQ_INT(envelope_claim_parse(BYTES_LIT("12a"), &body.claim), ERR_PROTO);
    for (size_t i = 0; i < N_SAMPLES; i++) {
        buf_fini(&frames[i]);
    }
}

TEST(envelope_bodies_are_refused_when_cut_or_longer)
{
    struct buf frames[N_SAMPLES];
    put_samples(frames, N_SAMPLES);
    for (size_t i = 0; i < N_SAMPLES; i++) {
        uint8_t longer[400];
        struct envelope e;
        EQ_INT(envelope_parse(buf_bytes(&frames[i]), &e), OK);
        memcpy(longer, e.body.at, e.body.len);
        longer[e.body.len] = 0;
        const bool open_ended = i == 6 || i == 14; // DATA and the sentence of ERR
        if (!open_ended) {
            EQ_INT(parse_body(i, (struct bytes){longer, e.body.len + 1}), ERR_PROTO);
        }
        for (size_t n = 0; n < e.body.len && !open_ended; n++) {
            const enum err got = parse_body(i, bytes_sub(e.body, 0, n));
            EQ_INT(got == OK, i == 10 && n >= 3); // fewer digits are digits too
        }
        buf_fini(&frames[i]);
    }
}

TEST(envelope_head_table)
{
    static uint8_t large[ENVELOPE_MAX + 1] = {1, ENVELOPE_DATA};
    static const struct {
        const char *hex;
        enum err want;
    } cases[] = {
        {"010600000000", OK},
        {"0106000000", ERR_PROTO},
        {"", ERR_PROTO},
        {"020600000000", ERR_PROTO},
        {"010000000000", ERR_PROTO},
        {"010a00000000", ERR_PROTO},
        {"010e00000000", ERR_PROTO},
        {"01ff00000000", ERR_PROTO},
        {"010dffffffff", OK},
    };
    struct envelope e;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t raw[16];
        CASE(cases[i].hex);
        EQ_INT(envelope_parse(test_unhex(cases[i].hex, raw, sizeof(raw)), &e),
               cases[i].want);
    }
    EQ_INT(envelope_parse((struct bytes){large, ENVELOPE_MAX}, &e), OK);
    EQ_INT(envelope_parse(BYTES_OF(large), &e), ERR_LIMIT);
}

TEST(envelope_signed_text_is_the_one_of_section_8)
{
    struct buf out;
    struct envelope_auth a = {.variant = 1,
                              .role = ENVELOPE_HOST,
                              .pub = {0xaa},
                              .mailbox = {0xbb},
                              .ts_ms = 1,
                              .counter = 2,
                              .invite = BYTES_LIT("i")};
    const uint8_t nonce[32] = {0xcc};
    const uint8_t hash[32] = {0xdd};
    buf_init(&out, 1000);
    EQ_INT(envelope_put_auth_signed(&out, "ws://r", nonce, &a, NULL), OK);
    const struct bytes b = buf_bytes(&out);
    EQ_U64(b.len, 4 + 14 + 4 + 6 + 32 + 1 + 16 + 32 + 8 + 8 + 4 + 1);
    EQ_BYTES(bytes_sub(b, 0, 28), BYTES_LIT("\0\0\0\x0e"
                                            "fh1 relay auth\0\0\0\6ws://r"));
    EQ_INT(b.at[28], 0xcc);
    EQ_INT(b.at[60], ENVELOPE_HOST);
    EQ_INT(b.at[61], 0xbb);
    EQ_INT(b.at[77], 0xaa);
    a.variant = 2;
    buf_clear(&out);
    EQ_INT(envelope_put_auth_signed(&out, "ws://r", nonce, &a, hash), OK);
    EQ_U64(buf_len(&out), 4 + 16 + 4 + 6 + 32 + 8 + 32);
    buf_fini(&out);
}

TEST(envelope_offer_round_trips)
{
    const struct envelope_offer o = {
        .pair_id = {1, 2}, .host_nonce = {3}, .expires_in_s = 300};
    uint8_t raw[ENVELOPE_OFFER_SIZE];
    struct envelope_offer back;
    envelope_offer_build(&o, raw);
    EQ_INT(envelope_offer_parse(BYTES_OF(raw), &back), OK);
    EQ_MEM(&back, &o, sizeof(o));
    EQ_INT(envelope_offer_parse((struct bytes){raw, sizeof(raw) - 1}, &back),
           ERR_PROTO);
    raw[1] = 2;
    EQ_INT(envelope_offer_parse(BYTES_OF(raw), &back), ERR_PROTO);
}

TEST(envelope_writers_refuse_what_the_reader_would)
{
    static const uint8_t large[ENVELOPE_BODY_MAX + 1];
    struct buf out;
    const struct envelope_auth_ok ok = {{large, ENVELOPE_TICKET_MAX + 1}, 0};
    buf_init(&out, sizeof(large) + 100);
    EQ_INT(envelope_put(&out, ENVELOPE_DATA, 1, BYTES_OF(large)), ERR_LIMIT);
    EQ_INT(envelope_put_auth_ok(&out, &ok), ERR_LIMIT);
    EQ_INT(envelope_put_claim(&out, BYTES_LIT("x")), ERR_PROTO);
    EQ_U64(buf_len(&out), 0);
    buf_fini(&out);
}

RUN_TESTS(T(envelope_every_type_round_trips),
          T(envelope_fields_are_where_the_law_puts_them),
          T(envelope_bodies_are_refused_when_cut_or_longer), T(envelope_head_table),
          T(envelope_signed_text_is_the_one_of_section_8),
          T(envelope_offer_round_trips),
          T(envelope_writers_refuse_what_the_reader_would))
