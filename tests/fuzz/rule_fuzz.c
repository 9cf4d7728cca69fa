#include <stdlib.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: a file that is refused says why; rules that are read never let run what the
 * profile alone refuses to understand, and their verdict on a command always has a
 * reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const roots[] = {"/w", NULL};
    struct rules rules;
    struct diag diag = {""};
    rules_init(&rules);
    const enum err e =
        rules_read(&rules, RULE_USER, "f", (struct bytes){data, size}, &diag);
    if (e == ERR_PROTO && diag.text[0] == '\0') {
        abort();
    }
    if (e == OK && rules_settle(&rules, &diag) == OK) {
        const struct policy_ask ask = {.rules = &rules,
                                       .policy = POLICY_UNLESS_ALLOW_LISTED,
                                       .cwd = "/w",
                                       .roots = roots};
        struct policy_answer answer;
        policy_judge_script(&ask, BYTES_LIT("git push | $(x"), SHELL_BASH, &answer);
        if (answer.verdict == VERDICT_ALLOW || answer.because[0] == '\0') {
            abort();
        }
        policy_judge_script(&ask, BYTES_LIT("git -C a push; cat b > c"), SHELL_BASH,
                            &answer);
        if (answer.because[0] == '\0') {
            abort();
        }
    }
    rules_fini(&rules);
    return 0;
}
