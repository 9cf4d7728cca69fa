/*
 * scratch: a private folder for temporary files, where no namespace gives a private /tmp.
 *
 * Errors     ERR_IO  it cannot be made
 * Limits     removed with at most SCRATCH_DEPTH folders inside each other
 */
#ifndef SANDBOX_SCRATCH_H
#define SANDBOX_SCRATCH_H

#include <stddef.h>

#include "base/err.h"

#define SCRATCH_DEPTH    64
#define SCRATCH_PATH_MAX 512

/* Below $TMPDIR, or /tmp. */
NODISCARD enum err scratch_make(char *out, size_t size);
void scratch_remove(const char *path); // never follows a link

#endif
