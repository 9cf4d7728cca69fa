/*
 * relay_scene: a host and its devices at a relay, as most tests of the core want them.
 */
#ifndef TESTS_UNIT_RELAY_SCENE_H
#define TESTS_UNIT_RELAY_SCENE_H

#include "relay_rig.h"
#include "test.h"

#define DEVICES 3

RIG struct rig rig;
RIG struct rig_key host_key;
RIG struct rig_key keys[DEVICES];
RIG struct peer host;
RIG struct peer device[DEVICES];
RIG uint32_t chan[DEVICES];

RIG void begin(size_t n_devices)
{
    rig_init(&rig);
    rig_key_init(&host_key, 1);
    for (uint8_t i = 0; i < DEVICES; i++) {
        rig_key_init(&keys[i], (uint8_t)(10 + i));
        peer_init(&device[i], &rig);
    }
    EQ_INT(rig_host(&host, &rig, &host_key, keys, DEVICES), OK);
    for (size_t i = 0; i < n_devices; i++) {
        EQ_INT(rig_device(&device[i], &host, &keys[i], &host_key, &chan[i]), OK);
    }
}

RIG void end(void)
{
    for (size_t i = 0; i < DEVICES; i++) {
        peer_fini(&device[i]);
        rig_key_fini(&keys[i]);
    }
    peer_fini(&host);
    rig_key_fini(&host_key);
    rig_fini(&rig);
}

RIG void expect(struct peer *p, enum envelope_type type, uint32_t on, struct bytes body)
{
    TRUE(peer_next(p));
    EQ_INT(p->f.type, type);
    EQ_INT(p->f.chan, on);
    EQ_BYTES(p->f.body, body);
}

RIG void expect_err(struct peer *p, enum envelope_error code, uint16_t ws_code)
{
    struct envelope_err err;
    TRUE(peer_next(p));
    EQ_INT(p->f.type, ENVELOPE_ERR);
    EQ_INT(envelope_err_parse(p->f.body, &err), OK);
    EQ_INT(err.code, code);
    TRUE(err.text.len != 0);
    TRUE(p->leg == NULL);
    EQ_INT(p->code, ws_code);
}

RIG void expect_close(struct peer *p, enum envelope_reason reason)
{
    const uint8_t body[1] = {(uint8_t)reason};
    expect(p, ENVELOPE_CLOSE, 0, BYTES_OF(body));
    TRUE(p->leg == NULL);
}

#endif
