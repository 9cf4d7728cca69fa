#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "crypto/random.h"
#include "host/ancestry.h"
#include "host/local_door.h"
#include "net/dial.h"
#include "wire/json.h"

struct rig {
    char dir[64];
    char sock[96];
    char token_path[96];
    struct loop *loop;
    struct hub *hub;
    struct local_door *door;
    struct local_door *tcp;
    uint16_t port;
    struct ws_conn *ws;
    unsigned status; // of the last dial; 0: welcome
    char heard[512]; // the last text
    bool waiting;
};

static enum err no_agent(void *user, struct bytes text)
{
    (void)user;
    (void)text;
    return ERR_CLOSED;
}

static void on_call(void *user, struct controller *c, struct call *call)
{
    const struct controller_info *info = controller_info(c);
    (void)user;
    json_t *result = json_object();
    json_set_str(result, "role", role_name(info->role));
    json_set_bool(result, "admin", (info->caps & CAP_ADMIN) != 0);
    json_set_bool(result, "pid", info->pid == getpid());
    json_set_bool(result, "exe", strstr(info->exe, "local_door_test") != NULL);
    hub_reply(call, result);
}

static void rig_open(struct rig *r)
{
    static const struct hub_ops ops = {.upstream = no_agent, .call = on_call};
    const struct hub_options options = {
        .codex_home = "/h", .cwd = "/", .host_name = "test"};
    struct diag diag = {.text = ""};
    memset(r, 0, sizeof(*r));
    crypto_init();
    memcpy(r->dir, "/tmp/farhand-door-XXXXXX", 25);
    assert_non_null(mkdtemp(r->dir));
    EQ_INT(text_format(r->sock, sizeof(r->sock), "%s/host.sock", r->dir), OK);
    EQ_INT(text_format(r->token_path, sizeof(r->token_path), "%s/token", r->dir), OK);
    r->loop = loop_create();
    r->hub = hub_create(&options, &ops, r);
    EQ_INT(local_door_open(r->loop, r->hub, r->sock, &diag, &r->door), OK);
    struct local_door_tcp at = {.host = "127.0.0.1", .token_path = r->token_path};
    EQ_INT(local_door_open_tcp(r->loop, r->hub, &at, &diag, &r->tcp), OK);
    r->port = at.port;
}

static void turn_until_done(struct rig *r)
{
    while (r->waiting) {
        (void)loop_turn(r->loop);
    }
}

static void on_closed(void *user)
{
    struct rig *r = user;
    r->waiting = false;
}

static void rig_close(struct rig *r)
{
    r->waiting = true;
    local_door_close(r->door, on_closed, r);
    turn_until_done(r);
    r->waiting = true;
    local_door_close(r->tcp, on_closed, r);
    turn_until_done(r);
    while (loop_turn(r->loop)) { // the clients' ends close too
    }
    hub_destroy(r->hub);
    loop_destroy(r->loop);
    (void)unlink(r->token_path);
    (void)rmdir(r->dir);
}

/* ---- a client -------------------------------------------------------------------- */

static void on_message(struct ws_conn *ws, void *user, bool text, struct bytes payload)
{
    struct rig *r = user;
    (void)ws;
    TRUE(text);
    const size_t len =
        payload.len < sizeof(r->heard) - 1 ? payload.len : sizeof(r->heard) - 1;
    memcpy(r->heard, payload.at, len);
    r->heard[len] = '\0';
    r->waiting = false;
}

static void on_ws_closed(struct ws_conn *ws, void *user, enum err e, uint16_t code)
{
    struct rig *r = user;
    (void)ws;
    (void)e;
    r->status = code;
    r->ws = NULL;
    r->waiting = false;
}

static void on_dialled(void *user, enum err e, const struct dial_result *result)
{
    static const struct ws_conn_events events = {.message = on_message,
                                                 .closed = on_ws_closed};
    struct rig *r = user;
    r->waiting = false;
    r->status = e == OK ? 0 : result->http_status;
    if (e == OK) {
        r->ws = result->ws;
        ws_conn_start(r->ws, &events, r);
    }
}

static unsigned dial(struct rig *r, bool tcp, const char *target, const char *headers)
{
    char url[160];
    if (tcp) {
        EQ_INT(text_format(url, sizeof(url), "ws://127.0.0.1:%u", (unsigned)r->port),
               OK);
    } else {
        EQ_INT(text_format(url, sizeof(url), "unix://%s", r->sock), OK);
    }
    const struct dial_options options = {
        .url = url, .target = target, .headers = headers};
    r->waiting = true;
    (void)dial_ws(r->loop, &options, on_dialled, r);
    turn_until_done(r);
    return r->status;
}

static const char *ask(struct rig *r, const char *text)
{
    r->waiting = true;
    EQ_INT(ws_conn_send_text(r->ws, bytes_from_str(text)), OK);
    turn_until_done(r);
    return r->heard;
}

static void hang_up(struct rig *r)
{
    r->waiting = true;
    ws_conn_close(r->ws, 1000, NULL);
    turn_until_done(r);
}

/* ---- tests ------------------------------------------------------------------------- */

TEST(this_users_programs_are_the_local_owner)
{
    struct rig r;
    struct stat st;
    rig_open(&r);
    EQ_INT(stat(r.sock, &st), 0);
    EQ_INT(st.st_mode & 0777, 0600);
    EQ_INT(dial(&r, false, "/rpc", NULL), 0);
    (void)ask(&r, "{\"id\":1,\"method\":\"initialize\",\"params\":{}}");
    EQ_STR(ask(&r, "{\"id\":2,\"method\":\"farhand/status\"}"),
           "{\"id\":2,\"result\":{\"role\":\"owner\",\"admin\":true,\"pid\":true,"
           "\"exe\":true}}");
    EQ_INT(hub_count(r.hub), 1);
    hang_up(&r);
    while (hub_count(r.hub) > 0) {
        (void)loop_turn(r.loop);
    }
    rig_close(&r);
}

TEST(what_the_agent_started_is_refused)
{
    struct rig r;
    rig_open(&r);
    FALSE(local_door_knows_agent(r.door));
    local_door_set_agent(r.door, getpid());
    TRUE(local_door_knows_agent(r.door));
    EQ_INT(dial(&r, false, "/rpc", NULL), 403);
    local_door_set_agent(r.door, getppid());
    EQ_INT(dial(&r, false, "/rpc", NULL), 403);
    local_door_set_agent(r.door, 0);
    EQ_INT(dial(&r, false, "/rpc", NULL), 0);
    hang_up(&r);
    rig_close(&r);
}

TEST(the_loopback_door_wants_its_token_and_no_browser)
{
    struct rig r;
    struct buf token;
    char good[160];
    char with_origin[256];
    const char *text = NULL;
    rig_open(&r);
    buf_init(&token, 256);
    EQ_INT(file_read_secret(r.token_path, &token), OK);
    EQ_INT(buf_cstr(&token, &text), OK);
    EQ_INT(strlen(text), LOCAL_DOOR_TOKEN_SIZE - 1);
    EQ_INT(text_format(good, sizeof(good), "Authorization: Bearer %s\r\n", text), OK);
    EQ_INT(text_format(with_origin, sizeof(with_origin),
                       "%sOrigin: http://localhost\r\n", good),
           OK);
    EQ_INT(dial(&r, true, "/rpc", NULL), 401);
    EQ_INT(dial(&r, true, "/rpc", "Authorization: Bearer x\r\n"), 401);
    EQ_INT(dial(&r, true, "/rpc", "Authorization: Bearer \r\n"), 401);
    EQ_INT(dial(&r, true, "/rpc", with_origin), 403);
    EQ_INT(dial(&r, true, "/elsewhere", good), 404);
    EQ_INT(dial(&r, true, "/", good), 0);
    (void)ask(&r, "{\"id\":1,\"method\":\"initialize\",\"params\":{}}");
    EQ_STR(ask(&r, "{\"id\":2,\"method\":\"farhand/status\"}"),
           "{\"id\":2,\"result\":{\"role\":\"operator\",\"admin\":false,\"pid\":false,"
           "\"exe\":false}}");
    hang_up(&r);
    buf_fini(&token);
    rig_close(&r);
}

TEST(a_token_file_that_others_can_read_is_refused)
{
    struct rig r;
    struct diag diag = {.text = ""};
    struct local_door *d = NULL;
    rig_open(&r);
    struct local_door_tcp at = {.host = "127.0.0.1", .token_path = r.token_path};
    EQ_INT(chmod(r.token_path, 0644), 0);
    EQ_INT(local_door_open_tcp(r.loop, r.hub, &at, &diag, &d), ERR_DENIED);
    TRUE(strstr(diag.text, "token file") != NULL);
    rig_close(&r);
}

TEST(only_a_loopback_address_is_listened_on)
{
    struct rig r;
    struct diag diag = {.text = ""};
    struct local_door *d = NULL;
    rig_open(&r);
    struct local_door_tcp at = {.host = "0.0.0.0", .token_path = r.token_path};
    EQ_INT(local_door_open_tcp(r.loop, r.hub, &at, &diag, &d), ERR_USAGE);
    rig_close(&r);
}

TEST(binary_messages_close_that_peer)
{
    struct rig r;
    rig_open(&r);
    EQ_INT(dial(&r, false, "/rpc", NULL), 0);
    r.waiting = true;
    EQ_INT(ws_conn_send_binary(r.ws, BYTES_LIT("x")), OK);
    turn_until_done(&r);
    EQ_INT(r.status, 1003);
    rig_close(&r);
}

TEST(ancestry_follows_parents_up)
{
    TRUE(ancestry_is_below(getpid(), getpid()));
    TRUE(ancestry_is_below(getpid(), getppid()));
    FALSE(ancestry_is_below(getppid(), getpid()));
    FALSE(ancestry_is_below(getpid(), 0));
    FALSE(ancestry_is_below(getpid(), 1)); // everybody is below init
    FALSE(ancestry_is_below(0x7ffffff0, getpid()));
}

RUN_TESTS(T(this_users_programs_are_the_local_owner),
          T(what_the_agent_started_is_refused),
          T(the_loopback_door_wants_its_token_and_no_browser),
          T(a_token_file_that_others_can_read_is_refused),
          T(only_a_loopback_address_is_listened_on), T(binary_messages_close_that_peer),
          T(ancestry_follows_parents_up))
