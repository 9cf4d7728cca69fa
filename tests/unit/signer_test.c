#include "client/signer.h"

#include "crypto/random.h"
#include "session/approval_asked.h"
#include "test.h"

#define ID      "BwcHBwcHBwcHBwcHBwcHBw" // sixteen sevens
#define COMMAND "item/commandExecution/requestApproval"

struct bench {
    struct signer *s;
    struct sign_key *key;
    bool offline;
    struct buf out;
    char text[16384];
};

static enum err proof(void *user, struct approval *out)
{
    const struct bench *b = user;
    memset(out->host_id, 1, sizeof(out->host_id));
    memset(out->th4, 4, sizeof(out->th4));
    out->grant_serial = 3;
    return b->offline ? ERR_CLOSED : OK;
}

static enum err sign(void *user, struct bytes a, uint8_t sig[SIGN_SIG])
{
    const struct bench *b = user;
    approval_sign(b->key, a, sig);
    return OK;
}

static uint64_t wall(void *user)
{
    (void)user;
    return 99;
}

static void bench_open(struct bench *b)
{
    static const struct signer_ops ops = {proof, sign, wall};
    crypto_init();
    memset(b, 0, sizeof(*b));
    b->key = sign_key_random();
    b->s = signer_create(&ops, b);
    buf_init(&b->out, 1 << 20);
}

static void bench_close(struct bench *b)
{
    signer_destroy(b->s);
    sign_key_destroy(b->key);
    buf_fini(&b->out);
}

/* A server request as a host makes it; `shown` is what it shows instead of `params`. */
static void asks(struct bench *b, const char *method, const char *params,
                 const char *shown)
{
    json_t *root = NULL;
    json_t *p = NULL;
    json_t *message = json_object();
    struct approval_asked a;
    struct buf bytes;
    struct buf text;
    static char raw[8192];
    buf_init(&bytes, 4096);
    buf_init(&text, sizeof(b->text));
    EQ_INT(json_parse(bytes_from_str(params), &root), OK);
    EQ_INT(json_parse(bytes_from_str(shown), &p), OK);
    EQ_INT(approval_asked_read(bytes_from_str(method), root, &a), OK);
    memset(a.r.id, 7, sizeof(a.r.id));
    hash_sha256(bytes_from_str(params), a.r.material);
    a.r.quorum = 1;
    EQ_INT(approval_request_put(&a.r, &bytes), OK);
    b64url_encode(buf_bytes(&bytes), raw);
    json_t *farhand = json_object();
    json_set_str(farhand, "request", raw);
    json_set_str(farhand, "material", params);
    json_set_int(farhand, "auditIdx", 5);
    json_set_str(farhand, "auditHead",
                 "0505050505050505050505050505050505050505050505050505050505050505");
    json_set(p, "farhand", farhand);
    json_set_str(message, "id", ID);
    json_set_str(message, "method", method);
    json_set(message, "params", p);
    EQ_INT(json_print(message, &text), OK);
    buf_clear(&b->out);
    EQ_INT(signer_down(b->s, buf_bytes(&text), &b->out), ERR_NOT_FOUND);
    approval_asked_fini(&a);
    json_decref(root);
    json_decref(message);
    buf_fini(&bytes);
    buf_fini(&text);
}

static enum err up(struct bench *b, const char *text)
{
    buf_clear(&b->out);
    return signer_up(b->s, bytes_from_str(text), &b->out);
}

/* What went out, checked as a host does. */
static struct approval sent(struct bench *b, json_t **params)
{
    json_t *root = NULL;
    struct approval a = {.scope = 0};
    uint8_t octets[APPROVAL_A_SIZE_MAX];
    uint8_t sig[SIGN_SIG];
    size_t len = 0;
    size_t n = 0;
    EQ_INT(json_parse(buf_bytes(&b->out), &root), OK);
    EQ_STR(json_get_str(root, "method"), "farhand/approval/decide");
    json_t *p = json_get_obj(root, "params");
    EQ_STR(json_get_str(p, "requestId"), ID);
    EQ_INT(b64url_decode(json_get_bytes(p, "a"), octets, sizeof(octets), &len), OK);
    EQ_INT(b64url_decode(json_get_bytes(p, "sig"), sig, sizeof(sig), &n), OK);
    const struct bytes raw = {octets, len};
    EQ_INT(approval_verify(sign_key_pub(b->key), raw, BYTES_OF(sig)), OK);
    EQ_INT(approval_read(raw, &a), OK);
    *params = json_incref(p);
    json_decref(root);
    return a;
}

#define LS "{\"threadId\":\"t\",\"command\":\"ls\",\"cwd\":\"/w\"}"

TEST(an_answer_becomes_a_signed_decision_of_the_device)
{
    struct bench b;
    json_t *p = NULL;
    bench_open(&b);
    EQ_INT(up(&b, "{\"id\":1,\"method\":\"initialize\",\"params\":{\"clientInfo\":{"
                  "\"name\":\"codex-tui\"}}}"),
           ERR_NOT_FOUND);
    asks(&b, COMMAND, LS, LS);
    EQ_INT(up(&b, "{\"id\":\"" ID "\",\"result\":{\"decision\":\"accept\"}}"), OK);
    const struct approval a = sent(&b, &p);
    EQ_INT(a.decision, APPROVAL_ACCEPT);
    EQ_U64(a.grant_serial, 3);
    EQ_U64(a.seen_idx, 5);
    EQ_INT(a.seen_head[0], 5);
    EQ_INT(a.th4[0], 4);
    EQ_U64(a.decided_ms, 99);
    EQ_STR(json_get_str(p, "via"), "codex-tui");
    json_decref(p);
    bench_close(&b);
}

TEST(words_of_every_kind_are_understood)
{
    static const struct {
        const char *method;
        const char *params;
        const char *result;
        enum approval_decision want; // 0: refused
        bool whole;
    } cases[] = {
        {COMMAND, LS, "{\"decision\":\"decline\"}", APPROVAL_DECLINE, false},
        {COMMAND, LS, "{\"decision\":\"cancel\"}", APPROVAL_CANCEL, false},
        {COMMAND, LS, "{\"decision\":{\"acceptWithExecpolicyAmendment\":{}}}",
         APPROVAL_ACCEPT, false},
        {COMMAND, LS, "{\"decision\":\"later\"}", 0, false},
        {COMMAND, LS, "{}", 0, false},
        {"item/permissions/requestApproval",
         "{\"threadId\":\"t\",\"permissions\":{\"network\":{}}}",
         "{\"permissions\":{\"network\":{}}}", APPROVAL_ACCEPT, false},
        {"item/permissions/requestApproval",
         "{\"threadId\":\"t\",\"permissions\":{\"network\":{}}}",
         "{\"permissions\":{}}", APPROVAL_DECLINE, false},
        {"item/permissions/requestApproval",
         "{\"threadId\":\"t\",\"permissions\":{\"network\":{}}}",
         "{\"permissions\":{\"fileSystem\":{}}}", 0, false},
        {"item/tool/requestUserInput", "{\"threadId\":\"t\",\"questions\":[]}",
         "{\"answers\":{}}", APPROVAL_ANSWER, true},
        {"mcpServer/elicitation/request", "{\"threadId\":\"t\"}",
         "{\"action\":\"accept\",\"content\":{\"a\":1}}", APPROVAL_ANSWER, true},
        {"mcpServer/elicitation/request", "{\"threadId\":\"t\"}",
         "{\"action\":\"decline\"}", APPROVAL_DECLINE, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench b;
        json_t *p = NULL;
        char text[512];
        uint8_t hash[HASH_SHA256];
        CASE(cases[i].result);
        bench_open(&b);
        asks(&b, cases[i].method, cases[i].params, cases[i].params);
        EQ_INT(text_format(text, sizeof(text), "{\"id\":\"%s\",\"result\":%s}", ID,
                           cases[i].result),
               OK);
        EQ_INT(up(&b, text), cases[i].want == 0 ? ERR_DENIED : OK);
        if (cases[i].want != 0) {
            const struct approval a = sent(&b, &p);
            EQ_INT(a.decision, cases[i].want);
            EQ_INT(a.has_extra, cases[i].whole);
            if (cases[i].whole) {
                hash_sha256(bytes_from_str(cases[i].result), hash);
                EQ_MEM(a.extra, hash, sizeof(hash));
                EQ_STR(json_get_str(p, "result"), cases[i].result);
            }
            json_decref(p);
        }
        bench_close(&b);
    }
}

TEST(what_was_shown_otherwise_is_never_signed)
{
    struct bench b;
    bench_open(&b);
    asks(&b, COMMAND, "{\"threadId\":\"t\",\"command\":\"rm -rf /\",\"cwd\":\"/w\"}",
         LS);
    EQ_INT(up(&b, "{\"id\":\"" ID "\",\"result\":{\"decision\":\"accept\"}}"),
           ERR_DENIED);
    const char *told = NULL;
    TRUE(buf_cstr(&b.out, &told) == OK);
    TRUE(strstr(told, "-32016") != NULL);
    b.offline = true;
    asks(&b, COMMAND, LS, LS);
    EQ_INT(up(&b, "{\"id\":\"" ID "\",\"result\":{\"decision\":\"accept\"}}"),
           ERR_DENIED); // no session yet to decide in
    bench_close(&b);
}

TEST(the_host_s_refusal_comes_back_under_the_id_that_the_client_knows)
{
    struct bench b;
    bench_open(&b);
    EQ_INT(signer_down(b.s,
                       BYTES_LIT("{\"id\":\"fh:decide:" ID
                                 "\",\"error\":{\"code\":-32010,\"message\":\"x\"}}"),
                       &b.out),
           OK);
    EQ_BYTES(
        buf_bytes(&b.out),
        BYTES_LIT("{\"id\":\"" ID "\",\"error\":{\"code\":-32010,\"message\":\"x\"}}"));
    EQ_INT(signer_down(b.s, BYTES_LIT("{\"id\":\"fh:decide:" ID "\",\"result\":{}}"),
                       &b.out),
           ERR_CANCELED);
    EQ_INT(signer_down(b.s, BYTES_LIT("{\"id\":1,\"result\":{}}"), &b.out),
           ERR_NOT_FOUND);
    bench_close(&b);
}

TEST(a_program_may_decide_by_digest_and_word)
{
    struct bench b;
    json_t *p = NULL;
    bench_open(&b);
    EQ_INT(up(&b, "{\"id\":8,\"method\":\"farhand/approval/decide\",\"params\":{"
                  "\"requestId\":\"" ID "\",\"decision\":\"decline\",\"rd\":"
                  "\"0909090909090909090909090909090909090909090909090909090909090909"
                  "\"}}"),
           OK);
    const struct approval a = sent(&b, &p);
    EQ_INT(a.decision, APPROVAL_DECLINE);
    EQ_INT(a.rd[0], 9);
    json_decref(p);
    EQ_INT(up(&b, "{\"id\":8,\"method\":\"farhand/approval/decide\",\"params\":{"
                  "\"requestId\":\"" ID "\",\"decision\":\"decline\"}}"),
           ERR_DENIED);
    bench_close(&b);
}

RUN_TESTS(T(an_answer_becomes_a_signed_decision_of_the_device),
          T(words_of_every_kind_are_understood),
          T(what_was_shown_otherwise_is_never_signed),
          T(the_host_s_refusal_comes_back_under_the_id_that_the_client_knows),
          T(a_program_may_decide_by_digest_and_word))
