#include "session/pairing.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "session/pairing_io.h"
#include "session/run.h"

enum { CHANNELS_MAX = 4, QR_SECRET = 16 };

struct pairing {
    unsigned refs;
    enum pairing_state state;
    uint64_t expires_ms;
    uint8_t offer[PAIRING_OFFER_SIZE];
    uint8_t qr_secret[QR_SECRET];
    struct code code;
    bool has_code;
    bool run_is_open;
    unsigned n_channels;
    unsigned n_runs;
    unsigned n_guesses;
    unsigned n_bad_tags;
};

struct pairing *pairing_create(uint16_t ttl_s, uint64_t now_ms)
{
    struct pairing *p = secret_page_new(sizeof(*p));
    const uint16_t ttl =
        ttl_s < PAIRING_TTL_MAX_S ? ttl_s : (uint16_t)PAIRING_TTL_MAX_S;
    p->refs = 1;
    p->expires_ms = now_ms + UINT64_C(1000) * ttl;
    random_bytes(p->qr_secret, sizeof(p->qr_secret));
    run_offer_write(ttl, p->offer);
    return p;
}

struct pairing *pairing_ref(struct pairing *p)
{
    p->refs++;
    return p;
}

void pairing_unref(struct pairing *p)
{
    if (p == NULL) {
        return;
    }
    assert(p->refs != 0);
    p->refs--;
    if (p->refs == 0) {
        secret_page_free(p, sizeof(*p));
    }
}

const uint8_t *pairing_id(const struct pairing *p)
{
    return run_offer_id(p->offer);
}

struct bytes pairing_offer(const struct pairing *p)
{
    return BYTES_OF(p->offer);
}

enum err pairing_set_digits(struct pairing *p, struct bytes digits, unsigned n_words)
{
    const enum err e = code_make(digits, n_words, &p->code);
    p->has_code = e == OK;
    return e;
}

const char *pairing_phrase(const struct pairing *p)
{
    return p->has_code ? p->code.shown : NULL;
}

void pairing_qr(const struct pairing *p, const uint8_t host_key[SIGN_PUB],
                struct qr *out)
{
    *out = (struct qr){.n_urls = 0};
    memcpy(out->pair_id, pairing_id(p), ID_SIZE);
    memcpy(out->host_key, host_key, SIGN_PUB);
    memcpy(out->secret, p->qr_secret, sizeof(out->secret));
}

enum pairing_state pairing_state(const struct pairing *p)
{
    return p->state;
}

bool pairing_has_expired(const struct pairing *p, uint64_t now_ms)
{
    return now_ms >= p->expires_ms;
}

bool pairing_code_is_locked(const struct pairing *p)
{
    return p->n_guesses >= PAIRING_GUESSES_MAX || p->n_runs >= PAIRING_RUNS_MAX;
}

bool pairing_qr_is_locked(const struct pairing *p)
{
    return p->n_bad_tags >= PAIRING_BAD_TAGS_MAX;
}

unsigned pairing_n_guesses(const struct pairing *p)
{
    return p->n_guesses;
}

static void finish(struct pairing *p, enum pairing_state state)
{
    p->state = state;
    p->has_code = false;
    code_fini(&p->code);
    secret_wipe(p->qr_secret, sizeof(p->qr_secret));
}

void pairing_close(struct pairing *p)
{
    finish(p, PAIRING_CLOSED);
}

void pairing_done(struct pairing *p)
{
    finish(p, PAIRING_DONE);
}

/* ---- for sessions ------------------------------------------------------------------ */

static bool is_open(const struct pairing *p, uint64_t now_ms)
{
    return p->state == PAIRING_OPEN && !pairing_has_expired(p, now_ms);
}

bool pairing_begin(struct pairing *p)
{
    if (p->n_channels >= CHANNELS_MAX) {
        return false;
    }
    p->n_channels++;
    return true;
}

void pairing_end(struct pairing *p)
{
    p->n_channels--;
}

bool pairing_take_qr(struct pairing *p, const uint8_t host_key[SIGN_PUB],
                     uint64_t now_ms, uint8_t psk[HANDSHAKE_PSK])
{
    if (!is_open(p, now_ms) || pairing_qr_is_locked(p)) {
        return false;
    }
    handshake_qr_psk(p->qr_secret, host_key, psk);
    return true;
}

void pairing_bad_tag(struct pairing *p)
{
    p->n_bad_tags++;
}

enum err pairing_begin_run(struct pairing *p, struct bytes p2, uint64_t now_ms,
                           uint8_t p3[RUN_P3], uint8_t psk[HANDSHAKE_PSK])
{
    if (!is_open(p, now_ms) || !p->has_code || p->run_is_open ||
        pairing_code_is_locked(p)) {
        return ERR_AUTH;
    }
    p->n_runs++;
    const enum err e = run_answer(p->code.prs, p->offer, p2, p3, psk);
    p->run_is_open = e == OK;
    return e;
}

void pairing_bad_guess(struct pairing *p)
{
    p->n_guesses++;
}

void pairing_end_run(struct pairing *p)
{
    p->run_is_open = false;
}

bool pairing_claim(struct pairing *p, uint64_t now_ms)
{
    if (!is_open(p, now_ms)) {
        return false;
    }
    p->state = PAIRING_CLAIMED;
    return true;
}
