/*
 * Processes as /proc tells of them.
 */
#include "engine/codex/process.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#define STAT_MAX    4096
#define FIELD_STATE 3 // proc(5), /proc/PID/stat; the name (2) may hold blanks
#define FIELD_START 22

/* /proc files say that they are empty: read by hand, they are short. */
static enum err read_small(const char *path, struct buf *out)
{
    const enum err e = file_read(path, out);
    return e == OK && buf_len(out) == 0 ? ERR_IO : e;
}

static struct bytes next_word(struct bytes *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\n') {
        n++;
    }
    const struct bytes word = bytes_sub(*rest, 0, n);
    *rest = bytes_sub(*rest, n + 1, rest->len);
    return word;
}

static enum err parse_stat(struct bytes stat, uint64_t *out_start)
{
    const uint8_t *close = stat.len == 0 ? NULL : memrchr(stat.at, ')', stat.len);
    if (close == NULL) {
        return ERR_IO;
    }
    struct bytes rest = bytes_sub(stat, (size_t)(close - stat.at) + 2, stat.len);
    for (int field = FIELD_STATE; field < FIELD_START; field++) {
        const struct bytes word = next_word(&rest);
        if (field == FIELD_STATE && bytes_equal_str(word, "Z")) {
            return ERR_NOT_FOUND;
        }
    }
    return u64_parse(next_word(&rest), UINT64_MAX, out_start) == OK ? OK : ERR_IO;
}

static enum err start_of(pid_t pid, uint64_t *out)
{
    char path[64];
    struct buf text;
    buf_init(&text, STAT_MAX);
    enum err e = text_format(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (e == OK) {
        e = read_small(path, &text);
    }
    if (e == OK) {
        e = parse_stat(buf_bytes(&text), out);
    }
    buf_fini(&text);
    return e;
}

/* The first part of the id that the kernel draws at every boot. */
static void boot_tag(char out[9])
{
    struct buf text;
    buf_init(&text, STAT_MAX);
    memset(out, '0', 8);
    if (read_small("/proc/sys/kernel/random/boot_id", &text) == OK &&
        buf_len(&text) >= 8) {
        memcpy(out, buf_bytes(&text).at, 8);
    }
    out[8] = '\0';
    buf_fini(&text);
}

enum err process_name(pid_t pid, char out[PROCESS_NAME_MAX])
{
    uint64_t start = 0;
    char boot[9];
    const enum err e = pid > 0 ? start_of(pid, &start) : ERR_NOT_FOUND;
    if (e != OK) {
        return e;
    }
    boot_tag(boot);
    return text_format(out, PROCESS_NAME_MAX, "%ld-%" PRIu64 "-%s", (long)pid, start,
                       boot);
}

pid_t process_session(pid_t pid)
{
    const pid_t sid = pid > 0 ? getsid(pid) : -1;
    return sid > 0 ? sid : 0;
}
