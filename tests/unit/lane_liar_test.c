#include "test.h"

#include "base/log.h"
#include "ends.h"
#include "session/lane_priv.h"

/* A device that lies about numbers: each lie has one end, and nothing acts by it. */

static uint16_t open_lane(struct ends *t)
{
    uint16_t stream = 0;
    ends_init(t);
    ends_enrol(t);
    EQ_INT(lane_open(t->ctrl.lane, &stream), OK);
    ends_connect(t);
    EQ_INT(end_say(&t->ctrl, stream, 'a', 5), OK);
    EQ_INT(ends_pump(t), OK);
    EQ_INT(t->host.n_messages, 1);
    return stream;
}

TEST(an_ack_of_what_was_never_sent_ends_the_session_and_not_the_lane)
{
    struct ends t;
    const uint16_t stream = open_lane(&t);
    const uint64_t true_count = t.ctrl.lane->last_recv;
    t.ctrl.lane->last_recv = 1000;
    EQ_INT(end_say(&t.ctrl, stream, 'b', 5), OK);
    EQ_INT(ends_pump(&t), ERR_PROTO);
    EQ_INT(session_close_code(t.host.s), CLOSE_PROTO);
    EQ_INT(t.host.n_messages, 1); // what came with the lie is not handed on
    t.ctrl.lane->last_recv = true_count;
    ends_connect(&t); // and the truth goes on where it was
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 2);
    ends_fini(&t);
}

TEST(a_number_repeated_with_other_content_is_dropped)
{
    struct ends t;
    const uint16_t stream = open_lane(&t);
    EQ_INT(end_say(&t.ctrl, stream, 'b', 5), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 2);
    t.ctrl.lane->last_sent--; // the number of the last is used once more
    EQ_INT(end_say(&t.ctrl, stream, 'x', 5), OK);
    EQ_INT(ends_pump(&t), OK);
    EQ_INT(t.host.n_messages, 2);
    EQ_BYTES(buf_bytes(&t.host.heard), BYTES_LIT("aaaaabbbbb"));
    EQ_U64(lane_state(t.host.lane).last_recv, 2);
    ends_fini(&t);
}

TEST(a_number_that_skips_ends_the_session)
{
    struct ends t;
    const uint16_t stream = open_lane(&t);
    t.ctrl.lane->last_sent += 5;
    EQ_INT(end_say(&t.ctrl, stream, 'x', 5), OK);
    EQ_INT(ends_pump(&t), ERR_PROTO);
    EQ_INT(session_close_code(t.host.s), CLOSE_PROTO);
    EQ_INT(t.host.n_messages, 1);
    ends_fini(&t);
}

TEST(a_claim_of_more_than_was_sent_begins_the_hosts_side_anew)
{
    struct ends t;
    (void)open_lane(&t);
    const uint32_t epoch = lane_state(t.host.lane).epoch;
    t.ctrl.lane->last_recv = 1000; // stated in the third message
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    TRUE(lane_state(t.host.lane).epoch > epoch);
    EQ_U64(lane_state(t.host.lane).last_recv, 1); // what was done stays counted
    ends_fini(&t);
}

RUN_TESTS(T(an_ack_of_what_was_never_sent_ends_the_session_and_not_the_lane),
          T(a_number_repeated_with_other_content_is_dropped),
          T(a_number_that_skips_ends_the_session),
          T(a_claim_of_more_than_was_sent_begins_the_hosts_side_anew))
