/*
 * hello: the first words with an app-server, without I/O.
 *
 *   INITIALIZE --> ACCOUNT --> READY | LOGIN          any --> FAILED
 *                     ^                   |
 *                     +-- account changed-+
 *
 * Source     Codex 0.169: initialize (experimentalApi, no opt-outs), initialized,
 *            account/read.
 * Shape      hello_begin() gives the first text to send; hello_input() takes every
 *            text that arrives until READY and says whether it was ours, appending
 *            what is to be sent next.
 * Ownership  texts are borrowed for the call; texts to send are appended to `out`.
 * Errors     ERR_PROTO  the peer does not speak the protocol: drop it. FAILED with a
 *            sentence is not an error of the function.
 * Tests      tests/unit/codex_test.c, tests/fuzz/hello_fuzz.c
 */
#ifndef ENGINE_CODEX_HELLO_H
#define ENGINE_CODEX_HELLO_H

#include "base/buf.h"
#include "engine/codex/version.h"

enum hello_state {
    HELLO_INITIALIZE,
    HELLO_ACCOUNT,
    HELLO_READY,
    HELLO_LOGIN, // the agent wants a login and there is none
    HELLO_FAILED,
};

struct hello {
    enum hello_state state;
    unsigned n_asked; // ids are never used twice
    char version[VERSION_MAX];
    char error[192]; // FAILED: a sentence
};

NODISCARD enum err hello_begin(struct hello *h, struct buf *out);

/* *out_ours: the text answers one of our ids, so nobody else may see it. */
NODISCARD enum err hello_input(struct hello *h, struct bytes text, struct buf *out,
                               bool *out_ours);

#endif
