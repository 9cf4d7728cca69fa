#include "host/guard.h"

#include <string.h>

/* ---- telling --------------------------------------------------------------- */

/* An absent or null value asks for nothing: filling it in is no clamp. */
static bool is_asked(const json_t *value)
{
    return value != NULL && !json_is_null(value);
}

static bool is_empty(const json_t *value)
{
    return (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static void tell(json_t *clamped, const char *field, json_t *asked, json_t *given)
{
    json_t *row = json_object();
    json_set_str(row, "field", field);
    json_set(row, "asked", asked != NULL ? json_incref(asked) : json_null());
    json_set(row, "given", given != NULL ? json_incref(given) : json_null());
    json_push(clamped, row);
}

/* Puts `given` (taken) in place of what was asked; told when it differs. */
static void replace(json_t *params, const char *field, json_t *given, json_t *clamped)
{
    json_t *asked = json_object_get(params, field);
    if (is_asked(asked) && !json_equal(asked, given)) {
        tell(clamped, field, asked, given);
    }
    json_set(params, field, given);
}

static void drop(json_t *params, const char *field, json_t *clamped)
{
    json_t *asked = json_object_get(params, field);
    if (is_asked(asked) && !is_empty(asked)) {
        tell(clamped, field, asked, NULL);
    }
    (void)json_object_del(params, field);
}

/* ---- policy ------------------------------------------------------------------ */

static void guard_word(json_t *params, const char *field, const char *given, bool force,
                       json_t *clamped)
{
    if (force || is_asked(json_object_get(params, field))) {
        replace(params, field, json_string(given), clamped);
    }
}

static bool is_read_only(const struct hub_profile *profile)
{
    return profile != NULL && profile->read_only;
}

static void guard_mode(const struct guard *g, json_t *params, bool force,
                       json_t *clamped)
{
    const char *asked = json_get_str(params, "sandbox");
    const bool strict = asked != NULL && strcmp(asked, "read-only") == 0;
    if (!strict) {
        guard_word(params, "sandbox",
                   is_read_only(g->profile) ? "read-only" : PROFILE_MODE,
                   force || is_read_only(g->profile), clamped);
    }
}

static json_t *read_only_sandbox(void)
{
    json_t *given = json_object();
    json_set_str(given, "type", "readOnly");
    json_set_bool(given, "networkAccess", false);
    return given;
}

static json_t *profile_sandbox(const struct hub_profile *profile)
{
    if (is_read_only(profile)) {
        return read_only_sandbox();
    }
    json_t *given = json_object();
    json_set_str(given, "type", "workspaceWrite");
    json_set(given, "writableRoots", json_array());
    json_set_bool(given, "networkAccess", profile != NULL && profile->network);
    json_set_bool(given, "excludeTmpdirEnvVar", false);
    json_set_bool(given, "excludeSlashTmp", false);
    return given;
}

static json_t *strict_sandbox(const struct hub_profile *profile, const json_t *asked)
{
    const char *type = json_get_str(asked, "type");
    if (is_read_only(profile) || (type != NULL && strcmp(type, "readOnly") == 0)) {
        return read_only_sandbox();
    }
    json_t *given = profile_sandbox(profile);
    if (type != NULL && strcmp(type, "workspaceWrite") == 0) { // may leave out more
        json_set_bool(given, "networkAccess",
                      profile != NULL && profile->network &&
                          json_get_bool(asked, "networkAccess", false));
        json_set_bool(given, "excludeTmpdirEnvVar",
                      json_get_bool(asked, "excludeTmpdirEnvVar", false));
        json_set_bool(given, "excludeSlashTmp",
                      json_get_bool(asked, "excludeSlashTmp", false));
    }
    return given;
}

/* What the engine itself is to take from the profile; a model that somebody chose
 * stands. */
static void guard_engine(const struct guard *g, json_t *params)
{
    if (g->profile == NULL) {
        return;
    }
    if (g->profile->model[0] != '\0' && (g->method->guard & GUARD_FORCE) != 0 &&
        !is_asked(json_object_get(params, "model"))) {
        json_set_str(params, "model", g->profile->model);
    }
    if (g->profile->config != NULL) {
        json_set(params, "config", json_incref(g->profile->config));
    }
}

/* Says the same policy in fewer words: the defaults of the schema are left out. */
static bool is_same_sandbox(json_t *asked, const json_t *given)
{
    const char *key;
    json_t *value;
    json_object_foreach(asked, key, value)
    {
        if (!json_equal(value, json_object_get(given, key))) {
            return false;
        }
    }
    return true;
}

static void guard_sandbox(const struct guard *g, json_t *params, json_t *clamped)
{
    json_t *asked = json_object_get(params, "sandboxPolicy");
    if (is_asked(asked)) {
        json_t *given = strict_sandbox(g->profile, asked);
        if (json_is_object(asked) && is_same_sandbox(asked, given)) {
            json_set(params, "sandboxPolicy", given);
        } else {
            replace(params, "sandboxPolicy", given, clamped);
        }
        return;
    }
    if ((g->method->guard & GUARD_FORCE) != 0 &&
        (!g->sandbox_is_fine || is_read_only(g->profile))) {
        json_set(params, "sandboxPolicy", profile_sandbox(g->profile));
    }
}

bool guard_sandbox_is_fine(const json_t *sandbox)
{
    const char *type = json_get_str(sandbox, "type");
    return type != NULL &&
           (strcmp(type, "readOnly") == 0 || strcmp(type, "workspaceWrite") == 0);
}

json_t *guard_profile_settings(const struct hub_profile *profile, const char *thread_id)
{
    json_t *params = json_object();
    json_set_str(params, "threadId", thread_id);
    json_set_str(params, "approvalPolicy", PROFILE_APPROVALS);
    json_set_str(params, "approvalsReviewer", PROFILE_REVIEWER);
    json_set(params, "sandboxPolicy", profile_sandbox(profile));
    return params;
}

/* ---- folders ------------------------------------------------------------------- */

/* NULL when it is no string, or holds a NUL: we would look at the front of it while the
 * agent resolves the "/../.." behind. */
static const char *whole_path(const json_t *value)
{
    const char *path = json_string_value(value);
    return path != NULL && strlen(path) == json_string_length(value) ? path : NULL;
}

/* The user at the host may work in any folder of theirs; others in known ones. */
static bool may_use(const struct guard *g, const json_t *value)
{
    const char *path = whole_path(value);
    if (path == NULL || path[0] != '/') {
        return false;
    }
    if (g->who->kind != CONTROLLER_LOCAL && !folders_allow(g->folders, path)) {
        return false;
    }
    return g->is_folder == NULL || g->is_folder(g->user, path);
}

static void guard_roots(const struct guard *g, json_t *params, const char *field,
                        json_t *clamped)
{
    json_t *asked = json_object_get(params, field);
    if (!is_asked(asked) || is_empty(asked)) {
        return; // none at all is stricter than ours
    }
    json_t *given = json_array();
    size_t i;
    json_t *root;
    json_array_foreach(asked, i, root)
    {
        if (may_use(g, root)) {
            json_push(given, json_incref(root));
        }
    }
    if (json_array_size(given) == 0) {
        json_t *cwd = json_object_get(params, "cwd");
        json_push(given, json_is_string(cwd) ? json_incref(cwd)
                                             : json_string(g->folders->home));
    }
    replace(params, field, given, clamped);
}

static void guard_folders(const struct guard *g, json_t *params, json_t *clamped)
{
    const json_t *cwd = json_object_get(params, "cwd");
    if (is_asked(cwd) ? !may_use(g, cwd) : (g->method->guard & GUARD_FOLDER) != 0) {
        replace(params, "cwd", json_string(g->folders->home), clamped);
    }
    guard_roots(g, params, "runtimeWorkspaceRoots", clamped);
}

/* ---- other paths, of those who may not name any ------------------------------------ */

/* A project's roots are objects. None left is none asked for. */
static void guard_rows(const struct guard *g, json_t *params, json_t *rows,
                       json_t *clamped)
{
    json_t *given = json_array();
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        if (may_use(g, json_object_get(row, "path"))) {
            json_push(given, json_incref(row));
        }
    }
    if (json_array_size(given) > 0) {
        replace(params, "roots", given, clamped);
    } else {
        drop(params, "roots", clamped);
        json_decref(given);
    }
}

static void guard_file(const struct guard *g, json_t *params, const char *field,
                       json_t *clamped)
{
    const json_t *asked = json_object_get(params, field);
    const char *path = whole_path(asked);
    if (is_asked(asked) && (path == NULL || !folders_allow(g->folders, path))) {
        drop(params, field, clamped);
    }
}

/* The table of docs/hub.md, "Paths". */
static void guard_paths(const struct guard *g, json_t *params, json_t *clamped)
{
    const json_t *cwd = json_object_get(params, "cwd");
    json_t *roots = json_object_get(params, "roots");
    if (is_asked(cwd) && !may_use(g, cwd)) {
        replace(params, "cwd", json_string(g->folders->home), clamped);
    }
    guard_roots(g, params, "cwds", clamped);
    if (json_is_object(json_array_get(roots, 0))) {
        guard_rows(g, params, roots, clamped);
    } else {
        guard_roots(g, params, "roots", clamped);
    }
    guard_file(g, params, "attachmentPath", clamped);
    guard_file(g, params, "marketplacePath", clamped);
}

/* ---- files named in input ------------------------------------------------------- */

/* A mention names a thing by a URL (app://, plugin://); all else is a file. */
static bool is_address(const json_t *part, const char *path)
{
    const char *type = json_get_str(part, "type");
    return type != NULL && strcmp(type, "mention") == 0 && path[0] != '/' &&
           strstr(path, "://") != NULL;
}

/* A device that names a file would have it read to the model, unasked. */
static void guard_input(const struct guard *g, json_t *params, json_t *clamped)
{
    json_t *input = json_get_arr(params, "input");
    if (g->who->kind == CONTROLLER_LOCAL || input == NULL) {
        return;
    }
    for (size_t i = json_array_size(input); i-- > 0;) {
        json_t *part = json_array_get(input, i);
        json_t *asked = json_object_get(part, "path");
        const char *path = whole_path(asked);
        if (is_asked(asked) && (path == NULL || (!is_address(part, path) &&
                                                 !folders_allow(g->folders, path)))) {
            tell(clamped, "input", asked, NULL);
            (void)json_array_remove(input, i);
        }
    }
}

/* ---- all of it ------------------------------------------------------------------- */

static void drop_unknown(const struct guard *g, json_t *params)
{
    const char *key;
    json_t *value;
    void *tmp;
    json_object_foreach_safe(params, tmp, key, value)
    {
        if (!method_knows_field(g->method, key)) {
            (void)json_object_del(params, key);
        }
    }
}

static void drop_powers(json_t *params, json_t *clamped)
{
    // named profiles and configuration can carry any policy; capability roots reach
    // other folders; history and path make a thread out of foreign files.
    static const char *const powers[] = {
        "permissions",
        "permissionProfile",
        "config",
        "history",
        "path",
        "selectedCapabilityRoots",
        "mockExperimentalField",
    };
    if (!is_empty(json_object_get(params, "environments"))) { // none is stricter
        drop(params, "environments", clamped); // they may be other machines
    }
    for (size_t i = 0; i < COUNT(powers); i++) {
        drop(params, powers[i], clamped);
    }
}

void guard_apply(const struct guard *g, json_t *params, json_t *clamped)
{
    const unsigned guard = g->method->guard;
    const bool force = (guard & GUARD_FORCE) != 0;
    if (g->who->kind != CONTROLLER_LOCAL) {
        drop_unknown(g, params);
    }
    if ((guard & GUARD_DROP) != 0) {
        drop_powers(params, clamped);
    }
    if ((guard & GUARD_POLICY) != 0) {
        guard_word(params, "approvalPolicy", PROFILE_APPROVALS, force, clamped);
    }
    if ((guard & (GUARD_POLICY | GUARD_REVIEWER)) != 0) {
        guard_word(params, "approvalsReviewer", PROFILE_REVIEWER, force, clamped);
    }
    if ((guard & GUARD_MODE) != 0) {
        guard_mode(g, params, force, clamped);
        guard_engine(g, params);
    }
    if ((guard & GUARD_SANDBOX) != 0) {
        guard_sandbox(g, params, clamped);
    }
    if ((guard & GUARD_FOLDERS) != 0) {
        guard_folders(g, params, clamped);
    }
    if ((guard & GUARD_PATHS) != 0 && g->who->kind != CONTROLLER_LOCAL) {
        guard_paths(g, params, clamped);
    }
    if ((guard & GUARD_TOOLS) != 0 && !g->stock_tui) {
        drop(params, "dynamicTools", clamped);
    }
    if ((guard & GUARD_INPUT) != 0) {
        guard_input(g, params, clamped);
    }
}

void guard_list_fields(const json_t *clamped, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(clamped); i++) {
        const char *field = json_get_str(json_array_get(clamped, i), "field");
        const size_t len = strlen(field);
        if (used + len + 2 > size) {
            return;
        }
        if (used > 0) {
            out[used++] = ' ';
        }
        memcpy(out + used, field, len + 1);
        used += len;
    }
}
