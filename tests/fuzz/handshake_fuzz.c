#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "session/handshake.h"
#include "session/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One honest handshake with fixed secrets, made once; its ends as they wait. */
static struct {
    struct sign_key *host;
    struct sign_key *device;
    struct handshake i;  // waits for msg2
    struct handshake r1; // waits for msg1
    struct handshake r3; // waits for msg3
    uint8_t msg[3][HANDSHAKE_MAX];
    size_t len[3];
} w;

static void make_world(void)
{
    static const uint8_t seed_h[SIGN_SEED] = {1};
    static const uint8_t seed_d[SIGN_SEED] = {2};
    static const uint8_t ctx[HANDSHAKE_CTX] = {3};
    static const uint8_t psk[HANDSHAKE_PSK] = {4};
    static const struct handshake_fixed fi = {{5}, {6}};
    static const struct handshake_fixed fr = {{7}, {8}};
    struct handshake_peer peer;
    struct handshake_keys keys;
    crypto_init();
    w.host = sign_key_create(seed_h);
    w.device = sign_key_create(seed_d);
    handshake_init(&w.i, HANDSHAKE_TRUSTED, ctx, psk);
    handshake_init(&w.r1, HANDSHAKE_TRUSTED, ctx, psk);
    handshake_write1(&w.i, &fi, w.msg[0]);
    w.len[0] = HANDSHAKE_MSG1;
    w.r3 = w.r1;
    struct handshake i = w.i;
    if (handshake_read1(&w.r3, (struct bytes){w.msg[0], w.len[0]}) != OK ||
        handshake_write2(&w.r3, w.host, BYTES_LIT("R"), &fr, w.msg[1], &w.len[1]) !=
            OK) {
        abort();
    }
    i = w.i;
    if (handshake_read2(&i, (struct bytes){w.msg[1], w.len[1]}, sign_key_pub(w.host),
                        &peer) != OK ||
        handshake_write3(&i, w.device, BYTES_LIT("I"), w.msg[2], &w.len[2], &keys) !=
            OK) {
        abort();
    }
}

static enum err feed(unsigned which, struct bytes in)
{
    struct handshake_peer peer;
    struct handshake_keys keys;
    struct handshake h;
    if (which == 0) {
        h = w.r1;
        return handshake_read1(&h, in);
    }
    if (which == 1) {
        h = w.i;
        return handshake_read2(&h, in, sign_key_pub(w.host), &peer);
    }
    h = w.r3;
    return handshake_read3(&h, in, NULL, NULL, &peer, &keys);
}

/* Property: nothing but the very message that was sent is accepted, and everything else
 * is the same error. Input: which message (0..2, 3: P2), then the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (w.host == NULL) {
        make_world();
    }
    if (size == 0) {
        return 0;
    }
    const unsigned which = data[0] % 4;
    const struct bytes in = {data + 1, size - 1};
    if (which == 3) {
        static const uint8_t offer[RUN_OFFER] = {1, 1};
        uint8_t p3[RUN_P3];
        uint8_t psk[HANDSHAKE_PSK];
        const enum err e = run_answer("wolf-pine-748", offer, in, p3, psk);
        if (e != OK && e != ERR_AUTH) {
            abort();
        }
        return 0;
    }
    const enum err e = feed(which, in);
    const bool honest = bytes_equal(in, (struct bytes){w.msg[which], w.len[which]});
    if (e != (honest ? OK : ERR_AUTH)) {
        abort();
    }
    return 0;
}
