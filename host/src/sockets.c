/* Sockets: UDP, TCP, UNIX; none of these calls blocks. An address is an IP literal, or the path of a UNIX socket. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "host.h"

/* What one call reads at most; a datagram is shorter. */
enum { LARGEST_READ = 65536 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage room;
};

static JSValue outcome(JSContext *ctx, ssize_t result)
{
    return JS_NewInt32(ctx, result < 0 ? -errno : (int) result);
}

/* Fills in the address; its length, or 0 if it is none of this family's. `%eth0` behind an IPv6 address names its network card. */
static socklen_t parse_address(int family, const char *text, int port, union address *into)
{
    memset(into, 0, sizeof(*into));
    if (port < 0 || port > 65535) {
        return 0;
    }
    into->any.sa_family = (sa_family_t) family;
    if (family == AF_UNIX) {
        size_t length = strlen(text);
        if (length == 0 || length >= sizeof(into->local.sun_path)) {
            return 0;
        }
        memcpy(into->local.sun_path, text, length + 1);
        return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length + 1);
    }
    if (family == AF_INET) {
        into->v4.sin_port = htons((uint16_t) port);
        return inet_pton(AF_INET, text, &into->v4.sin_addr) == 1 ? sizeof(into->v4) : 0;
    }
    if (family == AF_INET6) {
        char bare[INET6_ADDRSTRLEN];
        const char *scope = strchr(text, '%');
        size_t length = scope == NULL ? strlen(text) : (size_t) (scope - text);
        if (length >= sizeof(bare)) {
            return 0;
        }
        memcpy(bare, text, length);
        bare[length] = 0;
        into->v6.sin6_port = htons((uint16_t) port);
        into->v6.sin6_scope_id = scope == NULL ? 0 : if_nametoindex(scope + 1);
        return inet_pton(AF_INET6, bare, &into->v6.sin6_addr) == 1 ? sizeof(into->v6) : 0;
    }
    return 0;
}

/* [address, port] */
static JSValue give_address(JSContext *ctx, const union address *from, socklen_t length)
{
    char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE] = "", card[IF_NAMESIZE];
    int port = 0;
    JSValue pair = JS_NewArray(ctx);

    if (from->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &from->v4.sin_addr, text, sizeof(text));
        port = ntohs(from->v4.sin_port);
    } else if (from->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &from->v6.sin6_addr, text, INET6_ADDRSTRLEN);
        port = ntohs(from->v6.sin6_port);
        if (from->v6.sin6_scope_id != 0 && if_indextoname(from->v6.sin6_scope_id, card) != NULL) {
            size_t end = strlen(text);
            snprintf(text + end, sizeof(text) - end, "%%%s", card);
        }
    } else if (from->any.sa_family == AF_UNIX && length > offsetof(struct sockaddr_un, sun_path)) {
        size_t most = length - offsetof(struct sockaddr_un, sun_path);
        JS_SetPropertyUint32(ctx, pair, 0, JS_NewStringLen(ctx, from->local.sun_path, strnlen(from->local.sun_path, most)));
        JS_SetPropertyUint32(ctx, pair, 1, JS_NewInt32(ctx, 0));
        return pair;
    }
    JS_SetPropertyUint32(ctx, pair, 0, JS_NewString(ctx, text));
    JS_SetPropertyUint32(ctx, pair, 1, JS_NewInt32(ctx, port));
    return pair;
}

/* socket(family 4, 6 or 1 for UNIX, isStream): a descriptor. */
static JSValue open_socket(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int family, is_stream = JS_ToBool(ctx, argv[1]);

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &family)) {
        return JS_EXCEPTION;
    }
    family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNIX;
    return outcome(ctx, socket(family, (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static int family_of(int fd)
{
    int family = AF_UNSPEC;
    socklen_t length = sizeof(family);

    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family;
}

enum address_action { BIND, CONNECT };

static JSValue with_address(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv, int action)
{
    int fd, port;
    char *text;
    union address address;
    socklen_t length;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd) || !take_int(ctx, argv[2], &port) || (text = take_name(ctx, argv[1])) == NULL) {
        return JS_EXCEPTION;
    }
    length = parse_address(family_of(fd), text, port, &address);
    js_free(ctx, text);
    if (length == 0) {
        return JS_NewInt32(ctx, -EINVAL);
    }
    return outcome(ctx, action == BIND ? bind(fd, &address.any, length) : connect(fd, &address.any, length));
}

static JSValue listen_on(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd, backlog;

    (void) this; (void) argc;
    return take_int(ctx, argv[0], &fd) && take_int(ctx, argv[1], &backlog) ? outcome(ctx, listen(fd, backlog)) : JS_EXCEPTION;
}

static JSValue accept_from(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd;

    (void) this; (void) argc;
    return take_int(ctx, argv[0], &fd) ? outcome(ctx, accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) : JS_EXCEPTION;
}

/* address(fd, isPeer): [address, port] */
static JSValue address_of(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd, result;
    union address address;
    socklen_t length = sizeof(address);

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd)) {
        return JS_EXCEPTION;
    }
    memset(&address, 0, sizeof(address));
    result = JS_ToBool(ctx, argv[1]) ? getpeername(fd, &address.any, &length) : getsockname(fd, &address.any, &length);
    return result < 0 ? JS_NewInt32(ctx, -errno) : give_address(ctx, &address, length);
}

/* send(fd, array, offset, length): bytes that the kernel took. */
static JSValue send_bytes(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd;
    size_t length;
    uint8_t *bytes = take_part(ctx, argv[1], argv[2], argv[3], &length);

    (void) this; (void) argc;
    if (bytes == NULL || !take_int(ctx, argv[0], &fd)) {
        return JS_EXCEPTION;
    }
    return outcome(ctx, send(fd, bytes, length, MSG_NOSIGNAL));
}

/* sendTo(fd, array, address, port) */
static JSValue send_to(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd, port;
    size_t length;
    char *text;
    union address address;
    socklen_t size;
    uint8_t *bytes;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd) || !take_int(ctx, argv[3], &port) || (text = take_name(ctx, argv[2])) == NULL) {
        return JS_EXCEPTION;
    }
    size = parse_address(family_of(fd), text, port, &address);
    js_free(ctx, text);
    bytes = take_bytes(ctx, argv[1], &length);
    if (bytes == NULL) {
        return JS_EXCEPTION;
    }
    return size == 0 ? JS_NewInt32(ctx, -EINVAL) : outcome(ctx, sendto(fd, bytes, length, MSG_NOSIGNAL, &address.any, size));
}

/* receive(fd, most): the bytes; an empty array is the end of a stream, or an empty datagram. */
static JSValue receive(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    static uint8_t room[LARGEST_READ];
    int fd, most;
    ssize_t length;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd) || !take_int(ctx, argv[1], &most)) {
        return JS_EXCEPTION;
    }
    if (most < 1 || most > LARGEST_READ) {
        return JS_ThrowRangeError(ctx, "native: at most 65,536 bytes at a time");
    }
    /* Pipes are read the same way. */
    length = read(fd, room, (size_t) most);
    return length < 0 ? JS_NewInt32(ctx, -errno) : give_bytes(ctx, room, (size_t) length);
}

/* The error that waits at a socket, as after a connection that is under way. */
static JSValue pending_error(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd, error = 0;
    socklen_t length = sizeof(error);

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd)) {
        return JS_EXCEPTION;
    }
    return JS_NewInt32(ctx, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -errno : -error);
}

static JSValue shut_down(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd;

    (void) this; (void) argc;
    return take_int(ctx, argv[0], &fd) ? outcome(ctx, shutdown(fd, SHUT_WR)) : JS_EXCEPTION;
}

/* setOption(fd, "noDelay" | "reuseAddress" | "onlyIpv6", isOn) */
static JSValue set_option(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    static const struct { const char *name; int level, option; } options[] = {
        { "noDelay", IPPROTO_TCP, TCP_NODELAY }, { "reuseAddress", SOL_SOCKET, SO_REUSEADDR }, { "onlyIpv6", IPPROTO_IPV6, IPV6_V6ONLY },
    };
    int fd, is_on = JS_ToBool(ctx, argv[2]);
    char *name;
    JSValue result = JS_NewInt32(ctx, -ENOPROTOOPT);

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd) || (name = take_name(ctx, argv[1])) == NULL) {
        return JS_EXCEPTION;
    }
    for (size_t at = 0; at < sizeof(options) / sizeof(options[0]); at++) {
        if (strcmp(options[at].name, name) == 0) {
            result = outcome(ctx, setsockopt(fd, options[at].level, options[at].option, &is_on, sizeof(is_on)));
        }
    }
    js_free(ctx, name);
    return result;
}

/* isAddress(text): 4, 6, or 0 for what is none. */
static JSValue is_address(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    union address address;
    const char *text = JS_ToCString(ctx, argv[0]);
    int family;

    (void) this; (void) argc;
    if (text == NULL) {
        return JS_EXCEPTION;
    }
    family = parse_address(AF_INET, text, 0, &address) > 0 ? 4 : parse_address(AF_INET6, text, 0, &address) > 0 ? 6 : 0;
    JS_FreeCString(ctx, text);
    return JS_NewInt32(ctx, family);
}

void add_sockets(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = {
        { "socket", open_socket, 2 }, { "listen", listen_on, 2 }, { "accept", accept_from, 1 }, { "address", address_of, 2 },
        { "send", send_bytes, 4 }, { "sendTo", send_to, 4 }, { "receive", receive, 2 }, { "pendingError", pending_error, 1 },
        { "shutDown", shut_down, 1 }, { "setOption", set_option, 3 }, { "isAddress", is_address, 1 },
    };

    ADD(ctx, native, functions);
    JS_SetPropertyStr(ctx, native, "bind", JS_NewCFunctionMagic(ctx, with_address, "bind", 3, JS_CFUNC_generic_magic, BIND));
    JS_SetPropertyStr(ctx, native, "connect", JS_NewCFunctionMagic(ctx, with_address, "connect", 3, JS_CFUNC_generic_magic, CONNECT));
}
