#include "relay_scene.h"

#include "relay/metrics.h"

/* What an operator reads, after what peers did. */

static char page[METRICS_MAX];

static const char *scrape(void)
{
    const struct relay_stats now = relay_core_stats(rig.core);
    const struct metrics_process process = {.uptime_s = 7};
    struct buf text;
    buf_init(&text, sizeof(page) - 1);
    EQ_INT(metrics_put(&text, &now, relay_core_counts(rig.core), &process), OK);
    memcpy(page, text.at + text.start, buf_len(&text));
    page[buf_len(&text)] = '\0';
    buf_fini(&text);
    return page;
}

static void says(const char *line)
{
    const char *text = scrape();
    const char *at = strstr(text, line);
    if (at == NULL || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n') {
        print_error("no line \"%s\" in\n%s", line, text);
        fail();
    }
}

TEST(who_is_there_and_who_has_been_there_are_counted)
{
    begin(2);
    says("farhand_relay_connections 3");
    says("farhand_relay_hosts 1");
    says("farhand_relay_logins_total{role=\"host\"} 1");
    says("farhand_relay_logins_total{role=\"device\"} 2");
    says("farhand_relay_channels 2");
    says("farhand_relay_uptime_seconds 7");
    peer_drop(&host);
    says("farhand_relay_hosts 0");
    says("farhand_relay_logins_total{role=\"host\"} 1");
    end();
}

TEST(a_frame_is_counted_when_it_comes_and_when_it_goes)
{
    begin(1);
    const struct relay_counts before = *relay_core_counts(rig.core);
    peer_put(&device[0], ENVELOPE_DATA, 0, BYTES_LIT("sealed"));
    const struct relay_counts *after = relay_core_counts(rig.core);
    EQ_U64(after->frames_in - before.frames_in, 1);
    EQ_U64(after->frames_out - before.frames_out, 1);
    EQ_U64(after->octets_in - before.octets_in, ENVELOPE_HEAD + 6);
    EQ_U64(after->octets_out - before.octets_out, ENVELOPE_HEAD + 6);
    end();
}

TEST(a_refusal_and_a_drop_are_counted_under_their_reasons)
{
    begin(0);
    EQ_INT(peer_open(&device[0], &rig), OK);
    peer_put_raw(&device[0], BYTES_LIT("not an envelope"));
    EQ_INT(peer_open(&device[1], &rig), OK);
    (void)rig_wait(&rig, RELAY_HANDSHAKE_MS);
    says("farhand_relay_refused_total{reason=\"malformed\"} 1");
    says("farhand_relay_refused_total{reason=\"clock\"} 0");
    says("farhand_relay_dropped_total{reason=\"slow-login\"} 1");
    end();
}

TEST(every_family_is_announced_once_and_no_line_names_anybody)
{
    begin(2);
    const char *line = scrape();
    char family[64] = "";
    while (*line != '\0') {
        const size_t len = strcspn(line, "\n");
        if (strncmp(line, "# HELP ", 7) == 0) {
            const size_t name = strcspn(line + 7, " ");
            EQ_INT(text_format(family, sizeof(family), "%.*s", (int)name, line + 7),
                   OK);
        } else if (line[0] != '#') {
            TRUE(strncmp(line, family, strlen(family)) == 0);
            TRUE(strspn(line, "abcdefghijklmnopqrstuvwxyz_{}=\"- 0123456789") == len);
        }
        line += len + 1;
    }
    end();
}

RUN_TESTS(T(who_is_there_and_who_has_been_there_are_counted),
          T(a_frame_is_counted_when_it_comes_and_when_it_goes),
          T(a_refusal_and_a_drop_are_counted_under_their_reasons),
          T(every_family_is_announced_once_and_no_line_names_anybody))
