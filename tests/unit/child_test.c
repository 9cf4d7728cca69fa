#include "loop_end.h"

#include <signal.h>
#include <unistd.h>

#include "loop/child.h"
#include "loop/fdwatch.h"
#include "loop/signal.h"
#include "loop/timer.h"

struct exit_note {
    unsigned n;
    int code;
    int signum;
};

static void on_exited(struct child *c, void *user, int code, int signum)
{
    struct exit_note *x = user;
    *x = (struct exit_note){.n = x->n + 1, .code = code, .signum = signum};
    child_close(c, NULL, NULL);
}

TEST(a_child_reads_writes_and_reports_its_end)
{
    struct loop *l = loop_create();
    struct child *c = NULL;
    struct exit_note note = {.n = 0};
    struct end in;
    struct end out;
    static const char *const argv[] = {"sh", "-c", "cat; echo $WORD >&2; exit 3", NULL};
    static const char *const env[] = {"WORD=sesame", "PATH=/usr/bin:/bin", NULL};
    char log[] = "/tmp/farhand-test-XXXXXX";
    const int fd = mkstemp(log);
    const struct child_options o = {.file = "sh",
                                    .argv = argv,
                                    .env = env,
                                    .stderr_path = log,
                                    .detached = true,
                                    .pipe_stdio = true};
    end_init(&in, l);
    end_init(&out, l);
    EQ_INT(child_spawn(l, &o, on_exited, &note, NULL, &c), OK);
    EQ_INT(getsid(child_pid(c)), child_pid(c));
    in.s = child_take_stdin(c);
    out.s = child_take_stdout(c);
    stream_start(in.s, &end_events, &in);
    stream_start(out.s, &end_events, &out);
    EQ_INT(stream_write(in.s, BYTES_LIT("to the child")), OK);
    stream_finish(in.s);
    loop_run(l);
    EQ_INT(note.n, 1);
    EQ_INT(note.code, 3);
    EQ_INT(note.signum, 0);
    EQ_BYTES(buf_bytes(&out.got), BYTES_LIT("to the child"));
    char said[16] = "";
    EQ_INT(read(fd, said, sizeof(said) - 1), 7);
    EQ_STR(said, "sesame\n");
    (void)close(fd);
    (void)unlink(log);
    buf_fini(&in.got);
    buf_fini(&out.got);
    loop_destroy(l);
}

TEST(a_missing_program_is_refused_at_once)
{
    struct loop *l = loop_create();
    struct child *c = NULL;
    struct diag diag = {""};
    static const char *const argv[] = {"no-such-program-here", NULL};
    const struct child_options o = {.file = argv[0], .argv = argv, .pipe_stdio = true};
    EQ_INT(child_spawn(l, &o, on_exited, NULL, &diag, &c), ERR_NOT_FOUND);
    TRUE(strstr(diag.text, argv[0]) != NULL);
    loop_run(l);
    loop_destroy(l);
}

TEST(the_end_of_another_process_is_seen_without_polling)
{
    struct loop *l = loop_create();
    struct child *mine = NULL;
    struct child *seen = NULL;
    struct exit_note own = {.n = 0};
    struct exit_note foreign = {.n = 0};
    static const char *const argv[] = {"cat", NULL};
    const struct child_options o = {.file = "cat", .argv = argv, .pipe_stdio = true};
    EQ_INT(child_spawn(l, &o, on_exited, &own, NULL, &mine), OK);
    EQ_INT(child_watch(l, child_pid(mine), on_exited, &foreign, &seen), OK);
    EQ_INT(child_kill(seen, SIGKILL), OK);
    loop_run(l);
    EQ_INT(own.n, 1);
    EQ_INT(own.signum, SIGKILL);
    EQ_INT(own.code, -1);
    EQ_INT(foreign.n, 1);
    EQ_INT(child_watch(l, 0x3ffffffe, on_exited, NULL, &seen), ERR_NOT_FOUND);
    loop_destroy(l);
}

static int seen_signal;

static void on_signal(void *user, int signum)
{
    seen_signal = signum;
    loop_stop(user);
}

static void on_deadline(struct timer *t)
{
    (void)t;
    fail_msg("the signal never came");
}

TEST(a_signal_is_an_ordinary_callback)
{
    struct loop *l = loop_create();
    struct signal_watch *w = signal_watch(l, SIGUSR1, on_signal, l);
    struct timer deadline = {.loop = NULL};
    timer_start(l, &deadline, FAR_MS, on_deadline);
    EQ_INT(raise(SIGUSR1), 0);
    loop_run(l);
    EQ_INT(seen_signal, SIGUSR1);
    timer_stop(&deadline);
    signal_close(w);
    loop_run(l);
    loop_destroy(l);
}

static struct fdwatch *watched;

static void on_readable(void *user, bool readable, bool writable)
{
    char c;
    TRUE(readable);
    FALSE(writable);
    EQ_INT(read(*(int *)user, &c, 1), 1);
    EQ_INT(c, '!');
    fdwatch_close(watched);
}

TEST(a_descriptor_is_watched)
{
    struct loop *l = loop_create();
    int fd[2];
    EQ_INT(pipe(fd), 0);
    EQ_INT(fdwatch_open(l, fd[0], on_readable, &fd[0], &watched), OK);
    fdwatch_want(watched, true, false);
    EQ_INT(write(fd[1], "!", 1), 1);
    loop_run(l);
    (void)close(fd[0]);
    (void)close(fd[1]);
    FILE *f = tmpfile();
    TRUE(f != NULL);
    struct fdwatch *none = NULL;
    EQ_INT(fdwatch_open(l, fileno(f), on_readable, NULL, &none), ERR_IO);
    (void)fclose(f);
    loop_run(l);
    loop_destroy(l);
}

RUN_TESTS(T(a_child_reads_writes_and_reports_its_end),
          T(a_missing_program_is_refused_at_once),
          T(the_end_of_another_process_is_seen_without_polling),
          T(a_signal_is_an_ordinary_callback), T(a_descriptor_is_watched))
