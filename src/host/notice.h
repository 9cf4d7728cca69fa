/*
 * notice: every notification of the agent, and who gets it.
 *
 * Source     all server notifications of Codex 0.169's schema. What is not in the
 *            table goes to nobody and is counted.
 * Tests      tests/unit/method_test.c
 */
#ifndef HOST_NOTICE_H
#define HOST_NOTICE_H

#include "base/bytes.h"

enum notice_route {
    NOTICE_SUBSCRIBERS, // of params.threadId
    NOTICE_SEERS,       // whoever may see the thread
    NOTICE_MAYBE, // subscribers of the thread it names; operators, if it names none
    NOTICE_OPERATORS,
    NOTICE_HANDLE, // the connection that owns the handle
    NOTICE_DROP,
};

/* What the hub itself learns from it. */
enum notice_hook {
    HOOK_NONE,
    HOOK_DELTA, // text of an open item
    HOOK_PATCH, // the newest state of an open item
    HOOK_ITEM_STARTED,
    HOOK_ITEM_COMPLETED,
    HOOK_TURN_STARTED,
    HOOK_TURN_COMPLETED,
    HOOK_STATUS,
    HOOK_THREAD_STARTED,
    HOOK_THREAD_GONE,
    HOOK_SETTINGS,
    HOOK_RESOLVED,
    HOOK_GOAL,        // what a resume replays
    HOOK_WARNING,     // configWarning: kept for newcomers
    HOOK_DEPRECATION, // precedes the answer of a resume
    HOOK_EXITED,      // a process of a handle ended
};

struct notice {
    const char *name;
    enum notice_route route;
    enum notice_hook hook;
    const char *key; // of the handle, or of the part of a delta (summaryIndex)
    unsigned row;    // its place in the table
};

#define NOTICE_WORDS 2 // 64 rows each

const struct notice *notice_find(struct bytes name); // NULL: unknown
const struct notice *notice_table(size_t *count);

#endif
