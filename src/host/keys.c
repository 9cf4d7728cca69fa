#include "host/keys.h"

#include <limits.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/id.h"

static enum err make_key(const char *path, struct sign_key **out, struct diag *d)
{
    struct sign_key *key = sign_key_random();
    uint8_t seed[SIGN_SEED];
    sign_key_seed(key, seed);
    const enum err e = file_replace(path, BYTES_OF(seed), 0600);
    secret_wipe(seed, sizeof(seed));
    if (e != OK) {
        diag_set(d, "cannot write %s: %s", path, err_text(e));
        sign_key_destroy(key);
        return e;
    }
    *out = key;
    return OK;
}

static enum err read_key(const char *path, struct sign_key **out, struct diag *d)
{
    struct buf seed;
    buf_init(&seed, SIGN_SEED);
    enum err e = file_read_secret(path, &seed);
    if (e == OK && buf_len(&seed) != SIGN_SEED) {
        e = ERR_PROTO;
    }
    if (e == OK) {
        *out = sign_key_create(buf_bytes(&seed).at);
    } else if (e == ERR_DENIED) {
        diag_set(d,
                 "%s must be a file of yours that nobody else can read: chmod 600 it",
                 path);
    } else if (e != ERR_NOT_FOUND) {
        diag_set(d,
                 "%s is damaged: restore it from a backup. Without it this would be "
                 "another host to every paired device",
                 path);
    }
    buf_wipe(&seed);
    return e;
}

static enum err open_key(const char *home, const char *name, struct sign_key **out,
                         struct diag *d)
{
    char path[PATH_MAX];
    if (text_format(path, sizeof(path), "%s/keys/%s.key", home, name) != OK) {
        return ERR_LIMIT;
    }
    const enum err e = read_key(path, out, d);
    return e == ERR_NOT_FOUND ? make_key(path, out, d) : e;
}

enum err keys_open(const char *home, struct keys *out, struct diag *d)
{
    struct keys k = {.host = NULL};
    char dir[PATH_MAX];
    enum err e = text_format(dir, sizeof(dir), "%s/keys", home);
    e = e != OK ? e : file_make_dir(dir, 0700);
    e = e != OK ? e : open_key(home, "host", &k.host, d);
    e = e != OK ? e : open_key(home, "relay", &k.relay, d);
    if (e != OK) {
        diag_set(d, "the keys in %s cannot be used: %s", dir, err_text(e));
        keys_fini(&k);
        return e;
    }
    id_host(sign_key_pub(k.host), k.host_id);
    id_mailbox(sign_key_pub(k.relay), k.mailbox_id);
    *out = k;
    return OK;
}

void keys_fini(struct keys *k)
{
    sign_key_destroy(k->host);
    sign_key_destroy(k->relay);
    *k = (struct keys){.host = NULL};
}
