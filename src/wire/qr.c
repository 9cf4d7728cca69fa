#include "wire/qr.h"

#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "wire/url.h"

enum { VERSION = 1, FLAG_LIST = 1, KEY = 32, ID = 16 };

/* ---- writing --------------------------------------------------------------- */

static enum err put_fixed(const struct qr *qr, uint8_t flags, struct buf *out)
{
    uint8_t fixed[QR_FIXED];
    uint8_t *at = fixed;
    *at++ = VERSION;
    *at++ = flags;
    be64_write(at, qr->expires_s);
    at += 8;
    memcpy(at, qr->pair_id, ID);
    at += ID;
    memcpy(at, qr->host_key, KEY);
    at += KEY;
    memcpy(at, qr->secret, ID);
    const enum err e = buf_put(out, BYTES_OF(fixed));
    secret_wipe(fixed, sizeof(fixed));
    return e;
}

static enum err put_url(struct buf *out, const char *text)
{
    const struct bytes url = bytes_from_str(text);
    const enum err e = buf_put_u8(out, (uint8_t)url.len);
    return e != OK ? e : buf_put(out, url);
}

static enum err put_list(const struct qr *qr, struct buf *out)
{
    enum err e = put_fixed(qr, FLAG_LIST, out);
    if (e == OK) {
        e = buf_put_u8(out, (uint8_t)qr->n_urls);
    }
    for (size_t i = 0; e == OK && i < qr->n_urls; i++) {
        e = buf_put_u8(out, (uint8_t)qr->urls[i].kind);
        if (e == OK) {
            e = put_url(out, qr->urls[i].text);
        }
    }
    return e;
}

enum err qr_encode(const struct qr *qr, struct buf *out)
{
    size_t size = QR_FIXED + 1;
    if (qr->n_urls == 0 || qr->n_urls > QR_URLS_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < qr->n_urls; i++) {
        size += 2 + strlen(qr->urls[i].text);
    }
    if (size > QR_BLOB_MAX) {
        return ERR_LIMIT;
    }
    if (qr->n_urls > 1 || qr->urls[0].kind != QR_RELAY) {
        return put_list(qr, out);
    }
    const enum err e = put_fixed(qr, 0, out);
    return e != OK ? e : put_url(out, qr->urls[0].text);
}

/* ---- reading --------------------------------------------------------------- */

static enum err read_url(struct cursor *c, uint8_t kind, struct qr_url *out)
{
    uint8_t len = 0;
    struct bytes text = BYTES_NONE;
    struct url url;
    if (cursor_u8(c, &len) != OK || cursor_take(c, len, &text) != OK) {
        return ERR_PROTO;
    }
    if (kind != QR_RELAY && kind != QR_DIRECT) {
        return ERR_PROTO;
    }
    if (url_parse(text, &url) != OK ||
        (url.scheme != URL_WS && url.scheme != URL_WSS)) {
        return ERR_PROTO;
    }
    out->kind = (enum qr_url_kind)kind;
    memcpy(out->text, text.at, text.len);
    out->text[text.len] = '\0';
    return OK;
}

static enum err read_urls(struct cursor *c, struct qr *qr)
{
    uint8_t n = 0;
    if (cursor_u8(c, &n) != OK || n == 0) {
        return ERR_PROTO;
    }
    if (n > QR_URLS_MAX) {
        return ERR_LIMIT;
    }
    for (qr->n_urls = 0; qr->n_urls < n; qr->n_urls++) {
        uint8_t kind = 0;
        if (cursor_u8(c, &kind) != OK ||
            read_url(c, kind, &qr->urls[qr->n_urls]) != OK) {
            return ERR_PROTO;
        }
    }
    return OK;
}

static enum err read_all(struct cursor *c, struct qr *qr)
{
    uint8_t version = 0;
    uint8_t flags = 0;
    if (cursor_u8(c, &version) != OK || cursor_u8(c, &flags) != OK ||
        cursor_u64(c, &qr->expires_s) != OK ||
        cursor_copy(c, qr->pair_id, sizeof(qr->pair_id)) != OK ||
        cursor_copy(c, qr->host_key, sizeof(qr->host_key)) != OK ||
        cursor_copy(c, qr->secret, sizeof(qr->secret)) != OK) {
        return ERR_PROTO;
    }
    if (version != VERSION || (flags & ~FLAG_LIST) != 0) {
        return ERR_PROTO; // an unknown flag may change what follows
    }
    if ((flags & FLAG_LIST) != 0) {
        return read_urls(c, qr);
    }
    qr->n_urls = 1;
    return read_url(c, QR_RELAY, &qr->urls[0]);
}

enum err qr_decode(struct bytes blob, struct qr *out)
{
    struct qr qr = {.n_urls = 0};
    struct cursor c = {blob};
    enum err e = blob.len > QR_BLOB_MAX ? ERR_LIMIT : read_all(&c, &qr);
    if (e == OK && c.left.len != 0) {
        e = ERR_PROTO;
    }
    if (e == OK) {
        *out = qr;
    }
    qr_fini(&qr);
    return e;
}

static struct bytes trim(struct bytes text)
{
    while (text.len != 0 && text.at[0] <= ' ') {
        text = bytes_sub(text, 1, text.len);
    }
    while (text.len != 0 && text.at[text.len - 1] <= ' ') {
        text.len--;
    }
    return text;
}

enum err qr_decode_text(struct bytes text, struct qr *out)
{
    uint8_t blob[QR_BLOB_MAX];
    size_t len = 0;
    if (text.len > QR_TEXT_MAX) {
        return ERR_LIMIT;
    }
    text = trim(text);
    const uint8_t *hash = text.len == 0 ? NULL : memchr(text.at, '#', text.len);
    if (hash != NULL) {
        text = bytes_sub(text, (size_t)(hash - text.at) + 1, text.len);
    }
    if (bytes_equal(bytes_sub(text, 0, 2), BYTES_LIT("p="))) {
        text = bytes_sub(text, 2, text.len);
    }
    enum err e = b64url_decode(text, blob, sizeof(blob), &len);
    if (e == OK) {
        e = qr_decode((struct bytes){blob, len}, out);
    }
    secret_wipe(blob, sizeof(blob));
    return e;
}

void qr_fini(struct qr *qr)
{
    secret_wipe(qr, sizeof(*qr));
}
