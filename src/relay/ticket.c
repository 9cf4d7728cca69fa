#include "relay/ticket.h"

#include <inttypes.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/hmac.h"
#include "crypto/random.h"

#define TICKET_VERSION 1
#define SCOPE_CONNECT  1 // bit 0, the only one there is
#define SIGNED_SIZE    (TICKET_SIZE - HMAC_SIZE)
#define JTI_SIZE       8

void ticket_keys_fini(struct ticket_keys *keys)
{
    secret_wipe(keys, sizeof(*keys));
}

bool ticket_keys_are_due(const struct ticket_keys *keys, uint64_t wall_ms)
{
    const struct ticket_key *newest = &keys->slot[0];
    return newest->kid == 0 || newest->made_ms > wall_ms ||
           wall_ms - newest->made_ms >= TICKET_ROTATE_MS;
}

void ticket_keys_rotate(struct ticket_keys *keys, uint64_t wall_ms)
{
    const uint8_t last = keys->slot[0].kid;
    keys->slot[1] = keys->slot[0];
    keys->slot[0].kid = last == UINT8_MAX ? 1 : (uint8_t)(last + 1);
    keys->slot[0].made_ms = wall_ms;
    random_bytes(keys->slot[0].key, TICKET_KEY_SIZE);
}

static void mac(const struct ticket_key *k, const uint8_t *signed_part,
                uint8_t out[HMAC_SIZE])
{
    const struct bytes parts[] = {
        BYTES_LIT("\0\0\0\7fh1 tok"),
        {signed_part, SIGNED_SIZE},
    };
    hmac_sha256_parts(BYTES_OF(k->key), parts, COUNT(parts), out);
}

void ticket_make(const struct ticket_keys *keys, struct ticket *t, uint64_t wall_ms,
                 uint8_t out[TICKET_SIZE])
{
    t->expires_ms = wall_ms + TICKET_TTL_MS;
    out[0] = TICKET_VERSION;
    out[1] = keys->slot[0].kid;
    out[2] = (uint8_t)t->audience;
    be16_write(out + 3, SCOPE_CONNECT);
    be64_write(out + 5, t->expires_ms);
    memcpy(out + 13, t->mailbox, sizeof(t->mailbox));
    memcpy(out + 29, t->holder, sizeof(t->holder));
    random_bytes(out + 45, JTI_SIZE);
    mac(&keys->slot[0], out, out + SIGNED_SIZE);
}

static const struct ticket_key *key_of(const struct ticket_keys *keys, uint8_t kid)
{
    for (size_t i = 0; i < TICKET_KEYS; i++) {
        if (kid != 0 && keys->slot[i].kid == kid) {
            return &keys->slot[i];
        }
    }
    return NULL;
}

enum err ticket_check(const struct ticket_keys *keys, struct bytes raw,
                      uint64_t wall_ms, struct ticket *out)
{
    uint8_t want[HMAC_SIZE];
    if (raw.len != TICKET_SIZE || raw.at[0] != TICKET_VERSION) {
        return ERR_AUTH;
    }
    const struct ticket_key *k = key_of(keys, raw.at[1]);
    if (k == NULL) {
        return ERR_AUTH;
    }
    mac(k, raw.at, want);
    if (!secret_equal(bytes_sub(raw, SIGNED_SIZE, HMAC_SIZE), BYTES_OF(want))) {
        return ERR_AUTH;
    }
    const uint8_t audience = raw.at[2];
    const uint64_t expires_ms = be64_read(raw.at + 5);
    if ((audience != TICKET_HOST && audience != TICKET_DEVICE) ||
        (be16_read(raw.at + 3) & SCOPE_CONNECT) == 0) {
        return ERR_AUTH;
    }
    if (wall_ms >= expires_ms) {
        return ERR_EXPIRED;
    }
    out->audience = (enum ticket_audience)audience;
    out->expires_ms = expires_ms;
    memcpy(out->mailbox, raw.at + 13, sizeof(out->mailbox));
    memcpy(out->holder, raw.at + 29, sizeof(out->holder));
    return OK;
}

/* ---- the file -------------------------------------------------------------- */

size_t ticket_keys_write(const struct ticket_keys *keys, char out[TICKET_FILE_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < TICKET_KEYS && keys->slot[i].kid != 0; i++) {
        char hex[HEX_SIZE(TICKET_KEY_SIZE)];
        hex_encode(BYTES_OF(keys->slot[i].key), hex);
        if (text_format(out + len, TICKET_FILE_MAX - len, "%u %" PRIu64 " %s\n",
                        keys->slot[i].kid, keys->slot[i].made_ms, hex) == OK) {
            len += strlen(out + len);
        }
        secret_wipe(hex, sizeof(hex));
    }
    return len;
}

/* What stands before `end`; the text moves behind it. */
static enum err word(struct bytes *text, char end, struct bytes *out)
{
    const uint8_t *at = text->len == 0 ? NULL : memchr(text->at, end, text->len);
    if (at == NULL) {
        return ERR_PROTO;
    }
    const size_t len = (size_t)(at - text->at);
    *out = bytes_sub(*text, 0, len);
    *text = bytes_sub(*text, len + 1, text->len);
    return OK;
}

static enum err read_line(struct bytes *text, struct ticket_key *out)
{
    struct bytes kid;
    struct bytes made;
    struct bytes hex;
    uint64_t kid_value = 0;
    size_t len = 0;
    if (word(text, ' ', &kid) != OK || word(text, ' ', &made) != OK ||
        word(text, '\n', &hex) != OK || u64_parse(kid, UINT8_MAX, &kid_value) != OK ||
        u64_parse(made, UINT64_MAX, &out->made_ms) != OK ||
        hex_decode(hex, out->key, sizeof(out->key), &len) != OK ||
        len != TICKET_KEY_SIZE || kid_value == 0) {
        return ERR_PROTO;
    }
    out->kid = (uint8_t)kid_value;
    return OK;
}

enum err ticket_keys_read(struct bytes text, struct ticket_keys *out)
{
    struct ticket_keys keys = {.slot = {{.kid = 0}}};
    enum err e = OK;
    size_t n = 0;
    while (e == OK && text.len != 0) {
        e = n < TICKET_KEYS ? read_line(&text, &keys.slot[n]) : ERR_PROTO;
        n++;
    }
    if (e == OK && keys.slot[0].kid != 0 && keys.slot[0].kid == keys.slot[1].kid) {
        e = ERR_PROTO;
    }
    if (e == OK) {
        *out = keys;
    }
    ticket_keys_fini(&keys);
    return e;
}
