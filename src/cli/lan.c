#include "cli/lan.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/certauth.h"

/* ---- the address ----------------------------------------------------------------------- */

/* RFC 1918 and RFC 6598 (tailnets). */
static bool is_private(uint32_t ip)
{
    return ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 ||
           ip >> 22 == 0x191;
}

static bool usable(const struct ifaddrs *i)
{
    if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET ||
        (i->ifa_flags & IFF_LOOPBACK) != 0 || (i->ifa_flags & IFF_UP) == 0) {
        return false;
    }
    struct sockaddr_in in;
    memcpy(&in, i->ifa_addr, sizeof(in));
    return is_private(ntohl(in.sin_addr.s_addr));
}

static enum err find_address(char *out, size_t size, struct diag *diag)
{
    struct ifaddrs *all = NULL;
    enum err e = ERR_NOT_FOUND;
    if (getifaddrs(&all) != 0) {
        return ERR_IO;
    }
    for (const struct ifaddrs *i = all; i != NULL && e != OK; i = i->ifa_next) {
        if (usable(i) && getnameinfo(i->ifa_addr, sizeof(struct sockaddr_in), out,
                                     (socklen_t)size, NULL, 0, NI_NUMERICHOST) == 0) {
            e = OK;
        }
    }
    freeifaddrs(all);
    if (e != OK) {
        diag_set(diag,
                 "no address of a local network was found: name one with --lan ADDR");
    }
    return e;
}

static enum err take_address(const char *asked, struct lan *out, struct diag *diag)
{
    uint8_t raw[sizeof(struct in6_addr)];
    if (asked[0] == '\0') {
        return find_address(out->address, sizeof(out->address), diag);
    }
    if (inet_pton(AF_INET, asked, raw) != 1 && inet_pton(AF_INET6, asked, raw) != 1) {
        diag_set(diag,
                 "--lan takes an address of this machine like 192.168.1.20, not '%s'",
                 asked);
        return ERR_USAGE;
    }
    return text_format(out->address, sizeof(out->address), "%s", asked);
}

enum err lan_url_host(const char *address, char *out, size_t size)
{
    const bool v6 = strchr(address, ':') != NULL;
    return text_format(out, size, v6 ? "[%s]" : "%s", address);
}

/* ---- certificates ------------------------------------------------------------------------ */

struct pem_pair {
    struct buf cert;
    struct buf key; // wipe
};

static void pair_init(struct pem_pair *p)
{
    buf_init(&p->cert, CERTAUTH_PEM_MAX);
    buf_init(&p->key, CERTAUTH_PEM_MAX);
}

static void pair_fini(struct pem_pair *p)
{
    buf_fini(&p->cert);
    buf_wipe(&p->key);
}

static enum err pair_write(const struct pem_pair *p, const char *cert, const char *key)
{
    const enum err e = file_replace(key, buf_bytes(&p->key), 0600);
    return e != OK ? e : file_replace(cert, buf_bytes(&p->cert), 0644);
}

static enum err open_authority(const char *cert, const char *key, struct pem_pair *ca)
{
    enum err e = file_read_secret(key, &ca->key);
    e = e != OK ? e : file_read(cert, &ca->cert);
    if (e != ERR_NOT_FOUND) {
        return e;
    }
    buf_clear(&ca->key);
    buf_clear(&ca->cert);
    e = certauth_make(clock_wall_ms() / 1000, &ca->cert, &ca->key);
    return e != OK ? e : pair_write(ca, cert, key);
}

static enum err issue(const struct pem_pair *ca, const struct lan *lan)
{
    struct pem_pair leaf;
    const char *names[] = {lan->address, "127.0.0.1", "localhost"};
    const struct certauth_pem by = {.cert = buf_bytes(&ca->cert),
                                    .key = buf_bytes(&ca->key)};
    pair_init(&leaf);
    enum err e = certauth_issue(&by, names, COUNT(names), clock_wall_ms() / 1000,
                                &leaf.cert, &leaf.key);
    e = e != OK ? e : pair_write(&leaf, lan->leaf_cert, lan->leaf_key);
    pair_fini(&leaf);
    return e;
}

static enum err fingerprint(struct bytes pem, char out[LAN_FINGERPRINT_MAX])
{
    uint8_t hash[CERTAUTH_FINGERPRINT];
    const enum err e = certauth_fingerprint(pem, hash);
    for (size_t i = 0; i < sizeof(hash) && e == OK; i++) {
        char pair[3];
        hex_encode((struct bytes){&hash[i], 1}, pair);
        memcpy(out + i * 3, pair, 2);
        out[i * 3 + 2] = i + 1 == sizeof(hash) ? '\0' : ':';
    }
    return e;
}

enum err lan_prepare(const char *home, const char *asked, struct lan *out,
                     struct diag *diag)
{
    char dir[PATH_MAX];
    char ca_key[PATH_MAX];
    struct pem_pair ca;
    enum err e = take_address(asked, out, diag);
    if (e != OK) {
        return e;
    }
    pair_init(&ca);
    e = text_format(dir, sizeof(dir), "%s/lan", home);
    e = e != OK ? e : file_make_dir(dir, 0700);
    e = e != OK ? e : text_format(out->ca_cert, PATH_MAX, "%s/lan/ca.pem", home);
    e = e != OK ? e : text_format(ca_key, sizeof(ca_key), "%s/lan/ca.key", home);
    e = e != OK ? e : text_format(out->leaf_cert, PATH_MAX, "%s/lan/leaf.pem", home);
    e = e != OK ? e : text_format(out->leaf_key, PATH_MAX, "%s/lan/leaf.key", home);
    e = e != OK ? e : open_authority(out->ca_cert, ca_key, &ca);
    e = e != OK ? e : issue(&ca, out);
    e = e != OK ? e : fingerprint(buf_bytes(&ca.cert), out->fingerprint);
    pair_fini(&ca);
    if (e != OK) {
        diag_set(diag, "no certificate for %s could be made: %s", out->address,
                 e == ERR_USAGE ? "it is not an address of a local network"
                                : err_text(e));
    }
    return e;
}

/* ---- the page ------------------------------------------------------------------------------ */

enum err lan_explain(struct bytes template, const char *app, const struct lan *lan,
                     struct buf *out)
{
    const struct {
        struct bytes mark;
        struct bytes text;
    } marks[] = {{BYTES_LIT("{{APP}}"), bytes_from_str(app)},
                 {BYTES_LIT("{{FINGERPRINT}}"), bytes_from_str(lan->fingerprint)}};
    enum err e = OK;
    while (template.len != 0 && e == OK) {
        struct bytes put = bytes_sub(template, 0, 1);
        size_t used = 1;
        for (size_t i = 0; i < COUNT(marks); i++) {
            if (bytes_equal(bytes_sub(template, 0, marks[i].mark.len), marks[i].mark)) {
                put = marks[i].text;
                used = marks[i].mark.len;
            }
        }
        e = buf_put(out, put);
        template = bytes_sub(template, used, SIZE_MAX);
    }
    return e;
}
