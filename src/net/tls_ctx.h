/*
 * tls_ctx: the OpenSSL contexts behind tls.h. For the files of net/tls* only.
 */
#ifndef NET_TLS_CTX_H
#define NET_TLS_CTX_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* One more connection of the context; never NULL (we chose its size). */
SSL *tls_server_ssl(struct tls_server *s);
SSL *tls_client_ssl(struct tls_client *c, const char *host);

/* The end of its time, seconds since 1970; 0: NULL, or a date of no calendar. */
uint64_t tls_cert_until(const X509 *cert);

#endif
