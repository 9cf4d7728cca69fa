/*
 * link_joined: what a controller keeps about a host it has joined, and the causes for
 * which a link to it fails.
 *
 * Ownership  a plain value; link_joined_wipe() clears the secrets in it.
 */
#ifndef LINK_LINK_JOINED_H
#define LINK_LINK_JOINED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define LINK_JOINED_URLS      8u
#define LINK_JOINED_GRANT_MAX 1024u

struct link_joined {
    uint8_t host_id[16];
    uint8_t mailbox_id[16];
    uint8_t host_key[32];    // H, pinned
    uint8_t device_seed[32]; // D
    uint8_t relay_seed[32];  // Dr
    uint8_t pair_root[32];
    char name[65];   // the host's, sanitized
    char device[65]; // ours, as the host shows it
    char urls[LINK_JOINED_URLS][256];
    size_t n_urls;
    uint8_t grant[LINK_JOINED_GRANT_MAX];
    size_t grant_len;
    bool revoked; // the host said so, inside the session: it cannot come back
};

void link_joined_wipe(struct link_joined *j);

/* What went wrong, for programs; the sentence beside it is for people. */
#define LINK_CAUSE_LIST(X)                 \
    X(LINK_OK, "ok")                       \
    X(LINK_BAD_CODE, "bad-code")           \
    X(LINK_SPENT, "code-spent")            \
    X(LINK_EXPIRED, "expired")             \
    X(LINK_DECLINED, "declined")           \
    X(LINK_FORBIDDEN, "forbidden")         \
    X(LINK_REVOKED, "revoked")             \
    X(LINK_UNTRUSTED, "untrusted-host")    \
    X(LINK_RELAY_DOWN, "relay-down")       \
    X(LINK_RELAY_REFUSED, "relay-refused") \
    X(LINK_HOST_OFFLINE, "host-offline")   \
    X(LINK_REPLACED, "replaced")           \
    X(LINK_LOST, "connection-lost")        \
    X(LINK_TIMEOUT, "timeout")             \
    X(LINK_TOO_MANY, "too-many")           \
    X(LINK_BROKEN, "protocol-error")       \
    X(LINK_CANCELED, "cancelled")

#define LINK_CAUSE_ENUM(name, text) name,
enum link_cause { LINK_CAUSE_LIST(LINK_CAUSE_ENUM) };
#undef LINK_CAUSE_ENUM

const char *link_cause_name(enum link_cause cause); // static

#endif
