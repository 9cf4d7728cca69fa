#include "host/fence.h"

#include <limits.h>

static void add(struct hub *hub, json_t *projects, const char *path)
{
    char real[PATH_MAX];
    if (path != NULL && !hub->ops.is_trusted(hub->user, path, real, sizeof(real))) {
        json_set(projects, real, json_pack("{s:s}", "trust_level", "untrusted"));
    }
}

void fence_params(struct hub *hub, const struct thread *t, json_t *params)
{
    const char *cwd = json_get_str(params, "cwd");
    const char *folder = t != NULL ? t->folder : NULL;
    if (hub->ops.is_trusted == NULL) {
        return;
    }
    json_t *projects = json_object();
    add(hub, projects, cwd);
    add(hub, projects, folder);
    if (cwd == NULL && folder == NULL) {
        add(hub, projects, hub->folders.home);
        for (size_t i = 0; i < hub->folders.count; i++) {
            add(hub, projects, hub->folders.at[i].path);
        }
    }
    if (json_object_size(projects) > 0) {
        json_t *given = json_get_obj(params, "config"); // of the profile, shared
        json_t *config = given != NULL ? json_copy(given) : json_object();
        json_set(config, "projects", projects);
        json_set(params, "config", config);
    } else {
        json_decref(projects);
    }
}
