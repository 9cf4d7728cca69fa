/*
 * The answering half of http_server.h.
 */
#include "base/log.h"
#include "net/http_exchange.h"

#define REPLY_HEAD_MAX (16u * 1024)

/* A request that could not even be read gets one answer, and then the end. */
static bool keeps(const struct http_exchange *x)
{
    return x->head != NULL && x->head->keep_alive;
}

static enum err put_head(struct http_exchange *x, struct buf *out, unsigned status,
                         const char *headers)
{
    enum err e = http1_put_status(out, status);
    if (e == OK && headers != NULL) {
        e = buf_put_str(out, headers);
    }
    if (e == OK && !keeps(x)) {
        e = buf_put_str(out, "Connection: close\r\n");
    } else if (e == OK && x->head->minor == 0) {
        e = buf_put_str(out, "Connection: keep-alive\r\n");
    }
    return e;
}

static bool status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

void http_reply(struct http_exchange *x, unsigned status, const char *headers,
                struct bytes body)
{
    struct buf head;
    if (x->m.state != HTTP_HANDLING) {
        return; // gone, or answered already
    }
    buf_init(&head, REPLY_HEAD_MAX);
    enum err e = put_head(x, &head, status, headers);
    if (e == OK && status_has_body(status)) {
        e = buf_putf(&head, "Content-Length: %zu\r\n", body.len);
    }
    if (e == OK) {
        e = buf_put_str(&head, "\r\n");
    }
    if (e == OK) {
        const bool bodiless = x->no_body || !status_has_body(status);
        e = http_exchange_write(x, buf_bytes(&head), bodiless ? BYTES_NONE : body);
    }
    buf_fini(&head);
    if (e != OK) {
        log_warn("http.reply", "reason=\"%s\" octets=%zu", err_text(e), body.len);
        http_exchange_drop(x);
        return;
    }
    http_exchange_sent(x);
}

void http_reply_text(struct http_exchange *x, unsigned status, const char *text)
{
    http_reply(x, status, "Content-Type: text/plain; charset=utf-8\r\n",
               bytes_from_str(text));
}

/* ---- replies of unknown length ------------------------------------------------------ */

void http_reply_begin(struct http_exchange *x, unsigned status, const char *headers)
{
    struct buf head;
    if (x->m.state != HTTP_HANDLING) {
        return;
    }
    x->chunked = x->head->minor == 1;
    x->head->keep_alive = x->head->keep_alive && x->chunked;
    buf_init(&head, REPLY_HEAD_MAX);
    enum err e = put_head(x, &head, status, headers);
    if (e == OK) {
        e = buf_put_str(&head,
                        x->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    }
    if (e == OK) {
        e = http_exchange_write(x, buf_bytes(&head), BYTES_NONE);
    }
    buf_fini(&head);
    if (e != OK) {
        http_exchange_drop(x);
        return;
    }
    machine_move(&x->m, HTTP_SENDING);
}

enum err http_reply_write(struct http_exchange *x, struct bytes octets)
{
    if (x->m.state != HTTP_SENDING) {
        return ERR_CLOSED;
    }
    if (x->no_body || octets.len == 0) {
        return OK; // an empty chunk would mean the end
    }
    if (!x->chunked) {
        return http_exchange_write(x, octets, BYTES_NONE);
    }
    struct buf chunk;
    buf_init(&chunk, octets.len + 32);
    enum err e = buf_putf(&chunk, "%zx\r\n", octets.len);
    if (e == OK) {
        e = buf_put(&chunk, octets);
    }
    if (e == OK) {
        e = http_exchange_write(x, buf_bytes(&chunk), BYTES_LIT("\r\n"));
    }
    buf_fini(&chunk);
    return e;
}

void http_reply_end(struct http_exchange *x)
{
    if (x->m.state != HTTP_SENDING) {
        return;
    }
    if (x->chunked && !x->no_body &&
        http_exchange_write(x, BYTES_LIT("0\r\n\r\n"), BYTES_NONE) != OK) {
        http_exchange_drop(x);
        return;
    }
    http_exchange_sent(x);
}

void http_reply_cut(struct http_exchange *x)
{
    if (x->m.state == HTTP_HANDLING || x->m.state == HTTP_SENDING) {
        http_exchange_on_gone(x, NULL, NULL);
        http_exchange_drop(x);
    }
}
