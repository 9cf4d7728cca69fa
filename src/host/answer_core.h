/*
 * answer_core: what the files of an answer share: answer.c (which kind of answer it
 * is), answer_tell.c (what its caller reads), answer_thread.c (what it says of a
 * thread), answer_own.c (answers to the hub's own calls).
 */
#ifndef HOST_ANSWER_CORE_H
#define HOST_ANSWER_CORE_H

#include "host/answer.h"

struct thread;

/* ---- answer_tell.c --------------------------------------------------------------- */

/* To the caller, if it is still there: as it came, a tree (taken), an error. */
void answer_send(struct upcall *u, struct bytes result);
void answer_send_tree(struct upcall *u, json_t *result);
void answer_send_error(struct upcall *u, struct bytes error);

/* True: dealt with, one way or the other; *again says whether the call lives on. */
bool answer_is_too_large(struct upcall *u, struct bytes result, bool *again);

/* ---- answer_thread.c ------------------------------------------------------------- */

/* The thread of a start, resume or fork, as its answer describes it; NULL: none. */
struct thread *answer_learn_thread(struct hub *hub, struct bytes result,
                                   bool *ephemeral);
/* The same, with what this call makes of it; once per call. */
struct thread *answer_take_thread(struct upcall *u, struct bytes result);
void answer_thread(struct upcall *u, struct bytes result, struct thread *t);
void answer_join_end(struct upcall *u);
/* A thread with its turns, a page of them at a time. True: the call lives on. */
bool answer_window(struct upcall *u, struct bytes result);
/* The same of a page of entries. */
enum paged { PAGED_NOT, PAGED_WHOLE, PAGED_MORE };
enum paged answer_page(struct upcall *u, struct bytes result);

/* ---- answer_own.c ---------------------------------------------------------------- */

void answer_own(struct upcall *u, struct bytes result);

#endif
