/*
 * controller: one peer of the hub.
 *
 * Ownership  created by hub_attach(), freed after hub_detach() when no call of the
 *            hub is on the stack. A dead or closing controller is skipped everywhere.
 * Limits     CONTROLLER_MALFORMED texts that are no JSON-RPC, then it is closed.
 */
#ifndef HOST_CONTROLLER_H
#define HOST_CONTROLLER_H

#include "host/hub_core.h"

#define CONTROLLER_MALFORMED 16

struct controller {
    struct list node;
    struct hub *hub;
    struct controller_info info;
    struct controller_ops ops;
    void *user;
    uint64_t seq; // of the text that is being routed; 0: it has none
    bool initialized;
    bool experimental;
    bool stock_tui;               // a local program that says so: keeps dynamicTools
    bool closing;                 // the transport was told to close
    bool dead;                    // hub_detach() was called
    uint64_t muted[NOTICE_WORDS]; // optOutNotificationMethods, by row of the table
    struct list subscriptions;    // struct subscription
    struct list handles;          // struct handle
    unsigned n_handles;
    unsigned n_waiting; // of its calls, for HUB_WAITING_EACH
    unsigned n_in_flight;
    unsigned n_malformed;
};

static inline bool controller_is_live(const struct controller *c)
{
    return !c->dead && !c->closing;
}

/* May take part in what needs `role`, right now. */
static inline bool controller_has(const struct controller *c, enum role role)
{
    return controller_is_live(c) && c->initialized && c->info.role >= role;
}

/* What concerns no thread is for operators of all of them. */
static inline bool controller_hears_all(const struct controller *c)
{
    return controller_has(c, ROLE_OPERATOR) && c->info.scope[0] == '\0';
}

static inline bool controller_hears(const struct controller *c, const struct notice *n)
{
    return controller_is_live(c) && c->initialized &&
           (n == NULL || (c->muted[n->row / 64] >> (n->row % 64) & 1) == 0);
}

/* Has its invitation ended? Asked at dispatch and at the moment of effect: a timer that
 * is late must give nobody a minute more. */
bool controller_is_over(const struct controller *c);

/* May it know of this thread at all? Its id decides, known to the hub or not. */
bool controller_may_see(const struct controller *c, struct bytes thread_id);

void controller_send(struct controller *c, struct blob *text); // NULL: closes it
void controller_send_delta(struct controller *c, struct blob *text,
                           const struct delta *at);
void controller_send_json(struct controller *c, json_t *value /* take */);
void controller_result(struct controller *c, struct bytes id,
                       json_t *result /* take */);
void controller_error(struct controller *c, struct bytes id, int code,
                      const char *message);
void controller_close(struct controller *c, uint16_t ws_code, const char *reason);

/* Answers `initialize` and sends what every newcomer gets at once. */
void controller_initialize(struct controller *c, struct bytes id, const json_t *params);

/* {"kind":"device","name":…,"person":…,"clientId":…} of whoever decided. */
json_t *controller_who(const struct controller_info *info);

/* "Ada (Pixel 9)", or the name alone. */
void controller_who_text(const char *person, const char *name, char out[HUB_WHO_SIZE]);

void controller_bury(struct controller *c); // frees

#endif
