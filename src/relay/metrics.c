#include "relay/metrics.h"

#include <inttypes.h>

#include "wire/envelope.h"

/* One sample of a family. `label` NULL: the family has only this one. */
struct sample {
    const char *family;
    const char *type;
    const char *help; // NULL: a further sample of the family before
    const char *label;
    uint64_t value;
};

static enum err put_sample(struct buf *out, const struct sample *s)
{
    enum err e = OK;
    if (s->help != NULL) {
        e = buf_putf(out,
                     "# HELP farhand_relay_%s %s\n"
                     "# TYPE farhand_relay_%s %s\n",
                     s->family, s->help, s->family, s->type);
    }
    if (e == OK) {
        e = buf_putf(out, "farhand_relay_%s%s%s%s %" PRIu64 "\n", s->family,
                     s->label != NULL ? "{" : "", s->label != NULL ? s->label : "",
                     s->label != NULL ? "}" : "", s->value);
    }
    return e;
}

static enum err put_samples(struct buf *out, const struct sample *samples, size_t n)
{
    enum err e = OK;
    for (size_t i = 0; e == OK && i < n; i++) {
        e = put_sample(out, &samples[i]);
    }
    return e;
}

static enum err put_gauges(struct buf *out, const struct relay_stats *now,
                           const struct metrics_process *p)
{
    const struct sample samples[] = {
        {"connections", "gauge", "Open WebSocket connections.", NULL, now->legs},
        {"hosts", "gauge", "Hosts that are served now.", NULL, now->hosts},
        {"mailboxes", "gauge", "Mailboxes in memory.", NULL, now->mailboxes},
        {"channels", "gauge", "Open channels of devices.", NULL, now->channels},
        {"pairing_boxes", "gauge", "Pairing boxes in memory.", NULL, now->boxes},
        {"behind", "gauge", "Connections that read slower than they are sent to.", NULL,
         now->behind},
        {"memory_bytes", "gauge", "Octets held for peers.", NULL, now->memory},
        {"memory_limit_bytes", "gauge", "Above this new work is refused.", NULL,
         now->memory_max},
        {"uptime_seconds", "gauge", "Time since the start.", NULL, p->uptime_s},
        {"certificate_expiry_seconds", "gauge",
         "When the certificate ends, seconds since 1970; 0 without TLS.", NULL,
         p->certificate_until_s},
    };
    return put_samples(out, samples, COUNT(samples));
}

static enum err put_traffic(struct buf *out, const struct relay_counts *c)
{
    const struct sample samples[] = {
        {"frames_total", "counter", "Frames by direction.", "direction=\"in\"",
         c->frames_in},
        {"frames_total", "counter", NULL, "direction=\"out\"", c->frames_out},
        {"bytes_total", "counter", "Octets of frames by direction.", "direction=\"in\"",
         c->octets_in},
        {"bytes_total", "counter", NULL, "direction=\"out\"", c->octets_out},
        {"logins_total", "counter", "Logins by role.", "role=\"host\"", c->hosts},
        {"logins_total", "counter", NULL, "role=\"device\"", c->devices},
        {"logins_total", "counter", NULL, "role=\"pairing\"", c->claims},
    };
    return put_samples(out, samples, COUNT(samples));
}

static enum err put_refusals(struct buf *out, const struct relay_counts *c)
{
    static const char *const labels[RELAY_REFUSALS] = {
        [ENVELOPE_E_MALFORMED] = "reason=\"malformed\"",
        [ENVELOPE_E_NOT_ADMITTED] = "reason=\"not-admitted\"",
        [ENVELOPE_E_HOST_OFFLINE] = "reason=\"host-offline\"",
        [ENVELOPE_E_NO_SUCH_CODE] = "reason=\"no-such-code\"",
        [ENVELOPE_E_CODE_EXPIRED] = "reason=\"code-expired\"",
        [ENVELOPE_E_TOO_MANY] = "reason=\"too-many\"",
        [ENVELOPE_E_MEMORY] = "reason=\"memory\"",
        [ENVELOPE_E_WRONG_URL] = "reason=\"wrong-address\"",
        [ENVELOPE_E_CLOCK] = "reason=\"clock\"",
    };
    enum err e = OK;
    for (size_t i = ENVELOPE_E_MALFORMED; e == OK && i < COUNT(labels); i++) {
        const struct sample s = {
            "refused_total", "counter",
            i == ENVELOPE_E_MALFORMED ? "Peers refused with an ERR frame." : NULL,
            labels[i], c->refusals[i]};
        e = put_sample(out, &s);
    }
    return e;
}

static enum err put_drops(struct buf *out, const struct relay_counts *c)
{
    static const char *const labels[RELAY_DROPS] = {
        [RELAY_DROP_RATE] = "reason=\"rate\"",
        [RELAY_DROP_FULL] = "reason=\"full\"",
        [RELAY_DROP_SLOW] = "reason=\"slow-login\"",
        [RELAY_DROP_STALLED] = "reason=\"stalled\"",
        [RELAY_DROP_UNSENT] = "reason=\"unsent\"",
    };
    enum err e = OK;
    for (size_t i = 0; e == OK && i < COUNT(labels); i++) {
        const struct sample s = {"dropped_total", "counter",
                                 i == 0 ? "Upgrades refused and connections dropped."
                                        : NULL,
                                 labels[i], c->drops[i]};
        e = put_sample(out, &s);
    }
    return e;
}

enum err metrics_put(struct buf *out, const struct relay_stats *now,
                     const struct relay_counts *since,
                     const struct metrics_process *process)
{
    enum err e = put_gauges(out, now, process);
    e = e == OK ? put_traffic(out, since) : e;
    e = e == OK ? put_refusals(out, since) : e;
    return e == OK ? put_drops(out, since) : e;
}
