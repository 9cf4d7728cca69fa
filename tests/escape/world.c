#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t victim;
static int shm_id = -1;
static int sem_id = -1;
static int msg_id = -1;
static char shared[64]; // a file in /dev/shm
static char queue[64];

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "escape: the world cannot be made: %s\n", what);
        abort();
    }
}

static void spell(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void spell(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(out, size, format, args);
    va_end(args);
    must(n >= 0 && (size_t)n < size, "a path is too long");
}

/* ---- files --------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

static void remove_all(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];
    spell(path, sizeof(path), "%s/%s", folder, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
    (void)close(fd);
}

static void make(const char *folder, const char *name)
{
    char path[PATH_MAX];
    spell(path, sizeof(path), "%s/%s", folder, name);
    must(mkdir(path, 0755) == 0, path);
}

static void copy_suid(const struct world *w, const char *out)
{
    char line[3 * PATH_MAX];
    spell(line, sizeof(line),
          "cp '%s' '%s/suid' && chown 65534 '%s/suid' && chmod 4755 '%s/suid'",
          w->escape, out, out, out);
    const pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(1);
        }
        (void)execl("/bin/sh", "sh", "-c", line, NULL);
        _exit(1);
    }
    (void)waitpid(pid, NULL, 0); // only root can: the attempt says so otherwise
}

static void reset_work(const struct world *w)
{
    remove_all(w->work);
    must(mkdir(w->work, 0755) == 0, w->work);
    static const char *const folders[] = {".git",         ".git/hooks", ".git/refs",
                                          ".git/objects", "folder2",    "tools",
                                          "tools/hooks",  "sub"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        make(w->work, folders[i]);
    }
    put(w->work, ".git/HEAD", "ref: refs/heads/main\n");
    put(w->work, ".git/config",
        "[core]\n\thooksPath = tools/hooks # ours\n"
        "[include]\n\tpath = ../more.cfg\n");
    put(w->work, "more.cfg", "[user]\n\tname = a\n");
    put(w->work, ".gitmodules", "[submodule \"s\"]\n\tpath = sub\n\turl = ./s\n");
    put(w->work, "sub/.git", "gitdir: ../.git/modules/s\n");
    put(w->work, "mine", "mine\n");
    put(w->work, "AGENTS.md", "be kind\n");
}

void world_reset(struct world *w)
{
    char path[PATH_MAX];
    spell(path, sizeof(path), "%s.old", w->state);
    if (access(path, F_OK) == 0) {
        remove_all(w->state);
        must(rename(path, w->state) == 0, path);
    }
    spell(path, sizeof(path), "%s/config.toml", w->state);
    (void)unlink(path);
    put(w->state, "keys/host", "key\n");
    spell(path, sizeof(path), "%s/out", w->base);
    remove_all(path);
    must(mkdir(path, 0755) == 0, path);
    put(path, "file", "old\n");
    put(path, "old", "old\n");
    make(path, "empty");
    char node[PATH_MAX + 8];
    spell(node, sizeof(node), "%s/fifo", path);
    must(mkfifo(node, 0600) == 0, node);
    spell(node, sizeof(node), "%s/zero", path);
    (void)mknod(node, S_IFCHR | 0600, makedev(1, 5)); // only root can
    copy_suid(w, path);
    struct timespec past[2] = {{1500000000, 0}, {1500000000, 0}};
    char old[PATH_MAX + 8];
    spell(old, sizeof(old), "%s/old", path);
    must(utimensat(AT_FDCWD, old, past, 0) == 0, old);
    reset_work(w);
}

/* ---- sockets -------------------------------------------------------------------------- */

static void listen_unix(const char *name, bool abstract, int type)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    must(strlen(name) < sizeof(at.sun_path) - 1, "a socket's name is too long");
    (void)strncpy(at.sun_path + (abstract ? 1 : 0), name, sizeof(at.sun_path) - 2);
    const socklen_t len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0, name);
    must(type == SOCK_DGRAM || listen(fd, 4096) == 0, name);
}

static unsigned listen_tcp(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
             listen(fd, 4096) == 0 &&
             getsockname(fd, (struct sockaddr *)&at, &len) == 0,
         "TCP");
    return ntohs(at.sin_port);
}

/* A terminal of the same user's: whoever opens it reads what is typed there. */
static void open_terminal(char *name, size_t size)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    must(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
             ptsname_r(master, name, size) == 0,
         "a terminal");
}

static void start_victim(const char *out)
{
    victim = fork();
    if (victim == 0) {
        char path[PATH_MAX];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        spell(path, sizeof(path), "%s/old", out);
        (void)dup2(open(path, O_RDONLY), 9);
        (void)setenv("VICTIM", "secret", 1);
        (void)execl("/bin/sleep", "sleep", "100000", NULL);
        _exit(1);
    }
    must(victim > 0, "a program to attack");
}

static void say(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say(const char *name, const char *format, ...)
{
    char value[PATH_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    must(setenv(name, value, 1) == 0, name);
}

void world_begin(struct world *w, const char *base, const char *escape)
{
    char path[PATH_MAX];
    memset(w, 0, sizeof(*w));
    spell(w->base, sizeof(w->base), "%s/w%d", base, (int)getpid());
    spell(w->work, sizeof(w->work), "%s/work", w->base);
    spell(w->state, sizeof(w->state), "%s/state", w->base);
    spell(w->escape, sizeof(w->escape), "%s", escape);
    must(mkdir(w->base, 0755) == 0 && mkdir(w->state, 0700) == 0, w->base);
    make(w->state, "keys");
    make(w->state, "run");
    world_reset(w);
    must(chdir(w->base) == 0, w->base); // names of sockets are short
    spell(path, sizeof(path), "%s/out", w->base);
    start_victim(path);
    say("OUT", "%s", path);
    say("WS", "%s", w->work);
    say("STATE", "%s", w->state);
    say("E", "%s", w->escape);
    say("PID", "%d", (int)victim);
    say("TAG", "fh-escape-%d", (int)getpid());
    say("SOCK", "%s/s.sock", w->base);
    say("DGRAM", "%s/d.sock", w->base);
    say("ABSTRACT", "fh-escape-a-%d", (int)getpid());
    say("PORT", "%u", listen_tcp());
    listen_unix(getenv("SOCK"), false, SOCK_STREAM);
    listen_unix(getenv("DGRAM"), false, SOCK_DGRAM);
    listen_unix(getenv("ABSTRACT"), true, SOCK_STREAM);
    spell(path, sizeof(path), "%s/run/host.sock", w->state);
    listen_unix(path, false, SOCK_STREAM);
    shm_id = shmget((key_t)(0x46480000 + (getpid() & 0xffff)), 4096, IPC_CREAT | 0600);
    sem_id = semget((key_t)(0x46480000 + (getpid() & 0xffff)), 1, IPC_CREAT | 0600);
    msg_id = msgget((key_t)(0x46480000 + (getpid() & 0xffff)), IPC_CREAT | 0600);
    spell(shared, sizeof(shared), "/dev/shm/fh-escape-%d.shared", (int)getpid());
    (void)close(open(shared, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    say("SHARED", "%s", shared);
    open_terminal(path, sizeof(path));
    say("TERMINAL", "%s", path);
    say("SHMKEY", "%d", 0x46480000 + (int)(getpid() & 0xffff));
    spell(queue, sizeof(queue), "/fh-escape-%d", (int)getpid());
    (void)mq_open(queue, O_RDWR | O_CREAT, 0600, NULL);
    say("TMPDIR", "/tmp");
    // not a cache in front of a compiler, whose folder is outside
    say("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    say("API_TOKEN", "secret");
    say("SSH_AUTH_SOCK", "%s/s.sock", w->base);
    say("LD_LIBRARY_PATH", "/nowhere");
}

void world_end(struct world *w)
{
    (void)kill(victim, SIGKILL);
    (void)waitpid(victim, NULL, 0);
    (void)shmctl(shm_id, IPC_RMID, NULL);
    (void)semctl(sem_id, 0, IPC_RMID);
    (void)msgctl(msg_id, IPC_RMID, NULL);
    (void)unlink(shared);
    (void)mq_unlink(queue);
    if (chdir("/") == 0) {
        remove_all(w->base);
    }
}
