#include "../unit/relay_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A relay, a few peers, and a script: each step is one octet of what to do and one of
 * who does it, sometimes with more.
 *
 * Property: whatever they send in whatever order, nothing is read out of bounds or
 * after its end, every frame that comes out is well formed, a reader that does not read
 * makes the relay hold at most RELAY_LEG_MAX in its socket, and once everybody has gone
 * and every deadline has passed the relay holds nothing at all.
 */

#define PEERS 5
#define STEPS 200

static struct rig rig;
static struct peer peers[PEERS];
static struct rig_key keys[PEERS]; // 0 and 1 are hosts
static struct bytes script;

static uint8_t take(void)
{
    if (script.len == 0) {
        return 0;
    }
    const uint8_t octet = script.at[0];
    script = bytes_sub(script, 1, script.len);
    return octet;
}

static void drain(struct peer *p)
{
    while (peer_next(p)) {
    }
    if (p->queued > RELAY_LEG_MAX) {
        abort();
    }
}

static void data(struct peer *p, uint32_t chan)
{
    static const uint8_t block[ENVELOPE_BODY_MAX];
    const size_t sizes[] = {1, 100, 4096, 4097, 16384, ENVELOPE_BODY_MAX};
    const size_t len = sizes[take() % COUNT(sizes)];
    peer_put(p, ENVELOPE_DATA, chan, (struct bytes){block, len});
}

static void raw(struct peer *p)
{
    const size_t len = take();
    const struct bytes frame = bytes_sub(script, 0, len);
    script = bytes_sub(script, frame.len, script.len);
    peer_put_raw(p, frame);
}

static void mutate(struct peer *p, size_t who)
{
    struct envelope_auth a =
        rig_auth(&rig, take() % 2 + 1u, &keys[who], keys[0].mailbox);
    rig_sign(&a, p, &keys[who], RIG_URL);
    a.sig[take() % 64] ^= take();
    peer_put_auth(p, &a);
}

static void claim(struct peer *p)
{
    uint8_t pair_id[16];
    memset(pair_id, take() % 4, sizeof(pair_id));
    peer_put(p, ENVELOPE_CLAIM, 0, BYTES_OF(pair_id));
}

static void reopen(struct peer *p)
{
    peer_fini(p);
    if (peer_open(p, &rig) != OK) {
        p->leg = NULL;
    }
}

static void wait_a_while(void)
{
    static const uint64_t spans[] = {1, 1000, 9999, 60000, 300000, 600000};
    (void)rig_wait(&rig, spans[take() % COUNT(spans)]);
}

static void step(void)
{
    const uint8_t what = take();
    const size_t who = take() % PEERS;
    struct peer *p = &peers[who];
    const struct rig_key *host = &keys[take() % 2];
    switch (what % 16) {
    case 0:
        reopen(p);
        return;
    case 1:
        peer_login(p, who < 2 ? ENVELOPE_HOST : ENVELOPE_DEVICE, &keys[who],
                   who < 2 ? keys[who].mailbox : host->mailbox);
        return;
    case 2:
        peer_acl(p, take() % 3 + 1u, keys + 2, take() % 4u);
        return;
    case 3:
        rig_nameplate(p, take() % 4, take() % 2 ? 60 : 0,
                      take() % 2 ? BYTES_LIT("offer") : BYTES_NONE);
        return;
    case 4:
        claim(p);
        return;
    case 5:
    case 6:
    case 7:
        data(p, take() % 4u);
        return;
    case 8:
        peer_put(p, ENVELOPE_CLOSE, take() % 4u, BYTES_LIT("\1"));
        return;
    case 9:
        p->stalled = true;
        return;
    case 10:
        peer_read_on(p);
        return;
    case 11:
        peer_drop(p);
        return;
    case 12:
        wait_a_while();
        return;
    case 13:
        raw(p);
        return;
    case 14:
        mutate(p, who);
        return;
    default:
        p->fail_send = take() % 8 == 0;
        return;
    }
}

static void check_nothing_is_left(void)
{
    for (size_t i = 0; i < PEERS; i++) {
        peer_drop(&peers[i]);
    }
    (void)rig_wait(&rig, RELAY_BOX_MS);
    (void)rig_wait(&rig, RELAY_BOX_GRACE_MS);
    const struct relay_stats s = relay_core_stats(rig.core);
    if (s.legs + s.mailboxes + s.boxes + s.channels + s.memory != 0 ||
        relay_core_due(rig.core) != UINT64_MAX) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
    script = (struct bytes){octets, size};
    rig_init(&rig);
    for (size_t i = 0; i < PEERS; i++) {
        if (keys[i].key == NULL) {
            rig_key_init(&keys[i], (uint8_t)(i + 1));
        }
        peer_init(&peers[i], &rig);
        reopen(&peers[i]);
    }
    for (int n = 0; n < STEPS && script.len != 0; n++) {
        step();
        for (size_t i = 0; i < PEERS; i++) {
            drain(&peers[i]);
        }
    }
    check_nothing_is_left();
    for (size_t i = 0; i < PEERS; i++) {
        peer_fini(&peers[i]);
    }
    rig_fini(&rig);
    return 0;
}
