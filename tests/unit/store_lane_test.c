#include "test.h"

#include <sqlite3.h>
#include <unistd.h>

#include "base/text.h"
#include "store/lane.h"

static char dir[] = "/tmp/farhand-store-lane-XXXXXX";
static char path[64];

static const uint8_t phone[16] = {1};
static const uint8_t tablet[16] = {2};

static void forget(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(endings); i++) {
        char name[80];
        if (text_format(name, sizeof(name), "%s%s", path, endings[i]) == OK) {
            (void)unlink(name);
        }
    }
}

static struct store *fresh(void)
{
    struct store *s = NULL;
    forget();
    EQ_INT(store_open(path, &s, NULL), OK);
    return s;
}

static struct store *reopen(struct store *s)
{
    store_close(s);
    EQ_INT(store_open(path, &s, NULL), OK);
    return s;
}

static struct store_command command(const uint8_t id[16], uint64_t seq)
{
    struct store_command c = {.seq = seq, .state = STORE_ACCEPTED, .accepted_ms = 5};
    memcpy(c.device_id, id, sizeof(c.device_id));
    memcpy(c.method, "turn/start", sizeof("turn/start"));
    memcpy(c.thread, "t1", sizeof("t1"));
    c.body = bytes_from_str("{}");
    return c;
}

struct seen {
    size_t n;
    struct store_command last;
    char body[8];
};

static void see(void *user, const struct store_command *c)
{
    struct seen *v = user;
    v->n++;
    v->last = *c;
    memset(v->body, 0, sizeof(v->body));
    memcpy(v->body, c->body.at == NULL ? (const uint8_t *)"" : c->body.at,
           c->body.len < sizeof(v->body) ? c->body.len : 0);
}

static uint64_t last_recv(struct store *s, const uint8_t id[16])
{
    struct store_lane lane = {.last_recv = 0};
    return store_lane_get(s, id, &lane) == OK ? lane.last_recv : 0;
}

TEST(a_lane_and_its_command_are_there_together_or_not_at_all)
{
    struct store *s = fresh();
    struct store_lane lane = {.device_id = {1}, .last_recv = 7};
    struct store_command c = command(phone, 7);
    struct seen v = {.n = 0};
    EQ_INT(store_lane_get(s, phone, &lane), ERR_NOT_FOUND);
    EQ_INT(store_begin(s), OK);
    TRUE(store_in_transaction(s));
    EQ_INT(store_lane_put(s, &lane), OK);
    EQ_INT(store_command_put(s, &c), OK);
    store_rollback(s);
    EQ_U64(last_recv(s, phone), 0);
    EQ_INT(store_begin(s), OK);
    EQ_INT(store_lane_put(s, &lane), OK);
    EQ_INT(store_command_put(s, &c), OK);
    EQ_INT(store_commit(s), OK);
    FALSE(store_in_transaction(s));
    s = reopen(s);
    EQ_U64(last_recv(s, phone), 7);
    EQ_INT(store_command_open(s, see, &v), OK);
    EQ_U64(v.n, 1);
    EQ_STR(v.body, "{}");
    EQ_STR(v.last.method, "turn/start");
    EQ_U64(v.last.seq, 7);
    store_close(s);
}

TEST(what_was_not_committed_dies_with_the_host)
{
    struct store *s = fresh();
    struct store_lane lane = {.device_id = {1}, .last_recv = 7};
    EQ_INT(store_begin(s), OK);
    EQ_INT(store_lane_put(s, &lane), OK);
    s = reopen(s);
    EQ_U64(last_recv(s, phone), 0);
    store_close(s);
}

TEST(a_number_carries_one_command_for_ever)
{
    struct store *s = fresh();
    struct store_command c = command(phone, 9);
    struct seen v = {.n = 0};
    EQ_INT(store_command_put(s, &c), OK);
    memcpy(c.method, "turn/stop", sizeof("turn/stop"));
    EQ_INT(store_command_put(s, &c), ERR_EXISTS);
    EQ_INT(store_command_each(s, phone, 0, 10, see, &v), OK);
    EQ_STR(v.last.method, "turn/start");
    memcpy(c.device_id, tablet, sizeof(tablet));
    EQ_INT(store_command_put(s, &c), OK);
    store_close(s);
}

TEST(a_command_that_is_over_is_not_open_and_has_no_body)
{
    struct store *s = fresh();
    struct store_command c = command(phone, 3);
    struct seen v = {.n = 0};
    EQ_INT(store_command_put(s, &c), OK);
    c.state = STORE_SENT;
    c.thread[0] = '\0';
    EQ_INT(store_command_moved(s, &c), OK);
    EQ_INT(store_command_open(s, see, &v), OK);
    EQ_U64(v.n, 1);
    EQ_STR(v.body, "{}");
    c.state = STORE_ANSWERED;
    c.error = -32011;
    memcpy(c.turn, "u1", sizeof("u1"));
    EQ_INT(store_command_moved(s, &c), OK);
    v.n = 0;
    EQ_INT(store_command_open(s, see, &v), OK);
    EQ_U64(v.n, 0);
    EQ_INT(store_command_each(s, phone, 3, 10, see, &v), OK);
    EQ_U64(v.n, 1);
    EQ_STR(v.last.thread, "t1");
    EQ_STR(v.last.turn, "u1");
    EQ_INT(v.last.error, -32011);
    c.seq = 4;
    EQ_INT(store_command_moved(s, &c), ERR_NOT_FOUND);
    store_close(s);
}

TEST(what_is_over_is_pruned_and_what_is_open_stays)
{
    struct store *s = fresh();
    struct seen v = {.n = 0};
    EQ_INT(store_begin(s), OK);
    for (uint64_t seq = 1; seq <= STORE_COMMANDS_MAX + 10; seq++) {
        struct store_command c = command(phone, seq);
        c.state = seq == 2 ? STORE_SENT : STORE_ANSWERED;
        EQ_INT(store_command_put(s, &c), OK);
    }
    EQ_INT(store_command_prune(s, phone), OK);
    EQ_INT(store_commit(s), OK);
    EQ_INT(store_command_each(s, phone, 0, 10000, see, &v), OK);
    EQ_U64(v.n, STORE_COMMANDS_MAX + 1);
    EQ_INT(store_command_open(s, see, &v), OK);
    EQ_U64(v.last.seq, 2);
    store_close(s);
}

TEST(a_revoked_device_has_no_lane)
{
    struct store *s = fresh();
    struct store_lane lane = {.device_id = {1}, .last_recv = 7};
    const struct store_command c = command(phone, 9);
    struct seen v = {.n = 0};
    EQ_INT(store_lane_put(s, &lane), OK);
    EQ_INT(store_command_put(s, &c), OK);
    EQ_INT(store_device_revoke(s, phone, 1, 2), OK);
    EQ_U64(last_recv(s, phone), 0);
    EQ_INT(store_command_each(s, phone, 0, 10, see, &v), OK);
    EQ_U64(v.n, 0);
    store_close(s);
}

TEST(a_file_of_the_first_version_gains_the_tables)
{
    struct store *s = fresh();
    EQ_INT(store_setting_put(s, "counter", 41), OK);
    store_close(s);
    sqlite3 *db = NULL;
    EQ_INT(sqlite3_open(path, &db), SQLITE_OK);
    EQ_INT(sqlite3_exec(db,
                        "DROP TABLE lane; DROP TABLE command; DROP TABLE approval;"
                        " DROP TABLE approval_vote; DROP TABLE trust;"
                        " DROP TABLE presence; ALTER TABLE device DROP COLUMN scope;"
                        " ALTER TABLE device DROP COLUMN person;"
                        " ALTER TABLE device DROP COLUMN until_ms;"
                        " PRAGMA user_version=1",
                        NULL, NULL, NULL),
           SQLITE_OK);
    (void)sqlite3_close(db);
    EQ_INT(store_open(path, &s, NULL), OK);
    struct store_lane lane = {.device_id = {1}, .last_recv = 7};
    uint64_t value = 0;
    EQ_INT(store_lane_put(s, &lane), OK);
    EQ_INT(store_setting_get(s, "counter", &value), OK);
    EQ_U64(value, 41);
    store_close(s);
}

int main(void)
{
    if (mkdtemp(dir) == NULL || text_format(path, sizeof(path), "%s/s.db", dir) != OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        T(a_lane_and_its_command_are_there_together_or_not_at_all),
        T(what_was_not_committed_dies_with_the_host),
        T(a_number_carries_one_command_for_ever),
        T(a_command_that_is_over_is_not_open_and_has_no_body),
        T(what_is_over_is_pruned_and_what_is_open_stays),
        T(a_revoked_device_has_no_lane),
        T(a_file_of_the_first_version_gains_the_tables)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    (void)rmdir(dir);
    return failed;
}
