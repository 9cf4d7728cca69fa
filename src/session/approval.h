/*
 * approval: what a device signs when it decides: the request's bytes, and A.
 *
 * Source     docs/protocol.md section 7.
 * Shape      pure. A request has exactly one encoding: tags rise, a text that is empty
 *            is left out, what is unknown is refused, so that two programs which read
 *            the same bytes cannot show different things. rd is its digest; A names
 *            rd, the host, the session and the log that the device had seen.
 * Ownership  what is read is borrowed from the octets given.
 * Errors     ERR_PROTO  not the one encoding
 *            ERR_LIMIT  a member is larger than its tag may be: the request cannot be
 *                       shown whole, so nobody may accept it
 *            ERR_AUTH   approval_verify(): not this device's signature
 * Limits     APPROVAL_REQUEST_MAX: what an agent may make every device hold.
 *            A command may be longer than a tag's 65,535 octets: it then comes in
 *            pieces, all but the last full.
 * Tests      tests/unit/approval_test.c, tests/fuzz/approval_fuzz.c,
 *            tests/vectors/approval.json
 */
#ifndef SESSION_APPROVAL_H
#define SESSION_APPROVAL_H

#include "base/buf.h"
#include "crypto/id.h"

enum {
    APPROVAL_ID = 16,        // octets of a request_id
    APPROVAL_RD = 32,        // SHA-256
    APPROVAL_TH4 = 32,       // of the session that the device decides in
    APPROVAL_EXTRA = 32,     // SHA-256 of an answer's JSON
    APPROVAL_NAME_MAX = 128, // thread, turn, item
    APPROVAL_PATH_MAX = 4096,
    APPROVAL_PIECE = 65535,            // octets of a command in one tag
    APPROVAL_COMMAND_MAX = 256 * 1024, // the kernel runs no longer argument
    APPROVAL_REQUEST_MAX = 512 * 1024,
    APPROVAL_MATERIAL_MAX = 4 * 1024 * 1024,
    APPROVAL_A_SIZE_MAX = 256,
};

enum approval_kind {
    APPROVAL_COMMAND = 1,
    APPROVAL_FILE_CHANGE = 2,
    APPROVAL_PERMISSIONS = 3,
    APPROVAL_QUESTION = 4,
    APPROVAL_ELICITATION = 5,
    APPROVAL_GATE = 6,
    APPROVAL_PAIRING = 7,
};

enum { // asked
    APPROVAL_ASKS_NETWORK = 1 << 0,
    APPROVAL_ASKS_NO_SANDBOX = 1 << 1,
    APPROVAL_ASKS_OUTSIDE = 1 << 2, // of the workspace
    APPROVAL_ASKS_ALL = 7,
};

enum approval_decision {
    APPROVAL_ACCEPT = 1,
    APPROVAL_ACCEPT_SESSION = 2,
    APPROVAL_DECLINE = 3,
    APPROVAL_CANCEL = 4,
    APPROVAL_ANSWER = 5, // extra = SHA-256 of the result's JSON octets
};

enum approval_scope { // 5.4
    APPROVAL_ONCE = 0,
    APPROVAL_THREAD = 1,
    APPROVAL_UNTIL_RESTART = 2,
    APPROVAL_KEPT = 3, // until somebody takes it back
};

struct approval_request {
    uint8_t id[APPROVAL_ID];
    struct bytes thread;
    struct bytes turn;
    struct bytes item;
    enum approval_kind kind;
    struct bytes cwd;
    struct bytes command;     // put only; read with approval_request_command()
    const struct bytes *argv; // put only; tag APPROVAL_TAG_ARGV
    size_t n_argv;
    uint8_t material[HASH_SHA256]; // of the octets in farhand.material
    const struct bytes *paths;     // put only; tag APPROVAL_TAG_PATH
    size_t n_paths;
    struct bytes reason;
    uint8_t asked;
    struct bytes policy;
    uint64_t created_ms;
    uint64_t expires_ms; // 0: never
    uint8_t quorum;      // people who must accept; at least 1
    bool uv;             // strong approval
};

/* Of what may be there more than once: tlv_next() over the bytes of a request. */
enum {
    APPROVAL_TAG_COMMAND = 0x07,
    APPROVAL_TAG_ARGV = 0x08,
    APPROVAL_TAG_PATH = 0x0a,
};

/* Appends the bytes of a request. */
NODISCARD enum err approval_request_put(const struct approval_request *r,
                                        struct buf *out);
NODISCARD enum err approval_request_read(struct bytes request,
                                         struct approval_request *out);
/* Appends the command, its pieces joined. `request` has been read. */
NODISCARD enum err approval_request_command(struct bytes request, struct buf *out);

void approval_digest(struct bytes request, uint8_t rd[APPROVAL_RD]);

/* A: one decision. */
struct approval {
    uint8_t host_id[ID_SIZE];
    uint8_t request_id[APPROVAL_ID];
    uint8_t rd[APPROVAL_RD];
    enum approval_decision decision;
    enum approval_scope scope;
    bool has_extra; // with APPROVAL_ANSWER, and only then
    uint8_t extra[APPROVAL_EXTRA];
    uint64_t decided_ms;
    uint64_t grant_serial;
    uint64_t seen_idx;
    uint8_t seen_head[HASH_SHA256];
    uint8_t th4[APPROVAL_TH4];
};

NODISCARD enum err approval_put(const struct approval *a, struct buf *out);
NODISCARD enum err approval_read(struct bytes a, struct approval *out);

/* The signature is over A itself: it begins with its own label (protocol.md 1). */
void approval_sign(const struct sign_key *device_key, struct bytes a,
                   uint8_t sig[SIGN_SIG]);
NODISCARD enum err approval_verify(const uint8_t device_key[SIGN_PUB], struct bytes a,
                                   struct bytes sig);

const char *approval_kind_name(enum approval_kind kind);      // "command" …; static
const char *approval_decision_name(enum approval_decision d); // "accept" …; static

#endif
