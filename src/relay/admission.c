#include "relay/admission.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "relay/limit.h"

#define MAILBOX_SIZE 16
#define KEY_SIZE     32

void admission_fini(struct admission *a)
{
    if (a->entries != NULL) {
        secret_wipe(a->entries, a->n * sizeof(*a->entries));
    }
    mem_free(a->entries);
    *a = (struct admission){.kind = ADMISSION_LISTED};
}

void admission_mailbox_of(const uint8_t hr[32], uint8_t out[16])
{
    uint8_t digest[HASH_SHA256];
    const struct bytes parts[] = {
        BYTES_LIT("\0\0\0\13fh1 mailbox"),
        {hr, KEY_SIZE},
    };
    hash_sha256_parts(parts, COUNT(parts), digest);
    memcpy(out, digest, MAILBOX_SIZE);
}

static enum err add(struct admission *a, const struct admission_entry *entry)
{
    if (a->n >= RELAY_ADMIT_MAX) {
        return ERR_LIMIT;
    }
    struct admission_entry *more =
        mem_try_resize(a->entries, (a->n + 1) * sizeof(*more));
    if (more == NULL) {
        return ERR_NOMEM;
    }
    more[a->n] = *entry;
    a->entries = more;
    a->n++;
    return OK;
}

enum err admission_add_mailbox(struct admission *a, const uint8_t mailbox[16])
{
    struct admission_entry entry = {.id = {0}};
    memcpy(entry.id, mailbox, MAILBOX_SIZE);
    return add(a, &entry);
}

static enum err add_invite(struct admission *a, struct bytes line)
{
    struct admission_entry entry;
    if (line.len > RELAY_INVITE_MAX) {
        return ERR_LIMIT;
    }
    hash_sha256(line, entry.id);
    return add(a, &entry);
}

static enum err add_listed(struct admission *a, struct bytes line)
{
    uint8_t raw[KEY_SIZE];
    uint8_t mailbox[MAILBOX_SIZE];
    size_t len = 0;
    if (hex_decode(line, raw, sizeof(raw), &len) != OK) {
        return ERR_PROTO;
    }
    if (len == KEY_SIZE) {
        admission_mailbox_of(raw, mailbox);
        return admission_add_mailbox(a, mailbox);
    }
    return len == MAILBOX_SIZE ? admission_add_mailbox(a, raw) : ERR_PROTO;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes line)
{
    while (line.len != 0 && is_blank(line.at[0])) {
        line = bytes_sub(line, 1, line.len);
    }
    while (line.len != 0 && is_blank(line.at[line.len - 1])) {
        line.len--;
    }
    return line;
}

enum err admission_read(struct admission *a, enum admission_kind kind,
                        struct bytes text, struct diag *diag)
{
    a->kind = kind;
    for (unsigned n = 1; text.len != 0; n++) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.at);
        const struct bytes line = trim(bytes_sub(text, 0, len));
        text = bytes_sub(text, len + 1, text.len);
        if (line.len == 0 || line.at[0] == '#') {
            continue;
        }
        const enum err e =
            kind == ADMISSION_INVITE ? add_invite(a, line) : add_listed(a, line);
        if (e != OK) {
            diag_set(diag, "line %u: %s", n,
                     e == ERR_PROTO
                         ? "a mailbox id (32 hex digits) or a relay key (64) "
                           "is expected"
                         : err_text(e));
            return e;
        }
    }
    return OK;
}

bool admission_allows(const struct admission *a, const uint8_t mailbox[16],
                      struct bytes invite)
{
    uint8_t want[HASH_SHA256] = {0};
    bool found = a->kind == ADMISSION_OPEN;
    if (a->kind == ADMISSION_INVITE) {
        hash_sha256(invite, want);
    } else {
        memcpy(want, mailbox, MAILBOX_SIZE);
    }
    for (size_t i = 0; i < a->n; i++) { // never ends early: it would tell how far
        const bool equal = secret_equal(BYTES_OF(a->entries[i].id), BYTES_OF(want));
        found = found || equal;
    }
    return found;
}
