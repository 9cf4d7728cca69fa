/* mailbox: one host's place on the relay: who may connect, and what it holds. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "relay/state.h"
#include "wire/ws.h"

#define HASH_SIZE 32

/* ---- memory --------------------------------------------------------------------- */

enum err mailbox_charge(struct mailbox *m, size_t n)
{
    struct relay_core *core = m->core;
    if (n > core->mailbox_memory_max || m->memory > core->mailbox_memory_max - n ||
        core->memory > core->memory_max - n) {
        return ERR_LIMIT;
    }
    m->memory += n;
    core->memory += n;
    return OK;
}

void mailbox_refund(struct mailbox *m, size_t n)
{
    m->memory -= n;
    m->core->memory -= n;
}

/* ---- life ------------------------------------------------------------------------ */

struct mailbox *mailbox_find(struct relay_core *core, const uint8_t id[16])
{
    struct map_node *node = map_get(&core->mailboxes, (struct bytes){id, 16});
    return node == NULL ? NULL : CONTAINER_OF(node, struct mailbox, node);
}

enum err mailbox_open(struct relay_core *core, const uint8_t id[16],
                      const uint8_t hr[32], struct mailbox **out)
{
    if (core->mailboxes.count >= RELAY_MAILBOXES_MAX ||
        core->memory + sizeof(struct mailbox) > core->memory_max) {
        return ERR_NOMEM;
    }
    struct mailbox *m = mem_try(1, sizeof(*m));
    if (m == NULL) {
        return ERR_NOMEM;
    }
    m->core = core;
    memcpy(m->id, id, sizeof(m->id));
    memcpy(m->hr, hr, sizeof(m->hr));
    map_init(&m->channels);
    list_init(&m->ready);
    list_init(&m->boxes);
    const enum err e = map_put(&core->mailboxes, BYTES_OF(m->id), &m->node);
    if (e != OK) {
        mem_free(m);
        return e;
    }
    m->memory = sizeof(*m);
    core->memory += m->memory;
    *out = m;
    return OK;
}

void mailbox_release(struct mailbox *m)
{
    if (m->host != NULL || m->channels.count != 0 || m->n_boxes != 0) {
        return;
    }
    list_remove(&m->idle);
    map_remove(&m->core->mailboxes, &m->node);
    map_fini(&m->channels);
    m->core->memory -= m->memory;
    mem_free(m->acl);
    mem_free(m);
}

bool mailbox_is_live(const struct mailbox *m)
{
    return m->host != NULL && m->host->m.state == LEG_HOST;
}

void mailbox_host_gone(struct mailbox *m)
{
    m->host = NULL;
    list_remove(&m->idle);
    list_append(&m->core->idle, &m->idle);
    channel_end_all(m, false, NULL, ENVELOPE_HOST_OFFLINE);
    // Its boxes stay until they expire: a phrase on a screen outlives a short cut.
}

/* ---- the access list ---------------------------------------------------------------- */

struct acl_entry *mailbox_device(struct mailbox *m, struct bytes hash_prefix)
{
    for (size_t i = 0; i < m->n_acl; i++) {
        if (memcmp(m->acl[i].hash, hash_prefix.at, hash_prefix.len) == 0) {
            return &m->acl[i];
        }
    }
    return NULL;
}

static struct acl_entry *find(struct acl_entry *list, size_t n, const uint8_t *hash)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(list[i].hash, hash, HASH_SIZE) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

static void add_once(struct acl_entry *list, size_t *n, const uint8_t *hash,
                     const struct acl_entry *known)
{
    if (find(list, *n, hash) != NULL) {
        return;
    }
    struct acl_entry *entry = &list[(*n)++];
    if (known != NULL) {
        *entry = *known;
    }
    memcpy(entry->hash, hash, HASH_SIZE);
}

/* The list after `a`; what we know of a device's key stays with it. */
static size_t next_list(const struct mailbox *m, const struct envelope_acl *a,
                        struct acl_entry *out)
{
    size_t n = 0;
    for (size_t i = 0; a->op != ENVELOPE_REPLACE && i < m->n_acl; i++) {
        bool removed = false;
        for (size_t k = 0; a->op == ENVELOPE_REMOVE && k < a->n; k++) {
            removed = removed || memcmp(m->acl[i].hash, a->hashes.at + k * HASH_SIZE,
                                        HASH_SIZE) == 0;
        }
        if (!removed) {
            out[n++] = m->acl[i];
        }
    }
    for (size_t k = 0; a->op != ENVELOPE_REMOVE && k < a->n; k++) {
        const uint8_t *hash = a->hashes.at + k * HASH_SIZE;
        add_once(out, &n, hash, find(m->acl, m->n_acl, hash));
    }
    return n;
}

static void set_list(struct mailbox *m, struct acl_entry *list, size_t n)
{
    struct acl_entry *old = m->acl;
    const size_t n_old = m->n_acl;
    m->acl = list;
    m->n_acl = n;
    for (size_t i = 0; i < n_old; i++) {
        if (find(list, n, old[i].hash) == NULL) {
            channel_end_all(m, false, old[i].hash, ENVELOPE_REVOKED);
        }
    }
    mem_free(old);
}

static enum err change_list(struct mailbox *m, const struct envelope_acl *a)
{
    const size_t kept = a->op == ENVELOPE_REPLACE ? 0 : m->n_acl;
    const size_t added = a->op == ENVELOPE_REMOVE ? 0 : a->n;
    if (kept + added > 2 * RELAY_ACL_MAX) { // some of them may be the same
        return ERR_LIMIT;
    }
    struct acl_entry *list = mem_try(kept + added, sizeof(*list));
    if (list == NULL) {
        return ERR_NOMEM;
    }
    const size_t n = next_list(m, a, list);
    enum err e = n > RELAY_ACL_MAX ? ERR_LIMIT : OK;
    if (e == OK && n > m->n_acl) {
        e = mailbox_charge(m, (n - m->n_acl) * sizeof(*list));
    } else if (e == OK) {
        mailbox_refund(m, (m->n_acl - n) * sizeof(*list));
    }
    if (e != OK) {
        mem_free(list);
        return e;
    }
    set_list(m, list, n);
    return OK;
}

void mailbox_acl(struct leg *host, struct bytes body)
{
    struct envelope_acl a;
    struct mailbox *m = host->mailbox;
    if (envelope_acl_parse(body, &a) != OK ||
        (host->m.state == LEG_HOST_NEW && a.op != ENVELOPE_REPLACE)) {
        leg_refuse(host, ENVELOPE_E_MALFORMED, "the first access list must be whole");
        return;
    }
    const enum err e = change_list(m, &a);
    if (e != OK) {
        leg_err(host, e == ERR_LIMIT ? ENVELOPE_E_TOO_MANY : ENVELOPE_E_MEMORY,
                "the access list is too long");
        return;
    }
    if (host->m.state == LEG_HOST_NEW) {
        leg_move(host, LEG_HOST);
        log_info("relay.host", "mailbox=%08x devices=%zu", be32_read(m->id), m->n_acl);
    }
    login_send_ok(host, m->ticket, m->ticket_expires_ms);
}
