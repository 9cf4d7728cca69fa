/*
 * lane_bench: what it costs that nothing is lost: a gap replayed, a command made durable.
 *
 * Usage      lane_bench: prints JSON rows, for people and for tests/bench.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"
#include "session/session.h"
#include "store/lane.h"

enum { GAP = 1000, MESSAGE = 400, ROUNDS = 21, COMMITS = 200, PAGE = 4096 };

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *at, size_t n)
{
    qsort(at, n, sizeof(at[0]), compare);
    return at[n / 2];
}

/* ---- a gap --------------------------------------------------------------------------- */

struct pair {
    struct sign_key *host_key;
    struct sign_key *device_key;
    struct roster *roster;
    struct lane *host_lane;
    struct lane *ctrl_lane;
    struct session *host;
    struct session *ctrl;
    uint64_t now_ms;
    size_t n_heard;
};

static void drain(struct pair *p, struct session *s)
{
    struct session_event ev;
    while (session_next(s, &ev)) {
        const struct session_welcome w = {.padding = PADDING_PADME};
        if (ev.kind == SESSION_PEER) {
            must(session_admit(s, &w, p->host_lane) == OK);
        }
        p->n_heard += ev.kind == SESSION_MESSAGE ? 1 : 0;
    }
}

static void carry(struct pair *p, struct session *from, struct session *to)
{
    struct bytes body;
    while (session_output(from, p->now_ms, &body)) {
        must(session_feed(to, body, p->now_ms) == OK);
        session_sent(from);
        drain(p, to);
    }
}

static void carry_all(struct pair *p)
{
    for (int i = 0; i < 4; i++) {
        carry(p, p->ctrl, p->host);
        carry(p, p->host, p->ctrl);
    }
}

static const uint8_t root[PAIR_ROOT_SIZE] = {2};

static void reconnect(struct pair *p)
{
    struct session_host h = {.mailbox_id = {0}};
    const struct session_device d = {.key = p->device_key, .name = "d", .version = "1"};
    memcpy(h.host_key, sign_key_pub(p->host_key), SIGN_PUB);
    memcpy(h.pair_root, root, sizeof(root));
    session_destroy(p->host);
    session_destroy(p->ctrl);
    p->now_ms += 60000;
    p->host = session_accept(p->roster, p->now_ms);
    p->ctrl = session_connect(&d, &h, p->ctrl_lane, p->now_ms);
    must(p->host != NULL && p->ctrl != NULL);
}

static void open_pair(struct pair *p)
{
    p->host_key = sign_key_random();
    p->device_key = sign_key_random();
    const struct roster_config c = {
        .host_key = p->host_key, .name = "h", .version = "1"};
    p->roster = roster_create(&c);
    p->host_lane = lane_create(LANE_HOST, &(struct lane_state){.epoch = 1});
    p->ctrl_lane = lane_create(LANE_DEVICE, &(struct lane_state){.epoch = 0});
    must(roster_put(p->roster, sign_key_pub(p->device_key), root) == OK);
    reconnect(p);
    carry_all(p);
}

static void close_pair(struct pair *p)
{
    session_destroy(p->host);
    session_destroy(p->ctrl);
    lane_destroy(p->host_lane);
    lane_destroy(p->ctrl_lane);
    roster_destroy(p->roster);
    sign_key_destroy(p->host_key);
    sign_key_destroy(p->device_key);
}

static void send_gap(struct pair *p, uint16_t stream, struct blob *b)
{
    for (int i = 0; i < GAP; i++) {
        must(lane_send(p->host_lane, stream, b) == OK);
    }
}

static void bench_gap(void)
{
    struct pair p = {.now_ms = 1000};
    double resumed[ROUNDS];
    double live[ROUNDS];
    uint16_t stream = 0;
    open_pair(&p);
    struct blob *b = blob_try(MESSAGE);
    must(b != NULL && lane_open(p.ctrl_lane, &stream) == OK &&
         lane_send(p.ctrl_lane, stream, b) == OK);
    carry_all(&p);
    for (int i = 0; i < ROUNDS; i++) {
        send_gap(&p, stream, b);
        uint64_t began = clock_mono_us();
        reconnect(&p);
        carry_all(&p);
        resumed[i] = (double)(clock_mono_us() - began) / 1000;
        send_gap(&p, stream, b);
        began = clock_mono_us();
        carry_all(&p);
        live[i] = (double)(clock_mono_us() - began) / 1000;
    }
    must(p.n_heard == 1 + 2 * (size_t)GAP * ROUNDS);
    const double ms = median(resumed, ROUNDS);
    const double yardstick = median(live, ROUNDS);
    printf(
        "  {\"name\": \"lane: resume after a gap of 1,000 messages\", \"unit\": \"ms\","
        " \"ours\": %.2f, \"yardstick\": %.2f, \"yardstick_is\": \"the same messages in"
        " a live session\", \"ratio\": %.2f, \"target\": \"< 100 ms\", \"met\": %s},\n",
        ms, yardstick, ms / yardstick, ms < 100 ? "true" : "false");
    blob_unref(b);
    close_pair(&p);
}

/* ---- a command ------------------------------------------------------------------------- */

static double commit_one(struct store *s, uint64_t seq)
{
    struct store_lane lane = {.last_recv = seq};
    struct store_command c = {
        .seq = seq, .state = STORE_ACCEPTED, .method = "turn/start", .thread = "t"};
    const uint64_t began = clock_mono_us();
    must(store_begin(s) == OK && store_lane_put(s, &lane) == OK &&
         store_command_put(s, &c) == OK && store_commit(s) == OK);
    return (double)(clock_mono_us() - began) / 1000;
}

static double sync_one(int fd)
{
    static const uint8_t page[PAGE];
    const uint64_t began = clock_mono_us();
    must(write(fd, page, sizeof(page)) == PAGE && fsync(fd) == 0);
    return (double)(clock_mono_us() - began) / 1000;
}

static void bench_commit(void)
{
    char dir[] = "/var/tmp/farhand-lane-bench-XXXXXX";
    char path[80];
    char plain[80];
    char extra[80];
    struct store *s = NULL;
    static double ours[COMMITS];
    static double bare[COMMITS];
    must(mkdtemp(dir) != NULL &&
         text_format(path, sizeof(path), "%s/s.db", dir) == OK &&
         text_format(plain, sizeof(plain), "%s/plain", dir) == OK &&
         store_open(path, &s, NULL) == OK);
    const int fd = open(plain, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0);
    for (int i = 0; i < COMMITS; i++) {
        bare[i] = sync_one(fd);
        ours[i] = commit_one(s, (uint64_t)i + 1);
    }
    const double ms = median(ours, COMMITS);
    const double yardstick = median(bare, COMMITS);
    printf(
        "  {\"name\": \"lane: number and command durable\", \"unit\": \"ms\", \"ours\":"
        " %.3f, \"yardstick\": %.3f, \"yardstick_is\": \"4 KiB appended, one fsync\","
        " \"ratio\": %.2f, \"target\": \"<= one fsync + 2 ms\", \"met\": %s}\n",
        ms, yardstick, ms / yardstick, ms <= yardstick + 2 ? "true" : "false");
    (void)close(fd);
    store_close(s);
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(endings); i++) {
        if (text_format(extra, sizeof(extra), "%s%s", path, endings[i]) == OK) {
            (void)unlink(extra);
        }
    }
    (void)unlink(plain);
    (void)rmdir(dir);
}

int main(void)
{
    crypto_init();
    log_set_level(LOG_WARN);
    printf("[\n");
    bench_gap();
    bench_commit();
    printf("]\n");
    return 0;
}
