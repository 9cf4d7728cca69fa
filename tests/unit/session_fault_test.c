/* Every allocation of a whole conversation fails once: whoever it was loses that
 * session and nothing else, and after a reconnection everything arrives. */

#include "base/log.h"
#include "base/mem.h"
#include "ends.h"

/* The conversation; errors are allowed anywhere, wrong octets nowhere. */
static void talk(struct ends *t, uint16_t *stream)
{
    if (*stream == 0 && lane_open(t->ctrl.lane, stream) != OK) {
        return;
    }
    (void)ends_pump(t);
    (void)end_say(&t->ctrl, *stream, 'a', 150000);
    (void)ends_pump(t);
    (void)end_say(&t->host, *stream, 'b', 1000);
    (void)ends_pump(t);
}

static unsigned count_tries(void)
{
    struct ends t;
    uint16_t stream = 0;
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    mem_fail_at(0);
    talk(&t, &stream);
    EQ_INT(t.host.n_messages, 1);
    EQ_INT(t.ctrl.n_messages, 1);
    const unsigned n = mem_tries();
    ends_fini(&t);
    return n;
}

TEST(every_allocation_may_fail)
{
    const unsigned tries = count_tries();
    TRUE(tries > 10);
    for (unsigned n = 1; n <= tries; n++) {
        struct ends t;
        uint16_t stream = 0;
        char name[32];
        (void)snprintf(name, sizeof(name), "allocation %u", n);
        CASE(name);
        ends_init(&t);
        t.may_fail = true;
        ends_enrol(&t);
        ends_connect(&t);
        mem_fail_at(n);
        talk(&t, &stream);
        mem_fail_at(0);

        t.may_fail = false; // now the system is well again
        ends_connect(&t);
        EQ_INT(ends_pump(&t), OK);
        if (stream == 0) {
            EQ_INT(lane_open(t.ctrl.lane, &stream), OK);
        }
        const size_t before = t.host.n_messages;
        EQ_INT(end_say(&t.ctrl, stream, 'c', 70000), OK);
        EQ_INT(ends_pump(&t), OK);
        EQ_INT(t.host.n_messages, before + 1);
        ends_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(every_allocation_may_fail)};
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
