/*
 * vectors: the JSON files of tests/vectors, for tests that run them through the
 * program's own functions.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include "base/file.h"
#include "test.h"
#include "wire/json.h"

static inline json_t *vectors_load(const char *name)
{
    char path[1024];
    json_t *root = NULL;
    struct buf text;
    buf_init(&text, 4u << 20);
    EQ_INT(file_read(test_vector_path(name, path, sizeof(path)), &text), OK);
    EQ_INT(json_parse(buf_bytes(&text), &root), OK);
    buf_fini(&text);
    return root;
}

/* The hex value of `key`, decoded into `raw`; empty when it is not there. */
static inline struct bytes vectors_hex(const json_t *obj, const char *key, uint8_t *raw,
                                       size_t size)
{
    size_t len = 0;
    const struct bytes text = json_get_bytes(obj, key);
    EQ_INT(hex_decode(text, raw, size, &len), OK);
    return (struct bytes){raw, len};
}

#define VECTOR_MAX 2048

/* A value and its storage in one, for `const struct vector v = vector(obj, "msg")`. */
struct vector {
    uint8_t raw[VECTOR_MAX];
    struct bytes b;
};

static inline struct bytes vector(const json_t *obj, const char *key, struct vector *v)
{
    v->b = vectors_hex(obj, key, v->raw, sizeof(v->raw));
    return v->b;
}

#endif
