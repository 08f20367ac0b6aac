/* Names to addresses, by the C library's resolver, each in a thread of its own, as it blocks. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fcntl.h>
#include "host.h"

/* Threads at a time: a resolver that hangs goes on hanging. */
enum { MOST_LOOKUPS = 16 };

struct question {
    char name[256];
    JSValue callback; /* the loop's thread alone touches it */
    int error;        /* of getaddrinfo */
    struct addrinfo *found;
};

static int answered[2] = { -1, -1 }; /* a pipe: pointers to questions that are answered */
static int under_way;

static void *resolve(void *argument)
{
    struct question *question = argument;
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

    question->error = getaddrinfo(question->name, NULL, &hints, &question->found);
    while (write(answered[1], &question, sizeof(question)) < 0 && errno == EINTR) {
    }
    return NULL;
}

static JSValue give_found(JSContext *ctx, const struct addrinfo *found)
{
    JSValue list = JS_NewArray(ctx);
    uint32_t count = 0;

    for (; found != NULL; found = found->ai_next) {
        char text[INET6_ADDRSTRLEN];
        const void *bytes = found->ai_family == AF_INET ? (const void *) &((const struct sockaddr_in *) (const void *) found->ai_addr)->sin_addr
                                                        : (const void *) &((const struct sockaddr_in6 *) (const void *) found->ai_addr)->sin6_addr;
        if ((found->ai_family == AF_INET || found->ai_family == AF_INET6) && inet_ntop(found->ai_family, bytes, text, sizeof(text)) != NULL) {
            JS_SetPropertyUint32(ctx, list, count++, JS_NewString(ctx, text));
        }
    }
    return list;
}

static void hear_answers(JSContext *ctx)
{
    struct question *question;

    while (read(answered[0], &question, sizeof(question)) == (ssize_t) sizeof(question)) {
        JSValue result;
        if (question->error == 0) {
            result = give_found(ctx, question->found);
            freeaddrinfo(question->found);
        } else {
            result = JS_NewString(ctx, question->error == EAI_NONAME ? "ENOTFOUND" : question->error == EAI_AGAIN ? "EAI_AGAIN" : "EAI_FAIL");
        }
        under_way--;
        JS_FreeValue(ctx, call_program(ctx, question->callback, 1, &result));
        JS_FreeValue(ctx, result);
        JS_FreeValue(ctx, question->callback);
        free(question);
    }
}

/* lookup(name, callback): calls back with an array of addresses, or with the name of an error. */
static JSValue lookup(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    char *name;
    struct question *question;
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    int error;

    (void) this; (void) argc;
    if (!JS_IsFunction(ctx, argv[1])) {
        return JS_ThrowTypeError(ctx, "native: lookup(name, callback)");
    }
    if ((name = take_name(ctx, argv[0])) == NULL) {
        return JS_EXCEPTION;
    }
    if (under_way >= MOST_LOOKUPS || strlen(name) >= sizeof(question->name)) {
        js_free(ctx, name);
        return JS_NewInt32(ctx, -EAGAIN);
    }
    if (answered[0] < 0) {
        if (pipe2(answered, O_CLOEXEC) != 0) {
            js_free(ctx, name);
            return JS_NewInt32(ctx, -errno);
        }
        fcntl(answered[0], F_SETFL, O_NONBLOCK);
        watch_natively(answered[0], hear_answers);
    }
    question = calloc(1, sizeof(*question));
    if (question == NULL) {
        end_process("out of memory");
    }
    strcpy(question->name, name);
    js_free(ctx, name);
    question->callback = JS_DupValue(ctx, argv[1]);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 128 * 1024); /* musl's own are smaller */
    /* Signals are the loop's: a thread that does not block them would swallow those that are listened to later. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, resolve, question);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        JS_FreeValue(ctx, question->callback);
        free(question);
        return JS_NewInt32(ctx, -error);
    }
    under_way++;
    return JS_NewInt32(ctx, 0);
}

void add_lookup(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = { { "lookup", lookup, 2 } };

    ADD(ctx, native, functions);
}
