/*
 * thread: who listens to a thread of the agent, and what they would have missed.
 *
 * Shape      one upstream subscription serves all; each thread keeps its subscribers
 *            and an accumulator (item.h): open items with their text so far. A late
 *            joiner gets, in one step, the answer of its thread/resume, what closed
 *            while that was under way, every open item with one delta, the requests
 *            that wait, and then what is live.
 * Limits     HUB_THREADS_MAX threads; further ones are not listened to until an idle
 *            one without listeners goes. SUBSCRIPTIONS_EACH of one controller.
 */
#ifndef HOST_THREAD_H
#define HOST_THREAD_H

#include "host/controller.h"

#define THREAD_ID_MAX      128
#define SUBSCRIPTIONS_EACH 512
#define THREAD_CLOSED_MAX  64 // item/completed kept while somebody joins

struct subscription {
    struct list by_thread;
    struct list by_controller;
    struct thread *thread;
    struct controller *controller;
};

struct thread {
    struct map_node node;
    struct hub *hub;
    char id[THREAD_ID_MAX + 1];
    bool hidden; // ephemeral, or a title job: for its starter alone
    bool live;   // our upstream connection hears it
    bool asking; // a thread/resume of our own is under way
    bool active;
    bool partial;        // we came in the middle of its turn
    bool policy_is_fine; // the agent told that it runs under our profile
    bool sandbox_is_fine;
    bool weak_turn; // the active one began past us, under another policy than ours
    enum role
        turn_role;   // the least of those whose words the turn follows; NONE: unknown
    bool was_shared; // more than one was told to be here
    char *folder;    // where it works, as the agent told it; NULL: not known
    struct controller *starter;       // NULL: not one of ours, or it has left
    struct controller *registrar;     // of dynamicTools
    struct controller *replay_to;     // whom the resume under way is for
    char turn[THREAD_ID_MAX + 1];     // the active one, as far as we know
    char our_turn[THREAD_ID_MAX + 1]; // the last one that a call of ours was about
    struct list subscriptions;
    struct list items;    // open
    struct list requests; // pending
    struct list closed;   // while n_joining > 0
    unsigned n_items;
    unsigned n_closed;
    unsigned n_joining;
    uint64_t closed_serial;
    size_t item_octets; // what one of its items weighed last; 0: not known
};

struct thread *thread_find(const struct hub *hub, struct bytes id);
struct thread *thread_get(struct hub *hub, struct bytes id); // NULL: no room
void thread_free(struct thread *t);

/* Where it works from now on. Absolute, or it is not learned. */
void thread_learn_folder(struct thread *t, const char *path);

bool thread_is_seen_by(const struct thread *t, const struct controller *c);

/* False: a limit was reached, or it may not see it. Already subscribed is fine. */
NODISCARD bool thread_subscribe(struct thread *t, struct controller *c);
bool thread_unsubscribe(struct thread *t, struct controller *c); // was it?
struct subscription *thread_subscription(const struct thread *t,
                                         const struct controller *c);

/* The text to all subscribers who want it; one copy for all. */
void thread_deliver(struct thread *t, const struct notice *n, struct bytes text);
/* The same of a delta, whose text is `inside` of it: where it stands is found once. */
void thread_deliver_delta(struct thread *t, const struct notice *n, struct bytes text,
                          struct bytes inside);
void thread_deliver_json(struct thread *t, const char *method,
                         json_t *params /* take */);

/* A thread/resume is under way / has ended; see item.h for what happens between. */
uint64_t thread_join_begin(struct thread *t);
void thread_join_end(struct thread *t);

/* What a newcomer would have missed, after the answer of its thread/resume. */
void thread_snapshot(struct thread *t, struct controller *c, uint64_t joined_at);

void thread_turn_started(struct thread *t, struct bytes turn);
/* Closes items and requests that the agent left open; call before delivering. */
void thread_turn_completed(struct thread *t, struct bytes turn, bool orderly);
/* Somebody gives it words to work on: what the rules may ask of whoever started it. */
void thread_hears_words(struct thread *t, enum role role);
void thread_set_active(struct thread *t, bool active);
/* A raw status of the agent: does it wait for anybody at all? */
void thread_learn_waiting(struct thread *t, struct bytes status);

/* Makes our upstream connection hear it, or stop: only when idle and nobody is left. */
void thread_listen(struct thread *t);
void thread_maybe_leave(struct thread *t);

/* A call of ours may load it: what the engine is to take from its profile. */
void thread_put_profile(const struct hub *hub, const char *thread_id, json_t *params);

void thread_agent_died(struct thread *t); // tells, and may free it
void threads_forget(struct controller *c);

#endif
