#include "sandbox/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What later runs with the user's rights, or tells an agent what to do: repositories with
 * their hooks, and the folders and files that agents take orders from. */
const char *const plan_protected_names[] = {
    ".git", ".farhand", ".codex", ".agents", "AGENTS.md", "AGENTS.override.md",
};
const size_t plan_n_protected_names = COUNT(plan_protected_names);

static const char *const scratch_paths[] = {"/tmp", "/var/tmp", "/dev/shm"};

static const char *const device_paths[] = {
    "/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
    "/dev/urandom", "/dev/tty",  "/dev/ptmx", "/dev/pts",
};

static const char *const access_names[] = {
    [PLAN_READ] = "read",   [PLAN_DEVICE] = "device", [PLAN_SCRATCH] = "scratch",
    [PLAN_WRITE] = "write", [PLAN_PIN] = "pin",       [PLAN_PROTECT] = "protect",
    [PLAN_HIDE] = "hide",
};

const char *plan_access_name(enum plan_access access)
{
    return access_names[access];
}

bool path_is_below(const char *path, const char *folder)
{
    const size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* ---- reading a plan ------------------------------------------------------------------ */

enum plan_access plan_access_at(const struct plan *p, const char *path)
{
    if (p->mode == SANDBOX_FULL_ACCESS) {
        return PLAN_WRITE;
    }
    enum plan_access best = PLAN_READ;
    size_t best_len = 0;
    for (size_t i = 0; i < p->n_items; i++) {
        const struct plan_item *item = &p->items[i];
        const size_t len = strlen(item->path);
        if (!path_is_below(path, item->path) ||
            (item->access == PLAN_PIN && strcmp(path, item->path) != 0)) {
            continue;
        }
        if (len > best_len || (len == best_len && item->access > best)) {
            best = item->access;
            best_len = len;
        }
    }
    return best;
}

bool plan_may_write(const struct plan *p, const char *path)
{
    switch (plan_access_at(p, path)) {
    case PLAN_DEVICE:
    case PLAN_SCRATCH:
    case PLAN_WRITE:
    case PLAN_PIN:
        return true;
    case PLAN_READ:
    case PLAN_PROTECT:
    case PLAN_HIDE:
        break;
    }
    return false;
}

/* ---- making one ---------------------------------------------------------------------- */

static enum err add(struct plan *p, enum plan_access access, enum site_kind kind,
                    const char *path)
{
    if (p->n_items == PLAN_ITEMS_MAX) {
        return ERR_LIMIT;
    }
    p->items[p->n_items++] =
        (struct plan_item){.access = access, .kind = kind, .path = mem_strdup(path)};
    return OK;
}

static enum err add_site(struct plan *p, enum plan_access access,
                         const struct site_path *path)
{
    const enum err e = add(p, access, path->kind, path->path);
    if (e == OK) {
        p->items[p->n_items - 1].dev = path->dev;
        p->items[p->n_items - 1].ino = path->ino;
    }
    return e;
}

static bool has_item(const struct plan *p, const char *path)
{
    for (size_t i = 0; i < p->n_items; i++) {
        if (strcmp(p->items[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static const struct site_path *root_above(const struct site *s, const char *path)
{
    const struct site_path *best = NULL;
    for (size_t i = 0; i < s->n_roots; i++) {
        if (path_is_below(path, s->roots[i].path) &&
            (best == NULL || strlen(s->roots[i].path) > strlen(best->path))) {
            best = &s->roots[i];
        }
    }
    return best;
}

/* A folder between a writable one and something held below it: whoever renames it moves
 * the held thing away, and may put another in its place. As a mount point it stays. */
static enum err pin_between(struct plan *p, const char *root, const char *path)
{
    char *step = mem_strdup(path);
    enum err e = OK;
    for (char *slash = strrchr(step, '/'); slash != NULL && e == OK;
         slash = strrchr(step, '/')) {
        *slash = '\0';
        if (strlen(step) <= strlen(root)) {
            break;
        }
        if (!has_item(p, step)) {
            e = add(p, PLAN_PIN, SITE_FOLDER, step);
        }
    }
    mem_free(step);
    return e;
}

/* ---- what is refused ------------------------------------------------------------------- */

static enum err lack(struct plan *p, const struct sandbox_policy *policy,
                     const char *what, struct diag *diag)
{
    if (!policy->allow_weaker) {
        diag_set(diag, "%s (--allow-weaker runs without)", what);
        return ERR_DENIED;
    }
    if (p->n_missing < PLAN_MISSING_MAX) {
        p->missing[p->n_missing++] = what;
    }
    return OK;
}

static enum err check_kernel(struct plan *p, const struct sandbox_policy *policy,
                             const struct site *site, struct diag *diag)
{
    const struct sandbox_kernel *k = &site->kernel;
    enum err e = OK;
    if (p->seatbelt) {
        return OK;
    }
    if (!p->landlock) {
        e = lack(
            p, policy,
            p->namespaces
                ? "this kernel has no Landlock: files are held by mounts alone, and "
                  "nothing holds device calls of inherited terminals"
                : "this kernel has no Landlock and no namespaces: nothing holds files",
            diag);
    }
    if (e == OK && !p->seccomp) {
        e = lack(p, policy,
                 "this kernel has no seccomp filters: any system call passes", diag);
    }
    if (e != OK || p->namespaces) {
        return e;
    }
    if (site->n_roots > 0) {
        e = lack(
            p, policy,
            "without namespaces .git, hooks, .farhand, .codex and AGENTS.md inside "
            "a writable folder cannot be held read-only",
            diag);
    }
    if (e == OK && p->landlock && k->landlock_abi < LANDLOCK_ABI_SCOPE) {
        e = lack(
            p, policy,
            k->landlock_abi < LANDLOCK_ABI_TRUNCATE
                ? "without namespaces this kernel's Landlock holds neither truncation "
                  "nor signals to your other programs"
                : "without namespaces this kernel's Landlock does not hold signals to "
                  "your other programs",
            diag);
    }
    return e;
}

static enum err check_root(const struct site *s, const struct site_path *root,
                           struct diag *diag)
{
    if (strcmp(root->path, "/") == 0) {
        diag_set(diag, "the whole system ('/') cannot be the writable folder");
        return ERR_USAGE;
    }
    for (size_t i = 0; i < s->n_hidden; i++) {
        if (path_is_below(root->path, s->hidden[i].path)) {
            diag_set(diag, "'%s' lies in '%s', which no sandboxed command may see",
                     root->path, s->hidden[i].path);
            return ERR_USAGE;
        }
    }
    for (size_t i = 0; i < s->n_held; i++) {
        if (path_is_below(root->path, s->held[i].path)) {
            diag_set(diag, "'%s' lies in '%s', which stays read-only", root->path,
                     s->held[i].path);
            return ERR_USAGE;
        }
    }
    static const char *const systems[] = {"/proc", "/sys", "/dev"};
    for (size_t i = 0; i < COUNT(systems); i++) {
        if (path_is_below(root->path, systems[i]) &&
            !path_is_below(root->path, "/dev/shm")) {
            diag_set(diag, "'%s' belongs to the kernel and cannot be made writable",
                     root->path);
            return ERR_USAGE;
        }
    }
    return OK;
}

/* ---- the parts ------------------------------------------------------------------------- */

static enum err plan_roots(struct plan *p, const struct site *s, struct diag *diag)
{
    for (size_t i = 0; i < s->n_roots; i++) {
        enum err e = check_root(s, &s->roots[i], diag);
        if (e == OK && !has_item(p, s->roots[i].path)) {
            e = add_site(p, PLAN_WRITE, &s->roots[i]);
        }
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

static enum err plan_held(struct plan *p, const struct sandbox_policy *policy,
                          const struct site *s, struct diag *diag)
{
    for (size_t i = 0; i < s->n_held; i++) {
        const struct site_path *held = &s->held[i];
        const struct site_path *root = root_above(s, held->path);
        enum err e = OK;
        if (held->kind == SITE_LINK || held->kind == SITE_OTHER) {
            diag_set(diag, "'%s' is %s: it cannot be held in its place", held->path,
                     site_kind_name(held->kind));
            return ERR_DENIED;
        }
        if (root == NULL || has_item(p, held->path) ||
            (!p->namespaces && !p->seatbelt && policy->allow_weaker)) {
            continue;
        }
        e = pin_between(p, root->path, held->path);
        if (e == OK) {
            e = add_site(p, PLAN_PROTECT, held);
        }
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

static enum err plan_hidden(struct plan *p, const struct site *s, struct diag *diag)
{
    for (size_t i = 0; i < s->n_hidden; i++) {
        const struct site_path *hidden = &s->hidden[i];
        const struct site_path *root = root_above(s, hidden->path);
        if (hidden->kind == SITE_MISSING && root != NULL &&
            !has_item(p, hidden->path)) {
            diag_set(
                diag,
                "'%s' does not exist and could be made by the command: make it first",
                hidden->path);
            return ERR_USAGE;
        }
        if (hidden->kind == SITE_MISSING) {
            continue;
        }
        enum err e = root == NULL ? OK : pin_between(p, root->path, hidden->path);
        if (e == OK) {
            e = add_site(p, PLAN_HIDE, hidden);
        }
        if (e != OK) {
            return e;
        }
    }
    return OK;
}

static enum err plan_places(struct plan *p)
{
    enum err e = OK;
    for (size_t i = 0; i < COUNT(device_paths) && e == OK; i++) {
        /* Where terminals are not private, those of the user's other programs are there. */
        const bool terminals = strncmp(device_paths[i], "/dev/pt", 7) == 0;
        if (!terminals || p->namespaces || p->seatbelt) {
            e = add(p, PLAN_DEVICE, SITE_OTHER, device_paths[i]);
        }
    }
    for (size_t i = 0; i < COUNT(scratch_paths) && e == OK && p->namespaces; i++) {
        if (!has_item(p, scratch_paths[i])) {
            e = add(p, PLAN_SCRATCH, SITE_FOLDER, scratch_paths[i]);
        }
    }
    return e;
}

/* Outer folders first, so that what is mounted later lies upon what came before. */
static int by_depth(const void *a, const void *b)
{
    const struct plan_item *x = a;
    const struct plan_item *y = b;
    const size_t x_len = strlen(x->path);
    const size_t y_len = strlen(y->path);
    if (x_len != y_len) {
        return x_len < y_len ? -1 : 1;
    }
    return strcmp(x->path, y->path);
}

static void take_limits(struct plan *p, const struct sandbox_policy *policy)
{
    p->timeout_s = policy->timeout_s;
    p->output_max = policy->output_max;
    p->file_max = policy->file_max;
    p->process_max = policy->process_max;
}

static enum err confine(struct plan *p, const struct sandbox_policy *policy,
                        const struct site *site, struct diag *diag)
{
    const struct sandbox_kernel *k = &site->kernel;
    p->landlock_abi = k->landlock_abi;
    p->landlock = k->landlock_abi > 0;
    p->seccomp = k->seccomp;
    p->notify = k->seccomp && k->notify;
    p->network = policy->network;
    p->namespaces = k->namespaces && !policy->no_namespace;
    p->userns = p->namespaces;
    p->seatbelt = k->seatbelt;
    enum err e = check_kernel(p, policy, site, diag);
    if (e == OK) {
        e = plan_roots(p, site, diag);
    }
    if (e == OK) {
        e = plan_held(p, policy, site, diag);
    }
    if (e == OK) {
        e = plan_hidden(p, site, diag);
    }
    if (e == OK) {
        e = plan_places(p);
    }
    qsort(p->items, p->n_items, sizeof(p->items[0]), by_depth);
    return e;
}

enum err sandbox_plan_make(struct plan *out, const struct sandbox_policy *policy,
                           const struct site *site, struct diag *diag)
{
    memset(out, 0, sizeof(*out));
    out->mode = policy->mode;
    out->workspace = mem_strdup(site->workspace.path);
    out->cwd = mem_strdup(site->cwd);
    take_limits(out, policy);
    if (policy->mode == SANDBOX_FULL_ACCESS) {
        out->network = true;
        return OK;
    }
    const enum err e = confine(out, policy, site, diag);
    if (e == ERR_LIMIT) {
        diag_set(diag, "the policy holds more than %d paths", PLAN_ITEMS_MAX);
    }
    return e;
}

enum err sandbox_plan_scratch(struct plan *p, const char *path)
{
    return add(p, PLAN_SCRATCH, SITE_FOLDER, path);
}

void sandbox_plan_fini(struct plan *p)
{
    for (size_t i = 0; i < p->n_items; i++) {
        mem_free(p->items[i].path);
    }
    mem_free(p->workspace);
    mem_free(p->cwd);
    memset(p, 0, sizeof(*p));
}
