/*
 * prose: what the practice model says when nobody tells it what to say.
 *
 * Shape      constant texts, and an endless row of words.
 * Threads    pure functions; no shared state.
 */
#ifndef ENGINE_PRACTICE_PROSE_H
#define ENGINE_PRACTICE_PROSE_H

#include "base/buf.h"

extern const char prose_markdown[];
extern const char prose_plan[];
extern const char prose_unknown[]; // before the words, for a prompt without one

/* The table of words as Markdown. */
NODISCARD enum err prose_help(struct buf *out);

/* Word `n` of an endless text, with the blank or full stop after it. Static. */
struct bytes prose_word(uint64_t n);

#endif
