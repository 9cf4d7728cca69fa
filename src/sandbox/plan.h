/*
 * plan: what will be done to hold a command to a policy, before any of it is done.
 *
 * Shape      policy + site (what is there) -> plan. Pure: the same two give the same
 *            plan, and --explain prints it. Nothing is granted that the policy does not
 *            name: every path is read-only unless an item of the plan says otherwise.
 * Ownership  a plan owns its paths; it borrows strings of policy and site never.
 * Errors     ERR_USAGE   the policy makes no sense here (`/`, a folder inside the state)
 *            ERR_DENIED  the kernel cannot hold it, and weaker was not allowed
 *            *diag has the sentence.
 * Threads    pure functions.
 * Tests      tests/unit/sandbox_plan_test.c, tests/fuzz/sandbox_policy_fuzz.c
 */
#ifndef SANDBOX_PLAN_H
#define SANDBOX_PLAN_H

#include "sandbox/kernel.h"
#include "sandbox/policy.h"
#include "sandbox/site.h"

#define PLAN_ITEMS_MAX   320 // roots x protected names, hidden, pins, devices
#define PLAN_MISSING_MAX 8

enum plan_access {
    PLAN_READ,    // everything no item speaks of
    PLAN_DEVICE,  // harmless devices: read, write, ioctl
    PLAN_SCRATCH, // private, empty, gone at the end
    PLAN_WRITE,   // the real folder, writable
    PLAN_PIN,     // writable, but cannot be renamed: something below is held
    PLAN_PROTECT, // read-only inside a writable folder
    PLAN_HIDE,    // not there
};

struct plan_item {
    enum plan_access access;
    enum site_kind
        kind; // SITE_MISSING with PLAN_PROTECT: made for the while, then removed
    char *path;
    uint64_t dev; // identity when the plan was made; 0, 0: none
    uint64_t ino;
};

struct plan {
    enum sandbox_mode mode;
    bool landlock;
    bool seccomp;
    bool namespaces;
    bool userns; // of its own, because the caller is not root or may not mount
    bool notify;
    bool seatbelt; // macOS: in place of all of these
    bool network;
    unsigned landlock_abi;
    struct plan_item items[PLAN_ITEMS_MAX];
    size_t n_items;
    const char *missing[PLAN_MISSING_MAX]; // sentences: what a weaker plan lacks
    size_t n_missing;
    char *workspace;
    char *cwd;
    uint64_t timeout_s;
    uint64_t output_max;
    uint64_t file_max;
    uint64_t process_max;
};

/* *out is initialised by the call, also on failure; end it with sandbox_plan_fini(). */
NODISCARD enum err sandbox_plan_make(struct plan *out,
                                     const struct sandbox_policy *policy,
                                     const struct site *site, struct diag *diag);
/* The private folder of a run without namespaces. */
NODISCARD enum err sandbox_plan_scratch(struct plan *p, const char *path);
void sandbox_plan_fini(struct plan *p); // a zeroed object is fine

/* What the plan grants at an absolute path without "..", "." and links. */
enum plan_access plan_access_at(const struct plan *p, const char *path);
bool plan_may_write(const struct plan *p, const char *path);

const char *plan_access_name(enum plan_access access);

/* True when `path` is `folder` or lies below it. */
bool path_is_below(const char *path, const char *folder);

/* The names that stay read-only at the top of every writable folder. */
extern const char *const plan_protected_names[];
extern const size_t plan_n_protected_names;

#endif
