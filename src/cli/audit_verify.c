#include "cli/audit_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/audit_proof.h"
#include "session/approval.h"
#include "session/grant.h"
#include "store/audit_read.h"
#include "wire/json.h"
#include "wire/jsonrpc.h"

#define HEADS_STEP 4096u

struct known_request {
    struct map_node node; // by its id
    char id[B64URL_SIZE(APPROVAL_ID)];
    uint8_t rd[APPROVAL_RD];
};

struct known_grant {      // one device's: its key, and what it was given when
    struct map_node node; // by clientId and serial
    uint8_t key[ID_SIZE + 8];
    uint8_t device_key[SIGN_PUB];
    enum grant_role role;
    bool revoked;
};

struct verify {
    const struct audit_verify_options *options;
    struct audit_report *report;
    struct proofs *proofs;
    struct map requests;
    struct map grants;
    uint8_t host_id[ID_SIZE];
    uint8_t (*heads)[AUDIT_HASH]; // of every record, from report->first on
    size_t n_heads;
    size_t cap_heads;
    struct buf scratch;
};

/* The first thing that is wrong counts. */
static void fault(struct verify *v, uint64_t idx, const char *what)
{
    struct audit_report *r = v->report;
    if (r->broken == 0 && text_format(r->fault, sizeof(r->fault), "%s", what) == OK) {
        r->broken = idx;
    }
}

/* ---- members of a payload ------------------------------------------------------- */

static struct bytes plain(struct bytes raw)
{
    struct bytes out = BYTES_NONE;
    return raw.len > 0 && json_raw_plain(raw, &out) == OK ? out : BYTES_NONE;
}

/* Members that are not there are empty. */
static void pick(struct bytes object, const char *const *keys, size_t n,
                 struct bytes *found)
{
    if (object.len == 0 || jsonrpc_pick(object, keys, n, found) != OK) {
        memset(found, 0, n * sizeof(*found));
    }
}

static bool read_hex(struct bytes raw, uint8_t *out, size_t size)
{
    size_t len = 0;
    return hex_decode(plain(raw), out, size, &len) == OK && len == size;
}

/* Octets of base64url; empty when it is none, or longer than `size`. */
static struct bytes read_b64(struct bytes raw, uint8_t *out, size_t size)
{
    size_t len = 0;
    const struct bytes text = plain(raw);
    return text.len != 0 && b64url_decode(text, out, size, &len) == OK
               ? (struct bytes){out, len}
               : BYTES_NONE;
}

static bool read_number(struct bytes raw, uint64_t *out)
{
    return raw.len != 0 && u64_parse(raw, INT64_MAX, out) == OK;
}

/* ---- one kind of record each ------------------------------------------------------ */

static void on_start(struct verify *v, const struct audit_line *line)
{
    static const char *const keys[] = {"hostKey", "created"};
    struct audit_report *r = v->report;
    struct bytes found[COUNT(keys)];
    uint8_t key[SIGN_PUB];
    uint64_t created = 0;
    if (jsonrpc_pick(line->payload, keys, COUNT(keys), found) != OK ||
        !read_hex(found[0], key, sizeof(key)) || !read_number(found[1], &created) ||
        !sign_pub_is_valid(key)) {
        fault(v, line->idx, "it does not name the host's key");
        return;
    }
    if (r->has_key && !bytes_equal(BYTES_OF(key), BYTES_OF(r->host_key))) {
        fault(v, line->idx, "it names another host key");
        return;
    }
    r->has_key = true;
    memcpy(r->host_key, key, sizeof(key));
    id_host(key, v->host_id);
    if (line->idx == 1) {
        struct audit_head zero;
        audit_head_start(v->host_id, created, &zero);
        if (!bytes_equal(BYTES_OF(zero.h), BYTES_OF(line->prev))) {
            fault(v, 1, "the log does not begin as this host's would");
        }
    }
}

static void on_checkpoint(struct verify *v, const struct audit_line *line)
{
    static const char *const keys[] = {"idx", "h", "sig"};
    struct bytes found[COUNT(keys)];
    struct audit_head head = {.idx = 0};
    uint8_t sig[SIGN_SIG];
    uint8_t message[AUDIT_CHECKPOINT_SIZE];
    if (jsonrpc_pick(line->payload, keys, COUNT(keys), found) != OK ||
        !read_number(found[0], &head.idx) ||
        !read_hex(found[1], head.h, sizeof(head.h)) || head.idx != line->idx - 1 ||
        !bytes_equal(BYTES_OF(head.h), BYTES_OF(line->prev))) {
        fault(v, line->idx, "the checkpoint is not of the record before it");
        return;
    }
    const struct bytes octets = read_b64(found[2], sig, sizeof(sig));
    audit_checkpoint_octets(&head, message);
    if (!v->report->has_key || proof_add(v->proofs, line->idx, v->report->host_key,
                                         BYTES_OF(message), octets) != OK) {
        fault(v, line->idx, "the checkpoint has no signature");
        return;
    }
    v->report->checkpoints++;
    v->report->since_checkpoint = 0;
}

static struct bytes grant_key(const uint8_t id[ID_SIZE], uint64_t serial,
                              uint8_t out[ID_SIZE + 8])
{
    memcpy(out, id, ID_SIZE);
    be64_write(out + ID_SIZE, serial);
    return (struct bytes){out, ID_SIZE + 8};
}

static void on_grant(struct verify *v, const struct audit_line *line)
{
    static const char *const keys[] = {"grant"};
    struct bytes found[COUNT(keys)] = {BYTES_NONE};
    uint8_t raw[GRANT_MAX];
    uint8_t id[ID_SIZE];
    struct grant grant;
    pick(line->payload, keys, COUNT(keys), found);
    const struct bytes octets = read_b64(found[0], raw, sizeof(raw));
    if (!v->report->has_key || octets.len == 0 ||
        grant_read(octets, v->report->host_key, &grant) != OK ||
        !bytes_equal(BYTES_OF(grant.host_id), BYTES_OF(v->host_id))) {
        fault(v, line->idx, "the grant is not signed by the host");
        return;
    }
    v->report->grants++;
    id_device(grant.device_key, id);
    struct known_grant *g = mem_new(sizeof(*g));
    g->role = grant.role;
    memcpy(g->device_key, grant.device_key, sizeof(g->device_key));
    if (map_put(&v->grants, grant_key(id, grant.serial, g->key), &g->node) != OK) {
        mem_free(g); // the same one again
    }
}

static void on_revoke(struct verify *v, const struct audit_line *line)
{
    static const char *const keys[] = {"clientId"};
    struct bytes found[COUNT(keys)] = {BYTES_NONE};
    uint8_t id[ID_SIZE];
    pick(line->payload, keys, COUNT(keys), found);
    if (!read_hex(found[0], id, sizeof(id))) {
        fault(v, line->idx, "it does not name a device");
        return;
    }
    struct map_node *node = NULL;
    while ((node = map_next(&v->grants, node)) != NULL) {
        struct known_grant *g = CONTAINER_OF(node, struct known_grant, node);
        g->revoked = g->revoked ||
                     bytes_equal(bytes_sub(BYTES_OF(g->key), 0, ID_SIZE), BYTES_OF(id));
    }
}

static void on_request(struct verify *v, const struct audit_line *line)
{
    static const char *const keys[] = {"requestId", "request"};
    struct bytes found[COUNT(keys)];
    uint8_t *raw = NULL;
    if (jsonrpc_pick(line->payload, keys, COUNT(keys), found) != OK ||
        found[1].len == 0) {
        return; // nothing that anybody signs
    }
    const struct bytes id = plain(found[0]);
    buf_clear(&v->scratch);
    if (id.len == 0 || id.len >= sizeof(((struct known_request *)0)->id) ||
        buf_reserve(&v->scratch, found[1].len, &raw) != OK) {
        fault(v, line->idx, "its request has no proper name");
        return;
    }
    const struct bytes octets = read_b64(found[1], raw, found[1].len);
    struct known_request *r = mem_new(sizeof(*r));
    memcpy(r->id, id.at, id.len);
    approval_digest(octets, r->rd);
    if (map_put(&v->requests, bytes_from_str(r->id), &r->node) != OK) {
        mem_free(r); // asked again after a restart
    }
}

/* ---- decisions ----------------------------------------------------------------------- */

enum { BY, REQUEST_ID, DECISION, A, SIG, N_MEMBERS };

static bool head_is_ours(const struct verify *v, const struct approval *a)
{
    const uint64_t first = v->report->first;
    if (a->seen_idx < first || a->seen_idx == 0) {
        return first > 1 || a->seen_idx == 0; // before an excerpt, or of an empty log
    }
    const uint64_t nth = a->seen_idx - first;
    return nth < v->n_heads && memcmp(v->heads[nth], a->seen_head, AUDIT_HASH) == 0;
}

/* What A says must be what the record says. NULL: it is. */
static const char *compare(const struct verify *v, const struct bytes *found,
                           const struct approval *a)
{
    char id[B64URL_SIZE(APPROVAL_ID)];
    b64url_encode(BYTES_OF(a->request_id), id);
    struct map_node *node = map_get(&v->requests, bytes_from_str(id));
    if (!bytes_equal(BYTES_OF(a->host_id), BYTES_OF(v->host_id))) {
        return "the decision was signed for another host";
    }
    if (!json_raw_is(found[REQUEST_ID], id)) {
        return "the decision was signed for another request";
    }
    if (!json_raw_is(found[DECISION], approval_decision_name(a->decision))) {
        return "what was signed is another decision";
    }
    if (node != NULL && memcmp(CONTAINER_OF(node, struct known_request, node)->rd,
                               a->rd, APPROVAL_RD) != 0) {
        return "what was signed is not the request that the log has";
    }
    return head_is_ours(v, a) ? NULL : "it was signed over a log that is not this one";
}

static const char *check_grant(struct verify *v, struct bytes by,
                               const struct approval *a, const struct known_grant **out)
{
    static const char *const keys[] = {"clientId"};
    struct bytes found[COUNT(keys)] = {BYTES_NONE};
    uint8_t id[ID_SIZE];
    uint8_t key[ID_SIZE + 8];
    pick(by, keys, COUNT(keys), found);
    if (!read_hex(found[0], id, sizeof(id))) {
        return "it does not say which device signed";
    }
    struct map_node *node = map_get(&v->grants, grant_key(id, a->grant_serial, key));
    *out = node == NULL ? NULL : CONTAINER_OF(node, struct known_grant, node);
    if (*out == NULL) {
        return v->report->first > 1 ? NULL : "the log has no grant for this device";
    }
    if ((*out)->revoked) {
        return "the device had been revoked";
    }
    return (*out)->role < GRANT_APPROVER ? "the device's role may not decide" : NULL;
}

static void on_decision(struct verify *v, const struct audit_line *line)
{
    static const char *const keys[] = {"by", "requestId", "decision", "a", "sig"};
    struct bytes found[N_MEMBERS] = {BYTES_NONE};
    const struct known_grant *grant = NULL;
    uint8_t raw[APPROVAL_A_SIZE_MAX];
    uint8_t raw_sig[SIGN_SIG];
    struct approval a;
    pick(line->payload, keys, COUNT(keys), found);
    if (found[A].len == 0) {
        v->report->unsigned_decisions++;
        return;
    }
    const struct bytes octets = read_b64(found[A], raw, sizeof(raw));
    if (approval_read(octets, &a) != OK) {
        fault(v, line->idx, "what was signed is not a decision");
        return;
    }
    const char *why = compare(v, found, &a);
    why = why != NULL ? why : check_grant(v, found[BY], &a, &grant);
    if (why != NULL) {
        fault(v, line->idx, why);
        return;
    }
    v->report->decisions++;
    if (grant == NULL) {
        v->report->unproved++;
        return;
    }
    const struct bytes sig = read_b64(found[SIG], raw_sig, sizeof(raw_sig));
    if (proof_add(v->proofs, line->idx, grant->device_key, octets, sig) != OK) {
        fault(v, line->idx, "the decision has no signature");
    }
}

/* ---- the file -------------------------------------------------------------------------- */

static void check_content(struct verify *v, const struct audit_line *line)
{
    static const struct {
        const char *type;
        void (*check)(struct verify *v, const struct audit_line *line);
    } kinds[] = {
        {"start", on_start},   {"checkpoint", on_checkpoint}, {"grant", on_grant},
        {"revoke", on_revoke}, {"request", on_request},       {"decision", on_decision},
    };
    for (size_t i = 0; !v->options->chain_only && i < COUNT(kinds); i++) {
        if (bytes_equal_str(line->type, kinds[i].type)) {
            kinds[i].check(v, line);
        }
    }
}

static enum err remember_head(struct verify *v, const uint8_t h[AUDIT_HASH])
{
    if (v->n_heads == v->cap_heads) {
        const size_t cap = v->cap_heads == 0 ? HEADS_STEP : v->cap_heads * 2;
        void *grown = mem_try_resize(v->heads, cap * sizeof(v->heads[0]));
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        v->heads = grown;
        v->cap_heads = cap;
    }
    memcpy(v->heads[v->n_heads++], h, AUDIT_HASH);
    return OK;
}

static void begin(struct verify *v, const struct audit_line *line)
{
    struct audit_report *r = v->report;
    r->first = line->idx;
    r->first_ms = line->time_ms;
    r->head.idx = line->idx - 1;
    memcpy(r->head.h, line->prev, AUDIT_HASH);
    if (line->idx == 1 && !bytes_equal_str(line->type, "start")) {
        fault(v, 1, "the first record does not say whose log it is");
    }
}

static enum err take_line(struct verify *v, struct bytes text)
{
    struct audit_report *r = v->report;
    struct audit_line line;
    if (audit_line_parse(text, &line) != OK) {
        fault(v, r->head.idx + 1, audit_fault_text(AUDIT_FORM));
        return OK;
    }
    if (r->records++ == 0) {
        begin(v, &line);
    }
    const uint64_t expected = r->head.idx + 1;
    const enum audit_fault what = audit_head_check(&r->head, &line);
    if (what != AUDIT_FINE) {
        fault(v, expected, audit_fault_text(what));
    }
    r->last_ms = line.time_ms;
    r->since_checkpoint++;
    if (r->broken == 0) { // what follows a break proves nothing
        check_content(v, &line);
    }
    return remember_head(v, line.h);
}

static enum err read_all(struct verify *v, struct audit_reader *r)
{
    for (;;) {
        struct bytes text = BYTES_NONE;
        uint64_t offset = 0;
        enum err e = audit_reader_next(r, &text, &offset);
        if (e == ERR_CLOSED || e == ERR_AGAIN) {
            return OK;
        }
        e = e != OK ? e : take_line(v, text);
        if (e != OK) {
            return e;
        }
    }
}

static void finish(struct verify *v, uint64_t began_us)
{
    struct audit_report *r = v->report;
    proof_flush(v->proofs);
    const uint64_t broken = proof_broken(v->proofs);
    if (broken != 0 && (r->broken == 0 || broken < r->broken)) {
        r->broken = 0;
        fault(v, broken, "its signature is not by the key that it claims");
    }
    r->signatures = proof_count(v->proofs);
    r->signature_us = proof_us(v->proofs);
    r->chain_us = clock_mono_us() - began_us - r->signature_us;
}

static void free_maps(struct verify *v)
{
    struct map_node *node = map_next(&v->requests, NULL);
    while (node != NULL) {
        struct known_request *r = CONTAINER_OF(node, struct known_request, node);
        node = map_next(&v->requests, node);
        map_remove(&v->requests, &r->node);
        mem_free(r);
    }
    node = map_next(&v->grants, NULL);
    while (node != NULL) {
        struct known_grant *g = CONTAINER_OF(node, struct known_grant, node);
        node = map_next(&v->grants, node);
        map_remove(&v->grants, &g->node);
        mem_free(g);
    }
    map_fini(&v->requests);
    map_fini(&v->grants);
}

enum err audit_verify(const char *path, const struct audit_verify_options *options,
                      struct audit_report *out)
{
    const uint64_t began = clock_mono_us();
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
    }
    const off_t size = lseek(fd, 0, SEEK_END);
    struct verify v = {.options = options, .report = out};
    *out = (struct audit_report){.records = 0};
    if (options->host_key != NULL) {
        out->has_key = true;
        memcpy(out->host_key, options->host_key, sizeof(out->host_key));
        id_host(out->host_key, v.host_id);
    }
    map_init(&v.requests);
    map_init(&v.grants);
    buf_init(&v.scratch, AUDIT_PAYLOAD_MAX);
    v.proofs = proofs_create(options->threads);
    struct audit_reader *reader = audit_reader_create(fd, 0);
    const enum err e = read_all(&v, reader);
    out->torn = (uint64_t)size > audit_reader_offset(reader)
                    ? (uint64_t)size - audit_reader_offset(reader)
                    : 0;
    finish(&v, began);
    audit_reader_destroy(reader);
    proofs_destroy(v.proofs);
    buf_fini(&v.scratch);
    free_maps(&v);
    mem_free(v.heads);
    return e;
}
