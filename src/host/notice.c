#include "host/notice.h"

#include <stdlib.h>
#include <string.h>

#define ROW(name, route, hook, key)                         \
    {                                                       \
        name, route, hook, key, __COUNTER__ - FIRST_ROW - 1 \
    }
enum { FIRST_ROW = __COUNTER__ };

// clang-format off
static const struct notice notices[] = {
    ROW("account/gatewayOAuth/changed", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("account/login/completed", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("account/rateLimits/updated", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("account/updated", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("app/list/updated", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("autoApprovalReview/strictReviewRequired", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("command/exec/outputDelta", NOTICE_HANDLE, HOOK_NONE, "processId"),
    ROW("configWarning", NOTICE_OPERATORS, HOOK_WARNING, NULL),
    ROW("deprecationNotice", NOTICE_OPERATORS, HOOK_DEPRECATION, NULL),
    ROW("error", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("externalAgentConfig/import/completed", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("externalAgentConfig/import/progress", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("fs/changed", NOTICE_HANDLE, HOOK_NONE, "watchId"),
    ROW("fuzzyFileSearch/sessionCompleted", NOTICE_HANDLE, HOOK_NONE, "sessionId"),
    ROW("fuzzyFileSearch/sessionUpdated", NOTICE_HANDLE, HOOK_NONE, "sessionId"),
    ROW("guardianWarning", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("hook/completed", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("hook/started", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("item/agentMessage/delta", NOTICE_SUBSCRIBERS, HOOK_DELTA, NULL),
    ROW("item/autoApprovalReview/completed", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("item/autoApprovalReview/started", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("item/commandExecution/outputDelta", NOTICE_SUBSCRIBERS, HOOK_DELTA, NULL),
    ROW("item/commandExecution/terminalInteraction", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("item/completed", NOTICE_SUBSCRIBERS, HOOK_ITEM_COMPLETED, NULL),
    ROW("item/fileChange/outputDelta", NOTICE_SUBSCRIBERS, HOOK_DELTA, NULL),
    ROW("item/fileChange/patchUpdated", NOTICE_SUBSCRIBERS, HOOK_PATCH, NULL),
    ROW("item/mcpToolCall/progress", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("item/plan/delta", NOTICE_SUBSCRIBERS, HOOK_DELTA, NULL),
    ROW("item/reasoning/summaryPartAdded", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("item/reasoning/summaryTextDelta", NOTICE_SUBSCRIBERS, HOOK_DELTA, "summaryIndex"),
    ROW("item/reasoning/textDelta", NOTICE_SUBSCRIBERS, HOOK_DELTA, "contentIndex"),
    ROW("item/started", NOTICE_SUBSCRIBERS, HOOK_ITEM_STARTED, NULL),
    ROW("mcpServer/event/stream/notification", NOTICE_DROP, HOOK_NONE, NULL),
    ROW("mcpServer/oauthLogin/completed", NOTICE_MAYBE, HOOK_NONE, NULL),
    ROW("mcpServer/startupStatus/updated", NOTICE_MAYBE, HOOK_NONE, NULL),
    ROW("model/rerouted", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("model/safetyBuffering/updated", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("model/verification", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("modelProvider/authRecoveryCompleted", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("modelProvider/authRecoveryStarted", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("process/exited", NOTICE_HANDLE, HOOK_EXITED, "processHandle"),
    ROW("process/outputDelta", NOTICE_HANDLE, HOOK_NONE, "processHandle"),
    ROW("project/changed", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("remoteControl/status/changed", NOTICE_DROP, HOOK_NONE, NULL),
    ROW("serverRequest/resolved", NOTICE_SUBSCRIBERS, HOOK_RESOLVED, NULL),
    ROW("skills/changed", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("thread/archived", NOTICE_SEERS, HOOK_NONE, NULL),
    ROW("thread/attachment/updated", NOTICE_SEERS, HOOK_NONE, NULL),
    ROW("thread/closed", NOTICE_SUBSCRIBERS, HOOK_THREAD_GONE, NULL),
    ROW("thread/compacted", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/deleted", NOTICE_SEERS, HOOK_THREAD_GONE, NULL),
    ROW("thread/environment/connected", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/environment/disconnected", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/goal/cleared", NOTICE_SUBSCRIBERS, HOOK_GOAL, NULL),
    ROW("thread/goal/updated", NOTICE_SUBSCRIBERS, HOOK_GOAL, NULL),
    ROW("thread/name/updated", NOTICE_SEERS, HOOK_NONE, NULL),
    ROW("thread/prediction/updated", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/project/updated", NOTICE_SEERS, HOOK_NONE, NULL),
    ROW("thread/queue/changed", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/readState/changed", NOTICE_SEERS, HOOK_NONE, NULL),
    ROW("thread/realtime/closed", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/error", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/item/completed", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/item/started", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/item/transcript/delta", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/itemAdded", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/outputAudio/delta", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/sdp", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/started", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/transcript/delta", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/realtime/transcript/done", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/reverted", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/section/changed", NOTICE_SEERS, HOOK_NONE, NULL),
    ROW("thread/settings/updated", NOTICE_SUBSCRIBERS, HOOK_SETTINGS, NULL),
    ROW("thread/started", NOTICE_SEERS, HOOK_THREAD_STARTED, NULL),
    ROW("thread/status/changed", NOTICE_SEERS, HOOK_STATUS, NULL),
    ROW("thread/tokenUsage/updated", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("thread/unarchived", NOTICE_SEERS, HOOK_NONE, NULL),
    ROW("turn/completed", NOTICE_SUBSCRIBERS, HOOK_TURN_COMPLETED, NULL),
    ROW("turn/diff/updated", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("turn/moderationMetadata", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("turn/plan/updated", NOTICE_SUBSCRIBERS, HOOK_NONE, NULL),
    ROW("turn/started", NOTICE_SUBSCRIBERS, HOOK_TURN_STARTED, NULL),
    ROW("warning", NOTICE_MAYBE, HOOK_NONE, NULL),
    ROW("windows/worldWritableWarning", NOTICE_OPERATORS, HOOK_NONE, NULL),
    ROW("windowsSandbox/setupCompleted", NOTICE_OPERATORS, HOOK_NONE, NULL),
};
// clang-format on
_Static_assert(sizeof(notices) / sizeof(notices[0]) <= 64 * NOTICE_WORDS,
               "a controller's mute bits cover the table");

static int compare(const void *key, const void *row)
{
    const struct bytes *name = key;
    const char *other = ((const struct notice *)row)->name;
    const int order = strncmp((const char *)name->at, other, name->len);
    return order != 0 ? order : (other[name->len] == '\0' ? 0 : -1);
}

const struct notice *notice_find(struct bytes name)
{
    if (name.len == 0) {
        return NULL;
    }
    return bsearch(&name, notices, COUNT(notices), sizeof(notices[0]), compare);
}

const struct notice *notice_table(size_t *count)
{
    *count = COUNT(notices);
    return notices;
}
