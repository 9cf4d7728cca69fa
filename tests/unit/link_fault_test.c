#include "base/mem.h"
#include "link_rig.h"

#define TEXT_SIZE  (150u << 10) // several fragments
#define ROUNDS_MAX 90u          // of the sweep: each is a whole pairing

/* One device pairs, connects, and has one large text echoed; however far it comes. */
static void scenario(struct rig *r, struct rig_ctrl *c, const char *link)
{
    static uint8_t text[TEXT_SIZE];
    struct diag d = {.text = ""};
    memset(text, 'z', sizeof(text));
    *c = (struct rig_ctrl){.rig = r};
    EQ_INT(rig_pair_begin(r, c, link, &d), OK);
    RIG_UNTIL(r, c->done);
    if (c->cause != LINK_OK) {
        return;
    }
    rig_connect(r, c);
    RIG_UNTIL(r, c->state == LINK_CTRL_READY || c->state == LINK_CTRL_ENDED);
    struct link_ctrl_stream *st = NULL;
    if (link_ctrl_stream_open(c->ctrl, NULL, &st) == OK) {
        if (link_ctrl_stream_send(st, BYTES_OF(text)) == OK) {
            RIG_UNTIL(r, c->n_texts == 1 || c->n_stream_closed == 1);
        }
    }
    rig_disconnect(c);
}

/* A link that was lost comes back by itself; the test need not wait for that. */
static void offer(struct rig *r, char *link, size_t size)
{
    if (r->state != LINK_CONNECTED) {
        link_host_stop(r->host);
        link_host_start(r->host);
    }
    RIG_UNTIL(r, r->state == LINK_CONNECTED);
    if (r->pairing != NULL) {
        link_host_box_close(r->host, pairing_id(r->pairing));
    }
    rig_offer(r);
    rig_link(r, link, size);
}

/* Devices that came and went: nobody keeps them. */
static void forget_others(struct rig *r)
{
    while (r->n_devices > 1) {
        r->n_devices--;
        link_host_revoke(r->host, r->devices[r->n_devices].peer.device_id);
    }
    r->n_streams = 1; // the first device's stays
}

/* Whatever allocation fails while a stranger pairs and talks, the process lives, the
 * device that was there before is served again, and nothing is leaked. */
TEST(link_survives_every_failed_allocation)
{
    struct rig r;
    struct rig_ctrl old;
    struct rig_ctrl c;
    char link[512];
    rig_init(&r);
    rig_join(&r, &old);
    struct link_ctrl_stream *st = rig_stream(&old);
    rig_say(st, "1");
    RIG_UNTIL(&r, old.n_texts == 1);

    offer(&r, link, sizeof(link));
    mem_fail_at(0);
    scenario(&r, &c, link);
    const unsigned n = mem_tries();
    EQ_INT(c.n_texts, 1);
    forget_others(&r);
    const unsigned step = n / ROUNDS_MAX + 1;
    for (unsigned i = 1; i <= n; i += step) {
        offer(&r, link, sizeof(link));
        mem_fail_at(i);
        scenario(&r, &c, link);
        mem_fail_at(0);
        forget_others(&r);
        const size_t seen = old.n_texts;
        link_ctrl_start(old.ctrl);
        if (old.n_stream_closed != 0) {
            old.n_stream_closed = 0;
            RIG_UNTIL(&r, old.state == LINK_CTRL_READY);
            r.n_streams = 0;
            st = rig_stream(&old);
        }
        rig_say(st, "1");
        RIG_UNTIL(&r, old.n_texts == seen + 1 || old.n_stream_closed != 0);
    }
    rig_disconnect(&old);
    rig_fini(&r);
}

int main(void)
{
    crypto_init();
    const struct CMUnitTest tests[] = {T(link_survives_every_failed_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
