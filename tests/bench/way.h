/*
 * way: one app-server connection of a benchmark, straight or through the session.
 *
 *     straight   bench ── WebSocket on a unix socket ── codex app-server
 *     ours       bench ── session ── relay ── host ── hub ── codex app-server
 *
 * Shape      the bench is a program with nothing else to do, so it waits by turning the
 *            loop: way_call() returns when the answer has come. What came meanwhile is
 *            counted by `on_notice`.
 * Ownership  way_open_*() give; way_close() waits for the end and frees.
 * Errors     whatever goes wrong ends the program with a sentence.
 */
#ifndef TESTS_BENCH_WAY_H
#define TESTS_BENCH_WAY_H

#include "link/link_joined.h"
#include "loop/loop.h"
#include "wire/jsonrpc.h"

#define WAY_PATIENCE_US 200000000u

struct way;

typedef void way_notice_fn(void *user, const struct jsonrpc *text);

/* A socket of this machine: "unix:///path". */
struct way *way_open_straight(struct loop *loop, const char *url);

/* A session with a joined host; ready when this returns. */
struct way *way_open_session(struct loop *loop, const struct link_joined *joined);
void way_close(struct way *w);

void way_on_notice(struct way *w, way_notice_fn *fn, void *user);

/* initialize and initialized. */
void way_greet(struct way *w);

/* The raw result; borrowed until the next call. `params`: raw JSON. */
struct bytes way_call(struct way *w, const char *method, const char *params);

/* Answers a request that came as a notice: raw id, raw result. */
void way_answer(struct way *w, struct bytes id, const char *result);

/* Turns the loop until *flag, or gives up with `what`. */
void way_wait(struct loop *loop, const bool *flag, const char *what);

__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format,
                                                                ...);

#endif
