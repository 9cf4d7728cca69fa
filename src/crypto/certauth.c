#include "crypto/certauth.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "crypto/random.h"

#define NAMES_TEXT_MAX (CERTAUTH_NAMES_MAX * 260)
#define DAY_S          86400
#define SKEW_S         3600 // a phone's clock may be behind ours

/* What this authority may vouch for. DNS "local" covers "x.local" too. */
static const char permitted[] =
    "critical"
    ",permitted;IP:127.0.0.0/255.0.0.0"
    ",permitted;IP:10.0.0.0/255.0.0.0"
    ",permitted;IP:172.16.0.0/255.240.0.0"
    ",permitted;IP:192.168.0.0/255.255.0.0"
    ",permitted;IP:169.254.0.0/255.255.0.0"
    ",permitted;IP:100.64.0.0/255.192.0.0"
    ",permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    ",permitted;IP:fc00::/fe00::"
    ",permitted;IP:fe80::/ffc0::"
    ",permitted;DNS:localhost"
    ",permitted;DNS:local"
    ",permitted;DNS:lan"
    ",permitted;DNS:home.arpa"
    ",permitted;DNS:internal"
    ",permitted;DNS:ts.net";

/* ---- PEM --------------------------------------------------------------------------- */

static enum err put_bio(BIO *bio, struct buf *out)
{
    char *at = NULL;
    const long len = BIO_get_mem_data(bio, &at);
    return len <= 0 ? ERR_NOMEM
                    : buf_put(out, (struct bytes){(const uint8_t *)at, (size_t)len});
}

static enum err put_pem(X509 *cert, EVP_PKEY *key, struct buf *cert_pem,
                        struct buf *key_pem)
{
    BIO *c = BIO_new(BIO_s_mem());
    BIO *k = BIO_new(BIO_s_secmem());
    enum err e = ERR_NOMEM;
    if (c != NULL && k != NULL && PEM_write_bio_X509(c, cert) == 1 &&
        PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1) {
        e = put_bio(c, cert_pem);
    }
    if (e == OK) {
        e = put_bio(k, key_pem);
    }
    BIO_free(c);
    BIO_free(k);
    return e;
}

static BIO *bio_of(struct bytes pem)
{
    return pem.len == 0 || pem.len > CERTAUTH_PEM_MAX
               ? NULL
               : BIO_new_mem_buf(pem.at, (int)pem.len);
}

static X509 *read_cert(struct bytes pem)
{
    BIO *bio = bio_of(pem);
    X509 *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return cert;
}

static EVP_PKEY *read_key(struct bytes pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* ---- certificates -------------------------------------------------------------------- */

static bool set_serial(X509 *cert)
{
    uint8_t raw[16];
    random_bytes(raw, sizeof(raw));
    raw[0] = (uint8_t)((raw[0] & 0x7F) | 0x40); // positive, and always of one size
    BIGNUM *n = BN_bin2bn(raw, sizeof(raw), NULL);
    const bool ok =
        n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_times(X509 *cert, uint64_t now_s, int days)
{
    const time_t from = (time_t)(now_s > SKEW_S ? now_s - SKEW_S : 0);
    const time_t to = (time_t)(now_s + (uint64_t)days * DAY_S);
    return ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), to) != NULL;
}

static bool set_subject(X509 *cert, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
                                      (const unsigned char *)"Farhand", -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)name, -1, -1, 0) == 1;
}

struct extension {
    int nid;
    const char *value;
};

static bool add_extensions(X509 *cert, X509 *issuer, const struct extension *list,
                           size_t n)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        X509_EXTENSION *ext =
            X509V3_EXT_conf_nid(NULL, &ctx, list[i].nid, list[i].value);
        const bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
        X509_EXTENSION_free(ext);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* A certificate with everything but its issuer, extensions and signature. */
static X509 *cert_new(EVP_PKEY *key, const char *name, uint64_t now_s, int days)
{
    X509 *cert = X509_new();
    if (cert == NULL || X509_set_version(cert, 2) != 1 || !set_serial(cert) ||
        !set_times(cert, now_s, days) || !set_subject(cert, name) ||
        X509_set_pubkey(cert, key) != 1) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool sign(X509 *cert, X509 *issuer, EVP_PKEY *issuer_key,
                 const struct extension *extensions, size_t n)
{
    return X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 &&
           add_extensions(cert, issuer, extensions, n) &&
           X509_sign(cert, issuer_key, EVP_sha256()) > 0;
}

enum err certauth_make(uint64_t now_s, struct buf *cert_pem, struct buf *key_pem)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
        {NID_name_constraints, permitted},
    };
    enum err e = ERR_NOMEM;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert =
        key == NULL ? NULL
                    : cert_new(key, "Farhand local authority", now_s, CERTAUTH_CA_DAYS);
    if (cert != NULL && sign(cert, cert, key, extensions, COUNT(extensions))) {
        e = put_pem(cert, key, cert_pem, key_pem);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return e;
}

/* ---- names ------------------------------------------------------------------------------ */

static bool is_address(const char *name)
{
    uint8_t raw[16];
    return inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1;
}

/* Nothing that would mean something else in OpenSSL's little language. */
static bool is_plain_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    return name[0] != '\0' && name[0] != '.' && strspn(name, allowed) == strlen(name) &&
           strlen(name) < 254;
}

static enum err put_names(struct buf *text, const char *const *names, size_t n)
{
    if (n == 0 || n > CERTAUTH_NAMES_MAX) {
        return ERR_USAGE;
    }
    for (size_t i = 0; i < n; i++) {
        const bool address = is_address(names[i]);
        if (!address && !is_plain_name(names[i])) {
            return ERR_USAGE;
        }
        const enum err e = buf_putf(text, "%s%s:%s", i == 0 ? "" : ",",
                                    address ? "IP" : "DNS", names[i]);
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

/* The same check that the phone will make: chain, constraints. */
static bool is_accepted(X509 *cert, X509 *ca, uint64_t now_s)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = store != NULL && ctx != NULL && X509_STORE_add_cert(store, ca) == 1 &&
              X509_STORE_CTX_init(ctx, store, cert, NULL) == 1;
    if (ok) {
        X509_STORE_CTX_set_time(ctx, 0, (time_t)now_s);
        ok = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return ok;
}

struct certauth_out {
    struct buf *cert_pem;
    struct buf *key_pem;
};

static enum err issue(X509 *ca, EVP_PKEY *ca_key, const char *names, uint64_t now_s,
                      struct certauth_out *out)
{
    const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid"},
        {NID_subject_alt_name, names},
    };
    enum err e = ERR_NOMEM;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    /* The common name is for people: an address there would fall under the constraint
     * on DNS names. */
    X509 *cert =
        key == NULL ? NULL : cert_new(key, "Farhand host", now_s, CERTAUTH_LEAF_DAYS);
    if (cert != NULL && sign(cert, ca, ca_key, extensions, COUNT(extensions))) {
        e = is_accepted(cert, ca, now_s)
                ? put_pem(cert, key, out->cert_pem, out->key_pem)
                : ERR_USAGE;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return e;
}

enum err certauth_issue(const struct certauth_pem *ca, const char *const *names,
                        size_t n, uint64_t now_s, struct buf *cert_pem,
                        struct buf *key_pem)
{
    struct certauth_out out = {cert_pem, key_pem};
    struct buf text;
    const char *all = NULL;
    buf_init(&text, NAMES_TEXT_MAX);
    X509 *ca_cert = read_cert(ca->cert);
    EVP_PKEY *ca_key = read_key(ca->key);
    enum err e = ERR_PROTO;
    if (ca_cert != NULL && ca_key != NULL &&
        X509_check_private_key(ca_cert, ca_key) == 1) {
        e = put_names(&text, names, n);
    }
    if (e == OK) {
        e = buf_cstr(&text, &all);
    }
    if (e == OK) {
        e = issue(ca_cert, ca_key, all, now_s, &out);
    }
    buf_fini(&text);
    X509_free(ca_cert);
    EVP_PKEY_free(ca_key);
    ERR_clear_error();
    return e;
}

enum err certauth_expiry(struct bytes cert_pem, uint64_t *out_s)
{
    X509 *cert = read_cert(cert_pem);
    struct tm tm;
    if (cert == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1) {
        X509_free(cert);
        return ERR_PROTO;
    }
    X509_free(cert);
    *out_s = (uint64_t)timegm(&tm);
    return OK;
}

enum err certauth_fingerprint(struct bytes cert_pem, uint8_t out[CERTAUTH_FINGERPRINT])
{
    X509 *cert = read_cert(cert_pem);
    unsigned len = CERTAUTH_FINGERPRINT;
    const bool ok = cert != NULL && X509_digest(cert, EVP_sha256(), out, &len) == 1;
    X509_free(cert);
    return ok ? OK : ERR_PROTO;
}
