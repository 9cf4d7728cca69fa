/*
 * request_core: what the files of a server request share: request.c (coming and
 * going), request_make.c (its bytes and its row), request_row.c (how it is listed),
 * decide.c (who decides).
 */
#ifndef HOST_REQUEST_CORE_H
#define HOST_REQUEST_CORE_H

#include "host/ballot.h"
#include "host/decision.h"
#include "host/request.h"
#include "store/approval.h"

struct request {
    struct map_node node; // by our id
    struct list in_thread;
    struct thread *thread;
    const struct request_kind *kind;
    char id[REQUEST_ID_SIZE];
    char upstream_id[24]; // raw: an integer
    char turn[THREAD_ID_MAX + 1];
    json_t *params;    // as the agent sent them
    struct blob *text; // as controllers see it; NULL: not made
    bool asked;        // false: of before a restart, the agent has not repeated it yet

    bool approval; // what follows is only of these: kinds 1 to 5 of protocol.md 7
    uint8_t raw_id[REQUEST_ID_OCTETS];
    char instance[48]; // of the agent
    uint8_t digest[HASH_SHA256];
    uint8_t rd[APPROVAL_RD];
    struct blob *request;
    struct blob *material;
    uint64_t created_ms;
    struct ballot ballot;
    struct hub_ruling ruling; // of the host's own rules, when it was made
    json_t *paths;            // of a change to files, where a rule may name them
    struct blob *result;      // JSON for the agent, once decided
    char by[HUB_WHO_SIZE];
};

/* ---- request_make.c ------------------------------------------------------------- */

/* ERR_LIMIT: nobody could be shown the whole. Takes a reference to `params`. */
NODISCARD enum err request_make(struct thread *t, const struct request_kind *kind,
                                struct bytes upstream_id, json_t *params,
                                struct request **out);
void request_free(struct request *r);
/* The text that controllers get, from the log's head of now. */
void request_write_text(struct request *r);
/* The params that controllers get: a new object; NULL: out of memory. */
json_t *request_shown(const struct request *r);
/* For how long its accept was meant; what was not offered is once. */
void request_give(struct request *r, enum approval_scope scope,
                  const struct controller_info *who);
/* Is it the same question once more? */
bool request_is(const struct request *r, struct bytes upstream_id,
                const json_t *params);
struct store_approval request_row(const struct request *r);
/* The diff that its item lost with the last host. */
void request_give_item(struct request *r);

/* ---- request.c -------------------------------------------------------------------- */

bool request_waits(const struct request *r); // for a person, now
bool request_may_answer(const struct request *r, const struct controller *c);
void request_notify(const struct request *r, enum hub_event_kind kind,
                    const struct controller_info *by, const char *detail);
/* For whoever decides too late. */
void request_remember(struct hub *hub, const char *id, const char *by,
                      const char *decision);
/* To everyone who listens: `who` is taken. */
void request_tell_resolved(struct request *r, json_t *who, const char *decision);
NODISCARD enum err request_answer_agent(struct hub *hub, struct bytes id,
                                        struct bytes result);
void request_ask_again(struct request *r); // what decided it is void
json_t *request_nobody(const char *kind, const char *name);
void request_fail_tool(struct hub *hub, struct bytes id);

/* ---- request_row.c ------------------------------------------------------------------ */

/* farhand/approval/changed to all who may see the thread. */
void request_tell_changed(const struct request *r);

/* ---- decide.c ------------------------------------------------------------------------ */

/* To the agent, when it asks and something is owed. */
void request_deliver(struct request *r);
/* Its state has changed: stored without waiting, and told. */
void request_store(const struct request *r);

#endif
