#include "session/roster.h"

#include "crypto/random.h"
#include "session/roster_io.h"
#include "test.h"

struct world {
    struct sign_key *host;
    struct sign_key *device;
    uint8_t root[PAIR_ROOT_SIZE];
    uint8_t mailbox[ID_SIZE];
    struct roster *r;
};

static void begin(struct world *w)
{
    crypto_init();
    *w = (struct world){.host = sign_key_random(), .device = sign_key_random()};
    random_bytes(w->root, sizeof(w->root));
    const struct roster_config c = {.host_key = w->host, .name = "h", .version = "1"};
    w->r = roster_create(&c);
}

static void end(struct world *w)
{
    roster_destroy(w->r);
    sign_key_destroy(w->host);
    sign_key_destroy(w->device);
}

/* A first message of the device, as its controller would make it. */
static void hello(const struct world *w, uint8_t msg1[HANDSHAKE_MSG1])
{
    struct handshake h;
    handshake_init(&h, HANDSHAKE_TRUSTED, w->mailbox, w->root);
    handshake_write1(&h, NULL, msg1);
    handshake_fini(&h);
}

static enum err find(struct world *w, const uint8_t *msg1, uint64_t now_ms)
{
    struct roster_hit hit;
    const char *why = NULL;
    const enum err e =
        roster_find(w->r, (struct bytes){msg1, HANDSHAKE_MSG1}, now_ms, &hit, &why);
    if (e == OK) {
        EQ_MEM(hit.device_key, sign_key_pub(w->device), SIGN_PUB);
        EQ_MEM(hit.psk, w->root, sizeof(hit.psk));
    } else {
        TRUE(why != NULL);
    }
    return e;
}

TEST(a_device_is_found_by_its_tag_until_it_is_removed)
{
    struct world w;
    uint8_t id[ID_SIZE];
    uint8_t msg1[HANDSHAKE_MSG1];
    begin(&w);
    hello(&w, msg1);
    EQ_INT(find(&w, msg1, 0), ERR_AUTH);
    EQ_INT(roster_put(w.r, sign_key_pub(w.device), w.root), OK);
    EQ_INT(roster_put(w.r, sign_key_pub(w.device), w.root), ERR_EXISTS);
    EQ_INT(find(&w, msg1, 0), OK);
    id_device(sign_key_pub(w.device), id);
    roster_remove(w.r, id);
    hello(&w, msg1);
    EQ_INT(find(&w, msg1, 0), ERR_AUTH);
    EQ_INT(roster_count(w.r), 0);
    end(&w);
}

TEST(a_nonce_is_remembered_for_ten_minutes)
{
    struct world w;
    uint8_t id[ID_SIZE];
    uint8_t msg1[HANDSHAKE_MSG1];
    begin(&w);
    EQ_INT(roster_put(w.r, sign_key_pub(w.device), w.root), OK);
    id_device(sign_key_pub(w.device), id);
    hello(&w, msg1);
    EQ_INT(find(&w, msg1, 0), OK);
    roster_end_device(w.r, id);
    EQ_INT(find(&w, msg1, 599999), ERR_AUTH);
    EQ_INT(find(&w, msg1, 600000), OK);
    end(&w);
}

TEST(one_device_has_four_handshakes_at_a_time)
{
    struct world w;
    uint8_t id[ID_SIZE];
    uint8_t msg1[HANDSHAKE_MSG1];
    begin(&w);
    EQ_INT(roster_put(w.r, sign_key_pub(w.device), w.root), OK);
    id_device(sign_key_pub(w.device), id);
    for (int i = 0; i < 4; i++) {
        hello(&w, msg1);
        EQ_INT(find(&w, msg1, 0), OK);
    }
    hello(&w, msg1);
    EQ_INT(find(&w, msg1, 0), ERR_AUTH);
    roster_end_device(w.r, id);
    EQ_INT(find(&w, msg1, 0), OK); // it had not been counted as seen
    end(&w);
}

TEST(sixty_four_devices_are_the_most)
{
    struct world w;
    begin(&w);
    for (int i = 0; i <= ROSTER_DEVICES_MAX; i++) {
        struct sign_key *k = sign_key_random();
        EQ_INT(roster_put(w.r, sign_key_pub(k), w.root),
               i < ROSTER_DEVICES_MAX ? OK : ERR_LIMIT);
        sign_key_destroy(k);
    }
    end(&w);
}

TEST(a_bad_key_is_not_put_in)
{
    static const uint8_t identity[SIGN_PUB] = {1};
    struct world w;
    begin(&w);
    EQ_INT(roster_put(w.r, identity, w.root), ERR_AUTH);
    FALSE(roster_may_enrol(w.r, identity));
    TRUE(roster_may_enrol(w.r, sign_key_pub(w.device)));
    end(&w);
}

RUN_TESTS(T(a_device_is_found_by_its_tag_until_it_is_removed),
          T(a_nonce_is_remembered_for_ten_minutes),
          T(one_device_has_four_handshakes_at_a_time),
          T(sixty_four_devices_are_the_most), T(a_bad_key_is_not_put_in))
