#include "link_rig.h"
#include "net/dial.h"
#include "wire/envelope.h"

/* ---- devices ---------------------------------------------------------------------- */

TEST(a_host_without_a_relay_pairs_and_serves_at_its_door)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init_with(&r, true);
    EQ_INT(r.state,
           LINK_CONNECTED); // docs/hub.md: a door listens, no relay is configured
    rig_join(&r, &c);
    struct link_ctrl_stream *st = rig_stream(&c);
    rig_say(st, "{\"id\":1}");
    RIG_UNTIL(&r, c.n_texts == 1);
    EQ_BYTES(buf_bytes(&c.last), BYTES_LIT("{\"id\":1}"));
    EQ_INT(r.n_enrolled, 1);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(messages_larger_than_every_queue_pass_the_door)
{
    const size_t size = 5u << 20;
    struct rig r;
    struct rig_ctrl c;
    uint8_t *text = malloc(size);
    TRUE(text != NULL);
    memset(text, 'x', size);
    rig_init_with(&r, true);
    rig_join(&r, &c);
    EQ_INT(link_ctrl_stream_send(rig_stream(&c), (struct bytes){text, size}), OK);
    RIG_UNTIL(&r, c.n_texts == 1);
    EQ_BYTES(buf_bytes(&c.last), ((struct bytes){text, size}));
    free(text);
    rig_disconnect(&c);
    rig_fini(&r);
}

static void add_door(const struct rig *r, struct rig_ctrl *c)
{
    rig_door(r, c->joined.urls[1], sizeof(c->joined.urls[1]));
    c->joined.n_urls = 2;
}

TEST(door_and_relay_are_tried_together_and_one_session_comes_of_it)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    rig_disconnect(&c);
    for (unsigned round = 1; round <= 10; round++) {
        const struct link_joined joined = c.joined;
        c = (struct rig_ctrl){.rig = &r, .joined = joined};
        add_door(&r, &c);
        rig_connect(&r, &c);
        RIG_UNTIL(&r, c.state == LINK_CTRL_READY);
        rig_say(rig_stream(&c), "1");
        RIG_UNTIL(&r, c.n_texts == 1);
        rig_pause(&r, 5);
        EQ_INT(r.n_opened, 1 + round);
        EQ_INT(c.state, LINK_CTRL_READY);
        rig_disconnect(&c);
    }
    rig_fini(&r);
}

TEST(a_device_goes_on_at_the_door_when_the_relay_is_gone)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    rig_disconnect(&c);
    struct link_joined joined = c.joined;
    c = (struct rig_ctrl){.rig = &r, .joined = joined};
    EQ_INT(text_format(c.joined.urls[0], sizeof(c.joined.urls[0]),
                       "ws://127.0.0.1:%u/nowhere", (unsigned)r.port),
           OK);
    add_door(&r, &c);
    rig_connect(&r, &c);
    RIG_UNTIL(&r, c.state == LINK_CTRL_READY);
    rig_say(rig_stream(&c), "7");
    RIG_UNTIL(&r, c.n_texts == 1);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(pairing_by_a_link_with_both_addresses_takes_one_of_them)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    r.with_door = true;
    rig_join(&r, &c);
    EQ_INT(r.n_enrolled, 1);
    EQ_INT(r.n_failed, 0);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(revoke_reaches_a_device_at_the_door)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init_with(&r, true);
    rig_join(&r, &c);
    link_host_revoke(r.host, r.claim.device_id);
    RIG_UNTIL(&r, c.state == LINK_CTRL_ENDED);
    EQ_INT(c.state_cause, LINK_REVOKED);
    rig_disconnect(&c);
    rig_fini(&r);
}

/* ---- strangers --------------------------------------------------------------------- */

struct stranger {
    struct ws_conn *ws;
    bool refused; // by HTTP
    bool closed;
    uint16_t code;
    uint8_t reason; // of a CLOSE frame; 0xff: none came
    unsigned n_pings;
};

static void heard(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    struct stranger *s = user;
    struct envelope f;
    (void)ws;
    FALSE(text);
    EQ_INT(envelope_parse(payload, &f), OK);
    s->n_pings += f.type == ENVELOPE_PING ? 1 : 0;
    if (f.type == ENVELOPE_CLOSE) {
        s->reason = f.body.at[0];
    }
}

static void gone(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct stranger *s = user;
    (void)ws;
    (void)e;
    s->closed = true;
    s->code = code;
    s->ws = NULL;
}

static void dialled(void *user, enum err e, const struct dial_result *result)
{
    static const struct ws_conn_events events = {.message = heard, .closed = gone};
    struct stranger *s = user;
    s->refused = e != OK;
    s->closed = e != OK;
    if (e == OK) {
        s->ws = result->ws;
        ws_conn_start(s->ws, &events, s);
    }
}

static void come(struct rig *r, struct stranger *s)
{
    char url[64];
    rig_door(r, url, sizeof(url));
    *s = (struct stranger){.reason = 0xff};
    const struct dial_options o = {.url = url};
    (void)dial_ws(r->loop, &o, dialled, s);
    RIG_UNTIL(r, s->ws != NULL || s->refused);
}

static void say_frame(struct stranger *s, uint8_t type, uint8_t chan, struct bytes body)
{
    struct buf frame;
    buf_init(&frame, 1u << 20);
    EQ_INT(envelope_put(&frame, (enum envelope_type)type, chan, body), OK);
    if (s->ws != NULL) {
        EQ_INT(ws_conn_send_binary(s->ws, buf_bytes(&frame)), OK);
    }
    buf_fini(&frame);
}

static void say_open(struct stranger *s, uint8_t kind, const uint8_t id[16])
{
    uint8_t body[17] = {kind};
    memcpy(body + 1, id, 16);
    say_frame(s, ENVELOPE_OPEN, 0, BYTES_OF(body));
}

TEST(whatever_is_malformed_ends_that_connection_and_nobody_elses)
{
    static const uint8_t id[16] = {0};
    static const uint8_t eight[8] = {1};
    static uint8_t large[8000];
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    for (unsigned i = 0; i < 9; i++) {
        struct stranger s;
        come(&r, &s);
        switch (i) {
        case 0:
            EQ_INT(ws_conn_send_text(s.ws, BYTES_LIT("hello")), OK);
            break;
        case 1:
            EQ_INT(ws_conn_send_binary(s.ws, BYTES_LIT("\x01")), OK);
            break;
        case 2: // DATA before OPEN
            say_frame(&s, ENVELOPE_DATA, 0, BYTES_LIT("x"));
            break;
        case 3: // a channel of its own
            say_frame(&s, ENVELOPE_OPEN, 7, (struct bytes){id, 16});
            break;
        case 4: // OPEN twice
            say_open(&s, 2, id);
            say_open(&s, 2, id);
            break;
        case 5: // an unknown kind
            say_open(&s, 3, id);
            break;
        case 6: // a frame of a relay's
            say_frame(&s, ENVELOPE_CREDIT, 0, BYTES_LIT("\0\0\0\1"));
            break;
        case 7: // a PING is fine, half a PING is not
            say_frame(&s, ENVELOPE_PING, 0, BYTES_OF(eight));
            RIG_UNTIL(&r, s.n_pings == 1);
            say_frame(&s, ENVELOPE_PING, 0, (struct bytes){eight, 4});
            break;
        default: // more than a stranger may say
            say_frame(&s, ENVELOPE_DATA, 0, BYTES_OF(large));
            break;
        }
        RIG_UNTIL(&r, s.closed);
        EQ_INT(s.code, i == 8 ? WS_CLOSE_TOO_BIG : WS_CLOSE_PROTOCOL);
    }
    EQ_INT(c.state, LINK_CTRL_READY);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(a_stranger_who_cannot_prove_himself_gets_one_answer)
{
    struct rig r;
    uint8_t id[16] = {0};
    uint8_t msg1[92] = {1, 1, 3, 1};
    rig_init_with(&r, true);
    for (unsigned i = 0; i < 3; i++) {
        struct stranger s;
        if (i == 1) {
            id_mailbox(sign_key_pub(r.relay_key), id);
        }
        come(&r, &s);
        say_open(&s, i == 2 ? ENVELOPE_TO_BOX : ENVELOPE_TO_MAILBOX, id);
        say_frame(&s, ENVELOPE_DATA, 0, BYTES_OF(msg1));
        RIG_UNTIL(&r, s.closed);
        EQ_INT(s.reason, CLOSE_HANDSHAKE); // unknown mailbox, bad tag, no such box
    }
    EQ_INT(r.n_opened, 0);
    rig_fini(&r);
}

TEST(one_address_has_sixteen_places)
{
    struct rig r;
    static struct stranger crowd[LINK_DOORS_EACH + 1];
    rig_init_with(&r, true);
    for (size_t i = 0; i < COUNT(crowd); i++) {
        come(&r, &crowd[i]);
        EQ_INT(crowd[i].refused, i == LINK_DOORS_EACH);
    }
    ws_conn_close(crowd[0].ws, WS_CLOSE_NORMAL, NULL);
    RIG_UNTIL(&r, crowd[0].closed);
    rig_pause(&r, 20);
    come(&r, &crowd[0]); // a place is free again
    FALSE(crowd[0].refused);
    rig_host_stop(&r); // everybody has to leave
    for (size_t i = 0; i < COUNT(crowd); i++) {
        RIG_UNTIL(&r, crowd[i].closed);
    }
    rig_fini(&r);
}

RUN_TESTS(T(a_host_without_a_relay_pairs_and_serves_at_its_door),
          T(messages_larger_than_every_queue_pass_the_door),
          T(door_and_relay_are_tried_together_and_one_session_comes_of_it),
          T(a_device_goes_on_at_the_door_when_the_relay_is_gone),
          T(pairing_by_a_link_with_both_addresses_takes_one_of_them),
          T(revoke_reaches_a_device_at_the_door),
          T(whatever_is_malformed_ends_that_connection_and_nobody_elses),
          T(a_stranger_who_cannot_prove_himself_gets_one_answer),
          T(one_address_has_sixteen_places))
