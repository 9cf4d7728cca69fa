/*
 * exit: the exit codes of every command, so that a script can tell them apart.
 *
 * Documented in `farhand help exit-codes` and the man page; never renumbered.
 */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#define EXIT_CODE_LIST(X)                                                              \
    X(EXIT_DONE, 0, "done")                                                            \
    X(EXIT_FAILED, 1, "failed; the sentence on stderr says why")                       \
    X(EXIT_USAGE, 2, "the command line makes no sense as written")                     \
    X(EXIT_NOT_FOUND, 3, "no such host, device, pairing or thread; none joined")       \
    X(EXIT_DENIED, 4, "declined, forbidden, or not allowed for this role")             \
    X(EXIT_SPENT, 5, "the code is spent, wrong or expired: make a new one")            \
    X(EXIT_UNREACHABLE, 6, "the relay or the host does not answer")                    \
    X(EXIT_RPC, 7, "the other side answered with a JSON-RPC error")                    \
    X(EXIT_RUNNING, 8, "already running on this state folder")                         \
    X(EXIT_AGENT, 9, "the agent (Codex) is missing, too old or failed")                \
    X(EXIT_HOME, 10, "the state folder cannot be used")                                \
    X(EXIT_CERTIFICATE, 11, "the certificate or its key cannot be used")               \
    X(EXIT_UNSOUND, 12, "audit verify: a record was changed or is not proved")         \
    X(EXIT_WARNING, 13, "doctor: it works, and something should be looked at")         \
    X(EXIT_UNKNOWN, 14, "outcome unknown: it may have been done; nothing is repeated") \
    X(EXIT_UNSENT, 15, "not delivered: the host, or the agent, never had it")          \
    X(EXIT_TAKEN, 16, "the port or the address is taken")                              \
    X(EXIT_REFUSED, 17,                                                                \
      "the relay refuses: an invite, an address or a clock is wrong")                  \
    X(EXIT_SANDBOX, 125, "the sandbox could not be made; nothing was run")

#define EXIT_CODE_ENUM(name, value, text) name = (value),
enum exit_code { EXIT_CODE_LIST(EXIT_CODE_ENUM) };
#undef EXIT_CODE_ENUM

#endif
