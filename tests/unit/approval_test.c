#include "session/approval.h"

#include "base/mem.h"
#include "crypto/random.h"
#include "test.h"
#include "vectors.h"
#include "wire/tlv.h"

static uint8_t raw[APPROVAL_REQUEST_MAX];
static uint8_t raw2[APPROVAL_REQUEST_MAX];

static struct bytes text_of(const json_t *row, const char *key)
{
    const struct bytes b = json_get_bytes(row, key);
    return b.at == NULL ? BYTES_NONE : b;
}

static size_t list_of(const json_t *row, const char *key, struct bytes *out, size_t max)
{
    const json_t *list = json_get_arr(row, key);
    const size_t n = json_array_size(list);
    TRUE(n <= max);
    for (size_t i = 0; i < n; i++) {
        out[i] = bytes_from_str(json_string_value(json_array_get(list, i)));
    }
    return n;
}

static void check_read(const json_t *row, const struct approval_request *want,
                       struct bytes bytes)
{
    struct approval_request r;
    struct buf command;
    buf_init(&command, APPROVAL_COMMAND_MAX);
    EQ_INT(approval_request_read(bytes, &r), OK);
    EQ_MEM(r.id, want->id, sizeof(r.id));
    EQ_BYTES(r.thread, want->thread);
    EQ_BYTES(r.turn, want->turn);
    EQ_BYTES(r.item, want->item);
    EQ_INT(r.kind, want->kind);
    EQ_BYTES(r.cwd, want->cwd);
    EQ_BYTES(r.reason, want->reason);
    EQ_INT(r.asked, want->asked);
    EQ_BYTES(r.policy, want->policy);
    EQ_U64(r.created_ms, want->created_ms);
    EQ_U64(r.expires_ms, want->expires_ms);
    EQ_INT(r.quorum, want->quorum);
    EQ_INT(r.uv, want->uv);
    EQ_MEM(r.material, want->material, sizeof(r.material));
    EQ_INT(approval_request_command(bytes, &command), OK);
    EQ_BYTES(buf_bytes(&command), text_of(row, "command"));
    buf_fini(&command);
}

static void check_request(const json_t *row)
{
    struct bytes argv[8];
    struct bytes paths[8];
    uint8_t rd[APPROVAL_RD];
    uint8_t want_rd[APPROVAL_RD];
    struct approval_request r = {
        .thread = text_of(row, "threadId"),
        .turn = text_of(row, "turnId"),
        .item = text_of(row, "itemId"),
        .kind = (enum approval_kind)json_get_int(row, "kind", 0),
        .cwd = text_of(row, "cwd"),
        .command = text_of(row, "command"),
        .argv = argv,
        .n_argv = list_of(row, "argv", argv, COUNT(argv)),
        .paths = paths,
        .n_paths = list_of(row, "paths", paths, COUNT(paths)),
        .reason = text_of(row, "reason"),
        .asked = (uint8_t)json_get_int(row, "asked", 0),
        .policy = text_of(row, "policy"),
        .created_ms = (uint64_t)json_get_int(row, "createdMs", 0),
        .expires_ms = (uint64_t)json_get_int(row, "expiresMs", 0),
        .quorum = (uint8_t)json_get_int(row, "quorum", 0),
        .uv = json_get_bool(row, "uv", false),
    };
    struct buf b;
    buf_init(&b, APPROVAL_REQUEST_MAX);
    (void)vectors_hex(row, "requestId", r.id, sizeof(r.id));
    hash_sha256(text_of(row, "material"), r.material);
    EQ_INT(approval_request_put(&r, &b), OK);
    EQ_BYTES(buf_bytes(&b), vectors_hex(row, "bytes", raw, sizeof(raw)));
    approval_digest(buf_bytes(&b), rd);
    (void)vectors_hex(row, "rd", want_rd, sizeof(want_rd));
    EQ_MEM(rd, want_rd, sizeof(rd));
    check_read(row, &r, buf_bytes(&b));
    buf_fini(&b);
}

TEST(requests_are_the_bytes_that_another_implementation_wrote)
{
    json_t *root = vectors_load("approval.json");
    const json_t *rows = json_get_arr(root, "requests");
    TRUE(json_array_size(rows) > 5);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        CASE(json_get_str(row, "name"));
        check_request(row);
    }
    json_decref(root);
}

TEST(a_request_that_is_not_the_one_encoding_is_refused)
{
    json_t *root = vectors_load("approval.json");
    const json_t *rows = json_get_arr(root, "broken");
    struct approval_request r;
    TRUE(json_array_size(rows) > 10);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        CASE(json_get_str(row, "name"));
        EQ_INT(approval_request_read(vectors_hex(row, "bytes", raw, sizeof(raw)), &r),
               ERR_PROTO);
    }
    json_decref(root);
}

static struct approval approval_of(const json_t *row)
{
    struct approval a = {
        .decision = (enum approval_decision)json_get_int(row, "decision", 0),
        .scope = (enum approval_scope)json_get_int(row, "scope", 0),
        .has_extra = json_get_str(row, "result") != NULL,
        .decided_ms = (uint64_t)json_get_int(row, "decidedMs", 0),
        .grant_serial = (uint64_t)json_get_int(row, "grantSerial", 0),
        .seen_idx = (uint64_t)json_get_int(row, "seenIdx", 0),
    };
    (void)vectors_hex(row, "hostId", a.host_id, sizeof(a.host_id));
    (void)vectors_hex(row, "requestId", a.request_id, sizeof(a.request_id));
    (void)vectors_hex(row, "rd", a.rd, sizeof(a.rd));
    (void)vectors_hex(row, "seenHead", a.seen_head, sizeof(a.seen_head));
    (void)vectors_hex(row, "th4", a.th4, sizeof(a.th4));
    if (a.has_extra) {
        hash_sha256(text_of(row, "result"), a.extra);
    }
    return a;
}

static void check_decision(const json_t *row)
{
    const struct approval a = approval_of(row);
    struct approval again;
    uint8_t seed[SIGN_SEED];
    uint8_t sig[SIGN_SIG];
    struct buf b;
    buf_init(&b, APPROVAL_A_SIZE_MAX);
    (void)vectors_hex(row, "seed", seed, sizeof(seed));
    struct sign_key *key = sign_key_create(seed);
    EQ_INT(approval_put(&a, &b), OK);
    const struct bytes octets = buf_bytes(&b);
    EQ_BYTES(octets, vectors_hex(row, "a", raw, sizeof(raw)));
    approval_sign(key, octets, sig);
    EQ_BYTES(BYTES_OF(sig), vectors_hex(row, "sig", raw, sizeof(raw)));
    EQ_BYTES(((struct bytes){sign_key_pub(key), SIGN_PUB}),
             vectors_hex(row, "deviceKey", raw, sizeof(raw)));
    EQ_INT(approval_verify(sign_key_pub(key), octets, BYTES_OF(sig)), OK);
    EQ_INT(approval_read(octets, &again), OK);
    EQ_INT(again.decision, a.decision);
    EQ_INT(again.scope, a.scope);
    EQ_INT(again.has_extra, a.has_extra);
    EQ_MEM(again.extra, a.extra, sizeof(a.extra));
    EQ_MEM(again.rd, a.rd, sizeof(a.rd));
    EQ_MEM(again.th4, a.th4, sizeof(a.th4));
    EQ_MEM(again.seen_head, a.seen_head, sizeof(a.seen_head));
    EQ_U64(again.grant_serial, a.grant_serial);
    EQ_U64(again.decided_ms, a.decided_ms);
    EQ_U64(again.seen_idx, a.seen_idx);
    sign_key_destroy(key);
    buf_fini(&b);
}

TEST(decisions_and_signatures_are_those_of_another_implementation)
{
    crypto_init();
    json_t *root = vectors_load("approval.json");
    const json_t *rows = json_get_arr(root, "decisions");
    TRUE(json_array_size(rows) > 3);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        CASE(json_get_str(row, "name"));
        check_decision(row);
    }
    json_decref(root);
}

TEST(a_decision_that_is_not_the_one_encoding_is_refused)
{
    json_t *root = vectors_load("approval.json");
    const json_t *rows = json_get_arr(root, "brokenDecisions");
    struct approval a;
    TRUE(json_array_size(rows) > 5);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        CASE(json_get_str(row, "name"));
        EQ_INT(approval_read(vectors_hex(row, "a", raw, sizeof(raw)), &a), ERR_PROTO);
    }
    json_decref(root);
}

TEST(every_bit_of_a_decision_is_under_its_signature)
{
    crypto_init();
    json_t *root = vectors_load("approval.json");
    const json_t *row = json_array_get(json_get_arr(root, "decisions"), 4);
    struct bytes a = vectors_hex(row, "a", raw, sizeof(raw));
    const struct bytes key = vectors_hex(row, "deviceKey", raw2, SIGN_PUB);
    const struct bytes sig = vectors_hex(row, "sig", raw2 + SIGN_PUB, SIGN_SIG);
    EQ_INT(approval_verify(key.at, a, sig), OK);
    for (size_t bit = 0; bit < a.len * 8; bit++) {
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
        TRUE(approval_verify(key.at, a, sig) != OK);
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < a.len; n++) {
        TRUE(approval_verify(key.at, (struct bytes){a.at, n}, sig) != OK);
    }
    json_decref(root);
}

TEST(no_prefix_of_a_request_is_one)
{
    json_t *root = vectors_load("approval.json");
    const json_t *row = json_array_get(json_get_arr(root, "requests"), 1);
    const struct bytes bytes = vectors_hex(row, "bytes", raw, sizeof(raw));
    struct approval_request r;
    for (size_t n = 0; n < bytes.len; n++) {
        EQ_INT(approval_request_read((struct bytes){bytes.at, n}, &r), ERR_PROTO);
    }
    json_decref(root);
}

TEST(what_cannot_be_shown_whole_is_not_made_into_a_request)
{
    static uint8_t many[APPROVAL_COMMAND_MAX + 1];
    struct approval_request r = {.kind = APPROVAL_COMMAND, .quorum = 1};
    struct buf b;
    memset(many, 'x', sizeof(many));
    buf_init(&b, APPROVAL_REQUEST_MAX);
    r.command = (struct bytes){many, APPROVAL_COMMAND_MAX};
    EQ_INT(approval_request_put(&r, &b), OK);
    buf_clear(&b);
    r.command.len++;
    EQ_INT(approval_request_put(&r, &b), ERR_LIMIT);
    r.command = BYTES_NONE;
    r.reason = (struct bytes){many, UINT16_MAX + 1};
    EQ_INT(approval_request_put(&r, &b), ERR_LIMIT);
    r.reason = BYTES_NONE;
    r.cwd = (struct bytes){many, APPROVAL_PATH_MAX + 1};
    EQ_INT(approval_request_put(&r, &b), ERR_LIMIT);
    EQ_INT(buf_len(&b), 0);
    buf_fini(&b);
}

TEST(running_out_of_memory_is_an_error_and_leaves_nothing)
{
    struct approval_request r = {
        .kind = APPROVAL_COMMAND, .quorum = 1, .command = BYTES_LIT("ls")};
    for (unsigned n = 1; n < 8; n++) {
        struct buf b;
        buf_init(&b, APPROVAL_REQUEST_MAX);
        mem_fail_at(n);
        const enum err e = approval_request_put(&r, &b);
        mem_fail_at(0);
        TRUE(e == OK || buf_len(&b) == 0);
        buf_fini(&b);
    }
}

RUN_TESTS(T(requests_are_the_bytes_that_another_implementation_wrote),
          T(a_request_that_is_not_the_one_encoding_is_refused),
          T(decisions_and_signatures_are_those_of_another_implementation),
          T(a_decision_that_is_not_the_one_encoding_is_refused),
          T(every_bit_of_a_decision_is_under_its_signature),
          T(no_prefix_of_a_request_is_one),
          T(what_cannot_be_shown_whole_is_not_made_into_a_request),
          T(running_out_of_memory_is_an_error_and_leaves_nothing))
