#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "store/audit_read.h"
#include "wire/json.h"

#define STRIDE 256 // one remembered place in the file for so many records

struct audit {
    int fd;
    char path[4096];
    struct audit_head head;
    struct audit_head zero; // h_0
    uint64_t created_ms;
    uint64_t size;    // of the file: whole records
    uint64_t synced;  // octets known to be on disk
    uint64_t *places; // offset of the records 1, 1 + STRIDE, …
    size_t n_places;
    bool at_checkpoint; // the last record is one
    struct audit_found found;
    char trouble[160];
    audit_appended_fn *appended;
    void *user;
};

/* ---- opening ------------------------------------------------------------------- */

static enum err open_file(struct audit *a, struct diag *d)
{
    a->fd = open(a->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (a->fd < 0 && errno == ENOENT) {
        a->found.made = true;
        a->fd = open(a->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    struct stat st;
    if (a->fd < 0 || fstat(a->fd, &st) != 0) {
        diag_set(d, "the audit log %s cannot be written: %s", a->path,
                 strerrordesc_np(errno));
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || fchmod(a->fd, 0600) != 0) {
        diag_set(d, "the audit log %s is not a file of this user", a->path);
        return ERR_DENIED;
    }
    if (a->found.made && file_sync_parent(a->path) != OK) {
        diag_set(d, "the folder of %s cannot be written", a->path);
        return ERR_IO;
    }
    return OK;
}

static void note_fault(struct audit *a, uint64_t idx, enum audit_fault fault)
{
    if (a->found.broken == 0 && fault != AUDIT_FINE) {
        a->found.broken = idx;
        a->found.fault = fault;
    }
}

static enum err note_place(struct audit *a, uint64_t offset)
{
    uint64_t *grown = mem_try_resize(a->places, (a->n_places + 1) * sizeof(*a->places));
    if (grown == NULL) {
        return ERR_NOMEM;
    }
    grown[a->n_places++] = offset;
    a->places = grown;
    return OK;
}

/* The first record says when the log began: h_0 follows. */
static void read_creation(struct audit *a, const uint8_t host_id[16],
                          const struct audit_line *first)
{
    struct bytes created = BYTES_NONE;
    uint64_t ms = 0;
    if (json_raw_get(first->payload, "created", &created) == OK &&
        u64_parse(created, INT64_MAX, &ms) == OK) {
        a->created_ms = ms;
    }
    audit_head_start(host_id, a->created_ms, &a->zero);
}

struct opening {
    struct audit *a;
    const uint8_t *host_id;
    uint64_t nth; // records so far
    bool doubt;   // after the last whole record comes something else
};

static enum err take_line(struct opening *o, const struct audit_line *line,
                          uint64_t offset)
{
    struct audit *a = o->a;
    if (o->nth++ == 0) {
        read_creation(a, o->host_id, line);
        a->head = a->zero;
    }
    const uint64_t expected = a->head.idx + 1;
    if (o->doubt) { // it was no torn tail: records go on after it
        note_fault(a, expected, AUDIT_FORM);
        o->doubt = false;
    }
    note_fault(a, expected, audit_head_check(&a->head, line));
    a->at_checkpoint = bytes_equal_str(line->type, "checkpoint");
    // with numbers missing the places would lie: then reading begins at the front
    if (a->found.broken == 0 && (line->idx - 1) % STRIDE == 0) {
        return note_place(a, offset);
    }
    return OK;
}

static enum err read_lines(struct opening *o, struct audit_reader *r)
{
    struct audit *a = o->a;
    for (;;) {
        struct bytes text = BYTES_NONE;
        struct audit_line line;
        uint64_t offset = 0;
        enum err e = audit_reader_next(r, &text, &offset);
        if (e != OK) {
            return e == ERR_CLOSED || e == ERR_AGAIN ? OK : e;
        }
        if (audit_line_parse(text, &line) != OK) {
            o->doubt = true;
            continue;
        }
        e = take_line(o, &line, offset);
        if (e != OK) {
            return e;
        }
        a->size = audit_reader_offset(r);
    }
}

static enum err hash_tail(struct audit *a, uint64_t len)
{
    struct buf tail;
    uint8_t *to = NULL;
    buf_init(&tail, 1u << 20);
    const size_t take = len > (1u << 20) ? 1u << 20 : (size_t)len;
    enum err e = buf_reserve(&tail, take, &to);
    if (e == OK && pread(a->fd, to, take, (off_t)a->size) != (ssize_t)take) {
        e = ERR_IO;
    }
    if (e == OK) {
        hash_sha256((struct bytes){to, take}, a->found.torn_hash);
    }
    buf_fini(&tail);
    return e;
}

/* What follows the last whole record was being written when the machine stopped. */
static enum err drop_tail(struct audit *a)
{
    struct stat st;
    if (fstat(a->fd, &st) != 0) {
        return ERR_IO;
    }
    if ((uint64_t)st.st_size > a->size) {
        a->found.torn = (uint64_t)st.st_size - a->size;
        if (hash_tail(a, a->found.torn) != OK ||
            ftruncate(a->fd, (off_t)a->size) != 0) {
            return ERR_IO;
        }
    }
    if (fdatasync(a->fd) != 0) {
        return ERR_IO;
    }
    a->synced = a->size;
    return OK;
}

static enum err read_file(struct audit *a, const uint8_t host_id[16])
{
    const int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return ERR_IO;
    }
    struct opening o = {.a = a, .host_id = host_id};
    struct audit_reader *r = audit_reader_create(fd, 0);
    const enum err e = read_lines(&o, r);
    audit_reader_destroy(r);
    return e != OK ? e : drop_tail(a);
}

enum err audit_open(const char *path, const uint8_t host_id[16], uint64_t created_ms,
                    struct audit **out, struct diag *d)
{
    struct audit *a = mem_new(sizeof(*a));
    a->fd = -1;
    a->created_ms = created_ms;
    audit_head_start(host_id, created_ms, &a->zero);
    a->head = a->zero;
    enum err e = text_format(a->path, sizeof(a->path), "%s", path);
    e = e != OK ? e : open_file(a, d);
    if (e != OK) {
        goto out;
    }
    e = read_file(a, host_id);
    if (e != OK) {
        diag_set(d, "the audit log %s cannot be read: %s", path, err_text(e));
        goto out;
    }
    *out = a;
    a = NULL;
out:
    audit_close(a);
    return e;
}

void audit_close(struct audit *a)
{
    if (a == NULL) {
        return;
    }
    if (a->fd >= 0) {
        (void)close(a->fd);
    }
    mem_free(a->places);
    mem_free(a);
}

/* ---- appending ------------------------------------------------------------------ */

static enum err trouble(struct audit *a, const char *what)
{
    const char *why = strerrordesc_np(errno);
    if (text_format(a->trouble, sizeof(a->trouble), "%s: %s", what, why) != OK) {
        a->trouble[sizeof(a->trouble) - 1] = '\0';
    }
    log_error("audit.trouble", "reason=\"%s\"", a->trouble);
    return ERR_IO;
}

/* A record that is not whole must not stay: the next would be glued to it. */
static enum err write_line(struct audit *a, struct bytes text)
{
    size_t done = 0;
    while (done < text.len) {
        const ssize_t n = write(a->fd, text.at + done, text.len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            const int why = n == 0 ? ENOSPC : errno;
            if (ftruncate(a->fd, (off_t)a->size) != 0) {
                log_error("audit.torn", "size=%llu", (unsigned long long)a->size);
            }
            errno = why;
            return trouble(a, "the audit log cannot be written");
        }
        done += (size_t)n;
    }
    return OK;
}

/* An earlier write that failed may have left octets behind. */
static enum err at_the_end(struct audit *a)
{
    struct stat st;
    if (fstat(a->fd, &st) != 0 ||
        ((uint64_t)st.st_size > a->size && ftruncate(a->fd, (off_t)a->size) != 0)) {
        return trouble(a, "the audit log cannot be repaired");
    }
    if ((uint64_t)st.st_size < a->size) {
        errno = EIO;
        return trouble(a, "somebody shortened the audit log");
    }
    return OK;
}

static enum err sync_file(struct audit *a, uint64_t size)
{
    if (fdatasync(a->fd) != 0) {
        const int why = errno;
        if (ftruncate(a->fd, (off_t)a->size) != 0) {
            log_error("audit.torn", "size=%llu", (unsigned long long)a->size);
        }
        errno = why;
        return trouble(a, "the audit log does not reach the disk");
    }
    a->synced = size;
    return OK;
}

static enum err put_line(struct audit *a, const struct audit_line *line, bool sync)
{
    struct buf text;
    buf_init(&text, AUDIT_LINE_MAX + 1);
    enum err e = audit_line_print(line, &text);
    e = e != OK ? e : buf_put_u8(&text, '\n');
    e = e != OK ? e : at_the_end(a);
    e = e != OK ? e : write_line(a, buf_bytes(&text));
    const uint64_t size = a->size + buf_len(&text);
    if (e == OK && sync) {
        e = sync_file(a, size);
    }
    if (e == OK && (line->idx - 1) % STRIDE == 0 && a->found.broken == 0) {
        // without the place reading begins further in front: nothing is lost
        (void)(note_place(a, a->size) == OK);
    }
    a->size = e == OK ? size : a->size;
    buf_fini(&text);
    return e;
}

enum err audit_append(struct audit *a, const char *type, struct bytes payload,
                      uint64_t wall_ms, bool sync, uint64_t *idx)
{
    if (!audit_line_fits(type, payload)) {
        return ERR_LIMIT;
    }
    struct audit_line line = {
        .idx = a->head.idx + 1,
        .time_ms = wall_ms & INT64_MAX,
        .type = bytes_from_str(type),
        .payload = payload,
    };
    uint8_t payload_hash[AUDIT_HASH];
    memcpy(line.prev, a->head.h, AUDIT_HASH);
    audit_payload_hash(payload, payload_hash);
    audit_link(line.prev, line.idx, line.time_ms, line.type, payload_hash, line.h);
    const enum err e = put_line(a, &line, sync);
    if (e != OK) {
        return e;
    }
    a->trouble[0] = '\0';
    a->head.idx = line.idx;
    memcpy(a->head.h, line.h, AUDIT_HASH);
    a->at_checkpoint = strcmp(type, "checkpoint") == 0;
    if (idx != NULL) {
        *idx = line.idx;
    }
    if (a->appended != NULL) {
        a->appended(a->user, type);
    }
    return OK;
}

enum err audit_sync(struct audit *a)
{
    return audit_is_synced(a) ? OK : sync_file(a, a->size);
}

void audit_on_append(struct audit *a, audit_appended_fn *fn, void *user)
{
    a->appended = fn;
    a->user = user;
}

enum err audit_checkpoint(struct audit *a, audit_sign_fn *sign, void *user,
                          uint64_t wall_ms)
{
    if (a->at_checkpoint || a->head.idx == 0) {
        return OK;
    }
    uint8_t message[AUDIT_CHECKPOINT_SIZE];
    uint8_t sig[64];
    char h[HEX_SIZE(AUDIT_HASH)];
    char text[B64URL_SIZE(64)];
    struct buf payload;
    audit_checkpoint_octets(&a->head, message);
    sign(user, BYTES_OF(message), sig);
    hex_encode(BYTES_OF(a->head.h), h);
    b64url_encode(BYTES_OF(sig), text);
    buf_init(&payload, 512);
    enum err e = buf_putf(&payload, "{\"idx\":%llu,\"h\":\"%s\",\"sig\":\"%s\"}",
                          (unsigned long long)a->head.idx, h, text);
    if (e == OK) {
        e = audit_append(a, "checkpoint", buf_bytes(&payload), wall_ms, false, NULL);
    }
    buf_fini(&payload);
    return e;
}

void audit_head(const struct audit *a, struct audit_head *out)
{
    *out = a->head;
}

uint64_t audit_created(const struct audit *a)
{
    return a->created_ms;
}

bool audit_is_synced(const struct audit *a)
{
    return a->synced == a->size;
}

const char *audit_trouble(const struct audit *a)
{
    return a->trouble;
}

const struct audit_found *audit_found(const struct audit *a)
{
    return &a->found;
}

/* ---- reading ---------------------------------------------------------------------- */

static uint64_t place_before(const struct audit *a, uint64_t idx)
{
    if (idx == 0 || a->n_places == 0) {
        return 0;
    }
    const uint64_t nth = (idx - 1) / STRIDE;
    return a->places[nth < a->n_places ? nth : a->n_places - 1];
}

static enum err visit_lines(struct audit_reader *r, uint64_t from, uint64_t limit,
                            audit_visit_fn *visit, void *user)
{
    while (limit != 0) {
        struct bytes text = BYTES_NONE;
        struct audit_line line;
        uint64_t offset = 0;
        const enum err e = audit_reader_next(r, &text, &offset);
        if (e != OK) {
            return e == ERR_CLOSED || e == ERR_AGAIN ? OK : e;
        }
        if (audit_line_parse(text, &line) != OK || line.idx < from) {
            continue;
        }
        if (!visit(user, &line)) {
            return OK;
        }
        limit--;
    }
    return OK;
}

enum err audit_each(struct audit *a, uint64_t from, uint64_t limit,
                    audit_visit_fn *visit, void *user)
{
    const int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return ERR_IO;
    }
    struct audit_reader *r = audit_reader_create(fd, place_before(a, from));
    const enum err e = visit_lines(r, from, limit, visit, user);
    audit_reader_destroy(r);
    return e;
}

struct holding {
    uint64_t idx;
    const uint8_t *h;
    bool held;
};

static bool compare(void *user, const struct audit_line *line)
{
    struct holding *w = user;
    w->held = line->idx == w->idx &&
              bytes_equal(BYTES_OF(line->h), (struct bytes){w->h, AUDIT_HASH});
    return false;
}

bool audit_holds(struct audit *a, uint64_t idx, const uint8_t h[AUDIT_HASH])
{
    struct holding w = {.idx = idx, .h = h};
    const struct bytes asked = {h, AUDIT_HASH};
    if (idx == 0 || idx == a->head.idx) {
        const struct audit_head *at = idx == 0 ? &a->zero : &a->head;
        return bytes_equal(BYTES_OF(at->h), asked);
    }
    return idx < a->head.idx && audit_each(a, idx, 1, compare, &w) == OK && w.held;
}
