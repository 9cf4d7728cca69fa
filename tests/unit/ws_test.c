#include "test.h"

#include "base/mem.h"
#include "wire/ws.h"

/* ---- one way to write down a conversation ------------------------------------------ */

struct heard {
    char text[512]; // "T:hello B:… C1000:bye", in order
    enum err end;   // ERR_AGAIN: all was taken
    uint16_t close_code;
};

static void note(struct heard *h, const struct ws_event *ev)
{
    static const char kinds[] = {[WS_TEXT] = 'T',
                                 [WS_BINARY] = 'B',
                                 [WS_PING] = 'P',
                                 [WS_PONG] = 'O',
                                 [WS_CLOSED] = 'C'};
    const size_t used = strlen(h->text);
    char code[8] = "";
    if (ev->kind == WS_CLOSED) {
        EQ_INT(text_format(code, sizeof(code), "%u", ev->code), OK);
    }
    EQ_INT(text_format(h->text + used, sizeof(h->text) - used, "%c%s:%.*s ",
                       kinds[ev->kind], code, (int)ev->payload.len,
                       ev->payload.len == 0 ? "" : (const char *)ev->payload.at),
           OK);
}

/* Feeds `in` in pieces of at most `step` octets. */
static void hear(struct bytes in, enum ws_role role, uint64_t max, size_t step,
                 struct heard *h)
{
    struct ws w;
    *h = (struct heard){.end = ERR_AGAIN};
    ws_init(&w, role, max);
    while (in.len != 0 && h->end == ERR_AGAIN) {
        uint8_t piece[600];
        size_t len = in.len < step ? in.len : step;
        uint8_t *at = piece;
        memcpy(piece, in.at, len);
        in = bytes_sub(in, len, in.len);
        enum err e = OK;
        while (e == OK && len != 0) {
            struct ws_event ev;
            size_t used = 0;
            e = ws_next(&w, at, len, &used, &ev);
            at += used;
            len -= used;
            if (e == OK) {
                note(h, &ev);
            }
        }
        h->end = e == OK ? ERR_AGAIN : e;
        EQ_INT(h->end == ERR_AGAIN && len != 0, false);
    }
    h->close_code = ws_close_code(&w, h->end);
    ws_fini(&w);
}

/* Unmasked frames, as a client hears them. */
static const struct {
    const char *name;
    const char *hex;
    const char *want;
    enum err end;
    uint16_t close_code;
} cases[] = {
    {"text", "810568656c6c6f", "T:hello ", ERR_AGAIN, 0},
    {"empty text", "8100", "T: ", ERR_AGAIN, 0},
    {"two messages", "810161820162810163", "T:a B:b T:c ", ERR_AGAIN, 0},
    {"fragments", "010161000162800163", "T:abc ", ERR_AGAIN, 0},
    {"empty fragments", "010000008000", "T: ", ERR_AGAIN, 0},
    {"fragments, ping between", "010161890170800162", "P:p T:ab ", ERR_AGAIN, 0},
    {"close without code", "8800", "C1005: ", ERR_AGAIN, 0},
    {"close with reason", "880503e8627965", "C1000:bye ", ERR_AGAIN, 0},
    {"close with half a code", "880103", "", ERR_PROTO, 1002},
    {"close with a code that is never sent", "880203ed", "", ERR_PROTO, 1002},
    {"close with a bad reason", "880303e8ff", "", ERR_PROTO, 1007},
    {"after close", "88008100", "C1005: ", ERR_PROTO, 1002},
    {"bad UTF-8", "8101ff", "", ERR_PROTO, 1007},
    {"bad UTF-8 over two frames", "0101c3800128", "", ERR_PROTO, 1007},
    {"UTF-8 split between frames", "0101c38001a9", "T:\xc3\xa9 ", ERR_AGAIN, 0},
    {"masked by a server", "818101020304", "", ERR_PROTO, 1002},
    {"continuation of nothing", "800161", "", ERR_PROTO, 1002},
    {"new message in a message", "010161810162", "", ERR_PROTO, 1002},
    {"too long", "8215", "", ERR_LIMIT, 1009},
    {"too long in fragments", "020a61616161616161616161800b", "", ERR_LIMIT, 1009},
    {"just not too long in fragments",
     "020a61616161616161616161800a62626262626262626262", "B:aaaaaaaaaabbbbbbbbbb ",
     ERR_AGAIN, 0},
};

TEST(ws_table_whole_and_in_every_split)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t raw[128];
        const struct bytes in = test_unhex(cases[i].hex, raw, sizeof(raw));
        struct heard whole;
        CASE(cases[i].name);
        hear(in, WS_CLIENT, 20, sizeof(raw), &whole);
        EQ_INT(whole.end, cases[i].end);
        EQ_STR(whole.text, cases[i].want);
        if (cases[i].close_code != 0) {
            EQ_INT(whole.close_code, cases[i].close_code);
        }
        for (size_t step = 1; step < in.len; step++) {
            struct heard split;
            hear(in, WS_CLIENT, 20, step, &split);
            EQ_STR(split.text, whole.text);
            EQ_INT(split.end, whole.end);
        }
    }
}

/* A prefix says the beginning of what the whole says, and never fails on its own. */
TEST(ws_every_prefix_waits)
{
    uint8_t raw[64];
    const struct bytes in =
        test_unhex("0101618901708001628205010203040588050fa0627965", raw, sizeof(raw));
    struct heard whole;
    hear(in, WS_CLIENT, 20, sizeof(raw), &whole);
    EQ_STR(whole.text, "P:p T:ab B:\1\2\3\4\5 C4000:bye ");
    for (size_t n = 0; n <= in.len; n++) {
        struct heard part;
        hear(bytes_sub(in, 0, n), WS_CLIENT, 20, sizeof(raw), &part);
        EQ_INT(part.end, ERR_AGAIN);
        TRUE(strncmp(whole.text, part.text, strlen(part.text)) == 0);
    }
}

/* Whatever one bit makes of it, whole and split must agree. */
TEST(ws_every_bit_flip_reads_the_same_whole_and_split)
{
    struct buf out;
    static const uint8_t mask[4] = {9, 8, 7, 6};
    buf_init(&out, 256);
    EQ_INT(
        ws_put_frame(&out, WSFRAME_TEXT, true, mask, BYTES_LIT("he"), BYTES_LIT("llo")),
        OK);
    EQ_INT(ws_put_frame(&out, WSFRAME_BINARY, false, mask, BYTES_NONE, BYTES_LIT("ab")),
           OK);
    EQ_INT(ws_put_frame(&out, WSFRAME_PING, true, mask, BYTES_NONE, BYTES_LIT("p")),
           OK);
    EQ_INT(ws_put_frame(&out, WSFRAME_CONT, true, mask, BYTES_NONE, BYTES_NONE), OK);
    EQ_INT(ws_put_close(&out, mask, 1000, "bye"), OK);
    const size_t len = buf_len(&out);
    for (size_t bit = 0; bit <= len * 8; bit++) {
        struct heard whole;
        struct heard split;
        uint8_t copy[256];
        memcpy(copy, buf_bytes(&out).at, len);
        if (bit < len * 8) {
            copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        hear((struct bytes){copy, len}, WS_SERVER, 100, sizeof(copy), &whole);
        hear((struct bytes){copy, len}, WS_SERVER, 100, 3, &split);
        EQ_STR(split.text, whole.text);
        EQ_INT(split.end, whole.end);
        if (bit == len * 8) {
            EQ_STR(whole.text, "T:hello P:p B:ab C1000:bye ");
        }
    }
    buf_fini(&out);
}

TEST(ws_holds_no_memory_between_messages)
{
    uint8_t raw[] = {0x01, 0x01, 'a', 0x80, 0x01, 'b', 0x89, 0x00};
    struct ws w;
    struct ws_event ev;
    size_t used = 0;
    ws_init(&w, WS_CLIENT, 100);
    EQ_INT(ws_next(&w, raw, sizeof(raw), &used, &ev), OK);
    EQ_INT(used, 6);
    EQ_BYTES(ev.payload, BYTES_LIT("ab"));
    EQ_INT(ws_next(&w, raw + 6, 2, &used, &ev), OK);
    TRUE(w.message.at == NULL);
    TRUE(ws_is_idle(&w));
    ws_fini(&w);
}

TEST(ws_refuses_when_memory_ends)
{
    uint8_t raw[] = {0x01, 0x01, 'a'};
    struct ws w;
    struct ws_event ev;
    size_t used = 0;
    ws_init(&w, WS_CLIENT, 100);
    mem_fail_at(1);
    EQ_INT(ws_next(&w, raw, sizeof(raw), &used, &ev), ERR_NOMEM);
    mem_fail_at(0);
    EQ_INT(ws_close_code(&w, ERR_NOMEM), WS_CLOSE_INTERNAL);
    ws_fini(&w);
}

TEST(ws_close_reason_is_cut_between_characters)
{
    char reason[200];
    struct buf out;
    memset(reason, 'a', sizeof(reason));
    memcpy(reason + 121, "\xe2\x82\xac", 4);
    buf_init(&out, 256);
    EQ_INT(ws_put_close(&out, NULL, 1001, reason), OK);
    EQ_INT(buf_len(&out), 2 + 2 + 121);
    buf_fini(&out);
}

RUN_TESTS(T(ws_table_whole_and_in_every_split), T(ws_every_prefix_waits),
          T(ws_every_bit_flip_reads_the_same_whole_and_split),
          T(ws_holds_no_memory_between_messages), T(ws_refuses_when_memory_ends),
          T(ws_close_reason_is_cut_between_characters))
