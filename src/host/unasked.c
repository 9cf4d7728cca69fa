#include "host/unasked.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define RULES_MAX (1024u * 1024)

/* ---- Codex's own rules ----------------------------------------------------------- */

/* The text of one call of prefix_rule, up to its bracket; a rule that says nothing
 * allows. */
static bool rule_allows(const char *at, size_t len)
{
    const char *decision = memmem(at, len, "decision", strlen("decision"));
    return decision == NULL ||
           memmem(decision, len - (size_t)(decision - at), "allow", 5) != NULL;
}

static size_t count_allows(const char *path)
{
    struct buf text;
    const char *at = NULL;
    size_t n = 0;
    buf_init(&text, RULES_MAX);
    if (file_read(path, &text) == OK && buf_cstr(&text, &at) == OK) {
        while ((at = strstr(at, "prefix_rule")) != NULL) {
            const char *next = strstr(at + 1, "prefix_rule");
            n += rule_allows(at, next == NULL ? strlen(at) : (size_t)(next - at)) ? 1
                                                                                  : 0;
            at++;
        }
    }
    buf_fini(&text);
    return n;
}

size_t unasked_rules(const char *dir)
{
    DIR *list = opendir(dir);
    const struct dirent *entry;
    size_t n = 0;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[PATH_MAX];
        const char *ending = strrchr(entry->d_name, '.');
        if (ending != NULL && strcmp(ending, ".rules") == 0 &&
            text_format(path, sizeof(path), "%s/%s", dir, entry->d_name) == OK) {
            n += count_allows(path);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return n;
}

/* ---- rollouts ---------------------------------------------------------------------- */

void unasked_init(struct unasked *u, uint64_t now_ms)
{
    const time_t now = (time_t)(now_ms / 1000);
    struct tm tm = {0};
    *u = (struct unasked){.next = 0};
    (void)gmtime_r(&now, &tm);
    (void)strftime(u->since, sizeof(u->since), "%Y-%m-%dT%H:%M:%S", &tm);
}

static bool id_is_plain(const char *thread)
{
    const size_t len = strlen(thread);
    return len >= 8 && len < sizeof(((struct unasked_tail *)NULL)->thread) &&
           strspn(thread, "0123456789abcdef-") == len;
}

/* Found by its name alone: no path that anybody tells is followed. */
static int open_rollout(const char *home, const char *thread)
{
    char pattern[PATH_MAX];
    glob_t found;
    int fd = -1;
    if (!id_is_plain(thread) ||
        text_format(pattern, sizeof(pattern), "%s/sessions/*/*/*/rollout-*-%s.jsonl",
                    home, thread) != OK ||
        glob(pattern, GLOB_NOSORT, NULL, &found) != 0) {
        return -1;
    }
    if (found.gl_pathc == 1) {
        fd = open(found.gl_pathv[0], O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    }
    globfree(&found);
    return fd;
}

static struct unasked_tail *tail_of(struct unasked *u, const char *thread)
{
    for (size_t i = 0; i < COUNT(u->tails); i++) {
        if (strcmp(u->tails[i].thread, thread) == 0) {
            return &u->tails[i];
        }
    }
    struct unasked_tail *t = &u->tails[u->next++ % COUNT(u->tails)];
    *t = (struct unasked_tail){.offset = -1};
    if (text_format(t->thread, sizeof(t->thread), "%s", thread) != OK) {
        t->thread[0] = '\0';
    }
    return t;
}

static void tell_call(const json_t *call, unasked_fn *tell, void *user)
{
    const char *name = json_get_str(call, "name");
    const char *id = json_get_str(call, "call_id");
    const struct bytes text = json_get_bytes(call, "arguments");
    json_t *arguments = NULL;
    if (name == NULL || id == NULL || text.at == NULL ||
        (strcmp(name, "exec_command") != 0 && strcmp(name, "shell") != 0 &&
         strcmp(name, "shell_command") != 0) ||
        json_parse_peer(text, &arguments) != OK) {
        return;
    }
    const char *command = json_get_str(arguments, "cmd");
    command = command != NULL ? command : json_get_str(arguments, "command");
    tell(user, id, command != NULL ? command : "");
    json_decref(arguments);
}

static void read_line(const struct unasked *u, struct bytes line, unasked_fn *tell,
                      void *user)
{
    json_t *root = NULL;
    if (memmem(line.at, line.len, "\"function_call\"", 15) == NULL ||
        json_parse_peer(line, &root) != OK) {
        return;
    }
    const char *time = json_get_str(root, "timestamp");
    const json_t *payload = json_get_obj(root, "payload");
    const char *type = json_get_str(payload, "type");
    if (time != NULL && strcmp(time, u->since) >= 0 && type != NULL &&
        strcmp(type, "function_call") == 0) {
        tell_call(payload, tell, user);
    }
    json_decref(root);
}

/* Whole lines only; what is torn is read again. Gives how far it came. */
static size_t read_lines(const struct unasked *u, struct bytes all, unasked_fn *tell,
                         void *user)
{
    size_t done = 0;
    const uint8_t *end = NULL;
    while (done < all.len &&
           (end = memchr(all.at + done, '\n', all.len - done)) != NULL) {
        const size_t len = (size_t)(end - all.at) - done;
        read_line(u, bytes_sub(all, done, len), tell, user);
        done += len + 1;
    }
    return done == 0 && all.len == UNASKED_READ ? all.len : done; // no line is so long
}

void unasked_look(struct unasked *u, const char *home, const char *thread,
                  unasked_fn *tell, void *user)
{
    struct stat st;
    const int fd = open_rollout(home, thread);
    if (fd < 0) {
        return;
    }
    struct unasked_tail *t = tail_of(u, thread);
    uint8_t *room = mem_try(UNASKED_READ, 1);
    if (room != NULL && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        const off_t back = (off_t)UNASKED_READ;
        if (t->offset < 0 || t->offset > st.st_size) { // what is older is not ours
            t->offset = st.st_size > back ? st.st_size - back : 0;
        }
        const ssize_t n = pread(fd, room, UNASKED_READ, t->offset);
        if (n > 0) {
            t->offset +=
                (off_t)read_lines(u, (struct bytes){room, (size_t)n}, tell, user);
        }
    }
    mem_free(room);
    (void)close(fd);
}
