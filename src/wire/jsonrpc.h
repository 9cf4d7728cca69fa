/*
 * jsonrpc: JSON-RPC texts as Codex speaks them, found and built without a tree.
 *
 * Source     JSON-RPC 2.0 without the "jsonrpc" member (Codex's app-server leaves it
 *            out; when it is there it is ignored). Batches are refused.
 * Shape      jsonrpc_scan() walks a text once and remembers where the members are;
 *            jsonrpc_pick() does the same for chosen members of params. A delta of
 *            222 octets costs well under a microsecond; nothing is allocated.
 *            `id` keeps its JSON spelling, so it returns exactly as it came.
 * Ownership  every span is borrowed from the text.
 * Errors     ERR_PROTO  not one JSON object of a known kind
 *            ERR_LIMIT  id over JSONRPC_ID_MAX, or the output is full
 * Tests      tests/unit/json_test.c; tests/fuzz/jsonrpc_fuzz.c compares every
 *            answer with jansson's
 */
#ifndef WIRE_JSONRPC_H
#define WIRE_JSONRPC_H

#include "wire/json.h"

#define JSONRPC_ID_MAX     256 // octets of a raw id; we keep ids in tables
#define JSONRPC_METHOD_MAX 128

enum jsonrpc_kind {
    JSONRPC_REQUEST,      // method and id
    JSONRPC_NOTIFICATION, // method, no id
    JSONRPC_RESPONSE,     // id and result
    JSONRPC_ERROR,        // id (or null) and error
};

struct jsonrpc {
    enum jsonrpc_kind kind;
    struct bytes method; // without quotes; plain printable ASCII
    struct bytes id;     // raw JSON: 12 or "a-b"; empty for a notification
    struct bytes params; // raw JSON object or array; empty when there is none
    struct bytes result; // raw JSON, any value
    struct bytes error;  // raw JSON object
};

NODISCARD enum err jsonrpc_scan(struct bytes text, struct jsonrpc *out);

/* out[i] = the raw value (strings with their quotes) of keys[i] in the raw object
 * `params`, or BYTES_NONE. n <= 32. ERR_PROTO when params is not an object. */
NODISCARD enum err jsonrpc_pick(struct bytes params, const char *const *keys, size_t n,
                                struct bytes *out);

/* ---- builders: append one text; raw parts are trusted to be JSON ------------- */

/* Empty `params`: the member is left out. */
NODISCARD enum err jsonrpc_put_request(struct buf *out, struct bytes id,
                                       const char *method, struct bytes params);
NODISCARD enum err jsonrpc_put_request_u64(struct buf *out, uint64_t id,
                                           const char *method, struct bytes params);
NODISCARD enum err jsonrpc_put_notification(struct buf *out, const char *method,
                                            struct bytes params);

/* Empty `result`: {}. */
NODISCARD enum err jsonrpc_put_response(struct buf *out, struct bytes id,
                                        struct bytes result);

/* Empty `id`: null. `message` is escaped. Empty `data`: left out. */
NODISCARD enum err jsonrpc_put_error(struct buf *out, struct bytes id, int code,
                                     const char *message, struct bytes data);

/* The same text with another id: copies around the old one. */
NODISCARD enum err jsonrpc_put_with_id(struct buf *out, struct bytes text,
                                       const struct jsonrpc *scanned, struct bytes id);

#endif
