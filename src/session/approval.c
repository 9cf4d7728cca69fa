#include "session/approval.h"

#include <string.h>

#include "base/text.h"
#include "session/label.h"
#include "wire/tlv.h"

#define LABEL_REQUEST "fh1 approval req"
#define LABEL_A       "fh1 approval"

enum tag { // in the order they are written
    TAG_ID = 0x01,
    TAG_THREAD = 0x02,
    TAG_TURN = 0x03,
    TAG_ITEM = 0x04,
    TAG_KIND = 0x05,
    TAG_CWD = 0x06,
    TAG_COMMAND = APPROVAL_TAG_COMMAND,
    TAG_ARGV = APPROVAL_TAG_ARGV,
    TAG_MATERIAL = 0x09,
    TAG_PATH = APPROVAL_TAG_PATH,
    TAG_REASON = 0x0b,
    TAG_ASKED = 0x0c,
    TAG_POLICY = 0x0d,
    TAG_CREATED = 0x0e,
    TAG_EXPIRES = 0x0f,
    TAG_QUORUM = 0x10,
    TAG_UV = 0x11,
    TAG_END = 0x12,
};

static const struct tlv_rule rules[] = {
    {TAG_ID, APPROVAL_ID, APPROVAL_ID, TLV_REQUIRED},
    {TAG_THREAD, 1, APPROVAL_NAME_MAX, 0},
    {TAG_TURN, 1, APPROVAL_NAME_MAX, 0},
    {TAG_ITEM, 1, APPROVAL_NAME_MAX, 0},
    {TAG_KIND, 1, 1, TLV_REQUIRED},
    {TAG_CWD, 1, APPROVAL_PATH_MAX, 0},
    {TAG_COMMAND, 1, APPROVAL_PIECE, TLV_REPEATED},
    {TAG_ARGV, 0, APPROVAL_PIECE, TLV_REPEATED},
    {TAG_MATERIAL, HASH_SHA256, HASH_SHA256, TLV_REQUIRED},
    {TAG_PATH, 1, APPROVAL_PATH_MAX, TLV_REPEATED},
    {TAG_REASON, 1, UINT16_MAX, 0},
    {TAG_ASKED, 1, 1, TLV_REQUIRED},
    {TAG_POLICY, 1, APPROVAL_PATH_MAX, 0},
    {TAG_CREATED, 8, 8, TLV_REQUIRED},
    {TAG_EXPIRES, 8, 8, TLV_REQUIRED},
    {TAG_QUORUM, 1, 1, TLV_REQUIRED},
    {TAG_UV, 1, 1, TLV_REQUIRED},
};

/* ---- writing a request -------------------------------------------------------------- */

/* A text that is empty is left out. */
static enum err put_text(struct buf *b, uint8_t tag, struct bytes text)
{
    return text.len == 0 ? OK : tlv_put(b, tag, text);
}

static enum err put_command(struct buf *b, struct bytes command)
{
    enum err e = command.len > APPROVAL_COMMAND_MAX ? ERR_LIMIT : OK;
    for (size_t at = 0; e == OK && at < command.len; at += APPROVAL_PIECE) {
        e = tlv_put(b, TAG_COMMAND, bytes_sub(command, at, APPROVAL_PIECE));
    }
    return e;
}

static enum err put_all(struct buf *b, uint8_t tag, const struct bytes *values,
                        size_t n)
{
    enum err e = OK;
    for (size_t i = 0; e == OK && i < n; i++) {
        e = tlv_put(b, tag, values[i]);
    }
    return e;
}

static enum err put_what(const struct approval_request *r, struct buf *b)
{
    enum err e = tlv_put(b, TAG_ID, BYTES_OF(r->id));
    e = e == OK ? put_text(b, TAG_THREAD, r->thread) : e;
    e = e == OK ? put_text(b, TAG_TURN, r->turn) : e;
    e = e == OK ? put_text(b, TAG_ITEM, r->item) : e;
    e = e == OK ? tlv_put_u8(b, TAG_KIND, (uint8_t)r->kind) : e;
    e = e == OK ? put_text(b, TAG_CWD, r->cwd) : e;
    e = e == OK ? put_command(b, r->command) : e;
    e = e == OK ? put_all(b, TAG_ARGV, r->argv, r->n_argv) : e;
    e = e == OK ? tlv_put(b, TAG_MATERIAL, BYTES_OF(r->material)) : e;
    e = e == OK ? put_all(b, TAG_PATH, r->paths, r->n_paths) : e;
    return e == OK ? put_text(b, TAG_REASON, r->reason) : e;
}

static enum err put_terms(const struct approval_request *r, struct buf *b)
{
    enum err e = tlv_put_u8(b, TAG_ASKED, r->asked);
    e = e == OK ? put_text(b, TAG_POLICY, r->policy) : e;
    e = e == OK ? tlv_put_u64(b, TAG_CREATED, r->created_ms) : e;
    e = e == OK ? tlv_put_u64(b, TAG_EXPIRES, r->expires_ms) : e;
    e = e == OK ? tlv_put_u8(b, TAG_QUORUM, r->quorum) : e;
    return e == OK ? tlv_put_u8(b, TAG_UV, r->uv ? 1 : 0) : e;
}

enum err approval_request_put(const struct approval_request *r, struct buf *out)
{
    struct buf b;
    struct approval_request again;
    buf_init(&b, APPROVAL_REQUEST_MAX);
    enum err e = put_what(r, &b);
    e = e == OK ? put_terms(r, &b) : e;
    // what we could not read back nobody else could: a member is out of its range
    if (e == OK && approval_request_read(buf_bytes(&b), &again) != OK) {
        e = ERR_LIMIT;
    }
    if (e == OK) {
        e = buf_put(out, buf_bytes(&b));
    }
    buf_fini(&b);
    return e;
}

/* ---- reading a request ---------------------------------------------------------------- */

/* Tags rise, and pieces of a command are full but for the last. */
static bool is_in_order(struct bytes request)
{
    struct cursor c = {request};
    uint8_t last = 0;
    size_t piece = APPROVAL_PIECE;
    size_t command = 0;
    while (c.left.len != 0) {
        uint8_t tag = 0;
        uint16_t len = 0;
        struct bytes value;
        if (cursor_u8(&c, &tag) != OK || cursor_u16(&c, &len) != OK ||
            cursor_take(&c, len, &value) != OK || tag < TAG_ID || tag < last ||
            tag >= TAG_END) {
            return false;
        }
        if (tag == TAG_COMMAND) {
            command += len;
            if (piece != APPROVAL_PIECE || command > APPROVAL_COMMAND_MAX) {
                return false;
            }
            piece = len;
        }
        last = tag;
    }
    return true;
}

/* What is not UTF-8 is shown by one program so, by another otherwise. */
static bool is_text(struct bytes request)
{
    static const uint8_t tags[] = {TAG_THREAD, TAG_TURN, TAG_ITEM,   TAG_CWD,
                                   TAG_ARGV,   TAG_PATH, TAG_REASON, TAG_POLICY};
    struct bytes value;
    for (size_t i = 0; i < COUNT(tags); i++) {
        struct cursor c = {request};
        while (tlv_next(&c, tags[i], &value)) {
            if (!utf8_is_valid(value)) {
                return false;
            }
        }
    }
    struct buf command;
    buf_init(&command, APPROVAL_COMMAND_MAX);
    const bool fine = approval_request_command(request, &command) == OK &&
                      utf8_is_valid(buf_bytes(&command));
    buf_fini(&command);
    return fine;
}

static uint64_t number(struct bytes request, enum tag tag)
{
    struct bytes value = BYTES_NONE;
    if (!tlv_get(request, (uint8_t)tag, &value)) {
        return 0;
    }
    return value.len == 8 ? be64_read(value.at) : value.at[0];
}

static struct bytes text(struct bytes request, enum tag tag)
{
    struct bytes value = BYTES_NONE;
    return tlv_get(request, (uint8_t)tag, &value) ? value : BYTES_NONE;
}

static void read_octets(struct bytes request, enum tag tag, uint8_t *out, size_t size)
{
    struct bytes value = BYTES_NONE;
    if (tlv_get(request, (uint8_t)tag, &value) && value.len == size) {
        memcpy(out, value.at, size);
    }
}

enum err approval_request_read(struct bytes request, struct approval_request *out)
{
    if (request.len > APPROVAL_REQUEST_MAX) {
        return ERR_LIMIT;
    }
    if (tlv_check(request, rules, COUNT(rules)) != OK || !is_in_order(request) ||
        !is_text(request)) {
        return ERR_PROTO;
    }
    const uint64_t kind = number(request, TAG_KIND);
    const uint64_t asked = number(request, TAG_ASKED);
    const uint64_t quorum = number(request, TAG_QUORUM);
    const uint64_t uv = number(request, TAG_UV);
    if (kind < APPROVAL_COMMAND || kind > APPROVAL_PAIRING ||
        asked > APPROVAL_ASKS_ALL || quorum == 0 || uv > 1) {
        return ERR_PROTO;
    }
    struct approval_request r = {
        .thread = text(request, TAG_THREAD),
        .turn = text(request, TAG_TURN),
        .item = text(request, TAG_ITEM),
        .kind = (enum approval_kind)kind,
        .cwd = text(request, TAG_CWD),
        .reason = text(request, TAG_REASON),
        .asked = (uint8_t)asked,
        .policy = text(request, TAG_POLICY),
        .created_ms = number(request, TAG_CREATED),
        .expires_ms = number(request, TAG_EXPIRES),
        .quorum = (uint8_t)quorum,
        .uv = uv == 1,
    };
    read_octets(request, TAG_ID, r.id, sizeof(r.id));
    read_octets(request, TAG_MATERIAL, r.material, sizeof(r.material));
    *out = r;
    return OK;
}

enum err approval_request_command(struct bytes request, struct buf *out)
{
    struct cursor c = {request};
    struct bytes piece;
    enum err e = OK;
    while (e == OK && tlv_next(&c, TAG_COMMAND, &piece)) {
        e = buf_put(out, piece);
    }
    return e;
}

void approval_digest(struct bytes request, uint8_t rd[APPROVAL_RD])
{
    const struct label l = label_of(LABEL_REQUEST);
    const struct bytes parts[] = {LABEL_PARTS(l), request};
    hash_sha256_parts(parts, COUNT(parts), rd);
}

/* ---- A ------------------------------------------------------------------------------------ */

static bool is_sound(const struct approval *a)
{
    return a->decision >= APPROVAL_ACCEPT && a->decision <= APPROVAL_ANSWER &&
           (unsigned)a->scope <= APPROVAL_KEPT &&
           a->has_extra == (a->decision == APPROVAL_ANSWER);
}

enum err approval_put(const struct approval *a, struct buf *out)
{
    if (!is_sound(a)) {
        return ERR_USAGE;
    }
    const struct bytes extra = a->has_extra ? BYTES_OF(a->extra) : BYTES_NONE;
    struct buf b;
    buf_init(&b, APPROVAL_A_SIZE_MAX);
    enum err e = buf_put_lv(&b, BYTES_LIT(LABEL_A));
    e = e == OK ? buf_put(&b, BYTES_OF(a->host_id)) : e;
    e = e == OK ? buf_put(&b, BYTES_OF(a->request_id)) : e;
    e = e == OK ? buf_put(&b, BYTES_OF(a->rd)) : e;
    e = e == OK ? buf_put_u8(&b, (uint8_t)a->decision) : e;
    e = e == OK ? buf_put_u8(&b, (uint8_t)a->scope) : e;
    e = e == OK ? buf_put_lv(&b, extra) : e;
    e = e == OK ? buf_put_u64(&b, a->decided_ms) : e;
    e = e == OK ? buf_put_u64(&b, a->grant_serial) : e;
    e = e == OK ? buf_put_u64(&b, a->seen_idx) : e;
    e = e == OK ? buf_put(&b, BYTES_OF(a->seen_head)) : e;
    e = e == OK ? buf_put(&b, BYTES_OF(a->th4)) : e;
    if (e == OK) {
        e = buf_put(out, buf_bytes(&b));
    }
    buf_fini(&b);
    return e;
}

static enum err read_a(struct cursor *c, struct approval *a)
{
    uint8_t decision = 0;
    uint8_t scope = 0;
    struct bytes label = BYTES_NONE;
    struct bytes extra = BYTES_NONE;
    if (cursor_lv(c, sizeof(LABEL_A), &label) != OK ||
        !bytes_equal_str(label, LABEL_A) ||
        cursor_copy(c, a->host_id, sizeof(a->host_id)) != OK ||
        cursor_copy(c, a->request_id, sizeof(a->request_id)) != OK ||
        cursor_copy(c, a->rd, sizeof(a->rd)) != OK || cursor_u8(c, &decision) != OK ||
        cursor_u8(c, &scope) != OK || cursor_lv(c, sizeof(a->extra), &extra) != OK ||
        cursor_u64(c, &a->decided_ms) != OK || cursor_u64(c, &a->grant_serial) != OK ||
        cursor_u64(c, &a->seen_idx) != OK ||
        cursor_copy(c, a->seen_head, sizeof(a->seen_head)) != OK ||
        cursor_copy(c, a->th4, sizeof(a->th4)) != OK || c->left.len != 0 ||
        (extra.len != 0 && extra.len != sizeof(a->extra))) {
        return ERR_PROTO;
    }
    a->decision = (enum approval_decision)decision;
    a->scope = (enum approval_scope)scope;
    a->has_extra = extra.len != 0;
    if (a->has_extra) {
        memcpy(a->extra, extra.at, sizeof(a->extra));
    }
    return is_sound(a) ? OK : ERR_PROTO;
}

enum err approval_read(struct bytes a, struct approval *out)
{
    struct approval read = {.has_extra = false};
    struct cursor c = {a};
    const enum err e = read_a(&c, &read);
    if (e == OK) {
        *out = read;
    }
    return e;
}

void approval_sign(const struct sign_key *device_key, struct bytes a,
                   uint8_t sig[SIGN_SIG])
{
    sign_make(device_key, a, sig);
}

enum err approval_verify(const uint8_t device_key[SIGN_PUB], struct bytes a,
                         struct bytes sig)
{
    struct approval read;
    const enum err e = approval_read(a, &read);
    return e != OK ? e : sign_verify(device_key, a, sig);
}

/* ---- names -------------------------------------------------------------------------------- */

const char *approval_kind_name(enum approval_kind kind)
{
    static const char *const names[] = {
        [APPROVAL_COMMAND] = "command",         [APPROVAL_FILE_CHANGE] = "fileChange",
        [APPROVAL_PERMISSIONS] = "permissions", [APPROVAL_QUESTION] = "question",
        [APPROVAL_ELICITATION] = "elicitation", [APPROVAL_GATE] = "gate",
        [APPROVAL_PAIRING] = "pairing",
    };
    const unsigned at = (unsigned)kind;
    return at < COUNT(names) && names[at] != NULL ? names[at] : "unknown";
}

const char *approval_decision_name(enum approval_decision d)
{
    static const char *const names[] = {
        [APPROVAL_ACCEPT] = "accept",   [APPROVAL_ACCEPT_SESSION] = "acceptForSession",
        [APPROVAL_DECLINE] = "decline", [APPROVAL_CANCEL] = "cancel",
        [APPROVAL_ANSWER] = "answer",
    };
    const unsigned at = (unsigned)d;
    return at < COUNT(names) && names[at] != NULL ? names[at] : "unknown";
}
