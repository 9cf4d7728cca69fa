/*
 * uplink: one connection to a relay or to a host's door, from dialling to the end.
 *
 *     DIALING --> CHALLENGED --> READY --> ENDED
 *        |            |            |         ^
 *        +------------+------------+---------+   error, refusal or uplink_close()
 *
 * Source     docs/protocol.md sections 5.0 and 8.
 * Shape      frames in, frames out. A leg logs in with a `struct login`; a stranger's
 *            (pairing: login NULL) is READY when the challenge came.
 * Ownership  uplink_open() gives; the leg frees itself after `ended`. `login` and `tls` are
 *            kept. Frames are borrowed for the call.
 * Errors     `ended` has a cause and a sentence.
 * Time       UPLINK_KEEPALIVE_MS between pings when nothing else is heard;
 *            UPLINK_LOGIN_MS for dialling and login together; UPLINK_QUIET_MS of
 *            silence while something is expected, then a PING, then the end.
 * Limits     UPLINK_QUEUE_MAX octets unsent; channels stay below it by their windows.
 * Reentry    callbacks come from the loop only; `ended` exactly once, also after
 *            uplink_close() (cause LINK_CANCELED), and nothing after it.
 */
#ifndef LINK_UPLINK_H
#define LINK_UPLINK_H

#include "link/link_joined.h"
#include "link/login.h"
#include "net/dial.h"

#define UPLINK_LOGIN_MS     15000u
#define UPLINK_KEEPALIVE_MS 30000u
#define UPLINK_QUIET_MS     5000u
#define UPLINK_QUEUE_MAX    (32u * 1024 * 1024)

struct uplink;

struct uplink_ops {
    void (*ready)(void *user);
    void (*frame)(void *user, const struct envelope *f); // never CHALLENGE or PING
    void (*ended)(void *user, enum link_cause cause, const char *sentence);
    void (*drained)(void *user); // the queue is empty; may be NULL
};

/* The TLS context for an address that needs one; made at the first such address, because
 * the system's authorities are a megabyte that a ws:// link need not carry. */
struct tls_client *uplink_tls(const char *url, const char *ca_file,
                              struct tls_client **made);

/* An address with the path /fh1 is a host's own door: READY as soon as it is open. */
bool uplink_is_door(const char *url);

struct uplink *uplink_open(struct loop *loop, const char *url, struct tls_client *tls,
                           struct login *login, const struct uplink_ops *ops,
                           void *user);
void uplink_close(struct uplink *l); // idempotent; NULL is fine

/* A whole frame, or head and body apart. ERR_CLOSED before READY and after the end. */
NODISCARD enum err uplink_send(struct uplink *l, struct bytes frame);
NODISCARD enum err uplink_send_body(struct uplink *l, enum envelope_type type,
                                    uint32_t chan, struct bytes body);

/* What a relay's ERR means to us; the sentence is static. */
enum link_cause uplink_refusal(uint16_t code, const char **sentence);
uint64_t uplink_heard_ms(
    const struct uplink *l); // loop time of the last octet; 0: never

/* Is the relay still there? Unless it was heard within UPLINK_QUIET_MS a PING asks it
 * now, and nothing for as long again ends the leg. uplink_expect(): the same, but it
 * has UPLINK_QUIET_MS for what we wait for (an answer to ACL or NAMEPLATE). */
void uplink_probe(struct uplink *l);
void uplink_expect(struct uplink *l);

#endif
