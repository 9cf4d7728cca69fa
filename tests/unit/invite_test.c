#include "test.h"

#include "crypto/random.h"
#include "host/invite.h"

static struct invites table;
static struct link_session *const session = (struct link_session *)(uintptr_t)16;

static struct invite *open_one(enum role role)
{
    struct invite *v = NULL;
    const struct invite_wish wish = {.role = role, .wall_s = 1000, .now_ms = 5};
    EQ_INT(invites_open(&table, &wish, &v), OK);
    return v;
}

static struct link_claim claim_of(enum link_mode mode, enum role asked)
{
    return (struct link_claim){
        .mode = mode, .role_asked = (uint8_t)asked, .name = "Pixel", .sas = "482 913"};
}

TEST(three_are_open_at_once_and_no_more)
{
    struct invite *v = NULL;
    const struct invite_wish wish = {.role = ROLE_OPERATOR, .wall_s = 1000};
    for (unsigned i = 0; i < INVITES_OPEN_MAX; i++) {
        (void)open_one(ROLE_OPERATOR);
    }
    EQ_INT(invites_open(&table, &wish, &v), ERR_LIMIT);
    invite_end(&table.at[1], INVITE_CANCELED);
    EQ_INT(invites_open(&table, &wish, &v), OK);
    invites_fini(&table);
}

TEST(the_first_claim_wins_and_spends_the_code)
{
    struct invite *v = open_one(ROLE_OPERATOR);
    const struct link_claim first = claim_of(LINK_MODE_QR, ROLE_NONE);
    EQ_INT(invite_claim(v, session, &first), OK);
    EQ_INT(invite_claim(v, session, &first), ERR_EXISTS);
    EQ_STR(invite_state_name(v), "confirming");
    TRUE(invites_find_text(&table, "") == v);
    invites_fini(&table);
}

TEST(a_person_is_asked_where_the_protocol_says)
{
    static const struct {
        const char *name;
        enum link_mode mode;
        enum role offered;
        enum role asked;
        enum role got;
        bool person;
    } cases[] = {
        {"phrase, viewer", LINK_MODE_PHRASE, ROLE_VIEWER, ROLE_NONE, ROLE_VIEWER, true},
        {"phrase never makes an owner", LINK_MODE_PHRASE, ROLE_OWNER, ROLE_OWNER,
         ROLE_OPERATOR, true},
        {"qr, operator", LINK_MODE_QR, ROLE_OPERATOR, ROLE_NONE, ROLE_OPERATOR, true},
        {"qr, approver", LINK_MODE_QR, ROLE_APPROVER, ROLE_NONE, ROLE_APPROVER, false},
        {"qr, asks for less", LINK_MODE_QR, ROLE_OPERATOR, ROLE_VIEWER, ROLE_VIEWER,
         true},
        {"qr of an owner, asks for approver", LINK_MODE_QR, ROLE_OWNER, ROLE_APPROVER,
         ROLE_APPROVER, true},
        {"qr, asks for more", LINK_MODE_QR, ROLE_VIEWER, ROLE_OWNER, ROLE_VIEWER,
         false},
        {"qr, owner", LINK_MODE_QR, ROLE_OWNER, ROLE_NONE, ROLE_OWNER, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].name);
        struct invite *v = open_one(cases[i].offered);
        const struct link_claim claim = claim_of(cases[i].mode, cases[i].asked);
        EQ_INT(invite_claim(v, session, &claim), OK);
        EQ_INT(v->role, cases[i].got);
        EQ_INT(invite_needs_person(v), cases[i].person);
        invites_fini(&table);
    }
}

TEST(what_a_device_has_opened_is_found_by_it_until_somebody_was_accepted)
{
    struct invite *v = NULL;
    const uint8_t maker[16] = {7};
    const uint8_t other[16] = {0};
    const struct link_claim claim = claim_of(LINK_MODE_QR, ROLE_NONE);
    struct invite_wish wish = {.role = ROLE_VIEWER, .by_device = true};
    memcpy(wish.maker, maker, sizeof(wish.maker));
    (void)open_one(ROLE_VIEWER); // at this machine: its maker is zeros, and nobody
    EQ_INT(invites_open(&table, &wish, &v), OK);
    TRUE(invites_made_by(&table, maker) == v);
    TRUE(invites_made_by(&table, other) == NULL);
    EQ_INT(invite_claim(v, session, &claim), OK);
    TRUE(invites_made_by(&table, maker) == v);
    invite_accept(v);
    TRUE(invites_made_by(&table, maker) == NULL);
    invites_fini(&table);
}

TEST(time_ends_what_waits_but_not_what_was_accepted)
{
    struct invite *waits = open_one(ROLE_OPERATOR);
    struct invite *accepted = open_one(ROLE_OPERATOR);
    const struct link_claim claim = claim_of(LINK_MODE_QR, ROLE_NONE);
    EQ_INT(invite_claim(accepted, session, &claim), OK);
    invite_accept(accepted);
    EQ_U64(invites_deadline(&table), 1000 + PAIRING_TTL_S);
    TRUE(invites_expire(&table, 1000 + PAIRING_TTL_S - 1) == NULL);
    TRUE(invites_expire(&table, 1000 + PAIRING_TTL_S) == waits);
    TRUE(invites_expire(&table, 1000 + PAIRING_TTL_S) == NULL);
    EQ_STR(invite_state_name(waits), "expired");
    EQ_STR(invite_state_name(accepted), "claimed");
    EQ_U64(invites_deadline(&table), 0);
    invites_fini(&table);
}

TEST(an_ended_invitation_holds_no_secret)
{
    struct invite *v = open_one(ROLE_OPERATOR);
    struct link_claim claim = claim_of(LINK_MODE_QR, ROLE_NONE);
    memset(claim.pair_root, 7, sizeof(claim.pair_root));
    EQ_INT(invite_claim(v, session, &claim), OK);
    invite_end(v, INVITE_DECLINED);
    invite_end(v, INVITE_DONE); // idempotent
    EQ_STR(invite_state_name(v), "declined");
    for (size_t i = 0; i < sizeof(v->claim.pair_root); i++) {
        EQ_INT(v->claim.pair_root[i], 0);
    }
    TRUE(v->pairing == NULL);
    invites_fini(&table);
}

int main(void)
{
    crypto_init();
    const struct CMUnitTest tests[] = {
        T(three_are_open_at_once_and_no_more),
        T(the_first_claim_wins_and_spends_the_code),
        T(a_person_is_asked_where_the_protocol_says),
        T(what_a_device_has_opened_is_found_by_it_until_somebody_was_accepted),
        T(time_ends_what_waits_but_not_what_was_accepted),
        T(an_ended_invitation_holds_no_secret)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
