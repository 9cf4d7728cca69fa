#include "escape.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/attr.h"

static struct sockaddr_in loopback(const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return to;
}

/* The address of a path, or with `abstract` of a name without one. */
static socklen_t unix_name(struct sockaddr_un *to, const char *name, bool abstract)
{
    memset(to, 0, sizeof(*to));
    to->sun_family = AF_UNIX;
    (void)strncpy(to->sun_path + (abstract ? 1 : 0), name, sizeof(to->sun_path) - 2);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
}

static bool connects_tcp(char **a)
{
    const struct sockaddr_in to = loopback(a[0]);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

static bool listens_tcp(char **a)
{
    (void)a;
    const struct sockaddr_in to = loopback("0");
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && bind(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
           listen(fd, 1) == 0;
}

static bool sends_udp(char **a)
{
    (void)a;
    const struct sockaddr_in to = loopback("9");
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd >= 0 &&
           sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)) == 1;
}

static bool connects_unix(char **a)
{
    struct sockaddr_un to;
    const socklen_t len = unix_name(&to, a[0], false);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&to, len) == 0;
}

static bool binds_unix(char **a)
{
    struct sockaddr_un to;
    const socklen_t len = unix_name(&to, a[0], false);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && bind(fd, (const struct sockaddr *)&to, len) == 0;
}

static bool connects_abstract(char **a)
{
    struct sockaddr_un to;
    const socklen_t len = unix_name(&to, a[0], true);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&to, len) == 0;
}

static bool binds_abstract(char **a)
{
    struct sockaddr_un to;
    const socklen_t len = unix_name(&to, a[0], true);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && bind(fd, (const struct sockaddr *)&to, len) == 0;
}

/* An end of a pair is a socket too: a datagram one takes any address. */
static int pair_end(void)
{
    int ends[2] = {-1, -1};
    return socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0 ? ends[0] : -1;
}

static bool pair_sends_to(char **a)
{
    struct sockaddr_un to;
    const socklen_t len = unix_name(&to, a[0], false);
    return sendto(pair_end(), "x", 1, 0, (const struct sockaddr *)&to, len) == 1;
}

static bool pair_sends_message(char **a)
{
    struct sockaddr_un to;
    char octet = 'x';
    struct iovec io = {&octet, 1};
    struct msghdr m = {.msg_name = &to, .msg_iov = &io, .msg_iovlen = 1};
    m.msg_namelen = unix_name(&to, a[0], false);
    return sendmsg(pair_end(), &m, 0) == 1;
}

static bool pair_connects(char **a)
{
    struct sockaddr_un to;
    const socklen_t len = unix_name(&to, a[0], false);
    return connect(pair_end(), (const struct sockaddr *)&to, len) == 0;
}

static bool opens_family(char **a)
{
    static const struct {
        const char *name;
        int family;
        int type;
        int protocol;
    } kinds[] = {
        {"inet6", AF_INET6, SOCK_STREAM, 0}, {"netlink", AF_NETLINK, SOCK_RAW, 0},
        {"packet", AF_PACKET, SOCK_RAW, 0},  {"raw", AF_INET, SOCK_RAW, IPPROTO_ICMP},
        {"alg", AF_ALG, SOCK_SEQPACKET, 0},  {"vsock", AF_VSOCK, SOCK_STREAM, 0},
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, a[0]) == 0) {
            return socket(kinds[i].family, kinds[i].type, kinds[i].protocol) >= 0;
        }
    }
    return false;
}

/* Any family of the kernel's, known to us or not. */
static bool opens_any(char **a)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW};
    (void)a;
    for (int family = 1; family < 64; family++) {
        for (size_t i = 0; i < COUNT(types); i++) {
            if (socket(family, types[i], 0) >= 0) {
                return true;
            }
        }
    }
    return false;
}

static bool sends_unix_datagram(char **a)
{
    struct sockaddr_un to;
    const socklen_t len = unix_name(&to, a[0], false);
    return sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0,
                  (const struct sockaddr *)&to, len) == 1;
}

/* A descriptor that waits in a socket left open: somebody outside has put it there. */
static bool takes_passed(char **a)
{
    char octet = 0;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec io = {&octet, 1};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    return recvmsg((int)strtol(a[0], NULL, 10), &m, MSG_DONTWAIT) == 1 &&
           CMSG_FIRSTHDR(&m) != NULL;
}

static bool sends_on(char **a)
{
    return send((int)strtol(a[0], NULL, 10), "x", 1, MSG_NOSIGNAL) == 1;
}

const struct attempt socket_attempts[] = {
    {"tcp", connects_tcp},
    {"tcp_listen", listens_tcp},
    {"udp", sends_udp},
    {"unix_connect", connects_unix},
    {"unix_bind", binds_unix},
    {"abstract_connect", connects_abstract},
    {"abstract_bind", binds_abstract},
    {"pair_sendto", pair_sends_to},
    {"pair_sendmsg", pair_sends_message},
    {"pair_connect", pair_connects},
    {"socket_of", opens_family},
    {"send_on", sends_on},
    {"socket_any", opens_any},
    {"unix_datagram", sends_unix_datagram},
    {"take_passed", takes_passed},
};
const size_t n_socket_attempts = COUNT(socket_attempts);
