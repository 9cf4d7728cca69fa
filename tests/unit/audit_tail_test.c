#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"
#include "crypto/sign.h"
#include "store/audit.h"

/* A log of many records is taken up at its end: as fast, as safe, and nothing that the
 * whole reading would say is said otherwise. */

enum { RECORDS = 24000, POINT_EVERY = 1000, FILLER = 500 };

static char dir[] = "/tmp/farhand-tail-XXXXXX";
static char path[64];
static const uint8_t host_id[16] = {9};
static struct sign_key *key;
static struct sign_key *other;
static uint8_t old_h[AUDIT_HASH]; // of record 1,234

static struct audit *open_with(const struct sign_key *k)
{
    struct audit *a = NULL;
    struct diag d = {.text = ""};
    EQ_INT(audit_open(path, host_id, k == NULL ? NULL : sign_key_pub(k), 1000, &a, &d),
           OK);
    return a;
}

static void sign(void *user, struct bytes message, uint8_t sig[64])
{
    sign_make(user, message, sig);
}

/* Some 15 MB, with checkpoints. */
static void write_log(void)
{
    static char payload[FILLER + 16];
    struct audit_head head;
    (void)unlink(path);
    struct audit *a = open_with(NULL);
    memset(payload, 'x', sizeof(payload));
    memcpy(payload, "{\"t\":\"", 6);
    memcpy(payload + FILLER, "\"}", 3);
    EQ_INT(audit_append(a, "start", BYTES_LIT("{\"created\":1000}"), 1, false, NULL),
           OK);
    for (unsigned i = 2; i <= RECORDS; i++) {
        EQ_INT(audit_append(a, "turn", bytes_from_str(payload), i, false, NULL), OK);
        if (i == 1234) {
            audit_head(a, &head);
            memcpy(old_h, head.h, sizeof(old_h));
        }
        if (i % POINT_EVERY == 0) {
            EQ_INT(audit_checkpoint(a, sign, key, i), OK);
        }
    }
    audit_close(a);
}

static void flip(off_t at)
{
    uint8_t octet = 0;
    const int fd = open(path, O_RDWR);
    EQ_INT(pread(fd, &octet, 1, at), 1);
    octet ^= 1;
    EQ_INT(pwrite(fd, &octet, 1, at), 1);
    (void)close(fd);
}

static off_t size_now(void)
{
    struct stat st;
    EQ_INT(stat(path, &st), 0);
    return st.st_size;
}

TEST(the_end_of_a_long_log_is_enough_and_says_the_same)
{
    struct audit_head whole;
    struct audit_head tail;
    write_log();
    struct audit *a = open_with(NULL);
    audit_head(a, &whole);
    audit_close(a);
    a = open_with(key);
    audit_head(a, &tail);
    EQ_U64(tail.idx, whole.idx);
    EQ_MEM(tail.h, whole.h, AUDIT_HASH);
    EQ_U64(audit_created(a), 1000);
    TRUE(audit_holds(a, 1234 + 1234 / POINT_EVERY, old_h)); // checkpoints are records
    FALSE(audit_holds(a, 1234, old_h));
    TRUE(audit_holds(a, tail.idx, tail.h));
    EQ_INT(audit_append(a, "turn", BYTES_LIT("{}"), 1, true, NULL), OK);
    audit_close(a);
    a = open_with(NULL);
    EQ_U64(audit_found(a)->broken, 0);
    audit_close(a);
}

struct count {
    uint64_t first;
    uint64_t n;
};

static bool count_one(void *user, const struct audit_line *line)
{
    struct count *c = user;
    c->first = c->n++ == 0 ? line->idx : c->first;
    return true;
}

TEST(records_before_the_end_are_read_from_any_place)
{
    static const uint64_t from[] = {1, 2, 256, 257, 5000, 12345, 17999, 23000};
    write_log();
    struct audit *a = open_with(key);
    for (size_t i = 0; i < COUNT(from); i++) {
        struct count c = {0};
        EQ_INT(audit_each(a, from[i], 3, count_one, &c), OK);
        EQ_U64(c.first, from[i]);
        EQ_U64(c.n, 3);
    }
    audit_close(a);
}

TEST(an_end_that_was_edited_or_signed_by_another_is_read_whole)
{
    write_log();
    flip(size_now() - 100000);
    struct audit *a = open_with(key);
    const uint64_t broken = audit_found(a)->broken;
    TRUE(broken > RECORDS - 1000);
    audit_close(a);
    a = open_with(NULL);
    EQ_U64(audit_found(a)->broken, broken);
    audit_close(a);
    write_log();
    flip(3000000);
    a = open_with(other); // no checkpoint proves the end: all of it is looked at
    TRUE(audit_found(a)->broken > 0);
    audit_close(a);
}

TEST(a_torn_end_of_a_long_log_is_dropped)
{
    struct audit_head head;
    write_log();
    EQ_INT(truncate(path, size_now() - 10), 0);
    struct audit *a = open_with(key);
    TRUE(audit_found(a)->torn > 0);
    EQ_U64(audit_found(a)->broken, 0);
    audit_head(a, &head);
    EQ_INT(audit_append(a, "turn", BYTES_LIT("{}"), 1, false, NULL), OK);
    audit_close(a);
    a = open_with(NULL);
    EQ_U64(audit_found(a)->broken, 0);
    audit_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_end_of_a_long_log_is_enough_and_says_the_same),
        T(records_before_the_end_are_read_from_any_place),
        T(an_end_that_was_edited_or_signed_by_another_is_read_whole),
        T(a_torn_end_of_a_long_log_is_dropped)};
    crypto_init();
    key = sign_key_random();
    other = sign_key_random();
    if (mkdtemp(dir) == NULL ||
        text_format(path, sizeof(path), "%s/a.jsonl", dir) != OK) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(dir);
    sign_key_destroy(key);
    sign_key_destroy(other);
    return failed;
}
