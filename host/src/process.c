/* The process itself: who it is, its environment, its end; and the system's names for errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host.h"

extern char **environ;

static JSValue environment(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    JSValue list = JS_NewArray(ctx);

    (void) this; (void) argc; (void) argv;
    for (uint32_t at = 0; environ != NULL && environ[at] != NULL; at++) {
        JS_SetPropertyUint32(ctx, list, at, JS_NewString(ctx, environ[at]));
    }
    return list;
}

/* identity(): pid, uid, effective uid. */
static JSValue identity(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void) this; (void) argc; (void) argv;
    return give_numbers(ctx, (const double[]) { getpid(), getuid(), geteuid() }, 3);
}

static JSValue end(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int code;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &code)) {
        return JS_EXCEPTION;
    }
    _exit(code);
}

static JSValue change_mask(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int mask;

    (void) this; (void) argc;
    return take_int(ctx, argv[0], &mask) ? JS_NewInt32(ctx, (int) umask((mode_t) mask)) : JS_EXCEPTION;
}

static JSValue is_terminal(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd;

    (void) this; (void) argc;
    return take_int(ctx, argv[0], &fd) ? JS_NewBool(ctx, isatty(fd) == 1) : JS_EXCEPTION;
}

static const char *name_of(int number)
{
    static const struct { int number; const char *name; } names[] = {
#define NAME(error) { error, #error }
        NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(ENXIO), NAME(E2BIG), NAME(ENOEXEC), NAME(EBADF), NAME(ECHILD),
        NAME(EAGAIN), NAME(ENOMEM), NAME(EACCES), NAME(EFAULT), NAME(EBUSY), NAME(EEXIST), NAME(EXDEV), NAME(ENODEV), NAME(ENOTDIR),
        NAME(EISDIR), NAME(EINVAL), NAME(ENFILE), NAME(EMFILE), NAME(ENOTTY), NAME(ETXTBSY), NAME(EFBIG), NAME(ENOSPC), NAME(ESPIPE),
        NAME(EROFS), NAME(EMLINK), NAME(EPIPE), NAME(ERANGE), NAME(ENAMETOOLONG), NAME(ENOSYS), NAME(ENOTEMPTY), NAME(ELOOP), NAME(EPROTO),
        NAME(EOVERFLOW), NAME(EILSEQ), NAME(ENOTSOCK), NAME(EDESTADDRREQ), NAME(EMSGSIZE), NAME(EPROTOTYPE), NAME(ENOPROTOOPT),
        NAME(EPROTONOSUPPORT), NAME(EOPNOTSUPP), NAME(EAFNOSUPPORT), NAME(EADDRINUSE), NAME(EADDRNOTAVAIL), NAME(ENETDOWN),
        NAME(ENETUNREACH), NAME(ENETRESET), NAME(ECONNABORTED), NAME(ECONNRESET), NAME(ENOBUFS), NAME(EISCONN), NAME(ENOTCONN),
        NAME(ETIMEDOUT), NAME(ECONNREFUSED), NAME(EHOSTDOWN), NAME(EHOSTUNREACH), NAME(EALREADY), NAME(EINPROGRESS), NAME(ESTALE),
        NAME(EDQUOT), NAME(ECANCELED),
#undef NAME
    };

    for (size_t at = 0; at < sizeof(names) / sizeof(names[0]); at++) {
        if (names[at].number == number) {
            return names[at].name;
        }
    }
    return "EUNKNOWN";
}

/* error(number): its name and its text. */
static JSValue describe_error(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int number;
    JSValue pair;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &number)) {
        return JS_EXCEPTION;
    }
    pair = JS_NewArray(ctx);
    JS_SetPropertyUint32(ctx, pair, 0, JS_NewString(ctx, name_of(number)));
    JS_SetPropertyUint32(ctx, pair, 1, JS_NewString(ctx, strerror(number)));
    return pair;
}

void add_process(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = {
        { "environment", environment, 0 }, { "identity", identity, 0 }, { "end", end, 1 }, { "changeMask", change_mask, 1 },
        { "isTerminal", is_terminal, 1 }, { "error", describe_error, 1 },
    };

    ADD(ctx, native, functions);
}
