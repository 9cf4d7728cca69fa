/*
 * leg: one connection to a relay, from dialling to the end.
 *
 *     DIALING --> CHALLENGED --> READY --> ENDED
 *        |            |            |         ^
 *        +------------+------------+---------+   error, refusal or leg_close()
 *
 * Source     docs/protocol.md sections 5.0 and 8.
 * Shape      frames in, frames out. A leg logs in with a `struct login`; a stranger's
 *            (pairing: login NULL) is READY when the challenge came.
 * Ownership  leg_open() gives; the leg frees itself after `ended`. `login` and `tls` are
 *            kept. Frames are borrowed for the call.
 * Errors     `ended` has a cause and a sentence.
 * Time       LINK_KEEPALIVE_MS between pings when nothing else is heard; LEG_LOGIN_MS
 *            for dialling and login together.
 * Limits     LEG_QUEUE_MAX octets unsent; channels stay below it by their windows.
 * Reentry    callbacks come from the loop only; `ended` exactly once, also after
 *            leg_close() (cause LINK_CANCELED), and nothing after it.
 */
#ifndef LINK_LEG_H
#define LINK_LEG_H

#include "link/link_joined.h"
#include "link/login.h"
#include "net/dial.h"

#define LEG_LOGIN_MS     15000u
#define LEG_KEEPALIVE_MS 30000u
#define LEG_QUEUE_MAX    (32u * 1024 * 1024)

struct leg;

struct leg_ops {
    void (*ready)(void *user);
    void (*frame)(void *user, const struct envelope *f); // never CHALLENGE or PING
    void (*ended)(void *user, enum link_cause cause, const char *sentence);
    void (*drained)(void *user); // the queue is empty; may be NULL
};

struct leg *leg_open(struct loop *loop, const char *url, struct tls_client *tls,
                     struct login *login, const struct leg_ops *ops, void *user);
void leg_close(struct leg *l); // idempotent; NULL is fine

/* A whole frame, or head and body apart. ERR_CLOSED before READY and after the end. */
NODISCARD enum err leg_send(struct leg *l, struct bytes frame);
NODISCARD enum err leg_send_body(struct leg *l, enum envelope_type type, uint32_t chan,
                                 struct bytes body);
size_t leg_queued(const struct leg *l);

/* What a relay's ERR means to us; the sentence is static. */
enum link_cause leg_refusal(uint16_t code, const char **sentence);
uint64_t leg_heard_ms(const struct leg *l); // loop time of the last octet; 0: never

#endif
