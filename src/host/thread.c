#include "host/thread.h"

#include <string.h>

#include "base/mem.h"
#include "host/fence.h"
#include "host/item.h"
#include "host/presence.h"
#include "host/request.h"
#include "host/upcall.h"
#include "wire/delta.h"

/* ---- the table ---------------------------------------------------------------- */

struct thread *thread_find(const struct hub *hub, struct bytes id)
{
    struct map_node *node = map_get(&hub->threads, id);
    return node != NULL ? CONTAINER_OF(node, struct thread, node) : NULL;
}

static bool is_needed(const struct thread *t)
{
    return !list_is_empty(&t->subscriptions) || !list_is_empty(&t->requests) ||
           t->active || t->asking || t->n_joining > 0 ||
           (t->hidden && t->starter != NULL);
}

static void make_room(struct hub *hub)
{
    struct map_node *node = NULL;
    while ((node = map_next(&hub->threads, node)) != NULL) {
        struct thread *t = CONTAINER_OF(node, struct thread, node);
        if (!is_needed(t)) {
            thread_free(t);
            return;
        }
    }
}

struct thread *thread_get(struct hub *hub, struct bytes id)
{
    struct thread *t = thread_find(hub, id);
    if (t != NULL || id.len == 0 || id.len > THREAD_ID_MAX) {
        return t;
    }
    if (hub->threads.count >= HUB_THREADS_MAX) {
        make_room(hub);
    }
    if (hub->threads.count >= HUB_THREADS_MAX) {
        return NULL;
    }
    t = mem_try(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->hub = hub;
    memcpy(t->id, id.at, id.len);
    list_init(&t->subscriptions);
    list_init(&t->items);
    list_init(&t->requests);
    list_init(&t->closed);
    if (map_put(&hub->threads, bytes_from_str(t->id), &t->node) != OK) {
        mem_free(t);
        return NULL;
    }
    return t;
}

static void drop_subscription(struct subscription *s)
{
    list_remove(&s->by_thread);
    list_remove(&s->by_controller);
    mem_free(s);
}

void thread_free(struct thread *t)
{
    while (!list_is_empty(&t->subscriptions)) {
        drop_subscription(
            list_first(&t->subscriptions, struct subscription, by_thread));
    }
    requests_free(t);
    items_free(t);
    items_forget_closed(t);
    map_remove(&t->hub->threads, &t->node);
    mem_free(t->folder);
    mem_free(t);
}

void thread_learn_folder(struct thread *t, const char *path)
{
    if (path == NULL || path[0] != '/') {
        return;
    }
    mem_free(t->folder);
    t->folder = mem_strdup(path);
}

bool thread_is_seen_by(const struct thread *t, const struct controller *c)
{
    return (!t->hidden || t->starter == c) &&
           controller_may_see(c, bytes_from_str(t->id));
}

/* ---- subscriptions ---------------------------------------------------------------- */

struct subscription *thread_subscription(const struct thread *t,
                                         const struct controller *c)
{
    struct subscription *s;
    list_each (s, &t->subscriptions, by_thread) {
        if (s->controller == c) {
            return s;
        }
    }
    return NULL;
}

static size_t count_of(const struct controller *c)
{
    size_t n = 0;
    const struct subscription *s;
    list_each (s, &c->subscriptions, by_controller) {
        n++;
    }
    return n;
}

bool thread_subscribe(struct thread *t, struct controller *c)
{
    if (thread_subscription(t, c) != NULL) {
        return true;
    }
    if (!thread_is_seen_by(t, c) || count_of(c) >= SUBSCRIPTIONS_EACH) {
        return false;
    }
    struct subscription *s = mem_try(1, sizeof(*s));
    if (s == NULL) {
        return false;
    }
    s->thread = t;
    s->controller = c;
    list_append(&t->subscriptions, &s->by_thread);
    list_append(&c->subscriptions, &s->by_controller);
    return true;
}

bool thread_unsubscribe(struct thread *t, struct controller *c)
{
    struct subscription *s = thread_subscription(t, c);
    if (s == NULL) {
        return false;
    }
    drop_subscription(s);
    presence_changed(t);
    return true;
}

/* ---- delivering ------------------------------------------------------------------- */

void thread_deliver(struct thread *t, const struct notice *n, struct bytes text)
{
    struct blob *blob = NULL;
    struct subscription *s;
    list_each (s, &t->subscriptions, by_thread) {
        if (!controller_hears(s->controller, n)) {
            continue;
        }
        if (blob == NULL) {
            blob = blob_copy(text);
        }
        controller_send(s->controller, blob); // NULL closes it: it would miss this
    }
    blob_unref(blob);
}

void thread_deliver_delta(struct thread *t, const struct notice *n, struct bytes text,
                          struct bytes inside)
{
    struct delta at;
    struct blob *blob = NULL;
    bool joins = false;
    const struct subscription *s;
    list_each (s, &t->subscriptions, by_thread) {
        if (!controller_hears(s->controller, n)) {
            continue;
        }
        if (blob == NULL) {
            blob = blob_copy(text);
            joins = delta_find(text, inside, &at);
        }
        if (joins) {
            controller_send_delta(s->controller, blob, &at);
        } else {
            controller_send(s->controller, blob);
        }
    }
    blob_unref(blob);
}

void thread_deliver_json(struct thread *t, const char *method, json_t *params)
{
    struct blob *blob = hub_notification(method, params);
    if (blob != NULL) {
        thread_deliver(t, notice_find(bytes_from_str(method)), blob_bytes(blob));
    }
    blob_unref(blob);
}

/* ---- joining ------------------------------------------------------------------------ */

uint64_t thread_join_begin(struct thread *t)
{
    t->n_joining++;
    return t->closed_serial;
}

void thread_join_end(struct thread *t)
{
    t->n_joining -= t->n_joining > 0 ? 1 : 0;
    if (t->n_joining == 0) {
        items_forget_closed(t);
    }
}

void thread_snapshot(struct thread *t, struct controller *c, uint64_t joined_at)
{
    items_snapshot(t, c, joined_at);
    requests_send(t, c);
}

/* ---- turns --------------------------------------------------------------------------- */

void thread_turn_started(struct thread *t, struct bytes turn)
{
    t->active = true;
    t->partial = false;
    t->turn[0] = '\0';
    if (turn.len <= THREAD_ID_MAX && turn.len > 0) {
        memcpy(t->turn, turn.at, turn.len);
        t->turn[turn.len] = '\0';
    }
}

void thread_turn_completed(struct thread *t, struct bytes turn, bool orderly)
{
    requests_close_turn(t, turn);
    items_close(t, turn, orderly);
    t->partial = false;
    if (bytes_equal_str(turn, t->turn)) {
        t->turn[0] = '\0';
        t->weak_turn = false;
        t->turn_role = ROLE_NONE;
    }
}

/* A turn that began past us stays nobody's, whoever steers it. */
void thread_hears_words(struct thread *t, enum role role)
{
    if (t->turn_role == ROLE_NONE ? !t->active : role < t->turn_role) {
        t->turn_role = role;
    }
}

void thread_set_active(struct thread *t, bool active)
{
    t->active = active;
    if (active && !t->live) {
        thread_listen(t);
    }
    // "idle" comes before turn/completed, which still has readers: leaving waits for
    // whoever goes last
}

void thread_learn_waiting(struct thread *t, struct bytes status)
{
    struct bytes flags;
    if (json_raw_get(status, "activeFlags", &flags) == OK &&
        memmem(flags.at, flags.len, "waitingOn", strlen("waitingOn")) != NULL) {
        return;
    }
    requests_not_asked(t);
}

void thread_put_profile(const struct hub *hub, const char *thread_id, json_t *params)
{
    struct hub_profile profile = {.name = ""};
    struct diag why = {.text = ""};
    if (hub->ops.policy != NULL &&
        hub->ops.policy->profile(hub->user, NULL, NULL, thread_id, &profile, &why) ==
            OK &&
        profile.config != NULL) {
        json_set(params, "config", profile.config);
    }
}

void thread_listen(struct thread *t)
{
    if (t->live || t->asking || t->hidden || !t->hub->ready) {
        return;
    }
    t->asking = true;
    json_t *params = json_object();
    json_set_str(params, "threadId", t->id);
    json_set_bool(params, "excludeTurns", true);
    thread_put_profile(t->hub, t->id, params);
    fence_params(t->hub, t, params);
    upcall_own(t->hub, OWN_RESUME, "thread/resume", params, t->id);
}

void thread_maybe_leave(struct thread *t)
{
    if (!list_is_empty(&t->subscriptions) || t->active || t->n_joining > 0 ||
        !list_is_empty(&t->requests)) {
        return;
    }
    if (t->live) {
        t->live = false;
        json_t *params = json_object();
        json_set_str(params, "threadId", t->id);
        upcall_own(t->hub, OWN_LEAVE, "thread/unsubscribe", params, t->id);
    }
}

/* ---- death and departure -------------------------------------------------------------- */

static json_t *about_death(const struct thread *t)
{
    json_t *params = json_object();
    json_set_str(params, "threadId", t->id);
    json_set(params, "farhand", json_pack("{s:s}", "reason", "the agent has ended"));
    return params;
}

static void tell_interrupted(struct thread *t)
{
    json_t *params = about_death(t);
    json_t *turn = json_object();
    json_set_str(turn, "id", t->turn);
    json_set(turn, "items", json_array());
    json_set_str(turn, "itemsView", "notLoaded");
    json_set_str(turn, "status", "interrupted");
    json_set(turn, "error", json_null());
    json_set(params, "turn", turn);
    thread_deliver_json(t, "turn/completed", params);
}

void thread_agent_died(struct thread *t)
{
    requests_withdraw(t);
    items_close(t, BYTES_NONE, false);
    if (t->turn[0] != '\0') {
        tell_interrupted(t);
    }
    if (!list_is_empty(&t->subscriptions)) {
        json_t *params = about_death(t);
        json_set(params, "status", json_pack("{s:s}", "type", "notLoaded"));
        thread_deliver_json(t, "thread/status/changed", params);
    }
    t->live = false;
    t->asking = false;
    t->active = false;
    t->policy_is_fine = false;
    t->sandbox_is_fine = false;
    t->weak_turn = false;
    t->turn_role = ROLE_NONE;
    t->turn[0] = '\0';
    if (list_is_empty(&t->subscriptions) || t->hidden) {
        thread_free(t);
    }
}

void threads_forget(struct controller *c)
{
    struct map_node *node = map_next(&c->hub->threads, NULL);
    while (node != NULL) {
        struct thread *t = CONTAINER_OF(node, struct thread, node);
        node = map_next(&c->hub->threads, node);
        t->registrar = t->registrar == c ? NULL : t->registrar;
        t->replay_to = t->replay_to == c ? NULL : t->replay_to;
        const bool was = thread_unsubscribe(t, c);
        if (t->starter == c) {
            t->starter = NULL;
        }
        if (was) {
            thread_maybe_leave(t);
        }
    }
}
