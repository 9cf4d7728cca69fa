#include "test.h"

#include "base/mem.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "relay/admission.h"
#include "relay/limit.h"
#include "relay/ticket.h"

#define NOW UINT64_C(1700000000000)

static struct ticket_keys keys;

static void make(uint8_t raw[TICKET_SIZE])
{
    struct ticket t = {.audience = TICKET_DEVICE, .mailbox = {1, 2}, .holder = {3, 4}};
    crypto_init();
    keys = (struct ticket_keys){.slot = {{.kid = 0}}};
    ticket_keys_rotate(&keys, NOW);
    ticket_make(&keys, &t, NOW, raw);
}

TEST(a_ticket_says_what_was_put_into_it)
{
    uint8_t raw[TICKET_SIZE];
    struct ticket t;
    make(raw);
    EQ_INT(ticket_check(&keys, BYTES_OF(raw), NOW, &t), OK);
    EQ_INT(t.audience, TICKET_DEVICE);
    EQ_U64(t.expires_ms, NOW + TICKET_TTL_MS);
    EQ_INT(t.mailbox[1], 2);
    EQ_INT(t.holder[1], 4);
}

TEST(every_flipped_bit_and_every_prefix_of_a_ticket_is_refused)
{
    uint8_t raw[TICKET_SIZE];
    struct ticket t;
    make(raw);
    for (size_t bit = 0; bit < sizeof(raw) * 8; bit++) {
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EQ_INT(ticket_check(&keys, BYTES_OF(raw), NOW, &t), ERR_AUTH);
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < sizeof(raw); n++) {
        EQ_INT(ticket_check(&keys, (struct bytes){raw, n}, NOW, &t), ERR_AUTH);
    }
}

TEST(a_ticket_ends_after_a_quarter_of_an_hour)
{
    uint8_t raw[TICKET_SIZE];
    struct ticket t;
    make(raw);
    EQ_INT(ticket_check(&keys, BYTES_OF(raw), NOW + TICKET_TTL_MS - 1, &t), OK);
    EQ_INT(ticket_check(&keys, BYTES_OF(raw), NOW + TICKET_TTL_MS, &t), ERR_EXPIRED);
}

TEST(a_ticket_outlives_one_rotation_and_not_two)
{
    uint8_t raw[TICKET_SIZE];
    struct ticket t;
    make(raw);
    ticket_keys_rotate(&keys, NOW);
    EQ_INT(ticket_check(&keys, BYTES_OF(raw), NOW, &t), OK);
    ticket_keys_rotate(&keys, NOW);
    EQ_INT(ticket_check(&keys, BYTES_OF(raw), NOW, &t), ERR_AUTH);
}

TEST(keys_rotate_daily_and_when_the_clock_went_back)
{
    uint8_t raw[TICKET_SIZE];
    make(raw);
    FALSE(ticket_keys_are_due(&keys, NOW + TICKET_ROTATE_MS - 1));
    TRUE(ticket_keys_are_due(&keys, NOW + TICKET_ROTATE_MS));
    TRUE(ticket_keys_are_due(&keys, NOW - 1));
    for (int i = 0; i < 600; i++) { // kid 0 means an empty slot
        ticket_keys_rotate(&keys, NOW);
        TRUE(keys.slot[0].kid != 0 && keys.slot[0].kid != keys.slot[1].kid);
    }
}

TEST(the_key_file_gives_back_what_was_written)
{
    uint8_t raw[TICKET_SIZE];
    char text[TICKET_FILE_MAX];
    struct ticket_keys again;
    make(raw);
    for (int n = 1; n <= 2; n++) {
        const size_t len = ticket_keys_write(&keys, text);
        EQ_INT(ticket_keys_read((struct bytes){(uint8_t *)text, len}, &again), OK);
        TRUE(memcmp(&again, &keys, sizeof(keys)) == 0);
        for (size_t cut = 1; cut < len; cut++) { // whole lines alone are also a file
            const enum err e =
                ticket_keys_read((struct bytes){(uint8_t *)text, cut}, &again);
            EQ_INT(e, text[cut - 1] == '\n' ? OK : ERR_PROTO);
        }
        ticket_keys_rotate(&keys, NOW);
    }
}

TEST(a_damaged_key_file_is_refused)
{
    static const char *const bad[] = {
        "0 1 00\n",
        "1 1\n",
        "1 x 0101010101010101010101010101010101010101010101010101010101010101\n",
        "256 1 0101010101010101010101010101010101010101010101010101010101010101\n",
        "1 1 01010101010101010101010101010101010101010101010101010101010101\n",
        ("1 1 0101010101010101010101010101010101010101010101010101010101010101\n"
         "1 1 0101010101010101010101010101010101010101010101010101010101010101\n"), // one text: the same key twice
    };
    struct ticket_keys out;
    for (size_t i = 0; i < COUNT(bad); i++) {
        CASE(bad[i]);
        EQ_INT(ticket_keys_read(bytes_from_str(bad[i]), &out), ERR_PROTO);
    }
}

/* ---- admission -------------------------------------------------------------------- */

static const uint8_t mailbox[16] = {0xab, 1};

TEST(nobody_is_admitted_by_a_relay_that_was_told_nothing)
{
    const struct admission none = {.kind = ADMISSION_LISTED};
    FALSE(admission_allows(&none, mailbox, BYTES_NONE));
}

TEST(an_open_relay_admits_anybody)
{
    const struct admission open = {.kind = ADMISSION_OPEN};
    TRUE(admission_allows(&open, mailbox, BYTES_NONE));
}

TEST(an_invite_is_any_line_of_the_file_and_nothing_else)
{
    struct admission a = {.kind = ADMISSION_INVITE};
    EQ_INT(admission_read(&a, ADMISSION_INVITE,
                          BYTES_LIT("# for the team\nswordfish\n\n  second one \r\n"),
                          NULL),
           OK);
    EQ_U64(a.n, 2);
    TRUE(admission_allows(&a, mailbox, BYTES_LIT("swordfish")));
    TRUE(admission_allows(&a, mailbox, BYTES_LIT("second one")));
    FALSE(admission_allows(&a, mailbox, BYTES_LIT("swordfis")));
    FALSE(admission_allows(&a, mailbox, BYTES_LIT("# for the team")));
    FALSE(admission_allows(&a, mailbox, BYTES_NONE));
    admission_fini(&a);
}

TEST(an_allow_file_lists_mailboxes_or_relay_keys)
{
    struct admission a = {.kind = ADMISSION_LISTED};
    uint8_t hr[32];
    uint8_t of_key[16];
    memset(hr, 0x11, sizeof(hr));
    admission_mailbox_of(hr, of_key);
    EQ_INT(admission_read(
               &a, ADMISSION_LISTED,
               BYTES_LIT(
                   "ab010000000000000000000000000000\n"
                   "1111111111111111111111111111111111111111111111111111111111111111"),
               NULL),
           OK);
    TRUE(admission_allows(&a, mailbox, BYTES_NONE));
    TRUE(admission_allows(&a, of_key, BYTES_NONE));
    FALSE(admission_allows(&a, hr, BYTES_NONE));
    admission_fini(&a);
}

TEST(a_bad_line_is_named)
{
    struct admission a = {.kind = ADMISSION_LISTED};
    struct diag diag = {.text = ""};
    EQ_INT(admission_read(&a, ADMISSION_LISTED, BYTES_LIT("#\nabc\n"), &diag),
           ERR_PROTO);
    TRUE(strstr(diag.text, "line 2") != NULL);
    admission_fini(&a);
}

TEST(a_file_with_too_many_lines_or_too_long_a_secret_is_refused)
{
    struct admission a = {.kind = ADMISSION_INVITE};
    char text[2 * (RELAY_ADMIT_MAX + 1)];
    memset(text, 'x', sizeof(text));
    EQ_INT(admission_read(&a, ADMISSION_INVITE,
                          (struct bytes){(uint8_t *)text, RELAY_INVITE_MAX + 1}, NULL),
           ERR_LIMIT);
    for (size_t i = 1; i < sizeof(text); i += 2) {
        text[i] = '\n';
    }
    EQ_INT(admission_read(&a, ADMISSION_INVITE,
                          (struct bytes){(uint8_t *)text, sizeof(text)}, NULL),
           ERR_LIMIT);
    admission_fini(&a);
}

RUN_TESTS(T(a_ticket_says_what_was_put_into_it),
          T(every_flipped_bit_and_every_prefix_of_a_ticket_is_refused),
          T(a_ticket_ends_after_a_quarter_of_an_hour),
          T(a_ticket_outlives_one_rotation_and_not_two),
          T(keys_rotate_daily_and_when_the_clock_went_back),
          T(the_key_file_gives_back_what_was_written), T(a_damaged_key_file_is_refused),
          T(nobody_is_admitted_by_a_relay_that_was_told_nothing),
          T(an_open_relay_admits_anybody),
          T(an_invite_is_any_line_of_the_file_and_nothing_else),
          T(an_allow_file_lists_mailboxes_or_relay_keys), T(a_bad_line_is_named),
          T(a_file_with_too_many_lines_or_too_long_a_secret_is_refused))
