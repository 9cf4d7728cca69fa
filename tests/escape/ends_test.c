/* How runs end, on the real program: every row of ends.txt. */
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "sandbox/kernel.h"

#define ROWS_MAX   256
#define TEXT_MAX   (256u * 1024u)
#define SECONDS    60 // a row that hangs ends here
#define NOT_CALLED 99

struct row {
    const char *name;
    const char *sentence;
    const char *script;
    int code;
};

static struct row rows[ROWS_MAX];
static size_t n_rows;
static char folder[PATH_MAX];
static char said[PATH_MAX + 8];
static bool has_mounts;
static bool has_users; // namespaces of users
static struct sandbox_kernel kernel;

/* ---- the table ------------------------------------------------------------------------- */

static void must(bool good, const char *what)
{
    if (!good) {
        print_error("ends: %s\n", what);
        exit(2);
    }
}

static char *part(char **rest)
{
    char *at = *rest;
    char *end = strstr(at, " | ");
    must(end != NULL, at);
    *end = '\0';
    *rest = end + 3;
    return at;
}

static void read_row(char *line)
{
    struct row *r = &rows[n_rows++];
    must(n_rows < ROWS_MAX, "too many rows");
    r->name = part(&line);
    r->code = (int)strtol(part(&line), NULL, 10);
    r->sentence = part(&line);
    r->script = line;
}

/* A line that begins with a blank belongs to the one before. */
static void read_rows(char *text)
{
    while (text != NULL && *text != '\0') {
        char *end = strchr(text, '\n');
        while (end != NULL && end[1] == ' ') {
            end = strchr(end + 1, '\n');
        }
        if (end != NULL) {
            *end = '\0';
        }
        if (text[0] != '#' && text[0] != '\0') {
            read_row(text);
        }
        text = end == NULL ? NULL : end + 1;
    }
}

/* ---- one row ------------------------------------------------------------------------------- */

static int call(const char *script, const char *out)
{
    const pid_t pid = fork();
    if (pid == 0) {
        const int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
        (void)dup2(open("/dev/null", O_RDONLY), 0);
        (void)dup2(fd, 1);
        (void)dup2(fd, 2);
        (void)alarm(SECONDS);
        if (fd < 0 || chdir(folder) != 0) {
            _exit(NOT_CALLED);
        }
        (void)execl("/bin/sh", "sh", "-c", script, NULL);
        _exit(NOT_CALLED);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void begin_row(void)
{
    (void)mkdir(folder, 0755);
    must(call("cd / && rm -rf \"$D\" && mkdir \"$D\" && cd \"$D\" && mkdir w out && "
              "git init -q w",
              "/dev/null") == 0,
         "no folder for a row");
}

static void row(void **state)
{
    const struct row *r = *state;
    struct buf text;
    const char *got = "";
    if ((strncmp(r->name, "ns-", 3) == 0 && !(has_mounts && kernel.namespaces)) ||
        (strncmp(r->name, "ns-user-", 8) == 0 && !has_users) ||
        (strstr(r->script, "workspace-write") != NULL && !kernel.namespaces)) {
        print_message("ends: NOT PROVED HERE: %s (%s)\n", r->name,
                      kernel.namespaces ? "no mounts of one's own" : kernel.why_not);
        return;
    }
    begin_row();
    const int code = call(r->script, said);
    buf_init(&text, TEXT_MAX);
    must(file_read(said, &text) == OK && buf_cstr(&text, &got) == OK,
         "what was said cannot be read");
    if (code != r->code ||
        (strcmp(r->sentence, "-") != 0 && strstr(got, r->sentence) == NULL)) {
        print_error("%s: ended with %d, not %d, and said:\n%.2000s\n", r->name, code,
                    r->code, got);
        buf_fini(&text);
        fail();
    }
    buf_fini(&text);
}

static void say(const char *name, const char *value)
{
    must(setenv(name, value, 1) == 0, name);
}

static void find_mounts(const char *name, const char *prefix)
{
    char script[64];
    (void)snprintf(script, sizeof(script), "%s mount -t tmpfs x /mnt", prefix);
    if (!has_mounts && call(script, "/dev/null") == 0) {
        has_mounts = true;
        say(name, prefix);
    }
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[ROWS_MAX];
    static char program[PATH_MAX];
    static char escape[PATH_MAX];
    char base[PATH_MAX];
    char tag[64];
    struct buf table;
    size_t n = 0;
    must(argc >= 5 && realpath(argv[1], program) != NULL &&
             realpath(argv[2], escape) != NULL && realpath(argv[3], base) != NULL,
         "usage: ends_test SANDBOX ESCAPE FOLDER ROWS [NAME]");
    buf_init(&table, TEXT_MAX);
    must(file_read(argv[4], &table) == OK && buf_put_u8(&table, '\0') == OK,
         "no table of rows");
    char *text = (char *)(uintptr_t)buf_bytes(&table).at;
    read_rows(text);
    (void)snprintf(tag, sizeof(tag), "fh-ends-%d", (int)getpid());
    must(text_format(folder, sizeof(folder), "%s/%s", base, tag) == OK &&
             text_format(said, sizeof(said), "%s.said", folder) == OK,
         "a path is too long");
    (void)mkdir(folder, 0755);
    say("S", program);
    say("E", escape);
    say("D", folder);
    say("TAG", tag);
    (void)unsetenv("FARHAND_HOME");
    sandbox_probe(&kernel);
    find_mounts("NS", "unshare -Urm");
    has_users = has_mounts;
    find_mounts("NS", "unshare -m");
    for (size_t i = 0; i < n_rows; i++) {
        if (argc < 6 || strstr(rows[i].name, argv[5]) != NULL) {
            tests[n++] = (struct CMUnitTest){rows[i].name, row, NULL, NULL, &rows[i]};
        }
    }
    const int failed = _cmocka_run_group_tests("ends", tests, n, NULL, NULL);
    begin_row();
    (void)call("cd /; rm -rf \"$D\"", "/dev/null");
    (void)unlink(said);
    buf_fini(&table);
    return failed == 0 ? 0 : 1;
}
