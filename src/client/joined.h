/*
 * joined: the hosts this machine has joined, as files.
 *
 * Source     docs/architecture.md "State on disk".
 * Shape      one folder a host, $FARHAND_HOME/hosts/<host_id>/ (0700), with joined.json
 *            (0600) in it: keys, pinned host key, pair_root, grant, addresses. Replaced
 *            atomically, never through a symbolic link.
 * Ownership  records are plain values; link_joined_wipe() what was loaded.
 * Errors     ERR_NOT_FOUND  no such host, or none joined; `diag` says which exist
 *            ERR_EXISTS     several hosts fit: the name must be longer
 *            ERR_AUTH       joined_find: the host has removed this device
 *            ERR_DENIED     others can read the file, or it is a link
 *            ERR_PROTO      the file is damaged
 *            ERR_IO         the system refused
 * Limits     JOINED_FILE_MAX octets a file, JOINED_MAX hosts looked at.
 * Tests      tests/unit/joined_test.c
 */
#ifndef CLIENT_JOINED_H
#define CLIENT_JOINED_H

#include <limits.h>

#include "link/link_joined.h"

#define JOINED_FILE_MAX (32u * 1024)
#define JOINED_MAX      256u
#define JOINED_CA_MAX   (256u * 1024)
#define JOINED_ID_SIZE  33u // the host_id in hexadecimal, and a NUL

NODISCARD enum err joined_save(const char *home, const struct link_joined *j);
NODISCARD enum err joined_load(const char *home, const char *host_id,
                               struct link_joined *out);

/* The authorities that a host's addresses need besides the system's (join --ca), kept
 * beside its record so that every later session trusts them too. `from` NULL: none. */
NODISCARD enum err joined_keep_ca(const char *home, const char *host_id,
                                  const char *from);
/* The path of what was kept; ERR_NOT_FOUND. */
NODISCARD enum err joined_ca(const char *home, const char *host_id, char out[PATH_MAX]);

/* By name (without case), or by the first digits of its host_id. NULL: the only one. */
NODISCARD enum err joined_find(const char *home, const char *name,
                               struct link_joined *out, struct diag *d);

void joined_id(const struct link_joined *j, char out[JOINED_ID_SIZE]);

/* run/hosts/<host_id>.sock and .lock of the host's session process. */
NODISCARD enum err joined_run_path(const char *home, const char *host_id,
                                   const char *suffix, char out[PATH_MAX]);

/* The relay of the last phrase joined (the default of the next one). */
NODISCARD enum err joined_last_relay(const char *home, char *out, size_t size);
NODISCARD enum err joined_keep_relay(const char *home, const char *url);

#endif
