/*
 * certauth: a small certificate authority for `farhand up --lan`.
 *
 * Source     RFC 5280. P-256 keys, ECDSA with SHA-256.
 * Shape      certauth_make() once per machine; the person installs its certificate on
 *            the phone. certauth_issue() a certificate for the addresses of the day.
 * Security   the authority is constrained (section 4.2.1.10, critical) to private
 *            addresses and local names, so that whoever steals its key cannot pose as
 *            a site of the Internet to that phone.
 * Ownership  appends PEM text to the caller's buffers; the key buffers are secret:
 *            buf_wipe() them.
 * Errors     ERR_USAGE  a name that the authority may not vouch for
 *            ERR_PROTO  the given PEM is not an authority of ours
 *            ERR_LIMIT, ERR_NOMEM  of the buffers
 * Time       seconds since 1970, passed in.
 * Tests      tests/unit/tls_test.c
 */
#ifndef CRYPTO_CERTAUTH_H
#define CRYPTO_CERTAUTH_H

#include "base/buf.h"

enum {
    CERTAUTH_PEM_MAX = 16 * 1024,
    CERTAUTH_NAMES_MAX = 32,
    CERTAUTH_CA_DAYS = 3650,
    CERTAUTH_LEAF_DAYS = 397,  // phones refuse more
    CERTAUTH_FINGERPRINT = 32, // SHA-256 of the certificate, as phones show it
};

NODISCARD enum err certauth_make(uint64_t now_s, struct buf *cert_pem,
                                 struct buf *key_pem);

struct certauth_pem { // borrowed
    struct bytes cert;
    struct bytes key;
};

/* `names`: IP addresses and host names (localhost, *.local, *.lan, *.home.arpa,
 * *.internal, *.ts.net). */
NODISCARD enum err certauth_issue(const struct certauth_pem *ca,
                                  const char *const *names, size_t n, uint64_t now_s,
                                  struct buf *cert_pem, struct buf *key_pem);

/* When the first certificate of a PEM text expires. */
NODISCARD enum err certauth_expiry(struct bytes cert_pem, uint64_t *out_s);
NODISCARD enum err certauth_fingerprint(struct bytes cert_pem,
                                        uint8_t out[CERTAUTH_FINGERPRINT]);

#endif
