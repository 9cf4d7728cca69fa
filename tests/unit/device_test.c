#include "test.h"

#include <unistd.h>

#include "base/file.h"
#include "crypto/id.h"
#include "crypto/random.h"
#include "host/device.h"
#include "session/grant.h"

static char dir[] = "/tmp/farhand-device-XXXXXX";
static char path[64];
static struct keys keys;
static struct store *store;
static struct devices *devices;

static void open_all(void)
{
    EQ_INT(keys_open(dir, &keys, NULL), OK);
    EQ_INT(store_open(path, &store, NULL), OK);
    EQ_INT(devices_open(store, &keys, &devices), OK);
}

static void close_all(void)
{
    devices_close(devices);
    store_close(store);
    keys_fini(&keys);
}

static struct store_device fresh(const char *name)
{
    struct store_device row = {.role = ROLE_OPERATOR};
    struct sign_key *key = sign_key_random();
    memcpy(row.d, sign_key_pub(key), sizeof(row.d));
    sign_key_destroy(key);
    id_device(row.d, row.id);
    text_sanitize(bytes_from_str(name), row.name, sizeof(row.name));
    return row;
}

TEST(keys_stay_the_same_over_a_restart)
{
    uint8_t id[16];
    open_all();
    memcpy(id, keys.host_id, sizeof(id));
    close_all();
    open_all();
    EQ_MEM(id, keys.host_id, sizeof(id));
    close_all();
}

TEST(a_damaged_key_file_is_an_error_and_not_a_new_identity)
{
    char key[96];
    struct diag d = {.text = ""};
    struct keys none = {.host = NULL};
    struct buf kept;
    buf_init(&kept, 64);
    EQ_INT(text_format(key, sizeof(key), "%s/keys/host.key", dir), OK);
    EQ_INT(file_read_secret(key, &kept), OK);
    EQ_INT(file_replace(key, BYTES_LIT("short"), 0600), OK);
    EQ_INT(keys_open(dir, &none, &d), ERR_PROTO);
    TRUE(strstr(d.text, "damaged") != NULL);
    EQ_INT(file_replace(key, buf_bytes(&kept), 0644), OK);
    EQ_INT(keys_open(dir, &none, NULL), ERR_DENIED);
    EQ_INT(file_replace(key, buf_bytes(&kept), 0600), OK);
    buf_wipe(&kept);
}

TEST(a_device_is_found_by_id_prefix_and_name_but_never_by_half)
{
    open_all();
    const struct store_device phone = fresh("Pixel 9");
    char hex[HEX_SIZE(16)];
    hex_encode(BYTES_OF(phone.id), hex);
    EQ_INT(devices_add(devices, &phone, 1), OK);
    EQ_INT(devices_add(devices, &phone, 1), ERR_EXISTS);
    TRUE(devices_find_text(devices, "Pixel 9") != NULL);
    TRUE(devices_find_text(devices, "Pixel") == NULL);
    hex[8] = '\0';
    TRUE(devices_find_text(devices, hex) != NULL);
    hex[3] = '\0';
    TRUE(devices_find_text(devices, hex) == NULL);
    const struct store_device twin = fresh("Pixel 9");
    EQ_INT(devices_add(devices, &twin, 1), OK);
    TRUE(devices_find_text(devices, "Pixel 9") == NULL);
    close_all();
}

TEST(a_device_that_is_named_like_the_id_of_another_does_not_shield_it)
{
    open_all();
    const struct store_device lost = fresh("Lost");
    char hex[HEX_SIZE(16)];
    hex_encode(BYTES_OF(lost.id), hex);
    const struct store_device shield = fresh(hex);
    EQ_INT(devices_add(devices, &lost, 1), OK);
    EQ_INT(devices_add(devices, &shield, 1), OK);
    const struct device *found = devices_find_text(devices, hex);
    TRUE(found != NULL);
    EQ_MEM(found->row.id, lost.id, sizeof(lost.id));
    close_all();
}

TEST(a_grant_says_what_the_table_says_and_its_serial_rises)
{
    open_all();
    const struct store_device row = fresh("Tablet");
    EQ_INT(devices_add(devices, &row, 1000), OK);
    struct device *device = devices_find(devices, row.id);
    TRUE(device != NULL);
    uint64_t last = 0;
    for (int i = 0; i < 3; i++) {
        struct buf out;
        struct grant g;
        buf_init(&out, GRANT_MAX);
        EQ_INT(devices_grant(devices, device, 2000000, &out), OK);
        EQ_INT(grant_read(buf_bytes(&out), sign_key_pub(keys.host), &g), OK);
        EQ_INT(g.role, GRANT_OPERATOR);
        TRUE(bytes_equal_str(g.name, "Tablet"));
        EQ_U64(g.not_after_ms, (2000 + GRANT_LIFE_S) * 1000);
        TRUE(g.serial > last);
        last = g.serial;
        buf_fini(&out);
    }
    close_all();
}

TEST(a_revoked_device_is_gone_at_once_and_after_a_restart)
{
    open_all();
    const struct store_device row = fresh("Lost phone");
    EQ_INT(devices_add(devices, &row, 1), OK);
    const size_t before = devices_count(devices);
    EQ_INT(devices_revoke(devices, devices_find(devices, row.id), 2), OK);
    TRUE(devices_find(devices, row.id) == NULL);
    close_all();
    open_all();
    EQ_U64(devices_count(devices), before - 1);
    EQ_INT(devices_add(devices, &row, 3), ERR_EXISTS);
    close_all();
}

TEST(the_table_is_full_at_its_maximum)
{
    open_all();
    while (devices_count(devices) < DEVICES_MAX) {
        const struct store_device row = fresh("one of many");
        EQ_INT(devices_add(devices, &row, 1), OK);
    }
    const struct store_device more = fresh("one too many");
    EQ_INT(devices_add(devices, &more, 1), ERR_LIMIT);
    close_all();
}

int main(void)
{
    crypto_init();
    if (mkdtemp(dir) == NULL || text_format(path, sizeof(path), "%s/s.db", dir) != OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        T(keys_stay_the_same_over_a_restart),
        T(a_damaged_key_file_is_an_error_and_not_a_new_identity),
        T(a_device_is_found_by_id_prefix_and_name_but_never_by_half),
        T(a_device_that_is_named_like_the_id_of_another_does_not_shield_it),
        T(a_grant_says_what_the_table_says_and_its_serial_rises),
        T(a_revoked_device_is_gone_at_once_and_after_a_restart),
        T(the_table_is_full_at_its_maximum)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"s.db", "s.db-wal", "s.db-shm", "keys/host.key",
                                        "keys/relay.key"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char name[96];
        if (text_format(name, sizeof(name), "%s/%s", dir, names[i]) == OK) {
            (void)unlink(name);
        }
    }
    char sub[64];
    if (text_format(sub, sizeof(sub), "%s/keys", dir) == OK) {
        (void)rmdir(sub);
    }
    (void)rmdir(dir);
    return failed;
}
