#include "loop_end.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/connect.h"
#include "loop/listener.h"
#include "loop/timer.h"

#define HANDLER(fn, user) (&(struct listener_handler){fn, user})

/* ---- deferred calls and timers ----------------------------------------------- */

static char trail[64];

static void note(char c)
{
    const size_t len = strlen(trail);
    TRUE(len + 1 < sizeof(trail));
    trail[len] = c;
    trail[len + 1] = '\0';
}

struct noted {
    struct loop_task task;
    struct loop *loop;
    char name;
    struct noted *then;
};

static void note_task(struct loop_task *t)
{
    struct noted *n = CONTAINER_OF(t, struct noted, task);
    note(n->name);
    if (n->then != NULL) {
        loop_defer(n->loop, &n->then->task, note_task);
    }
}

TEST(deferred_calls_run_once_in_order_then_flushes)
{
    struct loop *l = loop_create();
    trail[0] = '\0';
    struct noted c = {.loop = l, .name = 'c'};
    struct noted a = {.loop = l, .name = 'a', .then = &c};
    struct noted b = {.loop = l, .name = 'b'};
    struct noted f = {.loop = l, .name = 'f'};
    struct noted gone = {.loop = l, .name = 'x'};
    loop_flush_later(l, &f.task, note_task);
    loop_defer(l, &a.task, note_task);
    loop_defer(l, &a.task, note_task);
    loop_defer(l, &gone.task, note_task);
    loop_defer(l, &b.task, note_task);
    loop_task_cancel(&gone.task);
    EQ_STR(trail, "");
    loop_run(l);
    EQ_STR(trail, "abfc");
    loop_destroy(l);
}

struct alarm {
    struct timer timer;
    char name;
};

static void note_timer(struct timer *t)
{
    note(CONTAINER_OF(t, struct alarm, timer)->name);
}

TEST(timers_fire_in_order_of_time_and_equal_ones_in_order_of_arming)
{
    struct loop *l = loop_create();
    trail[0] = '\0';
    struct alarm a = {.name = 'a'};
    struct alarm b = {.name = 'b'};
    struct alarm c = {.name = 'c'};
    struct alarm d = {.name = 'd'};
    struct alarm never = {.name = 'x'};
    timer_start(l, &never.timer, 1, note_timer);
    timer_start(l, &c.timer, 3, note_timer);
    timer_start(l, &a.timer, 2, note_timer);
    timer_start(l, &d.timer, 3, note_timer);
    timer_start(l, &b.timer, FAR_MS, note_timer);
    timer_start(l, &b.timer, 2, note_timer);
    timer_stop(&never.timer);
    timer_stop(&never.timer);
    TRUE(timer_is_armed(&a.timer));
    loop_run(l);
    EQ_STR(trail, "abcd");
    FALSE(timer_is_armed(&a.timer));
    loop_destroy(l);
}

static unsigned n_fired;
static uint64_t last_due;

static void count_timer(struct timer *t)
{
    TRUE(t->due_ms >= last_due);
    last_due = t->due_ms;
    n_fired++;
}

TEST(timer_heap_survives_any_order_of_starts_and_stops)
{
    enum { N = 400 };
    static struct timer timers[N];
    struct loop *l = loop_create();
    uint32_t seed = 7;
    unsigned stopped = 0;
    n_fired = 0;
    last_due = 0;
    for (unsigned i = 0; i < N * 4; i++) {
        seed = seed * 1664525 + 1013904223;
        timer_start(l, &timers[i % N], seed >> 28, count_timer);
        if ((seed & 0x100) != 0) {
            timer_stop(&timers[(seed >> 9) % N]);
        }
    }
    for (unsigned i = 0; i < N; i++) {
        stopped += timer_is_armed(&timers[i]) ? 0 : 1;
    }
    loop_run(l);
    EQ_INT(n_fired, N - stopped);
    loop_destroy(l);
}
/* ---- streams -------------------------------------------------------------------- */

TEST(all_writes_of_a_turn_arrive_in_one_read)
{
    struct loop *l = loop_create();
    struct end a;
    struct end b;
    end_init(&a, l);
    end_init(&b, l);
    EQ_INT(stream_pair(l, &a.s, &b.s), OK);
    stream_start(a.s, &end_events, &a);
    stream_start(b.s, &end_events, &b);
    b.want = 30;
    for (int i = 0; i < 10; i++) {
        EQ_INT(stream_write2(a.s, BYTES_LIT("x"), BYTES_LIT("yz")), OK);
    }
    EQ_U64(stream_queued(a.s), 30);
    loop_run(l);
    EQ_INT(b.n_data, 1);
    EQ_U64(buf_len(&b.got), 30);
    EQ_INT(a.n_ends, 1);
    EQ_INT(a.end, ERR_CLOSED);
    EQ_INT(a.n_closed, 1);
    EQ_INT(b.n_closed, 1);
    buf_fini(&a.got);
    buf_fini(&b.got);
    loop_destroy(l);
}

TEST(a_queue_has_a_maximum_and_says_when_it_is_empty_again)
{
    struct loop *l = loop_create();
    struct end a;
    struct end b;
    static uint8_t block[1 << 20];
    end_init(&a, l);
    end_init(&b, l);
    EQ_INT(stream_pair(l, &a.s, &b.s), OK);
    stream_start(a.s, &end_events, &a);
    stream_start(b.s, &end_events, &b);
    stream_pause(b.s);
    EQ_INT(stream_write(a.s, BYTES_OF(block)), OK);
    EQ_INT(stream_write(a.s, BYTES_OF(block)), OK);
    EQ_INT(stream_write(a.s, BYTES_OF(block)), OK);
    EQ_INT(stream_write(a.s, BYTES_OF(block)), OK);
    EQ_INT(stream_write(a.s, BYTES_LIT("x")), ERR_LIMIT);
    (void)loop_turn(l);
    EQ_INT(b.n_data, 0);
    EQ_INT(a.n_drained, 0);
    stream_resume(b.s);
    while (a.n_drained == 0) {
        TRUE(loop_turn(l));
    }
    stream_finish(a.s);
    EQ_INT(stream_write(a.s, BYTES_LIT("x")), ERR_CLOSED);
    loop_run(l);
    EQ_U64(buf_len(&b.got), 4 * sizeof(block));
    EQ_INT(b.end, ERR_CLOSED);
    EQ_INT(a.n_closed, 1);
    buf_fini(&a.got);
    buf_fini(&b.got);
    loop_destroy(l);
}

TEST(a_refused_allocation_refuses_the_write_and_nothing_else)
{
    struct loop *l = loop_create();
    struct end a;
    struct end b;
    end_init(&a, l);
    end_init(&b, l);
    EQ_INT(stream_pair(l, &a.s, &b.s), OK);
    stream_start(a.s, &end_events, &a);
    stream_start(b.s, &end_events, &b);
    mem_fail_at(1);
    EQ_INT(stream_write(a.s, BYTES_LIT("lost")), ERR_NOMEM);
    mem_fail_at(0);
    EQ_INT(stream_write(a.s, BYTES_LIT("kept")), OK);
    b.want = 4;
    loop_run(l);
    EQ_BYTES(buf_bytes(&b.got), BYTES_LIT("kept"));
    buf_fini(&a.got);
    buf_fini(&b.got);
    loop_destroy(l);
}

TEST(closing_flushes_what_the_system_takes)
{
    struct loop *l = loop_create();
    struct end a;
    struct end b;
    end_init(&a, l);
    end_init(&b, l);
    EQ_INT(stream_pair(l, &a.s, &b.s), OK);
    stream_start(a.s, &end_events, &a);
    stream_start(b.s, &end_events, &b);
    EQ_INT(stream_write(a.s, BYTES_LIT("bye")), OK);
    stream_close(a.s, on_end_closed, &a);
    EQ_INT(a.n_closed, 0);
    loop_run(l);
    EQ_INT(a.n_closed, 1);
    EQ_INT(a.n_ends, 0);
    EQ_BYTES(buf_bytes(&b.got), BYTES_LIT("bye"));
    EQ_INT(b.end, ERR_CLOSED);
    buf_fini(&a.got);
    buf_fini(&b.got);
    loop_destroy(l);
}

/* ---- listeners and connections ------------------------------------------------------ */

struct server {
    struct loop *loop;
    struct listener *listener;
    struct end end;
    unsigned n_accepted;
};

static void on_accept(void *user, struct stream *s)
{
    struct server *server = user;
    server->n_accepted++;
    server->end.s = s;
    server->end.echo = true;
    stream_start(s, &end_events, &server->end);
    listener_close(server->listener, NULL, NULL);
}

struct client {
    struct end end;
    enum err result;
    unsigned n_done;
};

static void on_connected(void *user, enum err e, struct stream *s)
{
    struct client *c = user;
    c->n_done++;
    c->result = e;
    c->end.s = s;
    if (e == OK) {
        stream_start(s, &end_events, &c->end);
        EQ_INT(stream_write(s, BYTES_LIT("hello")), OK);
    }
}

static void echo_over(struct loop *l, struct server *server, struct client *c)
{
    c->end.want = 5;
    loop_run(l);
    EQ_INT(c->n_done, 1);
    EQ_INT(c->result, OK);
    EQ_BYTES(buf_bytes(&c->end.got), BYTES_LIT("hello"));
    EQ_INT(server->end.n_closed, 1);
    EQ_INT(c->end.n_closed, 1);
    buf_fini(&server->end.got);
    buf_fini(&c->end.got);
}

static void echo_by_name(const char *host)
{
    struct loop *l = loop_create();
    struct server server = {.loop = l};
    struct client c = {.n_done = 0};
    end_init(&server.end, l);
    end_init(&c.end, l);
    EQ_INT(listener_tcp(l, "127.0.0.1", 0, HANDLER(on_accept, &server), NULL,
                        &server.listener),
           OK);
    const uint16_t port = listener_port(server.listener);
    TRUE(port != 0);
    (void)connect_tcp(l, host, port, FAR_MS, on_connected, &c);
    EQ_INT(c.n_done, 0);
    echo_over(l, &server, &c);
    loop_destroy(l);
}

TEST(tcp_echoes_by_address)
{
    echo_by_name("127.0.0.1");
}

TEST(tcp_echoes_by_name_trying_every_address)
{
    echo_by_name("localhost");
}

static void echo_over_path(const char *path)
{
    struct loop *l = loop_create();
    struct server server = {.loop = l};
    struct client c = {.n_done = 0};
    struct stat st;
    end_init(&server.end, l);
    end_init(&c.end, l);
    EQ_INT(listener_unix(l, path, HANDLER(on_accept, &server), NULL, &server.listener),
           OK);
    EQ_INT(stat(path, &st), 0);
    EQ_INT(st.st_mode & 0777, 0600);
    (void)connect_unix(l, path, FAR_MS, on_connected, &c);
    while (c.n_done == 0 || server.end.s == NULL) {
        TRUE(loop_turn(l));
    }
    const struct stream_peer *peer = stream_peer(server.end.s);
    char exe[512];
    TRUE(peer->is_unix && peer->has_pid && peer->loopback);
    EQ_INT(peer->uid, getuid());
    EQ_INT(peer->pid, getpid());
    EQ_INT(stream_peer_exe(peer->pid, exe, sizeof(exe)), OK);
    TRUE(strstr(exe, "loop_test") != NULL);
    echo_over(l, &server, &c);
    EQ_INT(stat(path, &st), -1);
    loop_destroy(l);
}

TEST(unix_socket_is_private_knows_its_peer_and_is_removed)
{
    char dir[] = "/tmp/farhand-test-XXXXXX";
    char path[400];
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(text_format(path, sizeof(path), "%s/s", dir), OK);
    echo_over_path(path);
    EQ_INT(rmdir(dir), 0);
}

TEST(unix_socket_with_a_path_longer_than_the_system_takes)
{
    char dir[] = "/tmp/farhand-test-XXXXXX";
    char deep[400];
    char path[420];
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(text_format(deep, sizeof(deep), "%s/%0130d", dir, 7), OK);
    EQ_INT(mkdir(deep, 0700), 0);
    EQ_INT(text_format(path, sizeof(path), "%s/s", deep), OK);
    echo_over_path(path);
    EQ_INT(rmdir(deep), 0);
    EQ_INT(rmdir(dir), 0);
}

static void on_accept_drop(void *user, struct stream *s)
{
    (void)user;
    stream_close(s, NULL, NULL);
}

TEST(a_live_socket_is_not_taken_over)
{
    char dir[] = "/tmp/farhand-test-XXXXXX";
    char path[64];
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(text_format(path, sizeof(path), "%s/s", dir), OK);
    struct loop *l = loop_create();
    struct listener *first = NULL;
    struct listener *second = NULL;
    struct diag diag = {""};
    EQ_INT(listener_unix(l, path, HANDLER(on_accept_drop, NULL), &diag, &first), OK);
    EQ_INT(listener_unix(l, path, HANDLER(on_accept_drop, NULL), &diag, &second),
           ERR_EXISTS);
    TRUE(strstr(diag.text, path) != NULL);
    EQ_INT(access(path, F_OK), 0);
    listener_close(first, NULL, NULL);
    loop_run(l);
    EQ_INT(rmdir(dir), 0);
    loop_destroy(l);
}

TEST(a_stale_socket_file_is_replaced_and_another_file_is_not)
{
    char dir[] = "/tmp/farhand-test-XXXXXX";
    char path[64];
    char moved[64];
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(text_format(path, sizeof(path), "%s/s", dir), OK);
    EQ_INT(text_format(moved, sizeof(moved), "%s/t", dir), OK);
    struct loop *l = loop_create();
    struct listener *first = NULL;
    struct listener *second = NULL;
    EQ_INT(listener_unix(l, moved, HANDLER(on_accept, NULL), NULL, &first), OK);
    EQ_INT(rename(moved, path), 0);
    listener_close(first, NULL, NULL);
    loop_run(l);
    EQ_INT(access(path, F_OK), 0);
    EQ_INT(listener_unix(l, path, HANDLER(on_accept, NULL), NULL, &second), OK);
    listener_close(second, NULL, NULL);
    FILE *f = fopen(path, "w");
    TRUE(f != NULL);
    (void)fclose(f);
    EQ_INT(listener_unix(l, path, HANDLER(on_accept, NULL), NULL, &second), ERR_EXISTS);
    loop_run(l);
    (void)unlink(path);
    EQ_INT(rmdir(dir), 0);
    loop_destroy(l);
}

TEST(connecting_to_nothing_says_why)
{
    struct loop *l = loop_create();
    struct client refused = {.n_done = 0};
    struct client missing = {.n_done = 0};
    struct client unknown = {.n_done = 0};
    struct client canceled = {.n_done = 0};
    struct client late = {.n_done = 0};
    struct listener *listener = NULL;
    EQ_INT(listener_tcp(l, "127.0.0.1", 0, HANDLER(on_accept, NULL), NULL, &listener),
           OK);
    const uint16_t port = listener_port(listener);
    listener_close(listener, NULL, NULL);
    loop_run(l);
    (void)connect_tcp(l, "127.0.0.1", port, FAR_MS, on_connected, &refused);
    (void)connect_unix(l, "/nonexistent/socket", FAR_MS, on_connected, &missing);
    (void)connect_tcp(l, "no-such-name.invalid", 1, FAR_MS, on_connected, &unknown);
    connect_cancel(connect_tcp(l, "127.0.0.1", port, FAR_MS, on_connected, &canceled));
    (void)connect_tcp(l, "127.0.0.1", port, 0, on_connected, &late);
    EQ_INT(canceled.n_done, 0);
    loop_run(l);
    EQ_INT(refused.result, ERR_IO);
    EQ_INT(missing.result, ERR_NOT_FOUND);
    EQ_INT(unknown.result, ERR_NOT_FOUND);
    EQ_INT(canceled.result, ERR_CANCELED);
    EQ_INT(late.n_done, 1);
    TRUE(late.result == ERR_EXPIRED || late.result == ERR_IO);
    loop_destroy(l);
}

TEST(listening_where_one_cannot_is_explained)
{
    struct loop *l = loop_create();
    struct listener *one = NULL;
    struct listener *two = NULL;
    struct diag diag = {""};
    EQ_INT(listener_tcp(l, "not an address", 0, HANDLER(on_accept, NULL), &diag, &one),
           ERR_USAGE);
    TRUE(strstr(diag.text, "not an address") != NULL);
    EQ_INT(listener_tcp(l, "127.0.0.1", 0, HANDLER(on_accept, NULL), NULL, &one), OK);
    EQ_INT(listener_tcp(l, "127.0.0.1", listener_port(one), HANDLER(on_accept, NULL),
                        &diag, &two),
           ERR_EXISTS);
    listener_close(one, NULL, NULL);
    loop_run(l);
    loop_destroy(l);
}
RUN_TESTS(T(deferred_calls_run_once_in_order_then_flushes),
          T(timers_fire_in_order_of_time_and_equal_ones_in_order_of_arming),
          T(timer_heap_survives_any_order_of_starts_and_stops),
          T(all_writes_of_a_turn_arrive_in_one_read),
          T(a_queue_has_a_maximum_and_says_when_it_is_empty_again),
          T(a_refused_allocation_refuses_the_write_and_nothing_else),
          T(closing_flushes_what_the_system_takes), T(tcp_echoes_by_address),
          T(tcp_echoes_by_name_trying_every_address),
          T(unix_socket_is_private_knows_its_peer_and_is_removed),
          T(unix_socket_with_a_path_longer_than_the_system_takes),
          T(a_live_socket_is_not_taken_over),
          T(a_stale_socket_file_is_replaced_and_another_file_is_not),
          T(connecting_to_nothing_says_why), T(listening_where_one_cannot_is_explained))
