#include "base/log.h"
#include "host/acted.h"
#include "host/command.h"
#include "host/guard.h"
#include "host/handle.h"
#include "host/item.h"
#include "host/request.h"
#include "host/thread.h"
#include "host/upcall.h"

/* What the agent says: `hub_upstream` finds the notice and the thread, the hook of the
 * notice learns from it, then it goes to whom the table names. */

struct said {
    struct hub *hub;
    const struct notice *notice;
    struct thread *thread; // NULL: none named, or not one we know
    struct bytes id;       // of the thread it names, known or not
    struct bytes params;
    struct bytes text;
};

/* ---- delivering --------------------------------------------------------------------- */

/* A grant for certain threads hears of nothing but these. */
static bool may_hear(const struct said *s, const struct controller *c, enum role role)
{
    if (!controller_has(c, role) || !controller_hears(c, s->notice)) {
        return false;
    }
    return s->thread != NULL ? thread_is_seen_by(s->thread, c)
                             : controller_may_see(c, s->id);
}

static void deliver_where(struct said *s, enum role role)
{
    struct blob *blob = NULL;
    struct controller *c;
    list_each (c, &s->hub->controllers, node) {
        if (!may_hear(s, c, role)) {
            continue;
        }
        if (blob == NULL) {
            blob = blob_copy(s->text);
        }
        controller_send(c, blob);
    }
    blob_unref(blob);
}

static void deliver_to_thread(struct said *s)
{
    if (s->thread == NULL) {
        s->hub->n_unknown++;
        return;
    }
    thread_deliver(s->thread, s->notice, s->text);
}

static void deliver(struct said *s)
{
    switch (s->notice->route) {
    case NOTICE_MAYBE:
        if (s->id.len == 0) {
            deliver_where(s, ROLE_OPERATOR);
            return;
        }
        deliver_to_thread(s);
        return;
    case NOTICE_SUBSCRIBERS:
        deliver_to_thread(s);
        return;
    case NOTICE_SEERS:
        deliver_where(s, ROLE_VIEWER);
        return;
    case NOTICE_OPERATORS:
        deliver_where(s, ROLE_OPERATOR);
        return;
    case NOTICE_HANDLE:
    case NOTICE_DROP:
        return;
    }
}

/* ---- hooks: true = deliver ------------------------------------------------------------ */

static struct bytes plain(struct bytes raw)
{
    struct bytes out = BYTES_NONE;
    return raw.len > 0 && json_raw_plain(raw, &out) == OK ? out : BYTES_NONE;
}

static struct bytes member(struct bytes object, const char *key)
{
    struct bytes out = BYTES_NONE;
    return object.len > 0 && json_raw_get(object, key, &out) == OK ? out : BYTES_NONE;
}

static bool hook_patch(struct said *s)
{
    if (s->thread != NULL) {
        item_patch(s->thread, plain(member(s->params, "itemId")), s->text);
    }
    return true;
}

static bool hook_item(struct said *s)
{
    static const char *const keys[] = {"turnId", "item"};
    struct bytes found[COUNT(keys)];
    if (s->thread == NULL || jsonrpc_pick(s->params, keys, COUNT(keys), found) != OK) {
        return true;
    }
    const struct bytes id = plain(member(found[1], "id"));
    if (s->notice->hook == HOOK_ITEM_STARTED) {
        item_started(s->thread, &(struct item_start){.id = id,
                                                     .turn = plain(found[0]),
                                                     .type = member(found[1], "type"),
                                                     .text = s->text});
    } else {
        item_completed(s->thread, id, s->text);
        acted_item(s->thread, plain(found[0]), found[1]);
    }
    return true;
}

static bool hook_turn_started(struct said *s)
{
    if (s->thread != NULL) {
        const struct bytes turn = plain(member(member(s->params, "turn"), "id"));
        thread_turn_started(s->thread, turn);
        s->thread->weak_turn =
            !s->thread->policy_is_fine && !acted_is_ours(s->thread, turn);
        if (!acted_is_ours(s->thread, turn)) {
            s->thread->turn_role = ROLE_NONE;
        }
        acted_turn_started(s->thread, turn);
    }
    return true;
}

static bool hook_turn_completed(struct said *s)
{
    if (s->thread == NULL) {
        return true;
    }
    const struct bytes turn = member(s->params, "turn");
    thread_turn_completed(s->thread, plain(member(turn, "id")),
                          json_raw_is(member(turn, "status"), "completed"));
    acted_turn_completed(s->thread, plain(member(turn, "id")), member(turn, "status"));
    deliver(s);
    thread_maybe_leave(s->thread);
    return false;
}

static bool hook_status(struct said *s)
{
    const struct bytes type = member(member(s->params, "status"), "type");
    if (s->thread == NULL) {
        s->thread = thread_get(s->hub, plain(member(s->params, "threadId")));
    }
    if (s->thread != NULL) {
        thread_set_active(s->thread, json_raw_is(type, "active"));
        thread_learn_waiting(s->thread, member(s->params, "status"));
    }
    return true;
}

static bool hook_thread_started(struct said *s)
{
    static const char *const keys[] = {"id", "ephemeral", "parentThreadId"};
    struct bytes found[COUNT(keys)];
    if (jsonrpc_pick(member(s->params, "thread"), keys, COUNT(keys), found) != OK) {
        return true;
    }
    s->id = plain(found[0]);
    s->thread = thread_get(s->hub, s->id);
    if (s->thread == NULL) {
        return true;
    }
    s->thread->hidden = s->thread->hidden || bytes_equal_str(found[1], "true");
    // what a thread spawns asks its approvals of those who listen to the thread
    const struct thread *parent = thread_find(s->hub, plain(found[2]));
    if (parent != NULL && parent != s->thread) {
        const struct hub_policy_ops *ops = s->hub->ops.policy;
        if (ops != NULL &&
            ops->started(s->hub->user, s->thread->id, NULL, parent->id) != OK) {
            log_error("policy.profile_not_kept", "thread=%s", s->thread->id);
        }
        const struct subscription *sub;
        list_each (sub, &parent->subscriptions, by_thread) {
            if (!thread_subscribe(s->thread, sub->controller)) {
                log_debug("hub.subscriptions_full", "kind=%d",
                          (int)sub->controller->info.kind);
            }
        }
    }
    return true;
}

static bool hook_thread_gone(struct said *s)
{
    deliver(s);
    if (s->thread != NULL) {
        requests_withdraw(s->thread);
        thread_free(s->thread);
    }
    return false;
}

static bool hook_settings(struct said *s)
{
    json_t *settings = NULL;
    if (s->thread == NULL ||
        json_parse(member(s->params, "threadSettings"), &settings) != OK) {
        return true;
    }
    const struct bytes approvals = json_get_bytes(settings, "approvalPolicy");
    const struct bytes reviewer = json_get_bytes(settings, "approvalsReviewer");
    s->thread->sandbox_is_fine =
        guard_sandbox_is_fine(json_get_obj(settings, "sandboxPolicy"));
    s->thread->policy_is_fine = s->thread->sandbox_is_fine &&
                                bytes_equal_str(approvals, PROFILE_APPROVALS) &&
                                bytes_equal_str(reviewer, PROFILE_REVIEWER);
    thread_learn_folder(s->thread, json_get_str(settings, "cwd"));
    json_decref(settings);
    return true;
}

static bool hook_resolved(struct said *s)
{
    request_resolved(s->hub, s->thread, member(s->params, "requestId"));
    return false; // we told it ourselves, with who
}

/* A resume repeats the goal: for whoever resumed, nobody else. */
static bool hook_goal(struct said *s)
{
    if (s->thread == NULL || s->thread->replay_to == NULL) {
        return true;
    }
    struct controller *c = s->thread->replay_to;
    s->thread->replay_to = NULL;
    if (controller_hears(c, s->notice)) {
        struct blob *blob = blob_copy(s->text);
        controller_send(c, blob);
        blob_unref(blob);
    }
    return false;
}

static bool hook_warning(struct said *s)
{
    struct hub *hub = s->hub;
    if (hub->n_warnings == HUB_WARNINGS_MAX) {
        return true;
    }
    struct blob *blob = blob_copy(s->text);
    if (blob != NULL) {
        hub->warnings[hub->n_warnings++] = blob;
    }
    return true;
}

/* A resume that asks for turns is told once more that this is deprecated. */
static bool hook_deprecation(struct said *s)
{
    for (size_t i = 0; i < HUB_IN_FLIGHT; i++) {
        const struct upcall *u = s->hub->in_flight[i];
        if (u != NULL && u->by != NULL && u->method->act == ACT_RESUME &&
            controller_hears(u->by, s->notice)) {
            struct blob *blob = blob_copy(s->text);
            controller_send(u->by, blob);
            blob_unref(blob);
            return false;
        }
    }
    return true;
}

static bool hook_none(struct said *s)
{
    (void)s;
    return true;
}

static bool (*const hooks[])(struct said *s) = {
    [HOOK_NONE] = hook_none,
    [HOOK_DELTA] = hook_none, // takes the short way: see on_delta()
    [HOOK_PATCH] = hook_patch,
    [HOOK_ITEM_STARTED] = hook_item,
    [HOOK_ITEM_COMPLETED] = hook_item,
    [HOOK_TURN_STARTED] = hook_turn_started,
    [HOOK_TURN_COMPLETED] = hook_turn_completed,
    [HOOK_STATUS] = hook_status,
    [HOOK_THREAD_STARTED] = hook_thread_started,
    [HOOK_THREAD_GONE] = hook_thread_gone,
    [HOOK_SETTINGS] = hook_settings,
    [HOOK_RESOLVED] = hook_resolved,
    [HOOK_GOAL] = hook_goal,
    [HOOK_WARNING] = hook_warning,
    [HOOK_DEPRECATION] = hook_deprecation,
    [HOOK_EXITED] = hook_none,
};

/* ---- the hot path ------------------------------------------------------------------------ */

/* One walk over params, one copy of the text, no tree. */
static void on_delta(struct hub *hub, const struct notice *n, struct bytes params,
                     struct bytes text)
{
    const char *keys[] = {"threadId", "itemId", "turnId", "delta", n->key};
    struct bytes found[COUNT(keys)] = {{NULL, 0}};
    const size_t n_keys = n->key != NULL ? 5 : 4;
    if (jsonrpc_pick(params, keys, n_keys, found) != OK) {
        hub->n_unknown++;
        return;
    }
    struct thread *t = thread_find(hub, plain(found[0]));
    if (t == NULL) {
        hub->n_unknown++;
        return;
    }
    const struct bytes delta = found[3];
    struct blob *start = NULL;
    if (delta.len >= 2 && delta.at[0] == '"') {
        const struct item_delta d = {.item = plain(found[1]),
                                     .turn = plain(found[2]),
                                     .text = bytes_sub(delta, 1, delta.len - 2),
                                     .part = n->key != NULL ? found[4] : BYTES_NONE};
        if (item_delta(t, n, &d, &start)) {
            thread_deliver(t, notice_find(BYTES_LIT("item/started")),
                           blob_bytes(start));
        }
    }
    blob_unref(start);
    thread_deliver_delta(t, n, text, delta);
}

/* ---- the door ------------------------------------------------------------------------------ */

static const struct notice *find_notice(struct hub *hub, struct bytes method)
{
    if (hub->last_notice != NULL && bytes_equal_str(method, hub->last_notice->name)) {
        return hub->last_notice;
    }
    const struct notice *n = notice_find(method);
    hub->last_notice = n != NULL ? n : hub->last_notice;
    return n;
}

static void on_other(struct hub *hub, const struct notice *n, const struct jsonrpc *rpc,
                     struct bytes text)
{
    struct said s = {.hub = hub, .notice = n, .params = rpc->params, .text = text};
    const struct bytes id = plain(member(rpc->params, "threadId"));
    s.id = id;
    s.thread = id.len > 0 ? thread_find(hub, id) : NULL;
    if (hooks[n->hook](&s)) {
        deliver(&s);
    }
}

/* What carries a key of ours is taken as if the agent had said it without. Once: what
 * a controller gave as its own may look like a key. */
static void on_mapped(struct hub *hub, const struct notice *n, struct bytes text)
{
    struct buf own;
    struct jsonrpc rpc;
    buf_init(&own, text.len);
    if (command_unmap(text, &own) == OK && jsonrpc_scan(buf_bytes(&own), &rpc) == OK) {
        on_other(hub, n, &rpc, buf_bytes(&own));
    } else {
        log_warn("hub.unmapped", "len=%zu", text.len);
    }
    buf_fini(&own);
}

static void on_notification(struct hub *hub, const struct jsonrpc *rpc,
                            struct bytes text)
{
    const struct notice *n = find_notice(hub, rpc->method);
    if (n == NULL || n->route == NOTICE_DROP) {
        hub->n_unknown += n == NULL ? 1 : 0;
        return;
    }
    if (n->hook == HOOK_DELTA) {
        on_delta(hub, n, rpc->params, text);
        return;
    }
    if (n->route == NOTICE_HANDLE) {
        handle_deliver(hub, n, rpc, text);
        return;
    }
    if (command_is_mapped(text)) {
        on_mapped(hub, n, text);
    } else {
        on_other(hub, n, rpc, text);
    }
}

void hub_upstream(struct hub *hub, struct bytes text, uint64_t now_ms)
{
    struct jsonrpc rpc;
    hub_enter(hub, now_ms);
    if (jsonrpc_scan(text, &rpc) != OK) {
        log_warn("hub.bad_upstream", "len=%zu", text.len);
        hub->n_unknown++;
    } else if (rpc.kind == JSONRPC_NOTIFICATION) {
        on_notification(hub, &rpc, text);
    } else if (rpc.kind == JSONRPC_REQUEST) {
        request_arrived(hub, &rpc);
    } else {
        upcalls_answer(hub, &rpc);
    }
    hub_leave(hub);
}
