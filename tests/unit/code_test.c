#include "session/code.h"

#include "crypto/random.h"
#include "test.h"

TEST(the_word_list_is_2048_distinct_words_of_four_letters)
{
    for (unsigned i = 0; i < CODE_WORDS; i++) {
        const char *w = code_word(i);
        EQ_INT(strlen(w), CODE_WORD_LEN);
        for (size_t k = 0; k < CODE_WORD_LEN; k++) {
            TRUE(w[k] >= 'a' && w[k] <= 'z');
        }
        TRUE(i == 0 || strcmp(code_word(i - 1), w) < 0);
    }
}

/* protocol.md 4: the check digit of wolf-pine-748 is 9. */
TEST(what_people_type_is_forgiven)
{
    static const char *const typed[] = {
        "WOLF-PINE-7489",    "wolf-pine-7489",
        "wolfpine7489",      " Wolf  Pine 748 9\n",
        "wolf_pine.7489",    "7489 wolf pine",
        "w o l f pine7489",  "WOLF\xe2\x80\x93PINE-7489",
        "wolf-pine-7-4-8-9", "(wolf) [pine] 7489!",
    };
    for (size_t i = 0; i < COUNT(typed); i++) {
        struct code c;
        CASE(typed[i]);
        EQ_INT(code_parse(bytes_from_str(typed[i]), &c), OK);
        EQ_STR(c.prs, "wolf-pine-748");
        EQ_STR(c.shown, "WOLF-PINE-7489");
        EQ_STR(c.digits, "748");
    }
}

TEST(what_is_no_phrase_is_refused)
{
    static const struct {
        const char *typed;
        enum err want;
    } cases[] = {
        {"", ERR_PROTO},
        {"wolf-pine-748", ERR_PROTO},
        {"wolf-7489", ERR_PROTO},
        {"wolf-pine-7489123", ERR_PROTO},
        {"wolf-pin-7489", ERR_PROTO},
        {"wolf-pine-tree-sand-7489", ERR_PROTO},
        {"wolf-zzzz-7489", ERR_NOT_FOUND},
        {"wolf-pine-7488", ERR_USAGE},
        {"wolf-pine-7589", ERR_USAGE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct code c;
        CASE(cases[i].typed);
        EQ_INT(code_parse(bytes_from_str(cases[i].typed), &c), cases[i].want);
    }
}

TEST(a_fresh_phrase_parses)
{
    crypto_init();
    static const char *const plates[] = {"000", "748", "1234", "99999"};
    for (unsigned words = 2; words <= 3; words++) {
        for (size_t i = 0; i < COUNT(plates); i++) {
            struct code made;
            struct code read;
            EQ_INT(code_make(bytes_from_str(plates[i]), words, &made), OK);
            EQ_INT(code_parse(bytes_from_str(made.shown), &read), OK);
            EQ_STR(read.prs, made.prs);
            EQ_STR(read.digits, plates[i]);
            code_fini(&made);
            EQ_INT(made.prs[0], 0);
        }
    }
}

TEST(digits_must_be_digits)
{
    struct code c;
    EQ_INT(code_make(BYTES_LIT("12"), 2, &c), ERR_USAGE);
    EQ_INT(code_make(BYTES_LIT("123456"), 2, &c), ERR_USAGE);
    EQ_INT(code_make(BYTES_LIT("12a"), 2, &c), ERR_USAGE);
    EQ_INT(code_make(BYTES_LIT("123"), 1, &c), ERR_USAGE);
}

RUN_TESTS(T(the_word_list_is_2048_distinct_words_of_four_letters),
          T(what_people_type_is_forgiven), T(what_is_no_phrase_is_refused),
          T(a_fresh_phrase_parses), T(digits_must_be_digits))
