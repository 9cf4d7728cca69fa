/*
 * audit_priv: what the files of the log share: audit_open.c (reading it at the start),
 * audit.c (appending, and reading later).
 */
#ifndef STORE_AUDIT_PRIV_H
#define STORE_AUDIT_PRIV_H

#include "store/audit.h"

#define AUDIT_STRIDE 256 // one remembered place in the file for so many records

struct audit {
    int fd;
    char path[4096];
    struct audit_head head;
    struct audit_head zero; // h_0
    uint64_t created_ms;
    uint64_t size;    // of the file: whole records
    uint64_t synced;  // octets known to be on disk
    uint64_t *places; // offset of every AUDIT_STRIDE-th record, from nth_place on
    size_t n_places;
    uint64_t nth_place; // … of the first; those before it were not read
    bool at_checkpoint; // the last record is one
    struct audit_found found;
    char trouble[160];
    audit_appended_fn *appended;
    void *user;
};

NODISCARD enum err audit_note_place(struct audit *a, uint64_t idx, uint64_t offset);

#endif
