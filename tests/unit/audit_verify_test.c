#include "test.h"

#include "audit_scene.h"
#include "cli/audit_filter.h"
#include "cli/audit_verify.h"
#include "crypto/random.h"

static char path[] = "/tmp/farhand-verify-XXXXXX";
static const struct audit_verify_options plain = {.threads = 2};

static struct audit_report verified(void)
{
    struct audit_report r;
    EQ_INT(audit_verify(path, &plain, &r), OK);
    return r;
}

/* The record that the last step wrote is the first that is wrong, and for this reason. */
static void broken(struct audit_scene *s, const char *why)
{
    struct audit_head head;
    audit_head(s->log, &head);
    const struct audit_report r = verified();
    EQ_U64(r.broken, head.idx);
    TEST_CHECK(strstr(r.fault, why) != NULL, r.fault);
    scene_close(s);
    (void)unlink(path);
}

TEST(a_log_with_signed_decisions_and_checkpoints_is_sound)
{
    struct audit_scene s;
    scene_open(&s, path);
    for (uint64_t i = 0; i < 40; i++) {
        const struct approval a = scene_decision(&s, i);
        scene_decide(&s, i % 3, i % 3, i, &a);
        EQ_INT(audit_checkpoint(s.log, scene_sign, &s, 1), OK);
    }
    const struct audit_report r = verified();
    EQ_STR(r.fault, "");
    EQ_U64(r.broken, 0);
    EQ_U64(r.records, 85);
    EQ_U64(r.decisions, 40);
    EQ_U64(r.checkpoints, 40);
    EQ_U64(r.grants, 4);
    EQ_U64(r.signatures, 80);
    EQ_MEM(r.host_key, sign_key_pub(s.host), SIGN_PUB);
    uint8_t other[32] = {1};
    struct audit_report with_key;
    const struct audit_verify_options o = {.host_key = other};
    EQ_INT(audit_verify(path, &o, &with_key), OK);
    EQ_U64(with_key.broken, 1);
    scene_close(&s);
    (void)unlink(path);
}

TEST(a_decision_that_somebody_else_signed_is_named)
{
    struct audit_scene s;
    scene_open(&s, path);
    for (uint64_t i = 0; i < 5; i++) {
        const struct approval a = scene_decision(&s, i);
        scene_decide(&s, 0, i == 4 ? 1 : 0, i, &a);
    }
    broken(&s, "signature");
}

static void forge(const char *name, void (*change)(struct approval *a), const char *why)
{
    struct audit_scene s;
    CASE(name);
    scene_open(&s, path);
    struct approval a = scene_decision(&s, 9);
    change(&a);
    scene_decide(&s, 0, 0, 9, &a);
    broken(&s, why);
}

static void other_host(struct approval *a)
{
    a->host_id[0] ^= 1;
}

static void other_request(struct approval *a)
{
    a->request_id[0] ^= 1;
}

static void other_word(struct approval *a)
{
    a->decision = APPROVAL_DECLINE;
}

static void other_log(struct approval *a)
{
    a->seen_head[3] ^= 1;
}

static void other_serial(struct approval *a)
{
    a->grant_serial = 77;
}

TEST(what_was_signed_must_be_what_the_record_says)
{
    forge("host", other_host, "another host");
    forge("request", other_request, "another request");
    forge("decision", other_word, "another decision");
    forge("head", other_log, "over a log that is not this one");
    forge("serial", other_serial, "no grant");
}

TEST(a_viewer_and_a_revoked_device_decide_nothing)
{
    struct audit_scene s;
    scene_open(&s, path);
    struct approval a = scene_decision(&s, 1);
    scene_decide(&s, 3, 3, 1, &a);
    broken(&s, "role may not decide");

    uint8_t id[ID_SIZE];
    char hex[HEX_SIZE(ID_SIZE)];
    struct buf payload;
    scene_open(&s, path);
    buf_init(&payload, 256);
    id_device(sign_key_pub(s.devices[1]), id);
    hex_encode(BYTES_OF(id), hex);
    EQ_INT(buf_putf(&payload, "{\"clientId\":\"%s\"}", hex), OK);
    scene_put(&s, "revoke", &payload);
    buf_fini(&payload);
    a = scene_decision(&s, 1);
    scene_decide(&s, 1, 1, 1, &a);
    broken(&s, "revoked");
}

TEST(a_grant_that_the_host_did_not_sign_is_named)
{
    struct audit_scene s;
    scene_open(&s, path);
    scene_grant(&s, 0, GRANT_OWNER, 2, s.devices[0]);
    broken(&s, "not signed by the host");
}

static void sign_wrong(void *user, struct bytes message, uint8_t sig[64])
{
    const struct audit_scene *s = user;
    sign_make(s->devices[0], message, sig);
}

TEST(a_checkpoint_that_the_host_did_not_sign_is_named)
{
    struct audit_scene s;
    scene_open(&s, path);
    EQ_INT(audit_checkpoint(s.log, sign_wrong, &s, 1), OK);
    broken(&s, "signature");
}

TEST(times_are_read_as_people_write_them)
{
    struct diag d = {.text = ""};
    const uint64_t now = 10000000;
    uint64_t at = 0;
    EQ_INT(audit_time_read("10m", now, &at, &d), OK);
    EQ_U64(at, now - 600000);
    EQ_INT(audit_time_read("9d", now, &at, &d), OK);
    EQ_U64(at, 0);
    uint64_t later = 0;
    EQ_INT(audit_time_read("2026-11-22", now, &at, &d), OK);
    EQ_INT(audit_time_read("2026-11-22 00:00:01", now, &later, &d), OK);
    EQ_U64(later, at + 1000);
    EQ_INT(audit_time_read("m", now, &at, &d), ERR_USAGE);
    EQ_INT(audit_time_read("2026-13-40", now, &at, &d), ERR_USAGE);
    TRUE(d.text[0] != '\0');
}

TEST(a_filter_takes_what_was_asked_for)
{
    const struct audit_line line = {
        .idx = 1,
        .time_ms = 500,
        .type = BYTES_LIT("turn"),
        .payload = BYTES_LIT("{\"threadId\":\"abcd\",\"by\":{\"clientId\":\"12ef\","
                             "\"name\":\"Pixel\"}}")};
    static const struct {
        struct audit_filter f;
        bool takes;
    } rows[] = {
        {{.thread = NULL}, true},   {{.thread = "ab"}, true},
        {{.thread = "b"}, false},   {{.device = "Pixel"}, true},
        {{.device = "12"}, true},   {{.device = "Pix"}, false},
        {{.type = "turn"}, true},   {{.type = "decision"}, false},
        {{.since_ms = 501}, false}, {{.until_ms = 499}, false},
        {{.until_ms = 500}, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        EQ_INT(audit_filter_takes(&rows[i].f, &line), rows[i].takes);
    }
}

int main(void)
{
    const int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0) {
        return 1;
    }
    crypto_init();
    const struct CMUnitTest tests[] = {
        T(a_log_with_signed_decisions_and_checkpoints_is_sound),
        T(a_decision_that_somebody_else_signed_is_named),
        T(what_was_signed_must_be_what_the_record_says),
        T(a_viewer_and_a_revoked_device_decide_nothing),
        T(a_grant_that_the_host_did_not_sign_is_named),
        T(a_checkpoint_that_the_host_did_not_sign_is_named),
        T(times_are_read_as_people_write_them),
        T(a_filter_takes_what_was_asked_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
