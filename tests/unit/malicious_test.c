/* A relay that does everything but carry the messages as they are, and ends that lie:
 * whoever is lied to ends its session, all in the same way, and nobody else notices. */

#include "base/log.h"
#include "ends.h"
#include "session/session_priv.h"

enum { MESSAGES_MAX = 6 };

struct scene {
    struct ends t;
    struct pairing *p;
    struct qr qr;
    struct code code;
    enum session_mode mode;
};

static void scene_init(struct scene *c, enum session_mode mode)
{
    c->mode = mode;
    ends_init(&c->t);
    c->p = pairing_create(PAIRING_TTL_S, c->t.now_ms);
    EQ_INT(pairing_set_digits(c->p, BYTES_LIT("748"), 2), OK);
    pairing_qr(c->p, sign_key_pub(c->t.host_key), &c->qr);
    EQ_INT(code_parse(bytes_from_str(pairing_phrase(c->p)), &c->code), OK);
    if (mode == SESSION_TRUSTED) {
        ends_enrol(&c->t);
    }
}

static void scene_fini(struct scene *c)
{
    ends_fini(&c->t);
    pairing_unref(c->p);
    qr_fini(&c->qr);
    code_fini(&c->code);
}

static void connect(struct scene *c)
{
    const struct session_device d = ends_device(&c->t);
    if (c->mode == SESSION_TRUSTED) {
        ends_connect(&c->t);
        return;
    }
    ends_drop(&c->t);
    c->t.host.s = session_accept_box(c->t.roster, c->p, c->t.now_ms);
    c->t.ctrl.s =
        c->mode == SESSION_QR
            ? session_connect_qr(&d, &c->qr, c->t.now_ms)
            : session_connect_code(&d, &c->code, pairing_offer(c->p), c->t.now_ms);
    TRUE(c->t.host.s != NULL && c->t.ctrl.s != NULL);
}

/* What the relay does to the `which`-th message of the handshake. */
struct evil {
    unsigned which;
    long flip; // this bit; -1: none
    long cut;  // to this length; -1: not at all
};

/* Runs the handshake under `evil`. Gives the length of that message, 0: there was none.
 * Whoever got it must end with ERR_AUTH and HS_FAIL. */
static size_t run(struct scene *c, const struct evil *evil)
{
    struct buf body;
    unsigned n = 0;
    size_t len = 0;
    bool moved = true;
    buf_init(&body, SESSION_BODY_MAX);
    connect(c);
    while (moved && len == 0) {
        moved = false;
        for (int i = 0; i < 2 && len == 0; i++) {
            struct end *from = i == 0 ? &c->t.ctrl : &c->t.host;
            struct end *to = i == 0 ? &c->t.host : &c->t.ctrl;
            if (!end_out(&c->t, from, &body)) {
                continue;
            }
            moved = true;
            struct bytes b = buf_bytes(&body);
            if (b.at[0] == 0x10) {
                buf_fini(&body);
                return 0; // a record: the handshake is over
            }
            if (n++ == evil->which) {
                len = b.len;
                if (evil->flip >= 0) {
                    body.at[evil->flip / 8] ^= (uint8_t)(1 << evil->flip % 8);
                }
                b.len = evil->cut >= 0 ? (size_t)evil->cut : b.len;
            }
            const enum err e = end_feed(&c->t, to, b);
            if (len != 0 && e != OK) {
                EQ_INT(e, ERR_AUTH);
                EQ_INT(session_close_code(to->s), CLOSE_HANDSHAKE);
            } else {
                EQ_INT(e, OK);
            }
        }
    }
    buf_fini(&body);
    return len;
}

/* After the relay's touch nobody may be admitted. A changed share of CPace is noticed
 * one message later; then that is refused in the same way. */
static void check_refused(struct scene *c)
{
    const enum err e = ends_pump(&c->t);
    TRUE(e == OK || e == ERR_AUTH);
    EQ_INT(c->t.ctrl.n_events[SESSION_READY], 0);
    EQ_INT(c->t.ctrl.n_events[SESSION_PENDING], 0);
    EQ_INT(c->t.host.n_events[SESSION_PEER], 0);
}

static void try_all(enum session_mode mode, bool flip, long step)
{
    for (unsigned which = 0; which < MESSAGES_MAX; which++) {
        size_t len = 8; // of the message; known after the first try
        for (long at = which; at < (long)(flip ? len * 8 : len); at += step) {
            struct scene c;
            scene_init(&c, mode);
            const struct evil evil = {which, flip ? at : -1, flip ? -1 : at};
            len = run(&c, &evil);
            if (len != 0) {
                check_refused(&c);
            }
            scene_fini(&c);
        }
    }
}

TEST(a_flipped_bit_of_any_message_ends_the_handshake)
{
    try_all(SESSION_TRUSTED, true, 13);
    try_all(SESSION_QR, true, 13);
    try_all(SESSION_CODE, true, 13);
}

TEST(a_cut_message_ends_the_handshake)
{
    try_all(SESSION_TRUSTED, false, 17);
    try_all(SESSION_CODE, false, 17);
}

/* Rule 1: what strangers send changes nothing for the session that lives. */
TEST(a_live_session_does_not_notice_strangers)
{
    struct ends t;
    struct buf body;
    uint16_t stream = 0;
    buf_init(&body, SESSION_BODY_MAX);
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    TRUE(end_out(&t, &t.ctrl, &body)); // msg1: the relay keeps it
    EQ_INT(end_feed(&t, &t.host, buf_bytes(&body)), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(lane_open(t.ctrl.lane, &stream), OK);

    struct session *replayed = session_accept(t.roster, t.now_ms);
    EQ_INT(session_feed(replayed, buf_bytes(&body), t.now_ms), ERR_AUTH);
    EQ_INT(session_close_code(replayed), CLOSE_HANDSHAKE);
    session_destroy(replayed);
    body.at[80] ^= 1;
    struct session *forged = session_accept(t.roster, t.now_ms);
    EQ_INT(session_feed(forged, buf_bytes(&body), t.now_ms), ERR_AUTH);
    EQ_INT(session_close_code(forged), CLOSE_HANDSHAKE);
    session_destroy(forged);

    EQ_INT(end_say(&t.ctrl, stream, 'a', 10), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 1);
    buf_fini(&body);
    ends_fini(&t);
}

TEST(messages_reflected_or_out_of_turn_end_it)
{
    struct ends t;
    struct buf one;
    struct buf two;
    buf_init(&one, SESSION_BODY_MAX);
    buf_init(&two, SESSION_BODY_MAX);
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    TRUE(end_out(&t, &t.ctrl, &one));
    EQ_INT(end_feed(&t, &t.ctrl, buf_bytes(&one)), ERR_AUTH); // reflected
    ends_connect(&t);
    TRUE(end_out(&t, &t.ctrl, &one));
    EQ_INT(end_feed(&t, &t.host, buf_bytes(&one)), OK);
    EQ_INT(end_feed(&t, &t.host, buf_bytes(&one)), ERR_AUTH); // twice
    ends_connect(&t);
    TRUE(end_out(&t, &t.ctrl, &one));
    EQ_INT(end_feed(&t, &t.host, buf_bytes(&one)), OK);
    TRUE(end_out(&t, &t.host, &two));
    EQ_INT(end_feed(&t, &t.host, buf_bytes(&two)), ERR_AUTH); // its own answer
    buf_fini(&one);
    buf_fini(&two);
    ends_fini(&t);
}

TEST(records_of_another_session_do_not_open)
{
    struct ends t;
    struct buf old;
    buf_init(&old, SESSION_BODY_MAX);
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    session_ping(t.ctrl.s, t.now_ms);
    TRUE(end_out(&t, &t.ctrl, &old));
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(end_feed(&t, &t.host, buf_bytes(&old)), ERR_AUTH);
    EQ_INT(session_close_code(t.host.s), CLOSE_PROTO);
    buf_fini(&old);
    ends_fini(&t);
}

TEST(a_host_that_is_not_the_pinned_one_is_refused)
{
    struct ends t;
    ends_init(&t);
    ends_enrol(&t);
    struct sign_key *other = sign_key_random();
    struct roster_config c = {.host_key = other, .name = "evil", .version = "1"};
    memcpy(c.mailbox_id, t.mailbox, ID_SIZE);
    roster_destroy(t.roster); // it even knows pair_root
    t.roster = roster_create(&c);
    EQ_INT(roster_put(t.roster, sign_key_pub(t.device_key), t.root), OK);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), ERR_AUTH);
    EQ_INT(session_close_code(t.ctrl.s), CLOSE_HANDSHAKE);
    EQ_INT(t.host.n_events[SESSION_PEER], 0); // it did not learn who that was
    ends_fini(&t);
    sign_key_destroy(other);
}

TEST(a_host_that_changes_its_commitment_is_refused)
{
    struct scene c;
    scene_init(&c, SESSION_CODE);
    c.t.hold = true;
    connect(&c);
    EQ_INT(ends_pump(&c.t), OK);
    c.t.host.s->host_random[0] ^= 1; // chosen after it saw the device's
    EQ_INT(session_pend(c.t.host.s, GRANT_OPERATOR, 0), OK);
    EQ_INT(ends_pump(&c.t), ERR_AUTH);
    EQ_INT(c.t.ctrl.n_events[SESSION_PENDING], 0);
    scene_fini(&c);
}

TEST(a_grant_for_another_device_is_refused)
{
    struct scene c;
    scene_init(&c, SESSION_QR);
    c.t.hold = true;
    connect(&c);
    EQ_INT(ends_pump(&c.t), OK);
    c.t.host.peer.device_key[0] ^= 1;
    EQ_INT(ends_admit(&c.t), OK);
    EQ_INT(ends_pump(&c.t), ERR_AUTH);
    EQ_INT(c.t.ctrl.n_events[SESSION_READY], 0);
    scene_fini(&c);
}

TEST(a_device_that_speaks_before_ready_is_dropped)
{
    struct ends t;
    static const uint8_t record[64] = {0x10};
    ends_init(&t);
    ends_enrol(&t);
    t.hold = true;
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(session_feed(t.host.s, BYTES_OF(record), t.now_ms), ERR_PROTO);
    ends_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_flipped_bit_of_any_message_ends_the_handshake),
        T(a_cut_message_ends_the_handshake),
        T(a_live_session_does_not_notice_strangers),
        T(messages_reflected_or_out_of_turn_end_it),
        T(records_of_another_session_do_not_open),
        T(a_host_that_is_not_the_pinned_one_is_refused),
        T(a_host_that_changes_its_commitment_is_refused),
        T(a_grant_for_another_device_is_refused),
        T(a_device_that_speaks_before_ready_is_dropped),
    };
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
