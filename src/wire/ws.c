#include "wire/ws.h"

#include <string.h>

#include "base/text.h"

/* A message that grew larger than this gives its memory back; smaller ones too, but
 * the first allocation is not larger than what has really arrived. */
#define GROW_AHEAD_MAX (1u << 20)

void ws_init(struct ws *w, enum ws_role role, uint64_t max_message)
{
    *w = (struct ws){.role = role};
    buf_init(&w->message, 0);
    ws_set_max_message(w, max_message);
}

void ws_set_max_message(struct ws *w, uint64_t max_message)
{
    w->max_message = max_message;
    w->message.max = max_message > SIZE_MAX ? SIZE_MAX : (size_t)max_message;
}

void ws_fini(struct ws *w)
{
    buf_fini(&w->message);
}

bool ws_is_idle(const struct ws *w)
{
    return w->head_len == 0 && !w->in_frame && !w->in_message;
}

uint16_t ws_close_code(const struct ws *w, enum err e)
{
    if (e == ERR_LIMIT) {
        return WS_CLOSE_TOO_BIG;
    }
    if (e == ERR_PROTO) {
        return w->close_code != 0 ? w->close_code : WS_CLOSE_PROTOCOL;
    }
    return WS_CLOSE_INTERNAL;
}

static enum err refuse(struct ws *w, enum ws_close code)
{
    w->close_code = (uint16_t)code;
    return ERR_PROTO;
}

/* ---- frame headers --------------------------------------------------------- */

/* RFC 6455 section 5.1 (who masks) and 5.4 (how fragments follow each other). */
static enum err accept_frame(struct ws *w, const struct wsframe *f)
{
    if (w->closed || f->masked != (w->role == WS_SERVER)) {
        return refuse(w, WS_CLOSE_PROTOCOL);
    }
    if (wsframe_is_control(f->op)) {
        w->control_len = 0;
        return OK;
    }
    if ((f->op == WSFRAME_CONT) != w->in_message) {
        return refuse(w, WS_CLOSE_PROTOCOL);
    }
    const uint64_t have = buf_len(&w->message);
    if (f->payload > w->max_message - have) {
        return ERR_LIMIT;
    }
    if (f->op != WSFRAME_CONT) {
        w->text = f->op == WSFRAME_TEXT;
        w->in_message = true;
        w->n_fragments = 0;
    }
    w->n_fragments++;
    return w->n_fragments > WS_FRAGMENTS_MAX ? ERR_LIMIT : OK;
}

/* Takes the header from what was kept of the last input and from `in`; *used says how
 * much of `in` belongs to it (all of it, with ERR_AGAIN). */
static enum err take_header(struct ws *w, struct bytes in, size_t *used)
{
    const size_t kept = w->head_len;
    const size_t room = sizeof(w->head) - kept;
    const size_t n = in.len < room ? in.len : room;
    struct bytes all = in;
    if (kept != 0) {
        memcpy(w->head + kept, in.at, n);
        all = (struct bytes){w->head, kept + n};
    }
    struct wsframe f;
    enum err e = wsframe_parse(all, w->max_message > 125 ? w->max_message : 125, &f);
    if (e == ERR_AGAIN) {
        if (kept == 0) {
            memcpy(w->head, in.at, n);
        }
        w->head_len = (uint8_t)(kept + n);
        *used = in.len;
        return ERR_AGAIN;
    }
    if (e == OK) {
        e = accept_frame(w, &f);
    }
    if (e != OK) {
        return e;
    }
    *used = f.header_size - kept;
    w->head_len = 0;
    w->frame = f;
    w->left = f.payload;
    w->in_frame = true;
    return OK;
}

/* ---- payloads ---------------------------------------------------------------- */

static void unmask(const struct ws *w, uint8_t *at, size_t len)
{
    if (w->frame.masked) {
        wsframe_mask(at, len, w->frame.mask, w->frame.payload - w->left);
    }
}

static bool code_is_valid(uint16_t code)
{
    if (code >= 3000 && code <= 4999) {
        return true;
    }
    return code >= 1000 && code <= 1014 && code != 1004 && code != WS_CLOSE_NONE &&
           code != WS_CLOSE_ABNORMAL;
}

/* Section 5.5.1: nothing, or a code and a reason in UTF-8. */
static enum err close_event(struct ws *w, struct ws_event *out)
{
    w->closed = true;
    if (w->control_len == 0) {
        *out = (struct ws_event){.kind = WS_CLOSED, .code = WS_CLOSE_NONE};
        return OK;
    }
    if (w->control_len == 1) {
        return refuse(w, WS_CLOSE_PROTOCOL);
    }
    const uint16_t code = be16_read(w->control);
    const struct bytes reason = {w->control + 2, (size_t)w->control_len - 2};
    if (!code_is_valid(code)) {
        return refuse(w, WS_CLOSE_PROTOCOL);
    }
    if (!utf8_is_valid(reason)) {
        return refuse(w, WS_CLOSE_BAD_DATA);
    }
    *out = (struct ws_event){.kind = WS_CLOSED, .payload = reason, .code = code};
    return OK;
}

static enum err control_event(struct ws *w, struct ws_event *out)
{
    w->in_frame = false;
    if (w->frame.op == WSFRAME_CLOSE) {
        return close_event(w, out);
    }
    *out = (struct ws_event){
        .kind = w->frame.op == WSFRAME_PING ? WS_PING : WS_PONG,
        .payload = {w->control, w->control_len},
    };
    return OK;
}

static enum err message_event(struct ws *w, struct bytes payload, struct ws_event *out)
{
    w->in_message = false;
    if (w->text && !utf8_is_valid(payload)) {
        return refuse(w, WS_CLOSE_BAD_DATA);
    }
    *out = (struct ws_event){.kind = w->text ? WS_TEXT : WS_BINARY, .payload = payload};
    return OK;
}

static enum err take_control(struct ws *w, uint8_t *at, size_t n, struct ws_event *out)
{
    unmask(w, at, n);
    if (n != 0) {
        memcpy(w->control + w->control_len, at, n);
    }
    w->control_len = (uint8_t)(w->control_len + n);
    w->left -= n;
    return w->left == 0 ? control_event(w, out) : ERR_AGAIN;
}

/* Grows ahead of what arrives, but not by what the peer merely claims. */
static enum err append(struct ws *w, const uint8_t *at, size_t n)
{
    const uint64_t claimed = w->left < GROW_AHEAD_MAX ? w->left : GROW_AHEAD_MAX;
    const size_t room = n > claimed ? n : (size_t)claimed;
    uint8_t *to;
    const enum err e = buf_reserve(&w->message, room, &to);
    if (e != OK) {
        return e;
    }
    memcpy(to, at, n);
    buf_grew(&w->message, n);
    return OK;
}

static enum err take_data(struct ws *w, uint8_t *at, size_t n, struct ws_event *out)
{
    unmask(w, at, n);
    const bool last = n == w->left;
    const bool whole = w->frame.fin && last && buf_len(&w->message) == 0;
    if (whole) {
        w->left = 0;
        w->in_frame = false;
        return message_event(w, (struct bytes){at, n}, out);
    }
    if (n != 0) {
        const enum err e = append(w, at, n);
        if (e != OK) {
            return e;
        }
    }
    w->left -= n;
    w->in_frame = w->left != 0;
    if (w->in_frame || !w->frame.fin) {
        return ERR_AGAIN;
    }
    w->give_back = true;
    return message_event(w, buf_bytes(&w->message), out);
}

static enum err take_payload(struct ws *w, uint8_t *at, size_t len, size_t *used,
                             struct ws_event *out)
{
    const size_t n = len < w->left ? len : (size_t)w->left;
    *used = n;
    if (wsframe_is_control(w->frame.op)) {
        return take_control(w, at, n, out);
    }
    return take_data(w, at, n, out);
}

enum err ws_next(struct ws *w, uint8_t *at, size_t len, size_t *used,
                 struct ws_event *out)
{
    if (w->give_back) {
        buf_release(&w->message);
        w->give_back = false;
    }
    size_t done = 0;
    while (done < len) {
        size_t n = 0;
        enum err e = OK;
        if (!w->in_frame) {
            e = take_header(w, (struct bytes){at + done, len - done}, &n);
            done += n;
        }
        if (e == OK) {
            e = take_payload(w, at + done, len - done, &n, out);
            done += n;
        }
        if (e != ERR_AGAIN) {
            *used = done;
            return e;
        }
    }
    *used = done;
    return ERR_AGAIN;
}

/* ---- what we send -------------------------------------------------------------- */

enum err ws_put_frame(struct buf *out, enum wsframe_op op, bool fin,
                      const uint8_t *mask, struct bytes head, struct bytes body)
{
    struct wsframe f = {
        .op = op,
        .fin = fin,
        .masked = mask != NULL,
        .payload = (uint64_t)head.len + body.len,
    };
    if (mask != NULL) {
        memcpy(f.mask, mask, sizeof(f.mask));
    }
    uint8_t header[WSFRAME_HEADER_MAX];
    const size_t size = wsframe_build(&f, header);
    uint8_t *to;
    const enum err e = buf_reserve(out, size + head.len + body.len, &to);
    if (e != OK) {
        return e;
    }
    memcpy(to, header, size);
    if (head.len != 0) {
        memcpy(to + size, head.at, head.len);
    }
    if (body.len != 0) {
        memcpy(to + size + head.len, body.at, body.len);
    }
    if (mask != NULL) {
        wsframe_mask(to + size, head.len + body.len, mask, 0);
    }
    buf_grew(out, size + head.len + body.len);
    return OK;
}

enum err ws_put_close(struct buf *out, const uint8_t *mask, uint16_t code,
                      const char *reason)
{
    uint8_t raw[2];
    if (code == WS_CLOSE_NONE) {
        return ws_put_frame(out, WSFRAME_CLOSE, true, mask, BYTES_NONE, BYTES_NONE);
    }
    be16_write(raw, code);
    struct bytes text = bytes_from_str(reason);
    if (text.len > WSFRAME_CONTROL_MAX - sizeof(raw)) {
        text.len = WSFRAME_CONTROL_MAX - sizeof(raw);
        while (text.len != 0 && (text.at[text.len] & 0xC0) == 0x80) {
            text.len--; // not in the middle of a character
        }
    }
    return ws_put_frame(out, WSFRAME_CLOSE, true, mask, BYTES_OF(raw), text);
}
