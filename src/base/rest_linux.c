#include "base/rest.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"

struct mapping {
    uintptr_t from;
    uintptr_t to; // 0: not one to drop
};

/* "from-to perms offset dev inode path": of a file, and closed to writing. */
static struct mapping read_head(const char *line)
{
    struct mapping m = {.from = 0, .to = 0};
    char *at = NULL;
    const uintptr_t from = (uintptr_t)strtoull(line, &at, 16);
    if (at == line || *at != '-') {
        return m;
    }
    const uintptr_t to = (uintptr_t)strtoull(at + 1, &at, 16);
    if (*at != ' ' || strlen(at) < 5 || at[2] == 'w' || at[4] != 'p' ||
        strchr(at, '/') == NULL) {
        return m;
    }
    return (struct mapping){.from = from, .to = to};
}

/* A line of /proc/self/smaps: the head of a mapping, or "Name:  N kB" of the last. */
static void read_line(const char *line, struct mapping *m)
{
    static const char name[] = "Anonymous:";
    if (strncmp(line, name, sizeof(name) - 1) == 0) {
        // what was relocated or patched is in no file
        const bool is_as_in_file = strtoull(line + sizeof(name) - 1, NULL, 10) == 0;
        if (m->to > m->from && is_as_in_file) {
            (void)madvise((void *)m->from, m->to - m->from, MADV_DONTNEED); // NOLINT
        }
        m->to = 0;
    } else if (line[0] < 'A' || line[0] > 'Z') { // addresses are in small letters
        *m = read_head(line);
    }
}

static void drop_clean_pages(struct buf *maps)
{
    struct mapping m = {.from = 0, .to = 0};
    char *line = (char *)maps->at + maps->start;
    for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
        *end = '\0';
        read_line(line, &m);
        line = end + 1;
    }
}

void rest_now(void)
{
    struct buf maps;
    buf_init(&maps, REST_MAPS_MAX);
    if (file_read("/proc/self/smaps", &maps) == OK && buf_put_u8(&maps, '\0') == OK) {
        drop_clean_pages(&maps);
    } else {
        log_debug("rest.maps_unread", "len=%zu", buf_len(&maps));
    }
    buf_fini(&maps);
    (void)malloc_trim(0);
}
