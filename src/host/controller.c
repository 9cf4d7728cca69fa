#include "host/controller.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "host/handle.h"
#include "host/request.h"
#include "host/scope.h"
#include "host/thread.h"
#include "host/upcall.h"

#define WS_CLOSE_OVERLOAD 1013
#define STOCK_TUI_NAME    "codex-tui"

bool controller_may_see(const struct controller *c, struct bytes thread_id)
{
    return scope_has(c->info.scope, thread_id);
}

bool controller_is_over(const struct controller *c)
{
    return c->info.until_ms != 0 && hub_wall_ms(c->hub) >= c->info.until_ms;
}

/* ---- sending --------------------------------------------------------------- */

void controller_send(struct controller *c, struct blob *text)
{
    if (!controller_is_live(c)) {
        return;
    }
    if (text == NULL) { // out of memory: it would miss something and not know
        controller_close(c, WS_CLOSE_OVERLOAD, "out of memory");
        return;
    }
    c->ops.send(c->user, text);
}

void controller_send_delta(struct controller *c, struct blob *text,
                           const struct delta *at)
{
    if (text == NULL || c->ops.send_delta == NULL) {
        controller_send(c, text);
    } else if (controller_is_live(c)) {
        c->ops.send_delta(c->user, text, at);
    }
}

void controller_send_json(struct controller *c, json_t *value)
{
    struct blob *text = hub_json_blob(value);
    controller_send(c, text);
    blob_unref(text);
}

void controller_result(struct controller *c, struct bytes id, json_t *result)
{
    struct buf out;
    struct buf body;
    struct blob *text = NULL;
    buf_init(&out, SIZE_MAX / 2);
    buf_init(&body, SIZE_MAX / 2);
    if (json_print(result, &body) == OK &&
        jsonrpc_put_response(&out, id, buf_bytes(&body)) == OK) {
        text = blob_copy(buf_bytes(&out));
    }
    controller_send(c, text);
    blob_unref(text);
    buf_fini(&body);
    buf_fini(&out);
    json_decref(result);
}

void controller_error(struct controller *c, struct bytes id, int code,
                      const char *message)
{
    struct buf out;
    struct blob *text = NULL;
    buf_init(&out, 64 * 1024);
    if (jsonrpc_put_error(&out, id, code, message, BYTES_NONE) == OK) {
        text = blob_copy(buf_bytes(&out));
    }
    controller_send(c, text);
    blob_unref(text);
    buf_fini(&out);
}

void controller_close(struct controller *c, uint16_t ws_code, const char *reason)
{
    if (!controller_is_live(c)) {
        return;
    }
    c->closing = true;
    c->ops.close(c->user, ws_code, reason);
}

/* ---- initialize ------------------------------------------------------------- */

static void read_muted(struct controller *c, const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);
        const struct notice *n = notice_find(bytes_from_str(text));
        if (n != NULL) {
            c->muted[n->row / 64] |= UINT64_C(1) << (n->row % 64);
        }
    }
}

static void read_client(struct controller *c, const json_t *params)
{
    const json_t *caps = json_get_obj(params, "capabilities");
    const char *name = json_get_str(json_get_obj(params, "clientInfo"), "name");
    c->experimental = json_get_bool(caps, "experimentalApi", false);
    read_muted(c, json_get_arr(caps, "optOutNotificationMethods"));
    // a name is a claim: it is believed of this user's own programs alone
    c->stock_tui = c->info.kind == CONTROLLER_LOCAL && name != NULL &&
                   strcmp(name, STOCK_TUI_NAME) == 0;
    if (c->info.name[0] == '\0' && name != NULL) {
        text_sanitize(bytes_from_str(name), c->info.name, sizeof(c->info.name));
    }
}

static json_t *server_info(const struct controller *c, const json_t *params)
{
    const struct hub *hub = c->hub;
    const char *name = json_get_str(json_get_obj(params, "clientInfo"), "name");
    const char *version = hub->engine.version[0] != '\0' ? hub->engine.version : "0";
    char clean[HUB_NAME_SIZE];
    char agent[192];
    text_sanitize(bytes_from_str(name != NULL ? name : "client"), clean, sizeof(clean));
    if (text_format(agent, sizeof(agent), "%s/%s (farhand/%s)", clean, version,
                    FARHAND_VERSION) != OK) {
        agent[0] = '\0';
    }
    json_t *result = json_object();
    json_set_str(result, "userAgent", agent);
    json_set_str(result, "codexHome", hub->codex_home);
    json_set_str(result, "platformFamily", "unix");
#ifdef __APPLE__
    json_set_str(result, "platformOs", "macos");
#else
    json_set_str(result, "platformOs", "linux");
#endif
    return result;
}

void controller_initialize(struct controller *c, struct bytes id, const json_t *params)
{
    struct hub *hub = c->hub;
    if (c->initialized) {
        controller_error(c, id, HUB_ERR_REQUEST, "Already initialized");
        return;
    }
    read_client(c, params);
    controller_result(c, id, server_info(c, params));
    c->initialized = true;
    for (unsigned i = 0; i < hub->n_warnings && controller_hears_all(c); i++) {
        if (controller_hears(c, notice_find(BYTES_LIT("configWarning")))) {
            controller_send(c, hub->warnings[i]);
        }
    }
    if (hub->remote_status != NULL &&
        controller_hears(c, notice_find(BYTES_LIT("remoteControl/status/changed")))) {
        controller_send_json(c, json_pack("{s:s, s:O}", "method",
                                          "remoteControl/status/changed", "params",
                                          hub->remote_status));
    }
}

json_t *controller_who(const struct controller_info *info)
{
    json_t *who = json_object();
    json_set_str(who, "kind", info->kind == CONTROLLER_DEVICE ? "device" : "local");
    json_set_bytes(who, "name", bytes_from_str(info->name));
    if (info->person[0] != '\0') {
        json_set_str(who, "person", info->person);
    }
    if (info->kind == CONTROLLER_DEVICE) {
        char hex[HEX_SIZE(HUB_DEVICE_ID_SIZE)];
        hex_encode(BYTES_OF(info->device_id), hex);
        json_set_str(who, "clientId", hex);
    }
    return who;
}

void controller_who_text(const char *person, const char *name, char out[HUB_WHO_SIZE])
{
    if (person[0] == '\0' ||
        text_format(out, HUB_WHO_SIZE, "%s (%s)", person, name) != OK) {
        text_sanitize(bytes_from_str(name), out, HUB_WHO_SIZE);
    }
}

/* ---- coming and going -------------------------------------------------------- */

struct controller *hub_attach(struct hub *hub, const struct controller_info *info,
                              const struct controller_ops *ops, void *user)
{
    struct controller *c = mem_new(sizeof(*c));
    c->hub = hub;
    c->info = *info;
    c->ops = *ops;
    c->user = user;
    list_init(&c->subscriptions);
    list_init(&c->handles);
    list_append(&hub->controllers, &c->node);
    log_info("controller.attached", "kind=%d role=%s", (int)info->kind,
             role_name(info->role));
    return c;
}

void hub_detach(struct controller *c)
{
    struct hub *hub = c->hub;
    if (c->dead) {
        return;
    }
    hub_enter(hub, hub->now_ms);
    c->dead = true;
    hub->n_dead++;
    log_info("controller.detached", "kind=%d", (int)c->info.kind);
    if (hub->ops.left != NULL) {
        hub->ops.left(hub->user);
    }
    hub_leave(hub);
}

const struct controller_info *controller_info(const struct controller *c)
{
    return &c->info;
}

static void forget_daemon_calls(struct controller *c)
{
    struct daemon_call *d;
    list_each (d, &c->hub->daemon_calls, node) {
        if (d->call.by == c) {
            d->call.by = NULL;
        }
    }
}

void controller_bury(struct controller *c)
{
    list_remove(&c->node);
    upcalls_forget(c);
    forget_daemon_calls(c);
    handles_kill(c);
    requests_orphan(c);
    threads_forget(c);
    mem_free(c);
}
