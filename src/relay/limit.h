/*
 * limit: every number of the relay, each with the attack or the fault it stops.
 *
 * Source     docs/protocol.md sections 4, 5.0 and 8.
 * Units      octets, milliseconds, counts.
 */
#ifndef RELAY_LIMIT_H
#define RELAY_LIMIT_H

/* ---- one frame ----------------------------------------------------------- */

/* The largest frame is ENVELOPE_MAX, a record and its overhead. */

/* A stranger makes us hold a frame before we know who it is: AUTH with the longest
 * invite is 262 octets, so nothing longer is read before admission. */
#define RELAY_PREAUTH_FRAME_MAX 512
#define RELAY_PREAUTH_FRAMES    4 // a stranger keeps us busy with PING

/* ---- waiting ------------------------------------------------------------- */

#define RELAY_HANDSHAKE_MS 10000  // slow loris: connects and never says who it is
#define RELAY_FIRST_ACL_MS 10000  // a host that never says whom it admits
#define RELAY_PING_MS      60000  // half-open connections fill the table
#define RELAY_LOOK_MS      1000   // how often readers that are behind are looked at
#define RELAY_STALL_MS     60000  // a reader that never reads holds our memory
#define RELAY_CLOCK_MS     120000 // an AUTH recorded elsewhere is used later

/* ---- flow: the window of a channel is ENVELOPE_WINDOW ---------------------- */

#define RELAY_GRANT_STEP (64 * 1024) // a CREDIT for every message doubles the frames

/* Control frames (PING, CREDIT, OPEN) pile up behind a reader that never reads. */
#define RELAY_LEG_MAX (256 * 1024)

/* A leg with more than this unsent is left to catch up: its channels queue. Half of
 * the maximum, because that is what a stream tells us to have drained. */
#define RELAY_LEG_HIGH (RELAY_LEG_MAX / 2)

/* ---- mailboxes ----------------------------------------------------------- */

#define RELAY_ACL_MAX             256 // a host makes us remember a nation of devices
#define RELAY_CHANNELS_MAX        256 // a host's devices open channels without end
#define RELAY_CHANNELS_PER_DEVICE 4   // one device uses up the host's channels
#define RELAY_MAILBOX_MEMORY_MAX  (8 * 1024 * 1024) // one host's stalled readers
#define RELAY_MAILBOXES_MAX       65536 // registration without end on an open relay
#define RELAY_MEMORY_MAX          (256 * 1024 * 1024) // the whole relay's queues
#define RELAY_LEGS_MAX            131072              // sockets without end

/* ---- pairing ------------------------------------------------------------- */

#define RELAY_BOX_MESSAGES 16   // a box used as a free tunnel
#define RELAY_BOX_MESSAGE  4096 // likewise
#define RELAY_BOX_MS       600000
#define RELAY_BOX_GRACE_MS 60000 // how long "expired" is told apart from "unknown"
#define RELAY_BOX_CHANNELS 4     // a stranger who saw the code crowds the phone out
#define RELAY_BOX_CLAIMS   32    // likewise, one after the other
#define RELAY_BOXES_MAX    8     // boxes of one host, with and without digits
#define RELAY_PLATES_MAX   3     // one host uses up the short codes
#define RELAY_OFFER_MAX    128   // an offer is 36 octets
#define RELAY_BUSY_PERCENT 50    // above this share of codes in use, one more digit

/* ---- addresses ----------------------------------------------------------- */

/* Loopback is this machine's own user or its reverse proxy; the first three do not
 * apply to it, or one visitor behind the proxy would lock out all. */
#define RELAY_ADDR_LEGS     256   // one address takes every socket
#define RELAY_ADDR_UPGRADES 120   // a minute: handshakes cost a signature check
#define RELAY_ADDR_REFUSALS 60    // a minute: trying keys, tickets, invites
#define RELAY_ADDR_CLAIMS   10    // a minute: guessing nameplates, all addresses
#define RELAY_ADDRS_MAX     65536 // an IPv6 prefix for every connection
#define RELAY_RATE_MS       60000

/* ---- configuration ------------------------------------------------------- */

#define RELAY_PROXIES_MAX 8
#define RELAY_URLS_MAX    8   // each costs a stranger's AUTH one signature check
#define RELAY_URL_MAX     255 // what fits the QR blob
#define RELAY_INVITE_MAX  128
#define RELAY_ADMIT_MAX   4096 // lines of an invite or allow file

#endif
