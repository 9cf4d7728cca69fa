#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/audit_filter.h"
#include "cli/audit_print.h"
#include "cli/audit_verify.h"
#include "cli/commands.h"
#include "cli/local_call.h"
#include "store/audit_read.h"

#define LAST_DEFAULT 50u
#define LAST_MAX     100000u
#define FOLLOW_MS    300

/* ---- what the command line says ------------------------------------------------- */

static int read_time(const struct cli_args *args, const char *option, uint64_t *out)
{
    struct diag d = {.text = ""};
    const char *text = cli_value(args, option);
    if (text != NULL && audit_time_read(text, clock_wall_ms(), out, &d) != OK) {
        return cli_fail(EXIT_USAGE, "--%s %s", option, d.text);
    }
    return EXIT_DONE;
}

static int read_filter(const struct cli_args *args, struct audit_filter *f)
{
    *f = (struct audit_filter){.thread = cli_value(args, "thread"),
                               .device = cli_value(args, "device"),
                               .type = cli_value(args, "type")};
    const int code = read_time(args, "since", &f->since_ms);
    return code != EXIT_DONE ? code : read_time(args, "until", &f->until_ms);
}

/* The file that a word names, or this home's. */
static int find_file(const struct cli_args *args, char path[PATH_MAX])
{
    char home[PATH_MAX];
    if (args->n_words > 1) {
        return text_format(path, PATH_MAX, "%s", args->words[1]) == OK
                   ? EXIT_DONE
                   : cli_fail(EXIT_USAGE, "the name of the file is too long");
    }
    if (cli_home(args, home) != OK) {
        return EXIT_HOME;
    }
    return text_format(path, PATH_MAX, "%s/audit.jsonl", home) == OK
               ? EXIT_DONE
               : cli_fail(EXIT_HOME, "the name of the state folder is too long");
}

static int open_file(const char *path, int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? EXIT_DONE
                    : cli_fail(EXIT_NOT_FOUND, "there is no audit log at %s: %s", path,
                               strerrordesc_np(errno));
}

/* ---- show -------------------------------------------------------------------------- */

static void show_line(const struct cli_args *args, struct bytes text)
{
    struct audit_line line;
    if (cli_has(args, "json")) {
        cli_say("%.*s", (int)text.len, (const char *)text.at);
    } else if (audit_line_parse(text, &line) == OK) {
        audit_print(&line);
    } else {
        cli_say("%s  ????  not a record of an audit log%s", cli_red(), cli_plain());
    }
}

/* Where the last `n` lines that fit begin: their places, oldest first. */
struct places {
    uint64_t at[LAST_MAX];
    size_t n; // that were seen
    size_t max;
};

static bool fits(const struct audit_filter *f, struct bytes text)
{
    struct audit_line line;
    return audit_line_parse(text, &line) != OK || audit_filter_takes(f, &line);
}

static enum err find_places(struct audit_reader *r, const struct audit_filter *f,
                            struct places *p)
{
    struct bytes text = BYTES_NONE;
    uint64_t offset = 0;
    enum err e;
    while ((e = audit_reader_next(r, &text, &offset)) == OK) {
        if (fits(f, text)) {
            p->at[p->n++ % p->max] = offset;
        }
    }
    return e == ERR_CLOSED || e == ERR_AGAIN ? OK : e;
}

/* From `offset` on, as long as there is something; then, with --follow, for ever. */
static enum err show_from(const struct cli_args *args, int fd, uint64_t offset,
                          const struct audit_filter *f)
{
    const bool follows = cli_has(args, "follow");
    struct audit_reader *r = audit_reader_create(fd, offset);
    struct bytes text = BYTES_NONE;
    enum err e = OK;
    while (e == OK) {
        e = audit_reader_next(r, &text, &offset);
        if (e == OK && fits(f, text)) {
            show_line(args, text);
        } else if ((e == ERR_CLOSED || e == ERR_AGAIN) && follows) {
            (void)poll(NULL, 0, FOLLOW_MS);
            e = ferror(stdout) == 0 ? OK : ERR_CLOSED;
        }
    }
    audit_reader_destroy(r);
    return e == ERR_CLOSED || e == ERR_AGAIN ? OK : e;
}

static int read_last(const struct cli_args *args, uint64_t *out)
{
    const char *text = cli_value(args, "last");
    *out = cli_has(args, "since") ? LAST_MAX : LAST_DEFAULT;
    if (text != NULL &&
        (u64_parse(bytes_from_str(text), LAST_MAX, out) != OK || *out == 0)) {
        return cli_fail(EXIT_USAGE, "--last is a number from 1 to %u", LAST_MAX);
    }
    return EXIT_DONE;
}

static int show(const struct cli_args *args)
{
    struct audit_filter f;
    char path[PATH_MAX];
    uint64_t last = 0;
    int fd = -1;
    int code = read_filter(args, &f);
    code = code != EXIT_DONE ? code : read_last(args, &last);
    code = code != EXIT_DONE ? code : find_file(args, path);
    code = code != EXIT_DONE ? code : open_file(path, &fd);
    if (code != EXIT_DONE) {
        return code;
    }
    struct places *p = mem_new(sizeof(*p));
    p->max = (size_t)last;
    struct audit_reader *r = audit_reader_create(dup(fd), 0);
    enum err e = find_places(r, &f, p);
    const uint64_t end = audit_reader_offset(r);
    const uint64_t from = p->n == 0 ? end : p->at[p->n > p->max ? p->n % p->max : 0];
    audit_reader_destroy(r);
    mem_free(p);
    e = e != OK ? e : show_from(args, fd, from, &f);
    return e == OK ? EXIT_DONE
                   : cli_fail(EXIT_FAILED, "%s cannot be read: %s", path, err_text(e));
}

/* ---- verify -------------------------------------------------------------------------- */

static int read_key(const struct cli_args *args, uint8_t key[32], bool *given)
{
    const char *text = cli_value(args, "host-key");
    size_t len = 0;
    *given = text != NULL;
    if (text != NULL &&
        (hex_decode(bytes_from_str(text), key, 32, &len) != OK || len != 32)) {
        return cli_fail(EXIT_USAGE,
                        "--host-key is 64 hex digits, as the first record of "
                        "the log and 'farhand status --json' show it");
    }
    return EXIT_DONE;
}

static void print_json(const struct audit_report *r)
{
    char hex[HEX_SIZE(32)];
    json_t *out = json_object();
    json_set_bool(out, "sound", r->broken == 0);
    json_set_int(out, "records", (int64_t)r->records);
    json_set_int(out, "first", (int64_t)r->first);
    json_set_int(out, "decisions", (int64_t)r->decisions);
    json_set_int(out, "unsignedDecisions", (int64_t)r->unsigned_decisions);
    json_set_int(out, "unproved", (int64_t)r->unproved);
    json_set_int(out, "grants", (int64_t)r->grants);
    json_set_int(out, "checkpoints", (int64_t)r->checkpoints);
    json_set_int(out, "sinceCheckpoint", (int64_t)r->since_checkpoint);
    json_set_int(out, "torn", (int64_t)r->torn);
    json_set_int(out, "chainUs", (int64_t)r->chain_us);
    json_set_int(out, "signatures", (int64_t)r->signatures);
    json_set_int(out, "signatureUs", (int64_t)r->signature_us);
    hex_encode(BYTES_OF(r->head.h), hex);
    json_set_str(out, "head", hex);
    hex_encode(BYTES_OF(r->host_key), hex);
    json_set_str(out, "hostKey", r->has_key ? hex : NULL);
    if (r->broken != 0) {
        json_set_int(out, "broken", (int64_t)r->broken);
        json_set_str(out, "fault", r->fault);
    }
    local_print(out);
    json_decref(out);
}

static void print_counts(const struct audit_report *r)
{
    char from[24];
    char to[24];
    char hex[HEX_SIZE(32)];
    audit_time_print(r->first_ms, from);
    audit_time_print(r->last_ms, to);
    hex_encode(BYTES_OF(r->host_key), hex);
    cli_say("  records      %llu, %s to %s", (unsigned long long)r->records, from, to);
    cli_say("  decisions    %llu signed by devices, %llu at the host or outside",
            (unsigned long long)r->decisions,
            (unsigned long long)r->unsigned_decisions);
    cli_say("  grants       %llu", (unsigned long long)r->grants);
    cli_say("  checkpoints  %llu; %llu records after the last one",
            (unsigned long long)r->checkpoints,
            (unsigned long long)r->since_checkpoint);
    cli_say("  host key     %s", r->has_key ? hex : "not known");
    if (r->first > 1) {
        cli_say("  This is an excerpt from record %llu on; %llu decisions could not be "
                "proved by the grants in it.",
                (unsigned long long)r->first, (unsigned long long)r->unproved);
    }
    if (r->torn != 0) {
        cli_say("  %llu octets after the last record are no whole one: a crash, or the "
                "host is writing.",
                (unsigned long long)r->torn);
    }
}

static int verify(const struct cli_args *args)
{
    char path[PATH_MAX];
    uint8_t key[32];
    bool given = false;
    struct audit_report r;
    int code = read_key(args, key, &given);
    code = code != EXIT_DONE ? code : find_file(args, path);
    if (code != EXIT_DONE) {
        return code;
    }
    const struct audit_verify_options o = {.host_key = given ? key : NULL};
    const enum err e = audit_verify(path, &o, &r);
    if (e != OK) {
        return cli_fail(e == ERR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED,
                        "%s cannot be read: %s", path, err_text(e));
    }
    if (cli_has(args, "json")) {
        print_json(&r);
    } else if (r.broken == 0 && r.records != 0) {
        cli_say("%sSound.%s Every record is as it was written%s", cli_green(),
                cli_plain(), given ? " by the host of that key." : ".");
        print_counts(&r);
    }
    if (r.records == 0 && r.broken == 0) {
        return cli_fail(EXIT_UNSOUND, "%s has no records", path);
    }
    return r.broken == 0 ? EXIT_DONE
                         : cli_fail(EXIT_UNSOUND, "record %llu of %s: %s",
                                    (unsigned long long)r.broken, path, r.fault);
}

/* ---- export ---------------------------------------------------------------------------- */

static enum err copy_lines(int fd, const struct audit_filter *f, FILE *out)
{
    struct audit_reader *r = audit_reader_create(fd, 0);
    struct bytes text = BYTES_NONE;
    uint64_t offset = 0;
    bool begun = false;
    enum err e;
    while ((e = audit_reader_next(r, &text, &offset)) == OK) {
        struct audit_line line;
        if (audit_line_parse(text, &line) == OK && f->until_ms != 0 &&
            line.time_ms > f->until_ms) {
            continue;
        }
        begun = begun || fits(f, text); // then without a gap: it stays a chain
        if (begun && (fwrite(text.at, 1, text.len, out) != text.len ||
                      fputc('\n', out) == EOF)) {
            e = ERR_IO;
            break;
        }
    }
    audit_reader_destroy(r);
    return e == ERR_CLOSED || e == ERR_AGAIN ? OK : e;
}

static FILE *open_out(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL) {
        (void)cli_fail(EXIT_FAILED, "%s cannot be made: %s", path,
                       strerrordesc_np(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return out;
}

static int export(const struct cli_args *args)
{
    struct audit_filter f;
    char path[PATH_MAX];
    int fd = -1;
    const char *to = cli_value(args, "out");
    int code = read_filter(args, &f);
    code = code != EXIT_DONE ? code : find_file(args, path);
    code = code != EXIT_DONE ? code : open_file(path, &fd);
    if (code != EXIT_DONE) {
        return code;
    }
    FILE *out = to == NULL ? stdout : open_out(to);
    if (out == NULL) {
        (void)close(fd);
        return EXIT_FAILED;
    }
    f.thread = f.device = f.type = NULL; // a chain with holes proves nothing
    enum err e = copy_lines(fd, &f, out);
    if (fflush(out) != 0 || (to != NULL && fclose(out) != 0)) {
        e = ERR_IO;
    }
    return e == OK ? EXIT_DONE
                   : cli_fail(EXIT_FAILED, "the export is not whole: %s", err_text(e));
}

/* ---- the command -------------------------------------------------------------------------- */

static int run(struct cli_args *args)
{
    static const struct {
        const char *word;
        int (*run)(const struct cli_args *args);
    } jobs[] = {{"show", show}, {"verify", verify}, {"export", export}};
    for (size_t i = 0; i < COUNT(jobs); i++) {
        if (strcmp(args->words[0], jobs[i].word) == 0) {
            return jobs[i].run(args);
        }
    }
    return cli_fail(EXIT_USAGE, "farhand audit knows show, verify and export, not '%s'",
                    args->words[0]);
}

static const struct cli_option options[] = {
    {"thread", "ID", "show: of this thread (the beginning of the id is enough)"},
    {"device", "NAME", "show: by or about this device, by name or id"},
    {"type", "TYPE", "show: of this type, for instance decision"},
    {"since", "TIME", "from then on: 2026-11-22, \"2026-11-22 17:05\", or 2h, 3d ago"},
    {"until", "TIME", "up to then"},
    {"last", "N", "show: the newest N that fit, also as -n N (default: 50)"},
    {"follow", NULL, "show: go on with what is written from now on"},
    {"host-key", "KEY", "verify: it must be this host's, 64 hex digits"},
    {"out", "FILE", "export: into this new file instead of the terminal"},
    {"json", NULL, "show: the records as they are; verify: one JSON object"},
    CLI_COMMON_OPTIONS,
};

const struct cli_command cmd_audit = {
    .name = "audit",
    .words = "show|verify|export [FILE]",
    .summary = "who did what: show, prove and export the audit log",
    .text =
        "The host writes every turn, request, decision and effect, every device that "
        "came or went and every refusal into audit.jsonl in its state folder, each "
        "record chained to the one before.\n\n"
        "'show' prints records. 'verify' reads a whole file, offline, and names the "
        "first record that was changed, taken out, or signed by somebody else; with "
        "--host-key it proves that the log is that host's. 'export' copies the records "
        "of a time without gaps, so that what it gives can be verified as well.",
    .options = options,
    .n_options = COUNT(options),
    .least_words = 1,
    .most_words = 2,
    .run = run,
};
