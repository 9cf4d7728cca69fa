#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/daemon.h"
#include "host/recover.h"
#include "host/scope.h"
#include "link/link_host.h"
#include "store/lane.h"

/* Commands on disk: accepted before they act, what became of them, what was open when
 * the host before this one ended (protocol.md 5.3). */

#define RESEND_MS   (UINT64_C(10) * 60 * 1000) // a prompt that old surprises its author
#define PRUNE_EVERY 64u
#define READ_MAX    256

_Static_assert((int)STORE_ACCEPTED == (int)HUB_COMMAND_ACCEPTED &&
                   (int)STORE_UNKNOWN == (int)HUB_COMMAND_UNKNOWN,
               "the hub's states are the store's");

/* ---- lanes ------------------------------------------------------------------------ */

bool commands_lane_load(void *user, const uint8_t device_id[16], uint64_t *last_recv)
{
    struct host *h = user;
    struct store_lane lane;
    if (store_lane_get(h->store, device_id, &lane) != OK) {
        return false;
    }
    *last_recv = lane.last_recv;
    return true;
}

/* A device that was revoked a moment ago has no lane any more, and gets none. */
enum err commands_lane_commit(void *user, const uint8_t device_id[16],
                              uint64_t last_recv)
{
    struct host *h = user;
    struct store_lane lane = {.last_recv = last_recv};
    if (last_recv != 0 && devices_find(h->devices, device_id) == NULL) {
        return ERR_CANCELED;
    }
    memcpy(lane.device_id, device_id, sizeof(lane.device_id));
    return store_lane_put(h->store, &lane);
}

/* ---- the way in -------------------------------------------------------------------- */

static void copy(char *out, size_t size, const char *text)
{
    if (text_format(out, size, "%s", text == NULL ? "" : text) != OK) {
        out[0] = '\0'; // longer than any id of the agent: not known
    }
}

static void fill(struct store_command *row, const struct hub_command *c)
{
    *row = (struct store_command){.seq = c->key.seq,
                                  .state = (enum store_command_state)c->state,
                                  .error = c->error,
                                  .accepted_ms = clock_wall_ms(),
                                  .body = c->body};
    memcpy(row->device_id, c->key.device_id, sizeof(row->device_id));
    copy(row->method, sizeof(row->method), c->method);
    copy(row->thread, sizeof(row->thread), c->thread_id);
    copy(row->turn, sizeof(row->turn), c->turn_id);
}

static enum err put_both(struct host *h, const struct hub_command *c)
{
    struct store_command row;
    struct store_lane lane = {.last_recv = c->key.seq};
    memcpy(lane.device_id, c->key.device_id, sizeof(lane.device_id));
    fill(&row, c);
    enum err e = store_lane_put(h->store, &lane);
    e = e != OK ? e : store_command_put(h->store, &row);
    if (e == OK && ++h->n_commands % PRUNE_EVERY == 0) {
        e = store_command_prune(h->store, row.device_id);
    }
    return e;
}

enum err commands_accept(void *user, const struct hub_command *c)
{
    struct host *h = user;
    enum err e = store_begin(h->store);
    if (e != OK) {
        return e;
    }
    e = put_both(h, c);
    if (e != OK) {
        store_rollback(h->store);
        return e;
    }
    return c->joins ? OK : commands_commit(h);
}

enum err commands_commit(struct host *h)
{
    const enum err e = store_commit(h->store);
    if (e == OK) {
        commands_committed(h);
    }
    return e;
}

void commands_committed(struct host *h)
{
    if (h->reading != NULL) {
        link_stream_committed(h->reading, link_stream_seq(h->reading));
    }
}

/* One text of a device, with its number: whatever it makes durable is told to its lane,
 * and no transaction outlives the call. */
void commands_input(struct host *h, struct controller *c, struct link_stream *st,
                    struct bytes text)
{
    h->reading = st;
    hub_input_numbered(c, text, link_stream_seq(st), loop_now_ms(h->loop));
    if (store_in_transaction(h->store) && commands_commit(h) != OK) {
        log_error("command.not_committed", "seq=%llu",
                  (unsigned long long)link_stream_seq(st));
    }
    h->reading = NULL;
}

/* ---- what became of it --------------------------------------------------------------- */

/* Not worth an fsync: lost with the power it is found again, or unknown. */
void commands_moved(void *user, const struct hub_command *c)
{
    struct host *h = user;
    struct store_command row;
    fill(&row, c);
    const enum err e = store_command_moved(h->store, &row);
    if (e != OK && e != ERR_NOT_FOUND) { // not found: its device was revoked
        log_warn("command.not_stored", "state=%d reason=\"%s\"", (int)c->state,
                 err_text(e));
    }
}

/* ---- after a restart ------------------------------------------------------------------- */

struct open_command {
    struct store_command row;
    struct blob *body;
};

struct open_commands {
    struct open_command *at[HUB_RECOVER_MAX];
    size_t n;
};

static void collect(void *user, const struct store_command *row)
{
    struct open_commands *all = user;
    if (all->n == HUB_RECOVER_MAX) {
        return; // the others stay open, and are looked into by the next start
    }
    struct open_command *c = mem_new(sizeof(*c));
    c->row = *row;
    c->body = row->body.len == 0 ? NULL : blob_copy(row->body);
    all->at[all->n++] = c;
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void recover_one(struct host *h, const struct open_command *o)
{
    const struct device *device = devices_find(h->devices, o->row.device_id);
    const uint64_t now_ms = clock_wall_ms();
    const bool recent =
        now_ms >= o->row.accepted_ms && now_ms - o->row.accepted_ms < RESEND_MS;
    const bool may_send = recent && device != NULL && device->role >= ROLE_OPERATOR &&
                          !device_is_expired(device, now_ms) &&
                          !device_is_over(device, now_ms) &&
                          (device->row.scope[0] == '\0' ||
                           scope_has(device->row.scope, bytes_from_str(o->row.thread)));
    struct hub_command c = {
        .key = {.seq = o->row.seq},
        .state = HUB_COMMAND_ACCEPTED,
        .method = o->row.method,
        .thread_id = or_null(o->row.thread),
        .body = blob_bytes(o->body),
    };
    memcpy(c.key.device_id, o->row.device_id, sizeof(c.key.device_id));
    hub_recover(h->hub, &c, may_send);
}

void commands_recover(struct host *h)
{
    struct open_commands *all = mem_new(sizeof(*all));
    if (store_command_open(h->store, collect, all) != OK) {
        log_error("command.unreadable", "n=%zu", all->n);
    }
    for (size_t i = 0; i < all->n; i++) {
        recover_one(h, all->at[i]);
        blob_unref(all->at[i]->body);
        mem_free(all->at[i]);
    }
    mem_free(all);
}

/* ---- farhand/commands/read ------------------------------------------------------------- */

static void add_row(void *user, const struct store_command *c)
{
    static const char *const names[] = {
        [STORE_ACCEPTED] = "accepted",
        [STORE_SENT] = "sent",
        [STORE_ANSWERED] = "answered",
        [STORE_UNKNOWN] = "unknown",
    };
    json_t *row = json_object();
    const bool known = c->state >= STORE_ACCEPTED && c->state <= STORE_UNKNOWN;
    json_set_int(row, "seq", (int64_t)c->seq);
    json_set_str(row, "method", c->method);
    json_set_str(row, "state", names[known ? c->state : STORE_UNKNOWN]);
    if (c->thread[0] != '\0') {
        json_set_str(row, "threadId", c->thread);
    }
    if (c->turn[0] != '\0') {
        json_set_str(row, "turnId", c->turn);
    }
    if (c->error != 0) {
        json_t *error = json_object();
        json_set_int(error, "code", c->error);
        json_set(row, "error", error);
    }
    json_push(user, row);
}

void commands_read(struct host *h, struct call *call)
{
    json_t *data = json_array();
    uint64_t from = 0;
    int64_t limit = json_get_int(call->params, "limit", READ_MAX);
    (void)json_read_u64(call->params, "from", &from);
    limit = limit < 1 || limit > READ_MAX ? READ_MAX : limit;
    if (call->info.kind == CONTROLLER_DEVICE &&
        store_command_each(h->store, call->info.device_id, from, (uint64_t)limit,
                           add_row, data) != OK) {
        json_decref(data);
        hub_reply_error(call, HUB_ERR_INTERNAL, "the host's state cannot be read",
                        NULL);
        return;
    }
    hub_reply(call, json_pack("{s:o}", "data", data));
}
