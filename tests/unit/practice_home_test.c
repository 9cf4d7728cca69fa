#include "test.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/practice/home.h"

static char dir[] = "/tmp/farhand-home-XXXXXX";

static const char *config_path(void)
{
    static char path[64];
    EQ_INT(text_format(path, sizeof(path), "%s/config.toml", dir), OK);
    return path;
}

static bool config_holds(const char *text)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    EQ_INT(file_read_secret(config_path(), &b), OK);
    const bool found =
        memmem(buf_bytes(&b).at, buf_len(&b), text, strlen(text)) != NULL;
    buf_fini(&b);
    return found;
}

TEST(a_home_names_the_port_and_the_trusted_folder)
{
    EQ_INT(home_write(dir, 4242, "/w/\"odd\" \\folder"), OK);
    TRUE(config_holds("base_url = \"http://127.0.0.1:4242/v1\""));
    TRUE(config_holds("[projects.\"/w/\\\"odd\\\" \\\\folder\"]\ntrust_level"));
}

TEST(what_codex_added_stays_until_something_of_ours_changes)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    EQ_INT(home_write(dir, 1, NULL), OK);
    EQ_INT(file_read(config_path(), &b), OK);
    EQ_INT(buf_put_str(&b, "\n[notice]\nhide = true\n"), OK);
    EQ_INT(file_replace(config_path(), buf_bytes(&b), 0600), OK);
    buf_fini(&b);
    EQ_INT(home_write(dir, 1, NULL), OK);
    TRUE(config_holds("[notice]"));
    EQ_INT(home_write(dir, 2, NULL), OK);
    FALSE(config_holds("[notice]"));
}

TEST(a_folder_that_toml_cannot_name_is_refused)
{
    EQ_INT(home_write(dir, 1, "/w/new\nline"), ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_home_names_the_port_and_the_trusted_folder),
        T(what_codex_added_stays_until_something_of_ours_changes),
        T(a_folder_that_toml_cannot_name_is_refused)};
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"config.toml", "model.json", HOME_IMAGE};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[64];
        if (text_format(path, sizeof(path), "%s/%s", dir, names[i]) == OK) {
            (void)unlink(path);
        }
    }
    (void)rmdir(dir);
    return failed;
}
