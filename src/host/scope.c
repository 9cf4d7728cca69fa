#include "host/scope.h"

#include <string.h>

#include "host/thread.h"

static bool is_thread_id(const json_t *value)
{
    const char *id = json_string_value(value);
    const size_t len = id != NULL ? strlen(id) : 0;
    return len > 0 && len <= THREAD_ID_MAX && len == json_string_length(value) &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                      "-_.:") == len;
}

enum err scope_read(const json_t *threads, char out[HUB_SCOPE_SIZE])
{
    char text[HUB_SCOPE_SIZE] = "";
    size_t used = 0;
    if (threads != NULL && !json_is_null(threads)) {
        if (json_array_size(threads) == 0) {
            return ERR_PROTO; // none would read as all
        }
        for (size_t i = 0; i < json_array_size(threads); i++) {
            const json_t *id = json_array_get(threads, i);
            if (!is_thread_id(id)) {
                return ERR_PROTO;
            }
            const size_t len = json_string_length(id);
            if (used + 1 + len + 1 > sizeof(text)) {
                return ERR_LIMIT;
            }
            if (used > 0) {
                text[used++] = ' ';
            }
            memcpy(text + used, json_string_value(id), len + 1);
            used += len;
        }
    }
    memcpy(out, text, sizeof(text));
    return OK;
}

json_t *scope_json(const char *scope)
{
    if (scope_is_all(scope)) {
        return json_null();
    }
    json_t *out = json_array();
    for (const char *at = scope; *at != '\0';) {
        const size_t len = strcspn(at, " ");
        json_push(out, json_stringn(at, len));
        at += len + (at[len] == ' ' ? 1 : 0);
    }
    return out;
}

bool scope_has(const char *scope, struct bytes thread_id)
{
    if (scope_is_all(scope)) {
        return true;
    }
    for (const char *at = scope; *at != '\0';) {
        const size_t len = strcspn(at, " ");
        if (len > 0 &&
            bytes_equal((struct bytes){(const uint8_t *)at, len}, thread_id)) {
            return true;
        }
        at += len + (at[len] == ' ' ? 1 : 0);
    }
    return false;
}

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What answers with lists of threads: they are filtered. */
static const char *const lists[] = {
    "thread/attachmentOwner/list",
    "thread/list",
    "thread/loaded/list",
};

/* How such a list is paged, and nothing that says which threads are meant: whether others
 * match is theirs to know. */
static const char *const paging[] = {
    "archived", "cursor", "limit", "sortDirection", "sortKey", "threadId", "threadIds",
};

/* What names no thread and tells nothing of one; approvals and who is present look at
 * the scope themselves. */
static const char *const harmless[] = {
    "collaborationMode/list",
    "farhand/approval/decide",
    "farhand/approval/list",
    "farhand/audit/headers",
    "farhand/commands/read",
    "farhand/presence/list",
    "farhand/status",
    "initialize",
    "model/list",
    "remoteControl/status/read",
};

bool scope_lists(const struct method *m)
{
    return is_one_of(m->name, lists, COUNT(lists));
}

static bool is_of_a_thread(const struct method *m)
{
    return m->act != ACT_FORK &&                    // what it makes would be outside
           strcmp(m->name, "thread/search") != 0 && // it asks all of them
           (strncmp(m->name, "thread/", 7) == 0 || strncmp(m->name, "turn/", 5) == 0 ||
            strncmp(m->name, "review/", 7) == 0);
}

/* A member that names a thread names one of the scope, or nothing. */
static bool is_inside(const char *scope, const json_t *params, const char *member)
{
    const json_t *value = json_object_get(params, member);
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && scope_has(scope, json_get_bytes(params, member)));
}

bool scope_allows(const char *scope, const struct method *m, const json_t *params)
{
    if (scope_is_all(scope) || scope_lists(m) ||
        is_one_of(m->name, harmless, COUNT(harmless))) {
        return true;
    }
    return is_of_a_thread(m) && json_get_str(params, "threadId") != NULL &&
           is_inside(scope, params, "threadId") &&
           is_inside(scope, params, "beforeThreadId");
}

/* A row is an id, or a thread, or has one, or names one. */
static struct bytes thread_of_row(const json_t *row)
{
    if (json_is_string(row)) {
        return (struct bytes){(const uint8_t *)json_string_value(row),
                              json_string_length(row)};
    }
    const json_t *thread = json_get_obj(row, "thread");
    if (thread != NULL) {
        return json_get_bytes(thread, "id");
    }
    const struct bytes named = json_get_bytes(row, "threadId");
    return named.at != NULL ? named : json_get_bytes(row, "id");
}

void scope_narrow(const char *scope, const struct method *m, json_t *params)
{
    const char *key;
    json_t *value;
    void *next;
    if (scope_is_all(scope) || !scope_lists(m)) {
        return;
    }
    json_object_foreach_safe(params, next, key, value)
    {
        (void)value;
        if (!is_one_of(key, paging, COUNT(paging))) {
            (void)json_object_del(params, key);
        }
    }
}

bool scope_filter(const struct controller *c, json_t *result)
{
    json_t *data = json_get_arr(result, "data");
    bool changed = false;
    for (size_t i = json_array_size(data); i-- > 0;) {
        const struct bytes id = thread_of_row(json_array_get(data, i));
        const struct thread *t = id.at != NULL ? thread_find(c->hub, id) : NULL;
        if (!controller_may_see(c, id) || (t != NULL && !thread_is_seen_by(t, c))) {
            (void)json_array_remove(data, i);
            changed = true;
        }
    }
    return changed;
}
