#include "test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/audit.h"

static char dir[] = "/tmp/farhand-audit-XXXXXX";
static char path[64];
static const uint8_t host_id[16] = {1, 2, 3};

static struct audit *open_log(void)
{
    struct audit *a = NULL;
    struct diag d = {.text = ""};
    EQ_INT(audit_open(path, host_id, NULL, 1000, &a, &d), OK);
    return a;
}

static void add(struct audit *a, const char *type, const char *payload)
{
    EQ_INT(audit_append(a, type, bytes_from_str(payload), 1, false, NULL), OK);
}

/* A log of `n` records, the first of which says when it began. */
static struct audit *log_of(uint64_t n)
{
    (void)unlink(path);
    struct audit *a = open_log();
    TRUE(audit_found(a)->made);
    for (uint64_t i = 1; i <= n; i++) {
        add(a, i == 1 ? "start" : "turn", i == 1 ? "{\"created\":1000}" : "{\"n\":0}");
    }
    return a;
}

static struct audit *reopen(struct audit *a)
{
    struct audit_head before;
    struct audit_head after;
    audit_head(a, &before);
    audit_close(a);
    a = open_log();
    audit_head(a, &after);
    EQ_U64(after.idx, before.idx);
    EQ_MEM(after.h, before.h, AUDIT_HASH);
    return a;
}

static void read_file(struct buf *out)
{
    buf_init(out, 4u << 20);
    EQ_INT(file_read(path, out), OK);
}

static void write_file(struct bytes content)
{
    FILE *f = fopen(path, "w");
    TRUE(f != NULL);
    EQ_U64(fwrite(content.at, 1, content.len, f), content.len);
    (void)fclose(f);
}

TEST(a_log_goes_on_where_it_was)
{
    struct audit *a = log_of(600);
    struct stat st;
    EQ_INT(stat(path, &st), 0);
    EQ_INT(st.st_mode & 0777, 0600);
    a = reopen(a);
    FALSE(audit_found(a)->made);
    EQ_U64(audit_found(a)->torn, 0);
    EQ_U64(audit_found(a)->broken, 0);
    EQ_U64(audit_created(a), 1000);
    uint64_t idx = 0;
    EQ_INT(audit_append(a, "turn", BYTES_LIT("{}"), 0, true, &idx), OK);
    EQ_U64(idx, 601);
    TRUE(audit_is_synced(a));
    a = reopen(a);
    audit_close(a);
}

static bool note(void *user, const struct audit_line *line)
{
    uint64_t *at = user;
    at[0]++;
    at[1] = line->idx;
    return true;
}

TEST(records_are_read_from_any_place)
{
    struct audit *a = log_of(600);
    static const uint64_t rows[][4] = {// from, limit, how many, last
                                       {1, 1000, 600, 600}, {256, 3, 3, 258},
                                       {257, 1, 1, 257},    {599, 10, 2, 600},
                                       {601, 10, 0, 0},     {0, 2, 2, 2}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t at[2] = {0, 0};
        EQ_INT(audit_each(a, rows[i][0], rows[i][1], note, at), OK);
        EQ_U64(at[0], rows[i][2]);
        EQ_U64(at[1], rows[i][3]);
    }
    audit_close(a);
}

TEST(what_a_device_saw_is_found_again)
{
    struct audit *a = log_of(300);
    struct audit_head seen;
    audit_head(a, &seen);
    TRUE(audit_holds(a, seen.idx, seen.h));
    add(a, "turn", "{}");
    TRUE(audit_holds(a, seen.idx, seen.h));
    FALSE(audit_holds(a, seen.idx - 1, seen.h));
    FALSE(audit_holds(a, 999, seen.h));
    seen.h[0] ^= 1;
    FALSE(audit_holds(a, seen.idx, seen.h));
    audit_close(a);
}

TEST(a_tail_torn_at_any_octet_is_dropped)
{
    struct audit *a = log_of(3);
    struct audit_head two;
    struct buf whole;
    audit_close(a);
    read_file(&whole);
    const struct bytes all = buf_bytes(&whole);
    size_t second = 0; // where the second record ends
    for (size_t i = 0, lines = 0; lines < 2; i++) {
        lines += all.at[i] == '\n';
        second = i + 1;
    }
    for (size_t cut = second + 1; cut < all.len; cut++) {
        write_file(bytes_sub(all, 0, cut));
        a = open_log();
        audit_head(a, &two);
        EQ_U64(two.idx, 2);
        EQ_U64(audit_found(a)->torn, cut - second);
        EQ_U64(audit_found(a)->broken, 0);
        add(a, "recovered", "{}");
        a = reopen(a);
        EQ_U64(audit_found(a)->torn, 0);
        EQ_U64(audit_found(a)->broken, 0);
        audit_close(a);
    }
    buf_fini(&whole);
}

TEST(zeroes_after_the_last_record_are_a_torn_tail)
{
    struct audit *a = log_of(3);
    audit_close(a);
    FILE *f = fopen(path, "a");
    TRUE(f != NULL);
    for (int i = 0; i < 5000; i++) {
        (void)fputc(i % 1000 == 999 ? '\n' : 0, f);
    }
    (void)fclose(f);
    a = open_log();
    EQ_U64(audit_found(a)->torn, 5000);
    struct audit_head head;
    audit_head(a, &head);
    EQ_U64(head.idx, 3);
    audit_close(a);
}

TEST(an_edited_record_is_named_and_the_log_goes_on)
{
    static const struct {
        const char *name;
        uint64_t line; // which is changed
        char from;
        char to;
        enum audit_fault fault;
        uint64_t broken;
    } rows[] = {
        {"content", 300, '0', '1', AUDIT_CONTENT, 300},
        {"form", 300, '{', 'x', AUDIT_FORM, 300},
        {"the last one's content", 600, '0', '7', AUDIT_CONTENT, 600},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct audit *a = log_of(600);
        struct buf whole;
        audit_close(a);
        CASE(rows[i].name);
        read_file(&whole);
        uint8_t *at = whole.at + whole.start;
        for (uint64_t n = 1; n < rows[i].line; n++) {
            at = (uint8_t *)strchr((char *)at, '\n') + 1;
        }
        at = (uint8_t *)strstr((char *)at, rows[i].from == '{' ? "{\"idx" : "\"n\":0");
        at += rows[i].from == '{' ? 0 : 4;
        TRUE((char)*at == rows[i].from);
        *at = (uint8_t)rows[i].to;
        write_file(buf_bytes(&whole));
        buf_fini(&whole);
        a = open_log();
        EQ_U64(audit_found(a)->broken, rows[i].broken);
        EQ_INT(audit_found(a)->fault, rows[i].fault);
        add(a, "turn", "{\"after\":1}");
        uint64_t seen[2] = {0, 0};
        EQ_INT(audit_each(a, 599, 10, note, seen), OK);
        EQ_U64(seen[1], 601);
        audit_close(a);
    }
}

TEST(the_log_of_another_host_is_told_from_ones_own)
{
    struct audit *a = log_of(3);
    const uint8_t other[16] = {9};
    audit_close(a);
    EQ_INT(audit_open(path, other, NULL, 1000, &a, NULL), OK);
    EQ_U64(audit_found(a)->broken, 1);
    EQ_INT(audit_found(a)->fault, AUDIT_LINK);
    audit_close(a);
}

/* RLIMIT_FSIZE stands for a disk that is full: the write ends in the middle. */
TEST(a_full_disk_refuses_the_record_in_words_and_leaves_whole_ones)
{
    struct audit *a = log_of(3);
    struct stat st;
    struct rlimit was;
    (void)signal(SIGXFSZ, SIG_IGN);
    EQ_INT(getrlimit(RLIMIT_FSIZE, &was), 0);
    EQ_INT(stat(path, &st), 0);
    const struct rlimit now = {(rlim_t)st.st_size + 40, was.rlim_max};
    EQ_INT(setrlimit(RLIMIT_FSIZE, &now), 0);
    EQ_INT(audit_append(a, "turn", BYTES_LIT("{}"), 1, true, NULL), ERR_IO);
    TRUE(strstr(audit_trouble(a), "cannot be written") != NULL);
    EQ_INT(setrlimit(RLIMIT_FSIZE, &was), 0);
    struct stat after;
    EQ_INT(stat(path, &after), 0);
    EQ_INT(after.st_size, st.st_size);
    add(a, "turn", "{}");
    EQ_STR(audit_trouble(a), "");
    a = reopen(a);
    EQ_U64(audit_found(a)->torn, 0);
    EQ_U64(audit_found(a)->broken, 0);
    audit_close(a);
}

TEST(a_log_that_someone_shortened_takes_no_more)
{
    struct audit *a = log_of(3);
    EQ_INT(truncate(path, 10), 0);
    EQ_INT(audit_append(a, "turn", BYTES_LIT("{}"), 1, true, NULL), ERR_IO);
    TRUE(strstr(audit_trouble(a), "shortened") != NULL);
    audit_close(a);
}

TEST(a_place_that_cannot_be_written_is_refused_in_words)
{
    struct audit *a = NULL;
    struct diag d = {.text = ""};
    EQ_INT(audit_open("/proc/audit.jsonl", host_id, NULL, 1, &a, &d), ERR_IO);
    TRUE(strstr(d.text, "cannot be written") != NULL);
    TRUE(a == NULL);
}

static void sign_nothing(void *user, struct bytes message, uint8_t sig[64])
{
    unsigned *n = user;
    (*n)++;
    EQ_U64(message.len, AUDIT_CHECKPOINT_SIZE);
    memset(sig, 0, 64);
}

TEST(a_checkpoint_follows_records_and_never_itself)
{
    struct audit *a = log_of(2);
    unsigned signatures = 0;
    EQ_INT(audit_checkpoint(a, sign_nothing, &signatures, 1), OK);
    EQ_INT(audit_checkpoint(a, sign_nothing, &signatures, 1), OK);
    EQ_INT(signatures, 1);
    a = reopen(a);
    EQ_INT(audit_checkpoint(a, sign_nothing, &signatures, 1), OK);
    EQ_INT(signatures, 1);
    add(a, "turn", "{}");
    EQ_INT(audit_checkpoint(a, sign_nothing, &signatures, 1), OK);
    EQ_INT(signatures, 2);
    audit_close(a);
}

static void child_appends(void)
{
    struct audit *a = open_log();
    for (;;) {
        if (audit_append(a, "turn", BYTES_LIT("{\"from\":\"the child\"}"), 1, false,
                         NULL) != OK) {
            _exit(1);
        }
    }
}

TEST(a_process_killed_while_it_appends_leaves_a_chain)
{
    struct audit *a = log_of(1);
    audit_close(a);
    for (int round = 0; round < 10; round++) {
        struct stat st = {.st_size = 0};
        struct stat before;
        EQ_INT(stat(path, &before), 0);
        const pid_t pid = fork();
        TRUE(pid >= 0);
        if (pid == 0) {
            child_appends();
        }
        do {
            EQ_INT(stat(path, &st), 0);
        } while (st.st_size < before.st_size + 2000);
        EQ_INT(kill(pid, SIGKILL), 0);
        EQ_INT(waitpid(pid, NULL, 0), pid);
        a = open_log();
        EQ_U64(audit_found(a)->broken, 0);
        audit_close(a);
    }
}

int main(void)
{
    if (mkdtemp(dir) == NULL ||
        text_format(path, sizeof(path), "%s/a.jsonl", dir) != OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        T(a_log_goes_on_where_it_was),
        T(records_are_read_from_any_place),
        T(what_a_device_saw_is_found_again),
        T(a_tail_torn_at_any_octet_is_dropped),
        T(zeroes_after_the_last_record_are_a_torn_tail),
        T(an_edited_record_is_named_and_the_log_goes_on),
        T(the_log_of_another_host_is_told_from_ones_own),
        T(a_full_disk_refuses_the_record_in_words_and_leaves_whole_ones),
        T(a_log_that_someone_shortened_takes_no_more),
        T(a_place_that_cannot_be_written_is_refused_in_words),
        T(a_checkpoint_follows_records_and_never_itself),
        T(a_process_killed_while_it_appends_leaves_a_chain)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(dir);
    return failed;
}
