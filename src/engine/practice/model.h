/*
 * model: the practice model on a loopback port.
 *
 * Source     POST /v1/responses with SSE, as Codex asks; GET /healthz.
 * Shape      script.h says what to answer; this sends it at the pace it asks for.
 * Ownership  model_create() gives; model_close() frees after `closed`.
 * Errors     model_listen: as http_server_listen_tcp(); `diag` says it in words.
 * Limits     MODEL_BODY_MAX octets a request, MODEL_CONNS_MAX connections.
 */
#ifndef ENGINE_PRACTICE_MODEL_H
#define ENGINE_PRACTICE_MODEL_H

#include "net/http_server.h"

#define MODEL_BODY_MAX  (64u * 1024 * 1024) // a whole thread with its images
#define MODEL_CONNS_MAX 64

struct model;

/* `image_path` is copied: what "image" without a path looks at. */
NODISCARD struct model *model_create(struct loop *l, const char *image_path);
NODISCARD enum err model_listen(struct model *m, uint16_t port, struct diag *diag,
                                uint16_t *out_port);
void model_close(struct model *m, stream_closed_fn *closed, void *user);

#endif
