#include "net/tls_ctx.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

struct tls_server {
    SSL_CTX *ctx;
    char *cert_path;
    char *key_path;
};

struct tls_client {
    SSL_CTX *ctx;
};

/* What both sides have in common: nothing old, nothing kept while idle, no sessions to
 * resume (a secret that would outlive its connection). */
static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
    (void)OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL); // for tls_failure()
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        log_error("tls.create", "reason=\"OpenSSL refused\"");
        abort();
    }
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    return ctx;
}

/* ---- server ----------------------------------------------------------------------- */

static enum err load(const char *cert_path, const char *key_path, struct diag *diag,
                     SSL_CTX **out)
{
    SSL_CTX *ctx = ctx_new(TLS_server_method());
    const char *wrong = NULL;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_path) != 1) {
        wrong = cert_path;
    } else if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(ctx) != 1) {
        wrong = key_path;
    }
    if (wrong != NULL) {
        const char *why = ERR_reason_error_string(ERR_peek_last_error());
        diag_set(diag, "TLS: cannot use %s: %s", wrong, why != NULL ? why : "not PEM");
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return ERR_IO;
    }
    *out = ctx;
    return OK;
}

enum err tls_server_create(const char *cert_path, const char *key_path,
                           struct diag *diag, struct tls_server **out)
{
    SSL_CTX *ctx = NULL;
    const enum err e = load(cert_path, key_path, diag, &ctx);
    if (e != OK) {
        return e;
    }
    struct tls_server *s = mem_new(sizeof(*s));
    s->ctx = ctx;
    s->cert_path = mem_strdup(cert_path);
    s->key_path = mem_strdup(key_path);
    *out = s;
    return OK;
}

enum err tls_server_reload(struct tls_server *s, struct diag *diag)
{
    SSL_CTX *ctx = NULL;
    const enum err e = load(s->cert_path, s->key_path, diag, &ctx);
    if (e == OK) {
        SSL_CTX_free(s->ctx); // connections hold their own reference
        s->ctx = ctx;
    }
    return e;
}

void tls_server_destroy(struct tls_server *s)
{
    if (s == NULL) {
        return;
    }
    SSL_CTX_free(s->ctx);
    mem_free(s->cert_path);
    mem_free(s->key_path);
    mem_free(s);
}

uint64_t tls_cert_until(const X509 *cert)
{
    struct tm tm;
    if (cert == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1) {
        return 0;
    }
    const time_t at = timegm(&tm);
    return at > 0 ? (uint64_t)at : 0;
}

uint64_t tls_server_until(const struct tls_server *s)
{
    return tls_cert_until(SSL_CTX_get0_certificate(s->ctx));
}

bool tls_server_is_for(const struct tls_server *s, const char *host)
{
    X509 *cert = SSL_CTX_get0_certificate(s->ctx);
    return X509_check_host(cert, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) ==
               1 ||
           X509_check_ip_asc(cert, host, 0) == 1;
}

static SSL *ssl_new(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL) {
        log_error("tls.connection", "reason=\"out of memory\"");
        abort();
    }
    return ssl;
}

SSL *tls_server_ssl(struct tls_server *s)
{
    return ssl_new(s->ctx);
}

/* ---- client -------------------------------------------------------------------------- */

enum err tls_client_create(const char *ca_path, struct diag *diag,
                           struct tls_client **out)
{
    SSL_CTX *ctx = ctx_new(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_default_verify_paths(ctx); // none: then only the file counts
    ERR_clear_error();
    if (ca_path != NULL && SSL_CTX_load_verify_file(ctx, ca_path) != 1) {
        diag_set(diag, "TLS: cannot read certificates from %s", ca_path);
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return ERR_IO;
    }
    struct tls_client *c = mem_new(sizeof(*c));
    c->ctx = ctx;
    *out = c;
    return OK;
}

void tls_client_destroy(struct tls_client *c)
{
    if (c != NULL) {
        SSL_CTX_free(c->ctx);
        mem_free(c);
    }
}

/* The certificate must be for this very name, or this very address. */
SSL *tls_client_ssl(struct tls_client *c, const char *host)
{
    SSL *ssl = ssl_new(c->ctx);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return ssl;
    }
    ERR_clear_error();
    char name[256]; // OpenSSL copies it, but takes no const
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (text_format(name, sizeof(name), "%s", host) != OK ||
        X509_VERIFY_PARAM_set1_host(param, host, 0) != 1 ||
        SSL_set_tlsext_host_name(ssl, name) != 1) {
        log_error("tls.name", "reason=\"OpenSSL refused the name\"");
        abort();
    }
    return ssl;
}
