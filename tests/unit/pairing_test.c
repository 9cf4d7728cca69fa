#include "session/pairing.h"

#include "ends.h"
#include "session/run.h"

/* ---- a whole pairing --------------------------------------------------------------------- */

struct box {
    struct ends t;
    struct pairing *p;
    struct qr qr;
    struct code code;
};

static void box_init(struct box *b)
{
    ends_init(&b->t);
    b->p = pairing_create(PAIRING_TTL_S, b->t.now_ms);
    EQ_INT(pairing_set_digits(b->p, BYTES_LIT("748"), 2), OK);
    pairing_qr(b->p, sign_key_pub(b->t.host_key), &b->qr);
    EQ_INT(code_parse(bytes_from_str(pairing_phrase(b->p)), &b->code), OK);
}

static void box_fini(struct box *b)
{
    ends_fini(&b->t);
    pairing_unref(b->p);
    qr_fini(&b->qr);
    code_fini(&b->code);
}

static void claim_qr(struct box *b)
{
    const struct session_device d = ends_device(&b->t);
    ends_drop(&b->t);
    b->t.host.s = session_accept_box(b->t.roster, b->p, b->t.now_ms);
    b->t.ctrl.s = session_connect_qr(&d, &b->qr, b->t.now_ms);
    TRUE(b->t.host.s != NULL && b->t.ctrl.s != NULL);
}

static void claim_code(struct box *b)
{
    const struct session_device d = ends_device(&b->t);
    ends_drop(&b->t);
    b->t.host.s = session_accept_box(b->t.roster, b->p, b->t.now_ms);
    b->t.ctrl.s = session_connect_code(&d, &b->code, pairing_offer(b->p), b->t.now_ms);
    TRUE(b->t.host.s != NULL && b->t.ctrl.s != NULL);
}

static void check_paired(struct box *b)
{
    const struct ends *t = &b->t;
    EQ_INT(t->ctrl.n_events[SESSION_READY], 1);
    TRUE(t->ctrl.ready.has_grant);
    EQ_MEM(t->ctrl.ready.host_key, sign_key_pub(t->host_key), SIGN_PUB);
    EQ_MEM(t->ctrl.ready.welcome.mailbox_id, t->mailbox, ID_SIZE);
    EQ_BYTES(session_pair_root(t->host.s), session_pair_root(t->ctrl.s));
    EQ_INT(session_pair_root(t->host.s).len, PAIR_ROOT_SIZE);
    EQ_MEM(t->host.peer.relay_key, sign_key_pub(t->relay_key), SIGN_PUB);
    EQ_INT(t->host.peer.role_asked, GRANT_OPERATOR);
}

TEST(a_qr_pairs_and_its_secret_opens_the_mailbox)
{
    struct box b;
    box_init(&b);
    claim_qr(&b);
    EQ_INT(ends_pump(&b.t), OK);
    check_paired(&b);
    EQ_INT(b.t.host.peer.mode, SESSION_QR);
    EQ_INT(pairing_state(b.p), PAIRING_CLAIMED);
    pairing_done(b.p);

    memcpy(b.t.root, session_pair_root(b.t.ctrl.s).at, PAIR_ROOT_SIZE);
    session_close(b.t.ctrl.s, CLOSE_DONE);
    EQ_INT(ends_pump(&b.t), OK);
    EQ_INT(b.t.host.closed, CLOSE_DONE);
    ends_enrol(&b.t);
    ends_connect(&b.t);
    EQ_INT(ends_pump(&b.t), OK);
    TRUE(session_is_ready(b.t.ctrl.s));
    EQ_INT(b.t.host.peer.mode, SESSION_TRUSTED);
    box_fini(&b);
}

TEST(a_phrase_pairs_and_both_see_the_same_digits)
{
    struct box b;
    box_init(&b);
    b.t.pend = true;
    claim_code(&b);
    EQ_INT(ends_pump(&b.t), OK);
    EQ_INT(b.t.ctrl.n_events[SESSION_PENDING], 1);
    EQ_INT(b.t.ctrl.n_events[SESSION_READY], 0);
    EQ_INT(strlen(b.t.ctrl.pending.sas), 7);
    EQ_STR(b.t.ctrl.pending.sas, b.t.host.peer.sas);
    EQ_STR(b.t.ctrl.pending.host_name, "desk");
    EQ_INT(ends_admit(&b.t), OK);
    EQ_INT(ends_pump(&b.t), OK);
    check_paired(&b);
    EQ_INT(b.t.host.peer.mode, SESSION_CODE);
    box_fini(&b);
}

TEST(a_person_declines)
{
    struct box b;
    box_init(&b);
    b.t.pend = true;
    claim_code(&b);
    EQ_INT(ends_pump(&b.t), OK);
    session_refuse(b.t.host.s, DENIED_DECLINED, "declined at the host");
    pairing_close(b.p);
    EQ_INT(ends_pump(&b.t), OK);
    EQ_INT(b.t.ctrl.denied, DENIED_DECLINED);
    EQ_INT(ends_admit(&b.t), ERR_CANCELED);
    box_fini(&b);
}

TEST(the_first_device_claims_it_and_the_second_gets_nothing)
{
    struct box b;
    box_init(&b);
    b.t.hold = true;
    claim_qr(&b);
    struct session *first_host = b.t.host.s;
    EQ_INT(ends_pump(&b.t), OK);
    struct session *first_ctrl = b.t.ctrl.s;
    b.t.host.s = NULL;
    b.t.ctrl.s = NULL;
    claim_qr(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    claim_code(&b); // QR and phrase are consumed together
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    session_destroy(first_host);
    session_destroy(first_ctrl);
    box_fini(&b);
}

TEST(of_two_that_race_one_wins)
{
    struct box b;
    struct buf body;
    struct session *host[2];
    struct session *ctrl[2];
    buf_init(&body, SESSION_BODY_MAX);
    box_init(&b);
    b.t.hold = true;
    for (int i = 0; i < 2; i++) {
        claim_qr(&b);
        host[i] = b.t.host.s;
        ctrl[i] = b.t.ctrl.s;
        TRUE(end_out(&b.t, &b.t.ctrl, &body)); // msg1
        EQ_INT(end_feed(&b.t, &b.t.host, buf_bytes(&body)), OK);
        b.t.host.s = NULL;
        b.t.ctrl.s = NULL;
    }
    for (int i = 0; i < 2; i++) {
        b.t.host.s = host[i];
        b.t.ctrl.s = ctrl[i];
        EQ_INT(ends_pump(&b.t), i == 0 ? OK : ERR_AUTH);
        ends_drop(&b.t);
    }
    buf_fini(&body);
    box_fini(&b);
}

/* ---- accounting ---------------------------------------------------------------------------- */

TEST(three_wrong_phrases_kill_the_phrase_and_not_the_qr)
{
    struct box b;
    box_init(&b);
    struct code right = b.code;
    for (unsigned i = 0; i < PAIRING_GUESSES_MAX; i++) {
        b.code.prs[0] = b.code.prs[0] == 'a' ? 'b' : 'a';
        if (strcmp(b.code.prs, right.prs) == 0) {
            b.code.prs[1] = b.code.prs[1] == 'a' ? 'b' : 'a';
        }
        EQ_INT(pairing_n_guesses(b.p), i);
        claim_code(&b);
        EQ_INT(ends_pump(&b.t), ERR_AUTH);
        EQ_INT(b.t.ctrl.n_events[SESSION_CLOSED], 0); // it only never hears again
        EQ_INT(session_close_code(b.t.host.s), CLOSE_HANDSHAKE);
    }
    TRUE(pairing_code_is_locked(b.p));
    b.code = right;
    claim_code(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    claim_qr(&b);
    EQ_INT(ends_pump(&b.t), OK);
    check_paired(&b);
    code_fini(&right);
    box_fini(&b);
}

TEST(ten_abandoned_runs_kill_the_phrase)
{
    struct box b;
    struct buf body;
    buf_init(&body, SESSION_BODY_MAX);
    box_init(&b);
    for (int i = 0; i < PAIRING_RUNS_MAX; i++) {
        FALSE(pairing_code_is_locked(b.p));
        claim_code(&b);
        TRUE(end_out(&b.t, &b.t.ctrl, &body));
        EQ_INT(end_feed(&b.t, &b.t.host, buf_bytes(&body)), OK);
    }
    TRUE(pairing_code_is_locked(b.p));
    EQ_INT(pairing_n_guesses(b.p), 0);
    claim_code(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    buf_fini(&body);
    box_fini(&b);
}

TEST(one_run_at_a_time)
{
    struct box b;
    struct buf body;
    buf_init(&body, SESSION_BODY_MAX);
    box_init(&b);
    claim_code(&b);
    TRUE(end_out(&b.t, &b.t.ctrl, &body));
    EQ_INT(end_feed(&b.t, &b.t.host, buf_bytes(&body)), OK);
    struct session *host = b.t.host.s;
    struct session *ctrl = b.t.ctrl.s;
    b.t.host.s = NULL;
    b.t.ctrl.s = NULL;
    claim_code(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    session_destroy(host);
    session_destroy(ctrl);
    claim_code(&b);
    EQ_INT(ends_pump(&b.t), OK);
    buf_fini(&body);
    box_fini(&b);
}

TEST(five_bad_tags_close_the_qr)
{
    struct box b;
    box_init(&b);
    b.qr.secret[0] ^= 1;
    for (int i = 0; i < PAIRING_BAD_TAGS_MAX; i++) {
        FALSE(pairing_qr_is_locked(b.p));
        claim_qr(&b);
        EQ_INT(ends_pump(&b.t), ERR_AUTH);
    }
    TRUE(pairing_qr_is_locked(b.p));
    b.qr.secret[0] ^= 1;
    claim_qr(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    box_fini(&b);
}

TEST(an_expired_pairing_answers_nobody)
{
    struct box b;
    box_init(&b);
    b.t.now_ms += 300 * 1000;
    TRUE(pairing_has_expired(b.p, b.t.now_ms));
    claim_qr(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    claim_code(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    box_fini(&b);
}

static bool nobody(void *user, const uint8_t *key)
{
    (void)user;
    (void)key;
    return false;
}

TEST(a_revoked_device_key_is_not_enrolled_again)
{
    struct box b;
    box_init(&b);
    struct roster_config c = {
        .host_key = b.t.host_key, .name = "desk", .version = "1", .may_enrol = nobody};
    roster_destroy(b.t.roster);
    b.t.roster = roster_create(&c);
    claim_qr(&b);
    EQ_INT(ends_pump(&b.t), ERR_AUTH);
    EQ_INT(pairing_state(b.p), PAIRING_OPEN);
    box_fini(&b);
}

TEST(the_host_may_let_go_of_a_pairing_with_sessions)
{
    struct box b;
    box_init(&b);
    b.t.hold = true;
    claim_qr(&b);
    EQ_INT(ends_pump(&b.t), OK);
    pairing_close(b.p);
    pairing_unref(b.p);
    b.p = NULL;
    EQ_INT(ends_admit(&b.t), ERR_CANCELED);
    box_fini(&b);
}

/* ---- CPace's two messages ------------------------------------------------------------------- */

TEST(every_bit_of_p2_and_p3_leads_to_another_key_or_a_refusal)
{
    uint8_t offer[RUN_OFFER];
    uint8_t p3[RUN_P3];
    uint8_t host[HANDSHAKE_PSK];
    uint8_t ctrl[HANDSHAKE_PSK];
    struct run r;
    crypto_init();
    run_offer_write(300, offer);
    EQ_INT(run_start(&r, "wolf-pine-748", BYTES_OF(offer)), OK);
    EQ_INT(run_answer("wolf-pine-748", offer, BYTES_OF(r.p2), p3, host), OK);
    EQ_INT(run_finish(&r, BYTES_OF(p3), ctrl), OK);
    EQ_MEM(host, ctrl, sizeof(host));
    for (size_t bit = 0; bit < sizeof(p3) * 8; bit++) {
        p3[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const bool refused = run_finish(&r, BYTES_OF(p3), ctrl) != OK;
        TRUE(refused || memcmp(host, ctrl, sizeof(host)) != 0);
        p3[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < sizeof(r.p2) * 8; bit += 7) {
        uint8_t p2[RUN_P2];
        memcpy(p2, r.p2, sizeof(p2));
        p2[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const bool refused =
            run_answer("wolf-pine-748", offer, BYTES_OF(p2), p3, host) != OK;
        TRUE(refused || run_finish(&r, BYTES_OF(p3), ctrl) != OK ||
             memcmp(host, ctrl, sizeof(host)) != 0);
    }
    offer[34] ^= 1; // expires_in is counted down by the relay and is not part of it
    EQ_INT(run_answer("wolf-pine-748", offer, BYTES_OF(r.p2), p3, host), OK);
    EQ_INT(run_finish(&r, BYTES_OF(p3), ctrl), OK);
    EQ_MEM(host, ctrl, sizeof(host));
    run_fini(&r);
}

TEST(a_box_carries_a_pairing_and_no_more)
{
    struct box b;
    static const uint8_t junk[5000] = {0x10};
    box_init(&b);
    b.t.hold = true;
    claim_qr(&b);
    EQ_INT(session_feed(b.t.host.s, BYTES_OF(junk), b.t.now_ms), ERR_LIMIT);
    box_fini(&b);
}

RUN_TESTS(T(a_qr_pairs_and_its_secret_opens_the_mailbox),
          T(a_phrase_pairs_and_both_see_the_same_digits), T(a_person_declines),
          T(the_first_device_claims_it_and_the_second_gets_nothing),
          T(of_two_that_race_one_wins),
          T(three_wrong_phrases_kill_the_phrase_and_not_the_qr),
          T(ten_abandoned_runs_kill_the_phrase), T(one_run_at_a_time),
          T(five_bad_tags_close_the_qr), T(an_expired_pairing_answers_nobody),
          T(a_revoked_device_key_is_not_enrolled_again),
          T(the_host_may_let_go_of_a_pairing_with_sessions),
          T(every_bit_of_p2_and_p3_leads_to_another_key_or_a_refusal),
          T(a_box_carries_a_pairing_and_no_more))
