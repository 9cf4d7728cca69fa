/*
 * file: small whole files, safely.
 *
 * Shape      read a whole file up to a maximum; replace a file atomically
 *            (temporary name in the same folder, fsync, rename, fsync of the
 *            folder), never following a symbolic link at the last component.
 * Errors     ERR_NOT_FOUND  no such file
 *            ERR_DENIED     a link, or owned by or writable for others
 *            ERR_LIMIT      larger than the caller's maximum
 *            ERR_EXISTS     file_lock: another process holds it
 *            ERR_IO         the system refused; errno says why
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"

/* Appends the content to *out (whose maximum is the limit). */
NODISCARD enum err file_read(const char *path, struct buf *out);

/* As file_read, and refuses a file that others than this user can read. */
NODISCARD enum err file_read_secret(const char *path, struct buf *out);

NODISCARD enum err file_replace(const char *path, struct bytes content, mode_t mode);

/* mkdir -p with `mode` for the last part; an existing folder must be ours, and not
 * writable for others where `mode` is not. */
NODISCARD enum err file_make_dir(const char *path, mode_t mode);

/* After a file was made or renamed: its name is on disk when this returns. */
NODISCARD enum err file_sync_parent(const char *path);

bool file_is_dir(const char *path); // follows links

/* Takes an exclusive lock for the life of the process and writes its pid into the
 * file. *out_fd stays open (keep). ERR_EXISTS: *holder is the other's pid. */
NODISCARD enum err file_lock(const char *path, int *out_fd, pid_t *holder);

#endif
