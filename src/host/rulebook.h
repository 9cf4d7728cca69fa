/*
 * rulebook: the rules and the profile of a host, and what they say of a request.
 *
 * Source     docs/policy.md.
 * Shape      rulebook_load() reads policy.toml and the profile of config.toml in the
 *            state folder, and .farhand/policy.toml of the workspace; nothing is read
 *            again while the host runs. rulebook_judge() is asked before people are.
 * Ownership  the book owns what it holds; rulebook_fini() takes a zeroed one.
 * Errors     anything but OK: diag says file, line, column and what to do. The host
 *            does not start.
 * Tests      tests/unit/rulebook_test.c, tests/functional/policy.test.ts
 */
#ifndef HOST_RULEBOOK_H
#define HOST_RULEBOOK_H

#include "host/hub.h"
#include "host/profiles.h"
#include "host/requirements.h"
#include "host/standing.h"

struct rulebook {
    struct rules rules;
    struct profile profile;
    struct profiles profiles; // that a thread may be started with
    struct standing standing; // what people added with an answer
    unsigned quorum; // the administrator's: where people are asked, at least so many
    bool strong;     // … and each must prove to be there
};

struct rulebook_from {
    const char *home;
    const char *workspace;
    const char *profile;              // NULL: everything asks that no rule allows
    const struct requirements *admin; // NULL: nothing is demanded
    bool trusted;                     // the repository's own rules count
};

NODISCARD enum err rulebook_load(const struct rulebook_from *from, struct rulebook *out,
                                 struct diag *diag);
/* What the administrator wants of an answer that asks. */
void rulebook_tighten(const struct rulebook *book, struct policy_answer *answer);
void rulebook_fini(struct rulebook *book);

/* Where a path leads, links followed. For policy_ask.real. */
bool rulebook_real(void *user, const char *path, char *out, size_t size);

/* Now, here; the role and the thread are not known. */
struct rule_moment rulebook_moment(void);

/* A command or a change to files that the agent asks for. Other kinds, words for a
 * program that runs, and what asks for the network or for other folders: a person. */
void rulebook_judge(const struct rulebook *book, const struct hub_question *q,
                    struct policy_answer *out);

/* The profile of a thread; `thread` empty: the host's own. */
const struct profile *rulebook_profile(const struct rulebook *book,
                                       struct bytes thread);

/* For how long a person may accept what asks: 1 << A.scope. */
unsigned rulebook_offers(const struct rulebook *book, const struct hub_question *q);

#endif
