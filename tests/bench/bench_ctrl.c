/*
 * bench_ctrl: the controller of the benchmarks. One job a run, one JSON object out.
 *
 *     pair LINK HOME NAME               scan to first thread list; keeps the joined host
 *     calls URL HOME N METHOD           the same call straight and through the session
 *     deltas URL HOME RUNS N PID[,PID]  streams of N deltas, straight and through it
 *     reconnect URL HOME N              a new connection until its first answer
 *     start PROGRAM ARG…                exec until a QR code is on the terminal
 *
 * Straight and ours take turns in one process, so that what else the machine does
 * touches both alike.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "client/joined.h"
#include "crypto/random.h"
#include "link/link_pair.h"
#include "sample.h"
#include "way.h"
#include "wire/json.h"

#define WARM_UP        20
#define QR_PATIENCE_MS 10000
#define STOP_TRIES     100
#define STOP_PAUSE_MS  50
#define PIDS_MAX       4
#define THREAD_MAX     128

static struct loop *loop;

static double now_ms(void)
{
    return (double)clock_mono_us() / 1000;
}

static size_t number(const char *text)
{
    char *end = NULL;
    const unsigned long n = strtoul(text, &end, 10);
    if (end == text || n == 0) {
        bench_fail("'%s' is not a number", text);
    }
    return n;
}

static struct link_joined load(const char *home)
{
    struct link_joined j;
    struct diag d = {.text = ""};
    if (joined_find(home, NULL, &j, &d) != OK) {
        bench_fail("%s", d.text);
    }
    return j;
}

/* ---- pair ------------------------------------------------------------------------- */

struct pairing {
    bool done;
    bool closed;
    struct link_joined joined;
};

static void on_progress(void *user, const char *step, const char *sentence)
{
    (void)user;
    (void)step;
    (void)sentence;
}

static void on_digits(void *user, const char *digits, const char *host, bool confirm)
{
    (void)user;
    (void)digits;
    (void)host;
    if (confirm) {
        bench_fail("the link asks for a confirmation");
    }
}

static void on_paired(void *user, enum link_cause cause, const char *sentence,
                      const struct link_joined *joined)
{
    struct pairing *p = user;
    if (cause != LINK_OK) {
        bench_fail("pairing: %s (%s)", sentence, link_cause_name(cause));
    }
    p->joined = *joined;
    p->done = true;
}

static void on_pair_closed(void *user)
{
    struct pairing *p = user;
    p->closed = true;
}

static void run_pair(char **arg)
{
    static const struct link_pair_ops ops = {on_progress, on_digits, on_paired};
    const struct link_pair_options options = {.text = arg[0], .name = arg[2]};
    struct pairing p = {.done = false};
    struct link_pair *pair = NULL;
    struct diag d = {.text = ""};
    const double begin = now_ms();
    if (link_pair_create(loop, &options, &ops, &p, &pair, &d) != OK) {
        bench_fail("%s", d.text);
    }
    link_pair_start(pair);
    way_wait(loop, &p.done, "the pairing");
    const double paired = now_ms();
    struct way *w = way_open_session(loop, &p.joined);
    way_greet(w);
    (void)way_call(w, "thread/list", "{\"limit\":20}");
    const double listed = now_ms();
    if (joined_save(arg[1], &p.joined) != OK) {
        bench_fail("cannot keep the joined host in %s", arg[1]);
    }
    printf("{\"paired\":%.3f,\"listed\":%.3f}\n", paired - begin, listed - begin);
    way_close(w);
    link_pair_close(pair, on_pair_closed);
}

/* ---- calls ------------------------------------------------------------------------- */

static void run_calls(char **arg)
{
    static struct sample straight;
    static struct sample ours;
    const size_t n = number(arg[2]) + WARM_UP;
    const struct link_joined joined = load(arg[1]);
    struct way *a = way_open_straight(loop, arg[0]);
    struct way *b = way_open_session(loop, &joined);
    way_greet(a);
    way_greet(b);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) {
            struct way *w = k == 0 ? a : b;
            const double begin = now_ms();
            (void)way_call(w, arg[3], "{}");
            if (i >= WARM_UP) {
                sample_add(k == 0 ? &straight : &ours, now_ms() - begin);
            }
        }
    }
    printf("{");
    sample_print("straight", &straight);
    printf(",");
    sample_print("ours", &ours);
    printf("}\n");
    way_close(a);
    way_close(b);
}

/* ---- deltas -------------------------------------------------------------------------- */

struct stream {
    char thread[THREAD_MAX];
    size_t n_deltas;
    size_t text_len; // of the deltas together: nothing may be missing
    bool over;
};

static void on_notice(void *user, const struct jsonrpc *text)
{
    struct stream *s = user;
    struct bytes delta;
    if (bytes_equal_str(text->method, "item/agentMessage/delta") &&
        json_raw_get(text->params, "delta", &delta) == OK) {
        s->n_deltas++;
        s->text_len += delta.len - 2; // without its quotes
    } else if (bytes_equal_str(text->method, "turn/completed")) {
        s->over = true;
    }
}

static void start_thread(struct way *w, struct stream *s)
{
    struct bytes thread;
    struct bytes id;
    const struct bytes result = way_call(w, "thread/start", "{}");
    if (json_raw_get(result, "thread", &thread) != OK ||
        json_raw_get(thread, "id", &id) != OK || json_raw_plain(id, &id) != OK ||
        id.len >= THREAD_MAX) {
        bench_fail("thread/start gave no thread");
    }
    memset(s, 0, sizeof(*s));
    memcpy(s->thread, id.at, id.len);
}

/* One turn that streams `n` deltas; milliseconds from turn/start to turn/completed. */
static double stream_once(struct way *w, size_t n, size_t *text_len)
{
    struct stream s;
    char params[512];
    start_thread(w, &s);
    (void)snprintf(
        params, sizeof(params),
        "{\"threadId\":\"%s\",\"input\":[{\"type\":\"text\",\"text\":\"deltas "
        "%zu\",\"text_elements\":[]}]}",
        s.thread, n);
    way_on_notice(w, on_notice, &s);
    const double begin = now_ms();
    (void)way_call(w, "turn/start", params);
    way_wait(loop, &s.over, "the end of a turn");
    const double took = now_ms() - begin;
    way_on_notice(w, NULL, NULL);
    if (s.text_len == 0 || (*text_len != 0 && *text_len != s.text_len)) {
        bench_fail("a stream of %zu octets in %zu deltas; another had %zu octets",
                   s.text_len, s.n_deltas, *text_len);
    }
    *text_len = s.text_len;
    return took;
}

static size_t read_pids(char *list, pid_t out[PIDS_MAX])
{
    size_t n = 0;
    char *next = list;
    while (n < PIDS_MAX && *next != '\0') {
        out[n++] = (pid_t)strtol(next, &next, 10);
        next += *next == ',';
    }
    return n;
}

static double cpu_of(const pid_t *pids, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += cpu_us(pids[i]);
    }
    return sum;
}

static void run_deltas(char **arg)
{
    static struct sample straight;
    static struct sample ours;
    static struct sample cpu;
    const size_t runs = number(arg[2]);
    const size_t n = number(arg[3]);
    pid_t pids[PIDS_MAX];
    const size_t n_pids = read_pids(arg[4], pids);
    const struct link_joined joined = load(arg[1]);
    struct way *a = way_open_straight(loop, arg[0]);
    struct way *b = way_open_session(loop, &joined);
    way_greet(a);
    way_greet(b);
    size_t text_len = 0;
    (void)stream_once(a, n, &text_len);
    (void)stream_once(b, n, &text_len);
    for (size_t i = 0; i < runs; i++) {
        sample_add(&straight, stream_once(a, n, &text_len));
        const double before = cpu_of(pids, n_pids);
        sample_add(&ours, stream_once(b, n, &text_len));
        sample_add(&cpu, (cpu_of(pids, n_pids) - before) / (double)n);
    }
    printf("{");
    sample_print("straight", &straight);
    printf(",");
    sample_print("ours", &ours);
    printf(",");
    sample_print("cpu", &cpu);
    printf("}\n");
    way_close(a);
    way_close(b);
}

/* ---- reconnect ------------------------------------------------------------------------ */

static double reach(struct way *w, double begin)
{
    way_greet(w);
    (void)way_call(w, "thread/loaded/list", "{}");
    const double took = now_ms() - begin;
    way_close(w);
    return took;
}

static void run_reconnect(char **arg)
{
    static struct sample straight;
    static struct sample ours;
    const size_t n = number(arg[2]);
    const struct link_joined joined = load(arg[1]);
    for (size_t i = 0; i < n; i++) {
        double begin = now_ms();
        sample_add(&straight, reach(way_open_straight(loop, arg[0]), begin));
        begin = now_ms();
        sample_add(&ours, reach(way_open_session(loop, &joined), begin));
    }
    printf("{");
    sample_print("straight", &straight);
    printf(",");
    sample_print("ours", &ours);
    printf("}\n");
}

/* ---- start ------------------------------------------------------------------------------ */

/* The blocks of which a QR code in a terminal is made. */
static bool has_qr(const char *text)
{
    return strstr(text, "\xe2\x96\x84\xe2\x96\x84") != NULL ||
           strstr(text, "\xe2\x96\x80\xe2\x96\x80") != NULL ||
           strstr(text, "\xe2\x96\x88\xe2\x96\x88") != NULL;
}

static bool stop_once(const char *program)
{
    int status = -1;
    (void)fflush(stdout); // or the child has it too
    const pid_t pid = fork();
    if (pid == 0) {
        const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)execlp(program, program, "stop", (char *)NULL);
        _exit(127);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* "farhand stop": the agent of this run is to end too. The code is on the screen before
 * the host listens on its socket: until then it is not found. */
static void end_host(const char *program)
{
    for (unsigned i = 0; i < STOP_TRIES; i++) {
        if (stop_once(program)) {
            return;
        }
        (void)poll(NULL, 0, STOP_PAUSE_MS);
    }
    bench_fail("farhand stop finds no host to end");
}

static void run_start(char **arg)
{
    static char text[65536];
    const struct winsize size = {.ws_row = 60, .ws_col = 120};
    size_t len = 0;
    int terminal = -1;
    const double begin = now_ms();
    const pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    if (pid == 0) {
        (void)execvp(arg[0], arg);
        _exit(127);
    }
    while (!has_qr(text)) {
        struct pollfd ready = {.fd = terminal, .events = POLLIN};
        const bool came = pid > 0 && poll(&ready, 1, QR_PATIENCE_MS) == 1;
        const ssize_t n =
            came ? read(terminal, text + len, sizeof(text) - 1 - len) : -1;
        if (n <= 0) {
            (void)kill(pid, SIGTERM);
            bench_fail("%s showed no QR code: %s", arg[0], text);
        }
        len += (size_t)n;
    }
    const double took = now_ms() - begin;
    printf("{\"qr\":%.3f,\"cpu\":%.3f,\"waited\":%.3f}\n", took, cpu_us(pid) / 1000,
           cpu_wait_us(pid) / 1000);
    end_host(arg[0]);
    while (read(terminal, text, sizeof(text)) > 0) { // its goodbye needs a reader
    }
    (void)waitpid(pid, NULL, 0);
}

static const struct {
    const char *name;
    int args;
    void (*run)(char **arg);
} jobs[] = {
    {"pair", 3, run_pair},           {"calls", 4, run_calls}, {"deltas", 5, run_deltas},
    {"reconnect", 3, run_reconnect}, {"start", 1, run_start},
};

int main(int argc, char **argv)
{
    log_set_level(LOG_ERROR);
    crypto_init();
    loop = loop_create();
    for (size_t i = 0; argc > 1 && i < COUNT(jobs); i++) {
        if (strcmp(argv[1], jobs[i].name) == 0 && argc - 2 >= jobs[i].args) {
            jobs[i].run(argv + 2);
            loop_destroy(loop);
            return 0;
        }
    }
    bench_fail("usage: bench_ctrl pair|calls|deltas|reconnect|start …");
}
