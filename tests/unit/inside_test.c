/* inside: links, on a real file system. */
#include "host/inside.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

static char top[PATH_MAX];

static const char *at(const char *name)
{
    static char path[PATH_MAX];
    TRUE(text_format(path, sizeof(path), "%s/%s", top, name) == OK);
    return path;
}

static int make(void **state)
{
    (void)state;
    char template[] = "/tmp/farhand-inside-XXXXXX";
    if (mkdtemp(template) == NULL || realpath(template, top) == NULL ||
        mkdir(at("w"), 0700) != 0 || mkdir(at("w/d"), 0700) != 0 ||
        mkdir(at("out"), 0700) != 0 || symlink("../out", at("w/link")) != 0 ||
        symlink("d", at("w/near")) != 0 || symlink("../out/none", at("w/lost")) != 0 ||
        file_replace(at("w/a.c"), BYTES_LIT("x"), 0600) != OK) {
        return -1;
    }
    return 0;
}

static int unmake(void **state)
{
    static const char *const files[] = {"w/a.c", "w/link", "w/near", "w/lost"};
    static const char *const folders[] = {"w/d", "w", "out", ""};
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        (void)unlink(at(files[i]));
    }
    for (size_t i = 0; i < COUNT(folders); i++) {
        (void)rmdir(at(folders[i]));
    }
    return 0;
}

TEST(inside_follows_links)
{
    static const struct {
        const char *name;
        bool pattern;
        bool inside;
    } rows[] = {
        {"w", false, true},         {"w/a.c", false, true},
        {"w/d", false, true},       {"w/none", false, true},
        {"w/none/x", false, true},  {"w/near", false, true},
        {"w/near/x", false, true},  {"w/link", false, false},
        {"w/link/x", false, false}, {"w/lost", false, false},
        {"out", false, false},      {"wx", false, false},
        {"w/*.c", true, true},      {"w/*", true, false},
        {"w/n*", true, true},       {"w/none*", true, true},
        {"w/li*", true, false},
    };
    char root[PATH_MAX];
    TRUE(text_format(root, sizeof(root), "%s", at("w")) == OK);
    const char *roots[] = {root, NULL};
    for (size_t i = 0; i < COUNT(rows); i++) {
        CASE(rows[i].name);
        EQ_INT(inside_roots(roots, at(rows[i].name), rows[i].pattern), rows[i].inside);
    }
    FALSE(inside_roots(roots, "/etc/passwd", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(inside_follows_links)};
    return cmocka_run_group_tests(tests, make, unmake);
}
