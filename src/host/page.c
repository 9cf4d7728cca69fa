#include "host/page.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/http_server.h"

#define NAME_MAX_OCTETS 200
#define ETAG_SIZE       40
#define META            "<meta name=\"farhand-relay\" content=\"\""

struct page {
    char *dir;    // NULL: there is none
    char *relays; // never NULL
};

static const struct {
    const char *suffix;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
};

/* ---- names --------------------------------------------------------------------- */

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || c == '.';
}

bool page_name(struct bytes path, char *out, size_t size)
{
    if (path.len == 0 || path.at[0] != '/') {
        return false;
    }
    path = bytes_sub(path, 1, path.len);
    if (path.len == 0) {
        path = BYTES_LIT("index.html");
    }
    if (path.len >= size) {
        return false;
    }
    for (size_t i = 0; i < path.len; i++) {
        const bool begins = i == 0 || path.at[i - 1] == '/';
        const uint8_t c = path.at[i];
        if (begins ? (c == '.' || !is_plain(c)) : (c != '/' && !is_plain(c))) {
            return false;
        }
    }
    if (path.at[path.len - 1] == '/') {
        return false;
    }
    memcpy(out, path.at, path.len);
    out[path.len] = '\0';
    return true;
}

static bool ends_with(const char *name, const char *suffix)
{
    const size_t len = strlen(name);
    const size_t tail = strlen(suffix);
    return len > tail && strcmp(name + len - tail, suffix) == 0;
}

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        if (ends_with(name, types[i].suffix)) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

/* ---- headers ---------------------------------------------------------------------- */

enum err page_headers(const char *name, const char *relays, const char *etag,
                      struct buf *out)
{
    // a file whose name carries the hash of its content never changes
    const bool hashed = strncmp(name, "assets/", 7) == 0;
    enum err e = buf_putf(
        out,
        "Content-Type: %s\r\n"
        "Cache-Control: %s\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Cross-Origin-Opener-Policy: same-origin\r\n"
        "Cross-Origin-Embedder-Policy: require-corp\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'self'; "
        "style-src 'self'; img-src 'self' data: blob:; connect-src 'self'%s%s; "
        "manifest-src 'self'; font-src 'self'; worker-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'\r\n",
        type_of(name), hashed ? "public, max-age=31536000, immutable" : "no-cache",
        relays[0] != '\0' ? " " : "", relays);
    if (e == OK && etag[0] != '\0') {
        e = buf_putf(out, "ETag: %s\r\n", etag);
    }
    return e;
}

enum err page_fill(struct bytes html, const char *relays, struct buf *out)
{
    const char *at = memmem(html.at, html.len, META, sizeof(META) - 1);
    if (at == NULL) {
        return buf_put(out, html);
    }
    // up to the closing quote of content=""; relays hold no quote (see is_safe())
    const size_t before = (size_t)((const uint8_t *)at - html.at) + sizeof(META) - 2;
    enum err e = buf_put(out, bytes_sub(html, 0, before));
    if (e == OK) {
        e = buf_put_str(out, relays);
    }
    return e == OK ? buf_put(out, bytes_sub(html, before, html.len)) : e;
}

/* ---- life --------------------------------------------------------------------------- */

/* Nothing that would end a directive, a header, or an attribute. */
static bool is_safe(const char *relays)
{
    if (strlen(relays) > PAGE_RELAY_MAX) {
        return false;
    }
    for (const char *at = relays; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~' || strchr(";,\"'<>&", *at) != NULL) {
            return false;
        }
    }
    return true;
}

enum err page_set_relays(struct page *p, const char *relays)
{
    if (!is_safe(relays)) {
        return ERR_USAGE;
    }
    mem_free(p->relays);
    p->relays = mem_strdup(relays);
    return OK;
}

enum err page_create(const char *dir, const char *relays, struct page **out)
{
    struct page *p = mem_new(sizeof(*p));
    const enum err e = page_set_relays(p, relays);
    if (e != OK) {
        mem_free(p);
        return e;
    }
    p->dir = mem_strdup(dir);
    *out = p;
    return OK;
}

void page_destroy(struct page *p)
{
    if (p == NULL) {
        return;
    }
    mem_free(p->dir);
    mem_free(p->relays);
    mem_free(p);
}

/* ---- files ---------------------------------------------------------------------------- */

static enum err read_all(int fd, size_t size, struct buf *out)
{
    while (size > 0) {
        uint8_t *at;
        const enum err e = buf_reserve(out, size, &at);
        if (e != OK) {
            return e;
        }
        const ssize_t n = read(fd, at, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return ERR_IO;
        }
        buf_grew(out, (size_t)n);
        size -= (size_t)n;
    }
    return OK;
}

static enum err open_file(const struct page *p, const char *name, int *out_fd,
                          struct stat *st)
{
    char path[4096];
    if (p->dir == NULL ||
        text_format(path, sizeof(path), "%s/%s", p->dir, name) != OK) {
        return ERR_NOT_FOUND;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return ERR_NOT_FOUND;
    }
    if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode) || st->st_size > PAGE_FILE_MAX) {
        close(fd);
        return ERR_NOT_FOUND;
    }
    *out_fd = fd;
    return OK;
}

static enum err load(const struct page *p, const char *name, struct buf *out,
                     char *etag)
{
    int fd = -1;
    struct stat st;
    struct buf raw;
    enum err e = open_file(p, name, &fd, &st);
    if (e != OK) {
        return e;
    }
    buf_init(&raw, PAGE_FILE_MAX);
    e = read_all(fd, (size_t)st.st_size, &raw);
    close(fd);
    if (e == OK && strcmp(name, "index.html") == 0) {
        e = page_fill(buf_bytes(&raw), p->relays, out); // depends on more than the file
    } else if (e == OK) {
        e = text_format(etag, ETAG_SIZE, "\"%llx-%llx\"",
                        (unsigned long long)st.st_size,
                        (unsigned long long)st.st_mtim.tv_sec);
        if (e == OK) {
            e = buf_put(out, buf_bytes(&raw));
        }
    }
    buf_fini(&raw);
    return e;
}

/* ---- answering --------------------------------------------------------------------------- */

static void reply(const struct page *p, struct http_exchange *x, unsigned status,
                  const char *name, const char *etag, struct bytes body)
{
    struct buf headers;
    const char *lines = NULL;
    buf_init(&headers, 4096);
    if (page_headers(name, p->relays, etag, &headers) == OK &&
        buf_cstr(&headers, &lines) == OK) {
        http_reply(x, status, lines, body);
    } else {
        http_reply_text(x, 500, "The page cannot be served.\n");
    }
    buf_fini(&headers);
}

static void reply_missing(const struct page *p, struct http_exchange *x)
{
    static const char nothing[] =
        "<!doctype html><title>Not found</title><h1>Nothing is here</h1>"
        "<p>The Farhand page is at <a href=\"/\">the front</a> of this address.</p>\n";
    static const char unbuilt[] =
        "<!doctype html><title>Farhand</title><h1>The page is not built yet</h1>"
        "<p>Run <code>make build</code> where Farhand's source is, or start it with "
        "<code>--web DIR</code>.</p>\n";
    struct stat st;
    char path[4096];
    const bool built = p->dir != NULL &&
                       text_format(path, sizeof(path), "%s/index.html", p->dir) == OK &&
                       stat(path, &st) == 0;
    reply(p, x, built ? 404 : 503, "missing.html", "",
          built ? BYTES_LIT(nothing) : BYTES_LIT(unbuilt));
}

void page_handle(struct page *p, struct http_exchange *x)
{
    const struct http1_head *head = http_exchange_head(x);
    char name[NAME_MAX_OCTETS];
    char etag[ETAG_SIZE] = "";
    struct buf body;
    if (!bytes_equal_str(head->method, "GET") &&
        !bytes_equal_str(head->method, "HEAD")) {
        http_reply(x, 405, "Allow: GET, HEAD\r\n", BYTES_NONE);
        return;
    }
    buf_init(&body, PAGE_FILE_MAX + PAGE_RELAY_MAX);
    if (!page_name(head->path, name, sizeof(name)) ||
        load(p, name, &body, etag) != OK) {
        reply_missing(p, x);
    } else if (etag[0] != '\0' &&
               bytes_equal_str(http_exchange_header(x, "If-None-Match"), etag)) {
        reply(p, x, 304, name, etag, BYTES_NONE);
    } else {
        reply(p, x, 200, name, etag, buf_bytes(&body));
    }
    buf_fini(&body);
}
