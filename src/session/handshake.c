#include "session/handshake.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "session/label.h"

/* Offsets of msg1 and msg2; msg3 is a head and its sealed part. */
enum {
    VERSION = 1,
    SUITE = 1,
    HEAD = 4, // number, version, mode, suite
    HINT_AT = 4,
    HINT = 8,
    EI_AT = 12,
    NI_AT = 44,
    TAG_AT = 76,
    TAG = 16,
    ER_AT = 4,
    NR_AT = 36,
    CT2_AT = 68,
    IDENTITY_FIXED = 4 + SIGN_PUB + 4 + SIGN_SIG + 4,
};

static enum err fail(struct handshake *h, const char *why)
{
    h->why = why;
    return ERR_AUTH;
}

/* ---- the prologue and what hangs on the PSK --------------------------------- */

struct prologue {
    struct label suite;
    struct label ctx;
    uint8_t mode;
};

static struct prologue prologue_of(enum handshake_mode mode, const uint8_t *ctx)
{
    return (struct prologue){
        .suite = label_of("fh1-S3-X25519-Ed25519-AES256GCM-SHA256"),
        .ctx = label_octets((struct bytes){ctx, HANDSHAKE_CTX}),
        .mode = (uint8_t)mode,
    };
}

#define PROLOGUE_PARTS(p) LABEL_PARTS((p).suite), {&(p).mode, 1}, LABEL_PARTS((p).ctx)

static void make_salt(struct handshake *h)
{
    uint8_t digest[HASH_SHA256];
    const struct prologue pro = prologue_of(h->mode, h->ctx);
    const struct bytes whole[] = {PROLOGUE_PARTS(pro)};
    hash_sha256_parts(whole, COUNT(whole), digest);
    const struct label label = label_of("fh1 salt");
    const struct bytes parts[] = {LABEL_PARTS(label), BYTES_OF(digest)};
    hmac_sha256_parts(BYTES_OF(h->psk), parts, COUNT(parts), h->salt);
}

static void make_hint(enum handshake_mode mode, struct bytes psk, const uint8_t *nonce,
                      uint8_t out[HINT])
{
    uint8_t mac[HMAC_SIZE];
    memset(out, 0, HINT);
    if (mode != HANDSHAKE_TRUSTED) {
        return;
    }
    const struct label label = label_of("fh1 hint");
    const struct bytes parts[] = {LABEL_PARTS(label), {nonce, HANDSHAKE_NONCE}};
    hmac_sha256_parts(psk, parts, COUNT(parts), mac);
    memcpy(out, mac, HINT);
    secret_wipe(mac, sizeof(mac));
}

static void make_tag(enum handshake_mode mode, const uint8_t *ctx, struct bytes psk,
                     const uint8_t *msg1, uint8_t out[TAG])
{
    uint8_t mac[HMAC_SIZE];
    const struct prologue pro = prologue_of(mode, ctx);
    const struct label label = label_of("fh1 hello");
    const struct bytes parts[] = {
        LABEL_PARTS(label), PROLOGUE_PARTS(pro), {msg1, TAG_AT}};
    hmac_sha256_parts(psk, parts, COUNT(parts), mac);
    memcpy(out, mac, TAG);
    secret_wipe(mac, sizeof(mac));
}

/* ---- the transcript ---------------------------------------------------------- */

static void begin_transcript(struct handshake *h, const uint8_t *msg1)
{
    const struct prologue pro = prologue_of(h->mode, h->ctx);
    const struct bytes parts[] = {PROLOGUE_PARTS(pro), {msg1, HANDSHAKE_MSG1}};
    hash_sha256_parts(parts, COUNT(parts), h->th);
}

static void add_to_transcript(struct handshake *h, struct bytes octets)
{
    const struct bytes parts[] = {BYTES_OF(h->th), octets};
    hash_sha256_parts(parts, COUNT(parts), h->th);
}

static void derive(const struct handshake *h, const char *label, uint8_t out[32])
{
    hkdf_label(BYTES_OF(h->dh), BYTES_OF(h->salt), label, BYTES_OF(h->th), out, 32);
}

static void take_keys(struct handshake *h, struct handshake_keys *keys)
{
    derive(h, "fh1 i2r", keys->i2r);
    derive(h, "fh1 r2i", keys->r2i);
    derive(h, "fh1 exp", keys->exporter);
    memset(keys->pair_root, 0, sizeof(keys->pair_root));
    if (h->mode != HANDSHAKE_TRUSTED) {
        derive(h, "fh1 root", keys->pair_root);
    }
    memcpy(keys->th4, h->th, sizeof(keys->th4));
    // What the keys came from is of no more use to anybody.
    secret_wipe(h->psk, sizeof(h->psk));
    secret_wipe(h->dh, sizeof(h->dh));
    secret_wipe(h->salt, sizeof(h->salt));
    secret_wipe(h->ephemeral, sizeof(h->ephemeral));
}

static void write_head(const struct handshake *h, uint8_t number, uint8_t *out)
{
    out[0] = number;
    out[1] = VERSION;
    out[2] = (uint8_t)h->mode;
    out[3] = SUITE;
}

static bool head_fits(const struct handshake *h, uint8_t number, struct bytes in)
{
    uint8_t head[HEAD];
    write_head(h, number, head);
    return bytes_equal(bytes_sub(in, 0, HEAD), BYTES_OF(head));
}

/* ---- identities: key, signature, parameters, sealed with k2 or k3 ------------- */

struct identity {
    const char *label; // of the signature
    const char *key_label;
    struct bytes host_key; // signed along by a controller; empty for a host
};

static const struct identity host_identity = {"fh1 sig host", "fh1 k2", {NULL, 0}};

static struct identity controller_identity(const struct handshake *h)
{
    return (struct identity){"fh1 sig ctrl", "fh1 k3", BYTES_OF(h->host_key)};
}

/* What is signed: LV(label) || th || [LV(H)] || LV(key) || LV(params). */
static size_t signed_text(const struct handshake *h, const struct identity *id,
                          const uint8_t *key, struct bytes params, uint8_t *out)
{
    const struct label label = label_of(id->label);
    const struct label host = label_octets(id->host_key);
    const struct label own = label_octets((struct bytes){key, SIGN_PUB});
    const struct label rest = label_octets(params);
    const bool with_host = id->host_key.len != 0;
    const struct bytes parts[] = {
        LABEL_PARTS(label),
        BYTES_OF(h->th),
        with_host ? BYTES_OF(host.len) : BYTES_NONE,
        host.text,
        LABEL_PARTS(own),
        LABEL_PARTS(rest),
    };
    size_t len = 0;
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (parts[i].len != 0) {
            memcpy(out + len, parts[i].at, parts[i].len);
        }
        len += parts[i].len;
    }
    return len;
}

enum {
    SIGNED_MAX = 64 + HANDSHAKE_HASH + 2 * (4 + SIGN_PUB) + 4 + HANDSHAKE_PARAMS_MAX
};

/* Seals LV(key) || LV(sig) || LV(params) at `out`; moves the transcript past it. */
static size_t seal_identity(struct handshake *h, const struct identity *id,
                            const struct sign_key *key, struct bytes params,
                            uint8_t *out)
{
    static const uint8_t zero_iv[AEAD_NONCE] = {0}; // one message per key (section 2)
    uint8_t text[SIGNED_MAX];
    uint8_t k[AEAD_KEY];
    const size_t text_len = signed_text(h, id, sign_key_pub(key), params, text);
    uint8_t *at = out;
    be32_write(at, SIGN_PUB);
    memcpy(at + 4, sign_key_pub(key), SIGN_PUB);
    at += 4 + SIGN_PUB;
    be32_write(at, SIGN_SIG);
    sign_make(key, (struct bytes){text, text_len}, at + 4);
    at += 4 + SIGN_SIG;
    be32_write(at, (uint32_t)params.len);
    if (params.len != 0) {
        memcpy(at + 4, params.at, params.len);
    }
    const size_t plain_len = IDENTITY_FIXED + params.len;

    derive(h, id->key_label, k);
    struct aead *aead = aead_create(k);
    aead_seal(aead, zero_iv, BYTES_OF(h->th), (struct bytes){out, plain_len}, out);
    aead_destroy(aead);
    secret_wipe(k, sizeof(k));
    add_to_transcript(h, (struct bytes){out, plain_len + AEAD_TAG});
    return plain_len + AEAD_TAG;
}

static bool read_identity(struct handshake *h, struct bytes *key, struct bytes *sig,
                          struct bytes *params)
{
    struct cursor c = {{h->plain, h->n_plain}};
    return cursor_lv(&c, SIGN_PUB, key) == OK && key->len == SIGN_PUB &&
           cursor_lv(&c, SIGN_SIG, sig) == OK && sig->len == SIGN_SIG &&
           cursor_lv(&c, HANDSHAKE_PARAMS_MAX, params) == OK && c.left.len == 0;
}

static bool unseal(struct handshake *h, const struct identity *id, struct bytes sealed)
{
    static const uint8_t zero_iv[AEAD_NONCE] = {0};
    uint8_t k[AEAD_KEY];
    if (sealed.len < AEAD_TAG || sealed.len - AEAD_TAG > sizeof(h->plain)) {
        return false;
    }
    derive(h, id->key_label, k);
    struct aead *aead = aead_create(k);
    const enum err e = aead_open(aead, zero_iv, BYTES_OF(h->th), sealed, h->plain);
    aead_destroy(aead);
    secret_wipe(k, sizeof(k));
    h->n_plain = e == OK ? sealed.len - AEAD_TAG : 0;
    return e == OK;
}

/* Opens, parses, asks `check` about the key, verifies; in that order, so that only
 * a key that may speak costs a verification. */
static enum err open_identity(struct handshake *h, const struct identity *id,
                              struct bytes sealed, handshake_check_fn *check,
                              void *user, struct handshake_peer *out)
{
    uint8_t text[SIGNED_MAX];
    struct bytes key = BYTES_NONE;
    struct bytes sig = BYTES_NONE;
    struct bytes params = BYTES_NONE;
    if (!unseal(h, id, sealed)) {
        return fail(h, "the identity does not open");
    }
    if (!read_identity(h, &key, &sig, &params)) {
        return fail(h, "the identity is malformed");
    }
    if (!sign_pub_is_valid(key.at)) {
        return fail(h, "the key is not a valid point");
    }
    if (check != NULL && !check(user, key.at)) {
        return fail(h, "the key is not the expected one");
    }
    const size_t len = signed_text(h, id, key.at, params, text);
    if (sign_verify(key.at, (struct bytes){text, len}, sig) != OK) {
        return fail(h, "the signature is wrong");
    }
    memcpy(out->key, key.at, SIGN_PUB);
    out->params = params;
    add_to_transcript(h, sealed);
    return OK;
}

/* ---- both ends ----------------------------------------------------------------- */

void handshake_init(struct handshake *h, enum handshake_mode mode,
                    const uint8_t ctx[HANDSHAKE_CTX], const uint8_t psk[HANDSHAKE_PSK])
{
    *h = (struct handshake){.mode = mode};
    memcpy(h->ctx, ctx, HANDSHAKE_CTX);
    memcpy(h->psk, psk, HANDSHAKE_PSK);
    make_salt(h);
}

void handshake_fini(struct handshake *h)
{
    secret_wipe(h, sizeof(*h));
}

void handshake_qr_psk(const uint8_t secret[16], const uint8_t host_key[SIGN_PUB],
                      uint8_t psk[HANDSHAKE_PSK])
{
    hkdf_label((struct bytes){secret, 16}, BYTES_NONE, "fh1 qr psk",
               (struct bytes){host_key, SIGN_PUB}, psk, HANDSHAKE_PSK);
}

/* A fresh ephemeral: its public part and our nonce go to `pub` and `nonce`. */
static void draw(struct handshake *h, const struct handshake_fixed *fixed, uint8_t *pub,
                 uint8_t *nonce)
{
    if (fixed != NULL) {
        memcpy(h->ephemeral, fixed->ephemeral, KX_SIZE);
        memcpy(nonce, fixed->nonce, HANDSHAKE_NONCE);
    } else {
        random_bytes(h->ephemeral, KX_SIZE);
        random_bytes(nonce, HANDSHAKE_NONCE);
    }
    kx_public(h->ephemeral, pub);
}

/* ---- initiator ------------------------------------------------------------------ */

void handshake_write1(struct handshake *h, const struct handshake_fixed *fixed,
                      uint8_t out[HANDSHAKE_MSG1])
{
    const struct bytes psk = BYTES_OF(h->psk);
    write_head(h, 1, out);
    draw(h, fixed, out + EI_AT, out + NI_AT);
    make_hint(h->mode, psk, out + NI_AT, out + HINT_AT);
    make_tag(h->mode, h->ctx, psk, out, out + TAG_AT);
    begin_transcript(h, out);
}

static bool is_pinned(void *user, const uint8_t *key)
{
    return secret_equal((struct bytes){key, SIGN_PUB}, (struct bytes){user, SIGN_PUB});
}

enum err handshake_read2(struct handshake *h, struct bytes msg2, const uint8_t *pinned,
                         struct handshake_peer *out)
{
    uint8_t pin[SIGN_PUB] = {0};
    if (pinned != NULL) {
        memcpy(pin, pinned, sizeof(pin));
    } else if (h->mode != HANDSHAKE_CODE) {
        return fail(h, "no pinned host key"); // rule 3
    }
    if (msg2.len <= CT2_AT || msg2.len > HANDSHAKE_MAX || !head_fits(h, 2, msg2)) {
        return fail(h, "not a second message");
    }
    if (kx_shared(h->ephemeral, msg2.at + ER_AT, h->dh) != OK) {
        return fail(h, "the host's ephemeral is a bad point");
    }
    add_to_transcript(h, bytes_sub(msg2, 0, CT2_AT));
    const struct bytes ct2 = bytes_sub(msg2, CT2_AT, msg2.len);
    const enum err e = open_identity(h, &host_identity, ct2,
                                     pinned == NULL ? NULL : is_pinned, pin, out);
    if (e == OK) {
        memcpy(h->host_key, out->key, SIGN_PUB);
    }
    return e;
}

enum err handshake_write3(struct handshake *h, const struct sign_key *key,
                          struct bytes params, uint8_t *out, size_t *len,
                          struct handshake_keys *keys)
{
    if (params.len > HANDSHAKE_PARAMS_MAX) {
        return fail(h, "our parameters are too long");
    }
    const struct identity id = controller_identity(h);
    write_head(h, 3, out);
    *len = HEAD + seal_identity(h, &id, key, params, out + HEAD);
    take_keys(h, keys);
    return OK;
}

/* ---- responder ------------------------------------------------------------------- */

bool handshake_peek(struct bytes msg1, enum handshake_mode *mode)
{
    if (msg1.len != HANDSHAKE_MSG1 || msg1.at[0] != 1 || msg1.at[1] != VERSION ||
        msg1.at[2] < HANDSHAKE_QR || msg1.at[2] > HANDSHAKE_TRUSTED ||
        msg1.at[3] != SUITE) {
        return false;
    }
    *mode = (enum handshake_mode)msg1.at[2];
    return true;
}

bool handshake_tag_fits(struct bytes msg1, enum handshake_mode mode,
                        const uint8_t ctx[HANDSHAKE_CTX],
                        const uint8_t psk[HANDSHAKE_PSK])
{
    uint8_t want[HINT + TAG];
    uint8_t got[HINT + TAG];
    const struct bytes key = {psk, HANDSHAKE_PSK};
    if (msg1.len != HANDSHAKE_MSG1) {
        return false;
    }
    make_hint(mode, key, msg1.at + NI_AT, want);
    make_tag(mode, ctx, key, msg1.at, want + HINT);
    memcpy(got, msg1.at + HINT_AT, HINT);
    memcpy(got + HINT, msg1.at + TAG_AT, TAG);
    const bool fits = secret_equal(BYTES_OF(got), BYTES_OF(want));
    secret_wipe(want, sizeof(want));
    return fits;
}

enum err handshake_read1(struct handshake *h, struct bytes msg1)
{
    enum handshake_mode mode = HANDSHAKE_QR;
    if (!handshake_peek(msg1, &mode) || mode != h->mode) {
        return fail(h, "not a first message of this mode");
    }
    if (!handshake_tag_fits(msg1, h->mode, h->ctx, h->psk)) {
        return fail(h, "the tag is wrong");
    }
    begin_transcript(h, msg1.at);
    memcpy(h->plain, msg1.at + EI_AT, KX_SIZE); // kept for write2
    return OK;
}

enum err handshake_write2(struct handshake *h, const struct sign_key *key,
                          struct bytes params, const struct handshake_fixed *fixed,
                          uint8_t *out, size_t *len)
{
    if (params.len > HANDSHAKE_PARAMS_MAX) {
        return fail(h, "our parameters are too long");
    }
    write_head(h, 2, out);
    draw(h, fixed, out + ER_AT, out + NR_AT);
    if (kx_shared(h->ephemeral, h->plain, h->dh) != OK) {
        return fail(h, "the device's ephemeral is a bad point");
    }
    memcpy(h->host_key, sign_key_pub(key), SIGN_PUB);
    add_to_transcript(h, (struct bytes){out, CT2_AT});
    *len = CT2_AT + seal_identity(h, &host_identity, key, params, out + CT2_AT);
    return OK;
}

enum err handshake_read3(struct handshake *h, struct bytes msg3,
                         handshake_check_fn *check, void *user,
                         struct handshake_peer *out, struct handshake_keys *keys)
{
    if (msg3.len <= HEAD || msg3.len > HANDSHAKE_MAX || !head_fits(h, 3, msg3)) {
        return fail(h, "not a third message");
    }
    const struct identity id = controller_identity(h);
    const struct bytes ct3 = bytes_sub(msg3, HEAD, msg3.len);
    const enum err e = open_identity(h, &id, ct3, check, user, out);
    if (e == OK) {
        take_keys(h, keys);
    }
    return e;
}
