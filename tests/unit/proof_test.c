#include "session/proof.h"

#include "ends.h"

/* ---- the rule ------------------------------------------------------------------- */

TEST(nothing_that_waits_is_no_deadline)
{
    struct proof p = {.heard_ms = 0};
    EQ_U64(proof_deadline(&p), UINT64_MAX);
    EQ_INT(proof_check(&p, 1000000), PROOF_FINE);
    proof_waits(&p, true, 100);
    proof_waits(&p, false, 200);
    EQ_U64(proof_deadline(&p), UINT64_MAX);
}

TEST(silence_is_asked_after_five_seconds_and_dead_after_ten)
{
    struct proof p = {.heard_ms = 0};
    proof_waits(&p, true, 1000);
    proof_waits(&p, true, 4000); // it still waits since 1000
    EQ_U64(proof_deadline(&p), 6000);
    EQ_INT(proof_check(&p, 5999), PROOF_FINE);
    EQ_INT(proof_check(&p, 6000), PROOF_ASK);
    EQ_INT(proof_check(&p, 10999), PROOF_FINE);
    EQ_INT(proof_check(&p, 11000), PROOF_DEAD);
}

TEST(whatever_is_heard_begins_the_wait_again)
{
    struct proof p = {.heard_ms = 0};
    proof_waits(&p, true, 1000);
    EQ_INT(proof_check(&p, 6000), PROOF_ASK);
    proof_heard(&p, 10000);
    EQ_U64(proof_deadline(&p), 15000);
    EQ_INT(proof_check(&p, 15000), PROOF_ASK);
    proof_moved(&p, 16000);
    EQ_INT(proof_check(&p, 20000), PROOF_FINE);
    EQ_INT(proof_check(&p, 21000), PROOF_ASK);
    EQ_INT(proof_check(&p, 26000), PROOF_DEAD);
}

/* ---- two sessions ----------------------------------------------------------------- */

static void connected(struct ends *t, uint16_t *stream)
{
    ends_init(t);
    ends_enrol(t);
    ends_connect(t);
    EQ_INT(lane_open(t->ctrl.lane, stream), OK);
    EQ_INT(end_say(&t->ctrl, *stream, 'a', 1), OK);
    EQ_INT(ends_pump(t), OK);
    t->now_ms += 300; // acks are due
    EQ_INT(session_tick(t->host.s, t->now_ms), OK);
    EQ_INT(session_tick(t->ctrl.s, t->now_ms), OK);
    EQ_INT(ends_pump(t), OK);
}

/* What `e` says from now on is swallowed. */
static void swallow(struct ends *t, struct end *e)
{
    struct buf lost;
    buf_init(&lost, SESSION_BODY_MAX);
    while (end_out(t, e, &lost)) {
        // gone
    }
    buf_fini(&lost);
}

static enum err tick_at(struct ends *t, struct end *e, uint64_t now_ms)
{
    t->now_ms = now_ms;
    const enum err r = session_tick(e->s, now_ms);
    end_drain(t, e);
    return r;
}

TEST(an_idle_session_has_no_deadline_but_its_age)
{
    struct ends t;
    uint16_t stream = 0;
    connected(&t, &stream);
    TRUE(session_deadline(t.host.s) > t.now_ms + 3600000);
    TRUE(session_deadline(t.ctrl.s) > t.now_ms + 3600000);
    ends_fini(&t);
}

TEST(a_message_that_is_never_acked_ends_the_session_in_ten_seconds)
{
    struct ends t;
    uint16_t stream = 0;
    connected(&t, &stream);
    const uint64_t start = t.now_ms;
    EQ_INT(end_say(&t.host, stream, 'd', 1), OK);
    swallow(&t, &t.host);
    EQ_U64(session_deadline(t.host.s), start + 5000);
    EQ_INT(tick_at(&t, &t.host, start + 5000), OK);
    EQ_INT(t.host.n_events[SESSION_SILENT], 1);
    swallow(&t, &t.host); // its PING
    EQ_INT(tick_at(&t, &t.host, start + 10000), ERR_EXPIRED);
    EQ_INT(t.host.closed, CLOSE_IDLE);
    ends_fini(&t);
}

TEST(an_answered_ping_keeps_the_session)
{
    struct ends t;
    uint16_t stream = 0;
    connected(&t, &stream);
    const uint64_t start = t.now_ms;
    session_expect(t.ctrl.s, true, start); // an answer that takes its time
    for (unsigned i = 1; i < 5; i++) {
        EQ_INT(tick_at(&t, &t.ctrl, start + i * 5000), OK);
        EQ_INT(t.ctrl.n_events[SESSION_SILENT], i);
        EQ_INT(ends_pump(&t), OK);
        EQ_INT(t.ctrl.n_events[SESSION_PONG], i);
        EQ_U64(session_heard_ms(t.ctrl.s), t.now_ms);
    }
    session_expect(t.ctrl.s, false, t.now_ms);
    TRUE(session_deadline(t.ctrl.s) > t.now_ms + 3600000);
    ends_fini(&t);
}

TEST(a_ping_of_the_programs_own_must_be_answered_too)
{
    struct ends t;
    uint16_t stream = 0;
    connected(&t, &stream);
    const uint64_t start = t.now_ms;
    session_ping(t.ctrl.s, start);
    swallow(&t, &t.ctrl);
    EQ_INT(tick_at(&t, &t.ctrl, start + 5000), OK);
    swallow(&t, &t.ctrl);
    EQ_INT(tick_at(&t, &t.ctrl, start + 10000), ERR_EXPIRED);
    ends_fini(&t);
}

TEST(a_reader_that_takes_nothing_is_called_stalled)
{
    struct ends t;
    uint16_t stream = 0;
    struct bytes body;
    connected(&t, &stream);
    const uint64_t start = t.now_ms;
    EQ_INT(end_say(&t.host, stream, 'd', 1), OK);
    TRUE(session_output(t.host.s, start, &body)); // and no window to send it
    EQ_INT(tick_at(&t, &t.host, start + 5000), OK);
    EQ_INT(tick_at(&t, &t.host, start + 10000), ERR_EXPIRED);
    EQ_INT(t.host.closed, CLOSE_STALLED);
    ends_fini(&t);
}

RUN_TESTS(T(nothing_that_waits_is_no_deadline),
          T(silence_is_asked_after_five_seconds_and_dead_after_ten),
          T(whatever_is_heard_begins_the_wait_again),
          T(an_idle_session_has_no_deadline_but_its_age),
          T(a_message_that_is_never_acked_ends_the_session_in_ten_seconds),
          T(an_answered_ping_keeps_the_session),
          T(a_ping_of_the_programs_own_must_be_answered_too),
          T(a_reader_that_takes_nothing_is_called_stalled))
