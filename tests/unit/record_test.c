#include "session/record.h"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/random.h"
#include "session/pad.h"
#include "test.h"

static const uint8_t secret[RECORD_SECRET] = {7};

static size_t seal_text(struct record *r, const char *text, uint8_t *out)
{
    const size_t len = strlen(text);
    memcpy(out + RECORD_HEADER, text, len);
    EQ_INT(record_seal(r, out, len), OK);
    return len + RECORD_OVERHEAD;
}

/* A sealing end and as many opening ends as a test wants to spoil. */
static void begin(struct record *tx, struct record *rx)
{
    crypto_init();
    record_init(tx, secret, 0);
    record_init(rx, secret, 0);
}

static void end(struct record *tx, struct record *rx)
{
    record_fini(tx);
    record_fini(rx);
}

TEST(records_open_in_order)
{
    struct record tx;
    struct record rx;
    uint8_t raw[64];
    struct bytes plain;
    begin(&tx, &rx);
    for (int i = 0; i < 3; i++) {
        const size_t len = seal_text(&tx, "hello", raw);
        EQ_INT(record_open(&rx, raw, len, &plain), OK);
        TRUE(bytes_equal_str(plain, "hello"));
    }
    end(&tx, &rx);
}

TEST(a_replay_or_a_gap_ends_the_session)
{
    struct record tx;
    struct record rx;
    uint8_t one[64];
    uint8_t two[64];
    uint8_t copy[64];
    struct bytes plain;
    begin(&tx, &rx);
    const size_t len = seal_text(&tx, "one", one);
    (void)seal_text(&tx, "two", two);
    memcpy(copy, one, sizeof(copy));
    EQ_INT(record_open(&rx, one, len, &plain), OK);
    EQ_INT(record_open(&rx, copy, len, &plain), ERR_AUTH); // replayed
    EQ_INT(record_open(&rx, two, len, &plain), ERR_AUTH);  // dead: one attempt
    record_fini(&rx);
    record_init(&rx, secret, 0);
    EQ_INT(record_open(&rx, two, len, &plain), ERR_AUTH); // a gap
    end(&tx, &rx);
}

TEST(every_bit_of_a_record_matters)
{
    struct record tx;
    struct record rx;
    uint8_t raw[64];
    begin(&tx, &rx);
    const size_t len = seal_text(&tx, "hello", raw);
    for (size_t bit = 0; bit < len * 8; bit++) {
        uint8_t copy[64];
        struct bytes plain;
        memcpy(copy, raw, sizeof(copy));
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        record_fini(&rx);
        record_init(&rx, secret, 0);
        EQ_INT(record_open(&rx, copy, len, &plain), ERR_AUTH);
    }
    for (size_t n = 0; n < len; n++) {
        uint8_t copy[64];
        struct bytes plain;
        memcpy(copy, raw, sizeof(copy));
        record_fini(&rx);
        record_init(&rx, secret, 0);
        EQ_INT(record_open(&rx, copy, n, &plain), ERR_AUTH);
    }
    end(&tx, &rx);
}

TEST(directions_do_not_mix)
{
    static const uint8_t other[RECORD_SECRET] = {8};
    struct record tx;
    struct record rx;
    uint8_t raw[64];
    struct bytes plain;
    begin(&tx, &rx);
    record_fini(&rx);
    record_init(&rx, other, 0);
    const size_t len = seal_text(&tx, "hello", raw);
    EQ_INT(record_open(&rx, raw, len, &plain), ERR_AUTH); // reflected
    end(&tx, &rx);
}

TEST(an_epoch_ends_by_count_by_octets_and_by_time)
{
    struct record tx;
    struct record rx;
    uint8_t raw[64];
    begin(&tx, &rx);
    FALSE(record_wants_rekey(&tx, RECORD_EPOCH_MS - 1));
    TRUE(record_wants_rekey(&tx, RECORD_EPOCH_MS));
    tx.octets = RECORD_EPOCH_OCTETS;
    TRUE(record_wants_rekey(&tx, 0));
    tx.octets = 0;
    tx.counter = RECORD_EPOCH_RECORDS - 1;
    tx.guard = ~tx.counter;
    TRUE(record_wants_rekey(&tx, 0));
    (void)seal_text(&tx, "last", raw);
    EQ_INT(record_seal(&tx, raw, 4), ERR_EXPIRED);
    EQ_INT(record_rekey(&tx, 5), OK);
    EQ_INT(tx.epoch, 1);
    FALSE(record_wants_rekey(&tx, 5));
    end(&tx, &rx);
}

TEST(the_last_epoch_is_255)
{
    struct record tx;
    struct record rx;
    begin(&tx, &rx);
    for (int i = 0; i < 255; i++) {
        EQ_INT(record_rekey(&tx, 0), OK);
    }
    EQ_INT(record_rekey(&tx, 0), ERR_EXPIRED);
    end(&tx, &rx);
}

/* A fault that sets a counter back would use a nonce twice. */
TEST(a_counter_that_was_tampered_with_aborts)
{
    struct record tx;
    struct record rx;
    uint8_t raw[64];
    begin(&tx, &rx);
    (void)seal_text(&tx, "one", raw);
    const pid_t child = fork();
    if (child == 0) {
        (void)close(2);
        tx.counter = 0;
        const enum err e = record_seal(&tx, raw, 3);
        _exit(e == OK ? 1 : 2);
    }
    int status = 0;
    EQ_INT(waitpid(child, &status, 0), child);
    TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    end(&tx, &rx);
}

/* ---- padding -------------------------------------------------------------------------------- */

TEST(padding_sizes)
{
    static const struct {
        const char *name;
        enum session_padding mode;
        size_t len;
        size_t want;
    } cases[] = {
        {"off", PADDING_OFF, 17, 18},
        {"at least 64", PADDING_PADME, 0, 64},
        {"63 fit into 64", PADDING_PADME, 63, 64},
        {"64 do not", PADDING_PADME, 64, 72},
        {"200", PADDING_PADME, 199, 208},
        {"60 KiB", PADDING_PADME, 61460, 63488},
        {"a block", PADDING_B1K, 1023, 1024},
        {"two blocks", PADDING_B1K, 1024, 2048},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CASE(cases[i].name);
        EQ_INT(pad_size(cases[i].mode, cases[i].len), cases[i].want);
    }
}

TEST(padding_comes_off_again_at_every_length)
{
    uint8_t raw[2048];
    for (size_t len = 0; len < 700; len++) {
        struct bytes out;
        const size_t size = pad_size(PADDING_PADME, len);
        memset(raw, len % 3 == 0 ? 0x80 : 0, len); // content that looks like padding
        pad_apply(raw, len, size);
        EQ_INT(pad_strip((struct bytes){raw, size}, &out), OK);
        EQ_INT(out.len, len);
        TRUE(size * 100 <= (len + 1) * 112 || size == 64);
    }
}

TEST(broken_padding_is_refused)
{
    struct bytes out;
    static const uint8_t zeros[64] = {0};
    static const uint8_t wrong[4] = {1, 2, 0x81, 0};
    EQ_INT(pad_strip(BYTES_OF(zeros), &out), ERR_PROTO);
    EQ_INT(pad_strip(BYTES_OF(wrong), &out), ERR_PROTO);
    EQ_INT(pad_strip(BYTES_NONE, &out), ERR_PROTO);
}

RUN_TESTS(T(records_open_in_order), T(a_replay_or_a_gap_ends_the_session),
          T(every_bit_of_a_record_matters), T(directions_do_not_mix),
          T(an_epoch_ends_by_count_by_octets_and_by_time), T(the_last_epoch_is_255),
          T(a_counter_that_was_tampered_with_aborts), T(padding_sizes),
          T(padding_comes_off_again_at_every_length), T(broken_padding_is_refused))
