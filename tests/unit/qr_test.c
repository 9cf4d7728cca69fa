#include "wire/qr.h"

#include "test.h"

static struct qr sample(void)
{
    struct qr q = {.expires_s = 1800000000, .n_urls = 1};
    memset(q.pair_id, 0x11, sizeof(q.pair_id));
    memset(q.host_key, 0x22, sizeof(q.host_key));
    memset(q.secret, 0x33, sizeof(q.secret));
    q.urls[0] = (struct qr_url){QR_RELAY, "wss://relay.example/relay"};
    return q;
}

/* protocol.md 3: 100 octets with a URL of 25 characters. */
TEST(one_relay_makes_the_short_form)
{
    struct qr in = sample();
    struct qr out;
    struct buf b;
    buf_init(&b, QR_BLOB_MAX);
    EQ_INT(qr_encode(&in, &b), OK);
    EQ_INT(buf_len(&b), 100);
    EQ_INT(buf_bytes(&b).at[1], 0);
    EQ_INT(qr_decode(buf_bytes(&b), &out), OK);
    EQ_MEM(&in, &out, sizeof(in));
    buf_fini(&b);
}

TEST(several_addresses_make_the_list)
{
    struct qr in = sample();
    struct qr out;
    struct buf b;
    in.n_urls = 2;
    in.urls[1] = (struct qr_url){QR_DIRECT, "ws://192.168.1.7:4318/fh1"};
    buf_init(&b, QR_BLOB_MAX);
    EQ_INT(qr_encode(&in, &b), OK);
    EQ_INT(buf_bytes(&b).at[1], 1);
    EQ_INT(qr_decode(buf_bytes(&b), &out), OK);
    EQ_INT(out.n_urls, 2);
    EQ_INT(out.urls[1].kind, QR_DIRECT);
    EQ_STR(out.urls[1].text, in.urls[1].text);
    buf_fini(&b);
}

TEST(every_prefix_and_every_extension_is_refused)
{
    struct qr in = sample();
    struct buf b;
    in.n_urls = 2;
    in.urls[1] = in.urls[0];
    buf_init(&b, QR_BLOB_MAX);
    EQ_INT(qr_encode(&in, &b), OK);
    for (size_t n = 0; n < buf_len(&b); n++) {
        struct qr out;
        EQ_INT(qr_decode((struct bytes){buf_bytes(&b).at, n}, &out), ERR_PROTO);
    }
    struct qr out;
    EQ_INT(buf_put_u8(&b, 0), OK);
    EQ_INT(qr_decode(buf_bytes(&b), &out), ERR_PROTO);
    buf_fini(&b);
}

TEST(bad_blobs_are_refused)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
    } cases[] = {
        {"version 2", 0, 2},        {"unknown flag", 1, 2}, {"URL of no kind", 75, 'x'},
        {"a space in it", 85, ' '}, {"a control", 85, 7},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qr in = sample();
        struct qr out;
        struct buf b;
        uint8_t raw[QR_BLOB_MAX];
        CASE(cases[i].name);
        buf_init(&b, QR_BLOB_MAX);
        EQ_INT(qr_encode(&in, &b), OK);
        memcpy(raw, buf_bytes(&b).at, buf_len(&b));
        raw[cases[i].at] = cases[i].value;
        EQ_INT(qr_decode((struct bytes){raw, buf_len(&b)}, &out), ERR_PROTO);
        buf_fini(&b);
    }
}

TEST(a_link_a_fragment_and_a_bare_code_are_the_same)
{
    static const char *const forms[] = {"%s", "p=%s", "#p=%s",
                                        "  https://app.example/#p=%s\n"};
    struct qr in = sample();
    struct buf b;
    char code[B64URL_SIZE(QR_BLOB_MAX)];
    buf_init(&b, QR_BLOB_MAX);
    EQ_INT(qr_encode(&in, &b), OK);
    b64url_encode(buf_bytes(&b), code);
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct qr out;
        struct buf text;
        CASE(forms[i]);
        buf_init(&text, QR_TEXT_MAX);
        const char *place = strstr(forms[i], "%s");
        const struct bytes lead = {(const uint8_t *)forms[i],
                                   (size_t)(place - forms[i])};
        EQ_INT(buf_put(&text, lead), OK);
        EQ_INT(buf_put_str(&text, code), OK);
        EQ_INT(buf_put_str(&text, place + 2), OK);
        EQ_INT(qr_decode_text(buf_bytes(&text), &out), OK);
        EQ_MEM(&in, &out, sizeof(in));
        buf_fini(&text);
    }
    struct qr out;
    EQ_INT(qr_decode_text(BYTES_LIT("WOLF-PINE-7489"), &out), ERR_PROTO);
    EQ_INT(qr_decode_text(BYTES_LIT(""), &out), ERR_PROTO);
    buf_fini(&b);
}

TEST(too_many_or_too_long_addresses_are_refused)
{
    struct qr in = sample();
    struct buf b;
    buf_init(&b, QR_BLOB_MAX);
    in.n_urls = 0;
    EQ_INT(qr_encode(&in, &b), ERR_LIMIT);
    in.n_urls = QR_URLS_MAX;
    for (size_t i = 0; i < QR_URLS_MAX; i++) {
        in.urls[i] = (struct qr_url){QR_RELAY, "wss://"};
        memset(in.urls[i].text + 6, 'a', QR_URL_MAX - 6);
    }
    EQ_INT(qr_encode(&in, &b), ERR_LIMIT);
    EQ_INT(buf_len(&b), 0);
    buf_fini(&b);
}

RUN_TESTS(T(one_relay_makes_the_short_form), T(several_addresses_make_the_list),
          T(every_prefix_and_every_extension_is_refused), T(bad_blobs_are_refused),
          T(a_link_a_fragment_and_a_bare_code_are_the_same),
          T(too_many_or_too_long_addresses_are_refused))
