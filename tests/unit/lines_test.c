#include "client/lines.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "test.h"

struct got {
    struct lines *lines;
    struct buf text; // every line, each followed by '|'
    size_t n;
    size_t pause_after; // 0: never
    size_t close_after;
    bool ended;
    enum err end;
};

static void on_line(void *user, struct bytes line)
{
    struct got *g = user;
    EQ_INT(buf_put(&g->text, line), OK);
    EQ_INT(buf_put_str(&g->text, "|"), OK);
    g->n++;
    if (g->n == g->pause_after) {
        lines_pause(g->lines);
    }
    if (g->n == g->close_after) {
        lines_close(g->lines);
        g->lines = NULL;
    }
}

static void on_end(void *user, enum err e)
{
    struct got *g = user;
    g->ended = true;
    g->end = e;
}

static const struct lines_events events = {.line = on_line, .end = on_end};

static void run(struct got *g, int fd, size_t max_line)
{
    struct loop *loop = loop_create();
    buf_init(&g->text, 1 << 20);
    g->lines = lines_open(loop, fd, max_line, &events, g);
    while (g->lines != NULL && !g->ended) {
        (void)loop_turn(loop);
        if (g->n != 0 && g->n == g->pause_after) {
            g->pause_after = 0;
            lines_resume(g->lines);
        }
    }
    lines_close(g->lines);
    loop_destroy(loop);
}

/* The input through a pipe, and through a file. */
static int source(const char *text, bool file)
{
    int fds[2];
    if (file) {
        char path[] = "/tmp/farhand-lines-XXXXXX";
        fds[0] = mkstemp(path);
        TRUE(fds[0] >= 0);
        (void)unlink(path);
        EQ_INT(write(fds[0], text, strlen(text)), strlen(text));
        EQ_INT(lseek(fds[0], 0, SEEK_SET), 0);
        return fds[0];
    }
    EQ_INT(pipe(fds), 0);
    EQ_INT(write(fds[1], text, strlen(text)), strlen(text));
    (void)close(fds[1]);
    return fds[0];
}

static const struct {
    const char *name;
    const char *in;
    const char *out;
} cases[] = {
    {"nothing", "", ""},
    {"one line", "a\n", "a|"},
    {"a last line without its end is a line", "a\nb", "a|b|"},
    {"empty lines are lines", "\n\nx\n", "||x|"},
    {"CR LF", "a\r\nb\r\n", "a|b|"},
    {"many", "1\n2\n3\n4\n5\n", "1|2|3|4|5|"},
};

TEST(lines_table)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int file = 0; file < 2; file++) {
            struct got g = {.ended = false};
            const int fd = source(cases[i].in, file == 1);
            CASE(cases[i].name);
            run(&g, fd, 64);
            EQ_BYTES(buf_bytes(&g.text), bytes_from_str(cases[i].out));
            EQ_INT(g.end, ERR_CLOSED);
            buf_fini(&g.text);
            (void)close(fd);
        }
    }
}

TEST(lines_paused_hold_back_what_was_read)
{
    for (int file = 0; file < 2; file++) {
        struct got g = {.pause_after = 2};
        const int fd = source("1\n2\n3\n4\n", file == 1);
        run(&g, fd, 64);
        EQ_BYTES(buf_bytes(&g.text), BYTES_LIT("1|2|3|4|"));
        TRUE(g.ended);
        buf_fini(&g.text);
        (void)close(fd);
    }
}

TEST(lines_closed_in_a_callback_say_nothing_more)
{
    struct got g = {.close_after = 1};
    const int fd = source("1\n2\n", false);
    run(&g, fd, 64);
    EQ_BYTES(buf_bytes(&g.text), BYTES_LIT("1|"));
    FALSE(g.ended);
    buf_fini(&g.text);
    (void)close(fd);
}

TEST(lines_refuse_a_line_without_end)
{
    char *text = malloc(200001);
    TRUE(text != NULL);
    memset(text, 'x', 200000);
    text[200000] = '\0';
    struct got g = {.ended = false};
    const int fd = source(text, true);
    run(&g, fd, 1000);
    EQ_INT(g.n, 0);
    EQ_INT(g.end, ERR_LIMIT);
    buf_fini(&g.text);
    (void)close(fd);
    free(text);
}

/* A terminal is one open file: what is done to stdin is done to stdout, and to the shell. */
TEST(lines_leave_a_terminal_as_it_was)
{
    struct loop *loop = loop_create();
    struct got g = {.ended = false};
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    TRUE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    const int fd = open(ptsname(master), O_RDWR | O_NOCTTY);
    TRUE(fd >= 0);
    buf_init(&g.text, 1024);
    g.lines = lines_open(loop, fd, 64, &events, &g);
    EQ_INT(write(master, "y\n", 2), 2);
    while (g.n == 0) {
        (void)loop_turn(loop);
    }
    EQ_BYTES(buf_bytes(&g.text), BYTES_LIT("y|"));
    EQ_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    lines_close(g.lines);
    loop_destroy(loop);
    buf_fini(&g.text);
    (void)close(fd);
    (void)close(master);
}

RUN_TESTS(T(lines_table), T(lines_leave_a_terminal_as_it_was),
          T(lines_paused_hold_back_what_was_read),
          T(lines_closed_in_a_callback_say_nothing_more),
          T(lines_refuse_a_line_without_end))
