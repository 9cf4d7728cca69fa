/* surroundings: variables and repositories that make a harmless command do more. */
#include "host/surroundings.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

TEST(variables_that_programs_obey_are_seen)
{
    static const struct {
        const char *variable;
        bool bad;
    } cases[] = {
        {"PATH=/usr/bin:/bin", false},
        {"PATH=/usr/bin:.", true},
        {"PATH=", true},
        {"PATH=/usr/bin::/bin", true},
        {"PATH=/usr/bin:", true},
        {"PATH=bin:/usr/bin", true},
        {"PATH=/w/node_modules/.bin:/usr/bin", true},
        {"PATH=/work/bin:/usr/bin", false},
        {"BASH_ENV=/w/x", true},
        {"BASH_ENV=", false},
        {"BASH_FUNC_ls%%=() { rm -rf /; }", true},
        {"LD_PRELOAD=/w/x.so", true},
        {"RIPGREP_CONFIG_PATH=/w/rc", true},
        {"GIT_EXTERNAL_DIFF=x", true},
        {"GIT_AUTHOR_NAME=Ada", false},
        {"GREP_OPTIONS=-r", true},
        {"LC_ALL=C", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const all[] = {"HOME=/root", cases[i].variable, NULL};
        CASE(cases[i].variable);
        EQ_INT(surroundings_of_programs(all, "/w") != NULL, cases[i].bad);
    }
}

static void put(const char *root, const char *name, struct bytes text)
{
    char path[PATH_MAX];
    TRUE(text_format(path, sizeof(path), "%s/%s", root, name) == OK);
    TRUE(file_replace(path, text, 0600) == OK);
}

TEST(a_repository_that_names_programs_or_links_others_is_seen)
{
    static const struct {
        const char *config;
        bool bad;
    } cases[] = {
        {"[core]\n\tbare = false\n[user]\n\tname = x\n", false},
        {"[core]\n\tfsmonitor = ./x\n", true},
        {"[core]\n\tFSMonitor = ./x\n", true},
        {"[diff \"a\"]\n\ttextconv = ./x\n", true},
        {"[diff]\n\texternal = ./x\n", true},
        {"[include]\n\tpath = ../x\n", true},
        {"[includeIf \"gitdir:/\"]\n\tpath = ../x\n", true},
        {"[filter \"a\"]\n\tclean = ./x\n", true},
        {"[gpg]\n\tprogram = ./x\n", true},
        {"[pager]\n\tlog = ./x\n", true},
        {"[extensions]\n\tpartialClone = o\n", true},
        {"[remote \"o\"]\n\tpromisor = true\n", true},
        {"[remote \"o\"]\n\tuploadPack = ./x\n", true},
    };
    static const uint8_t linked[] = {'D', 'I', 'R', 'C', 0, 0, 0xe0, 0, 1};
    char root[] = "/tmp/farhand-around-XXXXXX";
    char path[PATH_MAX];
    TRUE(mkdtemp(root) != NULL);
    TRUE(surroundings_of_git(root) != NULL); // it may be a bare repository itself
    TRUE(text_format(path, sizeof(path), "%s/.git", root) == OK);
    EQ_INT(mkdir(path, 0700), 0);
    TRUE(surroundings_of_git(root) != NULL); // git passes over an empty one
    put(path, "HEAD", BYTES_LIT("ref: refs/heads/main\n"));
    static const char *const folders[] = {"objects", "refs"};
    for (size_t i = 0; i < COUNT(folders); i++) {
        TRUE(surroundings_of_git(root) != NULL);
        TRUE(text_format(path, sizeof(path), "%s/.git/%s", root, folders[i]) == OK);
        EQ_INT(mkdir(path, 0700), 0);
    }
    TRUE(text_format(path, sizeof(path), "%s/.git", root) == OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].config);
        put(path, "config", bytes_from_str(cases[i].config));
        EQ_INT(surroundings_of_git(root) != NULL, cases[i].bad);
    }
    put(path, "config", BYTES_LIT("[core]\n"));
    put(path, "index", BYTES_LIT("DIRC"));
    TRUE(surroundings_of_git(root) == NULL);
    put(path, "commondir", BYTES_LIT("../elsewhere\n"));
    TRUE(surroundings_of_git(root) != NULL);
    TRUE(text_format(path, sizeof(path), "%s/.git/commondir", root) == OK);
    EQ_INT(unlink(path), 0);
    TRUE(surroundings_of_git(root) == NULL);
    TRUE(text_format(path, sizeof(path), "%s/.git", root) == OK);
    put(path, "index", BYTES_OF(linked));
    TRUE(surroundings_of_git(root) != NULL);
    for (size_t i = 0; i < COUNT(folders); i++) {
        TRUE(text_format(path, sizeof(path), "%s/.git/%s", root, folders[i]) == OK);
        EQ_INT(rmdir(path), 0);
    }
    static const char *const names[] = {".git/config", ".git/index", ".git/HEAD"};
    for (size_t i = 0; i < COUNT(names); i++) {
        TRUE(text_format(path, sizeof(path), "%s/%s", root, names[i]) == OK);
        (void)unlink(path);
    }
    TRUE(text_format(path, sizeof(path), "%s/.git", root) == OK);
    EQ_INT(rmdir(path), 0);
    put(root, ".git", BYTES_LIT("gitdir: sub/x\n"));
    TRUE(surroundings_of_git(root) != NULL);
    (void)unlink(path);
    (void)rmdir(root);
}

RUN_TESTS(T(variables_that_programs_obey_are_seen),
          T(a_repository_that_names_programs_or_links_others_is_seen))
