/*
 * signer: makes what a local client answers a decision that its device has signed.
 *
 *     host  --> signer_down() --> client     a server request is read, and known again
 *     host  <-- signer_up()   <-- client     its answer becomes farhand/approval/decide
 *
 * Source     docs/protocol.md section 7 (Decision; attach and rpc).
 * Shape      one object a connection, without I/O: texts go in, a text that goes
 *            instead comes out. A request whose JSON is not what its bytes say is passed
 *            on, so that the person sees it, and never signed.
 * Ownership  signer_create() keeps `ops` and `user`. Texts are borrowed, `out` is the
 *            caller's buffer.
 * Errors     ERR_NOT_FOUND  nothing of ours: the text goes on as it is
 *            ERR_CANCELED   (down) nothing goes on: it was for us
 *            ERR_DENIED     (up) nothing is signed; *out is the error for the client
 * Limits     SIGNER_PENDING_MAX requests are known; the oldest is forgotten, and an
 *            answer to it passes as it is, which a host refuses.
 * Tests      tests/unit/signer_test.c
 */
#ifndef CLIENT_SIGNER_H
#define CLIENT_SIGNER_H

#include "base/buf.h"
#include "session/approval.h"

#define SIGNER_PENDING_MAX 512

struct signer_ops {
    /* host_id, grant_serial and th4 of the session. ERR_CLOSED: there was none yet. */
    enum err (*proof)(void *user, struct approval *out);
    enum err (*sign)(void *user, struct bytes a, uint8_t sig[SIGN_SIG]);
    uint64_t (*wall_ms)(void *user);
};

struct signer;

struct signer *signer_create(const struct signer_ops *ops, void *user);
void signer_destroy(struct signer *s); // NULL is fine

/* OK: *out goes on instead of `text`. */
NODISCARD enum err signer_down(struct signer *s, struct bytes text, struct buf *out);
NODISCARD enum err signer_up(struct signer *s, struct bytes text, struct buf *out);

#endif
