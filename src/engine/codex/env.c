#include "engine/codex/env.h"

#include <string.h>

static const char *const left_out[] = {"FARHAND_*", "REMODEX_*", "PWD",
                                       "OLDPWD",    "SHLVL",     "_"};

void env_init(struct env *v)
{
    buf_init(&v->octets, ENV_OCTETS_MAX);
    v->n = 0;
}

void env_fini(struct env *v)
{
    buf_wipe(&v->octets); // a user's environment often holds keys
}

/* Is `entry` ("K=V") of that key? A key that ends in '*' is a prefix. */
static bool is_key(const char *entry, const char *key)
{
    const size_t n = strlen(key);
    if (n > 0 && key[n - 1] == '*') {
        return strncmp(entry, key, n - 1) == 0;
    }
    return strncmp(entry, key, n) == 0 && entry[n] == '=';
}

static bool is_left_out(const char *entry)
{
    for (size_t i = 0; i < COUNT(left_out); i++) {
        if (is_key(entry, left_out[i])) {
            return true;
        }
    }
    return false;
}

static enum err put_entry(struct env *v, const char *entry)
{
    if (strchr(entry, '=') == NULL || entry[0] == '=') {
        return ERR_PROTO;
    }
    if (is_left_out(entry)) {
        return OK;
    }
    if (v->n == ENV_ENTRIES_MAX) {
        return ERR_LIMIT;
    }
    const enum err e =
        buf_put(&v->octets, (struct bytes){(const uint8_t *)entry, strlen(entry) + 1});
    v->n += e == OK;
    return e;
}

enum err env_read(struct env *v, struct bytes nul_separated)
{
    buf_clear(&v->octets);
    v->n = 0;
    struct bytes rest = nul_separated;
    if (rest.len == 0 || rest.at[rest.len - 1] != '\0') {
        return ERR_PROTO;
    }
    while (rest.len > 0) {
        const char *entry = (const char *)rest.at;
        const enum err e = put_entry(v, entry);
        if (e != OK) {
            return e;
        }
        rest = bytes_sub(rest, strlen(entry) + 1, rest.len);
    }
    return OK;
}

enum err env_read_list(struct env *v, const char *const *list)
{
    buf_clear(&v->octets);
    v->n = 0;
    for (; *list != NULL; list++) {
        const enum err e = strchr(*list, '=') == NULL ? OK : put_entry(v, *list);
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

const char *const *env_list(struct env *v)
{
    const char *at = (const char *)buf_bytes(&v->octets).at;
    for (size_t i = 0; i < v->n; i++) {
        v->list[i] = at;
        at += strlen(at) + 1;
    }
    v->list[v->n] = NULL;
    return v->list;
}

const char *env_get(struct env *v, const char *key)
{
    for (const char *const *entry = env_list(v); *entry != NULL; entry++) {
        if (is_key(*entry, key)) {
            return *entry + strlen(key) + 1;
        }
    }
    return NULL;
}

void env_unset(struct env *v, const char *key)
{
    struct env kept;
    env_init(&kept);
    for (const char *const *entry = env_list(v); *entry != NULL; entry++) {
        if (!is_key(*entry, key) && put_entry(&kept, *entry) != OK) {
            break; // cannot be: less than what was there fits
        }
    }
    buf_wipe(&v->octets);
    v->octets = kept.octets;
    v->n = kept.n;
}

enum err env_set(struct env *v, const char *key, const char *value)
{
    env_unset(v, key);
    if (v->n == ENV_ENTRIES_MAX) {
        return ERR_LIMIT;
    }
    const size_t before = buf_len(&v->octets);
    enum err e = buf_putf(&v->octets, "%s=%s", key, value);
    if (e == OK) {
        e = buf_put_u8(&v->octets, '\0');
    }
    if (e != OK) {
        buf_truncate(&v->octets, before);
        return e;
    }
    v->n++;
    return OK;
}

static bool path_has(const char *path, const char *dir, size_t len)
{
    while (*path != '\0') {
        const size_t n = strcspn(path, ":");
        if (n == len && memcmp(path, dir, n) == 0) {
            return true;
        }
        path += n + (path[n] == ':' ? 1 : 0);
    }
    return len == 0; // an empty one would mean "here": it is left out
}

enum err env_extend_path(struct env *v, const char *more)
{
    const char *path = env_get(v, "PATH");
    const char *whole = NULL;
    struct buf out;
    buf_init(&out, ENV_OCTETS_MAX);
    enum err e = buf_put_str(&out, path != NULL ? path : "");
    while (e == OK && *more != '\0') {
        const size_t n = strcspn(more, ":");
        e = buf_cstr(&out, &whole);
        if (e == OK && !path_has(whole, more, n)) {
            e = buf_putf(&out, "%s%.*s", whole[0] != '\0' ? ":" : "", (int)n, more);
        }
        more += n + (more[n] == ':' ? 1 : 0);
    }
    if (e == OK) {
        e = buf_cstr(&out, &whole);
    }
    if (e == OK) {
        e = env_set(v, "PATH", whole);
    }
    buf_fini(&out);
    return e;
}
