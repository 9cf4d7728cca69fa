#include <string.h>

#include "host/daemon.h"

/* The methods that the daemon answers itself. Who may call them is in method.c. */
static const struct {
    const char *method;
    void (*answer)(struct host *h, struct call *call);
} answers[] = {
    {"remoteControl/enable", remote_enable},
    {"remoteControl/disable", remote_disable},
    {"remoteControl/status/read", remote_status_read},
    {"remoteControl/pairing/start", pair_start},
    {"remoteControl/pairing/status", pair_status},
    {"remoteControl/client/list", remote_client_list},
    {"remoteControl/client/revoke", remote_client_revoke},
    {"farhand/commands/read", commands_read},
    {"farhand/status", status_read},
    {"farhand/audit/headers", book_headers},
    {"farhand/pairing/list", pair_list},
    {"farhand/pairing/confirm", pair_confirm},
    {"farhand/pairing/cancel", pair_cancel},
    {"farhand/pairing/unlock", pair_unlock},
    {"farhand/approval/policy", ledger_policy},
    {"farhand/profile/list", ruling_profiles},
    {"farhand/policy/rules/list", ruling_list},
    {"farhand/policy/rules/remove", ruling_remove},
    {"farhand/device/update", people_update},
    {"farhand/stop", status_stop},
    {"farhand/trust/list", trust_list},
    {"farhand/trust/set", trust_set},
};

void host_call(void *user, struct controller *c, struct call *call)
{
    (void)c;
    struct host *h = user;
    for (size_t i = 0; i < COUNT(answers); i++) {
        if (strcmp(answers[i].method, call->method) == 0) {
            answers[i].answer(h, call);
            return;
        }
    }
    hub_reply_error(call, HUB_ERR_REQUEST, "unknown method", NULL);
}
