
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/answer.h"
#include "host/command.h"
#include "host/fence.h"
#include "host/guard.h"
#include "host/handle.h"
#include "host/pager.h"
#include "host/presence.h"
#include "host/request.h"
#include "host/scope.h"
#include "host/thread.h"
#include "host/upcall.h"
#include "host/window.h"

#define WS_CLOSE_PROTOCOL 1002
#define METHOD_TEXT       192

struct asked { // one request on its way through
    struct controller *by;
    const struct method *method;
    struct bytes id;
    json_t *params;             // owned until taken
    json_t *clamped;            // owned until taken
    struct thread *thread;      // the one it names, if the hub knows it
    struct hub_key key;         // of a command; whoever answers for it takes it
    struct hub_profile profile; // config is owned
    bool chosen;                // by the caller, for a new thread
};

static void refuse(struct asked *a, int code, const char *format)
{
    char text[METHOD_TEXT];
    if (text_format(text, sizeof(text), "%s %s", a->method->name, format) != OK) {
        text[0] = '\0';
    }
    controller_error(a->by, a->id, code, text);
    hub_event(a->by->hub, &(struct hub_event){
                              .kind = HUB_EVENT_REFUSED,
                              .by = &a->by->info,
                              .method = a->method->name,
                              .detail = format,
                          });
}

/* ---- what the hub answers itself ------------------------------------------------- */

static void act_initialize(struct asked *a)
{
    controller_initialize(a->by, a->id, a->params);
}

static void act_folders(struct asked *a)
{
    controller_result(a->by, a->id, folders_json(&a->by->hub->folders));
}

static void act_approvals(struct asked *a)
{
    controller_result(a->by, a->id,
                      requests_list(a->by, json_get_bytes(a->params, "threadId")));
}

static void act_presence(struct asked *a)
{
    controller_result(a->by, a->id,
                      presence_list(a->by, json_get_bytes(a->params, "threadId")));
}

static void act_decide(struct asked *a)
{
    request_decide(a->by, a->id, a->params);
}

static void act_unsubscribe(struct asked *a)
{
    const bool was = a->thread != NULL && thread_unsubscribe(a->thread, a->by);
    controller_result(
        a->by, a->id,
        json_pack("{s:s}", "status", was ? "unsubscribed" : "notSubscribed"));
    if (was) {
        thread_maybe_leave(a->thread);
    }
}

static void act_daemon(struct asked *a)
{
    struct hub *hub = a->by->hub;
    struct daemon_call *d = mem_try(1, sizeof(*d));
    char *id = mem_try(a->id.len + 1, 1);
    if (d == NULL || id == NULL) {
        mem_free(d);
        mem_free(id);
        controller_error(a->by, a->id, HUB_ERR_LIMIT, "out of memory");
        return;
    }
    memcpy(id, a->id.at, a->id.len);
    *d = (struct daemon_call){
        .call = {.method = a->method->name,
                 .params = a->params,
                 .by = a->by,
                 .info = a->by->info},
        .hub = hub,
        .id = id,
        .key = a->key,
    };
    a->key.seq = 0;
    a->params = NULL;
    list_append(&hub->daemon_calls, &d->node);
    hub->ops.call(hub->user, a->by, &d->call);
}

/* ---- what goes to the agent --------------------------------------------------------- */

static struct upcall *make_call(struct asked *a)
{
    json_t *params = a->params;
    a->params = NULL;
    struct upcall *u = upcall_create(a->by, a->method, a->id, params);
    if (u != NULL) {
        u->clamped = a->clamped;
        a->clamped = NULL;
        u->key = a->key;
        a->key.seq = 0;
        window_open(u);
        pager_open(u);
    }
    return u;
}

/* Work that names no policy runs under the thread's own: that is made ours first. */
static bool wants_profile(const struct asked *a)
{
    return (a->method->flags & METHOD_WORKS) != 0 &&
           json_get_str(a->params, "threadId") != NULL &&
           (a->thread == NULL || !a->thread->policy_is_fine);
}

/* The work is sent when the agent has taken the profile, and refused when it has not. */
static void impose_profile(struct upcall *u, const struct hub_profile *profile)
{
    const char *id = json_get_str(u->params, "threadId");
    upcall_before(u, OWN_SETTINGS, "thread/settings/update",
                  guard_profile_settings(profile, id), id);
}

static void act_forward(struct asked *a)
{
    const bool profile = wants_profile(a);
    struct upcall *u = make_call(a);
    if (u != NULL && profile) {
        impose_profile(u, &a->profile);
    } else if (u != NULL) {
        upcall_submit(u);
    }
}

static void act_start(struct asked *a)
{
    const char *source = json_get_str(a->params, "threadSource");
    const bool title = source != NULL && strcmp(source, "thread_title") == 0;
    const bool hidden = title || json_get_bool(a->params, "ephemeral", false);
    const bool tools = json_array_size(json_get_arr(a->params, "dynamicTools")) > 0;
    struct upcall *u = make_call(a);
    if (u != NULL) {
        u->hidden = hidden;
        u->tools = tools;
        u->chosen = a->chosen;
        memcpy(u->profile, a->profile.name, sizeof(u->profile));
        upcall_submit(u);
    }
}

static void act_resume(struct asked *a)
{
    if (a->by->info.role < ROLE_OPERATOR) { // a reader changes nothing by joining
        static const char *const chosen[] = {
            "approvalPolicy",
            "approvalsReviewer",
            "baseInstructions",
            "developerInstructions",
            "model",
            "modelProvider",
            "personality",
            "sandbox",
            "serviceTier",
            "cwd",
            "runtimeWorkspaceRoots",
        };
        for (size_t i = 0; i < COUNT(chosen); i++) {
            (void)json_object_del(a->params, chosen[i]);
        }
    }
    char *thread_id = upcall_text(json_get_bytes(a->params, "threadId"));
    struct upcall *u = thread_id != NULL ? make_call(a) : NULL;
    if (thread_id == NULL) {
        controller_error(a->by, a->id, HUB_ERR_LIMIT, "out of memory");
    }
    if (u == NULL) {
        mem_free(thread_id);
        return;
    }
    u->thread_id = thread_id;
    if (a->thread != NULL) {
        u->joined_at = thread_join_begin(a->thread);
        u->joins = true;
    }
    upcall_submit(u);
}

static void act_handle(struct asked *a)
{
    struct handle *h = NULL;
    const enum err e = handle_rewrite(a->by, a->method, a->params, &h);
    if (e != OK) {
        controller_error(a->by, a->id, e == ERR_LIMIT ? HUB_ERR_LIMIT : HUB_ERR_REQUEST,
                         e == ERR_NOT_FOUND ? "no such handle on this connection"
                         : e == ERR_EXISTS  ? "this connection already uses that handle"
                         : e == ERR_LIMIT   ? "too many handles on this connection"
                                            : "the handle is missing");
        return;
    }
    struct upcall *u = make_call(a);
    if (u != NULL && h != NULL) {
        u->handle = upcall_text(bytes_from_str(h->name));
        if (u->handle == NULL) {
            upcall_fail(u, HUB_ERR_LIMIT, "out of memory");
            upcall_destroy(u);
            u = NULL;
        }
    }
    if (u != NULL) {
        upcall_submit(u);
    } else if (a->method->act == ACT_HANDLE_OPEN) {
        handle_end(h);
    }
}

static void (*const acts[])(struct asked *a) = {
    [ACT_FORWARD] = act_forward,     [ACT_INITIALIZE] = act_initialize,
    [ACT_START] = act_start,         [ACT_RESUME] = act_resume,
    [ACT_FORK] = act_start,          [ACT_READ] = act_forward,
    [ACT_LOADED] = act_forward,      [ACT_CONFIG] = act_forward,
    [ACT_FOLDERS] = act_folders,     [ACT_UNSUBSCRIBE] = act_unsubscribe,
    [ACT_DAEMON] = act_daemon,       [ACT_HANDLE_OPEN] = act_handle,
    [ACT_APPROVALS] = act_approvals, [ACT_DECIDE] = act_decide,
    [ACT_PRESENCE] = act_presence,   [ACT_HANDLE_USE] = act_handle,
    [ACT_HANDLE_CLOSE] = act_handle,
};

/* ---- rights and guards ----------------------------------------------------------------- */

static bool gives_words(const struct method *m)
{
    return (m->flags & METHOD_WORKS) != 0 || strcmp(m->name, "turn/start") == 0 ||
           strcmp(m->name, "turn/steer") == 0;
}

/* Words for a turn that runs do what its policy lets them: who may not choose a weaker
 * one may not borrow it from a turn that began past this host either. */
static bool borrows_policy(const struct asked *a)
{
    const char *name = a->method->name;
    const bool steers = strcmp(name, "turn/steer") == 0;
    if (a->by->info.kind == CONTROLLER_LOCAL ||
        (!steers && strcmp(name, "turn/start") != 0)) {
        return false;
    }
    return a->thread != NULL ? a->thread->active && a->thread->weak_turn : steers;
}

static bool is_refused(struct asked *a)
{
    const struct method *m = a->method;
    if (!a->by->initialized && m->act != ACT_INITIALIZE) {
        controller_error(a->by, a->id, HUB_ERR_REQUEST, "Not initialized");
        return true;
    }
    if (controller_is_over(a->by)) {
        refuse(a, HUB_ERR_RIGHTS, "is not allowed: your invitation has ended");
        return true;
    }
    if (!method_is_allowed(m, &a->by->info)) {
        refuse(a, HUB_ERR_RIGHTS, "is not allowed for your role");
        return true;
    }
    if ((m->flags & METHOD_EXP) != 0 && !a->by->experimental) {
        refuse(a, HUB_ERR_REQUEST, "requires experimentalApi capability");
        return true;
    }
    if (!scope_allows(a->by->info.scope, m, a->params)) {
        refuse(a, HUB_ERR_RIGHTS, "is not allowed: your grant is for certain threads");
        return true;
    }
    const struct hub *hub = a->by->hub;
    const char *trouble = (m->flags & METHOD_ACTS) != 0 && hub->ops.trouble != NULL
                              ? hub->ops.trouble(hub->user)
                              : NULL;
    if (trouble != NULL) { // nothing that could not be recorded
        controller_error(a->by, a->id, HUB_ERR_POLICY, trouble);
        return true;
    }
    if (a->thread != NULL && !thread_is_seen_by(a->thread, a->by)) {
        refuse(a, HUB_ERR_REQUEST, "names a thread that is not there");
        return true;
    }
    if (borrows_policy(a)) {
        refuse(
            a, HUB_ERR_POLICY,
            "is refused: the turn that runs began past this host, with another policy; "
            "interrupt it, then say it again");
        return true;
    }
    return false;
}

/* What the thread runs with, which a new one may choose. False: the caller was told. */
static bool take_profile(struct asked *a)
{
    const struct hub *hub = a->by->hub;
    const struct hub_policy_ops *ops = hub->ops.policy;
    const bool begins = a->method->act == ACT_START || a->method->act == ACT_FORK;
    json_t *own = json_incref(json_object_get(a->params, "farhand"));
    const char *name = begins ? json_get_str(own, "profile") : NULL;
    struct diag why = {.text = ""};
    enum err e = OK;
    if (a->method->act != ACT_DAEMON) { // ours reads it: a pairing's role is in there
        (void)json_object_del(a->params, "farhand"); // the engine's schema has none
    }
    if (ops != NULL && ((a->method->guard & (GUARD_MODE | GUARD_SANDBOX)) != 0 ||
                        (a->method->flags & METHOD_WORKS) != 0)) {
        e = ops->profile(hub->user, &a->by->info, name,
                         json_get_str(a->params, "threadId"), &a->profile, &why);
        a->chosen = e == OK && name != NULL;
    }
    if (e != OK) {
        refuse(a, e == ERR_NOT_FOUND ? HUB_ERR_PARAMS : HUB_ERR_POLICY, why.text);
    }
    json_decref(own);
    return e == OK;
}

/* Who is held to certain threads works where they do, and in no other thread's folder. */
static const struct folders *folders_of(const struct asked *a, struct folders *own)
{
    const struct folders *all = &a->by->hub->folders;
    if (scope_is_all(a->by->info.scope)) {
        return all;
    }
    const bool known = a->thread != NULL && a->thread->folder != NULL;
    *own = (struct folders){.home = known ? a->thread->folder : all->home};
    return own;
}

static void apply_guard(struct asked *a)
{
    struct hub *hub = a->by->hub;
    struct folders own;
    const struct guard g = {
        .method = a->method,
        .who = &a->by->info,
        .folders = folders_of(a, &own),
        .profile = &a->profile,
        .stock_tui = a->by->stock_tui,
        .sandbox_is_fine = a->thread != NULL && a->thread->sandbox_is_fine,
        .is_folder = hub->ops.is_folder,
        .user = hub->user,
    };
    a->clamped = json_array();
    scope_narrow(a->by->info.scope, a->method, a->params);
    guard_apply(&g, a->params, a->clamped);
    if (json_array_size(a->clamped) > 0) {
        char fields[256];
        guard_list_fields(a->clamped, fields, sizeof(fields));
        hub_event(hub, &(struct hub_event){
                           .kind = HUB_EVENT_CLAMPED,
                           .by = &a->by->info,
                           .method = a->method->name,
                           .thread_id = a->thread != NULL ? a->thread->id : NULL,
                           .detail = fields,
                       });
    }
}

/* A thread that is open has its configuration already. */
static void apply_fence(struct asked *a)
{
    const enum method_act act = a->method->act;
    const bool opens = act == ACT_START || act == ACT_FORK ||
                       (act == ACT_RESUME && (a->thread == NULL || !a->thread->live));
    if (opens) {
        fence_params(a->by->hub, a->thread, a->params);
    }
}

static enum err read_params(struct bytes raw, json_t **out)
{
    if (raw.len == 0 || bytes_equal_str(raw, "null")) {
        *out = json_object();
        return OK;
    }
    json_t *params = NULL;
    const enum err e = json_parse_peer(raw, &params);
    if (e != OK) {
        return e;
    }
    if (!json_is_object(params)) {
        json_decref(params);
        return ERR_PROTO;
    }
    *out = params;
    return OK;
}

/* A command is durable before it acts; one that nobody took on was refused. */
static void act(struct asked *a)
{
    const enum err e = command_take(a->by, a->method, a->params, &a->key);
    if (e != OK) {
        log_warn("hub.command_refused", "method=%s reason=\"%s\"", a->method->name,
                 err_text(e));
        controller_error(
            a->by, a->id, e == ERR_EXISTS ? HUB_ERR_UNKNOWN : HUB_ERR_LIMIT,
            e == ERR_EXISTS ? "this number was used for another command"
                            : "the host cannot write to its disk: nothing was done");
        return;
    }
    acts[a->method->act](a);
    command_moved(a->by->hub, &a->key, HUB_COMMAND_ANSWERED,
                  a->method->act == ACT_DECIDE ? 0 : HUB_ERR_LIMIT);
}

static void route(struct controller *c, const struct jsonrpc *rpc)
{
    struct asked a = {.by = c, .id = rpc->id, .method = method_find(rpc->method)};
    if (a.method == NULL) {
        controller_error(c, rpc->id, c->initialized ? -32601 : HUB_ERR_REQUEST,
                         c->initialized ? "method not found" : "Not initialized");
        return;
    }
    if (read_params(rpc->params, &a.params) != OK) {
        controller_error(c, rpc->id, HUB_ERR_PARAMS, "params are not a JSON object");
        return;
    }
    const struct bytes id = json_get_bytes(a.params, "threadId");
    a.thread = id.at != NULL ? thread_find(c->hub, id) : NULL;
    if (!is_refused(&a) && take_profile(&a)) {
        apply_guard(&a);
        apply_fence(&a);
        if (a.thread != NULL && gives_words(a.method)) {
            thread_hears_words(a.thread, c->info.role);
        }
        act(&a);
    }
    json_decref(a.params);
    json_decref(a.clamped);
    json_decref(a.profile.config);
}

/* ---- the door --------------------------------------------------------------------------- */

static void malformed(struct controller *c)
{
    log_peer("controller.malformed", "kind=%d n=%u", (int)c->info.kind, c->n_malformed);
    if (++c->n_malformed >= CONTROLLER_MALFORMED) {
        controller_close(c, WS_CLOSE_PROTOCOL, "not JSON-RPC");
        return;
    }
    controller_error(c, BYTES_NONE, HUB_ERR_PARSE, "not a JSON-RPC message");
}

void hub_input(struct controller *c, struct bytes text, uint64_t now_ms)
{
    struct hub *hub = c->hub;
    struct jsonrpc rpc;
    if (!controller_is_live(c)) {
        return;
    }
    hub_enter(hub, now_ms);
    if (jsonrpc_scan(text, &rpc) != OK) {
        malformed(c);
    } else if (rpc.kind == JSONRPC_REQUEST) {
        route(c, &rpc);
    } else if (rpc.kind != JSONRPC_NOTIFICATION && c->initialized) {
        request_answered(c, &rpc);
    } // the one notification of a client, `initialized`, changes nothing
    hub_leave(hub);
}

void hub_input_numbered(struct controller *c, struct bytes text, uint64_t seq,
                        uint64_t now_ms)
{
    struct hub *hub = c->hub;
    hub_enter(hub, now_ms); // it may be detached meanwhile, but not buried
    c->seq = seq;
    hub_input(c, text, now_ms);
    c->seq = 0;
    hub_leave(hub);
}
