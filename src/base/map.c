#include "base/map.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"

#define MAP_FIRST 16

static uint64_t sip_key[2];

static uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static void key_once(void)
{
    if (sip_key[0] == 0 && getrandom(sip_key, sizeof(sip_key), 0) < 0) {
        abort();
    }
}

uint64_t map_hash(struct bytes key)
{
    key_once();
    uint64_t v[4] = {sip_key[0] ^ 0x736f6d6570736575U, sip_key[1] ^ 0x646f72616e646f6dU,
                     sip_key[0] ^ 0x6c7967656e657261U,
                     sip_key[1] ^ 0x7465646279746573U};
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) {
        sip_word(v, be64_read(key.at + i));
    }
    uint64_t last = (uint64_t)key.len << 56;
    for (unsigned shift = 0; i < key.len; i++, shift += 8) {
        last |= (uint64_t)key.at[i] << shift;
    }
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int n = 0; n < 4; n++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
    *m = (struct map){.n_buckets = 0};
}

void map_fini(struct map *m)
{
    mem_free(m->buckets);
    map_init(m);
}

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
    return &m->buckets[hash & (m->n_buckets - 1)];
}

static enum err rehash(struct map *m)
{
    struct map bigger = {.n_buckets = m->n_buckets == 0 ? MAP_FIRST : m->n_buckets * 2};
    bigger.buckets = mem_try(bigger.n_buckets, sizeof(struct map_node *));
    if (bigger.buckets == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < m->n_buckets; i++) {
        struct map_node *node = m->buckets[i];
        while (node != NULL) {
            struct map_node *next = node->next;
            struct map_node **to = bucket_of(&bigger, node->hash);
            node->next = *to;
            *to = node;
            node = next;
        }
    }
    mem_free(m->buckets);
    m->buckets = bigger.buckets;
    m->n_buckets = bigger.n_buckets;
    return OK;
}

enum err map_put(struct map *m, struct bytes key, struct map_node *node)
{
    if (map_get(m, key) != NULL) {
        return ERR_EXISTS;
    }
    if (m->count >= m->n_buckets) {
        const enum err e = rehash(m);
        if (e != OK) {
            return e;
        }
    }
    node->key = key;
    node->hash = map_hash(key);
    struct map_node **to = bucket_of(m, node->hash);
    node->next = *to;
    *to = node;
    m->count++;
    return OK;
}

struct map_node *map_get(const struct map *m, struct bytes key)
{
    if (m->count == 0) {
        return NULL;
    }
    const uint64_t hash = map_hash(key);
    struct map_node *node = *bucket_of(m, hash);
    while (node != NULL && (node->hash != hash || !bytes_equal(node->key, key))) {
        node = node->next;
    }
    return node;
}

void map_remove(struct map *m, struct map_node *node)
{
    struct map_node **at = bucket_of(m, node->hash);
    while (*at != node) {
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    m->count--;
}

struct map_node *map_next(const struct map *m, const struct map_node *node)
{
    size_t i = 0;
    if (node != NULL) {
        if (node->next != NULL) {
            return node->next;
        }
        i = (node->hash & (m->n_buckets - 1)) + 1;
    }
    for (; i < m->n_buckets; i++) {
        if (m->buckets[i] != NULL) {
            return m->buckets[i];
        }
    }
    return NULL;
}
