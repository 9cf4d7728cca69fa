/*
 * hub_fuzz: any interleaving of agent and controllers, well-formed or not.
 *
 * Shape      the input is a script of octets: what happens next, who does it, which of
 *            the known texts (or a raw one of the input's own).
 */
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/log.h"
#include "engine/engine.h"
#include "host/hub.h"
#include "wire/jsonrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEATS     4
#define ASKED_MAX 64
#define PENDING   16

struct seat {
    struct controller *c;
    enum role role;
    bool closed;
};

struct play {
    struct hub *hub;
    struct bytes left;
    uint64_t now_ms;
    uint8_t dice;
    struct seat seats[SEATS];
    char asked[ASKED_MAX][32]; // ids of requests the agent has not answered
    size_t n_asked;
    char pending[PENDING][32]; // ids of requests that controllers were shown
    size_t n_pending;
    struct call *calls[8];
    size_t n_calls;
};

static const char *const agent_texts[] = {
    "{\"method\":\"thread/started\",\"params\":{\"thread\":{\"id\":\"t1\"}}}",
    "{\"method\":\"thread/started\",\"params\":{\"thread\":{\"id\":\"t2\",\"ephemeral\":"
    "true,\"parentThreadId\":\"t1\"}}}",
    "{\"method\":\"thread/status/changed\",\"params\":{\"threadId\":\"t1\",\"status\":{"
    "\"type\":\"active\",\"activeFlags\":[]}}}",
    "{\"method\":\"thread/status/changed\",\"params\":{\"threadId\":\"t1\",\"status\":{"
    "\"type\":\"idle\"}}}",
    "{\"method\":\"turn/started\",\"params\":{\"threadId\":\"t1\",\"turn\":{\"id\":\"u1\"}}}",
    "{\"method\":\"turn/completed\",\"params\":{\"threadId\":\"t1\",\"turn\":{\"id\":"
    "\"u1\",\"status\":\"completed\"}}}",
    "{\"method\":\"item/started\",\"params\":{\"item\":{\"type\":\"agentMessage\",\"id\":"
    "\"m\",\"text\":\"\"},\"threadId\":\"t1\",\"turnId\":\"u1\"}}",
    "{\"method\":\"item/agentMessage/delta\",\"params\":{\"threadId\":\"t1\",\"turnId\":"
    "\"u1\",\"itemId\":\"m\",\"delta\":\"a\\u00e9\\ud83d\\ude00\"}}",
    "{\"method\":\"item/reasoning/textDelta\",\"params\":{\"threadId\":\"t1\",\"turnId\":"
    "\"u1\",\"itemId\":\"r\",\"delta\":\"x\",\"contentIndex\":3}}",
    "{\"method\":\"item/completed\",\"params\":{\"item\":{\"type\":\"agentMessage\",\"id\":"
    "\"m\",\"text\":\"\"},\"threadId\":\"t1\",\"turnId\":\"u1\"}}",
    "{\"method\":\"item/commandExecution/requestApproval\",\"id\":0,\"params\":{"
    "\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"c\",\"availableDecisions\":[]}}",
    "{\"method\":\"item/permissions/requestApproval\",\"id\":1,\"params\":{\"threadId\":"
    "\"t1\",\"permissions\":{\"network\":null}}}",
    "{\"method\":\"item/tool/call\",\"id\":2,\"params\":{\"threadId\":\"t1\"}}",
    "{\"method\":\"currentTime/read\",\"id\":3,\"params\":{\"threadId\":\"t1\"}}",
    "{\"method\":\"serverRequest/resolved\",\"params\":{\"threadId\":\"t1\",\"requestId\":0}}",
    "{\"method\":\"thread/closed\",\"params\":{\"threadId\":\"t1\"}}",
    "{\"method\":\"command/exec/outputDelta\",\"params\":{\"processId\":\"fh1\"}}",
    "{\"method\":\"configWarning\",\"params\":{\"summary\":\"w\"}}",
    "{\"method\":\"thread/goal/cleared\",\"params\":{\"threadId\":\"t1\"}}",
    "{\"method\":\"thread/settings/updated\",\"params\":{\"threadId\":\"t1\","
    "\"threadSettings\":{\"approvalPolicy\":\"never\"}}}",
};

static const char *const results[] = {
    "{\"thread\":{\"id\":\"t1\",\"status\":{\"type\":\"active\"}},\"cwd\":\"/known\"}",
    "{\"thread\":{\"id\":\"t2\",\"ephemeral\":true}}",
    "{\"data\":[\"t1\",\"t2\"],\"nextCursor\":null}",
    "{\"data\":[{\"cwd\":\"/known\",\"updatedAt\":4}]}",
    "{}",
    "null",
    "[]",
};

static const char *const controller_texts[] = {
    "{\"id\":1,\"method\":\"initialize\",\"params\":{\"capabilities\":{\"experimentalApi\":"
    "true}}}",
    "{\"id\":\"i\",\"method\":\"initialize\",\"params\":{\"clientInfo\":{\"name\":"
    "\"codex-tui\"}}}",
    "{\"id\":2,\"method\":\"thread/start\",\"params\":{\"dynamicTools\":[{}],\"cwd\":\"/\"}}",
    "{\"id\":3,\"method\":\"thread/resume\",\"params\":{\"threadId\":\"t1\"}}",
    "{\"id\":4,\"method\":\"turn/start\",\"params\":{\"threadId\":\"t1\",\"input\":[],"
    "\"approvalPolicy\":\"never\"}}",
    "{\"id\":5,\"method\":\"thread/unsubscribe\",\"params\":{\"threadId\":\"t1\"}}",
    "{\"id\":6,\"method\":\"command/exec\",\"params\":{\"command\":[],\"processId\":\"p\"}}",
    "{\"id\":7,\"method\":\"fs/unwatch\",\"params\":{\"watchId\":\"p\"}}",
    "{\"id\":8,\"method\":\"thread/loaded/list\"}",
    "{\"id\":9,\"method\":\"farhand/status\"}",
    "{\"id\":10,\"method\":\"thread/start\",\"params\":{\"ephemeral\":true}}",
    "{\"id\":11,\"method\":\"thread/compact/start\",\"params\":{\"threadId\":\"t1\"}}",
    "{\"id\":12,\"method\":\"thread/items/list\",\"params\":{\"threadId\":\"t1\"}}",
    "{\"id\":13,\"method\":\"config/read\",\"params\":{}}",
    "{\"id\":14,\"method\":\"farhand/folders/list\"}",
};

static const char *const answers[] = {
    "{\"decision\":\"accept\"}",
    "{\"decision\":\"acceptForSession\"}",
    "{\"decision\":{\"acceptWithExecpolicyAmendment\":{}}}",
    "{\"permissions\":{\"network\":{\"enabled\":true}}}",
    "{\"contentItems\":[],\"success\":true}",
    "7",
};

/* ---- what must hold ---------------------------------------------------------------- */

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void keep(char (*ids)[32], size_t *n, size_t max, struct bytes id)
{
    if (*n < max && id.len < 32) {
        memcpy(ids[*n], id.at, id.len);
        ids[*n][id.len] = '\0';
        ++*n;
    }
}

/* Property: the agent hears only well-formed texts, never a policy weaker than the
 * profile, never a grant for longer than once. */
static enum err to_agent(void *user, struct bytes text)
{
    struct play *p = user;
    struct jsonrpc rpc;
    struct bytes word;
    must(jsonrpc_scan(text, &rpc) == OK);
    if (rpc.kind == JSONRPC_REQUEST &&
        json_raw_get(rpc.params, "approvalPolicy", &word) == OK) {
        must(json_raw_is(word, "untrusted"));
    }
    if (rpc.kind == JSONRPC_RESPONSE &&
        json_raw_get(rpc.result, "decision", &word) == OK) {
        must(json_raw_is(word, "accept") || json_raw_is(word, "decline") ||
             json_raw_is(word, "cancel"));
    }
    if (rpc.kind == JSONRPC_REQUEST) {
        keep(p->asked, &p->n_asked, ASKED_MAX, rpc.id);
    }
    return OK;
}

/* Property: controllers hear only well-formed texts; who may not approve is never
 * asked; the agent's integers never reach them. */
static void to_controller(void *user, struct blob *text)
{
    struct seat *seat = user;
    struct jsonrpc rpc;
    must(!seat->closed);
    must(jsonrpc_scan(blob_bytes(text), &rpc) == OK);
    if (rpc.kind == JSONRPC_REQUEST) {
        must(rpc.id.at[0] == '"');
        must(controller_info(seat->c)->role >= ROLE_APPROVER);
    }
}

static void on_close(void *user, uint16_t code, const char *reason)
{
    struct seat *seat = user;
    (void)code;
    (void)reason;
    seat->closed = true;
}

/* ---- the play ------------------------------------------------------------------------- */

static uint8_t next(struct play *p)
{
    const uint8_t octet = p->left.len > 0 ? p->left.at[0] : 0;
    p->left = bytes_sub(p->left, 1, p->left.len);
    return octet;
}

static struct bytes raw(struct play *p)
{
    const struct bytes out = bytes_sub(p->left, 0, next(p));
    p->left = bytes_sub(p->left, out.len, p->left.len);
    return out;
}

static void on_call(void *user, struct controller *c, struct call *call)
{
    struct play *p = user;
    (void)c;
    if (p->n_calls == COUNT(p->calls)) {
        hub_reply(call, json_object());
        return;
    }
    p->calls[p->n_calls++] = call;
}

static void on_event(void *user, const struct hub_event *e)
{
    struct play *p = user;
    if (e->kind == HUB_EVENT_REQUEST) {
        keep(p->pending, &p->n_pending, PENDING, bytes_from_str(e->request_id));
    }
}

static void dice(void *user, uint8_t *out, size_t len)
{
    struct play *p = user;
    memset(out, ++p->dice, len);
}

static void sit(struct play *p, size_t i)
{
    static const struct controller_ops ops = {.send = to_controller, .close = on_close};
    static const enum role roles[SEATS] = {ROLE_OWNER, ROLE_OPERATOR, ROLE_APPROVER,
                                           ROLE_VIEWER};
    struct controller_info info = {.kind =
                                       i == 0 ? CONTROLLER_LOCAL : CONTROLLER_DEVICE,
                                   .role = roles[i],
                                   .caps = role_caps(roles[i])};
    info.device_id[0] = (uint8_t)i;
    p->seats[i].role = roles[i];
    p->seats[i].closed = false;
    p->seats[i].c = hub_attach(p->hub, &info, &ops, &p->seats[i]);
}

static void agent_answers(struct play *p, bool well)
{
    struct buf out;
    if (p->n_asked == 0) {
        return;
    }
    buf_init(&out, 4096);
    const char *id = p->asked[--p->n_asked];
    const char *result = results[next(p) % COUNT(results)];
    must(buf_putf(&out, "{\"id\":%s,\"%s\":%s}", id, well ? "result" : "error",
                  well ? result : "{\"code\":-32001,\"message\":\"x\"}") == OK);
    hub_upstream(p->hub, buf_bytes(&out), p->now_ms);
    buf_fini(&out);
}

static void seat_answers(struct play *p, struct seat *seat)
{
    struct buf out;
    if (p->n_pending == 0) {
        return;
    }
    buf_init(&out, 4096);
    const char *id = p->pending[next(p) % p->n_pending];
    must(buf_putf(&out, "{\"id\":\"%s\",\"result\":%s}", id,
                  answers[next(p) % COUNT(answers)]) == OK);
    hub_input(seat->c, buf_bytes(&out), p->now_ms);
    buf_fini(&out);
}

static void engine(struct play *p)
{
    const struct engine_status status = {.state = (enum engine_state)(next(p) % 4)};
    p->n_asked = status.state == ENGINE_READY ? p->n_asked : 0;
    hub_engine_state(p->hub, &status, p->now_ms);
}

static void step(struct play *p)
{
    const uint8_t what = next(p);
    const size_t i = (what >> 4) % SEATS;
    struct seat *seat = &p->seats[i];
    const uint8_t id[HUB_DEVICE_ID_SIZE] = {(uint8_t)i};
    switch (what % 13) {
    case 0:
        hub_upstream(p->hub, raw(p), p->now_ms);
        break;
    case 1:
        hub_input(seat->c, raw(p), p->now_ms);
        break;
    case 2:
    case 3:
        hub_upstream(p->hub, bytes_from_str(agent_texts[next(p) % COUNT(agent_texts)]),
                     p->now_ms);
        break;
    case 4:
    case 5:
        hub_input(seat->c,
                  bytes_from_str(controller_texts[next(p) % COUNT(controller_texts)]),
                  p->now_ms);
        break;
    case 6:
        agent_answers(p, true);
        break;
    case 7:
        agent_answers(p, false);
        break;
    case 8:
        seat_answers(p, seat);
        break;
    case 9:
        hub_detach(seat->c);
        sit(p, i);
        break;
    case 10:
        p->now_ms += 1000u * next(p);
        hub_tick(p->hub, p->now_ms);
        break;
    case 11:
        engine(p);
        break;
    default:
        if ((what & 0x80) != 0) {
            hub_revoke(p->hub, id);
        } else {
            hub_rights_changed(p->hub, id, (enum role)(next(p) % (ROLE_MAX + 1)), 0,
                               NULL);
        }
        break;
    }
}

static void curtain(struct play *p)
{
    while (p->n_calls > 0) {
        hub_reply_error(p->calls[--p->n_calls], -1, "over", NULL);
    }
    for (size_t i = 0; i < SEATS; i++) {
        hub_detach(p->seats[i].c);
    }
    const struct engine_status down = {.state = ENGINE_DOWN};
    hub_engine_state(p->hub, &down, p->now_ms);
    must(hub_count(p->hub) == 0);
    must(hub_deadline(p->hub) == 0); // nobody is left to wait for anything
    hub_destroy(p->hub);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hub_ops ops = {
        .upstream = to_agent, .call = on_call, .event = on_event, .random = dice};
    const struct hub_options options = {
        .codex_home = "/h", .cwd = "/work", .host_name = "fuzz"};
    const struct engine_status ready = {.state = ENGINE_READY};
    struct play p = {.left = {data, size}, .now_ms = 1};
    log_set_level(LOG_ERROR);
    p.hub = hub_create(&options, &ops, &p);
    for (size_t i = 0; i < SEATS; i++) {
        sit(&p, i);
    }
    hub_engine_state(p.hub, &ready, p.now_ms);
    while (p.left.len > 0) {
        step(&p);
    }
    curtain(&p);
    return 0;
}
