/* unasked: Codex's own rules, and commands that only a rollout tells of. */
#include "host/unasked.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "test.h"

#define ID "01a203bd-721d-77c0-a6e9-b2f8b4f1c705"
#define CALL(time, id, cmd)                                                             \
    "{\"timestamp\":\"" time "\",\"type\":\"response_item\",\"payload\":{\"type\":"     \
    "\"function_call\",\"name\":\"exec_command\",\"arguments\":\"{\\\"cmd\\\":\\\"" cmd \
    "\\\"}\",\"call_id\":\"" id "\"}}\n"

static char told[512];

static void tell(void *user, const char *call_id, const char *command)
{
    (void)user;
    const size_t used = strlen(told);
    TRUE(text_format(told + used, sizeof(told) - used, "%s=%s;", call_id, command) ==
         OK);
}

TEST(unasked_reads_what_came_to_a_rollout_and_no_line_twice)
{
    static const char *const parts[] = {"sessions", "sessions/2026", "sessions/2026/11",
                                        "sessions/2026/11/22"};
    char home[] = "/tmp/farhand-unasked-XXXXXX";
    char path[PATH_MAX];
    struct unasked u;
    TRUE(mkdtemp(home) != NULL);
    for (size_t i = 0; i < COUNT(parts); i++) {
        TRUE(text_format(path, sizeof(path), "%s/%s", home, parts[i]) == OK);
        EQ_INT(mkdir(path, 0700), 0);
    }
    TRUE(text_format(path, sizeof(path), "%s/%s/rollout-x-" ID ".jsonl", home,
                     parts[3]) == OK);
    const char *first = CALL("2000-01-01T00:00:00.1Z", "old", "ls") CALL(
        "2100-01-01T00:00:00.1Z", "a",
        "touch x") "{\"broken\nnot json\n\n"
                   "{\"timestamp\":1,\"payload\":[\"function_call\"]}\n{\"timestamp\":\"21";
    TRUE(file_replace(path, bytes_from_str(first), 0600) == OK);
    unasked_init(&u, UINT64_C(1700000000000));
    unasked_look(&u, home, ID, tell, NULL);
    EQ_STR(told, "a=touch x;");
    unasked_look(&u, home, ID, tell, NULL);
    EQ_STR(told, "a=touch x;"); // the torn line waits
    unasked_look(&u, home, "../../" ID, tell, NULL);
    unasked_look(&u, home, "*", tell, NULL);
    unasked_look(&u, home, "00000000-0000", tell, NULL);
    EQ_STR(told, "a=touch x;");
    (void)unlink(path);
    EQ_INT(symlink("/etc/passwd", path), 0);
    unasked_look(&u, home, ID, tell, NULL); // a link is not followed
    (void)unlink(path);
    for (size_t i = COUNT(parts); i-- > 0;) {
        TRUE(text_format(path, sizeof(path), "%s/%s", home, parts[i]) == OK);
        EQ_INT(rmdir(path), 0);
    }
    EQ_INT(rmdir(home), 0);
}

TEST(unasked_counts_the_rules_that_allow)
{
    char dir[] = "/tmp/farhand-unasked-XXXXXX";
    char path[PATH_MAX];
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(unasked_rules(dir), 0);
    EQ_INT(unasked_rules("/nowhere"), 0);
    TRUE(text_format(path, sizeof(path), "%s/default.rules", dir) == OK);
    TRUE(file_replace(path,
                      BYTES_LIT("prefix_rule(pattern=[\"ls\"], decision=\"prompt\")\n"
                                "prefix_rule(pattern=[\"a\"], decision=\"allow\")\n"
                                "prefix_rule(pattern=[\"b\"])\n"),
                      0600) == OK);
    EQ_INT(unasked_rules(dir), 2);
    (void)unlink(path);
    (void)rmdir(dir);
}

RUN_TESTS(T(unasked_reads_what_came_to_a_rollout_and_no_line_twice),
          T(unasked_counts_the_rules_that_allow))
