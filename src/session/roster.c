#include "session/roster.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "session/roster_io.h"

enum {
    NAME_LEN = 64,
    PENDING_MAX = 16,       // a stranger cannot fill the host with half-done sessions
    PENDING_DEVICE_MAX = 4, // nor can one device
    SEEN_MAX = 1024,        // nonces of one device within SEEN_MS
    SEEN_NONCE = 8,         // so much of each: whoever can choose it has the PSK
    SEEN_MS = 10 * 60 * 1000,
};

struct seen {
    uint8_t nonce[SEEN_NONCE];
    uint64_t until_ms; // 0: free
};

struct device {
    bool live;
    uint8_t key[SIGN_PUB];
    uint8_t id[ID_SIZE];
    uint8_t psk[HANDSHAKE_PSK]; // a random one when the slot is free: constant count
    unsigned n_pending;
    struct seen *seen; // a ring of SEEN_MAX, made at the first handshake
    size_t seen_at;
};

struct roster {
    const struct sign_key *host_key;
    uint8_t mailbox_id[ID_SIZE];
    char name[NAME_LEN + 1];
    char version[NAME_LEN + 1];
    roster_may_enrol_fn *may_enrol;
    void *user;
    unsigned n_pending;
    uint64_t n_refused;
    struct device devices[ROSTER_DEVICES_MAX];
};

struct roster *roster_create(const struct roster_config *config)
{
    struct roster *r = secret_page_new(sizeof(*r));
    r->host_key = config->host_key;
    memcpy(r->mailbox_id, config->mailbox_id, ID_SIZE);
    text_sanitize(bytes_from_str(config->name), r->name, sizeof(r->name));
    text_sanitize(bytes_from_str(config->version), r->version, sizeof(r->version));
    r->may_enrol = config->may_enrol;
    r->user = config->user;
    return r;
}

static void clear(struct device *d)
{
    mem_free(d->seen);
    secret_wipe(d, sizeof(*d));
}

void roster_destroy(struct roster *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < ROSTER_DEVICES_MAX; i++) {
        clear(&r->devices[i]);
    }
    secret_page_free(r, sizeof(*r));
}

static bool has_id(const struct device *d, const uint8_t *id)
{
    return d->live && bytes_equal(BYTES_OF(d->id), (struct bytes){id, ID_SIZE});
}

static struct device *find_id(struct roster *r, const uint8_t *id)
{
    for (size_t i = 0; i < ROSTER_DEVICES_MAX; i++) {
        if (has_id(&r->devices[i], id)) {
            return &r->devices[i];
        }
    }
    return NULL;
}

enum err roster_put(struct roster *r, const uint8_t device_key[SIGN_PUB],
                    const uint8_t pair_root[PAIR_ROOT_SIZE])
{
    uint8_t id[ID_SIZE];
    if (!sign_pub_is_valid(device_key)) {
        return ERR_AUTH;
    }
    id_device(device_key, id);
    if (find_id(r, id) != NULL) {
        return ERR_EXISTS;
    }
    for (size_t i = 0; i < ROSTER_DEVICES_MAX; i++) {
        struct device *d = &r->devices[i];
        if (d->live) {
            continue;
        }
        d->live = true;
        memcpy(d->key, device_key, SIGN_PUB);
        memcpy(d->id, id, ID_SIZE);
        memcpy(d->psk, pair_root, PAIR_ROOT_SIZE);
        return OK;
    }
    return ERR_LIMIT;
}

void roster_remove(struct roster *r, const uint8_t device_id[ID_SIZE])
{
    struct device *d = find_id(r, device_id);
    if (d != NULL) {
        clear(d);
    }
}

size_t roster_count(const struct roster *r)
{
    size_t n = 0;
    for (size_t i = 0; i < ROSTER_DEVICES_MAX; i++) {
        n += r->devices[i].live ? 1 : 0;
    }
    return n;
}

uint64_t roster_n_refused(const struct roster *r)
{
    return r->n_refused;
}

/* ---- for sessions ----------------------------------------------------------------- */

const struct sign_key *roster_host_key(const struct roster *r)
{
    return r->host_key;
}

const uint8_t *roster_mailbox(const struct roster *r)
{
    return r->mailbox_id;
}

const char *roster_name(const struct roster *r)
{
    return r->name;
}

const char *roster_version(const struct roster *r)
{
    return r->version;
}

bool roster_begin(struct roster *r)
{
    if (r->n_pending >= PENDING_MAX) {
        return false;
    }
    r->n_pending++;
    return true;
}

void roster_end(struct roster *r)
{
    r->n_pending--;
}

/* Rule 1: every slot is tried, live or not, so that the time tells nothing. */
static struct device *whose_tag(struct roster *r, struct bytes msg1)
{
    struct device *hit = NULL;
    for (size_t i = 0; i < ROSTER_DEVICES_MAX; i++) {
        struct device *d = &r->devices[i];
        const bool fits =
            handshake_tag_fits(msg1, HANDSHAKE_TRUSTED, r->mailbox_id, d->psk);
        hit = fits && d->live ? d : hit;
    }
    return hit;
}

/* Rule 2. False: seen, or the ring is full of young ones. Else it is remembered. */
static bool is_new(struct device *d, const uint8_t *nonce, uint64_t now_ms)
{
    if (d->seen == NULL) {
        d->seen = mem_new(SEEN_MAX * sizeof(*d->seen));
    }
    for (size_t i = 0; i < SEEN_MAX; i++) {
        const struct seen *s = &d->seen[i];
        if (now_ms < s->until_ms &&
            bytes_equal(BYTES_OF(s->nonce), (struct bytes){nonce, SEEN_NONCE})) {
            return false;
        }
    }
    struct seen *oldest = &d->seen[d->seen_at];
    if (now_ms < oldest->until_ms) {
        return false;
    }
    memcpy(oldest->nonce, nonce, SEEN_NONCE);
    oldest->until_ms = now_ms + SEEN_MS;
    d->seen_at = (d->seen_at + 1) % SEEN_MAX;
    return true;
}

enum err roster_find(struct roster *r, struct bytes msg1, uint64_t now_ms,
                     struct roster_hit *out, const char **why)
{
    enum { NONCE_AT = 44 };
    struct device *d = whose_tag(r, msg1);
    if (d == NULL) {
        r->n_refused++;
        *why = "the tag is nobody's";
        return ERR_AUTH;
    }
    if (d->n_pending >= PENDING_DEVICE_MAX) {
        *why = "too many handshakes of this device";
        return ERR_AUTH;
    }
    if (!is_new(d, msg1.at + NONCE_AT, now_ms)) {
        *why = "a first message was replayed";
        return ERR_AUTH;
    }
    d->n_pending++;
    memcpy(out->device_key, d->key, SIGN_PUB);
    memcpy(out->device_id, d->id, ID_SIZE);
    memcpy(out->psk, d->psk, HANDSHAKE_PSK);
    return OK;
}

void roster_end_device(struct roster *r, const uint8_t device_id[ID_SIZE])
{
    struct device *d = find_id(r, device_id);
    if (d != NULL && d->n_pending != 0) {
        d->n_pending--;
    }
}

bool roster_is_live(const struct roster *r, const uint8_t device_key[SIGN_PUB])
{
    uint8_t id[ID_SIZE];
    id_device(device_key, id);
    for (size_t i = 0; i < ROSTER_DEVICES_MAX; i++) {
        if (has_id(&r->devices[i], id)) {
            return true;
        }
    }
    return false;
}

bool roster_may_enrol(const struct roster *r, const uint8_t device_key[SIGN_PUB])
{
    return sign_pub_is_valid(device_key) && !roster_is_live(r, device_key) &&
           (r->may_enrol == NULL || r->may_enrol(r->user, device_key));
}
