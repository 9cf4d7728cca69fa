#include "session/grant.h"

#include "crypto/random.h"
#include "test.h"

static struct grant sample(const struct sign_key *host)
{
    struct grant g = {
        .role = GRANT_OPERATOR,
        .caps = 0x3,
        .serial = 5,
        .issued_ms = 1000,
        .not_after_ms = 2000,
        .proto_min = 1,
        .person = BYTES_LIT("ada"),
        .name = BYTES_LIT("Pixel 9"),
    };
    id_host(sign_key_pub(host), g.host_id);
    memset(g.device_key, 9, sizeof(g.device_key));
    return g;
}

TEST(a_grant_comes_back_as_it_was_made)
{
    crypto_init();
    struct sign_key *host = sign_key_random();
    const struct grant in = sample(host);
    struct grant out;
    struct buf b;
    buf_init(&b, GRANT_MAX);
    EQ_INT(grant_make(&in, host, &b), OK);
    EQ_INT(grant_read(buf_bytes(&b), sign_key_pub(host), &out), OK);
    EQ_INT(out.role, GRANT_OPERATOR);
    EQ_U64(out.caps, in.caps);
    EQ_U64(out.serial, 5);
    EQ_BYTES(out.name, in.name);
    EQ_BYTES(out.person, in.person);
    EQ_INT(out.scope.len, 0);
    buf_fini(&b);
    sign_key_destroy(host);
}

TEST(every_bit_and_every_prefix_of_a_grant_matters)
{
    crypto_init();
    struct sign_key *host = sign_key_random();
    const struct grant in = sample(host);
    struct grant out;
    struct buf b;
    uint8_t raw[GRANT_MAX];
    buf_init(&b, GRANT_MAX);
    EQ_INT(grant_make(&in, host, &b), OK);
    const size_t len = buf_len(&b);
    memcpy(raw, buf_bytes(&b).at, len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
        TRUE(grant_read((struct bytes){raw, len}, sign_key_pub(host), &out) != OK);
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < len; n++) {
        TRUE(grant_read((struct bytes){raw, n}, sign_key_pub(host), &out) != OK);
    }
    struct sign_key *other = sign_key_random();
    EQ_INT(grant_read((struct bytes){raw, len}, sign_key_pub(other), &out), ERR_AUTH);
    sign_key_destroy(other);
    sign_key_destroy(host);
    buf_fini(&b);
}

TEST(long_names_are_refused)
{
    static const uint8_t name[GRANT_NAME_MAX + 1] = {'a'};
    crypto_init();
    struct sign_key *host = sign_key_random();
    struct grant in = sample(host);
    struct buf b;
    in.name = BYTES_OF(name);
    buf_init(&b, GRANT_MAX);
    EQ_INT(grant_make(&in, host, &b), ERR_LIMIT);
    buf_fini(&b);
    sign_key_destroy(host);
}

TEST(a_grant_with_an_unknown_role_or_scope_is_refused)
{
    static const struct {
        unsigned role;
        const char *scope;
        enum err want;
    } cases[] = {
        {GRANT_OPERATOR, "", OK},
        {GRANT_VIEWER, "01a2-b3", OK},
        {GRANT_VIEWER, "01a2-b3 t_2.x:y", OK},
        {0, "", ERR_PROTO},
        {5, "", ERR_PROTO},
        {255, "", ERR_PROTO},
        {GRANT_VIEWER, "*", ERR_PROTO},
        {GRANT_VIEWER, " t1", ERR_PROTO},
        {GRANT_VIEWER, "t1 ", ERR_PROTO},
        {GRANT_VIEWER, "t1  t2", ERR_PROTO},
        {GRANT_VIEWER, "t1,t2", ERR_PROTO},
        {GRANT_VIEWER, "project/x", ERR_PROTO},
        {GRANT_VIEWER, "t1\nt2", ERR_PROTO},
        {GRANT_VIEWER, "\xc3\xa4", ERR_PROTO},
    };
    crypto_init();
    struct sign_key *host = sign_key_random();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct grant in = sample(host);
        struct grant out;
        struct buf b;
        buf_init(&b, GRANT_MAX);
        in.role = (enum grant_role)cases[i].role;
        in.scope = bytes_from_str(cases[i].scope);
        CASE(cases[i].scope);
        EQ_INT(grant_make(&in, host, &b), OK);
        EQ_INT(grant_read(buf_bytes(&b), sign_key_pub(host), &out), cases[i].want);
        buf_fini(&b);
    }
    sign_key_destroy(host);
}

TEST(roles_have_names)
{
    enum grant_role r = GRANT_NOBODY;
    EQ_STR(grant_role_name(GRANT_APPROVER), "approver");
    EQ_INT(grant_role_parse(BYTES_LIT("owner"), &r), OK);
    EQ_INT(r, GRANT_OWNER);
    EQ_INT(grant_role_parse(BYTES_LIT("nobody"), &r), ERR_NOT_FOUND);
}

RUN_TESTS(T(a_grant_comes_back_as_it_was_made),
          T(every_bit_and_every_prefix_of_a_grant_matters), T(long_names_are_refused),
          T(a_grant_with_an_unknown_role_or_scope_is_refused), T(roles_have_names))
