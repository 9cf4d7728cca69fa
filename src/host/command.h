/*
 * command: what a device asked for and must happen once, or be known as unknown.
 *
 * Source     docs/protocol.md 5.3. The key is (device_id, seq).
 * Shape      command_take() before an effect: ops.accept makes it durable, and only
 *            then does the router act. command_moved() says what became of it.
 *
 *     accepted --> sent --> answered | unknown
 *
 *            A turn/start or turn/steer carries its key to the agent in
 *            clientUserMessageId: "fh1:DEVICEID:SEQ", and ":OWN" when the device
 *            had given one of its own. command_unmap() takes the key out again of
 *            whatever goes to controllers, so that they see their own.
 * Limits     COMMAND_BODY_MAX: a longer command is not kept to be sent again.
 * Tests      tests/unit/command_test.c
 */
#ifndef HOST_COMMAND_H
#define HOST_COMMAND_H

#include "host/hub_core.h"

#define COMMAND_BODY_MAX (256u * 1024)

/* "fh1:", 32 hex digits, ":", 20 digits, NUL */
#define COMMAND_KEY_SIZE 64

struct method;

void command_key_text(const struct hub_key *key, char out[COMMAND_KEY_SIZE]);

/* Makes the command durable; params gain our key. ERR_IO, ERR_EXISTS: it must not act.
 * A call without a number, or one that changes nothing, is no command: OK, and
 * out->seq is 0. */
NODISCARD enum err command_take(struct controller *by, const struct method *m,
                                json_t *params, struct hub_key *out);

void command_moved(struct hub *hub, const struct hub_key *key,
                   enum hub_command_state state, int64_t error);
void command_answered(struct hub *hub, const struct hub_key *key,
                      const struct jsonrpc *rpc);

/* Does any clientId in this text carry a key of ours? */
bool command_is_mapped(struct bytes text);

/* The text with every clientId as its controller gave it, null when it gave none. */
NODISCARD enum err command_unmap(struct bytes text, struct buf *out);

/* Does an item in this raw text carry this key? */
bool command_is_in(struct bytes text, const char *key);

#endif
