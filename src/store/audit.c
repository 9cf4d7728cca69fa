#include "store/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/audit_priv.h"
#include "store/audit_read.h"

#define HALVE_DOWN_TO (2u * 1024 * 1024) // octets that are simply read

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
    if (e == OK && (line->idx - 1) % AUDIT_STRIDE == 0 && a->found.broken == 0) {
        // without the place reading begins further in front: nothing is lost
        (void)(audit_note_place(a, line->idx, a->size) == OK);
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

/* The number of the first record that begins behind `offset`, and where; 0: none. */
static uint64_t record_behind(const struct audit *a, uint64_t offset, uint64_t *where)
{
    const int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct audit_reader *r = fd < 0 ? NULL : audit_reader_create(fd, offset);
    struct bytes text = BYTES_NONE;
    struct audit_line line;
    const bool found = r != NULL && audit_reader_next(r, &text, where) == OK &&
                       audit_reader_next(r, &text, where) == OK &&
                       audit_line_parse(text, &line) == OK;
    const uint64_t idx = found ? line.idx : 0;
    audit_reader_destroy(r);
    return idx;
}

/* Before the places that are remembered: by halving what lies in front of them. */
static uint64_t place_halved(const struct audit *a, uint64_t idx)
{
    uint64_t from = 0;
    uint64_t to = a->places[0];
    while (to - from > HALVE_DOWN_TO) {
        uint64_t where = 0;
        const uint64_t there = record_behind(a, from + (to - from) / 2, &where);
        if (there == 0 || where <= from || where >= to) {
            break; // not as it was written: from further in front nothing is missed
        }
        if (there <= idx) {
            from = where;
        } else {
            to = from + (to - from) / 2;
        }
    }
    return from;
}

static uint64_t place_before(const struct audit *a, uint64_t idx)
{
    if (idx == 0 || a->n_places == 0) {
        return 0;
    }
    const uint64_t nth = (idx - 1) / AUDIT_STRIDE;
    if (nth < a->nth_place) {
        return place_halved(a, idx);
    }
    const uint64_t at = nth - a->nth_place;
    return a->places[at < a->n_places ? at : a->n_places - 1];
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
