#include "store/approval.h"

#include <stdlib.h>
#include <unistd.h>

#include "test.h"

enum { PENDING = 0, DECIDED = 1, RESOLVED = 3 };

struct place {
    char dir[64];
    char path[96];
    struct store *s;
};

static void place_open(struct place *p)
{
    memcpy(p->dir, "/tmp/fh-approval-XXXXXX", 24);
    TRUE(mkdtemp(p->dir) != NULL);
    EQ_INT(text_format(p->path, sizeof(p->path), "%s/state.db", p->dir), OK);
    EQ_INT(store_open(p->path, &p->s, NULL), OK);
}

static void place_again(struct place *p) // as after a restart
{
    store_close(p->s);
    EQ_INT(store_open(p->path, &p->s, NULL), OK);
}

static void place_close(struct place *p)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    store_close(p->s);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char path[128];
        EQ_INT(text_format(path, sizeof(path), "%s%s", p->path, suffixes[i]), OK);
        (void)unlink(path);
    }
    EQ_INT(rmdir(p->dir), 0);
}

static struct store_approval row_of(uint8_t n)
{
    struct store_approval v = {
        .instance = "agent-1",
        .upstream_id = "7",
        .method = "item/commandExecution/requestApproval",
        .thread = "t1",
        .params = BYTES_LIT("{\"command\":\"ls\"}"),
        .request = BYTES_LIT("bytes"),
        .material = BYTES_LIT("{}"),
        .by = "",
        .changed_ms = n,
    };
    memset(v.id, n, sizeof(v.id));
    memset(v.digest, 9, sizeof(v.digest));
    return v;
}

struct seen {
    size_t n;
    size_t n_votes;
    unsigned state;
    bool has_texts;
    char by[32];
    struct bytes result;
    char decision;
};

static void see(void *user, const struct store_approval *v)
{
    struct seen *s = user;
    s->n++;
    s->state = v->state;
    s->has_texts = v->params.len != 0;
    EQ_INT(text_format(s->by, sizeof(s->by), "%s", v->by), OK);
}

static void see_vote(void *user, const struct store_vote *v)
{
    struct seen *s = user;
    s->n_votes++;
    EQ_STR(v->name, "Ada");
    EQ_BYTES(v->a, BYTES_LIT("signed"));
    EQ_U64(v->audit_idx, 41);
}

static struct seen look(struct place *p, uint8_t n)
{
    struct seen s = {.n = 0};
    uint8_t id[16];
    memset(id, n, sizeof(id));
    EQ_INT(store_approval_each(p->s, see, &s), OK);
    EQ_INT(store_vote_each(p->s, id, see_vote, &s), OK);
    return s;
}

static struct store_vote vote_of(uint8_t n, uint8_t device)
{
    struct store_vote v = {.person = "ada",
                           .name = "Ada",
                           .decision = 1,
                           .a = BYTES_LIT("signed"),
                           .sig = BYTES_LIT("sig"),
                           .audit_idx = 41};
    memset(v.request, n, sizeof(v.request));
    memset(v.device, device, sizeof(v.device));
    return v;
}

TEST(a_request_and_its_votes_are_there_after_a_restart)
{
    struct place p;
    place_open(&p);
    struct store_approval row = row_of(1);
    EQ_INT(store_approval_put(p.s, &row), OK);
    place_again(&p);
    EQ_INT(look(&p, 1).state, PENDING);
    const struct store_vote vote = vote_of(1, 5);
    row.state = DECIDED;
    row.by = "Ada";
    row.result = BYTES_LIT("{\"decision\":\"accept\"}");
    EQ_INT(store_approval_vote(p.s, &vote, &row, 7), OK);
    place_again(&p);
    const struct seen s = look(&p, 1);
    EQ_INT(s.n, 1);
    EQ_INT(s.n_votes, 1);
    EQ_INT(s.state, DECIDED);
    TRUE(s.has_texts);
    EQ_STR(s.by, "Ada");
    place_close(&p);
}

TEST(a_vote_joins_the_transaction_that_is_open_and_ends_it)
{
    struct place p;
    place_open(&p);
    struct store_approval row = row_of(1);
    EQ_INT(store_approval_put(p.s, &row), OK);
    EQ_INT(store_begin(p.s), OK);
    EQ_INT(store_setting_put(p.s, "last_recv", 12), OK);
    const struct store_vote vote = vote_of(1, 5);
    row.state = DECIDED;
    EQ_INT(store_approval_vote(p.s, &vote, &row, 7), OK);
    FALSE(store_in_transaction(p.s));
    place_again(&p);
    uint64_t value = 0;
    EQ_INT(store_setting_get(p.s, "last_recv", &value), OK);
    EQ_U64(value, 12);
    EQ_INT(look(&p, 1).state, DECIDED);
    place_close(&p);
}

TEST(what_a_revoked_device_decided_is_open_again)
{
    struct place p;
    place_open(&p);
    struct store_approval row = row_of(1);
    EQ_INT(store_approval_put(p.s, &row), OK);
    const struct store_vote vote = vote_of(1, 5);
    row.state = DECIDED;
    EQ_INT(store_approval_vote(p.s, &vote, &row, 7), OK);
    EQ_INT(store_approval_forget(p.s, vote.request, vote.device, true), OK);
    place_again(&p);
    EQ_INT(look(&p, 1).n_votes, 0);
    EQ_INT(look(&p, 1).state, PENDING);
    place_close(&p);
}

TEST(what_is_over_keeps_a_row_without_texts_and_not_for_ever)
{
    struct place p;
    place_open(&p);
    for (unsigned i = 0; i < STORE_APPROVALS_OVER + 3; i++) {
        struct store_approval row = row_of((uint8_t)i);
        row.id[0] = (uint8_t)(i >> 8);
        row.changed_ms = i;
        EQ_INT(store_approval_put(p.s, &row), OK);
        EQ_INT(store_approval_state(p.s, row.id, RESOLVED, 1, "Ada", i), OK);
        EQ_INT(store_approval_over(p.s, row.id), OK);
    }
    place_again(&p);
    const struct seen s = look(&p, 1);
    EQ_INT(s.n, STORE_APPROVALS_OVER);
    FALSE(s.has_texts);
    EQ_STR(s.by, "Ada");
    place_close(&p);
}

TEST(presence_is_of_this_device_in_the_last_day)
{
    struct place p;
    uint8_t device[16] = {1};
    uint8_t other[16] = {2};
    uint8_t th4[32] = {3};
    bool there = false;
    place_open(&p);
    EQ_INT(store_presence_put(p.s, device, th4, 1000), OK);
    place_again(&p);
    EQ_INT(store_presence_find(p.s, device, th4, 1000, &there), OK);
    TRUE(there);
    EQ_INT(store_presence_find(p.s, device, th4, 1001, &there), OK);
    FALSE(there);
    EQ_INT(store_presence_find(p.s, other, th4, 0, &there), OK);
    FALSE(there);
    place_close(&p);
}

RUN_TESTS(T(a_request_and_its_votes_are_there_after_a_restart),
          T(a_vote_joins_the_transaction_that_is_open_and_ends_it),
          T(what_a_revoked_device_decided_is_open_again),
          T(what_is_over_keeps_a_row_without_texts_and_not_for_ever),
          T(presence_is_of_this_device_in_the_last_day))
