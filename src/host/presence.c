#include "host/presence.h"

#include <string.h>

/* ---- one party, however many connections it has ----------------------------------- */

static bool is_same(const struct controller_info *a, const struct controller_info *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == CONTROLLER_DEVICE) {
        return memcmp(a->device_id, b->device_id, sizeof(a->device_id)) == 0;
    }
    return a->pid == b->pid && strcmp(a->name, b->name) == 0;
}

static bool is_first(const struct thread *t, const struct subscription *of)
{
    const struct subscription *s;
    list_each (s, &t->subscriptions, by_thread) {
        if (s == of) {
            return true;
        }
        if (controller_is_live(s->controller) &&
            is_same(&s->controller->info, &of->controller->info)) {
            return false;
        }
    }
    return true;
}

static json_t *party(const struct controller_info *info)
{
    json_t *row = controller_who(info);
    json_set_str(row, "role", role_name(info->role));
    return row;
}

static json_t *row_of(const struct thread *t, bool *shared)
{
    const struct subscription *s;
    json_t *present = json_array();
    list_each (s, &t->subscriptions, by_thread) {
        if (controller_is_live(s->controller) && is_first(t, s)) {
            json_push(present, party(&s->controller->info));
        }
    }
    *shared = json_array_size(present) > 1;
    return json_pack("{s:s, s:o}", "threadId", t->id, "present", present);
}

/* ---- telling ----------------------------------------------------------------------- */

void presence_changed(struct thread *t)
{
    if (t->hidden || (list_is_empty(&t->subscriptions) && !t->was_shared)) {
        return;
    }
    bool shared = false;
    json_t *row = row_of(t, &shared);
    if (shared || t->was_shared) {
        t->was_shared = shared;
        thread_deliver_json(t, "farhand/presence/changed", row);
    } else {
        json_decref(row);
    }
}

json_t *presence_list(const struct controller *c, struct bytes thread_id)
{
    json_t *data = json_array();
    struct map_node *node = NULL;
    bool shared = false;
    while ((node = map_next(&c->hub->threads, node)) != NULL) {
        const struct thread *t = CONTAINER_OF(node, struct thread, node);
        const bool named = thread_id.at == NULL || bytes_equal_str(thread_id, t->id);
        if (named && thread_is_seen_by(t, c) && !list_is_empty(&t->subscriptions)) {
            json_push(data, row_of(t, &shared));
        }
    }
    return json_pack("{s:o}", "data", data);
}
