/*
 * orphans: ends what a command left behind, when no process namespace does it for us.
 *
 * Shape      the caller is a subreaper: whatever loses its parent becomes its child. Each
 *            child is ended and reaped until none is left.
 * Time       gives up after ORPHANS_MS: what forks faster than it is ended must be held
 *            by a limit of processes.
 */
#ifndef SANDBOX_ORPHANS_H
#define SANDBOX_ORPHANS_H

#define ORPHANS_MS 3000

void orphans_end(void);

#endif
