#include "relay/keyfile.h"

#include <limits.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

static enum err load(const char *path, struct ticket_keys *keys)
{
    struct buf text;
    buf_init(&text, TICKET_FILE_MAX);
    enum err e = file_read_secret(path, &text);
    if (e == OK) {
        e = ticket_keys_read(buf_bytes(&text), keys);
    }
    buf_wipe(&text);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err save(const char *path, const struct ticket_keys *keys)
{
    char text[TICKET_FILE_MAX];
    const size_t len = ticket_keys_write(keys, text);
    const enum err e =
        file_replace(path, (struct bytes){(const uint8_t *)text, len}, 0600);
    secret_wipe(text, sizeof(text));
    return e;
}

enum err keyfile_refresh(const char *home, struct ticket_keys *keys, uint64_t wall_ms,
                         struct diag *diag)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    enum err e = text_format(folder, sizeof(folder), "%s/relay", home);
    if (e == OK) {
        e = text_format(path, sizeof(path), "%s/relay/ticket.keys", home);
    }
    if (e != OK) {
        diag_set(diag, "the path of the state folder is too long");
        return e;
    }
    e = file_make_dir(folder, 0700);
    if (e != OK) {
        diag_set(diag, "%s cannot be made or is not ours alone: %s", folder,
                 err_text(e));
        return e;
    }
    if (keys->slot[0].kid == 0) {
        e = load(path, keys);
    }
    if (e == OK && ticket_keys_are_due(keys, wall_ms)) {
        ticket_keys_rotate(keys, wall_ms);
        e = save(path, keys);
    }
    if (e != OK) {
        diag_set(diag, "%s cannot be used: %s", path,
                 e == ERR_PROTO ? "it is damaged; delete it" : err_text(e));
    }
    return e;
}
