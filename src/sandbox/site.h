/*
 * site: what is there, as a plan needs to know it: folders resolved, kinds, identities.
 *
 * Shape      site_look() resolves each folder of the policy once, link by link, and notes
 *            device and inode; when the plan is applied the same path must lead to the
 *            same inode without any link, or nothing is run.
 * Ownership  a site owns its strings.
 * Errors     ERR_NOT_FOUND, ERR_USAGE, ERR_LIMIT with a sentence in *diag
 * Limits     SITE_PATHS_MAX protected paths.
 */
#ifndef SANDBOX_SITE_H
#define SANDBOX_SITE_H

#include <limits.h>

#include "sandbox/kernel.h"
#include "sandbox/policy.h"

#define SITE_ROOTS_MAX (POLICY_PATHS_MAX + 1)
#define SITE_PATHS_MAX 192

enum site_kind { SITE_MISSING, SITE_FOLDER, SITE_FILE, SITE_LINK, SITE_OTHER };

struct site_path {
    char *path;
    enum site_kind kind;
    uint64_t dev;
    uint64_t ino;
};

struct site {
    struct sandbox_kernel kernel;
    struct site_path workspace;
    bool workspace_linked;                  // the policy named a link to it
    struct site_path roots[SITE_ROOTS_MAX]; // what shall be writable
    size_t n_roots;
    struct site_path held[SITE_PATHS_MAX]; // stays read-only below a root
    size_t n_held;
    struct site_path hidden[SITE_ROOTS_MAX + 2]; // Farhand's state first
    size_t n_hidden;
    char *cwd;
};

/* `states` are Farhand's state folders, existing or not; they are hidden. *out is
 * initialised by the call, also on failure. */
NODISCARD enum err site_look(struct site *out, const struct sandbox_policy *policy,
                             const char *const *states, size_t n_states,
                             struct diag *diag);
void site_fini(struct site *s); // a zeroed object is fine

/* For those who look at a part of it: one more path that stays read-only, and the real
 * path of a name, also of one that does not exist. */
NODISCARD enum err site_hold(struct site *s, const char *path);
NODISCARD enum err site_resolve(const char *path, char out[PATH_MAX]);

const char *site_kind_name(enum site_kind kind);

#endif
