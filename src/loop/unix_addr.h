/*
 * unix_addr: the address of a unix socket, however long its path is.
 *
 * Why        sun_path holds 107 octets, and a state folder may lie deeper. A longer
 *            path is reached through a descriptor of its folder.
 * Ownership  unix_addr_fini() closes that descriptor: call it after connect or bind.
 * Errors     ERR_NOT_FOUND, ERR_DENIED, ERR_LIMIT (the last component alone is too
 *            long)
 */
#ifndef LOOP_UNIX_ADDR_H
#define LOOP_UNIX_ADDR_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"

struct unix_addr {
    struct sockaddr_un un;
    int dir_fd; // -1: none was needed
};

NODISCARD enum err unix_addr_init(struct unix_addr *a, const char *path);
void unix_addr_fini(struct unix_addr *a);

/* A connected, non-blocking socket. ERR_AGAIN: the listener's queue is full. */
NODISCARD enum err unix_addr_connect(const char *path, int *out_fd);

#endif
