/*
 * tls: a connection inside TLS (1.2 or later), server or client.
 *
 * Source     RFC 8446, RFC 5246; certificates by the system's authorities plus an
 *            optional file.
 * Ownership  tls_server_create()/tls_client_create() give a context shared by many
 *            connections; destroy it after the last of them. tls_accept() and
 *            tls_connect() take the stream and give a conn that may be written to at
 *            once: the handshake runs inside.
 * Errors     ERR_IO     a file is missing or is not PEM; `diag` says which
 *            ERR_AUTH   (conn `end`) the certificate is not accepted
 *            ERR_PROTO  (conn `end`) not TLS
 * Limits     an idle connection holds no read or write buffer.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/conn.h"

struct tls_server;
struct tls_client;

NODISCARD enum err tls_server_create(const char *cert_path, const char *key_path,
                                     struct diag *diag, struct tls_server **out);
/* Reads the files again; connections that exist are left alone. On error the old
 * certificate stays. */
NODISCARD enum err tls_server_reload(struct tls_server *s, struct diag *diag);
void tls_server_destroy(struct tls_server *s);
/* Until when its certificate is good, seconds since 1970; and whether it is for this
 * name or address. */
uint64_t tls_server_until(const struct tls_server *s);
bool tls_server_is_for(const struct tls_server *s, const char *host);

/* `ca_path`: one PEM file trusted besides the system's; NULL: none. */
NODISCARD enum err tls_client_create(const char *ca_path, struct diag *diag,
                                     struct tls_client **out);
void tls_client_destroy(struct tls_client *c);

struct conn *tls_accept(struct tls_server *server, struct stream *s);

/* `host` (name or address) is sent (SNI, names only) and must match. */
struct conn *tls_connect(struct tls_client *client, struct stream *s, const char *host);

/* Until when the peer's certificate is good, seconds since 1970; 0: it has shown none. */
uint64_t tls_peer_until(const struct conn *c);

/* Why the handshake failed, for a person; "" when it did not. Static or owned by c. */
const char *tls_failure(const struct conn *c);

#endif
