/*
 * lan: what `farhand up --lan` needs: an address, a certificate for it, and the page
 * that explains the one step on a phone.
 *
 * Source     docs/architecture.md "`farhand up`"; crypto/certauth.h.
 * Shape      HOME/lan/ca.pem and ca.key are made once per machine (the phone trusts
 *            them); leaf.pem and leaf.key are issued anew at each start.
 * Security   the private keys are 0600; the authority can vouch for private addresses
 *            and local names only. The explaining page is plain http, because it is
 *            what makes https possible: it gives the public certificate and its
 *            fingerprint, which the terminal shows too, to be compared.
 * Errors     ERR_NOT_FOUND  no address of a local network; ERR_USAGE  not a numeric
 *            address; `diag` says what to do
 */
#ifndef CLI_LAN_H
#define CLI_LAN_H

#include <limits.h>

#include "base/buf.h"

#define LAN_ADDRESS_MAX     64
#define LAN_FINGERPRINT_MAX 96 // SHA-256 in pairs of digits, colons between

struct lan {
    char address[LAN_ADDRESS_MAX]; // numeric
    char ca_cert[PATH_MAX];
    char leaf_cert[PATH_MAX];
    char leaf_key[PATH_MAX];
    char fingerprint[LAN_FINGERPRINT_MAX];
};

/* `asked` "" finds the first address of a private network. */
NODISCARD enum err lan_prepare(const char *home, const char *asked, struct lan *out,
                               struct diag *diag);

/* The explaining page: `template` with {{APP}} and {{FINGERPRINT}} filled in. */
NODISCARD enum err lan_explain(struct bytes template, const char *app,
                               const struct lan *lan, struct buf *out);

/* The address as the host part of a URL: an IPv6 address gets brackets. */
NODISCARD enum err lan_url_host(const char *address, char *out, size_t size);

#endif
