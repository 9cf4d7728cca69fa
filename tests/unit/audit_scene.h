/*
 * audit_scene: a host, devices and a log of decisions that they signed, for the test of
 * the verifier and for its benchmark.
 */
#ifndef TESTS_UNIT_AUDIT_SCENE_H
#define TESTS_UNIT_AUDIT_SCENE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "session/approval.h"
#include "session/grant.h"
#include "store/audit.h"

#define SCENE_DEVICES 4

struct audit_scene {
    char path[128];
    struct sign_key *host;
    struct sign_key *devices[SCENE_DEVICES];
    uint8_t host_id[ID_SIZE];
    struct audit *log;
    uint64_t n;
};

static inline void scene_must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static inline void scene_put(struct audit_scene *s, const char *type,
                             struct buf *payload)
{
    scene_must(audit_append(s->log, type, buf_bytes(payload), 1000 + s->n++, false,
                            NULL) == OK);
    buf_clear(payload);
}

static inline void scene_b64(struct buf *out, struct bytes octets)
{
    uint8_t *to = NULL;
    scene_must(buf_reserve(out, B64URL_SIZE(octets.len), &to) == OK);
    b64url_encode(octets, (char *)to);
    buf_grew(out, B64URL_SIZE(octets.len) - 1);
}

static inline void scene_grant(struct audit_scene *s, size_t nth, enum grant_role role,
                               uint64_t serial, const struct sign_key *by)
{
    struct buf raw;
    struct buf payload;
    struct grant g = {.role = role, .serial = serial, .proto_min = 1};
    memcpy(g.host_id, s->host_id, sizeof(g.host_id));
    memcpy(g.device_key, sign_key_pub(s->devices[nth]), sizeof(g.device_key));
    buf_init(&raw, GRANT_MAX);
    buf_init(&payload, 8192);
    scene_must(grant_make(&g, by, &raw) == OK);
    scene_must(buf_put_str(&payload, "{\"grant\":\"") == OK);
    scene_b64(&payload, buf_bytes(&raw));
    scene_must(buf_put_str(&payload, "\"}") == OK);
    scene_put(s, "grant", &payload);
    buf_fini(&raw);
    buf_fini(&payload);
}

static inline void scene_open(struct audit_scene *s, const char *path)
{
    char hex[HEX_SIZE(SIGN_PUB)];
    struct buf payload;
    memset(s, 0, sizeof(*s));
    scene_must(text_format(s->path, sizeof(s->path), "%s", path) == OK);
    (void)unlink(path);
    s->host = sign_key_random();
    id_host(sign_key_pub(s->host), s->host_id);
    scene_must(audit_open(path, s->host_id, NULL, 1000, &s->log, NULL) == OK);
    buf_init(&payload, 1024);
    hex_encode((struct bytes){sign_key_pub(s->host), SIGN_PUB}, hex);
    scene_must(buf_putf(&payload, "{\"hostKey\":\"%s\",\"created\":1000}", hex) == OK);
    scene_put(s, "start", &payload);
    buf_fini(&payload);
    for (size_t i = 0; i < SCENE_DEVICES; i++) {
        s->devices[i] = sign_key_random();
        scene_grant(s, i, i == 3 ? GRANT_VIEWER : GRANT_OPERATOR, 1, s->host);
    }
}

static inline void scene_close(struct audit_scene *s)
{
    audit_close(s->log);
    sign_key_destroy(s->host);
    for (size_t i = 0; i < SCENE_DEVICES; i++) {
        sign_key_destroy(s->devices[i]);
    }
}

/* What a device decides about the nth request, as it should be. */
static inline struct approval scene_decision(const struct audit_scene *s, uint64_t nth)
{
    struct audit_head head;
    struct approval a = {
        .decision = APPROVAL_ACCEPT, .decided_ms = 7, .grant_serial = 1};
    memcpy(a.host_id, s->host_id, sizeof(a.host_id));
    be64_write(a.request_id, nth);
    audit_head(s->log, &head);
    a.seen_idx = head.idx;
    memcpy(a.seen_head, head.h, sizeof(a.seen_head));
    return a;
}

/* `by` signs what the record says that `device` decided about request `nth`. */
static inline void scene_decide(struct audit_scene *s, size_t device, size_t by,
                                uint64_t nth, const struct approval *a)
{
    uint8_t id[ID_SIZE];
    uint8_t request[APPROVAL_ID] = {0};
    uint8_t sig[SIGN_SIG];
    char hex[HEX_SIZE(ID_SIZE)];
    struct buf raw;
    struct buf out;
    buf_init(&raw, 1024);
    buf_init(&out, 4096);
    id_device(sign_key_pub(s->devices[device]), id);
    hex_encode(BYTES_OF(id), hex);
    be64_write(request, nth);
    scene_must(approval_put(a, &raw) == OK);
    approval_sign(s->devices[by], buf_bytes(&raw), sig);
    scene_must(buf_put_str(&out, "{\"requestId\":\"") == OK);
    scene_b64(&out, BYTES_OF(request));
    scene_must(buf_putf(&out,
                        "\",\"decision\":\"accept\",\"final\":true,\"by\":{\"kind\":"
                        "\"device\",\"clientId\":\"%s\"},\"a\":\"",
                        hex) == OK);
    scene_b64(&out, buf_bytes(&raw));
    scene_must(buf_put_str(&out, "\",\"sig\":\"") == OK);
    scene_b64(&out, BYTES_OF(sig));
    scene_must(buf_put_str(&out, "\"}") == OK);
    scene_put(s, "decision", &out);
    buf_fini(&raw);
    buf_fini(&out);
}

static inline void scene_sign(void *user, struct bytes message, uint8_t sig[64])
{
    const struct audit_scene *s = user;
    sign_make(s->host, message, sig);
}

#endif
