#include "link/login.h"

#include <string.h>

#include "crypto/hash.h"

#define SIGNED_MAX 2048 // label, URL, nonce and the fields of variant 1

static bool ticket_is_good(const struct login *l, uint64_t wall_ms)
{
    return l->role == ENVELOPE_DEVICE && l->ticket_len != 0 &&
           l->ticket_expires_ms > wall_ms + LOGIN_TICKET_SPARE_MS;
}

static void by_key(const struct login *l, uint64_t wall_ms, struct envelope_auth *a)
{
    a->variant = 1;
    a->role = l->role;
    memcpy(a->pub, sign_key_pub(l->key), sizeof(a->pub));
    memcpy(a->mailbox, l->mailbox, sizeof(a->mailbox));
    a->ts_ms = wall_ms;
    a->counter = l->role == ENVELOPE_HOST ? l->counter : 0;
    a->invite = l->role == ENVELOPE_HOST ? bytes_from_str(l->invite) : BYTES_NONE;
}

static void by_ticket(const struct login *l, uint64_t wall_ms, struct envelope_auth *a)
{
    a->variant = 2;
    a->ts_ms = wall_ms;
    a->ticket = (struct bytes){l->ticket, l->ticket_len};
}

enum err login_answer(const struct login *l, const struct envelope_challenge *challenge,
                      uint64_t wall_ms, struct buf *out)
{
    struct envelope_auth a = {.variant = 0};
    uint8_t ticket_hash[HASH_SHA256] = {0};
    if (ticket_is_good(l, wall_ms)) {
        by_ticket(l, wall_ms, &a);
        hash_sha256(a.ticket, ticket_hash);
    } else {
        by_key(l, wall_ms, &a);
    }
    struct buf text;
    buf_init(&text, SIGNED_MAX);
    enum err e =
        envelope_put_auth_signed(&text, l->url, challenge->nonce, &a, ticket_hash);
    if (e == OK) {
        sign_make(l->key, buf_bytes(&text), a.sig);
        e = envelope_put_auth(out, &a);
    }
    buf_fini(&text);
    return e;
}

void login_keep_ticket(struct login *l, const struct envelope_auth_ok *ok)
{
    if (ok->ticket.len <= sizeof(l->ticket) && ok->ticket.len != 0) {
        memcpy(l->ticket, ok->ticket.at, ok->ticket.len);
        l->ticket_len = ok->ticket.len;
        l->ticket_expires_ms = ok->expires_ms;
    }
}

void login_drop_ticket(struct login *l)
{
    l->ticket_len = 0;
}
