/* rulebook: what is asked of the rules, and what stays a person's. */
#include "host/rulebook.h"

#include <limits.h>
#include <unistd.h>

#include "base/file.h"
#include "test.h"

static char top[PATH_MAX];
static struct rulebook book;

static enum err load(const char *profile, struct rulebook *out)
{
    struct diag diag = {""};
    const struct rulebook_from from = {
        .home = top, .workspace = top, .profile = profile, .trusted = true};
    return rulebook_load(&from, out, &diag);
}

static int make(void **state)
{
    char path[PATH_MAX];
    char template[] = "/tmp/farhand-book-XXXXXX";
    (void)state;
    if (mkdtemp(template) == NULL || realpath(template, top) == NULL ||
        text_format(path, sizeof(path), "%s/policy.toml", top) != OK ||
        file_replace(path,
                     BYTES_LIT("[[rule]]\ndecide = \"allow\"\ncommand = \"make\"\n"
                               "[[rule]]\ndecide = \"allow\"\npath = \"out/*\"\n"
                               "[[rule]]\ndecide = \"deny\"\ncommand = \"rm\"\n"
                               "because = \"no\"\n"),
                     0600) != OK ||
        text_format(path, sizeof(path), "%s/config.toml", top) != OK ||
        file_replace(
            path,
            BYTES_LIT("[profile.p]\napproval_policy = \"unless-allow-listed\"\n"
                      "[profile.o]\napproval_policy = \"on-request\"\n"),
            0600) != OK) {
        return -1;
    }
    return load("p", &book) == OK ? 0 : -1;
}

static int unmake(void **state)
{
    static const char *const files[] = {"policy.toml", "config.toml"};
    char path[PATH_MAX];
    (void)state;
    rulebook_fini(&book);
    for (size_t i = 0; i < COUNT(files); i++) {
        if (text_format(path, sizeof(path), "%s/%s", top, files[i]) == OK) {
            (void)unlink(path);
        }
    }
    (void)rmdir(top);
    return 0;
}

static struct approval_request command(const char *text)
{
    return (struct approval_request){.kind = APPROVAL_COMMAND,
                                     .thread = BYTES_LIT("t"),
                                     .cwd = bytes_from_str(top),
                                     .command = bytes_from_str(text)};
}

static enum verdict verdict_on(const struct approval_request *asked)
{
    struct policy_answer answer;
    const struct hub_question q = {.asked = asked, .folder = top};
    rulebook_judge(&book, &q, &answer);
    TRUE(answer.because[0] != '\0');
    return answer.verdict;
}

TEST(rulebook_answers_for_commands)
{
    const struct approval_request ls = command("/bin/bash -lc 'ls -l'");
    const struct approval_request rm = command("/bin/bash -lc 'ls; rm x'");
    const struct approval_request mv = command("/bin/bash -lc 'mv a b'");
    const struct approval_request all = command("/bin/bash -lc make");
    EQ_INT(verdict_on(&ls), VERDICT_ALLOW);
    EQ_INT(verdict_on(&rm), VERDICT_DENY);
    EQ_INT(verdict_on(&mv), VERDICT_ASK);
    EQ_INT(verdict_on(&all), VERDICT_ALLOW);
}

TEST(rulebook_knows_git_however_a_shell_spells_it)
{
    static const char *const spelled[] = {
        "/bin/bash -lc 'git status'",          "/bin/bash -lc \"g''it status\"",
        "/bin/bash -lc 'g\\it status'",        "/bin/bash -lc \"g\"'\"i\"'\"t status\"",
        "/bin/bash -lc \"$'\\147it' status\"", "/bin/bash -lc 'ls; gi\"t\" status'",
    };
    for (size_t i = 0; i < COUNT(spelled); i++) { // no .git here: git would look above
        const struct approval_request asked = command(spelled[i]);
        CASE(spelled[i]);
        EQ_INT(verdict_on(&asked), VERDICT_ASK);
    }
}

TEST(rulebook_leaves_to_a_person_what_asks_for_more)
{
    static const struct bytes nul = {(const uint8_t *)"ls\0rm", 5};
    struct approval_request asked = command("/bin/bash -lc make");
    asked.asked = APPROVAL_ASKS_NETWORK;
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
    asked = command("/bin/bash -lc ls");
    asked.asked = APPROVAL_ASKS_OUTSIDE;
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
    asked = command("/bin/bash -lc ls");
    asked.reason = BYTES_LIT("it failed in the sandbox");
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
    asked = command("ls");
    asked.command = nul;
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
    asked = command("ls");
    asked.cwd = BYTES_LIT("/");
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
    asked = command("ls");
    asked.cwd = BYTES_LIT("/nowhere/at/all");
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
    asked = command("ls");
    asked.kind = APPROVAL_PERMISSIONS;
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
}

TEST(rulebook_answers_for_words_and_files)
{
    char in[PATH_MAX];
    char out[PATH_MAX];
    TRUE(text_format(in, sizeof(in), "%s/out/a", top) == OK);
    TRUE(text_format(out, sizeof(out), "%s/a", top) == OK);
    const struct bytes ls[] = {BYTES_LIT("ls"), BYTES_LIT("-l")};
    const struct bytes good[] = {bytes_from_str(in)};
    const struct bytes both[] = {bytes_from_str(in), bytes_from_str(out)};
    struct approval_request asked = command("");
    asked.argv = ls;
    asked.n_argv = 2;
    EQ_INT(verdict_on(&asked), VERDICT_ALLOW);
    asked = command("");
    asked.kind = APPROVAL_FILE_CHANGE;
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
    asked.paths = good;
    asked.n_paths = 1;
    EQ_INT(verdict_on(&asked), VERDICT_ALLOW);
    asked.paths = both;
    asked.n_paths = 2;
    EQ_INT(verdict_on(&asked), VERDICT_ASK);
}

/* An accepted command may leave this engine's sandbox: nothing runs for being in it. */
TEST(rulebook_trusts_no_sandbox_that_an_accepted_command_may_leave)
{
    struct rulebook other;
    struct policy_answer answer;
    const struct approval_request mv = command("/bin/bash -lc 'mv a b'");
    TRUE(load("o", &other) == OK);
    rulebook_judge(&other, &(struct hub_question){.asked = &mv, .folder = top},
                   &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    rulebook_fini(&other);
}

/* Words for a program that runs are not the command that they spell. */
TEST(rulebook_gives_every_thread_the_profile_that_the_administrator_forces)
{
    struct requirements admin;
    struct rulebook forced;
    struct diag diag = {""};
    const struct rulebook_from from = {.home = top, .workspace = top, .admin = &admin};
    TRUE(requirements_read("r",
                           BYTES_LIT("force_profile = \"o\"\n[profile.o]\n"
                                     "approval_policy = \"ask-every-time\"\n"),
                           &admin, &diag) == OK);
    TRUE(rulebook_load(&from, &forced, &diag) == OK);
    json_set_str(forced.profiles.threads, "t", "p"); // the user's file says so
    const struct profile *p = rulebook_profile(&forced, BYTES_LIT("t"));
    EQ_STR(p->name, "o");
    EQ_INT(p->policy, POLICY_ASK_EVERY_TIME);
    rulebook_fini(&forced);
    requirements_fini(&admin);
}

TEST(rulebook_leaves_input_to_a_person)
{
    const struct approval_request ls = command("/bin/bash -lc 'ls -l'");
    json_t *params = json_pack("{s:s}", "kind", "writeStdin");
    struct policy_answer answer;
    const struct hub_question q = {.asked = &ls, .folder = top, .params = params};
    rulebook_judge(&book, &q, &answer);
    EQ_INT(answer.verdict, VERDICT_ASK);
    EQ_INT(rulebook_offers(&book, &q), 0);
    json_decref(params);
}

TEST(rulebook_reads_nothing_unasked_where_a_home_would_be_the_workspace)
{
    const struct approval_request ls = command("/bin/bash -lc 'ls -l'");
    const char *was = getenv("HOME");
    char kept[PATH_MAX];
    TRUE(text_format(kept, sizeof(kept), "%s", was == NULL ? "" : was) == OK);
    EQ_INT(setenv("HOME", top, 1), 0);
    EQ_INT(verdict_on(&ls), VERDICT_ASK);
    EQ_INT(setenv("HOME", kept, 1), 0);
    EQ_INT(verdict_on(&ls), VERDICT_ALLOW);
}

static unsigned offers_of(const char *text, const char *proposal)
{
    const struct approval_request asked = command(text);
    json_t *params = json_pack("{s:s, s:s}", "command", text, "cwd", top);
    json_t *words = NULL;
    if (proposal != NULL) {
        TRUE(json_parse(bytes_from_str(proposal), &words) == OK);
        json_set(params, "proposedExecpolicyAmendment", words);
    }
    const struct hub_question q = {.asked = &asked, .folder = top, .params = params};
    const unsigned offers = rulebook_offers(&book, &q);
    json_decref(params);
    return offers;
}

TEST(rulebook_offers_for_longer_only_what_it_can_hold_to)
{
    const unsigned thread = 1u << APPROVAL_THREAD;
    const unsigned longer = thread | 1u << APPROVAL_UNTIL_RESTART | 1u << APPROVAL_KEPT;
    EQ_INT(offers_of("/bin/bash -lc 'touch a'", NULL), thread);
    EQ_INT(offers_of("/bin/bash -lc 'touch a'", "[\"touch\"]"), longer);
    EQ_INT(offers_of("/bin/bash -lc 'touch a'", "[\"curl\"]"), thread);
    EQ_INT(offers_of("/bin/bash -lc 'touch a && mv b c'", "[\"touch\"]"), thread);
    EQ_INT(offers_of("/bin/bash -lc 'bash -c ls'", "[\"bash\"]"), thread);
    EQ_INT(offers_of("/bin/bash -lc 'touch a'", "[\"/bin/bash\"]"), thread);
    EQ_INT(offers_of("/bin/bash -lc 'touch a'", "[\"t*\"]"), thread);
    EQ_INT(offers_of("/bin/bash -lc 'touch a'", "[]"), thread);
    EQ_INT(offers_of("/bin/bash -lc 'touch a'", "[1]"), thread);
    EQ_INT(offers_of("touch $x", NULL), 0);
    EQ_INT(offers_of("touch a; touch b", NULL), 0);
    EQ_INT(offers_of("X=1 touch a", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rulebook_answers_for_commands),
        T(rulebook_knows_git_however_a_shell_spells_it),
        T(rulebook_leaves_to_a_person_what_asks_for_more),
        T(rulebook_answers_for_words_and_files),
        T(rulebook_gives_every_thread_the_profile_that_the_administrator_forces),
        T(rulebook_leaves_input_to_a_person),
        T(rulebook_reads_nothing_unasked_where_a_home_would_be_the_workspace),
        T(rulebook_offers_for_longer_only_what_it_can_hold_to),
        T(rulebook_trusts_no_sandbox_that_an_accepted_command_may_leave)};
    return cmocka_run_group_tests(tests, make, unmake);
}
