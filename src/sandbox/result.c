#include <inttypes.h>
#include <string.h>

#include "sandbox/run.h"

static const struct {
    const char *name;
    const char *text;
} ends[] = {
    [SANDBOX_ENDED] = {"ended", ""},
    [SANDBOX_NOT_RUN] = {"not-run", "the command could not be run"},
    [SANDBOX_TIME] = {"timeout", "its time was over: everything it started was ended"},
    [SANDBOX_OUTPUT] = {"output", "it printed more than it may: it was ended"},
    [SANDBOX_DISK] = {"disk", "it had nearly filled the disk: it was ended"},
    [SANDBOX_ASKED] = {"asked", "it did not end when asked to: it was ended"},
    [SANDBOX_NO_READER] = {"no-reader",
                           "nobody reads its output any more: it was ended"},
};

const char *sandbox_end_text(enum sandbox_end end)
{
    return ends[end].text;
}

enum err sandbox_result_json(const struct sandbox_result *r, struct buf *out)
{
    enum err e = buf_putf(out,
                          "{\"end\":\"%s\",\"exitCode\":%d,\"signal\":%d,"
                          "\"elapsedMs\":%" PRIu64 ",\"workspaceGone\":%s,"
                          "\"supervised\":%s,\"denied\":",
                          ends[r->end].name, r->exit_code, r->signal, r->elapsed_ms,
                          r->workspace_gone ? "true" : "false",
                          r->supervised ? "true" : "false");
    if (e == OK) {
        e = denial_json(&r->denials, out);
    }
    return e == OK ? buf_putf(out, ",\"more\":%" PRIu64 "}", r->denials.more) : e;
}

void sandbox_result_fini(struct sandbox_result *r)
{
    denial_log_fini(&r->denials);
    memset(r, 0, sizeof(*r));
}
