/*
 * standing: the rules that people gave with an answer ("for this session", "always").
 *
 * Source     docs/policy.md; docs/protocol.md 7 (A.scope).
 * Shape      rows, as farhand/policy/rules/list tells them, and the same as rules that
 *            allow (rule.h). A rule for a thread is that command with those words in
 *            that folder, or those files; one for longer is the first words that were
 *            shown when it was given. Those that are kept stand in kept-rules.json of
 *            the state folder; the others end with the host.
 * Ownership  it owns what it holds; standing_fini() takes a zeroed one.
 * Errors     ERR_LIMIT  STANDING_MAX rules stand; ERR_PROTO  the file is broken: diag
 *            says so, and the host does not start
 * Tests      tests/unit/standing_test.c, tests/functional/policy.test.ts
 */
#ifndef HOST_STANDING_H
#define HOST_STANDING_H

#include "policy/rule.h"
#include "session/approval.h"

#define STANDING_MAX     256u
#define STANDING_ID_SIZE 13u // 12 hex digits

struct standing {
    char *path;
    json_t *rows;
    struct rules rules;
};

struct standing_gift {
    enum approval_scope scope; // not APPROVAL_ONCE
    const char *thread;
    const json_t *params; // of the request
    const json_t *paths;  // of a change to files, absolute
    const char *by;
    uint64_t at_ms;
};

NODISCARD enum err standing_load(struct standing *s, const char *home,
                                 struct diag *diag);
void standing_fini(struct standing *s);

/* On disk when it returns, if it is to be kept. */
NODISCARD enum err standing_give(struct standing *s, const struct standing_gift *g,
                                 char id[STANDING_ID_SIZE]);
NODISCARD enum err standing_remove(struct standing *s, const char *id);

/* One of its rules answered: `source` as the rule has it. */
void standing_used(struct standing *s, const char *source, uint64_t at_ms);

/* One row; NULL: there is none of this id. Borrowed. */
json_t *standing_row(const struct standing *s, const char *id);

/* {"data":[row]}; `thread` empty: all. */
NODISCARD json_t *standing_json(const struct standing *s, struct bytes thread);

/* The words of a command as the engine would run it, read and not compared as text; NULL:
 * it is no plain command. */
NODISCARD json_t *standing_words(const json_t *params);

/* The first words that the agent proposes to allow from now on; NULL: none, or such as
 * no rule may allow. Borrowed. */
const json_t *standing_proposal(const json_t *params);

#endif
