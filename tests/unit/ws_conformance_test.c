#include "test.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/ws.h"
#include "wire/ws_handshake.h"

/* RFC 6455 as two tables of data: conversations of frames, and opening handshakes. Every
 * conversation is heard as a server and as a client, whole and in pieces. */

#define FILE_MAX    (256u * 1024)
#define LIMIT       100000u
#define WIRE_MAX    (2u * 1024 * 1024)
#define PAYLOAD_MAX (256u * 1024)
#define COLUMNS_MAX 5

static const uint8_t mask[4] = {0x37, 0xFA, 0x21, 0x3D};

/* ---- tables -------------------------------------------------------------------------- */

struct table {
    char *text;
    char *next;
    unsigned n;
};

static void table_open(struct table *t, const char *name)
{
    struct buf file;
    char path[512];
    const char *text = NULL;
    buf_init(&file, FILE_MAX);
    EQ_INT(file_read(test_vector_path(name, path, sizeof(path)), &file), OK);
    EQ_INT(buf_cstr(&file, &text), OK);
    *t = (struct table){.text = mem_strdup(text)};
    t->next = t->text;
    buf_fini(&file);
}

/* What stands before one of `ends` (the end of the text too); *at moves behind it. */
static char *cut(char **at, const char *ends)
{
    char *from = *at;
    char *end = from + strcspn(from, ends);
    *at = *end == '\0' ? end : end + 1;
    *end = '\0';
    return from;
}

/* The next row; false at the end. */
static bool table_row(struct table *t, size_t columns, char *out[COLUMNS_MAX])
{
    while (*t->next == '#') {
        (void)cut(&t->next, "\n");
    }
    if (*t->next == '\0') {
        return false;
    }
    char *line = cut(&t->next, "\n");
    for (size_t i = 0; i < columns; i++) {
        out[i] = cut(&line, "\t");
    }
    t->n++;
    return true;
}

/* ---- payloads and frames ---------------------------------------------------------------- */

/* Text, 0xHEX, N*c, joined by '+'. */
static void put_payload(struct buf *out, char *text)
{
    while (*text != '\0') {
        char *part = cut(&text, "+");
        char *star = NULL;
        const unsigned long n = strtoul(part, &star, 10);
        if (strncmp(part, "0x", 2) == 0) {
            uint8_t raw[256];
            EQ_INT(buf_put(out, test_unhex(part + 2, raw, sizeof(raw))), OK);
        } else if (star != part && *star == '*') {
            for (unsigned long i = 0; i < n; i++) {
                EQ_INT(buf_put_u8(out, (uint8_t)star[1]), OK);
            }
        } else {
            EQ_INT(buf_put_str(out, part), OK);
        }
    }
}

struct header {
    uint8_t first; // FIN, reserved bits, opcode
    bool wrong_mask;
    bool top;          // claims 2^63 octets
    unsigned len_size; // of a longer length than needed; 0: the shortest
};

/* OP[-][/FLAG…] */
static struct header read_header(char *text)
{
    static const char ops[] = "c\1t\2b\3x\11p\12o\13"; // one more than the opcode
    char *flags = text;
    char *op = cut(&flags, "/");
    const char *known = strchr(ops, op[0]);
    char *after = op + 1;
    struct header h = {.first = 0x80};
    h.first |= (uint8_t)(known != NULL ? known[1] - 1 : strtol(after, &after, 10));
    if (*after == '-') {
        h.first &= 0x7F;
    }
    while (*flags != '\0') {
        const char *flag = cut(&flags, "/");
        h.wrong_mask = h.wrong_mask || flag[0] == 'W';
        h.top = h.top || flag[0] == 'T';
        if (flag[0] == 'L') {
            h.len_size = flag[1] == '1' ? 2 : 8;
        } else if (strchr("124", flag[0]) != NULL) {
            h.first |= (uint8_t)((flag[0] - '0') << 4);
        }
    }
    return h;
}

static void put_length(struct buf *out, const struct header *h, size_t len, bool masked)
{
    const uint8_t bit = masked ? 0x80 : 0;
    const unsigned least = len < 126 ? 0 : len < 65536 ? 2 : 8;
    const unsigned size = h->top ? 8 : h->len_size != 0 ? h->len_size : least;
    uint8_t raw[8];
    be64_write(raw, h->top ? UINT64_C(1) << 63 : len);
    const uint8_t seven = size == 0 ? (uint8_t)len : size == 2 ? 126 : 127;
    EQ_INT(buf_put_u8(out, bit | seven), OK);
    EQ_INT(buf_put(out, (struct bytes){raw + 8 - size, size}), OK);
}

static void put_frame(struct buf *out, char *text, enum ws_role role)
{
    char *payload = text;
    const struct header h = read_header(cut(&payload, ":"));
    const bool masked = (role == WS_SERVER) != h.wrong_mask;
    struct buf body;
    buf_init(&body, PAYLOAD_MAX);
    put_payload(&body, payload);
    EQ_INT(buf_put_u8(out, h.first), OK);
    put_length(out, &h, buf_len(&body), masked);
    if (masked) {
        EQ_INT(buf_put(out, BYTES_OF(mask)), OK);
        wsframe_mask(body.at + body.start, buf_len(&body), mask, 0);
    }
    EQ_INT(buf_put(out, buf_bytes(&body)), OK);
    buf_fini(&body);
}

/* ---- what is heard ------------------------------------------------------------------------ */

static void note(struct buf *out, char kind, unsigned code, struct bytes payload)
{
    EQ_INT(buf_putf(out, "%c%u:%zu:", kind, code, payload.len), OK);
    EQ_INT(buf_put(out, payload), OK);
}

/* "T:hello;C1000:;!1002", written as note() writes it. */
static void expect(struct buf *out, char *text)
{
    while (*text != '\0') {
        char *payload = cut(&text, ";");
        const char *head = cut(&payload, ":");
        struct buf body;
        buf_init(&body, PAYLOAD_MAX);
        put_payload(&body, payload);
        note(out, head[0], (unsigned)strtoul(head + 1, NULL, 10), buf_bytes(&body));
        buf_fini(&body);
    }
}

static void hear(struct bytes in, enum ws_role role, size_t step, struct buf *out)
{
    static const char kinds[] = "TBPOC";
    struct ws w;
    enum err e = ERR_AGAIN;
    ws_init(&w, role, LIMIT);
    while (in.len != 0 && e == ERR_AGAIN) {
        const size_t n = in.len < step ? in.len : step;
        uint8_t *piece = mem_new(n);
        memcpy(piece, in.at, n);
        in = bytes_sub(in, n, in.len);
        for (size_t done = 0, used = 0; done < n; done += used) {
            struct ws_event ev;
            e = ws_next(&w, piece + done, n - done, &used, &ev);
            if (e != OK) {
                break;
            }
            note(out, kinds[ev.kind], ev.code, ev.payload);
        }
        mem_free(piece);
        e = e == OK ? ERR_AGAIN : e;
    }
    if (e != ERR_AGAIN) {
        note(out, '!', ws_close_code(&w, e), BYTES_NONE);
    }
    ws_fini(&w);
}

static void check_role(const char *frames, struct bytes want, enum ws_role role)
{
    static const size_t steps[] = {1, 7, 4096, SIZE_MAX};
    char *copy = mem_strdup(frames);
    char *next = copy;
    struct buf wire;
    buf_init(&wire, WIRE_MAX);
    while (*next != '\0') {
        put_frame(&wire, cut(&next, " "), role);
    }
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct buf got;
        buf_init(&got, WIRE_MAX);
        hear(buf_bytes(&wire), role, steps[i], &got);
        EQ_BYTES(buf_bytes(&got), want);
        buf_fini(&got);
    }
    buf_fini(&wire);
    mem_free(copy);
}

TEST(every_conversation_is_heard_as_the_rfc_says_by_server_and_client)
{
    struct table t;
    char *row[COLUMNS_MAX];
    table_open(&t, "websocket.tsv");
    while (table_row(&t, 4, row)) {
        struct buf want;
        CASE(row[1]);
        buf_init(&want, WIRE_MAX);
        expect(&want, row[3]);
        check_role(row[2], buf_bytes(&want), WS_SERVER);
        check_role(row[2], buf_bytes(&want), WS_CLIENT);
        buf_fini(&want);
    }
    TRUE(t.n >= 250);
    mem_free(t.text);
}

/* ---- handshakes ------------------------------------------------------------------------------ */

#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // the RFC's own example

static const char *const request[] = {
    "GET /chat HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    NULL,
};

static const char *const response[] = {
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: " ACCEPT,
    NULL,
};

static bool is_header(const char *line, const char *change)
{
    const size_t len = strcspn(change, ":");
    return strncmp(line, change, len) == 0 && line[len] == ':';
}

/* One right handshake with one change. */
static void put_head(struct buf *out, const char *const *lines, const char *change)
{
    const bool first = change[0] == '=';
    const bool added = change[0] == '+';
    const bool left_out = change[0] == '-';
    const char *what = change + (first || added || left_out ? 1 : 0);
    bool done = change[0] == '\0' || left_out;
    EQ_INT(buf_putf(out, "%s\r\n", first ? what : lines[0]), OK);
    for (size_t i = 1; lines[i] != NULL; i++) {
        const bool hit =
            !first && !added && change[0] != '\0' && is_header(lines[i], what);
        if (!hit || !left_out) {
            EQ_INT(buf_putf(out, "%s\r\n", hit ? what : lines[i]), OK);
        }
        done = done || hit;
    }
    EQ_INT(buf_putf(out, "%s%s\r\n", done || first ? "" : what,
                    done || first ? "" : "\r\n"),
           OK);
}

static bool is_accepted(const char *role, const char *change)
{
    const bool server = strcmp(role, "server") == 0;
    struct http1_head head;
    struct bytes key;
    struct buf text;
    buf_init(&text, HTTP1_HEAD_MAX);
    put_head(&text, server ? request : response, change);
    enum err e = server ? http1_parse_request(buf_bytes(&text), &head)
                        : http1_parse_response(buf_bytes(&text), &head);
    if (e == OK) {
        e = server ? ws_handshake_check_request(&head, &key)
                   : ws_handshake_check_response(&head, ACCEPT);
    }
    buf_fini(&text);
    return e == OK;
}

TEST(every_handshake_is_accepted_or_refused_as_the_rfc_says)
{
    struct table t;
    char *row[COLUMNS_MAX];
    table_open(&t, "websocket-handshake.tsv");
    while (table_row(&t, 5, row)) {
        CASE(row[2]);
        EQ_INT(is_accepted(row[0], row[3]), strcmp(row[4], "yes") == 0);
    }
    TRUE(t.n >= 60);
    mem_free(t.text);
}

RUN_TESTS(T(every_conversation_is_heard_as_the_rfc_says_by_server_and_client),
          T(every_handshake_is_accepted_or_refused_as_the_rfc_says))
