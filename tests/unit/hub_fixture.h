/*
 * hub_fixture: a hub between a scripted agent and scripted controllers.
 *
 * Shape      everything the hub says is kept, per ear, until the test takes it:
 *
 *     stage_open(&s); who = seat_take(&s, ROLE_OPERATOR, …); say(who, "…");
 *     heard(&s.agent) -> the next text to the agent, or "" when there is none
 */
#ifndef TESTS_UNIT_HUB_FIXTURE_H
#define TESTS_UNIT_HUB_FIXTURE_H

#include "base/blob.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "host/hub.h"
#include "wire/json.h"

#define write_text(out, size, ...)                       \
    do {                                                 \
        if (text_format(out, size, __VA_ARGS__) != OK) { \
            abort();                                     \
        }                                                \
    } while (0)

#define EAR_MAX   512
#define SEATS_MAX 16

struct ear {
    char *texts[EAR_MAX];
    size_t first;
    size_t end;
    char *last; // what heard() gave
};

struct stage;

struct seat {
    struct stage *stage;
    struct controller *c;
    struct ear ear;
    unsigned n_changed; // farhand/approval/changed
    char company[1024]; // the last farhand/presence/changed
    uint16_t closed;
};

struct stage_act { // what the log would be told
    enum hub_event_kind kind;
    char word[64]; // status, else the turn
};

struct stage {
    struct hub *hub;
    struct ear agent;
    bool agent_gone;
    struct seat seats[SEATS_MAX];
    size_t n_seats;
    struct call *calls[16];
    size_t n_calls;
    enum hub_event_kind events[256];
    size_t n_events;
    struct stage_act acts[64];
    size_t n_acts;
    const char *trouble; // NULL: the log is fine
    enum err disk;       // what accept says
    struct {
        enum hub_command_state state;
        uint64_t seq;
        int64_t error;
        char method[64];
        char body[512];
        char turn[64];
        size_t n;
    } command; // the last that was accepted or moved
    uint8_t dice;
    uint64_t now_ms;
};

static inline void ear_put(struct ear *e, struct bytes text)
{
    char *copy = malloc(text.len + 1);
    if (copy == NULL || e->end == EAR_MAX) {
        abort();
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    e->texts[e->end++] = copy;
}

/* The next text, or "". Valid until the next call for this ear. */
static inline const char *heard(struct ear *e)
{
    free(e->last);
    e->last = e->first < e->end ? e->texts[e->first] : NULL;
    e->first += e->first < e->end ? 1 : 0;
    if (e->first == e->end) {
        e->first = e->end = 0;
    }
    return e->last != NULL ? e->last : "";
}

static inline void deafen(struct ear *e)
{
    while (heard(e)[0] != '\0') {
    }
}

/* ---- what the hub is given ------------------------------------------------- */

static inline enum err stage_upstream(void *user, struct bytes text)
{
    struct stage *s = user;
    if (s->agent_gone) {
        return ERR_CLOSED;
    }
    ear_put(&s->agent, text);
    return OK;
}

static inline void stage_call(void *user, struct controller *c, struct call *call)
{
    struct stage *s = user;
    (void)c;
    if (s->n_calls == COUNT(s->calls)) {
        hub_reply_error(call, -1, "full", NULL);
        return;
    }
    s->calls[s->n_calls++] = call;
}

static inline void stage_event(void *user, const struct hub_event *event)
{
    struct stage *s = user;
    if (event->kind >= HUB_EVENT_CALLED) {
        s->acts[s->n_acts++ % COUNT(s->acts)] = (struct stage_act){event->kind, ""};
        text_sanitize(event->status.len != 0 ? event->status : event->turn,
                      s->acts[(s->n_acts - 1) % COUNT(s->acts)].word,
                      sizeof(s->acts[0].word));
        return;
    }
    s->events[s->n_events++ % COUNT(s->events)] = event->kind;
}

static inline const char *stage_trouble(void *user)
{
    const struct stage *s = user;
    return s->trouble;
}

static inline enum err stage_accept(void *user, const struct hub_command *c)
{
    struct stage *s = user;
    s->command.n++;
    if (s->disk != OK) {
        return s->disk;
    }
    s->command.state = c->state;
    s->command.seq = c->key.seq;
    write_text(s->command.method, sizeof(s->command.method), "%s", c->method);
    write_text(s->command.body, sizeof(s->command.body), "%.*s", (int)c->body.len,
               c->body.len == 0 ? "" : (const char *)c->body.at);
    return OK;
}

static inline void stage_moved(void *user, const struct hub_command *c)
{
    struct stage *s = user;
    s->command.state = c->state;
    s->command.seq = c->key.seq;
    s->command.error = c->error;
    write_text(s->command.turn, sizeof(s->command.turn), "%s",
               c->turn_id == NULL ? "" : c->turn_id);
}

static inline bool stage_is_folder(void *user, const char *path)
{
    (void)user;
    return strncmp(path, "/gone", 5) != 0;
}

static inline void stage_random(void *user, uint8_t *out, size_t len)
{
    struct stage *s = user;
    memset(out, ++s->dice, len);
}

static inline uint64_t stage_wall_ms(void *user)
{
    (void)user;
    return UINT64_C(1795347113000);
}

static inline void seat_send(void *user, struct blob *text)
{
    struct seat *seat = user;
    const struct bytes octets = blob_bytes(text);
    const struct bytes row = BYTES_LIT("{\"method\":\"farhand/approval/changed\"");
    if (bytes_equal(bytes_sub(octets, 0, row.len), row)) {
        seat->n_changed++; // beside what the agent's own protocol says
        return;
    }
    const struct bytes company = BYTES_LIT("{\"method\":\"farhand/presence/changed\"");
    if (bytes_equal(bytes_sub(octets, 0, company.len), company)) {
        write_text(seat->company, sizeof(seat->company), "%.*s", (int)octets.len,
                   (const char *)octets.at);
        return;
    }
    ear_put(&seat->ear, octets);
}

static inline void seat_closed(void *user, uint16_t code, const char *reason)
{
    struct seat *seat = user;
    (void)reason;
    seat->closed = code;
}

/* ---- the play ---------------------------------------------------------------- */

static inline void agent_state(struct stage *s, enum engine_state state)
{
    struct engine_status status = {.state = state, .version = "0.169.0"};
    hub_engine_state(s->hub, &status, s->now_ms);
}

static inline void agent_says(struct stage *s, const char *text)
{
    hub_upstream(s->hub, bytes_from_str(text), s->now_ms);
}

/* Answers the last request the agent heard (its id is in `request`). */
static inline void agent_answers(struct stage *s, const char *request,
                                 const char *result)
{
    const char *id = strstr(request, "\"id\":");
    const bool error = strncmp(result, "{\"code\"", 7) == 0;
    if (id == NULL) {
        return; // nothing was asked: the agent is silent
    }
    id += 5;
    const size_t size = strlen(result) + 256;
    char *text = malloc(size); // not ours to fail
    if (text == NULL) {
        abort();
    }
    write_text(text, size, "{\"id\":%.*s,\"%s\":%s}", (int)strcspn(id, ",}"), id,
               error ? "error" : "result", result);
    hub_upstream(s->hub, bytes_from_str(text), s->now_ms);
    free(text);
}

static inline void say(struct seat *seat, const char *text)
{
    hub_input(seat->c, bytes_from_str(text), seat->stage->now_ms);
}

/* The next text to the agent, answered with `result`. */
static inline void agent_replies(struct stage *s, const char *result)
{
    const char *request = heard(&s->agent);
    if (request[0] == '\0') {
        fail_msg("the agent was asked nothing");
    }
    agent_answers(s, request, result);
}

static inline struct seat *seat_sit(struct stage *s, enum controller_kind kind,
                                    enum role role, uint64_t caps)
{
    static const struct controller_ops ops = {.send = seat_send, .close = seat_closed};
    struct seat *seat = &s->seats[s->n_seats++];
    struct controller_info info = {.kind = kind, .role = role, .caps = caps};
    write_text(info.name, sizeof(info.name), "seat%zu", s->n_seats);
    memset(info.device_id, (int)s->n_seats, sizeof(info.device_id));
    seat->stage = s;
    seat->c = hub_attach(s->hub, &info, &ops, seat);
    return seat;
}

static inline struct seat *seat_take(struct stage *s, enum controller_kind kind,
                                     enum role role, uint64_t caps)
{
    struct seat *seat = seat_sit(s, kind, role, caps);
    say(seat, "{\"id\":\"initialize\",\"method\":\"initialize\",\"params\":"
              "{\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"},"
              "\"capabilities\":{\"experimentalApi\":true}}}");
    deafen(&seat->ear);
    return seat;
}

/* A device whose grant is for certain threads. */
static inline struct seat *scoped(struct stage *s, enum role role, const char *scope)
{
    struct seat *seat =
        seat_take(s, CONTROLLER_DEVICE, role, role_caps(role) & ~CAP_ADMIN);
    hub_scope_changed(s->hub, controller_info(seat->c)->device_id, scope);
    return seat;
}

static inline struct seat *device(struct stage *s, enum role role)
{
    return seat_take(s, CONTROLLER_DEVICE, role, role_caps(role));
}

static inline struct seat *local(struct stage *s)
{
    return seat_take(s, CONTROLLER_LOCAL, ROLE_OWNER, CAP_ALL);
}

static inline void seat_leave(struct seat *seat)
{
    if (seat->c != NULL) {
        hub_detach(seat->c);
    }
    seat->c = NULL;
}

static inline void stage_open_cold(struct stage *s)
{
    static const struct hub_ops ops = {
        .upstream = stage_upstream,
        .call = stage_call,
        .event = stage_event,
        .trouble = stage_trouble,
        .accept = stage_accept,
        .moved = stage_moved,
        .is_folder = stage_is_folder,
        .random = stage_random,
        .wall_ms = stage_wall_ms,
    };
    const struct hub_options options = {
        .codex_home = "/home/u/.codex", .cwd = "/work", .host_name = "studio"};
    memset(s, 0, sizeof(*s));
    s->now_ms = 1000;
    s->hub = hub_create(&options, &ops, s);
}

/* Ready, with nothing loaded. */
static inline void stage_open(struct stage *s)
{
    stage_open_cold(s);
    agent_state(s, ENGINE_READY);
    agent_answers(s, heard(&s->agent), "{\"data\":[],\"nextCursor\":null}");
    agent_answers(s, heard(&s->agent),
                  "{\"data\":[{\"cwd\":\"/known\",\"updatedAt\":5}]}");
}

static inline void stage_close(struct stage *s)
{
    for (size_t i = 0; i < s->n_seats; i++) {
        seat_leave(&s->seats[i]);
        deafen(&s->seats[i].ear);
    }
    while (s->n_calls > 0) {
        hub_reply(s->calls[--s->n_calls], json_object());
    }
    hub_destroy(s->hub);
    deafen(&s->agent);
}

/* `seat` starts thread `id`; what it hears of that is dropped. */
static inline void start_thread(struct stage *s, struct seat *seat, const char *id)
{
    char result[512];
    write_text(result, sizeof(result),
               "{\"thread\":{\"id\":\"%s\",\"ephemeral\":false,\"status\":"
               "{\"type\":\"idle\"},\"turns\":[]},\"cwd\":\"/work\","
               "\"approvalPolicy\":\"untrusted\",\"approvalsReviewer\":\"user\","
               "\"sandbox\":{\"type\":\"workspaceWrite\"}}",
               id);
    say(seat, "{\"id\":1,\"method\":\"thread/start\",\"params\":{\"cwd\":\"/work\"}}");
    agent_replies(s, result);
    deafen(&seat->ear);
}

#endif
