/*
 * ledger_rig: a host without its doors, on real files: store, log, keys, hub; the agent
 * and the controllers are scripted. Two snapshots are taken of its folder as kill -9
 * would leave it: when a decision's line is on disk, and when the agent is told.
 */
#ifndef TESTS_UNIT_LEDGER_RIG_H
#define TESTS_UNIT_LEDGER_RIG_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/id.h"
#include "crypto/random.h"
#include "host/ballot.h"
#include "host/daemon.h"
#include "session/approval.h"
#include "store/approval.h"

#define HAS(text, part) TEST_CHECK(strstr(text, part) != NULL, part " is not in it")

#define ASK                                                                          \
    "{\"method\":\"item/commandExecution/requestApproval\",\"id\":0,\"params\":{"    \
    "\"threadId\":\"t1\",\"turnId\":\"u1\",\"itemId\":\"call_X\",\"startedAtMs\":1," \
    "\"command\":\"/bin/bash -lc 'touch a'\",\"cwd\":\"/w\"}}"

#define DIR_SIZE 64

struct rig {
    struct host *h;
    char dir[DIR_SIZE];
    struct controller *local;
    struct controller *phone;
    char upstream[1024]; // the last text to the agent
    unsigned n_answers;
    char heard[65536]; // the last text to a controller
    uint8_t device_id[16];
    char snap_line[DIR_SIZE];   // as if killed when the decision's line was on disk
    char snap_effect[DIR_SIZE]; // … and when the agent was being told
    bool watching;
};

static struct rig *now; // ops know the host alone
static uint64_t wall = UINT64_C(1795347113000);
static struct sign_key *device_key;
static char keys_home[] = "/tmp/farhand-ledger-keys-XXXXXX";

/* ---- files ----------------------------------------------------------------------- */

static void path_in(const char *dir, const char *name, char out[PATH_MAX])
{
    if (text_format(out, PATH_MAX, "%s/%s", dir, name) != OK) {
        abort();
    }
}

static void copy_file(const char *from, const char *to)
{
    static uint8_t octets[1 << 20];
    const int in = open(from, O_RDONLY);
    const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n;
    while ((n = read(in, octets, sizeof(octets))) > 0) {
        EQ_INT(write(out, octets, (size_t)n), n);
    }
    (void)close(in);
    (void)close(out);
}

/* What kill -9 leaves: every file as it is now, but what SQLite keeps in memory. */
static void snapshot(const char *dir, char out[DIR_SIZE])
{
    if (text_format(out, DIR_SIZE, "/tmp/farhand-ledger-snap-XXXXXX") != OK ||
        mkdtemp(out) == NULL) {
        abort();
    }
    DIR *d = opendir(dir);
    const struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        char from[PATH_MAX];
        char to[PATH_MAX];
        if (e->d_name[0] != '.' && strstr(e->d_name, "-shm") == NULL) {
            path_in(dir, e->d_name, from);
            path_in(out, e->d_name, to);
            copy_file(from, to);
        }
    }
    (void)closedir(d);
}

static void forget_dir(const char *dir)
{
    DIR *d = dir[0] == '\0' ? NULL : opendir(dir);
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        char path[PATH_MAX];
        path_in(dir, e->d_name, path);
        (void)unlink(path);
    }
    if (d != NULL) {
        (void)closedir(d);
        (void)rmdir(dir);
    }
}

static size_t read_log(const char *dir, char *out, size_t size)
{
    char path[PATH_MAX];
    path_in(dir, "audit.jsonl", path);
    const int fd = open(path, O_RDONLY);
    const ssize_t n = read(fd, out, size - 1);
    (void)close(fd);
    out[n < 0 ? 0 : n] = '\0';
    return n < 0 ? 0 : (size_t)n;
}

static unsigned count_in_log(const char *dir, const char *what)
{
    static char text[1 << 20];
    unsigned n = 0;
    (void)read_log(dir, text, sizeof(text));
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        n++;
    }
    return n;
}

/* ---- the host, without its doors ----------------------------------------------------- */

static enum err on_upstream(void *user, struct bytes text)
{
    (void)user;
    text_sanitize(text, now->upstream, sizeof(now->upstream));
    const bool decides = strstr(now->upstream, "\"decision\"") != NULL;
    if (now->watching && decides && now->snap_effect[0] == '\0') {
        snapshot(now->dir, now->snap_effect);
    }
    now->n_answers += decides ? 1 : 0;
    return OK;
}

static uint64_t on_wall_ms(void *user)
{
    (void)user;
    return wall;
}

static void on_event(void *user, const struct hub_event *e)
{
    (void)user;
    (void)e;
}

static void on_appended(void *user, const char *type)
{
    struct rig *r = user;
    if (r->watching && strcmp(type, "decision") == 0 && r->snap_line[0] == '\0') {
        snapshot(r->dir, r->snap_line);
    }
}

static void on_send(void *user, struct blob *text)
{
    struct rig *r = user;
    const struct bytes octets = blob_bytes(text);
    if (memmem(octets.at, octets.len, "\"id\":", 5) != NULL &&
        octets.len < sizeof(r->heard)) {
        memcpy(r->heard, octets.at, octets.len);
        r->heard[octets.len] = '\0';
    }
}

static void on_close(void *user, uint16_t code, const char *reason)
{
    (void)user;
    (void)code;
    (void)reason;
}

static struct controller *attach(struct rig *r, const struct controller_info *info)
{
    static const struct controller_ops ops = {.send = on_send, .close = on_close};
    struct controller *c = hub_attach(r->h->hub, info, &ops, r);
    hub_input(
        c,
        BYTES_LIT("{\"id\":1,\"method\":\"initialize\",\"params\":{\"clientInfo\":"
                  "{\"name\":\"t\",\"version\":\"1\"}}}"),
        1);
    return c;
}

static enum err start(struct rig *r, const char *dir)
{
    char path[PATH_MAX];
    struct diag d = {.text = ""};
    *r = (struct rig){.h = mem_new(sizeof(*r->h))};
    now = r;
    if (text_format(r->dir, sizeof(r->dir), "%s", dir) != OK) {
        abort();
    }
    EQ_INT(keys_open(keys_home, &r->h->keys, &d), OK);
    path_in(dir, "state.db", path);
    EQ_INT(store_open(path, &r->h->store, &d), OK);
    EQ_INT(devices_open(r->h->store, &r->h->keys, &r->h->devices), OK);
    path_in(dir, "audit.jsonl", path);
    EQ_INT(audit_open(path, r->h->keys.host_id, NULL, wall, &r->h->audit, &d), OK);
    EQ_INT(audit_start(r->h->audit, &r->h->keys, "test"), OK);
    audit_on_append(r->h->audit, on_appended, r);
    const enum err e = ledger_mend(r->h);
    const struct hub_ops ops = {.upstream = on_upstream,
                                .event = on_event,
                                .wall_ms = on_wall_ms,
                                .approvals = ledger_ops()};
    const struct hub_options options = {
        .codex_home = "/home/.codex", .cwd = "/w", .host_name = "attic"};
    r->h->hub = hub_create(&options, &ops, r->h);
    ledger_recall(r->h);
    hub_tick(r->h->hub, 1);
    const struct engine_status ready = {
        .state = ENGINE_READY, .version = "0.169.0", .instance = "agent-1"};
    hub_engine_state(r->h->hub, &ready, 1);
    r->local = attach(r, &(struct controller_info){.kind = CONTROLLER_LOCAL,
                                                   .name = "desk",
                                                   .role = ROLE_OWNER,
                                                   .caps = role_caps(ROLE_OWNER)});
    return e;
}

static void stop(struct rig *r)
{
    hub_detach(r->local);
    if (r->phone != NULL) {
        hub_detach(r->phone);
    }
    hub_destroy(r->h->hub);
    devices_close(r->h->devices);
    audit_close(r->h->audit);
    store_close(r->h->store);
    keys_fini(&r->h->keys);
    mem_free(r->h);
}

static void end(struct rig *r)
{
    stop(r);
    forget_dir(r->dir);
    forget_dir(r->snap_line);
    forget_dir(r->snap_effect);
}

static void fresh(struct rig *r)
{
    char dir[DIR_SIZE] = "/tmp/farhand-ledger-XXXXXX";
    if (mkdtemp(dir) == NULL) {
        abort();
    }
    EQ_INT(start(r, dir), OK);
}

static void agent_asks(struct rig *r)
{
    hub_upstream(r->h->hub, BYTES_LIT(ASK), 1);
}

/* ---- deciding ------------------------------------------------------------------------- */

/* A member of the only row that waits, of what this controller may see. */
static void row_text(struct rig *r, struct controller *c, const char *key, char *out,
                     size_t size)
{
    json_t *root = NULL;
    out[0] = '\0';
    hub_input(c, BYTES_LIT("{\"id\":5,\"method\":\"farhand/approval/list\"}"), 1);
    EQ_INT(json_parse(bytes_from_str(r->heard), &root), OK);
    json_t *row = json_array_get(json_get_arr(json_get_obj(root, "result"), "data"), 0);
    const char *text = json_get_str(row, key);
    if (strcmp(key, "request") == 0) {
        text = json_get_str(json_get_obj(json_get_obj(row, "params"), "farhand"), key);
    }
    EQ_INT(text_format(out, size, "%s", text == NULL ? "" : text), OK);
    json_decref(root);
}

static void decide_here(struct rig *r, const char *word)
{
    char id[64];
    char text[256];
    row_text(r, r->local, "requestId", id, sizeof(id));
    EQ_INT(text_format(text, sizeof(text),
                       "{\"id\":\"%s\",\"result\":{\"decision\":\"%s\"}}", id, word),
           OK);
    hub_input(r->local, bytes_from_str(text), 1);
}

static void pair_phone(struct rig *r)
{
    struct store_device row = {.role = ROLE_APPROVER,
                               .caps = role_caps(ROLE_APPROVER),
                               .serial = 1,
                               .name = "Pixel",
                               .app = "test"};
    memcpy(row.d, sign_key_pub(device_key), sizeof(row.d));
    id_device(row.d, row.id);
    memcpy(r->device_id, row.id, sizeof(row.id));
    EQ_INT(devices_add(r->h->devices, &row, clock_wall_ms()), OK);
}

static void phone_comes(struct rig *r)
{
    const uint8_t th4[32] = {7};
    struct controller_info info = {.kind = CONTROLLER_DEVICE,
                                   .name = "Pixel",
                                   .role = ROLE_APPROVER,
                                   .caps = role_caps(ROLE_APPROVER)};
    memcpy(info.device_id, r->device_id, sizeof(info.device_id));
    ledger_present(r->h, r->device_id, th4);
    r->phone = attach(r, &info);
}

static void decide_on_phone(struct rig *r, enum approval_decision word)
{
    static char request[4096];
    uint8_t octets[3072];
    uint8_t sig[SIGN_SIG];
    char a_text[400];
    char sig_text[B64URL_SIZE(SIGN_SIG)];
    char call[1024];
    size_t len = 0;
    struct approval_request asked;
    struct audit_head head;
    struct approval a = {
        .decision = word, .decided_ms = wall, .grant_serial = 1, .th4 = {7}};
    struct buf out;
    char id[64];
    row_text(r, r->phone, "requestId", id, sizeof(id));
    row_text(r, r->phone, "request", request, sizeof(request));
    EQ_INT(b64url_decode(bytes_from_str(request), octets, sizeof(octets), &len), OK);
    EQ_INT(approval_request_read((struct bytes){octets, len}, &asked), OK);
    memcpy(a.host_id, r->h->keys.host_id, sizeof(a.host_id));
    memcpy(a.request_id, asked.id, sizeof(a.request_id));
    approval_digest((struct bytes){octets, len}, a.rd);
    audit_head(r->h->audit, &head);
    a.seen_idx = head.idx;
    memcpy(a.seen_head, head.h, sizeof(a.seen_head));
    buf_init(&out, APPROVAL_A_SIZE_MAX);
    EQ_INT(approval_put(&a, &out), OK);
    approval_sign(device_key, buf_bytes(&out), sig);
    b64url_encode(buf_bytes(&out), a_text);
    b64url_encode(BYTES_OF(sig), sig_text);
    EQ_INT(text_format(call, sizeof(call),
                       "{\"id\":9,\"method\":\"farhand/approval/decide\",\"params\":{"
                       "\"requestId\":\"%s\",\"a\":\"%s\",\"sig\":\"%s\"}}",
                       id, a_text, sig_text),
           OK);
    hub_input(r->phone, bytes_from_str(call), 1);
    buf_fini(&out);
}

#endif
