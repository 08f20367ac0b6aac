/* The addresses of the network cards that are up. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <errno.h>
#include "host.h"

static const void *bytes_of(const struct sockaddr *address)
{
    return address->sa_family == AF_INET ? (const void *) &((const struct sockaddr_in *) (const void *) address)->sin_addr
                                         : (const void *) &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr;
}

/* interfaces(): [name, address, family 4 or 6, isLoopback] for each. */
static JSValue interfaces(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    struct ifaddrs *all;
    JSValue list;
    uint32_t count = 0;

    (void) this; (void) argc; (void) argv;
    if (getifaddrs(&all) != 0) {
        return JS_NewInt32(ctx, -errno);
    }
    list = JS_NewArray(ctx);
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        int family = each->ifa_addr == NULL ? AF_UNSPEC : each->ifa_addr->sa_family;
        JSValue entry;
        if ((family != AF_INET && family != AF_INET6) || (each->ifa_flags & (IFF_UP | IFF_RUNNING)) != (IFF_UP | IFF_RUNNING)
            || inet_ntop(family, bytes_of(each->ifa_addr), text, sizeof(text)) == NULL) {
            continue;
        }
        entry = JS_NewArray(ctx);
        JS_SetPropertyUint32(ctx, entry, 0, JS_NewString(ctx, each->ifa_name));
        JS_SetPropertyUint32(ctx, entry, 1, JS_NewString(ctx, text));
        JS_SetPropertyUint32(ctx, entry, 2, JS_NewInt32(ctx, family == AF_INET ? 4 : 6));
        JS_SetPropertyUint32(ctx, entry, 3, JS_NewBool(ctx, (each->ifa_flags & IFF_LOOPBACK) != 0));
        JS_SetPropertyUint32(ctx, list, count++, entry);
    }
    freeifaddrs(all);
    return list;
}

void add_interfaces(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = { { "interfaces", interfaces, 0 } };

    ADD(ctx, native, functions);
}
