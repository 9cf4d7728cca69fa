#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

static char dir[] = "/tmp/farhand-store-XXXXXX";
static char path[64];

static struct store *fresh(void)
{
    (void)unlink(path);
    struct store *s = NULL;
    struct diag d = {.text = ""};
    EQ_INT(store_open(path, &s, &d), OK);
    return s;
}

static struct store *reopen(struct store *s)
{
    store_close(s);
    EQ_INT(store_open(path, &s, NULL), OK);
    return s;
}

TEST(settings_survive_a_restart)
{
    struct store *s = fresh();
    uint64_t value = 7;
    EQ_INT(store_setting_get(s, "counter", &value), ERR_NOT_FOUND);
    EQ_U64(value, 7);
    EQ_INT(store_setting_put(s, "counter", 41), OK);
    EQ_INT(store_setting_put(s, "counter", 42), OK);
    s = reopen(s);
    EQ_INT(store_setting_get(s, "counter", &value), OK);
    EQ_U64(value, 42);
    store_close(s);
}

TEST(the_file_is_private)
{
    struct store *s = fresh();
    struct stat st;
    EQ_INT(stat(path, &st), 0);
    EQ_INT(st.st_mode & 0777, 0600);
    store_close(s);
}

static void count(void *user, const struct store_device *device)
{
    int *n = user;
    (*n)++;
    EQ_STR(device->name, "Pixel");
    EQ_INT(device->pair_root[31], 9);
    EQ_U64(device->last_seen_ms, 1234);
    EQ_STR(device->scope, "t1 t2");
}

TEST(a_revoked_device_is_gone_and_cannot_come_back)
{
    struct store *s = fresh();
    struct store_device device = {
        .id = {1}, .pair_root = {[31] = 9}, .name = "Pixel", .scope = "t1 t2"};
    EQ_INT(store_device_put(s, &device), OK);
    EQ_INT(store_device_seen(s, device.id, 1234), OK);
    s = reopen(s);
    int n = 0;
    EQ_INT(store_device_each(s, count, &n), OK);
    EQ_INT(n, 1);
    EQ_INT(store_device_revoke(s, device.id, 3, 99), OK);
    s = reopen(s);
    EQ_INT(store_device_each(s, count, &n), OK);
    EQ_INT(n, 1);
    EQ_INT(store_device_put(s, &device), ERR_EXISTS);
    store_close(s);
}

TEST(guesses_are_counted_from_a_time_on)
{
    struct store *s = fresh();
    uint64_t n = 0;
    for (uint64_t t = 1; t <= 10; t++) {
        EQ_INT(store_guess_add(s, t * 100), OK);
    }
    EQ_INT(store_guess_count(s, 500, &n), OK);
    EQ_U64(n, 6);
    EQ_INT(store_guess_clear(s), OK);
    EQ_INT(store_guess_count(s, 0, &n), OK);
    EQ_U64(n, 0);
    store_close(s);
}

TEST(a_file_that_is_no_database_is_refused_in_words)
{
    (void)unlink(path);
    FILE *f = fopen(path, "w");
    TRUE(f != NULL);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("this is not a database. ", f);
    }
    (void)fclose(f);
    struct store *s = NULL;
    struct diag d = {.text = ""};
    EQ_INT(store_open(path, &s, &d), ERR_IO);
    TRUE(s == NULL);
    TRUE(strstr(d.text, "state file") != NULL);
}

int main(void)
{
    if (mkdtemp(dir) == NULL || text_format(path, sizeof(path), "%s/s.db", dir) != OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        T(settings_survive_a_restart), T(the_file_is_private),
        T(a_revoked_device_is_gone_and_cannot_come_back),
        T(guesses_are_counted_from_a_time_on),
        T(a_file_that_is_no_database_is_refused_in_words)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(endings); i++) {
        char name[80];
        if (text_format(name, sizeof(name), "%s%s", path, endings[i]) == OK) {
            (void)unlink(name);
        }
    }
    (void)rmdir(dir);
    return failed;
}
