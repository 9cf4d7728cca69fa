#include "sandbox/kernel.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/text.h"
#include "sandbox/seatbelt.h"

void sandbox_probe_quick(struct sandbox_kernel *out)
{
    struct utsname name;
    memset(out, 0, sizeof(*out));
    out->seatbelt = access(SEATBELT_EXEC, X_OK) == 0;
    out->root = geteuid() == 0;
    if (uname(&name) == 0) {
        text_sanitize(bytes_from_str(name.release), out->release, sizeof(out->release));
    }
}

void sandbox_probe(struct sandbox_kernel *out)
{
    sandbox_probe_quick(out);
    text_sanitize(bytes_from_str("macOS has none"), out->why_not, sizeof(out->why_not));
}
