#include "session/handshake.h"

#include "base/secret.h"
#include "crypto/random.h"
#include "session/record.h"
#include "session/sas.h"
#include "vectors.h"

/* ---- the published handshakes, octet by octet ------------------------------------------ */

struct one { // a whole handshake of a vector
    struct handshake i;
    struct handshake r;
    struct handshake_keys ki;
    struct handshake_keys kr;
    struct sign_key *host;
    struct sign_key *device;
    struct handshake_fixed fixed_i;
    struct handshake_fixed fixed_r;
    uint8_t msg1[HANDSHAKE_MSG1];
    uint8_t msg2[HANDSHAKE_MAX];
    size_t len2;
    uint8_t msg3[HANDSHAKE_MAX];
    size_t len3;
    struct bytes params_r;
    struct bytes params_i;
};

static void load(const json_t *v, struct one *o)
{
    uint8_t seed[SIGN_SEED];
    uint8_t ctx[HANDSHAKE_CTX];
    uint8_t psk[HANDSHAKE_PSK];
    const enum handshake_mode mode = (enum handshake_mode)json_get_int(v, "mode", 0);
    (void)vectors_hex(v, "host_sk", seed, sizeof(seed));
    o->host = sign_key_create(seed);
    (void)vectors_hex(v, "dev_sk", seed, sizeof(seed));
    o->device = sign_key_create(seed);
    (void)vectors_hex(v, "eph_i_sk", o->fixed_i.ephemeral, KX_SIZE);
    (void)vectors_hex(v, "nI", o->fixed_i.nonce, HANDSHAKE_NONCE);
    (void)vectors_hex(v, "eph_r_sk", o->fixed_r.ephemeral, KX_SIZE);
    (void)vectors_hex(v, "nR", o->fixed_r.nonce, HANDSHAKE_NONCE);
    (void)vectors_hex(v, "mailbox", ctx, sizeof(ctx));
    (void)vectors_hex(v, "psk", psk, sizeof(psk));
    handshake_init(&o->i, mode, ctx, psk);
    handshake_init(&o->r, mode, ctx, psk);
    o->params_r = BYTES_LIT("pR");
    o->params_i = BYTES_LIT("pI");
}

static void unload(struct one *o)
{
    sign_key_destroy(o->host);
    sign_key_destroy(o->device);
    handshake_fini(&o->i);
    handshake_fini(&o->r);
}

#define SAME(got, v, key)                          \
    do {                                           \
        struct vector want_;                       \
        CASE(key);                                 \
        EQ_BYTES(got, vector((v), (key), &want_)); \
    } while (0)

static void check_messages(const json_t *v, struct one *o)
{
    struct handshake_peer peer;
    handshake_write1(&o->i, &o->fixed_i, o->msg1);
    SAME(BYTES_OF(o->msg1), v, "msg1");
    SAME(BYTES_OF(o->i.salt), v, "salt");
    SAME(BYTES_OF(o->i.th), v, "th1");
    EQ_INT(handshake_read1(&o->r, BYTES_OF(o->msg1)), OK);
    SAME(BYTES_OF(o->r.th), v, "th1");

    EQ_INT(
        handshake_write2(&o->r, o->host, o->params_r, &o->fixed_r, o->msg2, &o->len2),
        OK);
    SAME(((struct bytes){o->msg2, o->len2}), v, "msg2");
    SAME(BYTES_OF(o->r.dh), v, "dh");
    SAME(BYTES_OF(o->r.th), v, "th3");
    EQ_INT(handshake_read2(&o->i, (struct bytes){o->msg2, o->len2},
                           sign_key_pub(o->host), &peer),
           OK);
    SAME(BYTES_OF(peer.key), v, "H");
    EQ_BYTES(peer.params, o->params_r);

    EQ_INT(handshake_write3(&o->i, o->device, o->params_i, o->msg3, &o->len3, &o->ki),
           OK);
    SAME(((struct bytes){o->msg3, o->len3}), v, "msg3");
    EQ_INT(handshake_read3(&o->r, (struct bytes){o->msg3, o->len3}, NULL, NULL, &peer,
                           &o->kr),
           OK);
    SAME(BYTES_OF(peer.key), v, "D");
    EQ_BYTES(peer.params, o->params_i);
}

static void check_keys(const json_t *v, struct one *o)
{
    EQ_MEM(&o->ki, &o->kr, sizeof(o->ki));
    SAME(BYTES_OF(o->ki.th4), v, "th4");
    SAME(BYTES_OF(o->ki.i2r), v, "ts_i2r");
    SAME(BYTES_OF(o->ki.r2i), v, "ts_r2i");
    SAME(BYTES_OF(o->ki.exporter), v, "exporter");
    if (json_get_str(v, "pair_root") != NULL && o->i.mode != HANDSHAKE_TRUSTED) {
        SAME(BYTES_OF(o->ki.pair_root), v, "pair_root");
    }
}

/* Seals `text` and compares with the published record. */
static void check_record(const json_t *v, struct record *tx, struct record *rx,
                         const char *text, const char *key)
{
    uint8_t raw[64];
    struct bytes plain = BYTES_NONE;
    const size_t len = strlen(text);
    memcpy(raw + RECORD_HEADER, text, len);
    EQ_INT(record_seal(tx, raw, len), OK);
    SAME(((struct bytes){raw, len + RECORD_OVERHEAD}), v, key);
    EQ_INT(record_open(rx, raw, len + RECORD_OVERHEAD, &plain), OK);
    TRUE(bytes_equal_str(plain, text));
}

static void check_records(const json_t *v, struct one *o)
{
    struct record tx;
    struct record rx;
    record_init(&tx, o->kr.r2i, 0);
    record_init(&rx, o->ki.r2i, 0);
    SAME(BYTES_OF(tx.iv), v, "r2i_iv");
    SAME(BYTES_OF(tx.next), v, "r2i_next");
    check_record(v, &tx, &rx, "ready", "rec_r2i_0");
    check_record(v, &tx, &rx, "second", "rec_r2i_1");
    EQ_INT(record_rekey(&tx, 0), OK);
    EQ_INT(record_rekey(&rx, 0), OK);
    check_record(v, &tx, &rx, "after rekey", "rec_r2i_epoch1_0");
    record_fini(&tx);
    record_fini(&rx);
}

static void check_sas(const json_t *v, struct one *o)
{
    uint8_t r_host[SAS_HOST_RANDOM];
    uint8_t r_device[SAS_DEVICE_RANDOM];
    char shown[SAS_TEXT];
    (void)vectors_hex(v, "rH", r_host, sizeof(r_host));
    (void)vectors_hex(v, "rI", r_device, sizeof(r_device));
    sas_digits(o->ki.exporter, r_host, r_device, shown);
    const char *want = json_get_str(v, "sas");
    EQ_MEM(shown, want, 3);
    EQ_INT(shown[3], ' ');
    EQ_STR(shown + 4, want + 3);
}

TEST(the_published_handshakes_in_three_modes)
{
    json_t *root = vectors_load("handshake.json");
    size_t i = 0;
    json_t *v = NULL;
    EQ_INT(json_array_size(root), 3);
    json_array_foreach(root, i, v)
    {
        static struct one o;
        load(v, &o);
        check_messages(v, &o);
        check_keys(v, &o);
        check_records(v, &o);
        check_sas(v, &o);
        unload(&o);
    }
    json_decref(root);
}

/* ---- the malicious relay ---------------------------------------------------------------- */

struct world {
    struct sign_key *host;
    struct sign_key *device;
    uint8_t ctx[HANDSHAKE_CTX];
    uint8_t psk[HANDSHAKE_PSK];
    enum handshake_mode mode;
};

static void world_init(struct world *w, enum handshake_mode mode)
{
    w->host = sign_key_random();
    w->device = sign_key_random();
    w->mode = mode;
    random_bytes(w->ctx, sizeof(w->ctx));
    random_bytes(w->psk, sizeof(w->psk));
}

static void world_fini(struct world *w)
{
    sign_key_destroy(w->host);
    sign_key_destroy(w->device);
}

/* An honest run up to msg3, every message kept. */
static void run(const struct world *w, struct one *o)
{
    struct handshake_peer peer;
    *o = (struct one){.params_r = BYTES_LIT("pR"), .params_i = BYTES_LIT("pI")};
    handshake_init(&o->i, w->mode, w->ctx, w->psk);
    handshake_init(&o->r, w->mode, w->ctx, w->psk);
    handshake_write1(&o->i, NULL, o->msg1);
    EQ_INT(handshake_read1(&o->r, BYTES_OF(o->msg1)), OK);
    EQ_INT(handshake_write2(&o->r, w->host, o->params_r, NULL, o->msg2, &o->len2), OK);
    struct handshake before = o->i; // as it is while it waits for msg2
    EQ_INT(handshake_read2(&o->i, (struct bytes){o->msg2, o->len2},
                           sign_key_pub(w->host), &peer),
           OK);
    EQ_INT(handshake_write3(&o->i, w->device, o->params_i, o->msg3, &o->len3, &o->ki),
           OK);
    o->i = before;
}

static enum err try2(const struct one *o, const struct world *w, const uint8_t *msg,
                     size_t len)
{
    struct handshake copy = o->i;
    struct handshake_peer peer;
    return handshake_read2(&copy, (struct bytes){msg, len}, sign_key_pub(w->host),
                           &peer);
}

static enum err try3(const struct one *o, const uint8_t *msg, size_t len)
{
    struct handshake copy = o->r;
    struct handshake_peer peer;
    struct handshake_keys keys;
    return handshake_read3(&copy, (struct bytes){msg, len}, NULL, NULL, &peer, &keys);
}

static enum err try1(const struct world *w, const uint8_t *msg, size_t len)
{
    struct handshake r;
    handshake_init(&r, w->mode, w->ctx, w->psk);
    return handshake_read1(&r, (struct bytes){msg, len});
}

TEST(every_bit_of_every_message_matters)
{
    static struct one o;
    for (int mode = HANDSHAKE_QR; mode <= HANDSHAKE_TRUSTED; mode++) {
        struct world w;
        world_init(&w, (enum handshake_mode)mode);
        run(&w, &o);
        EQ_INT(try2(&o, &w, o.msg2, o.len2), OK);
        EQ_INT(try3(&o, o.msg3, o.len3), OK);
        for (size_t bit = 0; bit < sizeof(o.msg1) * 8; bit++) {
            o.msg1[bit / 8] ^= (uint8_t)(1 << bit % 8);
            EQ_INT(try1(&w, o.msg1, sizeof(o.msg1)), ERR_AUTH);
            o.msg1[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t bit = 0; bit < o.len2 * 8; bit++) {
            o.msg2[bit / 8] ^= (uint8_t)(1 << bit % 8);
            EQ_INT(try2(&o, &w, o.msg2, o.len2), ERR_AUTH);
            o.msg2[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t bit = 0; bit < o.len3 * 8; bit++) {
            o.msg3[bit / 8] ^= (uint8_t)(1 << bit % 8);
            EQ_INT(try3(&o, o.msg3, o.len3), ERR_AUTH);
            o.msg3[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        world_fini(&w);
    }
}

TEST(every_prefix_and_every_extension_is_refused)
{
    static struct one o;
    struct world w;
    world_init(&w, HANDSHAKE_TRUSTED);
    run(&w, &o);
    for (size_t n = 0; n < sizeof(o.msg1); n++) {
        EQ_INT(try1(&w, o.msg1, n), ERR_AUTH);
    }
    for (size_t n = 0; n < o.len2; n++) {
        EQ_INT(try2(&o, &w, o.msg2, n), ERR_AUTH);
    }
    for (size_t n = 0; n < o.len3; n++) {
        EQ_INT(try3(&o, o.msg3, n), ERR_AUTH);
    }
    EQ_INT(try2(&o, &w, o.msg2, o.len2 + 1), ERR_AUTH);
    EQ_INT(try3(&o, o.msg3, o.len3 + 1), ERR_AUTH);
    EQ_INT(try2(&o, &w, o.msg2, HANDSHAKE_MAX), ERR_AUTH);
    world_fini(&w);
}

TEST(messages_of_other_runs_and_other_kinds_are_refused)
{
    static struct one a;
    static struct one b;
    struct world w;
    world_init(&w, HANDSHAKE_QR);
    run(&w, &a);
    run(&w, &b);
    EQ_INT(try2(&a, &w, b.msg2, b.len2), ERR_AUTH); // spliced
    EQ_INT(try3(&a, b.msg3, b.len3), ERR_AUTH);
    EQ_INT(try2(&a, &w, a.msg1, sizeof(a.msg1)), ERR_AUTH); // reflected, reordered
    EQ_INT(try2(&a, &w, a.msg3, a.len3), ERR_AUTH);
    EQ_INT(try3(&a, a.msg2, a.len2), ERR_AUTH);
    EQ_INT(try1(&w, a.msg2, HANDSHAKE_MSG1), ERR_AUTH);
    memcpy(b.msg2 + 4, a.msg2 + 4, 64); // a's shares before b's identity
    EQ_INT(try2(&a, &w, b.msg2, b.len2), ERR_AUTH);
    world_fini(&w);
}

TEST(modes_do_not_mix)
{
    static struct one o;
    struct world w;
    world_init(&w, HANDSHAKE_QR);
    run(&w, &o);
    w.mode = HANDSHAKE_TRUSTED; // the same secret, another mode
    EQ_INT(try1(&w, o.msg1, sizeof(o.msg1)), ERR_AUTH);
    o.msg1[2] = HANDSHAKE_TRUSTED;
    EQ_INT(try1(&w, o.msg1, sizeof(o.msg1)), ERR_AUTH);
    w.mode = HANDSHAKE_QR;
    w.ctx[0] ^= 1; // another box
    EQ_INT(try1(&w, o.msg1, sizeof(o.msg1)), ERR_AUTH);
    world_fini(&w);
}

TEST(another_host_key_is_refused)
{
    static struct one o;
    struct world w;
    struct handshake_peer peer;
    world_init(&w, HANDSHAKE_TRUSTED);
    run(&w, &o);
    struct handshake copy = o.i;
    EQ_INT(handshake_read2(&copy, (struct bytes){o.msg2, o.len2},
                           sign_key_pub(w.device), &peer),
           ERR_AUTH);
    copy = o.i; // no pin at all
    EQ_INT(handshake_read2(&copy, (struct bytes){o.msg2, o.len2}, NULL, &peer),
           ERR_AUTH);
    world_fini(&w);
}

static bool never(void *user, const uint8_t *key)
{
    (void)user;
    (void)key;
    return false;
}

TEST(a_device_key_that_may_not_speak_is_refused)
{
    static struct one o;
    struct world w;
    struct handshake_peer peer;
    struct handshake_keys keys;
    world_init(&w, HANDSHAKE_TRUSTED);
    run(&w, &o);
    EQ_INT(handshake_read3(&o.r, (struct bytes){o.msg3, o.len3}, never, NULL, &peer,
                           &keys),
           ERR_AUTH);
    world_fini(&w);
}

/* A point of small order gives a dh that everybody knows. */
TEST(small_order_points_are_refused_by_both_ends)
{
    static struct one o;
    struct world w;
    size_t len = 0;
    uint8_t out[HANDSHAKE_MAX];
    world_init(&w, HANDSHAKE_QR);
    run(&w, &o);
    memset(o.msg2 + 4, 0, KX_SIZE);
    EQ_INT(try2(&o, &w, o.msg2, o.len2), ERR_AUTH);
    memset(o.r.plain, 0, KX_SIZE); // as if msg1 with a right tag had carried it
    EQ_INT(handshake_write2(&o.r, w.host, BYTES_NONE, NULL, out, &len), ERR_AUTH);
    world_fini(&w);
}

TEST(secrets_are_gone_when_there_are_keys)
{
    static const uint8_t zeros[64] = {0};
    static struct one o;
    struct world w;
    struct handshake_peer peer;
    world_init(&w, HANDSHAKE_QR);
    run(&w, &o);
    EQ_INT(
        handshake_read3(&o.r, (struct bytes){o.msg3, o.len3}, NULL, NULL, &peer, &o.kr),
        OK);
    EQ_MEM(&o.ki, &o.kr, sizeof(o.ki));
    EQ_MEM(o.r.psk, zeros, sizeof(o.r.psk));
    EQ_MEM(o.r.dh, zeros, sizeof(o.r.dh));
    EQ_MEM(o.r.ephemeral, zeros, sizeof(o.r.ephemeral));
    EQ_MEM(o.r.salt, zeros, sizeof(o.r.salt));
    world_fini(&w);
}

TEST(the_fingerprint_is_the_same_on_both_ends)
{
    uint8_t a[32] = {1};
    uint8_t b[32] = {2};
    char one[FINGERPRINT_TEXT];
    char two[FINGERPRINT_TEXT];
    fingerprint_digits(a, b, one);
    fingerprint_digits(b, a, two);
    EQ_STR(one, two);
    EQ_INT(strlen(one), FINGERPRINT_TEXT - 1);
    b[0] = 3;
    fingerprint_digits(a, b, two);
    FALSE(strcmp(one, two) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_published_handshakes_in_three_modes),
        T(every_bit_of_every_message_matters),
        T(every_prefix_and_every_extension_is_refused),
        T(messages_of_other_runs_and_other_kinds_are_refused),
        T(modes_do_not_mix),
        T(another_host_key_is_refused),
        T(a_device_key_that_may_not_speak_is_refused),
        T(small_order_points_are_refused_by_both_ends),
        T(secrets_are_gone_when_there_are_keys),
        T(the_fingerprint_is_the_same_on_both_ends),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
