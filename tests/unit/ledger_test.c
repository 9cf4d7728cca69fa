#include "test.h"

#include "ledger_rig.h"

/* A host that dies at each point of a decision: real store, real log, and what the next
 * host makes of the files. The agent is a script that repeats what it still asks. */

/* ---- tests ------------------------------------------------------------------------------ */

/* A decision by the phone (or here), killed with its line on disk and no row; *after is
 * the host that starts on what is left. */
static void die_after_the_line(struct rig *r, bool by_phone, char dir[DIR_SIZE])
{
    fresh(r);
    pair_phone(r);
    agent_asks(r);
    r->watching = true;
    if (by_phone) {
        phone_comes(r);
        decide_on_phone(r, APPROVAL_ACCEPT);
    } else {
        decide_here(r, "accept");
    }
    EQ_INT(r->n_answers, 1);
    TRUE(r->snap_line[0] != '\0');
    memcpy(dir, r->snap_line, DIR_SIZE);
    r->snap_line[0] = '\0';
    end(r);
}

TEST(a_decision_that_only_the_log_has_counts_once_and_is_delivered)
{
    for (unsigned by_phone = 0; by_phone < 2; by_phone++) {
        struct rig before;
        struct rig r;
        char dir[DIR_SIZE];
        CASE(by_phone ? "signed by a device" : "at the host's terminal");
        die_after_the_line(&before, by_phone != 0, dir);
        EQ_INT(start(&r, dir), OK);
        EQ_INT(r.n_answers, 0); // not before the agent asks
        agent_asks(&r);
        EQ_INT(r.n_answers, 1);
        HAS(r.upstream, "accept");
        decide_here(&r, "decline"); // nobody decides it again
        EQ_INT(r.n_answers, 1);
        EQ_INT(count_in_log(dir, "\"type\":\"decision\""), 1);
        EQ_INT(count_in_log(dir, "\"type\":\"recovered\""), 1);
        stop(&r);
        EQ_INT(start(&r, dir), OK); // and the next host takes it from the row
        EQ_INT(count_in_log(dir, "\"type\":\"recovered\""), 1);
        end(&r);
    }
}

static void take_rights(const char *dir, const uint8_t id[16], unsigned how)
{
    struct rig r;
    struct diag d = {.text = ""};
    char path[PATH_MAX];
    r.h = mem_new(sizeof(*r.h));
    EQ_INT(keys_open(keys_home, &r.h->keys, &d), OK);
    path_in(dir, "state.db", path);
    EQ_INT(store_open(path, &r.h->store, &d), OK);
    EQ_INT(devices_open(r.h->store, &r.h->keys, &r.h->devices), OK);
    struct device *device = devices_find(r.h->devices, id);
    if (how == 0) {
        EQ_INT(devices_revoke(r.h->devices, device, wall), OK);
    } else {
        const struct device_change change = {.role = how == 1 ? ROLE_VIEWER : ROLE_NONE,
                                             .scope =
                                                 how == 1 ? NULL : "another-thread"};
        EQ_INT(devices_update(r.h->devices, device, &change), OK);
    }
    devices_close(r.h->devices);
    store_close(r.h->store);
    keys_fini(&r.h->keys);
    mem_free(r.h);
}

TEST(a_decision_of_who_lost_the_right_does_not_count_after_a_crash)
{
    static const char *const ways[] = {"revoked", "a viewer now", "for other threads"};
    for (unsigned i = 0; i < 2 * COUNT(ways); i++) {
        struct rig before;
        struct rig r;
        char dir[DIR_SIZE];
        const unsigned how = i / 2;
        CASE(ways[how]);
        fresh(&before);
        pair_phone(&before);
        agent_asks(&before);
        phone_comes(&before);
        before.watching = true;
        decide_on_phone(&before, APPROVAL_ACCEPT);
        // the line alone, and the row too
        char *snap = i % 2 == 0 ? before.snap_line : before.snap_effect;
        memcpy(dir, snap, DIR_SIZE);
        snap[0] = '\0';
        take_rights(dir, before.device_id, how);
        end(&before);
        EQ_INT(start(&r, dir), OK);
        agent_asks(&r);
        EQ_INT(r.n_answers, 0); // it waits for a person again
        decide_here(&r, "decline");
        EQ_INT(r.n_answers, 1);
        HAS(r.upstream, "decline");
        stop(&r);
        EQ_INT(start(&r, dir), OK); // nothing of the void vote comes back
        agent_asks(&r);
        HAS(r.upstream, "decline");
        end(&r);
    }
}

TEST(a_decision_loses_its_effect_with_its_devices_right_until_the_agent_knows)
{
    for (unsigned how = 0; how < 3; how++) {
        struct rig before;
        struct rig r;
        char dir[DIR_SIZE];
        fresh(&before);
        pair_phone(&before);
        agent_asks(&before);
        phone_comes(&before);
        before.watching = true;
        decide_on_phone(&before, APPROVAL_ACCEPT);
        memcpy(dir, before.snap_effect, DIR_SIZE);
        before.snap_effect[0] = '\0';
        uint8_t id[16];
        memcpy(id, before.device_id, sizeof(id));
        end(&before);
        EQ_INT(start(&r, dir), OK); // decided, and the agent has not asked again yet
        if (how == 0) {
            hub_revoke(r.h->hub, id);
        } else if (how == 1) {
            hub_rights_changed(r.h->hub, id, ROLE_VIEWER, 0, NULL);
        } else {
            hub_scope_changed(r.h->hub, id, "another-thread");
        }
        agent_asks(&r);
        EQ_INT(r.n_answers, 0);
        decide_here(&r, "cancel");
        HAS(r.upstream, "cancel");
        end(&r);
    }
}

TEST(a_decision_in_the_row_and_not_with_the_agent_is_delivered_at_once)
{
    struct rig before;
    struct rig r;
    char dir[DIR_SIZE];
    fresh(&before);
    agent_asks(&before);
    before.watching = true;
    decide_here(&before, "accept");
    memcpy(dir, before.snap_effect, DIR_SIZE);
    before.snap_effect[0] = '\0';
    end(&before);
    EQ_INT(start(&r, dir), OK);
    agent_asks(&r);
    EQ_INT(r.n_answers, 1);
    HAS(r.upstream, "accept");
    EQ_INT(count_in_log(dir, "\"type\":\"decision\""), 1);
    end(&r);
}

static void damage_log(const char *dir, bool tear)
{
    static char text[1 << 20];
    char path[PATH_MAX];
    const size_t len = read_log(dir, text, sizeof(text));
    path_in(dir, "audit.jsonl", path);
    const int fd = open(path, O_RDWR);
    if (tear) {
        EQ_INT(ftruncate(fd, (off_t)len - 20), 0);
    } else {
        const char *at = strstr(text, "\"accept\"");
        EQ_INT(pwrite(fd, "\"cancel\"", 8, at - text), 8);
    }
    (void)close(fd);
}

TEST(a_line_that_is_torn_or_was_edited_decides_nothing)
{
    for (unsigned tear = 0; tear < 2; tear++) {
        struct rig before;
        struct rig r;
        char dir[DIR_SIZE];
        CASE(tear ? "torn" : "edited");
        die_after_the_line(&before, false, dir);
        damage_log(dir, tear != 0);
        EQ_INT(start(&r, dir), OK);
        agent_asks(&r);
        EQ_INT(r.n_answers, 0);
        decide_here(&r, "decline");
        EQ_INT(r.n_answers, 1);
        end(&r);
    }
}

TEST(a_decision_that_was_taken_back_does_not_count_later)
{
    struct rig before;
    struct rig r;
    char dir[DIR_SIZE];
    char path[PATH_MAX];
    struct diag d = {.text = ""};
    struct audit *log = NULL;
    struct audit_head head;
    const uint8_t host_id[16] = {0};
    die_after_the_line(&before, false, dir);
    path_in(dir, "audit.jsonl", path);
    EQ_INT(audit_open(path, host_id, NULL, wall, &log, &d), OK);
    audit_head(log, &head);
    EQ_INT(audit_take_back(log, &(struct audit_decision){.request_id = "x"}, head.idx),
           OK);
    audit_close(log);
    EQ_INT(start(&r, dir), OK);
    agent_asks(&r);
    EQ_INT(r.n_answers, 0);
    end(&r);
}

TEST(what_expires_while_no_host_runs_is_declined_at_the_start)
{
    struct rig r;
    fresh(&r);
    hub_approval_policy(r.h->hub, 1, 60000);
    agent_asks(&r);
    char dir[DIR_SIZE];
    memcpy(dir, r.dir, sizeof(dir));
    stop(&r);
    wall += 61000;
    EQ_INT(start(&r, dir), OK);
    EQ_INT(count_in_log(dir, "\"type\":\"decision\""), 1); // before the agent is back
    agent_asks(&r);
    EQ_INT(r.n_answers, 1);
    HAS(r.upstream, "decline");
    decide_here(&r, "accept");
    EQ_INT(r.n_answers, 1);
    end(&r);
}

TEST(a_clock_that_goes_back_and_forth_extends_nothing)
{
    struct rig r;
    fresh(&r);
    hub_approval_policy(r.h->hub, 1, 60000);
    agent_asks(&r);
    wall += UINT64_C(3600000); // an hour ahead: it is over, whether told or not
    decide_here(&r, "accept");
    EQ_INT(r.n_answers, 0);
    hub_tick(r.h->hub, 120000);
    EQ_INT(r.n_answers, 1);
    HAS(r.upstream, "decline");
    wall -= UINT64_C(7200000); // and back: what is declined stays so
    decide_here(&r, "accept");
    hub_tick(r.h->hub, 240000);
    EQ_INT(r.n_answers, 1);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_decision_that_only_the_log_has_counts_once_and_is_delivered),
        T(a_decision_of_who_lost_the_right_does_not_count_after_a_crash),
        T(a_decision_loses_its_effect_with_its_devices_right_until_the_agent_knows),
        T(a_decision_in_the_row_and_not_with_the_agent_is_delivered_at_once),
        T(a_line_that_is_torn_or_was_edited_decides_nothing),
        T(a_decision_that_was_taken_back_does_not_count_later),
        T(what_expires_while_no_host_runs_is_declined_at_the_start),
        T(a_clock_that_goes_back_and_forth_extends_nothing)};
    crypto_init();
    log_set_level(LOG_ERROR);
    device_key = sign_key_random();
    if (mkdtemp(keys_home) == NULL) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sign_key_destroy(device_key);
    char keys[PATH_MAX];
    path_in(keys_home, "keys", keys);
    forget_dir(keys);
    forget_dir(keys_home);
    return failed;
}
