#include "host/config.h"

#include <string.h>

/* What a controller that is not this user's own program may know of the agent's
 * configuration: all else may hold tokens, environments or headers, now or in a later
 * Codex. */
static const char *const known_config[] = {
    "approval_policy",
    "approvals_reviewer",
    "forced_login_method",
    "model",
    "model_auto_compact_token_limit",
    "model_auto_compact_token_limit_scope",
    "model_context_window",
    "model_provider",
    "model_reasoning_effort",
    "model_reasoning_summary",
    "model_verbosity",
    "personality",
    "review_model",
    "sandbox_mode",
    "service_tier",
    "web_search",
};

static const char *const known_requirements[] = {
    "allowLoginShell",           "allowRemoteControl",    "allowedApprovalPolicies",
    "allowedApprovalsReviewers", "allowedLoginMethods",   "allowedPermissionProfiles",
    "allowedSandboxModes",       "allowedWebSearchModes", "defaultPermissions",
    "featureRequirements",       "modelProvider",
};

static void keep_known(json_t *object, const char *const *known, size_t n)
{
    const char *key;
    json_t *value;
    void *tmp;
    json_object_foreach_safe(object, tmp, key, value)
    {
        size_t i = 0;
        while (i < n && strcmp(key, known[i]) != 0) {
            i++;
        }
        if (i == n) {
            (void)json_object_del(object, key);
        }
    }
}

void config_hide(json_t *root)
{
    static const char *const parts[] = {
        "config",
        "requirements",
        "supportsIndependentSpeedModes",
    };
    const bool whole = json_get_obj(root, "config") != NULL;
    keep_known(root, parts, COUNT(parts));
    keep_known(json_get_obj(root, "config"), known_config, COUNT(known_config));
    keep_known(json_get_obj(root, "requirements"), known_requirements,
               COUNT(known_requirements));
    if (whole) { // members that the schema wants
        json_set(root, "layers", json_null());
        json_set(root, "origins", json_object());
    }
}
