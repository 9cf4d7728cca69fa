/* The escape suite: every attempt of attempts.txt must work outside and fail inside, in both
 * confined modes. What works nowhere here proves nothing: it is named, and counted apart. */
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "sandbox/kernel.h"
#include "world.h"

#define ATTEMPTS_MAX 256
#define LINE_SIZE    1024
#define PROVED_LEAST 80
#define UNMADE       125

enum mode { OUTSIDE, READ_ONLY, WORKSPACE, NO_NAMESPACE, MODES };

static const char *const mode_names[] = {"outside", "read-only", "workspace-write",
                                         "read-only without namespaces"};

struct line {
    char text[LINE_SIZE];
    const char *name;
    const char *script;
    const char *proof; // NULL: the script's own end
};

static struct line lines[ATTEMPTS_MAX];
static size_t n_lines;
static struct world world;
static struct sandbox_kernel kernel;
static const char *sandbox_program;
static char unproved[8192];
static unsigned n_proved;
static unsigned n_unproved;
static bool available[MODES];

static void read_attempts(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (n_lines < ATTEMPTS_MAX &&
           fgets(lines[n_lines].text, LINE_SIZE, file) != NULL) {
        struct line *l = &lines[n_lines];
        char *colon = strstr(l->text, ": ");
        l->text[strcspn(l->text, "\n")] = '\0';
        if (l->text[0] == '#' || colon == NULL) {
            continue;
        }
        *colon = '\0';
        char *proof = strstr(colon + 1, " ## ");
        if (proof != NULL) {
            *proof = '\0';
        }
        l->name = l->text;
        l->script = colon + 2;
        l->proof = proof == NULL ? NULL : proof + 4;
        n_lines++;
    }
    (void)fclose(file);
}

/* ---- one run ------------------------------------------------------------------------------ */

/* A folder outside, waiting in the socket. */
static void pass_on(int end)
{
    char octet = 'x';
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.room = {0}};
    struct iovec io = {&octet, 1};
    const struct msghdr m = {.msg_iov = &io,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control.room)};
    const int folder = open(world.base, O_RDONLY | O_DIRECTORY);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &folder, sizeof(int));
    (void)sendmsg(end, &m, 0);
}

static void leave_open(void)
{
    char path[PATH_MAX];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        _exit(UNMADE);
    }
    (void)dup2(ends[0], 7); // its other end stays open below 7 as well
    pass_on(ends[1]);
    (void)snprintf(path, sizeof(path), "%s/out", world.base);
    (void)dup2(open(path, O_RDONLY | O_DIRECTORY), 8);
    (void)snprintf(path, sizeof(path), "%s/out/file", world.base);
    (void)dup2(open(path, O_RDWR), 9);
}

static void enter(enum mode mode, const char *script)
{
    static const char *const names[] = {
        "OUT",   "WS",   "STATE",    "E",      "PID",    "TAG",     "SOCK",
        "DGRAM", "PORT", "ABSTRACT", "SHMKEY", "SHARED", "TERMINAL"};
    static char values[COUNT(names)][PATH_MAX];
    const char *argv[64] = {sandbox_program,
                            "--workspace",
                            world.work,
                            "--home",
                            world.state,
                            "--timeout",
                            "60",
                            "--mode",
                            mode == WORKSPACE ? "workspace-write" : "read-only"};
    size_t n = 9;
    if (mode == NO_NAMESPACE) {
        argv[n++] = "--no-namespace";
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(values[i], PATH_MAX, "%s=%s", names[i], getenv(names[i]));
        argv[n++] = "--env";
        argv[n++] = values[i];
    }
    const char *const rest[] = {"--", "/bin/sh", "-c", script};
    for (size_t i = 0; i < COUNT(rest); i++) {
        argv[n++] = rest[i];
    }
    (void)execv(sandbox_program, (char *const *)(uintptr_t)argv);
}

static int run(enum mode mode, const char *script, bool plain)
{
    const pid_t pid = fork();
    if (pid == 0) {
        const int null = open("/dev/null", O_RDWR);
        (void)dup2(null, 0);
        (void)dup2(null, 1);
        (void)dup2(null, 2);
        (void)alarm(mode == OUTSIDE ? 60 : 0);
        if (!plain) {
            leave_open();
        }
        if (mode == OUTSIDE) {
            (void)execl("/bin/sh", "sh", "-c", script, NULL);
        } else {
            enter(mode, script);
        }
        _exit(UNMADE);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Whether the attempt worked, by its own word or by what is seen outside afterwards. */
static bool works(enum mode mode, const struct line *l)
{
    world_reset(&world);
    const int code = run(mode, l->script, false);
    if (mode != OUTSIDE && code == UNMADE) {
        print_error("%s: %s: the sandbox could not be made\n", l->name,
                    mode_names[mode]);
        fail();
    }
    if (l->proof == NULL) {
        return code == 0;
    }
    return run(OUTSIDE, l->proof, true) == 0;
}

static void clean_marks(void)
{
    (void)run(OUTSIDE, "rm -f /tmp/$TAG /var/tmp/$TAG /dev/shm/$TAG $WS/s.sock", true);
}

/* ---- the tests ------------------------------------------------------------------------------- */

/* The summary names it. */
static void note_unproved(const char *name)
{
    const size_t len = strlen(unproved);
    (void)snprintf(unproved + len, sizeof(unproved) - len, " %s", name);
}

static void attempt(void **state)
{
    const struct line *l = *state;
    const bool outside = works(OUTSIDE, l);
    clean_marks();
    /* What only mounts can hold, Landlock alone cannot: docs/sandbox.md says so. */
    const bool mounts = strncmp(l->name, "mount-", 6) == 0;
    const enum mode end = mounts ? NO_NAMESPACE : MODES;
    for (enum mode mode = mounts && !kernel.namespaces ? end : READ_ONLY; mode < end;
         mode++) {
        if (available[mode] && works(mode, l)) {
            print_error("%s: WORKS INSIDE, %s: %s\n", l->name, mode_names[mode],
                        l->script);
            fail();
        }
    }
    if (outside) {
        n_proved++;
        return;
    }
    n_unproved++;
    note_unproved(l->name);
}

/* Holding a command is worth nothing when it cannot do its work. */
static void tool(void **state)
{
    const struct line *l = *state;
    world_reset(&world);
    if (run(OUTSIDE, l->script, false) != 0) {
        print_error("escape: %s does not work outside either\n", l->name);
        // what the build itself needs is here; a Node may be the tree's own, off the PATH
        assert_string_equal(l->name, "tool-node");
        note_unproved(l->name);
        return;
    }
    const bool mounts = strncmp(l->name, "tool-mount-", 11) == 0;
    const enum mode end = mounts ? NO_NAMESPACE : MODES;
    for (enum mode mode = mounts && !kernel.namespaces ? end : READ_ONLY; mode < end;
         mode++) {
        if (available[mode] && run(mode, l->script, false) != 0) {
            print_error("%s: does not work, %s: %s\n", l->name, mode_names[mode],
                        l->script);
            fail();
        }
    }
}

/* The attempts' own means work inside: a suite of broken scripts would prove nothing. */
static void control(void **state)
{
    (void)state;
    world_reset(&world);
    for (enum mode mode = OUTSIDE; mode < MODES; mode++) {
        if (available[mode]) {
            assert_int_equal(run(mode, "$E control && test -e $WS/mine", false), 0);
        }
    }
    if (available[WORKSPACE]) {
        assert_int_equal(
            run(WORKSPACE, "echo x > $WS/new && mv $WS/new $WS/mine", false), 0);
    }
}

static void refusals(void **state)
{
    (void)state;
    for (enum mode mode = READ_ONLY; mode < MODES; mode++) {
        if (!available[mode]) {
            print_message("escape: NOT PROVED HERE: the mode %s: %s\n",
                          mode_names[mode],
                          kernel.landlock_abi == 0 ? "no Landlock" : kernel.why_not);
            assert_int_equal(run(mode, "exit 0", false),
                             UNMADE); // refused, not weakened
        }
    }
}

static void summary(void **state)
{
    (void)state;
    print_message(
        "escape: %zu attempts as uid %d on Linux %s, Landlock ABI %u: %u proved "
        "(work outside, fail inside), %u fail inside but work nowhere here:%s\n",
        (size_t)n_proved + n_unproved, (int)geteuid(), kernel.release,
        kernel.landlock_abi, n_proved, n_unproved, unproved);
    if (available[READ_ONLY] && available[WORKSPACE]) {
        assert_true(n_proved >= PROVED_LEAST);
    }
}

static const char *moved; // a folder of ours that the end removes

/* The sandbox has a /tmp of its own: in a checkout below the real one the world and the
 * program that tries to get out would be missing for a reason that proves nothing. They
 * move to the home then. */
static void leave_private(char base[PATH_MAX], char escape[PATH_MAX])
{
    static const char *const places[] = {"/tmp/", "/var/tmp/", "/dev/shm/"};
    const char *home = getenv("HOME");
    struct buf program;
    bool inside = false;
    for (size_t i = 0; i < COUNT(places); i++) {
        inside = inside || strncmp(base, places[i], strlen(places[i])) == 0;
    }
    if (!inside || home == NULL) {
        return;
    }
    buf_init(&program, 64u * 1024 * 1024);
    if (text_format(base, PATH_MAX, "%s/.farhand-escape-XXXXXX", home) != OK ||
        file_read(escape, &program) != OK || mkdtemp(base) == NULL ||
        chmod(base, 0755) != 0 ||
        text_format(escape, PATH_MAX, "%s/escape", base) != OK ||
        file_replace(escape, buf_bytes(&program), 0755) != OK) {
        print_error("escape: no place outside of /tmp in %s\n", home);
        exit(2);
    }
    buf_fini(&program);
    moved = base;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[ATTEMPTS_MAX + 3];
    static char program[PATH_MAX]; // the attempts change their folder
    static char escape[PATH_MAX];
    char base[PATH_MAX];
    size_t n = 0;
    if (argc < 5 || realpath(argv[1], program) == NULL ||
        realpath(argv[2], escape) == NULL || realpath(argv[3], base) == NULL) {
        print_error("usage: suite_test SANDBOX ESCAPE FOLDER ATTEMPTS [NAME]\n");
        return 2;
    }
    leave_private(base, escape);
    sandbox_program = program;
    sandbox_probe(&kernel);
    available[OUTSIDE] = true;
    available[READ_ONLY] =
        kernel.landlock_abi > 0 &&
        (kernel.namespaces || kernel.landlock_abi >= LANDLOCK_ABI_SCOPE);
    available[WORKSPACE] = kernel.landlock_abi > 0 && kernel.namespaces;
    available[NO_NAMESPACE] = kernel.landlock_abi >= LANDLOCK_ABI_SCOPE;
    read_attempts(argv[4]);
    world_begin(&world, base, escape);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(control);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(refusals);
    for (size_t i = 0; i < n_lines; i++) {
        if (argc < 6 || strstr(lines[i].name, argv[5]) != NULL) {
            const bool is_tool = strncmp(lines[i].name, "tool-", 5) == 0;
            tests[n++] = (struct CMUnitTest){lines[i].name, is_tool ? tool : attempt,
                                             NULL, NULL, &lines[i]};
        }
    }
    if (argc < 6) {
        tests[n++] = (struct CMUnitTest)cmocka_unit_test(summary);
    }
    const int failed = _cmocka_run_group_tests("escape", tests, n, NULL, NULL);
    world_end(&world);
    if (moved != NULL) {
        (void)unlink(escape);
        (void)rmdir(moved);
    }
    return failed == 0 ? 0 : 1;
}
