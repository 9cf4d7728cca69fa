#include "client/joined.h"

#include <dirent.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "wire/json.h"

#define FOLDER_MODE 0700
#define FILE_MODE   0600

struct octets_field {
    const char *key;
    size_t at; // offset in struct link_joined
    size_t len;
};

#define FIELD(name)                                 \
    {                                               \
#name, offsetof(struct link_joined, name),  \
            sizeof(((struct link_joined *)0)->name) \
    }

static const struct octets_field octets_fields[] = {
    FIELD(host_id),     FIELD(mailbox_id), FIELD(host_key),
    FIELD(device_seed), FIELD(relay_seed), FIELD(pair_root),
};

void joined_id(const struct link_joined *j, char out[JOINED_ID_SIZE])
{
    hex_encode(BYTES_OF(j->host_id), out);
}

enum err joined_run_path(const char *home, const char *host_id, const char *suffix,
                         char out[PATH_MAX])
{
    return text_format(out, PATH_MAX, "%s/run/hosts/%s%s", home, host_id, suffix);
}

static enum err host_path(const char *home, const char *host_id, const char *file,
                          char out[PATH_MAX])
{
    return text_format(out, PATH_MAX, "%s/hosts/%s%s", home, host_id, file);
}

/* ---- one record as JSON --------------------------------------------------- */

static void set_hex(json_t *root, const char *key, struct bytes octets)
{
    char hex[HEX_SIZE(LINK_JOINED_GRANT_MAX)];
    hex_encode(octets, hex);
    json_set_str(root, key, hex);
    secret_wipe(hex, sizeof(hex));
}

static json_t *to_json(const struct link_joined *j)
{
    json_t *root = json_object();
    json_set_int(root, "version", 1);
    json_set_str(root, "name", j->name);
    json_set_str(root, "device", j->device);
    for (size_t i = 0; i < COUNT(octets_fields); i++) {
        const struct octets_field *f = &octets_fields[i];
        const uint8_t *at = (const uint8_t *)j + f->at;
        set_hex(root, f->key, (struct bytes){at, f->len});
    }
    set_hex(root, "grant", (struct bytes){j->grant, j->grant_len});
    json_t *urls = json_array();
    for (size_t i = 0; i < j->n_urls; i++) {
        json_push(urls, json_string(j->urls[i]));
    }
    json_set(root, "urls", urls);
    json_set_bool(root, "revoked", j->revoked);
    return root;
}

static enum err get_hex(const json_t *root, const char *key, uint8_t *out, size_t size,
                        size_t *len)
{
    const char *text = json_get_str(root, key);
    return text == NULL ? ERR_PROTO : hex_decode(bytes_from_str(text), out, size, len);
}

static enum err get_text(const json_t *root, const char *key, char *out, size_t size)
{
    const char *text = json_get_str(root, key);
    return text == NULL || text_format(out, size, "%s", text) != OK ? ERR_PROTO : OK;
}

static enum err get_urls(const json_t *root, struct link_joined *j)
{
    const json_t *urls = json_get_arr(root, "urls");
    size_t i;
    const json_t *url;
    json_array_foreach(urls, i, url)
    {
        const char *text = json_string_value(url);
        if (i >= LINK_JOINED_URLS || text == NULL ||
            text_format(j->urls[i], sizeof(j->urls[i]), "%s", text) != OK) {
            return ERR_PROTO;
        }
        j->n_urls = i + 1;
    }
    return j->n_urls == 0 ? ERR_PROTO : OK;
}

static enum err from_json(const json_t *root, struct link_joined *j)
{
    for (size_t i = 0; i < COUNT(octets_fields); i++) {
        const struct octets_field *f = &octets_fields[i];
        size_t len = 0;
        if (get_hex(root, f->key, (uint8_t *)j + f->at, f->len, &len) != OK ||
            len != f->len) {
            return ERR_PROTO;
        }
    }
    if (json_get_int(root, "version", 0) != 1 ||
        get_hex(root, "grant", j->grant, sizeof(j->grant), &j->grant_len) != OK ||
        get_text(root, "name", j->name, sizeof(j->name)) != OK ||
        get_text(root, "device", j->device, sizeof(j->device)) != OK) {
        return ERR_PROTO;
    }
    j->revoked = json_get_bool(root, "revoked", false);
    return get_urls(root, j);
}

/* ---- files ------------------------------------------------------------------ */

enum err joined_save(const char *home, const struct link_joined *j)
{
    char id[JOINED_ID_SIZE];
    char path[PATH_MAX];
    joined_id(j, id);
    enum err e = host_path(home, id, "", path);
    if (e == OK) {
        e = file_make_dir(path, FOLDER_MODE);
    }
    if (e == OK) {
        e = host_path(home, id, "/joined.json", path);
    }
    if (e != OK) {
        return e;
    }
    json_t *root = to_json(j);
    struct buf text;
    buf_init(&text, JOINED_FILE_MAX);
    e = json_print(root, &text);
    if (e == OK) {
        e = file_replace(path, buf_bytes(&text), FILE_MODE);
    }
    buf_wipe(&text);
    json_decref(root);
    return e;
}

enum err joined_load(const char *home, const char *host_id, struct link_joined *out)
{
    char path[PATH_MAX];
    enum err e = host_path(home, host_id, "/joined.json", path);
    if (e != OK) {
        return e;
    }
    json_t *root = NULL;
    struct link_joined j = {.n_urls = 0};
    struct buf text;
    buf_init(&text, JOINED_FILE_MAX);
    e = file_read_secret(path, &text);
    if (e == OK) {
        e = json_parse(buf_bytes(&text), &root);
    }
    if (e == OK) {
        e = from_json(root, &j);
    }
    if (e == OK) {
        *out = j;
    }
    link_joined_wipe(&j);
    buf_wipe(&text);
    json_decref(root);
    return e;
}

enum err joined_keep_ca(const char *home, const char *host_id, const char *from)
{
    char path[PATH_MAX];
    struct buf text;
    enum err e = host_path(home, host_id, "/ca.pem", path);
    if (e != OK || from == NULL) {
        if (e == OK) {
            (void)unlink(path); // of an earlier pairing
        }
        return e;
    }
    buf_init(&text, JOINED_CA_MAX);
    e = file_read(from, &text);
    if (e == OK) {
        e = file_replace(path, buf_bytes(&text), FILE_MODE);
    }
    buf_fini(&text);
    return e;
}

enum err joined_ca(const char *home, const char *host_id, char out[PATH_MAX])
{
    const enum err e = host_path(home, host_id, "/ca.pem", out);
    return e == OK && access(out, R_OK) != 0 ? ERR_NOT_FOUND : e;
}

/* ---- finding ------------------------------------------------------------------ */

struct search {
    const char *home;
    const char *name; // NULL: any
    size_t n;         // hosts that fit
    struct link_joined found;
    char names[256]; // of all, for the sentence
};

static bool fits(const struct link_joined *j, const char *id, const char *name)
{
    return name == NULL || strcasecmp(j->name, name) == 0 ||
           (strlen(name) >= 4 && strncasecmp(id, name, strlen(name)) == 0);
}

static void look_at(struct search *s, const char *id)
{
    struct link_joined j = {.n_urls = 0};
    if (joined_load(s->home, id, &j) != OK) {
        return;
    }
    const size_t used = strlen(s->names);
    if (text_format(s->names + used, sizeof(s->names) - used, "%s%s",
                    used == 0 ? "" : ", ", j.name) != OK) {
        s->names[used] = '\0'; // no room to name them all
    }
    if (fits(&j, id, s->name)) {
        s->found = j;
        s->n++;
    }
    link_joined_wipe(&j);
}

static void look_at_all(struct search *s)
{
    char path[PATH_MAX];
    if (host_path(s->home, "", "", path) != OK) {
        return;
    }
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    const struct dirent *entry;
    for (size_t n = 0; n < JOINED_MAX && (entry = readdir(dir)) != NULL;) {
        if (strlen(entry->d_name) == JOINED_ID_SIZE - 1) {
            look_at(s, entry->d_name);
            n++;
        }
    }
    (void)closedir(dir);
}

enum err joined_find(const char *home, const char *name, struct link_joined *out,
                     struct diag *d)
{
    struct search s = {.home = home, .name = name};
    look_at_all(&s);
    enum err e = OK;
    if (s.n == 1 && s.found.revoked) {
        diag_set(d, "'%s' has removed this device: pair again with 'farhand join'",
                 s.found.name);
        e = ERR_AUTH;
    } else if (s.n == 1) {
        *out = s.found;
    } else if (s.n > 1) {
        diag_set(d, "several hosts are joined (%s): say which with --host NAME",
                 s.names);
        e = ERR_EXISTS;
    } else if (s.names[0] == '\0') {
        diag_set(d, "no host is joined here: pair one with 'farhand join URL|PHRASE'");
        e = ERR_NOT_FOUND;
    } else {
        diag_set(d, "no joined host is called '%s'; there is: %s", name, s.names);
        e = ERR_NOT_FOUND;
    }
    link_joined_wipe(&s.found);
    return e;
}

/* ---- the last relay --------------------------------------------------------------- */

enum err joined_last_relay(const char *home, char *out, size_t size)
{
    char path[PATH_MAX];
    enum err e = text_format(path, sizeof(path), "%s/hosts/relay.url", home);
    struct buf text;
    buf_init(&text, 1024);
    if (e == OK) {
        e = file_read(path, &text);
    }
    const char *url = NULL;
    if (e == OK) {
        e = buf_cstr(&text, &url);
    }
    if (e == OK) {
        e = text_format(out, size, "%s", url);
    }
    buf_fini(&text);
    return e;
}

enum err joined_keep_relay(const char *home, const char *url)
{
    char path[PATH_MAX];
    enum err e = text_format(path, sizeof(path), "%s/hosts", home);
    if (e == OK) {
        e = file_make_dir(path, FOLDER_MODE);
    }
    if (e == OK) {
        e = text_format(path, sizeof(path), "%s/hosts/relay.url", home);
    }
    return e != OK ? e : file_replace(path, bytes_from_str(url), FILE_MODE);
}
