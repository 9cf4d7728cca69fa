/*
 * folder: the folders of the host that threads have worked in.
 *
 * Shape      a short list, newest first, learned from the threads that pass by. A
 *            remote controller starts threads in one of them, below one of them, or
 *            in the default workspace: anywhere else would widen what the agent may
 *            write.
 * Limits     FOLDERS_MAX; the oldest goes.
 */
#ifndef HOST_FOLDER_H
#define HOST_FOLDER_H

#include "wire/json.h"

#define FOLDERS_MAX 64

struct folder {
    char *path;
    int64_t used_at; // seconds since 1970, as Codex tells it
};

struct folders {
    char *home; // the default workspace
    struct folder at[FOLDERS_MAX];
    size_t count;
};

void folders_init(struct folders *f, const char *home);
void folders_fini(struct folders *f); // a zeroed one is fine

void folders_learn(struct folders *f, const char *path, int64_t used_at);

/* Is `path` the default workspace, a known folder, or below one of them? A path with
 * a "." or ".." part is not. */
bool folders_allow(const struct folders *f, const char *path);

/* {"default":…,"data":[{"path":…,"lastUsedAt":…}]}: farhand/folders/list. */
json_t *folders_json(const struct folders *f);

#endif
