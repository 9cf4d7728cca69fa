#include "host/ballot.h"

#include "test.h"

static struct ballot_vote vote(unsigned device, const char *person,
                               enum approval_decision d)
{
    struct ballot_vote v = {.decision = d, .at_ms = 1};
    memset(v.device, (int)device, sizeof(v.device));
    memcpy(v.person, person, strlen(person) + 1);
    return v;
}

TEST(one_decision_is_enough_without_a_quorum)
{
    struct ballot b;
    ballot_init(&b, 1, 0);
    const struct ballot_vote a = vote(1, "", APPROVAL_ACCEPT);
    EQ_INT(ballot_check(&b, &a, UINT64_MAX), OK); // it never expires
    TRUE(ballot_decides(&b, &a));
    ballot_vote(&b, &a);
    EQ_INT(b.m.state, BALLOT_DECIDED);
    EQ_INT(b.outcome, APPROVAL_ACCEPT);
    EQ_INT(ballot_check(&b, &a, 2), ERR_CLOSED);
}

TEST(a_quorum_wants_other_people_on_other_devices)
{
    static const struct {
        const char *name;
        unsigned device;
        const char *person;
        bool local;
        enum err want;
    } cases[] = {
        {"the same device and person", 1, "ada", false, ERR_EXISTS},
        {"another device of the same person", 2, "ada", false, ERR_EXISTS},
        {"the same device, renamed", 1, "bob", false, ERR_EXISTS},
        {"a local program", 0, "", true, ERR_DENIED},
        {"somebody else", 2, "bob", false, OK},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ballot b;
        CASE(cases[i].name);
        ballot_init(&b, 2, 0);
        const struct ballot_vote first = vote(1, "ada", APPROVAL_ACCEPT);
        EQ_INT(ballot_check(&b, &first, 1), OK);
        FALSE(ballot_decides(&b, &first));
        ballot_vote(&b, &first);
        EQ_INT(b.m.state, BALLOT_PENDING);
        struct ballot_vote v = vote(cases[i].device, cases[i].person, APPROVAL_ACCEPT);
        v.local = cases[i].local;
        EQ_INT(ballot_check(&b, &v, 1), cases[i].want);
        if (cases[i].want == OK) {
            ballot_vote(&b, &v);
            EQ_INT(b.m.state, BALLOT_DECIDED);
        }
    }
}

TEST(devices_without_a_person_are_one_person)
{
    struct ballot b;
    ballot_init(&b, 2, 0);
    const struct ballot_vote first = vote(1, "", APPROVAL_ACCEPT);
    const struct ballot_vote second = vote(2, "", APPROVAL_ACCEPT);
    ballot_vote(&b, &first);
    EQ_INT(ballot_check(&b, &second, 1), ERR_EXISTS);
}

TEST(a_decline_ends_a_quorum_also_of_who_had_accepted)
{
    struct ballot b;
    ballot_init(&b, 3, 0);
    const struct ballot_vote yes = vote(1, "ada", APPROVAL_ACCEPT);
    const struct ballot_vote no = vote(1, "ada", APPROVAL_DECLINE);
    ballot_vote(&b, &yes);
    EQ_INT(ballot_check(&b, &no, 1), OK);
    ballot_vote(&b, &no);
    EQ_INT(b.m.state, BALLOT_DECIDED);
    EQ_INT(b.outcome, APPROVAL_DECLINE);
}

TEST(what_expires_is_declined_and_no_later_vote_counts)
{
    struct ballot b;
    ballot_init(&b, 1, 100);
    const struct ballot_vote yes = vote(1, "", APPROVAL_ACCEPT);
    FALSE(ballot_expire(&b, 99));
    EQ_INT(ballot_check(&b, &yes, 100), ERR_EXPIRED); // also before anybody noticed
    TRUE(ballot_expire(&b, 100));
    EQ_INT(b.outcome, APPROVAL_DECLINE);
    EQ_INT(ballot_check(&b, &yes, 50), ERR_EXPIRED); // a clock that went back
    ballot_delivered(&b);
    ballot_resolved(&b);
    TRUE(ballot_is_over(&b));
}

TEST(a_decline_stands_when_somebody_elses_accept_is_void)
{
    struct ballot b;
    ballot_init(&b, 2, 0);
    const struct ballot_vote yes = vote(1, "ada", APPROVAL_ACCEPT);
    const struct ballot_vote no = vote(2, "bob", APPROVAL_DECLINE);
    ballot_vote(&b, &yes);
    ballot_vote(&b, &no);
    TRUE(ballot_forget(&b, yes.device));
    EQ_INT(b.m.state, BALLOT_DECIDED);
    EQ_INT(b.outcome, APPROVAL_DECLINE);
    TRUE(ballot_forget(&b, no.device));
    EQ_INT(b.m.state, BALLOT_PENDING);
    EQ_INT(b.n_votes, 0);
}

/* ---- the model ---------------------------------------------------------------------- */

/* The world around one approval, small enough to be walked through whole. */
struct world {
    uint8_t state; // of the ballot in memory
    uint8_t outcome;
    uint8_t votes[2]; // 0 none, else a decision, of each device
    uint8_t order[2]; // whose vote came when
    uint8_t n_votes;
    uint8_t disk_state; // what a restart finds
    uint8_t disk_outcome;
    uint8_t disk_votes[2];
    uint8_t disk_n;
    uint8_t disk_order[2];
    bool revoked[2];
    bool demoted[2]; // below approver, or the thread is outside of its grant
    uint8_t casting; // a decision under way: 1 its line is on disk, 2 its row too
    uint8_t casts_who;
    uint8_t casts_what;
    bool late;       // the limit has passed
    bool agent_asks; // it waits for an answer
    bool agent_dead;
    uint8_t effects;  // answers that the agent took
    uint8_t effect;   // the first of them
    bool was_allowed; // … had enough live votes, and none against, when it was told
};

enum action {
    A_ACCEPTS,
    A_DECLINES,
    B_ACCEPTS,
    B_DECLINES,
    A_BEGINS, // verified and written into the log; CAST_ON is the next step of it
    CAST_ON,
    A_REVOKED,
    B_REVOKED,
    A_DEMOTED,
    B_DEMOTED,
    A_PROMOTED,
    RESTARTS,
    EXPIRES,
    DELIVERS,
    AGENT_RESOLVES,
    OUTSIDE_RESOLVES,
    AGENT_DIES,
    ACTIONS,
};

static unsigned quorum_of_model;

static struct ballot ballot_of(const struct world *w)
{
    static const char *const people[] = {"ada", "bob"};
    struct ballot b;
    ballot_init(&b, quorum_of_model, 100);
    for (size_t i = 0; i < w->n_votes; i++) {
        const unsigned who = w->order[i];
        const struct ballot_vote v =
            vote(who + 1, people[who], (enum approval_decision)w->votes[who]);
        EQ_INT(ballot_recall(&b, &v), OK);
    }
    EQ_INT(ballot_restore(&b, w->state, (enum approval_decision)w->outcome), OK);
    return b;
}

static void keep(struct world *w, const struct ballot *b)
{
    w->state = (uint8_t)b->m.state;
    w->outcome = (uint8_t)b->outcome;
    w->n_votes = 0;
    memset(w->votes, 0, sizeof(w->votes));
    memset(w->order, 0, sizeof(w->order));
    for (size_t i = 0; i < b->n_votes; i++) {
        const unsigned who = b->votes[i].device[0] - 1u;
        if (w->votes[who] == 0) {
            w->order[w->n_votes++] = (uint8_t)who;
        }
        w->votes[who] = (uint8_t)b->votes[i].decision;
    }
}

/* The one transaction: what is in memory is what a restart finds. */
static void commit(struct world *w)
{
    w->disk_state = w->state;
    w->disk_outcome = w->outcome;
    w->disk_n = w->n_votes;
    memcpy(w->disk_votes, w->votes, sizeof(w->votes));
    memcpy(w->disk_order, w->order, sizeof(w->order));
}

static bool may(const struct world *w, unsigned who)
{
    return !w->revoked[who] && !w->demoted[who];
}

static bool decide(struct world *w, unsigned who, enum approval_decision d)
{
    static const char *const people[] = {"ada", "bob"};
    struct ballot b = ballot_of(w);
    const struct ballot_vote v = vote(who + 1, people[who], d);
    if (!may(w, who) || ballot_check(&b, &v, w->late ? 100 : 1) != OK) {
        return false;
    }
    ballot_vote(&b, &v);
    keep(w, &b);
    commit(w);
    return true;
}

static bool is_allowed(const struct world *w, const struct ballot *b)
{
    unsigned yes = 0;
    unsigned no = 0;
    for (unsigned who = 0; who < 2; who++) {
        if (may(w, who)) {
            yes += w->votes[who] == APPROVAL_ACCEPT;
            no += w->votes[who] == APPROVAL_DECLINE;
        }
    }
    if (b->m.state == BALLOT_EXPIRED) {
        return w->late && b->outcome == APPROVAL_DECLINE;
    }
    return b->outcome == APPROVAL_ACCEPT ? yes >= quorum_of_model && no == 0 : no > 0;
}

static bool deliver(struct world *w)
{
    struct ballot b = ballot_of(w);
    if (!ballot_is_owed(&b) || w->agent_dead || !w->agent_asks) {
        return false;
    }
    w->was_allowed = is_allowed(w, &b);
    w->effect = (uint8_t)b.outcome;
    w->effects++;
    w->agent_asks = false; // its first answer is the one that counts
    ballot_delivered(&b);
    keep(w, &b); // not committed: a crash here delivers nothing twice, see restart()
    return true;
}

/* The agent repeats what it still asks; what it does not ask it has been told. */
static bool restart(struct world *w)
{
    w->state = w->disk_state;
    w->outcome = w->disk_outcome;
    w->n_votes = w->disk_n;
    memcpy(w->votes, w->disk_votes, sizeof(w->votes));
    memcpy(w->order, w->disk_order, sizeof(w->order));
    struct ballot b = ballot_of(w);
    if (!w->agent_asks && !ballot_is_over(&b)) {
        if (w->agent_dead && b.m.state != BALLOT_DELIVERED) {
            ballot_withdraw(&b);
        } else {
            ballot_resolved(&b);
        }
        keep(w, &b);
        commit(w);
    }
    return true;
}

static const uint8_t ids[2][ID_SIZE] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}};

static bool lose(struct world *w, unsigned who, bool *right)
{
    if (*right) {
        return false;
    }
    struct ballot b = ballot_of(w);
    *right = true;
    if (ballot_forget(&b, ids[who])) {
        keep(w, &b);
        commit(w);
    }
    return true;
}

/* ---- one decision in its steps: the line, the row, the right once more ---------------- */

static bool begin(struct world *w, unsigned who, enum approval_decision d)
{
    struct world after;
    memcpy(&after, w, sizeof(after));
    if (!decide(&after, who, d)) {
        return false;
    }
    w->casting = 1;
    w->casts_who = (uint8_t)who;
    w->casts_what = (uint8_t)d;
    return true;
}

static void end_cast(struct world *w)
{
    w->casting = 0;
    w->casts_who = 0;
    w->casts_what = 0;
}

static bool cast_on(struct world *w)
{
    struct world after;
    memcpy(&after, w, sizeof(after));
    after.revoked[w->casts_who] = false; // what came between is looked at in the end
    after.demoted[w->casts_who] = false;
    if (w->casting == 1) { // the transaction: on disk, not in memory yet
        TRUE(decide(&after, w->casts_who, (enum approval_decision)w->casts_what));
        w->disk_state = after.disk_state;
        w->disk_outcome = after.disk_outcome;
        w->disk_n = after.disk_n;
        memcpy(w->disk_votes, after.disk_votes, sizeof(w->disk_votes));
        memcpy(w->disk_order, after.disk_order, sizeof(w->disk_order));
        w->casting = 2;
        return true;
    }
    if (may(w, w->casts_who)) {
        TRUE(decide(w, w->casts_who, (enum approval_decision)w->casts_what));
    } else {
        commit(w); // approvals.forgot: the row is as it was
    }
    end_cast(w);
    return true;
}

/* What is in the log alone counts, what was decided by who lost the right does not. */
static bool crash(struct world *w)
{
    const uint8_t casting = w->casting;
    const unsigned who = w->casts_who;
    const enum approval_decision what = (enum approval_decision)w->casts_what;
    end_cast(w);
    w->state = w->disk_state;
    w->outcome = w->disk_outcome;
    w->n_votes = w->disk_n;
    memcpy(w->votes, w->disk_votes, sizeof(w->votes));
    memcpy(w->order, w->disk_order, sizeof(w->order));
    for (unsigned i = 0; i < 2; i++) {
        struct ballot b = ballot_of(w);
        if (!may(w, i) && ballot_forget(&b, ids[i])) {
            keep(w, &b);
            commit(w);
        }
    }
    if (casting == 1) {
        const bool late = w->late;
        w->late = false; // it was decided in time
        (void)decide(w, who, what);
        w->late = late;
    }
    return restart(w);
}

static bool end(struct world *w, bool dies)
{
    struct ballot b = ballot_of(w);
    if (w->agent_dead) {
        return false;
    }
    w->agent_dead = dies;
    w->agent_asks = false;
    if (ballot_is_over(&b)) {
        return dies;
    }
    if (dies && b.m.state != BALLOT_DELIVERED) {
        ballot_withdraw(&b);
    } else {
        ballot_resolved(&b);
    }
    keep(w, &b);
    commit(w);
    return true;
}

static bool act(struct world *w, enum action a)
{
    struct ballot b;
    if (w->casting != 0 && a != CAST_ON && a != A_REVOKED && a != B_REVOKED &&
        a != A_DEMOTED && a != B_DEMOTED && a != RESTARTS) {
        return false; // nothing of a decision waits: a test of the order, not of time
    }
    switch (a) {
    case A_BEGINS:
        return begin(w, 0, APPROVAL_ACCEPT);
    case CAST_ON:
        return w->casting != 0 && cast_on(w);
    case A_DEMOTED:
        return lose(w, 0, &w->demoted[0]);
    case B_DEMOTED:
        return lose(w, 1, &w->demoted[1]);
    case A_PROMOTED:
        w->demoted[0] = false;
        return true;
    case A_ACCEPTS:
        return decide(w, 0, APPROVAL_ACCEPT);
    case A_DECLINES:
        return decide(w, 0, APPROVAL_DECLINE);
    case B_ACCEPTS:
        return decide(w, 1, APPROVAL_ACCEPT);
    case B_DECLINES:
        return decide(w, 1, APPROVAL_DECLINE);
    case A_REVOKED:
        return lose(w, 0, &w->revoked[0]);
    case B_REVOKED:
        return lose(w, 1, &w->revoked[1]);
    case RESTARTS:
        return crash(w);
    case EXPIRES:
        w->late = true;
        b = ballot_of(w);
        if (ballot_expire(&b, 100)) {
            keep(w, &b);
            commit(w);
        }
        return true;
    case DELIVERS:
        return deliver(w);
    case AGENT_RESOLVES: // having taken our answer
        return w->effects > 0 && end(w, false);
    case OUTSIDE_RESOLVES: // somebody else answered it
        return w->agent_asks && end(w, false);
    case AGENT_DIES:
        return end(w, true);
    case ACTIONS:
        return false;
    }
    return false;
}

static void check(const struct world *w)
{
    TRUE(w->effects <= 1);
    TRUE(w->effects == 0 || w->was_allowed);
    const struct ballot b = ballot_of(w);
    if (b.m.state == BALLOT_DECIDED && b.outcome == APPROVAL_ACCEPT) {
        TRUE(is_allowed(w, &b)); // nobody revoked stands behind what may still act
    }
    if (w->agent_dead || !w->agent_asks) {
        TRUE(b.m.state != BALLOT_PENDING); // nobody is asked what nobody awaits
    }
    // what acted was on disk as decided before it did
    TRUE(w->effects == 0 || w->disk_state != BALLOT_PENDING);
}

enum { SEEN_MAX = 1 << 20, SLOTS = 1 << 21 };
static struct world seen[SEEN_MAX];
static uint32_t slots[SLOTS]; // index into seen, and one; 0: free
static size_t n_seen;

static bool is_new(const struct world *w)
{
    const uint8_t *octets = (const uint8_t *)w;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < sizeof(*w); i++) {
        hash = (hash ^ octets[i]) * 16777619u;
    }
    size_t at = hash % SLOTS;
    for (; slots[at] != 0; at = (at + 1) % SLOTS) {
        if (memcmp(&seen[slots[at] - 1], w, sizeof(*w)) == 0) {
            return false;
        }
    }
    TRUE(n_seen < SEEN_MAX);
    memcpy(&seen[n_seen++], w, sizeof(*w)); // the padding too
    slots[at] = (uint32_t)n_seen;
    return true;
}

static size_t explore(unsigned quorum)
{
    static struct world w;
    memset(&w, 0, sizeof(w));
    w.agent_asks = true;
    quorum_of_model = quorum;
    n_seen = 0;
    memset(slots, 0, sizeof(slots));
    TRUE(is_new(&w));
    for (size_t at = 0; at < n_seen; at++) { // breadth first: all that can be reached
        for (enum action a = A_ACCEPTS; a < ACTIONS; a++) {
            static struct world next;
            memcpy(&next, &seen[at], sizeof(next));
            if (act(&next, a)) {
                check(&next);
                (void)is_new(&next);
            }
        }
    }
    return n_seen;
}

TEST(every_interleaving_of_a_single_decision_is_sound)
{
    TRUE(explore(1) > 1000);
}

TEST(every_interleaving_of_a_quorum_of_two_is_sound)
{
    TRUE(explore(2) > 1000);
}

RUN_TESTS(T(one_decision_is_enough_without_a_quorum),
          T(a_quorum_wants_other_people_on_other_devices),
          T(devices_without_a_person_are_one_person),
          T(a_decline_ends_a_quorum_also_of_who_had_accepted),
          T(what_expires_is_declined_and_no_later_vote_counts),
          T(a_decline_stands_when_somebody_elses_accept_is_void),
          T(every_interleaving_of_a_single_decision_is_sound),
          T(every_interleaving_of_a_quorum_of_two_is_sound))
