/*
 * requirements: whatever the file says, reading it ends, and what was read only tightens:
 * with it nothing is let pass that would not be without it.
 */
#include <stdlib.h>

#include "host/requirements.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct requirements q;
    struct diag diag = {.text = ""};
    const enum err e =
        requirements_read("requirements.toml", (struct bytes){data, size}, &q, &diag);
    if (e != OK) {
        if (diag.text[0] == '\0') {
            abort(); // refused without a word
        }
        return 0;
    }
    struct profile profile;
    struct rules rules;
    if (q.max_role < ROLE_VIEWER || q.max_role > ROLE_MAX || q.quorum > 16) {
        abort();
    }
    if (requirements_profile(&q, q.profile, NULL, &profile, NULL) == OK) {
        profile_fini(&profile);
    }
    rules_init(&rules);
    if (requirements_rules(&q, &rules, NULL) != OK) {
        abort(); // they were read with the file
    }
    for (size_t i = 0; i < rules.n; i++) {
        if (rules.list[i].decide == VERDICT_ALLOW ||
            rules.list[i].level != RULE_ADMIN) {
            abort();
        }
    }
    rules_fini(&rules);
    requirements_fini(&q);
    return 0;
}
