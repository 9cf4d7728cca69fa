#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/cpace.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/hmac.h"
#include "crypto/id.h"
#include "crypto/kx.h"
#include "crypto/random.h"
#include "vectors.h"

/* ---- Wycheproof: each file through our own functions ---------------------------------- */

typedef bool check_fn(const json_t *group, const json_t *test, bool valid);

/* Runs `check` over all tests; at least `want` of them must have been of our kind. */
static void run_file(const char *name, check_fn *check, size_t want)
{
    json_t *root = vectors_load(name);
    size_t done = 0;
    size_t i = 0;
    json_t *group = NULL;
    json_array_foreach(json_get_arr(root, "testGroups"), i, group)
    {
        size_t k = 0;
        json_t *test = NULL;
        json_array_foreach(json_get_arr(group, "tests"), k, test)
        {
            char name_of[64];
            (void)snprintf(name_of, sizeof(name_of), "%s %lld", name,
                           (long long)json_get_int(test, "tcId", 0));
            CASE(name_of);
            const bool valid = strcmp(json_get_str(test, "result"), "invalid") != 0;
            done += check(group, test, valid) ? 1 : 0;
        }
    }
    TRUE(done >= want);
    json_decref(root);
}

static bool check_ed25519(const json_t *group, const json_t *test, bool valid)
{
    struct vector pk;
    struct vector msg;
    struct vector sig;
    (void)vector(json_get_obj(group, "publicKey"), "pk", &pk);
    (void)vector(test, "msg", &msg);
    (void)vector(test, "sig", &sig);
    EQ_INT(sign_verify(pk.raw, msg.b, sig.b), valid ? OK : ERR_AUTH);
    return true;
}

TEST(wycheproof_ed25519)
{
    run_file("wycheproof/ed25519.json", check_ed25519, 150);
}

static bool check_x25519(const json_t *group, const json_t *test, bool valid)
{
    static const uint8_t zero[KX_SIZE] = {0};
    struct vector pub;
    struct vector secret;
    struct vector want;
    uint8_t got[KX_SIZE] = {0};
    (void)group;
    (void)vector(test, "public", &pub);
    (void)vector(test, "private", &secret);
    (void)vector(test, "shared", &want);
    const bool is_zero = memcmp(want.raw, zero, KX_SIZE) == 0;
    TRUE(valid);
    EQ_INT(kx_shared(secret.raw, pub.raw, got), is_zero ? ERR_AUTH : OK);
    EQ_MEM(got, want.raw, KX_SIZE); // refused: untouched
    return true;
}

TEST(wycheproof_x25519)
{
    run_file("wycheproof/x25519.json", check_x25519, 500);
}

static bool check_gcm(const json_t *group, const json_t *test, bool valid)
{
    struct vector key;
    struct vector iv;
    struct vector aad;
    struct vector msg;
    struct vector sealed;
    uint8_t out[VECTOR_MAX] = {0};
    if (json_get_int(group, "keySize", 0) != 256 ||
        json_get_int(group, "ivSize", 0) != 96 ||
        json_get_int(group, "tagSize", 0) != 128) {
        return false;
    }
    (void)vector(test, "key", &key);
    (void)vector(test, "iv", &iv);
    (void)vector(test, "aad", &aad);
    (void)vector(test, "msg", &msg);
    (void)vector(test, "ct", &sealed);
    const struct bytes tag =
        vectors_hex(test, "tag", sealed.raw + sealed.b.len, AEAD_TAG);
    sealed.b.len += tag.len;

    struct aead *a = aead_create(key.raw);
    EQ_INT(aead_open(a, iv.raw, aad.b, sealed.b, out), valid ? OK : ERR_AUTH);
    if (valid) {
        EQ_MEM(out, msg.raw, msg.b.len);
        aead_seal(a, iv.raw, aad.b, msg.b, out); // the same object, the other way
        EQ_MEM(out, sealed.raw, sealed.b.len);
    }
    aead_destroy(a);
    return true;
}

TEST(wycheproof_aes_256_gcm)
{
    run_file("wycheproof/aes_gcm.json", check_gcm, 60);
}

static bool check_hkdf(const json_t *group, const json_t *test, bool valid)
{
    static uint8_t got[HKDF_MAX];
    static uint8_t want[HKDF_MAX];
    struct vector ikm;
    struct vector salt;
    struct vector info;
    const size_t size = (size_t)json_get_int(test, "size", 0);
    (void)group;
    if (!valid) {
        TRUE(size > HKDF_MAX); // which is a bug of the caller: asserted
        return false;
    }
    (void)vector(test, "ikm", &ikm);
    (void)vector(test, "salt", &salt);
    (void)vector(test, "info", &info);
    (void)vectors_hex(test, "okm", want, sizeof(want));
    hkdf_sha256(ikm.b, salt.b, info.b, got, size);
    EQ_MEM(got, want, size);
    return true;
}

TEST(wycheproof_hkdf)
{
    run_file("wycheproof/hkdf_sha256.json", check_hkdf, 80);
}

static bool check_hmac(const json_t *group, const json_t *test, bool valid)
{
    struct vector key;
    struct vector msg;
    struct vector tag;
    uint8_t got[HMAC_SIZE];
    (void)group;
    (void)vector(test, "key", &key);
    (void)vector(test, "msg", &msg);
    (void)vector(test, "tag", &tag);
    hmac_sha256(key.b, msg.b, got);
    EQ_INT(secret_equal((struct bytes){got, tag.b.len}, tag.b), valid);
    return true;
}

TEST(wycheproof_hmac)
{
    run_file("wycheproof/hmac_sha256.json", check_hmac, 170);
}

/* ---- RFC vectors ------------------------------------------------------------------------ */

TEST(rfc_8032_signatures)
{
    static const struct {
        const char *name;
        const char *seed;
        const char *pub;
        const char *msg;
        const char *sig;
    } cases[] = {
        {"test 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
         "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"test 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
         "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"test 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
         "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t seed[SIGN_SEED];
        uint8_t back[SIGN_SEED];
        uint8_t pub[SIGN_PUB];
        uint8_t msg[8];
        uint8_t want[SIGN_SIG];
        uint8_t got[SIGN_SIG];
        CASE(cases[i].name);
        (void)test_unhex(cases[i].seed, seed, sizeof(seed));
        (void)test_unhex(cases[i].pub, pub, sizeof(pub));
        (void)test_unhex(cases[i].sig, want, sizeof(want));
        const struct bytes m = test_unhex(cases[i].msg, msg, sizeof(msg));
        struct sign_key *k = sign_key_create(seed);
        EQ_MEM(sign_key_pub(k), pub, SIGN_PUB);
        sign_make(k, m, got);
        EQ_MEM(got, want, SIGN_SIG);
        EQ_INT(sign_verify(pub, m, BYTES_OF(got)), OK);
        sign_key_seed(k, back);
        EQ_MEM(back, seed, SIGN_SEED);
        sign_key_destroy(k);
    }
}

TEST(rfc_7748_a_thousand_iterations)
{
    uint8_t k[KX_SIZE] = {9};
    uint8_t u[KX_SIZE] = {9};
    uint8_t once[KX_SIZE];
    uint8_t thousand[KX_SIZE];
    (void)test_unhex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
                     once, sizeof(once));
    (void)test_unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
                     thousand, sizeof(thousand));
    for (int i = 0; i < 1000; i++) {
        uint8_t out[KX_SIZE];
        EQ_INT(kx_shared(k, u, out), OK);
        memcpy(u, k, KX_SIZE);
        memcpy(k, out, KX_SIZE);
        if (i == 0) {
            EQ_MEM(k, once, KX_SIZE);
        }
    }
    EQ_MEM(k, thousand, KX_SIZE);
}

TEST(rfc_7748_diffie_hellman)
{
    uint8_t a[KX_SIZE];
    uint8_t b[KX_SIZE];
    uint8_t pub[KX_SIZE];
    uint8_t want[KX_SIZE];
    uint8_t got[KX_SIZE];
    (void)test_unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                     a, sizeof(a));
    (void)test_unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                     b, sizeof(b));
    (void)test_unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
                     want, sizeof(want));
    kx_public(a, pub);
    EQ_MEM(pub, want, KX_SIZE);
    (void)test_unhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
                     want, sizeof(want));
    EQ_INT(kx_shared(b, pub, got), OK);
    EQ_MEM(got, want, KX_SIZE);
}

TEST(rfc_5869_and_rfc_4231)
{
    uint8_t ikm[22];
    uint8_t okm[82];
    uint8_t want[82];
    uint8_t key[20];
    uint8_t mac[HMAC_SIZE];
    memset(ikm, 0x0b, sizeof(ikm));
    memset(key, 0x0b, sizeof(key));
    /* RFC 5869 A.3: no salt, no info */
    (void)test_unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                     "9d201395faa4b61a96c8",
                     want, sizeof(want));
    hkdf_sha256(BYTES_OF(ikm), BYTES_NONE, BYTES_NONE, okm, 42);
    EQ_MEM(okm, want, 42);
    /* RFC 4231 test case 1, in two parts */
    (void)test_unhex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                     want, sizeof(want));
    const struct bytes parts[] = {BYTES_LIT("Hi "), BYTES_LIT("There")};
    hmac_sha256_parts(BYTES_OF(key), parts, COUNT(parts), mac);
    EQ_MEM(mac, want, HMAC_SIZE);
}

TEST(hashes_of_abc)
{
    uint8_t want[64];
    uint8_t got[64];
    const struct bytes parts[] = {BYTES_LIT("a"), BYTES_NONE, BYTES_LIT("bc")};
    (void)test_unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                     want, sizeof(want));
    hash_sha256_parts(parts, COUNT(parts), got);
    EQ_MEM(got, want, HASH_SHA256);
    (void)test_unhex("a9993e364706816aba3e25717850c26c9cd0d89d", want, sizeof(want));
    hash_sha1(BYTES_LIT("abc"), got);
    EQ_MEM(got, want, HASH_SHA1);
}

/* ---- what must be refused ---------------------------------------------------------------- */

/* protocol.md 1: R = identity, S = 0 is accepted by other libraries for this key. */
TEST(the_identity_key_signs_nothing)
{
    uint8_t key[SIGN_PUB] = {1};
    uint8_t sig[SIGN_SIG] = {1};
    FALSE(sign_pub_is_valid(key));
    EQ_INT(sign_verify(key, BYTES_LIT("any message"), BYTES_OF(sig)), ERR_AUTH);
}

TEST(bad_public_keys_are_refused)
{
    static const struct {
        const char *name;
        const char *hex;
    } cases[] = {
        {"zero", "0000000000000000000000000000000000000000000000000000000000000000"},
        {"identity",
         "0100000000000000000000000000000000000000000000000000000000000000"},
        {"order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
        {"order 8, other",
         "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"},
        {"not canonical: p",
         "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"not canonical: p+1",
         "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
        {"all ones",
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
        {"not on the curve",
         "0200000000000000000000000000000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t key[SIGN_PUB];
        CASE(cases[i].name);
        (void)test_unhex(cases[i].hex, key, sizeof(key));
        FALSE(sign_pub_is_valid(key));
    }
}

TEST(small_order_exchange_points_are_refused)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    uint8_t secret[KX_SIZE];
    random_bytes(secret, sizeof(secret));
    for (size_t i = 0; i < COUNT(points); i++) {
        uint8_t point[KX_SIZE];
        uint8_t out[KX_SIZE];
        CASE(points[i]);
        (void)test_unhex(points[i], point, sizeof(point));
        EQ_INT(kx_shared(secret, point, out), ERR_AUTH);
    }
}

TEST(a_changed_seal_does_not_open_and_leaves_nothing)
{
    static const uint8_t zeros[32] = {0};
    uint8_t key[AEAD_KEY] = {1};
    uint8_t nonce[AEAD_NONCE] = {2};
    uint8_t sealed[32 + AEAD_TAG];
    uint8_t out[32];
    struct aead *a = aead_create(key);
    aead_seal(a, nonce, BYTES_LIT("aad"), (struct bytes){zeros, 32}, sealed);
    for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(out, 0xee, sizeof(out));
        EQ_INT(aead_open(a, nonce, BYTES_LIT("aad"), BYTES_OF(sealed), out), ERR_AUTH);
        EQ_MEM(out, zeros, sizeof(out));
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    EQ_INT(aead_open(a, nonce, BYTES_LIT("aaD"), BYTES_OF(sealed), out), ERR_AUTH);
    EQ_INT(aead_open(a, nonce, BYTES_LIT("aad"), (struct bytes){sealed, 15}, out),
           ERR_AUTH);
    EQ_INT(aead_open(a, nonce, BYTES_LIT("aad"), BYTES_OF(sealed), out), OK);
    aead_destroy(a);
}

/* ---- CPace -------------------------------------------------------------------------------- */

TEST(cpace_draft_vectors)
{
    struct vector v[8];
    struct cpace a;
    struct cpace b;
    uint8_t g[CPACE_POINT];
    uint8_t isk_a[CPACE_ISK];
    uint8_t isk_b[CPACE_ISK];
    json_t *root = vectors_load("cpace-ristretto255.json");
    const json_t *t = json_get_obj(root, "G_Coffee25519");
    const struct bytes prs = vector(t, "PRS", &v[0]);
    const struct bytes ci = vector(t, "CI", &v[1]);
    const struct bytes sid = vector(t, "sid", &v[2]);
    const struct bytes ad_a = vector(t, "ADa", &v[3]);
    const struct bytes ad_b = vector(t, "ADb", &v[4]);

    cpace_generator(prs, ci, sid, g);
    EQ_BYTES(BYTES_OF(g), vector(t, "g", &v[5]));
    (void)vector(t, "ya", &v[5]);
    cpace_start(&a, prs, ci, sid, v[5].raw);
    EQ_BYTES(BYTES_OF(a.share), vector(t, "Ya", &v[6]));
    (void)vector(t, "yb", &v[5]);
    cpace_start(&b, prs, ci, sid, v[5].raw);
    EQ_BYTES(BYTES_OF(b.share), vector(t, "Yb", &v[6]));

    const struct cpace_peer for_a = {true, ad_a, ad_b, BYTES_OF(b.share)};
    const struct cpace_peer for_b = {false, ad_b, ad_a, BYTES_OF(a.share)};
    EQ_INT(cpace_finish(&a, sid, &for_a, isk_a), OK);
    EQ_INT(cpace_finish(&b, sid, &for_b, isk_b), OK);
    EQ_BYTES(BYTES_OF(isk_a), vector(t, "ISK_IR", &v[7]));
    EQ_BYTES(BYTES_OF(isk_b), v[7].b);
    cpace_fini(&a);
    cpace_fini(&b);
    json_decref(root);
}

TEST(cpace_refuses_bad_points)
{
    struct vector s;
    struct vector x;
    struct vector want;
    uint8_t out[CPACE_POINT];
    json_t *root = vectors_load("cpace-ristretto255.json");
    const json_t *t = json_get_obj(root, "G_Coffee25519_points");
    const json_t *valid = json_get_obj(t, "Valid");
    (void)vector(valid, "s", &s);
    (void)vector(valid, "X", &x);
    EQ_INT(cpace_scalar_mult_vfy(s.raw, x.raw, out), OK);
    EQ_BYTES(BYTES_OF(out), vector(valid, "G.scalar_mult_vfy(s,X)", &want));
    (void)vector(t, "Invalid Y1", &x);
    EQ_INT(cpace_scalar_mult_vfy(s.raw, x.raw, out), ERR_AUTH);
    (void)vector(t, "Invalid Y2", &x);
    EQ_INT(cpace_scalar_mult_vfy(s.raw, x.raw, out), ERR_AUTH);
    json_decref(root);
}

TEST(cpace_differs_with_the_password)
{
    struct cpace a;
    struct cpace b;
    uint8_t isk_a[CPACE_ISK];
    uint8_t isk_b[CPACE_ISK];
    const struct bytes sid = BYTES_LIT("sid");
    cpace_start(&a, BYTES_LIT("wolf-pine-748"), BYTES_LIT("ci"), sid, NULL);
    cpace_start(&b, BYTES_LIT("wolf-pine-749"), BYTES_LIT("ci"), sid, NULL);
    const struct cpace_peer for_a = {true, BYTES_NONE, BYTES_NONE, BYTES_OF(b.share)};
    const struct cpace_peer for_b = {false, BYTES_NONE, BYTES_NONE, BYTES_OF(a.share)};
    EQ_INT(cpace_finish(&a, sid, &for_a, isk_a), OK);
    EQ_INT(cpace_finish(&b, sid, &for_b, isk_b), OK);
    FALSE(memcmp(isk_a, isk_b, CPACE_ISK) == 0);
}

/* A pool that hands out the same octets again, or ends in zeros, would show here. */
TEST(masks_differ_across_several_fillings_of_their_pool)
{
    enum { MASKS = 300 };
    uint8_t mask[MASKS][4];
    unsigned same = 0;
    for (size_t i = 0; i < MASKS; i++) {
        random_mask(mask[i]);
        for (size_t k = 0; k < i; k++) {
            same += memcmp(mask[i], mask[k], sizeof(mask[i])) == 0;
        }
    }
    TRUE(same <= 1); // by chance once in a hundred thousand runs
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(wycheproof_ed25519),
        T(wycheproof_x25519),
        T(wycheproof_aes_256_gcm),
        T(wycheproof_hkdf),
        T(wycheproof_hmac),
        T(rfc_8032_signatures),
        T(rfc_7748_a_thousand_iterations),
        T(rfc_7748_diffie_hellman),
        T(rfc_5869_and_rfc_4231),
        T(hashes_of_abc),
        T(the_identity_key_signs_nothing),
        T(bad_public_keys_are_refused),
        T(small_order_exchange_points_are_refused),
        T(a_changed_seal_does_not_open_and_leaves_nothing),
        T(cpace_draft_vectors),
        T(cpace_refuses_bad_points),
        T(cpace_differs_with_the_password),
        T(masks_differ_across_several_fillings_of_their_pool),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
