/*
 * metrics: what an operator's monitoring reads, as text.
 *
 * Source     the Prometheus text exposition format, version 0.0.4.
 * Shape      pure: counts in, text out. One family after the other, each with its HELP
 *            and TYPE; every name begins with "farhand_relay_".
 * Errors     ERR_LIMIT  `out` is full
 * Security   numbers only. No label names a mailbox, a device or an address: who uses
 *            the relay cannot be read from it.
 * Tests      tests/unit/relay_metrics_test.c
 */
#ifndef RELAY_METRICS_H
#define RELAY_METRICS_H

#include "base/buf.h"
#include "relay/core.h"

#define METRICS_MAX  (16u * 1024) // a page of them is about 5 KiB
#define METRICS_TYPE "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"

/* What the core does not know. */
struct metrics_process {
    uint64_t uptime_s;
    uint64_t certificate_until_s; // seconds since 1970; 0: no TLS here
};

NODISCARD enum err metrics_put(struct buf *out, const struct relay_stats *now,
                               const struct relay_counts *since,
                               const struct metrics_process *process);

#endif
