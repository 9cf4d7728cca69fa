/* When a session is over, its keys are nowhere: not in memory that was given back, not
 * in a library's context, not on a stack. The test reads the whole process and looks. */

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "ends.h"
#include "session/session_priv.h"

enum { MASK = 0x5a, KEY = 32, WANTED_MAX = 8, CHUNK = 1 << 20 };

/* Masked, so that the list itself is not what is found. */
static struct {
    const char *name;
    uint8_t masked[KEY];
} wanted[WANTED_MAX];
static size_t n_wanted;

static void want(const char *name, const uint8_t *key)
{
    wanted[n_wanted].name = name;
    for (size_t i = 0; i < KEY; i++) {
        wanted[n_wanted].masked[i] = key[i] ^ MASK;
    }
    n_wanted++;
}

static bool is_at(const uint8_t *at, const uint8_t *masked)
{
    size_t i = 0;
    while (i < KEY && at[i] == (masked[i] ^ MASK)) {
        i++;
    }
    return i == KEY;
}

/* How many copies of the wanted keys these octets hold. */
static unsigned search(const uint8_t *octets, size_t len)
{
    unsigned found = 0;
    for (size_t i = 0; i + KEY <= len; i++) {
        for (size_t k = 0; k < n_wanted; k++) {
            if (octets[i] == (wanted[k].masked[0] ^ MASK) &&
                is_at(octets + i, wanted[k].masked)) {
                found++;
                print_message("found: %s\n", wanted[k].name);
            }
        }
    }
    return found;
}

static unsigned search_range(int mem, uint64_t from, uint64_t to)
{
    static uint8_t chunk[CHUNK + KEY];
    unsigned found = 0;
    for (uint64_t at = from; at < to; at += CHUNK) {
        const size_t want_len = to - at < sizeof(chunk) ? to - at : sizeof(chunk);
        const ssize_t n = pread(mem, chunk, want_len, (off_t)at);
        if (n > 0 && (at + (uint64_t)n <= (uintptr_t)chunk ||
                      at >= (uintptr_t)chunk + sizeof(chunk))) {
            found += search(chunk, (size_t)n);
        }
    }
    explicit_bzero(chunk, sizeof(chunk));
    return found;
}

/* Every writable mapping that is not absurdly large (a sanitizer's shadow). */
static unsigned search_process(void)
{
    char line[512];
    unsigned found = 0;
    const int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "re");
    TRUE(mem >= 0 && maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *end = NULL;
        const uint64_t from = strtoull(line, &end, 16);
        const uint64_t to = strtoull(end + 1, &end, 16);
        if (strncmp(end, " rw", 3) == 0 && to - from <= (UINT64_C(64) << 20)) {
            found += search_range(mem, from, to);
        }
    }
    (void)fclose(maps);
    (void)close(mem);
    return found;
}

TEST(a_finished_session_leaves_no_key)
{
    struct ends t;
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    n_wanted = 0;
    want("exporter", t.host.s->keys.exporter);
    want("host sends", t.host.s->tx.next);
    want("host receives", t.host.s->rx.next);
    TRUE(search_process() != 0); // the search works: they live
    session_close(t.ctrl.s, CLOSE_DONE);
    EQ_INT(ends_pump(&t), OK);
    ends_drop(&t);
    EQ_INT(search_process(), 0);

    want("pair_root", t.root);
    roster_remove(t.roster, t.host.peer.device_id);
    explicit_bzero(t.root, sizeof(t.root));
    EQ_INT(search_process(), 0);
    ends_fini(&t);
}

TEST(a_session_that_fails_leaves_no_key)
{
    struct ends t;
    static const uint8_t junk[64] = {0x10};
    ends_init(&t);
    ends_enrol(&t);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    n_wanted = 0;
    want("exporter", t.host.s->keys.exporter);
    want("host sends", t.host.s->tx.next);
    ends_drop(&t);
    ends_connect(&t);
    EQ_INT(ends_pump(&t), OK);
    want("second exporter", t.host.s->keys.exporter);
    want("second host sends", t.host.s->tx.next);
    EQ_INT(end_feed(&t, &t.host, BYTES_OF(junk)), ERR_AUTH);
    EQ_INT(end_feed(&t, &t.ctrl, BYTES_OF(junk)), ERR_AUTH);
    EQ_INT(search_process(), 0); // before anything is destroyed
    ends_fini(&t);
}

TEST(a_pairing_that_is_done_leaves_no_secret)
{
    struct ends t;
    struct qr qr;
    uint8_t psk[KEY];
    ends_init(&t);
    struct pairing *p = pairing_create(PAIRING_TTL_S, t.now_ms);
    const struct session_device d = ends_device(&t);
    pairing_qr(p, sign_key_pub(t.host_key), &qr);
    handshake_qr_psk(qr.secret, qr.host_key, psk);
    t.host.s = session_accept_box(t.roster, p, t.now_ms);
    t.ctrl.s = session_connect_qr(&d, &qr, t.now_ms);
    EQ_INT(ends_pump(&t), OK);
    n_wanted = 0;
    want("QR psk", psk);
    want("pair_root", session_pair_root(t.host.s).at);
    explicit_bzero(psk, sizeof(psk));
    pairing_done(p);
    ends_drop(&t);
    qr_fini(&qr);
    EQ_INT(search_process(), 0);
    pairing_unref(p);
    ends_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_finished_session_leaves_no_key),
        T(a_session_that_fails_leaves_no_key),
        T(a_pairing_that_is_done_leaves_no_secret),
    };
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
