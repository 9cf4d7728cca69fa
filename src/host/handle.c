#include "host/handle.h"

#include <string.h>

#include "base/mem.h"
#include "host/upcall.h"

static const struct {
    const char *prefix; // of the methods
    const char *field;  // that carries the name
    const char *kill;   // the method that ends it
} kinds[] = {
    [HANDLE_EXEC] = {"command/exec", "processId", "command/exec/terminate"},
    [HANDLE_PROCESS] = {"process/", "processHandle", "process/kill"},
    [HANDLE_WATCH] = {"fs/", "watchId", "fs/unwatch"},
    [HANDLE_SEARCH] = {"fuzzyFileSearch/", "sessionId", "fuzzyFileSearch/sessionStop"},
};

static enum handle_kind kind_of(const struct method *m)
{
    unsigned kind = 0;
    while (strncmp(m->name, kinds[kind].prefix, strlen(kinds[kind].prefix)) != 0) {
        kind++; // the method table gives ACT_HANDLE_* to these four alone
    }
    return (enum handle_kind)kind;
}

static struct handle *find_own(struct controller *c, enum handle_kind kind,
                               const char *own)
{
    struct handle *h;
    list_each (h, &c->handles, node) {
        if (h->kind == kind && strcmp(h->own, own) == 0) {
            return h;
        }
    }
    return NULL;
}

static enum err handle_open(struct controller *c, enum handle_kind kind,
                            const char *own, struct handle **out)
{
    struct hub *hub = c->hub;
    if (find_own(c, kind, own) != NULL) {
        return ERR_EXISTS;
    }
    if (c->n_handles >= HANDLES_EACH || strlen(own) >= HANDLE_OWN_MAX) {
        return ERR_LIMIT;
    }
    struct handle *h = mem_try(1, sizeof(*h));
    if (h == NULL) {
        return ERR_NOMEM;
    }
    h->owner = c;
    h->kind = kind;
    memcpy(h->own, own, strlen(own) + 1);
    enum err e = text_format(h->name, sizeof(h->name), "fh%llu",
                             (unsigned long long)++hub->handle_serial);
    if (e == OK) {
        e = map_put(&hub->handles, bytes_from_str(h->name), &h->wire);
    }
    if (e != OK) {
        mem_free(h);
        return e;
    }
    list_append(&c->handles, &h->node);
    c->n_handles++;
    *out = h;
    return OK;
}

enum err handle_rewrite(struct controller *c, const struct method *m, json_t *params,
                        struct handle **out)
{
    const enum handle_kind kind = kind_of(m);
    const json_t *given = json_object_get(params, kinds[kind].field);
    struct handle *h = NULL;
    if (given == NULL || json_is_null(given)) {
        *out = NULL;
        return m->act == ACT_HANDLE_OPEN && kind == HANDLE_EXEC ? OK : ERR_USAGE;
    }
    if (!json_is_string(given)) {
        return ERR_USAGE;
    }
    const char *own = json_string_value(given);
    enum err e = OK;
    if (m->act == ACT_HANDLE_OPEN) {
        e = handle_open(c, kind, own, &h);
    } else {
        h = find_own(c, kind, own);
        e = h != NULL ? OK : ERR_NOT_FOUND;
    }
    if (e == OK) {
        json_set_str(params, kinds[kind].field, h->name);
        *out = h;
    }
    return e;
}

void handle_end(struct handle *h)
{
    if (h == NULL) {
        return;
    }
    map_remove(&h->owner->hub->handles, &h->wire);
    list_remove(&h->node);
    h->owner->n_handles--;
    mem_free(h);
}

struct handle *handle_find(const struct hub *hub, struct bytes wire)
{
    struct map_node *node = map_get(&hub->handles, wire);
    return node != NULL ? CONTAINER_OF(node, struct handle, wire) : NULL;
}

void handles_kill(struct controller *c)
{
    while (!list_is_empty(&c->handles)) {
        struct handle *h = list_first(&c->handles, struct handle, node);
        json_t *params = json_object();
        json_set_str(params, kinds[h->kind].field, h->name);
        upcall_own(c->hub, OWN_KILL, kinds[h->kind].kill, params, NULL);
        handle_end(h);
    }
}

void handles_forget_all(struct hub *hub)
{
    struct map_node *node = map_next(&hub->handles, NULL);
    while (node != NULL) {
        struct handle *h = CONTAINER_OF(node, struct handle, wire);
        node = map_next(&hub->handles, node);
        handle_end(h);
    }
}

static struct blob *with_own_name(const struct handle *h, struct bytes text,
                                  struct bytes wire)
{
    struct buf out;
    struct blob *blob = NULL;
    const size_t before = (size_t)(wire.at - text.at);
    buf_init(&out, text.len + 6 * HANDLE_OWN_MAX + 2);
    if (buf_put(&out, bytes_sub(text, 0, before)) == OK &&
        json_put_string(&out, bytes_from_str(h->own)) == OK &&
        buf_put(&out, bytes_sub(text, before + wire.len, text.len)) == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    buf_fini(&out);
    return blob;
}

void handle_deliver(struct hub *hub, const struct notice *n, const struct jsonrpc *rpc,
                    struct bytes text)
{
    struct bytes raw = BYTES_NONE;
    struct bytes name;
    if (json_raw_get(rpc->params, n->key, &raw) != OK ||
        json_raw_plain(raw, &name) != OK) {
        hub->n_unknown++;
        return;
    }
    struct handle *h = handle_find(hub, name);
    if (h == NULL) {
        hub->n_unknown++; // its owner has left
        return;
    }
    if (controller_hears(h->owner, n)) {
        struct blob *blob = with_own_name(h, text, raw);
        controller_send(h->owner, blob);
        blob_unref(blob);
    }
    if (n->hook == HOOK_EXITED) {
        handle_end(h);
    }
}
