#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "store/lane.h"

/* A disk that is full, torn or damaged: refused or recovered in words, and what was
 * committed before is there. */

static char dir[] = "/tmp/farhand-store-fault-XXXXXX";
static char path[64];

static const uint8_t phone[16] = {1};

static void name_of(const char *ending, char out[80])
{
    if (text_format(out, 80, "%s%s", path, ending) != OK) {
        abort();
    }
}

static void forget(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(endings); i++) {
        char name[80];
        name_of(endings[i], name);
        (void)unlink(name);
    }
}

static enum err take(struct store *s, uint64_t seq)
{
    struct store_lane lane = {.device_id = {1}, .last_recv = seq};
    struct store_command c = {
        .device_id = {1}, .seq = seq, .state = STORE_ACCEPTED, .method = "turn/start"};
    enum err e = store_begin(s);
    if (e != OK) {
        return e;
    }
    e = store_lane_put(s, &lane);
    e = e != OK ? e : store_command_put(s, &c);
    if (e != OK) {
        store_rollback(s);
        return e;
    }
    return store_commit(s);
}

static void count(void *user, const struct store_command *c)
{
    uint64_t *n = user;
    (*n)++;
    EQ_U64(c->seq, *n);
}

/* The lane's number and its commands never differ. */
static uint64_t taken(struct store *s)
{
    struct store_lane lane = {.last_recv = 0};
    uint64_t n = 0;
    EQ_INT(store_command_each(s, phone, 0, 10000, count, &n), OK);
    if (store_lane_get(s, phone, &lane) != OK) {
        lane.last_recv = 0;
    }
    EQ_U64(lane.last_recv, n);
    return n;
}

static struct store *open_store(void)
{
    struct store *s = NULL;
    struct diag d = {.text = ""};
    CASE(d.text);
    EQ_INT(store_open(path, &s, &d), OK);
    return s;
}

/* No file may grow past `octets`: what a full disk looks like to one process. */
static void fill_disk(rlim_t octets)
{
    struct rlimit r;
    EQ_INT(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = octets;
    EQ_INT(setrlimit(RLIMIT_FSIZE, &r), 0);
}

TEST(a_full_disk_takes_nothing_and_loses_nothing)
{
    forget();
    struct store *s = open_store();
    uint64_t n = 0;
    enum err e = OK;
    fill_disk(200 * 1024);
    while ((e = take(s, n + 1)) == OK && n < 5000) {
        n++;
    }
    EQ_INT(e, ERR_IO);
    TRUE(n > 5);
    FALSE(store_in_transaction(s)); // the next one may begin
    EQ_U64(taken(s), n);
    EQ_INT(take(s, n + 1), ERR_IO);
    fill_disk(RLIM_INFINITY);
    EQ_INT(take(s, n + 1), OK); // there is room again
    store_close(s);
    s = open_store();
    EQ_U64(taken(s), n + 1);
    store_close(s);
}

static off_t size_of(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0 ? st.st_size : 0;
}

static void copy_file(const char *from, const char *to, off_t size)
{
    uint8_t chunk[4096];
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    TRUE(in >= 0 && out >= 0);
    while (size > 0) {
        const size_t want = size < (off_t)sizeof(chunk) ? (size_t)size : sizeof(chunk);
        const ssize_t n = read(in, chunk, want);
        TRUE(n > 0);
        EQ_INT(write(out, chunk, (size_t)n), n);
        size -= n;
    }
    (void)close(in);
    (void)close(out);
}

/* As after a loss of power: the log ends anywhere. Whole transactions are there, from
 * the first on, and never half of one. */
TEST(a_log_that_is_torn_anywhere_gives_whole_transactions)
{
    enum { TAKEN = 12 };
    char wal[80];
    char kept[80];
    char kept_wal[80];
    forget();
    struct store *s = open_store();
    for (uint64_t n = 1; n <= TAKEN; n++) {
        EQ_INT(take(s, n), OK);
    }
    name_of("-wal", wal);
    name_of(".kept", kept);
    name_of(".kept-wal", kept_wal);
    copy_file(path, kept, size_of(path));
    copy_file(wal, kept_wal, size_of(wal));
    store_close(s);
    const off_t whole = size_of(kept_wal);
    uint64_t before = 0;
    TRUE(whole > 0);
    for (off_t at = 0; at <= whole; at += 1777) {
        forget();
        copy_file(kept, path, size_of(kept));
        copy_file(kept_wal, wal, at);
        struct diag d = {.text = ""};
        if (store_open(path, &s, &d) != OK) {
            TRUE(d.text[0] != '\0');
            continue;
        }
        const uint64_t n = taken(s);
        TRUE(n >= before && n <= TAKEN);
        before = n;
        store_close(s);
    }
    (void)unlink(kept);
    (void)unlink(kept_wal);
    TRUE(before >= TAKEN - 1);
}

TEST(a_damaged_file_is_refused_in_words_and_left_alone)
{
    forget();
    struct store *s = open_store();
    EQ_INT(take(s, 1), OK);
    store_close(s);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    TRUE(fd >= 0);
    EQ_INT(pwrite(fd, "garbage, garbage", 16, 0), 16);
    (void)close(fd);
    const off_t size = size_of(path);
    struct diag d = {.text = ""};
    EQ_INT(store_open(path, &s, &d), ERR_IO);
    TRUE(strstr(d.text, "state file") != NULL);
    EQ_INT(size_of(path), size);
}

TEST(a_folder_that_is_not_there_is_refused_in_words)
{
    struct store *s = NULL;
    struct diag d = {.text = ""};
    EQ_INT(store_open("/nowhere/at/all/state.db", &s, &d), ERR_IO);
    TRUE(d.text[0] != '\0');
}

int main(void)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    log_set_level(LOG_ERROR);
    if (mkdtemp(dir) == NULL || text_format(path, sizeof(path), "%s/s.db", dir) != OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        T(a_full_disk_takes_nothing_and_loses_nothing),
        T(a_log_that_is_torn_anywhere_gives_whole_transactions),
        T(a_damaged_file_is_refused_in_words_and_left_alone),
        T(a_folder_that_is_not_there_is_refused_in_words)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    (void)rmdir(dir);
    return failed;
}
