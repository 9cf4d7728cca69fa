/*
 * audit_print: one record of an audit log as one line for people.
 *
 *     2026-11-22 17:05:09  decision  Pixel 9 (approver) accepts · 3kW1…
 */
#ifndef CLI_AUDIT_PRINT_H
#define CLI_AUDIT_PRINT_H

#include "store/audit_line.h"

void audit_print(const struct audit_line *line);
void audit_time_print(uint64_t ms, char out[24]); // local time

#endif
