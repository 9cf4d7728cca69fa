#include "client/joined.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

static char home[64];

static int make_home(void **state)
{
    (void)state;
    memcpy(home, "/tmp/farhand-joined-XXXXXX", sizeof("/tmp/farhand-joined-XXXXXX"));
    return mkdtemp(home) == NULL ? -1 : 0;
}

static int remove_home(void **state)
{
    char command[128];
    (void)state;
    const char *const left[] = {"hosts/relay.url", "hosts", ""};
    for (size_t i = 0; i < COUNT(left); i++) {
        if (text_format(command, sizeof(command), "%s/%s", home, left[i]) == OK) {
            (void)remove(command);
        }
    }
    return 0;
}

static struct link_joined sample(uint8_t seed, const char *name)
{
    struct link_joined j = {.n_urls = 2, .grant_len = 100};
    memset(j.host_id, seed, sizeof(j.host_id));
    memset(j.mailbox_id, seed + 1, sizeof(j.mailbox_id));
    memset(j.host_key, seed + 2, sizeof(j.host_key));
    memset(j.device_seed, seed + 3, sizeof(j.device_seed));
    memset(j.relay_seed, seed + 4, sizeof(j.relay_seed));
    memset(j.pair_root, seed + 5, sizeof(j.pair_root));
    memset(j.grant, seed + 6, j.grant_len);
    text_sanitize(bytes_from_str(name), j.name, sizeof(j.name));
    text_sanitize(BYTES_LIT("laptop \"x\""), j.device, sizeof(j.device));
    text_sanitize(BYTES_LIT("ws://127.0.0.1:1/relay"), j.urls[0], sizeof(j.urls[0]));
    text_sanitize(BYTES_LIT("wss://r.example/relay"), j.urls[1], sizeof(j.urls[1]));
    return j;
}

static void path_of(const struct link_joined *j, char out[PATH_MAX])
{
    char id[JOINED_ID_SIZE];
    joined_id(j, id);
    EQ_INT(text_format(out, PATH_MAX, "%s/hosts/%s/joined.json", home, id), OK);
}

static void forget(const struct link_joined *j)
{
    char path[PATH_MAX];
    char ca[PATH_MAX];
    char id[JOINED_ID_SIZE];
    joined_id(j, id);
    path_of(j, path);
    EQ_INT(unlink(path), 0);
    if (joined_ca(home, id, ca) == OK) {
        EQ_INT(unlink(ca), 0);
    }
    *strrchr(path, '/') = '\0';
    EQ_INT(rmdir(path), 0);
}

TEST(joined_comes_back_as_it_was_saved)
{
    const struct link_joined j = sample(1, "desk");
    char id[JOINED_ID_SIZE];
    char path[PATH_MAX];
    struct link_joined back;
    struct stat st;
    EQ_INT(joined_save(home, &j), OK);
    joined_id(&j, id);
    EQ_INT(joined_load(home, id, &back), OK);
    EQ_MEM(&back, &j, sizeof(j));
    path_of(&j, path);
    EQ_INT(stat(path, &st), 0);
    EQ_INT(st.st_mode & 0777, 0600);
    forget(&j);
    EQ_INT(joined_load(home, id, &back), ERR_NOT_FOUND);
}

TEST(joined_refuses_what_others_can_read)
{
    const struct link_joined j = sample(1, "desk");
    char id[JOINED_ID_SIZE];
    char path[PATH_MAX];
    struct link_joined back;
    EQ_INT(joined_save(home, &j), OK);
    joined_id(&j, id);
    path_of(&j, path);
    EQ_INT(chmod(path, 0644), 0);
    EQ_INT(joined_load(home, id, &back), ERR_DENIED);
    forget(&j);
}

TEST(joined_refuses_a_link)
{
    const struct link_joined j = sample(1, "desk");
    char id[JOINED_ID_SIZE];
    char path[PATH_MAX];
    char moved[PATH_MAX];
    struct link_joined back;
    EQ_INT(joined_save(home, &j), OK);
    joined_id(&j, id);
    path_of(&j, path);
    EQ_INT(text_format(moved, sizeof(moved), "%s/moved", home), OK);
    EQ_INT(rename(path, moved), 0);
    EQ_INT(symlink(moved, path), 0);
    EQ_INT(joined_load(home, id, &back), ERR_DENIED);
    EQ_INT(unlink(moved), 0);
    forget(&j);
}

/* Every prefix of a record is damaged; none crashes. */
TEST(joined_refuses_every_prefix)
{
    const struct link_joined j = sample(9, "desk");
    char id[JOINED_ID_SIZE];
    char path[PATH_MAX];
    struct link_joined back;
    struct buf text;
    EQ_INT(joined_save(home, &j), OK);
    joined_id(&j, id);
    path_of(&j, path);
    buf_init(&text, JOINED_FILE_MAX);
    EQ_INT(file_read_secret(path, &text), OK);
    for (size_t n = 0; n < buf_len(&text); n += 37) {
        EQ_INT(file_replace(path, bytes_sub(buf_bytes(&text), 0, n), 0600), OK);
        EQ_INT(joined_load(home, id, &back), ERR_PROTO);
    }
    buf_fini(&text);
    forget(&j);
}

TEST(joined_is_found_by_name_or_by_its_first_digits)
{
    const struct link_joined a = sample(0x1a, "desk");
    const struct link_joined b = sample(0x2b, "tower");
    static const struct {
        const char *name;
        const char *asked;
        enum err want;
        const char *found;
    } cases[] = {
        {"by name", "desk", OK, "desk"},
        {"without case", "TOWER", OK, "tower"},
        {"by digits", "2b2b2b", OK, "tower"},
        {"too few digits", "2b", ERR_NOT_FOUND, NULL},
        {"nobody", "cellar", ERR_NOT_FOUND, NULL},
        {"two and no name", NULL, ERR_EXISTS, NULL},
    };
    struct link_joined found;
    struct diag d = {.text = ""};
    EQ_INT(joined_find(home, NULL, &found, &d), ERR_NOT_FOUND);
    TRUE(strstr(d.text, "farhand join") != NULL);
    EQ_INT(joined_save(home, &a), OK);
    EQ_INT(joined_find(home, NULL, &found, NULL), OK);
    EQ_INT(joined_save(home, &b), OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].name);
        d.text[0] = '\0';
        EQ_INT(joined_find(home, cases[i].asked, &found, &d), cases[i].want);
        if (cases[i].want == OK) {
            EQ_STR(found.name, cases[i].found);
        } else {
            TRUE(strstr(d.text, "desk, tower") != NULL ||
                 strstr(d.text, "tower, desk") != NULL);
        }
    }
    forget(&a);
    forget(&b);
}

TEST(joined_remembers_the_last_relay)
{
    char url[64] = "";
    EQ_INT(joined_last_relay(home, url, sizeof(url)), ERR_NOT_FOUND);
    EQ_INT(joined_keep_relay(home, "wss://one/relay"), OK);
    EQ_INT(joined_keep_relay(home, "wss://two/relay"), OK);
    EQ_INT(joined_last_relay(home, url, sizeof(url)), OK);
    EQ_STR(url, "wss://two/relay");
}

TEST(joined_keeps_the_authorities_until_the_host_is_forgotten_or_joined_without)
{
    struct link_joined j = sample(90, "desk");
    char id[JOINED_ID_SIZE];
    char from[PATH_MAX];
    char kept[PATH_MAX];
    joined_id(&j, id);
    EQ_INT(joined_save(home, &j), OK);
    EQ_INT(joined_ca(home, id, kept), ERR_NOT_FOUND);
    EQ_INT(text_format(from, sizeof(from), "%s/my.pem", home), OK);
    EQ_INT(joined_keep_ca(home, id, from), ERR_NOT_FOUND);
    EQ_INT(file_replace(from, BYTES_LIT("PEM"), 0644), OK);
    EQ_INT(joined_keep_ca(home, id, from), OK);
    EQ_INT(unlink(from), 0);
    EQ_INT(joined_ca(home, id, kept), OK);
    EQ_INT(joined_keep_ca(home, id, NULL), OK);
    EQ_INT(joined_ca(home, id, kept), ERR_NOT_FOUND);
    EQ_INT(file_replace(from, BYTES_LIT("PEM"), 0644), OK);
    EQ_INT(joined_keep_ca(home, id, from), OK);
    EQ_INT(unlink(from), 0);
    forget(&j);
    EQ_INT(joined_ca(home, id, kept), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(joined_comes_back_as_it_was_saved),
        T(joined_refuses_what_others_can_read),
        T(joined_refuses_a_link),
        T(joined_refuses_every_prefix),
        T(joined_is_found_by_name_or_by_its_first_digits),
        T(joined_remembers_the_last_relay),
        T(joined_keeps_the_authorities_until_the_host_is_forgotten_or_joined_without),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
