#include <stdlib.h>
#include <string.h>

#include "relay/admission.h"
#include "relay/ticket.h"
#include "relay/visitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Property: a key file that is accepted is written back as the same keys; no octets
 * are a ticket of a key that never signed; an admission file is read or refused;
 * nobody is loopback because a proxy says so. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes in = {data, size};
    struct ticket_keys keys = {.slot = {{.kid = 0}}};
    struct ticket_keys again;
    struct admission a = {.kind = ADMISSION_LISTED};
    struct ticket t;
    char text[TICKET_FILE_MAX];
    if (ticket_keys_read(in, &keys) == OK) {
        const size_t len = ticket_keys_write(&keys, text);
        if (ticket_keys_read((struct bytes){(uint8_t *)text, len}, &again) != OK ||
            memcmp(&keys, &again, sizeof(keys)) != 0) {
            abort();
        }
    }
    keys = (struct ticket_keys){.slot = {{.kid = 1, .key = {42}}}};
    if (ticket_check(&keys, in, 0, &t) == OK) {
        abort();
    }
    for (int kind = ADMISSION_LISTED; kind <= ADMISSION_INVITE; kind++) {
        if (admission_read(&a, (enum admission_kind)kind, in, NULL) == OK &&
            a.n > size) {
            abort();
        }
        admission_fini(&a);
    }
    struct visitor_addr addr;
    if (visitor_forwarded(in, &addr) == OK && addr.loopback) {
        abort();
    }
    return 0;
}
