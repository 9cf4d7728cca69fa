#include "host/hub_core.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/random.h"
#include "host/command.h"
#include "host/controller.h"
#include "host/handle.h"
#include "host/recover.h"
#include "host/request.h"
#include "host/thread.h"
#include "host/upcall.h"

#define WS_CLOSE_POLICY  1008
#define NOTIFICATION_MAX (16u * 1024 * 1024)
#define FOLDERS_PAGE     50

/* ---- life ---------------------------------------------------------------------- */

struct hub *hub_create(const struct hub_options *options, const struct hub_ops *ops,
                       void *user)
{
    struct hub *hub = mem_new(sizeof(*hub));
    hub->ops = *ops;
    hub->user = user;
    hub->codex_home = mem_strdup(options->codex_home);
    hub->cwd = mem_strdup(options->cwd);
    hub->host_name = mem_strdup(options->host_name);
    hub->engine.state = ENGINE_STARTING;
    list_init(&hub->controllers);
    list_init(&hub->daemon_calls);
    list_init(&hub->waiting);
    list_init(&hub->recovering);
    map_init(&hub->threads);
    map_init(&hub->requests);
    map_init(&hub->handles);
    folders_init(&hub->folders, options->cwd);
    return hub;
}

static void daemon_call_free(struct daemon_call *d)
{
    list_remove(&d->node);
    json_decref(d->call.params);
    mem_free(d->id);
    mem_free(d);
}

static void forget_warnings(struct hub *hub)
{
    while (hub->n_warnings > 0) {
        blob_unref(hub->warnings[--hub->n_warnings]);
    }
}

void hub_destroy(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    hub->ready = false;
    hub->ops.moved = NULL; // what is open stays so: the next host looks into it
    upcalls_fail_all(hub, "the host is stopping");
    recover_forget_all(hub);
    while (!list_is_empty(&hub->daemon_calls)) {
        daemon_call_free(list_first(&hub->daemon_calls, struct daemon_call, node));
    }
    struct map_node *node = map_next(&hub->threads, NULL);
    while (node != NULL) {
        struct thread *t = CONTAINER_OF(node, struct thread, node);
        node = map_next(&hub->threads, node);
        thread_free(t);
    }
    forget_warnings(hub);
    json_decref(hub->remote_status);
    folders_fini(&hub->folders);
    map_fini(&hub->threads);
    map_fini(&hub->requests);
    map_fini(&hub->handles);
    mem_free(hub->codex_home);
    mem_free(hub->cwd);
    mem_free(hub->host_name);
    mem_free(hub);
}

void hub_enter(struct hub *hub, uint64_t now_ms)
{
    hub->depth++;
    hub->now_ms = now_ms;
}

static void bury_one(struct hub *hub)
{
    struct controller *c;
    list_each (c, &hub->controllers, node) {
        if (c->dead) {
            hub->n_dead--;
            controller_bury(c);
            return;
        }
    }
}

/* Only ever sooner: a timer that fires for nothing costs less than arming one for
 * every call. */
static void ask_for_tick(struct hub *hub)
{
    const uint64_t at = hub_deadline(hub);
    hub->calls_changed = false;
    if (at != 0 && (hub->armed_ms == 0 || at < hub->armed_ms)) {
        hub->armed_ms = at;
        hub->ops.wake(hub->user, at);
    }
}

void hub_leave(struct hub *hub)
{
    while (hub->depth == 1 && hub->n_dead > 0) {
        bury_one(hub);
    }
    if (hub->depth == 1 && hub->calls_changed && hub->ops.wake != NULL) {
        ask_for_tick(hub);
    }
    hub->depth--;
}

/* ---- the outside world, as given --------------------------------------------------- */

uint64_t hub_wall_ms(struct hub *hub)
{
    return hub->ops.wall_ms != NULL ? hub->ops.wall_ms(hub->user) : clock_wall_ms();
}

void hub_random(struct hub *hub, uint8_t *out, size_t len)
{
    if (hub->ops.random != NULL) {
        hub->ops.random(hub->user, out, len);
    } else {
        random_bytes(out, len);
    }
}

void hub_event(struct hub *hub, const struct hub_event *event)
{
    if (hub->ops.event != NULL) {
        hub->ops.event(hub->user, event);
    }
}

struct blob *hub_json_blob(json_t *value)
{
    struct buf out;
    struct blob *blob = NULL;
    buf_init(&out, NOTIFICATION_MAX);
    if (value != NULL && json_print(value, &out) == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    buf_fini(&out);
    json_decref(value);
    return blob;
}

struct blob *hub_notification(const char *method, json_t *params)
{
    return hub_json_blob(json_pack("{s:s, s:o}", "method", method, "params", params));
}

/* ---- the agent's life ------------------------------------------------------------------ */

/* What was loaded is listened to again: it may be working, or asking. */
static void begin_again(struct hub *hub)
{
    struct map_node *node = NULL;
    json_t *page = json_object();
    upcall_own(hub, OWN_LOADED, "thread/loaded/list", json_object(), NULL);
    json_set_int(page, "limit", FOLDERS_PAGE);
    json_set_bool(page, "useStateDbOnly", true);
    upcall_own(hub, OWN_FOLDERS, "thread/list", page, NULL);
    if (hub->ops.requirements != NULL) {
        upcall_own(hub, OWN_REQUIREMENTS, "configRequirements/read", json_object(),
                   NULL);
    }
    while ((node = map_next(&hub->threads, node)) != NULL) {
        struct thread *t = CONTAINER_OF(node, struct thread, node);
        if (!list_is_empty(&t->subscriptions) || !list_is_empty(&t->requests)) {
            thread_listen(t);
        }
    }
}

static void lose_agent(struct hub *hub, const char *why)
{
    upcalls_fail_all(hub, why);
    handles_forget_all(hub);
    forget_warnings(hub);
    struct map_node *node = map_next(&hub->threads, NULL);
    while (node != NULL) {
        struct thread *t = CONTAINER_OF(node, struct thread, node);
        node = map_next(&hub->threads, node);
        thread_agent_died(t);
    }
}

void hub_engine_state(struct hub *hub, const struct engine_status *status,
                      uint64_t now_ms)
{
    const bool was = hub->ready;
    hub_enter(hub, now_ms);
    hub->engine = *status;
    hub->ready = status->state == ENGINE_READY;
    if (was && !hub->ready) {
        lose_agent(hub, "the agent is down");
    } else if (!hub->ready && status->state != ENGINE_STARTING) {
        upcalls_fail_all(hub, status->state == ENGINE_LOGIN_REQUIRED
                                  ? "the agent needs a login"
                                  : "the agent is down");
    } else if (!was && hub->ready) {
        requests_withdraw_foreign(hub);
        begin_again(hub);
        recover_begin(hub);
        upcalls_pump(hub);
    }
    hub_leave(hub);
}

/* ---- the live table ----------------------------------------------------------------------- */

static bool is_device(const struct controller *c, const uint8_t *device_id)
{
    return c->info.kind == CONTROLLER_DEVICE &&
           bytes_equal(BYTES_OF(c->info.device_id),
                       (struct bytes){device_id, HUB_DEVICE_ID_SIZE});
}

static void send_pending(struct controller *c)
{
    struct subscription *s;
    list_each (s, &c->subscriptions, by_controller) {
        requests_send(s->thread, c);
    }
}

void hub_rights_changed(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                        enum role role, uint64_t caps, const char *name)
{
    struct controller *c;
    hub_enter(hub, hub->now_ms);
    if (role < ROLE_OPERATOR) {
        recover_hold_back(hub, device_id);
    }
    list_each (c, &hub->controllers, node) {
        if (!is_device(c, device_id)) {
            continue;
        }
        const bool could = c->info.role >= ROLE_APPROVER;
        const bool loses = role < c->info.role || (c->info.caps & ~caps) != 0;
        c->info.role = role;
        c->info.caps = caps;
        if (name != NULL) {
            text_sanitize(bytes_from_str(name), c->info.name, sizeof(c->info.name));
        }
        if (loses) { // what waits was asked with rights that are gone
            upcalls_drop_waiting(c);
            handles_kill(c);
        }
        if (!could && role >= ROLE_APPROVER) {
            send_pending(c);
        }
    }
    if (role < ROLE_APPROVER) {
        requests_void(hub, device_id, NULL);
    }
    hub_leave(hub);
}

static void drop_unseen(struct controller *c)
{
    struct subscription *s;
    struct subscription *tmp;
    list_each_safe (s, tmp, &c->subscriptions, by_controller) {
        struct thread *t = s->thread;
        if (!thread_is_seen_by(t, c) && thread_unsubscribe(t, c)) {
            thread_maybe_leave(t);
        }
    }
}

void hub_scope_changed(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                       const char *scope)
{
    struct controller *c;
    hub_enter(hub, hub->now_ms);
    recover_hold_back(hub, device_id);
    list_each (c, &hub->controllers, node) {
        if (!is_device(c, device_id) || strcmp(c->info.scope, scope) == 0) {
            continue;
        }
        text_sanitize(bytes_from_str(scope), c->info.scope, sizeof(c->info.scope));
        upcalls_drop_waiting(c); // it was asked under another grant
        handles_kill(c);
        drop_unseen(c);
    }
    requests_void(hub, device_id, scope);
    hub_leave(hub);
}

void hub_person_changed(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
                        const char *person, uint64_t until_ms)
{
    struct controller *c;
    list_each (c, &hub->controllers, node) {
        if (is_device(c, device_id)) {
            text_sanitize(bytes_from_str(person), c->info.person,
                          sizeof(c->info.person));
            c->info.until_ms = until_ms;
        }
    }
}

void hub_end(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE],
             const char *why)
{
    struct controller *c;
    struct controller *tmp;
    hub_enter(hub, hub->now_ms);
    recover_hold_back(hub, device_id);
    list_each_safe (c, tmp, &hub->controllers, node) {
        if (!is_device(c, device_id)) {
            continue;
        }
        upcalls_drop_waiting(c);
        if (c->initialized) {
            struct blob *text =
                hub_notification("farhand/ended", json_pack("{s:s}", "reason", why));
            controller_send(c, text);
            blob_unref(text);
        }
        c->info.role = ROLE_NONE;
        c->info.caps = 0;
        controller_close(c, WS_CLOSE_POLICY, why);
    }
    hub_leave(hub);
}

void hub_revoke(struct hub *hub, const uint8_t device_id[HUB_DEVICE_ID_SIZE])
{
    struct controller *c;
    hub_enter(hub, hub->now_ms);
    recover_hold_back(hub, device_id);
    list_each (c, &hub->controllers, node) {
        if (is_device(c, device_id)) {
            c->info.role = ROLE_NONE;
            c->info.caps = 0;
        }
    }
    requests_void(hub, device_id, NULL);
    struct controller *tmp;
    list_each_safe (c, tmp, &hub->controllers, node) {
        if (is_device(c, device_id)) {
            upcalls_drop_waiting(c);
            controller_close(c, WS_CLOSE_POLICY, "revoked");
        }
    }
    hub_leave(hub);
}

unsigned hub_count(const struct hub *hub)
{
    unsigned n = 0;
    const struct controller *c;
    list_each (c, &hub->controllers, node) {
        n += controller_has(c, ROLE_VIEWER) ? 1 : 0;
    }
    return n;
}

/* ---- calls that the daemon answers -------------------------------------------------------- */

void hub_reply(struct call *call, json_t *result)
{
    struct daemon_call *d = CONTAINER_OF(call, struct daemon_call, call);
    struct hub *hub = d->hub;
    hub_enter(hub, hub->now_ms);
    command_moved(hub, &d->key, HUB_COMMAND_ANSWERED, 0);
    if (call->by != NULL) {
        controller_result(call->by, bytes_from_str(d->id), result);
    } else {
        json_decref(result);
    }
    daemon_call_free(d);
    hub_leave(hub);
}

void hub_reply_error(struct call *call, int code, const char *message, json_t *data)
{
    struct daemon_call *d = CONTAINER_OF(call, struct daemon_call, call);
    struct hub *hub = d->hub;
    struct buf text;
    struct buf out;
    hub_enter(hub, hub->now_ms);
    command_moved(hub, &d->key, HUB_COMMAND_ANSWERED, code);
    buf_init(&text, NOTIFICATION_MAX);
    buf_init(&out, NOTIFICATION_MAX);
    struct blob *blob = NULL;
    if ((data == NULL || json_print(data, &text) == OK) &&
        jsonrpc_put_error(&out, bytes_from_str(d->id), code, message,
                          buf_bytes(&text)) == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    if (call->by != NULL) {
        controller_send(call->by, blob); // NULL closes it: it would wait for ever
    }
    blob_unref(blob);
    buf_fini(&out);
    buf_fini(&text);
    json_decref(data);
    daemon_call_free(d);
    hub_leave(hub);
}

static bool is_in(const struct controller *c, enum hub_audience audience)
{
    switch (audience) {
    case HUB_ALL:
        return true;
    case HUB_ADMINS:
        return (c->info.caps & CAP_ADMIN) != 0;
    case HUB_LOCAL:
        return c->info.kind == CONTROLLER_LOCAL;
    }
    return false;
}

void hub_broadcast(struct hub *hub, enum hub_audience audience, const char *method,
                   json_t *params)
{
    const struct notice *n = notice_find(bytes_from_str(method)); // NULL: one of ours
    struct blob *text = hub_notification(method, params);
    struct controller *c;
    struct controller *tmp;
    hub_enter(hub, hub->now_ms);
    list_each_safe (c, tmp, &hub->controllers, node) {
        if (text != NULL && controller_hears(c, n) && is_in(c, audience)) {
            controller_send(c, text);
        }
    }
    blob_unref(text);
    hub_leave(hub);
}

void hub_tell_each(struct hub *hub, const char *method,
                   json_t *(*make)(void *user, const struct controller_info *who),
                   void *user)
{
    const struct notice *n = notice_find(bytes_from_str(method));
    struct controller *c;
    struct controller *tmp;
    hub_enter(hub, hub->now_ms);
    list_each_safe (c, tmp, &hub->controllers, node) {
        json_t *params = controller_hears(c, n) ? make(user, &c->info) : NULL;
        if (params != NULL) {
            struct blob *text = hub_notification(method, params);
            controller_send(c, text);
            blob_unref(text);
        }
    }
    hub_leave(hub);
}

void hub_remote_status(struct hub *hub, json_t *params)
{
    if (hub->remote_status != NULL && json_equal(hub->remote_status, params)) {
        json_decref(params);
        return;
    }
    json_decref(hub->remote_status);
    hub->remote_status = params;
    hub_broadcast(hub, HUB_ALL, "remoteControl/status/changed", json_incref(params));
}

/* ---- time ------------------------------------------------------------------------------------ */

void hub_tick(struct hub *hub, uint64_t now_ms)
{
    hub_enter(hub, now_ms);
    hub->armed_ms = 0;
    hub->calls_changed = true;
    upcalls_tick(hub);
    if (hub->next_expiry_ms != 0 && now_ms >= hub->next_expiry_ms) {
        requests_expire(hub);
    }
    recover_tick(hub);
    hub_leave(hub);
}

uint64_t hub_deadline(const struct hub *hub)
{
    const uint64_t at[] = {upcalls_deadline(hub), requests_deadline(hub),
                           recover_deadline(hub)};
    uint64_t first = 0;
    for (size_t i = 0; i < COUNT(at); i++) {
        first = at[i] != 0 && (first == 0 || at[i] < first) ? at[i] : first;
    }
    return first;
}

/* ---- approvals ------------------------------------------------------------------------------- */

void hub_approval_policy(struct hub *hub, unsigned quorum, uint64_t expires_after_ms)
{
    hub->quorum = quorum == 0 ? 1 : quorum;
    hub->expires_after_ms = expires_after_ms;
}
