/*
 * door_rig: a scripted app-server on a unix socket, and one loop to turn it.
 */
#ifndef TESTS_UNIT_DOOR_RIG_H
#define TESTS_UNIT_DOOR_RIG_H

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "client/reach.h"
#include "crypto/random.h"
#include "loop/timer.h"
#include "net/http_server.h"
#include "test.h"
#include "wire/ws.h"

#define DOOR_WAIT_MS 10000

struct door_rig;

typedef void door_text_fn(struct door_rig *r, struct ws_conn *ws, struct bytes text);

struct door_rig {
    struct loop *loop;
    char home[64];
    struct target target;
    struct http_server *server;
    unsigned refuse_with; // HTTP status; 0: accept
    door_text_fn *on_text;
    struct ws_conn *ws; // the newest connection
    size_t n_conns;
    size_t n_texts;
    size_t n_closed;
    uint16_t close_code;
    struct buf got; // every text, each followed by a newline
};

static inline void door_wake(struct timer *t)
{
    (void)t;
}

#define DOOR_UNTIL(r, condition)                                               \
    do {                                                                       \
        const uint64_t end_ = clock_mono_ms() + DOOR_WAIT_MS;                  \
        struct timer wake_ = {.loop = NULL};                                   \
        timer_start((r)->loop, &wake_, DOOR_WAIT_MS, door_wake);               \
        while (!(condition) && clock_mono_ms() < end_ && loop_turn((r)->loop)) \
            ;                                                                  \
        timer_stop(&wake_);                                                    \
        TEST_CHECK(condition, "waited in vain for " #condition);               \
    } while (0)

static inline void door_message(struct ws_conn *ws, void *user, bool text,
                                struct bytes payload)
{
    struct door_rig *r = user;
    TRUE(text);
    r->n_texts++;
    EQ_INT(buf_put(&r->got, payload), OK);
    EQ_INT(buf_put_str(&r->got, "\n"), OK);
    if (r->on_text != NULL) {
        r->on_text(r, ws, payload);
    }
}

static inline void door_closed(struct ws_conn *ws, void *user, enum err e,
                               uint16_t code)
{
    struct door_rig *r = user;
    (void)e;
    r->n_closed++;
    r->close_code = code;
    if (r->ws == ws) {
        r->ws = NULL;
    }
}

static const struct ws_conn_events door_events = {
    .message = door_message,
    .closed = door_closed,
};

static inline void door_request(struct http_exchange *x, void *user)
{
    struct door_rig *r = user;
    const struct ws_conn_options options = {.max_message = 64u << 20,
                                            .max_queue = 80u << 20};
    if (r->refuse_with != 0) {
        http_reply_text(x, r->refuse_with, "no");
        return;
    }
    TRUE(http_exchange_is(x, "GET", "/rpc"));
    r->ws = http_exchange_accept_ws(x, &options, NULL);
    r->n_conns++;
    ws_conn_start(r->ws, &door_events, r);
}

static inline void door_open(struct door_rig *r)
{
    struct diag d = {.text = ""};
    const struct http_server_options o = {.request = door_request, .user = r};
    r->server = http_server_create(r->loop, &o);
    EQ_INT(http_server_listen_unix(r->server, r->target.socket, &d), OK);
}

static inline void door_rig_init(struct door_rig *r)
{
    *r = (struct door_rig){.target = {.local = true, .name = "local"}};
    log_set_level(LOG_ERROR);
    EQ_INT(text_format(r->home, sizeof(r->home), "/tmp/farhand-door-XXXXXX"), OK);
    TRUE(mkdtemp(r->home) != NULL);
    EQ_INT(text_format(r->target.socket, sizeof(r->target.socket), "%s/host.sock",
                       r->home),
           OK);
    r->loop = loop_create();
    buf_init(&r->got, 256u << 20);
    door_open(r);
}

static inline struct reach_options door_reach(const struct door_rig *r)
{
    return (struct reach_options){
        .home = r->home, .program = "/bin/false", .target = &r->target};
}

static inline void door_note(void *user)
{
    bool *closed = user;
    *closed = true;
}

static inline void door_shut(struct door_rig *r)
{
    bool closed = false;
    http_server_close(r->server, door_note, &closed);
    DOOR_UNTIL(r, closed);
    r->server = NULL;
}

static inline void door_rig_fini(struct door_rig *r)
{
    if (r->ws != NULL) {
        ws_conn_abort(r->ws);
        DOOR_UNTIL(r, r->ws == NULL);
    }
    if (r->server != NULL) {
        door_shut(r);
    }
    buf_fini(&r->got);
    loop_destroy(r->loop);
    EQ_INT(rmdir(r->home), 0);
}

#endif
