#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "client/witness.h"
#include "store/audit_line.h"

static char home[] = "/tmp/farhand-witness-XXXXXX";
static char path[128];
static struct audit_head heads[5]; // of a chain of four records
static char rows[5][512];

static void make_chain(void)
{
    audit_head_start((const uint8_t[16]){1}, 5, &heads[0]);
    for (uint64_t i = 1; i < COUNT(heads); i++) {
        uint8_t payload[AUDIT_HASH] = {(uint8_t)i};
        char payload_hex[HEX_SIZE(AUDIT_HASH)];
        char h_hex[HEX_SIZE(AUDIT_HASH)];
        heads[i].idx = i;
        audit_link(heads[i - 1].h, i, 100 + i, BYTES_LIT("turn"), payload, heads[i].h);
        hex_encode(BYTES_OF(payload), payload_hex);
        hex_encode(BYTES_OF(heads[i].h), h_hex);
        EQ_INT(text_format(rows[i], sizeof(rows[i]),
                           "{\"idx\":%d,\"time\":%d,\"type\":\"turn\","
                           "\"payloadHash\":\"%s\",\"h\":\"%s\"}",
                           (int)i, 100 + (int)i, payload_hex, h_hex),
               OK);
    }
}

/* A device that has seen the log up to `idx`. */
static struct witness *that_saw(uint64_t idx)
{
    struct buf out;
    (void)unlink(path);
    struct witness *w = witness_create(home, "h");
    buf_init(&out, 4096);
    EQ_INT(witness_ready(w, idx, heads[idx].h, &out), OK);
    buf_fini(&out);
    witness_destroy(w);
    return witness_create(home, "h"); // it is durable
}

static const char *alarm_now(void)
{
    static char text[WITNESS_ALARM];
    witness_alarm(home, "h", text);
    return text;
}

static enum err page(struct witness *w, const char *first, const char *second,
                     struct buf *out)
{
    char text[2048];
    EQ_INT(text_format(text, sizeof(text),
                       "{\"id\":2,\"result\":{\"headers\":[%s%s%s]}}", first,
                       second[0] == '\0' ? "" : ",", second),
           OK);
    return witness_text(w, bytes_from_str(text), out);
}

TEST(a_log_that_only_grew_is_followed_and_remembered)
{
    struct witness *w = that_saw(1);
    struct buf out;
    buf_init(&out, 4096);
    EQ_INT(witness_ready(w, 3, heads[3].h, &out), ERR_AGAIN);
    buf_clear(&out);
    EQ_INT(witness_text(w, BYTES_LIT("{\"method\":\"x\",\"params\":{}}"), &out),
           ERR_AGAIN);
    EQ_U64(buf_len(&out), 0);
    EQ_INT(witness_text(w, BYTES_LIT("{\"id\":1,\"result\":{}}"), &out), ERR_AGAIN);
    const char *asked = NULL;
    EQ_INT(buf_cstr(&out, &asked), OK);
    TRUE(strstr(asked, "\"fromIdx\":2,\"limit\":2") != NULL);
    EQ_INT(page(w, rows[2], rows[3], &out), OK);
    EQ_STR(alarm_now(), "");
    witness_destroy(w);
    w = witness_create(home, "h");
    buf_clear(&out);
    EQ_INT(witness_ready(w, 3, heads[3].h, &out), OK);
    EQ_STR(alarm_now(), "");
    witness_destroy(w);
    buf_fini(&out);
}

TEST(a_log_that_was_cut_raises_the_alarm_which_stays)
{
    struct witness *w = that_saw(3);
    struct buf out;
    buf_init(&out, 4096);
    EQ_INT(witness_ready(w, 2, heads[2].h, &out), OK);
    TRUE(strstr(alarm_now(), "records are gone") != NULL);
    EQ_INT(witness_ready(w, 2, heads[2].h, &out), OK);
    TRUE(strstr(alarm_now(), "record 3") != NULL);
    witness_destroy(w);
    buf_fini(&out);
}

TEST(a_log_that_was_rewritten_raises_the_alarm)
{
    struct witness *w = that_saw(3);
    struct buf out;
    buf_init(&out, 4096);
    EQ_INT(witness_ready(w, 3, heads[2].h, &out), OK);
    TRUE(strstr(alarm_now(), "rewritten") != NULL);
    witness_destroy(w);

    static const struct {
        const char *name;
        size_t first;
        size_t second;
    } pages[] = {{"a record missing", 3, 4}, {"not a link", 1, 3}, {"too few", 0, 0}};
    for (size_t i = 0; i < COUNT(pages); i++) {
        CASE(pages[i].name);
        w = that_saw(1);
        EQ_STR(alarm_now(), "");
        EQ_INT(witness_ready(w, 3, heads[3].h, &out), ERR_AGAIN);
        EQ_INT(witness_text(w, BYTES_LIT("{\"id\":1,\"result\":{}}"), &out), ERR_AGAIN);
        EQ_INT(page(w, rows[pages[i].first], rows[pages[i].second], &out), OK);
        TRUE(strstr(alarm_now(), "rewritten") != NULL);
        witness_destroy(w);
    }
    w = that_saw(1); // a chain, but not to where the host says it stands
    EQ_INT(witness_ready(w, 3, heads[4].h, &out), ERR_AGAIN);
    EQ_INT(page(w, rows[2], rows[3], &out), OK);
    TRUE(strstr(alarm_now(), "rewritten") != NULL);
    witness_destroy(w);
    buf_fini(&out);
}

TEST(a_host_that_cannot_say_is_asked_again_later)
{
    struct witness *w = that_saw(1);
    struct buf out;
    buf_init(&out, 4096);
    EQ_INT(witness_ready(w, 3, heads[3].h, &out), ERR_AGAIN);
    EQ_INT(witness_text(w, BYTES_LIT("{\"id\":2,\"error\":{\"code\":-1}}"), &out), OK);
    EQ_STR(alarm_now(), "");
    EQ_INT(witness_ready(w, 3, heads[3].h, &out), ERR_AGAIN);
    witness_destroy(w);
    buf_fini(&out);
}

int main(void)
{
    char dir[128];
    if (mkdtemp(home) == NULL ||
        text_format(dir, sizeof(dir), "%s/hosts/h", home) != OK ||
        file_make_dir(dir, 0700) != OK ||
        text_format(path, sizeof(path), "%s/witness.json", dir) != OK) {
        return 1;
    }
    make_chain();
    const struct CMUnitTest tests[] = {
        T(a_log_that_only_grew_is_followed_and_remembered),
        T(a_log_that_was_cut_raises_the_alarm_which_stays),
        T(a_log_that_was_rewritten_raises_the_alarm),
        T(a_host_that_cannot_say_is_asked_again_later)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(dir);
    dir[strlen(home) + strlen("/hosts")] = '\0';
    (void)rmdir(dir);
    (void)rmdir(home);
    return failed;
}
