#include "engine/codex/record.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#define RECORD_MAX 256

enum err record_write(const char *run_dir, const char *file, pid_t pid, uint16_t port)
{
    char path[PATH_MAX];
    char name[PROCESS_NAME_MAX];
    char text[RECORD_MAX];
    enum err e = process_name(pid, name);
    if (e == OK) {
        e = text_format(path, sizeof(path), "%s/%s", run_dir, file);
    }
    if (e == OK) {
        e = text_format(text, sizeof(text), "%u %s\n", (unsigned)port, name);
    }
    return e == OK ? file_replace(path, bytes_from_str(text), 0600) : e;
}

/* "PORT PID-START-BOOT\n" */
static enum err parse(struct bytes text, struct record *out)
{
    const uint8_t *blank = text.len == 0 ? NULL : memchr(text.at, ' ', text.len);
    const uint8_t *end = text.len == 0 ? NULL : memchr(text.at, '\n', text.len);
    if (blank == NULL || end == NULL || end < blank) {
        return ERR_PROTO;
    }
    struct record r = {.pid = 0};
    uint64_t port = 0;
    uint64_t pid = 0;
    const size_t name_len = (size_t)(end - blank) - 1;
    const struct bytes name = {blank + 1, name_len};
    const uint8_t *dash = name_len == 0 ? NULL : memchr(name.at, '-', name.len);
    if (dash == NULL || name_len >= sizeof(r.name) ||
        u64_parse((struct bytes){text.at, (size_t)(blank - text.at)}, UINT16_MAX,
                  &port) != OK ||
        u64_parse((struct bytes){name.at, (size_t)(dash - name.at)}, INT32_MAX, &pid) !=
            OK) {
        return ERR_PROTO;
    }
    memcpy(r.name, name.at, name_len);
    r.pid = (pid_t)pid;
    r.port = (uint16_t)port;
    *out = r;
    return OK;
}

static enum err read_file(const char *run_dir, const char *file, struct record *out)
{
    char path[PATH_MAX];
    struct buf text;
    buf_init(&text, RECORD_MAX);
    enum err e = text_format(path, sizeof(path), "%s/%s", run_dir, file);
    if (e == OK) {
        e = file_read(path, &text);
    }
    if (e == OK) {
        e = parse(buf_bytes(&text), out);
    }
    buf_fini(&text);
    return e;
}

enum err record_read(const char *run_dir, const char *file, struct record *out)
{
    struct record r;
    char name[PROCESS_NAME_MAX];
    if (read_file(run_dir, file, &r) != OK || process_name(r.pid, name) != OK ||
        strcmp(name, r.name) != 0) {
        return ERR_NOT_FOUND;
    }
    *out = r;
    return OK;
}

uint16_t record_last_port(const char *run_dir, const char *file)
{
    struct record r;
    return read_file(run_dir, file, &r) == OK ? r.port : 0;
}
