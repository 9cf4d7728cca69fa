#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "store/audit_priv.h"
#include "store/audit_read.h"
#include "wire/json.h"

/* A long log is not read whole at each start: what its end says is proved by a
 * checkpoint of this host among the records there, and `audit verify` reads the rest. */

#define AUDIT_TAIL_MAX (4u * 1024 * 1024)

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

enum err audit_note_place(struct audit *a, uint64_t idx, uint64_t offset)
{
    uint64_t *grown = mem_try_resize(a->places, (a->n_places + 1) * sizeof(*a->places));
    if (grown == NULL) {
        return ERR_NOMEM;
    }
    if (a->n_places == 0) {
        a->nth_place = (idx - 1) / AUDIT_STRIDE;
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
    const uint8_t *host_key; // of the checkpoints; NULL: from the front
    uint64_t nth;            // records so far
    bool doubt;              // after the last whole record comes something else
    bool begins_late;        // not at the front: *proved* says whether that is fine
    bool proved;             // a checkpoint of this host was among them
};

/* Does this record sign all before it, with the key of this host? */
static bool is_point(const struct audit_line *line, const uint8_t *host_key)
{
    uint8_t message[AUDIT_CHECKPOINT_SIZE];
    uint8_t sig[SIGN_SIG];
    struct audit_head before = {.idx = line->idx - 1};
    struct bytes raw = BYTES_NONE;
    struct bytes text = BYTES_NONE;
    size_t len = 0;
    memcpy(before.h, line->prev, sizeof(before.h));
    audit_checkpoint_octets(&before, message);
    return bytes_equal_str(line->type, "checkpoint") &&
           json_raw_get(line->payload, "sig", &raw) == OK &&
           json_raw_plain(raw, &text) == OK &&
           b64url_decode(text, sig, sizeof(sig), &len) == OK && len == sizeof(sig) &&
           sign_verify(host_key, BYTES_OF(message), BYTES_OF(sig)) == OK;
}

/* Where a log that is not read from its front is taken up. */
static void begin_late(struct audit *a, const struct audit_line *line)
{
    a->head.idx = line->idx - 1;
    memcpy(a->head.h, line->prev, sizeof(a->head.h));
}

static enum err take_line(struct opening *o, const struct audit_line *line,
                          uint64_t offset)
{
    struct audit *a = o->a;
    if (o->nth++ == 0 && o->begins_late) {
        begin_late(a, line);
    } else if (o->nth == 1) {
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
    o->proved = o->proved || (o->begins_late && is_point(line, o->host_key));
    // with numbers missing the places would lie: then reading begins at the front
    if (a->found.broken == 0 && (line->idx - 1) % AUDIT_STRIDE == 0) {
        return audit_note_place(a, line->idx, offset);
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

static enum err read_from(struct opening *o, uint64_t offset)
{
    const int fd = open(o->a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return ERR_IO;
    }
    struct audit_reader *r = audit_reader_create(fd, offset);
    struct bytes cut = BYTES_NONE;
    uint64_t at = 0;
    // the first line of a place inside the file is one that was cut
    enum err e = offset == 0 ? OK : audit_reader_next(r, &cut, &at);
    e = e == OK ? read_lines(o, r) : e;
    audit_reader_destroy(r);
    return e;
}

static bool read_first(struct audit *a, const uint8_t host_id[16])
{
    const int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct audit_reader *r = fd < 0 ? NULL : audit_reader_create(fd, 0);
    struct bytes text = BYTES_NONE;
    struct audit_line line;
    uint64_t offset = 0;
    const bool fits = r != NULL && audit_reader_next(r, &text, &offset) == OK &&
                      audit_line_parse(text, &line) == OK && line.idx == 1;
    if (fits) {
        read_creation(a, host_id, &line);
    }
    audit_reader_destroy(r);
    return fits;
}

/* The end of a long log, when all of it follows from what this host has signed there.
 * False: it must be read whole, which also finds what is wrong, and where. */
static bool read_tail(struct audit *a, const uint8_t host_id[16],
                      const uint8_t *host_key)
{
    struct stat st;
    struct opening o = {
        .a = a, .host_id = host_id, .host_key = host_key, .begins_late = true};
    if (host_key == NULL || fstat(a->fd, &st) != 0 ||
        st.st_size <= (off_t)AUDIT_TAIL_MAX || !read_first(a, host_id)) {
        return false;
    }
    const enum err e = read_from(&o, (uint64_t)st.st_size - AUDIT_TAIL_MAX);
    if (e == OK && o.proved && a->found.broken == 0 && a->size != 0) {
        return true;
    }
    a->found.broken = 0;
    a->found.fault = AUDIT_FINE;
    a->head = a->zero;
    a->size = 0;
    a->n_places = 0;
    return false;
}

static enum err read_file(struct audit *a, const uint8_t host_id[16],
                          const uint8_t *host_key)
{
    struct opening o = {.a = a, .host_id = host_id};
    const enum err e = read_tail(a, host_id, host_key) ? OK : read_from(&o, 0);
    return e != OK ? e : drop_tail(a);
}

enum err audit_open(const char *path, const uint8_t host_id[16],
                    const uint8_t *host_key, uint64_t created_ms, struct audit **out,
                    struct diag *d)
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
    e = read_file(a, host_id, host_key);
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
