#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/conn_type.h"
#include "net/tls_ctx.h"

#define OVERHEAD (256u * 1024) // of the stream's queue: record headers, handshake

struct tls_conn {
    struct conn base;
    SSL *ssl;
    struct bytes in;  // ciphertext being read now, borrowed
    struct buf held;  // ciphertext that came while paused
    struct buf plain; // to be sealed at the end of the turn
    size_t max_queue;
    struct loop_task flush;
    struct loop_task go_on;
    bool paused;
    bool wants_drained;
    bool finishing;
    char failure[160];
};

static struct tls_conn *tls_of(struct conn *c)
{
    return CONTAINER_OF(c, struct tls_conn, base);
}

static const struct tls_conn *tls_view(const struct conn *c)
{
    return (const struct tls_conn *)(const void *)c; // `base` comes first
}

/* ---- a BIO that is nothing but our two directions ------------------------------------ */

static int bio_read(BIO *bio, char *to, int size)
{
    struct tls_conn *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->in.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const size_t n = t->in.len < (size_t)size ? t->in.len : (size_t)size;
    memcpy(to, t->in.at, n);
    t->in = (struct bytes){t->in.at + n, t->in.len - n};
    return (int)n;
}

static int bio_write(BIO *bio, const char *from, int size)
{
    struct tls_conn *t = BIO_get_data(bio);
    const struct bytes octets = {(const uint8_t *)from, (size_t)size};
    BIO_clear_retry_flags(bio);
    return stream_write(t->base.stream, octets) == OK ? size : -1;
}

static long bio_ctrl(BIO *bio, int cmd, long number, void *at)
{
    (void)bio;
    (void)number;
    (void)at;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO *bio_of(struct tls_conn *t)
{
    static BIO_METHOD *method; // made once, for the life of the process
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    BIO *bio = BIO_new(method);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- failures -------------------------------------------------------------------------- */

static enum err fail_reason(struct tls_conn *t)
{
    const long verify = SSL_get_verify_result(t->ssl);
    const unsigned long code = ERR_peek_last_error();
    const char *text = verify != X509_V_OK ? X509_verify_cert_error_string(verify)
                                           : ERR_reason_error_string(code);
    text_sanitize(bytes_from_str(text != NULL ? text : "broken off"), t->failure,
                  sizeof(t->failure));
    ERR_clear_error();
    return verify != X509_V_OK ? ERR_AUTH : ERR_PROTO;
}

static void fail(struct tls_conn *t)
{
    const enum err e = fail_reason(t);
    log_peer("tls.failed", "peer=%s reason=\"%s\"", stream_peer(t->base.stream)->text,
             t->failure);
    conn_give_end(&t->base, e);
}

/* ---- reading: as much as there is, unless paused ------------------------------------------ */

static void flush_task(struct loop_task *task);

static bool is_open(const struct tls_conn *t)
{
    return !t->base.closing && !t->base.ended && t->base.events != NULL;
}

/* False: nothing more can be read now. */
static bool read_once(struct tls_conn *t)
{
    struct loop *l = stream_loop(t->base.stream);
    uint8_t *to = loop_scratch(l);
    ERR_clear_error();
    const int n = SSL_read(t->ssl, to, (int)LOOP_SCRATCH);
    if (n > 0) {
        t->base.events->data(&t->base, t->base.user, to, (size_t)n);
        return true;
    }
    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        break;
    case SSL_ERROR_ZERO_RETURN:
        conn_give_end(&t->base, ERR_CLOSED);
        break;
    default:
        fail(t);
    }
    return false;
}

static void pump(struct tls_conn *t)
{
    while (is_open(t) && !t->paused && read_once(t)) {
    }
    if (!t->base.closing && buf_len(&t->plain) != 0) {
        loop_flush_later(stream_loop(t->base.stream), &t->flush, flush_task);
    }
}

static void keep_rest(struct tls_conn *t)
{
    if (t->in.len != 0 && is_open(t) && buf_put(&t->held, t->in) != OK) {
        conn_give_end(&t->base, ERR_NOMEM);
    }
    t->in = BYTES_NONE;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the type is stream.h's
static void on_data(struct stream *s, void *user, uint8_t *at, size_t len)
{
    struct tls_conn *t = user;
    (void)s;
    t->in = (struct bytes){at, len};
    if (buf_len(&t->held) == 0) {
        pump(t);
    }
    keep_rest(t);
}

static void go_on_task(struct loop_task *task)
{
    struct tls_conn *t = CONTAINER_OF(task, struct tls_conn, go_on);
    if (t->paused || t->base.closing) {
        return;
    }
    struct buf held = t->held;
    buf_init(&t->held, held.max);
    t->in = buf_bytes(&held);
    pump(t);
    keep_rest(t);
    buf_fini(&held);
    if (!t->paused && !t->base.closing) {
        stream_resume(t->base.stream);
    }
}

static void on_end(struct stream *s, void *user, enum err e)
{
    struct tls_conn *t = user;
    (void)s;
    if (!SSL_is_init_finished(t->ssl) && t->failure[0] == '\0') {
        text_sanitize(BYTES_LIT("the other side hung up during the handshake"),
                      t->failure, sizeof(t->failure));
    }
    conn_give_end(&t->base, e);
}

/* ---- writing: all of a turn in as few records as it fits ------------------------------------ */

static void queue_is_empty(struct tls_conn *t)
{
    if (t->wants_drained) {
        t->wants_drained = false;
        conn_give_drained(&t->base);
    }
}

static bool seal(struct tls_conn *t)
{
    const struct bytes all = buf_bytes(&t->plain);
    ERR_clear_error();
    if (all.len != 0 && SSL_write(t->ssl, all.at, (int)all.len) != (int)all.len) {
        return false;
    }
    buf_release(&t->plain);
    return true;
}

static void flush_task(struct loop_task *task)
{
    struct tls_conn *t = CONTAINER_OF(task, struct tls_conn, flush);
    if (!is_open(t) || !SSL_is_init_finished(t->ssl)) {
        return; // pump() asks again when the handshake is done
    }
    if (!seal(t)) {
        fail(t);
        return;
    }
    if (t->finishing) {
        (void)SSL_shutdown(t->ssl);
        stream_finish(t->base.stream);
    } else if (t->wants_drained) {
        stream_want_drained(t->base.stream);
    }
}

static void on_drained(struct stream *s, void *user)
{
    struct tls_conn *t = user;
    (void)s;
    if (buf_len(&t->plain) == 0) {
        queue_is_empty(t);
    }
}

static const struct stream_events stream_events = {
    .data = on_data,
    .end = on_end,
    .drained = on_drained,
};

/* ---- the table ---------------------------------------------------------------------------------- */

static void tls_start(struct conn *c)
{
    struct tls_conn *t = tls_of(c);
    ERR_clear_error();
    if (!SSL_is_server(t->ssl)) {
        (void)SSL_do_handshake(t->ssl); // the first flight; the rest is pump()'s
    }
}

static size_t tls_queued(const struct conn *c)
{
    const struct tls_conn *t = tls_view(c);
    return buf_len(&t->plain) + stream_queued(c->stream);
}

static enum err tls_write_space(struct conn *c, size_t len, uint8_t **out)
{
    struct tls_conn *t = tls_of(c);
    const size_t queued = tls_queued(c);
    if (t->finishing || c->ended) {
        return ERR_CLOSED;
    }
    if (queued > t->max_queue || len > t->max_queue - queued) {
        t->wants_drained = true;
        loop_flush_later(stream_loop(c->stream), &t->flush, flush_task);
        return ERR_LIMIT;
    }
    const enum err e = buf_reserve(&t->plain, len, out);
    if (e != OK) {
        return e;
    }
    buf_grew(&t->plain, len);
    t->wants_drained |= queued + len > t->max_queue / 2;
    loop_flush_later(stream_loop(c->stream), &t->flush, flush_task);
    return OK;
}

static void tls_set_max_queue(struct conn *c, size_t max)
{
    struct tls_conn *t = tls_of(c);
    t->max_queue = max;
    t->plain.max = max;
    stream_set_max_queue(c->stream, max + max / 64 + OVERHEAD);
}

static void tls_want_drained(struct conn *c)
{
    struct tls_conn *t = tls_of(c);
    t->wants_drained = true;
    loop_flush_later(stream_loop(c->stream), &t->flush, flush_task);
}

static void tls_pause(struct conn *c)
{
    tls_of(c)->paused = true;
    stream_pause(c->stream);
}

static void tls_resume(struct conn *c)
{
    struct tls_conn *t = tls_of(c);
    if (t->paused) {
        t->paused = false;
        loop_defer(stream_loop(c->stream), &t->go_on, go_on_task);
    }
}

static void tls_finish(struct conn *c)
{
    struct tls_conn *t = tls_of(c);
    t->finishing = true;
    loop_flush_later(stream_loop(c->stream), &t->flush, flush_task);
}

static void tls_last_words(struct conn *c)
{
    struct tls_conn *t = tls_of(c);
    loop_task_cancel(&t->flush);
    loop_task_cancel(&t->go_on);
    if (SSL_is_init_finished(t->ssl) && seal(t) && !t->finishing) {
        (void)SSL_shutdown(t->ssl);
    }
    ERR_clear_error();
}

static void tls_fini(struct conn *c)
{
    struct tls_conn *t = tls_of(c);
    SSL_free(t->ssl);
    buf_fini(&t->held);
    buf_wipe(&t->plain);
}

static const struct conn_type tls_type = {
    .name = "tls",
    .events = &stream_events,
    .start = tls_start,
    .write_space = tls_write_space,
    .queued = tls_queued,
    .set_max_queue = tls_set_max_queue,
    .want_drained = tls_want_drained,
    .pause = tls_pause,
    .resume = tls_resume,
    .finish = tls_finish,
    .last_words = tls_last_words,
    .fini = tls_fini,
};

/* ---- making --------------------------------------------------------------------------------------- */

static struct tls_conn *tls_new(SSL *ssl, struct stream *s)
{
    struct tls_conn *t = mem_new(sizeof(*t));
    conn_init(&t->base, &tls_type, s);
    t->ssl = ssl;
    buf_init(&t->held, 2 * (size_t)LOOP_SCRATCH);
    buf_init(&t->plain, STREAM_QUEUE_DEFAULT);
    tls_set_max_queue(&t->base, STREAM_QUEUE_DEFAULT);
    BIO *bio = bio_of(t);
    SSL_set_bio(ssl, bio, bio); // takes it
    return t;
}

struct conn *tls_accept(struct tls_server *server, struct stream *s)
{
    struct tls_conn *t = tls_new(tls_server_ssl(server), s);
    SSL_set_accept_state(t->ssl);
    return &t->base;
}

struct conn *tls_connect(struct tls_client *client, struct stream *s, const char *host)
{
    struct tls_conn *t = tls_new(tls_client_ssl(client, host), s);
    SSL_set_connect_state(t->ssl);
    return &t->base;
}

const char *tls_failure(const struct conn *c)
{
    return conn_is_tls(c) ? tls_view(c)->failure : "";
}

uint64_t tls_peer_until(const struct conn *c)
{
    return tls_cert_until(conn_is_tls(c) ? SSL_get0_peer_certificate(tls_view(c)->ssl)
                                         : NULL);
}
