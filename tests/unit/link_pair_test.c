#include "link_rig.h"

TEST(pair_by_link_needs_nobody_at_the_controller)
{
    struct rig r;
    struct rig_ctrl c;
    rig_init(&r);
    rig_join(&r, &c);
    EQ_INT(r.n_enrolled, 1);
    EQ_INT(r.claim.mode, LINK_MODE_QR);
    EQ_STR(r.claim.name, "laptop");
    EQ_STR(c.joined.name, "desk");
    EQ_STR(c.joined.urls[0], r.url);
    EQ_MEM(c.joined.host_key, sign_key_pub(r.host_key), 32);
    EQ_MEM(c.joined.pair_root, r.claim.pair_root, 32);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(pair_by_phrase_shows_the_same_digits_on_both_sides)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    rig_init(&r);
    r.auto_ready = false;
    rig_offer(&r);
    EQ_INT(rig_pair_begin(&r, &c, pairing_phrase(r.pairing), &d), OK);
    RIG_UNTIL(&r, c.shown[0] != '\0');
    EQ_STR(c.shown, r.claim.sas);
    TRUE(c.asked);
    rig_accept(&r);
    RIG_UNTIL(&r, r.n_enrolled == 1);
    rig_pause(&r, 20);
    FALSE(c.done); // READY alone is not enough: this side has not said yes
    link_pair_confirm(c.pair, true);
    RIG_UNTIL(&r, c.done);
    EQ_INT(c.cause, LINK_OK);
    rig_connect(&r, &c);
    RIG_UNTIL(&r, c.state == LINK_CTRL_READY);
    rig_disconnect(&c);
    rig_fini(&r);
}

TEST(pair_by_phrase_declined_at_the_controller_is_declined)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    rig_init(&r);
    r.auto_ready = false;
    rig_offer(&r);
    EQ_INT(rig_pair_begin(&r, &c, pairing_phrase(r.pairing), &d), OK);
    RIG_UNTIL(&r, c.shown[0] != '\0');
    link_pair_confirm(c.pair, false);
    RIG_UNTIL(&r, c.done && r.session == NULL);
    EQ_INT(c.cause, LINK_DECLINED);
    EQ_INT(r.n_enrolled, 0);
    rig_fini(&r);
}

TEST(pair_refused_by_the_host_says_why)
{
    static const struct {
        const char *name;
        uint8_t code;
        enum link_cause want;
    } cases[] = {
        {"declined", 2, LINK_DECLINED},
        {"forbidden", 1, LINK_FORBIDDEN},
        {"expired", 3, LINK_EXPIRED},
        {"too many devices", 5, LINK_TOO_MANY},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig r;
        struct rig_ctrl c = {.done = false};
        struct diag d = {.text = ""};
        char link[512];
        CASE(cases[i].name);
        rig_init(&r);
        r.auto_ready = false;
        rig_offer(&r);
        rig_link(&r, link, sizeof(link));
        EQ_INT(rig_pair_begin(&r, &c, link, &d), OK);
        RIG_UNTIL(&r, c.shown[0] != '\0');
        FALSE(c.asked);
        link_session_deny(r.session, cases[i].code, "the owner said no");
        RIG_UNTIL(&r, c.done && r.session == NULL);
        EQ_INT(c.cause, cases[i].want);
        EQ_STR(c.sentence, "the owner said no");
        rig_fini(&r);
    }
}

/* Another phrase of the same digits, with the right check digit. */
static void other_phrase(const char *shown, char *out, size_t size)
{
    struct code code;
    char digits[8];
    const char *last = strrchr(shown, '-') + 1;
    EQ_INT(text_format(digits, sizeof(digits), "%.*s", (int)strlen(last) - 1, last),
           OK);
    do {
        EQ_INT(code_make(bytes_from_str(digits), 2, &code), OK);
    } while (strcmp(code.shown, shown) == 0);
    EQ_INT(text_format(out, size, "%s", code.shown), OK);
    code_fini(&code);
}

TEST(pair_by_a_wrong_phrase_spends_it_and_counts_a_guess)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    char wrong[CODE_TEXT_MAX];
    rig_init(&r);
    rig_offer(&r);
    other_phrase(pairing_phrase(r.pairing), wrong, sizeof(wrong));
    EQ_INT(rig_pair_begin(&r, &c, wrong, &d), OK);
    RIG_UNTIL(&r, c.done && r.n_guesses == 1);
    EQ_INT(c.cause, LINK_SPENT);
    EQ_INT(pairing_n_guesses(r.pairing), 1);
    FALSE(r.was_claimed);
    rig_fini(&r);
}

TEST(pair_after_three_wrong_guesses_is_locked_for_phrases)
{
    struct rig r;
    struct diag d = {.text = ""};
    char wrong[CODE_TEXT_MAX];
    rig_init(&r);
    rig_offer(&r);
    other_phrase(pairing_phrase(r.pairing), wrong, sizeof(wrong));
    for (unsigned i = 0; i < 3; i++) {
        struct rig_ctrl c = {.done = false};
        EQ_INT(rig_pair_begin(&r, &c, wrong, &d), OK);
        RIG_UNTIL(&r, c.done && r.n_failed == i + 1);
    }
    TRUE(pairing_code_is_locked(r.pairing));
    struct rig_ctrl right = {.done = false};
    EQ_INT(rig_pair_begin(&r, &right, pairing_phrase(r.pairing), &d), OK);
    RIG_UNTIL(&r, right.done);
    EQ_INT(right.cause, LINK_SPENT);
    FALSE(r.was_claimed);
    rig_fini(&r);
}

TEST(pair_text_that_cannot_be_right_sends_nothing)
{
    static const struct {
        const char *name;
        const char *text;
        enum err want;
        const char *says;
    } cases[] = {
        {"not a phrase", "hello", ERR_PROTO, "Nothing was sent"},
        {"empty", "", ERR_PROTO, "Nothing was sent"},
        {"unknown words", "QQQQ-ZZZZ-7482", ERR_PROTO, "Nothing was sent"},
        {"a damaged link", "https://x/#p=AQAAAAAA", ERR_PROTO, "Nothing was sent"},
    };
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig_ctrl c = {.done = false};
        struct diag d = {.text = ""};
        CASE(cases[i].name);
        EQ_INT(rig_pair_begin(&r, &c, cases[i].text, &d), cases[i].want);
        TRUE(strstr(d.text, cases[i].says) != NULL);
    }
    rig_fini(&r);
}

TEST(pair_catches_a_typo_in_the_phrase_before_anything_is_sent)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    char typo[CODE_TEXT_MAX];
    rig_init(&r);
    rig_offer(&r);
    EQ_INT(text_format(typo, sizeof(typo), "%s", pairing_phrase(r.pairing)), OK);
    char *last = typo + strlen(typo) - 1;
    *last = *last == '9' ? '0' : (char)(*last + 1);
    EQ_INT(rig_pair_begin(&r, &c, typo, &d), ERR_PROTO);
    TRUE(strstr(d.text, "typo") != NULL);
    EQ_INT(r.n_failed, 0);
    rig_fini(&r);
}

TEST(pair_by_a_phrase_that_no_host_offers_is_spent)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    struct code code;
    rig_init(&r);
    EQ_INT(code_make(BYTES_LIT("123"), 2, &code), OK);
    EQ_INT(rig_pair_begin(&r, &c, code.shown, &d), OK);
    RIG_UNTIL(&r, c.done);
    EQ_INT(c.cause, LINK_SPENT);
    code_fini(&code);
    rig_fini(&r);
}

TEST(pair_with_a_used_link_says_make_a_new_one)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct rig_ctrl second = {.done = false};
    struct diag d = {.text = ""};
    char link[512];
    rig_init(&r);
    rig_offer(&r);
    rig_link(&r, link, sizeof(link));
    EQ_INT(rig_pair_begin(&r, &c, link, &d), OK);
    RIG_UNTIL(&r, c.done);
    EQ_INT(c.cause, LINK_OK);
    EQ_INT(rig_pair_begin(&r, &second, link, &d), OK);
    RIG_UNTIL(&r, second.done);
    EQ_INT(second.cause, LINK_SPENT);
    EQ_INT(r.n_enrolled, 1);
    rig_fini(&r);
}

TEST(pair_without_a_relay_says_so)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    char link[512];
    rig_init(&r);
    rig_offer(&r);
    rig_link(&r, link, sizeof(link));
    rig_host_stop(&r);
    rig_relay_stop(&r);
    EQ_INT(rig_pair_begin(&r, &c, link, &d), OK);
    RIG_UNTIL(&r, c.done);
    EQ_INT(c.cause, LINK_RELAY_DOWN);
    rig_fini(&r);
}

TEST(pair_whose_host_went_away_says_host_offline)
{
    struct rig r;
    struct rig_ctrl c = {.done = false};
    struct diag d = {.text = ""};
    char link[512];
    rig_init(&r);
    rig_offer(&r);
    rig_link(&r, link, sizeof(link));
    rig_host_stop(&r);
    EQ_INT(rig_pair_begin(&r, &c, link, &d), OK);
    RIG_UNTIL(&r, c.done);
    TRUE(c.cause == LINK_HOST_OFFLINE || c.cause == LINK_SPENT);
    rig_fini(&r);
}

int main(void)
{
    crypto_init();
    const struct CMUnitTest tests[] = {
        T(pair_by_link_needs_nobody_at_the_controller),
        T(pair_by_phrase_shows_the_same_digits_on_both_sides),
        T(pair_by_phrase_declined_at_the_controller_is_declined),
        T(pair_refused_by_the_host_says_why),
        T(pair_by_a_wrong_phrase_spends_it_and_counts_a_guess),
        T(pair_after_three_wrong_guesses_is_locked_for_phrases),
        T(pair_text_that_cannot_be_right_sends_nothing),
        T(pair_catches_a_typo_in_the_phrase_before_anything_is_sent),
        T(pair_by_a_phrase_that_no_host_offers_is_spent),
        T(pair_with_a_used_link_says_make_a_new_one),
        T(pair_without_a_relay_says_so),
        T(pair_whose_host_went_away_says_host_offline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
