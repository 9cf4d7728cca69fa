#include "test.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/trust.h"

static char top[PATH_MAX];
static char db[PATH_MAX];
static struct store *store;

static const char *in(const char *name)
{
    static char path[PATH_MAX];
    EQ_INT(text_format(path, sizeof(path), "%s/%s", top, name), OK);
    return path;
}

static void answer(const char *path, bool trusted)
{
    struct store_trust row;
    EQ_INT(trust_identify(path, &row), OK);
    row.trusted = trusted;
    EQ_INT(store_trust_put(store, &row), OK);
}

static int open_all(void **state)
{
    char template[] = "/tmp/farhand-trust-XXXXXX";
    (void)state;
    if (mkdtemp(template) == NULL || realpath(template, top) == NULL ||
        text_format(db, sizeof(db), "%s/state.db", top) != OK) {
        return -1;
    }
    return store_open(db, &store, NULL) == OK ? 0 : -1;
}

static int close_all(void **state)
{
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm",
                                        "link"};
    static const char *const folders[] = {"a/.farhand", "a", "b", "old"};
    (void)state;
    store_close(store);
    for (size_t i = 0; i < COUNT(files); i++) {
        (void)unlink(in(files[i]));
    }
    for (size_t i = 0; i < COUNT(folders); i++) {
        (void)rmdir(in(folders[i]));
    }
    return rmdir(top);
}

TEST(a_folder_is_trusted_when_the_user_said_so_and_not_before)
{
    EQ_INT(mkdir(in("a"), 0700), 0);
    EQ_INT(trust_of(store, in("a")), TRUST_UNASKED);
    FALSE(trust_look(top, in("a")));
    answer(in("a"), true);
    EQ_INT(trust_of(store, in("a")), TRUST_GIVEN);
    TRUE(trust_look(top, in("a")));
    FALSE(trust_look("/nowhere", in("a")));
    answer(in("a"), false);
    EQ_INT(trust_of(store, in("a")), TRUST_DECLINED);
    EQ_INT(store_trust_remove(store, in("a")), OK);
    EQ_INT(store_trust_remove(store, in("a")), ERR_NOT_FOUND);
    EQ_INT(trust_of(store, in("a")), TRUST_UNASKED);
}

TEST(what_lies_below_or_above_a_trusted_folder_is_not_trusted)
{
    answer(in("a"), true);
    EQ_INT(mkdir(in("a/.farhand"), 0700), 0);
    EQ_INT(trust_of(store, in("a/.farhand")), TRUST_UNASKED);
    EQ_INT(trust_of(store, top), TRUST_UNASKED);
    TRUE(trust_matters(in("a")));
    FALSE(trust_matters(top));
}

TEST(a_link_or_another_name_is_not_the_folder)
{
    struct store_trust row;
    char target[PATH_MAX];
    EQ_INT(text_format(target, sizeof(target), "%s", in("a")), OK);
    EQ_INT(symlink(target, in("link")), 0);
    EQ_INT(trust_identify(in("link"), &row), ERR_NOT_FOUND);
    EQ_INT(trust_identify(in("a/"), &row), ERR_NOT_FOUND);
    EQ_INT(trust_identify(in("a/../a"), &row), ERR_NOT_FOUND);
    EQ_INT(trust_identify("a", &row), ERR_NOT_FOUND);
    EQ_INT(trust_identify(in("nothing"), &row), ERR_NOT_FOUND);
    EQ_INT(trust_identify(db, &row), ERR_NOT_FOUND); // a file
}

TEST(another_folder_in_its_place_is_not_trusted)
{
    char was[PATH_MAX];
    answer(in("a"), true);
    EQ_INT(mkdir(in("b"), 0700), 0);
    EQ_INT(text_format(was, sizeof(was), "%s", in("old")), OK);
    EQ_INT(rename(in("a"), was), 0);
    EQ_INT(text_format(was, sizeof(was), "%s", in("b")), OK);
    EQ_INT(rename(was, in("a")), 0);
    EQ_INT(trust_of(store, in("a")), TRUST_UNASKED);
    EQ_INT(text_format(was, sizeof(was), "%s", in("old")), OK);
    EQ_INT(trust_of(store, was), TRUST_UNASKED); // it was moved
    // a link in its place
    EQ_INT(rmdir(in("a")), 0);
    EQ_INT(symlink(was, in("a")), 0);
    EQ_INT(trust_of(store, in("a")), TRUST_UNASKED);
    EQ_INT(unlink(in("a")), 0);
    // and itself again
    EQ_INT(rename(was, in("a")), 0);
    EQ_INT(trust_of(store, in("a")), TRUST_GIVEN);
}

/* A folder made anew may get the number of the old one. */
TEST(a_folder_made_anew_under_the_same_number_is_another)
{
    struct store_trust row;
    EQ_INT(trust_identify(top, &row), OK);
    row.trusted = true;
    row.born_ns++;
    EQ_INT(store_trust_put(store, &row), OK);
    EQ_INT(trust_of(store, top), TRUST_UNASKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_folder_is_trusted_when_the_user_said_so_and_not_before),
        T(what_lies_below_or_above_a_trusted_folder_is_not_trusted),
        T(a_link_or_another_name_is_not_the_folder),
        T(another_folder_in_its_place_is_not_trusted),
        T(a_folder_made_anew_under_the_same_number_is_another)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}
