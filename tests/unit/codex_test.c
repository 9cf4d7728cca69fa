#include "test.h"

#include <unistd.h>

#include "engine/codex/daemon.h"
#include "engine/codex/env.h"
#include "engine/codex/find.h"
#include "engine/codex/hello.h"
#include "engine/codex/place.h"
#include "engine/codex/record.h"
#include "engine/codex/version.h"

TEST(versions_are_found_and_compared)
{
    static const struct {
        const char *text;
        const char *version; // NULL: none
        bool enough;
    } cases[] = {
        {"codex-cli 0.169.0\n", "0.169.0", true},
        {"farhand/0.169.0 (Debian 12.0.0; x86_64) unknown", "0.169.0", true},
        {"codex-cli 0.168.9", "0.168.9", false},
        {"codex-cli 0.170.0-alpha.3", "0.170.0-alpha.3", true},
        {"codex-cli 1.0.0", "1.0.0", true},
        {"v8 engine v22.1", "22.1", true},
        {"codex-cli", NULL, false},
        {"", NULL, false},
        {"0.169.0", NULL, false},
        {"x 99999999999.1", NULL, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct version v;
        CASE(cases[i].text);
        const enum err e = version_read(bytes_from_str(cases[i].text), &v);
        EQ_INT(e, cases[i].version != NULL ? OK : ERR_PROTO);
        if (e == OK) {
            EQ_STR(v.text, cases[i].version);
            EQ_INT(version_is_enough(&v), cases[i].enough);
        }
    }
}

TEST(nothing_of_ours_reaches_the_agents_environment)
{
    struct env v;
    env_init(&v);
    EQ_INT(env_read(&v, BYTES_LIT("PATH=/bin\0FARHAND_RELAY=x\0REMODEX_Y=1\0PWD=/\0"
                                  "A=b=c\nd\0_=/usr/bin/env\0")),
           OK);
    EQ_STR(env_get(&v, "PATH"), "/bin");
    EQ_STR(env_get(&v, "A"), "b=c\nd");
    TRUE(env_get(&v, "FARHAND_RELAY") == NULL);
    EQ_U64(v.n, 2);
    env_fini(&v);
}

TEST(variables_are_set_once_and_unset_by_prefix)
{
    static const char *const list[] = {"OPENAI_API_KEY=k", "OPENAI_BASE_URL=u", "B=1",
                                       "no equals sign", NULL};
    struct env v;
    env_init(&v);
    EQ_INT(env_read_list(&v, list), OK);
    env_unset(&v, "OPENAI_*");
    EQ_INT(env_set(&v, "CODEX_HOME", "/h"), OK);
    EQ_INT(env_set(&v, "CODEX_HOME", "/i"), OK);
    const char *const *out = env_list(&v);
    EQ_STR(out[0], "B=1");
    EQ_STR(out[1], "CODEX_HOME=/i");
    TRUE(out[2] == NULL);
    env_fini(&v);
}

TEST(our_path_comes_after_the_login_shells)
{
    static const char *const list[] = {"PATH=/usr/bin:/bin", NULL};
    struct env v;
    env_init(&v);
    EQ_INT(env_read_list(&v, list), OK);
    EQ_INT(env_extend_path(&v, "/tools/node/bin::/bin:/tools/node/bin:/x"), OK);
    EQ_STR(env_get(&v, "PATH"), "/usr/bin:/bin:/tools/node/bin:/x");
    env_unset(&v, "PATH");
    EQ_INT(env_extend_path(&v, "/a:/b"), OK);
    EQ_STR(env_get(&v, "PATH"), "/a:/b");
    env_fini(&v);
}

TEST(an_environment_must_be_one)
{
    static const struct {
        const char *name;
        struct bytes text;
    } bad[] = {{"empty", {(const uint8_t *)"", 0}},
               {"cut short", {(const uint8_t *)"A=b", 3}},
               {"no equals sign", {(const uint8_t *)"Welcome!\0A=b", 13}},
               {"no name", {(const uint8_t *)"=b", 3}}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct env v;
        CASE(bad[i].name);
        env_init(&v);
        EQ_INT(env_read(&v, bad[i].text), ERR_PROTO);
        env_fini(&v);
    }
}

TEST(programs_are_found_and_their_absence_is_said)
{
    char out[PATH_MAX];
    struct diag diag = {.text = ""};
    EQ_INT(find_codex(&(struct find_options){.asked = "sh",
                                             .search_path = ":/nowhere:/usr/bin:/bin"},
                      &diag, out),
           OK);
    TRUE(strstr(out, "bin/sh") != NULL);
    EQ_INT(find_codex(&(struct find_options){.search_path = "/nowhere"}, &diag, out),
           ERR_NOT_FOUND);
    TRUE(strstr(diag.text, "npm install") != NULL);
    diag.text[0] = '\0';
    EQ_INT(find_codex(&(struct find_options){.asked = "/nowhere/codex",
                                             .last_resort = "/bin/sh"},
                      &diag, out),
           ERR_NOT_FOUND);
    TRUE(strstr(diag.text, "/nowhere/codex") != NULL);
    EQ_INT(find_codex(&(struct find_options){.last_resort = "/bin/sh"}, &diag, out),
           OK);
    EQ_STR(out, "/bin/sh");
}

#define AGENT_SAYS(version) \
    "{\"id\":\"fh:1\",\"result\":{\"userAgent\":\"farhand/" version " (Debian)\"}}"

struct talk {
    struct hello h;
    struct buf out;
    bool ours;
    enum err e;
};

static void talk_begin(struct talk *t)
{
    *t = (struct talk){.ours = false};
    buf_init(&t->out, 4096);
    EQ_INT(hello_begin(&t->h, &t->out), OK);
    buf_clear(&t->out);
}

static void talk_hear(struct talk *t, const char *text)
{
    t->ours = false;
    t->e = hello_input(&t->h, bytes_from_str(text), &t->out, &t->ours);
}

TEST(the_handshake_ends_ready_with_the_version)
{
    struct talk t;
    talk_begin(&t);
    talk_hear(&t, AGENT_SAYS("0.169.0"));
    EQ_INT(t.h.state, HELLO_ACCOUNT);
    TRUE(t.ours);
    TRUE(memmem(buf_bytes(&t.out).at, buf_len(&t.out), "account/read", 12) != NULL);
    talk_hear(&t, "{\"method\":\"configWarning\",\"params\":{},\"emittedAtMs\":1}");
    FALSE(t.ours);
    talk_hear(&t, "{\"id\":\"fh:2\",\"result\":{\"account\":null,"
                  "\"requiresOpenaiAuth\":false}}");
    EQ_INT(t.h.state, HELLO_READY);
    EQ_STR(t.h.version, "0.169.0");
    buf_fini(&t.out);
}

TEST(a_missing_login_is_noticed_and_so_is_its_coming)
{
    struct talk t;
    talk_begin(&t);
    talk_hear(&t, AGENT_SAYS("0.169.0"));
    talk_hear(&t, "{\"id\":\"fh:2\",\"result\":{\"account\":null,"
                  "\"requiresOpenaiAuth\":true}}");
    EQ_INT(t.h.state, HELLO_LOGIN);
    talk_hear(&t, "{\"method\":\"account/updated\",\"params\":{}}");
    EQ_INT(t.h.state, HELLO_ACCOUNT);
    talk_hear(&t, "{\"id\":\"fh:3\",\"result\":{\"account\":{\"type\":\"apiKey\"},"
                  "\"requiresOpenaiAuth\":true}}");
    EQ_INT(t.h.state, HELLO_READY);
    buf_fini(&t.out);
}

TEST(an_account_that_cannot_be_read_is_an_account)
{
    struct talk t;
    talk_begin(&t);
    talk_hear(&t, AGENT_SAYS("0.169.0"));
    talk_hear(&t, "{\"id\":\"fh:2\",\"error\":{\"code\":-32603,\"message\":"
                  "\"workspace routing discovery failed\"}}");
    EQ_INT(t.h.state, HELLO_READY);
    buf_fini(&t.out);
}

TEST(an_old_agent_and_a_refusal_are_said_in_a_sentence)
{
    struct talk t;
    talk_begin(&t);
    talk_hear(&t, AGENT_SAYS("0.120.1"));
    EQ_INT(t.h.state, HELLO_FAILED);
    EQ_STR(t.h.error, "Codex 0.120.1 is too old: Farhand needs 0.169 or later");
    buf_fini(&t.out);
    talk_begin(&t);
    talk_hear(&t, "{\"id\":\"fh:1\",\"error\":{\"code\":-32600,\"message\":\"No \\u0007"
                  "way\"}}");
    EQ_INT(t.h.state, HELLO_FAILED);
    EQ_STR(t.h.error, "Codex refused the handshake: No ?way");
    buf_fini(&t.out);
}

TEST(what_is_no_app_server_is_dropped)
{
    static const char *const bad[] = {
        "hello", "[]", "{\"id\":\"fh:1\",\"result\":{}}",
        "{\"id\":\"fh:1\",\"result\":{\"userAgent\":\"curl\"}}"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct talk t;
        CASE(bad[i]);
        talk_begin(&t);
        talk_hear(&t, bad[i]);
        EQ_INT(t.e, ERR_PROTO);
        buf_fini(&t.out);
    }
}

TEST(a_process_is_known_again_and_a_dead_one_is_not)
{
    char dir[] = "/tmp/farhand-record-XXXXXX";
    char path[64];
    char name[PROCESS_NAME_MAX];
    struct record r;
    TRUE(mkdtemp(dir) != NULL);
    EQ_INT(record_read(dir, RECORD_MODEL, &r), ERR_NOT_FOUND);
    EQ_INT(record_write(dir, RECORD_MODEL, getpid(), 4321), OK);
    EQ_INT(record_read(dir, RECORD_MODEL, &r), OK);
    EQ_INT(r.pid, getpid());
    EQ_INT(r.port, 4321);
    EQ_INT(process_name(getpid(), name), OK);
    EQ_STR(r.name, name);
    EQ_INT(text_format(path, sizeof(path), "%s/" RECORD_MODEL, dir), OK);
    static const char stale[] = "4321 1-1-00000000\n";
    FILE *f = fopen(path, "w");
    TRUE(f != NULL && fwrite(stale, 1, strlen(stale), f) == strlen(stale));
    EQ_INT(fclose(f), 0);
    EQ_INT(record_read(dir, RECORD_MODEL, &r), ERR_NOT_FOUND);
    EQ_INT(record_last_port(dir, RECORD_MODEL), 4321);
    (void)unlink(path);
    (void)rmdir(dir);
}

TEST(every_kind_of_agent_has_its_place)
{
    struct diag diag = {.text = ""};
    struct place p;
    struct engine_options o = {
        .codex_home = "/h/.codex", .run_dir = "/r", .home = "/f"};
    EQ_INT(place_make(&o, &diag, &p), OK);
    EQ_STR(p.endpoint, "unix:///h/.codex/app-server-control/app-server-control.sock");
    EQ_STR(p.listen, "unix://");
    TRUE(p.shared && p.sets_home && !p.joins_only);
    o.private_agent = true;
    EQ_INT(place_make(&o, &diag, &p), OK);
    EQ_STR(p.listen, "unix:///r/codex.sock");
    FALSE(p.shared);
    o.private_agent = false;
    o.practice = true;
    EQ_INT(place_make(&o, &diag, &p), OK);
    EQ_STR(p.codex_home, "/f/practice");
    FALSE(p.shared);
    o.practice = false;
    o.endpoint = "ws://127.0.0.1:4000";
    EQ_INT(place_make(&o, &diag, &p), OK);
    TRUE(p.joins_only && p.shared);
    o.endpoint = "http://x";
    EQ_INT(place_make(&o, &diag, &p), ERR_USAGE);
    TRUE(strstr(diag.text, "http://x") != NULL);
}

TEST(the_word_of_codex_says_whose_daemon_it_is)
{
    static const struct {
        const char *text;
        bool managed;
    } cases[] = {
        {"{\"status\":\"running\",\"backend\":\"pid\"}\n", true},
        {"{\"status\":\"running\",\"managedCodexVersion\":null}\n", false},
        {"{\"status\":\"running\",\"backend\":\"systemd\"}", false},
        {"{\"backend\":1}", false},
        {"[\"backend\",\"pid\"]", false},
        {"Error: failed to connect", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const bool managed = daemon_is_managed(bytes_from_str(cases[i].text));
        assert_int_equal(managed, cases[i].managed);
    }
}

RUN_TESTS(T(versions_are_found_and_compared),
          T(the_word_of_codex_says_whose_daemon_it_is),
          T(nothing_of_ours_reaches_the_agents_environment),
          T(variables_are_set_once_and_unset_by_prefix),
          T(our_path_comes_after_the_login_shells), T(an_environment_must_be_one),
          T(programs_are_found_and_their_absence_is_said),
          T(the_handshake_ends_ready_with_the_version),
          T(a_missing_login_is_noticed_and_so_is_its_coming),
          T(an_account_that_cannot_be_read_is_an_account),
          T(an_old_agent_and_a_refusal_are_said_in_a_sentence),
          T(what_is_no_app_server_is_dropped),
          T(a_process_is_known_again_and_a_dead_one_is_not),
          T(every_kind_of_agent_has_its_place))
