#include "session/grant.h"

#include <string.h>

#include "session/label.h"

enum {
    VERSION = 1,
    SCOPE_ID_MAX = 128, // octets of one thread's id
};

#define LABEL "fh1 grant"

static const char *const role_names[] = {
    [GRANT_NOBODY] = "nobody",     [GRANT_VIEWER] = "viewer",
    [GRANT_APPROVER] = "approver", [GRANT_OPERATOR] = "operator",
    [GRANT_OWNER] = "owner",
};

const char *grant_role_name(enum grant_role role)
{
    return (size_t)role < COUNT(role_names) ? role_names[role] : "nobody";
}

enum err grant_role_parse(struct bytes name, enum grant_role *out)
{
    for (size_t i = GRANT_VIEWER; i < COUNT(role_names); i++) {
        if (bytes_equal_str(name, role_names[i])) {
            *out = (enum grant_role)i;
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err put_body(const struct grant *g, struct buf *b)
{
    const struct bytes lead = {g->host_id, sizeof(g->host_id)};
    const struct bytes key = {g->device_key, sizeof(g->device_key)};
    enum err e = buf_put_lv(b, BYTES_LIT(LABEL));
    e = e == OK ? buf_put_u8(b, VERSION) : e;
    e = e == OK ? buf_put(b, lead) : e;
    e = e == OK ? buf_put(b, key) : e;
    e = e == OK ? buf_put_u8(b, (uint8_t)g->role) : e;
    e = e == OK ? buf_put_u64(b, g->caps) : e;
    e = e == OK ? buf_put_u64(b, g->serial) : e;
    e = e == OK ? buf_put_u64(b, g->issued_ms) : e;
    e = e == OK ? buf_put_u64(b, g->not_after_ms) : e;
    e = e == OK ? buf_put_u8(b, g->proto_min) : e;
    e = e == OK ? buf_put_lv(b, g->person) : e;
    e = e == OK ? buf_put_lv(b, g->name) : e;
    return e == OK ? buf_put_lv(b, g->scope) : e;
}

enum err grant_make(const struct grant *g, const struct sign_key *host_key,
                    struct buf *out)
{
    if (g->person.len > GRANT_PERSON_MAX || g->name.len > GRANT_NAME_MAX ||
        g->scope.len > GRANT_SCOPE_MAX) {
        return ERR_LIMIT;
    }
    struct buf body;
    uint8_t sig[SIGN_SIG];
    buf_init(&body, GRANT_MAX);
    enum err e = put_body(g, &body);
    if (e == OK) {
        sign_make(host_key, buf_bytes(&body), sig);
        e = buf_put(&body, BYTES_OF(sig));
    }
    if (e == OK) {
        e = buf_put(out, buf_bytes(&body));
    }
    buf_fini(&body);
    return e;
}

/* Ids of threads with one space between: what else it said would be read differently by
 * somebody, and a wider reading gives away what was not given. */
static bool is_scope(struct bytes scope)
{
    size_t len = 0; // of the id so far
    for (size_t i = 0; i < scope.len; i++) {
        const uint8_t c = scope.at[i];
        const bool of_id = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.' ||
                           c == ':';
        if (!of_id && (c != ' ' || len == 0)) {
            return false;
        }
        len = of_id ? len + 1 : 0;
        if (len > SCOPE_ID_MAX) {
            return false;
        }
    }
    return scope.len == 0 || len != 0;
}

static enum err read_body(struct cursor *c, struct grant *g)
{
    uint8_t version = 0;
    uint8_t role = 0;
    struct bytes label = BYTES_NONE;
    if (cursor_lv(c, sizeof(LABEL), &label) != OK || !bytes_equal_str(label, LABEL) ||
        cursor_u8(c, &version) != OK || version != VERSION ||
        cursor_copy(c, g->host_id, sizeof(g->host_id)) != OK ||
        cursor_copy(c, g->device_key, sizeof(g->device_key)) != OK ||
        cursor_u8(c, &role) != OK || role < GRANT_VIEWER || role > GRANT_OWNER) {
        return ERR_PROTO;
    }
    g->role = (enum grant_role)role;
    if (cursor_u64(c, &g->caps) != OK || cursor_u64(c, &g->serial) != OK ||
        cursor_u64(c, &g->issued_ms) != OK || cursor_u64(c, &g->not_after_ms) != OK ||
        cursor_u8(c, &g->proto_min) != OK ||
        cursor_lv(c, GRANT_PERSON_MAX, &g->person) != OK ||
        cursor_lv(c, GRANT_NAME_MAX, &g->name) != OK ||
        cursor_lv(c, GRANT_SCOPE_MAX, &g->scope) != OK || !is_scope(g->scope)) {
        return ERR_PROTO;
    }
    return OK;
}

enum err grant_read(struct bytes signed_grant, const uint8_t host_key[SIGN_PUB],
                    struct grant *out)
{
    struct grant g = {.role = GRANT_NOBODY};
    struct cursor c = {signed_grant};
    if (read_body(&c, &g) != OK || c.left.len != SIGN_SIG) {
        return ERR_PROTO;
    }
    const struct bytes body = {signed_grant.at, signed_grant.len - SIGN_SIG};
    const enum err e = sign_verify(host_key, body, c.left);
    if (e == OK) {
        *out = g;
    }
    return e;
}
