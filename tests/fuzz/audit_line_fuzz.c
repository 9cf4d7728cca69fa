#include <stdlib.h>

#include "base/attr.h"
#include "store/audit_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: what is taken for a record prints as exactly the octets it was, and may be
 * written again; every value it borrows lies inside the line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = {data, size};
    struct audit_line line;
    if (audit_line_parse(in, &line) != OK) {
        return 0;
    }
    struct buf out;
    buf_init(&out, AUDIT_LINE_MAX);
    if (audit_line_print(&line, &out) != OK || !bytes_equal(buf_bytes(&out), in)) {
        abort();
    }
    buf_fini(&out);
    if (line.payload.at < data || line.payload.at + line.payload.len > data + size ||
        line.type.len == 0 || line.type.len > AUDIT_TYPE_MAX) {
        abort();
    }
    struct audit_head head = {.idx = line.idx - 1};
    (void)audit_head_check(&head, &line);
    if (head.idx != line.idx) {
        abort();
    }
    return 0;
}
