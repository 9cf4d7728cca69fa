/*
 * answer: what an answer of the agent changes, and what its caller is told.
 *
 * Limits     ANSWER_DEVICE_MAX octets to a device (a stream message of fh1 is at most
 *            8 MiB), ANSWER_LOCAL_MAX to a local program. A larger page is asked for
 *            again with a smaller limit (Codex's own pages count items, not octets,
 *            and 50 items were 26 MB); a thread's turns come through window.h.
 */
#ifndef HOST_ANSWER_H
#define HOST_ANSWER_H

#include "host/upcall.h"

#define ANSWER_DEVICE_MAX (7u * 1024 * 1024)
#define ANSWER_LOCAL_MAX  (60u * 1024 * 1024)
#define ANSWER_PAGE       24 // what a page without a limit is taken to have asked for

/* False: the call was submitted again and lives on. */
NODISCARD bool answer_apply(struct upcall *u, const struct jsonrpc *rpc);

/* The call ends without an answer: undoes what it had prepared. */
void answer_failed(struct upcall *u);

/* Tells the caller that something was given in another way than asked. Takes both. */
void answer_note(struct upcall *u, const char *field, json_t *asked, json_t *given);

#endif
