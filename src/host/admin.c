#include <string.h>

#include "base/log.h"
#include "host/daemon.h"

/* The administrator's file in a running host. What it says of remote control, roles and
 * people counts at once; its profiles and rules are read with the others, at the start. */

#define LOOK_MS 30000u // a file that comes while the host runs counts this soon

static void cap_roles(struct host *h)
{
    devices_cap(h->devices, h->requirements.max_role);
    for (size_t i = 0; i < devices_count(h->devices); i++) {
        const struct device *device = devices_at(h->devices, i);
        hub_rights_changed(h->hub, device->row.id, device->role, device->caps, NULL);
        if ((device->caps & CAP_ADMIN) == 0) {
            pair_cancel_of(h, device->row.id);
        }
    }
}

/* Every device hears why, then the way to it ends. */
static void end_remote(struct host *h, const char *why)
{
    h->remote_enabled = false;
    log_warn("remote.forbidden", "reason=\"%s\"", why);
    pair_cancel_all(h);
    for (size_t i = 0; i < devices_count(h->devices); i++) {
        hub_end(h->hub, devices_at(h->devices, i)->row.id, why);
    }
    h->stopping_link = true; // when the sentence is there: on_time()
    admin_arm(h);
    remote_tell(h);
}

static void apply(struct host *h)
{
    struct diag why = {.text = ""};
    if (h->codex_forbids && !h->requirements.no_remote) {
        h->requirements.no_remote = true;
        h->requirements.remote_source = "Codex's managed requirements";
    }
    h->rulebook.quorum = h->requirements.quorum;
    h->rulebook.strong = h->requirements.strong;
    cap_roles(h);
    if (requirements_remote(&h->requirements, &why) != OK && h->remote_enabled) {
        end_remote(h, why.text);
    }
}

/* A file that came and cannot be read forbids what it might forbid. */
static void fail_closed(struct host *h, const char *why)
{
    log_error("admin.unreadable", "reason=\"%s\"", why);
    h->requirements.no_remote = true;
    h->requirements.remote_source = requirements_path;
    h->requirements.exists = true;
    apply(h);
}

void admin_look(struct host *h)
{
    struct requirements fresh;
    struct diag why = {.text = ""};
    if (h->closed != NULL || !requirements_are_stale(&h->requirements)) {
        return;
    }
    if (requirements_load(&fresh, &why) != OK) {
        fail_closed(h, why.text);
        return;
    }
    requirements_fini(&h->requirements);
    h->requirements = fresh;
    log_info("admin.changed", "exists=%d", fresh.exists);
    apply(h);
}

void admin_agent_says(void *user, const json_t *requirements)
{
    struct host *h = user;
    const bool forbids = !json_get_bool(requirements, "allowRemoteControl", true);
    if (forbids && !h->codex_forbids) {
        h->codex_forbids = true;
        apply(h);
    }
}

static void on_time(struct timer *t)
{
    struct host *h = CONTAINER_OF(t, struct host, admin_timer);
    if (h->stopping_link && h->link != NULL) {
        link_host_stop(h->link);
    }
    h->stopping_link = false;
    admin_look(h);
    admin_arm(h);
}

void admin_arm(struct host *h)
{
    timer_start(h->loop, &h->admin_timer, h->stopping_link ? 500 : LOOK_MS, on_time);
}

bool admin_forbids_remote(struct host *h, struct diag *why)
{
    admin_look(h);
    return requirements_remote(&h->requirements, why) != OK;
}
