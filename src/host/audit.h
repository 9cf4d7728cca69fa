/*
 * audit: what the host writes into its log, one function for each kind of record.
 *
 * Source     docs/protocol.md section 7.1: the types and their payloads.
 * Shape      plain values in, one record out; store/audit.h keeps the chain.
 * Ownership  everything is borrowed for the call.
 * Errors     functions that are NODISCARD record what is about to happen: on anything
 *            but OK it MUST NOT happen. The others record what has happened already;
 *            what they cannot write is said by audit_trouble(), and nothing new is
 *            begun until the log takes records again (audit_may_act).
 * Time       read from the wall clock here.
 * Limits     texts of others are cut: AUDIT_TEXT_MAX.
 * Tests      tests/unit/audit_record_test.c, tests/functional/audit.test.ts
 */
#ifndef HOST_AUDIT_H
#define HOST_AUDIT_H

#include "host/device.h"
#include "host/hub.h"
#include "host/keys.h"
#include "store/audit.h"

#define AUDIT_TEXT_MAX 2048 // of a command or a sentence; the digest has the whole

/* ---- the host itself ---------------------------------------------------------- */

/* The first record of every run; then what had to be repaired, if anything. */
NODISCARD enum err audit_start(struct audit *a, const struct keys *keys,
                               const char *version);

/* Can the log take a record? Tries, when the last one failed. */
bool audit_may_act(struct audit *a);

/* ---- devices (`by` NULL: the host) --------------------------------------------- */

/* On disk when it returns: before the device is enrolled. */
NODISCARD enum err audit_pair(struct audit *a, const struct store_device *row,
                              const char *how, const struct controller_info *by);
NODISCARD enum err audit_grant(struct audit *a, const struct device *device,
                               struct bytes grant);

struct audit_changes { // NULL: stays
    const char *name, *role, *threads, *person, *until;
};
NODISCARD enum err audit_change(struct audit *a, const struct store_device *before,
                                const struct audit_changes *news,
                                const struct controller_info *by);
void audit_over(struct audit *a, const struct store_device *row); // its invitation
void audit_revoke(struct audit *a, const struct store_device *row, const char *why,
                  const struct controller_info *by);

/* A setting of the host that decides who may do what. */
NODISCARD enum err audit_policy(struct audit *a, const char *what, const char *value,
                                const struct controller_info *by);

/* ---- requests and decisions ------------------------------------------------------ */

struct audit_request {
    const char *request_id;
    const char *method;
    const char *thread_id;
    const char *turn_id;  // NULL: none
    const char *item_id;  // NULL: none
    struct bytes request; // protocol.md 7, canonical octets; empty: has none
};
NODISCARD enum err audit_request(struct audit *a, const struct audit_request *r);

struct audit_decision {
    const char *request_id;
    const char *thread_id;
    const char *decision;             // "accept" …
    const struct controller_info *by; // NULL: the host, for instance at an expiry
    const char *via;                  // "tui", or NULL: from the device itself
    const char *reason;               // a person's word with it; NULL: none
    struct bytes a;                   // protocol.md 7; empty: unsigned
    struct bytes sig;                 // of the device over `a`
    struct bytes result;              // JSON of an answer; its digest is recorded
    bool final;                       // false: one of several that are needed
};
/* On disk when it returns. */
NODISCARD enum err audit_decision(struct audit *a, const struct audit_decision *d,
                                  uint64_t *idx);

/* A decision whose row the disk refused, after its line was written: it does not count.
 * On disk when it returns; anything but OK: it counts, from the next start on. */
NODISCARD enum err audit_take_back(struct audit *a, const struct audit_decision *d,
                                   uint64_t idx);
/* At the start: a decision that only the log had. `why` NULL: it counts. */
void audit_replayed(struct audit *a, const char *request_id, uint64_t idx,
                    const char *why);

/* The host's own rules decide: on disk when it returns. */
struct audit_ruling {
    const char *method;
    const char *thread_id;
    const char *item_id;  // NULL: none
    const char *decision; // "accept", "decline"
    const char *rule;     // file and line; "": the profile
    const char *profile;
    const char *because;
    const char *command; // NULL: none
};
NODISCARD enum err audit_ruling(struct audit *a, const struct audit_ruling *r);

void audit_outside(struct audit *a, const char *request_id, const char *thread_id);
void audit_withdrawn(struct audit *a, const char *request_id, const char *thread_id,
                     const char *why);

/* ---- work ------------------------------------------------------------------------- */

struct audit_turn {
    const char *state; // "started", "steered", "interrupted", "completed"
    const char *thread_id;
    const char *turn_id;              // NULL: not known
    const char *status;               // NULL, or what came of it
    const struct controller_info *by; // NULL: outside Farhand
    bool ended;                       // by the agent: nobody did it
};
void audit_turn(struct audit *a, const struct audit_turn *t);

struct audit_effect {
    const char *kind; // "commandExecution" …, or the method of a call
    const char *thread_id;
    const char *turn_id;
    const char *item_id;
    const char *request_id; // the decision that allowed it; NULL: ran unasked
    const char *status;
    const char *subject;              // of a call: its command or path; NULL: none
    struct bytes command;             // as the agent gave it, JSON string; empty: none
    struct bytes result;              // its digest is recorded
    const struct controller_info *by; // of a call; NULL: the agent did it
};
void audit_effect(struct audit *a, const struct audit_effect *e);

void audit_refusal(struct audit *a, const char *method, const char *thread_id,
                   const char *reason, const struct controller_info *by);
void audit_clamp(struct audit *a, const char *method, const char *thread_id,
                 const char *fields, const struct controller_info *by);

#endif
