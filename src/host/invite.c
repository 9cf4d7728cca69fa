#include "host/invite.h"

#include <string.h>

#include "base/secret.h"
#include "base/text.h"

#define ENDS                                                                          \
    (MOVES_TO(INVITE_DECLINED) | MOVES_TO(INVITE_EXPIRED) | MOVES_TO(INVITE_LOCKED) | \
     MOVES_TO(INVITE_CANCELED))

static const struct machine_state states[] = {
    [INVITE_FREE] = {"free", MOVES_TO(INVITE_OPEN)},
    [INVITE_OPEN] = {"open", MOVES_TO(INVITE_CONFIRMING) | ENDS},
    [INVITE_CONFIRMING] = {"confirming", MOVES_TO(INVITE_ACCEPTED) | ENDS},
    [INVITE_ACCEPTED] = {"claimed", MOVES_TO(INVITE_DONE) | ENDS},
    [INVITE_DONE] = {"done", 0},
    [INVITE_DECLINED] = {"declined", 0},
    [INVITE_EXPIRED] = {"expired", 0},
    [INVITE_LOCKED] = {"locked", 0},
    [INVITE_CANCELED] = {"canceled", 0},
};

static bool is_used(const struct invite *v)
{
    return v->m.table != NULL;
}

bool invite_is_open(const struct invite *v)
{
    return v->m.state >= INVITE_OPEN && v->m.state <= INVITE_ACCEPTED;
}

const char *invite_state_name(const struct invite *v)
{
    return machine_name(&v->m);
}

void invites_fini(struct invites *t)
{
    for (size_t i = 0; i < COUNT(t->at); i++) {
        invite_end(&t->at[i], INVITE_CANCELED);
    }
    secret_wipe(t, sizeof(*t));
}

/* A free row, or the ended one that has been ended longest. */
static struct invite *free_row(struct invites *t)
{
    struct invite *oldest = NULL;
    size_t n_open = 0;
    for (size_t i = 0; i < COUNT(t->at); i++) {
        struct invite *v = &t->at[i];
        if (invite_is_open(v)) {
            n_open++;
        } else if (oldest == NULL || v->expires_s < oldest->expires_s) {
            oldest = v;
        }
    }
    return n_open < INVITES_OPEN_MAX ? oldest : NULL;
}

enum err invites_open(struct invites *t, const struct invite_wish *wish,
                      struct invite **out)
{
    struct invite *v = free_row(t);
    if (v == NULL) {
        return ERR_LIMIT;
    }
    *v = (struct invite){
        .m = {.what = "invite", .table = states, .state = INVITE_FREE},
        .pairing = pairing_create(PAIRING_TTL_S, wish->now_ms),
        .role = wish->role,
        .confirm = wish->confirm,
        .by_device = wish->by_device,
        .until_ms = wish->until_ms,
        .expires_s = wish->wall_s + PAIRING_TTL_S,
    };
    memcpy(v->maker, wish->maker, sizeof(v->maker));
    text_sanitize(bytes_from_str(wish->person == NULL ? "" : wish->person), v->person,
                  sizeof(v->person));
    text_sanitize(bytes_from_str(wish->scope == NULL ? "" : wish->scope), v->scope,
                  sizeof(v->scope));
    memcpy(v->id, pairing_id(v->pairing), sizeof(v->id));
    machine_move(&v->m, INVITE_OPEN);
    *out = v;
    return OK;
}

struct invite *invites_find(struct invites *t, const uint8_t id[16])
{
    for (size_t i = 0; i < COUNT(t->at); i++) {
        if (is_used(&t->at[i]) && memcmp(t->at[i].id, id, sizeof(t->at[i].id)) == 0) {
            return &t->at[i];
        }
    }
    return NULL;
}

static bool is_named(const struct invite *v, const char *text)
{
    char hex[HEX_SIZE(sizeof(v->id))];
    hex_encode(BYTES_OF(v->id), hex);
    return text[0] == '\0' ? v->m.state == INVITE_CONFIRMING
                           : strncmp(hex, text, strlen(text)) == 0;
}

struct invite *invites_find_text(struct invites *t, const char *text)
{
    struct invite *found = NULL;
    for (size_t i = 0; i < COUNT(t->at); i++) {
        if (!is_used(&t->at[i]) || !is_named(&t->at[i], text)) {
            continue;
        }
        if (found != NULL) {
            return NULL; // two match: better none than the wrong one
        }
        found = &t->at[i];
    }
    return found;
}

/* ACCEPTED is not: the device is stored already, READY is on its way. */
static bool is_undecided(const struct invite *v)
{
    return v->m.state == INVITE_OPEN || v->m.state == INVITE_CONFIRMING;
}

struct invite *invites_made_by(struct invites *t, const uint8_t device_id[16])
{
    for (size_t i = 0; i < COUNT(t->at); i++) {
        struct invite *v = &t->at[i];
        if (is_undecided(v) && v->by_device &&
            memcmp(v->maker, device_id, sizeof(v->maker)) == 0) {
            return v;
        }
    }
    return NULL;
}

/* An owner is made at the host's terminal and by QR only: whoever overhears a phrase
 * could ask for everything (protocol.md 6). */
static enum role capped(enum role offered, const struct link_claim *claim)
{
    enum role role = offered;
    if (claim->role_asked != 0 && claim->role_asked < (uint8_t)role) {
        role = (enum role)claim->role_asked;
    }
    if (claim->mode == LINK_MODE_PHRASE && role > ROLE_OPERATOR) {
        role = ROLE_OPERATOR;
    }
    return role;
}

enum err invite_claim(struct invite *v, struct link_session *s,
                      const struct link_claim *claim)
{
    if (v->m.state != INVITE_OPEN) {
        return ERR_EXISTS;
    }
    v->claim = *claim;
    v->session = s;
    // by what was offered: whoever copied the code must not ask for less to go unasked
    v->confirm = v->confirm || v->role >= ROLE_OPERATOR;
    v->role = capped(v->role, claim);
    machine_move(&v->m, INVITE_CONFIRMING);
    return OK;
}

bool invite_needs_person(const struct invite *v)
{
    return v->claim.mode == LINK_MODE_PHRASE || v->confirm;
}

static void wipe(struct invite *v)
{
    if (v->pairing != NULL) {
        pairing_close(v->pairing);
        pairing_unref(v->pairing);
        v->pairing = NULL;
    }
    secret_wipe(v->phrase, sizeof(v->phrase));
    secret_wipe(v->claim.pair_root, sizeof(v->claim.pair_root));
}

void invite_accept(struct invite *v)
{
    machine_move(&v->m, INVITE_ACCEPTED);
}

void invite_end(struct invite *v, enum invite_state how)
{
    if (!invite_is_open(v)) {
        return;
    }
    if (how == INVITE_DONE) {
        pairing_done(v->pairing);
    }
    machine_move(&v->m, how);
    wipe(v);
}

struct invite *invites_expire(struct invites *t, uint64_t wall_s)
{
    for (size_t i = 0; i < COUNT(t->at); i++) {
        struct invite *v = &t->at[i];
        if (is_undecided(v) && wall_s >= v->expires_s) {
            invite_end(v, INVITE_EXPIRED);
            return v;
        }
    }
    return NULL;
}

uint64_t invites_deadline(const struct invites *t)
{
    uint64_t first = 0;
    for (size_t i = 0; i < COUNT(t->at); i++) {
        const struct invite *v = &t->at[i];
        if (is_undecided(v) && (first == 0 || v->expires_s < first)) {
            first = v->expires_s;
        }
    }
    return first;
}
