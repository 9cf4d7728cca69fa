#include <stdlib.h>

#include "session/approval.h"
#include "wire/tlv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIST_MAX = 64 };

static size_t collect(struct bytes in, uint8_t tag, struct bytes *out)
{
    struct cursor c = {in};
    size_t n = 0;
    while (n < LIST_MAX && tlv_next(&c, tag, &out[n])) {
        n++;
    }
    return n;
}

/* What is read and written again is the same octets: there is one encoding. */
static void request_is_canonical(struct bytes in)
{
    struct approval_request r;
    struct bytes argv[LIST_MAX];
    struct bytes paths[LIST_MAX];
    struct buf command;
    struct buf again;
    if (approval_request_read(in, &r) != OK) {
        return;
    }
    buf_init(&command, APPROVAL_COMMAND_MAX);
    buf_init(&again, APPROVAL_REQUEST_MAX);
    if (approval_request_command(in, &command) != OK) {
        abort();
    }
    r.command = buf_bytes(&command);
    r.argv = argv;
    r.n_argv = collect(in, APPROVAL_TAG_ARGV, argv);
    r.paths = paths;
    r.n_paths = collect(in, APPROVAL_TAG_PATH, paths);
    if (r.n_argv < LIST_MAX && r.n_paths < LIST_MAX &&
        (approval_request_put(&r, &again) != OK ||
         !bytes_equal(buf_bytes(&again), in))) {
        abort();
    }
    buf_fini(&command);
    buf_fini(&again);
}

static void decision_is_canonical(struct bytes in)
{
    struct approval a;
    struct buf again;
    if (approval_read(in, &a) != OK) {
        return;
    }
    buf_init(&again, APPROVAL_A_SIZE_MAX);
    if (approval_put(&a, &again) != OK || !bytes_equal(buf_bytes(&again), in)) {
        abort();
    }
    buf_fini(&again);
}

/* Property: whatever is accepted has exactly the encoding that we would write. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = {data, size};
    request_is_canonical(in);
    decision_is_canonical(in);
    return 0;
}
