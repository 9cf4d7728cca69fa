#include "host/item.h"

#include <string.h>

#include "base/mem.h"

struct run { // one part of an item's text: adjacent deltas of one kind
    struct list node;
    const struct notice *notice;
    char part[24];   // raw number, or empty
    struct buf text; // inside of a JSON string
};

struct item {
    struct list node;
    char id[THREAD_ID_MAX + 1];
    char turn[THREAD_ID_MAX + 1];
    struct blob *started; // the item/started as it came
    struct blob *patch;   // the last patchUpdated
    struct list runs;
    unsigned n_runs;
    size_t octets;
    bool partial;
    bool message; // an agentMessage
};

struct closed {
    struct list node;
    uint64_t serial;
    struct blob *text;
};

static void close_superseded(struct thread *t, struct bytes id, struct bytes turn);

/* ---- open items ------------------------------------------------------------------ */

static void run_free(struct run *r)
{
    list_remove(&r->node);
    buf_fini(&r->text);
    mem_free(r);
}

static void item_free(struct item *i)
{
    while (!list_is_empty(&i->runs)) {
        run_free(list_first(&i->runs, struct run, node));
    }
    blob_unref(i->started);
    blob_unref(i->patch);
    list_remove(&i->node);
    mem_free(i);
}

static struct item *find(struct thread *t, struct bytes id)
{
    struct item *i;
    list_each (i, &t->items, node) {
        if (strncmp(i->id, (const char *)id.at, id.len) == 0 && i->id[id.len] == '\0') {
            return i;
        }
    }
    return NULL;
}

static void drop(struct thread *t, struct item *i)
{
    item_free(i);
    t->n_items--;
}

static struct item *add(struct thread *t, struct bytes id, struct bytes turn)
{
    if (id.len == 0 || id.len > THREAD_ID_MAX || turn.len > THREAD_ID_MAX) {
        return NULL;
    }
    if (t->n_items >= ITEMS_EACH) { // the oldest is the least likely to be open
        drop(t, list_first(&t->items, struct item, node));
    }
    struct item *i = mem_try(1, sizeof(*i));
    if (i == NULL) {
        return NULL;
    }
    memcpy(i->id, id.at, id.len);
    if (turn.len > 0) {
        memcpy(i->turn, turn.at, turn.len);
    }
    list_init(&i->runs);
    list_append(&t->items, &i->node);
    t->n_items++;
    return i;
}

void item_started(struct thread *t, const struct item_start *start)
{
    const struct bytes id = start->id;
    const struct bytes turn = start->turn;
    const bool message = json_raw_is(start->type, "agentMessage");
    if (message || json_raw_is(start->type, "reasoning")) {
        close_superseded(t, id, turn);
    }
    struct item *i = find(t, id);
    if (i == NULL) {
        i = add(t, id, turn);
    }
    if (i != NULL) {
        blob_unref(i->started);
        i->started = blob_copy(start->text);
        i->message = message;
    }
}

void item_completed(struct thread *t, struct bytes id, struct bytes text)
{
    struct item *i = find(t, id);
    if (i != NULL) {
        drop(t, i);
    }
    if (t->n_joining == 0 || t->n_closed >= THREAD_CLOSED_MAX) {
        return;
    }
    struct closed *c = mem_try(1, sizeof(*c));
    if (c != NULL) {
        c->serial = ++t->closed_serial;
        c->text = blob_copy(text);
        list_append(&t->closed, &c->node);
        t->n_closed++;
    }
}

void item_patch(struct thread *t, struct bytes id, struct bytes text)
{
    struct item *i = find(t, id);
    if (i != NULL) {
        blob_unref(i->patch);
        i->patch = blob_copy(text);
    }
}

json_t *item_changes(struct thread *t, struct bytes id)
{
    const struct item *i = id.len == 0 ? NULL : find(t, id);
    json_t *root = NULL;
    json_t *changes = NULL;
    if (i == NULL) {
        return NULL;
    }
    if (i->patch != NULL && json_parse(blob_bytes(i->patch), &root) == OK) {
        changes = json_incref(json_get_arr(json_object_get(root, "params"), "changes"));
        json_decref(root);
        root = NULL;
    }
    if (changes == NULL && json_parse(blob_bytes(i->started), &root) == OK) {
        const json_t *params = json_object_get(root, "params");
        changes = json_incref(json_get_arr(json_object_get(params, "item"), "changes"));
        json_decref(root);
    }
    return changes;
}

void items_free(struct thread *t)
{
    while (!list_is_empty(&t->items)) {
        drop(t, list_first(&t->items, struct item, node));
    }
}

void items_forget_closed(struct thread *t)
{
    while (!list_is_empty(&t->closed)) {
        struct closed *c = list_first(&t->closed, struct closed, node);
        list_remove(&c->node);
        blob_unref(c->text);
        mem_free(c);
    }
    t->n_closed = 0;
}

/* ---- deltas ------------------------------------------------------------------------ */

static struct run *run_for(struct item *i, const struct notice *n, struct bytes part)
{
    struct run *r;
    if (!list_is_empty(&i->runs)) { // nearly always the last one
        r = CONTAINER_OF(i->runs.prev, struct run, node);
        if (r->notice == n && bytes_equal_str(part, r->part)) {
            return r;
        }
    }
    list_each (r, &i->runs, node) {
        if (r->notice == n && bytes_equal_str(part, r->part)) {
            return r;
        }
    }
    if (i->n_runs >= ITEM_RUNS_MAX || part.len >= sizeof(r->part)) {
        return NULL;
    }
    r = mem_try(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    r->notice = n;
    if (part.len > 0) {
        memcpy(r->part, part.at, part.len);
    }
    buf_init(&r->text, ITEM_TEXT_MAX);
    list_append(&i->runs, &r->node);
    i->n_runs++;
    return r;
}

static void append(struct item *i, const struct notice *n, const struct item_delta *d)
{
    struct run *r = run_for(i, n, d->part);
    if (r == NULL || i->partial || i->octets + d->text.len > ITEM_TEXT_MAX ||
        buf_put(&r->text, d->text) != OK) {
        i->partial = true; // from here on it is live only
        return;
    }
    i->octets += d->text.len;
}

/* The smallest item of the kind that such a delta belongs to. */
static json_t *bare_item(const struct notice *n, const struct item *i)
{
    json_t *item = json_object();
    json_set_str(item, "id", i->id);
    if (strncmp(n->name, "item/reasoning/", 15) == 0) {
        json_set_str(item, "type", "reasoning");
        json_set(item, "summary", json_array());
        json_set(item, "content", json_array());
    } else if (strncmp(n->name, "item/commandExecution/", 22) == 0) {
        json_set_str(item, "type", "commandExecution");
        json_set_str(item, "command", "");
        json_set(item, "commandActions", json_array());
        json_set_str(item, "cwd", "/");
        json_set_str(item, "status", "inProgress");
    } else if (strncmp(n->name, "item/fileChange/", 16) == 0) {
        json_set_str(item, "type", "fileChange");
        json_set(item, "changes", json_array());
        json_set_str(item, "status", "inProgress");
    } else {
        const bool plan = strncmp(n->name, "item/plan/", 10) == 0;
        json_set_str(item, "type", plan ? "plan" : "agentMessage");
        json_set_str(item, "text", "");
    }
    return item;
}

static struct blob *bare_start(const struct thread *t, const struct notice *n,
                               const struct item *i)
{
    json_t *params = json_object();
    json_set(params, "item", bare_item(n, i));
    json_set_str(params, "threadId", t->id);
    json_set_str(params, "turnId", i->turn);
    json_set_int(params, "startedAtMs", (int64_t)hub_wall_ms(t->hub));
    json_set(params, "farhand", json_pack("{s:b}", "partial", 1));
    return hub_notification("item/started", params);
}

bool item_delta(struct thread *t, const struct notice *n, const struct item_delta *d,
                struct blob **start)
{
    bool is_new = false;
    struct item *i = find(t, d->item);
    if (i == NULL && t->partial) { // we came while it was open
        i = add(t, d->item, d->turn);
        is_new = i != NULL;
        if (is_new) {
            i->started = bare_start(t, n, i);
            *start = i->started != NULL ? blob_ref(i->started) : NULL;
        }
    }
    if (i != NULL) {
        append(i, n, d);
    }
    return is_new && *start != NULL;
}

/* ---- the snapshot -------------------------------------------------------------------- */

static struct blob *delta_so_far(const struct thread *t, const struct item *i,
                                 const struct run *r)
{
    struct buf out;
    struct blob *blob = NULL;
    buf_init(&out, ITEM_TEXT_MAX + 4096);
    enum err e = buf_putf(&out,
                          "{\"method\":\"%s\",\"params\":{\"threadId\":\"%s\","
                          "\"turnId\":\"%s\",\"itemId\":\"%s\",\"delta\":\"",
                          r->notice->name, t->id, i->turn, i->id);
    if (e == OK) {
        e = buf_put(&out, buf_bytes(&r->text));
    }
    if (e == OK && r->part[0] != '\0') {
        e = buf_putf(&out, "\",\"%s\":%s}}", r->notice->key, r->part);
    } else if (e == OK) {
        e = buf_put_str(&out, "\"}}");
    }
    if (e == OK) {
        blob = blob_copy(buf_bytes(&out));
    }
    buf_fini(&out);
    return blob;
}

static void send_item(const struct thread *t, const struct item *i,
                      struct controller *c)
{
    const struct notice *started = notice_find(BYTES_LIT("item/started"));
    const struct notice *patched =
        notice_find(BYTES_LIT("item/fileChange/patchUpdated"));
    if (i->started != NULL && controller_hears(c, started)) {
        controller_send(c, i->started);
    }
    if (i->patch != NULL && controller_hears(c, patched)) {
        controller_send(c, i->patch);
    }
    const struct run *r;
    list_each (r, &i->runs, node) {
        if (buf_len(&r->text) > 0 && controller_hears(c, r->notice)) {
            struct blob *text = delta_so_far(t, i, r);
            controller_send(c, text);
            blob_unref(text);
        }
    }
}

void items_snapshot(struct thread *t, struct controller *c, uint64_t joined_at)
{
    const struct notice *completed = notice_find(BYTES_LIT("item/completed"));
    const struct closed *done;
    const struct item *i;
    list_each (done, &t->closed, node) {
        if (done->serial > joined_at && done->text != NULL &&
            controller_hears(c, completed)) {
            controller_send(c, done->text);
        }
    }
    list_each (i, &t->items, node) {
        send_item(t, i, c);
    }
}

/* ---- closing what the agent left open --------------------------------------------------- */

static json_t *decoded(const struct run *r)
{
    struct buf raw;
    struct buf text;
    json_t *value = NULL;
    buf_init(&raw, ITEM_TEXT_MAX + 2);
    buf_init(&text, ITEM_TEXT_MAX + 2);
    if (buf_put_u8(&raw, '"') == OK && buf_put(&raw, buf_bytes(&r->text)) == OK &&
        buf_put_u8(&raw, '"') == OK && json_raw_text(buf_bytes(&raw), &text) == OK) {
        const struct bytes b = buf_bytes(&text);
        value = json_stringn((const char *)b.at, b.len);
    }
    buf_fini(&raw);
    buf_fini(&text);
    return value != NULL ? value : json_string("");
}

static const char *text_member(const struct notice *n)
{
    static const struct {
        const char *name;
        const char *member;
    } members[] = {
        {"item/agentMessage/delta", "text"},
        {"item/plan/delta", "text"},
        {"item/reasoning/summaryTextDelta", "summary"},
        {"item/reasoning/textDelta", "content"},
        {"item/commandExecution/outputDelta", "aggregatedOutput"},
    };
    for (size_t i = 0; i < COUNT(members); i++) {
        if (strcmp(n->name, members[i].name) == 0) {
            return members[i].member;
        }
    }
    return NULL;
}

static void put_text(json_t *item, const struct run *r)
{
    const char *member = text_member(r->notice);
    if (member == NULL) {
        return;
    }
    if (r->part[0] == '\0') {
        json_set(item, member, decoded(r));
        return;
    }
    json_t *parts = json_get_arr(item, member);
    if (parts == NULL) {
        parts = json_array();
        json_set(item, member, parts);
    }
    json_push(parts, decoded(r));
}

static void put_status(json_t *item, bool orderly)
{
    const char *status = json_get_str(item, "status");
    const char *type = json_get_str(item, "type");
    if (status == NULL || type == NULL || strcmp(status, "inProgress") != 0) {
        return;
    }
    if (orderly && strcmp(type, "commandExecution") == 0) {
        return; // a background terminal runs on: its status is the truth
    }
    json_set_str(item, "status", "failed");
}

static struct blob *end_of(const struct thread *t, const struct item *i, bool orderly)
{
    json_t *root = NULL;
    struct blob *blob = NULL;
    if (i->started == NULL || json_parse(blob_bytes(i->started), &root) != OK) {
        return NULL;
    }
    json_t *params = json_get_obj(root, "params");
    json_t *item = json_get_obj(params, "item");
    if (item != NULL) {
        const struct run *r;
        list_each (r, &i->runs, node) {
            put_text(item, r);
        }
        put_status(item, orderly);
        (void)json_object_del(params, "startedAtMs");
        json_set_int(params, "completedAtMs", (int64_t)hub_wall_ms(t->hub));
        json_set(params, "farhand",
                 json_pack("{s:b, s:b}", "closed", 1, "partial", i->partial ? 1 : 0));
        blob = hub_notification("item/completed", json_incref(params));
    }
    json_decref(root);
    return blob;
}

static void close_one(struct thread *t, struct item *i, bool orderly)
{
    struct blob *end = end_of(t, i, orderly);
    if (end != NULL) {
        thread_deliver(t, notice_find(BYTES_LIT("item/completed")), blob_bytes(end));
    }
    blob_unref(end);
    drop(t, i);
}

void items_close(struct thread *t, struct bytes turn, bool orderly)
{
    struct item *i;
    struct item *tmp;
    list_each_safe (i, tmp, &t->items, node) {
        if (turn.len == 0 || bytes_equal_str(turn, i->turn)) {
            close_one(t, i, orderly);
        }
    }
}

/* A turn writes one message at a time: the next one's start means that a steer cut the
 * open one off, of which Codex says nothing. Closed now, it keeps its place above. */
static void close_superseded(struct thread *t, struct bytes id, struct bytes turn)
{
    struct item *i;
    struct item *tmp;
    list_each_safe (i, tmp, &t->items, node) {
        if (i->message && bytes_equal_str(turn, i->turn) &&
            !bytes_equal_str(id, i->id)) {
            close_one(t, i, true);
        }
    }
}
