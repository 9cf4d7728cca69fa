/*
 * bench_thread: what a thread costs. One job a run, one JSON object out.
 *
 *     extra URL N RUNS PID HOME HOME…   N deltas to one controller, and to all of them
 *     open URL HOME RUNS PID THREAD     its newest turns and items, straight and ours
 *     decide URL DIR RUNS               an approval's answer until it is at the agent,
 *                                       and two fsyncs in DIR alone
 *
 * What is compared takes turns in one process, so that what else the machine does
 * touches both alike.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "client/joined.h"
#include "crypto/random.h"
#include "sample.h"
#include "way.h"
#include "wire/json.h"

#define THREAD_MAX 128
#define HOMES_MAX  8
#define LINE       512 // octets of a record, as long as a line of the log
#define SYNCS      2

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

static struct way *open_session(const char *home)
{
    struct link_joined j;
    struct diag d = {.text = ""};
    if (joined_find(home, NULL, &j, &d) != OK) {
        bench_fail("%s", d.text);
    }
    struct way *w = way_open_session(loop, &j);
    way_greet(w);
    return w;
}

static struct way *open_straight(const char *url)
{
    struct way *w = way_open_straight(loop, url);
    way_greet(w);
    return w;
}

/* ---- a thread and its turns ------------------------------------------------------------- */

struct turn {
    bool asked; // an approval: `id` is its
    bool resolved;
    bool over;
    char id[THREAD_MAX];
};

static void on_notice(void *user, const struct jsonrpc *text)
{
    struct turn *t = user;
    if (text->kind == JSONRPC_REQUEST && text->id.len < sizeof(t->id)) {
        memcpy(t->id, text->id.at, text->id.len);
        t->id[text->id.len] = '\0';
        t->asked = true;
    } else if (bytes_equal_str(text->method, "serverRequest/resolved")) {
        t->resolved = true;
    } else if (bytes_equal_str(text->method, "turn/completed")) {
        t->over = true;
    }
}

static void start_thread(struct way *w, char id[THREAD_MAX])
{
    struct bytes thread;
    struct bytes raw;
    const struct bytes result = way_call(w, "thread/start", "{}");
    if (json_raw_get(result, "thread", &thread) != OK ||
        json_raw_get(thread, "id", &raw) != OK || json_raw_plain(raw, &raw) != OK ||
        raw.len >= THREAD_MAX) {
        bench_fail("thread/start gave no thread");
    }
    memcpy(id, raw.at, raw.len);
    id[raw.len] = '\0';
}

static void start_turn(struct way *w, const char *thread, const char *prompt)
{
    char params[512];
    (void)snprintf(params, sizeof(params),
                   "{\"threadId\":\"%s\",\"input\":[{\"type\":\"text\",\"text\":\"%s\","
                   "\"text_elements\":[]}]}",
                   thread, prompt);
    (void)way_call(w, "turn/start", params);
}

static void about_thread(struct way *w, const char *method, const char *thread,
                         const char *more)
{
    char params[256];
    (void)snprintf(params, sizeof(params), "{\"threadId\":\"%s\"%s}", thread, more);
    (void)way_call(w, method, params);
}

/* ---- extra ------------------------------------------------------------------------------ */

struct audience {
    struct way *ways[HOMES_MAX];
    struct turn turns[HOMES_MAX];
    size_t n;
    char thread[THREAD_MAX];
};

/* CPU of the host for one turn that the first `n` of them hear, microseconds. */
static double cpu_of_turn(struct audience *a, size_t n, const char *prompt, pid_t pid)
{
    for (size_t i = 0; i < n; i++) {
        a->turns[i] = (struct turn){.over = false};
        way_on_notice(a->ways[i], on_notice, &a->turns[i]);
    }
    const double before = cpu_us(pid);
    start_turn(a->ways[0], a->thread, prompt);
    for (size_t i = 0; i < n; i++) {
        way_wait(loop, &a->turns[i].over, "the end of a turn");
    }
    return cpu_us(pid) - before;
}

static void run_extra(char **arg, int n_arg)
{
    static struct sample one;
    static struct sample each;
    struct audience a = {.n = 0};
    char prompt[64];
    const size_t n = number(arg[1]);
    const pid_t pid = (pid_t)number(arg[3]);
    (void)snprintf(prompt, sizeof(prompt), "deltas %zu", n);
    for (int i = 4; i < n_arg && a.n < HOMES_MAX; i++) {
        a.ways[a.n++] = open_session(arg[i]);
    }
    start_thread(a.ways[0], a.thread);
    (void)cpu_of_turn(&a, 1, prompt, pid);
    for (size_t run = number(arg[2]); run > 0; run--) {
        const double alone = cpu_of_turn(&a, 1, prompt, pid);
        for (size_t i = 1; i < a.n; i++) {
            about_thread(a.ways[i], "thread/resume", a.thread,
                         ",\"excludeTurns\":true");
        }
        const double all = cpu_of_turn(&a, a.n, prompt, pid);
        for (size_t i = 1; i < a.n; i++) {
            about_thread(a.ways[i], "thread/unsubscribe", a.thread, "");
        }
        sample_add(&one, alone / (double)n);
        sample_add(&each, (all - alone) / (double)n / (double)(a.n - 1));
    }
    printf("{");
    sample_print("one", &one);
    printf(",");
    sample_print("each", &each);
    printf("}\n");
    for (size_t i = 0; i < a.n; i++) {
        way_close(a.ways[i]);
    }
}

/* ---- open ------------------------------------------------------------------------------- */

/* What a process has written so far, octets; to sockets, too. */
static double written(pid_t pid)
{
    char path[64];
    char line[128];
    double octets = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "wchar:", 6) == 0) {
            octets = strtod(line + 6, NULL);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return octets;
}

static double open_window(struct way *w, const char *thread)
{
    const double begin = now_ms();
    about_thread(
        w, "thread/turns/list", thread,
        ",\"limit\":50,\"sortDirection\":\"desc\",\"itemsView\":\"notLoaded\"");
    about_thread(w, "thread/items/list", thread,
                 ",\"limit\":24,\"sortDirection\":\"desc\"");
    return now_ms() - begin;
}

static void run_open(char **arg, int n_arg)
{
    static struct sample straight;
    static struct sample ours;
    static struct sample octets;
    const pid_t pid = (pid_t)number(arg[3]);
    struct way *a = open_straight(arg[0]);
    struct way *b = open_session(arg[1]);
    (void)n_arg;
    about_thread(a, "thread/resume", arg[4], ",\"excludeTurns\":true"); // indexes it
    (void)open_window(a, arg[4]);
    (void)open_window(b, arg[4]);
    for (size_t i = number(arg[2]); i > 0; i--) {
        sample_add(&straight, open_window(a, arg[4]));
        const double before = written(pid);
        sample_add(&ours, open_window(b, arg[4]));
        // to the relay and by the relay: the same octets twice
        sample_add(&octets, (written(pid) - before) / 2);
    }
    printf("{");
    sample_print("straight", &straight);
    printf(",");
    sample_print("ours", &ours);
    printf(",");
    sample_print("octets", &octets);
    printf("}\n");
    way_close(a);
    way_close(b);
}

/* ---- decide ----------------------------------------------------------------------------- */

static double syncs_alone(const char *dir)
{
    static const char line[LINE] = "{}";
    char path[4096];
    int fds[SYNCS];
    for (size_t i = 0; i < SYNCS; i++) {
        (void)snprintf(path, sizeof(path), "%s/sync-%zu", dir, i);
        fds[i] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    const double begin = now_ms();
    for (size_t i = 0; i < SYNCS; i++) {
        if (write(fds[i], line, sizeof(line)) != (ssize_t)sizeof(line) ||
            fdatasync(fds[i]) != 0) {
            bench_fail("cannot write in %s", dir);
        }
    }
    const double took = now_ms() - begin;
    for (size_t i = 0; i < SYNCS; i++) {
        (void)close(fds[i]);
    }
    return took;
}

static double decide_once(struct way *w, const char *thread)
{
    struct turn t = {.over = false};
    way_on_notice(w, on_notice, &t);
    start_turn(w, thread, "run touch decided");
    way_wait(loop, &t.asked, "a request for approval");
    const double begin = now_ms();
    way_answer(w, bytes_from_str(t.id), "{\"decision\":\"accept\"}");
    way_wait(loop, &t.resolved, "the decision");
    const double took = now_ms() - begin;
    way_wait(loop, &t.over, "the end of a turn");
    return took;
}

static void run_decide(char **arg, int n_arg)
{
    static struct sample ours;
    static struct sample alone;
    char thread[THREAD_MAX];
    struct way *w = open_straight(arg[0]);
    (void)n_arg;
    start_thread(w, thread);
    (void)decide_once(w, thread);
    for (size_t i = number(arg[2]); i > 0; i--) {
        sample_add(&alone, syncs_alone(arg[1]));
        sample_add(&ours, decide_once(w, thread));
    }
    printf("{");
    sample_print("ours", &ours);
    printf(",");
    sample_print("alone", &alone);
    printf("}\n");
    way_close(w);
}

static const struct {
    const char *name;
    int args;
    void (*run)(char **arg, int n_arg);
} jobs[] = {
    {"extra", 6, run_extra},
    {"open", 5, run_open},
    {"decide", 3, run_decide},
};

int main(int argc, char **argv)
{
    log_set_level(LOG_ERROR);
    crypto_init();
    loop = loop_create();
    for (size_t i = 0; argc > 1 && i < COUNT(jobs); i++) {
        if (strcmp(argv[1], jobs[i].name) == 0 && argc - 2 >= jobs[i].args) {
            jobs[i].run(argv + 2, argc - 2);
            loop_destroy(loop);
            return 0;
        }
    }
    bench_fail("usage: bench_thread extra|open|decide …");
}
