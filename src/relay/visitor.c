#include "relay/visitor.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "relay/limit.h"

static const struct {
    unsigned a_minute;
    bool loopback_too;
} rates[VISITOR_RATES] = {
    [VISITOR_UPGRADE] = {RELAY_ADDR_UPGRADES, false},
    [VISITOR_REFUSAL] = {RELAY_ADDR_REFUSALS, false},
    [VISITOR_CLAIM] = {RELAY_ADDR_CLAIMS, true},
};

/* False: no address; the key stays zero. */
static bool read_key(const char *plain, uint8_t key[16])
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, plain, &v4) == 1) {
        key[10] = 0xff;
        key[11] = 0xff;
        memcpy(key + 12, &v4, 4);
        return true;
    }
    if (inet_pton(AF_INET6, plain, &v6) == 1) {
        memcpy(key, &v6, IN6_IS_ADDR_V4MAPPED(&v6) ? 16 : 8);
        return true;
    }
    return false;
}

void visitor_addr_parse(const char *text, bool loopback, struct visitor_addr *out)
{
    char plain[INET6_ADDRSTRLEN] = "";
    memset(out, 0, sizeof(*out));
    out->loopback = loopback;
    memcpy(plain, text, strnlen(text, sizeof(plain) - 1));
    plain[strcspn(plain, "%")] = '\0';
    (void)read_key(plain, out->key);
}

enum err visitor_forwarded(struct bytes header, struct visitor_addr *out)
{
    char plain[INET6_ADDRSTRLEN] = "";
    struct visitor_addr addr = {.loopback = false};
    size_t from = header.len;
    while (from != 0 && header.at[from - 1] != ',') {
        from--;
    }
    while (from < header.len && header.at[from] == ' ') {
        from++;
    }
    const size_t len = header.len - from;
    if (len == 0 || len >= sizeof(plain)) {
        return ERR_PROTO;
    }
    memcpy(plain, header.at + from, len);
    if (strlen(plain) != len || !read_key(plain, addr.key)) {
        return ERR_PROTO;
    }
    *out = addr;
    return OK;
}

void visitors_init(struct visitors *all)
{
    map_init(&all->map);
    list_init(&all->age);
}

static void forget(struct visitors *all, struct visitor *v)
{
    map_remove(&all->map, &v->node);
    list_remove(&v->age);
    mem_free(v);
}

void visitors_fini(struct visitors *all)
{
    while (all->age.next != NULL && !list_is_empty(&all->age)) {
        forget(all, list_first(&all->age, struct visitor, age));
    }
    map_fini(&all->map);
}

static bool is_idle(const struct visitor *v, uint64_t now_ms)
{
    for (unsigned i = 0; i < VISITOR_RATES; i++) {
        if (v->unused_at_ms[i] > now_ms) {
            return false;
        }
    }
    return v->n_legs == 0;
}

/* Each newcomer sweeps two old entries, so the table never needs a timer. A busy
 * entry goes to the end of the line, or one of them would hide all behind it. */
static void sweep(struct visitors *all, uint64_t now_ms)
{
    for (int n = 0; n < 2 && !list_is_empty(&all->age); n++) {
        struct visitor *oldest = list_first(&all->age, struct visitor, age);
        if (is_idle(oldest, now_ms)) {
            forget(all, oldest);
        } else {
            list_remove(&oldest->age);
            list_append(&all->age, &oldest->age);
        }
    }
}

enum err visitors_find(struct visitors *all, const struct visitor_addr *addr,
                       uint64_t now_ms, struct visitor **out)
{
    struct map_node *node = map_get(&all->map, BYTES_OF(addr->key));
    if (node != NULL) {
        *out = CONTAINER_OF(node, struct visitor, node);
        return OK;
    }
    sweep(all, now_ms);
    if (all->map.count >= RELAY_ADDRS_MAX) {
        return ERR_NOMEM;
    }
    struct visitor *v = mem_try(1, sizeof(*v));
    if (v == NULL) {
        return ERR_NOMEM;
    }
    v->addr = *addr;
    const enum err e = map_put(&all->map, BYTES_OF(v->addr.key), &v->node);
    if (e != OK) {
        mem_free(v);
        return e;
    }
    list_append(&all->age, &v->age);
    *out = v;
    return OK;
}

/* The rate as one number (GCRA): each use moves "unused again" by its share of the
 * minute; more than a minute ahead is too much. */
static uint64_t after_use(const struct visitor *v, enum visitor_rate rate,
                          uint64_t now_ms)
{
    const uint64_t from =
        v->unused_at_ms[rate] > now_ms ? v->unused_at_ms[rate] : now_ms;
    return from + RELAY_RATE_MS / rates[rate].a_minute;
}

bool visitor_may(const struct visitor *v, enum visitor_rate rate, uint64_t now_ms)
{
    if (v->addr.loopback && !rates[rate].loopback_too) {
        return true;
    }
    return after_use(v, rate, now_ms) <= now_ms + RELAY_RATE_MS;
}

enum err visitor_use(struct visitor *v, enum visitor_rate rate, uint64_t now_ms)
{
    if (!visitor_may(v, rate, now_ms)) {
        return ERR_LIMIT;
    }
    visitor_note(v, rate, now_ms);
    return OK;
}

void visitor_note(struct visitor *v, enum visitor_rate rate, uint64_t now_ms)
{
    const uint64_t most = now_ms + 2 * (uint64_t)RELAY_RATE_MS; // a ban ends
    const uint64_t next = after_use(v, rate, now_ms);
    v->unused_at_ms[rate] = next < most ? next : most;
}
