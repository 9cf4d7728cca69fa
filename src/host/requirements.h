/*
 * requirements: what the administrator of this machine demands.
 *
 * Source     docs/administrator.md.
 * Shape      requirements_read() takes the text of the file; requirements_load() finds it
 *            at the one place where it may be, /etc/farhand/requirements.toml, chosen
 *            when the program is built: no option and no variable names another. It can
 *            only tighten: what is not in it forbids nothing.
 * Ownership  the requirements own what they hold; requirements_fini() ends them.
 * Errors     ERR_PROTO   the text is wrong: diag says "FILE:LINE:COLUMN: …"
 *            ERR_DENIED  it is not root's alone to write, or cannot be read by us
 *            Whoever gets one of them does not start.
 * Tests      tests/unit/requirements_test.c, tests/fuzz/requirements_fuzz.c,
 *            tests/functional/administrator.test.ts
 */
#ifndef HOST_REQUIREMENTS_H
#define HOST_REQUIREMENTS_H

#include <sys/stat.h>

#include "host/rights.h"
#include "policy/profile.h"

#define REQUIREMENTS_PATH       FARHAND_ADMIN_DIR "/requirements.toml"
#define CODEX_REQUIREMENTS_PATH "/etc/codex/requirements.toml"

#define REQUIREMENTS_BECAUSE_MAX 255u
#define REQUIREMENTS_SENTENCE    512u

struct requirements {
    bool exists;
    bool no_remote;
    const char *remote_source; // static: the file that forbids it
    enum role max_role;
    unsigned policies;              // 1 << enum approval_policy; 0: any
    unsigned modes;                 // 1 << enum sandbox_mode; 0: any
    bool no_network;                // for commands
    bool no_direct_door;            // --listen
    bool strong;                    // approvals want a person who proves to be there
    unsigned quorum;                // people who must accept; 0: as the host says
    const char *profile;            // every host runs with this one; NULL: free
    const char *because;            // what people are told besides; NULL: nothing
    const json_t *allowed_profiles; // names; NULL: any
    const json_t *relays;           // addresses; NULL: any
    json_t *profiles;               // its own definitions, which go before the user's
    json_t *root;                   // what all of these point into
    char *text;                     // of the file, for its rules
    size_t text_len;
    struct timespec changed; // of the file, to see that it is another
    ino_t inode;
};

extern const char requirements_path[]; // /etc/farhand/requirements.toml

/* Nothing is demanded. */
void requirements_none(struct requirements *out);
NODISCARD enum err requirements_read(const char *source, struct bytes text,
                                     struct requirements *out, struct diag *diag);
/* OK when there is no file. Codex's own managed requirements count where they forbid
 * remote control. */
NODISCARD enum err requirements_load(struct requirements *out, struct diag *diag);
/* Is the file another one than when it was read? */
bool requirements_are_stale(const struct requirements *r);
void requirements_fini(struct requirements *r); // a zeroed one is fine

/* ---- what they say; ERR_DENIED: diag has the sentence for people --------------------- */

NODISCARD enum err requirements_remote(const struct requirements *r, struct diag *diag);
NODISCARD enum err requirements_role(const struct requirements *r, enum role role,
                                     struct diag *diag);
NODISCARD enum err requirements_relay(const struct requirements *r, const char *url,
                                      struct diag *diag);
NODISCARD enum err requirements_door(const struct requirements *r, struct diag *diag);
/* The profile that a host runs with which asked for `name` (NULL: none), from the
 * administrator's definition or the user's. `config` is the user's config.toml, NULL when
 * there is none. Gives *out. */
NODISCARD enum err requirements_profile(const struct requirements *r, const char *name,
                                        const json_t *config, struct profile *out,
                                        struct diag *diag);
/* May a profile of this name be chosen, whatever it says? */
bool requirements_name(const struct requirements *r, const char *name);
/* May a thread run under it? */
NODISCARD enum err requirements_allow_profile(const struct requirements *r,
                                              const struct profile *profile,
                                              struct diag *diag);
/* Its [[rule]]s, first of all. */
NODISCARD enum err requirements_rules(const struct requirements *r, struct rules *rules,
                                      struct diag *diag);

#endif
